"""The process that runs a student's code: it gets arrays and gives arrays. Imports numpy, wire and question.

It holds no expected value and no case before it is asked. The student's modules arrive as source text and are
loaded from memory. What it answers is a value, never a verdict: the judge believes nothing else it says.
"""

from __future__ import annotations

import ast
import builtins
import codecs
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import linecache
import os
import random
import sys
import traceback
import tracemalloc
import types
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .question import Call, parse_call
from .wire import TRUSTED, Caps, Message, Opaque, Writer, pack, read_message

# What honest numpy code imports, some of it inside functions. Loaded before any student code, because a
# confined worker can open no file afterwards; the rest of the library is not on offer, here or on a laptop.
PRELOADED = (
    "abc array ast bisect cmath collections collections.abc contextlib copy copyreg csv dataclasses datetime decimal "
    "encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.utf_8_sig enum fractions "
    "functools gc hashlib heapq importlib inspect io itertools json keyword linecache locale logging math "
    "numbers operator os os.path pathlib pickle platform pprint queue random re reprlib shutil statistics "
    "string struct sys tempfile textwrap threading time timeit token tokenize traceback tracemalloc types "
    "typing unicodedata unittest unittest.mock uuid warnings weakref zlib __future__ doctest pdb "
    "numpy.fft numpy.lib.stride_tricks numpy.linalg numpy.ma numpy.matlib numpy.polynomial numpy.random "
    "numpy.testing numpy.typing numpy.lib.recfunctions"
).split()
# Read by torch's optimisers and gradcheck inside functions.
TORCH_PRELOADED = (
    "torch torch.nn torch.nn.functional torch.nn.utils.rnn torch.optim torch._dynamo "
    "torch.fx.experimental.symbolic_shapes torch.utils.serialization.config"
).split()
# Left at the top of many a file, and of no use here: importing one gives an object that does nothing.
STAND_INS = ("matplotlib", "matplotlib.pyplot", "seaborn", "tqdm", "tqdm.auto", "tqdm.notebook", "IPython",
             "IPython.display")  # fmt: skip


class Forbidden(ImportError):
    """The student's code asks for something that the assignment does not allow."""


def preload(torch: bool) -> None:
    """Load all that student code may import, so that nothing need be opened later."""
    # "pdb" reads the terminal's settings and numpy.matlib warns of its age; neither is the student's concern.
    import warnings

    # The Python 3.11 of Ubuntu 22.04 is a release candidate without these two, and torch looks them up when it is imported.
    vars(sys).setdefault("get_int_max_str_digits", lambda: 0)  # 0: no limit, which is true of it
    vars(sys).setdefault("set_int_max_str_digits", lambda maxdigits: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (*PRELOADED, *(TORCH_PRELOADED if torch else ())):
            importlib.import_module(name)
    np.einsum("ij,jk->ik", np.eye(2), np.eye(2))
    np.einsum("ij,jk,kl->il", np.eye(2), np.eye(2), np.eye(2), optimize=True)
    if torch:
        import logging

        library = importlib.import_module("torch")
        library.set_num_threads(1)
        # oneDNN compiles at run time, which a confined worker may not; without it results do not depend on the CPU.
        library.backends.mkldnn.enabled = False
        # Both read files when first asked, and would complain of the lock on the student's standard error.
        library.cpu._is_avx2_supported()
        logging.disable(logging.CRITICAL)
        getattr(library.autograd.profiler, "_maybe_cupti_monitor", lambda: None)()
        logging.disable(logging.NOTSET)


# ---------------------------------------------------------------- modules from memory


class _Idle:
    """Accepts anything and does nothing: what a plotting call meets here."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Any:
        return iter((self, self))

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


class _Bar(_Idle):
    """What tqdm gives: it passes on what it was given, and shows nothing."""

    def __init__(self, iterable: Any = (), *args: Any, **keywords: Any) -> None:
        self._items = iterable

    def __iter__(self) -> Any:
        return iter(self._items)


def _stand_in(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__path__ = []
    idle = _Idle()
    module.__dict__["__getattr__"] = lambda attribute: getattr(idle, attribute)
    if name.startswith("tqdm"):
        module.__dict__["tqdm"] = _Bar
        module.__dict__["trange"] = lambda *bounds, **keywords: _Bar(range(*bounds))
    return module


class Workspace(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A submission's modules, importable as ``package.module`` from source text."""

    def __init__(self, package: str, sources: Mapping[str, bytes], torch_modules: Sequence[str]) -> None:
        self.package = package
        self.sources = sources
        self.torch_modules = {f"{package}.{module}" for module in torch_modules}
        self.failures: dict[str, dict[str, Any]] = {}
        self.allowed = {name.partition(".")[0] for name in (*PRELOADED, "numpy", package)}
        self.builtins = dict(vars(builtins), __import__=self._import, open=_no_open, input=_no_input, breakpoint=_no_input)
        # `from builtins import range` heads many a file that was to run under Python 2 too; it gets the same functions.
        self._builtins = types.ModuleType("builtins")
        vars(self._builtins).update(self.builtins)
        for name in STAND_INS:
            sys.modules.setdefault(name, _stand_in(name))
            self.allowed.add(name.partition(".")[0])
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Importlib's hook: the package, and the modules that the submission has."""
        if name == self.package:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        package, _, module = name.rpartition(".")
        if package == self.package and module in self.sources:
            return importlib.machinery.ModuleSpec(name, self, origin=self.file_name(module))
        return None

    def file_name(self, module: str) -> str:
        """The name that tracebacks show."""
        return f"{self.package}/{module}.py"

    def exec_module(self, module: types.ModuleType) -> None:
        """Importlib's hook: compile and run. The package's own ``__init__.py`` is not used."""
        if module.__name__ == self.package:
            return
        name = module.__name__.rpartition(".")[2]
        file_name, source = self.file_name(name), self.sources[name]
        lines = source.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[file_name] = (len(source), None, lines, file_name)
        module.__dict__["__file__"] = file_name
        module.__dict__["__builtins__"] = self.builtins
        if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise SyntaxError(f"{file_name} is saved as UTF-16, which Python does not read: save it as UTF-8")
        exec(compile(source, file_name, "exec", dont_inherit=True), module.__dict__)

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """What an import statement in a student's module does."""
        importer = (globals or {}).get("__name__", "")
        top = name.partition(".")[0]
        if level == 0 and name == "builtins":
            return self._builtins
        if level == 0 and top not in self.allowed and not (top == "torch" and importer in self.torch_modules):
            if top in self.sources:
                raise ImportError(f"import {top}: write 'from .{top} import ...' inside {self.package}/")
            file_name = self.file_name(importer.rpartition(".")[2])
            raise Forbidden(f"{file_name} imports {top}; modules here may import numpy and each other only")
        return builtins.__import__(name, globals, locals, fromlist, level)

    def lookup(self, module: str, function: str) -> Any:
        """A function of the submission. Raises _Failed with what is the matter."""
        if module not in self.sources:
            raise _Failed("missing", f"{self.file_name(module)} is not in the submission")
        if module in self.failures:
            raise _Failed(**self.failures[module])
        try:
            loaded = importlib.import_module(f"{self.package}.{module}")
        except BaseException as error:  # a module may raise anything at all while it is loaded
            self.failures[module] = describe_error(error, self.package, loading=True)
            raise _Failed(**self.failures[module]) from None
        if not hasattr(loaded, function):
            raise _Failed("missing", f"{self.file_name(module)} has no {function}")
        return getattr(loaded, function)


def _no_open(*args: Any, **keywords: Any) -> Any:
    raise PermissionError("files cannot be opened here")


def _no_input(*args: Any, **keywords: Any) -> Any:
    raise EOFError("there is nobody to type here")


def is_stub(node: ast.AST) -> bool:
    """Whether a function, or every method of a class, does nothing but raise NotImplementedError."""
    if isinstance(node, ast.ClassDef):
        methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
        return bool(methods) and all(map(is_stub, methods))
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [item for item in node.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.dump(body[0])


def outline(source: bytes) -> list[str]:
    """Names of the functions and classes in a module that are still stubs: they only raise NotImplementedError."""
    tree = ast.parse(source)
    stubs = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and is_stub(node)]
    # A name that anything else in the module binds or imports may be no stub any more: then it is run.
    bound = Counter(name for node in ast.walk(tree) for name in _bound_names(node))
    return [name for name in stubs if bound[name] == 1 and "*" not in bound]


def _bound_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


# ---------------------------------------------------------------- calls


class _Failed(Exception):
    def __init__(self, kind: str, text: str, trace: str = "") -> None:
        self.report = {"kind": kind, "text": text, "trace": trace}


def run_calls(
    calls: Sequence[Call],
    lookup: Callable[[str], Any],
    inputs: Mapping[str, Any],
    layouts: Mapping[str, str],
) -> tuple[dict[str, Any], list[str]]:
    """Run calls one after the other; each gets fresh copies of the inputs, so that none can spoil another's.

    Returns all values by name, as they were when they were returned, and the names of those that a call changed in
    place: inputs, and what an earlier call returned.
    Raises _Failed for a wrong count, and whatever the functions raise.
    """
    values: dict[str, Any] = {}
    returned: dict[str, Any] = {}
    changed: list[str] = []
    for call in calls:
        given = {
            name: _fresh(inputs[name], layouts.get(name, "C")) if name in inputs else _fresh(values[name], "keep")
            for name in call.arguments
        }
        root, _, method = call.function.partition(".")
        function = getattr(values[root], method) if method else lookup(root)
        result = function(*given.values())
        changed += [name for name in given if name in inputs and not _same(given[name], inputs[name])]
        changed += [name for name, item in returned.items() if name not in changed and not _same(item, values[name])]
        bound = bind(call, result) if len(call.targets) > 1 else {call.targets[0]: result}
        returned |= bound
        values |= {name: _fresh(item, "keep") for name, item in bound.items()}
    return values, changed


def bind(call: Call, result: Any) -> dict[str, Any]:
    """The several targets of a call and their values. Raises _Failed for a wrong count."""
    if not isinstance(result, tuple | list) or len(result) != len(call.targets):
        got = f"{len(result)} values" if isinstance(result, tuple | list) else f"one {type(result).__name__}"
        wanted = f"{len(call.targets)}: {', '.join(call.targets)}"
        raise _Failed("count", f"{call.function} returned {got}; expected {wanted}")
    return dict(zip(call.targets, result, strict=True))


def _fresh(value: Any, layout: str) -> Any:
    """A private copy of arrays, in the layout that the case asks for; other values as they are."""
    if isinstance(value, np.ndarray):
        if layout == "F":
            return np.array(value, order="F")
        if layout == "strided" and value.ndim:
            wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
            wide[..., ::2] = value
            return wide[..., ::2]
        if layout == "tensor":
            return importlib.import_module("torch").from_numpy(value.copy())
        return value.copy()
    if isinstance(value, list) or type(value) is tuple:
        return type(value)(_fresh(item, layout) for item in value)
    if isinstance(value, dict) and layout != "keep":
        return {key: _fresh(item, layout) for key, item in value.items()}
    return value


def _same(value: Any, original: Any) -> bool:
    if isinstance(original, np.ndarray):
        now = np.asarray(value)
        if now.dtype == original.dtype and now.shape == original.shape and now.tobytes() == original.tobytes():
            return True  # much the fastest way to see it
        return np.array_equal(now, original, equal_nan=True)
    if isinstance(original, list | tuple):
        return len(value) == len(original) and all(map(_same, value, original))
    return True


def plain(value: Any) -> Any:
    """A value with torch's tensors turned into arrays."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def sendable(value: Any) -> Any:
    """A plain value; a list of more values than a reply carries is sent as the array that it makes."""
    value = plain(value)
    if not isinstance(value, list | tuple | Mapping) or _count(value) <= Caps.items:
        return value
    with contextlib.suppress(ValueError, OverflowError):  # lists of lists that are no array
        array = np.asarray(value)
        if array.dtype.kind in "biufc":
            return array
    return Opaque(f"an overlong {type(value).__name__} of {len(value)} values")


def _count(value: Any) -> int:
    """How many values a reader meets in a value."""
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return 1 + sum(map(_count, items))


def describe_error(error: BaseException, package: str, loading: bool = False) -> dict[str, Any]:
    """What a student is told of an exception: its kind, one line, and the lines of their own code."""
    text, trace = type(error).__name__, ""
    try:
        said = str(error)
    except BaseException:  # it is the student's code that prints it
        said = ""
    text = f"{text}: {said}" if said else text
    with contextlib.suppress(Exception):  # a hostile exception may break its own printing
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(package + "/")]
        trace = "".join(traceback.format_list(frames[-6:]))
        if isinstance(error, SyntaxError):
            trace = "".join(traceback.format_exception_only(error)[:-1])  # the last line is what `text` says
    kind = "raised"
    if isinstance(error, NotImplementedError) and not loading:
        kind = "not_implemented"
    elif isinstance(error, Forbidden | PermissionError):
        kind = "forbidden"
        text = said if isinstance(error, Forbidden) else f"this is not allowed here: {said}"
    elif isinstance(error, MemoryError):
        kind = "memory"
    elif isinstance(error, SystemExit):
        text = "the code asked Python to exit"
    return {"kind": kind, "text": text, "trace": trace}


# ---------------------------------------------------------------- serving


class Server:
    """Answers the judge's messages until the pipe closes."""

    def __init__(self, requests: int, replies: int) -> None:
        self.requests = requests
        self.replies = replies
        self.workspace: Workspace | None = None
        self.held: _Held | None = None

    def run(self) -> None:
        """Read, answer, repeat. Returns when the judge hangs up."""
        sequence = 0
        while True:
            try:
                message = read_message(self._read, sequence, TRUSTED)
            except EOFError:
                return
            writer = Writer()
            answer = self._answer(message, writer)
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            self._write(pack(sequence, answer, writer))
            sequence += 1

    def _read(self, count: int) -> bytes:
        chunks = []
        while count:
            chunk = os.read(self.requests, min(count, 1 << 20))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.replies, view) :]

    def _answer(self, message: Message, writer: Writer) -> dict[str, Any]:
        content = message.content
        if content["op"] == "load":
            sources = {name: array.tobytes() for name, array in message.value(content["sources"]).items()}
            self.workspace = Workspace(content["package"], sources, content["torch_modules"])
            return {"ok": True}
        assert self.workspace is not None
        if content["op"] in ("hold", "run", "fetch"):
            return self._measured(self.workspace, message, writer)
        if content["op"] == "import":
            with contextlib.suppress(_Failed):  # said again to whoever asks for a function of the module
                self.workspace.lookup(content["module"], "__name__")
            return {"ok": True}
        if content["op"] == "outline":
            try:
                stubs = outline(self.workspace.sources[content["module"]])
            except (SyntaxError, ValueError, KeyError, RecursionError, MemoryError):
                stubs = []
            return {"ok": True, "stubs": stubs}
        return self._ask(self.workspace, message, writer)

    def _ask(self, workspace: Workspace, message: Message, writer: Writer) -> dict[str, Any]:
        content = message.content
        inputs = {name: message.value(skeleton) for name, skeleton in content["inputs"].items()}
        calls = [parse_call(text) for text in content["calls"]]
        seed()
        try:
            values, changed = run_calls(
                calls, lambda name: workspace.lookup(content["module"], name), inputs, content["layouts"]
            )
            returns = {name: writer.value(sendable(values[name])) for name in content["returns"]}
        except _Failed as failure:
            return {"ok": False, **failure.report}
        except BaseException as error:  # student code may raise anything, SystemExit and its like included
            return {"ok": False, **describe_error(error, workspace.package)}
        return {"ok": True, "values": returns, "changed": sorted(set(changed))}

    def _measured(self, workspace: Workspace, message: Message, writer: Writer) -> dict[str, Any]:
        """One call in three steps, between which the judge looks at this process's memory from outside.

        "hold" takes the inputs, before the student's module is imported; "run" calls, and keeps the result; "fetch"
        sends it. With "trace" Python's own tracing measures too, and with "lines" it watches each line of student
        code, which is slow: good for a hint, and easily fooled.
        """
        content = message.content
        if content["op"] == "hold":
            pristine = {name: message.value(skeleton) for name, skeleton in content["inputs"].items()}
            call = parse_call(content["calls"][0])
            np.ones((256, 256)) @ np.ones((256, 256))  # the linear algebra library takes its own memory now
            given = {name: _fresh(pristine[name], "C") for name in call.arguments}
            self.held = _Held(call, content["module"], content["returns"], pristine, given, content["trace"])
            return {"ok": True}
        held = self.held
        assert held is not None
        if content["op"] == "run":
            seed()
            held.run(workspace)
            return {"ok": True}
        answer = held.failure or {
            "ok": True,
            "values": {name: writer.value(sendable(held.values[name])) for name in held.returns},
            "changed": [name for name in held.given if not _same(held.given[name], held.pristine[name])],
        }
        return {**answer, "traced": held.traced, "where": held.where}


class _Held:
    """A call whose memory is measured."""

    def __init__(self, call: Call, module: str, returns: list[str], pristine: dict[str, Any], given: dict[str, Any],
                 trace: str) -> None:  # fmt: skip
        self.call, self.module, self.returns = call, module, returns
        self.pristine, self.given, self.trace = pristine, given, trace
        self.values: dict[str, Any] = {}
        self.failure: dict[str, Any] | None = None
        self.traced, self.where = 0, ""

    def run(self, workspace: Workspace) -> None:
        """Call the function; what it returns or how it fails is kept."""
        watch = _LineWatch(workspace.package, self.trace == "lines") if self.trace else None
        try:
            with watch or contextlib.nullcontext():
                function = workspace.lookup(self.module, self.call.function)
                result = function(*self.given.values())
            targets = self.call.targets
            self.values = bind(self.call, result) if len(targets) > 1 else {targets[0]: result}
        except _Failed as failure:
            self.failure = {"ok": False, **failure.report}
        except BaseException as error:  # student code may raise anything, SystemExit and its like included
            self.failure = {"ok": False, **describe_error(error, workspace.package)}
        if watch is not None:
            self.traced, self.where = watch.peak, watch.where


class _LineWatch:
    """Says after which line of student code most memory was held when it was at its peak: a hint, easily fooled."""

    def __init__(self, package: str, lines: bool) -> None:
        self.package, self.lines = package, lines
        self.net: Counter[tuple[str, int]] = Counter()
        self.last: tuple[str, int] | None = None
        self.seen, self.peak, self.where = 0, 0, ""

    def __enter__(self) -> None:
        tracemalloc.start()
        if self.lines:
            sys.settrace(self._trace)

    def __exit__(self, *error: Any) -> None:
        sys.settrace(None)
        if tracemalloc.is_tracing():
            self.peak = max(self.peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.package + "/"):
            return None
        now = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else self.seen
        if self.last is not None:
            self.net[self.last] += now - self.seen
        self.seen = now
        if now > self.peak + 65536:  # a line's share is looked up as the peak rises, not at every line
            self.peak = now
            (file_name, line), size = max(self.net.items(), key=lambda item: item[1])
            self.where = f"{file_name}, line {line}: {min(size, now) / 2**20:.1f} MB"
        self.last = (frame.f_code.co_filename, frame.f_lineno)
        return self._trace


def seed() -> None:
    """Unseeded student code should at least repeat itself."""
    random.seed(0)
    np.random.seed(0)


def main(torch: bool) -> None:
    """Serve on standard input and output, for a checker on the student's own machine.

    Replies leave on a private copy of standard output; what student code prints goes to standard error.
    """
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    quiet = os.open(os.devnull, os.O_RDONLY)
    os.dup2(quiet, 0)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(requests, os.O_BINARY)
        msvcrt.setmode(replies, os.O_BINARY)
    if torch:
        importlib.import_module("torch").set_num_threads(1)
    Server(requests, replies).run()
