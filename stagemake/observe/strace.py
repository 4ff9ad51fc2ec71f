"""Watching a command by strace, where the kernel has no user notification: the words to start it, and its log read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.observe.access import AccessLog
from stagemake.observe.system_calls import (
    ALL,
    AT_SYMLINK_NOFOLLOW,
    CALLS,
    CREAT_FLAGS,
    O_FLAGS,
    Call,
    Verb,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.observe.access import Record
    from stagemake.observe.watch import Watch

_FOLLOWED = ("chdir", "fchdir", "clone", "clone3", "fork", "vfork")
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += +(-?\d+|\?)(?:<.*?>)?(?: .*)?$", re.DOTALL)
_UNFINISHED = re.compile(r"(\d+) +(\w+\(.*?),? *<unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>,? ?(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?')
_FD = re.compile(r"(?:AT_FDCWD|-?\d+)(?:<((?:\\x[0-9a-f]{2}|[^>])*)>)?")
_HEX = re.compile(r"\\x([0-9a-f]{2})")


def problem() -> str:
    """Return why strace can't be used here, one line; empty when it can. Starts it once."""
    path = shutil.which("strace")
    if path is None:
        return "strace is not installed"
    try:
        done = subprocess.run(
            [path, "-qq", "-f", "--seccomp-bpf", "-e", "trace=execve", "-o", os.devnull, "true"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"strace: {error}"
    said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    return f"strace: {said[-1] if said else 'failed'}" if done.returncode else ""


def words(watch: Watch) -> tuple[str, ...]:
    """Return what stands in front of a command."""
    names = (*(ALL if watch.looks else CALLS), *_FOLLOWED)
    # `?` because not every machine has every call; hexadecimal so that no name can look like syntax.
    wanted = ",".join(f"?{name}" for name in names)
    return ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "4096", "-e", f"trace={wanted}",
            "-e", "signal=none", "-o", watch.log_path, "--")  # fmt: skip


def read_strace(path: str, watch: Watch, cwd: str) -> list[Record] | None:
    """Return the records of a log that strace has written; None when there is none.

    Args:
        path: The log; removed.
        watch: What was asked.
        cwd: Where the command was started, absolute.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    os.unlink(path)
    reader = _Reader(AccessLog(watch.root, watch.scratch), cwd, watch.sandbox)
    for line in _whole(lines):
        reader.take(line)
    return reader.log.records


def _whole(lines: Iterable[str]) -> Iterable[str]:
    """Put calls together that another process's came between."""
    begun: dict[str, str] = {}
    for line in lines:
        if match := _UNFINISHED.match(line):
            begun[match[1]] = match[2]
        elif match := _RESUMED.match(line):
            start = begun.pop(match[1], "")
            rest = match[2]
            glue = "" if rest.startswith(")") or start.endswith("(") else ", "
            yield f"{match[1]} {start}{glue}{rest}"
        else:
            yield line


@define
class _Reader:
    """Follows working directories through a log."""

    log: AccessLog
    cwd: str
    is_confined: bool
    _cwds: dict[str, str] = field(factory=dict)  # by pid

    def take(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            return
        pid, name, inside, result = match[1], match[2], match[3], match[4]
        done = result != "?" and not result.startswith("-")
        is_refused = self.is_confined and not done and " EACCES " in line[match.end(4) :]
        if name in _FOLLOWED:
            self._follow(pid, name, inside, result, done=done)
            return
        call = ALL.get(name)
        if call is not None:
            arguments = _split(inside)
            if is_refused:  # by a sandbox: then it counts as what it would have been
                self.log.last.clear()
                self._note(pid, name, call, arguments, done=None)
                for record in self.log.last:
                    self.log.refused(record)
            else:
                self._note(pid, name, call, arguments, done=done or name.startswith("exec"))

    def _follow(self, pid: str, name: str, inside: str, result: str, *, done: bool) -> None:
        if not done:
            return
        here = self._cwd(pid)
        if name == "chdir":
            self._cwds[pid] = os.path.join(here, _text(inside))
        elif name == "fchdir":
            self._cwds[pid] = _fd_path(inside) or here
        else:
            self._cwds.setdefault(result, here)

    def _cwd(self, pid: str) -> str:
        return self._cwds.setdefault(pid, self.cwd)

    def _path(self, pid: str, path: int, dirfd: int, arguments: list[str]) -> str:
        text = _text(arguments[path]) if path >= 0 else ""
        if text[:1] == "/" or (path >= 0 and not text):
            return text
        fd = arguments[dirfd] if dirfd >= 0 else "AT_FDCWD"
        base = _fd_path(fd) or (self._cwd(pid) if fd.startswith("AT_FDCWD") else "")
        return f"{base}/{text}" if text and base else base

    def _note(
        self, pid: str, name: str, call: Call, arguments: list[str], *, done: bool | None
    ) -> None:
        if max(call.path, call.dirfd, call.path2) >= len(arguments):
            return
        path = self._path(pid, call.path, call.dirfd, arguments)
        if not path:
            return
        log = self.log
        match call.verb:
            case Verb.OPEN:
                shown = arguments[call.flags] if call.flags >= 0 else ""
                log.opened(path, CREAT_FLAGS if name == "creat" else _flags(shown), done=done)
            case Verb.RUN:
                log.ran(path, done=os.path.lexists(path))
            case Verb.LIST:
                log.listed(path)
            case Verb.LOOK:
                shown = arguments[call.flags] if 0 <= call.flags < len(arguments) else ""
                is_link = "AT_SYMLINK_NOFOLLOW" in shown or shown == hex(AT_SYMLINK_NOFOLLOW)
                log.looked(path, follows=call.follows and not is_link, done=done)
            case Verb.REMOVE:
                log.removed(path, done=done)
            case Verb.MAKE:
                log.made(path, done=done)
            case Verb.CHANGE:
                log.changed(path, done=done)
            case Verb.MOVE:
                log.moved(path, self._path(pid, call.path2, call.dirfd2, arguments), done=done)
            case Verb.LINK:
                if done is not False and not path.startswith("/proc/"):
                    log.opened(path, 0, done=True)
                log.made(self._path(pid, call.path2, call.dirfd2, arguments), done=done)


def _split(inside: str) -> list[str]:
    """Return a call's arguments; texts are hexadecimal, so only nesting matters."""
    found, depth, start = [], 0, 0
    for at, char in enumerate(inside):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(inside[start:at].strip())
            start = at + 1
    return [*found, inside[start:].strip()]


def _text(argument: str) -> str:
    match = _TEXT.search(argument)
    return _decoded(match[1]) if match else ""


def _fd_path(argument: str) -> str:
    match = _FD.match(argument)
    path = _decoded(match[1]) if match and match[1] else ""
    return path if path[:1] == "/" else ""


def _decoded(text: str) -> str:
    raw = _HEX.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return os.fsdecode(raw.encode("latin-1"))
    except UnicodeEncodeError:  # was not hexadecimal
        return raw


def _flags(shown: str) -> int:
    """Return the bits of flags by name, of a whole structure too."""
    return sum(bit for name, bit in O_FLAGS.items() if re.search(rf"\b{name}\b", shown))
