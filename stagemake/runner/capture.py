"""What an action prints, caught in pipes that serve one action after another.

Pipes rather than files: reopening `/dev/stdout` works in them, and an action that prints without
end fills neither disk nor memory. Reusing them makes the usual silent action cost nothing.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from stagemake.runner.protocol import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_LIMIT_BYTES = 16 << 20
MOST_LEFT_IN_A_PIPE_BYTES = 1 << 20  # Linux lets an unprivileged owner enlarge a pipe this far


class Excerpt:
    """Bytes printed so far, of which the first and the last half of `limit_bytes` are kept."""

    def __init__(self, limit_bytes: int) -> None:
        self._half = limit_bytes // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._cut_bytes = 0

    def add(self, data: bytes) -> None:
        """Append `data`."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data
            if len(self._tail) > 2 * self._half + CHUNK_BYTES:
                self._trim()

    def take(self) -> bytes:
        """Return what was kept, with a line in place of what was cut, and begin anew."""
        if not self._head:
            return b""
        self._trim()
        cut = b""
        if self._cut_bytes:
            cut = b"\n[stagemake: %d bytes of output left out here]\n" % self._cut_bytes
        kept = bytes(self._head) + cut + bytes(self._tail)
        self._head.clear()
        self._tail.clear()
        self._cut_bytes = 0
        return kept

    def _trim(self) -> None:
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._cut_bytes += excess


class Pipe:
    """A pipe that one action at a time prints into. Lives until `close`."""

    def __init__(self, limit_bytes: int) -> None:
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        self._excerpt = Excerpt(limit_bytes)
        self.pass_to: Callable[[bytes], object] | None = (
            None  # takes what comes, in place of keeping it
        )

    def ready(self) -> None:
        """Prepare for the next action: an earlier one may have left the pipe non-blocking, as node and ssh do."""
        os.set_blocking(self.write_fd, True)

    def pump(self) -> int:
        """Take in one read's worth; return how many bytes that was."""
        data = read_available(self.read_fd)
        if data:
            (self.pass_to or self._excerpt.add)(data)
        return len(data)

    def take(self) -> bytes:
        """Return all that was printed, the rest in the pipe included.

        Bounded, because a process that could not be ended may still be printing.
        """
        left_bytes = MOST_LEFT_IN_A_PIPE_BYTES
        while left_bytes > 0 and (taken := self.pump()):
            left_bytes -= taken
        return self._excerpt.take()

    def kept(self) -> bytes:
        """Return what was printed and read; nothing may be left in the pipe."""
        return self._excerpt.take()

    def close(self) -> None:
        """Close both ends."""
        os.close(self.read_fd)
        os.close(self.write_fd)


class Capture:
    """The two pipes of one action."""

    def __init__(self, limit_bytes: int) -> None:
        self.stdout = Pipe(limit_bytes)
        try:
            self.stderr = Pipe(limit_bytes)
        except OSError:
            self.stdout.close()
            raise
        self._poll = select.poll()
        self._poll.register(self.stdout.read_fd, select.POLLIN)
        self._poll.register(self.stderr.read_fd, select.POLLIN)

    def take(self) -> tuple[bytes, bytes]:
        """Return all that was printed to stdout and stderr; see `Pipe.take`. Cost: one system call for an action that was silent."""
        if self._poll.poll(0):
            return self.stdout.take(), self.stderr.take()
        return self.stdout.kept(), self.stderr.kept()

    @property
    def fds(self) -> tuple[int, int, int, int]:
        """All descriptors, open in this process only."""
        return (
            self.stdout.read_fd,
            self.stdout.write_fd,
            self.stderr.read_fd,
            self.stderr.write_fd,
        )

    def close(self) -> None:
        """Close both pipes."""
        self.stdout.close()
        self.stderr.close()


def read_available(fd: int) -> bytes:
    """Read a chunk from a non-blocking descriptor; empty when there is nothing, now or ever."""
    try:
        return os.read(fd, CHUNK_BYTES)
    except BlockingIOError:
        return b""
