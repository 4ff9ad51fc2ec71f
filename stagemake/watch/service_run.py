"""One service from its start to its end, under a supervisor of its own: when the tool is gone, so is all of it."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from stagemake.runner.local import LocalRunner
from stagemake.runner.port import STDERR, STDOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.runner.port import Completion
    from stagemake.serving import ServiceStart

_LONGEST_BYTES = 1 << 16  # of a line; a longer one is cut into several


class ServiceRun:
    """A service that was started. `ask_to_end` and `close` are for one thread; `on_line` and `on_end` come from another.

    Args:
        start: What to run.
        root: The project's directory, absolute.
        on_line: Given each line that it prints, without the end of the line.
        on_end: Called when it has ended without having been asked to; nothing of it is left then.
    """

    def __init__(
        self,
        start: ServiceStart,
        root: str,
        on_line: Callable[[bytes], object],
        on_end: Callable[[Completion], object],
    ) -> None:
        self.start = start
        self.has_ended = False
        self._on_line = on_line
        self._on_end = on_end
        self._begun = {STDOUT: b"", STDERR: b""}  # lines without their end
        self._is_asked = False
        self._wakeup_fd, self._wake_fd = os.pipe()
        self._runner = LocalRunner(
            root,
            call=None,
            marker=os.urandom(8).hex(),
            on_said=self._said,
            wakeup_fd=self._wakeup_fd,
        )
        with contextlib.suppress(OSError):  # tried again in the thread, which tells of it
            self._runner.prepare()
        self._thread = threading.Thread(
            target=self._follow, name=f"service {start.stage.name}", daemon=True
        )
        self._thread.start()

    def ask_to_end(self) -> None:
        """Have it end: TERM, and KILL after the grace for all that is left. Returns at once."""
        if not self._is_asked:
            self._is_asked = True
            os.write(self._wake_fd, b"!")

    def close(self) -> None:
        """End it, and wait until nothing of it is left."""
        self.ask_to_end()
        self._thread.join()
        os.close(self._wakeup_fd)
        os.close(self._wake_fd)

    def _follow(self) -> None:
        runner = self._runner
        runner.start(self.start.work)
        is_stopped = False
        while not (ended := runner.wait(None)):
            if self._is_asked and not is_stopped:
                is_stopped = True
                os.read(self._wakeup_fd, 1)
                runner.stop(now=False)
        runner.close()
        for line in self._begun.values():
            if line:
                self._on_line(line)
        self.has_ended = True
        if not self._is_asked:
            self._on_end(ended[0])

    def _said(self, _stage_id: int, data: bytes) -> None:
        stream, text = data[:1], data[1:]
        *lines, rest = (self._begun[stream] + text).split(b"\n")
        while len(rest) > _LONGEST_BYTES:
            lines.append(rest[:_LONGEST_BYTES])
            rest = rest[_LONGEST_BYTES:]
        self._begun[stream] = rest
        for line in lines:
            self._on_line(line)
