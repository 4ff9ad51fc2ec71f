"""A plugin's reporter behind a fence: it can neither fail a build nor end the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagemake.model.event import Event
    from stagemake.report.port import Reporter


class ReporterFailed(Exception):
    """A plugin's reporter raised; says which and what."""


class GuardedReporter:
    """Passes events on to a plugin's reporter."""

    def __init__(self, inner: Reporter, name: str) -> None:
        self.name = name
        self._inner = inner

    def handle(self, event: Event) -> None:
        """Pass an event on.

        Raises:
            ReporterFailed: It raised, also what would end the tool or count as a closed pipe of ours.
        """
        try:
            self._inner.handle(event)
        except (Exception, SystemExit) as error:
            text = " ".join(str(error).split())
            raise ReporterFailed(f"{type(error).__name__}: {text}".rstrip(": ")[:300]) from error

    def close(self) -> str:
        """Close it, if it can be; return what went wrong, one line, empty for nothing."""
        close = getattr(self._inner, "close", None)
        if callable(close):
            try:
                close()
            except (Exception, SystemExit) as error:
                return f"{self.name} can't be closed: {type(error).__name__}: {error}"
        return ""
