"""From what is on disk to entries and manifests, reading no file whose signature can be trusted.

Asked by planning (inputs, outputs), before and after a run, and when a stage's outputs are recorded.
Nothing here writes; the clock that is handed in may touch its probe file.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from stagemake.freshness.signature import input_signature, of_status
from stagemake.memo import Memo
from stagemake.model.entry import (
    DIRECTORY_ROW,
    MISSING,
    UNREADABLE,
    OutputFile,
    bytes_inside,
    directory_entry,
    followed_link_entry,
    link_entry,
    row_of,
)
from stagemake.seen import Seen
from stagemake.tree import SpecialFile, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stagemake.freshness.signature import FileClock, Signature

_TRIES = 5
_OWN = 6  # fields of a signature that is not of a link


class Digester:
    """The entries of paths, each path looked at once until it is forgotten. Lives for one build.

    Paths are project paths: relative to the root, or absolute; a trailing slash is ignored.
    `memo` is used and updated in place: path -> (signature, entry) of files. What it holds at the start
    is trusted; what is added counts as trusted only once `settle` is over.

    Args:
        root: The project's directory, absolute.
        memo: From the last snapshot.
        clock: Of the root's file system; None (a dry run) writes nothing and trusts nothing new.
    """

    def __init__(
        self,
        root: str,
        memo: dict[str, tuple[Signature, str]] | None = None,
        clock: FileClock | None = None,
    ) -> None:
        self.memo = {} if memo is None else memo
        self._memo = Memo(self.memo, clock)
        self._prefix = root.rstrip("/") + "/"
        self._real_prefix = os.path.realpath(root).rstrip("/") + "/"
        self._seen = Seen()
        self._sizes: dict[str, int] = {}  # by entry of a directory

    @property
    def hashed_files(self) -> int:
        """How many files were read."""
        return self._memo.hashed_files

    @property
    def hashed_bytes(self) -> int:
        """How many bytes were read of files."""
        return self._memo.hashed_bytes

    def entry(self, path: str) -> str:
        """Return the entry of an input; a link counts with its text and what it leads to.

        Raises:
            SpecialFile: It is, or holds, a FIFO, socket or device.
            KeepsChanging: It never held still.
            OSError: It can't be read; the path is in `filename`.
        """
        known = self._seen.entries.get(path)
        return known if known is not None else self._entries((path,), self._look)[0]

    def entries(self, paths: Iterable[str]) -> list[str]:
        """Return the entry of each input. Costs one stat a path and 0.9 us where nothing changed."""
        return self._entries(paths, self._look)

    def output_entry(self, path: str) -> str:
        """Return the entry of an output; a link counts by its text alone, what can't be read as `UNREADABLE`."""
        known = self._seen.entries.get(path)
        if known is not None and known[0] != "l":
            return known
        return self._entries((path,), self._look_at_output)[0]

    def end_of_link(self, path: str) -> str:
        """Return the project path of what a link leads to in the end, there or not."""
        return os.path.realpath(self._full(path)).removeprefix(self._real_prefix)

    def link_text(self, path: str) -> str:
        """Return the text of a link. Raises OSError where none is."""
        return os.readlink(self._full(path))

    def rows(self, path: str) -> list[tuple[str, str]]:
        """Return relative path and entry of all that is in a directory; see `World`'s port."""
        full = self._full(path)
        if not os.path.isdir(full) or os.path.islink(full):
            return []
        return [(relative, entry) for relative, entry, _ in self._rows(path, full)]

    def directory_bytes(self, entry: str) -> int | None:
        """Return how much the files in a directory hold together that was seen with this entry. Looks at nothing."""
        return self._sizes.get(entry)

    def survey(self, inputs: Iterable[str], outputs: Iterable[str]) -> Mapping[str, str]:
        """Look at all of these in one go; return the entries seen so far, by path.

        A link that is an output is not in there: `output_entry` has it. What can't be read is left
        for whoever asks for it.
        """
        for paths, look in ((inputs, self._look), (outputs, self._look_at_output)):
            try:
                self._entries(paths, look)
            except OSError:
                continue
        return self._seen.entries

    def output_entries(self, paths: Iterable[str]) -> list[str]:
        """Return the entry of each output, as fast as `entries`."""
        return self._entries(paths, self._look_at_output)

    def _entries(
        self, paths: Iterable[str], look: Callable[[str, os.stat_result], str]
    ) -> list[str]:
        """Return entries from what was seen, else from the memo, else from `look`. The hot loop."""
        seen, memo, taken, prefix = (
            self._seen.entries,
            self.memo,
            self._memo.taken_at_ns,
            self._prefix,
        )
        lstat, found = os.lstat, []
        follows = look == self._look
        for path in paths:
            known = seen.get(path)
            if known is None or (known[0] == "l" and not follows):
                try:
                    status = lstat(path if path[0] == "/" else prefix + path)
                except (FileNotFoundError, NotADirectoryError):
                    known = MISSING
                else:
                    record = memo.get(path)
                    if (
                        record is not None
                        and record[0]  # `of_status` spelled out: a call less for every file
                        == (
                            status.st_size,
                            status.st_mtime_ns,
                            status.st_ctime_ns,
                            status.st_ino,
                            status.st_dev,
                            status.st_mode,
                        )
                        and path not in taken
                    ):
                        known = record[1]
                    else:
                        known = look(path.rstrip("/") or "/", status)
                if known[0] not in "l?":  # both are something else to who reads than to who writes
                    seen[path] = known
                elif follows:
                    seen[path] = known
                    self._seen.links.add(path)
            found.append(known)
        return found

    def _look(self, path: str, status: os.stat_result) -> str:
        """Return the entry of an input whose own status is known."""
        mode = status.st_mode
        full = self._full(path)
        if stat.S_ISREG(mode):
            return self._memo.look(path, full, status)
        if stat.S_ISDIR(mode):
            return self._directory(self._rows(path, full))
        if not stat.S_ISLNK(mode):
            raise SpecialFile(full)
        return followed_link_entry(os.readlink(full), self._reached(full))

    def _look_at_output(self, path: str, status: os.stat_result) -> str:
        """Return the entry of an output whose own status is known."""
        try:
            if stat.S_ISLNK(status.st_mode):
                return link_entry(os.readlink(self._full(path)))
            return self._look(path, status)
        except OSError:  # whatever it is, it is not what a stage made
            return UNREADABLE

    def _reached(self, full: str) -> str:
        """Return the entry of what a link leads to, or that it leads nowhere."""
        try:
            real = os.path.realpath(full, strict=True)
            status = os.lstat(real)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                return MISSING
            raise
        return self._look(real.removeprefix(self._real_prefix), status)

    def _full(self, path: str) -> str:
        """Return where a project path is on the disk."""
        return path if path[0] == "/" else self._prefix + path

    def _directory(self, rows: Iterable[tuple[str, str, str]]) -> str:
        """Return the entry of a directory with this in it, and note its size."""
        inside = [(relative, entry) for relative, entry, _ in rows]
        found = directory_entry(inside)
        self._sizes[found] = bytes_inside(inside)
        return found

    def _rows(
        self, path: str, full: str, on_small: Callable[[str, bytes], None] | None = None
    ) -> list[tuple[str, str, str]]:
        """Return relative path, entry and link text of all that is in a directory, unsorted."""
        rows = []
        for relative, status in walk(full):
            target = ""
            if stat.S_ISDIR(status.st_mode):
                entry = DIRECTORY_ROW
            elif stat.S_ISLNK(status.st_mode):
                target = os.readlink(f"{full}/{relative}")
                entry = link_entry(target)
            else:
                inner = f"{path}/{relative}"
                entry = self._memo.look(inner, f"{full}/{relative}", status, on_small)
            rows.append((relative, entry, target))
        return rows

    def forget(self, paths: Iterable[str]) -> None:
        """Have paths looked at again: something may have written them, or in them.

        Directories they lie in are forgotten too, all links, and what lies below a path that ends with
        a slash or was seen as a directory. Cost: O(depth), for directories O(paths seen).
        """
        self._seen.forget(paths)

    def look_again(self, paths: Iterable[str]) -> tuple[tuple[str, Signature | None], ...]:
        """Forget inputs that somebody may have edited; return what `signatures` does.

        Files whose content is known by their signature are known again: they are not looked at twice.
        """
        paths = tuple(paths)
        unmoved = self._unmoved(paths)
        if unmoved is not None:
            return unmoved
        self._seen.forget(paths)
        found = self.signatures(paths)
        for path, signature in found:
            if signature is not None and stat.S_ISREG(signature[-1]) and len(signature) == _OWN:
                known = self._memo.entry_of(path, signature)
                if known is not None:
                    self._seen.entries[path] = known
        return found

    def _unmoved(self, paths: tuple[str, ...]) -> tuple[tuple[str, Signature], ...] | None:
        """Return path and signature where all are files whose content is known by it, as nearly always; else None."""
        found = []
        for path in paths:
            record = self.memo.get(path)
            if record is None:
                return None
            try:
                status = os.lstat(path if path[0] == "/" else self._prefix + path)
            except (OSError, ValueError):
                return None
            known = record[0]
            if known != of_status(status) or not self._memo.holds(path, known):
                return None
            self._seen.entries[path] = record[1]
            found.append((path, known))
        return tuple(found)

    def signatures(self, paths: Iterable[str]) -> tuple[tuple[str, Signature | None], ...]:
        """Return path and signature of inputs and of all that is in those that are directories.

        Always from the disk; equal before and after a run means that nothing was written in between,
        not even back and forth. Sorted within each directory. Cost: one stat an entry.
        """
        found: list[tuple[str, Signature | None]] = []
        for path in paths:
            full = self._full(path).rstrip("/")
            signature = input_signature(full)
            found.append((path, signature))
            # The last field is the mode, of what a link leads to if it is one.
            if signature is not None and stat.S_ISDIR(signature[-1]):
                inner = sorted((relative, of_status(status)) for relative, status in walk(full))
                found.extend((f"{path.rstrip('/')}/{relative}", each) for relative, each in inner)
        return tuple(found)

    def scan_output(
        self,
        path: str,
        *,
        declared_dir: bool,
        on_small: Callable[[str, bytes], None] | None = None,
    ) -> list[OutputFile]:
        """Return the manifest rows of an output that a stage has just written, sorted by path.

        Args:
            path: The output, with or without its slash; forgotten first.
            declared_dir: Whether it was declared as a directory.
            on_small: Gets digest and bytes of each file below 32 KiB that had to be read.

        Raises:
            FileNotFoundError: It isn't there.
            NotADirectoryError: It should be a directory and isn't; a link to one isn't either.
            IsADirectoryError: It is one and shouldn't be.
            OSError: As for `entry`.
        """
        self.forget((path,))
        path = path.rstrip("/")
        full = self._full(path)
        status = os.lstat(full)
        if declared_dir != stat.S_ISDIR(status.st_mode):
            number = errno.ENOTDIR if declared_dir else errno.EISDIR
            raise OSError(number, os.strerror(number), full)
        if declared_dir:
            rows = self._rows(path, full, on_small)
            self._seen.entries[path] = self._directory(rows)
            inside = [row_of(f"{path}/{inner}", entry, text) for inner, entry, text in sorted(rows)]
            return [OutputFile(path, "directory"), *inside]
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(full)
            return [row_of(path, link_entry(target), target)]
        if not stat.S_ISREG(status.st_mode):
            raise SpecialFile(full)
        entry = self._seen.entries[path] = self._memo.look(path, full, status, on_small)
        return [row_of(path, entry)]

    def learn(self, path: str, entry: str, before: os.stat_result) -> None:
        """Note what a file holds that was just written and verified elsewhere, then given this name; it is seen with that.

        Believed only while it is the same file with the same times of its content; on file systems
        that could have hidden a change since, `settle` reads it once more.

        Args:
            path: The project path that it has now.
            entry: What it holds.
            before: Its status when it was complete; renaming it has moved its ctime since.
        """
        try:
            now = os.lstat(self._full(path))
        except OSError:
            return
        signature, old = of_status(now), of_status(before)
        if (*signature[:2], *signature[3:]) == (*old[:2], *old[3:]):
            self._memo.add(path, signature, entry, taken_at_ns=0)
            self._seen.entries[path] = entry

    def prune(self) -> None:
        """Drop records of files that are gone, once those not looked at outnumber those that were."""
        self._memo.prune(self._seen.entries, lambda path: os.path.lexists(self._full(path)))

    def settle(self, deadline_s: float | None = None) -> None:
        """Make all of the memo fit to be saved; see `Memo.settle`."""
        self._memo.settle(self._read_again, deadline_s)

    def _read_again(self, path: str) -> None:
        full = self._full(path)
        status = os.lstat(full)
        if stat.S_ISREG(status.st_mode):
            self._memo.look(path, full, status)
