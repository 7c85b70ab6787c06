"""A release: the same to the byte, with a note of what changed, tried before it is written, and without the solution."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.authoring import gate, leaks, packages, publish, release
from autograder.authoring.declare import Assignment, AssignmentError, load_assignment
from autograder.authoring.gate import Hands
from autograder.checks.bundle import Bundle, stored_zip

from .conftest import ASSIGNMENT, ROOT, Run

CANARY = '''"""A module."""

import numpy as np


def rnn_step(x, W):
    """Doc."""
    # BEGIN SOLUTION
    # the canary sings at dawn, louder than coal
    canary_state = np.tanh(x @ W.T + 0.48151623)
    note = "yellow feathers everywhere"
    # a song that is long enough to be broken off in its line
    wing = np.exp(x @ W - x) * W
    return canary_state * 42.0 if note else x
    # END SOLUTION
'''
LEAKS: dict[str, Callable[[], tuple[str, bytes]]] = {
    "a statement": lambda: ("lab/a.py", b"def f(x, W):\n  canary_state=np.tanh(x@W.T  +0.48151623)\n"),
    "in other layout": lambda: ("lab/a.py", b"z = 1\nreturn_ = lambda canary_statex: 1\nnote='yellow feathers everywhere'\n"),
    "a name": lambda: ("README.md", b"Call it `canary_state`, say.\n"),
    "a number": lambda: ("README.md", b"The offset is 0.48151623 here.\n"),
    "a text": lambda: ("memnet/a.py", b'"""It says: yellow feathers everywhere."""\n'),
    "a comment": lambda: ("README.md", b"the  canary sings at dawn,\nlouder than coal. #thecanarysingsatdawn,louderthancoal\n"),
    "a comment broken in two": lambda: ("lab/a.py", b"# a song that is long enough to be\n# broken off in its line\n"),
    "a copy with other names": lambda: ("lab/a.py", b"def f(v, U):\n    return np.exp(v @ U - v) * U\n"),
    "a copy in a docstring": lambda: ("lab/a.py", b'"""Do this.\n\n    One step is s = np.exp(v @ U - v) * U\n"""\n'),
    "a copy in a comment": lambda: ("lab/a.py", b"x = 1\n# was: s = np.exp(v @ U - v) * U\n"),
    "a copy in words": lambda: ("README.md", b"Then comes `np.exp(v @ U - v) * U`, as you know.\n"),
    "a copy in a fenced block": lambda: ("a.ipynb", book("```python\ndef f(v, U):\n    return np.exp(v @ U - v) * U\n```")),
    "a sentence of a rubric": lambda: ("README.md", b"Say this: names the\nfirst canary as the loudest one.\n"),
    "the seed of hidden cases": lambda: ("assignment.toml", b'hidden_seed = "0123456789abcdef0123"\n'),
    "an array that is not ours": lambda: ("lab/data.npz", npz(np.arange(3.0))),
    "a zip": lambda: ("old.zip", stored_zip({"a.txt": b""})),
    "text in another encoding": lambda: ("README.md", "Zurück".encode("cp1252")),
    "half a notebook": lambda: ("a.ipynb", b'{"cells": ['),
    "a line in a text file": lambda: ("notes.txt", b"> return canary_state*42.0 if note else x\n"),
    "a notebook's cell": lambda: ("a.ipynb", book("x = 1\nw = np.tanh(x @ W.T + 0.48151623)")),
    "a notebook's lines": lambda: ("a.ipynb", book(["return canary_", "state * 42.0 if note else x"])),
    "an output": lambda: ("a.ipynb", book("x", outputs=[{"text": "x"}])),
    "a count": lambda: ("a.ipynb", book("x", execution_count=3)),
    "metadata of a cell": lambda: ("a.ipynb", book("x", metadata={"solution": True})),
    "metadata of the notebook": lambda: ("a.ipynb", json.dumps({"cells": [], "metadata": {"x": "canary_state"}}).encode()),
    "an attachment": lambda: ("a.ipynb", book("x", attachments={"a.txt": {"text/plain": b64(CANARY)}})),
    "an array of bytes": lambda: ("checks/public.npz", npz(np.frombuffer(CANARY.encode(), np.uint8))),
    "a zip in a zip": lambda: ("checks/public.npz", stored_zip({"a.zip": stored_zip({"m.py": CANARY.encode()})})),
    "base64": lambda: ("README.md", b64(CANARY).encode()),
    "compiled code": lambda: ("memnet/a.pyc", b"\xa7\r\r\n"),
    "a cache": lambda: ("memnet/__pycache__/a.py", b""),
    "history": lambda: (".git/config", b""),
    "checkpoints": lambda: (".ipynb_checkpoints/a.ipynb", book("x")),
    "an editor's copy": lambda: ("memnet/rnn.py.orig", b""),
}


def book(source: Any, **more: Any) -> bytes:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source, **more}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def npz(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=array)
    return buffer.getvalue()


# ---------------------------------------------------------------- the solution is not given out


@pytest.mark.parametrize("kind", LEAKS)
def test_a_canary_is_found_wherever_it_is_planted(kind: str) -> None:
    split = release.split_solution(CANARY, "rnn.py")
    told = ["names the first canary as the loudest one.", "0123456789abcdef0123"]
    found = leaks.secrets({"rnn": split.full}, {"rnn": split.stub}, told)
    clean = {"memnet/rnn.py": split.stub.encode(), "a/b.ipynb": book("x = 1", metadata={"tags": ["answer-G5"]}),
             "checks/public.npz": npz(np.arange(9.0))}  # fmt: skip
    others = {"lab/b.py": b"y = np.exp(v @ U + v) + U  # another shape\n", "lab/b.png": b"\x89PNG\xff"}
    leaks.refuse_leaks(found, clean | others)
    name, data = LEAKS[kind]()
    with pytest.raises(AssignmentError, match="; ") as error:
        leaks.refuse_leaks(found, {**clean, name: data})
    assert str(error.value).startswith(name)


@pytest.mark.parametrize(
    "planted",
    [
        "canary_state = np.tanh(x @ W.T + 0.48151623)",
        "np.tanh(x @ W.T\n    + 0.48151623)",
        "# the canary sings at dawn, louder",
    ],
)
def test_a_stub_must_not_say_what_its_solution_does(planted: str) -> None:
    split = release.split_solution(CANARY.replace("Doc.", f"Doc.\n\n    Hint:\n    {planted} than coal\n    "), "rnn.py")
    found = leaks.secrets({"rnn": split.full}, {"rnn": split.stub})
    with pytest.raises(AssignmentError, match=r"^memnet/rnn\.py: holds the solution's '.*'; write it differently there$"):
        leaks.refuse_leaks(found, {"memnet/rnn.py": split.stub.encode()})


def test_the_students_zip_is_searched_as_it_is_given_out(made: publish.Release, assignment: Assignment) -> None:
    """Over the finished zip, with secrets made of the reference's own text here: the marked lines, and nothing else."""
    secret = set()
    for path in sorted((ROOT / "reference/memnet").glob("*.py")):
        inside = False
        for line in path.read_text("utf-8").splitlines():
            inside = (inside or line.strip() == "# BEGIN SOLUTION") and line.strip() != "# END SOLUTION"
            dense = "".join(line.split())
            if inside and len(dense) > 24 and not dense.startswith(")->"):  # the end of a signature is anybody's
                secret.add(dense.encode())
    assert len(secret) > 150
    with zipfile.ZipFile(io.BytesIO(made.of("student"))) as archive:
        for name in archive.namelist():
            assert name.startswith(f"{assignment.name}/")
            text = b"".join(archive.read(name).split())
            assert not [line for line in secret if line in text], name
    with zipfile.ZipFile(io.BytesIO(made.of("solution"))) as archive:
        text = b"".join(b"".join(archive.read(name).split()) for name in archive.namelist() if name.endswith(".py"))
    assert all(line in text for line in secret), "or the search above finds nothing anywhere"


def test_the_graders_packages_hold_no_solution(made: publish.Release) -> None:
    for kind in ("otter-autograder", "gradescope-autograder"):
        with zipfile.ZipFile(io.BytesIO(made.of(kind))) as archive:
            names = archive.namelist()
            assert not [name for name in names if "reference" in name or "memnet" in name or "oracles" in name]
            assert b"_back_through_time" not in b"".join(archive.read(name) for name in names if name.endswith(".py"))


# ---------------------------------------------------------------- the same to the byte


@pytest.mark.slow
def test_two_builds_are_equal(
    assignment: Assignment, baked: Bundle, made: publish.Release, template: Mapping[str, bytes], tmp_path: Path
) -> None:
    """From a copy of the sources at another path, with other dates, its files in another order."""
    for name in ("assignments", "reference", "constraints.txt"):
        source = ROOT / name
        copy = tmp_path / "elsewhere" / name
        if source.is_dir():
            shutil.copytree(source, copy, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy)
    other = load_assignment(tmp_path / "elsewhere/assignments/memory_in_networks")
    assert other.source == assignment.source
    again = publish.build(other, baked, dict(reversed(template.items())))
    assert again.zips == made.zips
    assert again.manifest == made.manifest
    for folder, what in ((tmp_path / "a", made), (tmp_path / "b", again)):
        publish.write(what, folder)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    for data in made.zips.values():
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {info.create_system for info in archive.infolist()} == {3}
            assert archive.namelist() == sorted(archive.namelist())


# ---------------------------------------------------------------- the note


def test_the_note_says_what_changed(made: publish.Release, tmp_path: Path) -> None:
    assert publish.write(made, tmp_path) == ["This is the first release from this folder."]
    first = (tmp_path / publish.NOTE).read_text("utf-8")
    assert "95 automatic and 5 written points, 14 optional ones." in first
    assert "| B1 | rnn_step | 4 |" in first
    assert "| G5 | hardest_part (written) | 4 |" in first
    for entry in made.manifest["zips"].values():
        assert entry["sha256"] in first
    assert publish.write(made, tmp_path) == ["Nothing changed."]
    assert (tmp_path / publish.NOTE).read_text("utf-8") == first, "the note of what is there stays"
    new = json.loads(json.dumps(made.manifest))
    new |= {"version": "1.1", "bundle": "other"}
    new["questions"]["rnn_step"]["points"] = 5
    del new["questions"]["output_head"]
    old = f"{made.manifest['assignment']}-solution.zip"
    del new["zips"][old]
    new["written"]["extra"] = {"number": "G7", "points": 1}
    new["student files"]["README.md"] = "other"
    zips = {name: data for name, data in made.zips.items() if name != old}
    changed = publish.write(publish.Release(zips, new), tmp_path)
    assert changed == [
        "version 1.0 became 1.1",
        "question output_head is gone",
        "question rnn_step changed: points 4 became 5",
        "written question extra is new",
        "student file README.md changed",
        "cases, expected values or mistakes changed: grade again what was graded with the last release",
        f"{old} is gone",
    ]
    assert "- question output_head is gone" in (tmp_path / publish.NOTE).read_text("utf-8")
    assert not (tmp_path / old).exists()


def small_release(letter: str) -> publish.Release:
    """Two zips and what a manifest must say of them."""
    zips = {f"{kind}.zip": f"{kind} {letter}".encode() for kind in ("student", "solution")}
    sums = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in zips.items()}
    points = {"automatic": 1, "written": 0, "optional": 0}
    empty: dict[str, Any] = {"questions": {}, "written": {}, "student files": {}, "points": points}
    return publish.Release(zips, {"title": "T", "version": letter, "bundle": letter, "zips": sums, **empty})


KILL = """
import os, signal, sys
from pathlib import Path
from autograder.authoring import publish
from tests.test_publish import small_release
before, rename = int(sys.argv[2]), Path.replace
def replace(path, target):
    global before
    if before == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    before -= 1
    return rename(path, target)
Path.replace = replace
publish.write(small_release("B"), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("before", range(4))  # files renamed before the end, of two zips, the note and the manifest
@pytest.mark.parametrize("how", ["killed", "fails"])
def test_a_release_that_ends_between_two_files_is_noticed(
    tmp_path: Path, how: str, before: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, clean, rename = tmp_path / "dist", tmp_path / "clean", Path.replace
    publish.write(small_release("A"), out)
    if how == "killed":
        done = run("python", "-c", KILL, out, before, env={"PYTHONPATH": str(ROOT)})
        assert done.returncode == -9, done.stderr
    else:
        stuck = out / [*small_release("B").zips, publish.NOTE, publish.MANIFEST][before]
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", lambda path, to: rename(path, to if to != stuck else out / "no" / "where"))
            with pytest.raises(AssignmentError, match=f"{stuck.name}: .*; files of this release and of the last one may lie"):
                publish.write(small_release("B"), out)
    said = publish.unlike(out)
    assert sum("is not the one that release.json names" in line for line in said) == before
    assert sum("is left of a release that was killed" in line for line in said) == (4 - before if how == "killed" else 0)
    publish.write(small_release("A"), clean)
    for letter in "BA":  # what is made next lies there as if nothing had happened
        for folder in (out, clean):
            publish.write(small_release(letter), folder)
        assert publish.unlike(out) == []
        assert contents(out) == contents(clean)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_changed_in_a_release_is_noticed(tmp_path: Path) -> None:
    publish.write(small_release("A"), tmp_path)
    (tmp_path / "student.zip").write_bytes(b"other")
    (tmp_path / "solution.zip").unlink()
    (tmp_path / publish.NOTE).write_text("other")
    assert publish.unlike(tmp_path) == [
        f"{tmp_path / 'student.zip'}: is not the one that release.json names",
        f"{tmp_path / 'solution.zip'}: is missing, and release.json names it",
        f"{tmp_path / publish.NOTE}: is not the one that release.json names",
    ]
    (tmp_path / "solution.zip").mkdir()
    with pytest.raises(AssignmentError, match=r"solution\.zip: is a folder, and a release writes a file there; move it away"):
        publish.write(small_release("B"), tmp_path)
    assert (tmp_path / "student.zip").read_bytes() == b"other"


DAMAGED = [json.dumps({**small_release("A").manifest, key: value}) for key, value in (("zips", {"a.zip": {}}), ("points", 1))]


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1}', "null", *DAMAGED])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / publish.MANIFEST).write_text(text)
    with pytest.raises(AssignmentError, match=r"release\.json: is damaged; remove it"):
        publish.last_manifest(tmp_path)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('[gradescope]\nhidden = "x"', "[gradescope]: there is no setting 'hidden'"),
        ('[gradescope]\ntorch_index = "a b"', "torch_index = 'a b'; write an address, or leave it out"),
        ('[gradescope]\ntorch_index = "$(reboot)"', "write an address"),
        ('[late]\npolicy = "never"', "[late] policy: 'never' is unknown"),
    ],
)
def test_settings_are_refused_at_release(tmp_path: Path, table: str, says: str) -> None:
    (tmp_path / "assignment.toml").write_text(table)
    with pytest.raises(AssignmentError) as error:
        publish.settings_of(tmp_path)
    assert says in str(error.value)


def test_what_is_not_pinned_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("numpy==2.1.0\ntorch==2.4.0+cpu\n# x==1\n")
    assert packages.pinned(tmp_path / "c.txt", "numpy", "torch") == b"numpy==2.1.0\ntorch==2.4.0\n"
    with pytest.raises(AssignmentError, match=r"c\.txt: does not pin ipykernel; add it"):
        packages.pinned(tmp_path / "c.txt", "ipykernel")
    with pytest.raises(AssignmentError, match="requirements are pinned by it"):
        packages.pinned(tmp_path / "none.txt", "numpy")


# ---------------------------------------------------------------- the gate


@pytest.fixture
def hands(assignment: Assignment, baked: Bundle, template: Mapping[str, bytes]) -> Hands:
    return publish.hands(assignment, baked, template)


@pytest.mark.slow
def test_the_gate_lets_a_good_release_through(made: publish.Release, hands: Hands) -> None:
    """Without otter and pytest, which have tests of their own and are tried by the command."""
    tried = gate.try_all(publish.by_kind(made), hands, full=False)
    assert tried.untried == ()
    assert tried.holds == (
        "Gradescope: the solution earns 109, the blank 0",
        "the student's zip alone: its checks run on numpy alone, offline, and say 0 of 95",
    )


def spoiled(made: publish.Release, kind: str, change: Callable[[dict[str, bytes]], None]) -> dict[str, bytes]:
    """The zips, one of them with other contents."""
    with zipfile.ZipFile(io.BytesIO(made.of(kind))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    return {**publish.by_kind(made), kind: stored_zip(files)}


def test_the_gate_stops_a_student_zip_that_does_not_work(made: publish.Release, tmp_path: Path) -> None:
    def needs_more(files: dict[str, bytes]) -> None:
        files["memory-in-networks/checks/judge.py"] = b"import torch\n"

    (tmp_path / "s").mkdir()
    with pytest.raises(AssignmentError, match=r"the student's checks: ended with|the student's zip alone: its checks say"):
        gate.run_student(tmp_path / "s", spoiled(made, "student", needs_more)["student"])


def test_the_gate_stops_a_grader_that_gives_points_away(made: publish.Release, hands: Hands, tmp_path: Path) -> None:
    def gives_away(files: dict[str, bytes]) -> None:
        name = "engine/autograder/gradescope.py"
        assert files[name].count(b'"score": score(record)') == 1
        files[name] = files[name].replace(b'"score": score(record)', b'"score": 109.0')

    package = spoiled(made, "gradescope-autograder", gives_away)["gradescope-autograder"]
    blank = {name: data for name, data in hands.blank.items() if name.endswith("order.py")}
    only = Hands(blank, blank, hands.bundle, hands.assignment)
    with pytest.raises(AssignmentError, match="the blank earns 109 by this front end and must earn 0"):
        gate._points(only, lambda what, files: gate.run_gradescope(tmp_path / "g", package, what, files))


def test_what_cannot_be_tried_is_said(
    made: publish.Release, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_confinement", lambda: "submissions cannot be confined (no seccomp)")
    monkeypatch.setattr(gate, "run_student", lambda *given: "fine")
    tried = gate.try_all(publish.by_kind(made), hands, full=True)
    assert tried.holds == ("the student's zip alone: fine",)
    assert tried.untried == tuple(
        f"not tried here: {name}: submissions cannot be confined (no seccomp)" for name in ("otter run", "Gradescope", "pytest")
    )


def test_a_front_end_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match="it: ended with 7: so there"):
        gate.command("it", ["bash", "-c", "echo so there; exit 7"], tmp_path)


def test_the_assignment_here_has_settings_that_hold(run: Run) -> None:
    settings, rules, index = publish.settings_of(ASSIGNMENT)
    assert settings.leaderboard == "rnn_backward_checkpointed"
    assert index == ""
    assert set(rules) == {"late", "points"}
