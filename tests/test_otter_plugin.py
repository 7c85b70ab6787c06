"""Otter's workflow gives our judge's points, and student code is in none of its processes."""

from __future__ import annotations

import importlib.util
import io
import json
import multiprocessing.process
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import nbformat
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what otter imports
    from otter.run.run_autograder.autograder_config import AutograderConfig
    from otter.test_files import GradingResults

    from autograder import otter_plugin
from autograder.authoring import publish
from autograder.authoring.gate import unpack
from autograder.checks.bundle import Bundle, stored_zip
from autograder.grading.intake import read_submission
from autograder.grading.single import failed

from .conftest import ROOT

spec = importlib.util.spec_from_file_location("assemble", ROOT / "tests/submissions/assemble.py")
assert spec is not None
assert spec.loader is not None
assemble = importlib.util.module_from_spec(spec)
spec.loader.exec_module(assemble)
SAMPLES = assemble.samples()
NOTEBOOK = "memory_in_networks.ipynb"

# What `otter run` refuses before a plugin has a say, by the sample: no results, and an exit code that says so.
# The path that leads out of a zip lies at the root when otter has unpacked it: a module without folder or notebook.
REFUSED_BY_OTTER = {"broken-zip": "BadZipFile", "encrypted-zip": "encrypted", "path-traversal-zip": "More than one Python file"}


@pytest.fixture(scope="session")
def otter_zip(made: publish.Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("otter") / "autograder.zip"
    path.write_bytes(made.of("otter-autograder"))
    return path


def otter_run(otter_zip: Path, submission: Path, out: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run the real command, told where the submission lies from where it is started; give what it printed, and results.json."""
    out.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    words = [sys.executable, "-m", "otter", "run", "-a", str(otter_zip), "-o", str(out), os.path.relpath(submission, out)]
    done = subprocess.run(words, cwd=out, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    path = out / "results.json"
    return done, json.loads(path.read_bytes()) if path.exists() else {}


def points(results: Mapping[str, Any]) -> float:
    return round(sum(test.get("score", 0.0) for test in results["tests"]), 2)


def sample_zip(sample: str, folder: Path) -> Path:
    """A sample as a student would hand it in for otter: a zip."""
    expected = SAMPLES[sample]
    path = folder / "submission.zip"
    if expected["form"] == "folder":
        path.write_bytes(stored_zip(assemble.submission_files(sample, expected)))
    else:
        assemble.FORMS[expected["form"]](path, assemble.submission_files(sample, expected))
    return path


def student_book(*cells: str) -> bytes:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.cells.append(nbformat.v4.new_markdown_cell("#### Answer G5\n\nIt is far from the loss."))
    return nbformat.writes(made).encode()


# ---------------------------------------------------------------- otter run


@pytest.mark.slow
def test_otter_run_gives_our_points(otter_zip: Path, tmp_path: Path) -> None:
    done, results = otter_run(otter_zip, sample_zip("known-mistakes", tmp_path), tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = SAMPLES["known-mistakes"]
    assert points(results) == expected["total"]
    by_name = {test["name"]: test for test in results["tests"]}
    for name, question in expected["questions"].items():
        assert by_name[name]["score"] == question["earned"]
    assert f"Total Score: {expected['total']:.3f} / 95.000" in done.stdout
    assert otter_plugin.UNPACKED not in done.stdout
    assert "isolation: full" in done.stdout or "isolation: no-landlock" in done.stdout
    public = by_name["Public Tests"]
    assert public["visibility"] == "visible"
    assert "Hint (h_t): Try W_hh" in public["output"]
    assert "wide" not in public["output"], "hidden cases are not told of"
    assert {test["visibility"] for test in results["tests"][1:]} == {"hidden"}
    assert "hidden case wide: wrong" in by_name["rnn_step"]["output"]


class Trap:
    """What runs code when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def trapped_zip(path: Path, trapped: Path, blank: Mapping[str, bytes]) -> Path:
    """A blank with everything in it that otter would run, unpickle or import; each makes the file `trapped`."""
    trap = f"open({str(trapped)!r}, 'a').write(__name__)\n".encode()
    names = ("otter.py", "ipykernel_launcher.py", "sitecustomize.py", "usercustomize.py", "nbformat.py", "numpy.py",
             "__init__.py", "autograder/__init__.py", "autograder/otter_plugin.py", "otter/__init__.py", "IPython/__init__.py",
             "ipykernel/__init__.py", "tests/rnn_step.py", "tests/q99.py", "memory_engine/autograder/__init__.py",
             "no_notebook.py", "conftest.py", "dill.py", "pickle.py")  # fmt: skip
    files = dict.fromkeys(names, trap)
    files |= {f"memnet/{name}.py": data for name, data in blank.items()}
    files["memnet/rnn.py"] += trap
    files[".OTTER_LOG"] = pickle.dumps(Trap(f"touch {trapped}"))
    files["results.pkl"] = files[".OTTER_LOG"]
    files["otter_config.json"] = b'{"plugins": []}'
    files["tests/q1.py"] = b"raise SystemExit"
    files[NOTEBOOK] = student_book(trap.decode(), "from otter.execute import Checker\nChecker._test_files = []", "VERDICT = 1")
    path.write_bytes(stored_zip(files))
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("memnet/link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return path


@pytest.mark.otter
def test_without_the_plugin_the_trap_springs(
    made: publish.Release, tmp_path: Path, blank: Mapping[str, bytes]
) -> None:
    """Otter by itself runs what is handed in, or the test below would show nothing."""
    with zipfile.ZipFile(io.BytesIO(made.of("otter-autograder"))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    bare = tmp_path / "autograder.zip"
    bare.write_bytes(stored_zip({**files, "otter_config.json": b"{}"}))
    otter_run(bare, trapped_zip(tmp_path / "submission.zip", tmp_path / "trapped", blank), tmp_path / "out")
    assert (tmp_path / "trapped").exists()


@pytest.mark.slow
def test_nothing_of_a_hostile_submission_is_run(
    otter_zip: Path, tmp_path: Path, baked: Bundle, blank: Mapping[str, bytes]
) -> None:
    trapped = tmp_path / "trapped"
    path = trapped_zip(tmp_path / "submission.zip", trapped, blank)
    done, results = otter_run(otter_zip, path, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert points(results) == 0
    assert not trapped.exists(), trapped.read_text()
    assert {test["name"] for test in results["tests"]} == {"Public Tests", *(q.name for q in baked.questions)}


@pytest.mark.otter
def test_a_notebook_alone_is_told_what_is_missing(otter_zip: Path, tmp_path: Path) -> None:
    path = tmp_path / NOTEBOOK
    path.write_bytes(student_book("grader = 1"))
    done, results = otter_run(otter_zip, path, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert points(results) == 0
    assert "there is no folder memnet/" in results["output"]
    assert "problem: there is no folder memnet/" in done.stdout


@pytest.mark.otter
def test_a_grader_that_fails_is_said_and_leaves_a_result(made: publish.Release, tmp_path: Path) -> None:
    files = {}
    with zipfile.ZipFile(io.BytesIO(made.of("otter-autograder"))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files[f"files/{otter_plugin.ENGINE}/bundle.npz"] = b"damaged"
    path = tmp_path / "autograder.zip"
    path.write_bytes(stored_zip(files))
    done, results = otter_run(path, sample_zip("einsum", tmp_path), tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    shown, hidden = results["tests"]
    assert (shown["visibility"], hidden["visibility"]) == ("visible", "hidden")
    assert "alert your instructor" in shown["output"]
    assert "the student is not to blame" in hidden["output"]
    assert "it is no bundle" in hidden["output"]
    assert "status: grader_error" in done.stdout


@pytest.mark.otter
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_earns_by_otter_what_it_earns_by_us(otter_zip: Path, sample: str, tmp_path: Path) -> None:
    done, results = otter_run(otter_zip, sample_zip(sample, tmp_path), tmp_path / "out")
    if sample in REFUSED_BY_OTTER:
        assert done.returncode != 0
        assert REFUSED_BY_OTTER[sample] in done.stdout + done.stderr
        assert not results, "a refusal is no zero"
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert points(results) == SAMPLES[sample]["total"]


# ---------------------------------------------------------------- what otter unpacks by its own rules

DATA = [(f"data/{number}.txt", b"") for number in range(3000)]
LINK = zipfile.ZipInfo("memnet/gru.py")
LINK.external_attr = 0o120777 << 16
# What is in a zip besides its modules and its notebook, and what both graders say of it; "" where they grade it.
BY_OUR_RULES: dict[str, tuple[list[tuple[Any, bytes]], str]] = {
    "a path that leads outside": ([("../../x.txt", b"x")], "../../x.txt is not a plain path inside the zip"),
    "a path from the root": ([("/etc/x.txt", b"x")], "/etc/x.txt is not a plain path inside the zip"),
    "a module twice": ([("memnet/rnn.py", b"x = 1")], "memnet/rnn.py is there more than once"),
    "a module twice by other paths": ([("memnet/x/../rnn.py", b"x = 1")], "memnet/x/../rnn.py is not a plain path"),
    "a link": ([(LINK, b"/etc/passwd")], "memnet/gru.py is a link, which is not followed"),
    "thousands of files": ([(name.removeprefix("data/"), data) for name, data in DATA], "the zip holds more than 2000 files"),
    "thousands of files in a folder": (DATA, ""),
    "what otter puts there too": ([("tests/a.py", b"1"), ("__init__.py", b"1"), ("no_notebook.py", b"1")], ""),
}


def zip_with(case: str, path: Path, files: Mapping[str, bytes]) -> Path:
    """A submission of these files and what the case has besides."""
    path.write_bytes(stored_zip(files))
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in BY_OUR_RULES[case][0]:
            archive.writestr(name, data)
    return path


@pytest.mark.otter
@pytest.mark.parametrize("case", BY_OUR_RULES)
def test_otter_run_judges_the_zip_itself(otter_zip: Path, case: str, tmp_path: Path) -> None:
    """Unpacked by otter, such a zip would earn points that our grader does not give."""
    files = assemble.submission_files("known-mistakes", SAMPLES["known-mistakes"])
    files = {name: data for name, data in files.items() if case != "a link" or name != LINK.filename}
    path = zip_with(case, tmp_path / "submission.zip", files | {NOTEBOOK: student_book()})
    done, results = otter_run(otter_zip, path, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    problem = BY_OUR_RULES[case][1]
    assert points(results) == (0 if problem else SAMPLES["known-mistakes"]["total"])
    assert problem in results.get("output", "")
    assert otter_plugin.UNPACKED not in done.stdout


def unpacked_by_otter(tree: Path, path: Path) -> otter_plugin.Plugin:
    """What `otter run` makes of a zip before it asks a plugin; and the plugin."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tree / "submission")
    return otter_plugin.Plugin(str(tree / "submission" / NOTEBOOK), {}, {"seconds": 300})


@pytest.mark.parametrize("case", BY_OUR_RULES)
def test_the_zip_that_the_command_names_is_judged(
    tree: Path, case: str, monkeypatch: pytest.MonkeyPatch, blank: Mapping[str, bytes]
) -> None:
    path = zip_with(case, tree / "student-017.zip", {NOTEBOOK: student_book(), "memnet/rnn.py": blank["rnn"]})
    (tree / "submission.zip").symlink_to(path)
    plugin = unpacked_by_otter(tree, path)
    (tree / "submission/tests").mkdir(exist_ok=True)  # as otter has put them there
    (tree / "submission/__init__.py").touch()
    (tree / "submission/no_notebook.py").write_bytes(b"otter's")
    monkeypatch.setattr(multiprocessing.process, "ORIGINAL_DIR", str(tree))
    context = click.Context(click.Command("run"))
    context.params["submission"] = "submission.zip"
    problem = read_submission("submission", path).problem
    assert problem.startswith(BY_OUR_RULES[case][1]) if BY_OUR_RULES[case][1] else not problem
    with context:
        plugin.before_grading(SimpleNamespace(autograder_dir=str(tree)))
    assert plugin.record["problem"] == problem
    assert otter_plugin.UNPACKED not in plugin.generate_report()


def test_where_the_zip_is_not_found_the_folder_is_judged_and_that_is_said(tree: Path, blank: Mapping[str, bytes]) -> None:
    """Otter as a library names no command."""
    path = zip_with("a path that leads outside", tree / "a.zip", {NOTEBOOK: student_book(), "memnet/rnn.py": blank["rnn"]})
    plugin = unpacked_by_otter(tree, path)
    plugin.before_grading(SimpleNamespace(autograder_dir=str(tree)))
    assert plugin.record["status"] == "graded"
    assert plugin.generate_report().endswith(f"note: {otter_plugin.UNPACKED}")


def test_another_file_of_the_same_name_is_not_taken_for_what_was_handed_in(tmp_path: Path) -> None:
    """Where a program changes its folder and calls otter's command as a function."""
    mine, other, folder = tmp_path / "mine.zip", tmp_path / "other.zip", tmp_path / "folder"
    mine.write_bytes(stored_zip({"memnet/rnn.py": b"x = 1", "tests/a.py": b""}))
    other.write_bytes(stored_zip({"memnet/rnn.py": b"x = 2"}))
    with zipfile.ZipFile(mine) as archive:
        archive.extractall(folder)
    (folder / "rnn.py").write_bytes(b"x = 1")
    (folder / "tests/a.py").write_bytes(b"otter's")
    (tmp_path / "rnn.py").write_bytes(b"x = 1")
    (tmp_path / "gru.py").write_bytes(b"x = 1")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    names = ("mine.zip", "rnn.py", "other.zip", "gru.py", "broken.zip")
    assert [otter_plugin.is_made_of(folder, tmp_path / name) for name in names] == [True, True, False, False, False]
    (tmp_path / "rnn.py").write_bytes(b"x = 2")
    assert not otter_plugin.is_made_of(folder, tmp_path / "rnn.py")


# ---------------------------------------------------------------- what otter run does before us: known gaps


@pytest.mark.otter
@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({NOTEBOOK: b"{"}, "NotJSONError"),
        ({NOTEBOOK: b"[" * 100_000}, "Error"),
        ({NOTEBOOK: b"{}", "other.ipynb": b"{}"}, "More than one .ipynb file"),
        ({NOTEBOOK: student_book(), "tests": b"a file"}, "NotADirectoryError"),
    ],
    ids=["broken notebook", "deep notebook", "two notebooks", "a file called tests"],
)
def test_otter_run_refuses_these_itself(otter_zip: Path, tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    """Otter looks at them before any plugin: its exit code says so, and nobody gets a zero. `otter grade` has our image."""
    path = tmp_path / "submission.zip"
    path.write_bytes(stored_zip(files))
    done, results = otter_run(otter_zip, path, tmp_path / "out")
    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert not results


# ---------------------------------------------------------------- the image of otter grade


def image(made: publish.Release, root: Path, handed_in: Mapping[str, bytes]) -> tuple[int, str, dict[str, Any]]:
    """The tree of otter's image after `setup.sh`, and its program run in it."""
    unpack(made.of("otter-autograder"), root / "source")
    (root / "results").mkdir()
    (root / "submission_metadata.json").touch()  # as otter's image has it
    for name, data in handed_in.items():
        (root / "submission" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "submission" / name).write_bytes(data)
    done = subprocess.run(
        ["bash", str(root / "source/run_autograder")], cwd=root, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable, "PYTHONPATH": ""},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, json.loads((root / "results/results.json").read_bytes())


@pytest.mark.slow
def test_the_image_judges_a_zip_before_otter_unpacks_it(made: publish.Release, tmp_path: Path) -> None:
    """As `otter grade --ext zip` puts it there; with two notebooks, one of them broken, and a file called tests."""
    files = assemble.submission_files("known-mistakes", SAMPLES["known-mistakes"])
    files |= {NOTEBOOK: b"{", "other.ipynb": b"[" * 10_000, "tests": b"a file", "otter.py": b"raise SystemExit"}
    code, said, results = image(made, tmp_path, {"student-017.zip": stored_zip(files)})
    assert code == 0, said
    assert points(results) == SAMPLES["known-mistakes"]["total"]
    for name in ("results/results.pkl", "submission/student-017.zip"):
        assert (tmp_path / name).exists(), "what otter grade copies out of the container, or takes it for broken"


@pytest.mark.otter
def test_the_image_tells_of_a_broken_zip(made: publish.Release, tmp_path: Path) -> None:
    code, said, results = image(made, tmp_path, {"student-017.zip": b"PK\x03\x04 broken"})
    assert code == 0, said
    assert points(results) == 0
    assert "is broken or is no zip" in results["output"]


@pytest.mark.otter
def test_the_image_leaves_a_result_when_otter_fails(made: publish.Release, tmp_path: Path) -> None:
    unpack(made.of("otter-autograder"), tmp_path / "source")
    (tmp_path / "source/tests").rename(tmp_path / "elsewhere")
    files = assemble.submission_files("known-mistakes", SAMPLES["known-mistakes"])
    for name, data in files.items():
        (tmp_path / "submission" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "submission" / name).write_bytes(data)
    assert otter_plugin.main(tmp_path) == 1
    assert json.loads((tmp_path / "results/results.json").read_bytes())["score"] == SAMPLES["known-mistakes"]["total"]
    assert {path.name for path in (tmp_path / "submission").iterdir()} >= {name.partition("/")[0] for name in files}
    assert not list(tmp_path.glob("quarantine-*"))


# ---------------------------------------------------------------- the plugin by itself


@pytest.fixture
def tree(made: publish.Release, tmp_path: Path) -> Path:
    """What `otter run` makes before it asks a plugin, with a blank submission."""
    unpack(made.of("otter-autograder"), tmp_path / "source")
    (tmp_path / "submission").mkdir()
    return tmp_path


def test_the_students_notebook_stays_to_be_read_and_cannot_be_run(tree: Path) -> None:
    submission = tree / "submission"
    path = submission / NOTEBOOK
    path.write_bytes(student_book("import os; os._exit(3)", "print('''```''')"))
    (submission / ".OTTER_LOG").write_bytes(b"x")
    (submission / "loop").symlink_to(submission)
    (submission / "passwd").symlink_to("/etc/passwd")
    plugin = otter_plugin.Plugin(str(path), {}, {"seconds": 300})
    plugin.before_grading(SimpleNamespace(autograder_dir=str(tree)))
    left = {item.name for item in submission.iterdir()}
    assert left == {NOTEBOOK, "tests"}
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert {cell.cell_type for cell in book.cells} == {"markdown"}
    assert book.cells[0].source == "```python\nimport os; os._exit(3)\n```"
    assert book.cells[1].source.startswith("````python")
    assert book.cells[2].source == "#### Answer G5\n\nIt is far from the loss."
    assert plugin.record["answers"] == {"G5": "It is far from the loss."}
    assert [item.name for item in tree.iterdir() if item.name.startswith("quarantine")] == []
    (cell,) = plugin.before_execution(book).cells
    names: dict[str, Any] = {}
    exec(cell.source, names)
    assert names["VERDICT"]["rnn_step"] == {"public": False, "all": False}


def test_results_are_the_judges_whatever_the_kernel_gave() -> None:
    """A kernel that died, or that says that everything is right, changes nothing."""
    case = {"name": "small", "hidden": False, "plain": True, "verdict": "wrong", "text": "", "trace": "", "hint": "",
            "values": [], "warnings": []}  # fmt: skip
    hidden = {**case, "name": "wide", "hidden": True, "verdict": "crashed"}
    question = {"name": "rnn_step", "number": "B1", "module": "rnn", "verdict": "crashed", "earned": 1.5, "possible": 4.0,
                "optional": False, "outputs": [{"name": "h_t", "earned": 1.5, "possible": 4.0}],
                "cases": [case, hidden]}  # fmt: skip
    extra = {**question, "name": "scan", "optional": True, "earned": 2.0, "verdict": "passed",
             "cases": [{**case, "verdict": "passed"}]}  # fmt: skip
    record = {**failed("s", ""), "status": "graded", "total": 3.5, "possible": 4.0, "questions": [question, extra]}
    results = GradingResults.without_results(RuntimeError("the kernel died"))
    otter_plugin.set_results(results, record)
    found = results.to_gradescope_dict(AutograderConfig())
    assert [(t["name"], t.get("score"), t.get("max_score")) for t in found["tests"]] == [
        ("Public Tests", None, None), ("rnn_step", 1.5, 4.0), ("scan", 2.0, 0),
    ]  # fmt: skip
    assert found["tests"][0]["status"] == "failed"
    assert "hidden case wide: stopped with an error" in found["tests"][1]["output"]
    assert "hidden case" not in found["tests"][0]["output"]
    assert (results.total, results.possible) == (3.5, 4.0)
    assert pickle.loads(pickle.dumps(results)).total == 3.5, "otter takes it out of the container by pickle"


def test_what_is_handed_in_to_the_image(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"")
    (tmp_path / "a.pdf").write_bytes(b"")
    assert otter_plugin.handed_in(tmp_path) == ("submission.ipynb", tmp_path / "a.zip")
    (tmp_path / "b.ipynb").write_bytes(b"")
    assert otter_plugin.handed_in(tmp_path) == ("b.ipynb", tmp_path)
