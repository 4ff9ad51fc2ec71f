"""The tool's connection to its supervisor: the fork, and the two pipes."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any

from stagemake.processes.forks import forked
from stagemake.runner import supervisor
from stagemake.runner.protocol import CHUNK_BYTES, Inbox

if TYPE_CHECKING:
    from stagemake.runner.told import Settings


class Link:
    """A living supervisor and the two pipes to it."""

    def __init__(self, settings: Settings, wakeup_fd: int | None) -> None:
        requests_fd, self._requests_fd = os.pipe()
        self.replies_fd, replies_fd = os.pipe()
        try:
            self._pid = _fork(settings, requests_fd, replies_fd)
        except OSError:
            os.close(self._requests_fd)
            os.close(self.replies_fd)
            raise
        finally:
            os.close(requests_fd)
            os.close(replies_fd)
        self._inbox = Inbox()
        self._poll = select.poll()
        self._poll.register(self.replies_fd, select.POLLIN)
        if wakeup_fd is not None:
            self.wake_by(wakeup_fd)

    def wake_by(self, fd: int) -> None:
        """Have `poll` look at `fd`, too."""
        self._poll.register(fd, select.POLLIN)

    def poll(self, timeout_ms: float | None) -> list[int]:
        """Return what is readable: the replies, the wake-up descriptor, both or, when the time is over, none."""
        return [fd for fd, _ in self._poll.poll(timeout_ms)]

    def send(self, message: bytes) -> None:
        """Write a request; the supervisor always reads, so this does not wait for long."""
        view = memoryview(message)
        while view:
            view = view[os.write(self._requests_fd, view) :]

    def receive(self) -> list[Any] | None:
        """Read once; return the replies this completes, None when the supervisor is gone."""  # Any: see Inbox
        data = os.read(self.replies_fd, CHUNK_BYTES)
        return self._inbox.feed(data) if data else None

    def close(self) -> None:
        """Tell the supervisor to end everything, and wait until it has."""
        os.close(self._requests_fd)
        os.close(self.replies_fd)
        try:
            os.waitpid(self._pid, 0)
        except ChildProcessError:  # reaped by somebody who waits for any child
            return


def _fork(settings: Settings, requests_fd: int, replies_fd: int) -> int:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()  # what stays in a buffer is in two processes
    return forked(lambda: supervisor.serve(settings, requests_fd, replies_fd))
