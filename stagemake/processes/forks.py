"""A process of our own beside the tool: how it is forked, what signals are to it, and how it ends like another one."""

from __future__ import annotations

import os
import resource
import signal
import warnings
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_IGNORED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


def forked(live: Callable[[], NoReturn]) -> int:
    """Return the pid of a fork that does `live`, with all signals blocked until it listens to them.

    Raises:
        OSError: There can't be one more process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():
            # Threads of the tool don't exist in the fork, and their locks aren't touched there.
            warnings.filterwarnings(
                "ignore", "This process .* is multi-threaded", DeprecationWarning
            )
            pid = os.fork()
            if pid == 0:
                live()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def listen_to_signals(wakeup_write_fd: int) -> None:
    """Have ends of children and SIGTERM written to a descriptor, which doesn't block, and nothing else heard."""
    signal.set_wakeup_fd(-1)
    for signum in signal.valid_signals():
        if callable(signal.getsignal(signum)):
            signal.signal(signum, signal.SIG_DFL)
    for signum in _IGNORED:
        signal.signal(signum, signal.SIG_IGN)
    signal.set_wakeup_fd(wakeup_write_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _do_nothing)
    signal.signal(signal.SIGTERM, _do_nothing)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _do_nothing(_signum: int, _frame: FrameType | None) -> None:
    """Let the wake-up descriptor speak: a signal without a handler does not write to it."""


def end_like(status: int) -> NoReturn:
    """End as a process did that was waited for, so that whoever waits for this one sees the same."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it has left its own, if any
        if -code not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)
