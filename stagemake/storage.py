"""Files of the project for stages: one provider that acts, one that only notes what would be done."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.model.error import BadPath

if TYPE_CHECKING:
    from stagemake.model.services import PathLike


class Places:
    """Turns what stages name into paths, and keeps them inside the root.

    Args:
        root: The project's directory, absolute and without symbolic links.
        scratch: The one place below `.stagemake` that a stage may use; absolute.
    """

    def __init__(self, root: str, scratch: str) -> None:
        self.root = root
        self._scratch = scratch

    def inside(self, path: PathLike) -> str:
        """Return the absolute path of what may be looked at; a link in the last place is kept.

        Raises:
            BadPath: It leaves the root, by itself or through a link.
        """
        text = os.fspath(path)
        if not isinstance(text, str) or not text or "\0" in text:
            raise BadPath(f"{text!r} is no path", hint="paths are texts, relative to the root")
        full = os.path.join(self.root, text).rstrip("/") or "/"
        name = os.path.basename(full)
        if name in {".", ".."}:
            full = os.path.realpath(full)
        else:
            full = os.path.join(os.path.realpath(os.path.dirname(full)), name)
        return self._checked(full, text)

    def readable(self, path: PathLike) -> str:
        """Return the absolute path of what is to be read, links followed."""
        return self._checked(os.path.realpath(self.inside(path)), os.fspath(path))

    def changeable(self, path: PathLike) -> str:
        """Return the absolute path of what may be changed: not the root, nothing of stagemake's own."""
        full = self.inside(path)
        own = f"{self.root}/.stagemake"
        if full in {self.root, own}:
            raise BadPath(f"`{os.fspath(path)}` can't be changed by a stage")
        if full.startswith(f"{own}/") and not full.startswith(f"{self._scratch}/"):
            raise BadPath(f"`{os.fspath(path)}` lies in stagemake's own directory")
        return full

    def shown(self, full: str) -> str:
        """Return a path relative to the root."""
        return full[len(self.root) + 1 :] if full != self.root else "."

    def _checked(self, full: str, text: str) -> str:
        if full != self.root and not full.startswith(f"{self.root.rstrip('/')}/"):
            raise BadPath(
                f"`{text}` leads out of the project",
                hint="context.storage stays inside the root; use pathlib for what is elsewhere",
            )
        return full


class LiveStorage:
    """The StorageProvider of a stage that runs: does at once what it is told."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def read(self, path: PathLike) -> bytes:
        """Return a file's bytes."""
        with open(self._places.readable(path), "rb") as stream:
            return stream.read()

    def read_text(self, path: PathLike) -> str:
        """Return a file's text, which is UTF-8."""
        return self.read(path).decode("utf-8")

    def write(self, path: PathLike, data: bytes | str) -> None:
        """Create or replace a file in one step."""
        full = self._places.changeable(path)
        durable.make_dirs(os.path.dirname(full))
        durable.write_atomic(full, in_bytes(data), mode=_mode_of(full))

    def copy(self, source: PathLike, target: PathLike) -> None:
        """Copy a file, a link, or a directory with all it holds."""
        start, end = self._places.inside(source), self._places.changeable(target)
        check_pair(start, end)
        durable.make_dirs(os.path.dirname(end))
        if os.path.isdir(start):
            durable.remove_any(end)  # a file or link
        waiting = [(start, end)]
        while waiting:
            one, copy = waiting.pop()
            if os.path.islink(one):
                _replace_by_link(os.readlink(one), copy)
            elif os.path.isdir(one):
                durable.make_dirs(copy)
                waiting.extend((f"{one}/{name}", f"{copy}/{name}") for name in os.listdir(one))
            else:
                temp = durable.temp_path(os.path.dirname(copy))
                durable.clone_or_copy(one, temp, _mode_of(one))
                durable.rename(temp, copy)

    def move(self, source: PathLike, target: PathLike) -> None:
        """Give what is at `source` the name `target`."""
        start, end = self._places.changeable(source), self._places.changeable(target)
        check_pair(start, end)
        if start == end:
            return
        durable.make_dirs(os.path.dirname(end))
        durable.remove_any(end)
        durable.move_aside(start, end)

    def remove(self, path: PathLike) -> None:
        """Remove whatever is at a path."""
        full = self._places.changeable(path)
        os.lstat(full)  # says so when nothing is there
        durable.remove_any(full)

    def mkdir(self, path: PathLike) -> None:
        """Make a directory and its parents."""
        durable.make_dirs(self._places.changeable(path))

    def chmod(self, path: PathLike, mode: int) -> None:
        """Set the permissions of a file or directory."""
        durable.set_mode(self._places.readable(self._places.changeable(path)), mode)

    def exists(self, path: PathLike) -> bool:
        """Return whether anything is at a path."""
        return os.path.lexists(self._places.inside(path))

    def list(self, path: PathLike = ".") -> tuple[str, ...]:
        """Return what is directly in a directory, sorted, relative to the root."""
        full = self._places.readable(path)
        shown = self._places.shown(full)
        names = sorted(os.listdir(full))
        return tuple(names if shown == "." else [f"{shown}/{name}" for name in names])


def in_bytes(data: bytes | str) -> bytes:
    """Return what is to be written.

    Raises:
        TypeError: It is neither bytes nor text.
    """
    if isinstance(data, str):
        return data.encode("utf-8")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a file holds bytes or text, not a {type(data).__qualname__}")
    return bytes(data)


def check_pair(start: str, end: str) -> None:
    """Check, before anything is done, that something can be copied or moved from start to end.

    Raises:
        OSError: Nothing is at the start, a directory is at the end, or the end lies in the start.
    """
    os.lstat(start)
    if os.path.isdir(end) and not os.path.islink(end):
        raise IsADirectoryError(21, "a directory is there already", end)
    if end.startswith(f"{start}/"):
        raise BadPath(f"`{end}` lies in `{start}`, which is to be copied or moved there")


def _mode_of(full: str) -> int:
    try:
        return stat.S_IMODE(os.stat(full).st_mode)
    except OSError:
        return 0o666


def _replace_by_link(text: str, path: str) -> None:
    temp = durable.temp_path(os.path.dirname(path))
    durable.symlink(text, temp)
    durable.rename(temp, path)
