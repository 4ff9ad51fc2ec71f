"""What one build of a process wrote, for the next one of the same process: it need not be read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.freshness.signature import link_signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.freshness.signature import Signature
    from stagemake.freshness.snapshot import Snapshot


class KeptSnapshot:
    """A snapshot as this process wrote it last, for the next build of the same process. Used by one thread."""

    def __init__(self) -> None:
        self._known: tuple[Signature, Snapshot] | None = None
        self._entries: dict[str, str] | None = None

    def put(self, path: str, written: Snapshot) -> None:
        """Keep what was just written at `path`, under the project's lock."""
        known = link_signature(path)
        self._known, self._entries = None if known is None else (known, written), None

    def prepare(self, entries_of: Callable[[Snapshot], dict[str, str]]) -> None:
        """Have ready, while nobody waits, what the next build asks of all traces: see `StateStore.take_entries`."""
        if self._known is not None:
            self._entries = entries_of(self._known[1])

    def take_entries(self) -> dict[str, str] | None:
        """Give away what was made ready of the snapshot that was taken last; None: nothing."""
        entries, self._entries = self._entries, None
        return entries

    def take(self, path: str) -> Snapshot | None:
        """Give it away if it is what lies at `path` now. Whoever takes it may change it."""
        known, self._known = self._known, None
        return known[1] if known is not None and link_signature(path) == known[0] else None
