"""Verdicts, points and the naming of mistakes, on small questions that a plain worker answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograder.authoring.bake import bake_question
from autograder.checks.bundle import BakedCase, BakedQuestion
from autograder.checks.judge import ORDER, Outcome, QuestionRun, judge_question, owner
from autograder.checks.question import Case, Mistake, Question
from autograder.checks.runner import Answer, ProcessRunner

TWICE_Y, TWICE_Z, MINUS = "Is y too large?", "Is z too large?", "Which sign?"


def pair(x: Any, w: Any) -> Any:
    return x * w, x + w


# Two outputs of equal worth; the edge cases cost a quarter each.
PAIR = Question(
    "pair", number="A1", module="m", points=4, minutes=5, calls=("y, z = pair(x, w)",),
    inputs={"x": "N D", "w": "D"}, outputs={"y": "N D", "z": "N D"}, oracle=pair,
    cases=(
        Case("small", N=2, D=3),
        Case("wide", N=3, D=5, hidden=True),
        Case("one", N=1, D=3, waive=("N = 1",), costs=0.25, hint="And for one sample?"),
        Case("strided", N=4, D=3, costs=0.25, layout="strided", hidden=True, hint="A hidden hint."),
    ),
    mistakes=(
        Mistake("y twice", TWICE_Y, lambda x, w: (2 * x * w, x + w)),
        Mistake("z twice", TWICE_Z, lambda x, w: (x * w, 2 * (x + w))),
        Mistake("all twice", "Are both too large?", lambda x, w: (2 * x * w, 2 * (x + w))),
        Mistake("sign 1", MINUS, lambda x, w: (-x * w, x + w)),
        Mistake("sign 2", MINUS, lambda x, w: (x * -w, x + w)),
        Mistake("half 1", "Half of what?", lambda x, w: (x * w / 2, x + w)),
        Mistake("half 2", "A half of which?", lambda x, w: (x * w / 2, x + w)),
        Mistake("crash", "Does it run?", lambda x, w: (x * w, x[3])),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def question() -> BakedQuestion:
    return bake_question(PAIR, "seed", {})


@pytest.fixture(scope="module")
def runner() -> Iterator[ProcessRunner]:
    found = ProcessRunner("toy", ())
    yield found
    found.close()


Judge = Callable[[BakedQuestion, str], dict[str, Any]]


@pytest.fixture(scope="module")
def judge_fast() -> Iterator[Judge]:
    """Judges the honest submissions of the tables below, each a module of its own, all in one worker."""
    runner = ProcessRunner("toy", ())
    sources = [row[0] for row in (*POINTS, *MISTAKES, *HINTS)]
    runner.open({f"m{number}": source.encode() for number, source in enumerate(sources)})
    yield lambda question, source: judge_question(replace(question, module=f"m{sources.index(source)}"), runner, {})
    runner.close()


def judge(runner: ProcessRunner, question: BakedQuestion, source: str, properties: Any = None) -> dict[str, Any]:
    runner.open({"m": source.encode()})
    return judge_question(question, runner, properties or {})


def returns(y: str = "x * w", z: str = "x + w", before: str = "pass") -> str:
    return f"import numpy as np\ndef pair(x, w):\n    {before}\n    return {y}, {z}\n"


def case_of(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(dict(case) for case in report["cases"] if case["name"] == name)


def verdicts(report: Mapping[str, Any]) -> list[str]:
    return [case["verdict"] for case in report["cases"]]


def named(report: Mapping[str, Any], case: str = "small") -> dict[str, tuple[str, str]]:
    return {v["name"]: (v["mistake"], v["hint"]) for v in case_of(report, case)["values"] if not v["right"]}


# ---------------------------------------------------------------- points


POINTS: list[tuple[Any, ...]] = [
    (returns(), 4.0, [2.0, 2.0], "pppp"),
    (returns(y="x * w * 1.5"), 2.0, [0.0, 2.0], "wwww"),
    (returns(y="x", z="w"), 0.0, [0.0, 0.0], "wwww"),
    (returns(z="(x + w) * (1 if len(x) > 1 else 1.5)"), 3.5, [2.0, 1.5], "ppwp"),
    (returns(y="np.ravel(x, order='K').reshape(x.shape) * w * (1 if len(x) < 4 else 3)"), 3.5, [1.5, 2.0], "pppw"),
    (returns(y="x * w * (1 if 1 < len(x) < 4 else 3)"), 3.0, [1.0, 2.0], "ppww"),
    (returns(y="x * w * (1 if len(x) != 3 else 3)", z="(x + w) * (1 if len(x) != 1 else 3)"), 1.5, [0.0, 1.5],
     "pwwp"),
    (returns(before="x[1] if len(x) != 4 else x[9]"), 2.0, [1.0, 1.0], "ppcc"),
    (returns(y="x.astype('f4') * w.astype('f4')"), 4.0, [2.0, 2.0], "pppp"),
    (returns(y="(x * w).tolist()"), 4.0, [2.0, 2.0], "pppp"),
    ("def pair(x, w): return x * w", 0.0, [0.0, 0.0], "wwww"),
    ("def pair(x, w): return (x * w, x + w, x)", 0.0, [0.0, 0.0], "wwww"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "earned", "shares", "seen"), POINTS)
def test_points_go_by_output_and_case(
    judge_fast: Judge, question: BakedQuestion, source: str, earned: float, shares: list[float], seen: str
) -> None:
    report = judge_fast(question, source)
    assert report["earned"] == earned
    assert report["possible"] == 4.0
    assert [output["earned"] for output in report["outputs"]] == shares
    assert [output["possible"] for output in report["outputs"]] == [2.0, 2.0]
    assert "".join(verdict[0] for verdict in verdicts(report)) == seen
    assert report["verdict"] == min(verdicts(report), key=ORDER.index)


def test_wrong_count_of_values_is_explained(runner: ProcessRunner, question: BakedQuestion) -> None:
    report = judge(runner, question, "def pair(x, w): return x * w")
    assert case_of(report, "small")["text"] == "pair returned one ndarray; expected 2: y, z"


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("source", "verdict", "text"),
    [
        (returns(), "passed", ""),
        (returns(y="-x", z="x"), "wrong", ""),
        (returns(before="raise ValueError('no luck')"), "crashed", "ValueError: no luck"),
        (returns(before="import os; os._exit(3)"), "crashed", "the code ended its own process (exit status 3)"),
        (returns(before="while True: pass"), "timed_out",
         "not finished in time (0.4 seconds for all cases of the question)"),
        (returns(before="raise MemoryError"), "over_memory", "MemoryError"),
        (returns(before="raise NotImplementedError"), "not_implemented", "NotImplementedError"),
        (returns(before="open('answers')"), "forbidden", "this is not allowed here: files cannot be opened here"),
        (returns(before="import requests"), "forbidden",
         "toy/m.py imports requests; modules here may import numpy and each other only"),
        ("def other(): pass", "missing", "toy/m.py has no pair"),
        ("def pair(:", "crashed", "SyntaxError: invalid syntax (m.py, line 1)"),
        ("raise NotImplementedError", "crashed", "NotImplementedError"),
    ],
)  # fmt: skip
def test_every_verdict(runner: ProcessRunner, question: BakedQuestion, source: str, verdict: str, text: str) -> None:
    seconds = 0.4 if verdict == "timed_out" else 30.0
    report = judge(runner, replace(question, seconds=seconds), source)
    assert report["verdict"] == verdict
    assert case_of(report, "small")["text"] == text
    assert report["earned"] == (4.0 if verdict == "passed" else 0.0)
    if verdict in ("timed_out", "not_implemented", "missing") or "exit" in text:
        later = {(case["verdict"], case["text"]) for case in report["cases"][1:]}
        assert later == {(verdict, "not run, after what happened in the case before")}


def test_missing_module(runner: ProcessRunner, question: BakedQuestion) -> None:
    runner.open({"other": b""})
    report = judge_question(question, runner, {})
    assert (report["verdict"], report["earned"]) == ("missing", 0.0)
    assert case_of(report, "small")["text"] == "toy/m.py is not in the submission"


def test_trace_shows_the_line(runner: ProcessRunner, question: BakedQuestion) -> None:
    report = judge(runner, question, returns(before="x[99]"))
    assert 'File "toy/m.py", line 3, in pair' in case_of(report, "small")["trace"]
    assert "x[99]" in case_of(report, "small")["trace"]


def test_text_of_a_submission_is_cleaned(runner: ProcessRunner, question: BakedQuestion) -> None:
    report = judge(runner, question, returns(before=r"raise ValueError('\x1b[2J \u202e 0x7f001122aabb')"))
    assert case_of(report, "small")["text"] == "ValueError: \ufffd[2J \ufffd 0x…"


def test_earlier_cases_keep_their_verdict_when_a_later_one_ends_the_worker(
    runner: ProcessRunner, question: BakedQuestion
) -> None:
    report = judge(runner, question, "import os\n" + returns(before="len(x) == 1 and os._exit(0)"))
    assert verdicts(report) == ["passed", "passed", "crashed", "crashed"]
    assert report["earned"] == 2.0


def test_deadline_is_for_all_cases_together(runner: ProcessRunner, question: BakedQuestion) -> None:
    source = returns(before="time.sleep(0.25)").replace("import numpy as np", "import time")
    report = judge(runner, replace(question, seconds=0.8), source)  # no case alone takes as long
    assert report["verdict"] == "timed_out"


# ---------------------------------------------------------------- properties


def property_question(check: Any, **changed: Any) -> tuple[BakedQuestion, dict[str, Any]]:
    """A question whose function must not change x; `check` judges in place of the one it was baked with."""
    declared = Question(
        "keep", number="A2", module="m", points=3, minutes=5, calls=("y = keep(x)",), inputs={"x": "N"},
        outputs={"y": "N"}, oracle=lambda x: x, verdict="kept", draw=lambda rng, sizes: {"secret": np.arange(2.0)},
        cases=(Case("open", N=3), Case("shut", N=4, hidden=True)),
    )  # fmt: skip
    return bake_question(replace(declared, **changed), "seed", {"kept": lambda values, arrays: {"y": ""}}), {
        "kept": check
    }


KEEP = "def keep(x): return x"


def test_property_judges(runner: ProcessRunner) -> None:
    seen: list[set[str]] = []

    def check(values: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, str]:
        seen.append(set(arrays))
        return {"y": "" if np.array_equal(values["y"], arrays["x"]) else "y moves\x07"}

    question, properties = property_question(check)
    report = judge(runner, question, KEEP, properties)
    assert (report["verdict"], report["earned"]) == ("passed", 3.0)
    assert seen == [{"x", "secret"}] * 2
    report = judge(runner, question, "def keep(x): return x + 1", properties)
    assert (report["verdict"], report["earned"]) == ("wrong", 0.0)
    assert case_of(report, "open")["values"][0]["findings"] == ["y moves\ufffd"]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (lambda values, arrays: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda values, arrays: {"other": ""}, "ValueError: value other belongs to no output of the question"),
        (None, "KeyError: 'kept'"),
    ],
)
def test_failing_property_is_the_graders_error(runner: ProcessRunner, check: Any, text: str) -> None:
    question, properties = property_question(check)
    report = judge(runner, question, KEEP, {} if check is None else properties)
    assert (report["verdict"], report["earned"]) == ("grader_error", 0.0)
    assert case_of(report, "open")["text"] == text


# ---------------------------------------------------------------- naming mistakes


MISTAKES: list[tuple[Any, ...]] = [
    # one mistake; the one that would spoil z as well is not meant, for z is right
    (returns(y="2 * x * w"), {"y": ("y twice", TWICE_Y)}, {"y": ("y twice", TWICE_Y)}),
    # one mistake in both outputs beats two
    (returns(y="2 * x * w", z="2 * (x + w)"),
     dict.fromkeys("yz", ("all twice", "Are both too large?")),
     dict.fromkeys("yz", ("all twice", "Are both too large?"))),
    # two bugs
    (returns(y="-x * w", z="2 * (x + w)"), {"y": ("sign 1", MINUS), "z": ("z twice", TWICE_Z)},
     {"y": ("sign 1", MINUS), "z": ("z twice", TWICE_Z)}),
    # one that is known and one that is not
    (returns(y="2 * x * w", z="x - w"), {"y": ("y twice", TWICE_Y), "z": ("", "")},
     {"y": ("y twice", TWICE_Y), "z": ("", "")}),
    # two mistakes that give the same, with the same hint and with different ones
    (returns(y="-x * w"), {"y": ("sign 1", MINUS)}, {"y": ("sign 1", MINUS)}),
    (returns(y="x * w / 2"), {"y": ("", "")}, {"y": ("", "")}),
    # to float32 accuracy the same is the same
    (returns(y="2 * x * w * (1 + 1e-8)"), {"y": ("y twice", TWICE_Y)}, {"y": ("y twice", TWICE_Y)}),
    (returns(y="2 * x * w * (1 + 1e-3)"), {"y": ("", "")}, {"y": ("", "")}),
    # an edge case that is right, or wrong in its own way, does not unsay what the plain cases show
    (returns(y="x * w * (2 if len(x) in (2, 3) else 1)"), {"y": ("y twice", TWICE_Y)}, {"y": ("y twice", TWICE_Y)}),
    (returns(y="x * w * (7 if len(x) == 1 else 2)"), {"y": ("y twice", TWICE_Y)}, {"y": ("y twice", TWICE_Y)}),
    # public cases are explained without the hidden ones; hidden ones only with all
    (returns(y="x * w * (2 if len(x) < 3 else 7)"), {"y": ("y twice", TWICE_Y)}, {"y": ("", "")}),
    # a mistake that crashes has no value to be recognised by
    (returns(y="None"), {"y": ("", "")}, {"y": ("", "")}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "small", "wide"), MISTAKES)
def test_mistakes_are_named(judge_fast: Judge, question: BakedQuestion, source: str, small: Any, wide: Any) -> None:
    report = judge_fast(question, source)
    assert named(report) == small
    assert named(report, "wide") == wide


def test_mistake_that_would_fail_a_plain_case_that_is_right_is_not_meant(
    runner: ProcessRunner, question: BakedQuestion
) -> None:
    report = judge(runner, question, returns(y="x * w * (2 if len(x) in (2, 4) else 1)"))
    assert verdicts(report) == ["wrong", "passed", "passed", "wrong"]
    assert named(report) == {"y": ("y twice", TWICE_Y)}  # as far as the public cases show
    assert named(report, "strided") == {"y": ("", "")}  # but `wide` is right


def test_a_part_of_a_list_is_named_by_itself(runner: ProcessRunner) -> None:
    declared = Question(
        "parts", number="A1", module="m", points=2, minutes=5, calls=("g = parts(x)",), inputs={"x": "N D"},
        outputs={"g": "D; N"}, oracle=lambda x: [x.sum(0), x.sum(1)], cases=(Case("a", N=2, D=3), Case("b", hidden=True,
        N=3, D=2)), mistakes=(Mistake("mean", "A sum?", lambda x: [x.sum(0), x.mean(1)]),),
    )  # fmt: skip
    question = bake_question(declared, "seed", {})
    report = judge(runner, question, "def parts(x): return [x.sum(0), x.mean(1)]")
    assert named(report, "a") == {"g[1]": ("mean", "A sum?")}
    assert case_of(report, "a")["values"][1]["findings"][0] == "g[1] is 1/D = 1/3 times what is expected, everywhere"
    for source, text in (
        ("return [x.sum(0)]", "g does not have the parts of a list of 2: g[0], g[1]"),
        ("return x", "g does not have the parts of a list of 2: g[0], g[1]"),
        ("return None", "g does not have the parts of a list of 2: g[0], g[1]"),
    ):
        report = judge(runner, question, f"def parts(x): {source}")
        assert case_of(report, "a")["values"][0]["findings"] == [text]
        assert report["earned"] == 0.0


def listed(*values: float) -> str:
    return f"def parts(x): return [x.sum(0) * {values[0]}, x.sum(1) * {values[1]}], x.sum() * {values[2]}"


PARTS = Question(
    "parts", number="A1", module="m", points=2, minutes=5, calls=("g, s = parts(x)",), inputs={"x": "N D"},
    outputs={"g": "D; N", "s": "number"}, oracle=lambda x: ([x.sum(0), x.sum(1)], x.sum()),
    cases=(
        Case("a", N=2, D=3), Case("b", hidden=True, N=3, D=2),
        Case("again", N=2, D=4, costs=0.25, calls=("g, s = parts(x)", "g_again, s_again = parts(x)"), hint="And again?"),
    ),
    mistakes=(
        Mistake("both", "Twice?", lambda x: ([2 * x.sum(0), 2 * x.sum(1)], x.sum())),
        Mistake("told", "Your s is a third: why?", lambda x: ([3 * x.sum(0), 3 * x.sum(1)], x.sum() / 3)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ((2, 2, 1), {"g[0]": "both", "g[1]": "both"}),
        ((2, 7, 1), {"g[0]": "", "g[1]": ""}),  # one part like a mistake may be chance
        ((2, 1, 1), {"g[0]": ""}),
        ((3, 3, 1 / 3), {"g[0]": "told", "g[1]": "told", "s": "told"}),
        ((3, 3, 1), {"g[0]": "", "g[1]": ""}),  # its hint speaks of s, and s is right
        ((3, 3, 9), {"g[0]": "", "g[1]": "", "s": ""}),
        ((1, 1, 1 / 3), {"s": "told"}),
    ],
)
def test_a_mistake_explains_all_of_an_output_and_its_hint_holds(
    runner: ProcessRunner, values: tuple[float, ...], names: dict[str, str]
) -> None:
    report = judge(runner, bake_question(PARTS, "seed", {}), listed(*values))
    for case in ("a", "b"):
        assert {leaf: mistake for leaf, (mistake, _) in named(report, case).items()} == names
    again = {f"{leaf[0]}_again{leaf[1:]}": name for leaf, name in names.items()}
    assert {leaf: mistake for leaf, (mistake, _) in named(report, "again").items()} == {**names, **again}


def test_a_later_value_is_not_named_against_the_first(runner: ProcessRunner) -> None:
    source = """
calls = 0
def parts(x):
    global calls
    calls += 1
    factor = 2 if calls == 4 else 7
    return [x.sum(0) * factor, x.sum(1) * factor], x.sum()
"""
    report = judge(runner, bake_question(PARTS, "seed", {}), source)
    assert set(named(report, "again")) == {"g[0]", "g[1]", "g_again[0]", "g_again[1]"}
    assert {mistake for mistake, _ in named(report, "again").values()} == {""}


def test_values_in_another_order_are_told(runner: ProcessRunner, question: BakedQuestion) -> None:
    report = judge(runner, question, returns(y="x + w", z="x * w"))
    found = {value["name"]: value["findings"][0] for value in case_of(report, "small")["values"]}
    assert found == {"y": "y holds what is expected of z: in which order are they returned?",
                     "z": "z holds what is expected of y: in which order are they returned?"}  # fmt: skip
    report = judge(runner, question, returns(y="x + w"))
    value, right = case_of(report, "small")["values"]
    assert value["findings"][0].startswith("y holds what is expected of z")
    assert right["right"]


def test_hint_of_a_public_case_is_silent_only_where_a_public_case_fails(
    runner: ProcessRunner, question: BakedQuestion
) -> None:
    report = judge(runner, question, returns(y="x * w * (1 if len(x) in (2, 4) else 7)"))  # wide is hidden
    assert [case["hint"] for case in report["cases"]] == ["", "", "And for one sample?", ""]


def test_case_that_compares_answers_has_no_hint_where_there_is_none(runner: ProcessRunner) -> None:
    question = bake_question(PARTS, "seed", {})
    source = "def parts(x): return [x.sum(0), x.sum(1)], x.sum() * (1 if x.shape[1] < 4 else {})"
    assert case_of(judge(runner, question, source.format("7")), "again")["hint"] == "And again?"
    report = judge(runner, question, source.format("x[99]"))
    assert (case_of(report, "again")["verdict"], case_of(report, "again")["hint"]) == ("crashed", "")


# ---------------------------------------------------------------- hints of cases, warnings


HINTS: list[tuple[Any, ...]] = [
    (returns(y="x * w * (1 if len(x) > 1 else 7)"), ["", "", "And for one sample?", ""]),
    (returns(y="x * w * (1 if len(x) < 4 else 7)"), ["", "", "", "A hidden hint."]),
    (returns(before="len(x) == 1 and x[5]"), ["", "", "And for one sample?", ""]),
    (returns(y="x * w * (1 if len(x) == 3 else 7)"), ["", "", "", ""]),  # a plain case fails as well
    (returns(), ["", "", "", ""]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "hints"), HINTS)
def test_hints_of_edge_cases_are_for_edge_cases(
    judge_fast: Judge, question: BakedQuestion, source: str, hints: list[str]
) -> None:
    report = judge_fast(question, source)
    assert [case["hint"] for case in report["cases"]] == hints
    assert [case["plain"] for case in report["cases"]] == [True, True, False, False]
    assert [case["hidden"] for case in report["cases"]] == [False, True, False, True]


def test_change_in_place_is_warned_of_and_costs_nothing(runner: ProcessRunner, question: BakedQuestion) -> None:
    report = judge(runner, question, returns(y="y", z="z", before="y, z = x * w, x + w; x += 1; w *= 0"))
    text = "changes its input in place: x, w. Work on a copy; no points are lost"
    assert report["earned"] == 4.0
    assert [case["warnings"] for case in report["cases"]] == [[text]] * 4
    report = judge(runner, question, returns(before="x += 1; x[99]"))
    assert [case["warnings"] for case in report["cases"]] == [[]] * 4


def test_change_of_what_an_earlier_call_returned_is_warned_of(runner: ProcessRunner) -> None:
    twice = ("y = keep(x)", "y_sum = keep(y)")
    question, properties = property_question(lambda values, arrays: {"y": ""}, calls=twice, inputs={"x": "N"})
    one_array = "kept = {}\ndef keep(x):\n    y = kept.setdefault(x.shape, 0 * x)\n    y += x\n    return y\n"
    report = judge(runner, question, one_array, properties)
    text = "changes what an earlier call returned: y. Give a new array back each time; no points are lost"
    assert (report["earned"], [case["warnings"] for case in report["cases"]]) == (3.0, [[text]] * 2)


@pytest.mark.parametrize(("nan", "names"), [("y", ["", ""]), ("both", ["b", "b"])])
def test_nan_alone_names_no_mistake(runner: ProcessRunner, nan: str, names: list[str]) -> None:
    """A loss that is nan has many causes: the one is named that explains the gradient too, or none."""

    def spoil(y: float, g: float) -> Any:
        return lambda x: (x.sum() + y, x * 2 + g)

    question = bake_question(Question(
        "loss", number="A1", module="m", points=2, minutes=5, calls=("y, g = loss(x)",), inputs={"x": "N"},
        outputs={"y": "number", "g": "N"}, oracle=lambda x: (x.sum(), x * 2),
        cases=(Case("small", N=3), Case("wide", N=4, hidden=True)),
        mistakes=(Mistake("a", "A?", spoil(np.nan, 0.0)), Mistake("b", "B?", spoil(np.nan, np.nan))),
    ), "seed", {})  # fmt: skip
    gradient = "x * 2 + 1" if nan == "y" else "x * float('nan')"
    report = judge(runner, question, f"def loss(x): return float('nan'), {gradient}")
    assert [value["mistake"] for value in case_of(report, "small")["values"]] == names
    report = judge(runner, question, "def loss(x): return float('nan'), x * 2")
    assert [value["mistake"] for value in case_of(report, "small")["values"]] == ["a", ""]


def test_float32_and_lists_are_warned_of(runner: ProcessRunner, question: BakedQuestion) -> None:
    report = judge(runner, question, returns(y="(x * w).astype('f4')", z="(x + w).tolist()"))
    assert report["earned"] == 4.0
    assert case_of(report, "small")["warnings"] == [
        "y is right to float32 accuracy only; stay in float64", "z is a list; return an array",
    ]  # fmt: skip


# ---------------------------------------------------------------- the report


def test_same_submission_gives_the_same_report(runner: ProcessRunner, question: BakedQuestion) -> None:
    source = returns(y="2 * x * w + np.random.rand(*x.shape)", z="list(x + w + id(x) * 0)", before="x += 1")
    first, second = (json.dumps(judge(runner, question, source)) for _ in range(2))
    assert first == second


def test_report_from_some_cases(runner: ProcessRunner, question: BakedQuestion) -> None:
    runner.open({"m": returns(y="x * w * (7 if len(x) == 3 else 1)").encode()})
    run = QuestionRun(question, runner, {})
    outcomes = [run.run(case) for case in question.cases]
    shown = run.report([outcome for outcome in outcomes if not outcome.case.hidden])
    assert (shown["verdict"], shown["earned"]) == ("passed", 4.0)
    assert [case["name"] for case in shown["cases"]] == ["small", "one"]
    assert (run.report()["verdict"], run.report()["earned"]) == ("wrong", 2.0)


@pytest.mark.parametrize(
    ("name", "output"), [("h", "h"), ("h_later", "h"), ("h_last", "h_last"), ("h_last_2", "h_last")]
)
def test_owner(name: str, output: str) -> None:
    assert owner(name, ("h", "h_last", "y")) == output


@pytest.mark.parametrize("name", ["H", "hidden", "x_h", ""])
def test_value_without_owner_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="belongs to no output"):
        owner(name, ("h", "h_last"))


def test_case_that_asks_for_one_output_costs_only_that_one(question: BakedQuestion) -> None:
    case: BakedCase = replace(question.cases[0], returns=("y_again",))
    assert Outcome(case, "crashed", answer=Answer("crashed")).wrong_outputs(("y", "z")) == {"y"}
    assert Outcome(case, "passed").wrong_outputs(("y", "z")) == set()
    assert Outcome(replace(case, verdict="some"), "crashed").wrong_outputs(("y", "z")) == {"y", "z"}


# ---------------------------------------------------------------- several functions in one question

TWO = Question(
    "two", number="A1", module="m", points=4, minutes=5,
    calls=("y = double(x)", "z = shift(x)", "z_again = shift(x)", "z_after = shift(y)"),
    inputs={"x": "N D"}, outputs={"y": "N D", "z": "N D"}, oracle={"double": lambda x: 2 * x, "shift": lambda x: x + 1},
    cases=(Case("small", N=2, D=3), Case("wide", N=3, D=5, hidden=True)),
    mistakes=(Mistake("halves", "Which way?", {"double": lambda x: x / 2, "shift": lambda x: x + 1}),),
)  # fmt: skip
DOUBLE, SHIFT = "def double(x):\n    return 2 * x\n", "def shift(x):\n    return x + 1\n"
STUB = "def {}(x):\n    raise NotImplementedError\n"


@pytest.mark.parametrize(
    ("source", "verdict", "shares", "findings"),
    [
        (DOUBLE + SHIFT, "passed", [2.0, 2.0], []),
        (DOUBLE + STUB.format("shift"), "wrong", [2.0, 0.0], ["shift is not written yet"]),
        (STUB.format("shift") + STUB.format("double"), "not_implemented", [0.0, 0.0], []),
        (DOUBLE, "wrong", [2.0, 0.0], ["toy/m.py has no shift"]),
        (DOUBLE + "def shift(x):\n    return x[9]\n", "wrong", [2.0, 0.0],
         ["shift stopped with IndexError: index 9 is out of bounds for axis 0 with size 2"]),
        # What shift makes of double's result cannot be known; the rest of it can.
        (STUB.format("double") + SHIFT, "wrong", [0.0, 0.0], ["double is not written yet"]),
        (DOUBLE.replace("2 * x", "x / 2") + STUB.format("shift"), "wrong", [0.0, 0.0],
         ["y is 1/4 times what is expected, everywhere", "shift is not written yet"]),
        (DOUBLE + "def shift(x):\n    raise SystemExit\n", "wrong", [2.0, 0.0],
         ["shift stopped with the code asked Python to exit"]),
        (DOUBLE + "def shift(x):\n    open('x')\n", "forbidden", [0.0, 0.0], []),
        (DOUBLE + "def shift(x):\n    import os; os._exit(0)\n", "crashed", [0.0, 0.0], []),
    ],
)  # fmt: skip
def test_a_function_does_not_fall_with_another(
    runner: ProcessRunner, source: str, verdict: str, shares: list[float], findings: list[str]
) -> None:
    report = judge(runner, bake_question(TWO, "seed", {}), source)
    assert report["verdict"] == verdict
    assert [output["earned"] for output in report["outputs"]] == shares
    told = [text for value in case_of(report, "small")["values"] for text in value["findings"]]
    assert [text for text in told if not text.startswith("y[0, 0]")] == findings


COUNTS = Question(
    "half", number="A1", module="m", points=2, minutes=5, calls=("n_0 = half(T_0)", "n_1 = half(T_1)"), inputs={},
    outputs={"n": "number"}, oracle=lambda T: T // 2, draw=lambda rng, sizes: {"T_0": 7, "T_1": 12},
    cases=(Case("small"), Case("other", hidden=True)), mistakes=(Mistake("M", "Which way?", lambda T: T),),
)  # fmt: skip


def test_a_number_is_called_by_the_call_that_gave_it(runner: ProcessRunner) -> None:
    """n_0 is no name that a student knows."""
    report = judge(runner, bake_question(COUNTS, "seed", {}), "def half(T):\n    return -(-T // 2)\n")
    assert [value["findings"] for value in case_of(report, "small")["values"]] == [["half(7) is 4; expected 3"], []]


def test_what_is_not_written_yet_has_no_trace(runner: ProcessRunner) -> None:
    report = judge(runner, bake_question(TWO, "seed", {}), DOUBLE + STUB.format("shift"))
    assert [case["trace"] for case in report["cases"]] == ["", ""]


BUSY = "def {}(x):\n    {}\n    return {}\n"
QUARTER = "import time; time.sleep(0.25)"


@pytest.mark.parametrize(
    ("double", "shift", "slow"),
    [
        ("pass", "while True: pass", "shift"),
        ("while True: pass", "pass", "double"),
        ("import time; time.sleep(0.05)", "import time; time.sleep(9)", "shift"),
        ("pass", QUARTER, "shift"),  # three calls of it: none of them takes long by itself
        ("while True: pass", "while True: pass", "double"),
    ],
)
def test_which_function_is_slow_is_said(runner: ProcessRunner, double: str, shift: str, slow: str) -> None:
    question = replace(bake_question(TWO, "seed", {}), seconds=0.7)
    report = judge(runner, question, BUSY.format("double", double, "2 * x") + BUSY.format("shift", shift, "x + 1"))
    assert report["verdict"] == "timed_out"
    text = case_of(report, "small")["text"]
    assert text == f"not finished in time (0.7 seconds for all cases of the question): {slow} is slow"


def test_a_slow_import_is_no_functions_fault(runner: ProcessRunner) -> None:
    question = replace(bake_question(TWO, "seed", {}), seconds=0.4)
    report = judge(runner, question, "while True: pass\n" + DOUBLE + SHIFT)
    text = "not finished in time, while m.py was being imported (0.4 seconds for all cases of the question)"
    assert case_of(report, "small")["text"] == text


def test_where_one_function_stopped_is_shown(runner: ProcessRunner) -> None:
    report = judge(runner, bake_question(TWO, "seed", {}), DOUBLE + "def shift(x):\n    return x[9]\n")
    assert case_of(report, "small")["trace"].count("line 4, in shift") == 1


def test_a_mistake_is_named_beside_a_function_that_is_missing(runner: ProcessRunner) -> None:
    report = judge(runner, bake_question(TWO, "seed", {}), DOUBLE.replace("2 * x", "x / 2"))
    assert named(report)["y"] == ("halves", "Which way?")
    assert named(report)["z"] == ("", "")


# ---------------------------------------------------------------- numbers to draw


def test_public_cases_alone_keep_numbers_to_draw(question: BakedQuestion, runner: ProcessRunner) -> None:
    in_time = replace(question, outputs={"y": "T D", "z": "T D"})
    report = judge(runner, in_time, returns(y="np.concatenate([x[:1] * w, x[1:] * w + 1])"))
    small = {value["name"]: value for value in case_of(report, "small")["values"]}
    assert [error > 0 for error in small["y"]["profile"]["steps"]] == [False, True]
    assert "profile" not in small["z"]
    wide = {value["name"]: value for value in case_of(report, "wide")["values"]}
    assert not wide["y"]["right"]
    assert "profile" not in wide["y"]
    assert report == judge(runner, in_time, returns(y="np.concatenate([x[:1] * w, x[1:] * w + 1])"))
