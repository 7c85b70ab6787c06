"""Similarity: copies are found under other names, what everybody has is not, and nothing of a submission is run."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder import cli
from autograder.grading.similar import (
    FEWEST,
    LONGEST,
    Pair,
    Program,
    compare,
    index_page,
    marked,
    pair_page,
    pairs_csv,
    program,
)

from .conftest import ROOT, write_package

pytest.importorskip("copydetect")

GIVEN = '''
"""Backpropagation through time."""
import numpy as np

def weights(N, D, H):
    scale = 1 / np.sqrt(H)
    return scale * np.ones((H, D)), scale * np.ones((H, H)), np.zeros(H)
'''
OWN = '''
def rnn_forward(x, h0, W_xh, W_hh, b):
    states = []
    state = h0
    for step in range(x.shape[1]):
        carried = state @ W_hh.T + b  # a comment
        state = np.tanh(x[:, step] @ W_xh.T + carried)
        states.append(state)
    return np.stack(states, axis=1)

def sequence_loss(y, targets, mask):
    shifted = y - y.max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(logs, targets[..., None], axis=-1)[..., 0]
    return -(picked * mask).sum() / mask.sum()
'''
OTHER = '''
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, _ = x.shape
    h = np.empty((N, T, len(b)))
    for t in range(T):
        previous = h0 if t == 0 else h[:, t - 1]
        np.tanh(np.einsum("nd,hd->nh", x[:, t], W_xh) + np.einsum("nk,hk->nh", previous, W_hh) + b, out=h[:, t])
    return h

def sequence_loss(y, targets, mask):
    total = 0.0
    for n in range(len(y)):
        for t in range(y.shape[1]):
            if mask[n, t]:
                total += np.logaddexp.reduce(y[n, t]) - y[n, t, targets[n, t]]
    return total / np.count_nonzero(mask)
'''
RENAMED = OWN.replace("states", "hs").replace("carried", "z").replace("shifted", "a")
RENAMED = RENAMED.replace("  # a comment", "").replace("\n\n", "\n\n\n")
HOSTILE = "</pre></mark><script>alert(1)</script><img src=x onerror=alert(1)>"


def found(*texts: str, least: float = 0.5, most: int = 100, given: tuple[str, ...] = (GIVEN,), fewest: int = 0) -> list[Pair]:
    programs = [Program(f"s{i}", text) for i, text in enumerate(texts)]
    return compare(programs, given, least=least, most=most, fewest=fewest)


def test_a_copy_under_other_names_is_found_and_marked() -> None:
    (pair,) = found(GIVEN + OWN, GIVEN + OTHER, GIVEN + RENAMED)
    assert (pair.one.name, pair.other.name) == ("s0", "s2")
    assert min(pair.shares) > 0.95
    marks = "".join(pair.one.text[start:end] for start, end in pair.marks[0])
    assert "np.take_along_axis(logs, targets[..., None], axis=-1)" in marks
    assert "Backpropagation through time" not in marks


def test_what_everybody_has_makes_nobody_alike() -> None:
    assert found(GIVEN, GIVEN, GIVEN + OWN, GIVEN + OTHER, least=0.3) == []
    assert len(found(GIVEN + OWN, GIVEN + OTHER, least=0.3, given=())) == 1  # unless it is known what was given
    assert len(found(GIVEN, GIVEN, given=())) == 1
    twice = GIVEN + GIVEN + GIVEN
    assert found(twice, twice, fewest=FEWEST) == []  # but for where one ends and the next begins


def test_empty_and_odd_programs_are_no_pair() -> None:
    assert found("", "", "x = 1", "(" * 5000, "\x00\ud7ff", '"""', least=0.01, given=()) == []


def test_the_most_alike_come_first_and_no_more_than_asked() -> None:
    half = GIVEN + OWN.partition("def sequence_loss")[0] + OTHER.partition("def sequence_loss")[2]
    everything = found(OWN, RENAMED, half, least=0.2)
    shares = [max(pair.shares) for pair in everything]
    assert len(everything) == 3
    assert shares == sorted(shares, reverse=True)
    assert len(found(OWN, RENAMED, half, least=0.2, most=1)) == 1
    assert everything == found(OWN, RENAMED, half, least=0.2)


def test_a_program_is_its_modules_as_text_and_not_too_long() -> None:
    made = program("ann", {"b": b"y = 2\r\n", "a": "x = 'ü'".encode("latin-1")})
    assert made.text == "# a.py\nx = '\ufffd'\n# b.py\ny = 2\n\n"
    assert len(program("ann", {f"m{i}": b"x" * 10**6 for i in range(9)}).text) == LONGEST


def test_marks_escape_what_they_stand_in() -> None:
    text = str(marked(f"a{HOSTILE}b", ((1, 5), (3, 8), (400, 500))))
    assert text.startswith("a<mark>&lt;/pr</mark><mark>e&gt;&lt;</mark>/mark&gt;")
    assert "<script" not in text
    assert str(marked("plain", ())) == "plain"
    long = str(marked("\n".join(map(str, range(100))), ((0, 1),)))
    assert long == "<mark>0</mark>\n1\n2\n<i>… 94 lines …</i>\n97\n98\n99"


PAIRS = [Pair(Program("=ann", HOSTILE * 9), Program(HOSTILE, "b" * 600), (0.9, 0.5), 77, (((3, 90),), ((0, 500),)))]


def test_the_csv_is_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(pairs_csv(PAIRS), newline="")))
    assert rows == [["one", "other", "share of one", "share of other", "tokens"], ["'=ann", HOSTILE, "0.9000", "0.5000", "77"]]


def write_pages(folder: Path) -> Path:
    (folder / "pairs").mkdir()
    (folder / "pairs" / "1.html").write_text(pair_page(PAIRS[0], title="A toy"), encoding="utf-8")
    (folder / "similar.html").write_text(index_page(PAIRS, title="A toy", compared=9, least=0.5), encoding="utf-8")
    return folder


def test_the_pages_in_a_browser(open_page: Callable[..., Any], tmp_path: Path) -> None:
    shown = open_page(write_pages(tmp_path) / "similar.html", width=380)
    assert "Being alike proves nothing" in shown.inner_text("main")
    assert shown.evaluate("document.documentElement.scrollWidth") == 380
    shown.click("text=pair 1")
    assert shown.locator("mark").count() == 2
    assert HOSTILE * 9 in shown.text_content("pre >> nth=0")
    assert shown.locator("img, script").count() == 0
    assert shown.evaluate("document.documentElement.scrollWidth") == 380
    shown.click("text=all pairs")
    assert shown.locator("tbody tr").count() == 1


@pytest.mark.parametrize("name", ["similar.html", "pairs/1.html"])
def test_the_pages_are_accessible(name: str, accessible: Callable[[Path], None], tmp_path: Path) -> None:
    accessible(write_pages(tmp_path) / name)


# ---------------------------------------------------------------- the command


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    """Two copies, one other program, and a broken zip. Each would leave a file behind if it ran."""
    folder = tmp_path / "submissions"
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    for name, text in (("ann", OWN), ("bob", RENAMED), ("cy", OTHER)):
        write_package(folder / name, {"rnn": (trap + text).encode()})
    (folder / "zed.zip").write_bytes(b"PK no zip")
    return folder


def command(*arguments: object) -> int:
    return cli.main(["similar", *map(str, arguments)])


def test_from_submissions_to_pages(submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "alike"
    assert command(submissions, "--out", out) == 0
    said = capsys.readouterr()
    assert "3 submissions compared: 1 pairs share 50% or more of one of them. This is for people to judge" in said.out
    assert "zed: is left out:" in said.err
    assert not (tmp_path / "ran").exists()
    (row,) = csv.DictReader(io.StringIO((out / "similar.csv").read_text(encoding="utf-8-sig")))
    assert (row["one"], row["other"]) == ("ann", "bob")
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    wanted = {"similar.html", "similar.csv", "pairs/1.html", "jplag/README.txt"}
    wanted |= {f"jplag/submissions/{name}/rnn.py" for name in ("ann", "bob", "cy")}
    modules = {path.stem for path in (ROOT / "reference" / "memnet").glob("*.py")}
    wanted |= {f"jplag/base/{kind}/{module}.py" for kind in ("stubs", "reference") for module in modules}
    assert names == wanted
    assert "raise NotImplementedError" in (out / "jplag" / "base" / "stubs" / "rnn.py").read_text(encoding="utf-8")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "pairs" / "7.html").write_text("of an earlier run", encoding="utf-8")
    assert command(submissions, "--out", out) == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{s}", "--out", "new", "--least", "0"], "--least 0: a share is above 0 and at most 1"),
        (["{s}", "--out", "new", "--least", "nan"], "--least nan: a share is above 0"),
        (["{s}", "--out", "new", "--most", "0"], "--most 0: at least one"),
        (["{s}", "--out", "{s}"], "holds other files; name an empty or new folder"),
        (["{s}/cy", "--out", "new"], "holds fewer than two submissions that can be read"),
    ],
)
def test_bad_commands_are_refused(
    arguments: list[str], message: str, submissions: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(submissions.parent)
    given = [argument.format(s=submissions) for argument in arguments]
    assert command(*given, "--assignment", ROOT / "assignments" / "memory_in_networks") == 2
    assert message in capsys.readouterr().err
    assert not Path("new").exists()


def test_without_copydetect_it_says_what_to_install(
    submissions: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copydetect", None)
    assert command(submissions, "--out", submissions.parent / "new") == 2
    assert "copydetect is not installed; pip install 'memory-in-networks[similarity]'" in capsys.readouterr().err
