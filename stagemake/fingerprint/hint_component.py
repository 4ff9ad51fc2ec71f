"""Edges for what annotations stand for and who inherits from a class; they count where code asks for them."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import TYPE_CHECKING

from stagemake.fingerprint.load_component import MISSING, link_load, load_order, lookup
from stagemake.fingerprint.resolve_names import names_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph


def link_hints(graph: Graph, component: Component) -> None:
    """Fill in a component's hints: annotations of a function; those of a class, and its subclasses."""
    subject = component.subject
    apart = type(component)(component.label, names=component.names)
    component.hints = apart.edges
    if isinstance(subject, FunctionType):
        link_annotations(graph, apart, subject.__annotations__, subject.__globals__)
    elif isinstance(subject, type):
        held = vars(subject).get("__annotations__") or {}
        link_annotations(graph, apart, held, graph.owners.names_of_module(subject.__module__))
        kind: type
        for kind in type.__subclasses__(subject):
            apart.edges.append(("subclass", graph.named(kind)))
    component.fallbacks += apart.fallbacks


def link_annotations(
    graph: Graph, component: Component, held: Mapping[str, object], names: dict[str, object]
) -> None:
    """Link annotations as they are now; of texts, the names in them."""
    for name, value in held.items():
        value = getattr(value, "__forward_arg__", value)  # noqa: PLW2901 - a text, wrapped by typing
        if isinstance(value, str):
            component.edges.append(
                (f"type {name}", graph.link(value, f"{component.label} type of {name}"))
            )
            _link_text(graph, component, value, names)
        else:
            target = graph.link(value, f"{component.label} type of {name}")
            component.edges.append((f"type {name}", target))


def _link_text(graph: Graph, component: Component, text: str, names: dict[str, object]) -> None:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for load in sorted(names_in(tree).free, key=load_order):
        value = lookup(names, load.name)
        if value is not MISSING:
            scope = component.label.partition(":")[0] + ":"
            link_load(graph, component, load, value, scope, prefix="type ")
