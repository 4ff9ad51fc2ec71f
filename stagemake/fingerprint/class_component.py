"""Components of classes: the definition, and the real objects that the class holds now."""

from __future__ import annotations

import ast
import enum
from _abc import _get_dump  # type: ignore[import-not-found]  # the only way to the registry
from abc import ABCMeta
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from stagemake.fingerprint.canonical_ast import canonical
from stagemake.fingerprint.component import digest_of
from stagemake.fingerprint.distributions import Owner
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.function_component import link_decorators
from stagemake.fingerprint.hint_component import link_annotations

if TYPE_CHECKING:
    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph
    from stagemake.fingerprint.sources import ParsedSource

# Set by Python or the library that made the class; they differ by version, or say nothing new.
_GENERATED = frozenset(
    {
        "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__",
        "__annotations_cache__", "__attrs_attrs__", "__attrs_own_setattr__", "__attrs_props__",
        "__callable_proto_members_only__", "__classcell__", "__classdictcell__",
        "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__", "__firstlineno__",
        "__module__", "__mutable_keys__", "__non_callable_proto_members__", "__parameters__",
        "__protocol_attrs__", "__qualname__", "__readonly_keys__", "__slotnames__", "__static_attributes__",
        "__type_params__", "__weakref__", "_abc_impl", "_is_protocol",
    }
)  # fmt: skip
_PARAMS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")  # those that 3.11 has too
_FIELD_PARTS = (
    "default", "default_factory", "validator", "converter", "init", "repr", "eq", "eq_key", "order",
    "order_key", "hash", "compare", "metadata", "kw_only", "alias", "on_setattr",
)  # fmt: skip
_METHODS = (ast.FunctionDef, ast.AsyncFunctionDef)


def expand_class(graph: Graph, component: Component, kind: type, file: str) -> None:
    """Fill in an own class: definition, attributes, methods, bases, metaclass and decorators."""
    parsed = graph.parsed(file) if file else None
    nodes: list[ast.ClassDef] = []
    if parsed is not None and not isinstance(parsed, str):
        nodes = parsed.classes(kind.__qualname__)
        component.files.append(graph.owners.shown_path(file))
        if nodes:
            component.text = (parsed, nodes[0])
    methods = _link_attributes(graph, component, kind)
    _link_declared_fields(graph, component, kind)
    for name, value in _registered(kind):
        component.edges.append((name, graph.named(value)))
    if kind.__name__ != kind.__qualname__.rpartition(".")[2]:
        component.edges.append(("name", graph.link(kind.__name__, f"{component.label} name")))
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
    names = graph.owners.names_of_module(kind.__module__)
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


def _link_attributes(graph: Graph, component: Component, kind: type) -> list[FunctionType]:
    """Link what is in the class's dictionary; return the own methods among it."""
    methods: list[FunctionType] = []
    is_enum = issubclass(kind, enum.Enum)
    members = dict(kind.__members__) if issubclass(kind, enum.Enum) else {}
    generated = _has_fields(kind)
    private = f"_{kind.__name__.lstrip('_')}__"
    for name, value in sorted(vars(kind).items()):
        if name in members or isinstance(value, (MemberDescriptorType, GetSetDescriptorType)):
            continue
        function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        # The library's part of an enum, different in each version.
        hidden = (
            is_enum and name[0] == "_" and name != "_boundary_" and not name.startswith(private)
        )
        if isinstance(function, FunctionType):
            is_own = graph.owners.owner_of(function) is Owner.OWN
            made = function.__code__.co_filename.startswith("<")
            if made and generated and _is_dunder(name):
                _link_cached_properties(graph, component, function)
                continue
            if not is_own and (hidden or _is_dunder(name)):
                continue
            if is_own:
                methods.append(function)
            # Enum hooks are wrapped in a staticmethod from 3.12 on; the definition says what they are.
            role = "hook" if hidden else type(value).__name__
            component.edges.append((f"{role} {name}", graph.named(function)))
        elif name not in _GENERATED and not hidden:
            component.edges.append((name, graph.link(value, f"{component.label}.{name}")))
    if members:
        component.edges.append(
            ("members", graph.link(_members(members), f"{component.label} members"))
        )
    return methods


def _members(members: dict[str, Any]) -> dict[str, object]:  # Any: enum members
    """Return names and values, and what else members of own making carry, in order of definition."""
    found: dict[str, object] = {}
    for name, member in members.items():
        more = {key: item for key, item in vars(member).items() if key[0] != "_"}
        found[name] = (member.value, more) if more else member.value
    return found


def _link_cached_properties(graph: Graph, component: Component, function: FunctionType) -> None:
    """Link the properties that attrs moved into a `__getattr__` of its own making."""
    moved = function.__globals__.get("cached_properties")
    if isinstance(moved, dict) and "__name__" not in function.__globals__:
        for name, value in moved.items():
            component.edges.append(
                (f"cached {name}", graph.link(value, f"{component.label}.{name}"))
            )


def _registered(kind: type) -> list[tuple[str, type]]:
    """Return the classes that were registered with an abstract base class."""
    if type(kind) is not ABCMeta or "_abc_impl" not in vars(kind):
        return []
    registry = _get_dump(kind)[0]
    found = [reference() for reference in registry]
    return [("registered", each) for each in found if each is not None]


def _link_declared_fields(graph: Graph, component: Component, kind: Any) -> None:  # Any: any class
    """Link all that dataclass and attrs fields say, from defaults to types."""
    held = vars(kind)
    declared: list[Any] = [*held.get("__dataclass_fields__", {}).values()]
    declared += held.get("__attrs_attrs__") or ()
    types: dict[str, object] = {}
    plain: list[str] = []  # by their text: a component for each would be too many
    for each in declared:
        types[each.name] = each.type
        plain.append(each.name)
        for part in _FIELD_PARTS:
            value = getattr(each, part, None)
            if isinstance(value, bool):
                plain.append(f"{part} {value}")
            elif value is None or type(value).__name__ in {"_MISSING_TYPE", "_Nothing"}:
                plain.append(f"{part} {value is None}")
            elif part != "metadata" or value:
                label = f"{component.label}.{each.name} {part}"
                component.edges.append((f"field {each.name} {part}", graph.link(value, label)))
    if (not declared and "_fields" in held) or "__total__" in held:
        types = held.get("__annotations__") or {}
    link_annotations(graph, component, types, graph.owners.names_of_module(kind.__module__))
    params = held.get("__dataclass_params__")
    plain += [f"{name} {bool(getattr(params, name))}" for name in _PARAMS if params is not None]
    if plain:
        component.edges.append((f"fields {'; '.join(plain)}", graph.outside("builtins", "fields")))


def _has_fields(kind: type) -> bool:
    names = vars(kind)
    return "__dataclass_fields__" in names or "__attrs_attrs__" in names or "_fields" in names


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
