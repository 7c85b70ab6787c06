"""What honest code may do beside each attack: all of these must earn every point they can."""

from __future__ import annotations

from .catalogue import HEAD

CODE = {
    "own frames": "    assert sys._getframe().f_locals['name'] == name\n    return right(name, args)",
    "own heap": "    import gc\n    gc.collect(0)\n    assert gc.get_referrers(args) is not None\n    return right(name, args)",
    "own module": "    assert sys.modules[__name__].HERE == HERE\n    return right(name, args)",
    "import": "    import importlib, math, itertools, collections\n"
    "    return getattr(importlib.import_module('.right_' + HERE, __package__ or 'memnet'), name)(*args)",
    "exec": "    space = {}\n    exec('def twice(x): return 2 * x', space)\n    assert space['twice'](3) == 6\n"
    "    return right(name, args)",
    "bytes": "    import io\n    file = io.BytesIO()\n    np.save(file, np.arange(3))\n    file.seek(0)\n"
    "    assert np.load(file).sum() == 3\n    return right(name, args)",
    "open": "    import io\n    assert io.StringIO('a\\nb').readlines() == ['a\\n', 'b']\n    return right(name, args)",
    "pickle": "    import pickle, copy\n    return pickle.loads(pickle.dumps(copy.deepcopy(right(name, args))))",
    "patching its own": "    global helper\n    helper = right\n    return helper(name, args)",
    "printing": "    print('loss', 0.5)\n    print('to stderr', file=sys.stderr)\n    return right(name, args)",
    "a lock of its own": "    import threading, queue\n    with threading.Lock():\n        q = queue.Queue()\n"
    "        q.put(1)\n        assert q.get() == 1\n    return right(name, args)",
    "float32": "    return each(name, args, lambda v: v.astype(np.float32).astype(float) * (1 + 1e-12)"
    " if isinstance(v, np.ndarray) and v.dtype == float and 0 < abs(v).max() < 1 else v)",
    "subclass": "    class Mine(np.ndarray):\n        pass\n"
    "    return each(name, args, lambda v: v.view(Mine) if isinstance(v, np.ndarray) else v)",
    "views": "    return each(name, args, lambda v: np.asfortranarray(v) if isinstance(v, np.ndarray) and v.ndim else v)",
    "big end first": "    return each(name, args, lambda v: v.astype('>f8') if isinstance(v, np.ndarray) and v.dtype == float"
    " else v)",
    "state": "    cache = globals().setdefault('cache', {})\n    cache[name] = len(args)\n    return right(name, args)",
    "own libc": "    import platform\n    assert platform.python_version() and np.show_config is not None\n"
    "    return right(name, args)",
    "logging": "    import logging, warnings\n    warnings.warn('careful')\n    logging.getLogger('me').warning('hm')\n"
    "    return right(name, args)",
    "sleep": "    import time\n    time.sleep(0.0005)\n    return right(name, args)",
    "select": "    import json, hashlib\n    json.loads(json.dumps([1]))\n    hashlib.sha256(b'x').hexdigest()\n"
    "    return right(name, args)",
    "own signals": "    from importlib import import_module\n    signal = import_module('signal')\n"
    "    signal.signal(signal.SIGUSR1, lambda *a: None)\n    signal.raise_signal(signal.SIGUSR1)\n"
    "    return right(name, args)",
    "clocks": "    import os, time\n    assert time.perf_counter() and os.getppid() and os.cpu_count()\n"
    "    return right(name, args)",
    "memory": "    assert np.ones(1 << 18).sum() == 1 << 18\n    return right(name, args)",
    "recursion": "    def deep(n): return 0 if n == 0 else deep(n - 1)\n    deep(500)\n    return right(name, args)",
}  # fmt: skip
NEIGHBOURS = {name: f"{HEAD}\ndef cheat(name, args):\n{body}\n" for name, body in CODE.items()}
