"""The student's notebook in a real kernel and in a real JupyterLab: with the reference, with stubs, with a mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from autograder.authoring.declare import Assignment

NAME = "memory_in_networks.ipynb"
MISTAKE = '''import numpy as np


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T) + b


def rnn_forward(x, h0, W_xh, W_hh, b):
    h, prev = np.zeros((*x.shape[:2], len(b))), h0
    for t in range(x.shape[1] - 1):
        h[:, t] = prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)
    return h
'''


@pytest.fixture
def folder(template: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The student's folder, and an environment in which Jupyter knows nothing but it."""
    for name, data in template.items():
        path = tmp_path / "student" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    news = tmp_path / "jupyter_config_dir" / "labconfig" / "page_config.json"  # no question about news over the page
    news.parent.mkdir(parents=True)
    news.write_text('{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}', encoding="utf-8")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path / "student"


def fill(folder: Path, solution: Mapping[str, bytes]) -> None:
    for name, data in solution.items():
        (folder / "memnet" / f"{name}.py").write_bytes(data)


def run(folder: Path, *, quick: bool, besides: str = "") -> dict[str, Any]:
    """Run the notebook from top to bottom. Returns its code cells by id.

    quick: less to train, and no check twice. besides: a cell that is run before the last one, and that nobody saved.
    """
    book = nbformat.read(folder / NAME, as_version=4)
    if quick:
        for long, short in (("label, simple_rnn=", "label, T=9, updates=3, simple_rnn="), ("1024, [1,", "64, [1,"),
                            (", 256, 1024]", "]")):  # fmt: skip
            (cell,) = [cell for cell in book.cells if long in cell.source]
            cell.source = cell.source.replace(long, short)
        kept = re.compile(r"^(?!grader\.check\()|same_bag|rnn_")
        book.cells = [cell for cell in book.cells if kept.search(cell.source)]  # check_all checks the others
    if besides:
        book.cells.insert(-1, nbformat.v4.new_code_cell(besides))  # type: ignore[no-untyped-call]
    client = nbclient.NotebookClient(book, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return {cell.id: cell for cell in book.cells if cell.cell_type == "code"}


def said(cell: Any) -> str:
    """All that a cell printed or showed, as plain text."""
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def pages(cell: Any) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)


def only(cells: Mapping[str, Any], text: str) -> Any:
    (found,) = [cell for cell in cells.values() if text in cell.source]
    return found


def all_right(cells: Mapping[str, Any]) -> None:
    """What must hold after a run with the reference."""
    for cell in cells.values():
        assert not [output for output in cell.outputs if output.output_type == "error"], cell.source
        assert "Traceback" not in said(cell)
        assert "Nothing to look at" not in said(cell)
        assert "stopped with an error" not in said(cell)
        if cell.source.startswith("grader.check("):
            assert said(cell).startswith("✓"), said(cell)
        for image in re.findall(r"<img [^>]*>", pages(cell)):
            assert re.match(r'<img alt="[^"]{40,}" src="data:image/png;base64,', image)
        assert not [output for output in cell.outputs if "image/png" in output.get("data", {})]  # once is enough
    total = said(only(cells, "grader.check_all()"))
    assert re.search(r"^109 of 95 points by the public checks", total, re.MULTILINE)
    shown = [cell for cell in cells.values() if "<img" in pages(cell)]
    assert len(shown) == 7
    slider = only(cells, "hidden_state_slider")
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in slider.outputs)
    assert pages(slider).count("<img") == 1  # the strip, where widgets do not run
    assert "G5 has no answer" in said(only(cells, "grader.export()"))
    assert not re.search("Still blank|not saved|You defined", said(only(cells, "grader.export()")))


def test_with_the_reference_it_runs_from_top_to_bottom(folder: Path, solution: Mapping[str, bytes]) -> None:
    fill(folder, solution)
    all_right(run(folder, quick=True))


@pytest.mark.long
def test_with_the_reference_all_of_it_runs_in_two_minutes(folder: Path, solution: Mapping[str, bytes]) -> None:
    """Processor seconds of all processes: the two minutes are those of a quiet machine."""
    fill(folder, solution)
    before = os.times()
    all_right(run(folder, quick=False))
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 120


def test_with_stubs_every_cell_says_kindly_what_is_missing(folder: Path) -> None:
    cells = run(folder, quick=True, besides="def rnn_step():\n    return 7")
    waiting = 0
    for cell in cells.values():
        assert not [output for output in cell.outputs if output.output_type == "error"], cell.source
        text = said(cell)
        assert "Traceback" not in text
        assert "Error" not in text
        if "with looking_at(" in cell.source:
            assert "Nothing to look at yet" in text, cell.source
            assert re.search(r"^  [A-G]\d \w+, in memnet/\w+\.py$", text, re.MULTILINE)
            assert len(text.splitlines()) <= 8
            waiting += 1
        elif cell.source.startswith("grader.check("):
            assert re.search(r"not written yet\n +Write it in memnet/\w+\.py, save the file, and check again\.$", text)
    assert waiting >= 15
    assert re.search(r"^0 of 95 points", said(only(cells, "grader.check_all()")), re.MULTILINE)
    export = said(only(cells, "grader.export()"))
    assert "Still blank: A1 same_bag_pair, A2 first_word_sentences," in export
    assert "You defined rnn_step in a cell of the notebook. Checks read memnet/rnn.py alone" in export
    assert "The notebook was not saved since you ran the cell that starts with 'def rnn_step():'. Save it" in export


def test_out_of_its_folder_it_says_so(folder: Path, assignment: Assignment, tmp_path: Path) -> None:
    book = nbformat.read(folder / NAME, as_version=4)
    book.cells = [cell for cell in book.cells if cell.cell_type == "code"][:1]
    away = tmp_path / "away"
    away.mkdir()
    nbclient.NotebookClient(book, timeout=60, allow_errors=True, resources={"metadata": {"path": str(away)}}).execute()
    (output,) = book.cells[0].outputs
    assert output.evalue.startswith(f"there is no folder checks/ in {away}. Keep this notebook in the folder")
    unzip = f"    !unzip -q -n /content/{assignment.name}-student.zip -d /content"  # -n: what is written already stays
    assert output.evalue.splitlines()[-2:] == [unzip, f"    %cd /content/{assignment.name}"]


# ---------------------------------------------------------------- JupyterLab


@pytest.fixture
def lab(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A JupyterLab that serves the folder: its address."""
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--ServerApp.port=0",
             "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield _address(server, tmp_path)
    finally:
        server.terminate()
        server.wait(60)


def _address(server: subprocess.Popen[bytes], tmp_path: Path) -> str:
    """Wait for the file that says where the server listens."""
    path = tmp_path / "jupyter_runtime_dir" / f"jpserver-{server.pid}.json"
    for _ in range(1200):
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["url"])
        except (OSError, ValueError):
            assert server.poll() is None, (tmp_path / "lab.log").read_text()
            time.sleep(0.1)
    raise AssertionError((tmp_path / "lab.log").read_text())


RUN = (
    "([index, before]) => { const prompt = document.querySelector("
    "`.jp-Cell[data-windowed-list-index='${index}'] .jp-InputPrompt`);"
    "return prompt && /\\[\\d+\\]/.test(prompt.innerText) && prompt.innerText !== before; }"
)


def _in_time(wait: Callable[..., object], *what: object, **more: object) -> bool:
    from playwright.sync_api import TimeoutError as TooLate

    try:
        wait(*what, **more, timeout=40_000)
    except TooLate:
        return False
    return True


class Notebook:
    """A notebook in JupyterLab, driven by the keyboard."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        page.set_default_timeout(120_000)
        page.goto(f"{address}lab/tree/{NAME}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        page.locator(".jp-Notebook .jp-Cell").first.click()
        page.keyboard.press("Escape")
        self.at = self._active()

    def _active(self) -> int:
        return int(self.page.locator(".jp-Cell.jp-mod-active").get_attribute("data-windowed-list-index"))

    def go_to(self, index: int) -> None:
        """Select a cell, without running anything."""
        while (at := self._active()) != index:
            self.page.keyboard.press("ArrowDown" if at < index else "ArrowUp")
            step = at + 1 if at < index else at - 1
            active = f'.jp-Cell.jp-mod-active[data-windowed-list-index="{step}"]'
            _in_time(self.page.wait_for_selector, active)  # else the key is pressed again

    def run(self, index: int) -> Any:
        """Run a cell and wait until it is done. Returns its outputs."""
        self.go_to(index)
        cell = self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')
        before = cell.locator(".jp-InputPrompt").first.inner_text()
        for _ in range(4):  # keys are lost on a busy machine, and so are requests to a kernel that has only just started
            self.page.keyboard.press("Control+Enter")
            if _in_time(self.page.wait_for_function, RUN, arg=[index, before]):
                return cell.locator(".jp-OutputArea").first
        raise AssertionError(f"cell {index} has not run: {cell.inner_text()}")


@pytest.mark.slow
def test_in_jupyterlab_a_mistake_gets_its_hint_and_a_right_answer_its_tick(
    folder: Path, solution: Mapping[str, bytes], browser: Any, lab: str
) -> None:
    (folder / "memnet" / "order.py").write_bytes(solution["order"])
    (folder / "memnet" / "rnn.py").write_text(MISTAKE, encoding="utf-8")
    cells = json.loads((folder / NAME).read_bytes())["cells"]
    places = {cell["id"]: index for index, cell in enumerate(cells)}
    first = next(index for index, cell in enumerate(cells) if cell["cell_type"] == "code")
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    try:
        notebook = Notebook(page, lab)
        notebook.go_to(next(index for index, cell in enumerate(cells) if "](data:image/" in "".join(cell["source"])))
        drawn = """document.querySelector('.jp-MarkdownOutput img[alt^="A recurrent network"]')?.naturalWidth > 100"""
        page.wait_for_function(drawn)
        notebook.run(first)
        for name, points in (("same_bag_pair", "2 / 2"), ("first_word_sentences", "4 / 4")):
            text = notebook.run(places[f"check-{name}"]).inner_text()
            assert "✓ right" in text
            assert f"{points} points" in text

        wrong = notebook.run(places["check-rnn_step"])
        assert "✗ wrong" in wrong.inner_text()
        assert re.search(r"Hint \(h_t\): [^\n]*bias|Hint \(h_t\): [^\n]*\bb\b", wrong.inner_text())
        wrong = notebook.run(places["check-rnn_forward"])
        picture = wrong.locator("svg[role=img]")
        assert "h: wrong at t 7 alone" in str(picture.get_attribute("aria-label"))
        heights = [bar.bounding_box()["height"] for bar in picture.locator("rect").all()]
        assert max(heights) == heights[7] > 4 > max(heights[:7])
        _keep(page, "wrong")

        fill(folder, solution)  # the student saves the file; nothing is restarted
        assert "✓ right" in notebook.run(places["check-rnn_step"]).inner_text()
        assert "✓ right" in notebook.run(places["check-rnn_forward"]).inner_text()
        _keep(page, "right")
    finally:
        page.close()


def _keep(page: Any, name: str) -> None:
    """A screenshot, where somebody wants to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"jupyterlab-{name}.png"))
