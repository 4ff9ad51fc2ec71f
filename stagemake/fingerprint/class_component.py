"""Components of classes: the definition, and the real objects that the class holds now."""

from __future__ import annotations

import ast
import enum
import sys
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from stagemake.fingerprint.canonical_ast import canonical
from stagemake.fingerprint.component import digest_of
from stagemake.fingerprint.distributions import Owner
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.function_component import link_decorators

if TYPE_CHECKING:
    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph
    from stagemake.fingerprint.sources import ParsedSource

# Set by Python or the library that made the class; they differ by version and say nothing new.
_GENERATED = frozenset({"_abc_impl", "_is_protocol", "_is_runtime_protocol"})
_METHODS = (ast.FunctionDef, ast.AsyncFunctionDef)


def expand_class(graph: Graph, component: Component, kind: type, file: str) -> None:
    """Fill in an own class: definition, attributes, methods, bases, metaclass and decorators."""
    parsed = graph.parsed(file) if file else None
    nodes: list[ast.ClassDef] = []
    if parsed is not None and not isinstance(parsed, str):
        nodes = parsed.classes(kind.__qualname__)
        component.files.append(graph.shown_path(file))
        if nodes:
            component.text = (parsed, nodes[0])
    assigned = {
        target.id
        for node in nodes
        for statement in node.body
        for target in getattr(statement, "targets", ())
        if isinstance(target, ast.Name)
    }
    methods = _link_attributes(graph, component, kind, assigned)
    _link_declared_fields(graph, component, kind)
    for index, base in enumerate(kind.__bases__):
        component.edges.append((f"base {index}", graph.named(base)))
    if type(kind) is not type:
        component.edges.append(("metaclass", graph.named(type(kind))))
    component.content = digest_of(_definition(graph, component, kind, (parsed, nodes), methods))


def _definition(
    graph: Graph,
    component: Component,
    kind: type,
    source: tuple[ParsedSource | str | None, list[ast.ClassDef]],
    methods: list[FunctionType],
) -> bytes:
    parsed, nodes = source
    names = dict(vars(sys.modules[kind.__module__])) if kind.__module__ in sys.modules else {}
    for method in methods:
        names = method.__globals__
    skipped: set[ast.AST] = set()
    contents = []
    for node in nodes:
        skipped |= link_decorators(graph, component, node, names)
        if parsed is not None and not isinstance(parsed, str):
            # Methods that are components of their own would only be listed twice.
            mine = [found for method in methods for found in parsed.functions(method.__code__)]
            skipped.update(part for part in mine if isinstance(part, _METHODS))
        contents.append(canonical(node, frozenset(skipped)))
    return fields("class", kind.__qualname__, *contents)


def _link_attributes(
    graph: Graph, component: Component, kind: type, assigned: set[str]
) -> list[FunctionType]:
    """Link what is in the class's dictionary; return the own methods among it."""
    methods: list[FunctionType] = []
    is_enum = issubclass(kind, enum.Enum)
    generated = _has_fields(kind)
    members = dict(kind.__members__) if issubclass(kind, enum.Enum) else {}
    for name, value in sorted(vars(kind).items()):
        if name in members or isinstance(value, (MemberDescriptorType, GetSetDescriptorType)):
            continue
        function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if isinstance(function, FunctionType):
            is_own = graph.owner_of(function) is Owner.OWN
            made = function.__code__.co_filename.startswith("<")
            hidden = _is_internal(name) or (is_enum and name.startswith("_"))
            if (made and generated) or (not is_own and hidden):
                continue
            if is_own:
                methods.append(function)
            # Enum hooks are wrapped in a staticmethod from 3.12 on; the definition says what they are.
            role = "hook" if hidden and is_enum else type(value).__name__
            component.edges.append((f"{role} {name}", graph.named(function)))
        elif name in assigned or not (_is_internal(name) or (is_enum and name.startswith("_"))):
            component.edges.append((name, graph.link(value, f"{component.label}.{name}")))
    if members:
        plain = {name: member.value for name, member in members.items()}
        component.edges.append(("members", graph.link(plain, f"{component.label} members")))
    return methods


def _link_declared_fields(graph: Graph, component: Component, kind: Any) -> None:  # Any: any class
    """Link defaults, factories, validators and converters of dataclass and attrs fields."""
    declared: list[Any] = [*vars(kind).get("__dataclass_fields__", {}).values()]
    declared += vars(kind).get("__attrs_attrs__") or ()
    for each in declared:
        for part in ("default", "default_factory", "validator", "converter"):
            value = getattr(each, part, None)
            if value is None or type(value).__name__ in {"_MISSING_TYPE", "_Nothing"}:
                continue
            label = f"{component.label}.{each.name} {part}"
            component.edges.append((f"field {each.name} {part}", graph.link(value, label)))


def _has_fields(kind: type) -> bool:
    names = vars(kind)
    return "__dataclass_fields__" in names or "__attrs_attrs__" in names or "_fields" in names


def _is_internal(name: str) -> bool:
    return name in _GENERATED or (name.startswith("__") and name.endswith("__"))
