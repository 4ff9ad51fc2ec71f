"""Stand-ins for what a Stagefile may ask and no audit hook hears of: stat and its kind, variables, time.

They are in place while a Stagefile runs and give the real answers; each tells a recorder what was asked.
"""

from __future__ import annotations

import builtins
import grp
import importlib
import importlib.util
import os
import pwd
import sys
import time
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

from stagemake.freshness.noop import ANSWERED, plain
from stagemake.stagefile.own_code import is_own
from stagemake.stagefile.process_stand_ins import RECORDER_OF_ENVIRON, Environ, Stream, Told
from stagemake.stagefile.stat_stand_ins import asking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stagemake.stagefile.recorder import Recorder

# Calls of os: what an audit hook hears of, or what is the same each time. All others but those that have a
# stand-in of their own are blamed, also those that a later Python brings.
_HARMLESS = frozenset((
    "WCOREDUMP", "WEXITSTATUS", "WIFCONTINUED", "WIFEXITED", "WIFSIGNALED", "WIFSTOPPED", "WSTOPSIG", "WTERMSIG",
    "chdir", "chmod", "chown", "close", "closerange", "execv", "execve", "fchdir", "fchmod", "fchown", "fork",
    "forkpty", "fspath", "ftruncate", "geteuid", "getuid", "getxattr", "kill", "killpg", "lchown", "link", "listdir",
    "listxattr", "lockf", "major", "makedev", "minor", "mkdir", "posix_spawn", "posix_spawnp", "putenv", "register_at_fork", "remove",
    "removexattr", "rename", "replace", "rmdir", "sched_yield", "setxattr", "strerror", "symlink", "system",
    "truncate", "unlink", "unsetenv", "utime", "waitstatus_to_exitcode",
))  # fmt: skip
_BY_DESCRIPTOR = (
    "fstat",
    "get_blocking",
    "get_inheritable",
    "lseek",
    "pread",
    "preadv",
    "read",
    "readv",
)
_CLOCKS = (
    "asctime", "clock_gettime", "clock_gettime_ns", "ctime", "gmtime", "localtime", "monotonic",
    "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "sleep",
    "strftime", "thread_time", "thread_time_ns", "time", "time_ns",
)  # fmt: skip
_ACCOUNTS = (
    (pwd, ("getpwall", "getpwnam", "getpwuid")),
    (grp, ("getgrall", "getgrgid", "getgrnam")),
)
_BUILT_IN = type(os.fspath)


@contextmanager
def stand_ins(recorder: Recorder) -> Iterator[None]:
    """Put the stand-ins in place; everything is as it was afterwards."""
    replaced: list[tuple[Any, str, Any]] = []  # Any: modules and what is in them

    def put(owner: Any, name: str, value: Any) -> None:  # Any: as above
        real = getattr(owner, name)
        replaced.append((owner, name, real))
        if isinstance(value, FunctionType):
            value.__dict__["stands_for"] = real  # which counts where a function uses it
        setattr(owner, name, value)

    for name, function in _of_os(recorder).items():
        put(os, name, function)
    for name in _CLOCKS:
        if hasattr(time, name):
            put(time, name, _blaming(recorder, "time", name, getattr(time, name)))
    for owner, names in _ACCOUNTS:
        for name in names:
            put(owner, name, _blaming(recorder, owner.__name__, name, getattr(owner, name)))
    put(builtins, "__import__", _importing(recorder, builtins.__import__))
    put(importlib, "__import__", _importing(recorder, importlib.__import__))
    put(importlib, "import_module", _importing_module(recorder, importlib.import_module))
    put(importlib.util, "find_spec", _finding(recorder, importlib.util.find_spec))
    for name in ("argv", "orig_argv"):
        put(sys, name, Told(getattr(sys, name), recorder, "reads the command line"))
    for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
        if (
            getattr(sys, name) is None
        ):  # closed: what is printed to it is printed nowhere, this time
            recorder.blame(f"has no sys.{name.strip('_')}")
        else:
            put(sys, name, Stream(getattr(sys, name), recorder, name.strip("_")))
    environ_kind = type(os.environ)
    RECORDER_OF_ENVIRON.append(recorder)
    for environ in (os.environ, os.environb):
        environ.__class__ = Environ
    try:
        yield
    finally:
        for environ in (os.environ, os.environb):
            environ.__class__ = environ_kind
        RECORDER_OF_ENVIRON.pop()
        for owner, name, value in reversed(replaced):
            setattr(owner, name, value)


def _of_os(recorder: Recorder) -> dict[str, Callable[..., Any]]:
    """Return stand-ins for the calls of os, by name."""
    found = asking(recorder)
    for name in _BY_DESCRIPTOR:
        found[name] = _by_descriptor(recorder, getattr(os, name))
    for name in ANSWERED:
        if hasattr(os, name):
            found[name] = _answering(recorder, name, getattr(os, name))
    for name, real in vars(os).items():
        if (
            type(real) is _BUILT_IN
            and name not in _HARMLESS
            and name not in found
            and name[0] != "_"
        ):
            found[name] = _blaming(recorder, "os", name, real)
    return found


def _by_descriptor(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(fd: int, *arguments: Any) -> Any:  # Any: passed on as they are
        recorder.check_descriptor(fd)
        return real(fd, *arguments)

    return stand_in


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
        recorder.values.setdefault((name, *arguments), plain(answer))
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
        importer = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - inspect.stack costs milliseconds
        recorder.note_import("" if level else name, importer)
        module = real(name, globals, locals, fromlist, level)
        if fromlist and is_own(importer):  # what isn't an attribute may be a module, or become one
            recorder.imports.note_members(module, fromlist)
        return module

    return stand_in


def _importing_module(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(name: str, package: str | None = None) -> Any:  # Any: a module
        full = importlib.util.resolve_name(name, package) if name[:1] == "." else name
        recorder.note_import(full, sys._getframe(1).f_code.co_filename)  # noqa: SLF001 - as above
        return real(name, package)

    return stand_in


def _finding(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(name: str, package: str | None = None) -> Any:  # Any: a spec
        full = importlib.util.resolve_name(name, package) if name[:1] == "." else name
        recorder.imports.note_lookup(full)
        found = real(name, package)
        above = full.rpartition(".")[0]
        recorder.imports.note_search(getattr(sys.modules.get(above), "__path__", ()))
        return found

    return stand_in
