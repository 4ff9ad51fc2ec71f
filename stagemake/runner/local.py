"""Runs actions on this machine, through one supervisor process; the tool's end of it."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from stagemake.processes.descendants import end_marked
from stagemake.runner.capture import DEFAULT_LIMIT_BYTES
from stagemake.runner.port import Completion
from stagemake.runner.program import NOT_STARTED
from stagemake.runner.protocol import (
    SAID,
    back_message,
    hold_message,
    line_up_message,
    start_message,
    stop_message,
    tell_message,
    withdraw_message,
)
from stagemake.runner.told import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagemake.runner.link import Link
    from stagemake.runner.port import PythonCall, ReadyCall, RunnerSettings, TokenFds, Work

GRACE_S = 2.0
LOST = -int(signal.SIGKILL)  # what ran when the supervisor died


class LocalRunner:
    """A `Runner` of local processes. Used by one thread; ends all it started on `close`.

    The supervisor is a fork of this process as it is at `prepare` or at the first `start`: functions
    defined by then are there. When this process dies, however it does, nothing it started survives
    on Linux; elsewhere a process that left its action's process group may.

    Args:
        root: Absolute directory in which actions run.
        call: Carries out the payload of a stage id and returns its result; runs in a fork of its own.
        on_said: Given the stage id and what a running call says, or a program that streams, in order, during `wait`.
        marker: Unlike that of any other build now running; part of every action's environment.
        keep_open: Descriptors held until all actions are gone, whatever happens to this process,
            and that no action gets: the project's lock.
        wakeup_fd: `wait` returns early when this is readable; the caller empties it.
        grace_s: Seconds between SIGTERM and SIGKILL.
        capture_limit_bytes: What is kept of a stream; the middle of longer ones is cut out.
        console_stdout_fd: What console actions get as their stdout: 1, or 2 where stdout is spoken for.
        tokens: Of a jobserver; see `hold_token`.
        rehearse: Called once in the supervisor like the first `call`, without `say`: forks of it find what
            that left in memory.
        ready: Does what can be done of a `call` before its time, without any effect: in the supervisor, for those that wait in line.
        on_told: Given what `tell` sends, in the supervisor: functions that start afterwards see the effect.
    """

    def __init__(
        self,
        root: str,
        *,
        call: PythonCall | None,
        marker: str,
        on_said: Callable[[int, bytes], object] | None = None,
        keep_open: Sequence[int] = (),
        wakeup_fd: int | None = None,
        grace_s: float = GRACE_S,
        capture_limit_bytes: int = DEFAULT_LIMIT_BYTES,
        console_stdout_fd: int = 1,
        tokens: TokenFds | None = None,
        ready: Callable[[int, bytes], ReadyCall] | None = None,
        rehearse: Callable[[int, bytes], object] | None = None,
        on_told: Callable[[bytes], object] | None = None,
    ) -> None:
        self._settings = Settings(
            root=root,
            call=call,
            ready=ready,
            rehearse=rehearse,
            on_told=on_told,
            marker=marker,
            grace_s=grace_s,
            capture_limit_bytes=capture_limit_bytes,
            keep_open=tuple(keep_open),
            tool_pid=os.getpid(),
            tool_group=os.getpgrp(),
            console_stdout_fd=console_stdout_fd,
            tokens=tokens,
        )
        self._held: list[bytes] = []  # tokens of a jobserver
        self._wakeup_fd = wakeup_fd
        self._on_said = on_said
        self._link: Link | None = None
        self._running: dict[int, None] = {}  # stage ids in order of their start
        self._arrived: list[Completion] = []
        self._unread: deque[tuple[Any, ...]] = deque()  # Any: fields of messages
        self._unsent = bytearray()  # what is lined up; sent when we wait, all at once

    def prepare(self) -> None:
        """Fork the supervisor unless there is one. Best done before this process has threads."""
        if self._link is None:
            from stagemake.runner.link import Link  # noqa: PLC0415 - gate, 10 ms, where an action runs

            self._link = Link(self._settings, self._wakeup_fd)

    def wake_by(self, fd: int) -> None:
        """Have `wait` return early when `fd` is readable, which was not there when this was made."""
        self._wakeup_fd = fd
        if self._link is not None:
            self._link.wake_by(fd)

    def start(self, work: Work) -> None:
        """Begin; returns at once. Trouble arrives as a `Completion`."""
        try:
            self.prepare()
        except OSError as error:
            note = f"could not start the supervisor: {error.strerror}"
            self._arrived.append(Completion(work.stage_id, NOT_STARTED, note=note))
            return
        self._running[work.stage_id] = None
        self._send(start_message(work))

    def line_up(self, work: Work, room: int, low: int, *, stops_at_failure: bool) -> None:
        """See `LinesUp`."""
        if self._link is None:  # it has died just now; the next one begins with this
            self.start(work)
            return
        self._running[work.stage_id] = None
        self._unsent += line_up_message(work, room, low, stops_at_failure=stops_at_failure)

    def withdraw(self) -> None:
        """See `LinesUp`."""
        self._unsent += withdraw_message()

    def tell(self, data: bytes) -> None:
        """Pass something on to the supervisor, which is there, ahead of what is started from now on."""
        self._send(tell_message(data))

    def hold_token(self, token: bytes) -> None:
        """Have a token that was taken put back when this process ends before it has said so."""
        self._held.append(token)
        self.prepare()
        self._send(hold_message(token))

    def return_token(self, token: bytes) -> None:
        """Have a token put back."""
        if token in self._held:  # else the supervisor has died, and it was put back then
            self._held.remove(token)
            self._send(back_message(token))

    def wait(self, timeout_s: float | None) -> Sequence[Completion]:
        """Return what has ended since, at least one unless the time is over, nothing runs or something woke us."""
        if self._unsent:
            self._send(b"")
        self._read_on()
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while self._running and not self._arrived and self._link is not None:
            left_ms = None
            if deadline_s is not None:
                left_ms = max(0.0, (deadline_s - time.monotonic()) * 1000)
            readable = self._link.poll(left_ms)
            if self._link.replies_fd in readable:
                self._receive(self._link)
            elif readable or (deadline_s is not None and time.monotonic() >= deadline_s):
                break
        arrived, self._arrived = self._arrived, []
        return arrived

    def stop(self, *, now: bool, typed: bool = False) -> None:
        """End whatever runs: SIGTERM and, after the grace, SIGKILL; or SIGKILL `now`. Completions still arrive.

        Where ^C was `typed`, a console action has had SIGINT: SIGTERM waits for one grace more.
        """
        if self._running:
            self._send(stop_message(now=now, typed=typed))

    def close(self) -> None:
        """Kill what runs, without completions, and end the supervisor; waits until all are gone."""
        link, self._link = self._link, None
        self._running.clear()
        self._arrived.clear()
        self._unread.clear()
        self._unsent.clear()
        self._held.clear()  # the supervisor puts back what is left
        if link is not None:
            link.close()

    def _send(self, message: bytes) -> None:
        message, self._unsent = bytes(self._unsent) + message, bytearray()  # in their order
        if self._link is None:  # it has died since something was lined up; that has its completions
            return
        try:
            self._link.send(message)
        except BrokenPipeError:
            self._bury(self._link)

    def _receive(self, link: Link) -> None:
        messages = link.receive()
        if messages is None:
            self._bury(link)
            return
        self._unread.extend(messages)
        self._read_on()

    def _read_on(self, *, to_the_end: bool = False) -> None:
        """Take in what has come, up to what was said after an end: it may be by who has begun at that end."""
        while self._unread:
            if self._unread[0][0] != SAID:
                completion = Completion(*self._unread.popleft()[1:])
                self._running.pop(completion.stage_id, None)
                self._arrived.append(completion)
            elif self._arrived and not to_the_end:
                return
            else:
                message = self._unread.popleft()
                if self._on_said is not None:
                    self._on_said(message[1], message[2])

    def _bury(self, link: Link) -> None:
        """Turn the death of the supervisor into failures, and end what it can't end any more."""
        self._read_on(to_the_end=True)
        self._link = None
        link.close()
        end_marked(self._settings.marker)
        held, self._held = self._held, []
        if held and self._settings.tokens is not None:
            os.write(self._settings.tokens.put_fd, b"".join(held))
        note = "the supervisor process died; what ran was ended"
        self._arrived += [Completion(stage_id, LOST, note=note) for stage_id in self._running]
        self._running.clear()
        self._unsent.clear()


def local_runner(
    settings: RunnerSettings,
    *,
    ready: Callable[[int, bytes], ReadyCall] | None = None,
    rehearse: Callable[[int, bytes], object] | None = None,
    on_told: Callable[[bytes], object] | None = None,
) -> LocalRunner:
    """Return the runner that is used where no other is chosen; also for runners that build on it."""
    return LocalRunner(
        settings.root,
        call=settings.call,
        marker=settings.marker,
        on_said=settings.on_said,
        keep_open=settings.keep_open,
        wakeup_fd=settings.wakeup_fd,
        console_stdout_fd=settings.console_stdout_fd,
        tokens=settings.tokens,
        ready=ready,
        rehearse=rehearse,
        on_told=on_told,
    )
