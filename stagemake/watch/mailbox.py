"""What wakes a watch, from whatever thread or signal handler it comes; and changes put together until it is quiet."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_S = (
    0.02  # after the last change of a burst; with the watcher's 5 ms above `signature.CLOCK_LAG_NS`
)
LONGEST_S = 0.5  # a burst that does not end is cut here


@frozen
class Changed:
    """Something happened at these paths, absolute. None: somewhere, all has to be looked at."""

    paths: frozenset[str] | None


@frozen
class Pressed:
    """A key was pressed."""

    key: str


@frozen
class Asked:
    """A signal asked to end."""

    signal: int


@frozen
class Ended:
    """A service, or what follows a build, has ended by itself."""

    name: str
    exit_code: int
    note: str = ""
    is_service: bool = False


Message = Changed | Pressed | Asked | Ended


class Mailbox:
    """Messages in order of arrival; put by any thread, taken by one."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Leave a message; also from a signal handler."""
        self._queue.put(message)

    def take(self, timeout_s: float | None) -> Message | None:
        """Return the next message, waiting so long for one; None: there was none."""
        try:
            if timeout_s is not None and timeout_s <= 0:
                return self._queue.get_nowait()
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None


@define
class Debounce:
    """Changes heard of and not yet looked at. They are due when it is quiet, or has been long enough."""

    now_s: Callable[[], float] = time.monotonic
    paths: set[str] = field(factory=set)
    is_everywhere: bool = False
    _first_s: float = 0.0
    _last_s: float = 0.0
    _waits: bool = False

    def add(self, changed: Changed) -> None:
        """Take in what was heard."""
        now_s = self.now_s()
        if not self._waits:
            self._waits, self._first_s = True, now_s
        self._last_s = now_s
        if changed.paths is None:
            self.is_everywhere = True
        else:
            self.paths |= changed.paths

    def due_in_s(self) -> float | None:
        """Return after which time to look, 0 for now; None: there is nothing to look at."""
        if not self._waits:
            return None
        due_s = min(self._last_s + QUIET_S, self._first_s + LONGEST_S)
        return max(0.0, due_s - self.now_s())

    def take(self) -> tuple[set[str], bool]:
        """Return the paths, and whether to look everywhere; nothing waits any more."""
        paths, is_everywhere = self.paths, self.is_everywhere
        self.paths, self.is_everywhere, self._waits = set(), False, False
        return paths, is_everywhere
