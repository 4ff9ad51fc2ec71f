"""Canonical bytes of a syntax tree, equal for equal code on every Python from 3.11 to 3.13.

Left out: positions, comments, docstrings, expression contexts, type comments, string prefixes, and whatever is
empty. The walk is iterative, so that no nesting depth is too deep for it.
"""

from __future__ import annotations

import ast
import functools

from stagemake.fingerprint.encoding import encode, fields

_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
_NOTHING = b"-"


def canonical(tree: ast.AST, skipped: frozenset[ast.AST] = frozenset()) -> bytes:
    """Return the canonical bytes of `tree`.

    Args:
        tree: Any node.
        skipped: List items to leave out wherever they stand, such as a decorator or a method.

    Cost: O(nodes).
    """
    parts: list[bytes] = []
    pending: list[object] = [tree]
    while pending:
        item = pending.pop()
        if type(item) is bytes:
            parts.append(item)
        elif isinstance(item, ast.AST):
            pending.extend(_reversed_node(item, skipped))
        elif isinstance(item, list):
            parts.append(b"L" + len(item).to_bytes(4, "big"))
            pending.extend(reversed(item))
        else:
            parts.append(_NOTHING if item is None else encode(item))
    return b"".join(parts)


def docstring_of(node: ast.AST) -> ast.Expr | None:
    """Return the statement that is the docstring of a module, class or function."""
    if isinstance(node, _DOCUMENTED) and node.body:
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            return first
    return None


@functools.cache
def _shape(kind: type[ast.AST]) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """Return the head of a kind of node, and its fields that count with theirs; there are some hundred."""
    counting = [name for name in kind._fields if name not in _IGNORED]
    return fields(kind.__name__), tuple((name, fields(name)) for name in counting)


@functools.lru_cache(maxsize=1 << 12)
def _name(text: str) -> bytes:
    """Return the whole of a Name node: every third node is one."""
    return fields("Name") + (1).to_bytes(2, "big") + fields("id") + encode(text)


def _reversed_node(node: ast.AST, skipped: frozenset[ast.AST]) -> list[object]:
    """Return the head of a node and what follows it, from the end."""
    kind = type(node)
    if kind is ast.Constant or kind is ast.MatchSingleton:
        return [fields(kind.__name__, encode(node.value))]  # type: ignore[attr-defined]  # both have one
    content: list[object] = []
    head, columns = _shape(kind)  # type: ignore[arg-type]  # classes can be hashed
    count = 0
    for field_name, field_head in columns:
        value = getattr(node, field_name, None)
        if value is None:
            continue
        held = type(value)
        if held is str:
            content.append(field_head + encode(value))
        elif held is ast.Name:
            content.append(field_head + _name(value.id))
        elif held is ast.Constant:
            content.append(field_head + fields("Constant", encode(value.value)))
        else:
            if isinstance(value, list):
                value = _list(node, field_name, value, skipped)
                if not value:
                    continue
            content += (field_head, value)
        count += 1
    content.reverse()
    content.append(head + count.to_bytes(2, "big"))
    return content


def _list(
    node: ast.AST, field_name: str, items: list[object], skipped: frozenset[ast.AST]
) -> list[object]:
    if isinstance(node, ast.JoinedStr):
        return _merged(items)
    if field_name == "body":
        docstring = docstring_of(node)
        if docstring is not None:
            items = items[1:]
    return [item for item in items if item not in skipped] if skipped else items


def _merged(values: list[object]) -> list[object]:
    """Join neighbouring constants of an f-string; where it is cut in pieces differs by version."""
    merged: list[object] = []
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            if not value.value:
                continue
            last = merged[-1] if merged else None
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                merged[-1] = ast.Constant(value=last.value + value.value)
                continue
        merged.append(value)
    return merged
