"""Where a process spends its time, by kind: each moment counts for the innermost timed call only."""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class _Own(threading.local):
    """One thread's account."""

    def __init__(self, register: Callable[[dict[str, float]], None]) -> None:
        self.seconds: dict[str, float] = {}
        self.open: list[float] = []  # seconds that calls inside each open one took, outermost first
        register(self.seconds)


class Stopwatch:
    """Adds up seconds by kind, over all threads.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._added: dict[str, float] = {}
        self._accounts: list[dict[str, float]] = [self._added]
        self._own = _Own(self._accounts.append)

    def timed(self, kind: str, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function with its time counted as `kind`; what timed calls inside take is theirs.

        Cost: about 1 µs a call. What an iterator does after it was returned is not counted.
        """
        own, clock = self._own, self._clock

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            opened = own.open
            opened.append(0.0)
            began_s = clock()
            try:
                return function(*args, **kwargs)
            finally:
                took_s = clock() - began_s
                inside_s = opened.pop()
                own.seconds[kind] = own.seconds.get(kind, 0.0) + took_s - inside_s
                if opened:
                    opened[-1] += took_s

        return wrapper

    def add(self, kind: str, seconds: float) -> None:
        """Count seconds that were measured otherwise."""
        self._added[kind] = self._added.get(kind, 0.0) + seconds

    def own_seconds(self) -> dict[str, float]:
        """Return the seconds of calls in this thread by kind; what was added otherwise is left out."""
        return dict(self._own.seconds)

    def seconds(self) -> dict[str, float]:
        """Return the seconds by kind; kinds that never came up are left out."""
        total: dict[str, float] = {}
        for account in self._accounts:
            for kind, seconds in account.items():
                total[kind] = total.get(kind, 0.0) + seconds
        return total


def replace(owner: Any, name: str, made: Callable[[Any], Any]) -> None:  # Any: a class or a module
    """Put what `made` returns for an attribute in its place.

    Raises:
        AttributeError: There is no such attribute.
    """
    setattr(owner, name, made(getattr(owner, name)))
