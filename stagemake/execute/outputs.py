"""What happens to outputs that are there before a stage runs, and to those of a failed one.

What stagemake made and nobody changed is removed. Everything else is the user's: it is put aside under
`.stagemake/kept/`, never deleted.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake import durable
from stagemake.execute.failed_log import file_name_of
from stagemake.materialize import preserve
from stagemake.model.entry import UNREADABLE
from stagemake.recorded import recorded_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.execute.workshop import Workshop
    from stagemake.model.entry import Manifest
    from stagemake.model.stage import Stage


@define(eq=False, repr=False)
class OutputKeeper:
    """Knows which files at outputs are stagemake's own, by what past builds recorded."""

    shop: Workshop
    _known: dict[str, str] = field(init=False)  # entry by path, of rows of manifests
    _broken: set[str] = field(factory=set)  # outputs that a stage has begun to write
    _crashed: set[str] = field(factory=set)  # those of them that a killed build left

    def __attrs_post_init__(self) -> None:
        # All traces, before any is replaced: a path may have belonged to a stage of another name.
        known = self.shop.state.take_entries()
        self._known = recorded_files(self.shop.state.snapshot) if known is None else known
        for paths in self.shop.state.snapshot.interrupted.values():
            self.note_begun(paths)
        self._crashed.update(self._broken)

    def note(self, manifest: Manifest) -> None:
        """Note that these files are stagemake's now."""
        self._known.update((row.path, row.entry) for row in manifest)

    def note_begun(self, outputs: Iterable[str]) -> None:
        """Note that whatever appears at these paths from now on was made by a stage."""
        self._broken.update(path.rstrip("/") for path in outputs)

    def clear(self, paths: Iterable[str]) -> list[str]:
        """Make the paths free for a run; return those that held something of the user's."""
        shop = self.shop
        kept = []
        for output in paths:
            path = output.rstrip("/")
            full = f"{shop.root}/{path}"
            if not os.path.lexists(full):
                continue
            if self.displace(path):
                kept.append(path)
            if os.path.lexists(full):
                durable.remove_any(full)
            shop.digester.forget((path,))
        return kept

    def clear_crashed(self, stage: Stage) -> None:
        """Put away a depfile that a killed build left: it is no output, so restoring won't replace it."""
        if stage.depfile in self._crashed:
            self.clear((stage.depfile,))

    def displace(self, path: str) -> bool:
        """Put aside whatever at an output is not stagemake's; return whether there was anything."""
        shop = self.shop
        if path in self._broken:
            if path in self._crashed:
                self._set_aside(path)
            return False
        is_dir = os.path.isdir(f"{shop.root}/{path}") and not os.path.islink(f"{shop.root}/{path}")
        try:
            rows = shop.digester.scan_output(path, declared_dir=is_dir)
        except OSError:  # a socket, a file nobody may read: not ours, move it whole
            return self._keep(path)
        foreign = [
            row
            for row in rows
            if row.kind != "directory" and self._known.get(row.path) != row.entry
        ]
        if foreign and len(foreign) == sum(row.kind != "directory" for row in rows):
            return self._keep(path)
        for row in foreign:
            self._keep(row.path)
        return bool(foreign)

    def _set_aside(self, path: str) -> None:
        """Move away what is at an output since a crash: half made, most likely, but who knows by whom."""
        self._crashed.discard(path)
        target = f"{self.shop.state.failed}/.killed/{path}"
        try:
            durable_remove(target)
            durable.make_dirs(os.path.dirname(target), 0o700)
            durable.move_aside(f"{self.shop.root}/{path}", target)
        except OSError:  # a file where a directory is needed now: then it goes for good
            return

    def _keep(self, path: str) -> bool:
        shop = self.shop
        self.shop.kept.append((path, preserve(shop.root, path, shop.kept_at)))
        shop.digester.forget((path,))
        return True

    def adopt(self, stage: Stage) -> None:
        """Drop kept files that turned out equal to what the stage made in their place."""
        shop = self.shop
        if not shop.kept:
            return
        outputs = {output.rstrip("/") for output in stage.outputs}
        for path, where in list(shop.kept):
            if path not in outputs:
                continue
            full = f"{shop.root}/{where}"
            made = shop.digester.output_entry(path)
            if made != UNREADABLE and shop.digester.output_entry(where) == made:
                durable.remove_any(full)
                shop.kept.remove((path, where))

    def put_away_failed(self, stage: Stage) -> list[str]:
        """Move what a failed stage left at its outputs out of the way; return where, from the root.

        It must not look fresh, but a log or a half-made file is often what explains the failure.
        """
        shop = self.shop
        place = f"{shop.state.failed}/{file_name_of(stage.name)}"
        durable_remove(place)
        moved = []
        for output in (*stage.outputs, *((stage.depfile,) if stage.depfile else ())):
            path = output.rstrip("/")
            full = f"{shop.root}/{path}"
            if not os.path.lexists(full):
                continue
            target = f"{place}/{path}"
            durable.make_dirs(os.path.dirname(target), 0o700)
            durable.move_aside(full, target)
            shop.digester.forget((path,))
            moved.append(target.removeprefix(f"{shop.root}/"))
        return moved

    def remove_orphans(self, paths: Iterable[str]) -> list[str]:
        """Remove outputs that no stage makes any more, if they are as stagemake left them."""
        shop = self.shop
        removed = []
        for path in paths:
            full = f"{shop.root}/{path}"
            if not os.path.lexists(full):
                continue
            try:
                if path in self._broken:  # half made, or written by the user after the crash
                    self._keep(path)
                    continue
                if not self._is_ours(path):
                    continue  # edited since: it's the user's now
                durable.remove_any(full)
            except OSError:  # something in there can't be read or removed: leave it all
                continue
            shop.digester.forget((path,))
            removed.append(path)
            self._remove_empty_parents(path)
        # Nobody will remember them: they must not be there again after a power cut.
        for place in {self._existing_parent(path) for path in removed}:
            with contextlib.suppress(OSError):
                durable.sync_dir(place)
        return removed

    def _existing_parent(self, path: str) -> str:
        place = os.path.dirname(f"{self.shop.root}/{path}")
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        return place

    def _is_ours(self, path: str) -> bool:
        full = f"{self.shop.root}/{path}"
        is_dir = os.path.isdir(full) and not os.path.islink(full)
        rows = self.shop.digester.scan_output(path, declared_dir=is_dir)
        return all(self._known.get(row.path) == row.entry for row in rows)

    def _remove_empty_parents(self, path: str) -> None:
        parent = os.path.dirname(path)
        while parent:
            try:
                durable.remove_dir(f"{self.shop.root}/{parent}")
            except OSError:
                return
            parent = os.path.dirname(parent)


def durable_remove(path: str) -> None:
    """Remove whatever is at `path`, if anything is."""
    if os.path.lexists(path):
        durable.remove_any(path)


def written_by(stage: Stage) -> tuple[str, ...]:
    """Return every path that a stage writes: outputs, and a depfile."""
    return stage.outputs if stage.depfile is None else (*stage.outputs, stage.depfile)


def obstacle_to(stage: Stage, root: str, error: OSError) -> str:
    """Return, in words for people, why a stage's outputs could not be cleared or put back; `root` is absolute."""
    for output in written_by(stage):
        above = os.path.dirname(output.rstrip("/"))
        while above:
            full = f"{root}/{above}"
            if os.path.lexists(full) and not os.path.isdir(full):
                where = f" at {stage.location}" if stage.location is not None else ""
                return (
                    f"`{above}` is no directory, and its output `{output}` lies in it;"
                    f" move `{above}` away, or change the output{where}"
                )
            above = os.path.dirname(above)
    return str(error)
