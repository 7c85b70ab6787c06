"""The worker: what student code may import and do, what it is given, and what a student is told of an error."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograder.checks.question import parse_call
from autograder.checks.runner import Answer, ProcessRunner
from autograder.checks.wire import Opaque
from autograder.checks.worker import describe_error, outline, plain, run_calls

from .conftest import ROOT


@pytest.fixture(scope="module")
def runner() -> Iterator[ProcessRunner]:
    found = ProcessRunner("memnet", ("with_torch",))
    yield found
    found.close()


def later() -> float:
    """A deadline that no honest code meets."""
    return time.monotonic() + 60


def ask(
    runner: ProcessRunner,
    sources: str | Mapping[str, str | bytes],
    x: Any = 2.0,
    calls: Sequence[str] = ("y = f(x)",),
    returns: Sequence[str] = ("y",),
    layouts: Mapping[str, str] | None = None,
) -> Answer:
    sources = {"m": sources} if isinstance(sources, str) else sources
    runner.open({name: text.encode() if isinstance(text, str) else text for name, text in sources.items()})
    answer, _ = runner.ask("m", calls, {"x": x}, returns, layouts=layouts or {}, deadline=later())
    return answer


Ask = Callable[..., Answer]


def tabled(sources: Sequence[str | bytes], **others: str) -> Any:
    """A fixture that asks any of these sources: each is a module of its own, all in one worker.

    Answers call the module ``m``, whatever its number is.
    """

    @pytest.fixture(scope="module")
    def fixture() -> Iterator[Ask]:
        runner = ProcessRunner("memnet", ("with_torch",))
        modules = {**{f"module{i}": source for i, source in enumerate(sources)}, **others}
        runner.open({name: text.encode() if isinstance(text, str) else text for name, text in modules.items()})

        def ask_one(
            source: str | bytes, x: Any = 2.0, call: str = "y = f(x)", layouts: Mapping[str, str] | None = None
        ) -> Answer:
            module = f"module{sources.index(source)}"
            returns = parse_call(call).targets
            answer, _ = runner.ask(module, (call,), {"x": x}, returns, layouts=layouts or {}, deadline=later())
            return replace(answer, text=answer.text.replace(module, "m"), trace=answer.trace.replace(module, "m"))

        yield ask_one
        runner.close()

    return fixture


def body(*lines: str) -> str:
    return "import numpy as np\ndef f(x):\n" + "".join(f"    {line}\n" for line in lines)


# ---------------------------------------------------------------- modules


HELPER = "k = 3\ndef times(x): return k * x\n"


IMPORTS = [
    "from .helper import times as f",
    "from memnet.helper import times as f",
    "import memnet.helper\ndef f(x): return memnet.helper.times(x)",
    "import memnet.helper as h\ndef f(x): return h.times(x)",
    "from . import helper\ndef f(x): return helper.times(x)",
    "from memnet import helper\ndef f(x): return helper.times(x)",
    "from .helper import *\nf = times",
    "def f(x):\n    from .helper import times\n    return times(x)",
    "from importlib import import_module\ndef f(x): return import_module('memnet.helper').times(x)",
    "from __future__ import annotations\nimport memnet as package\nfrom . import helper\nf = package.helper.times",
]
importing = tabled(IMPORTS, helper=HELPER, __init__="raise RuntimeError('is not used')")


@pytest.mark.parametrize("source", IMPORTS)
def test_modules_import_each_other(importing: Ask, source: str) -> None:
    assert importing(source).values == {"y": 6.0}


def test_modules_may_import_each_other_in_a_circle(runner: ProcessRunner) -> None:
    other = "from . import m\ndef g(x): return m.k * x\n"
    assert ask(runner, {"m": "from . import other\nk = 5\ndef f(x): return other.g(x)", "other": other}).values == {
        "y": 10.0
    }
    broken = ask(runner, {"m": "from .other import g\nk = 5", "other": "from .m import k\ng = k"})
    assert broken.verdict == "crashed"
    assert "cannot import name 'k' from partially initialized module 'memnet.m'" in broken.text


def test_module_is_loaded_once(runner: ProcessRunner) -> None:
    counting = "count = []\ndef f(x):\n    count.append(x)\n    return len(count)\n"
    found = ask(runner, counting, calls=("a = f(x)", "b = f(x)"), returns=("a", "b"))
    assert found.values == {"a": 1, "b": 2}


FAILING = [
    ("import helper", "crashed", "ImportError: import helper: write 'from .helper import ...' inside memnet/"),
    ("from helper import k", "crashed",
     "ImportError: import helper: write 'from .helper import ...' inside memnet/"),
    ("from .nothing import k", "crashed", "ModuleNotFoundError: No module named 'memnet.nothing'"),
    ("from .helper import nothing", "crashed",
     "ImportError: cannot import name 'nothing' from 'memnet.helper' (memnet/helper.py)"),
    ("from .bad import k", "crashed", "ZeroDivisionError: division by zero"),
    ("from .worse import k", "forbidden",
     "memnet/worse.py imports pandas; modules here may import numpy and each other only"),
    ("k = 1", "missing", "memnet/m.py has no f"),
]  # fmt: skip
failing = tabled([source for source, _, _ in FAILING], helper=HELPER, bad="k = 1 / 0", worse="import pandas")


@pytest.mark.parametrize(("source", "verdict", "text"), FAILING)
def test_failing_imports_are_explained(failing: Ask, source: str, verdict: str, text: str) -> None:
    answer = failing(source)
    assert (answer.verdict, answer.text) == (verdict, text)


def test_module_that_fails_is_not_run_again(runner: ProcessRunner) -> None:
    runner.open({"m": b"print('loading')\n1 / 0"})
    found = [runner.ask("m", (f"y = {name}(x)",), {"x": 1}, ("y",), layouts={}, deadline=later())[0] for name in "fgh"]
    assert {(answer.verdict, answer.text) for answer in found} == {("crashed", "ZeroDivisionError: division by zero")}
    assert 'memnet/m.py", line 2' in found[2].trace
    runner.close()
    assert runner.printed().count("loading") == 1


FORBIDDEN = [
    ("import torch", "torch"), ("import torch.nn as nn", "torch"), ("from torch import nn", "torch"),
    ("import scipy.special", "scipy"), ("import subprocess", "subprocess"), ("import socket", "socket"),
    ("import ctypes", "ctypes"), ("import autograder.checks.bundle", "autograder"), ("import http.server", "http"),
    ("def f(x):\n    import requests", "requests"), ("import tests", "tests"),
]  # fmt: skip
forbidding = tabled([source for source, _ in FORBIDDEN])


@pytest.mark.parametrize(("source", "module"), FORBIDDEN)
def test_other_modules_are_forbidden(forbidding: Ask, source: str, module: str) -> None:
    answer = forbidding(source)
    assert (answer.verdict, answer.text) == (
        "forbidden", f"memnet/m.py imports {module}; modules here may import numpy and each other only"
    )  # fmt: skip


ALLOWED = [
    "from __future__ import division, print_function\nfrom builtins import range\nassert list(range(2)) == [0, 1]",
    "import builtins, cmath\nassert builtins.max(1, 2) == 2 and cmath.sqrt(-1) == 1j",
    "import math, functools, itertools, dataclasses, typing, collections.abc, os.path, json, random, time, copy",
    "from typing import NamedTuple\nfrom dataclasses import dataclass",
    "import numpy.linalg as la\nfrom numpy.lib.stride_tricks import sliding_window_view\nimport numpy.random",
    "try:\n    import pandas\nexcept ImportError:\n    pass",
    "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(2, figsize=(3, 4))\nax[0:1] if 0 else ax.plot([1])\n"
    "plt.show()",
    "import seaborn as sns\nsns.set_theme()",
    "from tqdm import tqdm, trange\nassert [i for i in tqdm(range(3), desc='x')] == [0, 1, 2]\n"
    "assert list(trange(2, leave=False)) == [0, 1]",
    "from tqdm.auto import tqdm\nassert list(tqdm([1])) == [1]",
    "from tqdm.notebook import tqdm\nimport tqdm as t",
    "from IPython.display import display\nimport IPython\ndisplay(3)",
]
allowing = tabled([source + "\ndef f(x): return x\n" for source in ALLOWED])


@pytest.mark.parametrize("source", ALLOWED)
def test_honest_imports_are_allowed(allowing: Ask, source: str) -> None:
    assert allowing(source + "\ndef f(x): return x\n").values == {"y": 2.0}


RAISED = [
    ("open('answers')", "forbidden", "this is not allowed here: files cannot be opened here"),
    ("import builtins; builtins.open('answers')", "forbidden", "this is not allowed here: files cannot be opened here"),
    ("input('x? ')", "crashed", "EOFError: there is nobody to type here"),
    ("breakpoint()", "crashed", "EOFError: there is nobody to type here"),
    ("exit()", "crashed", "the code asked Python to exit"),
    ("raise SystemExit(0)", "crashed", "the code asked Python to exit"),
    ("raise KeyboardInterrupt", "crashed", "KeyboardInterrupt"),
    ("raise MemoryError", "over_memory", "MemoryError"),
    ("raise NotImplementedError('later')", "not_implemented", "NotImplementedError: later"),
    ("raise BaseException('odd')", "crashed", "BaseException: odd"),
    ("f(x)", "crashed", "RecursionError: maximum recursion depth exceeded"),
    ("raise GeneratorExit", "crashed", "GeneratorExit"),
    ("raise ValueError('a\\0b\\x1b[31m')", "crashed", "ValueError: a\ufffdb\ufffd[31m"),
    ("raise ValueError('x' * 5000)", "crashed", "ValueError: " + "x" * 988 + "…"),
]
raising = tabled([body(line) for line, _, _ in RAISED])


@pytest.mark.parametrize(("line", "verdict", "text"), RAISED)
def test_whatever_is_raised_is_told(raising: Ask, line: str, verdict: str, text: str) -> None:
    answer = raising(body(line))
    assert (answer.verdict, answer.text, answer.ended) == (verdict, text, False)
    assert 'File "memnet/m.py", line 3, in f' in answer.trace


@pytest.mark.parametrize(
    "print_itself",
    ["raise ValueError('hostile')", "raise SystemExit", "return 3", "return self.__str__()", "return 'fine'"],
)
@pytest.mark.parametrize("where", ["in a call", "while loading"])
def test_exceptions_that_cannot_be_printed(runner: ProcessRunner, print_itself: str, where: str) -> None:
    source = f"class Trap(Exception):\n    def __str__(self):\n        {print_itself}\n"
    source += "raise Trap\n" if where == "while loading" else "def f(x):\n    raise Trap\n"
    answer = ask(runner, source)
    assert (answer.verdict, answer.ended) == ("crashed", False)
    assert answer.text.startswith("Trap")


# ---------------------------------------------------------------- what a student reads


def test_trace_shows_the_students_lines_alone(runner: ProcessRunner) -> None:
    source = body("def inner(a):", "    return np.linalg.inv(a)", "return inner(np.zeros((2, 2)))  # here")
    answer = ask(runner, {"m": "from .deep import f", "deep": source})
    assert answer.text == "LinAlgError: Singular matrix"
    lines = [line for line in answer.trace.splitlines() if set(line) - set(" ~^")]  # each Python underlines in its own way
    assert lines == [
        '  File "memnet/deep.py", line 5, in f', "    return inner(np.zeros((2, 2)))  # here",
        '  File "memnet/deep.py", line 4, in inner', "    return np.linalg.inv(a)",
    ]  # fmt: skip


def test_long_traces_are_cut(runner: ProcessRunner) -> None:
    steps = "".join(f"def f{k}(x): return f{k + 1}(x)\n" for k in range(9))
    answer = ask(runner, f"f = lambda x: f0(x)\n{steps}def f9(x): raise ValueError\n")
    assert [line.split()[-1] for line in answer.trace.splitlines() if "File" in line] == [
        "f4", "f5", "f6", "f7", "f8", "f9",
    ]  # fmt: skip


SYNTAX = [
    (b"def f(x)\n    return x\n", "SyntaxError: expected ':' (m.py, line 1)", "def f(x)"),
    (b"def f(x):\nreturn x\n", "IndentationError: expected an indented block after function definition on line 1",
     "return x"),
    (b"%matplotlib inline\n", "SyntaxError: invalid syntax (m.py, line 1)", "%matplotlib inline"),
    (b"x = '\xff'\n", "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff", ""),
    (b"x = 1\0\n", "SyntaxError: source code string cannot contain null bytes", ""),
    ("x = 1\n".encode("utf-16"), "SyntaxError: memnet/m.py is saved as UTF-16, which Python does not read: save it as UTF-8",
     ""),
    (b"# coding: nonsense\n", "SyntaxError: unknown encoding: nonsense", ""),
]  # fmt: skip
parsing = tabled([source for source, _, _ in SYNTAX])


@pytest.mark.parametrize(("source", "text", "trace"), SYNTAX)
def test_syntax_errors_are_shown(parsing: Ask, source: bytes, text: str, trace: str) -> None:
    answer = parsing(source)
    assert answer.verdict == "crashed"
    assert answer.text.startswith(text)
    assert trace in answer.trace
    assert "Error: " not in answer.trace, "the text has said it"
    for word in ("worker.py", "autograder", "importlib"):
        assert word not in answer.trace


def test_source_in_other_encodings_is_read(runner: ProcessRunner) -> None:
    assert ask(runner, {"m": "# coding: latin-1\ndef f(x): return 'é'".encode("latin-1")}).values == {"y": "é"}
    assert ask(runner, {"m": b"\xef\xbb\xbfdef f(x):\r\n    return 'ok'\r\n"}).values == {"y": "ok"}


def test_worker_has_no_trace_of_the_judge(runner: ProcessRunner) -> None:
    """A worker starts without the working directory, and knows of no module of the engine but its own."""
    source = "import sys\ndef f(x): return [sorted(m for m in sys.modules if 'autograder' in m), sys.path]"
    loaded, path = ask(runner, source).values["y"]
    known = ("", ".checks", ".checks.worker", ".checks.wire", ".checks.question")
    assert set(loaded) <= {f"autograder{name}" for name in known}
    assert str(ROOT / "tests") not in path
    assert "" not in path


# ---------------------------------------------------------------- calls


def test_each_call_gets_fresh_copies(runner: ProcessRunner) -> None:
    source = "def spoil(x):\n    x *= 0\n    return x\ndef read(x): return x\n"
    found = ask(runner, source, np.arange(3.0), ("a = spoil(x)", "b = read(x)", "c = spoil(b)"), ("a", "b", "c"))
    assert [found.values[name].tolist() for name in "abc"] == [[0, 0, 0], [0, 1, 2], [0, 0, 0]]
    assert found.changed == ("x",)


def test_a_call_that_changes_what_an_earlier_one_returned_is_noticed(runner: ProcessRunner) -> None:
    source = "import numpy as np\nkept = np.zeros(3)\ndef fill(x):\n    kept[:] = kept + x\n    return kept\n"
    found = ask(runner, source, np.arange(3.0), ("a = fill(x)", "b = fill(a)"), ("a", "b"))
    assert [found.values[name].tolist() for name in "ab"] == [[0, 1, 2], [0, 2, 4]]
    assert found.changed == ("a",)


@pytest.mark.parametrize("returned", ["buffer", "[buffer]", "(buffer, buffer)"])
def test_a_value_is_kept_as_it_was_returned(runner: ProcessRunner, returned: str) -> None:
    source = f"import numpy as np\nbuffer = np.zeros(2)\ndef f(x):\n    buffer[:] += x\n    return {returned}\n"
    found = ask(runner, source, 1.0, ("a = f(x)", "b = f(x)"), ("a", "b"))
    assert np.all(np.asarray(found.values["a"]) == 1)
    assert np.all(np.asarray(found.values["b"]) == 2)


def test_objects_and_their_methods_are_called(runner: ProcessRunner) -> None:
    source = "class Model:\n    def __init__(self, x): self.x = x\n    def step(self, y): return self.x + y\n"
    found = ask(runner, source, 2.0, ("model = Model(x)", "y = model.step(x)", "z = model.step(y)"), ("y", "z"))
    assert found.values == {"y": 4.0, "z": 6.0}
    missing = ask(runner, source, 2.0, ("model = Model(x)", "y = model.stop(x)"))
    assert missing.text == "AttributeError: 'Model' object has no attribute 'stop'"


FLAGS = "return [x.flags.c_contiguous, x.flags.f_contiguous, x.flags.owndata, x.flags.writeable]"
laying = tabled([body(FLAGS), body("return x")])


@pytest.mark.parametrize(
    ("layout", "flags"),
    [("C", [True, False, True, True]), ("F", [False, True, True, True]), ("strided", [False, False, False, True]),
     ("", [True, False, True, True])],
)  # fmt: skip
def test_inputs_lie_in_memory_as_the_case_says(laying: Ask, layout: str, flags: list[bool]) -> None:
    x = np.arange(6.0).reshape(2, 3)
    layouts = {"x": layout} if layout else {}
    assert laying(body(FLAGS), x, layouts=layouts).values["y"] == flags
    np.testing.assert_array_equal(laying(body("return x"), x, layouts=layouts).values["y"], x)


def test_strided_numbers_and_lists_of_arrays_are_laid_out() -> None:
    call = [parse_call("y = f(x)")]
    for layout in ("C", "F", "strided"):
        values, _ = run_calls(call, {"f": lambda x: x}.__getitem__, {"x": np.array(3.0)}, {"x": layout})
        assert values["y"] == 3.0
        x = [np.ones((2, 3)), np.zeros(4)]
        values, _ = run_calls(
            call, {"f": lambda x: [(a.flags.c_contiguous, a.shape) for a in x]}.__getitem__, {"x": x}, {"x": layout}
        )
        assert values["y"] == [(layout == "C", (2, 3)), (layout != "strided", (4,))]


CHANGING = [
    (np.zeros(3), "x += 1", ("x",)),
    (np.zeros(3), "x = x + 1", ()),
    (np.zeros(3), "x[0] = 0", ()),
    (np.array([1.0, np.nan]), "pass", ()),
    (np.array([1.0, np.nan]), "x[0] = np.nan", ("x",)),
    (np.zeros((2, 3)), "x.resize(3, 2, refcheck=False)", ("x",)),
    ([np.zeros(3), np.zeros(2)], "x[1] += 1", ("x",)),
    ([np.zeros(3), np.zeros(2)], "x.pop()", ("x",)),
    ([np.zeros(3), np.zeros(2)], "x[0] = x[0] + 0", ()),
    (3, "x += 1", ()),
]
changing = tabled([body(line, "return 0") for _, line, _ in CHANGING])


@pytest.mark.parametrize(("x", "line", "changed"), CHANGING)
def test_inputs_changed_in_place_are_reported(changing: Ask, x: Any, line: str, changed: Any) -> None:
    answer = changing(body(line, "return 0"), x)
    assert (answer.verdict, answer.changed) == ("", changed)


COUNTS = [
    ("return x", "f returned one float; expected 2: y, z"),
    ("return x, x, x", "f returned 3 values; expected 2: y, z"),
    ("return [x]", "f returned 1 values; expected 2: y, z"),
    ("return None", "f returned one NoneType; expected 2: y, z"),
    ("return np.zeros(2)", "f returned one ndarray; expected 2: y, z"),
    ("return 'ab'", "f returned one str; expected 2: y, z"),
]
counting = tabled([body(line) for line, _ in COUNTS])


@pytest.mark.parametrize(("line", "text"), COUNTS)
def test_wrong_number_of_values(counting: Ask, line: str, text: str) -> None:
    answer = counting(body(line), call="y, z = f(x)")
    assert (answer.verdict, answer.text) == ("wrong", text)


def test_two_values_may_come_as_a_list(runner: ProcessRunner) -> None:
    assert ask(runner, body("return [x, 2]"), calls=("y, z = f(x)",), returns=("z", "y")).values == {"y": 2.0, "z": 2}


def test_random_numbers_are_the_same_every_time(runner: ProcessRunner) -> None:
    source = "import random\nimport numpy as np\ndef f(x): return [random.random(), np.random.rand()]"
    assert ask(runner, source).values == ask(runner, "import random; random.random()\n" + source).values


RETURNED = [
    ("return {'a': (1, [None])}", {"a": (1, [None])}),
    ("return {3: 4}", Opaque("dict")),
    ("return type('Odd', (), {})()", Opaque("Odd")),
    ("return np.array(['a', None], dtype=object)", Opaque("an array of dtype object and shape (2)")),
    ("return np.zeros((3000, 3000))",
     Opaque("an array of shape (3000, 3000), which is more than 64 MB in all")),
    ("return [[0.0] * 10] * 3000 + [[0.0]]", Opaque("an overlong list of 3001 values")),
    ("return {str(i): i for i in range(30_000)}", Opaque("an overlong dict of 30000 values")),
    ("return np.float32(1.5)", np.array(1.5, np.float32)),
    ("return 10**40", Opaque("an int of more than 64 bits")),
    ("return f", Opaque("function")),
]  # fmt: skip
returning = tabled([body(line) for line, _ in RETURNED])


@pytest.mark.parametrize(("line", "value"), RETURNED)
def test_values_that_are_returned(returning: Ask, line: str, value: Any) -> None:
    assert returning(body(line)).values == {"y": value}


def test_a_list_of_more_values_than_a_reply_carries_comes_as_an_array(runner: ProcessRunner) -> None:
    value = ask(runner, body("return [[0.5] * 10] * 3000")).values["y"]
    assert np.array_equal(value, np.full((3000, 10), 0.5))


def test_values_that_break_while_they_are_sent(runner: ProcessRunner) -> None:
    source = "class D(dict):\n    def items(self): raise SystemExit\ndef f(x): return D(a=1)\n"
    answer = ask(runner, source)
    assert (answer.verdict, answer.text, answer.ended) == ("crashed", "the code asked Python to exit", False)


# ---------------------------------------------------------------- pieces


@pytest.mark.parametrize(
    ("source", "stubs"),
    [
        ("def f(x):\n    '''Doc.'''\n    raise NotImplementedError('B1')", ["f"]),
        ("def f(x):\n    raise NotImplementedError", ["f"]),
        ("def f(x): return x", []),
        ("def f(x):\n    y = x\n    raise NotImplementedError", []),
        ("def f(x):\n    raise ValueError", []),
        ("def f(x):\n    '''Doc.'''", []),
        ("class A:\n    '''Doc.'''\n    k = 3\n    def g(self):\n        '''Doc.'''\n        raise NotImplementedError",
         ["A"]),
        ("class A:\n    def g(self): raise NotImplementedError\n    def h(self): return 1", []),
        ("class A: pass", []),
        ("import os\ndef f(x): raise NotImplementedError\nos._exit(1)\ndef g(): pass", ["f"]),
        ("if True:\n    def f(x): raise NotImplementedError", []),
        ("", []),
    ],
)  # fmt: skip
def test_outline_names_the_stubs(source: str, stubs: list[str]) -> None:
    assert outline(source.encode()) == stubs


def test_error_is_described_without_printing_the_graders_lines() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        found = describe_error(error, "memnet")
    assert found["kind"] == "raised"
    assert found["text"].startswith("JSONDecodeError: Expecting property name")
    assert found["trace"] == ""


def test_plain_leaves_other_values_alone() -> None:
    marker = object()
    assert plain({"a": [1, (marker, None)]}) == {"a": [1, (marker, None)]}


@pytest.mark.slow
def test_torch_loads_under_the_release_candidate_that_ubuntu_has() -> None:
    """Ubuntu 22.04, in which Gradescope grades, has a Python 3.11 without what torch looks up there."""
    program = (
        "import sys; del sys.get_int_max_str_digits, sys.set_int_max_str_digits; sys.path.insert(0, sys.argv[1]); "
        "from autograder.checks.worker import preload; preload(torch=True); print(sys.get_int_max_str_digits())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
