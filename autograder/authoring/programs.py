"""Programs that a proof begins with: the reference, the same in every right style, and a blank; and a draft of a mistake.

All of it is source text: nothing is run here. Imports release and mutants.
"""

from __future__ import annotations

import ast
import copy
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..checks.bundle import BakedQuestion
from ..checks.question import Question, parse_call
from ..grading.intake import LIBRARIES
from . import mutants
from .declare import AssignmentError
from .release import split_solution

Sources = Mapping[str, bytes]


def reference(folder: Path) -> dict[str, str]:
    """The solution's modules by name."""
    return {path.stem: split_solution(path.read_text("utf-8"), str(path)).full for path in sorted(folder.glob("*.py"))}


def right_packages(tests: Path, right: Mapping[str, str], questions: Iterable[Question | BakedQuestion]) -> dict[str, Sources]:
    """Right programs by style: what each folder holds, over the reference.

    A folder is a style if it is in ``styles/``, or in ``submissions/`` and said there to earn everything. A style
    with a module ``_wrap`` has every asked function that it does not write itself passed through ``_wrap.wrap``.
    """
    asked = defaultdict(set)
    for question in questions:
        asked[question.module].add(parse_call(question.calls[0]).function)
    found: dict[str, Sources] = {}
    for folder in _style_folders(tests):
        paths = [path for path in sorted(folder.glob("*.py")) if path.stem not in LIBRARIES]
        own = {path.stem: path.read_text("utf-8") for path in paths}
        # A style is written over the reference, whose helpers other modules may need; a submission stands as it is.
        over = {name: f"{right[name]}\n\n{text}" if name in right else text for name, text in own.items()}
        package = {**right, **(over if folder.parent.parent.name == "styles" else own)}
        for module in sorted(asked.keys() & (right.keys() - own.keys())) if "_wrap" in own else ():
            names = [name for name in sorted(asked[module]) if not _is_class(right[module], name)]
            lines = ["", "from ._wrap import wrap", *(f"{name} = wrap({name})" for name in names)]
            package[module] += "\n".join(lines) + "\n"
        if own:
            found[folder.parent.name] = {name: text.encode() for name, text in package.items()}
    return found


def _style_folders(tests: Path) -> Iterator[Path]:
    yield from (path for path in sorted(tests.glob("styles/*/*")) if path.is_dir() and path.name != "__pycache__")
    for path in sorted(tests.glob("submissions/*/expected.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["status"] == "graded" and said["base"] == "solution" and not said["questions"]:
            yield from (inner for inner in sorted(path.parent.iterdir()) if inner.is_dir())


def _is_class(source: str, name: str) -> bool:
    return isinstance(mutants.units(source).get(name), ast.ClassDef)


def blank(source: str) -> str:
    """The module with every function only raising NotImplementedError."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Raise(ast.Name("NotImplementedError", ast.Load()))]
    return ast.unparse(ast.fix_missing_locations(tree))


# ---------------------------------------------------------------- a new mistake


def draft(question: Question, sources: Sources, submission: str) -> str:
    """Python text that declares a submission's function as a mistake of a question. Nothing of it is run.

    The text is made from the syntax tree, so that no comment or control character of a student's reaches a
    terminal. Raises AssignmentError if the function is not there or cannot be read.
    """
    function = parse_call(question.calls[0]).function
    where = f"{submission}, {question.module}.py"
    try:
        texts = {name: source.decode("utf-8", "replace") for name, source in sources.items()}
        needed = mutants.uses(texts, question.module, function) if question.module in texts else set()
        in_order = sorted(needed, key=lambda unit: (unit[1] == function, unit))
        units = [mutants.units(texts[module])[name] for module, name in in_order]
        parts = [ast.unparse(_without_docstrings(unit)) for unit in units]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise AssignmentError(f"{where}: {type(error).__name__}; it cannot be read") from None
    if not any(unit.name == function for unit in units):
        raise AssignmentError(f"{where}: has no function {function}; name another submission")
    name = f"_draft_{function}"
    text = "\n\n\n".join(parts)
    return (
        f"# From {where!r}. Paste it into the questions file; then give the mistake a name, and a hint that asks or\n"
        f"# points and does not give the line.\n{text}\n\n\n{name} = {function}\n"
        f'Mistake("DRAFT", "?", {name}),  # among the mistakes of {question.name}\n'
    )


def _without_docstrings(unit: mutants.Unit) -> mutants.Unit:
    unit = copy.deepcopy(unit)
    for node in ast.walk(unit):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return unit
