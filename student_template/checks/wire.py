"""The data-only wire between judge and worker: values as a JSON skeleton and raw bytes. Imports numpy only.

A message is a header of 16 bytes (magic, sequence number, length of the JSON, length of the bytes), the JSON,
and the bytes of its arrays one after the other. Nothing is ever unpickled or evaluated; what arrives from a
worker is checked number by number before anything is allocated for it.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAGIC = b"mint"
HEADER = struct.Struct("<4sIII")
# float16 to complex128, both signs of integers, bool: fourteen types, and no object among them.
DTYPES = ("<f2", "<f4", "<f8", "|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<c8", "<c16")
_DTYPE = {name: np.dtype(name) for name in DTYPES}
DESCRIBED = 200  # characters that a reader keeps of a description


class WireError(Exception):
    """A message breaks the rules of the wire."""


@dataclass(frozen=True)
class Opaque:
    """A value that the wire does not carry; `description` is the sender's word for it."""

    description: str


@dataclass(frozen=True)
class Caps:
    """The most that a reader takes. json, body: bytes. items: values in a message. depth: nesting."""

    json: int = 1 << 20
    body: int = 64 << 20
    items: int = 20_000
    depth: int = 8


TRUSTED = Caps(json=1 << 29, body=1 << 30, items=10_000_000, depth=32)


# ---------------------------------------------------------------- writing


class Writer:
    """Collects arrays while values become skeletons."""

    def __init__(self, body_cap: int = Caps.body) -> None:
        self.table: list[list[Any]] = []
        self.chunks: list[bytes] = []
        self.size = 0
        self.body_cap = body_cap

    def value(self, value: Any, depth: int = 0) -> Any:
        """The skeleton of a value: numbers, text, None, lists, tuples, string-keyed mappings, arrays."""
        if value is None or isinstance(value, bool | str):
            return value
        if type(value) is int:
            return value if abs(value) < 1 << 63 else {"x": "an int of more than 64 bits"}
        if type(value) is float:
            return value
        if isinstance(value, np.ndarray | np.generic):
            return self.array(np.asarray(value))
        if depth < Caps.depth - 1:
            if isinstance(value, list | tuple):
                tag = "t" if isinstance(value, tuple) else "l"
                return {tag: [self.value(item, depth + 1) for item in value]}
            if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
                return {"d": [[key, self.value(item, depth + 1)] for key, item in value.items()]}
        if isinstance(value, Opaque):
            return {"x": value.description}
        return {"x": type(value).__name__}

    def array(self, array: np.ndarray[Any, Any], layout: str = "C") -> Any:
        """The skeleton of an array; its bytes go to the body."""
        shape = "(" + ", ".join(map(str, array.shape)) + ")"
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:  # numpy's longest float has its own size on each machine
            with np.errstate(over="ignore"):
                array = array.astype(np.float64)
        kind = array.dtype.newbyteorder("<").str
        if kind not in DTYPES:
            return {"x": f"an array of dtype {array.dtype} and shape {shape}"}
        if self.size + array.nbytes > self.body_cap:
            return {"x": f"an array of shape {shape}, which is more than {self.body_cap >> 20} MB in all"}
        data = np.ascontiguousarray(array, dtype=kind).tobytes()
        self.table.append([kind, list(array.shape), layout])
        self.chunks.append(data)
        self.size += len(data)
        return {"a": len(self.table) - 1}


def pack(sequence: int, message: Mapping[str, Any], writer: Writer) -> bytes:
    """A whole message as bytes. `message` is JSON-able and holds skeletons that `writer` made."""
    return numbered(sequence, *written(message, writer))


def written(message: Mapping[str, Any], writer: Writer) -> tuple[bytes, bytes]:
    """A message's JSON and body, which do not depend on its place in the sequence."""
    text = json.dumps({**message, "arrays": writer.table}, separators=(",", ":")).encode("utf-8", "replace")
    return text, b"".join(writer.chunks)


def numbered(sequence: int, text: bytes, body: bytes) -> bytes:
    """The JSON and body of a message behind its header."""
    return HEADER.pack(MAGIC, sequence, len(text), len(body)) + text + body


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class Message:
    """A message that was read: its JSON, and its arrays, which are read-only views of one private copy."""

    content: Mapping[str, Any]
    arrays: tuple[np.ndarray[Any, Any], ...]
    layouts: tuple[str, ...]
    caps: Caps
    used: set[int] = field(default_factory=set)  # arrays that a skeleton has named

    def value(self, skeleton: Any) -> Any:
        """The value behind a skeleton. Raises WireError."""
        return _Reader(self).value(skeleton, 0)


def read_message(read: Callable[[int], bytes], sequence: int, caps: Caps) -> Message:
    """Read one message by `read(n) -> exactly n bytes`. Raises WireError, and whatever `read` raises."""
    magic, number, json_size, body_size = HEADER.unpack(read(HEADER.size))
    if magic != MAGIC or number != sequence:
        raise WireError("a reply out of turn")
    if json_size > caps.json or body_size > caps.body:
        raise WireError(f"a reply of {(json_size + body_size) >> 20} MB, which is more than the wire carries")
    return parse_message(read(json_size), read(body_size), caps)


def parse_message(text: bytes, body: bytes, caps: Caps) -> Message:
    """Check the JSON and cut the arrays out of the body. Raises WireError."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("a reply that is not JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("arrays"), list):
        raise WireError("a reply without its table of arrays")
    arrays, layouts, offset = [], [], 0
    if len(content["arrays"]) > caps.items:
        raise WireError("a reply with too many arrays")
    for entry in content["arrays"]:
        dtype, shape, layout, size = _check_entry(entry, len(body) - offset)
        array = np.frombuffer(body, dtype, math.prod(shape), offset).reshape(shape)
        if dtype.kind == "b" and (array.view(np.uint8) > 1).any():  # numpy takes such a byte now for 1, now for 255
            raise WireError("an array of bools that are neither true nor false")
        arrays.append(array)
        layouts.append(layout)
        offset += size
    if offset != len(body):
        raise WireError("a reply with bytes that belong to no array")
    return Message(content, tuple(arrays), tuple(layouts), caps)


def _check_entry(entry: Any, left: int) -> tuple[np.dtype[Any], tuple[int, ...], str, int]:
    """One line of the table of arrays: known dtype, sane shape, and no more bytes than are left."""
    if not (isinstance(entry, list) and len(entry) == 3 and entry[0] in DTYPES and isinstance(entry[2], str)):
        raise WireError("an array of unknown type")
    dtype, shape = _DTYPE[entry[0]], entry[1]
    if not isinstance(shape, list) or len(shape) > 16:
        raise WireError("an array of impossible shape")
    if not all(type(length) is int and 0 <= length <= 1 << 40 for length in shape):
        raise WireError("an array of impossible shape")
    size = math.prod(shape) * dtype.itemsize
    # Where an axis is empty the others take no bytes, but numpy multiplies them all the same.
    if size > left or (size == 0 and math.prod(filter(None, shape)) > 1 << 20):
        raise WireError("an array that is larger than its bytes")
    return dtype, tuple(shape), entry[2], size


class _Reader:
    def __init__(self, message: Message) -> None:
        self.message = message
        self.items = 0

    def value(self, skeleton: Any, depth: int) -> Any:
        self.items += 1
        if self.items > self.message.caps.items or depth > self.message.caps.depth:
            raise WireError("a value that is too deep or too long")
        if skeleton is None or isinstance(skeleton, float | str):
            return skeleton
        if isinstance(skeleton, int):
            return self._integer(skeleton)
        if not isinstance(skeleton, dict) or len(skeleton) != 1:
            raise WireError("a value of unknown kind")
        ((tag, content),) = skeleton.items()
        if tag == "a" and type(content) is int and 0 <= content < len(self.message.arrays):
            return self._array(content)
        if tag == "x" and isinstance(content, str):
            # A report shows it: no longer than a type's name is, and nothing that steers a terminal.
            return Opaque("".join(c if c.isprintable() else "\ufffd" for c in content[:DESCRIBED]))
        if tag in ("l", "t") and isinstance(content, list):
            items = [self.value(item, depth + 1) for item in content]
            return items if tag == "l" else tuple(items)
        if tag == "d" and isinstance(content, list):
            return self._mapping(content, depth)
        raise WireError("a value of unknown kind")

    def _integer(self, number: int) -> int:
        if not -(1 << 63) <= number < 1 << 63:
            raise WireError("a value that no array of integers holds")
        return number

    def _array(self, index: int) -> np.ndarray[Any, Any]:
        """An array of the table, once: a list that names it a thousand times would be a thousand copies as a stack."""
        if index in self.message.used:
            raise WireError("an array that stands in two places")
        self.message.used.add(index)
        return self.message.arrays[index]

    def _mapping(self, content: list[Any], depth: int) -> dict[str, Any]:
        result = {}
        for pair in content:
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
                raise WireError("a mapping whose keys are not text")
            result[pair[0]] = self.value(pair[1], depth + 1)
        return result
