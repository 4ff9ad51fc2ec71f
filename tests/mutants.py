"""Small changes of a module's source, one at a time: which there are, and the changed tree of one of them."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift,
}  # fmt: skip
_LEFT_ALONE = (ast.Assert, ast.Raise, ast.ImportFrom)  # what the first two say is for people
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_Change = tuple[str, "Callable[[ast.AST], object]", ast.AST]
"""What is changed, how, of a node in place, and where that is."""


@frozen
class Mutant:
    """One change."""

    number: int  # of the node in the walk
    which: int  # of the changes of this node
    what: str
    line: int
    lines: frozenset[int]  # a test that runs none of these sees nothing of it; empty: not known
    inside: bool  # in the body of a function: can be put into a program that runs

    def applied(self, tree: ast.Module) -> ast.Module:
        """Return the changed tree; lines stay where they were."""
        whole = copy.deepcopy(tree)
        node = next(one for i, (one, *_) in enumerate(_walk(whole)) if i == self.number)
        list(_changes(node))[self.which][1](node)
        return ast.fix_missing_locations(whole)


def mutants(tree: ast.Module) -> list[Mutant]:
    """Return all mutants of a module, in the order of its text."""
    uses = _uses(tree)
    found = []
    for number, (node, statement, function) in enumerate(_walk(tree)):
        for which, (what, _, place) in enumerate(_changes(node)):
            holder = place if isinstance(place, ast.stmt) else statement
            inside = function is not None or (place is not node and isinstance(node, _FUNCTIONS))
            lines = _header(holder) if inside else _reach(holder, uses)
            found.append(Mutant(number, which, what, getattr(place, "lineno", 0), lines, inside))
    return found


def _header(statement: ast.stmt) -> frozenset[int]:
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return frozenset(range(statement.lineno, max(last, statement.lineno) + 1))


def _reach(statement: ast.stmt, uses: dict[str, set[int]]) -> frozenset[int]:
    """Return the lines of functions that see what a statement outside of functions did."""
    if isinstance(statement, _FUNCTIONS):
        return frozenset(range(statement.body[0].lineno, (statement.end_lineno or 0) + 1))
    names = {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}  # fmt: skip
    return frozenset().union(*(uses.get(name, ()) for name in names))


def _uses(tree: ast.Module) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for function in ast.walk(tree):
        if isinstance(function, _FUNCTIONS):
            for node in ast.walk(function):
                if isinstance(node, ast.Name):
                    found.setdefault(node.id, set()).add(node.lineno)
                elif isinstance(node, ast.Attribute):
                    found.setdefault(node.attr, set()).add(node.lineno)
    return found


def _walk(
    node: ast.AST, statement: ast.stmt | None = None, function: ast.AST | None = None
) -> Iterator[tuple[ast.AST, ast.stmt, ast.AST | None]]:
    """Yield nodes whose change changes what runs, each with its statement and its function.

    Not: annotations, docstrings, asserts, what is raised, decorators, imports, types.
    """
    statement = node if isinstance(node, ast.stmt) else statement
    yield node, statement or ast.Pass(lineno=0, end_lineno=0), function
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        within = node if isinstance(node, _FUNCTIONS) and name == "body" else function
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield from _walk(child, statement, within)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    if isinstance(node, ast.Assign):
        return _is_for_types(node)
    return isinstance(node, _LEFT_ALONE)


def _is_for_types(node: ast.Assign) -> bool:
    """Return whether an assignment says something to type checkers only: nothing else could notice a change."""
    text = ast.unparse(node)
    name, _, value = text.partition(" = ")
    return text == "TYPE_CHECKING = False" or (
        name.lstrip("_")[:1].isupper()
        and not name.isupper()
        and value.startswith(("tuple[", "dict[", "list[", "NewType(", "Callable[", "Union["))
    )


def _changes(node: ast.AST) -> Iterator[_Change]:
    """Yield what can be done to a node, in an order that is always the same."""
    match node:
        case ast.Compare():
            for at, op in enumerate(node.ops):
                if type(op) in _SWAPS:
                    yield f"{type(op).__name__} swapped", _swap_operator(at), node
        case ast.BoolOp():
            yield "and/or swapped", lambda n: setattr(n, "op", _SWAPS[type(n.op)]()), node
            for at, value in enumerate(node.values):
                yield f"operand {at} left out", _without_operand(at), value
        case ast.BinOp() if type(node.op) in _SWAPS:
            what = f"{type(node.op).__name__} swapped"
            yield what, lambda n: setattr(n, "op", _SWAPS[type(n.op)]()), node
        case ast.If() | ast.While() | ast.IfExp():
            for value in (True, False):
                if not (isinstance(node, ast.While) and value):
                    yield f"condition {value}", _set("test", value), node
        case ast.comprehension() if node.ifs:
            yield "filter left out", lambda n: n.ifs.clear(), node.ifs[0]
        case ast.Return() if node.value is not None and not _is_none(node.value):
            yield "returns None", _set("value", None), node
        case ast.Constant() if isinstance(node.value, bool):
            yield "flag flipped", lambda n: setattr(n, "value", not n.value), node
        case ast.Constant() if isinstance(node.value, int):
            yield "number + 1", lambda n: setattr(n, "value", n.value + 1), node
        case ast.Constant() if isinstance(node.value, (str, bytes)) and node.value:
            more = "X" if isinstance(node.value, str) else b"X"
            yield "text changed", lambda n: setattr(n, "value", n.value + more), node
        case ast.Tuple(ctx=ast.Load()) if len(node.elts) > 1:
            for at, element in enumerate(node.elts):
                yield f"element {at} emptied", _empty(at), element
        case ast.Call() if node.keywords:
            for at, word in enumerate(node.keywords):
                if word.arg:
                    yield f"{word.arg}= left out", lambda n, at=at: n.keywords.pop(at), word
        case ast.Continue() | ast.Break():
            other = ast.Break if isinstance(node, ast.Continue) else ast.Continue
            yield "continue/break swapped", lambda n: setattr(n, "__class__", other), node
    yield from _left_out(node)


def _left_out(node: ast.AST) -> Iterator[_Change]:
    """Yield the statements of a block that can be left out."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        for at, statement in enumerate(block if isinstance(block, list) else []):
            if not isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)):
                continue
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.Expr) and isinstance(value, (ast.Constant, ast.Yield)):
                continue
            if isinstance(statement, ast.Assign) and _is_for_types(statement):
                continue
            text = ast.unparse(statement).splitlines()[0][:50]
            yield (
                f"without `{text}`",
                lambda n, name=name, at=at: getattr(n, name).__setitem__(at, ast.Pass()),
                statement,
            )


def _swap_operator(at: int) -> Callable[..., object]:
    return lambda n: n.ops.__setitem__(at, _SWAPS[type(n.ops[at])]())


def _without_operand(at: int) -> Callable[..., object]:
    def change(node: ast.BoolOp) -> None:
        node.values.pop(at)
        if len(node.values) == 1:  # a tree has to have two: one that decides nothing
            node.values.insert(0, ast.Constant(isinstance(node.op, ast.And)))

    return change


def _empty(at: int) -> Callable[..., object]:
    return lambda n: n.elts.__setitem__(at, ast.Constant(None))


def _set(name: str, value: object) -> Callable[..., object]:
    return lambda n: setattr(n, name, ast.Constant(value))  # type: ignore[arg-type]


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
