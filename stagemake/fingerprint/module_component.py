"""Components of whole modules, for what is imported late or used as a value: source and imports, unexecuted."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from stagemake.fingerprint.canonical_ast import canonical
from stagemake.fingerprint.component import digest_of
from stagemake.fingerprint.distributions import Owner, is_binary
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.load_component import (
    DYNAMIC,
    is_unbounded,
    is_unbounded_late,
    link_load,
    load_order,
    note_dynamic,
)
from stagemake.fingerprint.names import Binding, LateImport, Load, Names
from stagemake.fingerprint.resolve_names import names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph


def expand_module(graph: Graph, component: Component, name: str, file: str) -> None:
    """Fill in a module's canonical source and the modules that it imports, anywhere in it."""
    component.files.append(graph.owners.shown_path(file))
    parsed = graph.parsed(file)
    if parsed is None:
        component.fallbacks.append(f"`{component.label}` has no source: runs always")
        component.always = True
        return
    if isinstance(parsed, str):
        component.fallbacks.append(f"`{component.label}` can't be parsed: its whole text counts")
        component.content = digest_of(fields("text", parsed))
        return
    component.content = digest_of(fields("module", canonical(parsed.tree)))
    component.text = (parsed, parsed.tree)
    names = names_in(parsed.tree)
    component.reads_text = names.reads_text
    component.reads_types = names.reads_types or names.reads_subclasses
    graph.asks_for_types |= component.reads_types
    for load in names.free | names.local:
        last = load.attributes[-1] if load.attributes else load.name
        if last in DYNAMIC and not (load.attributes and last in {"eval", "exec"}):
            component.always = True
            component.fallbacks.append(
                f"`{component.label}` uses `{last}`, which can reach any code: runs always"
            )
    is_package = file.rpartition("/")[2].startswith("__init__.")
    package = name if is_package else name.rpartition(".")[0]
    link_imports(graph, component, names.imports, {"__package__": package})
    link_late_loads(graph, component, names, {"__package__": package})


def expand_namespace(graph: Graph, component: Component, names: dict[str, object]) -> None:
    """Fill in all that a loaded module holds, except modules, whose source its own source names."""
    component.content = digest_of(b"namespace")
    scope = component.label.removesuffix(" values")
    for name, value in sorted(names.items()):
        if not isinstance(value, ModuleType) and not name.startswith("__"):
            component.edges.append((name, graph.link(value, f"{scope}:{name}")))


def link_imports(
    graph: Graph,
    component: Component,
    imports: Iterable[LateImport],
    names: Mapping[str, object],
) -> None:
    """Link the modules that import statements lead to; nothing is imported for it."""
    for statement in sorted(imports, key=lambda each: (each.level, each.module, each.names)):
        base = _absolute(statement, names)
        if base is None:
            component.fallbacks.append(
                f"a relative import in `{component.label}` leads out of its package: its text counts"
            )
            continue
        parts = base.split(".") if base else []
        for count in range(1, len(parts) + 1):  # importing a.b runs a first
            if not _link_import(graph, component, ".".join(parts[:count])):
                break
        else:
            for name in statement.names:
                found = graph.origins.find(f"{base}.{name}") if name != "*" else None
                if found is not None and found.owner is Owner.OWN:
                    _link_import(graph, component, found.name)


def _link_import(graph: Graph, component: Component, name: str) -> bool:
    """Link one module; whether its submodules are worth looking for."""
    found = graph.origins.find(name)
    if found is None:
        component.fallbacks.append(
            f"module `{name}`, imported in `{component.label}`, isn't there: its name counts"
        )
        path = name.replace(".", "/")
        component.absent += [f"{path}.py", f"{path}/__init__.py"]
        return False
    if found.owner is Owner.INSTALLED:
        linked = graph.distribution(name.partition(".")[0])
        component.edges.append((f"import {name}", linked))
    elif found.owner is Owner.OWN and is_binary(found.file):
        component.edges.append((f"import {name}", graph.outside(name, "", found.file)))
    elif found.owner is Owner.OWN and found.file:
        component.edges.append((f"import {name}", graph.whole_module(name, found.file)))
    return found.owner is Owner.OWN


def link_late_loads(
    graph: Graph, component: Component, names: Names, where: Mapping[str, object]
) -> None:
    """Link what names bound by imports inside the code lead to in modules that are loaded already.

    The source of such a module says what it held once; what it holds now may have been set by others.
    """
    bound: dict[str, list[object]] = {}
    stars: list[ModuleType] = []
    for each in names.bindings:
        base = _absolute(LateImport(each.module, (), each.level), where)
        _note_late_by_name(graph, component, names, each)
        module = sys.modules.get(base or "")
        if module is None or base is None:
            continue
        if graph.origins.of_module(base) is not Owner.OWN and base not in {"sys", "builtins"}:
            continue  # whether it is loaded is chance
        if each.attribute == "*":
            stars.append(module)
        elif each.attribute:
            if each.attribute in vars(module):
                bound.setdefault(each.name, []).append(vars(module)[each.attribute])
        else:
            bound.setdefault(each.name, []).append(module)
    for load in sorted(names.local | names.free, key=load_order):
        values = bound.get(load.name, ())
        if load in names.free:
            values = [*values, *(vars(one)[load.name] for one in stars if load.name in vars(one))]
        for value in values:
            if (
                isinstance(value, ModuleType)
                and graph.origins.of_module(value.__name__) is not Owner.OWN
            ):
                _note_late_unbounded(graph, component, load, value)
            else:
                scope = f"{component.label.partition(':')[0]}:"
                link_load(graph, component, load, value, scope, prefix="late ")


def _note_late_by_name(graph: Graph, component: Component, names: Names, binding: Binding) -> None:
    """Note what reaches any code in the library's modules, whether they are loaded or not."""
    if binding.level:
        return  # of a package of the project
    start = [binding.module, binding.attribute] if binding.attribute else [binding.module]
    for load in names.local:
        if load.name == binding.name and is_unbounded_late(".".join([*start, *load.attributes])):
            note_dynamic(component, ".".join([load.name, *load.attributes]), None, graph)


def _note_late_unbounded(
    graph: Graph, component: Component, load: Load, module: ModuleType
) -> None:
    target = vars(module).get(load.attributes[0]) if load.attributes else None
    if is_unbounded(target):
        note_dynamic(component, f"{load.name}.{load.attributes[0]}", load.argument, graph)


def _absolute(statement: LateImport, names: Mapping[str, object]) -> str | None:
    if not statement.level:
        return statement.module
    package = names.get("__package__")
    if not isinstance(package, str):
        name = str(names.get("__name__", ""))
        package = name if "__path__" in names else name.rpartition(".")[0]
    parts = package.split(".") if package else []
    if statement.level > len(parts):
        return None
    kept = parts[: len(parts) - statement.level + 1]
    return ".".join([*kept, statement.module] if statement.module else kept)
