"""Where past builds lie: one file each, and one for each set of stage names. Bounded by number and bytes.

A hint for people, never truth: whatever can't be read isn't there, and nothing is decided by it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.freshness.regular import read_regular
from stagemake.past.codec import NewerFormat, has_ended, line_of
from stagemake.past.ending import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stagemake.past.build import PastBuild

MOST_BUILDS = 300
MOST_BYTES = 16 << 20
MOST_BYTES_A_BUILD = 4 << 20
_NAMES = "names-"


@frozen
class Shelf:
    """The past builds of one Stagefile, in one directory."""

    directory: str
    is_locked: Callable[[], bool] = lambda: False  # whether a build is under way

    def numbers(self) -> list[int]:
        """Return the numbers of the builds there are, oldest first."""
        try:
            names = os.listdir(self.directory)
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def read(self, number: int) -> PastBuild | None:
        """Return one build; None when it isn't there or its beginning can't be read.

        Raises:
            NewerFormat: A newer version noted it.
        """
        from stagemake.past.decode import decode  # noqa: PLC0415 - gate, 2 ms, for who looks back

        try:
            path = f"{self.directory}/{number}"
            data = read_regular(path, 2 * MOST_BYTES_A_BUILD, follows=False)
        except OSError:
            return None
        build = decode(number, data, is_running=False)
        if build is None or build.ending is not Ending.KILLED:
            return build
        if number == max(self.numbers(), default=0) and self.is_locked():
            return decode(number, data, is_running=True)
        return build

    def builds(self) -> Iterator[PastBuild]:
        """Yield what can be read, newest first. Cost: one file each, read when asked for."""
        for number in reversed(self.numbers()):
            try:
                build = self.read(number)
            except NewerFormat:
                continue
            if build is not None:
                yield build

    def last_killed(self) -> PastBuild | None:
        """Return the newest build if it left no word of its end; None where it did. For who holds the lock.

        Cost: one file; its stages are only read of a build that was killed.
        """
        newest = max(self.numbers(), default=0)
        try:
            path = f"{self.directory}/{newest}"
            if has_ended(read_regular(path, 2 * MOST_BYTES_A_BUILD, follows=False)):
                return None
        except OSError:
            pass
        last = next(self.builds(), None)
        return last if last is not None and last.ending is Ending.KILLED else None

    def newer_count(self) -> int:
        """Return how many builds were noted by a newer version."""
        count = 0
        for number in self.numbers():
            try:
                self.read(number)
            except NewerFormat:
                count += 1
        return count

    def names(self, roster: str) -> frozenset[str] | None:
        """Return the names of all stages of a build by its roster; None when that can't be read."""
        try:
            data = read_regular(f"{self.directory}/{_NAMES}{roster}", follows=False)
        except OSError:
            return None
        if xxh3_128_hexdigest(data) != roster:
            return None
        return frozenset(data.decode("utf-8", "surrogatepass").split("\0"))

    def note_names(self, names: Iterable[str]) -> str:
        """Keep the names of a build's stages; return what they are called by.

        Raises:
            OSError: They can't be written.
        """
        data = "\0".join(names).encode("utf-8", "surrogatepass")
        roster = xxh3_128_hexdigest(data)
        path = f"{self.directory}/{_NAMES}{roster}"
        if not os.path.exists(path):
            durable.write_atomic(path, data, mode=0o600)
        return roster

    def begin(self, record: dict[str, object]) -> tuple[int, int, str]:
        """Start a build's file; return its number, a descriptor to append to, and its path.

        Raises:
            OSError: It can't be written.
        """
        number = max(self.numbers(), default=0) + 1
        path = f"{self.directory}/{number}"
        fd = durable.open_append(path, 0o600)
        durable.append(fd, line_of(record), path)
        return number, fd, path

    def trim(self) -> None:
        """Remove the oldest builds beyond the bounds, and names that only they used.

        Raises:
            OSError: Something can't be removed.
        """
        sizes = {number: _size(f"{self.directory}/{number}") for number in self.numbers()}
        total, kept_count = 0, len(sizes)
        for kept, number in enumerate(sorted(sizes, reverse=True), start=1):
            total += sizes[number]
            if kept > 1 and (kept > MOST_BUILDS or total > MOST_BYTES):
                durable.remove(f"{self.directory}/{number}")
                del sizes[number]
        rosters = []
        for name in os.listdir(self.directory):
            if name.startswith(durable.TEMP_PREFIX):
                durable.remove(f"{self.directory}/{name}")
            elif name.startswith(_NAMES):
                rosters.append(name.removeprefix(_NAMES))
        if len(rosters) > 1 and len(sizes) < kept_count:
            self._drop_unused(rosters, sizes)

    def _drop_unused(self, rosters: Iterable[str], kept: Iterable[int]) -> None:
        """Remove names that none of the `kept` builds begins with, whatever version wrote it and whenever."""
        unused = set(rosters)
        for number in kept:
            try:
                data = read_regular(
                    f"{self.directory}/{number}", 2 * MOST_BYTES_A_BUILD, follows=False
                )
            except OSError:
                continue
            begin = data.partition(b"\n")[0]
            unused = {roster for roster in unused if os.fsencode(roster) not in begin}
        for roster in unused:
            durable.remove(f"{self.directory}/{_NAMES}{roster}")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
