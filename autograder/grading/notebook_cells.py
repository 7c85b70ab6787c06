"""Reads a notebook's cells, and takes functions that were written in one instead of in the module. Imports intake and is_stub.

The notebook is data: JSON that is read with bounds, and cells that are parsed and never run. A function is taken from a
cell, as source text, only where the module leaves it unwritten or is not there; whatever is taken is said in a note.
"""

from __future__ import annotations

import ast
import json
import re
import symtable
import textwrap
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..checks.worker import is_stub
from .intake import LACKING, Submission
from .names import visible

MAX_PARTS = 400_000  # brackets and commas: what makes Python objects of a file; an honest notebook has some thousand
MAX_CELLS = 5000
MAX_SOURCE = 2**17  # characters of code that are parsed, of all cells together or of a module
Asked = Mapping[str, Collection[str]]  # module -> the functions and classes that questions ask for

# Cells that begin with these are Python all the same; of all other %% cells the contents are something else.
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%memit", "%%mprun", "%%writefile", "%%file")
# A line of IPython, with the lines that a \ at its end adds. Possessive where a hostile line would be read again and again.
MAGIC_LINE = re.compile(
    r"^([ \t]*+)(?:(?:[!?]|%%?[A-Za-z]|[\w.,\t ]++=[ \t]*+[%!])(?:.*\\\n)*+.*|%{0,2}[\w.*]++\?{1,2}[ \t]*+)$", re.MULTILINE
)
SEEMS = re.compile(r"\b(?:def|class)\s++(\w++)")  # what looks like a function, whether or not the cell is Python
Seeming = tuple[int, Collection[str]]  # the number of a cell, and the names asked for that it seems to define


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
    """A name that a statement at the top of a cell binds: to a function, a class, an import or a value.

    binds: all names that the statement binds; callable: those that it makes functions, classes, or other names of them.
    """

    cell: int
    name: str
    source: str
    binds: frozenset[str]
    callable: frozenset[str]
    stub: bool


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
    """A cell's syntax tree; None if it is not Python even without its magics, and without what indents all of it."""
    for attempt in (text, MAGIC_LINE.sub(r"\1pass", text), MAGIC_LINE.sub(r"\1pass", textwrap.dedent(text))):
        tree = parsed(attempt)
        if tree is not None:
            return tree
    return None


def parsed(text: str | bytes) -> ast.Module | None:
    """The syntax tree of a source text, or None: what is wrong with it is not told here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python finds odd in a student's text
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


# ---------------------------------------------------------------- what it defines


SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
          ast.GeneratorExp)  # fmt: skip
Imports = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.ClassDef


def definitions(cells: Sequence[Cell]) -> list[Definition]:
    """What code cells define at their top, also inside an `if` or `try`, in order. Nothing is run."""
    found: list[Definition] = []
    left, lazy = MAX_SOURCE, False
    for cell in cells:
        text = python_text(cell.text)
        if cell.kind != "code" or len(text) > left:
            continue
        left -= len(text)
        tree = parse_cell(text) or ast.Module([], [])
        lazy = lazy or any(map(_is_lazy, tree.body))
        if lazy:
            _drop_annotations(tree)
        for node in tree.body:
            for part in _parts(node):
                found += _definitions(cell.number, part)
    return found


def _is_lazy(node: ast.stmt) -> bool:
    """Whether a statement says that annotations are not evaluated, in its cell and the later ones: a module may not say so."""
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and any(a.name == "annotations" for a in node.names)


def _drop_annotations(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None


def _parts(node: ast.stmt) -> list[ast.stmt]:
    """A statement, or an import of several names as one import each; nothing of what cannot stand further down.

    A notebook is what runs as __main__, a module is not: what stands below that question stands for itself.
    """
    match node:
        case ast.If(ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]), body):
            return [part for statement in body for part in _parts(statement)]
    if isinstance(node, ast.Import):
        return [ast.Import([alias]) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        future = node.module == "__future__"
        return [ast.ImportFrom(node.module, [a], node.level) for a in node.names if not future and a.name != "*"]
    kept = isinstance(node, Function | ast.If | ast.Try) or (isinstance(node, ast.Assign | ast.AnnAssign) and node.value)
    return [node] if kept else []


def _definitions(cell: int, node: ast.stmt) -> Iterator[Definition]:
    """What one statement defines. Its text is as Python writes it: a statement may share its lines with others."""
    try:
        source = ast.unparse(node)
    except (RecursionError, ValueError):
        return
    bound, own = _bindings(node), _own(node)
    functions = {name: [part for part in parts if isinstance(part, Function)] for name, parts in bound.items()}
    renames = isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda | ast.Name)
    callable = frozenset(name for name in bound if renames or functions[name])
    read = {part.id for part in own if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    for name in bound:
        if functions[name] or name not in read:  # `x = f(x)` goes on from what x was
            stub = bool(functions[name]) and all(map(is_stub, functions[name]))
            yield Definition(cell, name, source, frozenset(bound), callable, stub)


def _own(node: ast.AST) -> list[ast.AST]:
    """The parts of a statement in order, without the insides of functions, classes and comprehensions."""
    found: list[ast.AST] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        found.append(part)
        if not isinstance(part, SCOPES):
            waiting += reversed(list(ast.iter_child_nodes(part)))
    return found


def _bindings(node: ast.stmt) -> dict[str, list[ast.AST]]:
    """The names that a statement binds in its own scope, also inside an `if` or `try`, and the parts that bind each."""
    found: dict[str, list[ast.AST]] = {}
    for part in _own(node):
        names: list[str] = []
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [part.name]
        elif isinstance(part, Imports):
            names = [alias.asname or alias.name.partition(".")[0] for alias in part.names]
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names = [part.id]
        for name in names:
            found.setdefault(name, []).append(part)
    return found


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
        cells = read_cells(submission.notebook) if submission.notebook is not None else []
    except NotebookError as error:
        notes.append(f"no function is taken from the notebook: {error}")
        cells = []
    defined = definitions(cells)
    sources, taken = _filled(submission.sources, defined, cells, asked, package, notes)
    if lacking and not taken:
        return replace(submission, notes=(*notes, *submission.notes))
    gone = [f"{package}/{module}.py" for module in asked if module not in sources]
    if gone:
        notes.insert(0, f"not handed in: {', '.join(gone)}; questions on {'it' if len(gone) == 1 else 'them'} earn nothing")
    if lacking:
        notes.insert(0, f"there is no module in a folder {package}/; graded is what the notebook defines")
    return replace(submission, sources=sources, notes=(*notes, *submission.notes), problem="", problem_kind="")


def _filled(
    sources: Mapping[str, bytes],
    defined: Sequence[Definition],
    cells: Sequence[Cell],
    asked: Asked,
    package: str,
    notes: list[str],
) -> tuple[dict[str, bytes], bool]:
    """The modules with what they lack, and whether anything was taken."""
    result, taken = dict(sources), False
    names = {name for functions in asked.values() for name in functions}
    seem = [(cell.number, names.intersection(SEEMS.findall(cell.text))) for cell in cells if cell.kind == "code"]
    written = {item.name: item for item in defined if item.name in names & item.callable and not item.stub
               and _reads(item.source) is not None}  # fmt: skip
    for module, functions in asked.items():
        bound, stubs = _module_names(sources.get(module))
        unwritten = [name for name in functions if name in stubs or name not in bound]
        wanted = {name: written[name] for name in unwritten if name in written}
        path = f"{package}/{module}.py"
        notes += _left_notes([name for name in functions if name in written and name not in wanted], path)
        extra = _closure(wanted, defined, bound - stubs) if wanted else []
        gone = [name for name, item in wanted.items() if item not in extra]
        notes += _lost_notes([name for name in unwritten if name in gone or name not in wanted], defined, seem, path)
        if not extra:
            continue
        text = "\n\n\n".join(dict.fromkeys(map(_guarded, extra)))
        result[module] = sources.get(module, b"") + f"\n\n# From the notebook's cells:\n{text}\n".encode()
        listed = ", ".join(f"{name} (cell {item.cell})" for name, item in wanted.items() if name not in gone)
        notes.append(f"taken from the notebook, since {path} leaves it unwritten: {listed}; write it into the module")
        taken = True
    return result, taken


def _left_notes(names: Sequence[str], path: str) -> list[str]:
    stand = "stands" if len(names) == 1 else "stand"
    return [f"{visible(', '.join(names))} {stand} in the notebook too; graded is what {path} says"] if names else []


def _lost_notes(names: Sequence[str], defined: Sequence[Definition], seem: Sequence[Seeming], path: str) -> list[str]:
    """What is said of unwritten functions that a cell seems to hold, in a place or a form in which they are not taken."""
    notes, stubs = [], {(item.cell, item.name) for item in defined if item.stub}
    for name in names:
        found = [number for number, looks in seem if name in looks and (number, name) not in stubs]
        if found:
            notes.append(f"{name} in cell {found[-1]} of the notebook is not taken: it is no function at the top of a cell of "
                         f"plain Python; write it into {path}")  # fmt: skip
    return notes


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
    bound: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        for name, parts in _bindings(node).items():
            bound.setdefault(name, []).extend(parts)
    if "*" in bound:
        return _UNKNOWN, frozenset()
    return frozenset(bound), frozenset(name for name, parts in bound.items() if all(map(is_stub, parts)))


def _closure(wanted: Mapping[str, Definition], defined: Sequence[Definition], there: frozenset[str]) -> list[Definition]:
    """The wanted functions and what they need of the notebook, in its order: what the module does not have itself.

    Nothing is taken that would bind a name anew which the module has: its own functions stay what they are.
    """
    last = {item.name: item for item in defined if not item.stub} | dict(wanted)
    needed: dict[str, Definition] = {}
    names = list(wanted)
    while names:
        name = names.pop()
        item = last.get(name)
        if item is None or name in needed or name in there or item.binds & there:
            continue
        reads = _reads(item.source)
        if reads is not None:
            needed[name] = item
            names += sorted(reads)
    return [item for item in defined if needed.get(item.name) is item]


def _reads(source: str) -> frozenset[str] | None:
    """The names that a statement needs from around it, local ones apart; None if it is not a statement of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "cell", "exec", dont_inherit=True)
            tables = [symtable.symtable(source, "cell", "exec")]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    found: set[str] = set()
    while tables:
        table = tables.pop()
        found |= {each.get_name() for each in table.get_symbols() if each.is_referenced() and each.is_global()}
        tables += table.get_children()
    return frozenset(found)


GUARD = """
try:
    pass
except Exception as problem:
    pass
"""
STOPPED = "def {name}(*given, problem=problem, **named):\n    raise problem.with_traceback(None)"


def _guarded(item: Definition) -> str:
    """The statement as it goes into a module: what fails in it costs the functions that it makes, and no others."""
    tree = ast.parse(GUARD)
    attempt = tree.body[0]
    assert isinstance(attempt, ast.Try)
    attempt.body = ast.parse(item.source).body
    stopped = "\n".join(STOPPED.format(name=name) for name in sorted(item.callable))
    attempt.handlers[0].body = ast.parse(stopped).body or attempt.handlers[0].body
    return ast.unparse(tree)
