"""Which stages do files touch that differ from a revision? Selects and never judges: what is selected may be fresh."""

from __future__ import annotations

import importlib.util
import os
import stat
import tomllib
from typing import TYPE_CHECKING

from attrs import define

from stagemake.declared_before import SETTINGS, declared, declared_before, dependence, made_of
from stagemake.git import Change, differing, text_at
from stagemake.model.selection import Cause, Chosen, Selection
from stagemake.model.what_if import How
from stagemake.reading import Reading
from stagemake.report.graph_edges import EdgeKind, edges_of
from stagemake.stagefile.glob import expand
from stagemake.tree import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.declared_before import Declared
    from stagemake.git import Differing
    from stagemake.model.pipeline import Pipeline
    from stagemake.plan.world import World
    from stagemake.project import Project

Touched = dict[int, tuple[Cause, str]]


@define
class Affected:
    """One question: what of a pipeline is touched by what differs from a revision.

    Args:
        project: Whose Stagefile has been run.
        pipeline: All of its stages.
        world: What past builds found out.
        environ: The user's variables, for git.
    """

    project: Project
    pipeline: Pipeline
    world: World
    environ: Mapping[str, str]

    def since(self, revision: str, wanted: frozenset[str]) -> Selection:
        """Return the stages among those `wanted` that are affected.

        Raises:
            GitFailed: git can't tell what differs.
        """
        found = differing(self.project.root, revision, self.environ)
        changes = {self._project_path(path): change for path, change in found.changes.items()}
        touched = self._touched(found, changes) if changes else {}
        everything = ""
        if isinstance(touched, str):
            everything = touched
            touched = dict.fromkeys(range(len(self.pipeline.stages)), (Cause.EVERYTHING, touched))
        return Selection(
            revision=revision,
            commit=found.commit,
            paths=tuple(sorted(changes)),
            submodules=tuple(sorted(map(self._project_path, found.submodules))),
            everything=everything,
            stages=tuple(
                Chosen(stage.name, *touched[stage_id])
                for stage_id, stage in enumerate(self.pipeline.stages)
                if stage_id in touched and stage.name in wanted
            ),
            wanted=len(wanted),
        )

    def _project_path(self, full: str) -> str:
        root = self.project.root
        return "." if full == root else full.removeprefix(root.rstrip("/") + "/")

    def _touched(self, found: Differing, changes: Mapping[str, Change]) -> Touched | str:
        """Return the first cause for each affected stage, by id; or why all stages count."""
        why = self._settings_differ(found, changes) or dependence(self.project, changes)
        if why:
            return why
        reading = Reading(self.pipeline, self.world)
        parts = made_of(self.project)
        moved = [p for p in sorted(changes) if os.path.join(self.project.root, p) in parts]
        touched: Touched = {}
        for path in sorted(changes):
            # What became of code in there is told by comparing identities, and exactly.
            ignored = frozenset({How.CODE} if path in moved else ())
            for stage_id, how in reading.of_all([path], ignored).items():
                touched.setdefault(stage_id, (Cause[how.name], path))
        why = self._add_declared_otherwise(found, changes, moved, reading, touched)
        if why:
            return why
        for stage_id in reading.unknown:
            touched.setdefault(stage_id, (Cause.NEVER_RAN, ""))
        self._add_downstream(reading, touched)
        return touched

    def _settings_differ(self, found: Differing, changes: Mapping[str, Change]) -> str:
        if SETTINGS not in changes:
            return ""
        path = os.path.join(self.project.root, SETTINGS)
        if _settings_of(text_at(found, path, self.environ)) == _settings_of(_read(path)):
            return ""
        return f"the table [tool.stagemake] of `{SETTINGS}`"

    # -- what is declared otherwise --------------------------------------------------------------

    def _add_declared_otherwise(
        self,
        found: Differing,
        changes: Mapping[str, Change],
        moved: list[str],
        reading: Reading,
        touched: Touched,
    ) -> str:
        """Add stages that were declared otherwise at the revision; return why all count, if that can't be told."""
        root = self.project.root
        more = tuple(p for p, change in changes.items() if change is Change.DELETED and p[0] != "/")
        added = {p for p, change in changes.items() if change is Change.ADDED and p[0] != "/"}
        less = frozenset(added | _emptied(root, added))
        glob = self._glob_that_differs(more, less)
        if not moved and not glob:
            return ""
        subject = moved[0] if moved else f"glob {glob}"
        what = f"the Stagefile is made of `{moved[0]}`" if moved else f"`{glob}` finds other files"
        texts = self._old_texts(found, [p for p in moved if changes[p] is not Change.ADDED])
        if texts is None:
            return f"{what}, which can't be read as it was"
        before = declared_before(self.project, changes, texts, more, less)
        if isinstance(before, str):
            return f"{what}; {before}"
        self._compare(before, subject, reading, touched)
        return ""

    def _glob_that_differs(self, more: tuple[str, ...], less: frozenset[str]) -> str:
        if not more and not less:
            return ""
        for top, pattern, excluded, paths in self.project.session.globs:
            before, _ = expand(
                self.project.root, top, pattern, exclude=excluded, more=more, less=less
            )
            if before != paths:
                return f"{top}/{pattern}".removeprefix("/")
        return ""

    def _old_texts(self, found: Differing, moved: list[str]) -> dict[str, str] | None:
        """Return what parts of the Stagefile held at the revision, by absolute path; None: not all were there."""
        texts: dict[str, str] = {}
        for path in moved:
            full = os.path.join(self.project.root, path)
            old = text_at(found, full, self.environ)
            if old is None or os.path.islink(full):
                return None
            try:
                texts[full] = importlib.util.decode_source(old)
            except (SyntaxError, UnicodeDecodeError):
                return None
        return texts

    def _compare(
        self, before: Mapping[str, Declared], subject: str, reading: Reading, touched: Touched
    ) -> None:
        cause = (Cause.DECLARED, subject)
        now: dict[str, tuple[str, ...]] = {}
        for stage_id, stage in enumerate(self.pipeline.stages):
            now[stage.name] = stage.outputs
            if before.get(stage.name) != declared(stage, self.world.identify(stage)):
                touched.setdefault(stage_id, cause)
        for name, old in before.items():
            for output in set(old.outputs).difference(now.get(name, ())):  # nobody's, or another's
                for stage_id, _ in reading.of(output.rstrip("/")):
                    touched.setdefault(stage_id, cause)

    # -- what follows ----------------------------------------------------------------------------

    def _add_downstream(self, reading: Reading, touched: Touched) -> None:
        stages = self.pipeline.stages
        into: dict[int, list[int]] = {}
        for edge in edges_of(self.pipeline):
            only_orders = edge.kind is EdgeKind.BEFORE or not edge.required
            # What a depfile names need not be declared: there the order may be all that is.
            if not only_orders or stages[edge.downstream].depfile:
                into.setdefault(edge.upstream, []).append(edge.downstream)
        for stage_id, stage in enumerate(stages):
            if stage_id not in touched:
                continue
            below = list(into.get(stage_id, ()))
            for output in stage.outputs:
                below += [i for i, how in reading.of(output.rstrip("/")) if how is How.DISCOVERED]
            for other in below:
                touched.setdefault(other, (Cause.UPSTREAM, stage.name))


def _emptied(root: str, added: set[str]) -> set[str]:
    """Return the directories all of whose files are among these."""
    folders = set()
    for path in added:
        while path := path.rpartition("/")[0]:
            folders.add(path)
    return {folder for folder in folders if _has_only(root, folder, added)}


def _has_only(root: str, folder: str, files: set[str]) -> bool:
    """Whether all files in a directory, however deep, are among these."""
    try:
        inside = [
            name for name, status in walk(f"{root}/{folder}") if not stat.S_ISDIR(status.st_mode)
        ]
    except OSError:
        return False
    return all(f"{folder}/{name}" in files for name in inside)


def _read(full: str) -> bytes | None:
    try:
        with open(full, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _settings_of(text: bytes | None) -> object:
    """Return the project's own settings; the text itself where they can't be read."""
    if text is None:
        return None
    try:
        return tomllib.loads(text.decode()).get("tool", {}).get("stagemake")
    except (ValueError, AttributeError):
        return text
