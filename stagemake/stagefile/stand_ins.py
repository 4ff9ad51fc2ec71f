"""Stand-ins for what a Stagefile may ask and no audit hook hears of: stat and its kind, variables, time.

They are in place while a Stagefile runs and give the real answers; each tells a recorder what was asked.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stagemake.freshness.noop import plain
from stagemake.stagefile.process_stand_ins import RECORDER_OF_ENVIRON, Environ, Stream, Told
from stagemake.stagefile.stat_stand_ins import asking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


@contextmanager
def stand_ins(recorder: Recorder) -> Iterator[None]:
    """Put the stand-ins in place; everything is as it was afterwards."""
    replaced: list[tuple[Any, str, Any]] = []  # Any: modules and what is in them

    def put(owner: Any, name: str, value: Any) -> None:  # Any: as above
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    for name, function in asking(recorder).items():
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
    put(sys, "argv", Told(sys.argv, recorder, "reads the command line"))
    put(sys, "orig_argv", Told(sys.orig_argv, recorder, "reads the command line"))
    for name in ("stdin", "stdout", "stderr"):
        put(sys, name, Stream(getattr(sys, name), recorder, name))
    environ_kind = type(os.environ)
    RECORDER_OF_ENVIRON.append(recorder)
    os.environ.__class__ = Environ
    try:
        yield
    finally:
        os.environ.__class__ = environ_kind
        RECORDER_OF_ENVIRON.pop()
        for owner, name, value in reversed(replaced):
            setattr(owner, name, value)


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
