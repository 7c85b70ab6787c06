"""Whether anything of the solution stands in what students are given. Staff only; imports the standard library and declare.

Looked for are statements (as Python would write them, whatever the layout), whole lines, comments, what a statement computes,
the shapes of what is computed, which a copy with other names keeps, telling names and constants, and what staff alone know;
looked at are all files, in zips and `.npz` files inside them too, every text of a notebook, base64 included. What the stubs
have as code, and the names and numbers that their docstrings tell, is no secret; a line of the solution is one in a docstring
too.
"""

from __future__ import annotations

import ast
import base64
import binascii
import io
import json
import re
import tokenize
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .declare import AssignmentError

TELLING = 16  # characters; a shorter statement or line may well be anybody's
NAME = 5  # characters of a name that only the solution would have, if it has a _ too; others are everyday words
SHAPE = 3  # what an expression of a copy must do at least to be one: add, multiply, compare, call
SENTENCE = 400  # characters; code in words is looked for in lines that people read
TEXT = (".py", ".md", ".txt", ".ipynb", ".toml", ".svg", ".html", ".css", ".js")
ALLOWED = (*TEXT, ".png", "checks/public.npz")
Item = TypeVar("Item")
PRINTABLE = re.compile(rb"[\t\n\x20-\x7e]{6,}")
BASE64 = re.compile(rb"[A-Za-z0-9+/=]{64,}")


@dataclass(frozen=True)
class Secrets:
    """What the solution has and the stubs do not: statements, lines and values without blanks, shapes of expressions, names,
    constants as written.
    """

    statements: frozenset[str]
    lines: frozenset[str]
    shapes: Mapping[str, str]  # to what the solution writes
    names: frozenset[str]
    constants: frozenset[str]


def secrets(solution: Mapping[str, str], public: Mapping[str, str], told: Iterable[str] = ()) -> Secrets:
    """What must not be given out. solution: modules in full. public: their stubs, and texts that are students' anyway.

    told: sentences and words that staff alone know, such as a rubric's.
    """
    full, stubs = list(solution.values()), list(public.values())
    said, bare = "\n".join(stubs), [_without_docstrings(text) for text in full]
    known = _dense("\n".join(_without_comments(_without_docstrings(text)) for text in stubs))
    given = _all(_lines, list(map(_without_docstrings, stubs)))
    words = set(re.findall(r"\w+", said))
    numbers = set(re.findall(r"[\w.]+", said))
    names = {name for text in full for name in _names(text) if len(name) >= NAME and "_" in name}
    constants = {value for text in full for value in _constants(text)}
    return Secrets(
        _all(statements, full) - _all(statements, stubs),
        frozenset(line for line in _all(_lines, full) if line not in _dense(said))
        | frozenset(line for line in (_all(_lines, bare) - given) | _all(_values, full) if line not in known)
        | frozenset(_dense(text) for text in told if len(_dense(text)) >= TELLING),
        dict(_all(_shapes, full) - _all(_shapes, stubs)),
        frozenset(names - words),
        frozenset(value for value in constants if value not in numbers and value not in said),
    )


def _all(what: Callable[[str], Iterable[Item]], texts: list[str]) -> frozenset[Item]:
    return frozenset(item for text in texts for item in what(text))


def statements(source: str) -> Iterator[str]:
    """The statements of a source that say something, as Python itself would write them: no comments, no layout."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For):
            text = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return) or (
            isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        ):
            text = ast.unparse(node)
        else:
            continue
        if len(text) >= TELLING:
            yield text


def _values(source: str) -> Iterator[str]:
    """What statements compute, to return or assign it, without blanks: as it is written, and as Python would write it."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return) or node.value is None:
            continue
        if any(isinstance(part, ast.BinOp | ast.Call | ast.Compare | ast.Subscript) for part in ast.walk(node.value)):
            texts = {_dense(ast.unparse(node.value)), _dense(ast.get_source_segment(source, node.value) or "")}
            yield from (text for text in texts if len(text) >= TELLING)


def _shapes(source: str) -> Iterator[tuple[str, str]]:
    """The shapes of a source's expressions, each with one of them."""
    return _tree_shapes(ast.parse(source))


def _tree_shapes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _weight(node) >= SHAPE:
            yield _shape(node, {}), ast.unparse(node)


def _weight(node: ast.AST) -> int:
    return sum(isinstance(part, ast.BinOp | ast.Call | ast.Compare | ast.comprehension) for part in ast.walk(node))


def _shape(part: Any, names: dict[str, str]) -> str:
    """An expression with its variables numbered in the order in which they occur."""
    if isinstance(part, ast.Name):
        return names.setdefault(part.id, f"_{len(names)}")
    if isinstance(part, ast.AST):
        inner = (_shape(getattr(part, name), names) for name in part._fields if name not in ("ctx", "kind"))
        return f"{type(part).__name__}({','.join(inner)})"
    if isinstance(part, list):
        return f"[{','.join(_shape(item, names) for item in part)}]"
    return repr(part)


def _without_comments(source: str) -> str:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    return "\n".join(lines)


def _without_docstrings(source: str) -> str:
    """A source's lines, comments among them, but for those of its docstrings."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            lines[first.lineno - 1 : first.end_lineno] = [""] * ((first.end_lineno or first.lineno) - first.lineno + 1)
    return "\n".join(lines)


def _dense(text: str) -> str:
    return "".join(text.split())


def _bare(text: str) -> str:
    """A text without blanks, and without what stands before each line of a comment or a quotation."""
    return _dense(re.sub(r"(?m)^[ \t>]*#*", "", text))


def _lines(source: str) -> Iterator[str]:
    """Whole lines without blanks, comments among them."""
    for line in source.splitlines():
        bare = _bare(line)
        if len(bare) >= TELLING:
            yield bare


def _names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _constants(source: str) -> Iterator[str]:
    """Numbers of four digits and more that are written out, and texts of twelve characters, docstrings apart."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NUMBER and len(re.sub(r"\D", "", token.string.partition("e")[0])) >= 4:
            yield token.string
        elif token.type == tokenize.STRING and "\n" not in token.string and len(token.string) >= 14:
            yield token.string.strip("rbf").strip("\"'")


# ---------------------------------------------------------------- the search


def refuse_leaks(found: Secrets, files: Mapping[str, bytes]) -> None:
    """Search all files. Raises AssignmentError naming the first file that gives something away, and what."""
    for name, data in files.items():
        refuse_odd_file(name, data)
        for where, text in texts(name, data):
            secret = first_secret(found, text, python=where.endswith(".py"))
            if secret:
                raise AssignmentError(f"{where}: holds the solution's {secret!r}; write it differently there")


def refuse_odd_name(name: str) -> None:
    """Refuse what no student is given: history, caches, compiled and hidden files, copies of an editor's, archives."""
    parts = name.split("/")
    if any(part.startswith(".") or part == "__pycache__" for part in parts) or not name.endswith(ALLOWED):
        raise AssignmentError(f"{name}: hidden, compiled or unknown files are not given out; remove it")


def refuse_odd_file(name: str, data: bytes) -> None:
    """Refuse what no student is given, by its name or inside it: text that is none, a notebook's outputs and metadata."""
    refuse_odd_name(name)
    if name.endswith(TEXT):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise AssignmentError(f"{name}:{line}: is not text in UTF-8; save it as UTF-8, or remove it") from None
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(data)["cells"]
        except (ValueError, KeyError, TypeError):
            raise AssignmentError(f"{name}: is no notebook; save it anew in Jupyter, or remove it") from None
        for number, cell in enumerate(cells, 1):
            if cell.get("outputs") or cell.get("execution_count") is not None:
                raise AssignmentError(f"{name}: cell {number} has outputs or a count; clear them")
            if set(cell.get("metadata", {})) - {"autograder", "tags"}:
                raise AssignmentError(f"{name}: cell {number} has metadata that is not ours; clear it")


def texts(name: str, data: bytes, depth: int = 3) -> Iterator[tuple[str, str]]:
    """Where and what: a file's text, the texts in it if it is a zip, a notebook, or has base64 in it."""
    printable = b"\n".join(PRINTABLE.findall(data)) if b"\0" in data else data
    yield name, printable.decode("utf-8", "replace")
    if depth == 0:
        return
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from texts(f"{name}/{member}", archive.read(member), depth - 1)
    if name.endswith((".ipynb", ".json")):
        for text in _strings(json.loads(data)):
            yield f"{name} (a text in it)", text
    for match in BASE64.findall(data) if len(data) < 2**22 else ():
        try:
            yield from texts(f"{name} (base64 in it)", base64.b64decode(match), 0)
        except binascii.Error:
            continue


def _strings(value: Any) -> Iterator[str]:
    """Every string in JSON: keys too, and the lines of a cell both alone and together."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            yield "".join(value)
        for item in value:
            yield from _strings(item)


def first_secret(found: Secrets, text: str, *, python: bool) -> str:
    """The first thing of the solution in a text, or nothing."""
    try:
        own = set(statements(text)) if python or "=" in text else set()
    except (SyntaxError, ValueError, RecursionError):
        own = set()
    words, dense, bare = set(re.findall(r"\w+", text)), _dense(text), _bare(text)
    numbers = set(re.findall(r"[\w.]+", text))
    for secret in (*sorted(found.statements & own), *sorted(found.names & words)):
        return secret
    for line in sorted(found.lines):
        if line in dense or line in bare:
            return line
    for tree in _code(text):
        for shape, written in _tree_shapes(tree):
            if shape in found.shapes:
                return f"{found.shapes[shape]}, as {written}" if written != found.shapes[shape] else written
    for constant in sorted(found.constants):
        if constant in numbers or (len(constant) >= 12 and constant in text):
            return constant
    return ""


def _code(text: str) -> Iterator[ast.AST]:
    """What is code in a text: all of it, or else the texts and comments in it, or what its lines say at their ends."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _spoken_code(text)
        return
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _spoken_code(node.value)
    yield from _spoken_code("\n".join(re.findall("#(.*)", text)))


def _spoken_code(text: str) -> Iterator[ast.AST]:
    """Code in prose: a block indented or fenced, the end of a sentence or line, or what stands between backquotes."""
    for line in text.splitlines():
        for piece in re.split(r"`|[.;:!?]\s", line) if len(line) <= SENTENCE else ():
            piece = piece.strip(" \t#>.*|;,")
            for word in re.finditer(r"(?<!\S)\S", piece) if re.search(r"[-@*/(]", piece) else ():
                try:
                    tree = ast.parse(piece[word.start() :])
                except (SyntaxError, ValueError):
                    continue
                yield tree
                break
