"""Components of functions: their canonical code, and an edge for each name that they load."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from stagemake.fingerprint import bytecode
from stagemake.fingerprint.canonical_ast import canonical
from stagemake.fingerprint.component import Component, digest_of
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.hint_component import link_annotations
from stagemake.fingerprint.load_component import (
    MISSING,
    follow,
    link_load,
    load_order,
    lookup,
    note_dynamic,
    note_late_dynamic,
)
from stagemake.fingerprint.module_component import link_imports, link_late_loads
from stagemake.fingerprint.names import Load
from stagemake.fingerprint.resolve_names import names_in
from stagemake.fingerprint.value_component import is_stagemake

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CellType, FunctionType

    from stagemake.fingerprint.graph import Graph
    from stagemake.fingerprint.sources import FunctionNode, ParsedSource


@define(eq=False)
class Body:
    """What all functions made by one definition share: everything but defaults and closures."""

    component: Component
    cell_loads: dict[str, set[Load]] = field(factory=dict)  # names found in the closure
    is_shown_to_library: bool = False  # a package's decorator, which may read annotations


def expand_function(graph: Graph, component: Component, function: FunctionType, file: str) -> None:
    """Fill in an own function: its body, defaults, closure and attributes."""
    code, names = function.__code__, function.__globals__
    body = graph.body(code, names, lambda: _make_body(graph, component.label, function, file))
    shared = body.component
    component.content, component.text = shared.content, shared.text
    component.reads_text, component.always = shared.reads_text, shared.always
    component.reads_types = shared.reads_types
    if (function.__name__, function.__qualname__) != (code.co_name, code.co_qualname):
        named = fields(component.content, function.__name__, function.__qualname__)
        component.content = digest_of(named)
    component.edges += shared.edges
    component.fallbacks += shared.fallbacks
    component.files += shared.files
    component.absent += shared.absent
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    given = [*zip(positional[len(positional) - len(defaults) :], defaults, strict=True)]
    given += (function.__kwdefaults__ or {}).items()
    for name, value in given:
        target = graph.link(value, f"{component.label} default of {name}")
        component.edges.append((f"default {name}", target))
    if body.is_shown_to_library:
        link_annotations(graph, component, function.__annotations__, names)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        component.edges.append((f"cell {name}", graph.same(cell)))
        _link_cell(graph, component, name, cell, body.cell_loads.get(name) or {Load(name)})
    for name, value in function.__dict__.items():
        component.edges.append(
            (f"attribute {name}", graph.link(value, f"{component.label}.{name}"))
        )


def _link_cell(
    graph: Graph,
    component: Component,
    name: str,
    cell: CellType,
    loads: Iterable[Load],
) -> None:
    try:
        value = cell.cell_contents
    except ValueError:
        component.fallbacks.append(
            f"`{name}` in `{component.label}` is not bound yet: its name counts"
        )
        return
    for load in loads:
        link_load(graph, component, load, value, f"{component.label} closure ", prefix="closure ")


def _make_body(graph: Graph, label: str, function: FunctionType, file: str) -> Body:
    component = Component(label, names=function.__globals__)
    body = Body(component)
    parsed = graph.parsed(file)
    nodes = parsed.functions(function.__code__) if parsed and not isinstance(parsed, str) else []
    if parsed is None or isinstance(parsed, str) or not nodes:
        _without_source(graph, body, function, parsed if isinstance(parsed, str) else None)
    else:
        _with_source(graph, body, function, (parsed, nodes))
    if parsed is not None:
        component.files.append(graph.owners.shown_path(file))
    return body


def _with_source(
    graph: Graph,
    body: Body,
    function: FunctionType,
    source: tuple[ParsedSource, list[FunctionNode]],
) -> None:
    component = body.component
    parsed, nodes = source
    component.text = (parsed, nodes[0])
    contents = set()
    for node in nodes:
        decorators = link_decorators(graph, component, node, function.__globals__)
        contents.add(canonical(node, decorators))
        body.is_shown_to_library |= _is_shown_to_library(component)
        names = names_in(node)
        component.reads_text |= names.reads_text
        component.reads_types |= names.reads_types or names.reads_subclasses
        graph.asks_for_types |= component.reads_types
        if names.reaches_globals:
            note_dynamic(component, names.reaches_globals, None, graph)
        for load in sorted(names.free, key=load_order):
            _link_name(graph, body, function, load)
        for load in names.local:
            note_late_dynamic(component, load)
        link_imports(graph, component, names.imports, function.__globals__)
        if names.bindings:
            link_late_loads(graph, component, names, function.__globals__)
    component.content = digest_of(fields("function", *sorted(contents)))
    if len(contents) > 1:
        component.fallbacks.append(
            f"`{component.label}` shares a line with its like and can't be told apart: all of them, "
            "and the bytecode on this Python version, count"
        )
        component.content = digest_of(
            fields(component.content, bytecode.bytes_of(function.__code__))
        )


def link_decorators(
    graph: Graph,
    component: Component,
    node: ast.AST,
    names: dict[str, object],
) -> frozenset[ast.AST]:
    """Link what decorators load from the globals; return those of the Stagefile language, to be skipped.

    Names that aren't global were bound in a function or class body; their effect is in the real object.
    """
    skipped: set[ast.AST] = set()
    for decorator in getattr(node, "decorator_list", ()):
        base = decorator.func if isinstance(decorator, ast.Call) else decorator
        chain = next(iter(names_in(base).free), None)
        called = MISSING if chain is None else lookup(names, chain.name)
        if chain is not None and called is not MISSING:
            value, _, _ = follow(called, chain.attributes)
            if is_stagemake(graph, value):
                skipped.add(decorator)
                continue
        linked = [
            (load, value)
            for load in names_in(decorator).free
            if (value := lookup(names, load.name)) is not MISSING
        ]
        scope = component.label.partition(":")[0] + ":"
        for load, value in linked:
            link_load(graph, component, load, value, scope, prefix="decorator ")
    return frozenset(skipped)


def _is_shown_to_library(component: Component) -> bool:
    """Whether a decorator linked so far is an installed package's."""
    return any(
        role.startswith("decorator ") and any(kind == "distribution" for kind, _ in target.edges)
        for role, target in component.edges
    )


def _link_name(graph: Graph, body: Body, function: FunctionType, load: Load) -> None:
    if load.name in function.__code__.co_freevars and not load.is_global:
        body.cell_loads.setdefault(load.name, set()).add(load)
        return
    component = body.component
    load = _unmangled(load, function)
    value = lookup(function.__globals__, load.name)
    if value is MISSING:
        component.fallbacks.append(
            f"`{load.name}` in `{component.label}` is defined nowhere: its name counts"
        )
        component.edges.append((load.name, graph.outside("builtins", "undefined name")))
        return
    link_load(graph, component, load, value, component.label.partition(":")[0] + ":")


def _unmangled(load: Load, function: FunctionType) -> Load:
    """Return the name as the code has it: within a class, `__n` is `_Class__n`."""
    if not load.name.startswith("__") or load.name.endswith("__"):
        return load
    names = bytecode.names_of(function.__code__)
    if load.name in names:
        return load
    found = [name for name in names if name[0] == "_" and name.endswith(load.name)]
    return evolve(load, name=min(found)) if found else load


def _without_source(graph: Graph, body: Body, function: FunctionType, text: str | None) -> None:
    """Identify by the whole text that holds the function, else by bytecode; names by the code object."""
    component = body.component
    code = function.__code__
    if text is not None:
        component.fallbacks.append(
            f"`{component.label}` can't be parsed (too deep?): the text of the whole file counts"
        )
        component.content = digest_of(fields("text", text))
    else:
        component.fallbacks.append(
            f"`{component.label}` has no source: its bytecode counts, on this Python version only"
        )
        component.content = digest_of(bytecode.bytes_of(code))
    for name in sorted(bytecode.names_of(code)):
        value = lookup(function.__globals__, name)
        if value is not MISSING:
            link_load(graph, component, Load(name), value, component.label.partition(":")[0] + ":")
