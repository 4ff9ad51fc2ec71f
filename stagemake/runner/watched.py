"""Starts an action that is watched or kept from files: with a watcher as its parent where the kernel needs one.

The watcher is what the supervisor knows as the action: it leads the group, ends as the action does, and
waits for nothing else. When it is killed, so is the action.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

from attrs import evolve, frozen

from stagemake.observe.access import AccessLog, Act
from stagemake.observe.watch import MODULES, Means, Watch, decode_watch, write_log
from stagemake.processes import prctl
from stagemake.processes.forks import end_like
from stagemake.runner import call
from stagemake.runner.program import (
    NOT_FOUND,
    NOT_STARTED,
    RESET_SIGNALS,
    SCRIPT_SHELL,
    Refusal,
    find,
    is_script,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.observe.access import Record
    from stagemake.observe.seccomp import Watcher

_BY_DESCRIPTOR = b"f"
_PROBLEM = b"p"


@frozen
class Start:
    """An action to start: a program that has been found, or a Python call."""

    watch: Watch
    stdio: tuple[int, int, int]
    join_group: int | None  # None: a session of its own
    close_fds: tuple[int, ...]  # of the supervisor, not closed by exec alone
    program: str = ""  # empty: a call
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    job: call.Job | None = None


def carry_out(start: Start) -> NoReturn:
    """Be the action `start`, in a fork of the supervisor; all signals are blocked."""
    code = NOT_STARTED
    try:
        if start.watch.means == Means.SECCOMP.value:
            _with_watcher(start)
        else:
            _become(start, lambda: _restrict(start.watch))
    except BaseException as error:
        code = _complain(error)
    finally:
        os._exit(code)


def _complain(error: BaseException) -> int:
    text = getattr(error, "strerror", "") or str(error) or type(error).__name__
    with contextlib.suppress(OSError):
        os.write(2, f"stagemake: could not start: {text}\n".encode(errors="backslashreplace"))
    is_absent = isinstance(error, FileNotFoundError)
    return NOT_FOUND if is_absent else NOT_STARTED


def _with_watcher(start: Start) -> NoReturn:
    """Fork the action, and watch it."""
    from stagemake.observe import seccomp  # noqa: PLC0415 - gate, observed builds only

    _join(start.join_group)
    prctl.signal_on_parent_death(signal.SIGKILL)
    ours, theirs = socket.socketpair()
    group = os.getpid() if start.join_group is None else start.join_group
    pid = os.fork()
    if pid == 0:
        code = NOT_STARTED
        try:
            ours.close()
            prctl.signal_on_parent_death(signal.SIGKILL)
            _become(
                evolve(start, join_group=group),
                lambda: _be_watched(start.watch, theirs, seccomp.install),
            )
        except BaseException as error:
            code = _complain(error)
        finally:
            os._exit(code)
    theirs.close()
    _stand_back(start)
    log = AccessLog(start.watch.root, start.watch.scratch)
    fd = _listener(ours)
    if fd >= 0:
        watcher = seccomp.Watcher(fd, log)
        _refuse(start.watch, watcher)
        watcher.watch(pid)
        write_log(start.watch.log_path, log.records)
    end_like(os.waitpid(pid, 0)[1])


def _refuse(watch: Watch, watcher: Watcher) -> None:
    """Have undeclared paths refused one by one: Landlock can't tell files of an output's directory apart."""
    if watch.sandbox:
        from stagemake.observe.policy import Policy  # noqa: PLC0415 - gate, sandboxes only

        watcher.allows = Policy(
            watch.root, watch.readable, watch.writable, is_call=watch.is_call
        ).allows


def _stand_back(start: Start) -> None:
    """Leave signals to the action, and let go of what is its own."""
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for fd in (*start.close_fds, *([start.job.value_fd] if start.job else [])):
        with contextlib.suppress(OSError):
            os.close(fd)


def _be_watched(watch: Watch, to_watcher: socket.socket, install: Callable[..., int]) -> None:
    """Restrict this process and hand the kernel's descriptor to its watcher."""
    _restrict(watch)
    try:
        fd = install(looks=watch.looks)
    except OSError as error:
        to_watcher.sendall(_PROBLEM)
        if error.errno == errno.EBUSY:
            error.strerror = "something watches this process already, and only one can"
        raise
    socket.send_fds(to_watcher, [_BY_DESCRIPTOR], [fd])
    os.close(fd)
    to_watcher.close()


def _listener(ours: socket.socket) -> int:
    """Return the descriptor that the action sends; -1 when it has ended, or said why not."""
    message, fds, _, _ = socket.recv_fds(ours, 1, 1)
    ours.close()
    return fds[0] if message == _BY_DESCRIPTOR and fds else -1


def _restrict(watch: Watch) -> None:
    if watch.sandbox:
        from stagemake.observe.confine import confine  # noqa: PLC0415 - gate, sandboxes only

        confine(watch)


def _become(start: Start, prepare: Callable[[], None]) -> NoReturn:
    """Be the program or the call; `prepare` is called as late as possible."""
    if start.job is not None:
        watched = _prepared(start, prepare)
        call.run(evolve(start.job, call=watched, ready=None, join_group=start.join_group))
    _join(start.join_group)
    for target, fd in enumerate(start.stdio):
        os.dup2(fd, target)
    signal.set_wakeup_fd(-1)
    for signum in RESET_SIGNALS:
        with contextlib.suppress(OSError, ValueError):  # kept by the C library for itself
            signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    prepare()
    assert start.env is not None, "a program has an environment"
    try:
        os.execve(start.program, start.argv, start.env)  # noqa: S606 - the point of it
    except OSError as error:
        if not is_script(start.program, error):
            error.strerror = f"`{start.program}`: {str(error.strerror).lower()}"
            raise
        words = ("sh", start.program, *start.argv[1:])
        os.execve(SCRIPT_SHELL, words, start.env)  # noqa: S606 - as above


def _prepared(start: Start, prepare: Callable[[], None]) -> Callable[..., bytes]:
    """Return the job's call with `prepare` in front, and what it has imported noted behind."""
    assert start.job is not None, "asked for calls only"
    inner, watch = start.job.call, start.watch

    def run(stage_id: int, payload: bytes, say: Callable[[bytes], None]) -> bytes:
        log = None
        if watch.means == Means.AUDIT.value:
            from stagemake.observe.audit_hook import listen  # noqa: PLC0415 - gate, observed builds only

            log = AccessLog(watch.root, watch.scratch)
        prepare()
        if watch.sandbox and (module := sys.modules.get("tempfile")) is not None:
            vars(module)["tempdir"] = None  # else it stays with the tool's own, known since long
        if log is not None:
            listen(log)
        pid = os.getpid()
        try:
            return inner(stage_id, payload, say)
        finally:
            if os.getpid() == pid:
                if log is not None:
                    write_log(watch.log_path, log.records)
                write_log(watch.log_path + MODULES, _imported())

    return run


def _imported() -> list[Record]:
    """Return the files of all modules here: a function's identity knows their sources."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [(Act.IMPORTED.value, path) for path in files if isinstance(path, str)]


def _join(group: int | None) -> None:
    if group is None:
        os.setsid()
    else:
        os.setpgid(0, group)


def program_start(argv: tuple[str, ...], env: Mapping[str, str], data: bytes) -> Start | Refusal:
    """Return how to start a program, its descriptors still to be told; or why it can't be started."""
    watch = decode_watch(data)
    if not argv:
        return Refusal(NOT_FOUND, "could not start: the command is empty")
    path = find(argv[0], env.get("PATH", os.defpath))
    if isinstance(path, Refusal):
        return path
    if not os.path.exists(path):
        return Refusal(NOT_FOUND, f"could not start `{path}`: no such file or directory")
    if watch.means == Means.STRACE.value:
        from stagemake.observe.strace import words  # noqa: PLC0415 - gate, without seccomp only

        front = words(watch)
        argv, path = (
            (*front, path, *argv[1:]),
            str(find(front[0], os.environ.get("PATH", os.defpath))),
        )
    return Start(watch, (0, 1, 2), None, (), program=path, argv=argv, env=env)
