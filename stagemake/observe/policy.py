"""Which paths of the project a stage declares. Asked by the comparison, and by a sandbox for each access."""

from __future__ import annotations

import os
from functools import cache
from os.path import islink, lexists, realpath
from typing import TYPE_CHECKING

from stagemake.observe.access import Act

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_READS = {Act.READ.value, Act.RUN.value}
_BYTECODE = "__pycache__"
_CACHE_MARK = b"Signature: 8a477f597d28d172789f06886806bc55"


class Policy:
    """What one stage may do, by what it declares. Paths are relative to the root, as in an access log.

    Args:
        root: Absolute, without links.
        reads: Declared inputs, programs, discovered inputs; relative to the root or absolute.
        writes: Outputs and the depfile, the same.
        is_call: Whether it is a function, whose modules are in its identity.
    """

    def __init__(
        self, root: str, reads: Iterable[str], writes: Iterable[str], *, is_call: bool
    ) -> None:
        self._root = root
        self._is_call = is_call
        self.readable = {place for path in reads for place in self._places(path)}
        self.writable = {place for path in writes for place in self._places(path)}
        self._above_reads = {above for path in self.readable for above in _above(path)}
        self._above_writes = {above for path in self.writable for above in _above(path)}
        self._made: set[str] = set()
        self.tool_of = cache(self._tool_of)

    def allows(self, record: tuple[str, str]) -> bool:
        """Return whether a sandbox lets an access pass; remembers what the stage makes itself."""
        letter, path = record
        if letter == Act.CREATE.value:
            if not self.may_make(path):
                return False
            self._made.add(path)
            return True
        if letter in {Act.CHANGE.value, Act.REMOVE.value}:
            return self.may_write(path) or bool(self.tool_of(path))
        return letter not in _READS or self.may_read(path)

    def may_read(self, path: str) -> bool:
        """Return whether the content of a path is declared, the stage's own, or a tool's."""
        source = source_of(path)
        if source is None or (self._is_call and source.endswith(".py")):
            return True
        return covers(self.readable, source) or self.may_write(path) or bool(self.tool_of(source))

    def may_write(self, path: str) -> bool:
        """Return whether a path is an output, lies in one, or was made by the stage itself."""
        return covers(self.writable, path) or covers(self._made, path)

    def may_make(self, path: str) -> bool:
        """Return whether something new may come up: an output, on the way to one, or beside one for a time."""
        return (
            self.may_write(path)
            or path in self._above_writes
            or (os.path.dirname(path) or ".") in self._above_writes
            or _BYTECODE in path
            or bool(self.tool_of(path))
        )

    def leads_to_input(self, path: str) -> bool:
        """Return whether something declared lies below a directory: then its listing is no news."""
        return path in self._above_reads

    def leads_to_output(self, path: str) -> bool:
        """Return whether an output lies below a directory."""
        return path in self._above_writes

    def _places(self, path: str) -> set[str]:
        """Return the names an access log may have for a declared path."""
        full = os.path.join(self._root, path.rstrip("/"))
        near = f"{realpath(os.path.dirname(full))}/{os.path.basename(full)}"
        places = {near, realpath(full)} if islink(near) else {near}
        inside = self._root.rstrip("/") + "/"
        return {place.removeprefix(inside) for place in places} | {path.rstrip("/")}

    def _tool_of(self, path: str) -> str:
        """Return the directory of tools, or of a tool's cache, that a path lies in; empty for none."""
        for place in reversed(_above(path)):
            if place == ".":
                continue
            full = f"{self._root}/{place}"
            if place.rpartition("/")[2] == "node_modules" or lexists(f"{full}/pyvenv.cfg"):
                return place
            if _is_cache(f"{full}/CACHEDIR.TAG"):
                return place
        return ""


def source_of(path: str) -> str | None:
    """Return the source that a file of bytecode stands for, the path itself for others; None: not to be told."""
    head, _, name = path.rpartition("/")
    if head.rpartition("/")[2] != _BYTECODE:
        return None if name == _BYTECODE else path
    folder = head.rpartition("/")[0]
    return f"{folder}/{name.partition('.')[0]}.py".removeprefix("/")


def covers(declared: Collection[str], path: str) -> bool:
    """Return whether a path is declared, or a directory above it."""
    return path in declared or any(above in declared for above in _above(path))


def _above(path: str) -> list[str]:
    """Return all directories above a relative path, innermost first, `.` for the root at the end."""
    found = []
    while path := path.rpartition("/")[0]:
        found.append(path)
    return [*found, "."]


def _is_cache(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_CACHE_MARK)) == _CACHE_MARK
    except OSError:
        return False
