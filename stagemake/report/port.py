"""Where events go: reporters, and a fan-out that shields the build from their faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.event import Event


class Reporter(Protocol):
    """Tells someone what happens."""

    def handle(self, event: Event) -> None:
        """Take one event; called in the order things happen, from one thread."""


class Countdown(Reporter, Protocol):
    """Knows how long the build still takes."""

    def left_s(self) -> float | None:
        """Return the seconds; None while too little is known."""


class FanOut:
    """Hands every event to several reporters; one that raises is left out from then on."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self._reporters = list(reporters)
        self.faults: list[str] = []

    def add(self, reporter: Reporter) -> None:
        """Tell one more."""
        self._reporters.append(reporter)

    def handle(self, event: Event) -> None:
        """Pass the event on."""
        for reporter in list(self._reporters):
            try:
                reporter.handle(event)
            except BrokenPipeError:
                raise
            except Exception as error:
                self._reporters.remove(reporter)
                self.faults.append(f"reporter {type(reporter).__name__} failed: {error!r}")
