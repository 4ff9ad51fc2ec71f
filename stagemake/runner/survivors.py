"""Ends what outlives its action. Asks /proc only when the supervisor has children it did not start."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued
from stagemake.processes.descendants import (
    PATIENCE_S,
    PAUSE_S,
    Children,
    descendants_of,
    kill,
    mark,
    mark_of,
    start_ticks,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from stagemake.runner.running import Running


@frozen(eq=False, repr=False)
class Ended(Valued):
    """What `Survivors.end` found."""

    count: int = 0
    strangers: bool = False  # children are left that this action may have started
    note: str = ""


NONE = Ended()


class Survivors:
    """Finds out which action an orphan came from: session, marker variable, or age, in this order."""

    def __init__(self, marker: str) -> None:
        self._marker = marker
        self._children = Children()

    @property
    def fds(self) -> tuple[int, ...]:
        """What is open here and no business of an action."""
        return () if self._children.fd is None else (self._children.fd,)

    def end(self, action: Running, running: Mapping[int, Running]) -> Ended:
        """Kill and reap what `action`, itself reaped and not in `running`, left behind.

        Cost: one system call when nothing is left.
        """
        if not self._strangers(running):
            return NONE
        ended: set[int] = set()
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            alive = [pid for pid in self._strangers(running) if not _reap(pid, ended)]
            left = [pid for pid in alive if self._is_from(pid, action, running)]
            if not left:
                return Ended(len(ended), bool(alive))
            killed = _kill_trees(left)
            ended |= killed
            if not killed or time.monotonic() > give_up_s:
                note = f"process {left[0]} outlived the action and could not be ended"
                return Ended(len(ended), strangers=True, note=note)
            time.sleep(PAUSE_S)

    def end_all(self, running: Mapping[int, Running]) -> None:
        """Kill and reap every descendant of this process; gives up on what does not die."""
        for action in running.values():
            action.kill_all()
        give_up_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_s:
            _kill_trees(self._children.pids())
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(PAUSE_S)

    def _strangers(self, running: Collection[int]) -> list[int]:
        return [pid for pid in self._children.pids() if pid not in running]

    def _is_from(self, pid: int, action: Running, running: Mapping[int, Running]) -> bool:
        try:
            session = os.getsid(pid)
        except ProcessLookupError:
            return False
        if session == action.pid or session in running:
            return session == action.pid
        value = mark_of(pid)
        if value is not None and value.startswith(f"{self._marker}-"):
            return value not in {mark(self._marker, each.stage_id) for each in running.values()}
        return not _could_be_from(pid, running)


def _could_be_from(pid: int, actions: Iterable[int]) -> bool:
    """Whether one of `actions` is old enough to have started `pid`."""
    started = start_ticks(pid)
    if started is None:
        return True
    return any((start_ticks(action) or 0) <= started for action in actions)


def _kill_trees(pids: Iterable[int]) -> set[int]:
    killed = set()
    for pid in pids:
        for each in (*descendants_of(pid), pid):
            if kill(each, signal.SIGKILL):
                killed.add(each)
    return killed


def _reap(pid: int, ended: set[int]) -> bool:
    """Take a dead child's status; a killed one counts as ended by us, its whole group was."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    if reaped and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        ended.add(pid)
    return reaped != 0
