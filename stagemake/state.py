"""The project's own memory under `.stagemake/`: layout, lock, snapshot and journal.

Losing all of it loses time and nothing else. Reading it changes nothing; writing needs the lock.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.freshness import journal, snapshot
from stagemake.freshness.place import fault_of_state
from stagemake.model.error import StagemakeError

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.freshness.snapshot import Memo, Snapshot, Trace
    from stagemake.kept_snapshot import KeptSnapshot

DIRECTORY = ".stagemake"
_FILES = (
    *("snapshot", "journal", "noop", "declared", "touched", "captures", "history.db", "checkpoint"),
    *("repeats", "clock", "names"),
)
_OF_STAGES = (journal.BEGIN, journal.SETTLE, journal.FORGET)


class StateStore:
    """What one Stagefile of one root has in `.stagemake/`. Loaded lazily; written between open and close.

    Args:
        root: The project's directory, absolute.
        stagefile_name: Base name of the Stagefile: two in one root keep apart.
        kept: Has the snapshot in memory between the builds of one process; None: it is read each time.
    """

    def __init__(self, root: str, stagefile_name: str, kept: KeptSnapshot | None = None) -> None:
        self.shared = f"{root}/{DIRECTORY}"
        self.directory = f"{self.shared}/{stagefile_name}"
        self.scratch = f"{self.directory}/scratch"
        self.failed = f"{self.directory}/failed"
        self.failed_logs = f"{self.directory}/failed-logs"
        self.kept = f"{self.shared}/kept"
        self.history_path = f"{self.directory}/history.db"
        self.builds = f"{self.directory}/builds"
        self.checkpoint_path = f"{self.directory}/checkpoint"
        self.repeats_path = f"{self.directory}/repeats"
        self._kept = kept
        self._snapshot: Snapshot | None = None
        self._entries: dict[str, str] | None = None
        self._journal_fd = -1
        self._is_dirty = False
        self._waiting = b""  # records of the journal that go with the next one
        self._had_journal = False
        self._wanted: Collection[str] = ()
        self._memo_before: Memo = {}  # of a part

    def checked(self) -> StateStore:
        """Return this.

        Raises:
            StagemakeError: `.stagemake` is a link, another user's, or can be written by others.
        """
        why = fault_of_state(self.shared)
        if why:
            raise StagemakeError(
                f"`{DIRECTORY}` is not to be trusted",
                facts=[("where", f"`{self.shared}`"), ("why", why)],
                hint="`stagemake doctor` says how to mend it; without it nothing is lost but time and `kept/`",
            )
        return self

    @property
    def snapshot(self) -> Snapshot:
        """What earlier builds left, those included that were killed. Read once."""
        if self._snapshot is None:
            self._snapshot = self._load()
        return self._snapshot

    def reload(self) -> None:
        """Forget what was read, and for whom: another build may have come in between."""
        self._snapshot, self._entries, self._wanted, self._had_journal = None, None, (), False

    def limit_to(self, stage_names: Collection[str]) -> None:
        """Have what is not read yet read for these stages only, if that can be: no others will be asked for.

        Their results are then appended to the journal, which stays: the snapshot is not written anew.
        """
        self._wanted = stage_names

    def _load_part(self, path: str) -> Snapshot | None:
        records = journal.read_kept(self._journal_path)
        if records is None:
            return None
        found = snapshot.load_part(
            path, self._wanted, [record[1] for record in records if record[0] in _OF_STAGES]
        )
        if found is not None:
            for record in records:
                self._had_journal = True
                _apply(found, record)
        return found

    def _load(self) -> Snapshot:
        path = f"{self.directory}/snapshot"
        if self._wanted and self._kept is None and (part := self._load_part(path)) is not None:
            return part
        kept = None if self._kept is None else self._kept.take(path)
        entries = None if self._kept is None else self._kept.take_entries()
        found = snapshot.load(path) if kept is None else kept
        for record in journal.read(self._journal_path):
            self._had_journal = True
            _apply(found, record)
        self._entries = None if kept is None or self._had_journal else entries
        return found

    def take_entries(self) -> dict[str, str] | None:
        """Give away what past builds left at outputs, by path; None: that has to be made of the traces.

        It is there where a process builds again and again, and before the first trace of this build. The caller may change it.
        """
        entries, self._entries = self._entries, None
        return entries

    @property
    def _journal_path(self) -> str:
        return f"{self.directory}/journal"

    def make_directories(self) -> None:
        """Create `.stagemake/` with what it needs before the first write."""
        durable.make_dirs(self.directory, 0o700)
        ignore = f"{self.shared}/.gitignore"
        if not os.path.exists(ignore):
            # Not by a temporary file: whoever has the lock sweeps those away, and we have it not yet.
            with contextlib.suppress(FileExistsError):  # someone else was faster
                durable.write_new(ignore, b"*\n")

    def clear_way(self) -> None:
        """Remove what is in the way of our files and directories: one of the other kind, a dead link.

        Needs the lock. Cost: a dozen looks.
        """
        for name in _FILES:
            path = f"{self.directory}/{name}"
            if not os.path.isfile(path) and os.path.lexists(path):
                durable.remove_any(path)
        for path in (self.scratch, self.failed, self.builds, self.kept):
            if not os.path.isdir(path) and os.path.lexists(path):
                durable.remove(path)

    def open(self) -> None:
        """Begin a build: save what past ones left in the journal, and start a new one. Needs the lock.

        With the traces of some stages only the journal is gone on with.
        """
        self.make_directories()
        if self.snapshot.is_part:
            self._memo_before = dict(self.snapshot.memo)
            self._journal_fd = durable.open_append(self._journal_path, 0o600)
            if not self._had_journal:
                durable.append(self._journal_fd, journal.header(), self._journal_path)
            return
        if self.snapshot.interrupted or self._had_journal:
            self._write_snapshot()
        if os.path.exists(self._journal_path):
            durable.remove(self._journal_path)
        self._journal_fd = durable.open_append(self._journal_path, 0o600)
        durable.append(self._journal_fd, journal.header(), self._journal_path)

    def begin(self, stage_name: str, outputs: tuple[str, ...]) -> int:
        """Note, before anything is touched, that a stage will write these; return the clock.

        Returns:
            The file system's time in ns: what is changed from now on is younger or equal.
        """
        self._append((journal.BEGIN, stage_name, outputs))
        return os.fstat(self._journal_fd).st_mtime_ns

    def begin_restoring(self, stage_name: str, outputs: tuple[str, ...]) -> None:
        """Note the same of a stage whose result comes from the cache: nobody asks when it began."""
        self._append((journal.BEGIN, stage_name, outputs))

    def settle(self, stage_name: str, trace: Trace) -> None:
        """Note that a stage is done and this is its trace."""
        self._append((journal.SETTLE, stage_name, trace))

    def settle_soon(self, stage_name: str, trace: Trace) -> None:
        """Note the same, on file with whatever comes next, or by `flush`: one write less.

        After a kill before that its outputs are what a stage had begun to make, which is right for what can be
        brought back once more.
        """
        record = (journal.SETTLE, stage_name, trace)
        _apply(self.snapshot, record)
        self._is_dirty, self._entries = True, None
        self._waiting += journal.encoded(record)

    def flush(self) -> None:
        """Put on file what waits for the next record; before waiting for anything."""
        if self._waiting:
            data, self._waiting = self._waiting, b""
            durable.append(self._journal_fd, data, self._journal_path)

    def forget(self, stage_name: str) -> None:
        """Note that a stage failed: nothing holds of it, and nothing of it lies about."""
        self._append((journal.FORGET, stage_name))

    def _append(self, record: tuple) -> None:  # type: ignore[type-arg]  # see freshness.journal
        _apply(self.snapshot, record)
        self._is_dirty, self._entries = True, None
        data, self._waiting = self._waiting + journal.encoded(record), b""
        durable.append(self._journal_fd, data, self._journal_path)

    def drop_left_over(self, declared: Collection[str]) -> None:
        """Forget what past builds left at paths that no stage declares now. Comes after `remove_orphans`.

        Else a file that the user puts there one day would be taken for ours. Cost: O(traces).
        """
        known, now = self.snapshot, set(declared)
        for name, trace in list(known.traces.items()):
            if not now.issuperset(trace[snapshot.DECLARATION][4]):
                del known.traces[name]
        for name, paths in known.interrupted.items():
            known.interrupted[name] = tuple(path for path in paths if path in now)
        self._is_dirty = True

    def mark_changed(self) -> None:
        """Have the snapshot saved although no stage ran: signatures moved."""
        self._is_dirty = True

    def save(self) -> None:
        """Write the snapshot in one step and drop the journal; with a part of it complete the journal."""
        if self.snapshot.is_part:
            if self._journal_fd >= 0:
                self._complete_journal()
            self.close()
            return
        if self._is_dirty:
            self._write_snapshot()
            self._is_dirty, self._waiting = False, b""  # the snapshot has it
            if self._kept is not None and self._snapshot is not None:
                self._kept.put(f"{self.directory}/snapshot", self._snapshot)
        self.close()
        with contextlib.suppress(FileNotFoundError):
            durable.remove(self._journal_path)

    def close(self) -> None:
        """Stop writing; the journal stays for the next build to read."""
        if self._journal_fd >= 0:
            os.close(self._journal_fd)
            self._journal_fd = -1

    def _complete_journal(self) -> None:
        """Note what files hold that were looked at, and that the build is over; wait for the disk."""
        before = self._memo_before
        looks = [
            journal.encoded((journal.LOOK, path, *known))
            for path, known in self.snapshot.memo.items()
            if before.get(path) is not known
        ]
        self.flush()
        path, end = self._journal_path, journal.encoded((journal.KEPT, ""))
        durable.append(self._journal_fd, b"".join((*looks, end)), path)
        # Where somebody has removed all of it: that is safe, only slower.
        with contextlib.suppress(FileNotFoundError):
            durable.sync(path, os.O_RDONLY)
            if not self._had_journal:
                durable.sync_dir(self.directory)

    def _write_snapshot(self) -> None:
        front, *more = self.snapshot.encoded()
        path = f"{self.directory}/snapshot"
        durable.write_atomic(path, front, mode=0o600, sync=True, more=more)


def _apply(found: Snapshot, record: tuple) -> None:  # type: ignore[type-arg]  # see freshness.journal
    """Bring a record of the journal into the snapshot."""
    kind, stage_name = record[0], record[1]
    if kind == journal.LOOK:
        found.memo[stage_name] = (record[2], record[3])  # of a path
    elif kind == journal.KEPT:
        return
    elif kind == journal.BEGIN:
        # The old trace goes: whatever is at the outputs from now on was not left there by it.
        old = found.traces.pop(stage_name, None)
        paths = found.interrupted.get(stage_name, ())
        more = old[snapshot.DECLARATION][4] if old is not None else ()
        found.interrupted[stage_name] = tuple(dict.fromkeys((*paths, *record[2], *more)))
    elif kind == journal.SETTLE:
        # To the end, also without a new run: of several traces that name a path the last one holds.
        found.traces.pop(stage_name, None)
        found.traces[stage_name] = record[2]
        found.interrupted.pop(stage_name, None)
    else:
        found.traces.pop(stage_name, None)
        found.interrupted[stage_name] = ()
