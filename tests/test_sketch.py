"""Pictures from a record's numbers: what they draw, what they say, and that no name breaks out of them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from autograder.checks import sketch
from autograder.checks.sketch import Picture, bars, lines, pictures, step_names

SVG = "{http://www.w3.org/2000/svg}"


def case(**profiles: dict[str, Any]) -> dict[str, Any]:
    return {"values": [{"name": name, "right": False, "profile": profile} for name, profile in profiles.items()]}


def drawn(picture: Picture, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture.svg).iter(SVG + tag))


def test_a_case_without_numbers_has_no_picture() -> None:
    assert pictures({"values": []}) == []
    assert pictures({"values": [{"name": "h", "right": False}, {"name": "c", "right": False, "profile": {}}]}) == []


def test_errors_by_timestep_are_bars_and_words_and_a_table() -> None:
    (picture,) = pictures(case(h={"every": 1, "steps": [0.0, 0.0, 0.5, 1.2]}, c={"every": 1, "steps": [0.0, None, 0.0, 0.0]}))
    assert picture.title == "Error by timestep t"
    assert picture.says == (
        "Error by timestep t, relative to the largest value expected. "
        "h: wrong at t 2, 3 alone, largest error 1.2 at t 3. c: wrong at t 1 alone, with values that are not finite."
    )
    assert picture.head == ("t", "h", "c")
    assert picture.rows == (("0", "0", "0"), ("1", "0", "not finite"), ("2", "0.5", "0"), ("3", "1.2", "0"))
    heights = [float(bar.attrib["height"]) for bar in drawn(picture, "rect")]
    assert heights[:2] == heights[4:5] + heights[6:7] == [2.0, 2.0]  # right: a thin line
    assert 2.0 < heights[2] < heights[3] <= heights[5] == 30.0
    assert ElementTree.fromstring(picture.svg).attrib["aria-label"] == picture.says


def test_steps_in_groups_say_so() -> None:
    assert step_names(3, 1) == ("0", "1", "2")
    assert step_names(2, 25) == ("0-24", "25-49")
    (picture,) = pictures(case(dx={"every": 25, "steps": [0.0, 0.1], "norms": [[1.0, 2.0], [1.0, 1.0]]}))
    assert "wrong at t 25-49 alone" in picture.says  # and two points make no line of norms


def test_gate_blocks_are_drawn_where_they_tell_something() -> None:
    (picture,) = pictures(case(b={"gates": "ifgo", "blocks": [0.0, 0.3, 0.0, 0.0]}))
    assert picture.title == "Error by gate block"
    assert "wrong at block f alone" in picture.says
    assert [row[0] for row in picture.rows] == ["i", "f", "g", "o"]
    assert pictures(case(b={"gates": "ifgo", "blocks": [0.1, 0.3, 0.2, 0.1]})) == []


def test_norms_are_drawn_where_they_differ() -> None:
    profile = {"every": 1, "steps": [0.0, 0.1, 0.4], "norms": [[1e-3, 0.0, 0.4], [1e-3, 0.1, None]]}
    _, picture = pictures(case(dx=profile))
    assert picture.title == "Norm of dx by timestep t"
    assert "expected: from 0.001 at t 0 to not finite at t 2. yours: from 0.001 at t 0 to 0.4 at t 2." in picture.says
    assert picture.head == ("t", "expected", "yours")
    assert len(drawn(picture, "circle")) == 2 + 4  # of the key, and of the numbers that a logarithm has
    alike = {**profile, "norms": [[1.0, 1.0, 1.0], [1.0, 1.05, 1.0]]}
    assert len(pictures(case(dx=alike))) == 1
    assert pictures(case(norms={**profile}))[1].title == "Norms by timestep t"


def test_a_line_of_nothing_but_zeros_is_drawn_too() -> None:
    picture = lines("Norm", "t", ("0", "1"), {"expected": [0.0, 0.0], "yours": [None, 0.0]})
    assert len(drawn(picture, "circle")) == 2


@pytest.mark.parametrize("count", [1, 8, 40])
def test_everything_lies_inside(count: int) -> None:
    steps = [10.0 ** (i % 12 - 9) for i in range(count)]
    columns = step_names(count, 1)
    for picture in (bars("E", "t", columns, {"h": steps}), lines("N", "t", columns, {"a": steps, "b": steps})):
        box = [float(n) for n in ElementTree.fromstring(picture.svg).attrib["viewBox"].split()]
        for bar in drawn(picture, "rect"):
            x, y, wide, tall = (float(bar.attrib[key]) for key in ("x", "y", "width", "height"))
            assert 0 <= x < x + wide <= box[2]
            assert 0 <= y < y + tall <= box[3]
        for dot in drawn(picture, "circle"):
            assert 0 < float(dot.attrib["cx"]) < box[2]
            assert 0 < float(dot.attrib["cy"]) < box[3]


def test_names_are_text() -> None:
    name = "</svg><script>alert(1)</script>\"'&"
    (picture,) = pictures(case(**{name: {"every": 1, "steps": [0.0, 1.0]}}))
    assert name in picture.says
    assert name in "".join(ElementTree.fromstring(picture.svg).itertext())
    assert "<script" not in picture.svg


def test_the_same_numbers_give_the_same_picture() -> None:
    found = case(h={"every": 1, "steps": [0.0, 0.5]})
    assert sketch.pictures(found) == sketch.pictures(found)
