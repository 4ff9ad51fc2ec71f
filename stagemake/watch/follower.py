"""The command that `--exec` has started after builds that went well: one at a time, ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.signal_words import signal_text
from stagemake.runner.descendants import descendants_of, kill, kill_group
from stagemake.watch.mailbox import Ended
from stagemake.watch.session import did_something

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.model.result import BuildOutcome

GRACE_S = 2.0  # between TERM and KILL


@define
class Command:
    """A shell text that is run anew by each build that made something; what still runs of it is ended before.

    It runs in the root, in a session of its own, with the tool's variables and streams but no input.
    """

    text: str
    root: str
    environ: Mapping[str, str]
    tell: Callable[[Ended], object]  # called from a thread
    notice: Callable[[str], object]
    _process: subprocess.Popen[bytes] | None = None
    _stopping: set[int] = field(factory=set)  # ids of those that are ended by us

    def follow(self, outcome: BuildOutcome, *, is_first: bool) -> None:
        """Run the command, unless nothing has changed since it was run last."""
        if not (is_first or did_something(outcome)):
            return
        self.close()
        process = subprocess.Popen(
            ["/bin/sh", "-c", self.text],
            cwd=self.root,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._process = process
        threading.Thread(target=self._await, args=(process,), name="exec", daemon=True).start()

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if process.pid not in self._stopping:
            self.tell(Ended(self.text, code))

    def ended(self, message: Ended) -> None:
        """Say how it ended, where it did not end well."""
        if message.is_service or message.exit_code == 0:
            return
        self.notice(f"`{self.text}` {how_it_ended(message.exit_code)}")

    def close(self) -> None:
        """End it, TERM first, and KILL for all that is left of it after the grace."""
        process, self._process = self._process, None
        if process is None:
            return
        self._stopping.add(process.pid)
        below = descendants_of(process.pid)
        if process.poll() is None:
            kill_group(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                below += descendants_of(process.pid)
        kill_group(process.pid, signal.SIGKILL)  # what it left in its group is not to go on
        for pid in below:
            if _session_of(pid) == process.pid:
                kill(pid, signal.SIGKILL)
        process.wait()


def how_it_ended(exit_code: int) -> str:
    """Return what happened to a process, after its name."""
    if exit_code < 0:
        return f"was ended by {signal_text(-exit_code)}"
    return f"ended with exit status {exit_code}"


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1
