"""Finds written answers among a notebook's cells, and what cells printed. Imports notebook_cells, intake and the checks.

What counts as an answer is what the student's own check of the notebook finds. Nothing is run or rendered: what comes
out is plain text, without what is invisible or moves a line, and not too long.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..checks import grader
from .names import visible
from .notebook_cells import Cell, joined

LONGEST = 20_000  # characters of an answer
LINE = 2_000  # characters of a line of it
PRINTED = 3_000  # characters of what a cell printed
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


# ---------------------------------------------------------------- a cell


def _bare(cell: Cell) -> dict[str, Any]:
    """A cell as the check of a notebook takes it: what may say that it is an answer, or was given, and of honest types."""
    metadata = cell.rest.get("metadata")
    given = metadata if isinstance(metadata, dict) else {}
    ours, name = given.get("autograder"), cell.rest.get("id") or given.get("id")  # the second is Colab's way
    marks = {
        "autograder": ours if isinstance(ours, dict) else {},
        "tags": [tag for tag in _list(given.get("tags")) if isinstance(tag, str)],
    }
    return {"cell_type": cell.kind, "source": cell.text, "metadata": marks, "id": name if isinstance(name, str) else ""}


def _outputs(cell: Cell) -> str:
    """What a cell of code printed, as text."""
    return "".join(_printed(output) for output in _list(cell.rest.get("outputs")) if isinstance(output, dict))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _printed(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "stream" and output.get("name") == "stdout":
        return joined(output.get("text")) or ""
    data = output.get("data")
    if not isinstance(data, dict) or {"image/png", "text/html"} & data.keys():  # their text is a name of an object
        return ""
    return (joined(data.get("text/plain")) or "") + "\n"


def plain(text: str, longest: int = LONGEST) -> str:
    """Lines of text as people may safely see them."""
    lines = COLOUR.sub("", text[: 2 * longest]).expandtabs(4).splitlines()
    shown = "\n".join(visible(line.rstrip(), LINE) for line in lines).strip("\n")
    return shown if len(shown) <= longest and len(text) <= 2 * longest else shown[:longest] + "\n…"


# ---------------------------------------------------------------- answers


def written_answers(cells: Sequence[Cell], numbers: Sequence[str]) -> dict[str, str]:
    """The answers by number, "" where there is none."""
    book = {"cells": [_bare(cell) for cell in cells]}
    return {number: plain(text) for number, text in grader.written_answers(book, numbers).items()}


def measured(cells: Sequence[Cell], words: Collection[str]) -> list[tuple[int, str]]:
    """What cells of code printed that mention one of some words: (number of the cell, text)."""
    return [
        (cell.number, text)
        for cell in cells
        if cell.kind == "code" and any(re.search(rf"\b{re.escape(word)}\b", cell.text) for word in words)
        and (text := plain(_outputs(cell), PRINTED))
    ]  # fmt: skip
