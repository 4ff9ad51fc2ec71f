"""The jobserver of one build: that of the make that started us, else one of our own for what stages start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from stagemake.jobserver.auth import (
    PASSED_READ_FD,
    PASSED_WRITE_FD,
    VARIABLE,
    knows_fifo,
    makeflags,
    parse,
)
from stagemake.jobserver.pool import Pool, Unusable
from stagemake.model.event import Notice
from stagemake.runner.port import TokenFds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.building import Builder


@define(eq=False, repr=False)
class JobsShared:
    """An open pool, and how stages are told of it. To be closed when all of them have ended."""

    pool: Pool | None = None
    _jobs: int = 1
    _tells: bool = False  # stages of it
    _is_closed: bool = False

    @property
    def fds(self) -> TokenFds | None:
        """What the runner needs."""
        if self.pool is None:
            return None
        if self.pool.pipe is None or not self._tells:
            return TokenFds(self.pool.write_fd)
        read_fd, write_fd = self.pool.pipe
        passed = ((read_fd, PASSED_READ_FD), (write_fd, PASSED_WRITE_FD))
        return TokenFds(self.pool.write_fd, passed)

    def environment(self, base: Mapping[str, str], *, for_calls: bool) -> Mapping[str, str]:
        """Return what stages get before their own declarations, with the jobserver if they are told of one.

        Args:
            base: The same without.
            for_calls: For functions: what these start inherits no descriptors, so a pipe is not for them.
        """
        if self.pool is None or not self._tells or (for_calls and not self.pool.fifo):
            return base
        return {**base, VARIABLE: makeflags(self.pool.fifo, self._jobs)}

    def close(self) -> None:
        """Let go of the pool; may be called twice."""
        if self.pool is not None and not self._is_closed:
            self._is_closed = True
            self.pool.close()


def share_jobs(builder: Builder) -> JobsShared:
    """Return the jobserver of a build; may lower `builder.jobs`, and says so."""
    settings, request = builder.settings, builder.request
    # A stage that is watched, or may open declared files only, could not reach it.
    tells = settings.jobserver != "off" and not request.is_watched and builder.make_runner is None
    auth = parse(builder.environ.get(VARIABLE, ""))
    if auth is not None:
        try:
            return JobsShared(Pool.joined(auth), auth.jobs or builder.jobs, tells)
        except Unusable:
            if not request.jobs:
                builder.jobs = 1
                text = "make's jobserver can't be reached: one stage at a time; mark the recipe with `+`, or give -j"
                builder.emit(Notice(text))
    if not tells or builder.jobs < 2:
        return JobsShared()
    try:
        return JobsShared(_own_pool(builder), builder.jobs, tells)
    except OSError:  # no FIFOs here, or no /proc: what stages start does not know of each other
        return JobsShared()


def _own_pool(builder: Builder) -> Pool:
    style = builder.settings.jobserver
    path = f"{builder.state.directory}/jobserver"
    if style == "auto":
        # make splits the variable at spaces, and more characters mean something to it.
        is_plain = path.isascii() and not set(path) & set(" \t\\$'\"#;&|<>*?~`(){}[]")
        style = "fifo" if is_plain and knows_fifo(builder.base_env()["PATH"]) else "pipe"
    if style == "fifo":
        return Pool.with_fifo(path, builder.jobs)
    return Pool.with_pipe(builder.jobs)
