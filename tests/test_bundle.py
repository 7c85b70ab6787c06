"""Bundles: the same bytes on every build, read without unpickling, refused with a path and what to do."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.authoring.bake import bake_question, public
from autograder.checks import bundle as bundles
from autograder.checks.bundle import Bundle, BundleError
from autograder.checks.question import Case, Mistake, Question

SCALE = Question(
    "scale", number="A1", module="m", points=2, minutes=5, calls=("y, parts = scale(x, k)",),
    inputs={"x": "N D"}, outputs={"y": "N D", "parts": "D; N"},
    draw=lambda rng, sizes: {"k": 3, "secret": rng.standard_normal(4)},
    oracle=lambda x, k: (x * k, [x.sum(0), x.sum(1)]),
    cases=(Case("small", N=4, D=3), Case("wide", hidden=True, N=3, D=5, hint="Is it wide?"),
           Case("edge", hidden=True, costs=0.25, layout="F", N=2, D=6)),
    mistakes=(Mistake("M1", "Which way?", lambda x, k: (-x * k, [x.sum(0), x.sum(1)])),),
)  # fmt: skip


def make(seed: str = "seed") -> Bundle:
    baked = bake_question(SCALE, seed, {})
    draft = Bundle("toy", "A toy", "1.0", "toy", {"A": "All"}, "hash of the source", False, (baked,))
    return bundles.decode(*bundles.encode(draft))


@pytest.fixture(scope="module")
def toy() -> Bundle:
    return make()


def arrays(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from arrays(item)


# ---------------------------------------------------------------- there and back


def test_bundle_comes_back(toy: Bundle) -> None:
    found = bundles.from_bytes(bundles.to_bytes(toy))
    assert replace(found, questions=()) == replace(toy, questions=())
    assert found.possible == 2
    (question,), (original,) = found.questions, toy.questions
    assert replace(question, cases=()) == replace(original, cases=())
    assert question.part == "A"
    for case, sent in zip(question.cases, original.cases, strict=True):
        names = ("inputs", "evidence", "expected", "mistakes")
        bare = {name: {} for name in names}
        assert replace(case, **bare) == replace(sent, **bare)
        for name in names:
            mine, theirs = list(arrays(getattr(case, name))), list(arrays(getattr(sent, name)))
            assert [a.tobytes() for a in mine] == [a.tobytes() for a in theirs]
        assert case.inputs["k"] == 3
        assert set(case.evidence) == {"secret"}
        assert set(case.mistakes) == {"M1"}
        assert list(case.expected) == ["y", "parts"]
        np.testing.assert_array_equal(case.expected["y"], case.inputs["x"] * 3)


def test_torch_modules_are_those_of_torch_questions(toy: Bundle) -> None:
    assert toy.torch_modules == ()
    torch = replace(toy.questions[0], torch=True, module="z")
    both = replace(toy, questions=(torch, *toy.questions, replace(torch, module="b")))
    assert both.torch_modules == ("b", "z")
    assert both.possible == 6


def test_same_bundle_has_the_same_bytes(toy: Bundle) -> None:
    data = bundles.to_bytes(make())
    assert data == bundles.to_bytes(toy)
    assert data != bundles.to_bytes(make("another seed"))
    assert make().digest == toy.digest != make("another seed").digest
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kinds = {(i.date_time[0], i.create_system, i.external_attr >> 16, i.compress_type) for i in archive.infolist()}
    assert kinds == {(1980, 3, 0o100644, zipfile.ZIP_DEFLATED)}


def test_stored_zip_does_not_depend_on_the_order_of_files() -> None:
    files = {"b.txt": b"2", "a.txt": b"1"}
    data = bundles.stored_zip(files)
    assert data == bundles.stored_zip(dict(reversed(files.items())))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_digest_of_does_not_depend_on_order() -> None:
    assert bundles.digest_of({"a": 1, "b": 2}) == bundles.digest_of({"b": 2, "a": 1}) != bundles.digest_of({"a": 1})


# ---------------------------------------------------------------- refusing


def npz(**contents: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **contents)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def packed(content: Any) -> bytes:
    """An `.npz` with another JSON in place of the questions."""
    return npz(questions=np.frombuffer(json.dumps(content).encode(), np.uint8), arrays=np.zeros(0, np.uint8))


class Trap:
    """Leaves a trace if it is ever unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("import os; os.environ['UNPICKLED'] = '1'",))


HEAD = {"format": 1, "arrays": [], "assignment": "a", "title": "t", "version": "1", "package": "p", "source": "s",
        "public": False, "parts": {}}  # fmt: skip
DAMAGED = {
    "empty": b"",
    "text": b"hello",
    "an npy file": npy(np.zeros(3)),
    "a pickle": pickle.dumps(Trap()),
    "a pickled array": npz(questions=np.array([Trap()], dtype=object), arrays=np.zeros(1)),
    "a pickled npy": npy(np.array([Trap()], dtype=object)),
    "another npz": npz(weights=np.zeros(3)),
    "an empty zip": bundles.stored_zip({}),
    "no array in the zip": bundles.stored_zip({"questions.npy": b"x", "arrays.npy": b"y"}),
    "not JSON": npz(questions=np.zeros(3, np.uint8), arrays=np.zeros(0, np.uint8)),
    "a list": packed([]),
    "no table": packed({"format": 1}),
    "another format": packed({**HEAD, "format": 99, "questions": []}),
    "no questions": packed(HEAD),
    "no title": packed({**{key: value for key, value in HEAD.items() if key != "title"}, "questions": []}),
    "questions that are none": packed({**HEAD, "questions": [3]}),
    "a question without cases": packed({**HEAD, "questions": [{"name": "q"}]}),
    "a question of another kind": packed({**HEAD, "questions": [{"calls": [], "cases": []}]}),
    "a case of another kind": packed({**HEAD, "questions": [{"calls": [], "cases": [
        {"inputs": None, "evidence": None, "expected": None, "mistakes": None, "tolerances": [], "calls": [],
         "returns": []}]}]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_no_bundle_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.npz"
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(BundleError, match=r"bake anew$") as error:
        bundles.read(path)
    assert str(error.value).startswith(f"{path}: it ")
    assert "UNPICKLED" not in os.environ


def test_format_is_named() -> None:
    with pytest.raises(BundleError, match="it has format 99, and this grader reads format 1; bake anew"):
        bundles.from_bytes(DAMAGED["another format"])


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.integers(0, 1 << 20), byte=st.integers(1, 255), cut=st.booleans())
def test_damaged_bundles_are_refused(place: int, byte: int, cut: bool) -> None:
    data = bytearray(_TOY)
    place %= len(data)
    if cut:
        del data[place:]
    else:
        data[place] ^= byte
    try:
        found = bundles.from_bytes(bytes(data))
    except BundleError:
        return
    assert found.digest == bundles.from_bytes(_TOY).digest  # it was a byte that nobody reads, such as a date


_TOY = bundles.to_bytes(make())


def test_damage_in_compressed_data_is_refused() -> None:
    for place in range(40, len(_TOY), 37):
        data = bytearray(_TOY)
        data[place : place + 8] = b"\xff" * 8
        try:
            bundles.from_bytes(bytes(data))
        except BundleError as error:
            assert "bake anew" in str(error)  # noqa: PT017 - what else it raises must fail the test


def test_stale_bundle_is_refused(tmp_path: Path, toy: Bundle) -> None:
    path = tmp_path / "bundle.npz"
    bundles.write_file(path, bundles.to_bytes(toy))
    assert bundles.read(path).digest == bundles.read(path, source="hash of the source").digest == toy.digest
    with pytest.raises(BundleError) as error:
        bundles.read(path, source="another hash")
    assert str(error.value) == (f"{path}: it was baked from other questions than these (stale); run 'autograder bake'")


@pytest.mark.parametrize(("name", "why"), [("nothing.npz", "No such file or directory"), ("", "Is a directory")])
def test_unreadable_file_is_named(tmp_path: Path, name: str, why: str) -> None:
    path = tmp_path / name
    with pytest.raises(BundleError) as error:
        bundles.read(path)
    assert str(error.value) == f"{path}: {why}; bake it with 'autograder bake'"


# ---------------------------------------------------------------- writing


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_file_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    bundles.write_file(path, b"one")
    bundles.write_file(tmp_path / ("x" * 255), b"a name as long as can be")
    bundles.write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert files_in(path.parent) == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    bundles.write_file(path, b"old")
    (tmp_path / f".file.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        bundles.write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert files_in(tmp_path) == ["file"]


def test_failing_rename_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        bundles.write_file(tmp_path / "file", b"new")
    assert files_in(tmp_path) == ["file"]


# ---------------------------------------------------------------- the public bundle


def secrets(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """The bytes of all arrays that only the hidden cases have, where they are too many to occur by chance."""
    both = {True: dict[bytes, str](), False: dict[bytes, str]()}
    for question in bundle.questions:
        for case in question.cases:
            for array in arrays([case.inputs, case.evidence, case.expected, case.mistakes]):
                if array.nbytes >= 16 and len(np.unique(array)) > 2:
                    both[case.hidden][array.tobytes()] = f"{question.name}/{case.name}"
    known = held(both[True], b"\0".join(both[False]))
    yield from ((name, data) for data, name in both[True].items() if data not in known)


def held(wanted: Collection[bytes], text: bytes) -> set[bytes]:
    """Which of these, of 8 bytes or more, a text holds. Its runs of 8 bytes are looked up at once: there are thousands."""
    runs = np.concatenate([np.frombuffer(text[at : at + (len(text) - at) // 8 * 8], np.uint64) for at in range(8)])
    begins = np.frombuffer(b"".join(data[:8] for data in wanted), np.uint64)
    few = np.sort(begins)
    there = set(runs[few[np.searchsorted(few, runs).clip(max=len(few) - 1)] == runs].tolist())
    return {data for data, begin in zip(wanted, begins.tolist(), strict=True) if begin in there and data in text}


def contents(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"".join(map(archive.read, archive.namelist()))


def test_what_a_text_holds_is_found_wherever_it_begins() -> None:
    text = bytes(range(200))
    assert held([text[3:14], text[3:13] + b"!", text[100:108], b"nowhere there"], text) == {text[3:14], text[100:108]}


def test_public_bundle_has_no_hidden_case(toy: Bundle) -> None:
    check_public(toy, at_least=8)
    shown = public(toy)
    assert [case.name for case in shown.questions[0].cases] == ["small"]
    assert shown.possible == toy.possible
    assert bundles.to_bytes(public(toy)) == bundles.to_bytes(shown)
    text = bundles.encode(shown)[0]
    assert b"wide" not in text
    assert b"edge" not in text


def test_public_bundle_of_the_assignment_has_no_hidden_case(baked: Bundle) -> None:
    check_public(baked, at_least=300)


def check_public(bundle: Bundle, at_least: int) -> None:
    shown = public(bundle)
    assert shown.public
    assert not bundle.public
    assert shown.digest != bundle.digest
    assert not [case for question in shown.questions for case in question.cases if case.hidden]
    for question, full in zip(shown.questions, bundle.questions, strict=True):
        assert [case.name for case in question.cases] == [case.name for case in full.cases if not case.hidden]
    everything, visible = contents(bundles.to_bytes(bundle)), contents(bundles.to_bytes(shown))
    found = list(secrets(bundle))
    assert len(found) >= at_least
    assert held([data for _, data in found[::20]], everything) == {data for _, data in found[::20]}
    assert held([data for _, data in found], visible) == set()
