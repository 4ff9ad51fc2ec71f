"""One program under a process of its own, which ends all that descends from it: with it, and when the tool is gone.

For what is started beside stages: those have the supervisor.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from attrs import define, field, frozen

from stagemake.processes import prctl
from stagemake.processes.descendants import PATIENCE_S, PAUSE_S, descendants_of, kill, kill_group
from stagemake.processes.forks import end_like, forked, listen_to_signals

if TYPE_CHECKING:
    from collections.abc import Mapping

GRACE_S = 2.0
"""Seconds between asking a program to end and ending it; as for stages."""

_STARTED = b"!"
_RESET = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


@define
class Kept:
    """A program that was started. When it has ended, so has all that descends from it (Linux)."""

    _pid: int  # of its keeper, which ends as the program does
    _alive_fd: int  # at its end when the keeper has ended
    _code: int | None = field(default=None)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return how it ended, below 0 by that signal; None when it has not, and the time is over."""
        if self._code is None and select.select([self._alive_fd], [], [], timeout_s)[0]:
            try:
                self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            except ChildProcessError:  # reaped by somebody who waits for any child
                self._code = 0
            os.close(self._alive_fd)
        return self._code

    def ask_to_end(self) -> None:
        """Have it end: TERM, and KILL after the grace for all that is left. Returns at once."""
        if self._code is None:
            kill(self._pid, signal.SIGTERM)


@frozen
class _Program:
    path: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    outputs: tuple[int, int]
    has_session: bool


def start(
    path: str,
    argv: tuple[str, ...],
    *,
    cwd: str,
    env: Mapping[str, str],
    outputs: tuple[int, int],
    has_session: bool = False,
) -> Kept:
    """Start a program without input.

    Args:
        path: Its file, absolute.
        argv: As it sees them.
        cwd: Where; absolute.
        env: All of its environment.
        outputs: Descriptors for its stdout and stderr, each above 0.
        has_session: Whether it gets a session of its own, else a process group.

    Raises:
        OSError: It can't be started.
        ValueError: A NUL byte, or `=` in a variable's name.

    Cost: a fork of this process.
    """
    program = _Program(path, argv, cwd, env, outputs, has_session)
    alive_fd, keeper_fd = os.pipe()
    tool_pid = os.getpid()
    try:
        pid = forked(lambda: _keep(program, keeper_fd, tool_pid))
    except OSError:
        os.close(alive_fd)
        raise
    finally:
        os.close(keeper_fd)
    said = os.read(alive_fd, 1024)
    kept = Kept(pid, alive_fd)
    if said == _STARTED:
        return kept
    kept.wait()
    number, _, text = said.decode().partition(" ")
    raise OSError(int(number), text) if number.isdigit() else ValueError(text or "it was ended")


def _keep(program: _Program, keeper_fd: int, tool_pid: int) -> NoReturn:
    """Be the keeper, in a fork."""
    status = 1 << 8
    try:
        os.setpgid(0, 0)
        prctl.adopt_orphans()
        prctl.signal_on_parent_death(signal.SIGTERM)
        wakeup_fd, wakeup_write_fd = os.pipe()
        _let_go({keeper_fd, wakeup_fd, wakeup_write_fd, *program.outputs, 0, 1, 2})
        os.set_blocking(wakeup_write_fd, False)
        listen_to_signals(wakeup_write_fd)
        try:
            pid = _spawn(program)
        except OSError as error:
            os.write(keeper_fd, f"{error.errno} {error.strerror}".encode())
        except ValueError as error:
            os.write(keeper_fd, f"- {error}".encode())
        else:
            _let_go({keeper_fd, wakeup_fd, wakeup_write_fd})
            os.write(keeper_fd, _STARTED)
            status = _await(pid, wakeup_fd, tool_pid)
        _end_all()
        end_like(status)
    finally:
        os._exit(1)


def _spawn(program: _Program) -> int:
    os.chdir(program.cwd)
    null_fd = os.open(os.devnull, os.O_RDONLY)
    fds = (null_fd, *program.outputs)
    actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(fds)]
    own = {"setsid": True} if program.has_session else {"setpgroup": 0}
    return os.posix_spawn(
        program.path, program.argv, program.env, file_actions=actions,
        setsigmask=(), setsigdef=_RESET, **own,
    )  # fmt: skip


def _await(pid: int, wakeup_fd: int, tool_pid: int) -> int:
    """Wait for the program; return its wait status. It is asked to end when we are, killed when the tool is gone."""
    kill_at_s = float("inf")
    while True:
        is_asked = False
        left_s = None if kill_at_s == float("inf") else max(0.0, kill_at_s - time.monotonic())
        if os.getppid() == tool_pid and select.select([wakeup_fd], [], [], left_s)[0]:
            is_asked = signal.SIGTERM in os.read(wakeup_fd, 1 << 10)
        while True:
            reaped, status = os.waitpid(-1, os.WNOHANG)
            if reaped == pid:
                return status
            if not reaped:
                break
        if os.getppid() != tool_pid or time.monotonic() >= kill_at_s:
            kill_group(pid, signal.SIGKILL)  # all that there is where descendants can't be listed
            for each in descendants_of(os.getpid()):
                kill(each, signal.SIGKILL)
            time.sleep(PAUSE_S)
        elif is_asked and kill_at_s == float("inf"):
            kill_group(pid, signal.SIGTERM)
            kill_at_s = time.monotonic() + GRACE_S


def _end_all() -> None:
    """Kill and reap all that is left; gives up on what does not die."""
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        for each in descendants_of(os.getpid()):
            kill(each, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(PAUSE_S)


def _let_go(kept: set[int]) -> None:
    """Close all other descriptors: the other ends of pipes have to see theirs."""
    for name in os.listdir("/dev/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(int(name))
