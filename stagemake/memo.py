"""Contents by signature: what a file with this name and this signature holds. For digesting.

A record that this build has added counts only where its signature can't be racy, until `settle` is over.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.contents import read_digest
from stagemake.freshness.signature import of_status, youngest_ns
from stagemake.model.entry import executable_entry, file_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from stagemake.freshness.signature import FileClock, Signature

_TRIES = 5
_SLACK_RECORDS = 1000
_SETTLE_S = 3.0  # coarse clocks move on within 10 ms; files from the future never settle


class KeepsChanging(OSError):
    """A file was written to each time it was read."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EBUSY, "keeps changing while it is read", path)


@define(eq=False, repr=False)
class Memo:
    """Records by project path. `records` is the snapshot's own dictionary, updated in place."""

    records: dict[str, tuple[Signature, str]]
    clock: FileClock | None  # None: nothing new is trusted
    taken_at_ns: dict[str, int] = field(factory=dict)  # of what this build has added
    _numbers: dict[int, int] = field(factory=dict)  # devices and modes
    hashed_files: int = 0
    hashed_bytes: int = 0

    def look(
        self,
        path: str,
        full: str,
        status: os.stat_result,
        on_small: Callable[[str, bytes], None] | None = None,
    ) -> str:
        """Return the entry of a regular file, by its signature or by reading it.

        Args:
            path: Its project path.
            full: Where it is.
            status: Of the file itself, taken just now.
            on_small: As for `read_digest`.

        Raises:
            KeepsChanging: It never held still.
            OSError: It can't be read.
        """
        signature = of_status(status)
        known = self.entry_of(path, signature)
        if known is not None:
            return known
        for _ in range(_TRIES):
            taken_at_ns = 0 if self.clock is None else self.clock.taken_at(signature)
            digest, size_bytes = read_digest(full, status.st_size, on_small)
            self.hashed_files += 1
            self.hashed_bytes += size_bytes
            # By path, not by descriptor: another file may have taken the name meanwhile.
            status = os.lstat(full)
            if not stat.S_ISREG(status.st_mode):
                break
            before, signature = signature, of_status(status)
            if before == signature:
                make = executable_entry if status.st_mode & stat.S_IXUSR else file_entry
                entry = make(digest, size_bytes)
                self.add(path, signature, entry, taken_at_ns)
                return entry
        raise KeepsChanging(full)

    def entry_of(self, path: str, signature: Signature) -> str | None:
        """Return what is known of a file by its signature; None when that says nothing."""
        record = self.records.get(path)
        if record is not None and record[0] == signature and self.holds(path, signature):
            return record[1]
        return None

    def holds(self, path: str, signature: Signature) -> bool:
        """Whether a record with an equal signature can be believed."""
        taken_at_ns = self.taken_at_ns.get(path)
        if taken_at_ns is None:
            return True
        return self.clock is not None and self.clock.trusts(signature, taken_at_ns)

    def add(self, path: str, signature: Signature, entry: str, taken_at_ns: int) -> None:
        """Note what a file held when it had this signature, before and after it was read."""
        self.records[path] = (self._shared(signature), entry)
        self.taken_at_ns[path] = taken_at_ns

    def _shared(self, signature: Signature) -> Signature:
        """Return an equal signature whose numbers that others have too are the same objects: 0.2 KB less a file."""
        size, mtime_ns, ctime_ns, inode, device, mode, *more = signature
        known = self._numbers
        shared = known.setdefault(device, device), known.setdefault(mode, mode)
        ctime_ns = mtime_ns if ctime_ns == mtime_ns else ctime_ns
        return (size, mtime_ns, ctime_ns, inode, *shared, *more)

    def prune(self, seen: Collection[str], exists: Callable[[str], bool]) -> None:
        """Drop records of files that are gone, once those not seen outnumber those that were."""
        unseen = [path for path in self.records if path not in seen]
        if len(unseen) > len(seen) + _SLACK_RECORDS:
            for path in unseen:
                if not exists(path):
                    del self.records[path]
                    self.taken_at_ns.pop(path, None)

    def settle(self, read_again: Callable[[str], object], deadline_s: float | None = None) -> None:
        """Make all records fit to be saved: wait for the clock, have read again what may be racy.

        Nothing to wait for where the file system shows every change. What can't be trusted by
        `deadline_s` (monotonic; default: in three seconds) is dropped, so the next build reads it.
        """
        if deadline_s is None:
            deadline_s = time.monotonic() + _SETTLE_S
        records, taken = self.records, self.taken_at_ns
        racy = [path for path in taken if not self.holds(path, records[path][0])]
        if self.clock is not None and racy:
            self.clock.wait_past(max(youngest_ns(records[path][0]) for path in racy), deadline_s)
        for path in racy:
            del records[path], taken[path]
            if self.clock is None:
                continue
            try:
                read_again(path)
            except OSError:  # gone or unreadable: nothing to remember
                continue
            if path in taken and not self.holds(path, records[path][0]):
                del records[path], taken[path]
        taken.clear()
