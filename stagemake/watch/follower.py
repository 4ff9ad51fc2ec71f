"""The command that `--exec` has started after builds that went well: one at a time, ended with all that it started."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from attrs import define

from stagemake.model.signal_words import signal_text
from stagemake.processes import keeper
from stagemake.watch.mailbox import Ended
from stagemake.watch.session import did_something

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.model.result import BuildOutcome


@define
class Command:
    """A shell text that is run anew by each build that made something; what still runs of it is ended before.

    It runs in the root, in a session of its own, with the tool's variables and streams but no input. When
    the tool is killed, so is it.
    """

    text: str
    root: str
    environ: Mapping[str, str]
    tell: Callable[[Ended], object]  # called from a thread
    notice: Callable[[str], object]
    _kept: keeper.Kept | None = None
    _thread: threading.Thread | None = None
    _ended_by_us: keeper.Kept | None = None

    def follow(self, outcome: BuildOutcome, *, is_first: bool) -> None:
        """Run the command, unless nothing has changed since it was run last."""
        if not (is_first or did_something(outcome)):
            return
        self.close()
        kept = keeper.start(
            "/bin/sh", ("/bin/sh", "-c", self.text),
            cwd=self.root, env=self.environ, outputs=(1, 2), has_session=True,
        )  # fmt: skip
        self._kept = kept
        self._thread = threading.Thread(target=self._await, args=(kept,), name="exec", daemon=True)
        self._thread.start()

    def _await(self, kept: keeper.Kept) -> None:
        code = kept.wait()
        if kept is not self._ended_by_us and code is not None:
            self.tell(Ended(self.text, code))

    def ended(self, message: Ended) -> None:
        """Say how it ended, where it did not end well."""
        if message.is_service or message.exit_code == 0:
            return
        self.notice(f"`{self.text}` {how_it_ended(message.exit_code)}")

    def close(self) -> None:
        """End it, TERM first, and KILL for all that is left of it after the grace."""
        kept, thread = self._kept, self._thread
        self._kept = self._thread = None
        if kept is None or thread is None:
            return
        self._ended_by_us = kept
        kept.ask_to_end()
        thread.join()


def how_it_ended(exit_code: int) -> str:
    """Return what happened to a process, after its name."""
    if exit_code < 0:
        return f"was ended by {signal_text(-exit_code)}"
    return f"ended with exit status {exit_code}"
