"""Tokens to be taken and given back, each of them the right to run one more job; one job needs none."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from attrs import define

from stagemake import durable

if TYPE_CHECKING:
    from stagemake.jobserver.auth import Auth

_TOKEN = b"+"


class Unusable(Exception):
    """A jobserver is named, and can't be reached."""


@define(eq=False, repr=False)
class Pool:
    """An open jobserver, ours or one that started us. `take` never waits."""

    fifo: str  # its path; empty: a pipe
    read_fd: int  # non-blocking, our own opening
    write_fd: int
    pipe: tuple[int, int] | None  # the ends to be passed on to stages; None for a FIFO
    is_ours: bool

    @classmethod
    def joined(cls, auth: Auth) -> Pool:
        """Return the pool of whoever started us.

        Raises:
            Unusable: It is gone, or not for us: make gives it to recipes marked with `+`.
        """
        try:
            if auth.fifo:
                fd = os.open(auth.fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                if not stat.S_ISFIFO(os.fstat(fd).st_mode):
                    os.close(fd)
                    raise Unusable
                return cls(auth.fifo, fd, fd, None, is_ours=False)
            for fd in (auth.read_fd, auth.write_fd):
                if not stat.S_ISFIFO(os.fstat(fd).st_mode):
                    raise Unusable
            return cls(
                "", _opened_again(auth.read_fd), auth.write_fd,
                (auth.read_fd, auth.write_fd), is_ours=False,
            )  # fmt: skip
        except (OSError, OverflowError, ValueError):
            raise Unusable from None

    @classmethod
    def with_fifo(cls, path: str, jobs: int) -> Pool:
        """Make a pool for so many jobs at `path`, which is replaced.

        Raises:
            OSError: It can't be made there.
        """
        durable.make_fifo(path)
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        os.write(fd, _TOKEN * (jobs - 1))
        return cls(path, fd, fd, None, is_ours=True)

    @classmethod
    def with_pipe(cls, jobs: int) -> Pool:
        """Make a pool for so many jobs that stages inherit.

        Raises:
            OSError: This system can't have a pipe read by some without waiting, and by others with.
        """
        read_fd, write_fd = os.pipe()
        try:
            own_fd = _opened_again(read_fd)
        except OSError:
            os.close(read_fd)
            os.close(write_fd)
            raise
        os.write(write_fd, _TOKEN * (jobs - 1))
        return cls("", own_fd, write_fd, (read_fd, write_fd), is_ours=True)

    def take(self) -> bytes:
        """Return a token, empty if there is none now."""
        try:
            return os.read(self.read_fd, 1)
        except (BlockingIOError, InterruptedError):
            return b""

    def put(self, tokens: bytes) -> None:
        """Give back what was taken."""
        with contextlib.suppress(OSError):  # whoever it belongs to is gone
            os.write(self.write_fd, tokens)

    def close(self) -> None:
        """Let go; one of ours is no more."""
        fds = {self.read_fd}
        if self.is_ours:
            fds |= {self.write_fd, *(self.pipe or ())}
        for fd in fds:
            os.close(fd)
        if self.is_ours and self.fifo and os.path.lexists(self.fifo):
            durable.remove(self.fifo)


def _opened_again(fd: int) -> int:
    """Return another opening of a pipe's end: what is set of it does not change what others have."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
