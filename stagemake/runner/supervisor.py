"""The process that starts every action and outlives none: adopts their orphans, reports how each ended.

A fork of the tool, one a build, single-threaded. When the tool is gone, so is all that it started.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from stagemake import durable
from stagemake.processes.descendants import kill_group
from stagemake.runner.detach import Desk, detach
from stagemake.runner.launch import Launcher
from stagemake.runner.line import Line, LineRules
from stagemake.runner.outbox import Outbox
from stagemake.runner.peak import peak_rss_bytes
from stagemake.runner.poller import Poller
from stagemake.runner.port import WITHDRAWN, Completion, Work
from stagemake.runner.program import NOT_STARTED, Refusal
from stagemake.runner.protocol import (
    BACK,
    CHUNK_BYTES,
    HOLD,
    LINE_UP,
    START,
    TELL,
    WITHDRAW,
    Inbox,
    completion_message,
    said_message,
)
from stagemake.runner.survivors import Ended, Survivors
from stagemake.runner.tokens import HeldTokens

if TYPE_CHECKING:
    import resource

    from stagemake.runner.running import Running, ValuePipe
    from stagemake.runner.told import Settings

FAILED = 1
TIMED_OUT = 124  # for an action that was told to end, by its timeout or a stop, and reports success
HAS_WAITID = hasattr(os, "waitid")  # not on macOS before Python 3.13


def serve(settings: Settings, requests_fd: int, replies_fd: int) -> NoReturn:
    """Be the supervisor of a process that has just forked, until the tool goes away."""
    try:
        desk = detach(settings, requests_fd, replies_fd)
        supervisor = Supervisor(settings, desk)
        try:
            supervisor.run()
        except BaseException as error:
            os.write(desk.console[2], f"BUG: the supervisor failed: {error!r}\n".encode())
            raise
        finally:
            supervisor.end_all()
    finally:
        os._exit(0)


class Supervisor:
    """A loop over requests, printed output, ended children and deadlines."""

    def __init__(self, settings: Settings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self._inbox = Inbox()
        self._running: dict[int, Running] = {}  # by pid
        self._deadlines_s: dict[int, float] = {}  # by pid: when the next signal is due
        self._asked: set[int] = set()  # pids: told to end, by whomever
        self._terminated: set[int] = set()  # those of them whose next signal is SIGKILL
        self._tokens = HeldTokens(desk.put_fd)
        self._open = True
        self._child_ended = False
        self._poller = Poller()
        self._outbox = Outbox(desk.replies_fd, self._poller)
        self._line = Line()
        self._is_advancing = False
        self._survivors = Survivors(settings.marker)
        self._launcher = Launcher(settings, desk, self._poller, self._survivors.fds, self._pass_on)
        self._poller.add(desk.requests_fd, self._hear)
        self._poller.add(desk.wakeup_fd, self._wake)

    def run(self) -> None:
        """Serve until the tool closes its end or dies."""
        # It may have died before this process asked to be told.
        self._open = os.getppid() == self._settings.tool_pid
        while self._open:
            self._poller.turn(self._patience_ms())
            if self._child_ended:
                self._child_ended = False
                self._reap()
            if self._deadlines_s:
                self._enforce_deadlines()
            self._open = self._outbox.send(holds=self._line.is_long) and self._open

    def end_all(self) -> None:
        """End every descendant; what the tool had of a jobserver is free then, also if it was killed."""
        self._survivors.end_all(self._running)
        self._tokens.put_all_back()

    def _hear(self) -> None:
        data = os.read(self._desk.requests_fd, CHUNK_BYTES)
        self._open = bool(data)
        has_line_grown = False
        for message in self._inbox.feed(data):
            if message[0] == START:
                self._line.note_start()
                self._start(Work(*message[1:]))
            elif message[0] == LINE_UP:
                work = Work(*message[2:])
                self._launcher.make_ready(work)
                self._line.add(work, LineRules(*message[1]))
                has_line_grown = True
            elif message[0] == WITHDRAW:
                self._withdraw()
            elif message[0] == TELL:
                if self._settings.on_told is not None:
                    self._settings.on_told(message[1])
            elif message[0] == HOLD:
                self._tokens.hold(message[1])
            elif message[0] == BACK:
                self._tokens.put_back(message[1])
            else:
                self._stop(now=message[1], typed=message[2])
        if has_line_grown:
            self._advance()

    def _wake(self) -> None:
        signums = os.read(self._desk.wakeup_fd, CHUNK_BYTES)
        self._child_ended = True
        # SIGTERM tells of the death of the thread that forked us; the tool may live on.
        if signal.SIGTERM in signums and os.getppid() != self._settings.tool_pid:
            self._open = False

    def _start(self, work: Work) -> None:
        action = self._launcher.start(work)
        if isinstance(action, Refusal):
            self._refuse(work, action.exit_code, action.note)
            return
        self._running[action.pid] = action
        if work.timeout_s is not None:
            self._deadlines_s[action.pid] = action.started_s + work.timeout_s

    def _advance(self) -> None:
        """Start what waits in line, as far as there is room."""
        if self._is_advancing:  # by an action that could not be started: that goes on below
            return
        self._is_advancing = True
        while (work := self._line.next(len(self._running))) is not None:
            try:
                self._clear_again(work)
            except OSError as error:
                self._refuse(work, NOT_STARTED, f"its outputs can't be made: {error}")
            else:
                self._start(work)
        self._is_advancing = False

    def _clear_again(self, work: Work) -> None:
        """Remove what others have put where this one writes since the tool cleared its way there.

        It is no user's: the intent to write there was noted before this got into the line.
        """
        for path in work.makes:
            full = f"{self._settings.root}/{path.rstrip('/')}"
            if os.path.lexists(full):
                durable.remove_any(full)

    def _refuse(self, work: Work, exit_code: int, note: str) -> None:
        self._report(Completion(work.stage_id, exit_code, note=note, started_s=time.monotonic()))

    def _withdraw(self) -> None:
        self._launcher.forget_all()
        for stage_id in self._line.empty():  # no ends: they don't count as failures
            message = completion_message(Completion(stage_id, WITHDRAWN))
            self._outbox.put(message, can_wait=False)

    def _stop(self, *, now: bool, typed: bool) -> None:
        self._withdraw()
        for action in self._running.values():
            if now:
                self._asked.add(action.pid)
                action.kill_all()
            elif typed and action.loan is not None and action.loan.is_in_foreground():
                self._leave_to_the_terminal(action)
            else:
                self._terminate(action)

    def _leave_to_the_terminal(self, action: Running) -> None:
        """Give an action time to end by the SIGINT that it has had: another signal may cut its clean-up short."""
        if action.pid not in self._asked:
            self._asked.add(action.pid)
            self._deadlines_s[action.pid] = time.monotonic() + self._settings.grace_s

    def _terminate(self, action: Running) -> None:
        if action.pid in self._terminated:
            return  # asked before; its time goes on running out
        action.signal(signal.SIGTERM)
        self._asked.add(action.pid)
        self._terminated.add(action.pid)
        self._deadlines_s[action.pid] = time.monotonic() + self._settings.grace_s

    def _patience_ms(self) -> float | None:
        waits_s = [] if (held_s := self._outbox.patience_s()) is None else [held_s]
        if self._deadlines_s:
            waits_s.append(min(self._deadlines_s.values()) - time.monotonic())
        return max(0.0, min(waits_s) * 1000 + 1) if waits_s else None

    def _enforce_deadlines(self) -> None:
        now_s = time.monotonic()
        for pid, deadline_s in list(self._deadlines_s.items()):
            if deadline_s > now_s:
                continue
            action = self._running[pid]
            if pid in self._terminated:
                del self._deadlines_s[pid]
                action.kill_all()
            else:
                action.timed_out = pid not in self._asked
                self._terminate(action)

    def _reap(self) -> None:
        if not HAS_WAITID:  # pragma: no cover - macOS
            self._reap_by_pid()
            return
        while True:
            try:
                # Only looked at: until it is reaped, its pid still names its process group.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            if ended.si_pid in self._running:
                self._finish(ended.si_pid)
            else:
                os.waitpid(ended.si_pid, os.WNOHANG)  # an orphan that ended by itself

    def _reap_by_pid(self) -> None:  # pragma: no cover - macOS
        for pid in list(self._running):
            reaped, status, usage = os.wait4(pid, os.WNOHANG)
            if reaped:
                action = self._running.pop(pid)
                if action.leads_group:
                    kill_group(pid, signal.SIGKILL)
                self._settle(action, status, usage)

    def _finish(self, pid: int) -> None:
        action = self._running.pop(pid)
        if action.leads_group:
            action.signal(signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._settle(action, status, usage)

    def _settle(self, action: Running, status: int, usage: resource.struct_rusage) -> None:
        """Report an action that has been reaped."""
        ended_s = time.monotonic()
        self._deadlines_s.pop(action.pid, None)
        was_stopped = action.pid in self._asked
        self._asked.discard(action.pid)
        self._terminated.discard(action.pid)
        ended = self._survivors.end(action, self._running)
        exit_code = os.waitstatus_to_exitcode(status)
        if action.loan is not None:
            action.loan.end(well=exit_code == 0)
        value, note = None, ended.note
        if action.value is not None:
            exit_code, value, missing = self._value(action.value, exit_code)
            note = note or missing
        if was_stopped and exit_code == 0:  # it may have made half of what it should
            exit_code = TIMED_OUT
        stdout, stderr = self._printed(action, ended)
        self._report(
            Completion(
                stage_id=action.stage_id,
                exit_code=exit_code,
                stdout=stdout,
                stderr=stderr,
                value=value,
                started_s=action.started_s,
                wall_s=ended_s - action.started_s,
                cpu_s=usage.ru_utime + usage.ru_stime,
                peak_rss_bytes=peak_rss_bytes(usage),
                timed_out=action.timed_out,
                note=note,
                survivors=ended.count,
            )
        )

    def _printed(self, action: Running, ended: Ended) -> tuple[bytes, bytes]:
        if action.capture is None:
            return b"", b""
        printed = action.capture.take()
        if ended.count or ended.strangers:
            self._launcher.discard(action.capture)
        else:
            self._launcher.give_back(action.capture)
        return printed

    def _value(self, pipe: ValuePipe, exit_code: int) -> tuple[int, bytes | None, str]:
        while pipe.pump():
            pass
        self._launcher.pass_on(pipe)
        self._launcher.drop_value(pipe)
        if exit_code != 0:
            return exit_code, None, ""
        if not pipe.messages:
            return FAILED, None, "the process of the function ended before the function returned"
        return 0, pipe.messages[0], ""

    def _pass_on(self, stage_id: int, data: bytes) -> None:
        self._outbox.put(said_message(stage_id, data), can_wait=False)

    def _report(self, completion: Completion) -> None:
        self._line.note_end(completion)
        self._outbox.put(completion_message(completion), can_wait=not completion.exit_code)
        self._advance()
