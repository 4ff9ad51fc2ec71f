"""Which changes on disk count for a build, and which directories have to be watched to hear of them.

Events only say where to look. What has moved is told by signatures, compared with those that the last build went by.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.contents import read_digest
from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature, signature
from stagemake.stagefile.glob import expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stagemake.freshness.signature import Signature
    from stagemake.recalled import Evidence
    from stagemake.stagefile.recorder import Recorder

_SLICE = 500  # paths; 2 ms of stat calls


def _unknown(path: str) -> str:
    del path
    return ""


@define
class Interest:
    """What one build went by. Paths are relative to the root, or absolute outside of it.

    `sources` is what stages read and none makes, with the signatures that the build saw or an earlier
    look had; `outputs` what stages made, where it is known how they left it.
    """

    root: str
    evidence: Recorder | Evidence | None  # what evaluation depended on; None: that is not known
    sources: dict[str, Signature | None] = field(factory=dict)
    outputs: Mapping[str, Signature | None] = field(factory=dict)
    entry_of: Callable[[str], str] = _unknown  # of a file as the build saw it; empty: not known
    _guards: dict[str, Signature | None] = field(init=False)
    _globs: dict[str, list[noop.Record]] = field(init=False)  # by directory
    _new_directories: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        evidence = self.evidence
        files = {} if evidence is None else evidence.files
        self._guards = {self.relative(full): known for full, known in files.items()}
        self._globs = {}
        for glob, listed in {} if evidence is None else evidence.globs.items():
            for directory in listed:
                self._globs.setdefault(directory, []).append(glob)

    def relative(self, full: str) -> str:
        """Return a path as it is named here."""
        return full.removeprefix(f"{self.root}/")

    def full(self, path: str) -> str:
        """Return where a path is, absolute."""
        path = path.rstrip("/") or "/"
        return path if path[:1] == "/" else f"{self.root}/{path}"

    # -- what has moved --------------------------------------------------------------------------

    def moved(self, heard: Iterable[str]) -> set[str]:
        """Return which of the paths that were heard of count and are another than they were.

        Args:
            heard: Absolute paths. What lies around them is looked at as well, as far as it counts.
        """
        places = set(heard)
        places.update([os.path.dirname(full) for full in places])
        found = set()
        for full in places:
            path = self.relative(full)
            for known in (self._guards, self.sources, self.outputs):
                if path in known and link_signature(full) != known[path]:
                    found.add(path)
        found |= self._moved_guards(places)
        return found

    def moved_meanwhile(self, heard: Iterable[str]) -> set[str]:
        """Return as `moved` what a build that runs now has to be given up for: outputs are in its hands.

        A file that was only touched, or that a stage has written the same to, is none such.
        """
        places = {full for full in heard if self.relative(full) not in self.outputs}
        return {
            path for path in self.moved(places) if path not in self.outputs and self._differs(path)
        }

    def slices(self) -> Iterator[set[str]]:
        """Yield what has moved of all that counts, a few paths at a time: each step takes some ms."""
        for known in (self._guards, self.sources, self.outputs):
            paths = list(known)
            for start in range(0, len(paths), _SLICE):
                yield {
                    path
                    for path in paths[start : start + _SLICE]
                    if link_signature(self.full(path)) != known.get(path)
                }
        evidence = self.evidence
        if evidence is not None:
            observed = {path for _, path in evidence.observed}
            searched = set(evidence.imports.searched)
            yield self._moved_guards({*self._globs, *evidence.listings, *observed, *searched})

    def take(self, moved: Iterable[str]) -> None:
        """Go by what is at these paths now: the next build will have seen it, or something later."""
        for path in moved:
            if path in self.sources:
                self.sources[path] = link_signature(self.full(path))

    def _moved_guards(self, places: set[str]) -> set[str]:
        """Return which of the directories, and of what evaluation asked about, would answer otherwise now.

        With a slash behind: what such a path means to the evaluation is not what it may mean as an input.
        """
        evidence, found = self.evidence, set[str]()
        if evidence is None:
            return found
        for directory in places & evidence.listings.keys():
            if signature(directory) != evidence.listings[directory]:
                found.add(f"{self.relative(directory)}/")
        for directory in places & self._globs.keys():
            if signature(directory) != evidence.directories.get(directory):
                # Each of them: what it visits now has to be watched as well.
                differ = [self._finds_others(glob) for glob in self._globs[directory]]
                if True in differ:
                    found.add(f"{self.relative(directory)}/")
        looked = frozenset(evidence.imports.looked_up)
        for directory in places & evidence.imports.searched.keys():
            before, names = evidence.imports.searched[directory]
            if signature(directory) != before and (
                noop.looked_up(noop.names_in(directory), looked) != noop.looked_up(names, looked)
            ):
                found.add(f"{self.relative(directory)}/")
        for (call, path), known in evidence.observed.items():
            if path in places and noop.observe(call, path) != known:
                found.add(f"{self.relative(path)}/")
        return found

    def _finds_others(self, glob: noop.Record) -> bool:
        """Return whether a glob finds other paths now; notes directories that it would have to be heard of."""
        base, pattern, excluded, paths = glob
        try:
            now, visited = expand(self.root, base, pattern, exclude=excluded)
        except (OSError, ValueError):
            return True
        top = os.path.join(self.root, base)
        self._new_directories.update(os.path.normpath(f"{top}/{each}") for each in visited)
        is_same: bool = now == paths
        return not is_same

    def _differs(self, path: str) -> bool:
        """Return whether a path holds something else than is known of it; also where nothing is known."""
        entry, full = self.entry_of(path), self.full(path)
        now = link_signature(full)
        if entry[:1] not in {"f", "x"} or now is None:
            return True
        try:
            digest, _ = read_digest(full, now[0])
        except OSError:
            return True
        return digest != entry[2:34]

    # -- what to watch ---------------------------------------------------------------------------

    def directories(self) -> frozenset[str]:
        """Return the directories, absolute, in which something counts; of those that aren't there what is above."""
        wanted = set(self._new_directories)
        for known in (self._guards, self.sources, self.outputs):
            # Many paths are in few directories.
            above = {path[: path.rstrip("/").rfind("/") + 1] for path in known}
            wanted.update([self.full(place) if place else self.root for place in above])
            wanted.update([self.full(path) for path, one in known.items() if _is_directory(one)])
        evidence = self.evidence
        if evidence is not None:
            wanted |= {*evidence.listings, *evidence.directories, *evidence.imports.searched}
            wanted.update(os.path.dirname(path) for _, path in evidence.observed)
        return frozenset(_there(directory) for directory in wanted)


def _is_directory(known: Signature | None) -> bool:
    return known is not None and known[5] & 0o170000 == 0o040000


def _there(directory: str) -> str:
    """Return the directory, or the nearest one above it that is there."""
    while not os.path.isdir(directory) and directory != "/":
        directory = os.path.dirname(directory)
    return directory
