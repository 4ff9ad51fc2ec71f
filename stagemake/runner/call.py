"""What a fork of the supervisor does to carry out one Python function, from its first step to its exit."""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

from attrs import frozen

from stagemake.model.valued import Valued
from stagemake.runner.failure import FAILED, print_failure
from stagemake.runner.protocol import encode
from stagemake.runner.template import adopt_environment, change_environment, open_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stagemake.runner.port import PythonCall, ReadyCall
    from stagemake.runner.template import Template


@frozen(eq=False, repr=False)
class Job(Valued):
    """One Python call and where its results go."""

    call: PythonCall
    root: str
    stage_id: int
    payload: bytes
    ready: ReadyCall | None  # `call` with both, where that has been made ready
    env: Mapping[str, str]  # all of it
    changes: Mapping[str, str] | None  # of what the template has; None: it has other variables
    stdio: tuple[int, int, int]
    value_fd: int  # receives `encode(value)`, or `encode(None)` after sys.exit(0)
    close_fds: Iterable[int]  # the supervisor's own
    join_group: int | None  # a process group to be in; None: a session of one's own
    template: Template  # what is prepared already


def run(job: Job) -> NoReturn:
    """Carry out `job` and leave; never returns into the supervisor.

    Threads that the function started are waited for as at the end of any Python program, so that
    nothing is cut off half-written; daemon threads are not, and no atexit handler runs.
    """
    code = FAILED
    pid = os.getpid()
    try:
        _settle_in(job)
        code = _carry_out(job, pid)
    except BaseException as error:
        code = print_failure(error, job.root)
    finally:
        _leave(code, job.template.flush_c_streams)


def _settle_in(job: Job) -> None:
    """Do what differs from one function to the next; the rest is in the template."""
    if job.join_group is None:
        os.setsid()
    else:
        os.setpgid(0, job.join_group)
    job.template.die_with_supervisor()
    for target, fd in enumerate(job.stdio):
        os.dup2(fd, target)
    for fd in job.close_fds:
        os.close(fd)
    job.template.give_signals_back()
    if job.changes is None:
        adopt_environment(job.env)
    else:
        change_environment(job.changes)
    if job.join_group is not None:  # the console: no pipes, as the template's streams expect
        open_streams()
    gc.freeze()  # else what the supervisor has made since would be looked through, and copied, first thing
    gc.enable()


def _carry_out(job: Job, pid: int) -> int:
    value: bytes | None
    out = _Outlet(job.value_fd, pid)
    try:
        if job.ready is not None:
            value = job.ready(out.say)
        else:
            value = job.call(job.stage_id, job.payload, out.say)
        if not isinstance(value, bytes):
            raise TypeError(f"BUG: a call returned {type(value).__name__}, not bytes")
    except SystemExit as error:
        code = _code_of(error)
        if code != 0:
            return code
        value = None
    if os.getpid() != pid:
        return 0  # a copy of the function, made by os.fork(), has no result to give
    _wait_for_threads()
    _flush()
    out.write(encode(value))
    return 0


class _Outlet:
    """Where a call's messages go, from any of its threads, each message whole."""

    def __init__(self, fd: int, pid: int) -> None:
        self._fd = fd
        self._pid = pid
        self._lock = threading.Lock()

    def say(self, data: bytes) -> None:
        """Pass on a message while the call runs."""
        if os.getpid() != self._pid:  # its messages would be mixed up with ours
            raise RuntimeError("only the stage's own process can emit events, not a copy of it")
        self.write(encode((data,)))

    def write(self, data: bytes) -> None:
        with self._lock:
            _write_all(self._fd, data)


def _code_of(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return FAILED


def _wait_for_threads() -> None:
    current = threading.current_thread()
    if all(each.daemon or each is current for each in threading.enumerate()):
        return
    # Idle executor threads end only when told to, which the interpreter's own last step does.
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S112 - closed or replaced by the function: its own affair
            continue


def _leave(code: int, flush_c_streams: Callable[[], object]) -> NoReturn:
    try:
        _flush()
        flush_c_streams()
    finally:
        os._exit(code)
