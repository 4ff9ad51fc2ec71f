"""The modules beside a Stagefile: imported from source, kept apart from everyone else's."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import CodeType, ModuleType


class ProjectImports:
    """The modules that one evaluation imported from its project.

    They are in `sys.modules` only while `active`: two evaluations in one process must not see each
    other's helpers, and a later evaluation must see the helpers as they are by then.

    Args:
        root: The project's directory, absolute. Modules outside it are none of our business.
        directory: Where the Stagefile lies, which comes first on the search path, as a script's does.
        texts: Filled with the source of each module, by file name, exactly as it was compiled.
    """

    def __init__(self, root: str, directory: str, texts: dict[str, str]) -> None:
        self._directory = directory
        self._modules: dict[str, ModuleType] = {}
        self._names: set[str] = set()  # of modules that our finder found
        self._finder = _ProjectFinder(root, directory, texts, self._names.add)
        self._is_active = False
        self._hidden_names = _importable_names(directory)

    def add(self, name: str, module: ModuleType) -> None:
        """Put a module among them; while active, so that it can be imported."""
        self._names.add(name)
        sys.modules[name] = module

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the modules importable, as they are after the evaluation; may be nested."""
        if self._is_active:
            yield
            return
        hidden = {
            name: sys.modules.pop(name)
            for name in (*self._modules, *self._hidden_names)
            if name in sys.modules
        }
        sys.modules.update(self._modules)
        # First, so that the project wins over an installed module of the same name.
        sys.meta_path.insert(0, self._finder)
        sys.path.insert(0, self._directory)
        wrote_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        self._is_active = True
        try:
            yield
        finally:
            self._is_active = False
            sys.dont_write_bytecode = wrote_bytecode
            sys.meta_path.remove(self._finder)
            if self._directory in sys.path:
                sys.path.remove(self._directory)
            for name in self._names:
                module = sys.modules.pop(name, None)
                if module is not None:
                    self._modules[name] = module
            sys.modules.update(hidden)


def _importable_names(directory: str) -> tuple[str, ...]:
    """Return top-level names that mean something in `directory`, which others may have loaded.

    Names of the standard library stay as they are: what is loaded of it is in use by us.
    """
    try:
        entries = os.listdir(directory)
    except OSError:
        return ()
    names = {name.partition(".")[0] for name in entries if name.endswith(".py") or "." not in name}
    return tuple(
        sorted(
            name
            for name in names
            if name.isidentifier() and name != "stagemake" and name not in sys.stdlib_module_names
        )
    )


class _SourceOnlyLoader(importlib.machinery.SourceFileLoader):
    """Compiles from source, always: .pyc files are checked by whole seconds only, and could lie."""

    def __init__(self, name: str, path: str, texts: dict[str, str]) -> None:
        super().__init__(name, path)
        self._texts = texts

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if path not in self._texts:  # else it was identified by this text
            self._texts[path] = importlib.util.decode_source(self.get_data(path))
        return self.source_to_code(self._texts[path], path)


class _ProjectFinder:
    """Finds modules inside the project's root and has them loaded from source."""

    def __init__(
        self, root: str, directory: str, texts: dict[str, str], note: Callable[[str], None]
    ) -> None:
        self._prefix = root + os.sep
        self._directory = directory
        self._texts = texts
        self._note = note

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for a module inside the root; None leaves it to the usual finders."""
        del target
        if name.partition(".")[0] == "stagemake":  # when stagemake builds itself
            return None
        places = [self._directory] if path is None else list(path)
        # The finder remembers listings by the directory's time, in ticks that an edit may share.
        for place in places:
            sys.path_importer_cache.pop(place, None)
        spec = importlib.machinery.PathFinder.find_spec(name, places)
        if spec is None:
            return None
        if spec.origin is None:  # a directory without __init__.py
            inside = any(self._is_ours(place) for place in spec.submodule_search_locations or ())
            if inside:
                self._note(name)
            return spec if inside else None
        if not self._is_ours(spec.origin):
            return None
        self._note(name)
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _SourceOnlyLoader(name, spec.origin, self._texts)
            spec.cached = None
        return spec

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._prefix) and f"{os.sep}site-packages{os.sep}" not in path
