"""The staff's command line: what each command does is in `commands`. Every error is one sentence that says what to do.

Exit codes: 0 done, 1 done and something needs the staff's eye, 2 bad input, 3 submissions cannot be confined here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .authoring.declare import AssignmentError
from .checks.bundle import BundleError
from .commands import doctor, export, grade, prove, release, runs, similar, written
from .commands.console import ERR, UsageError
from .grading.cluster import ClusterError
from .grading.grade import GradingError
from .grading.journal import JournalError
from .grading.written import WrittenError
from .lms.export import IntakeError
from .lms.table import TableError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except GradingError as error:
        return _complain(error, 3)
    except (
        AssignmentError, BundleError, ClusterError, IntakeError, JournalError, TableError, UsageError, WrittenError,
    ) as error:  # fmt: skip
        return _complain(error, 2)
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror}; nothing that was written is lost", 2)
    except KeyboardInterrupt:
        ERR.print("stopped; the same command goes on where this one stopped", markup=False)
        return 130


def _complain(error: object, code: int) -> int:
    ERR.print(f"autograder: {error}", markup=False)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="autograder", description="Release an assignment and grade submissions.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for topic in (release, grade, doctor, runs, prove, export, written, similar):
        topic.register(commands)
    return parser
