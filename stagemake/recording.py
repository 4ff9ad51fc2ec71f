"""The storage of a dry run: notes what would be done, and shows the files as if it had been."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.error import BadPath
from stagemake.model.operation import OperationKind, PlannedOperation
from stagemake.storage import Places, in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.operation import DryRunContext
    from stagemake.model.services import PathLike


@frozen
class _Node:
    """What would be at a path: nothing, a directory, or a file with bytes or with those of another one."""

    kind: str  # "", "dir" or "file"
    data: bytes | None = None
    real: str = ""  # where the bytes are now, when `data` is None
    size_bytes: int = 0


_GONE = _Node("")
_DIRECTORY = _Node("dir")


class RecordingStorage:
    """The StorageProvider of a dry run. Changes nothing; what it notes goes into a DryRunContext."""

    def __init__(self, places: Places, noted: DryRunContext) -> None:
        self._places = places
        self._noted = noted
        self._planned: dict[str, _Node] = {}  # by absolute path

    def read(self, path: PathLike) -> bytes:
        """Return a file's bytes as they would be."""
        full = self._places.inside(path)
        node = self._node(full)
        if node.kind == "dir":
            raise _error(errno.EISDIR, full)
        if not node.kind:
            raise self._missing(full)
        if node.data is not None:
            return node.data
        with open(self._places.readable(node.real), "rb") as stream:
            return stream.read()

    def read_text(self, path: PathLike) -> str:
        """Return a file's text as it would be."""
        return self.read(path).decode("utf-8")

    def write(self, path: PathLike, data: bytes | str) -> None:
        """Note that a file would be created or modified."""
        full = self._places.changeable(path)
        written = in_bytes(data)
        node = self._node(full)
        if node.kind == "dir":
            raise _error(errno.EISDIR, full)
        self._make_parents(full)
        kind = OperationKind.MODIFY if node.kind else OperationKind.CREATE
        self._note(kind, full, size_bytes=len(written))
        self._planned[full] = _Node("file", written, size_bytes=len(written))

    def copy(self, source: PathLike, target: PathLike) -> None:
        """Note a copy."""
        start, end = self._places.inside(source), self._places.changeable(target)
        found = self._checked(start, end)
        self._make_parents(end)
        size = sum(node.size_bytes for _, node in found)
        self._note(OperationKind.COPY, start, target=self._places.shown(end), size_bytes=size)
        self._planned.update((end + full[len(start) :], node) for full, node in found)

    def move(self, source: PathLike, target: PathLike) -> None:
        """Note a move."""
        start, end = self._places.changeable(source), self._places.changeable(target)
        found = self._checked(start, end)
        if start == end:
            return
        self._make_parents(end)
        self._note(OperationKind.MOVE, start, target=self._places.shown(end))
        self._forget(start)
        self._planned.update((end + full[len(start) :], node) for full, node in found)

    def remove(self, path: PathLike) -> None:
        """Note a removal."""
        full = self._places.changeable(path)
        if not self._node(full).kind:
            raise self._missing(full)
        self._note(OperationKind.DELETE, full)
        self._forget(full)

    def mkdir(self, path: PathLike) -> None:
        """Note a directory that would be made, unless it is there."""
        full = self._places.changeable(path)
        node = self._node(full)
        if node.kind == "file":
            raise _error(errno.ENOTDIR, full)
        if not node.kind:
            self._make_parents(full)
            self._noted.add(
                PlannedOperation(
                    OperationKind.CREATE, f"{self._places.shown(full)}/", self._noted.stage
                )
            )
            self._planned[full] = _DIRECTORY

    def chmod(self, path: PathLike, mode: int) -> None:
        """Note a change of permissions."""
        full = self._places.changeable(path)
        if not self._node(full).kind:
            raise self._missing(full)
        self._note(OperationKind.CHMOD, full, detail=f"{mode:03o}")

    def exists(self, path: PathLike) -> bool:
        """Return whether anything would be at a path."""
        return bool(self._node(self._places.inside(path)).kind)

    def list(self, path: PathLike = ".") -> tuple[str, ...]:
        """Return what would be directly in a directory."""
        full = self._places.inside(path)
        node = self._node(full)
        if node.kind != "dir":
            raise _error(errno.ENOTDIR, full) if node.kind else self._missing(full)
        return tuple(sorted(self._places.shown(child) for child in self._children(full)))

    def _note(self, kind: OperationKind, full: str, **more: object) -> None:
        self._noted.add(
            PlannedOperation(kind, self._places.shown(full), self._noted.stage, **more)  # type: ignore[arg-type]  # fields by name
        )

    def _node(self, full: str) -> _Node:
        """Return what would be at a path: as planned there or above, else what is."""
        planned = self._planned.get(full)
        if planned is not None:
            return planned
        folder = os.path.dirname(full)
        while len(folder) >= len(self._places.root):
            if folder in self._planned:  # gone, a file, or a directory that starts empty
                return _GONE
            folder = os.path.dirname(folder)
        try:
            status = os.lstat(full)
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(full)
        except OSError:
            return _GONE
        if stat.S_ISDIR(status.st_mode):
            return _DIRECTORY
        return _Node("file", real=full, size_bytes=status.st_size)

    def _missing(self, full: str) -> OSError:
        """Return the error for what isn't there: another one below a file, as the system has it."""
        folder = os.path.dirname(full)
        while len(folder) > len(self._places.root):
            kind = self._node(folder).kind
            if kind:
                return _error(errno.ENOENT if kind == "dir" else errno.ENOTDIR, full)
            folder = os.path.dirname(folder)
        return _error(errno.ENOENT, full)

    def _children(self, full: str) -> set[str]:
        found = set()
        if self._planned.get(full) is None and os.path.isdir(full):
            found = {f"{full}/{name}" for name in os.listdir(full)}
        found |= {path for path in self._planned if os.path.dirname(path) == full}
        return {path for path in found if self._node(path).kind}

    def _walk(self, full: str) -> Iterator[tuple[str, _Node]]:
        waiting = [full]
        while waiting:
            path = waiting.pop()
            node = self._node(path)
            yield path, node
            if node.kind == "dir" and not os.path.islink(path):
                waiting.extend(self._children(path))

    def _checked(self, start: str, end: str) -> Sequence[tuple[str, _Node]]:
        """Return what a copy or move would take along."""
        if not self._node(start).kind:
            raise self._missing(start)
        if self._node(end).kind == "dir":
            raise _error(errno.EISDIR, end)
        if end.startswith(f"{start}/"):
            raise BadPath(f"`{end}` lies in `{start}`, which is to be copied or moved there")
        return list(self._walk(start))

    def _make_parents(self, full: str) -> None:
        """Have the directories above a path there; they go without saying."""
        missing = []
        folder = os.path.dirname(full)
        while folder != self._places.root:
            kind = self._node(folder).kind
            if kind == "file":
                raise _error(errno.ENOTDIR, folder)
            if kind == "dir":
                break
            missing.append(folder)
            folder = os.path.dirname(folder)
        self._planned.update(dict.fromkeys(missing, _DIRECTORY))

    def _forget(self, full: str) -> None:
        for path in [one for one in self._planned if one.startswith(f"{full}/")]:
            del self._planned[path]
        self._planned[full] = _GONE


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
