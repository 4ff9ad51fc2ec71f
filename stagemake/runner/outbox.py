"""What the supervisor has to tell the tool: at once, or some ends together while there is a line to go on with."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagemake.runner.poller import Poller

MOST_HELD_S = 0.05
"""How long the tool may not know that an action has ended; a person does not see that."""

MOST_HELD_BYTES = 1 << 16


class Outbox:
    """Messages on their way through a non-blocking pipe."""

    def __init__(self, replies_fd: int, poller: Poller) -> None:
        self._fd = replies_fd
        self._poller = poller
        self._waiting = bytearray()
        self._held_since_s = 0.0  # 0: nothing is held
        self._is_urgent = False

    def put(self, message: bytes, *, can_wait: bool) -> None:
        """Add a message; nothing waits behind one that can't."""
        self._waiting += message
        if not can_wait or len(self._waiting) > MOST_HELD_BYTES:
            self._is_urgent = True
        elif not self._held_since_s:
            self._held_since_s = time.monotonic()

    def patience_s(self) -> float | None:
        """Return for how long what is held may go on waiting; None: nothing is."""
        if not self._held_since_s:
            return None
        return max(0.0, self._held_since_s + MOST_HELD_S - time.monotonic())

    def send(self, *, holds: bool) -> bool:
        """Send what there is, but not what can wait while it `holds`; return whether the tool is there."""
        if not self._waiting or (holds and not self._is_urgent and self.patience_s()):
            return True
        try:
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting)]
        except BlockingIOError:
            self._is_urgent = True
            self._poller.add(self._fd, lambda: None, select.POLLOUT)
            return True
        except BrokenPipeError:
            return False
        finally:
            self._held_since_s = 0.0
        self._is_urgent = False
        self._poller.remove(self._fd)
        return True
