"""Names from outside: shown safely, kept apart, and made into names of files."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.grading import names
from autograder.grading.names import distinct_names, file_stem, visible


def test_visible() -> None:
    assert (
        visible("a\tb\u2028\u200b\u2067\udce9ü\u200c漢 '\"")
        == "a\\u0009b\\u2028\\u200b\\u2067\\xe9ü\u200c漢 '\""
    )
    assert visible("x" * 121) == "x" * 120 + "…"
    assert visible("x" * 120) == "x" * 120


def test_distinct_names() -> None:
    wanted = ["é", "e\u0301", "é (2)", "a\n", "A\n", "x" * 300]
    assert distinct_names(wanted) == ["é", "é (3)", "é (2)", "a\\u000a", "A\\u000a", "x" * 255 + "…"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("../../x", "_.._x-"),
        ("-rf", "rf-"),
        ("con", "_con-"),
        ("COM1.txt", "_COM1.txt-"),
        ("lpt\u00b9", "_lpt\u00b9-"),
        ("", "submission-"),
        ("...", "submission-"),
        ("a.", "a-"),
        ("a/b:c", "a_b_c-"),
        ("\udce9\n", "__-"),
        ("x" * 81, "x" * 71 + "-"),
        ("漢" * 80, "漢" * 63 + "-"),
    ],
)
def test_file_stem_changed(name: str, start: str) -> None:
    stem = file_stem([name])[name]
    assert stem.startswith(start)
    assert len(stem) == len(start) + 8
    assert len(stem) <= 80
    assert len(stem.encode()) <= 200


def test_file_stem_kept() -> None:
    kept = ["Anna_Müller", "王小明", "नमस्ते", "a.b-c", "x" * 80, "console"]
    assert file_stem(kept) == {name: name for name in kept}
    assert file_stem(["Anna Lena"]) == {"Anna Lena": "Anna_Lena"}
    assert file_stem(["e\u0301"]) == {"e\u0301": "\u00e9"}


def test_file_stem_collisions() -> None:
    stems = file_stem(["a b", "a_b", "A", "a", "c", "c"])
    assert stems["c"] == "c"
    assert [len(stems[name]) for name in ("a b", "a_b", "A", "a")] == [12, 12, 10, 10]
    taken = file_stem(["a?"])["a?"]
    assert len(set(file_stem(["a?", taken]).values())) == 2


def test_file_stem_outlives_a_collision_of_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    real = names.hashlib.sha256

    class Weak:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def hexdigest(self) -> str:
            return "0" * 30 + real(self.data).hexdigest()[30:]

    monkeypatch.setattr(names.hashlib, "sha256", Weak)
    stems = file_stem(["a?", "a!", "b"])
    assert stems["b"] == "b"
    assert stems["a?"] != stems["a!"]


@settings(max_examples=300, deadline=None)
@example(["con", "CON", "Con ", "-con", ".con"])
@example(["a" * 100, "a" * 101, "A" * 100, "é", "e\u0301", "ß", "ss", "ﬁ", "fi"])
@given(st.lists(st.text(max_size=12) | st.text("aA_ -.é\u0301ßs\u0345\u0130i", max_size=5), max_size=12))
def test_file_stem(given_names: list[str]) -> None:
    stems = file_stem(given_names)
    assert stems == file_stem(list(reversed(given_names)))
    assert set(stems) == set(given_names)
    keys = {
        unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold()) for stem in stems.values()
    }
    assert len(keys) == len(stems)
    for stem in stems.values():
        assert all(c in ".-_" or unicodedata.category(c)[0] in "LNM" for c in stem)
        assert not stem.startswith((".", "-"))
        assert not stem.endswith(".")
        assert stem.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        assert 0 < len(stem) <= 80
        assert len(stem.encode()) <= 200
