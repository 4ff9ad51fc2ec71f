"""Where events go: reporters, and a fan-out that shields the build from their faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stagemake.model.event import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.event import Event
    from stagemake.model.result import StageResult


class Reporter(Protocol):
    """Tells someone what happens."""

    def handle(self, event: Event) -> None:
        """Take one event; called in the order things happen, from one thread."""


class Sink(Protocol):
    """Takes text for people."""

    def write(self, text: str, /) -> object:
        """Take text, whole lines or not."""

    def flush(self) -> object:
        """Have it arrive."""


class Marks(Protocol):
    """Lines for whoever reads a log with a program: where a fold begins and ends, what is about a file's line."""

    def opening(self, title: str, /) -> str:
        """Return the line that begins a fold."""

    def closing(self) -> str:
        """Return the line that ends it."""

    def remarks(self, result: StageResult, /) -> Iterable[str]:
        """Give lines about a stage that has settled."""


class Countdown(Reporter, Protocol):
    """Knows how long the build still takes."""

    def left_s(self) -> float | None:
        """Return the seconds; None while too little is known."""


class FanOut:
    """Hands every event to several reporters; one that raises is left out from then on, and the others are told."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self._reporters = list(reporters)
        self.faults: list[str] = []

    def add(self, reporter: Reporter) -> None:
        """Tell one more."""
        self._reporters.append(reporter)

    def remove(self, reporter: Reporter) -> None:
        """Tell one no more; one that is not there is fine."""
        if reporter in self._reporters:
            self._reporters.remove(reporter)

    def handle(self, event: Event) -> None:
        """Pass the event on."""
        told = len(self.faults)
        for reporter in list(self._reporters):
            try:
                reporter.handle(event)
            except BrokenPipeError:
                raise
            except Exception as error:
                self._drop(reporter, error)
        for text in self.faults[told:]:
            self.handle(Notice(text))

    def _drop(self, reporter: Reporter, error: Exception) -> None:
        self.remove(reporter)
        name = getattr(reporter, "name", "") or f"reporter {type(reporter).__name__}"
        why = " ".join(str(error).split()) or repr(error)
        text = f"{name} failed and is told nothing more: {why}"
        self.faults.append(text)
