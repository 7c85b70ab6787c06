"""`autograder doctor`: whether submissions can be graded here."""

from __future__ import annotations

import argparse
from typing import Any

from ..isolation import doctor
from .console import OUT


def register(commands: Any) -> None:
    """Add the command to the command line."""
    text = "try what keeps submissions in, and say whether they can be graded here"
    command = commands.add_parser("doctor", help=text, description=text)
    command.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    controls, verdict = doctor.diagnose()
    for line in doctor.lines(controls, verdict):
        OUT.print(line, markup=False)
    return 3 if verdict is doctor.Verdict.REFUSE else 0
