"""What an assignment declares: loads its folder, and refuses what is meant otherwise. Staff only.

Imports the engine's stand-alone modules. What is declared is not asked yet: `bake` does that.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import math
import re
import sys
import tomllib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from ..checks.judge import Property
from ..checks.question import (
    Case,
    DeclarationError,
    Mistake,
    Question,
    Written,
    validate,
    validate_written,
)

HIDDEN_SEED = 16  # characters, at the least
HIDDEN_HINTS = ("never", "after_deadline", "always")


class AssignmentError(Exception):
    """An assignment that cannot be used; the message says where, what, and what to do."""


@dataclass(frozen=True)
class Assignment:
    """A declared assignment. source: hash of its files and of the engine's modules that bake. written: what people grade."""

    folder: Path
    name: str
    title: str
    version: str
    package: str
    parts: Mapping[str, str]
    questions: tuple[Question, ...]
    properties: Mapping[str, Property]
    source: str
    written: tuple[Written, ...] = ()
    hidden_seed: str = ""  # of the inputs of hidden cases; those of public ones are drawn from the name, which students know


# ---------------------------------------------------------------- declare


def load_assignment(folder: Path) -> Assignment:
    """Read ``assignment.toml``, ``questions/*.py`` and ``properties.py``. Raises AssignmentError."""
    settings = load_settings(folder)
    package = f"assignment_{settings['name'].replace('-', '_')}"
    _package(package, folder)
    questions: list[Question] = []
    for module in settings["questions"]:
        loaded = _import(f"{package}.questions.{module}", folder / "questions" / f"{module}.py")
        if not hasattr(loaded, "QUESTIONS"):
            raise AssignmentError(f"{folder / 'questions' / f'{module}.py'}: has no QUESTIONS; add them")
        questions += loaded.QUESTIONS
    for question in questions:
        try:
            _refuse_odd_values(question)
            validate(question)
        except DeclarationError as error:
            raise AssignmentError(f"{folder / 'questions'}: {error}") from None
    written = _written(folder, settings.get("written", []))
    _refuse_doubles(folder, [*questions, *written], settings["parts"])
    _check_total(folder, settings.get("total"), questions, written)
    return Assignment(
        folder, settings["name"], settings["title"], settings["version"], settings["package"], settings["parts"],
        tuple(sorted(questions, key=lambda question: (question.part, int(question.number[1:])))),
        load_properties(folder), source_hash(folder), written, settings["hidden_seed"],
    )  # fmt: skip


def _refuse_odd_values(question: Any) -> None:
    """Refuse what Python takes and what is meant otherwise. Raises DeclarationError."""
    if not isinstance(question, Question):
        raise DeclarationError(f"QUESTIONS holds {question!r:.60}, which is no Question; is a comma or a bracket missing?")
    who = f"question {question.name}"
    if not str(question.name).isidentifier():
        raise DeclarationError(f"{who}: write the name as a Python name, as in rnn_step")
    for key, value, kind in (
        ("calls", question.calls, str),
        ("cases", question.cases, Case),
        ("mistakes", question.mistakes, Mistake),
    ):
        if not isinstance(value, tuple | list) or not all(isinstance(each, kind) for each in value):
            raise DeclarationError(f"{who}: {key} must be a tuple of {kind.__name__}; one alone takes a comma behind it")
    for key, number in (("points", question.points), ("minutes", question.minutes), ("seconds", question.seconds)):
        _refuse_no_number(who, key, number)
    for case in question.cases:
        _refuse_odd_sizes(who, case)
    for mistake in question.mistakes:
        if not callable(mistake.computes) and not isinstance(mistake.computes, Mapping):
            raise DeclarationError(
                f"{who}: mistake {mistake.name}: {mistake.computes!r:.60} is no function; write a wrong program"
            )


def _refuse_odd_sizes(who: str, case: Case) -> None:
    """A misspelt setting of a case is taken for a size. Raises DeclarationError."""
    for key, size in case.sizes.items():
        if type(size) is not int or size < 0:
            known = "hidden, costs, calls, draw, layout, hint, verdict, budget and waive"
            raise DeclarationError(
                f"{who}: case {case.name}: {key}={size!r} is no size, which is a count; settings are {known}"
            )


def _refuse_no_number(who: str, key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise DeclarationError(f"{who}: {key} is {value!r}; write a number")


def _refuse_doubles(folder: Path, asked: Sequence[Question | Written], parts: Mapping[str, str]) -> None:
    """Names and numbers are of one question each, and every number's letter is a part. Raises AssignmentError."""
    for key in ("name", "number"):
        seen: set[str] = set()
        for each in asked:
            said = getattr(each, key)
            if said in seen:
                raise AssignmentError(f"{folder / 'questions'}: two questions have the same {key} {said!r}; change one of them")
            seen.add(said)
    for each in asked:
        if each.number[0] not in parts:
            raise AssignmentError(f"{folder / 'assignment.toml'}: [parts] has no {each.number[0]}, which {each.name} "
                                  f"({each.number}) belongs to; add it, or number the question otherwise")  # fmt: skip


def _check_total(folder: Path, total: Any, questions: Sequence[Question], written: Sequence[Written]) -> None:
    """Refuse points that do not make the total, where one is said. Raises AssignmentError."""
    automatic = sum(question.points for question in questions if not question.optional)
    by_people = sum(each.points for each in written)
    if total is not None and total != automatic + by_people:
        raise AssignmentError(
            f"{folder / 'assignment.toml'}: total is {total!r}, and the questions make {automatic + by_people:g} "
            f"({automatic:g} automatic, {by_people:g} written); change one of them"
        )


def _written(folder: Path, entries: Any) -> tuple[Written, ...]:
    """The written questions of ``[[written]]``. Raises AssignmentError."""
    path = folder / "assignment.toml"
    found = []
    for entry in entries:
        try:
            lists = {
                "rubric": _pairs(entry, "rubric", "points", "text"),
                "misconceptions": _pairs(entry, "misconceptions", "claim", "why"),
                "evidence": tuple(entry.get("evidence", ())),
            }
            found.append(Written(**{**entry, **lists}))
            who = f"written question {found[-1].name}"
            for key, value in (("points", found[-1].points), ("minutes", found[-1].minutes)):
                _refuse_no_number(who, key, value)
            for points, _ in found[-1].rubric:
                _refuse_no_number(who, "points in its rubric", points)
            validate_written(found[-1])
        except (TypeError, DeclarationError) as error:
            raise AssignmentError(f"{path}: [[written]]: {error}") from None
    return tuple(found)


def read_source(path: Path) -> str:
    """A text file of staff, its lines ended as here. Raises AssignmentError for one that is not in UTF-8, and OSError."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise AssignmentError(f"{path}:{line}: is not text in UTF-8; save it as UTF-8") from None


def _pairs(entry: Mapping[str, Any], key: str, *fields: str) -> tuple[tuple[Any, Any], ...]:
    """A list of tables with two fields each, as pairs. Raises DeclarationError."""
    found = []
    for item in entry.get(key, ()):
        if not isinstance(item, dict) or set(item) != set(fields):
            raise DeclarationError(
                f"{entry.get('name')}: {key} has {item!r:.60}; write {{ {fields[0]} = ..., {fields[1]} = ... }}"
            )
        found.append((item[fields[0]], item[fields[1]]))
    return tuple(found)


def load_settings(folder: Path) -> dict[str, Any]:
    """The contents of ``assignment.toml``. Raises AssignmentError."""
    path = folder / "assignment.toml"
    try:
        settings = tomllib.loads(read_source(path))
    except OSError as error:
        raise AssignmentError(f"{path}: {error.strerror}; name the folder of an assignment") from None
    except tomllib.TOMLDecodeError as error:
        raise AssignmentError(f"{path}: {error}; mend the file") from None
    needed = {"name", "title", "version", "package", "parts", "questions", "hidden_seed"}
    if needed - set(settings):
        raise AssignmentError(f"{path}: lacks {', '.join(sorted(needed - set(settings)))}; add it")
    known = needed | {"written", *RULES}
    if set(settings) - known:
        unknown = ", ".join(sorted(set(settings) - known))
        raise AssignmentError(f"{path}: there is no setting {unknown}; there are {', '.join(sorted(known))}")
    if not isinstance(settings["hidden_seed"], str) or len(settings["hidden_seed"]) < HIDDEN_SEED:
        raise AssignmentError(f"{path}: hidden_seed is easily guessed; write {HIDDEN_SEED} characters or more, by chance")
    _check_names(path, settings)
    _check_hint_settings(path, settings)
    return settings


def _check_names(path: Path, settings: Mapping[str, Any]) -> None:
    """What files and folders are named after are names, and what is a list is one. Raises AssignmentError."""
    for key in ("name", "title", "version", "package"):
        if not isinstance(settings[key], str) or not settings[key].strip():
            raise AssignmentError(f"{path}: {key} is {settings[key]!r}; write it as text in quotes")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", settings["name"]):
        raise AssignmentError(
            f"{path}: name is {settings['name']!r}, and files are named after it; write letters, digits, - and _"
        )
    if not settings["package"].isidentifier() or settings["package"] in ("checks", "lab", "reference"):
        raise AssignmentError(
            f"{path}: package is {settings['package']!r}; write the name of a folder of reference/, as in memnet"
        )
    if not isinstance(settings["questions"], list) or not all(isinstance(each, str) for each in settings["questions"]):
        raise AssignmentError(
            f"{path}: questions is {settings['questions']!r}; write a list of files in questions/, as in ['rnn']"
        )
    for key in ("parts", "late", "points", "gradescope"):
        if not isinstance(settings.get(key, {}), dict):
            raise AssignmentError(f"{path}: {key} is {settings[key]!r}; write a table, which begins with [{key}]")


def _check_hint_settings(path: Path, settings: Mapping[str, Any]) -> None:
    when, deadline = settings.get("hidden_hints", "never"), settings.get("deadline")
    if when not in HIDDEN_HINTS:
        raise AssignmentError(f"{path}: hidden_hints is {when!r}; write one of {', '.join(HIDDEN_HINTS)}")
    if deadline is not None and (not isinstance(deadline, datetime) or deadline.tzinfo is None):
        raise AssignmentError(f"{path}: deadline needs date, time and offset, such as 2026-12-01T23:59:00+01:00")
    if when == "after_deadline" and deadline is None:
        raise AssignmentError(f"{path}: hidden_hints waits for a deadline, and there is none; add deadline = ...")


def shows_hidden_hints(folder: Path, now: datetime) -> bool:
    """Whether students are told what hidden cases hint at, by ``hidden_hints`` and ``deadline`` of ``assignment.toml``.

    now: a time with its offset. Raises AssignmentError.
    """
    settings = load_settings(folder)
    when = settings.get("hidden_hints", "never")
    return bool(when == "always" or (when == "after_deadline" and now > settings["deadline"]))


def load_properties(folder: Path) -> dict[str, Property]:
    """The property functions of an assignment, by name; numpy only, no torch."""
    path = folder / "properties.py"
    if not path.exists():
        return {}
    module = _import(f"assignment_properties_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}", path)
    if not hasattr(module, "PROPERTIES"):
        raise AssignmentError(f"{path}: has no PROPERTIES; add them")
    return dict(module.PROPERTIES)


def _package(name: str, folder: Path) -> None:
    for full, path in ((name, folder), (f"{name}.questions", folder / "questions")):
        module = ModuleType(full)
        module.__path__ = [str(path)]
        sys.modules[full] = module


def _import(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.exists():
        raise AssignmentError(f"{path}: is not there; write it, or take it out of assignment.toml")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise AssignmentError(f"{path}{_line_of(error, path)}: {type(error).__name__}: {error}; mend the file") from error
    return module


def _line_of(error: BaseException, path: Path) -> str:
    """Where in a file an error was raised, as ":line"; the outermost place counts, which is where a question stands."""
    if isinstance(error, SyntaxError):
        return ""  # says it itself
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[0]}" if lines else ""


def source_hash(folder: Path) -> str:
    """SHA-256 of what a bundle is baked from: the assignment's files, and the engine's that decide its contents."""
    here = Path(__file__).resolve()
    checks = here.parent.parent / "checks"
    engine = [here, here.with_name("bake.py"), *(checks / f"{name}.py" for name in ("question", "bundle", "wire"))]
    own = [path for path in sorted(folder.glob("*.py")) if path.name != "notebook.py"]  # text for students, baked nowhere
    files = [folder / "assignment.toml", *own, *sorted(folder.glob("questions/*.py")), *engine]
    digest = hashlib.sha256()
    for path in files:
        if path.exists():
            text = path.read_bytes().replace(b"\r\n", b"\n")
            text = _without_rules(text) if path.name == "assignment.toml" else text
            digest.update(f"{path.name} {len(text)}\n".encode() + text)
    return digest.hexdigest()


# What may change while students work, and is baked nowhere.
RULES = ("hidden_hints", "deadline", "late", "points", "gradescope", "total")


def _without_rules(text: bytes) -> bytes:
    """The settings without those that may change while students work: a later deadline makes no bundle stale."""
    try:
        settings = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return text
    kept = {key: value for key, value in settings.items() if key not in RULES}
    return json.dumps(kept, sort_keys=True, default=str).encode()
