"""Outputs in the making: each is built beside its place, in directories that are held open, and then given its name.

For `materialize`. What is made here lands in the directories that were found at the start: whoever renames one
meanwhile, or puts a link in its place, leads nothing elsewhere.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake import durable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from stagemake.model.entry import OutputFile

    Fetch = Callable[[str, int, str, int], bool]
    Read = Callable[[str, int], bytes | None]

_MOST_OPEN = 64  # directories inside of outputs, held open at once
_SMALL_BYTES = 1 << 15  # below, contents are written in one piece


@define(eq=False, repr=False)
class Contents:
    """Where the contents of files come from, all of them verified."""

    fetch: Fetch  # see `materialize.restore`
    read: Read | None = None  # `port.ContentSource.read`: for small ones; None: `fetch` for all
    umask: int = 0o022  # of what is made of what was read


@define(eq=False, repr=False)
class Staging:
    """The unfinished outputs of one restore, and the directories they wait in, which are the holder's to close."""

    holding: durable.Holding
    made: list[str] = field(factory=list)  # directories above outputs, outermost first
    fetched: list[tuple[OutputFile, os.stat_result]] = field(factory=list)
    _waiting: list[tuple[durable.Held, str, str, bool]] = field(
        factory=list
    )  # where, its name there, its path, whether it is a directory
    _parents: dict[str, durable.Held] = field(factory=dict)  # by project path

    def build(self, path: str, rows: Sequence[OutputFile], contents: Contents) -> bool:
        """Build one output, whole, beside its place; False when contents are missing.

        Args:
            path: Of the output, without slash.
            rows: Of it and of what is in it, directories first; at least one.
            contents: Where they come from.
        """
        parent = self._parent(path.rpartition("/")[0])
        temp = durable.temp_name()
        is_dir = rows[0].kind == "directory"
        self._waiting.append((parent, temp, path, is_dir))
        if not is_dir:
            return self._make(rows[0], parent, temp, contents)
        nest = _Nest(parent)
        try:
            for row in rows:
                place, _, name = f"{temp}{row.path[len(path) :]}".rpartition("/")
                if not self._make(row, nest.directory(place), name, contents):
                    return False
        finally:
            nest.close()
        return True

    def _make(self, row: OutputFile, held: durable.Held, name: str, contents: Contents) -> bool:
        if row.kind == "directory":
            held.make_dir(name)
        elif row.kind == "symlink":
            held.symlink(row.target, name)
        else:
            status = _written(row, held, name, contents)
            if status is None:
                return False
            self.fetched.append((row, status))
        return True

    def _parent(self, path: str) -> durable.Held:
        held = self._parents.get(path)
        if held is None:
            held, made = self.holding.directory(path)
            self.made += made
            self._parents[path] = held
        return held

    def existing(self) -> list[str]:
        """Return the paths where something is that will be replaced."""
        return [
            path
            for held, _, path, _ in self._waiting
            if held.status(path.rpartition("/")[2]) is not None
        ]

    def replace(self) -> None:
        """Give everything that waits its own name, in the order in which it was built."""
        for held, temp, path, is_dir in self._waiting:
            name = path.rpartition("/")[2]
            if is_dir:
                _swap(held, temp, name)
                continue
            try:
                held.rename(temp, name)
            except IsADirectoryError:
                _swap(held, temp, name)

    def undo(self) -> None:
        """Remove what is unfinished; the failure that led here is the one to report."""
        for held, temp, *_ in self._waiting:
            try:
                held.remove_any(temp)
            except OSError:
                continue
        for directory in reversed(self.made):
            try:
                durable.remove_dir(directory)
            except OSError:  # something is in it by now
                continue


def _written(
    row: OutputFile, held: durable.Held, name: str, contents: Contents
) -> os.stat_result | None:
    """Write one file, return its status; None when its contents aren't to be had or aren't what was asked for."""
    if contents.read is None or row.size_bytes >= _SMALL_BYTES:
        return _fetched(row, held, name, contents.fetch)
    data = contents.read(row.digest, row.size_bytes)
    if data is None or len(data) != row.size_bytes:
        return None
    executable = row.kind == "executable"
    mode = (0o777 if executable else 0o666) & ~contents.umask
    if bool(mode & stat.S_IXUSR) != executable:  # a umask without x
        mode = 0o755
    try:
        return held.create(name, data, mode)
    except OSError:  # once more, so that the store can say what is wrong
        return _fetched(row, held, name, contents.fetch)


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
