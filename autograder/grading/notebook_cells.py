"""Reads a notebook's cells, and takes functions that were written in one instead of in the module. Imports intake.

The notebook is data: JSON that is read with bounds, and cells that are parsed and never run. A function is taken from a
cell, as source text, only where the module leaves it unwritten or is not there; whatever is taken is said in a note.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .intake import LACKING, Submission
from .names import visible

MAX_PARTS = 400_000  # brackets and commas: what makes Python objects of a file; an honest notebook has some thousand
MAX_CELLS = 5000
MAX_SOURCE = 2**17  # characters of code that are parsed, of all cells together or of a module
Asked = Mapping[str, Collection[str]]  # module -> the functions and classes that questions ask for

# Cells that begin with these are Python all the same; of all other %% cells the contents are something else.
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%memit", "%%mprun", "%%writefile", "%%file")
MAGIC_LINE = re.compile(r"^([ \t]*)(?:[%!?].*|[\w., \t]+=[ \t]*[%!].*|.*[^#\s?]\?{1,2}[ \t]*)$")


class NotebookError(Exception):
    """The notebook cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Cell:
    """A cell of the notebook: its number as a reader counts, from 1, its kind and its text.

    rest: what else the notebook says of it, its outputs for one. It may be of any shape.
    """

    number: int
    kind: str
    text: str
    rest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """A statement that binds a name at the top of a cell: a function, a class, an import or a constant."""

    cell: int
    name: str
    source: str
    uses: frozenset[str]
    stub: bool
    callable: bool


# ---------------------------------------------------------------- the notebook


def read_cells(data: bytes) -> list[Cell]:
    """The cells of a notebook of format 4. Raises NotebookError; odd cells are left out."""
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_PARTS:
        raise NotebookError("it has too many parts; clear all outputs and save it again")
    try:
        book = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise NotebookError("it is no notebook, or a damaged one; open it in Jupyter and save it again") from None
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list):
        raise NotebookError("it holds no list of cells; save it in notebook format 4")
    found = []
    for number, cell in enumerate(cells[:MAX_CELLS], 1):
        if isinstance(cell, dict) and isinstance(cell.get("cell_type"), str):
            text = joined(cell.get("source"))
            if text is not None:
                found.append(Cell(number, cell["cell_type"], text, cell))
    return found


def joined(source: Any) -> str | None:
    """A text of a notebook: a string or a list of strings, without what cannot be written as UTF-8."""
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    return source.encode("utf-8", "replace").decode() if isinstance(source, str) else None


def python_text(text: str) -> str:
    """A code cell without what is IPython's: `%%time`, `%matplotlib inline`, `!pip install`, `np.dot?`."""
    first, _, rest = text.lstrip().partition("\n")
    if first.startswith("%%"):
        return rest if first.split()[0] in PYTHON_MAGICS else ""
    return text


def parse_cell(text: str) -> ast.Module | None:
    """A cell's syntax tree; None if it is not Python even without its magics."""
    for attempt in (text, MAGIC_LINE.sub(r"\1pass", text) if "\n" not in text else _without_magics(text)):
        tree = parsed(attempt)
        if tree is not None:
            return tree
    return None


def _without_magics(text: str) -> str:
    return "\n".join(MAGIC_LINE.sub(r"\1pass", line) for line in text.split("\n"))


def parsed(text: str | bytes) -> ast.Module | None:
    """The syntax tree of a source text, or None: what is wrong with it is not told here."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# ---------------------------------------------------------------- what it defines


def definitions(cells: Sequence[Cell]) -> list[Definition]:
    """What code cells define at their top, in order: functions, classes, imports, constants. Nothing is run."""
    found: list[Definition] = []
    left = MAX_SOURCE
    for cell in cells:
        if cell.kind != "code":
            continue
        text = python_text(cell.text)
        left -= len(text)
        if left < 0:
            break
        tree = parse_cell(text)
        for node in tree.body if tree is not None else ():
            found += _definitions(cell.number, node)
    return found


def _definitions(cell: int, node: ast.stmt) -> Iterator[Definition]:
    """What one statement defines. Its text is as Python writes it: a statement may share its lines with others."""
    names = _defined_names(node)
    if not names:
        return
    try:
        source = ast.unparse(node)
    except (RecursionError, ValueError):
        return
    function = isinstance(node, ast.FunctionDef | ast.ClassDef)
    loads = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    uses = frozenset(loads if function else ())
    for name in names:
        yield Definition(cell, name, source, uses, is_stub(node), function)


def _defined_names(node: ast.stmt) -> list[str]:
    """The names that a function, a class, an import or an assignment of a constant binds; none for anything else."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.Assign) and _is_constant(node.value):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _is_constant(node: ast.expr) -> bool:
    """Numbers, strings and tuples of them: values that need no running."""
    return all(isinstance(n, ast.Constant | ast.Tuple | ast.List | ast.UnaryOp | ast.unaryop | ast.expr_context)
               for n in ast.walk(node))  # fmt: skip


def is_stub(node: ast.stmt) -> bool:
    """Whether a function, or every method of a class, does nothing but raise NotImplementedError."""
    if isinstance(node, ast.ClassDef):
        methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
        return bool(methods) and all(map(is_stub, methods))
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [item for item in node.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.dump(body[0])


# ---------------------------------------------------------------- into the modules


def with_cells(submission: Submission, asked: Asked, package: str) -> Submission:
    """The submission as it is graded: unwritten functions taken from the notebook's cells, and notes that say so.

    A module that is asked for and not there is said first. A submission that lacks only the package is graded by what
    its notebook defines.
    """
    lacking = submission.problem_kind in LACKING
    if submission.problem and not (lacking and submission.notebook is not None):
        return submission
    notes: list[str] = []
    try:
        defined = definitions(read_cells(submission.notebook)) if submission.notebook is not None else []
    except NotebookError as error:
        notes.append(f"no function is taken from the notebook: {error}")
        defined = []
    sources, taken = _filled(submission.sources, defined, asked, package, notes)
    if lacking and not taken:
        return submission
    gone = [f"{package}/{module}.py" for module in asked if module not in sources]
    if gone:
        notes.insert(0, f"not handed in: {', '.join(gone)}; questions on {'it' if len(gone) == 1 else 'them'} earn nothing")
    if lacking:
        notes.insert(0, f"there is no module in a folder {package}/; graded is what the notebook defines")
    return replace(submission, sources=sources, notes=(*notes, *submission.notes), problem="", problem_kind="")


def _filled(
    sources: Mapping[str, bytes], defined: Sequence[Definition], asked: Asked, package: str, notes: list[str]
) -> tuple[dict[str, bytes], bool]:
    """The modules with what they lack, and whether anything was taken."""
    result, taken = dict(sources), False
    written = {item.name: item for item in defined if item.callable and not item.stub}  # the last one of a name
    for module, names in asked.items():
        candidates = [name for name in names if name in written]
        if not candidates:
            continue
        bound, stubs = _module_names(sources.get(module))
        wanted = [name for name in candidates if name in stubs or name not in bound]
        kept = [name for name in candidates if name not in wanted]
        path = f"{package}/{module}.py"
        if kept:
            notes.append(f"{visible(', '.join(kept))} stands in the notebook too; graded is what {path} says")
        if bound is _UNKNOWN or not wanted:
            continue
        extra = _closure(wanted, defined, bound - stubs)
        text = "\n\n\n".join(dict.fromkeys(item.source for item in extra))
        result[module] = sources.get(module, b"") + f"\n\n# From the notebook's cells:\n{text}\n".encode()
        cells = ", ".join(f"{name} (cell {written[name].cell})" for name in wanted)
        notes.append(f"taken from the notebook, since {path} leaves it unwritten: {cells}; write it into the module")
        taken = True
    return result, taken


class _Everything(frozenset[str]):
    """What a module binds that cannot be read: nothing is known to be unwritten in it."""

    def __contains__(self, name: object) -> bool:
        return True


_UNKNOWN = _Everything()


def _module_names(source: bytes | None) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a module binds at its top, and those of them that are stubs and nothing else."""
    if source is None:
        return frozenset(), frozenset()
    tree = parsed(source) if len(source) <= MAX_SOURCE else None
    if tree is None:
        return _UNKNOWN, frozenset()
    bound: dict[str, list[bool]] = {}
    for node in tree.body:
        for name in _bound_names(node):
            bound.setdefault(name, []).append(is_stub(node))
    if "*" in bound:
        return _UNKNOWN, frozenset()
    return frozenset(bound), frozenset(name for name, stubs in bound.items() if all(stubs))


def _bound_names(node: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module binds, also inside an `if` or `try`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id
            elif inner is not node and isinstance(inner, ast.FunctionDef | ast.ClassDef | ast.ImportFrom | ast.Import):
                yield from _bound_names(inner)


def _closure(wanted: Sequence[str], defined: Sequence[Definition], there: frozenset[str]) -> list[Definition]:
    """What the wanted functions need of the notebook, in its order: what the module does not have itself."""
    last = {item.name: item for item in defined if not item.stub}
    needed: dict[str, Definition] = {}
    names = list(wanted)
    while names:
        name = names.pop()
        if name in needed or name not in last or (name in there and name not in wanted):
            continue
        needed[name] = last[name]
        names += sorted(last[name].uses)
    chosen = set(needed)
    return [item for item in defined if item.name in chosen and item is needed[item.name]]
