"""A grader as they are common: it imports the submission into the process that knows the answers. A control.

`plain_grader.py SUBMISSION CASES REFERENCE`: SUBMISSION holds memnet/, CASES is an .npz, REFERENCE goes on sys.path. Each
case is judged in the styles that course tests are written in. The last line that begins with RESULT is the score.
"""

import importlib
import json
import os
import signal
import sys

import numpy as np

submission, cases_file, reference = sys.argv[1:4]
sys.path[:0] = [submission, reference]
signal.alarm(20)
CASES = {}
with np.load(cases_file) as found:
    for key in found.files:
        name, case, kind, argument = key.split("|")
        CASES.setdefault((name, case), {"inputs": {}, "expected": {}})[kind][argument] = found[key]
EARNED = {}


def in_testing(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)


def in_allclose(got, expected):
    assert np.allclose(got, expected)


def in_equal(got, expected):
    assert np.array_equal(np.round(got, 5), np.round(expected, 5))


def in_difference(got, expected):
    assert not (abs(got - expected) > 1e-6).any()


def in_operator(got, expected):
    assert (np.round(got, 5) == np.round(expected, 5)).all()


def in_shape(got, expected):
    assert np.shape(got) == np.shape(expected)


STYLES = {
    "testing": in_testing, "allclose": in_allclose, "equal": in_equal, "difference": in_difference,
    "operator": in_operator, "shape": in_shape,
}  # fmt: skip


def check(style, name, inputs, expected):
    module = importlib.import_module(os.environ.get("MODULE_" + name, "memnet.rnn"))
    got = getattr(module, name)(*[value.copy() for value in inputs.values()])
    got = got if isinstance(got, tuple) else (got,)
    for mine, right in zip(got, expected.values()):  # noqa: B905 - strict, and one more hole would be closed
        STYLES[style](mine, right)


for (name, _), arrays in CASES.items():
    for style in STYLES:
        try:
            check(style, name, arrays["inputs"], arrays["expected"])
            EARNED[style] = EARNED.get(style, 0) + 1
        except Exception:
            EARNED[style] = EARNED.get(style, 0)
text = json.dumps({"cases": len(CASES), "earned": EARNED})
os.write(1, f"RESULT {text}\n".encode())
