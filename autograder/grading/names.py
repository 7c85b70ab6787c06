"""Names from outside, and text from there, as people and file systems may safely have them. Standard library only."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count

NOT_OURS = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}  # left by systems; hidden files besides
NOT_SHOWN = ("C", "Zl", "Zp")  # Unicode categories that are invisible or change how a line reads
JOINERS = "\u200c\u200d"  # of category Cf too, but part of words in Persian and in the scripts of India
RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)  # devices of Windows


def visible(text: str, longest: int = 120) -> str:
    """Return text from outside as people may safely see it: on one line, nothing hidden, not too long."""
    shown = "".join(_visible(character) for character in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def _visible(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    hide = unicodedata.category(character).startswith(NOT_SHOWN) and character not in JOINERS
    return f"\\u{code:04x}" if hide else character


def plain_text(text: str, longest: int) -> str:
    """Return lines from outside without anything that hides in them or steers a terminal, and not too long."""
    lines = [visible(line.replace("\t", "    "), longest) for line in text.splitlines()]
    whole = "\n".join(lines)
    return whole if len(whole) <= longest else whole[:longest] + "…"


def shown_path(parts: Sequence[str]) -> str:
    """Return a path as people may see it."""
    return visible("/".join(parts))


def some(names: Iterable[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    shown = [visible(name) for name in names]
    return ", ".join(shown[:5] + ([f"{len(shown) - 5} more"] if len(shown) > 5 else []))


def nfc(text: str) -> str:
    """Return text in the one form in which equal letters are equal."""
    return unicodedata.normalize("NFC", text)


def name_key(name: str) -> str:
    """Return what two names share where a file system takes them for one."""
    return nfc(nfc(name).casefold())


def distinct_names(wanted: Sequence[str]) -> list[str]:
    """Return names as people may see them, one for each of those wanted and no two the same."""
    shown = [visible(nfc(name), 255) for name in wanted]
    taken, found = set(shown), set[str]()
    for position, name in enumerate(shown):
        if name in found:
            shown[position] = next(other for n in count(2) if (other := f"{name} ({n})") not in taken)
        taken.add(shown[position])
        found.add(shown[position])
    return shown


def same_name(one: str, other: str) -> bool:
    """Tell whether a file system may take two names for one."""
    return name_key(one) == name_key(other)


def is_zip_name(name: str) -> bool:
    """Tell whether a file of this name is meant to be a zip."""
    return name.lower().endswith(".zip")


def hidden(name: str) -> bool:
    """Tell whether a file is hidden, or left behind by a system."""
    return name.startswith(".") or left_behind(name)


def left_behind(name: str) -> bool:
    """Tell whether a system left a file behind that nobody handed in."""
    return name.startswith("._") or name.lower() in NOT_OURS


# ---------------------------------------------------------------- file names for reports


def file_stem(names: Sequence[str]) -> dict[str, str]:
    """Return for each name a file name, suffix apart, safe on every system and given to no other name."""
    digits = dict.fromkeys(names, 0)
    while True:
        stems = {name: _stem(name, length) for name, length in digits.items()}
        often = Counter(name_key(stem) for stem in stems.values())
        clashing = [name for name, stem in stems.items() if often[name_key(stem)] > 1]
        if not clashing:
            return stems
        for name in clashing:  # 8 digits first; more only if somebody searched for names that share them
            digits[name] = min(max(8, 2 * digits[name]), 64)


def _stem(name: str, digits: int) -> str:
    plain = nfc(name).replace(" ", "_")
    kept = (c.isalnum() or c in ".-_" or unicodedata.category(c) in ("Mn", "Mc") for c in plain)
    stem = "".join(c if keep else "_" for c, keep in zip(plain, kept, strict=True))
    stem = stem.lstrip(".-").rstrip(".") or "submission"
    stem = f"_{stem}" if RESERVED.match(stem) else stem
    if not digits and stem == plain and len(stem) <= 80 and len(stem.encode()) <= 200:
        return stem
    tail = "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[: digits or 8]
    return stem[: 80 - len(tail)].encode()[: 200 - len(tail)].decode(errors="ignore") + tail
