"""Whose code loaded functions and classes are, and where they came from: `Origins` for things instead of files."""

from __future__ import annotations

import functools
import os
import sys
import types
from types import FunctionType
from typing import TYPE_CHECKING

from stagemake.fingerprint.distributions import Owner

if TYPE_CHECKING:
    from stagemake.fingerprint.distributions import Origins


class Owners:
    """Remembers the modules met so far; one per evaluation.

    Args:
        origins: Tells whose a file or a module is.
    """

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._file_by_module: dict[str, str] = {}
        self._names_by_module: dict[str, dict[str, object]] = {}

    def owner_of(self, function: FunctionType) -> Owner:
        """Return whose code a function is, whatever `functools.wraps` made it pretend."""
        module = function.__globals__.get("__name__")
        file = function.__code__.co_filename
        if isinstance(module, str) and self._origins.of_module(module) is Owner.STAGEMAKE:
            return Owner.STAGEMAKE
        if file.startswith("<") and not file.startswith("<frozen ") and isinstance(module, str):
            return self._origins.of_module(module)
        self._file_by_module.setdefault(str(module), os.path.abspath(file))
        return self._origins.of_file(file if file.startswith("<") else os.path.abspath(file))

    def is_own(self, value: object) -> bool:
        """Whether a thing found in a library is the user's, put there by a patch."""
        if isinstance(value, FunctionType):
            return self.owner_of(value) is Owner.OWN
        if isinstance(value, type):
            return self.owner_of_class(value) is Owner.OWN
        if isinstance(value, functools.partial):
            return True
        kind = type(value)
        return kind.__module__ not in sys.stdlib_module_names and self.is_own(kind)

    def owner_of_class(self, kind: type) -> Owner:
        """Return whose code a class is."""
        if kind.__module__.partition(".")[0] == "stagemake":
            return Owner.STAGEMAKE
        if kind.__module__ == "types" and vars(types).get(kind.__qualname__) is not kind:
            return Owner.OWN  # made by `make_dataclass` or `new_class`
        if self.file_of_module(kind.__module__):
            return self._origins.of_file(self.file_of_module(kind.__module__))
        return self._origins.of_module(kind.__module__)

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
            self._names_by_module.setdefault(name, names)

    def names_of_module(self, name: str) -> dict[str, object]:
        """Return the globals of a module by name, loaded or seen; empty when unknown."""
        seen = self._names_by_module.get(name)
        return seen if seen is not None else vars(sys.modules[name]) if name in sys.modules else {}

    def display(self, file: str, module: str) -> str:
        """Return how a file is called: relative to the root, or the module's name elsewhere."""
        relative = None if not file or file.startswith("<") else self._origins.relative(file)
        return relative if relative is not None else module

    def shown_path(self, file: str) -> str:
        """Return a file as a project path: relative inside the root, else absolute."""
        relative = self._origins.relative(file)
        return relative if relative is not None else file
