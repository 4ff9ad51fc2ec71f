"""Edges for what code loads: names looked up in the real globals, attributes followed through modules."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import runpy
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from stagemake.fingerprint.distributions import Owner
from stagemake.fingerprint.module_component import DYNAMIC

if TYPE_CHECKING:
    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph
    from stagemake.fingerprint.resolve_names import Load

MISSING = object()
"""Stands for a name that is nowhere."""

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


def link_load(
    graph: Graph, component: Component, load: Load, value: object, scope: str, *, prefix: str = ""
) -> None:
    """Follow attributes through modules to the thing that is meant, and link that."""
    target, module, rest = follow(value, load.attributes)
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


def follow(
    value: object, attributes: tuple[str, ...]
) -> tuple[object, ModuleType | None, tuple[str, ...]]:
    """Return what a chain of attributes leads to, the last module passed, and the rest of the chain."""
    module = None
    rest = attributes
    while rest and isinstance(value, ModuleType):
        found = vars(value).get(rest[0], MISSING)
        if found is MISSING:
            return value, module, rest
        module, value, rest = value, found, rest[1:]
    return value, module, rest


def lookup(names: dict[str, object], name: str) -> object:
    """Return what a name means in a module's globals and built-ins, else `MISSING`."""
    if name in names:
        return names[name]
    known = names.get("__builtins__", builtins)
    table = vars(known) if isinstance(known, ModuleType) else known
    if isinstance(table, dict):
        return table.get(name, MISSING)
    return getattr(builtins, name, MISSING)


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


def note_late_dynamic(component: Component, load: Load) -> None:
    """See through `import importlib` inside the body, by name alone."""
    last = load.attributes[-1] if load.attributes else load.name
    if last in DYNAMIC:
        component.always = True
        component.fallbacks.append(
            f"`{component.label}` uses `{last}`, which can reach any code: runs always"
        )
