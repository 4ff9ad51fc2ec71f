"""Stand-ins for what a Stagefile may ask and no audit hook hears of: stat and its kind, variables, time.

They are in place while a Stagefile runs and give the real answers; each tells a recorder what was asked.
"""

from __future__ import annotations

import builtins
import importlib
import os
import stat
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stagemake.freshness.noop import observe, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from stagemake.stagefile.recorder import Recorder

_BLAMED = {
    os: (
        "confstr", "fstatvfs", "get_terminal_size", "getegid", "getgid", "getgroups", "getloadavg", "getlogin",
        "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresuid", "getsid", "isatty",
        "pathconf", "sched_getaffinity", "statvfs", "times", "ttyname", "umask", "urandom",
    ),
    time: (
        "asctime", "clock_gettime", "clock_gettime_ns", "ctime", "gmtime", "localtime", "monotonic",
        "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "sleep",
        "strftime", "thread_time", "thread_time_ns", "time", "time_ns",
    ),
}  # fmt: skip
_ANSWERED = ("cpu_count", "getcwd", "getcwdb", "process_cpu_count", "sysconf", "uname")
_CLOCKS = frozenset(_BLAMED[time])

_stat, _access, _readlink, _scandir = os.stat, os.access, os.readlink, os.scandir


@contextmanager
def stand_ins(recorder: Recorder) -> Iterator[None]:
    """Put the stand-ins in place; everything is as it was afterwards."""
    replaced: list[tuple[Any, str, Any]] = []  # Any: modules and what is in them

    def put(owner: Any, name: str, value: Any) -> None:  # Any: as above
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    for name, function in _asking(recorder).items():
        put(os, name, function)
    for owner, names in _BLAMED.items():
        for name in names:
            if hasattr(owner, name):
                put(owner, name, _blaming(recorder, owner.__name__, name, getattr(owner, name)))
    for name in _ANSWERED:
        if hasattr(os, name):
            put(os, name, _answering(recorder, name, getattr(os, name)))
    put(builtins, "__import__", _importing(recorder, builtins.__import__))
    put(importlib, "import_module", _importing_module(recorder, importlib.import_module))
    put(sys, "argv", _Told(sys.argv, recorder, "reads the command line"))
    put(sys, "orig_argv", _Told(sys.orig_argv, recorder, "reads the command line"))
    for name in ("stdin", "stdout", "stderr"):
        put(sys, name, _Stream(getattr(sys, name), recorder, name))
    environ_kind = type(os.environ)
    _RECORDER_OF_ENVIRON.append(recorder)
    os.environ.__class__ = _Environ
    try:
        yield
    finally:
        os.environ.__class__ = environ_kind
        _RECORDER_OF_ENVIRON.pop()
        for owner, name, value in reversed(replaced):
            setattr(owner, name, value)


# -- files ------------------------------------------------------------------------------------------


def _asking(recorder: Recorder) -> dict[str, Callable[..., Any]]:
    """Return stand-ins for the calls that look at one path."""

    def looked(call: str, path: object) -> str:
        full = recorder.absolute(path)
        recorder.observed.setdefault((call, full), observe(call, full))
        return full

    def stand_in_stat(
        path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> Any:  # Any: as os.stat
        if isinstance(path, int):
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
        if not isinstance(path, int):
            recorder.note_directory(recorder.absolute(path))
        return _Scan(_scandir(path), recorder)

    return {
        "stat": stand_in_stat,
        "lstat": stand_in_lstat,
        "access": stand_in_access,
        "readlink": stand_in_readlink,
        "scandir": stand_in_scandir,
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

    def _all(self) -> os.stat_result:
        if stat.S_ISDIR(self._status.st_mode):
            self._recorder.blame(f"asks more of the directory `{self._full}` than its kind")
        self._recorder.note_file(self._full)
        return self._status

    def __getattr__(self, name: str) -> Any:  # Any: as os.stat_result
        return getattr(self._all(), name)

    def __getitem__(self, index: Any) -> Any:  # Any: as a tuple
        return self._all()[index]

    def __iter__(self) -> Iterator[Any]:  # Any: as above
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._status)


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


# -- everything else ----------------------------------------------------------------------------------


def _blaming(
    recorder: Recorder, module: str, name: str, real: Callable[..., Any]
) -> Callable[..., Any]:
    def stand_in(*arguments: Any, **keywords: Any) -> Any:  # Any: passed on as they are
        if name not in _CLOCKS or not _asks_for_itself():
            recorder.blame(f"calls `{module}.{name}`")
        return real(*arguments, **keywords)

    return stand_in


def _asks_for_itself() -> bool:
    """Return whether a clock is read by `logging`, which notes when it was imported."""
    file = sys._getframe(2).f_code.co_filename  # noqa: SLF001 - inspect.stack costs milliseconds
    return file.endswith("/logging/__init__.py")


def _answering(recorder: Recorder, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(*arguments: Any) -> Any:  # Any: passed on as they are
        answer = real(*arguments)
        recorder.values.setdefault(" ".join((name, *map(str, arguments))), plain(answer))
        return answer

    return stand_in


def _importing(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:  # Any: a module
        if not level:
            recorder.note_import(name, str((globals or {}).get("__file__") or ""))
        return real(name, globals, locals, fromlist, level)

    return stand_in


def _importing_module(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(name: str, package: str | None = None) -> Any:  # Any: a module
        if name[:1] != ".":
            recorder.note_import(name, sys._getframe(1).f_code.co_filename)  # noqa: SLF001 - as above
        return real(name, package)

    return stand_in


class _Told(list[str]):
    """A list that tells when it is read."""

    def __init__(self, values: list[str], recorder: Recorder, what: str) -> None:
        super().__init__(values)
        self._recorder = recorder
        self._what = what

    def _tell(self) -> None:
        self._recorder.blame(self._what)

    def __getitem__(self, index: Any) -> Any:
        self._tell()
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[str]:
        self._tell()
        return super().__iter__()

    def __len__(self) -> int:
        self._tell()
        return super().__len__()

    def __contains__(self, value: object) -> bool:
        self._tell()
        return super().__contains__(value)

    def __eq__(self, other: object) -> bool:
        self._tell()
        return super().__eq__(other)

    def copy(self) -> list[str]:
        self._tell()
        return super().copy()

    __hash__ = None


class _Stream:
    """A standard stream that tells when it is used: what a Stagefile prints is wanted each time."""

    def __init__(
        self, stream: Any, recorder: Recorder, name: str
    ) -> None:  # Any: a text stream, or None
        self._stream = stream
        self._recorder = recorder
        self._name = name

    def __getattr__(self, name: str) -> Any:  # Any: as above
        if name not in {"encoding", "errors", "newlines", "flush", "closed", "mode", "name"}:
            self._recorder.blame(f"uses sys.{self._name}")
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        self._recorder.blame(f"uses sys.{self._name}")
        return iter(self._stream)


_RECORDER_OF_ENVIRON: list[Recorder] = []  # an instance of os._Environ takes no argument of ours


class _Environ(type(os.environ)):  # type: ignore[misc]  # os._Environ, whose instance is shown as this for a while
    """`os.environ` while a Stagefile runs: reading a variable makes it count, changing one is blamed."""

    def __getitem__(self, key: str) -> str:
        recorder = _RECORDER_OF_ENVIRON[-1]
        try:
            value: str = super().__getitem__(key)
        except KeyError:
            recorder.note_variable(key, None)
            raise
        recorder.note_variable(key, value)
        return value

    def __iter__(self) -> Iterator[str]:
        _RECORDER_OF_ENVIRON[-1].blame("reads all environment variables")
        return iter(super().__iter__())

    def __len__(self) -> int:
        _RECORDER_OF_ENVIRON[-1].blame("reads all environment variables")
        return int(super().__len__())

    def copy(self) -> dict[str, str]:
        return dict(self)

    def __setitem__(self, key: str, value: str) -> None:
        _RECORDER_OF_ENVIRON[-1].blame("changes environment variables")
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        _RECORDER_OF_ENVIRON[-1].blame("changes environment variables")
        super().__delitem__(key)
