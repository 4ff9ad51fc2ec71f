"""The cache of one request for reading: what it holds is asked for while the plan is made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.event import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.cache.guarded import GuardedStore
    from stagemake.cache.port import CacheSettings
    from stagemake.cache.reader import ReadOnlyStore
    from stagemake.model.event import Event
    from stagemake.plugins.backends import MakeStore
    from stagemake.settings import ProjectConfig


@define(eq=False, repr=False)
class CacheReader:
    """Opens the cache when it is first asked for. To be closed."""

    root: str
    directory: str  # absolute; may not exist
    settings: ProjectConfig
    emit: Callable[[Event], None]
    make_store: MakeStore | None  # None: the cache on disk
    _reader: ReadOnlyStore | GuardedStore | None = field(default=None)
    _told: set[str] = field(factory=set)

    def read_only(self) -> ReadOnlyStore | GuardedStore:
        """Return the cache for reading; opened once, until this request's plan is made."""
        if self._reader is None and self.make_store is not None:
            self._reader, problem = self.make_store(self.made_with(reads_only=True))
            self.tell(problem)
        if self._reader is None:
            from stagemake.cache.reader import ReadOnlyStore  # noqa: PLC0415 - gate, 17 ms with sqlite3

            is_own = (
                self.make_store is None
            )  # else the chosen one can't be used: everything is a miss
            self._reader = ReadOnlyStore(self.directory if is_own else os.devnull)
        return self._reader

    def made_with(self, *, reads_only: bool) -> CacheSettings:
        """Return what a plugin's cache is made with."""
        from stagemake.cache.port import CacheSettings  # noqa: PLC0415 - with a plugin's cache only

        return CacheSettings(
            root=self.root,
            directory=self.directory,
            budget_bytes=self.settings.cache_bytes,
            max_age_s=self.settings.cache_age_s,
            reads_only=reads_only,
        )

    def close(self) -> None:
        """Let go of the cache; it is opened again when asked for."""
        if self._reader is not None:
            self._reader.close()
            if self.make_store is not None:
                for text in self._reader.faults.first.values():
                    self.tell(text)
            self._reader = None

    def tell(self, text: str) -> None:
        """Say once what is wrong with the cache; nothing for an empty text."""
        if text and text not in self._told:
            self._told.add(text)
            self.emit(Notice(f"cache: {text}"))
