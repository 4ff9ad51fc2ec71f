"""Builds the component graph of functions: one memo and one work list for a whole evaluation.

Whatever needs expanding is put on the list, never called: the depth of a user's call graph does not matter.
"""

from __future__ import annotations

import os
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from stagemake.fingerprint.class_component import expand_class
from stagemake.fingerprint.component import Component, digest_of, reachable
from stagemake.fingerprint.distributions import Origins, Owner, is_binary
from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.function_component import Body, expand_function
from stagemake.fingerprint.hint_component import link_hints
from stagemake.fingerprint.holders import Holders
from stagemake.fingerprint.module_component import expand_module, expand_namespace
from stagemake.fingerprint.owners import Owners
from stagemake.fingerprint.sources import FileSources, ParsedSource, SourceStore
from stagemake.fingerprint.stood_for import real_of
from stagemake.fingerprint.value_component import Written, expand_value, write_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from types import CodeType

_SAME = digest_of(b"one object")
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement, so that it can be patched


class Graph:
    """The components met so far. Values are looked at once: make one graph after an evaluation.

    Args:
        project_root: Absolute path of the project.
        sources: Gives the texts that modules were compiled from.
    """

    def __init__(self, project_root: str, sources: SourceStore) -> None:
        self.origins = Origins(project_root)
        self.owners = Owners(self.origins)
        self._sources = sources
        self._files = FileSources()
        self._parsed: dict[str, ParsedSource | str | None] = {}
        self._by_id: dict[int, tuple[object, Component]] = {}  # keeps the value, so ids stay unique
        self._by_key: dict[tuple[str, ...], Component] = {}
        self._values: dict[tuple[int, str], tuple[object, Component]] = {}
        self._written: dict[int, tuple[object, Written]] = {}
        self._bodies: dict[tuple[int, int], tuple[CodeType, dict[str, object], Body]] = {}
        self.asks_for_types = False  # whether any code so far does
        self._patches: dict[int, tuple[type, list[tuple[str, Component]]]] = {}
        self._same: dict[int, tuple[object, Component]] = {}
        self._holders = Holders()
        self._work: list[Callable[[], None]] = []

    def finish(self) -> None:
        """Expand until nothing is left to expand."""
        while self._work:
            self._work.pop()()

    def complete(self, root: Component) -> None:
        """Expand all that `root` reaches, with what annotations stand for if anything there asks."""
        self.finish()
        if not self.asks_for_types:
            return
        order = reachable(root)
        while any(component.reads_types for component in order):
            fresh = [each for each in order if each.hints is None and each.subject is not None]
            if not fresh:
                return
            for component in fresh:
                link_hints(self, component)
            self.finish()
            order = reachable(root, with_hints=True)

    def same(self, value: object) -> Component:
        """Return what stands for one object: who else holds it sees its changes."""
        known = self._same.get(id(value))
        if known is None:
            known = self._same[id(value)] = value, Component("", _SAME, is_same=True)
        return known[1]

    def link(self, value: object, label: str) -> Component:
        """Return the component of any value; `label` names it unless it has a name of its own."""
        value = real_of(value)
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
        real = real_of(value)
        component = self._start(value) if real is value else self.link(real, "")
        self._by_id[id(value)] = value, component
        return component

    def outside(self, module: str | None, name: str, file: str = "") -> Component:
        """Return the component of a thing in the standard library, a package or an own extension.

        Args:
            module: By which it is known.
            name: Of the thing in it; empty for the module itself.
            file: Of an own extension; empty: where the module was loaded from.
        """
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
                self._add_file(component, module or "", file)
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
            component = self._by_key[key] = Component(self.owners.display(file, name))
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
            self._holders.add(known[1].held)
        return known[1]

    @property
    def held_by_several(self) -> AbstractSet[int]:
        """Ids of things that more than one value holds, of those written so far."""
        return self._holders.several

    def body(self, code: CodeType, names: dict[str, object], make: Callable[[], Body]) -> Body:
        """Return what functions with this code and these globals have in common; made once."""
        known = self._bodies.get((id(code), id(names)))
        if known is None:
            known = code, names, make()
            self._bodies[(id(code), id(names))] = known
        return known[2]

    def patches(self, kind: type) -> list[tuple[str, Component]]:
        """Return the user's functions that a library's class, or a base of it, holds.

        Cost: O(attributes) the first time.
        """
        known = self._patches.get(id(kind))
        if known is None:
            found = [
                (name, self.named(value))
                for base in kind.__mro__
                if base.__flags__ & _HEAP_TYPE and self.owners.owner_of_class(base) is not Owner.OWN
                for name, value in vars(base).items()
                if type(value) is FunctionType and self.owners.owner_of(value) is Owner.OWN
            ]
            known = self._patches[id(kind)] = kind, found
        return known[1]

    def _start(self, value: FunctionType | type | ModuleType) -> Component:
        if isinstance(value, FunctionType):
            return self._start_function(value)
        if isinstance(value, ModuleType):
            return self._start_module(value)
        if self.owners.owner_of_class(value) is Owner.OWN:
            file = (
                "" if value.__module__ == "types" else self.owners.file_of_module(value.__module__)
            )
            component = Component(
                f"{self.owners.display(file, value.__module__)}:{value.__qualname__}"
            )
            component.subject = value
            self._work.append(lambda: expand_class(self, component, value, file))
            return component
        outside = self.outside(value.__module__, value.__qualname__)
        patches = self.patches(value)
        if not patches:
            return outside
        return Component("", digest_of(b"patched class"), [("class", outside), *patches])

    def _start_function(self, function: FunctionType) -> Component:
        self.owners.note_module(function.__globals__)
        module = str(function.__globals__.get("__name__"))
        owner = self.owners.owner_of(function)
        name = function.__code__.co_qualname
        if owner is Owner.OWN:
            file = function.__code__.co_filename
            file = file if file.startswith("<") else os.path.abspath(file)
            component = Component(f"{self.owners.display(file, module)}:{name}()")
            component.subject = function
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
        label = self.owners.display(file, module.__name__)
        component.fallbacks.append(
            f"module `{label}` is used as a value: all of its source and all that it holds count"
        )
        component.edges.append(("source", self.whole_module(module.__name__, file)))
        component.edges.append(("values", self.namespace(label, vars(module))))
        return component

    def _add_file(self, component: Component, module: str, file: str) -> None:
        """Count an own extension module by its bytes: it has no source to look into."""
        file = file or self.owners.file_of_module(module)
        if not is_binary(file):
            return
        label = self.owners.display(file, module)
        try:
            with open(file, "rb") as binary:
                content = binary.read()
        except OSError:
            return
        component.edges.append(("file", Component(label, digest_of(content))))
        component.files.append(self.owners.shown_path(file))
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
