"""What planning and execution ask of a cache: records of actions, and contents by digest.

Keys and digests are bare: 32 lower-case hex digits (xxh3-128). Anything else is a miss, never an error. No method
here raises for a fault of the medium: what can't be read is a miss, what can't be written isn't stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@frozen
class CacheSettings:
    """What a plugin's cache is made with."""

    root: str  # the project's directory, absolute
    directory: (
        str  # where stagemake's own cache is, absolute; for what a cache keeps on this machine
    )
    budget_bytes: int  # what the user wants it to take at most
    max_age_s: float  # unused for longer: may be removed
    reads_only: bool  # it is for a plan: nothing may be changed anywhere


class RecordSource(Protocol):
    """Reads records of actions."""

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the intact records among `keys`, by key. Cost: one batch, not one trip per key."""


class ActionCache(RecordSource, Protocol):
    """Keeps records of actions: small, opaque bytes."""

    def put(self, key: str, record: bytes) -> None:
        """Store or replace a record. Contents it names must have been put before."""

    def touch(self, keys: Iterable[str]) -> None:
        """Mark records as used now; what was used last is evicted last."""


class ContentSource(Protocol):
    """Reads contents by digest."""

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return which of `digests` aren't there. Looks at names and sizes, reads no content."""

    def read(self, digest: str, limit_bytes: int) -> bytes | None:
        """Return a verified content; None when it is missing, damaged or longer than the limit."""


class ContentStore(ContentSource, Protocol):
    """Keeps contents by digest."""

    def put_bytes(self, digest: str, data: bytes) -> bool:
        """Store a content; False when it isn't stored, also because `data` has another digest."""

    def put_file(self, digest: str, path: str, size: int) -> bool:
        """Store a regular file's content as it is now; False when it isn't what was announced."""

    def fetch(self, digest: str, size: int, target_path: str, mode: int) -> bool:
        """Write a verified content to a new file, with exactly the permissions `mode`.

        `target_path` must not exist. False is a miss, and then nothing is left there.
        """


class Lifecycle(Protocol):
    """Ends the use of a store."""

    def flush(self) -> None:
        """Make everything put so far visible to other processes."""

    def close(self) -> None:
        """Flush and release everything. May be called twice."""


class Store(ActionCache, ContentStore, Lifecycle, Protocol):
    """Everything a build needs of one cache."""
