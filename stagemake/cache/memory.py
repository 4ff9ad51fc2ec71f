"""The store in memory: for tests and for `--cache off`. Same contract as the one on disk, nothing survives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.cache import envelope, raw_disk
from stagemake.cache.fault import FaultKind, Faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MemoryStore:
    """Records and contents in two dictionaries."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._records: dict[str, bytes] = {}  # least recently used first
        self._contents: dict[str, bytes] = {}

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the records among `keys`."""
        return {key: self._records[key] for key in keys if key in self._records}

    def put(self, key: str, record: bytes) -> None:
        """Store or replace a record."""
        if envelope.is_digest(key):
            self._records.pop(key, None)
            self._records[key] = bytes(record)

    def touch(self, keys: Iterable[str]) -> None:
        """Mark records as used now."""
        for key in keys:
            if key in self._records:
                self._records[key] = self._records.pop(key)

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return which contents aren't there."""
        return {digest for digest in digests if digest not in self._contents}

    def read(self, digest: str, limit_bytes: int) -> bytes | None:
        """Return a content that isn't longer than the limit."""
        data = self._contents.get(digest)
        return None if data is None or len(data) > limit_bytes else data

    def put_bytes(self, digest: str, data: bytes) -> bool:
        """Store a content, unless it has another digest."""
        if envelope.digest_of(data) != digest:
            self.faults.add(FaultKind.CHANGED, "content is not what was announced")
            return False
        self._contents[digest] = bytes(data)
        return True

    def put_file(self, digest: str, path: str, size: int) -> bool:
        """Store a file's content as it is now."""
        try:
            data = raw_disk.read_file(path, size)
        except OSError as error:
            self.faults.add(FaultKind.WRITE, error)
            return False
        if len(data) != size:
            self.faults.add(FaultKind.CHANGED, "content is not what was announced")
            return False
        return self.put_bytes(digest, data)

    def fetch(self, digest: str, size: int, target_path: str, mode: int) -> bool:
        """Write a content to a new file."""
        data = self._contents.get(digest)
        if data is None or len(data) != size:
            return False
        try:
            raw_disk.write_to(target_path, data, mode)
        except (OSError, ValueError) as error:
            self.faults.add(FaultKind.WRITE, error)
            return False
        return True

    def flush(self) -> None:
        """Do nothing: all is visible at once."""

    def close(self) -> None:
        """Do nothing; what is stored stays until the store is gone."""
