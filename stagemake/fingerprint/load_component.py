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
from stagemake.fingerprint.stood_for import real_of

if TYPE_CHECKING:
    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph
    from stagemake.fingerprint.names import Load

MISSING = object()
"""Stands for a name that is nowhere."""

DYNAMIC = frozenset(
    {
        "__import__",
        "_getframe",
        "eval",
        "exec",
        "import_module",
        "reload",
        "run_module",
        "run_path",
        "spec_from_file_location",
    }
)
"""Last names of calls that can run code which no text names."""

# What runs or finds code by a name that only the running program knows.
_UNBOUNDED: tuple[object, ...] = tuple(map(real_of, (
    builtins.eval,
    builtins.exec,
    builtins.__import__,
    vars(builtins),
    importlib.__import__,
    importlib.import_module,
    importlib.reload,
    importlib.util.module_from_spec,
    importlib.util.spec_from_file_location,
    runpy.run_module,
    runpy.run_path,
    sys._getframe,  # noqa: SLF001 - users call it
    sys.modules,
)))  # fmt: skip
_UNBOUNDED_BY_NAME = frozenset(
    {
        ("_frozen_importlib_external", "SourceFileLoader"),
        ("_frozen_importlib_external", "SourcelessFileLoader"),
        ("_frozen_importlib_external", "ExtensionFileLoader"),
        ("inspect", "currentframe"),
        ("inspect", "stack"),
        ("pkgutil", "resolve_name"),
        ("pkgutil", "walk_packages"),
        ("pydoc", "locate"),
    }
)
"""As above, of modules that are not worth importing for a comparison."""
_UNBOUNDED_LATE = tuple(
    f"{'importlib.machinery' if module[0] == '_' else module}.{name}"
    for module, name in sorted(_UNBOUNDED_BY_NAME)
)
"""As users write them, for imports inside the code."""

_READERS = frozenset({"doctest", "inspect", "linecache", "pydoc"})


def is_unbounded(target: object) -> bool:
    """Return whether something can reach code that no text names."""
    target = real_of(target)
    if any(target is unbounded for unbounded in _UNBOUNDED):
        return True
    if not isinstance(target, (FunctionType, type)):
        return False
    return (target.__module__, target.__qualname__) in _UNBOUNDED_BY_NAME


def is_unbounded_late(name: str) -> bool:
    """Return whether a dotted name, from the module on, is or begins with one of those."""
    return f"{name}.".startswith(tuple([f"{one}." for one in _UNBOUNDED_LATE]))


def load_order(load: Load) -> tuple[str, tuple[str, ...], str]:
    """Return what loads are sorted by."""
    return load.name, load.attributes, load.argument or ""


def link_load(
    graph: Graph, component: Component, load: Load, value: object, scope: str, *, prefix: str = ""
) -> None:
    """Follow attributes through modules to the thing that is meant, and link that."""
    target, module, rest = follow(value, load.attributes)
    target = real_of(target)
    used = load.attributes[: len(load.attributes) - len(rest)]
    role = prefix + ".".join((load.name, *used))
    if is_unbounded(target):
        note_dynamic(component, role, load.argument, graph)
    if target is builtins.globals:
        _note_globals(graph, component)
    if isinstance(target, (FunctionType, type)):
        component.reads_text |= target.__module__ in _READERS
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
            component.reads_text |= target.__name__ in _READERS
            return
        component.edges.append((role, graph.named(target)))
        return
    if module is not None and graph.origins.of_module(module.__name__) is not Owner.OWN:
        component.reads_text |= module.__name__ in _READERS
        if isinstance(target, type):
            component.edges += [(f"{role}.{name}", patch) for name, patch in graph.patches(target)]
        if not graph.owners.is_own(
            target
        ):  # unless patched, a package's thing is known by its version
            component.edges.append((role, graph.outside(module.__name__, used[-1])))
            return
    elif module is not None:
        scope = graph.owners.display(getattr(module, "__file__", None) or "", module.__name__) + ":"
        label = scope + (used[-1] if used else load.name)
        component.edges.append((role, graph.link(target, label)))
        return
    component.edges.append((role, graph.link(target, f"{scope}{load.name}")))


def _note_globals(graph: Graph, component: Component) -> None:
    if component.names is None:
        component.always = True
        component.fallbacks.append(
            f"`{component.label}` uses `globals`, which can reach any code: runs always"
        )
        return
    label = component.label.partition(":")[0]
    component.fallbacks.append(
        f"`{component.label}` calls globals(): all that `{label}` holds counts"
    )
    component.edges.append(("globals", graph.namespace(label, component.names)))


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


def note_dynamic(component: Component, name: str, argument: str | None, graph: Graph) -> None:
    """Note a call that can reach any code, unless it is an import whose text says of what."""
    found = graph.origins.find(argument) if argument and argument.isidentifier() else None
    if name.rpartition(".")[2] in {"import_module", "__import__"} and found is not None:
        if found.owner is Owner.OWN and found.file:
            linked = graph.whole_module(found.name, found.file)
            component.edges.append((f"import {found.name}", linked))
            loaded = sys.modules.get(found.name)
            if loaded is not None:  # what it holds may have been set by others
                label = graph.owners.display(found.file, found.name)
                held = graph.namespace(label, vars(loaded))
                component.edges.append((f"values of {found.name}", held))
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
