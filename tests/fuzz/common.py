"""What the fuzz targets share: how they start, and the cap on memory."""

from __future__ import annotations

import resource
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import atheris

HEADROOM = 1 << 29  # bytes of address space beyond what the process has when it starts


def fuzz(target: Callable[[bytes], None], *seeds: bytes, longest: int = 4096) -> None:
    """Run a target with libFuzzer's options from the command line, within a limit of memory and of time an input."""
    atheris.instrument_func(target)
    own = [word for word in sys.argv[1:] if word.startswith("-")]
    for name, value in {"max_len": longest, "timeout": 2, "rss_limit_mb": 1024, "print_final_stats": 1}.items():
        if not any(word.startswith(f"-{name}=") for word in own):
            sys.argv.append(f"-{name}={value}")
    corpus = Path(tempfile.mkdtemp(prefix="corpus-"))
    for number, seed in enumerate(seeds):
        target(seed)
        (corpus / str(number)).write_bytes(seed)
    if not any(Path(word).exists() for word in sys.argv[1:]):  # else an input that is tried again
        sys.argv.append(str(corpus))
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + HEADROOM, pages + HEADROOM))
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


def steers(text: str) -> bool:
    """Whether a text holds what is no letter, sign or space: controls, bidi marks, line ends, half characters."""
    return any(unicodedata.category(c).startswith(("C", "Zl", "Zp")) and c not in "\u200c\u200d" for c in text)


TAGS = ("a", "l", "t", "d", "x", "ok", "values", "changed", "kind", "text", "trace", "arrays", "h", "loss", "raised",
        "<f8", "<f4", "|b1", "|O", "<i8", "<c16", "C", "passed", "", "\x1b[31m", "<b>", "\u202e", "\ud800")  # fmt: skip
NUMBERS = (0, 1, 2, 3, 4, -1, 12, 1 << 20, 1 << 40, 1 << 63, 10**30, 0.5, float("nan"), float("inf"), True, False, None)


def any_json(provider: atheris.FuzzedDataProvider, depth: int = 5) -> object:
    """A value of JSON, of the words and numbers that a reply is made of."""
    kind = provider.ConsumeIntInRange(0, 5 if depth else 2)
    if kind == 0:
        return NUMBERS[provider.ConsumeIntInRange(0, len(NUMBERS) - 1)]
    if kind == 1:
        return TAGS[provider.ConsumeIntInRange(0, len(TAGS) - 1)]
    if kind == 2:
        return {"a": provider.ConsumeIntInRange(0, 3)}
    items = [any_json(provider, depth - 1) for _ in range(provider.ConsumeIntInRange(0, 4))]
    if kind == 3:
        return items
    if kind == 4:
        return {TAGS[provider.ConsumeIntInRange(0, 4)]: items}
    return {TAGS[provider.ConsumeIntInRange(0, len(TAGS) - 1)]: item for item in items}


def any_table(provider: atheris.FuzzedDataProvider) -> list[object]:
    """Lines of a table of arrays, most of them nearly right."""
    kinds = ("<f8", "<f4", "|b1", "<i8", "<u8", "<c16", "<f2", "|O")
    shapes = ([3, 4], [], [4, 3], [12], [0, 3], [3], [1 << 20, 0, 1 << 20], [2, 2, 3])
    return [[kinds[provider.ConsumeIntInRange(0, 7)], shapes[provider.ConsumeIntInRange(0, 7)], "C"]
            for _ in range(provider.ConsumeIntInRange(0, 3))]  # fmt: skip
