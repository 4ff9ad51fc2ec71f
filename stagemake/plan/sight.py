"""What a plan knows of files that are not on disk yet: outputs of hits, and those still unknown."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.entry import MISSING, directory_entry, entries_of, followed_link_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.world import Disk


class DiskSight:
    """Sight while a build runs: everything upstream has settled, so the disk is the truth."""

    def __init__(self, disk: Disk, values: Mapping[str, str]) -> None:
        self._disk = disk
        self._values = values

    def entry(self, path: str) -> str:
        """Return the entry of an input."""
        return self._disk.entry(path)

    def value(self, name: str) -> str | None:
        """Return the JSON of a shared value; None when nobody provided it."""
        return self._values.get(name)

    def is_clear(self, upstream: tuple[int, ...]) -> bool:  # noqa: ARG002 - the port's shape
        """Return True: nothing upstream is open any more."""
        return True

    def has_open(self) -> bool:
        """Return False, as above."""
        return False


@define(eq=False, repr=False)
class PlannedSight:
    """Sight while planning: outputs of stages that will run are unknown, those of hits foreseen.

    What past builds left over and the build will remove before it starts is foreseen to be gone.
    """

    _disk: Disk
    _open: set[int] = field(factory=set)  # stages that are not fresh
    _will_remove: bool = False
    _entries: dict[str, str | None] = field(factory=dict)  # by output; None: not known yet
    _rows: dict[str, ActionResult] = field(factory=dict)  # directory outputs of hits
    _texts: dict[str, str] = field(factory=dict)  # of links that are outputs of hits
    _parents: set[str] = field(factory=set)  # directories above outputs of open stages
    _values: dict[str, str | None] = field(factory=dict)

    def is_clear(self, upstream: tuple[int, ...]) -> bool:
        """Return whether all of these stages are fresh, and nothing is about to be removed."""
        return not self._will_remove and (not self._open or self._open.isdisjoint(upstream))

    def entry(self, path: str) -> str | None:
        """Return the entry a path will have, None while that's unknown."""
        if not self.has_open():
            return self._disk.entry(path)
        entry, is_planned = self._planned(path)
        if is_planned:
            # A link's entry as an input includes what it leads to, which may not be there yet.
            is_link = entry is not None and entry.startswith("l:")
            return self._followed(path, self._texts.get(path)) if is_link else entry
        entry = self._disk.entry(path)
        if entry[0] == "l":
            end = self._disk.end_of_link(path)
            reached, is_planned = self._planned(end)
            if is_planned:
                return _link(self._disk.link_text(path), reached)
        return entry

    def has_open(self) -> bool:
        """Return whether any stage so far is not fresh, or anything is about to be removed."""
        return self._will_remove or bool(self._open)

    def _followed(self, path: str, text: str | None) -> str | None:
        """Return the entry, as an input, of a link that a hit will bring; None where that takes a look."""
        folder = path.rpartition("/")[0]
        if text is None or text[:1] == "/":
            return None
        end = normpath(f"{folder}/{text}" if folder else text)
        end_folder = end.rpartition("/")[0]
        if end.startswith("..") or any(
            one and self._disk.end_of_link(one) != one for one in (folder, end_folder)
        ):
            return None  # it leads out, or its way goes through other links
        reached, is_planned = self._planned(end)
        return _link(text, reached if is_planned else self._disk.entry(end))

    def _planned(self, path: str) -> tuple[str | None, bool]:
        """Return the entry that open stages will leave at a path, and whether they write there at all."""
        if path in self._entries:
            return self._entries[path], True
        if path in self._parents:  # a directory that several stages write into
            return self._directory(path), True
        folder = path.rpartition("/")[0]
        while folder:
            if folder in self._rows:
                return _inside(self._rows[folder], path), True
            if folder in self._entries:
                return (MISSING if self._entries[folder] == MISSING else None), True
            folder = folder.rpartition("/")[0]
        return None, False

    def _directory(self, path: str) -> str | None:
        """Return the entry of a directory once the hits in it are restored; None if others write there.

        Cost: O(outputs so far, and what is in it).
        """
        prefix = "" if path == "." else f"{path}/"
        tops = [output for output in self._entries if output.startswith(prefix)]
        if any(self._entries[top] in {None, MISSING} for top in tops):
            return None  # also where something is removed: folders may go with it
        below = {f"{top}/" for top in tops}
        rows: dict[str, str] = {}
        for relative, entry in self._disk.rows(path):
            inner = f"{prefix}{relative}"
            if inner not in tops and not any(f"{one}/" in below for one in _folders(inner)):
                rows[relative] = entry
        for top in tops:
            for folder in _folders(top[len(prefix) :]):
                if rows.setdefault(folder, "d") != "d":
                    return None  # something is in the way
            if top in self._rows:
                inside = [r for r in self._rows[top].outputs if f"{r.path}/".startswith(f"{top}/")]
                rows.update((row.path[len(prefix) :], row.entry) for row in inside)
            else:
                rows[top[len(prefix) :]] = self._entries[top] or MISSING
        return directory_entry(rows.items())

    def value(self, name: str) -> str | None:
        """Return the JSON of a shared value, None while that's unknown."""
        return self._values.get(name)

    def add_removed(self, paths: Iterable[str]) -> None:
        """Note what will be gone before any stage starts. Directories above may lose their last file."""
        for path in paths:
            self._will_remove = True
            self._entries[path] = MISSING
            self._note_parents(path)

    def add_fresh(self, values: tuple[tuple[str, str], ...]) -> None:
        """Note what a fresh stage provides."""
        self._values.update(values)

    def add_hit(self, stage_id: int, stage: Stage, result: ActionResult) -> None:
        """Note what restoring a stage will bring."""
        self._open.add(stage_id)
        entries = entries_of(result.outputs)
        for output in stage.outputs:
            path = output.rstrip("/")
            self._entries[path] = entries.get(path)
            if (self._entries[path] or "-")[0] == "l":
                self._texts[path] = next(r.target for r in result.outputs if r.path == path)
            if output.endswith("/"):
                self._rows[path] = result
            self._note_parents(path)
        self._values.update(result.provided)

    def add_open(self, stage_id: int, stage: Stage) -> None:
        """Note that a stage's outputs aren't known before it has run."""
        self._open.add(stage_id)
        for output in stage.outputs:
            path = output.rstrip("/")
            self._entries[path] = None
            self._note_parents(path)
        for name in stage.provides:
            self._values[name] = None

    def _note_parents(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        while folder and folder not in self._parents:
            self._parents.add(folder)
            folder = folder.rpartition("/")[0]
        self._parents.add(".")


def _folders(path: str) -> list[str]:
    """Return all directories above a path inside the project, innermost first; without the root."""
    found = []
    while path := path.rpartition("/")[0]:
        found.append(path)
    return found


def _link(text: str, reached: str | None) -> str | None:
    """Return the entry of a link as an input; None where it is not known where it ends."""
    if reached is None or reached[0] == "l":
        return None
    return followed_link_entry(text, reached)


def _inside(result: ActionResult, path: str) -> str | None:
    """Return the entry of something inside a directory output, `-` when it isn't in there."""
    prefix = path + "/"
    below: list[tuple[str, str]] = []
    found = ""
    for row in result.outputs:
        if row.kind == "symlink" and path.startswith(f"{row.path}/"):
            return None  # what a link leads to is known once it is there
        if row.path == path:
            found = row.entry
        elif row.path.startswith(prefix):
            below.append((row.path[len(prefix) :], row.entry))
    if not found:
        return "-"
    if found.startswith("l:"):
        return None
    return directory_entry(below) if found == "d" else found
