"""What every fork for a Python function finds done: streams, environment, signals, C functions.

The supervisor prepares it once, when the first function is to run. A fork then only does what differs.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` without its enumerations: twenty times as fast
import faulthandler
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued
from stagemake.processes import prctl
from stagemake.runner.port import REHEARSALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# A function keeps what Python has for these: EPIPE as an exception, ^C as KeyboardInterrupt.
_KEPT = frozenset((signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGINT))


@frozen(eq=False, repr=False)
class Template(Valued):
    """What the supervisor found out about itself for its forks."""

    own_signals: tuple[int, ...]  # those that it handles or ignores
    blocked: tuple[int, ...]  # while it forks: no signal may find a fork with its handlers
    env: Mapping[str, str]  # what `os.environ` holds
    die_with_supervisor: Callable[[], object]  # has a fork killed when the supervisor ends
    flush_c_streams: Callable[[], object]

    @classmethod
    def prepared(cls, env: Mapping[str, str], null_fd: int) -> Template:
        """Make the supervisor, which has set its own signals, a process that functions can be forks of.

        Args:
            env: What most functions will have as their environment.
            null_fd: What 0, 1 and 2 are in the supervisor.

        Cost: some 5 ms, once a build.
        """
        own = tuple(int(signum) for signum in _reset_all_but_own())
        adopt_environment(env)
        _open_streams_for_pipes(null_fd)
        prctl.release_free_memory()
        _rehearse_threading()
        kill, flush = prctl.parent_death_signal(signal.SIGKILL), prctl.flushing_c_streams()
        return cls(own, (*own, int(signal.SIGINT)), env, kill, flush)

    def changes_to(self, env: Mapping[str, str]) -> dict[str, str] | None:
        """Return the variables that differ in `env`; None where it has others, or another order of them."""
        if list(env) != list(self.env):
            return None
        return {name: value for name, value in env.items() if self.env[name] != value}

    def block_signals(self) -> None:
        """Have signals wait, before a fork."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, self.blocked)

    def unblock_signals(self) -> None:
        """Have signals come, after a fork."""
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())

    def give_signals_back(self) -> None:
        """In a fork: let signals do what they do in any Python, and come."""
        _signal.set_wakeup_fd(-1)
        for signum in self.own_signals:
            _signal.signal(signum, _signal.SIG_DFL)
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        self.unblock_signals()


def adopt_environment(env: Mapping[str, str]) -> None:
    """Have `os.environ` be `env`, in its order: a function may list it."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()  # TZ is part of the environment


def change_environment(changes: Mapping[str, str]) -> None:
    """Set some variables that are there."""
    for name, value in changes.items():
        os.environ[name] = value
    if "TZ" in changes:
        time.tzset()


def open_streams() -> None:
    """Give the process streams of its own, and leave what the tool had not yet flushed alone."""
    # The tool's streams must live on: their finalizers would print what they still hold.
    kept = getattr(sys, "stagemake_inherited_streams", ())
    sys.stagemake_inherited_streams = (  # type: ignore[attr-defined]
        *kept,
        (sys.stdin, sys.stdout, sys.stderr),
        (sys.__stdin__, sys.__stdout__, sys.__stderr__),
    )
    stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - lives as long as the process
    stdout = open(1, "w", 1, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - the same
    stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 - the same
    sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]
    faulthandler.disable()  # where the tool had it on, it meant the tool's stderr
    faulthandler.enable(stderr, all_threads=False)  # a segfault shows where it happened


def _open_streams_for_pipes(null_fd: int) -> None:
    """Open the streams that forks use, on pipes as theirs will be: a stream asks once whether it can seek."""
    read_fd, write_fd = os.pipe()
    try:
        os.dup2(write_fd, 1)
        os.dup2(write_fd, 2)
        open_streams()
    finally:
        os.dup2(null_fd, 1)
        os.dup2(null_fd, 2)
        os.close(read_fd)
        os.close(write_fd)


def _rehearse_threading() -> None:
    """Do here what `threading` does in each fork until Python has filled the caches inside of that code.

    It makes locks anew and forgets other threads; this process has none.
    """
    if (renew := getattr(threading, "_after_fork", None)) is not None:
        for _ in range(REHEARSALS):
            renew()


def _reset_all_but_own() -> Iterable[signal.Signals]:
    """Yield the signals that this process handles or ignores; give all others their defaults.

    C code may have put handlers of its own where Python knows of none.
    """
    for signum in signal.valid_signals():
        if signum in _KEPT:
            continue
        if signal.getsignal(signum) not in {signal.SIG_DFL, None}:
            yield signum
            continue
        try:
            signal.signal(signum, signal.SIG_DFL)
        except (OSError, ValueError):  # kept by the C library for itself
            continue
