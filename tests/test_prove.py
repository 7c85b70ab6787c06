"""The proof of the grader is itself proven: each thing that it claims is broken once, and it must say so."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder import cli, commands
from autograder.authoring import bench, mixtures, mutants, programs, prove
from autograder.authoring.bake import _moved, bake, bake_question, blind_spots
from autograder.authoring.declare import Assignment, AssignmentError, load_assignment
from autograder.authoring.mutants import Mutant
from autograder.checks.bundle import Bundle
from autograder.checks.judge import fingerprint
from autograder.checks.question import Case, Mistake, Question
from autograder.checks.runner import Answer
from autograder.checks.wire import Opaque
from autograder.grading import reports

# ---------------------------------------------------------------- mutants

SOURCE = '''
"""A module."""
import numpy as np

from .other import helper


def asked(x: int, y, n: int = 3):
    """Its docstring."""
    N, T = y.shape
    total = 0.5
    for t in range(T):
        total += helper(x) * y[:, t - 1].sum(axis=0)
    if x > 2:
        return np.tanh(total), own(y).T
    return total


@helper
def own(y):
    return y[1:] if len(y) else -y


class Thing:
    def part(self):
        return own(1)
'''
OTHER = "def helper(x):\n    return x\n\n\ndef unused():\n    return helper(1)\n"


def changes(function: str, source: str = SOURCE) -> set[tuple[str, str]]:
    return {(mutant.was, mutant.becomes) for mutant in mutants.mutants("m", source, [function])}


@pytest.mark.parametrize(
    ("body", "becomes"),
    [
        ("return a + b", {"a - b", "a * b", "a", "b", "b + b", "a + a"}),
        ("return a - b", {"a + b", "a", "b", "b - a", "b - b", "a - a"}),
        ("return a @ b", {"a", "b", "a @ b.T", "a.T @ b", "b @ a", "b @ b", "a @ a"}),
        ("return a ** 2", {"a * 2", "a", "2", "b ** 2", "a ** 3", "a ** 1"}),
        ("return a < 1", {"a <= 1", "a >= 1", "b < 1", "a < 2", "a < 0"}),
        ("return -a", {"a", "-b"}),
        ("return a.T", {"a", "b.T"}),
        ("return 0.5", {"1.5", "-0.5"}),
        ("return 0.0", {"1.0", "-1.0"}),
        ("return True", {"False"}),
        ("return 'x'", {"''"}),
        ("return None", set()),
        ("return a if b else 1",
         {"a", "1", "b if b else 1", "a if a else 1", "a if b else 2", "a if b else 0"}),
        ("return (a, b)", {"(b, a)", "(b, b)", "(a, a)"}),
        ("return a[0]", {"b[0]", "a[1]", "a[-1]"}),
        ("return a[b]", {"b[b]", "a[a]", "a[b + 1]", "a[b - 1]"}),
        ("return a[b:]", {"b[b:]", "a[a:]", "a[b + 1:]", "a[b - 1:]", "a[:]"}),
        ("return a[:b]", {"b[:b]", "a[:a]", "a[:b + 1]", "a[:b - 1]", "a[:]"}),
        ("return a[:, b]", {"b[:, b]", "a[:, a]", "a[b, :]", "a[:, b + 1]", "a[:, b - 1]"}),
        ("return np.tanh(a)", {"a", "np.exp(a)", "np.sin(a)", "np.tanh(b)"}),
        ("return a.sum(axis=1)", {"a", "a.sum()", "a.mean(axis=1)", "a.max(axis=1)", "b.sum(axis=1)",
                                  "a.sum(axis=2)", "a.sum(axis=0)"}),
        ("return f(a, b)", {"f(b, a)", "f(b, b)", "f(a, a)"}),
        ("return max(a)", {"a", "min(a)", "max(b)"}),
        ("return sum(a)", {"a", "max(a)", "sum(b)"}),
        ("return range(a)", {"a", "range(a - 1)", "range(1, a)", "reversed(range(a))", "range(b)"}),
    ],
)  # fmt: skip
def test_each_kind_of_expression_has_its_mutants(body: str, becomes: set[str]) -> None:
    source = f"import numpy as np\n\n\ndef asked(a, b):\n    {body}\n"
    was = ast.unparse(ast.parse(body))
    assert changes("asked", source) == {(was, f"return {text}") for text in becomes} | {(was, "pass")}


def test_statements_have_theirs() -> None:
    found = changes("asked")
    assert {
        ("total += helper(x) * y[:, t - 1].sum(axis=0)", "total = helper(x) * y[:, t - 1].sum(axis=0)"),
        ("total += helper(x) * y[:, t - 1].sum(axis=0)", "total -= helper(x) * y[:, t - 1].sum(axis=0)"),
        ("total += helper(x) * y[:, t - 1].sum(axis=0)", "pass"),
        ("if x > 2:", "if not x > 2:"),
        ("if x > 2:", "if True:"),
        ("if x > 2:", "pass"),
        ("for t in range(T):", "for t in range(1, T):"),
        ("N, T = y.shape", "T, N = y.shape"),
    } <= found
    assert not any("def " in was or "docstring" in was for was, _ in found)
    assert not any("int" in becomes or "n: " in becomes for _, becomes in found)


def test_sizes_stand_for_sizes_and_arrays_for_arrays() -> None:
    found = {becomes for was, becomes in changes("asked") if was.startswith("for t in")}
    assert "for t in range(N):" in found
    assert not {"for t in range(y):", "for t in range(total):"} & found


def test_mutants_differ_from_the_source_and_are_known_by_their_texts() -> None:
    found = mutants.mutants("m", SOURCE, ["asked", "own", "Thing"])
    assert len({mutant.key for mutant in found}) == len(found)
    texts = {mutants.apply(SOURCE, [mutant]) for mutant in found}
    assert len(texts) == len(found)
    for text in texts:
        compile(text, "m", "exec")
    plain = ast.dump(ast.parse(SOURCE))
    assert plain not in {ast.dump(ast.parse(text)) for text in texts}
    assert plain == ast.dump(ast.parse(mutants.apply(SOURCE, [])))


def test_same_texts_are_numbered() -> None:
    source = "def asked(a):\n    b = a + 1\n    b = a + 1\n    return b\n"
    found = [m for m in mutants.mutants("m", source, ["asked"]) if (m.was, m.becomes) == ("b = a + 1", "b = a - 1")]
    assert [mutant.nth for mutant in found] == [1, 2]
    assert [mutants.apply(source, [mutant]).splitlines()[number] for number, mutant in enumerate(found, 1)] == [
        "    b = a - 1", "    b = a - 1",
    ]  # fmt: skip
    assert mutants.apply(source, found).count("a - 1") == 2


def find(becomes: str, function: str = "asked") -> Mutant:
    (found,) = (m for m in mutants.mutants("m", SOURCE, [function]) if m.becomes == becomes)
    return found


def test_mutants_are_put_together_unless_they_overlap() -> None:
    one, two = find("total = 1.5"), find("if True:")
    both = mutants.apply(SOURCE, [one, two])
    assert "total = 1.5" in both
    assert "if True:" in both
    assert not mutants.overlap(one, two)
    inner = find("if x >= 2:")
    assert mutants.overlap(two, inner)
    assert mutants.overlap(inner, two)
    assert not mutants.overlap(one, replace(one, function="own"))


def test_what_a_function_uses_is_found_through_modules() -> None:
    sources = {"m": SOURCE, "other": OTHER}
    assert mutants.uses(sources, "m", "asked") == {("m", "asked"), ("m", "own"), ("other", "helper")}
    assert mutants.uses(sources, "m", "Thing") == {("m", "Thing"), ("m", "own"), ("other", "helper")}
    assert mutants.uses(sources, "m", "nothing") == set()
    assert mutants.uses({"m": SOURCE}, "m", "asked") == {("m", "asked"), ("m", "own")}


# ---------------------------------------------------------------- a small assignment

TOML = """
name = "toy"
title = "A toy"
version = "1"
package = "toy"
questions = ["first"]
hidden_seed = "drawn by chance, they say"

[parts]
A = "One"
"""
QUESTIONS = """
from autograder.checks.question import Case, Mistake, Question

QUESTIONS = (
    Question(
        "pair", number="A1", module="m", points=4, minutes=1, calls=("y, z = pair(x, w)",),
        inputs={"x": "N D", "w": "D"}, outputs={"y": "N D", "z": "N"},
        oracle=lambda x, w: (x * w, x @ w + 1),
        cases=(Case("small", N=2, D=3), Case("wide", N=5, D=4, hidden=True)),
        mistakes=(
            Mistake("minus", "Which sign?", lambda x, w: (-x * w, x @ w + 1)),
            Mistake("twice", "How often?", lambda x, w: (2 * x * w, 2 * (x @ w) + 2)),
            Mistake("bare", "What is added?", lambda x, w: (x * w, x @ w)),
            Mistake("plus", "A sum, or a product?", lambda x, w: (x + w, x @ w + 1)),
        ),
    ),
)
"""
REFERENCE = '''"""Right."""


# BEGIN SOLUTION
def _sum(p):
    return p.sum(axis=1)
# END SOLUTION


def pair(x, w):
    """Give both."""
    # BEGIN SOLUTION
    return x * w, _sum(x * w) + 1
    # END SOLUTION
'''
LOOPS = "def pair(x, w):\n    return w * x, x @ w + 1\n"
WRAP = "def wrap(function):\n    return lambda *args: function(*args)\n"
LISTED = """
[[mutant]]
in = "m.pair"
was = "return (x * w, _sum(x * w) + 1)"
becomes = "return (x * w, _sum(x * w) + 2)"
why = "Never."
"""


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., prove.Proof]:
    """Prove a small assignment; files by path replace or join its own."""

    def proven(files: Mapping[str, str] | None = None, **options: Any) -> prove.Proof:
        whole = {
            "assignments/toy/assignment.toml": TOML, "assignments/toy/questions/first.py": QUESTIONS,
            "reference/toy/m.py": REFERENCE, "tests/styles/loops/toy/m.py": LOOPS,
            "tests/styles/wrapped/toy/_wrap.py": WRAP, **(files or {}),
        }  # fmt: skip
        for name, text in whole.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        assignment = load_assignment(tmp_path / "assignments/toy")
        return prove.prove(assignment, bake(assignment), **options)

    return proven


def test_what_holds_is_proven(toy: Callable[..., prove.Proof]) -> None:
    seen: list[str] = []
    proof = toy(step=seen.append)
    assert proof.problems == []
    score = proof.scores["pair"]
    assert (score.mistakes, score.caught, score.named) == (4, 4, 4)
    assert score.mutants == score.killed == proof.tried == proof.killed > 10
    assert (score.harmless, score.listed, proof.survivors) == (0, 0, [])
    assert proof.styles == ["loops", "wrapped"]
    assert proof.programs > 0
    assert proof.helped > 0
    assert (proof.misnamed, proof.strangers) == (0, [])
    assert 1e3 < score.smallest < 1e9
    assert 0 <= score.largest < 0.2
    assert {"pair", "loops", "the reference", "m.pair", "m._sum"} <= set(seen)
    text = "\n".join(prove.lines(proof))
    assert "4 mistakes: 4 caught in public and in hidden, 4 named by their own hint" in text
    assert "2 right styles: loops, wrapped" in text


def test_mutants_that_are_known_mistakes_are_put_into_one_program(toy: Callable[..., prove.Proof]) -> None:
    proof = toy(amount=prove.Amount(None, 0, 40))
    assert proof.known >= 2  # without + 1, and x + w
    assert 0 < proof.programs == proof.helped < 40
    assert (proof.misnamed, proof.relatives, proof.problems) == (0, 0, [])
    assert toy(amount=prove.Amount(None, 0, 0)).programs == 0


def test_mistakes_are_joined_by_output_and_by_sum() -> None:
    right, none = np.array([1.0, 2.0]), None
    total = mixtures._sum(right, [np.array([2.0, 2.0]), np.array([1.0, 5.0])])
    np.testing.assert_array_equal(total, [2.0, 5.0])
    assert mixtures._sum(1.0, [2.0, 4.0]) == 5.0
    assert mixtures._sum([1.0, 2.0], [[1.0, 3.0], [2.0, 2.0]]) == [2.0, 3.0]
    assert mixtures._sum((1.0,), [(3.0,), (1.0,)]) == [3.0]
    assert mixtures._sum(right, [right, none]) is None
    odd = np.ones((2, 1))
    assert mixtures._sum(right, [right, odd]) is odd
    assert mixtures._sum(1.0, [2.0, odd]) is odd
    assert mixtures._sum([1.0], [[2.0], odd]) is odd


def test_programs_of_several_mistakes_spoil_what_they_are_made_of() -> None:
    question = bake_question(
        Question(
            "f", "A1", "m", 1, 1, ("y, z = f(x)",), {"y": "N", "z": "N"}, lambda x: (x, x), inputs={"x": "N"},
            cases=(Case("a", N=3), Case("b", N=4, hidden=True)),
            mistakes=(Mistake("y", "?", lambda x: (-x, x)), Mistake("z", "?", lambda x: (x, -x))),
        ), "seed", {},
    )  # fmt: skip
    answers = {
        name: {case.name: Answer(values={**case.expected, name: -case.expected[name]}) for case in question.cases}
        for name in "yz"
    }
    for seed in range(5):
        given = mixtures.by_output(question, answers, random.Random(seed))
        assert given is not None
        for case in question.cases:
            np.testing.assert_array_equal(given[case.name].values["y"], -case.expected["y"])
            np.testing.assert_array_equal(given[case.name].values["z"], -case.expected["z"])
    assert mixtures.by_output(question, {"y": answers["y"], "twin": answers["y"]}, random.Random(0)) is None
    crashed = {**answers, "y": {"a": Answer("crashed"), "b": answers["y"]["b"]}}
    given = mixtures.by_output(question, crashed, random.Random(0))
    assert given is not None
    assert (given["a"].verdict, given["b"].verdict) == ("crashed", "")
    added = mixtures.added(question, crashed, random.Random(0))
    assert (added["a"].verdict, added["b"].verdict) == ("crashed", "")


@pytest.mark.parametrize(
    ("named", "verdict", "earned", "counts", "problem"),
    [
        ((("y", "y"),), "wrong", 0.0, (1, 0, 0), ""),
        ((("y", ""),), "wrong", 0.0, (0, 0, 0), ""),
        ((("y", "same"),), "wrong", 0.0, (0, 1, 0), ""),  # does to y what was done to it
        ((("y", "other"),), "wrong", 0.0, (0, 0, 1), ""),
        ((("y", "y"), ("z", "other")), "wrong", 0.0, (1, 0, 1), ""),
        ((), "wrong", 1.0, (0, 0, 0), "f: two (y, z) earn all points"),
        ((), "grader_error", 0.0, (0, 0, 0), "f: two (y, z): the judge failed"),
    ],
)
def test_names_are_held_against_what_was_planted(
    named: tuple[tuple[str, str], ...], verdict: str, earned: float, counts: tuple[int, int, int], problem: str
) -> None:
    question = bake_question(
        Question(
            "f", "A1", "m", 1, 1, ("y, z = f(x)",), {"y": "N", "z": "N"}, lambda x: (x, x), inputs={"x": "N"},
            cases=(Case("a", N=3), Case("b", N=4, hidden=True), Case("edge", N=2, costs=0.5)),
            mistakes=(Mistake("y", "y?", lambda x: (-x, x)), Mistake("z", "z?", lambda x: (x, -x)),
                      Mistake("same", "s?", lambda x: (-x, 2 * x)), Mistake("other", "o?", lambda x: (3 * x, 3 * x))),
        ), "seed", {},
    )  # fmt: skip
    proof = prove.Proof({"f": prove.Score("f")})
    judged = bench.Judged("f", verdict, earned, 1.0, named)
    prove._count_program(proof, question, judged, ["y", "z"], "two")
    assert (proof.helped, proof.relatives, proof.misnamed, proof.programs) == (*counts, 1)
    assert proof.problems == ([problem] if problem else [])
    assert len(proof.strangers) == counts[2]


def test_too_many_wrong_names_are_a_problem(toy: Callable[..., prove.Proof], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "WRONG_NAMES", -1.0)
    (problem,) = toy(amount=prove.Amount(0, 2, 0)).problems
    assert problem.endswith("programs with several mistakes are misnamed")


def test_mutants_are_judged_in_several_processes_alike(toy: Callable[..., prove.Proof]) -> None:
    one, two = toy(), toy(jobs=2)
    assert (one.scores, one.survivors, one.problems) == (two.scores, two.survivors, two.problems)


def changed(old: str, new: str, text: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


ASSIGNED = "assignments/toy/questions/first.py"
LIST = f"assignments/toy/{prove.EQUIVALENT}"
BROKEN: list[tuple[dict[str, str], str]] = [
    # a mistake that another one's hint answers to
    ({ASSIGNED: changed('Mistake("twice"', 'Mistake("also", "Another?", lambda x, w: (-x * w, x @ w + 1)),\n'
                        '            Mistake("twice"', QUESTIONS)}, "pair: mistake minus is named nothing in places"),
    ({ASSIGNED: changed('"What is added?", lambda x, w: (x * w, x @ w)',
                        '"What is added?", lambda x, w: (x * w, x @ w + 1) if len(x) == 4 else 1 / 0',
                        changed("cases=(", 'cases=(Case("more", N=4, D=3), ', QUESTIONS))},
     "pair: mistake bare crashes in every case that it fails, so it has no value to be named by"),
    # a mistake within a hair of the right answer
    ({ASSIGNED: changed("(x * w, x @ w))", "(x * w, (x @ w + 1) * (1 + 1e-5)))", QUESTIONS)},
     "pair: mistake bare is only"),
    # programs that are right and lose points, and the other way round
    ({"reference/toy/m.py": changed("+ 1", "+ 2", REFERENCE)}, "pair: the reference earns 2 (wrong)"),
    ({"tests/styles/loops/toy/m.py": changed("w * x", "w + x", LOOPS)}, "pair: loops earns 2 (wrong)"),
    ({"tests/styles/wrapped/toy/_wrap.py": changed("(*args)", "(*args)[::-1]", WRAP)},
     "pair: wrapped earns 0 (wrong)"),
    ({"tests/styles/loops/toy/m.py": changed("w * x", 'w * x.astype("f")', LOOPS)},
     "pair: loops computes in float64 and is told that it does not"),
    # a mutant that no case sees, and that nobody has looked at
    ({"reference/toy/m.py": changed("return p", "p = 1 * p\n    return p", REFERENCE)},
     "m._sum: 'p = 1 * p' -> 'pass' loses no points; add a case, or prove in"),
    # the list of mutants that are none
    ({LIST: LISTED}, f"{prove.EQUIVALENT}: m.pair: 'return (x * w, _sum(x * w) + 1)' -> 'return (x * w, "
     "_sum(x * w) + 2)' loses points; take it out of the list"),
    ({LIST: changed("+ 2", "+ 7", LISTED)}, f"{prove.EQUIVALENT}: m.pair: 'return (x * w, _sum(x * w) + 1)' -> "
     "'return (x * w, _sum(x * w) + 7)' does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "problem"), BROKEN)
def test_what_does_not_hold_is_said(toy: Callable[..., prove.Proof], files: dict[str, str], problem: str) -> None:
    proof = toy(files)
    assert [text for text in proof.problems if text.startswith(problem)] != []


def test_listed_mutants_may_survive(toy: Callable[..., prove.Proof]) -> None:
    twin = changed("return p", "p = 1 * p\n    return p", REFERENCE)
    listed = '[[mutant]]\nin = "m._sum"\nwas = "p = 1 * p"\nbecomes = "{}"\nwhy = "Times one."\n'
    proof = toy({"reference/toy/m.py": twin, LIST: listed.format("pass") + listed.format("p = p")})
    assert proof.problems == []
    assert proof.survivors == [
        "m._sum: 'p = 1 * p' -> 'pass': Times one.", "m._sum: 'p = 1 * p' -> 'p = p': Times one.",
    ]  # fmt: skip
    score = proof.scores["pair"]
    assert (score.listed, score.mutants - score.killed) == (2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[mutant]\n", "TOMLDecodeError"),
        ('[[mutant]]\nin = "m.f"\n', "KeyError"),
        ("mutant = 3\n", "TypeError"),
        (LISTED.replace("Never.", " "), "is there twice or has no reason"),
        (LISTED + LISTED, "is there twice or has no reason"),
    ],
)
def test_broken_lists_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.toml").write_text(text, encoding="utf-8")
    with pytest.raises(AssignmentError, match=message):
        prove.read_equivalent(tmp_path / "list.toml")


def test_question_that_is_not_there(toy: Callable[..., prove.Proof]) -> None:
    with pytest.raises(AssignmentError, match="has no question other"):
        toy(question="other")


def test_submissions_that_are_said_to_be_right_are_styles_too(tmp_path: Path) -> None:
    said = {"status": "graded", "base": "solution", "questions": {}, "remove": []}
    for name, text in {
        "submissions/right/expected.json": json.dumps(said), "submissions/right/toy/m.py": "RIGHT = 1\n",
        "submissions/right/toy/numpy.py": "1 / 0\n", "submissions/none/expected.json": json.dumps(said),
        "submissions/wrong/expected.json": json.dumps({**said, "questions": {"pair": {}}}),
        "submissions/wrong/toy/m.py": "WRONG = 1\n", "styles/own/toy/m.py": "OWN = 1\n",
        "styles/wrapped/toy/_wrap.py": WRAP,
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    asked = Question("pair", "A1", "m", 1, 1, ("y = pair(x)",), {"y": "N"}, len, (Case("a", N=2),))
    found = programs.right_packages(tmp_path, {"m": "HELPER = 1\n\n\ndef pair(x):\n    pass\n", "n": "N = 1\n"}, [asked])
    assert sorted(found) == ["own", "right", "wrapped"]
    assert found["right"] == {"m": b"RIGHT = 1\n", "n": b"N = 1\n"}
    assert found["own"]["m"].startswith(b"HELPER = 1\n")  # over the reference, whose helpers others may import
    assert found["own"]["m"].endswith(b"OWN = 1\n")
    assert found["wrapped"]["m"].endswith(b"from ._wrap import wrap\npair = wrap(pair)\n")
    assert found["wrapped"]["n"] == b"N = 1\n"


# ---------------------------------------------------------------- the real assignment


@pytest.mark.slow
def test_the_grader_is_proven_by_a_sample(assignment: Assignment, baked: Bundle) -> None:
    few = replace(prove.QUICK, mutants=60, programs=2, pairs=5)
    proof = prove.prove(assignment, baked, amount=few)
    assert proof.problems == []
    assert proof.tried == 60
    assert len(proof.styles) >= 12
    assert sum(score.mistakes for score in proof.scores.values()) >= 250
    assert min(score.smallest for score in proof.scores.values()) > 1000
    assert max(max(score.largest, score.largest32) for score in proof.scores.values()) < 0.25


@pytest.mark.parametrize("style", ["in_place", "scan", "log_space", "classes", "columns", "tape", "homogeneous"])
def test_styles_hold_nothing_of_the_reference(style: str) -> None:
    root = Path(__file__).parent
    own = {statement for path in (root / "styles" / style).rglob("*.py") for statement in bodies(path)}
    right = {statement for path in (root.parent / "reference").rglob("*.py") for statement in bodies(path)}
    assert own & right == set()


def bodies(path: Path) -> set[str]:
    """The functions of a module as text, without names and docstrings, but for those of a line or two."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
    return {"\n".join(map(ast.unparse, node.body)) for node in nodes if len(node.body) > 2}


# ---------------------------------------------------------------- blind spots and tolerances

SEEN = Question(
    "f", "A1", "m", 1, 1, ("h, g = f(x, W, k)",), {"h": "N T H", "g": "N 4H"}, len, (Case("a"),),
    inputs={"x": "N T D", "W": "H H", "mask": "bool N T", "k": "size"},
)  # fmt: skip
MIXED = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("sizes", "inputs", "spots"),
    [
        ({"N": 2, "T": 8, "D": 4, "H": 5, "k": 3}, {}, set()),
        ({"N": 3, "T": 8, "D": 4, "H": 5, "k": 3}, {}, {"N = k"}),
        ({"N": 8, "T": 8, "D": 4, "H": 5}, {}, {"N = T"}),
        ({"N": 2, "T": 8, "D": 4, "H": 2}, {}, {"T = 4H", "N = H"}),
        ({"N": 1, "T": 1, "D": 4, "H": 5}, {}, {"N = 1", "T = 1"}),
        ({"N": 2, "T": 9, "D": 4, "H": 5, "k": 3}, {}, {"T mod k = 0"}),
        ({"N": 2, "T": 10, "D": 4, "H": 5, "k": 3}, {}, {"T mod k = 1"}),
        ({"N": 2, "T": 3, "D": 4, "H": 5, "k": 7}, {}, {"k > T"}),
        ({"N": 2, "T": 7, "D": 4, "H": 5, "k": 7}, {}, {"T = k", "T mod k = 0"}),
        ({"N": 2, "D": 4}, {}, set()),  # axes that the case does not bind
        ({"N": 3, "T": 8, "D": 4, "H": 5}, {"x_start": np.arange(48.0).reshape(3, 4, 4)}, {"D = T of x_start"}),
        ({"N": 3, "T": 8, "D": 4, "H": 5}, {"x_start": np.arange(12.0).reshape(3, 1, 4)}, {"T of x_start = 1"}),
        ({"N": 3, "T": 8, "D": 4, "H": 5}, {"x_start": np.arange(24.0).reshape(3, 2, 4), "x_other": 3}, set()),
        ({"N": 3, "T": 8, "D": 4, "H": 5}, {"x": np.arange(24.0).reshape(3, 2, 4)}, set()),  # its axes are bound
        ({}, {"h0": np.zeros(3)}, {"h0 = 0"}),
        ({}, {"h0": np.zeros(1), "n": 0, "f": 0.0}, set()),
        ({}, {"h0": np.array([0.0, 1.0])}, set()),
        ({}, {"b": np.full(3, 2.0)}, {"b is constant"}),
        ({}, {"b": np.array([1.0, 2.0, 2.0])}, set()),
        ({}, {"mask": np.ones((2, 2), bool)}, {"mask is constant"}),
        ({}, {"tokens": np.zeros(3, int)}, {"tokens is constant"}),
        ({}, {"grads": [np.zeros(2), np.zeros(1)]}, {"grads = 0"}),
        ({}, {"grads": [np.zeros(2), np.ones(1)]}, set()),
        ({}, {"W": MIXED}, set()),
        ({}, {"W": MIXED + MIXED.T}, {"W is symmetric"}),
        ({}, {"W": np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]])}, set()),
    ],
)
def test_what_a_case_cannot_tell_apart(sizes: dict[str, int], inputs: dict[str, Any], spots: set[str]) -> None:
    found = blind_spots(SEEN, Case("a", **sizes), inputs)
    assert set(found) == spots
    assert all(len(why) > 20 for why in found.values())


def test_inputs_are_moved_by_one_unit_in_the_last_place() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(200), rng.standard_normal(200).astype(np.float32)
    given = {"x": x, "list": [y], "dict": {"z": x + 1}, "i": np.arange(3), "n": 7, "f": 0.5}
    moved, again, other = _moved(given, 0), _moved(given, 0), _moved(given, 1)
    for before, after in ((x, moved["x"]), (y, moved["list"][0]), (x + 1, moved["dict"]["z"])):
        steps = (after - before) / np.spacing(np.minimum(np.abs(before), np.abs(after)))
        assert after.dtype == before.dtype
        assert set(np.round(steps)) == {-1.0, 1.0}
    np.testing.assert_array_equal(moved["i"], np.arange(3))
    assert (moved["n"], moved["f"]) == (7, 0.5)
    np.testing.assert_array_equal(moved["x"], again["x"])
    assert (moved["x"] != other["x"]).any()
    np.testing.assert_array_equal(x, given["x"])


@pytest.mark.parametrize(("N", "T", "low", "high"), [(4, 9, 36, 44), (1, 1, 26, 34)])
def test_tolerance_is_what_right_programs_may_differ_by(N: int, T: int, low: float, high: float) -> None:
    question = Question(
        "f", "A1", "m", 1, 1, ("y = f(x)",), {"y": "N T"}, lambda x: x.copy(),
        (Case("a", N=N, T=T, waive=("N = 1", "T = 1") if T == 1 else ()), Case("b", N=2, T=3, hidden=True)),
        inputs={"x": "N T"},
    )  # fmt: skip
    at64, at32 = bake_question(question, "seed", {}).cases[0].tolerances["y"]
    assert low <= at64 / np.finfo(np.float64).eps <= high  # 16 (1/2 to 1, and 1) and 2 sqrt(N T)
    assert at32 == pytest.approx(at64 / np.finfo(np.float64).eps * np.finfo(np.float32).eps)


# ---------------------------------------------------------------- fingerprints


def test_fingerprints_agree_to_six_digits() -> None:
    rng = np.random.default_rng(0)
    value = rng.standard_normal((3, 4))
    same = fingerprint(value)
    assert len(same) == 12
    assert fingerprint(value * (1 + 1e-12)) == same
    assert fingerprint(np.asfortranarray(value)) == same
    assert fingerprint(value.tolist()) == same
    assert fingerprint(np.array([0.0, 1.0])) == fingerprint(np.array([-0.0, 1.0]))
    assert fingerprint(np.array([np.nan, 1.0])) == fingerprint(np.array([-np.nan, 1.0]))


@pytest.mark.parametrize(
    "other",
    [np.ones(4) * 2, np.ones((4, 1)), np.ones(3), np.array([1, 1, 1, 1.001]), np.zeros(4), np.full(4, np.nan),
     np.array([1, 1, 1, np.inf]), -np.ones(4), None, "text", "other text", Opaque("a generator"), np.ones(4) * 1j],
)  # fmt: skip
def test_fingerprints_tell_apart(other: Any) -> None:
    others = [np.ones(4), 1.0, object(), "a text", Opaque("a module"), "a \udc80"]
    assert fingerprint(other) not in {fingerprint(value) for value in others}


# ---------------------------------------------------------------- what a class gets wrong


def value(name: str, mistake: str = "", mark: str = "f", right: bool = False) -> dict[str, Any]:
    return {"name": name, "right": right, "findings": [f"{name} is off"], "mistake": mistake,
            "hint": f"hint of {mistake}" if mistake else "", "fingerprint": mark}  # fmt: skip


def record(name: str, *cases: Sequence[dict[str, Any]], plain: Sequence[bool] = ()) -> dict[str, Any]:
    found = [
        {"name": f"case {i}", "plain": plain[i] if plain else True, "verdict": "wrong", "text": "", "values": list(values)}
        for i, values in enumerate(cases)
    ]
    return {"submission": name, "questions": [{"name": "q", "cases": found}]}


def test_frequent_mistakes_are_counted_once_a_submission() -> None:
    records = [
        record("b", [value("y", "M"), value("z", "M")], [value("y", "M")]),
        record("a", [value("y", "M"), value("z", "K")]),
        record("c", [value("y", right=True), value("z")]),
    ]
    assert reports.frequent_mistakes(records) == [
        {"question": "q", "mistake": "M", "hint": "hint of M", "count": 2, "example": "a",
         "names": ["a", "b"]},
        {"question": "q", "mistake": "K", "hint": "hint of K", "count": 1, "example": "a", "names": ["a"]},
    ]  # fmt: skip
    assert reports.frequent_mistakes([]) == []


def test_wrong_answers_without_a_name_are_clustered() -> None:
    records = [
        record("d", [value("y", mark="1"), value("z", mark="2")], [value("y", mark="9")]),
        record("b", [value("y", mark="1"), value("z", mark="2")]),
        record("c", [value("y", mark="1"), value("z", right=True)], [value("z", mark="2")]),
        record("e", [value("y", mark="7")]),  # alone
        record("f", [value("y", mark="1")], [value("y", "M")]),  # named elsewhere
        record("g", [value("y", mark="1")], plain=[False]),  # on an edge case alone
    ]
    assert reports.unexplained(records) == [
        {"question": "q", "values": ["y"], "case": "case 0", "count": 3, "finding": "y is off", "example": "b",
         "names": ["b", "c", "d"]},
        {"question": "q", "values": ["z"], "case": "case 0", "count": 2, "finding": "z is off", "example": "b",
         "names": ["b", "d"]},
    ]  # fmt: skip
    assert [row["count"] for row in reports.unexplained(records, least=1)] == [3, 2, 1, 1]
    together = [record(name, [value("y", mark="1"), value("z", mark="2")]) for name in "ab"]
    assert [row["values"] for row in reports.unexplained(together)] == [["y", "z"]]


def stopped(name: str, *cases: tuple[str, str, bool]) -> dict[str, Any]:
    found = [{"name": "c", "plain": plain, "verdict": verdict, "text": text, "values": []} for verdict, text, plain in cases]
    return {"submission": name, "questions": [{"name": "q", "cases": found}]}


def test_errors_that_several_have_are_counted() -> None:
    crash = ("crashed", "ValueError: shapes", True)
    records = [
        stopped("b", ("passed", "", True), crash, ("crashed", "another", True)),
        stopped("a", crash),
        stopped("c", ("crashed", "ValueError: shapes", False)),  # on an edge case alone
        stopped("d", ("not_implemented", "", True)),
        stopped("e", ("timed_out", "too long", True)),
    ]
    first = {"question": "q", "verdict": "crashed", "text": "ValueError: shapes", "count": 2, "example": "a"}
    assert reports.same_errors(records) == [first]
    assert [row["text"] for row in reports.same_errors(records, least=1)] == ["ValueError: shapes", "too long"]


# ---------------------------------------------------------------- a draft

ASKED = Question("pair", "A1", "m", 1, 1, ("y = pair(x)",), {"y": "N"}, len, (Case("a", N=2),))
STUDENT = '''
from .other import helper

BELL = "\\a"


def _half(x):
    """Docstring."""
    return x / 2  # a comment \x1b[31m


def pair(x):
    "\x1b[31m"
    return helper(_half(x)) + "\\x1b"


def unused():
    pass
'''


def test_draft_is_python_that_gives_what_the_submission_gives() -> None:
    sources = {"m": STUDENT.replace(' + "\\x1b"', "").encode(), "other": OTHER.encode()}
    text = programs.draft(ASKED, sources, "ann")
    assert "# From 'ann, m.py'." in text
    space: dict[str, Any] = {}
    body, _, declaration = text.rpartition("Mistake(")
    exec(body, space)
    assert space["_draft_pair"](3.0) == 1.5
    assert 'DRAFT", "?", _draft_pair),  # among the mistakes of pair' in declaration
    assert space.keys() & {"unused", "BELL"} == set()


def test_draft_shows_nothing_that_moves_a_terminal() -> None:
    text = programs.draft(ASKED, {"m": STUDENT.encode(), "other": OTHER.encode()}, "a\x1bnn")
    assert text.isprintable() or all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(): pass\n", "has no function pair; name another submission"),
        ("def pair(:\n", "SyntaxError; it cannot be read"),
        ("x = " + "(" * 5000 + "\n", "it cannot be read"),
        ("a\0b", "it cannot be read"),
        (None, "has no function pair"),
    ],
)
def test_drafts_that_cannot_be_made(source: str | None, message: str) -> None:
    with pytest.raises(AssignmentError, match=message):
        programs.draft(ASKED, {} if source is None else {"m": source.encode()}, "ann")


# ---------------------------------------------------------------- commands


def write_record(folder: Path, found: Mapping[str, Any]) -> None:
    (folder / "records").mkdir(parents=True, exist_ok=True)
    whole = {"status": "graded", "total": 0.0, "content": "", **found}
    (folder / "records" / f"{found['submission']}.json").write_text(json.dumps(whole), encoding="utf-8")


def test_mistakes_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ann", "bob"):
        write_record(tmp_path, record(name, [value("y", "M"), value("z", mark="2")]))
    assert cli.main(["mistakes", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "2 (100%)" in out
    assert "hint of M" in out
    assert "to name one: autograder draft SUBMISSIONS/ann q" in out
    assert "0 errors stop the same question" in out
    assert "2 submissions return the same wrong z in q (case case 0; for example ann): z is off" in out
    write_record(tmp_path, record("cat", [value("y", "K")]))
    for name in ("dan", "eve"):
        write_record(tmp_path, stopped(name, ("crashed", "ValueError: shapes", True)))
    assert cli.main(["mistakes", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "hint of K" not in out
    assert "and 1 of one submission each; --all shows them" in out
    assert "2 submissions in q (for example dan): ValueError: shapes" in out
    assert cli.main(["mistakes", str(tmp_path), "--all"]) == 0
    assert "hint of K" in capsys.readouterr().out
    assert cli.main(["mistakes", str(tmp_path / "none")]) == 2
    assert "holds no records" in capsys.readouterr().err
    (tmp_path / "records" / "zoe.json").write_text("{", encoding="utf-8")
    assert cli.main(["mistakes", str(tmp_path)]) == 2


def test_draft_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ann/memnet").mkdir(parents=True)
    (tmp_path / "ann/memnet/rnn.py").write_text("def rnn_step(*args):\n    return 3\n", encoding="utf-8")
    assert cli.main(["draft", str(tmp_path / "ann"), "b1"]) == 0
    assert "_draft_rnn_step = rnn_step" in capsys.readouterr().out
    assert cli.main(["draft", str(tmp_path / "ann"), "nothing"]) == 2
    assert "nothing: no such question; there are same_bag_pair, " in capsys.readouterr().err
    assert cli.main(["draft", str(tmp_path / "ann"), "rnn_stp"]) == 2
    assert "rnn_stp: no such question; did you mean rnn_step or " in capsys.readouterr().err
    assert cli.main(["draft", str(tmp_path / "none"), "rnn_step"]) == 2


@pytest.mark.parametrize(("problems", "code"), [([], 0), (["it does not"], 1)])
def test_prove_command(
    problems: list[str], code: int, monkeypatch: pytest.MonkeyPatch, assignment: Assignment, baked: Bundle,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    proof = prove.Proof({"q": prove.Score("q", mistakes=3)}, problems)
    monkeypatch.setattr(prove, "prove", lambda *args, **options: proof)
    monkeypatch.setattr(commands.prove, "load_assignment", lambda folder: assignment)
    monkeypatch.setattr(commands.prove, "bake", lambda declared: baked)
    assert cli.main(["prove", "--quick"]) == code
    found = capsys.readouterr()
    assert ("NOT PROVEN: it does not" in found.err) is bool(problems)
    assert all(word in found.out for word in ("question", "mistakes", "wrong from", "right to", "float32"))
    assert ("all of it holds" in found.out) is not problems
    assert cli.main(["prove", "--jobs", "0"]) == 2


def test_mistakes_that_do_no_harm_in_some_cases_are_mixed_with_others(assignment: Assignment, baked: Bundle) -> None:
    chosen = [question for question in baked.questions if question.name == "rnn_step"]
    proof = prove.Proof({"rnn_step": prove.Score("rnn_step")})
    with np.errstate(all="ignore"):
        answers = prove.prove_mistakes(assignment, chosen, proof, lambda name: None)
        harmless = {"rnn_step": {name: answers["rnn_step"][name] for name in ("NU3", "NU3b", "NU3c")}}
        prove.prove_programs(assignment, chosen, harmless, proof, 3, lambda name: None)
    assert (proof.problems, proof.programs, proof.misnamed) == ([], 3, 0)


def test_mistakes_of_a_step_are_those_of_the_loop(assignment: Assignment) -> None:
    by_name = {question.name: question for question in assignment.questions}
    hints = {mistake.name: mistake.hint for mistake in by_name["lstm_step"].mistakes}
    inherited = {m.name: m.hint for m in by_name["lstm_forward"].mistakes if m.name in hints and m.name not in
                 ("S01", "S33", "S18", "S27")}  # fmt: skip
    assert len(inherited) > 20
    assert inherited.items() <= hints.items()


def test_hints_ask_or_point_and_give_no_line(assignment: Assignment) -> None:
    mistakes: list[Mistake] = [mistake for question in assignment.questions for mistake in question.mistakes]
    for mistake in mistakes:
        assert 15 < len(mistake.hint) < 250, mistake.name
        assert not [code for code in ("np.", " @ ", ".T ", "+= d") if code in mistake.hint], mistake.name
