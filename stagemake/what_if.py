"""What if some files had other content? What may be assumed, the world with that, and who would see it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attrs import frozen
from xxhash import xxh3_128_hexdigest

from stagemake.assumed import AssumedDisk
from stagemake.links import Links
from stagemake.model.error import UnforeseeableChange, UsageError, did_you_mean
from stagemake.model.what_if import Assumption, How, Reader
from stagemake.reading import Reading
from stagemake.tree import STATE_NAME, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.plan.declaration import Identity
    from stagemake.plan.world import Disk, World
    from stagemake.project import Project
    from stagemake.stagefile.recorder import Recorder

_NEW_FILE = "a new file"
"""What an empty directory is taken to get: no stage reads a file of this name."""

_DECLARED = {How.INPUT, How.PROGRAM, How.CODE, How.OUTPUT}
_SETTINGS = "pyproject.toml"
_OUTSIDE_OF_SETTINGS = "taken as an edit outside of [tool.stagemake]"


def new_files(root: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of some project paths at which nothing is: globs have to find them."""
    links = Links(root)
    ends = [links.end(path) for path in paths]
    return tuple(end for end in ends if end[0] != "/" and not os.path.lexists(f"{root}/{end}"))


@frozen
class _Asked:
    """One path that was asked about."""

    path: str
    files: tuple[str, ...]  # project paths without links
    is_new: bool


@frozen
class _OtherCode:
    """The identity of a function some of whose code is another one."""

    source: str
    components: tuple[tuple[str, str], ...]
    always: bool
    files: tuple[str, ...]
    absent: tuple[str, ...]


class WhatIf:
    """The assumption that paths had other content. Lives for one request.

    Args:
        project: Whose Stagefile has been run.
        paths: Project paths; a directory stands for all files in it.

    Raises:
        UnforeseeableChange: A path is part of the Stagefile, or it reads it: anything could come of that.
        UsageError: No such path can be there.
    """

    def __init__(self, project: Project, paths: Sequence[str]) -> None:
        self._root = project.root
        self._links = Links(self._root)
        self._asked = [self._ask(path) for path in paths]
        self.files = tuple(dict.fromkeys(file for one in self._asked for file in one.files))
        for file in self.files:
            _refuse(file, project)

    def disk(self, disk: Disk) -> AssumedDisk:
        """Return a disk as it would be."""
        return AssumedDisk(disk, self._root, self.files)

    def identity(self, stage: Stage, identity: Identity | None) -> Identity | None:
        """Return what a stage's function would be: another one where its code is in one of the files."""
        if identity is None or stage.ignore_code:
            return identity
        places = {self._links.end(path) for path in (*identity.files, *identity.absent)}
        if places.isdisjoint(self.files):
            return identity
        source = xxh3_128_hexdigest(f"assumed {identity.source}".encode())
        return _OtherCode(
            source, identity.components, identity.always, identity.files, identity.absent
        )

    def assumptions(self, pipeline: Pipeline, world: World) -> tuple[Assumption, ...]:
        """Return what was assumed, in the order it was asked, with the stages that have to do with it."""
        reading = Reading(pipeline, world)
        return tuple(self._assumption(one, pipeline, reading) for one in self._asked)

    def _assumption(self, asked: _Asked, pipeline: Pipeline, reading: Reading) -> Assumption:
        found = reading.of_all(asked.files)
        readers = tuple(Reader(pipeline.stages[i].name, how) for i, how in found.items())
        note = ""
        if asked.path == _SETTINGS:
            note = _OUTSIDE_OF_SETTINGS
        elif reading.unknown and not any(reader.how in _DECLARED for reader in readers):
            names = [pipeline.stages[stage_id].name for stage_id in reading.unknown]
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            note = f"{names[0]}{more} never ran: what is found while running is not known yet"
        elif asked.is_new and not readers:
            note = did_you_mean(asked.path, reading.known())
        return Assumption(asked.path, len(asked.files), asked.is_new, readers, note)

    def _ask(self, path: str) -> _Asked:
        end = self._links.end(path)
        if STATE_NAME in end.split("/"):
            raise UsageError(f"`{path}` is stagemake's own", hint="name a file of the project")
        full = end if end[0] == "/" else os.path.join(self._root, end)
        try:
            mode = os.stat(full).st_mode
        except FileNotFoundError:
            return _Asked(path, (end,), is_new=True)
        except NotADirectoryError:
            raise UsageError(f"`{path}` can't be there: it lies below a file") from None
        if stat.S_ISREG(mode):
            return _Asked(path, (end,), is_new=False)
        if not stat.S_ISDIR(mode):
            raise UsageError(f"`{path}` is no ordinary file")
        prefix = "" if end == "." else f"{end}/"
        inside = [f"{prefix}{name}" for name, status in walk(full) if stat.S_ISREG(status.st_mode)]
        return _Asked(path, tuple(sorted(inside)) or (f"{prefix}{_NEW_FILE}",), is_new=False)


def _refuse(file: str, project: Project) -> None:
    """Raise if the Stagefile is made of a file, or depends on it."""
    full = file if file[0] == "/" else f"{project.root}/{file}"
    why = ""
    for evaluation in project.evaluations:
        included = {os.path.join(project.root, one) for one, _ in evaluation.session.included}
        run = {os.path.realpath(each): each for each in evaluation.run_files}
        if full in run:
            is_included = run[full] in included
            why = "it is an included Stagefile" if is_included else "the Stagefile imports it"
            why = "it is the Stagefile" if run[full] == evaluation.path else why
    recorder = project.session.recorder
    if not why and any(_is_in(file, inputs) for inputs in project.session.captured if inputs):
        why = "the Stagefile asks a program about it"
    if not why and recorder is not None:
        # Settings are looked for in any case.
        is_read = full in (recorder.opened if file == _SETTINGS else recorder.files)
        why = "the Stagefile reads it" if is_read else _dependence(full, recorder)
    if why:
        raise UnforeseeableChange(
            f"what an edit of `{file}` would cost can't be foreseen",
            facts=[("why", f"{why}: another content could declare other stages")],
            hint="edit it, and see what `stagemake -n` says then",
        )


def _is_in(file: str, inputs: Iterable[str]) -> bool:
    return any(file == one or file.startswith(f"{one}/") for one in inputs)


def _dependence(full: str, recorder: Recorder) -> str:
    """Return how an evaluation depended on whether there is a file; empty where it did not."""
    if os.path.lexists(full):
        return ""
    if any(path == full for _, path in recorder.observed):
        return "the Stagefile asks whether it is there"
    folder, name = os.path.split(full)
    if folder in recorder.listings:
        return "the Stagefile lists its directory"
    imports = recorder.imports
    if folder in imports.searched and name.partition(".")[0] in imports.looked_up - {"__init__"}:
        return "the Stagefile could import it"
    return ""
