"""The modules beside a Stagefile: imported from source, kept apart from everyone else's."""

from __future__ import annotations

import _thread
import importlib.machinery
import importlib.util
import os
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType


# The modules and the search path are the process's: managers in several threads take turns with them.
_TURN = _thread.RLock()
os.register_at_fork(after_in_child=_TURN._at_fork_reinit)  # type: ignore[attr-defined]  # noqa: SLF001 - as threading does


@contextmanager
def undisturbed_imports() -> Iterator[None]:
    """Keep others from making their project's modules importable, and wait until nobody does."""
    with _TURN:
        yield


class ProjectImports:
    """The modules that one evaluation imported from its project.

    They are in `sys.modules` only while `active`: two evaluations in one process must not see each
    other's helpers, and a later evaluation must see the helpers as they are by then.

    An included Stagefile has a room of its own inside that of the one that includes it: its own
    directory comes first, then the outer ones. What lies in an outer directory is imported there, once
    for all, and does not see what lies further inside.

    Args:
        root: The project's directory, absolute. Modules outside it are none of our business.
        directory: Where the Stagefile lies, which comes first on the search path, as a script's does.
        texts: Filled with the source of each module, by file name, exactly as it was compiled.
        outer: The room of the Stagefile that includes this one.
    """

    def __init__(
        self, root: str, directory: str, texts: dict[str, str], outer: ProjectImports | None = None
    ) -> None:
        self._directory = directory
        self._modules: dict[str, ModuleType] = {}
        self.names: set[str] = set()  # of modules that our finder found
        self._finder = _ProjectFinder(root, directory, texts, self)
        self._is_active = False
        self._hidden_names = _importable_names(directory)
        self._hidden: dict[
            str, ModuleType
        ] = {}  # while active: what others have loaded under our names
        self.outer = outer
        self._inner: ProjectImports | None = None  # active inside of this one

    def add(self, name: str, module: ModuleType) -> None:
        """Put a module among them; while active, so that it can be imported."""
        self.names.add(name)
        sys.modules[name] = module

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the modules importable, as they are after the evaluation; may be nested.

        One at a time in a process, but for the threads of whoever has the turn.
        """
        with _TURN:
            yield from self._active()

    def enter(self) -> None:
        """Make the modules importable until `leave`, in a process in which nobody else asks for any."""
        if self._is_active:
            return
        if self.outer is not None:
            self.outer.enter()
        sys.dont_write_bytecode = True
        self._enter()

    def leave(self) -> None:
        """Undo `enter`; bytecode stays unwritten."""
        if not self._is_active:
            return
        self._leave()
        if self.outer is not None:
            self.outer.leave()

    def _active(self) -> Iterator[None]:
        if self._is_active:
            yield
            return
        with nullcontext() if self.outer is None else self.outer.active():
            wrote_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
            self._enter()
            try:
                yield
            finally:
                self._leave()
                sys.dont_write_bytecode = wrote_bytecode

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Put the rooms inside of this active one away, as its modules must not find theirs."""
        inside = []
        room = self._inner
        while room is not None:
            inside.append(room)
            room = room._inner  # noqa: SLF001 - of the same class
        for room in reversed(inside):
            room._leave()  # noqa: SLF001 - as above
        try:
            yield
        finally:
            for room in inside:
                room._enter()  # noqa: SLF001 - as above

    def _enter(self) -> None:
        others = [top for top in self._hidden_names if top in sys.modules and self._hides(top)]
        tops = frozenset(others)
        if (
            tops
        ):  # with what lies below them; seldom, so that the many are not looked through each time
            others = [name for name in tuple(sys.modules) if name.partition(".")[0] in tops]
        self._hidden = {
            name: sys.modules.pop(name) for name in (*others, *self._modules) if name in sys.modules
        }
        sys.modules.update(self._modules)
        # First, so that the project wins over an installed module of the same name.
        sys.meta_path.insert(0, self._finder)
        sys.path.insert(0, self._directory)
        self._is_active = True
        if self.outer is not None:
            self.outer._inner = self  # noqa: SLF001 - as above

    def _leave(self) -> None:
        if self.outer is not None:
            self.outer._inner = None  # noqa: SLF001 - as above
        self._is_active = False
        sys.meta_path.remove(self._finder)
        if self._directory in sys.path:
            sys.path.remove(self._directory)
        for name in self.names:
            module = sys.modules.pop(name, None)
            if module is not None:
                self._modules[name] = module
        sys.modules.update(self._hidden)

    def _hides(self, top: str) -> bool:
        """Whether a loaded module could be taken for one of ours; a bare directory gives way to a real one."""
        is_bare = self._hidden_names[top]
        return not is_bare or getattr(sys.modules[top], "__file__", None) is None


def _importable_names(directory: str) -> dict[str, bool]:
    """Return top-level names that mean something in `directory`, and whether as a directory without `__init__.py`.

    Names of the standard library stay as they are: what is loaded of it is in use by us.
    """
    try:
        entries = os.listdir(directory)
    except OSError:
        return {}
    names = {name.partition(".")[0] for name in entries if name.endswith(".py") or "." not in name}
    return {
        name: f"{name}.py" not in entries
        and not os.path.exists(os.path.join(directory, name, "__init__.py"))
        for name in sorted(names)
        if name.isidentifier() and name != "stagemake" and name not in sys.stdlib_module_names
    }


class _SourceOnlyLoader(importlib.machinery.SourceFileLoader):
    """Compiles from source, always: .pyc files are checked by whole seconds only, and could lie."""

    def __init__(self, name: str, path: str, texts: dict[str, str], room: ProjectImports) -> None:
        super().__init__(name, path)
        self._texts = texts
        self._room = room

    def exec_module(self, module: ModuleType) -> None:
        with self._room.alone():
            super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if path not in self._texts:  # else it was identified by this text
            self._texts[path] = importlib.util.decode_source(self.get_data(path))
        return self.source_to_code(self._texts[path], path)


class _ProjectFinder:
    """Finds modules inside the project's root and has them loaded from source."""

    def __init__(
        self, root: str, directory: str, texts: dict[str, str], room: ProjectImports
    ) -> None:
        self._prefix = root + os.sep
        self._directory = directory
        self._texts = texts
        self._room = room
        self._note = room.names.add

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for a module inside the root; None leaves it to the usual finders."""
        del target
        if name.partition(".")[0] == "stagemake":  # when stagemake builds itself
            return None
        is_inner = self._room.outer is not None
        if path is not None and is_inner and name.rpartition(".")[0] not in self._room.names:
            return None  # of a package that an outer room has
        places = [self._directory] if path is None else list(path)
        # The finder remembers listings by the directory's time, in ticks that an edit may share.
        for place in places:
            sys.path_importer_cache.pop(place, None)
        spec = importlib.machinery.PathFinder.find_spec(name, places)
        if spec is None:
            return None
        if spec.origin is None:  # a directory without __init__.py
            usual = importlib.machinery.PathFinder.find_spec(name) if path is None else None
            if usual is not None and usual.origin is not None:
                return None  # any real module comes before such a directory
            inside = any(self._is_ours(place) for place in spec.submodule_search_locations or ())
            if inside:
                self._note(name)
            return spec if inside else None
        if not self._is_ours(spec.origin):
            return None
        self._note(name)
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _SourceOnlyLoader(name, spec.origin, self._texts, self._room)
            spec.cached = None
        return spec

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._prefix) and f"{os.sep}site-packages{os.sep}" not in path
