"""How commands speak: results to standard output, everything else to standard error. Imports rich."""

from __future__ import annotations

from rich.console import Console

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message says what to do."""
