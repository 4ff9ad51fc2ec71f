"""Waits for descriptors on behalf of the supervisor's loop."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Poller:
    """Which descriptors are waited for, and what to do when one is readable."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], object]] = {}

    def add(self, fd: int, handler: Callable[[], object], mask: int = select.POLLIN) -> None:
        """Call `handler` whenever `fd` is readable, or what `mask` says."""
        self._handlers[fd] = handler
        self._poll.register(fd, mask)

    def remove(self, fd: int) -> None:
        """Forget `fd`, known or not."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def turn(self, timeout_ms: float | None) -> None:
        """Wait for something to do and do it."""
        for fd, _ in self._poll.poll(timeout_ms):
            # One handler may have removed what another was called for.
            if (handler := self._handlers.get(fd)) is not None:
                handler()
