"""Builds the component graph of functions: one memo and one work list for a whole evaluation.

Whatever needs expanding is put on the list, never called: the depth of a user's call graph does not matter.
"""

from __future__ import annotations

import os
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from stagemake.fingerprint.class_component import expand_class
from stagemake.fingerprint.component import Component, digest_of
from stagemake.fingerprint.distributions import Origins, Owner, is_binary
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.function_component import Body, expand_function
from stagemake.fingerprint.module_component import expand_module, expand_namespace
from stagemake.fingerprint.sources import FileSources, ParsedSource, SourceStore
from stagemake.fingerprint.value_component import Written, expand_value, write_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


class Graph:
    """The components met so far. Values are looked at once: make one graph after an evaluation.

    Args:
        project_root: Absolute path of the project.
        sources: Gives the texts that modules were compiled from.
    """

    def __init__(self, project_root: str, sources: SourceStore) -> None:
        self.origins = Origins(project_root)
        self._sources = sources
        self._files = FileSources()
        self._parsed: dict[str, ParsedSource | str | None] = {}
        self._by_id: dict[int, tuple[object, Component]] = {}  # keeps the value, so ids stay unique
        self._by_key: dict[tuple[str, ...], Component] = {}
        self._values: dict[tuple[int, str], tuple[object, Component]] = {}
        self._written: dict[int, tuple[object, Written]] = {}
        self._bodies: dict[tuple[int, int], tuple[CodeType, dict[str, object], Body]] = {}
        self._file_by_module: dict[str, str] = {}
        self._work: list[Callable[[], None]] = []

    def finish(self) -> None:
        """Expand until nothing is left to expand."""
        while self._work:
            self._work.pop()()

    def link(self, value: object, label: str) -> Component:
        """Return the component of any value; `label` names it unless it has a name of its own."""
        if isinstance(value, (FunctionType, type, ModuleType)):
            return self.named(value)
        if isinstance(value, BuiltinFunctionType) and not _is_bound(value):
            return self.outside(value.__module__, value.__qualname__)
        known = self._values.get((id(value), label))
        if known is None:
            component = Component(label)
            self._values[(id(value), label)] = value, component
            self._work.append(lambda: expand_value(self, component, value))
            return component
        return known[1]

    def named(self, value: FunctionType | type | ModuleType) -> Component:
        """Return the component of a function, class or module used as a value."""
        known = self._by_id.get(id(value))
        if known is not None:
            return known[1]
        component = self._start(value)
        self._by_id[id(value)] = value, component
        return component

    def outside(self, module: str | None, name: str) -> Component:
        """Return the component of a thing in the standard library, a package or an own extension."""
        top = (module or "builtins").partition(".")[0]
        key = ("outside", module or "builtins", name)
        if key not in self._by_key:
            # C and Python halves of a module (`_io`, `io`) are one; where a thing lives moves by version.
            component = Component("", digest_of(fields("outside", top.lstrip("_"), name)))
            self._by_key[key] = component
            owner = self.origins.of_module(module)
            if owner is Owner.INSTALLED:
                component.edges.append(("distribution", self.distribution(top)))
            elif owner is Owner.OWN:
                self._add_file(component, module or "")
        return self._by_key[key]

    def distribution(self, module: str) -> Component:
        """Return the component of the distribution that an installed module belongs to."""
        label = self.origins.release(module) or f"{module} of unknown version"
        key = ("distribution", label)
        if key not in self._by_key:
            self._by_key[key] = Component(label, digest_of(fields("distribution", label)))
        return self._by_key[key]

    def whole_module(self, name: str, file: str) -> Component:
        """Return the component of a module's source as a whole, with what it imports."""
        key = ("module", file)
        if key not in self._by_key:
            component = self._by_key[key] = Component(self.display(file, name))
            self._work.append(lambda: expand_module(self, component, name, file))
        return self._by_key[key]

    def namespace(self, label: str, names: dict[str, object]) -> Component:
        """Return the component of everything that a loaded module holds."""
        known = self._by_id.get(id(names))
        if known is None:
            component = Component(f"{label} values")
            self._by_id[id(names)] = names, component
            self._work.append(lambda: expand_namespace(self, component, names))
            return component
        return known[1]

    def parsed(self, file: str) -> ParsedSource | str | None:
        """Return a file's parsed source, its bare text when it can't be parsed, None without text."""
        if file not in self._parsed:
            # What was not imported for the evaluation, like the target of a late import, is on disk only.
            text = self._sources.text_of(file)
            if text is None and not file.startswith("<"):
                text = self._files.text_of(file)
            source: ParsedSource | str | None = text
            if text is not None:
                try:
                    source = ParsedSource(text)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    source = text
            self._parsed[file] = source
        return self._parsed[file]

    def written(self, value: object) -> Written:
        """Return a value's digest and references; each object is encoded once."""
        known = self._written.get(id(value))
        if known is None:
            known = value, write_value(self, value)
            self._written[id(value)] = known
        return known[1]

    def body(self, code: CodeType, names: dict[str, object], make: Callable[[], Body]) -> Body:
        """Return what functions with this code and these globals have in common; made once."""
        known = self._bodies.get((id(code), id(names)))
        if known is None:
            known = code, names, make()
            self._bodies[(id(code), id(names))] = known
        return known[2]

    def owner_of(self, function: FunctionType) -> Owner:
        """Return whose code a function is, whatever `functools.wraps` made it pretend."""
        module = function.__globals__.get("__name__")
        file = function.__code__.co_filename
        if isinstance(module, str) and self.origins.of_module(module) is Owner.STAGEMAKE:
            return Owner.STAGEMAKE
        if file.startswith("<") and not file.startswith("<frozen ") and isinstance(module, str):
            return self.origins.of_module(module)
        self._file_by_module.setdefault(str(module), os.path.abspath(file))
        return self.origins.of_file(file if file.startswith("<") else os.path.abspath(file))

    def owner_of_class(self, kind: type) -> Owner:
        """Return whose code a class is."""
        if kind.__module__.partition(".")[0] == "stagemake":
            return Owner.STAGEMAKE
        if self.file_of_module(kind.__module__):
            return self.origins.of_file(self.file_of_module(kind.__module__))
        return self.origins.of_module(kind.__module__)

    def file_of_module(self, name: str) -> str:
        """Return the file of a module by name, loaded or seen; empty when unknown."""
        seen = self._file_by_module.get(name)
        if seen is not None:
            return seen
        file = getattr(sys.modules.get(name), "__file__", None)
        return os.path.abspath(file) if isinstance(file, str) else ""

    def note_module(self, names: dict[str, object]) -> None:
        """Remember where a module that isn't in `sys.modules`, like a Stagefile, came from."""
        name, file = names.get("__name__"), names.get("__file__")
        if isinstance(name, str) and isinstance(file, str):
            self._file_by_module.setdefault(name, os.path.abspath(file))

    def display(self, file: str, module: str) -> str:
        """Return how a file is called: relative to the root, or the module's name elsewhere."""
        relative = None if not file or file.startswith("<") else self.origins.relative(file)
        return relative if relative is not None else module

    def shown_path(self, file: str) -> str:
        """Return a file as a project path: relative inside the root, else absolute."""
        relative = self.origins.relative(file)
        return relative if relative is not None else file

    def _start(self, value: FunctionType | type | ModuleType) -> Component:
        if isinstance(value, FunctionType):
            return self._start_function(value)
        if isinstance(value, ModuleType):
            return self._start_module(value)
        if self.owner_of_class(value) is Owner.OWN:
            file = self.file_of_module(value.__module__)
            component = Component(f"{self.display(file, value.__module__)}:{value.__qualname__}")
            self._work.append(lambda: expand_class(self, component, value, file))
            return component
        return self.outside(value.__module__, value.__qualname__)

    def _start_function(self, function: FunctionType) -> Component:
        self.note_module(function.__globals__)
        module = str(function.__globals__.get("__name__"))
        owner = self.owner_of(function)
        name = function.__code__.co_qualname
        if owner is Owner.OWN:
            file = function.__code__.co_filename
            file = file if file.startswith("<") else os.path.abspath(file)
            component = Component(f"{self.display(file, module)}:{name}()")
            self._work.append(lambda: expand_function(self, component, function, file))
            return component
        if owner is Owner.STAGEMAKE or (not function.__closure__ and not function.__dict__):
            return self.outside(module, name)
        # A library's wrapper around the user's code: `contextmanager`, `singledispatch`, `retry`, …
        component = Component("", digest_of(fields("wrapper", name)))
        component.edges.append(("code", self.outside(module, name)))
        self._work.append(lambda: expand_value(self, component, _captured(function)))
        return component

    def _start_module(self, module: ModuleType) -> Component:
        file = getattr(module, "__file__", None)
        owner = self.origins.of_module(module.__name__)
        if not isinstance(file, str) or owner is not Owner.OWN or is_binary(file):
            return self.outside(module.__name__, "")
        file = os.path.abspath(file)
        component = Component("", digest_of(b"module as a value"))
        label = self.display(file, module.__name__)
        component.fallbacks.append(
            f"module `{label}` is used as a value: all of its source and all that it holds count"
        )
        component.edges.append(("source", self.whole_module(module.__name__, file)))
        component.edges.append(("values", self.namespace(label, vars(module))))
        return component

    def _add_file(self, component: Component, module: str) -> None:
        """Count an own extension module by its bytes: it has no source to look into."""
        file = self.file_of_module(module)
        if not is_binary(file):
            return
        label = self.display(file, module)
        try:
            with open(file, "rb") as binary:
                content = binary.read()
        except OSError:
            return
        component.edges.append(("file", Component(label, digest_of(content))))
        component.files.append(self.shown_path(file))
        component.fallbacks.append(f"`{label}` has no Python source: the bytes of the file count")


def _is_bound(function: BuiltinFunctionType) -> bool:
    return function.__self__ is not None and not isinstance(function.__self__, ModuleType)


def _captured(function: FunctionType) -> object:
    """Return what a library's function carries with it, as a value to encode."""
    cells: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:
            cells[name] = "an empty cell"
    return cells, dict(function.__dict__)
