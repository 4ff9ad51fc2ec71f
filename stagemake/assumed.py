"""A disk on which some files have other content than they have: what a what-if is planned against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xxhash import xxh3_128_hexdigest

from stagemake.links import Links
from stagemake.model.entry import (
    DIRECTORY_ROW,
    MISSING,
    bytes_inside,
    content_of,
    directory_entry,
    executable_entry,
    file_entry,
    followed_link_entry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.plan.world import Disk


class AssumedDisk:
    """What is on a disk, but for files that are assumed to have other content, or to be there.

    A file keeps its size and whether it may be executed; one that is not there yet is empty and plain.
    Directories around and links to them look accordingly. Nothing is written.

    Args:
        disk: What is there really.
        root: The project's directory, absolute, without links.
        files: Project paths of files, no links: see `Links.end`.
    """

    def __init__(self, disk: Disk, root: str, files: Iterable[str]) -> None:
        self._disk = disk
        self._links = Links(root)
        self._made = {path: _other(disk.output_entry(path), path) for path in files}
        self._sizes: dict[str, int] = {}  # by entry of a directory with such a file in it
        self._inside: dict[str, list[str]] = {}  # by each directory above them: the files
        for path in self._made:
            for folder in _folders(path):
                self._inside.setdefault(folder, []).append(path)

    def entry(self, path: str) -> str:
        """Return the entry of an input; links are followed. Raises as the disk does."""
        found = self._assumed(path)
        if found is not None:
            return found
        entry = self._disk.entry(path)
        if entry[0] == "l":
            end = self._disk.end_of_link(path)
            reached = self._assumed(end)
            if reached is not None:
                return followed_link_entry(self._disk.link_text(path), reached)
        return entry

    def output_entry(self, path: str) -> str:
        """Return the entry of an output; a link is its text. Raises as the disk does."""
        found = self._assumed(path)
        return self._disk.output_entry(path) if found is None else found

    def end_of_link(self, path: str) -> str:
        """Return the project path of what a link leads to in the end."""
        return self._disk.end_of_link(path)

    def link_text(self, path: str) -> str:
        """Return the text of a link that is there."""
        return self._disk.link_text(path)

    def rows(self, path: str) -> list[tuple[str, str]]:
        """Return relative path and entry of all that is in a directory, unsorted."""
        rows = dict(self._disk.rows(path))
        place = self._links.place(path)
        start = 0 if place == "." else len(place) + 1
        for file in self._inside.get(place, ()):
            relative = file[start:]
            rows[relative] = self._made[file]
            for folder in _folders(relative):
                if folder != ".":
                    rows.setdefault(folder, DIRECTORY_ROW)
        return list(rows.items())

    def directory_bytes(self, entry: str) -> int | None:
        """Return how much the files in a directory of this entry hold together; None if none was seen."""
        found = self._sizes.get(entry)
        return self._disk.directory_bytes(entry) if found is None else found

    def survey(self, inputs: Iterable[str], outputs: Iterable[str]) -> Mapping[str, str]:
        """Look at all of these in one go; return the entries seen so far of what is as it was."""
        found = self._disk.survey(inputs, outputs)
        return {
            path: entry
            for path, entry in found.items()
            if entry[0] != "l" and not self._is_touched(self._links.place(path))
        }

    def forget(self, paths: Iterable[str]) -> None:
        """Look again when asked for these, or for anything below them."""
        self._disk.forget(paths)

    def _is_touched(self, place: str) -> bool:
        return place in self._made or place in self._inside

    def _assumed(self, path: str) -> str | None:
        """Return the entry of a path that is one of the files or a directory above one; else None."""
        place = self._links.place(path)
        made = self._made.get(place)
        if made is not None:
            return made
        if place in self._inside and self._disk.output_entry(path)[0] in f"d{MISSING}":
            rows = self.rows(path)
            found = directory_entry(rows)
            self._sizes[found] = bytes_inside(rows)
            return found
        return None


def _other(entry: str, path: str) -> str:
    """Return the entry of the same file with other content."""
    _, size_bytes = content_of(entry) or ("", 0)
    digest = xxh3_128_hexdigest(f"assumed\0{path}\0{entry}".encode("utf-8", "surrogatepass"))
    make = executable_entry if entry[0] == "x" else file_entry
    return make(digest, size_bytes)


def _folders(path: str) -> list[str]:
    """Return all directories above a path, innermost first; the root as `.`."""
    found = []
    above = path
    while above := above.rpartition("/")[0]:
        found.append(above)
    return found if path[0] == "/" else [*found, "."]
