"""Source texts and where in them functions and classes stand. Asked by the identity of functions."""

from __future__ import annotations

import ast
import importlib.util
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import CodeType

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class SourceStore(Protocol):
    """Gives the exact text that a module was compiled from."""

    def text_of(self, filename: str) -> str | None:
        """Return the text of a file as it was when it was imported; None when there is none."""


class FileSources:
    """Reads texts from disk, each time it is asked."""

    def text_of(self, filename: str) -> str | None:
        """Return what the file holds now, decoded as Python decodes it."""
        try:
            with open(filename, "rb") as file:
                return importlib.util.decode_source(file.read())
        except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
            return None


class ParsedSource:
    """One parsed text with its functions and classes by position and name.

    Raises on construction:
        SyntaxError, ValueError, RecursionError, MemoryError: When the text can't be parsed.

    Cost: O(text) once; look-ups are O(1).
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines: list[str] | None = None
        self._functions: dict[tuple[int, str], list[FunctionNode]] = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self._is_indexed = False
        self._at_top = _at_top(self.tree.body)

    def functions(self, code: CodeType) -> list[FunctionNode]:
        """Return the nodes that `code` may have been compiled from; one, unless lambdas share a line."""
        key = (code.co_firstlineno, code.co_name)
        plain = self._at_top.get(key)  # most are: the others need not be looked for then
        if plain is not None:
            return [plain]
        self._index()
        found = self._functions.get(key, [])
        return found if len(found) < 2 else _narrowed(found, code)

    def classes(self, qualname: str) -> list[ast.ClassDef]:
        """Return all definitions of a class, in order of lines; several when conditional."""
        self._index()
        return self._classes.get(qualname, [])

    def segment(self, node: ast.AST) -> str:
        """Return the whole lines a node stands on, decorators and comments included."""
        if isinstance(node, ast.Module):
            return self.text
        if self._lines is None:
            self._lines = self.text.split("\n")
        last: int = node.end_lineno  # type: ignore[attr-defined]  # functions and classes have one
        return "\n".join(self._lines[_first_line(node) - 1 : last])

    def assignment(self, name: str) -> str:
        """Return the last statement of the module's own that sets a name; empty when there is none."""
        for node in reversed(self.tree.body):
            targets = (
                node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            )
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return self.segment(node)
        return ""

    def _index(self) -> None:
        if self._is_indexed:
            return
        self._is_indexed = True
        pending: list[tuple[ast.AST, str]] = [(self.tree, "")]
        while pending:
            node, prefix = pending.pop()
            inner = prefix
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._functions.setdefault((_first_line(node), node.name), []).append(node)
                inner = f"{prefix}{node.name}.<locals>."
            elif isinstance(node, ast.Lambda):
                self._functions.setdefault((node.lineno, "<lambda>"), []).append(node)
                inner = f"{prefix}<lambda>.<locals>."
            elif isinstance(node, ast.ClassDef):
                self._classes.setdefault(prefix + node.name, []).append(node)
                inner = f"{prefix}{node.name}."
            children = list(ast.iter_child_nodes(node))
            pending.extend((child, inner) for child in reversed(children))


def _at_top(body: list[ast.stmt]) -> dict[tuple[int, str], FunctionNode]:
    """Return a module's own functions by first line and name.

    No other function or lambda can have the same ones: a definition begins a line, and its name is no `<lambda>`.
    """
    return {
        (_first_line(node), node.name): node
        for node in body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def _first_line(node: ast.AST) -> int:
    line: int = node.lineno  # type: ignore[attr-defined]  # functions and classes have one
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([line, *(decorator.lineno for decorator in decorators)])


def _narrowed(found: list[FunctionNode], code: CodeType) -> list[FunctionNode]:
    """Keep the innermost nodes whose body holds every position that the code reports."""
    spots = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if line is not None
        and end_line is not None
        and column is not None
        and end_column is not None
        and (line, column) != (end_line, end_column)
    ]
    spanned = [(_span(node), node) for node in found if isinstance(node, ast.Lambda)]
    if len(spanned) < len(found):
        return found
    if not spots:  # 3.12 keeps no columns for a constant body, and -X no_debug_ranges none at all
        return [node for _, node in spanned if _compiles_to(node, code)] or found
    first = min(start for start, _ in spots)
    last = max(end for _, end in spots)
    holding = [(span, node) for span, node in spanned if span[0] <= first and last <= span[1]]
    if not holding:
        return found
    # Bodies that hold one position are nested in each other: the innermost starts last.
    innermost = max(span[0] for span, _ in holding)
    return [node for span, node in holding if span[0] == innermost]


def _compiles_to(node: ast.Lambda, code: CodeType) -> bool:
    """Whether a lambda without free names compiles to `code`."""
    whole = compile(ast.Expression(node), code.co_filename, "eval")
    mine = next(const for const in whole.co_consts if isinstance(const, type(code)))
    return (mine.co_code, mine.co_names, mine.co_varnames, repr(mine.co_consts)) == (
        code.co_code,
        code.co_names,
        code.co_varnames,
        repr(code.co_consts),
    )


def _span(node: ast.Lambda) -> tuple[tuple[int, int], tuple[int, int]]:
    body = node.body
    return (
        (body.lineno, body.col_offset),
        (body.end_lineno or body.lineno, body.end_col_offset or 0),
    )
