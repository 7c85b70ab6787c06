"""Runs as a whole, with the real command: what is graded again and what keeps its result, shards, merge, diff, stops."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring.declare import load_properties
from autograder.checks.bundle import Bundle
from autograder.grading import cluster
from autograder.grading import grade as grading
from autograder.grading.cluster import shard_of
from autograder.grading.files import Piece
from autograder.grading.intake import Entry, read_entry
from autograder.isolation.sandbox import SandboxRunner

from . import small
from .conftest import ASSIGNMENT, ROOT, Run, write_package
from .test_grade import COMMAND, files_of, rows, wait_for


@pytest.fixture(scope="module")
def bundle(baked: Bundle) -> Bundle:
    return small.small(baked)


@pytest.fixture(scope="module")
def file(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(bundle, tmp_path_factory.mktemp("small") / "bundle.npz")


@pytest.fixture(scope="module")
def newer(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(small.changed(bundle, "output_head"), tmp_path_factory.mktemp("newer") / "bundle.npz")


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory, solution: dict[str, bytes]) -> Path:
    return small.make_class(tmp_path_factory.mktemp("class"), solution)


@pytest.fixture(scope="module")
def graded(submissions: Path, file: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "out"
    done = run("autograder", "grade", submissions, "--out", out, "--bundle", file)
    assert done.returncode == 0, done.stderr
    return out


def records(out: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text("utf-8")) for path in sorted((out / "records").iterdir())]
    return {record["submission"]: record for record in found}


def audit(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "audit.jsonl").read_text("utf-8").splitlines()]


# ---------------------------------------------------------------- the audit


def test_a_record_says_what_it_was_graded_with(graded: Path, bundle: Bundle) -> None:
    record = records(graded)["student-001"]
    assert record["bundle"] == bundle.digest
    found = record["audit"]
    assert found["python"] == "{}.{}.{}".format(*sys.version_info)
    assert found["seed"] == "memory-in-networks"
    assert set(found["questions"]) == set(small.QUESTIONS)
    assert all(len(found[name]) == size for name, size in (("engine", 16), ("modules", 64)))
    assert not {"at", "host", "seconds"} & {*record, *found}


def test_the_audit_log_has_a_line_a_record(graded: Path) -> None:
    lines, found = audit(graded), records(graded)
    assert [line["submission"] for line in lines] == sorted(found)
    for line in lines:
        record = found[line["submission"]]
        assert line.pop("host") == platform.node()
        stamped = {key: record[key] for key in ("submission", "content", "bundle", "isolation")}
        assert line == {**stamped, **{key: value for key, value in record["audit"].items() if key != "questions"}}


def test_the_audit_log_keeps_the_latest_line_and_no_torn_one(tmp_path: Path) -> None:
    for name, host in (("b", "one"), ("a", "one"), ("gone", "one"), ("b", "two")):
        cluster.log(tmp_path, {"submission": name, "host": host})
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"submission": "a", "ho')
    cluster.log(tmp_path, {"submission": "c", "host": "two"})
    cluster.settle_log(tmp_path, {"a", "b", "c", "without a line"})
    assert [(line["submission"], line["host"]) for line in audit(tmp_path)] == [("a", "one"), ("b", "two"), ("c", "two")]


# ---------------------------------------------------------------- what keeps its result


class Counting(SandboxRunner):
    """A real runner that notes what it is asked."""

    asked: set[str]

    def ask(self, module: str, calls: Sequence[str], *arguments: Any, **named: Any) -> Any:
        self.asked.add(calls[0].partition("=")[2].partition("(")[0].strip())
        return super().ask(module, calls, *arguments, **named)


def judge(bundle: Bundle, folder: Path, old: dict[str, Any] | None) -> tuple[dict[str, Any], set[str]]:
    """A record, and the functions that were called for it."""
    submission = read_entry(Entry(folder.name, (Piece(folder),)))
    stamped = grading.stamp(bundle, ASSIGNMENT, "unsafe")
    runner = Counting(bundle.package, bundle.torch_modules)
    runner.asked = set()
    kept = grading.kept_questions(old, submission, stamped)
    record = grading.judge_submission(submission, bundle, runner, load_properties(ASSIGNMENT), kept)
    runner.shut_down()
    return grading._stamped(record, stamped, grading.modules_digest(submission)), runner.asked


def test_one_changed_question_is_run_alone(bundle: Bundle, submissions: Path) -> None:
    folder, version2 = submissions / "student-002", small.changed(bundle, "output_head")
    old, asked = judge(bundle, folder, None)
    assert asked == set(small.QUESTIONS)
    partly, asked = judge(version2, folder, old)
    assert asked == {"output_head"}
    wholly, _ = judge(version2, folder, None)
    assert json.dumps(partly) == json.dumps(wholly)
    assert partly["total"] == old["total"] + 1


def test_a_helper_module_changes_all_questions(
    bundle: Bundle, solution: Mapping[str, bytes], tmp_path: Path
) -> None:
    folder = write_package(tmp_path / "student-017", solution)
    old, _ = judge(bundle, folder, None)
    (folder / "memnet" / "shared.py").write_bytes(solution["shared"] + b"\n# a change\n")
    _, asked = judge(bundle, folder, old)
    assert asked == set(small.QUESTIONS)


def test_a_note_beside_the_code_changes_none(bundle: Bundle, solution: Mapping[str, bytes], tmp_path: Path) -> None:
    folder = write_package(tmp_path / "student-017", solution)
    old, _ = judge(bundle, folder, None)
    (folder / "memory_in_networks.ipynb").write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}')
    new, asked = judge(bundle, folder, old)
    assert not asked
    assert new["content"] != old["content"]
    assert new["questions"] == old["questions"]


@pytest.mark.parametrize("key", ["engine", "python", "numpy", "seed", "hash_seed", "modules"])
def test_another_machine_changes_all_questions(bundle: Bundle, submissions: Path, key: str) -> None:
    submission = read_entry(Entry("student-001", (Piece(submissions / "student-001"),)))
    stamped = grading.stamp(bundle, ASSIGNMENT, "full")
    questions = [{"name": name} for name in small.QUESTIONS]
    old = {**grading._stamped({}, stamped, grading.modules_digest(submission)), "status": "graded", "printed": "",
           "questions": questions}  # fmt: skip
    assert set(grading.kept_questions(old, submission, stamped)) == set(small.QUESTIONS)
    old["audit"] = {**old["audit"], key: "other"}
    assert not grading.kept_questions(old, submission, stamped)
    assert not grading.kept_questions({**old, "isolation": "unsafe"}, submission, stamped)


def test_only_a_question_judged_by_a_property_depends_on_the_properties(baked: Bundle, tmp_path: Path) -> None:
    (tmp_path / "properties.py").write_text("PROPERTIES = {}\n")
    one = grading.question_digests(baked, tmp_path)
    (tmp_path / "properties.py").write_text("PROPERTIES = {1: 2}\n")
    two = grading.question_digests(baked, tmp_path)
    by_property = {question.name for question in baked.questions if any(case.verdict for case in question.cases)}
    assert {name for name in one if one[name] != two[name]} == by_property != set()


def test_a_new_version_in_the_same_folder_is_a_full_regrade_to_the_byte(
    graded: Path, submissions: Path, newer: Path, run: Run, tmp_path: Path
) -> None:
    again, anew = tmp_path / "again", tmp_path / "anew"
    shutil.copytree(graded, again)
    for out in (again, anew):
        done = run("autograder", "grade", submissions, "--out", out, "--bundle", newer)
        assert done.returncode == 0, done.stderr
    assert files_of(again) == files_of(anew)
    assert rows(again)["student-001"]["total"] != rows(graded)["student-001"]["total"]


# ---------------------------------------------------------------- which submissions


def test_only_since_and_failed(submissions: Path, file: Path, run: Run, tmp_path: Path) -> None:
    here, out, times = tmp_path / "class", tmp_path / "out", tmp_path / "times.csv"
    shutil.copytree(submissions, here)
    for path in (here, *here.rglob("*")):
        os.utime(path, (1.6e9, 1.6e9))  # September 2020
    times.write_text("submission,submitted_at\nstudent-002,2026-11-30T23:59:00+01:00\n")

    def grade(*arguments: object) -> list[str]:
        log = out / "audit.jsonl"
        if log.exists():  # what is graded now is what gets another line
            log.write_text("".join(json.dumps({**line, "host": "before"}) + "\n" for line in audit(out)), "utf-8")
        done = run("autograder", "grade", here, "--out", out, "--bundle", file, "--times", times, *arguments)
        assert done.returncode == 0, done.stderr
        return [line["submission"] for line in audit(out) if line["host"] != "before"]

    assert grade("--only", "student-001", "student-005") == ["student-001", "student-005"]
    assert set(rows(out)) == {"student-001", "student-005"}
    assert grade("--only", "student-001") == ["student-001"]
    assert grade("--since", "2026-11-01") == ["student-002"]
    os.utime(here / "student-004" / "memnet" / "gru.py")
    assert grade("--since", "2026-10-01T00:00:00+00:00") == ["student-004"]
    assert grade("--failed") == ["student-005"]
    assert grade() == ["student-003", "student-006"]
    assert grade() == []
    assert records(out)["student-002"]["submitted_at"] == "2026-11-30T23:59:00+01:00"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "student-999"], "--only student-999: no submission is called so"),
        (["--since", "yesterday"], "--since: 'yesterday' is no time; write it like 2026-11-30T23:59:00+01:00"),
        (["--shard", "3/2"], "'3/2' is no shard; write 2/8 for the second of eight"),
        (["--shard", "0/2"], "'0/2' is no shard"),
        (["--shard", "two"], "'two' is no shard"),
        (["--slurm", "partition"], "--slurm partition: write KEY=VALUE, such as partition=short"),
        (["--times", "nowhere.csv"], "nowhere.csv: No such file or directory; give a CSV file with the column"),
        (["--extensions", "nowhere.csv"], "nowhere.csv: No such file or directory; give a CSV file with the column"),
        (["--dask", "tcp://127.0.0.1:9"], "--dask tcp://127.0.0.1:9: no scheduler answers there"),
        (["--slurm"], "cluster=local needs no Slurm"),
    ],
)  # fmt: skip
def test_bad_options(arguments: list[str], says: str, submissions: Path, file: Path, run: Run, tmp_path: Path) -> None:
    done = run("autograder", "grade", submissions, "--out", tmp_path / "out", "--bundle", file, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_records_of_an_older_version_are_named(
    graded: Path, submissions: Path, newer: Path, run: Run, tmp_path: Path
) -> None:
    shutil.copytree(graded, tmp_path / "out")
    done = run("autograder", "grade", submissions, "--out", tmp_path / "out", "--bundle", newer, "--only", "student-001")
    assert done.returncode == 1
    assert "5 records, such as student-002, are of an older version; grade without --only" in done.stderr


# ---------------------------------------------------------------- shards and merge


@pytest.fixture(scope="module")
def shards(submissions: Path, file: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("shards")
    for number in (1, 2):
        out = root / f"shard-{number}"
        done = run("autograder", "grade", submissions, "--out", out, "--bundle", file, "--shard", f"{number}/2")
        assert done.returncode == 0, done.stderr
        assert "records of this shard; 'autograder merge' puts all shards together" in done.stdout
        assert not (out / "grades.csv").exists()
    return [root / "shard-1", root / "shard-2"]


def test_shards_are_a_matter_of_names_alone() -> None:
    names = [f"student-{number:03}" for number in range(1000)]
    counts = [sum(shard_of(name, 4) == number for name in names) for number in range(6)]
    assert counts[0] == counts[5] == 0
    assert sum(counts) == 1000
    assert min(counts[1:5]) > 200
    assert [shard_of(f"student-{number:03}", 2) for number in range(1, 7)] == [2, 2, 2, 2, 1, 1]


def test_merged_shards_are_an_unsharded_run_to_the_byte(
    shards: list[Path], graded: Path, file: Path, run: Run, tmp_path: Path
) -> None:
    done = run("autograder", "merge", *reversed(shards), "--out", tmp_path / "out", "--bundle", file)
    assert done.returncode == 0, done.stderr
    assert files_of(tmp_path / "out") == files_of(graded)
    assert len(audit(tmp_path / "out")) == 6
    again = run("autograder", "merge", *shards, "--out", tmp_path / "out", "--bundle", file)
    assert again.returncode == 0
    assert files_of(tmp_path / "out") == files_of(graded)


def test_a_shard_that_is_missing_or_was_stopped_is_missed(shards: list[Path], file: Path, run: Run, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(shards[1], stopped)
    lines = (stopped / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (stopped / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    for runs, missed in ([shards[0]], ["001", "002", "003", "004"]), ([shards[0], stopped], ["004"]):
        done = run("autograder", "merge", *runs, "--out", tmp_path / f"{len(runs)}", "--bundle", file)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-len(missed) :] == [
            f"student-{number}: has no record in these runs; 'autograder grade --shard 2/2' makes it, then merge again"
            for number in missed
        ]
        assert len(rows(tmp_path / f"{len(runs)}")) == 6 - len(missed)
    (stopped / "class.json").write_text("{}")
    done = run("autograder", "merge", *shards[:1], stopped, "--out", tmp_path / "damaged", "--bundle", file)
    assert done.returncode == 2
    assert "class.json: is damaged; run the same 'autograder grade --shard' again" in done.stderr
    assert not (tmp_path / "damaged").exists()


def test_what_is_twice_is_said_and_what_disagrees_is_refused(
    shards: list[Path], graded: Path, file: Path, run: Run, tmp_path: Path
) -> None:
    done = run("autograder", "merge", graded, shards[0], "--out", tmp_path / "out", "--bundle", file)
    assert done.returncode == 0
    assert f"student-005: the same record is in {graded} and {shards[0]}" in done.stderr
    assert files_of(tmp_path / "out") == files_of(graded)
    other = tmp_path / "other"
    shutil.copytree(shards[0], other)
    text = (other / "journal.jsonl").read_text("utf-8")
    (other / "journal.jsonl").write_text(text.replace('"status": "graded"', '"status": "grader_error"', 1))
    done = run("autograder", "merge", graded, other, "--out", tmp_path / "b", "--bundle", file)
    assert done.returncode == 2
    assert f"has different records in {graded} and {other}; leave one of them out" in done.stderr
    assert not (tmp_path / "b").exists()


def test_merge_refuses_what_was_graded_otherwise(
    shards: list[Path], newer: Path, file: Path, run: Run, tmp_path: Path
) -> None:
    def complaint(*arguments: object, bundle: Path = file) -> str:
        done = run("autograder", "merge", *arguments, "--out", tmp_path / "out", "--bundle", bundle)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists()
        return done.stderr

    assert "was graded with another bundle" in complaint(*shards, bundle=newer)
    assert "grade all with the same" in complaint(*shards, bundle=newer)
    assert "nowhere/journal.jsonl: No such file or directory; name a folder that" in complaint(tmp_path / "nowhere")
    for key, old, new in (("isolation", '"isolation": "', '"isolation": "un'), ("numpy", '"numpy": "', '"numpy": "1')):
        other = tmp_path / key
        shutil.copytree(shards[1], other)
        text = (other / "journal.jsonl").read_text("utf-8")
        (other / "journal.jsonl").write_text(text.replace(old, new))
        assert f"graded with another {key}" in complaint(shards[0], other)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "journal.jsonl").write_text("no JSON\n")
    assert "is damaged; restore it, or grade again" in complaint(damaged)


# ---------------------------------------------------------------- diff


def test_diff_says_who_moved_by_what_and_why(
    graded: Path, submissions: Path, newer: Path, file: Path, run: Run, tmp_path: Path
) -> None:
    same = run("autograder", "diff", graded, graded)
    assert (same.returncode, same.stdout) == (0, "6 submissions, all graded alike\n")
    here, out = tmp_path / "class", tmp_path / "out"
    shutil.copytree(submissions, here)
    shutil.copy(here / "student-001" / "memnet" / "rnn.py", here / "student-002" / "memnet" / "rnn.py")
    shutil.rmtree(here / "student-006")
    run("autograder", "grade", here, "--out", out, "--bundle", file)
    done = run("autograder", "diff", graded, out)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("student-002: ")
    assert any(line.startswith("    rnn_forward: 0 -> ") and line.endswith("wrong -> passed") for line in lines)
    assert any(line.startswith("      case ") and "wrong -> passed" in line for line in lines)
    assert "    because the submission changed" in lines
    assert f"student-006: only in {graded}" in lines
    assert not any("student-001" in line for line in lines)
    run("autograder", "grade", submissions, "--out", tmp_path / "new", "--bundle", newer)
    done = run("autograder", "diff", graded, tmp_path / "new")
    assert done.stdout.count("    because questions changed: output_head") == 5 + 1
    assert done.returncode == 1


def test_times_of_nobody_are_said_and_the_others_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from autograder.commands.grade import with_times

    times = tmp_path / "times.csv"
    lost = [f"student-{number}" for number in range(100, 125)]
    rows = [*lost, "Student-001", "[red]\x1b[31m\u202e", "student-001"]
    times.write_text("submission,submitted_at\n" + "".join(f"{name},2026-11-30T23:59:00+01:00\n" for name in rows), "utf-8")
    (entry,) = with_times([Entry("student-001", ())], times)
    assert entry.submitted_at == "2026-11-30T23:59:00+01:00"
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{times}: 'Student-001': no submission is called so"
    assert said[1] == f"{times}: '[red]\\x1b[31m\\u202e': no submission is called so"
    assert (len(said), said[-1]) == (21, "and 7 more of this sort")
    times.write_text("submission,submitted_at\nstudent-001,2026-11-30T23:59:00+01:00\n", "utf-8")
    assert len(with_times([Entry("student-001", ())], times)) == 1
    assert capsys.readouterr().err == ""


def test_diff_of_what_is_no_run(graded: Path, run: Run, tmp_path: Path) -> None:
    done = run("autograder", "diff", graded, tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}: holds no records; name a folder that 'autograder grade' has finished" in done.stderr
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text("[]")
    done = run("autograder", "diff", graded, tmp_path)
    assert done.returncode == 2
    assert "a.json: is no record; run 'autograder grade' again" in done.stderr


# ---------------------------------------------------------------- stops


def test_an_interrupt_ends_at_once_and_can_be_taken_up(
    file: Path, submissions: Path, run: Run, tmp_path: Path
) -> None:
    """All but the first hang; Ctrl-C does not wait for their deadlines, and leaves nobody behind."""
    here, out = tmp_path / "class", tmp_path / "out"
    shutil.copytree(submissions, here)
    for path in sorted(here.glob("*/memnet/rnn.py"))[1:]:
        path.write_bytes(path.read_bytes() + small.HANGS)
    mark = f"stopped-{os.getpid()}"
    process = subprocess.Popen(
        [*COMMAND, str(here), "--out", str(out), "--bundle", str(file), "--jobs", "2"], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "AUTOGRADER_TEST_MARK": mark},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # what a shell starts with & ignores it
    )  # fmt: skip
    from .test_grade import marked

    wait_for(lambda: [pid for pid in marked(mark) if pid != process.pid], present=True)
    book = out / "journal.jsonl"  # that a submission is graded says that the judges are under way
    wait_for(lambda: book.read_bytes().splitlines()[1:] if book.exists() else [], present=True)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped; the same command goes on where this one stopped" in said
    assert "Traceback" not in said
    assert not wait_for(lambda: marked(mark), present=False)
    shutil.rmtree(here)
    shutil.copytree(submissions, here)
    assert run("autograder", "grade", here, "--out", out, "--bundle", file).returncode == 0
    assert len(rows(out)) == 6


def test_a_full_disk_during_reports(graded: Path, submissions: Path, file: Path, run: Run, tmp_path: Path) -> None:
    """The journal is whole by then; with room again, the same command writes what is missing."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("journal.jsonl", "audit.jsonl"):
        shutil.copy(graded / name, out)
    program = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
               "resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000)); from autograder.cli import main; "
               "sys.exit(main())")  # fmt: skip
    arguments = ["grade", str(submissions), "--out", str(out), "--bundle", str(file)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "File too large; nothing that was written is lost" in done.stderr
    assert (out / "journal.jsonl").read_bytes() == (graded / "journal.jsonl").read_bytes()
    assert not (out / "grades.csv").exists()
    assert run("autograder", *arguments).returncode == 0
    assert files_of(out) == files_of(graded)


@pytest.mark.parametrize("submitted_at", ["", "2026-12-01T12:00:00", "yesterday"])
def test_a_time_that_says_nothing_leaves_it_to_the_files(tmp_path: Path, submitted_at: str) -> None:
    from autograder.commands.grade import came_at

    (tmp_path / "x.py").touch()
    os.utime(tmp_path / "x.py", (5_000_000_000, 5_000_000_000))
    assert came_at(Entry("student-017", (Piece(tmp_path),), submitted_at=submitted_at)) == 5_000_000_000
