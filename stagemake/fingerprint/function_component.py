"""Components of functions: their canonical code, and an edge for each name that they load."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import runpy
import sys
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.fingerprint import bytecode
from stagemake.fingerprint.canonical_ast import canonical
from stagemake.fingerprint.component import Component, digest_of
from stagemake.fingerprint.distributions import Owner
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.module_component import DYNAMIC, link_imports
from stagemake.fingerprint.resolve_names import Load, names_in
from stagemake.fingerprint.value_component import is_stagemake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.fingerprint.graph import Graph
    from stagemake.fingerprint.sources import FunctionNode, ParsedSource

_MISSING = object()

# What runs or finds code by a name that only the running program knows.
_UNBOUNDED: tuple[object, ...] = (
    builtins.eval,
    builtins.exec,
    builtins.__import__,
    importlib.import_module,
    importlib.reload,
    importlib.util.spec_from_file_location,
    runpy.run_module,
    runpy.run_path,
    sys._getframe,  # noqa: SLF001 - users call it
    sys.modules,
)


@define(eq=False)
class Body:
    """What all functions made by one definition share: everything but defaults and closures."""

    component: Component
    cell_loads: dict[str, set[Load]] = field(factory=dict)  # names found in the closure


def expand_function(graph: Graph, component: Component, function: FunctionType, file: str) -> None:
    """Fill in an own function: its body, defaults, closure and attributes."""
    code, names = function.__code__, function.__globals__
    body = graph.body(code, names, lambda: _make_body(graph, component.label, function, file))
    shared = body.component
    component.content, component.text = shared.content, shared.text
    component.reads_text, component.always = shared.reads_text, shared.always
    component.edges += shared.edges
    component.fallbacks += shared.fallbacks
    component.files += shared.files
    component.absent += shared.absent
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    named = [*zip(positional[len(positional) - len(defaults) :], defaults, strict=True)]
    named += (function.__kwdefaults__ or {}).items()
    for name, value in named:
        target = graph.link(value, f"{component.label} default of {name}")
        component.edges.append((f"default {name}", target))
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
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
        _link_load(graph, component, load, value, f"{component.label} closure ", prefix="closure ")


def _make_body(graph: Graph, label: str, function: FunctionType, file: str) -> Body:
    component = Component(label)
    body = Body(component)
    parsed = graph.parsed(file)
    nodes = parsed.functions(function.__code__) if parsed and not isinstance(parsed, str) else []
    if parsed is None or isinstance(parsed, str) or not nodes:
        _without_source(graph, body, function, parsed if isinstance(parsed, str) else None)
    else:
        _with_source(graph, body, function, (parsed, nodes))
    if parsed is not None:
        component.files.append(graph.shown_path(file))
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
        names = names_in(node)
        component.reads_text |= names.reads_text
        for load in sorted(names.free, key=_load_order):
            _link_name(graph, body, function, load)
        for load in names.local:
            _note_late_dynamic(component, load)
        link_imports(graph, component, names.imports, function.__globals__)
    component.content = digest_of(fields("function", *sorted(contents)))
    if len(contents) > 1:
        component.fallbacks.append(
            f"`{component.label}` shares a line with its like and can't be told apart: all of them, "
            "and the bytecode on this Python version, count"
        )
        component.content = digest_of(
            fields(component.content, bytecode.bytes_of(function.__code__))
        )


def _load_order(load: Load) -> tuple[str, tuple[str, ...], str]:
    return load.name, load.attributes, load.argument or ""


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
        linked: list[tuple[Load, object]] = []
        for load in names_in(decorator).free:
            value = _lookup(names, load.name)
            if value is not _MISSING:
                linked.append((load, value))
        chain = next(iter(names_in(base).free), None) if linked else None
        if chain is not None:
            value, _, _ = _follow(_lookup(names, chain.name), chain.attributes)
            if is_stagemake(graph, value):
                skipped.add(decorator)
                continue
        scope = component.label.partition(":")[0] + ":"
        for load, value in linked:
            _link_load(graph, component, load, value, scope, prefix="decorator ")
    return frozenset(skipped)


def _link_name(graph: Graph, body: Body, function: FunctionType, load: Load) -> None:
    if load.name in function.__code__.co_freevars:
        body.cell_loads.setdefault(load.name, set()).add(load)
        return
    component = body.component
    value = _lookup(function.__globals__, load.name)
    if value is _MISSING:
        component.fallbacks.append(
            f"`{load.name}` in `{component.label}` is defined nowhere: its name counts"
        )
        component.edges.append((load.name, graph.outside("builtins", "undefined name")))
        return
    if value is builtins.globals:
        label = component.label.partition(":")[0]
        component.fallbacks.append(
            f"`{component.label}` calls globals(): all that `{label}` holds counts"
        )
        component.edges.append(("globals", graph.namespace(label, function.__globals__)))
    _link_load(graph, component, load, value, component.label.partition(":")[0] + ":")


def _link_load(
    graph: Graph, component: Component, load: Load, value: object, scope: str, *, prefix: str = ""
) -> None:
    """Follow attributes through modules to the thing that is meant, and link that."""
    target, module, rest = _follow(value, load.attributes)
    used = load.attributes[: len(load.attributes) - len(rest)]
    role = prefix + ".".join((load.name, *used))
    if any(target is unbounded for unbounded in _UNBOUNDED):
        _note_dynamic(component, role, load.argument, graph)
    if isinstance(target, ModuleType):
        owner = graph.origins.of_module(target.__name__)
        if owner is Owner.OWN and rest:
            component.fallbacks.append(
                f"`{role}.{rest[0]}` in `{component.label}` is not in the module: all of it counts"
            )
        elif owner is not Owner.OWN:
            role = prefix + ".".join((load.name, *load.attributes))
            linked = graph.outside(target.__name__, ".".join(rest))
            component.edges.append((role, linked))
            component.reads_text |= target.__name__ == "inspect"
            return
        component.edges.append((role, graph.named(target)))
        return
    if module is not None and graph.origins.of_module(module.__name__) is not Owner.OWN:
        component.reads_text |= module.__name__ == "inspect"
        own = isinstance(target, FunctionType) and graph.owner_of(target) is Owner.OWN
        own = own or (isinstance(target, type) and graph.owner_of_class(target) is Owner.OWN)
        if not own:  # unless patched, a package's thing is known by its version
            component.edges.append((role, graph.outside(module.__name__, used[-1])))
            return
    elif module is not None:
        scope = graph.display(getattr(module, "__file__", None) or "", module.__name__) + ":"
        label = scope + (used[-1] if used else load.name)
        component.edges.append((role, graph.link(target, label)))
        return
    component.edges.append((role, graph.link(target, f"{scope}{load.name}")))


def _follow(
    value: object, attributes: tuple[str, ...]
) -> tuple[object, ModuleType | None, tuple[str, ...]]:
    """Return what a chain of attributes leads to, the last module passed, and the rest of the chain."""
    module = None
    rest = attributes
    while rest and isinstance(value, ModuleType):
        found = vars(value).get(rest[0], _MISSING)
        if found is _MISSING:
            return value, module, rest
        module, value, rest = value, found, rest[1:]
    return value, module, rest


def _lookup(names: dict[str, object], name: str) -> object:
    if name in names:
        return names[name]
    known = names.get("__builtins__", builtins)
    table = vars(known) if isinstance(known, ModuleType) else known
    if isinstance(table, dict):
        return table.get(name, _MISSING)
    return getattr(builtins, name, _MISSING)


def _note_dynamic(component: Component, name: str, argument: str | None, graph: Graph) -> None:
    found = graph.origins.find(argument) if argument and argument.isidentifier() else None
    if name.rpartition(".")[2] in {"import_module", "__import__"} and found is not None:
        if found.owner is Owner.OWN and found.file:
            linked = graph.whole_module(found.name, found.file)
            component.edges.append((f"import {found.name}", linked))
        return
    component.always = True
    component.fallbacks.append(
        f"`{component.label}` uses `{name}`, which can reach any code: runs always"
    )


def _note_late_dynamic(component: Component, load: Load) -> None:
    """See through `import importlib` inside the body, by name alone."""
    last = load.attributes[-1] if load.attributes else load.name
    if last in DYNAMIC:
        component.always = True
        component.fallbacks.append(
            f"`{component.label}` uses `{last}`, which can reach any code: runs always"
        )


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
        value = _lookup(function.__globals__, name)
        if value is not _MISSING:
            _link_load(graph, component, Load(name), value, component.label.partition(":")[0] + ":")
