"""Outputs in the making: each is built beside its place, in directories that are held open, and then given its name.

For `materialize`. What is made here lands in the directories that were found at the start: whoever renames one
meanwhile, or puts a link in its place, leads nothing elsewhere.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake import durable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.model.entry import OutputFile

    Fetch = Callable[[str, int, str, int], bool]

_MOST_OPEN = 64  # directories inside of outputs, held open at once


@define
class Staging:
    """The unfinished outputs of one restore, and the directories they wait in. `close` it."""

    root: str
    made: list[str] = field(factory=list)  # directories above outputs, outermost first
    fetched: list[tuple[OutputFile, os.stat_result]] = field(factory=list)
    _waiting: list[tuple[durable.Held, str, str]] = field(
        factory=list
    )  # where, its name there, its path
    _parents: dict[str, durable.Held] = field(factory=dict)  # by project path

    def build(self, path: str, rows: Iterable[OutputFile], fetch: Fetch) -> bool:
        """Build one output, whole, beside its place; False when contents are missing.

        Args:
            path: Of the output, without slash.
            rows: Of it and of what is in it, directories first.
            fetch: See `materialize.restore`.
        """
        parent = self._parent(os.path.dirname(path))
        temp = durable.temp_name()
        self._waiting.append((parent, temp, path))
        nest = _Nest(parent)
        try:
            for row in rows:
                place, _, name = f"{temp}{row.path[len(path) :]}".rpartition("/")
                if not self._make(row, nest.directory(place), name, fetch):
                    return False
        finally:
            nest.close()
        return True

    def _make(self, row: OutputFile, held: durable.Held, name: str, fetch: Fetch) -> bool:
        if row.kind == "directory":
            held.make_dir(name)
        elif row.kind == "symlink":
            held.symlink(row.target, name)
        else:
            status = _fetched(row, held, name, fetch)
            if status is None:
                return False
            self.fetched.append((row, status))
        return True

    def _parent(self, path: str) -> durable.Held:
        held = self._parents.get(path)
        if held is None:
            held, made = durable.hold(self.root, path)
            self.made += made
            self._parents[path] = held
        return held

    def existing(self) -> list[str]:
        """Return the paths where something is that will be replaced."""
        return [
            path
            for held, _, path in self._waiting
            if held.status(os.path.basename(path)) is not None
        ]

    def replace(self) -> None:
        """Give everything that waits its own name, in the order in which it was built."""
        for held, temp, path in self._waiting:
            name = os.path.basename(path)
            status = held.status(temp)
            if status is not None and stat.S_ISDIR(status.st_mode):
                _swap(held, temp, name)
                continue
            try:
                held.rename(temp, name)
            except IsADirectoryError:
                _swap(held, temp, name)

    def undo(self) -> None:
        """Remove what is unfinished; the failure that led here is the one to report."""
        for held, temp, _ in self._waiting:
            try:
                held.remove_any(temp)
            except OSError:
                continue
        for directory in reversed(self.made):
            try:
                durable.remove_dir(directory)
            except OSError:  # something is in it by now
                continue

    def close(self) -> None:
        """Let go of the directories."""
        for held in self._parents.values():
            held.close()


def _fetched(row: OutputFile, held: durable.Held, name: str, fetch: Fetch) -> os.stat_result | None:
    """Fetch one file, return its status; None when it isn't to be had or isn't what was asked for."""
    executable = row.kind == "executable"
    target = held.path_of(name)
    try:
        if not fetch(row.digest, row.size_bytes, target, 0o777 if executable else 0o666):
            return None
    except OSError as error:
        if error.filename == target and error.errno is not None:
            raise OSError(error.errno, error.strerror, held.shown(name)) from error
        raise
    status = held.status(name)
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != row.size_bytes:
        return None
    if (
        bool(status.st_mode & stat.S_IXUSR) != executable
    ):  # a umask without x, or a clone's own mode
        held.set_mode(name, 0o755 if executable else 0o644)
        status = held.status(name)
    return status


def _swap(held: durable.Held, temp: str, name: str) -> None:
    """Rename where a rename alone can't replace: directories that aren't empty, another kind."""
    if held.status(name) is None:
        held.rename(temp, name)
        return
    aside = durable.temp_name()
    held.rename(name, aside)
    try:
        held.rename(temp, name)
    except BaseException:
        held.rename(aside, name)
        raise
    for _ in range(2):  # a disk that fails once in a while
        try:
            held.remove_any(aside)
        except OSError:  # the outputs are right; what is left has a name that `sweep_temps` finds
            continue
        return


class _Nest:
    """The directories inside of one output, by their path below a held one; some of them held open."""

    def __init__(self, top: durable.Held) -> None:
        self._top = top
        self._inner: dict[str, durable.Held] = {}

    def directory(self, path: str) -> durable.Held:
        """Return the directory at a path that we made ourselves; the top for an empty one."""
        if not path:
            return self._top
        found = self._inner.get(path)
        if found is None:
            if len(self._inner) >= _MOST_OPEN:
                self.close()
            above, _, name = path.rpartition("/")
            found = self._inner[path] = self._opened(above, name)
        return found

    def _opened(self, above: str, name: str) -> durable.Held:
        known = self._top if not above else self._inner.get(above)
        if known is not None:
            return known.inner(name)
        held = self._top
        for part in (*above.split("/"), name):
            try:
                inner = held.inner(part)
            finally:
                if held is not self._top:
                    held.close()
            held = inner
        return held

    def close(self) -> None:
        """Let go of all but the top."""
        for held in self._inner.values():
            held.close()
        self._inner.clear()
