"""The wire: what is written is read back, and whatever else is read is refused with a WireError."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.checks.wire import (
    DESCRIBED,
    DTYPES,
    HEADER,
    MAGIC,
    TRUSTED,
    Caps,
    Opaque,
    WireError,
    Writer,
    pack,
    parse_message,
    read_message,
)

fuzz = settings(max_examples=120, deadline=None, derandomize=True)


def reader(data: bytes) -> Callable[[int], bytes]:
    stream = io.BytesIO(data)

    def read(count: int) -> bytes:
        found = stream.read(count)
        if len(found) < count:
            raise EOFError
        return found

    return read


def message(value: Any, sequence: int = 0) -> bytes:
    writer = Writer()
    return pack(sequence, {"value": writer.value(value)}, writer)


def there_and_back(value: Any) -> Any:
    found = read_message(reader(message(value)), 0, Caps())
    return found.value(found.content["value"])


def same(got: Any, sent: Any) -> bool:
    """Whether a value came back as the reader should see it: arrays little-endian, numpy's scalars as 0-d arrays."""
    if isinstance(sent, np.ndarray | np.generic):
        sent = np.asarray(sent)
        plain = np.ascontiguousarray(sent, sent.dtype.newbyteorder("<")).reshape(sent.shape)
        return (got.dtype.str, got.shape, got.tobytes()) == (plain.dtype.str, plain.shape, plain.tobytes())
    if type(got) is not type(sent):
        return False
    if isinstance(sent, list | tuple):
        return len(got) == len(sent) and all(map(same, got, sent))
    if isinstance(sent, dict):
        return list(got) == list(sent) and all(same(got[key], sent[key]) for key in sent)
    return bool(got == sent) or (got != got and sent != sent)


# ---------------------------------------------------------------- there and back

_views: list[Callable[[Any], Any]] = [
    lambda a: a, lambda a: a.T, lambda a: a[::-1] if a.ndim else a, lambda a: a[..., ::2] if a.ndim else a,
    lambda a: a.astype(a.dtype.newbyteorder(">")), np.asfortranarray, lambda a: a[()],
    lambda a: np.broadcast_to(a, (2, *a.shape)),
]  # fmt: skip
arrays = st.builds(
    lambda array, view: view(array),
    hnp.arrays(
        st.sampled_from([np.dtype(kind) for kind in DTYPES]), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)
    ),
    st.sampled_from(_views),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(1 - (1 << 63), (1 << 63) - 1), st.floats(), st.text(max_size=8)
)
values = st.recursive(
    st.one_of(scalars, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=6,
)


@fuzz
@given(arrays)
def test_arrays_come_back(array: Any) -> None:
    assert same(there_and_back(array), array)


@fuzz
@example([np.float64(2.0), np.bool_(True), np.int8(-3), float("nan"), -0.0, "\ud800", ((), [], {})])
@given(values.filter(lambda value: _depth(value) < Caps.depth - 1))
def test_values_come_back(value: Any) -> None:
    assert same(there_and_back(value), value)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list | tuple) else 0


def test_arrays_that_are_read_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        there_and_back(np.zeros(3))[0] = 1


class Odd:
    """Nothing that the wire knows."""


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (Odd(), "Odd"),
        ({1: 2}, "dict"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (1j, "complex"),
        (1 << 63, "an int of more than 64 bits"),
        (-(1 << 63), "an int of more than 64 bits"),
        (Opaque("an array of some kind"), "an array of some kind"),
        (np.array([Odd()]), "an array of dtype object and shape (1)"),
        (np.array(["a", "bc"]), "an array of dtype <U2 and shape (2)"),
        (np.zeros((2, 3), "M8[s]"), "an array of dtype datetime64[s] and shape (2, 3)"),
        (np.zeros(2, "i4,f8"), "an array of dtype [('f0', '<i4'), ('f1', '<f8')] and shape (2)"),
        (np.broadcast_to(1.0, (1 << 20, 1 << 20)), "which is more than 64 MB in all"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_described(value: Any, description: str) -> None:
    found = there_and_back(value)
    assert isinstance(found, Opaque)
    assert found.description.endswith(description)


def test_deep_lists_are_cut_where_the_reader_would_refuse_them() -> None:
    found, depth = there_and_back(nested(40)), 0
    while isinstance(found, list):
        found, depth = found[0], depth + 1
    assert found == Opaque("list")
    assert depth == Caps.depth - 1


def test_descriptions_are_cut_and_cleaned() -> None:
    assert there_and_back(Opaque("a\x1b[2J\u202e\n")) == Opaque("a\ufffd[2J\ufffd\ufffd")
    assert there_and_back(Opaque("x" * 5000)) == Opaque("x" * DESCRIBED)


def test_arrays_share_one_budget() -> None:
    writer = Writer(body_cap=100)
    assert writer.value(np.zeros(12)) == {"a": 0}
    assert "x" in writer.value(np.zeros(1))
    assert writer.value(np.zeros(4, np.int8)) == {"a": 1}
    assert writer.size == 100


# ---------------------------------------------------------------- refusing


def parse(entries: Any, body: bytes = b"", caps: Caps = Caps(), **content: Any) -> Any:  # noqa: B008
    return parse_message(json.dumps({"arrays": entries, **content}).encode(), body, caps)


FLOATS = ["<f8", [2], "C"]


@pytest.mark.parametrize(
    ("entries", "body", "why"),
    [
        ([["|O", [2], "C"]], bytes(16), "unknown type"),
        ([[">f8", [2], "C"]], bytes(16), "unknown type"),
        ([[["<f8"], [2], "C"]], bytes(16), "unknown type"),
        ([["<f8", [2], None]], bytes(16), "unknown type"),
        ([["<f8", [2]]], bytes(16), "unknown type"),
        ([{"dtype": "<f8"}], bytes(16), "unknown type"),
        (["<f8"], bytes(16), "unknown type"),
        ([["<f8", 2, "C"]], bytes(16), "impossible shape"),
        ([["<f8", [-1], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [-1, -2], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [True, 2], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [2.0], "C"]], bytes(16), "impossible shape"),
        ([["<f8", ["2"], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [[2]], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [(1 << 40) + 1], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [10**400], "C"]], bytes(16), "impossible shape"),
        ([["<f8", [1] * 17, "C"]], bytes(8), "impossible shape"),
        ([["<f8", [3], "C"]], bytes(16), "larger than its bytes"),
        ([["<f8", [1 << 40, 1 << 40], "C"]], bytes(16), "larger than its bytes"),
        ([["<f8", [0, 1 << 40], "C"]], b"", "larger than its bytes"),
        ([["<f8", [0, *[1 << 20] * 4], "C"]], b"", "shape|larger"),
        ([["<f8", [*[1 << 20] * 15, 0], "C"]], b"", "shape|larger"),
        ([FLOATS, FLOATS], bytes(31), "larger than its bytes"),
        ([["|b1", [3], "C"]], b"\0\1\2", "neither true nor false"),
        ([FLOATS], bytes(17), "bytes that belong to no array"),
        ([], b"x", "bytes that belong to no array"),
        ({}, b"", "without its table"),
        (None, b"", "without its table"),
    ],
)
def test_bad_tables_are_refused(entries: Any, body: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        parse(entries, body)


@pytest.mark.parametrize(
    "text",
    [b"", b"nonsense", b"[]", b"3", b"null", b"{}", b'{"arrays": 1}', b"\xff\xfe", b'{"arrays": []', b"[" * 200_000,
     b'{"a":' * 200_000, b"1" * 5000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_other_text_is_refused(text: bytes) -> None:
    with pytest.raises(WireError, match=r"not JSON|without its table"):
        parse_message(text, b"", Caps())


@pytest.mark.parametrize(
    "skeleton",
    [
        {}, {"a": 0, "l": []}, {"q": 1}, {"a": 2}, [1, 2], {"a": -1}, {"a": True}, {"a": 0.0}, {"a": "0"}, {"a": None},
        {"x": 3}, {"l": {}},
        {"t": "abc"}, {"d": {"k": 1}}, {"d": [["k"]]}, {"d": [[1, 2]]}, {"d": ["ab"]}, {"l": [[1]]},
        pytest.param({"l": [{"a": 0}, {"a": 0}]}, id="one array twice: as a stack it takes more than all bytes sent"),
        pytest.param(10**30, id="an int that no array holds"),
    ],
)  # fmt: skip
def test_bad_skeletons_are_refused(skeleton: Any) -> None:
    found = parse([FLOATS, FLOATS], bytes(32), value=skeleton)
    with pytest.raises(WireError, match=r"^a (value|mapping)|^an array"):
        found.value(found.content["value"])


@pytest.mark.parametrize("depth", [Caps.depth, Caps.depth + 1])
@pytest.mark.parametrize("tag", ["l", "t", "d"])
def test_depth_is_capped(tag: str, depth: int) -> None:
    skeleton: Any = None
    for _ in range(depth):
        skeleton = {tag: [["k", skeleton] if tag == "d" else skeleton]}
    found = parse([])
    if depth <= Caps.depth:
        found.value(skeleton)
    else:
        with pytest.raises(WireError, match="too deep or too long"):
            found.value(skeleton)


def test_number_of_values_and_arrays_is_capped() -> None:
    caps = Caps(items=10)
    assert parse([], caps=caps).value({"l": [0] * 9}) == [0] * 9
    with pytest.raises(WireError, match="too deep or too long"):
        parse([], caps=caps).value({"l": [0] * 10})
    empty = ["<f8", [0], "C"]
    assert len(parse([empty] * 10, caps=caps).arrays) == 10
    with pytest.raises(WireError, match="too many arrays"):
        parse([empty] * 11, caps=caps)


@pytest.mark.parametrize(
    ("sizes", "caps", "refused"),
    [
        ((20, 8), Caps(json=20, body=8), False),
        ((20, 8), Caps(json=19, body=8), True),
        ((20, 8), Caps(json=20, body=7), True),
        ((0xFFFFFFFF, 0), Caps(), True),
        ((0, 0xFFFFFFFF), TRUSTED, True),
    ],
)
def test_sizes_are_capped_before_anything_is_read(sizes: tuple[int, int], caps: Caps, refused: bool) -> None:
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return HEADER.pack(MAGIC, 0, *sizes) if len(asked) == 1 else bytes(count)

    with pytest.raises(WireError, match="more than the wire carries" if refused else "not JSON"):
        read_message(read, 0, caps)
    assert asked == ([16] if refused else [16, *sizes])


@pytest.mark.parametrize(("magic", "sequence"), [(b"pint", 5), (MAGIC, 4), (MAGIC, 6)])
def test_messages_out_of_turn_are_refused(magic: bytes, sequence: int) -> None:
    data = message([1.0], sequence=sequence)
    with pytest.raises(WireError, match="out of turn"):
        read_message(reader(magic + data[4:]), 5, Caps())


# ---------------------------------------------------------------- fuzzing


def read_everything(data: bytes) -> None:
    """Read a message and all that could be a value in it; nothing but WireError and EOFError may come of it."""
    try:
        found = read_message(reader(data), 0, Caps(items=1000))
    except (WireError, EOFError):
        return
    for content in found.content.values():
        try:
            found.value(content)
        except WireError:
            continue
    assert sum(array.nbytes for array in found.arrays) <= len(data)


@fuzz
@given(st.binary(max_size=80), st.binary(max_size=40))
def test_random_bytes_are_refused(text: bytes, body: bytes) -> None:
    read_everything(HEADER.pack(MAGIC, 0, len(text), len(body)) + text + body)
    read_everything(text)


@fuzz
@given(
    values,
    st.lists(
        st.tuples(st.sampled_from(["flip", "drop", "put", "size"]), st.integers(0, 1 << 16), st.integers(0, 255)),
        min_size=1, max_size=6,
    ),
)  # fmt: skip
def test_mutated_messages_are_read_or_refused(value: Any, changes: list[tuple[str, int, int]]) -> None:
    data = bytearray(message(value))
    for kind, place, byte in changes:
        index = place % len(data)
        if kind == "flip":
            data[index] ^= 1 << byte % 8
        elif kind == "drop" and len(data) > 17:
            del data[index]
        elif kind == "put":
            data.insert(index, byte)
        elif len(data) > 16:  # keep the header in step, so that what follows is reached
            struct.pack_into("<I", data, 8, max(len(data) - 16 - byte % 32, 0))
            struct.pack_into("<I", data, 12, len(data) - 16 - struct.unpack_from("<I", data, 8)[0])
    read_everything(bytes(data))


_json = st.recursive(
    st.one_of(scalars, st.sampled_from([0, 1, -1, 1 << 20, 1 << 40, 10**30])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("aldtxq"), inner, max_size=2)),
    max_leaves=8,
)
_shapes = st.one_of(
    _json,
    st.lists(st.sampled_from([0, 1, 2, 3, 1 << 40, -1, True]), max_size=18),
    st.lists(st.sampled_from([0, 1, 1 << 20]), max_size=16),
)
_entries = st.one_of(_json, st.tuples(st.sampled_from([*DTYPES, "|O", ">f8"]), _shapes, st.just("C")).map(list))


@fuzz
@given(st.lists(_entries, max_size=3), st.binary(max_size=64), _json)
def test_any_json_is_read_or_refused(entries: list[Any], body: bytes, content: Any) -> None:
    text = json.dumps({"arrays": entries, "value": content}).encode()
    read_everything(HEADER.pack(MAGIC, 0, len(text), len(body)) + text + body)


def test_longest_float_is_carried_as_float64() -> None:
    value = np.array([1.0, 1 / 3, -2.5], np.longdouble)
    writer = Writer()
    skeletons = {"a": writer.value(value), "b": writer.value(value[1]), "c": writer.value(np.longdouble("1e4000"))}
    assert [entry[0] for entry in writer.table] == ["<f8"] * 3
    assert writer.chunks[0] == value.astype(np.float64).tobytes()
    assert all("a" in skeleton for skeleton in skeletons.values())
