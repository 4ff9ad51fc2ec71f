"""Requests to end a build: from signals, or from another thread of an embedding program."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Interrupt:
    """Requests to end: a signal handler or another thread notes them, the scheduler looks.

    While a build runs there is a pipe, so that a note wakes whoever waits for actions to end.
    """

    def __init__(self) -> None:
        self.count = 0
        self.signal = 0  # the first one's number
        self.read_fd = -1
        self._write_fd = -1

    def note(self, number: int) -> None:
        """Take one request; `number` is the signal that it stands for."""
        self.count += 1
        self.signal = self.signal or number
        if self._write_fd >= 0:
            with contextlib.suppress(BlockingIOError):
                os.write(self._write_fd, b"!")

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """Have the pipe for the time of one build; afterwards nothing is requested any more."""
        self.read_fd, self._write_fd = os.pipe()
        for fd in (self.read_fd, self._write_fd):
            os.set_blocking(fd, False)
        try:
            yield
        finally:
            read_fd, write_fd = self.read_fd, self._write_fd
            self.read_fd = self._write_fd = -1
            os.close(read_fd)
            os.close(write_fd)
            self.take()

    def take(self) -> int:
        """Return the number of the first request and ask for nothing any more."""
        number, self.count, self.signal = self.signal, 0, 0
        return number

    def drain(self) -> None:
        """Empty the pipe, or waiting would return at once for ever."""
        if self.read_fd >= 0:
            with contextlib.suppress(BlockingIOError):
                os.read(self.read_fd, 4096)
