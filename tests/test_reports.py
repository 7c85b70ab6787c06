"""Reports: cells that no spreadsheet runs, pages that no text breaks out of, and nothing of hidden cases."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autograder.grading.reports import feedback_page, grades_csv, record_json, spreadsheet_safe


def case(
    name: str, *, hidden: bool = False, plain: bool = True, verdict: str = "wrong", tag: str = ""
) -> dict[str, Any]:
    """A case every text of which says where it stands."""
    tag = tag or name
    return {
        "name": name, "hidden": hidden, "plain": plain, "verdict": verdict, "text": f"text of {tag}",
        "trace": f"trace of {tag}", "hint": f"case hint of {tag}", "warnings": [f"warning of {tag}"],
        "values": [
            {"name": "y", "right": False, "findings": [f"finding of {tag}"], "mistake": f"mistake of {tag}",
             "hint": f"hint of {tag}"},
            {"name": "z", "right": True, "findings": [], "mistake": "", "hint": ""},
        ],
    }  # fmt: skip


def question(name: str = "scale", verdict: str = "wrong", earned: float = 1.0, **changed: Any) -> dict[str, Any]:
    found = {
        "name": name, "number": "A1", "module": "m", "verdict": verdict, "earned": earned, "possible": 4.0,
        "outputs": [{"name": "y", "earned": 0.0, "possible": 2.0}, {"name": "z", "earned": 1.0, "possible": 2.0}],
        "cases": [case("open"), case("shut", hidden=True), case("rim", plain=False),
                  case("secret rim", hidden=True, plain=False, verdict="crashed")],
    }  # fmt: skip
    return {**found, **changed}


def record(name: str = "student-1", *questions: dict[str, Any], **changed: Any) -> dict[str, Any]:
    listed = list(questions or [question()])
    found = {
        "submission": name, "content": "0" * 64, "status": "graded", "problem": "", "notes": [], "printed": "",
        "total": sum(q["earned"] for q in listed), "possible": sum(q["possible"] for q in listed), "questions": listed,
    }  # fmt: skip
    return {**found, **changed}


def page(found: dict[str, Any], title: str = "A toy", parts: dict[str, str] | None = None) -> str:
    return feedback_page(found, title=title, parts=parts or {"A": "All of it"})


def test_hints_of_hidden_cases_are_told_where_asked_and_nothing_else_of_them() -> None:
    found = record("ann", question())
    silent = page(found)
    assert "hint of shut" not in silent
    told = feedback_page(found, title="A toy", parts={"A": "All of it"}, hidden_hints=True)
    for hint in ("hint of shut", "case hint of shut", "hint of secret rim"):
        assert told.count(f"(hidden cases): {hint}<") == 1
    for word in ("finding of shut", "trace of shut", "mistake of shut", "warning of shut", "text of shut"):
        assert word not in told
    same = [case("open"), {**case("shut", hidden=True), "values": case("open")["values"], "hint": "case hint of open"}]
    assert "hidden cases):" not in feedback_page(
        record("ann", question(cases=same)), title="A toy", parts={"A": "All of it"}, hidden_hints=True
    )


# ---------------------------------------------------------------- CSV


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_grades_are_in_the_order_of_names() -> None:
    records = [record("b", question(earned=2.5)), record("B", question("other", earned=1 / 3)), record("a")]
    assert grades_csv(records, ["scale", "other"]).splitlines() == [
        "submission,status,total,possible,scale,other",
        "B,graded,0.333333,4,0,0.333333",
        "a,graded,1,4,1,0",
        "b,graded,2.5,4,2.5,0",
    ]
    assert grades_csv(records, ["scale"]) == grades_csv(records[::-1], ["scale"])
    assert grades_csv([], ["scale"]).splitlines() == ["submission,status,total,possible,scale"]


@pytest.mark.parametrize(
    "name",
    ["plain", "comma, comma", 'quote "quote"', "line\nline", "Zoë 佐藤 🎓", " lead", "'",
     ""],
)  # fmt: skip
def test_names_survive_the_csv(name: str) -> None:
    found = rows(grades_csv([record(name)], ["scale"]))
    assert found[1] == [name, "graded", "1", "4", "1"]
    assert len(found) == 2


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
@pytest.mark.parametrize("rest", ["cmd|' /C calc'!A0", 'HYPERLINK("x")', "1+1,2"])
def test_names_are_no_formulas(start: str, rest: str) -> None:
    assert spreadsheet_safe(start + rest) == "'" + start + rest
    found = rows(grades_csv([record(start + rest)], []))
    assert found[1][0].startswith("'")
    assert [len(row) for row in found] == [4, 4]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_names_begin_no_line_of_their_own(end: str) -> None:
    found = rows(grades_csv([record(f"name{end}=1+1")], []))
    assert [len(row) for row in found] == [4, 4]
    assert found[1][1:] == ["graded", "1", "4"]


@pytest.mark.parametrize("text", ["", "a=b", "1-1", "student@example", "é"])
def test_other_names_are_left_alone(text: str) -> None:
    assert spreadsheet_safe(text) == text


# ---------------------------------------------------------------- JSON


def test_record_json_is_stable_and_whole() -> None:
    found = record("Zoë 佐藤")
    text = record_json(found)
    assert json.loads(text) == found
    assert text == record_json(dict(reversed(found.items())))
    assert text.endswith("}\n")
    assert len(text.splitlines()) > len(found)  # people look at it, and compare two by lines
    assert json.loads(record_json({**found, "questions": []}))["questions"] == []
    assert "Zoë 佐藤" in text


# ---------------------------------------------------------------- the page


class Page(HTMLParser):
    """What a browser makes of a page: its text outside of styles, and its tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_page_tells_of_public_cases() -> None:
    found = Page(page(record())).text
    for words in (
        "A toy", "student-1", "1 of 4 points", "All of it", "scale", "Case open", "text of open", "trace of open",
        "finding of open", "hint of open", "case hint of open", "warning of open",
    ):  # fmt: skip
        assert words in found
    assert "Hidden cases, which have other sizes and values: 2 of 2 not right (wrong, stopped with an error)." in found


def test_page_holds_nothing_of_hidden_cases() -> None:
    text = page(record(printed="what it printed", content="digest"))
    for words in ("of shut", "of secret rim", "secret rim", "shut", "mistake", "what it printed", "digest"):
        assert words not in text


@pytest.mark.parametrize(
    "verdict", ["wrong", "crashed", "timed_out", "over_memory", "not_implemented", "missing", "forbidden",
                "grader_error", "passed"],
)  # fmt: skip
def test_hidden_cases_stay_hidden_whatever_the_verdict(verdict: str) -> None:
    cases = [case("open", verdict="passed"), case("shut", hidden=True, verdict=verdict)]
    text = page(record("s", question(verdict=verdict, cases=cases)))
    assert "of shut" not in text
    assert "Case shut" not in text
    if verdict == "passed":
        assert "warning of open" in text
        assert "Hidden cases" not in text


@pytest.mark.parametrize("status", ["unreadable", "grader_error"])
def test_page_of_what_was_not_graded_gives_the_reason_alone(status: str) -> None:
    found = Page(page(record(status=status, problem="the reason", notes=["a note"]))).text
    assert "the reason" in found
    assert "a note" in found
    assert "scale" not in found
    assert ("could not be read" in found) is (status == "unreadable")
    assert ("through no fault of its own" in found) is (status == "grader_error")


def test_page_names_no_other_place() -> None:
    """Self-contained: nothing is fetched, linked or run."""
    text = page(record(notes=["a note"]))
    for words in ("http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<img"):
        assert words not in text.lower()


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all texts in a record that are not empty."""
    if isinstance(value, str) and value:
        yield path
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], change: Callable[[str], str]) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = change(inner[path[-1]])
    return changed


FULL = record(notes=["a note"], printed="printed")
# These decide what is shown, and are chosen by the judge from a list of words.
CHOSEN = ("verdict", "status", "number")
HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;{{ 7 * 7 }}{% raw %}"


@pytest.mark.parametrize("path", [path for path in texts(FULL) if path[-1] not in CHOSEN], ids=str)
def test_no_text_breaks_out_of_its_place(path: tuple[Any, ...]) -> None:
    plain, hostile = Page(page(FULL)), Page(page(put(FULL, path, lambda text: text + HOSTILE)))
    assert hostile.tags == plain.tags


@pytest.mark.parametrize(
    "given", [{"title": HOSTILE}, {"parts": {"A": HOSTILE}}, {"found": {"problem": HOSTILE, "status": "unreadable"}}]
)
def test_no_title_or_problem_breaks_out_either(given: dict[str, Any]) -> None:
    found = Page(page({**FULL, **given.pop("found", {})}, **given))
    assert [tag for tag, _ in found.tags].count("style") == 1
    assert not {"script", "img"} & {tag for tag, _ in found.tags}
    assert HOSTILE in " ".join(found.words)


def test_hostile_texts_are_shown_as_they_are() -> None:
    found = record("s", question(cases=[case("open", tag=HOSTILE)]), notes=[HOSTILE])
    words = " ".join(Page(page(found)).words)
    for name in ("text", "trace", "finding", "hint", "case hint", "warning"):
        assert f"{name} of {HOSTILE}" in words


def test_parts_without_questions_are_left_out() -> None:
    found = record("s", question(number="B2"), question("two", number="A1"), question("three", number="B10"))
    text = Page(page(found, parts={"A": "First", "B": "Second", "C": "Third"})).text
    assert text.index("First") < text.index("two") < text.index("Second") < text.index("scale") < text.index("three")
    assert "Third" not in text


PROFILE = {"every": 1, "steps": [0.0, 0.5], "gates": "ifgo", "blocks": [0.0, 1.0, 0.0, 0.0]}


def with_profile(found: dict[str, Any], profile: Any = PROFILE) -> dict[str, Any]:
    found["values"][0]["profile"] = profile
    return found


def test_page_draws_the_first_case_that_is_told() -> None:
    cases = [with_profile(case("open")), with_profile(case("second"))]
    found = Page(page(record("s", question(cases=cases))))
    drawn = [attributes for tag, attributes in found.tags if tag == "svg"]
    assert len(drawn) == 2  # by timestep and by gate block
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawn)
    assert "wrong at t 1 alone, largest error 0.5" in str(drawn[0]["aria-label"])
    assert found.text.count("The numbers of this picture") == 2


def test_page_draws_nothing_of_hidden_cases() -> None:
    cases = [case("open", verdict="passed"), with_profile(case("shut", hidden=True))]
    assert "<svg" not in page(record("s", question(cases=cases)))


WRITTEN = [{"name": "hardest", "number": "G5", "earned": 2.5, "possible": 4.0, "points": [1.0, 1.5, 0.0],
            "comment": HOSTILE}]  # fmt: skip


def test_page_and_grades_show_written_points_beside_the_others() -> None:
    found = Page(page(record(written=WRITTEN)))
    assert "Written answers" in found.text
    assert "2.5 of 4" in found.text
    assert HOSTILE in " ".join(found.words)
    assert not {"script", "img"} & {tag for tag, _ in found.tags}
    assert "Written answers" not in Page(page(record())).text
    table = rows(grades_csv([record("a", written=WRITTEN), record("b")], ["scale"]))
    assert table == [
        ["submission", "status", "total", "possible", "scale", "hardest"],
        ["a", "graded", "1", "4", "1", "2.5"],
        ["b", "graded", "1", "4", "1", ""],
    ]


def test_page_in_a_browser_is_quiet_and_narrow(open_page: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page(record("s", question(cases=[with_profile(case("open", tag=HOSTILE))]))), encoding="utf-8")
    for dark in (False, True):
        shown = open_page(path, width=380, dark=dark)
        assert shown.evaluate("document.documentElement.scrollWidth") == 380
        assert shown.locator("svg").count() == 2
        shown.focus(".numbers summary >> nth=0")
        shown.keyboard.press("Enter")
        assert shown.is_visible(".numbers table >> nth=0")
        assert not shown.is_visible(".numbers table >> nth=1")


def test_a_phone_shows_no_empty_lines(open_page: Callable[..., Any], tmp_path: Path) -> None:
    """A case of a line or two, its hint among them, is as many lines high."""
    path = tmp_path / "page.html"
    one = {**case("open"), "values": [], "trace": "", "hint": ""}
    path.write_text(page(record("s", question(cases=[one]))), encoding="utf-8")
    box = open_page(path, width=380).locator("div.case").bounding_box()
    assert box["height"] < 5 * 24, "two lines of 24 pixels, and the space between them"


def test_what_is_missing_is_said_once() -> None:
    gone = [{**case(name, verdict="missing"), "text": "memnet/m.py is not in the submission"} for name in ("open", "rim")]
    text = page(record("s", question(verdict="missing", cases=gone)))
    assert text.count("memnet/m.py is not in the submission") == 1
    assert "Case open" not in text
    assert "Also not right" not in text


def test_page_is_accessible(accessible: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    drawn = question(cases=[with_profile(case("open")), case("shut", hidden=True)])
    questions = [drawn, question("two", "passed", 4.0, cases=[])]
    path.write_text(page(record("s", *questions, notes=["a note"], written=WRITTEN)), encoding="utf-8")
    accessible(path)
