"""Whose code a file or module is: the user's own, the standard library's, an installed distribution's.

The rule, in this order. A file is *installed* when a directory on its path (below the root, if it lies there) is
`site-packages` or `dist-packages`. It is *standard* when it lies in the interpreter's library directory. Every other
file is *own*: in the project or beside it, such as an editable install or a sibling package.
"""

from __future__ import annotations

import enum
import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

_INSTALLED = ("/site-packages/", "/dist-packages/")
_BINARY = (".so", ".pyd", ".dylib", ".dll")


class Owner(enum.Enum):
    """Whose code something is."""

    OWN = enum.auto()
    STANDARD = enum.auto()
    INSTALLED = enum.auto()
    STAGEMAKE = enum.auto()


@frozen
class FoundModule:
    """A module as an import statement would find it, without importing it."""

    name: str  # absolute, dotted
    owner: Owner
    file: str = ""  # absolute; empty for built-in modules and namespace packages


class Origins:
    """Tells owners apart, and remembers; one per evaluation.

    Args:
        project_root: Absolute path of the project.
    """

    def __init__(self, project_root: str) -> None:
        self.root = project_root.rstrip("/") or "/"
        self._real_root = os.path.realpath(self.root)
        library = os.path.dirname(os.__file__)
        self._library = tuple({library + "/", os.path.realpath(library) + "/"})
        self._owner_by_file: dict[str, Owner] = {}
        self._found: dict[str, FoundModule | None] = {}
        self._releases: dict[str, str | None] = {}

    def relative(self, file: str) -> str | None:
        """Return the path below the root with `/` separators, or None for files elsewhere."""
        for root in (self.root, self._real_root):
            if file.startswith(root + "/"):
                return file[len(root) + 1 :]
        real = os.path.realpath(file)
        if real != file and real.startswith(self._real_root + "/"):
            return real[len(self._real_root) + 1 :]
        return None

    def of_file(self, file: str) -> Owner:
        """Return whose file this is; generated code (`<string>`) counts as own."""
        known = self._owner_by_file.get(file)
        if known is None:
            known = self._owner_by_file[file] = self._judge(file)
        return known

    def of_module(self, name: str | None) -> Owner:
        """Return whose module this is, by what is loaded under that name, else by the name alone."""
        if not name:
            return Owner.STANDARD  # methods of built-in types say None
        top = name.partition(".")[0]
        if top == "stagemake":
            return Owner.STAGEMAKE
        loaded = sys.modules.get(name) or sys.modules.get(top)
        file = getattr(loaded, "__file__", None)
        if isinstance(file, str):
            return self.of_file(os.path.abspath(file))
        return Owner.STANDARD if top in sys.stdlib_module_names else Owner.OWN

    def find(self, name: str) -> FoundModule | None:
        """Return where `import name` leads, or None if nowhere. Imports nothing, not even parents."""
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    @property
    def looked_up(self) -> tuple[str, ...]:
        """Names that `find` was asked for."""
        return tuple(self._found)

    def release(self, module: str) -> str | None:
        """Return distribution and version, `numpy 2.1.0`, of an installed top-level module, or None.

        Cost: reads the record of one distribution; of all of them when the names differ.
        """
        top = module.partition(".")[0]
        if top not in self._releases:
            self._releases[top] = _release(top)
        return self._releases[top]

    def _judge(self, file: str) -> Owner:
        if file.startswith("<frozen "):
            return Owner.STANDARD
        if file.startswith("<"):
            return Owner.OWN
        relative = self.relative(file)
        place = "/" + (relative if relative is not None else file.lstrip("/"))
        for mark in _INSTALLED:
            _, found, below = place.partition(mark)
            if found:
                top = below.partition("/")[0].partition(".")[0]
                # What no distribution owns has no version: its code is followed like the user's.
                return Owner.INSTALLED if self.release(top) is not None else Owner.OWN
        if relative is None and file.startswith(self._library):
            return Owner.STANDARD
        return Owner.OWN

    def _search(self, name: str) -> FoundModule | None:
        path: Iterable[str] | None = [*sys.path, self.root]
        file = ""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            full = ".".join(parts[:count])
            loaded = sys.modules.get(full)
            if loaded is not None:
                file = getattr(loaded, "__file__", None) or ""
                path = getattr(loaded, "__path__", None)
                continue
            spec = PathFinder.find_spec(full, list(path)) if path is not None else None
            if spec is None:
                known = parts[0] in sys.stdlib_module_names and count == 1
                return FoundModule(name, Owner.STANDARD) if known else None
            file = spec.origin if spec.has_location and spec.origin else ""
            path = spec.submodule_search_locations
        file = os.path.abspath(file) if file else ""
        return FoundModule(name, self.of_file(file) if file else self.of_module(name), file)


def is_binary(file: str) -> bool:
    """Whether a file is an extension module rather than source text."""
    return file.endswith(_BINARY)


def _release(top: str) -> str | None:
    from importlib import metadata  # noqa: PLC0415 - gate, 38 ms; only for code that uses packages

    try:
        guess: Iterable[metadata.Distribution] = [metadata.distribution(top)]
    except metadata.PackageNotFoundError:
        guess = []
    for distributions in (guess, metadata.distributions()):
        for distribution in distributions:
            if _provides(distribution.read_text("RECORD") or "", top):
                return f"{distribution.metadata['Name']} {distribution.version}"
    return None


def _provides(record: str, top: str) -> bool:
    text = "\n" + record
    return any(f"\n{top}{mark}" in text for mark in ("/", ".py,", ".cpython-", ".abi3.so"))
