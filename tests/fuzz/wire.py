"""Fuzzes the wire: a whole message from a worker, header and all, and every value that its JSON holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import atheris

with atheris.instrument_imports(include=["autograder", "json"]):
    from autograder.checks import wire

import numpy as np

from tests.fuzz.common import any_json, any_table, fuzz

CAPS = wire.Caps(json=1 << 16, body=1 << 16, items=2000)
MOST = 1 << 22  # bytes that all values of a message of 4 kB may take together, were they stacked


def read_all(data: bytes) -> None:
    """Read as the judge does; whatever is not refused must be small and must be plain."""
    rest = memoryview(data)

    def read(count: int) -> bytes:
        nonlocal rest
        if count > len(rest):
            raise EOFError
        part, rest = rest[:count], rest[count:]
        return bytes(part)

    try:
        message = wire.read_message(read, 1, CAPS)
        total = sum(array.nbytes for array in message.arrays)
        for skeleton in message.content.values():
            try:
                size(message.value(skeleton))
            except wire.WireError:
                continue
    except (wire.WireError, EOFError):
        return
    assert total <= CAPS.body


def size(value: object) -> int:
    """Bytes of the arrays in a value; asserts that nothing else than plain data is there."""
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufc"
        found = value.nbytes
    elif isinstance(value, (list, tuple)):
        found = sum(map(size, value))
    elif isinstance(value, dict):
        assert all(isinstance(key, str) for key in value)
        found = sum(map(size, value.values()))
    else:
        assert value is None or isinstance(value, (bool, int, float, str, wire.Opaque))
        found = 0
    assert found <= MOST
    return found


def framed(data: bytes) -> None:
    """Half of the inputs get a right header, so that what is behind it is reached."""
    if data[:1] < b"\x40":
        read_all(data[1:])
        return
    if data[:1] < b"\x80":
        provider = atheris.FuzzedDataProvider(data[1:])
        content = {"arrays": any_table(provider), **{name: any_json(provider) for name in "bcd"}}
        text = json.dumps(content).encode("utf-8", "surrogatepass")
        body = b"\1" * provider.ConsumeIntInRange(0, 400)
        read_all(wire.HEADER.pack(wire.MAGIC, 1, len(text), len(body)) + text + body)
        return
    cut = min(int.from_bytes(data[1:3], "little"), len(data) - 3)
    text, body = data[3 : 3 + cut], data[3 + cut :]
    read_all(wire.HEADER.pack(wire.MAGIC, 1, len(text), len(body)) + text + body)


def seed() -> bytes:
    writer = wire.Writer()
    value = {"a": np.arange(6.0).reshape(2, 3), "b": [np.float32(1), None, "x", (True, {"k": np.zeros((0, 3))})], "c": len}
    return b"\x00" + wire.pack(1, {"ok": True, "values": writer.value(value)}, writer)


if __name__ == "__main__":
    first = seed()
    text_size = int.from_bytes(first[9:13], "little")
    fuzz(framed, first, b"\xff" + text_size.to_bytes(2, "little") + first[17:])
