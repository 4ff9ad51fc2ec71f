"""The store on disk: diskcache underneath, bytes only, every fault a miss.

Puts are queued and written in batches, one transaction each; reads see the queue. Contents of files are captured
when they are put. Whatever is read was verified, so damage of any kind costs time and nothing else.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from stagemake.cache import envelope, raw_disk, rows
from stagemake.cache.batch import Batch
from stagemake.cache.database import ERRORS, Database, is_damage
from stagemake.cache.fault import FaultKind, Faults
from stagemake.cache.near import Near
from stagemake.cache.rows import DamagedError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MOST_FAILED_BATCHES = 2
_ANNOUNCED = "content is not what was announced"


class DiskStore:
    """One process's access to the cache in one directory, safe for threads and across forks.

    Made by `open_store`; `close` it. After two batches in a row that couldn't be written, nothing more is stored.
    """

    def __init__(
        self,
        database: Database,
        *,
        budget_bytes: int,
        max_age_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.directory = database.directory
        self.database = database  # for the collector, under `lock()`
        self.budget_bytes = budget_bytes
        self.max_age_s = max_age_s
        self.clock = clock
        self.faults = Faults()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._batch = Batch()
        self._near = Near()
        self._failed_batches = 0
        self._is_damaged = False

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the intact records among `keys`; see `port.RecordSource`."""
        with self.lock():
            try:
                found, damaged = self._queued_records(keys)
                asked = [key for key in keys if key not in found] if found else keys
                stored, more = rows.find_records(self.database.connection, self.directory, asked)
            except ERRORS as error:
                self.note(FaultKind.READ, error)
                return {}
            for place in damaged + more:
                self._drop(place, "record is damaged")
            return found | stored if found else stored

    def put(self, key: str, record: bytes) -> None:
        """Queue a record; see `port.ActionCache`."""
        if envelope.is_digest(key):
            full = envelope.RECORD_PREFIX + key
            self._store(full, envelope.seal(full, record))

    def touch(self, keys: Iterable[str]) -> None:
        """Mark records as used, with the next batch."""
        with self.lock():
            touched = self._batch.touched
            for key in keys:
                if envelope.is_digest(key):
                    touched[envelope.RECORD_PREFIX + key] = None

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return which contents aren't there; see `port.ContentSource`."""
        with self.lock():
            prefix, queue = envelope.BLOB_PREFIX, self._batch.entries
            wanted = {item for item in digests if prefix + item not in queue}
            try:
                return rows.find_absent(self.database.connection, self.directory, wanted)
            except ERRORS as error:
                self.note(FaultKind.READ, error)
                return wanted

    def read(self, digest: str, limit_bytes: int) -> bytes | None:
        """Return a verified content; see `port.ContentSource`."""
        place = self._find(digest)
        if place is None:
            return None
        try:
            return rows.read_content(self.directory, place, limit_bytes)
        except DamagedError as error:
            self._drop(place, error)
        except OSError as error:
            self.note(FaultKind.READ, error)
        return None

    def expect(self, digests: Iterable[str]) -> None:
        """Note which small contents will be asked for next, as far as is known: they are read together."""
        with self.lock():
            self._near.expect(digests)

    def put_bytes(self, digest: str, data: bytes) -> bool:
        """Queue a content; see `port.ContentStore`."""
        if envelope.digest_of(data) != digest:
            self.note(FaultKind.CHANGED, _ANNOUNCED)
            return False
        return self._store(envelope.BLOB_PREFIX + digest, data)

    def put_file(self, digest: str, path: str, size: int) -> bool:
        """Capture a file now; see `port.ContentStore`. Cost: one read and write, or clone and read."""
        if not envelope.is_digest(digest) or not self._is_writing():
            return False
        try:
            if size < rows.INLINE_BYTES:
                data = raw_disk.read_file(path, size)
                if len(data) != size:
                    self.note(FaultKind.CHANGED, _ANNOUNCED)
                    return False
                return self.put_bytes(digest, data)
            return self._capture(digest, path, size)
        except OSError as error:
            self.note(FaultKind.WRITE, error)
            return False

    def fetch(self, digest: str, size: int, target_path: str, mode: int) -> bool:
        """Write a verified content to a new file; see `port.ContentStore`."""
        place = self._find(digest)
        if place is None:
            return False
        try:
            if place.mode == rows.MODE_INLINE:
                data = rows.read_content(self.directory, place, size)
                if data is None or len(data) != size:
                    return False  # intact: it's the caller's size that is wrong
                raw_disk.write_to(target_path, data, mode)
                return True
            return self._restore(place, size, target_path, mode)
        except DamagedError as error:
            self._drop(place, error)
        except (OSError, ValueError) as error:
            self.note(FaultKind.READ, error)
        return False

    def flush(self) -> None:
        """Write what is queued, in one transaction; see `port.Lifecycle`."""
        with self.lock():
            if not self._batch:
                return
            entries = tuple(self._batch.entries.values())
            try:
                self.database.write(entries, tuple(self._batch.touched), self.clock)
            except ERRORS as error:
                self.note(FaultKind.WRITE, error)
                self._failed_batches += 1
                if not self._is_writing():
                    self._abandon()
                return  # else kept: contents must not be lost before the records that name them
            self._failed_batches = 0
            self._batch.clear()

    def close(self) -> None:
        """Flush and close; a database found damaged is set aside now. May be called twice."""
        with self.lock():
            self.flush()
            self._abandon()
            try:
                if self._is_damaged:
                    self._is_damaged = False
                    self.database.set_aside()
                else:
                    self.database.close()
            except ERRORS as error:
                self.note(FaultKind.WRITE, error)
            self._failed_batches = _MOST_FAILED_BATCHES

    def lock(self) -> threading.RLock:
        """Return the lock to hold while using `database`; notices a fork."""
        if os.getpid() != self._pid:
            # The parent writes what was queued, over its own connection.
            self._pid = os.getpid()
            self._lock = threading.RLock()
            self._batch.clear()
            self.database.after_fork()
        return self._lock

    def note(self, kind: FaultKind, what: str | BaseException) -> None:
        """Count a fault."""
        self.faults.add(kind, what)
        if isinstance(what, BaseException) and is_damage(what):
            self._is_damaged = True

    def _is_writing(self) -> bool:
        return self._failed_batches < _MOST_FAILED_BATCHES

    def _queued_records(self, keys: Sequence[str]) -> tuple[dict[str, bytes], list[Place]]:
        found: dict[str, bytes] = {}
        damaged: list[Place] = []
        for key in keys if self._batch.entries else ():
            place = self._batch.entries.get(envelope.RECORD_PREFIX + key)
            if place is not None:
                body = rows.record_body(self.directory, place)
                if body is None:
                    damaged.append(place)
                else:
                    found[key] = body
        return found, damaged

    def _find(self, digest: str) -> Place | None:
        if not envelope.is_digest(digest):
            return None
        key = envelope.BLOB_PREFIX + digest
        with self.lock():
            try:
                return self._batch.entries.get(key) or self._near.find(
                    self.database.connection, digest
                )
            except ERRORS as error:
                self.note(FaultKind.READ, error)
                return None

    def _store(self, key: str, data: bytes) -> bool:
        with self.lock():
            if not self._is_writing():
                return False
            try:
                size, mode, name, value = self.database.disk.store(data, read=False)
            except ERRORS as error:
                self.note(FaultKind.WRITE, error)
                return False
            self._enqueue(Place(0, key, mode, size, name, value))
            return True

    def _capture(self, digest: str, path: str, size: int) -> bool:
        name, _ = self.database.disk.filename()
        source_fd = raw_disk.open_regular(path)
        try:
            written = raw_disk.copy_value(source_fd, self.directory, name)
        finally:
            os.close(source_fd)
        if written != (size, digest):
            raw_disk.remove_value(self.directory, name)
            self.note(FaultKind.CHANGED, _ANNOUNCED)
            return False
        with self.lock():
            self._enqueue(Place(0, envelope.BLOB_PREFIX + digest, rows.MODE_FILE, size, name, None))
        return True

    def _restore(self, place: Place, size: int, target_path: str, mode: int) -> bool:
        source_fd = rows.open_value(self.directory, place)
        try:
            if place.size != size:
                return False
            written = raw_disk.copy_to(source_fd, target_path, mode)
        finally:
            os.close(source_fd)
        if (written[0], envelope.BLOB_PREFIX + written[1]) == (size, place.key):
            return True
        raw_disk.remove_new(target_path)
        raise DamagedError("content has another digest than its key")

    def _enqueue(self, place: Place) -> None:
        self._discard(self._batch.add(place))
        if self._batch.is_full():
            self.flush()

    def _discard(self, place: Place | None) -> None:
        if place is not None:
            raw_disk.remove_value(self.directory, place.filename)

    def _abandon(self) -> None:
        for place in self._batch.entries.values():
            self._discard(place)
        self._batch.clear()

    def _drop(self, place: Place, why: str | BaseException) -> None:
        """Remove what is damaged. Where its row is gone by now another process has collected both: no fault."""
        with self.lock():
            if self._batch.entries.get(place.key) is place:
                self._discard(self._batch.remove(place.key))
            else:
                try:
                    if self.database.delete([place])[0] == 0:
                        return
                except ERRORS as error:
                    self.note(FaultKind.WRITE, error)
            self.note(FaultKind.DAMAGED, why)
