"""The dashboard: its numbers, and the page in a browser, by mouse, by keyboard, on a phone, and with no script at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.grading import dashboard
from autograder.grading.dashboard import Facts, Score, correlation, facts, histogram, page, question_rows, shares, spread

PARTS = {"A": "Order", "B": "Memory"}
HOSTILE = "</td></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"


def score(number: str, earned: float, verdict: str = "wrong", possible: float = 4.0) -> Score:
    return Score(number, earned, possible, False, "passed" if earned == possible else verdict)


def one(name: str, a1: float = 4.0, b1: float = 4.0, verdict: str = "wrong", **changed: Any) -> Facts:
    scores = {"first": score("A1", a1, verdict), "second": score("B1", b1, verdict)}
    given = {"name": name, "status": "graded", "problem": "", "total": a1 + b1, "possible": 8.0, "raw": None, "bundle": "b",
             "written": None, "scores": scores, "mistakes": {}, "unnamed": {}}  # fmt: skip
    return Facts(**{**given, **changed})


def rendered(people: list[Facts], folder: Path, stems: dict[str, str] | None = None) -> Path:
    path = folder / "dashboard.html"
    path.write_text(page(people, stems or {p.name: p.name for p in people}, title="A toy", parts=PARTS), encoding="utf-8")
    return path


def a_class(count: int) -> list[Facts]:
    draw = random.Random(3)
    people = []
    for i in range(count):
        skill = draw.random()
        mistakes = {("first", f"M{draw.randrange(9)}"): "a hint"} if skill < 0.5 else {}
        cluster = {("second", "y", "small", f"f{draw.randrange(9)}"): "y is off"} if skill < 0.3 else {}
        earned = [round(4 * min(1.0, skill + draw.random() / 3)) for _ in range(2)]
        verdict = "crashed" if skill < 0.2 else "wrong"
        people.append(one(f"student-{i:04d}", *earned, verdict, mistakes=mistakes, unnamed=cluster))
    return people


# ---------------------------------------------------------------- the summary


def test_summary_counts_what_was_graded() -> None:
    people = [one("a", 4.0, 1.0), one("b", 2.0, 0.0, "missing"), one("c", 0.0, 2.0),
              one("d", 4.0, 4.0, status="unreadable"), one("e", 4.0, 4.0, status="grader_error")]  # fmt: skip
    found = dashboard.summary(people)
    assert found["status"] == {"graded": 3, "unreadable": 1, "grader_error": 1}
    assert found["totals"] == [2.0, 2.0, 2.0, 5.0, 5.0]
    assert found["questions"] == {
        "first": {"mean": 0.5, "verdicts": {"passed": 1, "missing": 1, "wrong": 1}},
        "second": {"mean": 0.25, "verdicts": {"wrong": 2, "missing": 1}},
    }
    assert dashboard.summary([]) == {"status": {}, "totals": [], "questions": {}}
    assert dashboard.summary(people[3:])["totals"] == []


def test_summary_gives_quartiles() -> None:
    assert dashboard.summary([one(str(n), n / 4, 0.0) for n in range(8, -1, -1)])["totals"] == [0.0, 0.5, 1.0, 1.5, 2.0]


# ---------------------------------------------------------------- numbers


def test_facts_are_what_a_record_says() -> None:
    value = {"name": "y", "right": False, "findings": ["y is off"], "mistake": "", "hint": "", "fingerprint": "f"}
    record = {
        "submission": "ann", "status": "graded", "problem": "", "total": 0.9, "possible": 4.0, "bundle": "b",
        "policy": {"raw": 1.0},
        "written": [{"earned": 2.0}, {"earned": 0.5}],
        "questions": [{"name": "first", "number": "A1", "earned": 1.0, "possible": 4.0, "optional": False, "verdict": "wrong",
                       "cases": [{"name": "small", "plain": True, "values": [value]}]}],
    }  # fmt: skip
    found = facts(record)
    assert (found.name, found.total, found.raw, found.written) == ("ann", 0.9, 1.0, 2.5)
    assert found.scores == {"first": Score("A1", 1.0, 4.0, False, "wrong")}
    assert found.unnamed == {("first", "y", "small", "f"): "y is off"}
    bare = facts({key: value for key, value in record.items() if key not in ("policy", "written")})
    assert (bare.raw, bare.written) == (None, None)


def test_spread_gives_quartiles_and_the_mean() -> None:
    assert spread([]) == {}
    found = spread([one(str(n), a1=float(n), b1=0.0) for n in range(5)])
    assert found == {"lowest": 0.0, "lower quartile": 1.0, "median": 2.0, "upper quartile": 3.0, "highest": 4.0, "mean": 2.0}


def test_difficulty_is_what_was_lost_and_discrimination_a_correlation() -> None:
    people = [one(str(n), a1=4.0 if n < 5 else 0.0, b1=4.0 if n < 5 else 2.0) for n in range(10)]
    first, second = question_rows(people)
    assert (first["difficulty"], first["full"], first["part"], first["none"]) == (0.5, 5, 0, 5)
    assert (second["difficulty"], second["full"], second["part"], second["none"]) == (0.25, 5, 5, 0)
    assert first["discrimination"] == pytest.approx(1.0)
    upside_down = [one(str(n), a1=4.0 * (n % 2), b1=4.0 - 4.0 * (n % 2)) for n in range(10)]
    assert [row["discrimination"] for row in question_rows(upside_down)] == [pytest.approx(-1.0)] * 2


def test_a_correlation_that_says_nothing_is_none() -> None:
    assert correlation([1.0, 2.0] * 4, [1.0, 2.0] * 4) is None  # too few
    assert correlation([1.0] * 20, [1.0, 2.0] * 10) is None
    assert correlation([1.0, 2.0] * 10, [2.0] * 20) is None
    assert correlation([1.0, 2.0] * 10, [3.0, 5.0] * 10) == pytest.approx(1.0)


def test_histogram_counts_everybody_once() -> None:
    people = [one(str(n), a1=float(n % 5), b1=0.0, possible=100.0) for n in range(50)] + [one("over", total=109.0)]
    picture = histogram(people)
    assert sum(int(count) for _, count in picture.rows) == 51
    assert picture.rows[0] == ("0 to below 5", "50")
    assert picture.rows[-1] == ("105 to below 110", "1")
    assert "51 graded submissions: median 2, half of them between 1 and 3, from 0 to 109." in picture.says
    assert sum(int(count) for _, count in histogram([one("nobody", a1=0.0, b1=0.0)]).rows) == 1


def test_shares_tell_the_hardest() -> None:
    picture = shares(question_rows([one("a", a1=0.0), one("b", a1=2.0)]))
    assert "Hardest: A1 first, where 75% of the points were lost" in picture.says
    assert picture.rows == (("A1 first", "0", "1", "1"), ("B1 second", "2", "0", "0"))


def test_the_page_is_the_same_whatever_the_order() -> None:
    people = a_class(20)
    stems = {p.name: p.name for p in people}
    assert page(people, stems, title="A", parts=PARTS) == page(people[::-1], stems, title="A", parts=PARTS)


def test_a_page_of_nobody_and_of_nothing_graded(tmp_path: Path) -> None:
    assert "0 submissions" in page([], {}, title="A toy", parts=PARTS)
    text = page([one("z", status="unreadable", problem="a broken zip", scores={})], {"z": "z"}, title="A toy", parts=PARTS)
    assert "a broken zip" in text
    assert "<svg" not in text


# ---------------------------------------------------------------- in a browser


def names(page_: Any) -> list[str]:
    return list(page_.eval_on_selector_all("#people tbody tr:not([hidden]) th", "cells => cells.map(c => c.textContent)"))


def test_the_table_sorts_by_keyboard(open_page: Callable[..., Any], tmp_path: Path) -> None:
    broken = one("d", status="unreadable", total=0.0, problem="broken", scores={})
    people = [one("b", 1.0), one("a", 3.0), one("c", 2.0), broken]
    shown = open_page(rendered(people, tmp_path))
    assert names(shown) == ["a", "b", "c", "d"]
    shown.focus("#people thead th:nth-child(3) button")
    shown.keyboard.press("Enter")
    assert names(shown) == ["a", "c", "b", "d"]
    assert shown.get_attribute("#people thead th:nth-child(3)", "aria-sort") == "descending"
    assert shown.text_content("#said") == "sorted by total, descending"
    shown.keyboard.press("Space")
    assert names(shown) == ["d", "b", "c", "a"]
    shown.keyboard.press("Shift+Tab")
    shown.keyboard.press("Shift+Tab")
    shown.keyboard.press("Enter")
    assert names(shown) == ["a", "b", "c", "d"]
    assert shown.get_attribute("#people thead th:nth-child(3)", "aria-sort") is None


def test_the_table_filters_by_name_status_and_mistake(open_page: Callable[..., Any], tmp_path: Path) -> None:
    people = [
        one("ann", 0.0, mistakes={("first", "M1"): "a hint"}), one("bob", 0.0, verdict="crashed"),
        one("cy", status="unreadable", problem="broken", scores={}),
        one("dan", 0.0, mistakes={("first", "M1"): "a hint"}, unnamed={("second", "y", "small", "f"): "y is off"}),
        one("eve", 0.0, unnamed={("second", "y", "small", "f"): "y is off"}),
    ]  # fmt: skip
    shown = open_page(rendered(people, tmp_path))
    shown.fill("input[name=text]", "AN")
    assert names(shown) == ["ann", "dan"]
    assert shown.text_content("#said") == "2 of 5 submissions shown"
    shown.select_option("select[name=mark]", "c0")
    assert names(shown) == ["dan"]
    shown.click("button[type=reset]")
    shown.wait_for_selector("#said:has-text('5 of 5')")
    shown.select_option("select[name=status]", "failed")
    assert names(shown) == ["bob"]
    shown.select_option("select[name=status]", "unreadable")
    assert names(shown) == ["cy"]
    shown.click("button[data-mark=m0]")
    shown.wait_for_selector("#said:has-text('2 of 5')")
    assert names(shown) == ["ann", "dan"]
    assert shown.evaluate("document.activeElement.name") == "mark"


def test_rows_lead_to_pages_also_with_odd_names(open_page: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "feedback").mkdir()
    stem = "Zoë_佐藤-#1%20?"
    text = "<!doctype html><meta charset=utf-8><title>Zoë's page</title>"
    (tmp_path / "feedback" / f"{stem}.html").write_text(text, encoding="utf-8")
    shown = open_page(rendered([one("Zoë")], tmp_path, {"Zoë": stem}))
    shown.click("#people a")
    assert shown.title() == "Zoë's page"


def test_without_a_script_all_is_there(open_page: Callable[..., Any], tmp_path: Path) -> None:
    shown = open_page(rendered(a_class(30), tmp_path), script=False)
    assert len(shown.locator("#people tbody tr").all()) == 30
    assert not shown.is_visible("#filter")
    assert not shown.is_visible("button[data-mark]")
    assert shown.locator("svg[role=img]").count() == 2
    shown.click("text=The numbers of this picture >> nth=0")
    assert shown.is_visible("text=points >> nth=0")


def test_a_phone_scrolls_one_way_alone(open_page: Callable[..., Any], tmp_path: Path) -> None:
    shown = open_page(rendered(a_class(30), tmp_path), width=380)
    assert shown.evaluate("document.documentElement.scrollWidth") == 380


def test_paper_holds_every_column_and_a_phone_every_name(open_page: Callable[..., Any], tmp_path: Path) -> None:
    people = [one("n" * 60, raw=100.25, written=4.5, total=100.25), *a_class(30)]
    shown = open_page(rendered(people, tmp_path), width=718)  # A4 between its margins
    shown.emulate_media(media="print")
    assert shown.evaluate("document.documentElement.scrollWidth") == 718
    shown.emulate_media(media="screen")
    shown.set_viewport_size({"width": 380, "height": 800})
    wide = "(cell) => cell.scrollWidth > cell.clientWidth"
    assert not any(cell.evaluate(wide) for cell in shown.locator("#people tbody th").all())


def test_a_histograms_numbers_do_not_touch() -> None:
    """109 and 149 side by side, wider than their bars, are in the table alone."""
    many = {92.0: 109, 97.0: 149}
    people = [one(f"{total}-{n}", total=total, possible=110.0) for total, count in many.items() for n in range(count)]
    picture = histogram(people)
    assert ">149</text>" in picture.svg  # the tallest
    assert ">109</text>" not in picture.svg
    assert ("90 to below 95", "109") in picture.rows


def test_what_can_be_earned_is_said(tmp_path: Path) -> None:
    everything = {**one("a").scores, "bonus": replace(score("O1", 2.0), optional=True)}
    whole = page([one("a", scores=everything)], {"a": "a"}, title="A", parts=PARTS)
    assert "1 submission: 1 graded. 8 points can be earned, and 4 more in optional questions." in whole


def test_hostile_names_and_texts_stay_text(open_page: Callable[..., Any], tmp_path: Path) -> None:
    people = [
        one(HOSTILE, 0.0, mistakes={(HOSTILE, HOSTILE): HOSTILE}, unnamed={(HOSTILE, HOSTILE, HOSTILE, "f"): HOSTILE}),
        one("b", 0.0, unnamed={(HOSTILE, HOSTILE, HOSTILE, "f"): HOSTILE}),
        one("c", status="unreadable", problem=HOSTILE, scores={}),
    ]  # fmt: skip
    shown = open_page(rendered(people, tmp_path, {p.name: "x" for p in people}))
    assert shown.locator("img").count() == 0
    assert shown.locator("script").count() == 1
    assert HOSTILE in names(shown)


def test_raw_and_written_points_are_shown_where_there_are_some(tmp_path: Path) -> None:
    stems = {"a": "a", "b": "b"}
    plain = page([one("a"), one("b")], stems, title="A", parts=PARTS)
    assert ">raw<" not in plain
    assert ">written<" not in plain
    both = page([one("a", raw=6.25, written=3.5), one("b")], stems, title="A", parts=PARTS)
    assert ">raw<" in both
    assert ">written<" in both
    assert ">6.25<" in both
    assert ">3.5<" in both


def test_two_thousand_are_sorted_and_filtered(open_page: Callable[..., Any], tmp_path: Path) -> None:
    """How quickly is for tests/benchmarks/dashboard.py to say."""
    people = a_class(2000)
    shown = open_page(rendered(people, tmp_path))
    shown.click("#people thead th:nth-child(3) button")
    in_order = sorted(people, key=lambda p: (-p.total, p.name))
    assert names(shown) == [p.name for p in in_order]
    shown.fill("input[name=text]", "19")
    assert names(shown) == [p.name for p in in_order if "19" in p.name]


def test_the_dashboard_is_accessible(accessible: Callable[[Path], None], tmp_path: Path) -> None:
    people = [*a_class(30), one("z", status="unreadable", problem="a broken zip", scores={}), one("y", raw=1.0, written=2.0)]
    accessible(rendered(people, tmp_path))


def test_failures_are_counted_by_question() -> None:
    people = [one("a", 0.0, verdict="timed_out"), one("b", 0.0, verdict="crashed"), one("c", 0.0, verdict="crashed")]
    first, second = question_rows(people)
    assert first["failures"] == {"timed_out": 1, "crashed": 2}
    assert second["failures"] == {}
    assert set(dashboard.ALARMING) < set(dashboard.FAILURES)
