"""What students are given: generated from the reference, the same on every build, and without the solution."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autograder.authoring import packages, publish, release
from autograder.authoring.bake import bake, public
from autograder.authoring.declare import Assignment, AssignmentError
from autograder.checks import bundle as bundles
from autograder.checks.bundle import Bundle
from autograder.checks.judge import judge_question
from autograder.checks.runner import ProcessRunner

from .conftest import ROOT, Run
from .test_publish import small_release

SOURCE = '''"""A module."""

import numpy as np

# BEGIN SOLUTION
SECRET_TABLE = np.arange(7)
# END SOLUTION


def f(x):
    """Say what f does.

    Equation:
        f(x) = x
    """
    # BEGIN SOLUTION
    y = SECRET_TABLE @ x
    return y
    # END SOLUTION
'''


def test_the_solution_is_cut_out() -> None:
    split = release.split_solution(SOURCE, "m.py")
    assert "SECRET" not in split.stub
    assert split.stub.endswith('    """\n    raise NotImplementedError\n')
    assert "BEGIN" not in split.full
    assert "y = SECRET_TABLE @ x" in split.full
    compile(split.stub, "m.py", "exec")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# BEGIN SOLUTION\nx = 1\n", "m.py:1: # BEGIN SOLUTION without # END SOLUTION; add it"),
        ("x = 1\n# END SOLUTION\n", "m.py:2: # END SOLUTION without # BEGIN SOLUTION"),
        ("# BEGIN SOLUTION\n# BEGIN SOLUTION\n", "m.py:2: # BEGIN SOLUTION inside a solution"),
        # what is outside them is given out: a helper, a line before the mark, one after it, an old copy, misspelt marks
        ('"""M."""\nimport math\n\n\ndef _helper(x):\n    """Doc."""\n    return 2 * x\n',
         "m.py:7: 'return 2 * x' stands outside # BEGIN SOLUTION and # END SOLUTION, so students would get it; mark it, or "
         "write # GIVEN behind it if they are to have it"),
        ("def f(x):\n    y = 2 * x\n    # BEGIN SOLUTION\n    return y\n    # END SOLUTION\n",
         "m.py:2: 'y = 2 * x' stands outside"),
        ("def f(x):\n    # BEGIN SOLUTION\n    for t in x:\n        y = t\n    # END SOLUTION\n        y += t\n",
         "m.py:6: 'y += t' stands outside"),
        ("class A:\n    def f(self):\n        # Begin solution\n        self.x = 1\n        # End solution\n",
         "m.py:4: 'self.x = 1' stands outside"),
        ("def f(:\n", "m.py:1: "),
    ],
)
def test_odd_markers(text: str, says: str) -> None:
    with pytest.raises(AssignmentError) as error:
        release.split_solution(text, "m.py")
    assert str(error.value).startswith(says)


def test_what_is_given_on_purpose_is_given() -> None:
    text = "def helper(x):  # GIVEN\n    return 2 * x\n\n\nSIZE = 3  # GIVEN\n\n\ndef f(x):\n    y = helper(x)  # GIVEN\n"
    solution = "    # BEGIN SOLUTION\n    return y\n    # END SOLUTION\n"
    assert release.split_solution(text + solution, "m.py").stub == text + "    raise NotImplementedError\n"


def test_points_stand_in_the_stub(assignment: Assignment) -> None:
    question = replace(assignment.questions[0], points=1.0, minutes=7, number="B9")
    stub = release.add_points(release.split_solution(SOURCE, "m.py").stub, "m.py", {"f": question})
    assert '"""Say what f does.\n\n    Question B9, 1 point, about 7 minutes.\n\n    Equation:' in stub
    with pytest.raises(AssignmentError, match=r"m\.py:1: has no g, which question"):
        release.add_points("x = 1\n", "m.py", {"g": question})
    with pytest.raises(AssignmentError, match=r"m\.py: g has no docstring"):
        release.add_points("def g():\n    pass\n", "m.py", {"g": question})
    for docstring in ('"""Say it."""', "'Say it.'", '"""Say\n    it.\n    """'):
        with pytest.raises(AssignmentError, match=r"m\.py: g's docstring is one paragraph; write a first line, an empty one"):
            release.add_points(f"def g():\n    {docstring}\n    pass\n", "m.py", {"g": question})


def test_every_stub_raises_and_documents(template: Mapping[str, bytes], assignment: Assignment) -> None:
    for question in assignment.questions:
        text = template[f"memnet/{question.module}.py"].decode()
        assert f"Question {question.number}, " in text
    for name, data in template.items():
        if name.startswith("memnet/") and "__init__" not in name:
            assert b"raise NotImplementedError" in data
            assert b"SOLUTION" not in data


def test_the_committed_template_is_up_to_date_and_a_release_that_is_not_whole_is_said(run: Run, tmp_path: Path) -> None:
    """The exit code of a good check stands in README.md's test."""
    publish.write(small_release("A"), tmp_path)
    (tmp_path / "student.zip").write_bytes(b"of another release")
    done = run("autograder", "release", "--check", "--out", tmp_path)
    assert done.stdout == (
        f"{tmp_path}/student.zip: is not the one that release.json names\n"
        f"{tmp_path}: is not one whole release; run autograder release\n"
        f"{ROOT}/student_template: up to date\n"
    )
    assert done.returncode == 1


def test_stale_missing_and_foreign_files_are_listed(template: Mapping[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "student_template"
    assert release.write_template(folder, template, tmp_path / "kept", {}) == []
    assert release.stale_files(folder, template) == []
    (folder / "memnet" / "rnn.py").write_text("changed")
    (folder / "memnet" / "gru.py").unlink()
    (folder / "answers.txt").write_text("foreign")
    lines = release.stale_files(folder, template)
    assert lines == ["memnet/gru.py: is missing", "memnet/rnn.py: is stale", "answers.txt: is not generated"]


def test_what_a_person_wrote_into_the_template_is_kept(template: Mapping[str, bytes], tmp_path: Path) -> None:
    folder, kept = tmp_path / "student_template", tmp_path / "kept"
    made = {**template, "memnet/old.py": b"old\r\n", "lab/old/x.py": b"old\n", "lab/old/y.py": b"old\n"}
    made["README.md"] = made["requirements.txt"] = b"old\n"
    known = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    release.write_template(folder, made, kept, {})
    (folder / "lab/old/x.py").write_bytes(b"old\r\n")  # as git hands it out on Windows
    (folder / "memnet/.rnn.py.17.tmp").write_bytes(b"half")
    assert release.write_template(folder, template, kept, known) == [], "all that the last release wrote, and nothing else"
    assert release.stale_files(folder, template) == []
    for times in ("", ".1"):
        for name in ("answers.txt", ".venv/a/b.py", ".venv/c.py", "memnet/rnn.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"mine{times}")
        (folder / "README.md").unlink()
        (folder / "README.md").mkdir()
        assert release.stale_files(folder, template)[0] == "README.md: is stale"
        assert release.write_template(folder, template, kept, known) == [
            f"{folder / name}: is neither of the last release nor committed; it is kept as {kept / name}{times}"
            for name in (".venv", "answers.txt", "README.md", "memnet/rnn.py")
        ]
        assert release.stale_files(folder, template) == []
        for name in (f"answers.txt{times}", f".venv{times}/a/b.py", f".venv{times}/c.py", f"memnet/rnn.py{times}"):
            assert (kept / name).read_text() == f"mine{times}"


def test_what_is_committed_can_be_had_again(tmp_path: Path) -> None:
    folder = tmp_path / "project/student_template"
    assert release.committed(folder) == {}
    (folder / "memnet").mkdir(parents=True)
    names = ("same.py", "memnet/schön.py", "changed.py", "gone.py")
    for name in names:
        (folder / name).write_text("old", encoding="utf-8")
    git = ["git", "-C", str(folder.parent), "-c", "user.name=staff", "-c", "user.email=staff@example.invalid"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        assert release.committed(folder) == {}, "no repository, or one without a commit"
        subprocess.run([*git, *words], check=True)
    (folder / "changed.py").write_text("new")
    (folder / "new.py").write_text("new")
    (folder / "gone.py").unlink()
    old = hashlib.sha256(b"old").hexdigest()
    assert release.committed(folder) == {"same.py": old, "memnet/schön.py": old}


def test_the_zip_is_the_same_to_the_byte(template: Mapping[str, bytes]) -> None:
    one = packages.student_zip(template, "memory-in-networks")
    assert one == packages.student_zip(dict(reversed(template.items())), "memory-in-networks")
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        names = archive.namelist()
        assert names == sorted(f"memory-in-networks/{name}" for name in template)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_two_bakes_are_the_same_to_the_byte(assignment: Assignment, baked: Bundle) -> None:
    some = replace(assignment, questions=assignment.questions[:7])
    assert bundles.to_bytes(bake(some)) == bundles.to_bytes(bake(some))
    assert bundles.to_bytes(baked) == bundles.to_bytes(bundles.from_bytes(bundles.to_bytes(baked)))


def test_a_bundle_from_another_processor_is_the_same(baked: Bundle) -> None:
    """The last digits may differ; anything that a student could notice may not."""
    first = public(baked)

    def moved(by: float) -> Bundle:
        question = first.questions[3]
        case = question.cases[0]
        expected = {name: value * (1 + by) for name, value in case.expected.items()}
        changed = replace(question, cases=(replace(case, expected=expected), *question.cases[1:]))
        return replace(first, questions=(*first.questions[:3], changed, *first.questions[4:]))

    assert release.bundles_agree(first, moved(1e-15))
    assert not release.bundles_agree(first, moved(1e-6))
    assert not release.bundles_agree(first, replace(first, version="2"))


def test_no_hidden_case_is_given_out(template: Mapping[str, bytes], baked: Bundle, assignment: Assignment) -> None:
    assert not [name for name, data in template.items() if assignment.hidden_seed.encode() in data]
    data = template["checks/public.npz"]
    given = bundles.from_bytes(data)
    assert given.public
    assert not any(case.hidden for question in given.questions for case in question.cases)
    with np.load(io.BytesIO(data)) as archive:
        arrays, text = archive["arrays"].tobytes(), archive["questions"].tobytes()
    found = 0
    for question in baked.questions:
        for case in question.cases:
            for value in (*case.inputs.values(), *case.expected.values()):
                if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size > 4 and value.any():
                    assert (value.tobytes() in arrays) is not case.hidden
                    found += case.hidden
            if case.hidden and case.hint:
                others = [c.hint for q in baked.questions for c in q.cases if not c.hidden]
                assert case.hint in others or case.hint.encode() not in text
    assert found > 100, "there are hidden arrays, or this test shows nothing"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a release is made from, two quick parts of it."""
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    for name in ("assignments", "reference"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    settings = tmp_path / "assignments" / "memory_in_networks" / "assignment.toml"
    text = re.sub(r"(?m)^questions = .*", 'questions = ["rnn"]', settings.read_text(encoding="utf-8"))
    settings.write_text(re.sub(r"(?m)^(total|leaderboard) = .*", "", text), encoding="utf-8")
    for path in (tmp_path / "reference" / "memnet").glob("*.py"):
        if path.stem not in ("rnn", "__init__"):
            path.unlink()
    left = ("rnn_step", "rnn_forward", "output_head", "sequence_loss", "rnn_forward_masked")
    book = tmp_path / "assignments" / "memory_in_networks" / "notebook.py"
    cells = re.split(r"(?m)^(?=# %%)", book.read_text(encoding="utf-8"))
    kept = [cell for cell in cells if not (match := re.search(r"\{question (\w+)\}", cell)) or match[1] in left]
    book.write_text("".join(kept), encoding="utf-8")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        # the solution is wrong, or a question asks for what it does not do
        ("reference/memnet/rnn.py", "h_prev @ W_hh.T + b)", "h_prev @ W_hh + b)",
         "question rnn_step: the solution earns"),
        # a solution that was not marked stands in the stub
        ("reference/memnet/rnn.py", "    # BEGIN SOLUTION\n    # Rows", "    # Rows", "# END SOLUTION without"),
        # a line of the solution stands in a file that students get
        ("assignments/memory_in_networks/properties.py", '"""The same multiset of tokens in two orders',
         'def leak(h, W_hy, b_y):\n    return h @ W_hy.T + b_y\n\n\ndef x():\n    """The', "holds the solution's"),
        # a stub that cannot be imported: what it imports is not given out
        ("reference/memnet/rnn.py", "import numpy as np\n", "import numpy as np\nfrom .lost import things\n",
         "question rnn_step: the solution earns 0"),
        ("assignments/memory_in_networks/questions/rnn.py", 'number="B3", module="rnn"', 'number="B3", module="rrn"',
         "question output_head: there is no reference/memnet/rrn.py; write it, or mend the name of the module"),
        ("assignments/memory_in_networks/assignment.toml", "[gradescope]", '[gradescope]\nleaderboard = "rnn_stepp"',
         "[gradescope]: leaderboard = 'rnn_stepp' is no question that is declared; mend the name"),
    ],
    ids=["wrong solution", "no marker", "leak", "no stub", "no module", "no leaderboard"],
)  # fmt: skip
def test_nothing_wrong_is_released(project: Path, file: str, old: str, new: str, says: str, run: Run) -> None:
    if "leak" in new:
        path = project / file
        path.write_text(path.read_text() + "\n\ndef leak(h, W_hy, b_y):\n    return h @ W_hy.T + b_y\n")
    else:
        edit(project / file, old, new)
    done = run("autograder", "release", cwd=project)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "dist").exists()
    assert not (project / "student_template").exists()


def test_a_stub_must_say_that_it_is_not_written(project: Path, run: Run) -> None:
    """The solution's helpers are not given out: a stub that imports them could not be imported."""
    (project / "reference/memnet/shared.py").write_text("# BEGIN SOLUTION\nSIZE = 3\n# END SOLUTION\n")
    edit(project / "reference/memnet/rnn.py", "import numpy as np\n", "import numpy as np\nfrom .shared import SIZE\n")
    done = run("autograder", "release", "--quick-gate", cwd=project)
    assert done.returncode == 2
    assert "question rnn_step: the blank earns 0 of 4 (crashed)" in done.stderr


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("assignments/memory_in_networks/student/.DS_Store", b"\0\xff", "student/.DS_Store: hidden, compiled or unknown files"),
        ("assignments/memory_in_networks/student/lab/x.pkl", b"\x80\4", "student/lab/x.pkl: hidden, compiled or unknown files"),
        ("assignments/memory_in_networks/student/a.txt", b"1\nZur\xfcck", "student/a.txt:2: is not text in UTF-8; save it as"),
        ("assignments/memory_in_networks/student/a.ipynb", b"{", "student/a.ipynb: is no notebook; save it anew in Jupyter"),
        ("reference/memnet/rnn_old.py", b"# BEGIN SOLUTION\n# END SOLUTION\n\n\ndef f(x):\n    # BEGIN SOLUTION\n    return x\n"
         b"    # END SOLUTION\n", "reference/memnet/rnn_old.py:1: no question asks for anything in it"),
    ],
    ids=["hidden", "pickle", "encoding", "notebook", "old module"],
)  # fmt: skip
def test_odd_files_of_staff_are_refused(
    tmp_path: Path, assignment: Assignment, baked: Bundle, name: str, data: bytes, says: str
) -> None:
    for part in ("assignments", "reference"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AssignmentError, match=re.escape(says)):
        release.template_files(replace(assignment, folder=tmp_path / "assignments/memory_in_networks"), baked)


@pytest.mark.parametrize("target", ["/tmp", "nowhere", ".."], ids=["folder", "broken", "above"])
def test_links_among_files_for_students_are_refused(tmp_path: Path, assignment: Assignment, target: str) -> None:
    (tmp_path / "student/lab").mkdir(parents=True)
    (tmp_path / "student/lab/data").symlink_to(target)
    with pytest.raises(AssignmentError, match=r"student/lab/data: is no file and no folder but a link or the like; put there"):
        release._own_files(replace(assignment, folder=tmp_path))


def test_a_blank_that_earns_points_is_not_released(project: Path, run: Run) -> None:
    path = project / "reference" / "memnet" / "rnn.py"
    text = path.read_text()
    start = text.index("    # BEGIN SOLUTION", text.index("def output_head"))
    end = text.index("# END SOLUTION", start) + len("# END SOLUTION")
    path.write_text(text[:start] + "    return h @ W_hy.T + b_y  # GIVEN" + text[end:])
    done = run("autograder", "release", cwd=project)
    assert done.returncode == 2
    assert "question output_head: the blank earns 1 of 1 (passed)" in done.stderr


@pytest.mark.slow
def test_each_stub_filled_alone_earns_its_own_points(
    assignment: Assignment, baked: Bundle, solution: dict[str, bytes], blank: dict[str, bytes]
) -> None:
    """For every question: with its functions solved in an otherwise blank submission it alone earns its points."""
    solved = {f"solved_{name}": text.replace(b"from .", b"from .solved_") for name, text in solution.items()}
    runner = ProcessRunner(baked.package, [*baked.torch_modules, "solved_simple_rnn"])
    try:
        for question in assignment.questions:
            names = ", ".join(release.asked_functions((question,), question.module))
            fill = f"\nfrom .solved_{question.module} import {names}\n".encode()
            runner.open({**blank, **solved, question.module: blank[question.module] + fill})
            reports = [judge_question(q, runner, assignment.properties) for q in baked.questions]
            earned = {report["name"]: report["earned"] for report in reports if report["earned"]}
            assert earned == {question.name: question.points}
    finally:
        runner.close()
