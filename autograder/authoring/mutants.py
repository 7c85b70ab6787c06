"""Small changes to right source text, each of which a grader should notice. Imports the standard library only.

A mutant is one change of one expression or statement inside a function: another operator, constant, index, axis,
name, order of arguments; a transpose or a call taken away; a statement left out. Nothing here runs any of them.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Step = tuple[str, int]  # a field of a node, and the place in it if it is a list, else -1
Unit = ast.FunctionDef | ast.ClassDef
NEAR = 2  # names before and after one, in the order of a function, that it is mistaken for

OPERATORS: Mapping[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mod,),
}
COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
# What a function or method is taken for; those that would only write empty memory over are no mutants.
INSTEAD: Mapping[str, tuple[str, ...]] = {
    "tanh": ("exp", "sin"),
    "exp": ("tanh", "expm1"),
    "log": ("log2", "log1p"),
    "sqrt": ("square", "cbrt"),
    "sum": ("mean", "max"),
    "mean": ("sum", "median"),
    "max": ("min", "mean"),
    "min": ("max",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like",),
    "norm": ("sum",),
    "concatenate": ("stack",),
    "stack": ("concatenate",),
}
BUILT_IN = ("max", "min")


@dataclass(frozen=True)
class Mutant:
    """One change. function: the function or class of the module it is in. was, becomes: the statement's text.

    nth: tells mutants apart whose texts are the same. path, node: where in the function's tree, and what stands there.
    """

    module: str
    function: str
    was: str
    becomes: str
    nth: int
    path: tuple[Step, ...] = field(compare=False, repr=False)
    node: ast.AST = field(compare=False, repr=False)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a list of mutants knows it by: independent of lines and layout."""
        return f"{self.module}.{self.function}", self.was, self.becomes, self.nth


def mutants(module: str, source: str, functions: Sequence[str]) -> list[Mutant]:
    """All mutants of some functions and classes of a module, in the order of the source."""
    found = []
    seen: Counter[tuple[str, str, str, int]] = Counter()
    for name, unit in units(source).items():
        if name not in functions:
            continue
        names = _names(unit)
        for path, statement, place in _places(unit):
            was = _text(statement)
            for node in _variants(place, names, path):
                becomes = _text(_changed(statement, path, node))
                if becomes != was:
                    mutant = Mutant(module, name, was, becomes, 1, path, node)
                    seen[mutant.key] += 1
                    found.append(replace(mutant, nth=seen[mutant.key]))
    return found


def apply(source: str, chosen: Sequence[Mutant]) -> str:
    """The source with some mutants in it. They must not overlap (`overlap`)."""
    units_of = {name: copy.deepcopy(units(source)[name]) for name in {mutant.function for mutant in chosen}}
    for mutant in chosen:
        _put(units_of[mutant.function], mutant.path, mutant.node)
    lines = source.splitlines()
    for name, unit in sorted(units_of.items(), key=lambda item: -item[1].lineno):
        first = min([unit.lineno, *(decorator.lineno for decorator in unit.decorator_list)])
        lines[first - 1 : units(source)[name].end_lineno] = [ast.unparse(ast.fix_missing_locations(unit))]
    return "\n".join(lines) + "\n"


def overlap(one: Mutant, other: Mutant) -> bool:
    """Whether one change is inside the other, or in the same place."""
    shorter = min(len(one.path), len(other.path))
    return one.function == other.function and one.path[:shorter] == other.path[:shorter]


@functools.lru_cache(maxsize=32)
def units(source: str) -> dict[str, Unit]:
    """The functions and classes of a module by name."""
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def uses(sources: Mapping[str, str], module: str, function: str) -> set[tuple[str, str]]:
    """The functions and classes of a package that one of them needs, itself included, as (module, name)."""
    todo, found = [(module, function)], set[tuple[str, str]]()
    while todo:
        where, name = todo.pop()
        if (where, name) in found or name not in units(sources[where]):
            continue
        found.add((where, name))
        read = {node.id for node in ast.walk(units(sources[where])[name]) if isinstance(node, ast.Name)}
        origin = _imported(sources[where])
        todo += [origin.get(other, (where, other)) for other in read if origin.get(other, (where,))[0] in sources]
    return found


@functools.lru_cache(maxsize=32)
def _imported(source: str) -> dict[str, tuple[str, str]]:
    """What a module imports from its sisters: name here -> (module, name there)."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    return found


# ---------------------------------------------------------------- places


def _places(unit: Unit) -> Iterator[tuple[tuple[Step, ...], ast.stmt, ast.AST]]:
    """Every statement and expression that may be changed: its path, the statement it is in, itself."""

    def walk(node: ast.AST, path: tuple[Step, ...], statement: ast.stmt) -> Iterator[
        tuple[tuple[Step, ...], ast.stmt, ast.AST]
    ]:  # fmt: skip
        for step, child in _children(node):
            inner = child if isinstance(child, ast.stmt) else statement
            if _is_fixed(child, step):
                continue
            yield (*path, step), inner, child
            yield from walk(child, (*path, step), inner)

    yield from walk(unit, (), unit)


def _children(node: ast.AST) -> Iterator[tuple[Step, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield (name, -1), value
        elif isinstance(value, list):
            yield from (((name, index), item) for index, item in enumerate(value) if isinstance(item, ast.AST))


def _is_fixed(node: ast.AST, step: Step) -> bool:
    """Docstrings, annotations, parameters and decorators say nothing that a run could show."""
    if step[0] in ("annotation", "returns", "args", "decorator_list", "bases") and not isinstance(node, ast.expr):
        return True
    if step[0] in ("annotation", "returns", "decorator_list", "bases"):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _put(root: ast.AST, path: tuple[Step, ...], node: ast.AST) -> None:
    for name, index in path[:-1]:
        root = getattr(root, name) if index < 0 else getattr(root, name)[index]
    name, index = path[-1]
    if index < 0:
        setattr(root, name, copy.deepcopy(node))
    else:
        getattr(root, name)[index] = copy.deepcopy(node)


def _changed(statement: ast.stmt, path: tuple[Step, ...], node: ast.AST) -> ast.AST:
    """The statement with the change in it."""
    if isinstance(node, ast.stmt):
        return node
    whole = copy.deepcopy(statement)
    # What lies behind the last step that leads into a statement.
    start = max(index for index, (name, at) in enumerate(path) if name in ("body", "orelse", "finalbody") and at >= 0)
    _put(whole, path[start + 1 :], node)
    return whole


# ---------------------------------------------------------------- what a place may become


def _text(statement: ast.AST) -> str:
    """A statement as text; of one that holds others, the head."""
    if isinstance(statement, ast.For | ast.If | ast.While | ast.With | ast.FunctionDef | ast.ClassDef):
        head = copy.copy(statement)
        head.body = [ast.Pass()]
        if isinstance(head, ast.For | ast.If | ast.While):
            head.orelse = []
        return ast.unparse(ast.fix_missing_locations(head)).removesuffix("\n    pass")
    return ast.unparse(ast.fix_missing_locations(statement))


def _names(unit: Unit) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parameters and local names of a function: sizes and counters, and all others."""
    nodes = list(ast.walk(unit))
    arguments = [node for node in nodes if isinstance(node, ast.arg) and node.arg != "self"]
    stored = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    counters = {node.target.id for node in nodes if isinstance(node, ast.For) and isinstance(node.target, ast.Name)}
    counters |= {node.arg for node in arguments if node.annotation and ast.unparse(node.annotation) == "int"}
    names = dict.fromkeys([*(node.arg for node in arguments), *stored])
    sizes = tuple(name for name in names if name in counters or (len(name) == 1 and name.isupper()))
    return sizes, tuple(name for name in names if name not in sizes)


def _variants(node: ast.AST, names: Sequence[tuple[str, ...]], path: tuple[Step, ...]) -> Iterator[ast.AST]:
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.expr):
        for kind, rule in RULES:
            if isinstance(node, kind):
                yield from rule(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from (ast.Name(other, ast.Load()) for other in _neighbours(node.id, names))
        if path[-1] == ("slice", -1) or (path[-1][0] == "elts" and path[-2] == ("slice", -1)):
            yield from _moved(node)


def _neighbours(name: str, names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The names of the same kind that come up shortly before and after a name: those it is mistaken for."""
    alike = next((kind for kind in names if name in kind), (name,))
    at = alike.index(name)
    return alike[max(at - NEAR, 0) : at] + alike[at + 1 : at + 1 + NEAR]


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Pass):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)
        yield from (ast.AugAssign(node.target, op(), node.value) for op in OPERATORS.get(type(node.op), ()))
    if isinstance(node, ast.If):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield ast.If(ast.Constant(True), node.body, node.orelse)


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    yield from (ast.BinOp(node.left, op(), node.right) for op in OPERATORS.get(type(node.op), ()))
    yield node.left
    yield node.right
    if isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.left, node.op, _transposed(node.right))
        yield ast.BinOp(_transposed(node.left), node.op, node.right)
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        yield ast.BinOp(node.right, node.op, node.left)


def _transposed(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _comparison(node: ast.Compare) -> Iterator[ast.AST]:
    yield from (ast.Compare(node.left, [op()], node.comparators) for op in COMPARISONS.get(type(node.ops[0]), ()))


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from (ast.Constant(value + 1), ast.Constant(value - 1))
    elif isinstance(value, float):
        yield from (ast.Constant(value + 1.0), ast.Constant(-value if value else -1.0))
    elif isinstance(value, str):
        yield ast.Constant("")


def _moved(node: ast.expr) -> Iterator[ast.AST]:
    """An index or the bounds of a slice, one further on and one back."""

    def by_one(bound: ast.expr) -> Iterator[ast.expr]:
        if not isinstance(bound, ast.Constant):
            yield from (ast.BinOp(bound, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub()))

    if isinstance(node, ast.Slice):
        if node.lower is not None:
            yield from (ast.Slice(lower, node.upper) for lower in by_one(node.lower))
            yield ast.Slice(None, node.upper)
        if node.upper is not None:
            yield from (ast.Slice(node.lower, upper) for upper in by_one(node.upper))
            yield ast.Slice(node.lower, None)
    elif not isinstance(node, ast.Tuple | ast.Attribute):
        yield from by_one(node)


def _attribute(node: ast.Attribute) -> Iterator[ast.AST]:
    if node.attr == "T":
        yield node.value


def _call(node: ast.Call) -> Iterator[ast.AST]:
    for index in range(len(node.args) - 1):
        swapped = list(node.args)
        swapped[index : index + 2] = swapped[index + 1], swapped[index]
        yield ast.Call(node.func, swapped, node.keywords)
    for index in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:index] + node.keywords[index + 1 :])
    if len(node.args) == 1:
        yield node.args[0]
    if isinstance(node.func, ast.Attribute):
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "torch", "nn")):
            yield node.func.value  # a method that is not called
        others = INSTEAD.get(node.func.attr, ())
        yield from (ast.Call(ast.Attribute(node.func.value, name), node.args, node.keywords) for name in others)
    elif isinstance(node.func, ast.Name):
        yield from _loop_bounds(node)
        others = INSTEAD.get(node.func.id, ())
        yield from (ast.Call(ast.Name(name), node.args, node.keywords) for name in others if name in BUILT_IN)


def _loop_bounds(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) == 1:
        (end,) = node.args
        yield ast.Call(node.func, [ast.BinOp(end, ast.Sub(), ast.Constant(1))], [])
        yield ast.Call(node.func, [ast.Constant(1), end], [])
        yield ast.Call(ast.Name("reversed"), [node], [])


def _sequence(node: ast.Tuple | ast.List) -> Iterator[ast.AST]:
    for index in range(len(node.elts) - 1):
        swapped = list(node.elts)
        swapped[index : index + 2] = swapped[index + 1], swapped[index]
        yield type(node)(swapped, node.ctx)


def _choice(node: ast.IfExp) -> Iterator[ast.AST]:
    yield node.body
    yield node.orelse


RULES: Sequence[tuple[Any, Callable[[Any], Iterator[ast.AST]]]] = (
    (ast.BinOp, _binary), (ast.UnaryOp, _unary), (ast.Compare, _comparison), (ast.Constant, _constant),
    (ast.Attribute, _attribute), (ast.Call, _call), (ast.Tuple | ast.List, _sequence), (ast.IfExp, _choice),
)  # fmt: skip
