"""The docstrings are what students read: their examples must be true, their parts there and in order."""

import doctest
import importlib
import inspect
import re

import pytest

NAMES = ("order", "rnn", "bptt", "gradients", "lstm", "gru", "simple_rnn", "memory_budget", "memory_task", "optional")
MODULES = [importlib.import_module(f"memnet.{name}") for name in NAMES]
GRADED = [
    pytest.param(member, id=f"{module.__name__}.{name}")
    for module in MODULES
    for name, member in vars(module).items()
    if getattr(member, "__module__", None) == module.__name__ and not name.startswith("_")
]


def test_every_graded_name_is_here():
    assert len(GRADED) == 36


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_are_true(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("graded", GRADED)
def test_parts_are_there_and_in_order(graded):
    doc = inspect.getdoc(graded)
    sentence, *rest = doc.split("\n\n")
    assert re.fullmatch(r"[A-Z][^\n]*\.", sentence)
    parts = re.findall(r"^(Inputs|Returns|Layers|Equation|Example|>>> |Watch out|Hint)", "\n\n".join(rest), re.M)
    parts = list(dict.fromkeys(parts))  # several lines begin with >>>
    if inspect.isclass(graded):  # what goes in and out stands with its methods
        assert parts == ["Layers", "Equation", "Example", ">>> "]
    else:
        assert parts[:6] == ["Inputs", "Returns", "Equation", "Example", ">>> ", "Watch out"]
        assert parts[6:] in ([], ["Hint"])


@pytest.mark.parametrize("graded", GRADED)
def test_points_minutes_and_numbers_are_left_to_the_generator(graded):
    assert not re.search(r"\bpoints?\b|\bpts\b|\bminutes?\b|\b[A-GO]\d\b", inspect.getdoc(graded))
