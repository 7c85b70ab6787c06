"""How commands speak: results to standard output, everything else to standard error. Imports rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
SHOWN = 20  # of many alike, so many are listed one by one


def list_some(lines: Sequence[str]) -> None:
    """Say the first of many lines that are alike, and how many there are more."""
    for line in lines[:SHOWN]:
        ERR.print(line, markup=False)
    if len(lines) > SHOWN:
        ERR.print(f"and {len(lines) - SHOWN} more of this sort", markup=False)


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message says what to do."""
