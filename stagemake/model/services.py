"""What a stage may ask of its surroundings: files of the project, and events. Ports; no I/O here."""

from __future__ import annotations

import os
from collections.abc import Callable  # noqa: TC003 - part of the public types
from typing import Any, Protocol

PathLike = str | os.PathLike[str]


class StorageProvider(Protocol):
    """Files inside the root, by paths relative to it or absolute ones inside it.

    While a stage runs it acts; in a dry run it notes what would be done, and shows the files as if it
    were done. Every method raises `BadPath` for what leaves the root, and OSError as usual.
    """

    def read(self, path: PathLike) -> bytes:
        """Return a file's bytes."""

    def read_text(self, path: PathLike) -> str:
        """Return a file's text, which is UTF-8."""

    def write(self, path: PathLike, data: bytes | str) -> None:
        """Create or replace a file in one step; parents are made, text is UTF-8, its mode stays."""

    def copy(self, source: PathLike, target: PathLike) -> None:
        """Copy a file, a link, or a directory with all it holds; modes too, times not.

        A file at `target` is replaced; a directory there is an error.
        """

    def move(self, source: PathLike, target: PathLike) -> None:
        """Give what is at `source` the name `target`; parents are made.

        A file at `target` is replaced; a directory there is an error.
        """

    def remove(self, path: PathLike) -> None:
        """Remove a file, a link, or a directory with all it holds; it must be there."""

    def mkdir(self, path: PathLike) -> None:
        """Make a directory and its parents; one that is there is fine."""

    def chmod(self, path: PathLike, mode: int) -> None:
        """Set the permissions of a file or directory."""

    def exists(self, path: PathLike) -> bool:
        """Return whether anything is at a path; a link counts by itself."""

    def list(self, path: PathLike = ".") -> tuple[str, ...]:
        """Return what is directly in a directory, as sorted paths relative to the root."""


class EventDispatcher(Protocol):
    """Passes on what stages and programs have to say while a build runs."""

    def subscribe(self, handler: Callable[[Any], object], *, name: str = "") -> int:  # Any: events
        """Have `handler(event)` called from now on; return what `unsubscribe` takes.

        Args:
            handler: Called one event after the other; one that raises is not called again.
            name: Only events that were emitted under this name; empty: all.
        """

    def unsubscribe(self, subscription: int) -> None:
        """Stop calling a handler; unknown ones are fine."""

    def emit(self, name: str, payload: Any = None) -> None:  # Any: what JSON can hold
        """Tell all subscribers, those in the tool and those here.

        Raises:
            StagemakeError: The payload is not what JSON can hold, or too large.
        """
