"""Run the checks: python -m checks [question ...] [--watch]."""

import os
import sys

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not __package__:  # run by its path, as in: python -I checks
    sys.path.insert(0, FOLDER)

import checks

# From here on Python's own modules come first: a random.py beside this folder must not stand in for one.
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != FOLDER] + [FOLDER]
try:
    from checks.checker import main
except (ImportError, SyntaxError) as error:
    where = getattr(error, "filename", None) or getattr(error, "name", None) or ""
    if not where.startswith(("checks.", FOLDER)):
        raise
    sys.exit(f"a file of checks/ is missing or changed ({error}); take the folder checks/ from the zip again")

if __name__ == "__main__":
    sys.exit(main())
