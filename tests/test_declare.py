"""Loading an assignment's folder: what is refused and with which words, and what makes a bundle stale."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autograder.authoring import declare
from autograder.authoring.bake import bake
from autograder.authoring.declare import AssignmentError, load_assignment, shows_hidden_hints, source_hash
from autograder.checks import bundle as bundles

TOML = """
name = "toy-task"
title = "A toy"
version = "1.0"
package = "toy"
questions = ["first"]
hidden_seed = "drawn by chance, they say"
[parts]
A = "All"
"""
FIRST = """
from autograder.checks.question import Case, Mistake, Question

def question(name, number, **changed):
    return Question(**{**dict(
        name=name, number=number, module="m", points=2, minutes=5, calls=(f"y = {name}(x)",), inputs={"x": "N"},
        outputs={"y": "N"}, oracle=lambda x: 2 * x, cases=(Case("a", N=3), Case("b", N=4, hidden=True)),
        mistakes=(Mistake("M", "?", lambda x: x),)), **changed})

QUESTIONS = [question("ten", "A10"), question("two", "A2")]
"""


WRITTEN = """
[[written]]
name = "why"
number = "A3"
title = "Why?"
points = 3
minutes = 5
rubric = [{ points = 3, text = "Says it." }]
"""


def folder(path: Path, **files: str) -> Path:
    """An assignment's folder; files by name without ending, `toml` for the settings."""
    (path / "questions").mkdir(parents=True, exist_ok=True)
    for name, text in {"toml": TOML, "first": FIRST, **files}.items():
        places = {"toml": path / "assignment.toml", "properties": path / "properties.py"}
        places.get(name, path / "questions" / f"{name}.py").write_text(text, encoding="utf-8")
    return path


def test_assignment_is_loaded_and_baked(tmp_path: Path) -> None:
    found = load_assignment(folder(tmp_path, toml=f"total = 4{TOML}", properties="PROPERTIES = {'same': len}\n"))
    assert (found.name, found.title, found.version, found.package) == ("toy-task", "A toy", "1.0", "toy")
    assert [question.name for question in found.questions] == ["two", "ten"]  # A2 before A10
    assert found.properties == {"same": len}
    seen: list[str] = []
    bundle = bake(found, seen.append)
    assert seen == ["two", "ten"]
    assert (bundle.assignment, bundle.parts, bundle.source) == ("toy-task", {"A": "All"}, found.source)
    assert bundle.digest
    assert bundles.to_bytes(bundle) == bundles.to_bytes(bake(load_assignment(tmp_path)))


def test_source_hash_is_of_what_decides_the_bundle(tmp_path: Path) -> None:
    before = source_hash(folder(tmp_path))
    (tmp_path / "notes.txt").write_text("nothing")
    path = tmp_path / "questions" / "first.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert source_hash(tmp_path) == before
    hashes = {before}
    for name, text in (("first", FIRST + "#"), ("second", ""), ("properties", ""), ("toml", TOML + "B = 'More'")):
        hashes.add(source_hash(folder(tmp_path, **{name: text})))
    assert len(hashes) == 5


def test_source_hash_is_of_the_engine_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "engine"
    shutil.copytree(Path(declare.__file__).parent, engine / "authoring")
    shutil.copytree(Path(declare.__file__).parent.parent / "checks", engine / "checks")
    own = folder(tmp_path / "own")
    before = source_hash(own)
    monkeypatch.setattr(declare, "__file__", str(engine / "authoring/declare.py"))
    assert source_hash(own) == before
    hashes = {before}
    for name in ("authoring/declare.py", "authoring/bake.py", "checks/question.py", "checks/bundle.py", "checks/wire.py"):
        (engine / name).write_text("# changed\n", encoding="utf-8")
        hashes.add(source_hash(own))
    assert len(hashes) == 6
    (engine / "authoring/release.py").write_text("# changed\n", encoding="utf-8")
    assert source_hash(own) in hashes


@pytest.mark.parametrize("rules", ["[late]\npolicy = 'constant'", "total = 4", "[points]\ncap = 90", "[gradescope]\nhours = 2"])
def test_rules_that_change_while_students_work_make_no_bundle_stale(tmp_path: Path, rules: str) -> None:
    ruled = folder(tmp_path / "ruled", toml=f"{TOML}\n{rules}\n" if rules[0] == "[" else rules + TOML)
    assert source_hash(ruled) == source_hash(folder(tmp_path / "plain"))
    other = folder(tmp_path / "other", toml=f"{TOML}\n[late_days]\nx = 1\n")
    assert source_hash(other) != source_hash(ruled)


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ("", False, False),
        ("hidden_hints = 'never'", False, False),
        ("hidden_hints = 'never'\ndeadline = 2026-12-01T12:00:00+01:00", False, False),
        ("hidden_hints = 'after_deadline'\ndeadline = 2026-12-01T12:00:00+01:00", False, True),
        ("hidden_hints = 'always'", True, True),
    ],
)
def test_hidden_hints_are_shown_as_the_settings_say(tmp_path: Path, settings: str, before: bool, after: bool) -> None:
    found = folder(tmp_path, toml=settings + TOML)
    assert shows_hidden_hints(found, datetime(2026, 12, 1, 10, 59, tzinfo=UTC)) is before
    assert shows_hidden_hints(found, datetime(2026, 12, 1, 11, 1, tzinfo=UTC)) is after
    assert source_hash(found) == source_hash(folder(tmp_path / "plain"))  # no bundle is stale for it


@pytest.mark.parametrize(
    ("files", "path", "message"),
    [
        ({"toml": "name = "}, "assignment.toml", r"Invalid value .*; mend the file"),
        ({"toml": TOML.replace('title = "A toy"', "").replace('package = "toy"', "")}, "assignment.toml",
         "lacks package, title; add it"),
        ({"toml": TOML.replace("hidden_seed", "seed")}, "assignment.toml", "lacks hidden_seed; add it"),
        ({"toml": TOML.replace("drawn by chance, they say", "toy-task")}, "assignment.toml",
         "hidden_seed is easily guessed; write 16 characters or more"),
        ({"toml": TOML.replace('"1.0"', "1.0")}, "assignment.toml", "version is 1.0; write it as text in quotes"),
        ({"toml": TOML.replace('"A toy"', "''")}, "assignment.toml", "title is ''; write it as text in quotes"),
        ({"toml": TOML.replace("toy-task", "../toy")}, "assignment.toml", "name is '../toy', and files are named after it"),
        ({"toml": TOML.replace('"toy"', '"checks"')}, "assignment.toml", "package is 'checks'; write the name of a folder"),
        ({"toml": TOML.replace('["first"]', '"first"')}, "assignment.toml", "questions is 'first'; write a list of files in"),
        ({"toml": TOML.replace('[parts]\nA = "All"', 'parts = "A"')}, "assignment.toml", "parts is 'A'; write a table"),
        ({"toml": "gradescope = 3" + TOML}, "assignment.toml", "gradescope is 3; write a table, which begins"),
        ({"toml": TOML + "[lat]\npolicy = 'none'"}, "assignment.toml", "there is no setting lat; there are deadline, "),
        ({"toml": TOML.replace('"first"', '"first", "second"')}, "questions/second.py",
         "is not there; write it, or take it out of assignment.toml"),
        ({"first": "QUESTIONS = ["}, "questions/first.py", r"SyntaxError: .*; mend the file"),
        ({"first": "import nothing_of_this_name"}, "questions/first.py:1",
         "ModuleNotFoundError: No module named 'nothing_of_this_name'; mend the file"),
        ({"first": "WRONG = []"}, "questions/first.py", "QUESTIONS"),
        ({"first": FIRST + "QUESTIONS += [question('two', 'A3')]"}, "questions",
         "two questions have the same name 'two'; change one of them"),
        ({"first": FIRST + "QUESTIONS += [question('other', 'A2')]"}, "questions",
         "two questions have the same number 'A2'; change one of them"),
        ({"first": FIRST + "QUESTIONS += [question('other', 'B1')]"}, "assignment.toml",
         r"\[parts\] has no B, which other \(B1\) belongs to; add it, or number the question otherwise"),
        ({"toml": TOML + WRITTEN.replace("A3", "A2")}, "questions", "two questions have the same number 'A2'"),
        ({"toml": TOML + WRITTEN.replace("why", "two")}, "questions", "two questions have the same name 'two'"),
        ({"toml": TOML + WRITTEN.replace("text", "txt")}, "assignment.toml",
         r"\[\[written\]\]: why: rubric has .*; write \{ points = ..., text = ... \}"),
        ({"toml": TOML + WRITTEN.replace("[{", "['a', {")}, "assignment.toml", r"why: rubric has 'a'; write \{ points"),
        ({"toml": TOML + WRITTEN + "misconceptions = [{ claim = 'a' }]"}, "assignment.toml",
         r"write \{ claim = ..., why = ... \}"),
        ({"toml": TOML + WRITTEN.replace("points = 3", "points = '3'", 1)}, "assignment.toml",
         "written question why: points is '3'; write a number"),
        ({"toml": TOML + WRITTEN.replace("{ points = 3", "{ points = '3'", 1)}, "assignment.toml",
         "points in its rubric is '3'; write a number"),
        # what Python takes, and what is meant otherwise
        *(({"first": FIRST + f"QUESTIONS += [question('bad', 'A3', {changed})]"}, "questions", f"question bad: {says}")
          for changed, says in (
              ("cases=(Case('a', N=3))", "cases must be a tuple of Case; one alone takes a comma behind it"),
              ("mistakes=(Mistake('M', '?', lambda x: x))", "mistakes must be a tuple of Mistake; one alone takes a comma"),
              ("calls='y = bad(x)'", "calls must be a tuple of str"),
              ("mistakes=(Mistake('M', '?', 'x'),)", "mistake M: 'x' is no function; write a wrong program"),
              ("cases=(Case('a', N=3), Case('b', N=4, hidden=True), Case('c', N=5, hiden=True))",
               "case c: hiden=True is no size, which is a count; settings are hidden, costs, "),
              ("cases=(Case('a', N=3, cost=0.25), Case('b', N=4, hidden=True))", "case a: cost=0.25 is no size"),
              ("points='2'", "points is '2'; write a number"), ("points=-1", "points is -1; write a number"),
              ("points=float('nan')", "points is nan; write a number"), ("minutes='5'", "minutes is '5'; write a number"),
              ("seconds=None", "seconds is None; write a number"),
          )),
        ({"first": FIRST + "QUESTIONS += [question('b d', 'A3')]"}, "questions",
         "question b d: write the name as a Python name"),
        ({"first": FIRST + "QUESTIONS += [(1,)]"}, "questions", r"QUESTIONS holds \(1,\), which is no Question; is a comma"),
        ({"first": FIRST + "QUESTIONS += [question('bad', 'A3', cases=())]"}, "questions",
         "question bad: no public case costs all points"),
        ({"first": FIRST + "QUESTIONS += [question('bad', 'Ax')]"}, "questions", "question bad: .*number"),
        ({"first": FIRST + "QUESTIONS += [question('bad', '')]"}, "questions", "question bad: .*number"),
        ({"toml": "hidden_hints = 'sometimes'" + TOML}, "assignment.toml",
         "hidden_hints is 'sometimes'; write one of never, after_deadline, always"),
        ({"toml": "hidden_hints = 'after_deadline'" + TOML}, "assignment.toml",
         "hidden_hints waits for a deadline, and there is none; add deadline = ..."),
        ({"toml": "deadline = 2026-12-01T23:59:00" + TOML}, "assignment.toml",
         r"deadline needs date, time and offset, such as 2026-12-01T23:59:00\+01:00"),
        ({"toml": "deadline = 'Friday'" + TOML}, "assignment.toml", "deadline needs date, time and offset"),
        ({"toml": "total = 5" + TOML}, "assignment.toml",
         r"total is 5, and the questions make 4 \(4 automatic, 0 written\); change one of them"),
        ({"properties": "1 / 0"}, "properties.py:1", "ZeroDivisionError: division by zero; mend the file"),
        ({"properties": "WRONG = {}"}, "properties.py", "PROPERTIES"),
    ],
)  # fmt: skip
def test_broken_assignments_are_refused(tmp_path: Path, files: dict[str, str], path: str, message: str) -> None:
    with pytest.raises(AssignmentError, match=rf".*{message}") as error:
        load_assignment(folder(tmp_path, **files))
    assert str(error.value).startswith(f"{tmp_path / path}: ")


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_folder_without_an_assignment_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssignmentError) as error:
        load_assignment(tmp_path / name)
    path = tmp_path / name / "assignment.toml"
    assert str(error.value) == f"{path}: No such file or directory; name the folder of an assignment"


def test_question_that_cannot_be_baked_is_named(tmp_path: Path) -> None:
    found = load_assignment(folder(tmp_path, first=FIRST.replace("lambda x: x)", "lambda x: 2 * x)")))
    with pytest.raises(AssignmentError, match=r"^question two: mistake M passes every public case"):
        bake(found)


def test_an_error_in_a_questions_file_says_its_line(tmp_path: Path) -> None:
    line = FIRST.count("\n") + 1
    with pytest.raises(AssignmentError, match=rf"questions/first\.py:{line}: TypeError: .* argument 'pionts'; mend the file"):
        load_assignment(folder(tmp_path, first=FIRST + "QUESTIONS += [question('bad', 'A3', pionts=2)]"))


def test_an_oracle_with_other_axes_is_named(tmp_path: Path) -> None:
    found = load_assignment(folder(tmp_path, first=FIRST.replace('outputs={"y": "N"}', 'outputs={"y": "N 4N"}')))
    says = r"question two: case a: the oracle's y has shape \(3,\), and outputs says \(N, 4N\) = \(3, 12\); mend one of them"
    with pytest.raises(AssignmentError, match=says):
        bake(found)


def test_settings_in_another_encoding_are_named(tmp_path: Path) -> None:
    path = folder(tmp_path) / "assignment.toml"
    path.write_bytes(path.read_bytes() + "# Zurück".encode("cp1252"))
    with pytest.raises(AssignmentError, match=r"assignment\.toml:\d+: is not text in UTF-8; save it as UTF-8"):
        load_assignment(tmp_path)


def test_oracle_that_crashes_is_named(tmp_path: Path) -> None:
    found = load_assignment(folder(tmp_path, first=FIRST.replace("oracle=lambda x: 2 * x", "oracle=lambda x: x[9]")))
    with pytest.raises(AssignmentError, match=r"^question two: .*IndexError: index 9 is out of bounds"):
        bake(found)


def test_a_draw_that_asks_for_a_size_that_is_not_given_is_refused(tmp_path: Path) -> None:
    draw = "draw=lambda rng, sizes: {'x': rng.normal(size=sizes['D'])}"
    loaded = load_assignment(folder(tmp_path, first=FIRST + f"QUESTIONS = [question('half', 'A1', {draw})]"))
    with pytest.raises(AssignmentError, match=r"^question half: case a: draw asks for 'D', and there is no such size; give it"):
        bake(loaded)
