"""The checks of this assignment: run `python -m checks`."""

import importlib.util
import sys

if sys.version_info < (3, 11):
    sys.exit("The checks need Python 3.11 or later; this is %d.%d, %s" % (*sys.version_info[:2], sys.executable))
if importlib.util.find_spec("numpy") is None:
    sys.exit("The checks need numpy, and %s has none: install it with  python -m pip install numpy" % sys.executable)
