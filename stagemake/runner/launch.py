"""Starts one action, program or function, with its output caught; asked by the supervisor only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

from attrs import evolve

from stagemake.processes.descendants import MARKER_VARIABLE, mark
from stagemake.runner import program
from stagemake.runner.capture import Capture
from stagemake.runner.console import Loan
from stagemake.runner.port import STDERR, STDOUT
from stagemake.runner.program import NOT_FOUND, NOT_STARTED, Refusal
from stagemake.runner.running import Running, ValuePipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from stagemake.runner.call import Job
    from stagemake.runner.detach import Desk
    from stagemake.runner.port import ReadyCall, Work
    from stagemake.runner.template import Template
    from stagemake.runner.told import Settings

Stdio = tuple[int, int, int]


class Watch(Protocol):
    """Calls back whenever a descriptor is readable."""

    def add(self, fd: int, handler: Callable[[], object]) -> None:
        """Begin."""

    def remove(self, fd: int) -> None:
        """End."""


class Launcher:
    """Owns the pipes that actions print into, one pair for each action at a time."""

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        watch: Watch,
        private_fds: tuple[int, ...],
        on_said: Callable[[int, bytes], None],
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._watch = watch
        self._private_fds = private_fds  # of the supervisor, beside the desk's
        self._on_said = on_said
        self._captures: set[Capture] = set()
        self._idle: list[Capture] = []
        self._value_fds: set[int] = set()
        self._template: Template | None = None  # made for the first function
        self._ready: dict[int, ReadyCall] = {}  # of what waits in line, by stage id
        self._spent: list[ReadyCall] = []  # of what has been started

    def make_ready(self, work: Work) -> None:
        """Do now what can be done of a function that will start later.

        Memory that is written to between two forks is copied once more after each of them. So what is made
        here for some functions in one go costs a part of what each would take in its own process; and what
        has been used is freed here, not right after the fork.
        """
        self._spent.clear()
        if self._settings.ready is None or work.payload is None or work.watch is not None:
            return
        with contextlib.suppress(Exception):  # the call itself will tell
            self._ready[work.stage_id] = self._settings.ready(work.stage_id, work.payload)

    def forget_all(self) -> None:
        """Let go of what was made ready: nothing waits any more."""
        self._ready.clear()

    def start(self, work: Work) -> Running | Refusal:
        """Begin `work`; return it on its way, or why it is not."""
        started_s = time.monotonic()
        try:
            capture = None if work.console else self._take_capture()
        except OSError as error:
            return Refusal(NOT_STARTED, f"could not start: {error.strerror}")
        if work.streams and capture is not None:
            self._pass_output(work.stage_id, capture)
        loan = Loan(self._desk.console, self._settings.tool_group) if work.console else None
        try:
            stdio = self._stdio(capture)
            begun = self._begin_inside(work, stdio) if work.cwd else self._begin(work, stdio)
        except OSError as error:
            begun = Refusal(NOT_STARTED, f"could not start: {error.strerror}")
        if isinstance(begun, Refusal):
            self.give_back(capture)
            return begun
        pid, value = begun
        return Running(
            stage_id=work.stage_id,
            pid=pid,
            leads_group=not work.console,
            capture=capture,
            loan=loan,
            value=value,
            started_s=started_s,
        )

    def give_back(self, capture: Capture | None) -> None:
        """Keep `capture` for the next action."""
        if capture is not None:
            capture.stdout.pass_to = capture.stderr.pass_to = None
            self._idle.append(capture)

    def discard(self, capture: Capture | None) -> None:
        """Close `capture`, which some process may still hold."""
        if capture is None:
            return
        self._watch.remove(capture.stdout.read_fd)
        self._watch.remove(capture.stderr.read_fd)
        self._captures.remove(capture)
        capture.close()

    def drop_value(self, value: ValuePipe) -> None:
        """Close what a Python call returned its value by."""
        self._watch.remove(value.fd)
        self._value_fds.remove(value.fd)
        os.close(value.fd)

    def _take_capture(self) -> Capture:
        if self._idle:
            return self._idle.pop()
        capture = Capture(self._settings.capture_limit_bytes)
        self._captures.add(capture)
        self._watch.add(capture.stdout.read_fd, capture.stdout.pump)
        self._watch.add(capture.stderr.read_fd, capture.stderr.pump)
        return capture

    def _pass_output(self, stage_id: int, capture: Capture) -> None:
        """Have output said as it comes."""
        say = self._on_said
        capture.stdout.pass_to = lambda data: say(stage_id, STDOUT + data)
        capture.stderr.pass_to = lambda data: say(stage_id, STDERR + data)

    def _stdio(self, capture: Capture | None) -> Stdio:
        if capture is None:
            return self._desk.console
        capture.stdout.ready()
        capture.stderr.ready()
        return (self._desk.null_fd, capture.stdout.write_fd, capture.stderr.write_fd)

    def _begin_inside(self, work: Work, stdio: Stdio) -> tuple[int, ValuePipe | None] | Refusal:
        """Be in an action's working directory while it starts: what is started inherits it."""
        try:
            os.chdir(work.cwd)
        except OSError as error:
            error.strerror = f"its working directory `{work.cwd}`: {error.strerror}"
            raise
        try:
            return self._begin(work, stdio)
        finally:
            os.fchdir(self._desk.root_fd)

    def _begin(self, work: Work, stdio: Stdio) -> tuple[int, ValuePipe | None] | Refusal:
        join_group = self._settings.tool_group if work.console else None
        env = {**work.env, MARKER_VARIABLE: mark(self._settings.marker, work.stage_id)}
        if work.argv is not None:
            if work.watch is not None:
                pid = self._spawn_watched(work, work.watch, env, stdio)
            else:
                pid = self._spawn(work, work.argv, env, stdio)
            return pid if isinstance(pid, Refusal) else (pid, None)
        if self._settings.call is None or work.payload is None:
            return Refusal(NOT_FOUND, "could not start: nothing here carries out Python calls")
        from stagemake.runner import call  # noqa: PLC0415 - gate, 2 ms with the next, functions only
        from stagemake.runner.template import Template  # noqa: PLC0415 - gate, as above

        if self._template is None:
            self._template = Template.prepared(env, self._desk.null_fd)
            if self._settings.rehearse is not None:
                with contextlib.suppress(Exception):  # the call itself will tell
                    self._settings.rehearse(work.stage_id, work.payload)
        value_fd, value_write_fd = os.pipe()
        os.set_blocking(value_fd, False)
        ready = self._ready.pop(work.stage_id, None)
        if ready is not None:
            self._spent.append(ready)
        job = call.Job(
            call=self._settings.call,
            root=self._settings.root,
            stage_id=work.stage_id,
            payload=work.payload,
            ready=ready,
            env=env,
            changes=self._template.changes_to(env),
            stdio=stdio,
            value_fd=value_write_fd,
            close_fds=(value_fd, *self._own_fds()),
            join_group=join_group,
            template=self._template,
        )
        try:
            child = self._watched_call(job, work.watch) if work.watch else partial(call.run, job)
            pid = _fork(child, self._template)
        except OSError:
            os.close(value_fd)
            raise
        finally:
            os.close(value_write_fd)
        value = ValuePipe(value_fd, work.stage_id)
        self._value_fds.add(value_fd)
        self._watch.add(value_fd, lambda: self._pump(value))
        return pid, value

    def _spawn(
        self, work: Work, argv: tuple[str, ...], env: Mapping[str, str], stdio: Stdio
    ) -> int | Refusal:
        passed = self._desk.passed
        if work.direct is not None and not work.console:
            direct, target = work.direct
            with contextlib.suppress(OSError):  # a directory that is gone has no name
                own = {**env, "PWD": os.getcwd()}  # shells set it, and compilers note it
                pid = program.spawn(
                    direct, own, stdio=stdio, passed=passed, target=target, script_shell=""
                )
                if not isinstance(pid, Refusal):
                    return pid
            # The shell says best why, as it always has, and carries out scripts without #! itself.
        join_group = self._settings.tool_group if work.console else None
        return program.spawn(argv, env, stdio=stdio, join_group=join_group, passed=passed)

    def _spawn_watched(
        self, work: Work, watch: bytes, env: Mapping[str, str], stdio: Stdio
    ) -> int | Refusal:
        from stagemake.runner import watched  # noqa: PLC0415 - gate, 3 ms, observed builds only

        assert work.argv is not None, "a program"
        start = watched.program_start(work.argv, env, watch)
        if isinstance(start, Refusal):
            return start
        group = self._settings.tool_group if work.console else None
        start = evolve(start, stdio=stdio, join_group=group, close_fds=tuple(self._own_fds()))
        return _fork(partial(watched.carry_out, start), None)

    def _watched_call(self, job: Job, watch: bytes) -> Callable[[], NoReturn]:
        from stagemake.observe.watch import decode_watch  # noqa: PLC0415 - gate, as above
        from stagemake.runner import watched  # noqa: PLC0415 - gate, as above

        start = watched.Start(
            decode_watch(watch), job.stdio, job.join_group, tuple(job.close_fds), job=job
        )
        return partial(watched.carry_out, start)

    def _pump(self, value: ValuePipe) -> None:
        if value.pump() is None:  # closed by the function itself: it would stay readable
            self._watch.remove(value.fd)
        self.pass_on(value)

    def pass_on(self, value: ValuePipe) -> None:
        """Report what a call has said since."""
        said, value.said = value.said, []
        for data in said:
            self._on_said(value.stage_id, data)

    def _own_fds(self) -> list[int]:
        fds = [*self._desk.fds, *self._private_fds, *self._value_fds]
        for capture in self._captures:
            fds += capture.fds
        return fds


def _fork(be_the_child: Callable[[], NoReturn], template: Template | None) -> int:
    if template is None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    else:
        template.block_signals()
    try:
        pid = os.fork()
        if pid == 0:
            be_the_child()
    finally:
        if template is None:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        else:
            template.unblock_signals()
    return pid
