"""A plugin's cache behind a fence: whatever it raises is a miss, and nothing it returns is believed.

Records are sealed with their key before it gets them. Contents are compared with their digest.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, TypeVar

from stagemake import durable
from stagemake.cache import envelope, raw_disk
from stagemake.cache.fault import FaultKind, Faults, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stagemake.cache.port import Store

T = TypeVar("T")

MOST_FAILURES = 3
"""After so many in a row it is not asked again: each may have taken a network's patience."""


class GuardedStore:
    """The `Store` that a build sees of a plugin's. Same contract; never raises."""

    def __init__(self, inner: Store, name: str) -> None:
        self.faults = Faults()
        self._inner = inner
        self._name = name
        self._failures = 0  # in a row

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the records among `keys` that are what was put under these keys."""
        nothing: dict[str, bytes] = {}
        known = [key for key in keys if envelope.is_digest(key)]
        found = self._asked(FaultKind.READ, lambda: nothing, lambda: dict(self._inner.get(known)))
        records = {}
        for key in known:
            sealed = found.get(key)
            if sealed is None:
                continue
            body = (
                envelope.unseal(envelope.RECORD_PREFIX + key, bytes(sealed))
                if isinstance(sealed, (bytes, bytearray, memoryview))
                else None
            )
            if body is None:
                self.faults.add(FaultKind.DAMAGED, f"{self._name}: record is damaged")
            else:
                records[key] = body
        return records

    def put(self, key: str, record: bytes) -> None:
        """Store a record."""
        if not envelope.is_digest(key):
            return
        sealed = envelope.seal(envelope.RECORD_PREFIX + key, record)
        self._asked(FaultKind.WRITE, _nothing, lambda: self._inner.put(key, sealed))

    def touch(self, keys: Iterable[str]) -> None:
        """Mark records as used now."""
        known, store = list(keys), self._inner
        self._asked(FaultKind.WRITE, _nothing, lambda: store.touch(known))

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return which contents aren't there."""
        wanted = set(digests)
        absent = self._asked(
            FaultKind.READ, lambda: wanted, lambda: set(self._inner.missing(wanted))
        )
        return absent & wanted

    def read(self, digest: str, limit_bytes: int) -> bytes | None:
        """Return a content of that digest."""
        data = self._asked(FaultKind.READ, _nothing, lambda: self._inner.read(digest, limit_bytes))
        if data is None:
            return None
        if not isinstance(data, bytes) or len(data) > limit_bytes:
            return None
        if envelope.digest_of(data) != digest:
            self.faults.add(FaultKind.DAMAGED, f"{self._name}: content is damaged")
            return None
        return data

    def put_bytes(self, digest: str, data: bytes) -> bool:
        """Store a content; False when it isn't stored."""
        return bool(self._asked(FaultKind.WRITE, bool, lambda: self._inner.put_bytes(digest, data)))

    def put_file(self, digest: str, path: str, size: int) -> bool:
        """Store a file's content; False when it isn't stored."""
        return bool(
            self._asked(FaultKind.WRITE, bool, lambda: self._inner.put_file(digest, path, size))
        )

    def fetch(self, digest: str, size: int, target_path: str, mode: int) -> bool:
        """Write a content to a new file, and look whether it is what was asked for."""
        if os.path.lexists(target_path):  # somebody's: nothing to write to, and nothing to remove
            return False
        told = self._asked(
            FaultKind.READ, bool, lambda: self._inner.fetch(digest, size, target_path, mode)
        )
        try:
            if told and self._is_right(digest, size, target_path, mode):
                return True
            if os.path.lexists(target_path):
                durable.remove_any(target_path)
        except OSError as error:
            self.faults.add(FaultKind.READ, error)
        return False

    def flush(self) -> None:
        """Make everything put so far visible to other processes."""
        self._asked(FaultKind.WRITE, _nothing, self._inner.flush)

    def close(self) -> None:
        """Release everything; also one that failed before."""
        self._failures = 0
        self._asked(FaultKind.WRITE, _nothing, self._inner.close)

    def _is_right(self, digest: str, size: int, path: str, mode: int) -> bool:
        status = os.lstat(path)
        is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if is_plain and status.st_size == size and _digest_at(path) == digest:
            if stat.S_IMODE(status.st_mode) != mode:
                durable.set_mode(path, mode)
            return True
        self.faults.add(FaultKind.DAMAGED, f"{self._name}: content is damaged")
        return False

    def _asked(self, kind: FaultKind, miss: Callable[[], T], ask: Callable[[], T]) -> T:
        if self._failures >= MOST_FAILURES:
            return miss()
        try:
            answer = ask()
        except (Exception, SystemExit) as error:
            self._failures += 1
            more = "; it is not asked again" if self._failures == MOST_FAILURES else ""
            self.faults.add(kind, f"{self._name}: {describe(error)}{more}")
            return miss()
        self._failures = 0
        return answer


def _digest_at(path: str) -> str:
    fd = raw_disk.open_regular(path)
    try:
        return raw_disk.digest_open(fd)[1]
    finally:
        os.close(fd)


def _nothing() -> None:
    return None
