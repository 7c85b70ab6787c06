"""Run the checks: python -m checks [question ...] [--watch]."""

import sys
from pathlib import Path

if not __package__:  # run by its path, as in: python -I checks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from checks.checker import main

if __name__ == "__main__":
    sys.exit(main())
