"""Turns a fresh fork of the tool into the supervisor's own kind of process."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued
from stagemake.processes import prctl
from stagemake.processes.forks import listen_to_signals

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stagemake.runner.told import Settings


@frozen(eq=False, repr=False)
class Desk(Valued):
    """The supervisor's own descriptors, each above 2 and closed by exec."""

    requests_fd: int
    replies_fd: int
    wakeup_fd: int  # readable after a signal; one byte each
    wakeup_write_fd: int
    null_fd: int
    root_fd: int  # the directory that actions run in, unless they say otherwise
    console: tuple[int, int, int]  # the tool's 0, 1 (or again 2) and 2
    kept: tuple[int, ...]
    put_fd: int | None = None  # where tokens of a jobserver are put back
    passed: tuple[tuple[int, int], ...] = ()  # to programs: descriptors, and their numbers there

    @property
    def fds(self) -> tuple[int, ...]:
        """All of them, what is kept open for the tool included."""
        own = (self.requests_fd, self.replies_fd, self.wakeup_fd, self.wakeup_write_fd)
        tokens = [fd for fd, _ in self.passed]
        if self.put_fd is not None:
            tokens.append(self.put_fd)
        return (*own, self.null_fd, self.root_fd, *self.console, *self.kept, *tokens)


def detach(settings: Settings, requests_fd: int, replies_fd: int) -> Desk:
    """Leave the tool's process group, adopt orphans, let go of all its descriptors but a few.

    A group of its own keeps ^C and signals to the tool's group away; staying in the session lets
    console actions join the tool's group and so use the terminal.
    """
    os.setpgid(0, 0)
    prctl.adopt_orphans()
    prctl.signal_on_parent_death(signal.SIGTERM)
    os.chdir(settings.root)
    os.umask(0o022)
    desk = _take_over(settings, requests_fd, replies_fd)
    listen_to_signals(desk.wakeup_write_fd)
    gc.freeze()
    gc.disable()  # what lies here is shared with every fork until somebody touches it
    return desk


def _take_over(settings: Settings, requests_fd: int, replies_fd: int) -> Desk:
    null_fd = _aside(os.open(os.devnull, os.O_RDWR))
    wakeup_fd, wakeup_write_fd = (_aside(fd) for fd in os.pipe())
    os.set_blocking(wakeup_fd, False)
    os.set_blocking(wakeup_write_fd, False)
    replies_fd = _aside(replies_fd)
    os.set_blocking(replies_fd, False)
    desk = Desk(
        requests_fd=_aside(requests_fd),
        replies_fd=replies_fd,
        wakeup_fd=wakeup_fd,
        wakeup_write_fd=wakeup_write_fd,
        null_fd=null_fd,
        root_fd=_aside(os.open(".", os.O_RDONLY | os.O_DIRECTORY)),
        console=(
            _console(0, null_fd),
            _console(settings.console_stdout_fd, null_fd),
            _console(2, null_fd),
        ),
        kept=tuple(_aside(fd) for fd in settings.keep_open),
        put_fd=None if settings.tokens is None else _aside(settings.tokens.put_fd),
        passed=()
        if settings.tokens is None
        else tuple((_aside(fd), number) for fd, number in settings.tokens.passed),
    )
    for target in (0, 1, 2):
        os.dup2(null_fd, target)
    _let_go(set(desk.fds) | {0, 1, 2})
    return desk


def _aside(fd: int) -> int:
    """Return a copy of `fd` above 2: below, it would be taken for a standard stream."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)


def _console(fd: int, null_fd: int) -> int:
    try:
        return _aside(fd)
    except OSError:  # the tool was started with it closed
        return _aside(null_fd)


def _let_go(kept: Collection[int]) -> None:
    """Make all other descriptors useless, but keep their numbers taken.

    Objects that came along with the fork still know the numbers; a file that got one anew would be
    written to, or closed, by them.
    """
    flags = os.O_PATH if hasattr(os, "O_PATH") else os.O_RDONLY
    placeholder = os.open("/", flags)
    for fd in _open_fds():
        if fd != placeholder and fd not in kept:
            try:
                os.dup2(placeholder, fd, inheritable=False)
            except OSError:  # the listing's own, closed by now
                continue


def _open_fds() -> Iterable[int]:
    return [int(name) for name in os.listdir("/dev/fd")]
