"""Reads written answers out of a notebook, and what its cells printed, as hostile data. Imports intake and the checks.

What counts as an answer is what the student's own check of the notebook finds. Nothing is run or rendered: what comes
out is plain text, without what is invisible or moves a line, and not too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import grader
from .intake import visible

MAX_PARTS = 400_000  # brackets and commas, which make objects of a file's bytes; an honest notebook has some thousand
LONGEST = 20_000  # characters of an answer
LINE = 2_000  # characters of a line of it
PRINTED = 3_000  # characters of what a cell printed
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(Exception):
    """A notebook that cannot be read; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook. outputs: what it printed, as text."""

    kind: str
    text: str
    metadata: Mapping[str, Any]
    outputs: str = ""


def read_cells(notebook: bytes) -> list[Cell]:
    """The cells of a notebook. Raises NotebookError."""
    if sum(map(notebook.count, (b"[", b"{", b","))) > MAX_PARTS:
        raise NotebookError("it is no notebook that people write: it has too many parts")
    try:
        content = json.loads(notebook)
    except (ValueError, RecursionError):
        raise NotebookError("it is not JSON, as a notebook is") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise NotebookError("it has no list of cells")
    return [_cell(item) for item in cells if isinstance(item, dict)]


def _cell(item: Mapping[str, Any]) -> Cell:
    kind = _text(item.get("cell_type"))
    outputs = item.get("outputs") if kind == "code" else None
    printed = "".join(_printed(output) for output in _list(outputs) if isinstance(output, dict))
    return Cell(kind, _text(item.get("source")), _marks(item.get("metadata")), printed)


def _marks(metadata: object) -> dict[str, Any]:
    """What of a cell's metadata says that it is an answer."""
    given = metadata if isinstance(metadata, dict) else {}
    ours = given.get("autograder")
    return {
        "autograder": ours if isinstance(ours, dict) else {},
        "tags": [t for t in _list(given.get("tags")) if isinstance(t, str)],
    }


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _printed(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "stream" and output.get("name") == "stdout":
        return _text(output.get("text"))
    data = output.get("data")
    if not isinstance(data, dict) or {"image/png", "text/html"} & data.keys():  # their text is a name of an object
        return ""
    return _text(data.get("text/plain")) + "\n"


def _text(value: object) -> str:
    """A text of a notebook, which is a string or a list of its lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def plain(text: str, longest: int = LONGEST) -> str:
    """Lines of text as people may safely see them."""
    lines = COLOUR.sub("", text[: 2 * longest]).expandtabs(4).splitlines()
    shown = "\n".join(visible(line.rstrip(), LINE) for line in lines).strip("\n")
    return shown if len(shown) <= longest and len(text) <= 2 * longest else shown[:longest] + "\n…"


# ---------------------------------------------------------------- answers


def written_answers(cells: Sequence[Cell], numbers: Sequence[str]) -> dict[str, str]:
    """The answers by number, "" where there is none."""
    bare = [{"cell_type": cell.kind, "source": cell.text, "metadata": cell.metadata} for cell in cells]
    return {number: plain(text) for number, text in grader.written_answers({"cells": bare}, numbers).items()}


def measured(cells: Sequence[Cell], words: Collection[str]) -> list[tuple[int, str]]:
    """What cells of code printed that mention one of some words: (number of the cell, text)."""
    return [
        (i, text)
        for i, cell in enumerate(cells, 1)
        if cell.kind == "code" and any(re.search(rf"\b{re.escape(word)}\b", cell.text) for word in words)
        and (text := plain(cell.outputs, PRINTED))
    ]  # fmt: skip
