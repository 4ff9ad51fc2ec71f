"""One action on its way, as its supervisor sees it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import Factory, define

from stagemake.processes.descendants import descendants_of, kill, kill_group
from stagemake.runner.protocol import CHUNK_BYTES, Inbox

if TYPE_CHECKING:
    from stagemake.runner.capture import Capture
    from stagemake.runner.console import Loan


@define(eq=False, repr=False)
class ValuePipe:
    """Receives what a Python call returns, of any size."""

    fd: int
    stage_id: int
    inbox: Inbox = Factory(Inbox)
    messages: list[Any] = Factory(list)  # Any: `bytes`, or None after sys.exit(0)
    said: list[bytes] = Factory(list)  # what it has said so far, until somebody takes it

    def pump(self) -> int | None:
        """Take in one read's worth and return its size; None when there is nothing more, ever."""
        try:
            data = os.read(self.fd, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            return None
        for message in self.inbox.feed(data):
            if type(message) is tuple:
                self.said.append(message[0])
            else:
                self.messages.append(message)
        return len(data)


@define(eq=False)
class Running:
    """From its start until it is reaped, so that its pid can mean nobody else."""

    stage_id: int
    pid: int
    leads_group: bool  # and a session; False: it shares the tool's, for the terminal
    capture: Capture | None  # None: on the console
    loan: Loan | None  # of the terminal; None: not on the console
    value: ValuePipe | None  # None: a program
    started_s: float
    timed_out: bool = False

    def signal(self, signum: int) -> None:
        """Send a signal to the action and whatever shares its process group, or descends from it on the console."""
        if not self.leads_group:
            for pid in (self.pid, *descendants_of(self.pid)):
                kill(pid, signum)
        elif not kill_group(self.pid, signum):
            kill(self.pid, signum)  # a fork that has not come as far as setsid leads no group yet

    def kill_all(self) -> None:
        """Kill the action and all that descend from it now."""
        descendants = descendants_of(self.pid)
        self.signal(9)
        for pid in descendants:
            kill(pid, 9)
