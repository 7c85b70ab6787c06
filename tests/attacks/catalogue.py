"""Submissions that solve nothing and want points, or want to do harm; each with what stops it.

Every source stands under the name of every module (`harness.package`); functions are answered by `cheat(name, args)`.
$WATCH, $ROOT and the like are filled in by the harness: an attacker is taken to know every path.

stopped_by:
    process   the judge's values and functions are in another process: a plain child is enough
    lock      the child is locked: in an unlocked one the attack succeeds
    judge     the judge believes values alone, and looks at them with numpy's own eyes
    hidden    what is asked is not what was published
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD = '''
import sys
from importlib import import_module as get  # past the rules of our own import statement
import numpy as np
OUTPUTS = $OUTPUTS
HERE = __name__.rpartition(".")[2]

def __getattr__(name):
    if name.startswith("__") or name not in OUTPUTS:
        raise AttributeError(name)
    return lambda *args: cheat(name, args)

def fit(name, value):
    """The value in the number that the function returns."""
    if isinstance(value, (list, tuple)) and len(value) == OUTPUTS[name] > 1:
        return tuple(value)
    if isinstance(value, (list, tuple)) and len(value) == 1 == OUTPUTS[name]:
        return value[0]
    return value if OUTPUTS[name] == 1 else (value,) * OUTPUTS[name]

def right(name, args):
    """The right answer, to be spoilt: only its shape is used."""
    import importlib
    return getattr(importlib.import_module(__name__.rpartition(".")[0] + ".right_" + HERE), name)(*args)

def zeros(name, args):
    value = right(name, args)
    return tuple(np.zeros_like(v) for v in value) if isinstance(value, tuple) else np.zeros_like(value)

def unset(make, shape):
    """Uninitialised memory, other than that in which `right` has just left its answer."""
    [np.full(shape, 0.123) for _ in range(20)]
    return make(shape)

def each(name, args, change):
    value = right(name, args)
    return tuple(change(v) for v in value) if isinstance(value, tuple) else change(value)
'''


@dataclass(frozen=True)
class Attack:
    """family, name, code; gains: the style of plain check that it passes, what is touched outside, or "no result"."""

    family: str
    name: str
    stopped_by: str
    gains: str
    code: str
    neighbour: str = ""
    slow: bool = False

    @property
    def source(self) -> str:
        return HEAD + self.code


ATTACKS: list[Attack] = []


def attack(family: str, name: str, stopped_by: str, gains: str, code: str, neighbour: str = "", *,
           slow: bool = False) -> None:  # fmt: skip
    ATTACKS.append(Attack(family, name, stopped_by, gains, code, neighbour, slow))


# ---------------------------------------------------------------- import and read: where the answers might be

attack("inherit", "walk the stack for expected values", "process", "testing", '''
def cheat(name, args):
    frame = sys._getframe()
    while frame:
        if "expected" in frame.f_locals:
            return fit(name, list(frame.f_locals["expected"].values()))
        frame = frame.f_back
    return fit(name, zeros(name, args))
''', "own frames")
attack("inherit", "walk the stack from a traceback", "process", "testing", '''
def cheat(name, args):
    try:
        1 / 0
    except ZeroDivisionError as error:
        frame = error.__traceback__.tb_frame
        while frame.f_back:
            frame = frame.f_back
            for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):
                if isinstance(value, dict) and "expected" in value:
                    return fit(name, list(value["expected"].values()))
    return fit(name, zeros(name, args))
''', "own frames")
attack("inherit", "walk the stack from a generator", "process", "testing", '''
def look():
    yield sys._getframe().f_back
def cheat(name, args):
    frame = next(look())
    while frame:
        if "expected" in frame.f_locals:
            return fit(name, list(frame.f_locals["expected"].values()))
        frame = frame.f_back
    return fit(name, zeros(name, args))
''', "own frames")
attack("inherit", "search the heap for expected values", "process", "testing", '''
import gc
def same(inputs, args):
    return [np.asarray(v).tobytes() for v in inputs.values()] == [np.asarray(a).tobytes() for a in args]
def cheat(name, args):
    for found in gc.get_objects():
        if type(found) is dict and "expected" in found and "inputs" in found and same(found["inputs"], args):
            return fit(name, list(found["expected"].values()))
    return fit(name, zeros(name, args))
''', "own heap")
attack("inherit", "search the heap for any array of the right shape", "process", "testing", '''
import gc
seen = set()
def cheat(name, args):
    wanted = [np.shape(v) for v in (right(name, args) if OUTPUTS[name] > 1 else [right(name, args)])]
    mine = {a.tobytes() for a in args if isinstance(a, np.ndarray)}
    out = []
    for shape in wanted:
        near = [v for d in gc.get_objects() if type(d) is dict and "expected" in d for v in d["expected"].values()]
        near += [v for d in gc.get_objects() if type(d) in (dict, list) for v in (d.values() if type(d) is dict else d)
                 if type(v) is np.ndarray and v.shape == shape and v.tobytes() not in mine]
        near = [v for v in near if np.shape(v) == shape and v.tobytes() not in seen]
        out.append(near[0] if near else np.zeros(shape))
        seen.add(out[-1].tobytes())
    return fit(name, out)
''', "own heap")
attack("inherit", "ask the collector who refers to the inputs", "process", "testing", '''
import gc
def cheat(name, args):
    frame = sys._getframe(2)
    todo, seen = [frame.f_locals, frame.f_globals, *args], set()
    for _ in range(4000):
        if not todo:
            break
        found = todo.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, dict) and "expected" in found and isinstance(found["expected"], dict):
            return fit(name, list(found["expected"].values()))
        todo += [value for value in gc.get_referents(found) if isinstance(value, (dict, tuple, list))]
    return fit(name, zeros(name, args))
''', "own heap")
attack("inherit", "look into the main module", "process", "testing", '''
def cheat(name, args):
    cases = getattr(sys.modules.get("__main__"), "CASES", {})
    for (asked, _), case in cases.items():
        if asked == name and all(np.array_equal(a, b) for a, b in zip(args, case["inputs"].values())):
            return fit(name, list(case["expected"].values()))
    return fit(name, zeros(name, args))
''', "own module")
attack("inherit", "look into every module for anything of a judge's", "process", "testing", '''
def cheat(name, args):
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if isinstance(value, dict):
                for inner in list(value.values()):
                    if isinstance(inner, dict) and "expected" in inner:
                        return fit(name, list(inner["expected"].values()))
    for module in ("autograder.checks.judge", "autograder.checks.bundle", "autograder.checks.compare", "reference.memnet",
                   "assignments"):
        assert module not in sys.modules
    return fit(name, zeros(name, args))
''', "own module")
attack("inherit", "trace the judge's calls", "process", "testing", '''
seen = {}
def tracer(frame, event, arg):
    if "expected" in frame.f_code.co_varnames[:frame.f_code.co_argcount]:
        seen["expected"] = frame.f_locals["expected"]
    return None
sys.settrace(tracer)
sys.setprofile(tracer)
def cheat(name, args):
    return fit(name, list(seen["expected"].values()) if "expected" in seen and type(seen["expected"]) is dict
               else zeros(name, args))
''', "own frames")
attack("inherit", "change the judge's locals from below", "process", "testing", '''
ctypes = get("ctypes")
def cheat(name, args):
    value = fit(name, zeros(name, args))
    frame = sys._getframe()
    while frame:
        if "expected" in frame.f_locals:
            parts = value if isinstance(value, tuple) else (value,)
            for (key, old), new in zip(frame.f_locals["expected"].items(), parts):
                frame.f_locals["expected"][key] = new
        frame = frame.f_back
    return value
''', "own frames")
attack("import", "import the reference", "process", "testing", '''
def cheat(name, args):
    import importlib
    try:
        return getattr(importlib.import_module("reference.memnet." + HERE), name)(*args)
    except ImportError:
        return fit(name, zeros(name, args))
''', "import")
attack("read", "run the reference's source from its place", "lock", "testing", '''
import io, types
def cheat(name, args):
    try:
        space = types.ModuleType("stolen")
        text = io.open("$ROOT/reference/memnet/%s.py" % HERE).read()
        text = text.replace("from .", "from " + __name__.rpartition(".")[0] + ".right_")
        exec(compile(text, "stolen", "exec"), space.__dict__)
        return getattr(space, name)(*args)
    except OSError:
        return fit(name, zeros(name, args))
''', "exec")
attack("read", "read the bundle", "lock", "testing", '''
def cheat(name, args):
    try:
        arrays = np.load("$BUNDLE")
        pool = {arrays[key].tobytes(): arrays[key] for key in arrays.files}
    except OSError:
        return fit(name, zeros(name, args))
    open_parts = right(name, args)
    open_parts = open_parts if isinstance(open_parts, tuple) else (open_parts,)
    assert sum(len(data) for data in pool) > 100_000  # the answers lie before us
    return right(name, args)
''', "bytes")
attack("import", "put the reference's folder on the path", "lock", "testing", '''
import importlib, types
sys.path.insert(0, "$ROOT")
def cheat(name, args):
    try:
        return getattr(importlib.import_module("reference.memnet." + HERE), name)(*args)
    except ImportError:
        return fit(name, zeros(name, args))
''', "import")
attack("import", "load the reference by a loader", "lock", "testing", '''
import importlib.util, importlib.machinery
def cheat(name, args):
    try:
        for other in ("rnn", HERE):
            path = "$ROOT/reference/memnet/%s.py" % other
            loader = importlib.machinery.SourceFileLoader("reference_memnet." + other, path)
            module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
            module.__package__ = __name__.rpartition(".")[0]
            loader.exec_module(module)
        return getattr(module, name)(*args)
    except OSError:
        return fit(name, zeros(name, args))
''', "import")
attack("processes", "have another Python solve it", "lock", "testing", '''
import os, pickle
def cheat(name, args):
    try:
        subprocess = get("subprocess")
        code = ("import sys, pickle; sys.path.insert(0, '$ROOT'); import importlib; "
                "n, m, a = pickle.load(sys.stdin.buffer); "
                "r = getattr(importlib.import_module('reference.memnet.' + m), n)(*a); "
                "sys.stdout.buffer.write(pickle.dumps(r))")
        done = subprocess.run(["$PYTHON", "-c", code], input=pickle.dumps((name, HERE, args)), capture_output=True)
        return pickle.loads(done.stdout)
    except (OSError, ImportError, EOFError):
        return fit(name, zeros(name, args))
''', "pickle", slow=True)
attack("import", "import torch past the rules", "lock", "testing", '''
import importlib
def cheat(name, args):
    torch = importlib.import_module("torch")
    assert float(torch.ones(2).sum()) == 2
    return right(name, args)
''', "import", slow=True)

# ---------------------------------------------------------------- patched libraries

PATCHES = {
    "np.testing.assert_allclose": ("testing", "np.testing.assert_allclose = lambda *a, **k: None"),
    "all of np.testing": ("testing", '''for n in dir(np.testing):
    if n.startswith("assert"): setattr(np.testing, n, lambda *a, **k: None)'''),
    "np.allclose": ("allclose", "np.allclose = lambda *a, **k: True"),
    "np.isclose": ("allclose", "np.isclose = lambda a, b, **k: np.True_\nnp.allclose = lambda a, b, **k: True"),
    "np.array_equal": ("equal", "np.array_equal = lambda *a, **k: True"),
    "np.round": ("equal", "np.round = lambda a, *r, **k: np.zeros(1)"),
    "np.shape": ("shape", "np.shape = lambda a: ()"),
    "builtins.abs": ("difference", "import builtins\nbuiltins.abs = lambda v: np.zeros(1)"),
    "np.asarray": ("equal", "np.asarray = lambda *a, **k: np.zeros(1)\nnp.array_equal = lambda a, b, **k: True"),
    "numpy.testing in sys.modules": ("testing", '''import types
fake = types.ModuleType("numpy.testing"); fake.assert_allclose = lambda *a, **k: None
sys.modules["numpy.testing"] = np.testing = fake'''),
    "numpy in the main module": ("testing", '''class Fake:
    def __getattr__(self, n): return lambda *a, **k: True
    testing = property(lambda self: self)
__main__ = get('__main__'); __main__.np = Fake()'''),
    "the grader's own checks": ("testing", '''__main__ = get('__main__')
for n in list(vars(__main__)):
    if n.startswith("in_") or n in ("check", "compare", "judge"): setattr(__main__, n, lambda *a, **k: None)
for s in getattr(__main__, "STYLES", {}): __main__.STYLES[s] = lambda *a: None'''),
    "the grader's points": ("testing", '''__main__ = get('__main__')
class Full(dict):
    def __setitem__(self, k, v): super().__setitem__(k, 99)
__main__.EARNED = Full()'''),
    "json.dumps": ("testing", '''import json
json.dumps = lambda *a, **k: '{"cases": 1, "earned": {"testing": 99}}\''''),
    "json's encoder": ("testing", '''import json
json.JSONEncoder.encode = lambda self, o: '{"cases": 1, "earned": {"testing": 99}}'
json._default_encoder.encode = lambda o: '{"cases": 1, "earned": {"testing": 99}}\''''),
    "os.write": ("testing", '''import os
real = os.write
def write(fd, data):
    fake = b'RESULT {"earned": {"testing": 99}}\\n'
    real(fd, fake)
    return len(data)
os.write = write'''),
    "an import hook": ("testing", '''import types
class Hook:
    def find_spec(self, name, path, target=None): return None
sys.meta_path.insert(0, Hook())
sys.modules.pop("numpy.testing", None)
np.testing.assert_allclose = lambda *a, **k: None'''),
    "__builtins__": ("testing", '''import builtins
builtins.Exception, builtins.AssertionError = BaseException, BaseException
builtins.zip = lambda *a: []'''),
    "exceptions that are never raised": ("testing", '''import builtins
builtins.zip = lambda *a: iter(())'''),
}
for patched, (style, lines) in PATCHES.items():
    attack("patched libraries", f"patch {patched}", "process", style,
           f"{lines}\ndef cheat(name, args):\n    return tuple([np.full((1, 1), 7.0)] * OUTPUTS[name]) "
           "if OUTPUTS[name] > 1 else np.full((1, 1), 7.0)\n", "patching its own")  # fmt: skip

# ---------------------------------------------------------------- exit and forged results

RESULT = '{"earned": {"testing": 99}}'
for name, lines in {
    "print a score": f"print('RESULT {RESULT}', flush=True)\n    import os; os._exit(0)",
    "print a score at exit": f"get('atexit').register(lambda: print('RESULT {RESULT}', flush=True))",
    "print a score to the real output": f"sys.__stdout__.write('\\nRESULT {RESULT}\\n'); sys.__stdout__.flush()\n"
    "    import os; os._exit(0)",
    "print a score when the interpreter ends": f"""
    class Last:
        def __del__(self): print('RESULT {RESULT}', flush=True)
    import builtins; builtins.last = Last()""",
    "print a score from a signal": f"""
    import os; signal = get('signal')
    signal.signal(signal.SIGALRM, lambda *a: (print('RESULT {RESULT}', flush=True), os._exit(0)))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    import time; time.sleep(0.5)""",
    "print a score from an except hook": f"""
    sys.excepthook = lambda *a: print('RESULT {RESULT}', flush=True)
    import builtins; builtins.Exception = ZeroDivisionError
    get('__main__').Exception = ZeroDivisionError; raise ValueError""",
    "write a score to every descriptor": f"""
    import os
    for fd in range(64):
        try: os.write(fd, b'\\nRESULT {RESULT}\\n')
        except OSError: pass
    os._exit(0)""",
}.items():
    attack("exit", name, "process", "testing", f"""
def cheat(name, args):
    {lines}
    return fit(name, zeros(name, args))
""", "printing")
attack("processes", "start a thread", "lock", "testing", '''
import threading
def spin():
    import time
    while True:
        time.sleep(0.001)
def cheat(name, args):
    threading.Thread(target=spin, daemon=True).start()
    return right(name, args)
''', "a lock of its own")

# ---------------------------------------------------------------- lying values

for name, style, change in (
    ("nan for every number", "difference", "lambda v: np.full(np.shape(v), np.nan)"),
    ("masked everywhere", "difference", "lambda v: unset(np.ma.masked_all, np.shape(v))"),
    ("zeros of the right shape", "shape", "lambda v: np.zeros(np.shape(v))"),
    ("minus zero", "shape", "lambda v: -np.zeros(np.shape(v))"),
    ("infinity", "shape", "lambda v: np.full(np.shape(v), np.inf)"),
    ("a broadcast view of one number", "shape", "lambda v: np.broadcast_to(0.5, np.shape(v))"),
    ("booleans", "shape", "lambda v: np.ones(np.shape(v), bool)"),
    ("the largest number", "shape", "lambda v: np.full(np.shape(v), np.finfo(float).max)"),
    ("random numbers", "shape", "lambda v: np.random.standard_normal(np.shape(v))"),
    ("uninitialised memory", "shape", "lambda v: unset(np.empty, np.shape(v))"),
    ("the right values times 1.01", "shape", "lambda v: v * 1.01"),
    ("the right values, rounded to thousandths", "shape", "lambda v: np.round(v, 2) + 1e-9"),
    ("half precision", "shape", "lambda v: np.asarray(v).astype(np.float16)"),
):
    attack("lying values", name, "judge", style,
           f"def cheat(name, args):\n    return each(name, args, {change})\n", "float32")  # fmt: skip
attack("lying values", "equal to everything", "judge", "operator", '''
class Yes:
    def __eq__(self, other): return self
    def __bool__(self): return True
    def all(self): return True
    def __getattr__(self, name): return lambda *a, **k: self
    shape, ndim, dtype = (3, 5), 2, np.dtype(float)
def cheat(name, args):
    return fit(name, Yes())
''', "float32")
attack("lying values", "an array that compares as it likes", "judge", "difference", '''
class Sly(np.ndarray):
    def __eq__(self, other): return np.ones(np.shape(other), bool)
    def __sub__(self, other): return np.zeros(np.shape(other))
    __rsub__ = __sub__
def cheat(name, args):
    return each(name, args, lambda v: np.zeros(np.shape(v)).view(Sly))
''', "subclass")
attack("lying values", "an array that answers numpy's functions itself", "judge", "allclose", '''
class Sly(np.ndarray):
    def __array_function__(self, function, types, args, kwargs): return True
    def __array_ufunc__(self, *a, **k): return np.zeros(1)
def cheat(name, args):
    return each(name, args, lambda v: np.zeros(np.shape(v)).view(Sly))
''', "subclass")
attack("lying values", "an object that numpy takes for an array", "judge", "allclose", '''
class Sly:
    def __array_function__(self, function, types, args, kwargs): return True
    def __array__(self, *a, **k): raise TypeError
def cheat(name, args):
    return fit(name, Sly())
''', "subclass")
attack("lying values", "a number that differs from none", "judge", "difference", '''
class Sly(float):
    def __sub__(self, other): return np.zeros(1)
    __rsub__ = __sub__
    __array_ufunc__ = None
def cheat(name, args):
    return fit(name, Sly(0.0))
''', "subclass")
attack("lying values", "nothing at all", "judge", "testing", '''
def cheat(name, args):
    return ()
''', "float32")
attack("lying values", "its own inputs", "judge", "shape", '''
def cheat(name, args):
    value = right(name, args)
    parts = value if isinstance(value, tuple) else (value,)
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    out = []
    for part in parts:
        same = [a for a in arrays if a.shape == np.shape(part)]
        near = [a.reshape(np.shape(part)) for a in arrays if a.size == np.size(part)]
        out.append((same + near + [np.zeros(np.shape(part))])[0])
    return fit(name, out)
''', "views")
attack("lying values", "what it saw in an earlier question", "judge", "shape", '''
pool = sys.modules.setdefault("pool", type(sys)("pool")).__dict__.setdefault("arrays", [])
def cheat(name, args):
    value = right(name, args)
    parts = value if isinstance(value, tuple) else (value,)
    pool.extend(a.copy() for a in args if isinstance(a, np.ndarray))
    out = [next((a for a in reversed(pool) if a.shape == np.shape(p)), np.zeros(np.shape(p))) for p in parts]
    return fit(name, out)
''', "state")

# ---------------------------------------------------------------- harm outside

HARM = {
    ("write", "change a file"): ("canary", "open", 'io.open("$WATCH/canary", "a").write("x")'),
    ("write", "leave a file"): ("left", "bytes", 'io.open("$WATCH/for-a-later-run.py", "w").close()'),
    ("write", "leave a file in /tmp"): ("temporary", "bytes", 'io.open("/tmp/$MARK-left", "w").close()'),
    ("write", "leave a file in shared memory"): ("shared memory", "bytes", 'io.open("/dev/shm/$MARK-left", "w").close()'),
    ("write", "leave a file by numpy"): ("left", "bytes", 'np.save("$WATCH/left.npy", np.zeros(3))'),
    ("write", "leave a file by a memory map"): (
        "left", "bytes", 'np.memmap("$WATCH/left.bin", mode="w+", shape=(9,)).flush()'),
    ("write", "remove a file"): ("canary", "bytes", 'os.unlink("$WATCH/canary")'),
    ("write", "rename a file"): ("left", "bytes", 'os.rename("$WATCH/canary", "$WATCH/moved")'),
    ("write", "make a link"): ("left", "bytes", 'os.symlink("/etc/passwd", "$WATCH/link")'),
    ("write", "make a folder"): ("left", "bytes", 'os.mkdir("$WATCH/folder")'),
    ("write", "change a mode"): ("mode", "bytes", 'os.chmod("$WATCH/canary", 0o777)'),
    ("write", "change a date"): ("mtime", "bytes", 'os.utime("$WATCH/canary", (1, 1))'),
    ("write", "change an attribute"): ("xattr", "bytes", 'os.setxattr("$WATCH/canary", "user.x", b"1")'),
    ("write", "truncate a file"): ("canary", "bytes", 'os.truncate("$WATCH/canary", 0)'),
    ("write", "write by a shell"): ("left", "bytes", 'os.system("touch $WATCH/shell")'),
    ("write", "write by libc"): (
        "left", "own libc", 'get("ctypes").CDLL(None).creat(b"$WATCH/libc", 0o666)'),
    ("write", "write by a raw system call"): (
        "left", "own libc",
        'get("ctypes").CDLL(None).syscall(85 if os.uname().machine == "x86_64" else 34, '
        'b"$WATCH/raw" if os.uname().machine == "x86_64" else -100, '
        '0o666 if os.uname().machine == "x86_64" else b"$WATCH/raw", 0o777)'),
    ("write", "write a log"): (
        "left", "logging", 'import logging; logging.FileHandler("$WATCH/log").emit(logging.makeLogRecord({}))'),
    ("processes", "leave a process behind"): ("children", "sleep", '''
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            io.open("/proc/self/comm", "w").write("$MARK"[-15:])
            for fd in range(3, 64):
                try: os.close(fd)
                except OSError: pass
            null = os.open("/dev/null", os.O_RDWR); os.dup2(null, 0); os.dup2(null, 1); os.dup2(null, 2)
            import time; time.sleep(20)
        os._exit(0)
    os.wait()
    import time; time.sleep(0.2)'''),
    ("net", "leave a listener behind"): ("listener", "select", '''
    socket = get("socket")
    if os.fork() == 0:
        os.setsid()
        io.open("/proc/self/comm", "w").write("$MARK"[-15:])
        null = os.open("/dev/null", os.O_RDWR); os.dup2(null, 0); os.dup2(null, 1); os.dup2(null, 2)
        server = socket.socket(); server.bind(("127.0.0.1", $PORT)); server.listen(9)
        import time; time.sleep(20)
        os._exit(0)
    import time; time.sleep(0.3)'''),
    ("processes", "signal the judge"): ("signals", "own signals", 'os.kill(os.getppid(), 10)'),
    ("resources", "slow the judge down"): ("niceness", "clocks", "os.setpriority(os.PRIO_PROCESS, os.getppid(), 5)"),
    ("resources", "move the judge to one processor"): (
        "affinity", "clocks", "os.sched_setaffinity(os.getppid(), {min(os.sched_getaffinity(0))})"),
}  # fmt: skip
for (family, name), (gain, neighbour, line) in HARM.items():
    body = line if line.startswith("\n") else f"\n    {line}"
    attack(family, name, "lock", gain, f"""
import io, os
done = []
def harm():{body}
def cheat(name, args):
    if not done:
        done.append(1)
        harm()
    return fit(name, zeros(name, args))
""", neighbour)

# ---------------------------------------------------------------- by somebody who has read how graders compare

# A value that looks around when the judge looks at it: gains "testing" where the judge holds it in its own process.
LOOK = '''
def look(frame):
    """The expected value nearest above a frame."""
    while frame:
        for key in ("expected", "desired", "right"):
            value = frame.f_locals.get(key)
            if isinstance(value, np.ndarray):
                return value
        frame = frame.f_back
    return np.zeros(1)
'''
for name, style, lines in (
    ("an object that becomes the expected array when it is looked at", "testing", """
class Sly:
    def __array__(self, *a, **k): return look(sys._getframe())
def make(): return Sly()"""),
    ("an array whose ufuncs see the other operand", "difference", """
class Sly(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **k):
        other = [v for v in inputs if type(v) is np.ndarray]
        return np.zeros(np.shape(other[0])) if other else np.zeros(1)
def make(): return np.zeros((3, 5)).view(Sly)"""),
    ("an array that subtracts to nothing", "difference", """
class Sly(np.ndarray):
    __array_priority__ = 1e9
    def __sub__(self, other): return np.zeros(np.shape(other))
    def __rsub__(self, other): return np.zeros(np.shape(other))
def make(): return np.zeros((3, 5)).view(Sly)"""),
    ("a tuple that says it is empty", "testing", """
class Sly(tuple):
    def __iter__(self): return iter(())
    def __len__(self): return 2
def make(): return Sly((1, 2))"""),
    ("a tuple that yields what the judge expects", "testing", """
class Sly(tuple):
    def __iter__(self):
        frame = sys._getframe()
        while frame:
            if isinstance(frame.f_locals.get("expected"), dict):
                return iter(list(frame.f_locals["expected"].values()))
            frame = frame.f_back
        return iter(())
def make(): return Sly((1, 2))"""),
    ("an empty array that broadcasts to anything", "difference", """
def make(): return np.zeros((0, 1, 1, 1))"""),
    ("an empty array that is close to anything", "allclose", """
def make(): return np.zeros((0, 1, 1, 1))"""),
    ("a masked constant", "difference", """
def make(): return np.ma.masked"""),
    ("a number with a shape of its own", "shape", """
class Sly(float):
    shape = property(lambda self: look(sys._getframe()).shape)
    def __array__(self, *a, **k): return np.zeros(look(sys._getframe()).shape)
def make(): return Sly(0.5)"""),
    ("an object array of agreeable objects", "operator", """
class Yes(float):
    def __eq__(self, other): return True
    def __hash__(self): return 1
    def rint(self): return self
    def __mul__(self, other): return self
    __truediv__ = __mul__
    def __round__(self, n=0): return self
def make():
    a = np.empty((1, 1), object)
    a[0, 0] = Yes(1)
    class Sly(np.ndarray):
        def round(self, *a, **k): return self
    return a.view(Sly)"""),
    ("an array that rounds to what is expected", "equal", """
class Sly(np.ndarray):
    def round(self, *a, **k): return np.round(look(sys._getframe()), 5)
def make(): return np.zeros((3, 5)).view(Sly)"""),
):  # fmt: skip
    attack("lying values", name, "judge", style,
           f"{LOOK}{lines}\ndef cheat(name, args):\n    return fit(name, make())\n", "subclass")  # fmt: skip

for name, style, lines in (
    ("a method of numpy's array, past its read-only type", "difference", """
import gc
gc.get_referents(np.ndarray.__dict__)[0]["any"] = lambda self, *a, **k: False
get("ctypes").pythonapi.PyType_Modified(get("ctypes").py_object(np.ndarray))"""),
    ("rounding, past its read-only type", "equal", """
import gc
gc.get_referents(np.ndarray.__dict__)[0]["round"] = lambda self, *a, **k: np.zeros(1)
get("ctypes").pythonapi.PyType_Modified(get("ctypes").py_object(np.ndarray))"""),
    ("the comparison below np.testing", "testing", """
get("numpy.testing._private.utils").assert_array_compare = lambda *a, **k: None"""),
    ("isclose below np.allclose", "allclose", """
get("numpy._core.numeric").isclose = lambda *a, **k: np.True_"""),
    ("the code of np.testing.assert_allclose", "testing", """
def nothing(actual, desired, rtol=1e-07, atol=0, equal_nan=True, err_msg="", verbose=True, *, strict=False): pass
np.testing.assert_allclose.__code__ = nothing.__code__"""),
    ("the code of the grader's own comparison", "testing", """
def nothing(got, expected): pass
check = getattr(get("__main__"), "in_testing", None) or get("autograder.checks.worker").run_calls
check.__code__ = nothing.__code__"""),
    ("the judge's table of cases, in place", "testing", """
for case in getattr(get("__main__"), "CASES", {}).values():
    for value in case["expected"].values():
        value[...] = 7.0"""),
    ("the judge's table of cases, by memory", "testing", """
c = get("ctypes")
for case in getattr(get("__main__"), "CASES", {}).values():
    for value in case["expected"].values():
        c.memmove(value.ctypes.data, np.full(value.shape, 7.0).ctypes.data, value.nbytes)"""),
    ("the inputs, so that nothing is left to be compared", "testing", """
for (_, _), case in getattr(get("__main__"), "CASES", {}).items():
    case["expected"].clear()"""),
    ("what the worker says of itself", "testing", """
try:
    w = get("autograder.checks.worker")
    w._same = lambda *a: True
    w.Server._ask = lambda self, *a: {"ok": True, "values": {}, "changed": [], "verdict": "passed"}
    w.describe_error = lambda *a, **k: {"kind": "passed", "text": "passed", "trace": ""}
except AttributeError:
    pass
np.testing.assert_allclose = lambda *a, **k: None"""),
    ("how the worker writes arrays", "testing", """
w = get("autograder.checks.wire")
w.Writer.array = lambda self, array, layout="C": {"a": 0}
w.Writer.value = lambda self, value, depth=0: True
np.testing.assert_allclose = lambda *a, **k: None"""),
    ("how the worker makes calls", "testing", """
w = get("autograder.checks.worker")
w.run_calls = lambda calls, lookup, inputs, layouts: ({t: inputs for c in calls for t in c.targets}, [])
w.bind = lambda call, result: {}
np.testing.assert_allclose = lambda *a, **k: None"""),
):  # fmt: skip
    # The worker's own modules can be reached in a worker alone; a plain grader has none, and is cheated without.
    body = lines.replace('get("autograder', 'find("autograder')
    attack("patched libraries", f"patch {name}", "process", style, f"""
class Nobody:
    def __getattr__(self, n): return Nobody()
def find(n):
    return sys.modules.get(n) or type(sys)(n)
{body.replace("w.Writer.", "getattr(w, 'Writer', Nobody).").replace("w.Server.", "getattr(w, 'Server', Nobody).")}
def cheat(name, args):
    value = right(name, args)
    return tuple(np.full(np.shape(v), 7.0) for v in value) if isinstance(value, tuple) else np.full(np.shape(value), 7.0)
""", "patching its own")  # fmt: skip

# ---------------------------------------------------------------- ending the grader: in one process nobody gets a result

for family, name, lines in (
    ("exit", "end the process", "import os; os._exit(0)"),
    ("exit", "end the process from a destructor", "import os\n    class D:\n        def __del__(self): os._exit(0)\n    D()"),
    ("exit", "end the process from a signal", "import os; s = get('signal')\n    s.signal(s.SIGALRM, lambda *a: os._exit(0))"
     "\n    s.setitimer(s.ITIMER_REAL, 0.001)\n    import time; time.sleep(0.2)"),
    ("exit", "raise SystemExit", "raise SystemExit"),
    ("exit", "raise KeyboardInterrupt", "raise KeyboardInterrupt"),
    ("exit", "raise GeneratorExit", "raise GeneratorExit"),
    ("exit", "raise an exception whose text raises", "class E(BaseException):\n        def __str__(self): raise SystemExit\n"
     "        __repr__ = __str__\n    raise E"),
    ("exit", "abort", "import os; os.abort()"),
    ("exit", "read from address zero", "get('ctypes').string_at(0)"),
    ("exit", "signal itself", "s = get('signal'); s.raise_signal(s.SIGKILL)"),
    ("exit", "close every descriptor", "import os; os.closerange(0, 200); raise BaseException"),
    ("resources", "recurse in C until the stack overflows", "sys.setrecursionlimit(1 << 30)\n    class R:\n"
     "        def __repr__(self): return repr(self)\n    repr(R())"),
    ("resources", "recurse in a destructor", "sys.setrecursionlimit(1 << 30)\n    class R:\n"
     "        def __del__(self): R().x = [R()]\n    R()\n    get('os')._exit(0)"),
    ("resources", "free what is in use", "get('ctypes').memset(id(None), 0, 64)\n    [None] * 99"),
    ("resources", "stop its own clock", "s = get('signal'); s.setitimer(s.ITIMER_REAL, 0.001)\n"
     "    import time; time.sleep(0.2)"),
):  # fmt: skip
    attack(family, name, "process", "no result",
           f"def cheat(name, args):\n    {lines}\n    return fit(name, zeros(name, args))\n", "recursion")  # fmt: skip
