"""Gradescope's autograder, in a tree like Gradescope's, as root in a container with Docker's capabilities."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from autograder import gradescope
from autograder.authoring import publish
from autograder.authoring.gate import unpack
from autograder.gradescope import Settings, SettingsError, Submitted, next_allowed, read_metadata, read_settings, results
from autograder.grading.single import failed

from .conftest import ROOT, write_package
from .test_submissions import SAMPLES, assemble

CONDITIONS = ROOT / "tests/attacks/conditions.py"
NOW = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)


def gradescope_tree(made: publish.Release, root: Path) -> Path:
    """What lies in a container of Gradescope before run_autograder is started, without a submission."""
    unpack(made.of("gradescope-autograder"), root / "source")
    (root / "submission").mkdir(parents=True)
    (root / "results").mkdir()
    return root


def run_autograder(root: Path, *before: object, python: str = sys.executable) -> dict[str, Any]:
    """Run the real script. before: a command to run it under."""
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": python, "PYTHONPATH": ""}
    command = [*map(str, before), "bash", str(root / "source/run_autograder")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    found = json.loads((root / "results/results.json").read_bytes())
    assert not [path.name for path in (root / "results").iterdir() if path.name != "results.json"]
    found["said"] = done.stdout + done.stderr
    return dict(found)


def hand_in(root: Path, sample: str) -> None:
    for name, data in assemble.submission_files(sample, SAMPLES[sample]).items():
        path = root / "submission" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a container's root is tried as root")
def test_in_a_container(made: publish.Release, tmp_path: Path) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    hand_in(root, "known-mistakes")
    found = run_autograder(root, sys.executable, CONDITIONS, "docker")
    assert found["score"] == SAMPLES["known-mistakes"]["total"], found["said"]
    scored = [test for test in found["tests"] if "score" in test]
    assert round(sum(test["score"] for test in scored), 2) == found["score"]
    assert sum(test["max_score"] for test in scored) == 95
    assert {test["visibility"] for test in scored} == {"after_due_date"}
    shown = [test for test in found["tests"] if test["visibility"] == "visible"]
    (step,) = [test for test in shown if test["name"] == "B1 rnn_step: public cases"]
    assert "> Hint: Try W\\_hh = " in step["output"]
    assert not any("idden cases that" in test["output"] for test in shown)
    assert "leaderboard" not in found, "the answer of the question that measures memory is wrong"
    assert found["extra_data"]["isolation"] in ("full", "no-landlock")


@pytest.mark.slow
def test_the_leaderboard_and_the_notebook(made: publish.Release, tmp_path: Path, solution: Mapping[str, bytes]) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    write_package(root / "submission", {name: data for name, data in solution.items() if name != "order"})
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "#### Answer G5\n\nThe first \u202e<b>token</b>."}]
    (root / "submission/any name.ipynb").write_text(json.dumps({"cells": cells}))
    found = run_autograder(root)
    (board,) = found["leaderboard"]
    assert board["name"] == "Peak memory in MiB"
    assert board["order"] == "asc"
    assert 0.5 < board["value"] < 8, "the largest case has a budget of some megabytes"
    assert found["output"] == "not handed in: memnet/order.py; questions on it earn nothing"
    (answer,) = [test for test in found["tests"] if test.get("number") == "G5"]
    assert answer["output"] == "The first \\u202e<b>token</b>."
    assert answer["output_format"] == "text"


def test_a_result_is_there_before_anything_can_fail(made: publish.Release, tmp_path: Path) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    found = run_autograder(root, python="/nonexistent/python")
    said = found.pop("said")
    assert found == gradescope.pessimistic()
    assert "these are not your points" in found["output"]
    assert "/nonexistent/python" in said


def test_a_grader_that_fails_is_said_and_never_silently_zero(made: publish.Release, tmp_path: Path) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    hand_in(root, "einsum")
    (root / "source/engine/bundle.npz").write_bytes(b"damaged")
    found = run_autograder(root)
    shown, hidden = found["tests"]
    assert "That is not your fault" in found["output"]
    assert shown["visibility"] == "visible"
    assert hidden["visibility"] == "hidden", "so that the total is not shown either"
    assert "it is no bundle" in hidden["output"]
    assert found["extra_data"] == {"status": "grader_error"}


def test_what_cannot_be_read_is_said(made: publish.Release, tmp_path: Path) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    for folder in ("one", "two"):  # in one folder alone they would be taken for the package
        (root / "submission" / folder).mkdir()
        (root / "submission" / folder / "rnn.py").write_text("x = 1")
    found = run_autograder(root)
    assert found["score"] == 0
    assert "one/rnn.py, two/rnn.py lie outside memnet/; put the modules into a folder memnet/" in found["output"]


def test_the_submission_cannot_take_the_place_of_the_grader(
    made: publish.Release, tmp_path: Path, blank: Mapping[str, bytes]
) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    trapped = tmp_path / "trapped"
    trap = f"open({str(trapped)!r}, 'w').close()\n".encode()
    write_package(root / "submission", {name: data + trap for name, data in blank.items()})
    for name in ("sitecustomize.py", "autograder/__init__.py", "numpy.py", "json.py", "run_autograder", "setup.sh"):
        (root / "submission" / name).parent.mkdir(exist_ok=True)
        (root / "submission" / name).write_bytes(trap)
    (root / "submission/results").symlink_to(root / "results")
    found = run_autograder(root)
    assert found["score"] == 0, found["said"]
    assert not trapped.exists()


FAKE_PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 0
mkdir -p "$3/bin"
printf '#!/bin/sh\\n[ "$1" = -m ] || { echo no torch here >&2; exit 3; }\\n' >"$3/bin/python"
chmod +x "$3/bin/python"
"""


@pytest.mark.parametrize(
    ("apt_get", "says"),
    [
        ("", "setup.sh: no Python 3.11 or later with venv here, nor apt-get; choose an Ubuntu base image"),
        ("#!/bin/sh\nexit 100\n", "setup.sh: the lists of packages cannot be had; apt-get says why above"),
        ('#!/bin/sh\n[ "$1" = update ]\n', "setup.sh: apt-get has no Python 3.11 or later; choose a newer base image"),
        ("#!/bin/sh\nexit 0\n", "setup.sh: apt-get has no Python 3.11 or later; choose a newer base image"),
        ('#!/bin/sh\ncase "$*" in *python3.11-venv) cp fake-python bin/python3.11; chmod +x bin/python3.11;; esac\n',
         "no torch here\nsetup.sh: what grading needs cannot be loaded here; the error stands above"),
    ],
    ids=["no apt-get", "no lists", "none to be had", "only an older one", "what does not load"],
)  # fmt: skip
def test_an_image_that_could_not_grade_is_not_set_up(made: publish.Release, tmp_path: Path, apt_get: str, says: str) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    here = tmp_path / "bin"
    here.mkdir()
    for name in ("bash", "sh", "dirname", "grep", "cp", "chmod", "mkdir"):
        (here / name).symlink_to(str(shutil.which(name)))
    (tmp_path / "fake-python").write_text(FAKE_PYTHON)
    if apt_get:
        (here / "apt-get").write_text(apt_get)
        (here / "apt-get").chmod(0o755)
    environment = {"PATH": str(here), "AUTOGRADER_ENVIRONMENT": str(tmp_path / "environment")}
    done = subprocess.run([here / "bash", root / "source/setup.sh"], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (1, says)


# ---------------------------------------------------------------- limits by the time of submission


def metadata(**more: Any) -> bytes:
    found = {"id": 7, "created_at": "2025-03-10T05:00:00.000000-07:00",
             "assignment": {"due_date": "2025-03-10T10:00:00+00:00", "late_due_date": None, "total_points": "100.0"},
             "previous_submissions": [], **more}  # fmt: skip
    return json.dumps(found).encode()


def earlier(*hours: float, scores: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    values = scores or (1.0,) * len(hours)
    return [{"submission_time": (NOW - timedelta(hours=h)).isoformat(), "score": s, "autograder_error": False}
            for h, s in zip(hours, values, strict=True)]  # fmt: skip


def test_times_are_read_as_they_were_submitted() -> None:
    found = read_metadata(metadata())
    assert found.at == NOW
    assert found.late == timedelta(hours=2)
    assert found.late_due is None


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b"null", b'{"created_at": 7, "assignment": [], "previous_submissions": {"a": 1}}',
     b'{"created_at": "yesterday", "previous_submissions": [1, {}, {"submission_time": null}]}', b"[" * 100_000],
)  # fmt: skip
def test_odd_metadata_is_unknown_and_nothing_worse(data: bytes) -> None:
    assert read_metadata(data) == Submitted()
    assert read_metadata(data).late == timedelta(0)


@pytest.mark.parametrize(
    ("hours", "wait"),
    [((), None), ((1,), None), ((30, 25), None), ((5, 1), 19.0), ((23, 22, 21, 1), 1.0), ((26, 25, 23, 3), None)],
    ids=["first", "second", "long ago", "third", "refused ones do not count", "a window that is over"],
)
def test_the_rate_limit(hours: tuple[float, ...], wait: float | None) -> None:
    """Two a day. Refused submissions are not counted: the window is that of those that were graded."""
    settings = Settings(submissions=2, hours=24)
    submitted = read_metadata(metadata(previous_submissions=earlier(*hours)))
    then = next_allowed(submitted, settings)
    assert then == (None if wait is None else NOW + timedelta(hours=wait))
    assert next_allowed(submitted, Settings()) is None, "no limit"
    assert next_allowed(replace(submitted, at=None), settings) is None, "an unknown time is graded"


def test_a_failed_autograder_uses_up_nothing() -> None:
    before = [{**item, "autograder_error": True} for item in earlier(3, 2, 1)]
    submitted = read_metadata(metadata(previous_submissions=before))
    assert next_allowed(submitted, Settings(submissions=1)) is None


def test_above_the_limit_the_points_before_stand(made: publish.Release, tmp_path: Path) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    settings = json.loads((root / "source/engine/settings.json").read_bytes())
    (root / "source/engine/settings.json").write_text(json.dumps({**settings, "gradescope": {"submissions": 1}}))
    data = metadata(previous_submissions=earlier(2, scores=("41.5",)))
    (root / "submission_metadata.json").write_bytes(data)
    found = run_autograder(root)
    assert found["score"] == 41.5
    assert found["output"].startswith("Not graded: 1 submissions in 24 hours are graded, and those are used up.")
    assert "2025-03-11 10:00 UTC" in found["output"]


def test_what_is_late_by_gradescopes_own_due_date_loses_points(made: publish.Release, tmp_path: Path) -> None:
    root = gradescope_tree(made, tmp_path / "autograder")
    settings = json.loads((root / "source/engine/settings.json").read_bytes())
    rules = {"late": {"policy": "percent_a_day", "percent": 10, "due": "2025-01-01T00:00:00+00:00"}, "points": {}}
    (root / "source/engine/settings.json").write_text(json.dumps({**settings, "rules": rules}))
    (root / "submission_metadata.json").write_bytes(metadata())
    hand_in(root, "majority-task")
    found = run_autograder(root)
    raw = SAMPLES["majority-task"]["total"]
    assert found["score"] == round(raw - round(raw * 0.1, 2), 2), found["said"]
    assert found["output"] == f"{raw:g} points before these rules: 2 h late: 1 begun day at 10 %."


def test_rules_travel_as_text() -> None:
    late = {"policy": "percent_a_day", "percent": 10.0, "due": datetime(2025, 3, 10, 9, 0), "timezone": "Europe/Zurich"}
    plain = gradescope.plain_rules({"late": late, "points": {"cap": 100}, "other": 1})
    assert plain == {"late": {"policy": "percent_a_day", "percent": 10.0, "due": "2025-03-10T09:00:00+01:00"},
                     "points": {"cap": 100}}  # fmt: skip
    known = gradescope.rules_of(json.loads(json.dumps(plain)), Submitted())
    assert known.late.due == datetime(2025, 3, 10, 8, 0, tzinfo=UTC)
    assert known.cap == 100
    assert gradescope.rules_of(plain, Submitted(due=NOW)).late.due == NOW
    assert not gradescope.rules_of({"late": {"policy": "percent_a_day"}}, Submitted()).says_something, "due nowhere"


# ---------------------------------------------------------------- pure functions

CASE = {"name": "small", "hidden": False, "plain": True, "verdict": "wrong", "text": "", "trace": "", "hint": "",
        "values": [{"name": "h_t", "right": False, "findings": ["h_t is ```<b>[x](y)"], "mistake": "", "hint": "Use *W_hh*.",
                    "fingerprint": ""}], "warnings": []}  # fmt: skip
QUESTION = {"name": "rnn_step", "number": "B1", "module": "rnn", "verdict": "wrong", "earned": 1.5, "possible": 4.0,
            "optional": False, "outputs": [{"name": "h_t", "earned": 1.5, "possible": 4.0}],
            "cases": [CASE, {**CASE, "name": "wide", "hidden": True}]}  # fmt: skip
RECORD = {**failed("s", ""), "status": "graded", "total": 1.5, "possible": 4.0, "questions": [QUESTION]}


@pytest.mark.parametrize("when", ["after_due_date", "after_published", "hidden"])
def test_hidden_cases_are_shown_when_a_course_says(when: str) -> None:
    public, whole = results(RECORD, Settings(hidden_cases=when))["tests"]
    assert (public["visibility"], whole["visibility"]) == ("visible", when)
    assert "score" not in public
    assert (whole["score"], whole["max_score"]) == (1.5, 4.0)
    assert "wide" not in public["output"]
    assert whole["output"] == "Hidden cases that are not right:\n\n- wide: wrong"


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"verdict": "passed", "cases": [{**CASE, "verdict": "passed"}]}, "All cases are right."),
        ({"cases": [CASE]}, "No hidden case is wrong."),
        ({"verdict": "missing", "cases": []}, "Missing."),
    ],
)
def test_where_no_hidden_case_is_wrong(question: dict[str, Any], says: str) -> None:
    record = {**RECORD, "questions": [{**QUESTION, **question}]}
    assert results(record, Settings())["tests"][1]["output"] == says


def test_everything_at_once() -> None:
    (whole,) = results(RECORD, Settings(hidden_cases="visible"))["tests"]
    assert whole["visibility"] == "visible"
    assert whole["output"] == (
        "**Case small: wrong**\n\n````\nh_t is ```<b>[x](y)\n````\n\n> Hint: Use \\*W\\_hh\\*.\n\n"
        "Hidden cases that are not right:\n\n- wide: wrong"
    )


def test_optional_points_come_on_top() -> None:
    record = {**RECORD, "questions": [{**QUESTION, "optional": True}]}
    assert [test.get("max_score") for test in results(record, Settings())["tests"]] == [None, 0.0]


def test_points_that_people_gave_count_and_come_when_all_others_do() -> None:
    by_hand = {"name": "why", "number": "G5", "earned": 2.5, "possible": 4.0, "points": [2.5], "comment": "=good\u202e"}
    record = {**RECORD, "written": [by_hand], "answers": {"G5": "It is far.", "G6": "State."}}
    found = results(record, Settings(hidden_cases="after_published"))
    assert found["score"] == 4.0
    assert found["tests"][-2:] == [
        {"name": "G5 why", "number": "G5", "score": 2.5, "max_score": 4.0, "output": "=good\\u202e", "output_format": "text",
         "visibility": "after_published"},
        {"name": "G6: your written answer, which people will grade", "number": "G6", "output": "State.",
         "output_format": "text", "visibility": "visible"},
    ]  # fmt: skip
    assert sum(test.get("score", 0.0) for test in found["tests"]) == found["score"]


def test_hostile_text_is_shown_as_it_is_and_capped() -> None:
    found = results({**RECORD, "problem": "\x1b[31m\u202e", "notes": ["x" * 20_000]}, Settings())
    assert found["output"].startswith("\\u001b[31m\\u202e\nxxx")
    assert len(found["output"]) <= gradescope.MAX_OUTPUT + 1
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def test_markdown_shows_text_as_it_is() -> None:
    assert gradescope.markdown_safe("<b>*a*_[x](y)\n#") == "&lt;b&gt;\\*a\\*\\_\\[x\\]\\(y\\) \\#"
    assert gradescope.fenced("a\n````\nb") == "`````\na\n````\nb\n`````"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"hidden": "x"}, "there is no setting 'hidden'; there are hidden_cases, leaderboard"),
        ({"hidden_cases": "never"}, "hidden_cases = 'never'; write one of visible, after_due_date"),
        ({"hidden_cases": 7}, "hidden_cases = 7; write a text"),
        ({"submissions": -1}, "submissions = -1; write a number from 0 on"),
        ({"submissions": 1.5}, "submissions = 1.5; write a number"),
        ({"hours": True}, "hours = True; write a number"),
    ],
)
def test_settings_that_cannot_be_used(table: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=r"assignment\.toml: ") as error:
        read_settings(table, "assignment.toml")
    assert says in str(error.value)


def test_the_zip_is_as_gradescope_wants_it(made: publish.Release) -> None:
    with zipfile.ZipFile(BytesIO(made.of("gradescope-autograder"))) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
        assert modes["setup.sh"] == modes["run_autograder"] == 0o755
        assert b"\r" not in archive.read("setup.sh") + archive.read("run_autograder")
        assert archive.read("requirements.txt").startswith(b"numpy==")
        assert not [name for name in modes if "reference" in name or "questions" in name or "cli.py" in name]
        for name in ("setup.sh", "run_autograder"):
            assert subprocess.run(["bash", "-n"], input=archive.read(name), check=False).returncode == 0
