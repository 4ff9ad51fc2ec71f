"""Stand-ins for the calls that look at paths: stat and its kind, of which no audit hook hears."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Any

from stagemake.freshness.noop import observe
from stagemake.stagefile.own_code import is_standard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from stagemake.stagefile.recorder import Recorder

_stat, _access, _readlink, _scandir, _open = os.stat, os.access, os.readlink, os.scandir, os.open
_ATIME = 7  # of a stat result as a tuple


def asking(recorder: Recorder) -> dict[str, Callable[..., Any]]:
    """Return stand-ins for the calls that look at one path."""

    def looked(call: str, path: object) -> str:
        full = recorder.absolute(path)
        recorder.observed.setdefault((call, full), observe(call, full))
        return full

    def stand_in_stat(
        path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> Any:  # Any: as os.stat
        if isinstance(path, int):
            recorder.check_descriptor(path)
            return _stat(path)
        if dir_fd is not None:
            recorder.blame("looks at a file by a directory's descriptor")
            return _stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        full = looked("stat" if follow_symlinks else "lstat", path)
        return _Status(_stat(path, follow_symlinks=follow_symlinks), recorder, full)

    def stand_in_lstat(path: Any, *, dir_fd: int | None = None) -> Any:  # Any: as os.lstat
        return stand_in_stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def stand_in_access(
        path: Any,
        mode: int,
        *,
        dir_fd: int | None = None,
        effective_ids: bool = False,
        follow_symlinks: bool = True,
    ) -> bool:  # Any: as os.access
        if isinstance(path, int) or dir_fd is not None or effective_ids or not follow_symlinks:
            recorder.blame("asks for access in an unusual way")
        else:
            looked(str(mode), path)
        return _access(
            path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks
        )

    def stand_in_readlink(path: Any, *, dir_fd: int | None = None) -> Any:  # Any: as os.readlink
        if dir_fd is not None:
            recorder.blame("looks at a file by a directory's descriptor")
        else:
            looked("readlink", path)
        return _readlink(path, dir_fd=dir_fd)

    def stand_in_scandir(path: Any = ".") -> _Scan:  # Any: as os.scandir
        if not isinstance(path, int):  # within a glob the audit hook isn't listened to
            recorder.note_directory(recorder.absolute("." if path is None else path))
        return _Scan(_scandir(path), recorder)

    def stand_in_open(
        path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:  # Any: as os.open
        if dir_fd is not None:  # the audit hook isn't told
            recorder.blame("looks at a file by a directory's descriptor")
        return _open(path, flags, mode, dir_fd=dir_fd)

    return {
        "stat": stand_in_stat,
        "lstat": stand_in_lstat,
        "access": stand_in_access,
        "readlink": stand_in_readlink,
        "scandir": stand_in_scandir,
        "open": stand_in_open,
    }


class _Status:
    """A stat result. The kind of what is there was noted when it was made; who asks for more makes all of it count."""

    __slots__ = ("_full", "_recorder", "_status")

    def __init__(self, status: os.stat_result, recorder: Recorder, full: str) -> None:
        self._status = status
        self._recorder = recorder
        self._full = full

    @property
    def st_mode(self) -> int:
        return self._status.st_mode

    def _all(self, *, with_atime: bool = False) -> os.stat_result:
        if stat.S_ISDIR(self._status.st_mode):
            asker = sys._getframe(2).f_code.co_filename  # noqa: SLF001 - inspect.stack costs milliseconds
            if is_standard(asker) and "/importlib/metadata/" in asker:
                # Looks whether what it listed is still what is there: as if it were listed again.
                self._recorder.note_listing(self._full)
                return self._status
            self._recorder.blame(f"asks more of the directory `{self._full}` than its kind")
        if with_atime:  # reading moves it, and no signature has it
            self._recorder.blame(f"asks when `{self._full}` was last read")
        self._recorder.note_file(self._full)
        return self._status

    def __getattr__(self, name: str) -> Any:  # Any: as os.stat_result
        return getattr(self._all(with_atime="atime" in name), name)

    def __getitem__(self, index: Any) -> Any:  # Any: as a tuple
        asked = range(len(self._status))[index]
        return self._all(with_atime=_ATIME in (asked if isinstance(asked, range) else (asked,)))[
            index
        ]

    def __iter__(self) -> Iterator[Any]:  # Any: as above
        return iter(self._all(with_atime=True))

    def __len__(self) -> int:
        return len(self._status)

    def __eq__(self, other: object) -> bool:
        theirs = other._all(with_atime=True) if isinstance(other, _Status) else other
        return self._all(with_atime=True) == theirs

    def __hash__(self) -> int:
        return hash(self._all(with_atime=True))

    def __repr__(self) -> str:
        return repr(self._all(with_atime=True))


class _Scan:
    """What `os.scandir` gives, with entries that tell when they look at more than the listing."""

    def __init__(
        self, scan: Any, recorder: Recorder
    ) -> None:  # Any: os.ScandirIterator has no public name
        self._scan = scan
        self._recorder = recorder

    def __iter__(self) -> _Scan:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._scan), self._recorder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._scan.close()


class _Entry:
    """A directory's entry. Names and kinds are part of the listing; what a link leads to is not."""

    __slots__ = ("_entry", "_recorder")

    def __init__(self, entry: os.DirEntry[Any], recorder: Recorder) -> None:
        self._entry = entry
        self._recorder = recorder

    @property
    def name(self) -> Any:
        return self._entry.name

    @property
    def path(self) -> Any:
        return self._entry.path

    def __fspath__(self) -> Any:
        return self._entry.path

    def __repr__(self) -> str:
        return repr(self._entry)

    def is_symlink(self) -> bool:
        return self._entry.is_symlink()

    def is_junction(self) -> bool:
        return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        self._follow(follow_symlinks=follow_symlinks)
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        self._follow(follow_symlinks=follow_symlinks)
        return self._entry.is_file(follow_symlinks=follow_symlinks)

    def _follow(self, *, follow_symlinks: bool) -> None:
        if follow_symlinks and self._entry.is_symlink():
            os.path.exists(self._entry.path)  # which has what it leads to noted

    def inode(self) -> int:
        self._recorder.note_file(self._recorder.absolute(self._entry.path))
        return self._entry.inode()

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        return os.stat(self._entry.path, follow_symlinks=follow_symlinks)
