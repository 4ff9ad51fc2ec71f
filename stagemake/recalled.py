"""What an earlier evaluation declared, where all that it depended on is as it was; and which stages may have work.

The entry of the command line has compared everything with the record of `freshness.noop`. What evaluation read has
not moved, so the Stagefile would declare the same again. Of the stages, those are *affected* that have a
path which moved, or that wait for, or share a path with what an affected one makes. All others are fresh.
"""

from __future__ import annotations

import marshal
import stat
from typing import TYPE_CHECKING, Any

from attrs import define, field

import stagemake
from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature
from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import Call
from stagemake.stagefile import audit, declared
from stagemake.stagefile.registry import StageRegistry

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import Signature
    from stagemake.freshness.snapshot import Snapshot
    from stagemake.model.stage import Stage

Found = tuple[Any, dict[int, Any], str, str]
"""A record, what has moved since (see `freshness.survey`), the root and the Stagefile's name."""


@define
class Evidence:
    """What an evaluation depended on, as the recorder had it when it was over; see `stagefile.recorder`."""

    identity: tuple[object, ...]
    began_ns: int
    files: dict[str, Signature | None]
    listings: dict[str, Signature | None]
    globs: dict[tuple[Any, ...], tuple[str, ...]]
    directories: dict[str, Signature | None]
    imports: Searched
    observed: dict[tuple[str, str], object]
    variables: dict[str, str | None]
    values: dict[tuple[object, ...], object]
    blames: dict[str, str] = field(factory=dict)
    is_late: bool = False


@define
class Searched:
    """Where modules were looked up; see `stagefile.import_notes`."""

    searched: dict[str, tuple[Signature | None, tuple[str, ...]]]
    looked_up: frozenset[str]


@define
class Recalled:
    """The declarations of an earlier evaluation. Made by `recall`."""

    record: Record
    affected: frozenset[str]  # names of the stages that have to be judged
    registry: StageRegistry
    _root: str
    _directory: str  # of the Stagefile's state, relative to the root
    _rows: Mapping[str, tuple[int, ...]]  # by name of a stage, ids of its paths in the record
    _built: Pipeline  # what the record is about

    def pipeline(self) -> Pipeline | None:
        """Return what is built without targets; None where the record does not cover that."""
        return self._built if self.record[noop.COVERS_ALL] else None

    def rows_of(self, stage: Stage) -> tuple[int, ...] | None:
        """Return the ids of a stage's paths in the record; None where they may have changed."""
        return None if stage.name in self.affected else self._rows.get(stage.name)

    def known_rows(self, stage: Stage) -> tuple[int, ...]:
        """Return the ids that the paths of a stage had in the record."""
        return self._rows[stage.name]

    def join(self, snapshot: Snapshot) -> None:
        """Have a snapshot that was just read know the signatures of what was touched since it was written.

        Raises:
            Overtaken: It isn't the one that the record was made with: a build has come in between.
        """
        paths, signatures = self.record[noop.PATHS], self.record[noop.SIGNATURES]
        for name in ("snapshot", "journal"):
            path = f"{self._directory}/{name}"
            if link_signature(f"{self._root}/{path}") != signatures[paths.index(path)]:
                raise noop.Overtaken
        for path_id, now in self.record[noop.TOUCHED].items():
            known = snapshot.memo.get(self.record[noop.PATHS][path_id])
            if known is not None:
                snapshot.memo[self.record[noop.PATHS][path_id]] = (now, known[1])

    def evidence(self) -> Evidence:
        """Return what the evaluation depended on."""
        record = self.record
        states = {f"{self._directory}/{name}" for name in ("snapshot", "journal")}
        guards = zip(
            record[noop.PATHS][: record[noop.GUARDS]], record[noop.SIGNATURES], strict=False
        )
        globs = record[noop.GLOBS]
        return Evidence(
            identity=record[noop.TOOL],
            began_ns=audit.beginning()[1],
            files={
                path if path[:1] == "/" else f"{self._root}/{path}": known
                for path, known in guards
                if path not in states
            },
            listings=dict(record[noop.LISTINGS]),
            globs={one[:4]: tuple(directory for directory, _ in one[4]) for one in globs},
            directories={directory: known for one in globs for directory, known in one[4]},
            imports=Searched(
                {directory: (known, names) for directory, known, names in record[noop.SEARCHED]},
                record[noop.NAMES],
            ),
            observed={(call, path): known for call, path, known in record[noop.OBSERVED]},
            variables=dict(record[noop.ENVIRONMENT]),
            values=dict(record[noop.ANSWERS]),
        )


def recall(found: Found) -> Recalled | None:
    """Return what was declared; None where the Stagefile has to be run, since a function may be needed."""
    record, moved, root, name = found
    directory = f".stagemake/{name}"
    kept = noop.load_declared(f"{root}/{directory}", record, stagemake.__version__)
    if kept is None:
        return None
    registry = StageRegistry()
    declared.restore(kept, registry)
    names, upstream, rows, targets = marshal.loads(record[noop.GRAPH])
    stage_by_name = {stage.name: stage for stage in registry.stages()}
    stages = tuple([stage_by_name[name] for name in names])
    ids = _affected(moved, stages, upstream, rows, record[noop.PATHS])
    if any(
        _needs_function(stage, i in ids, own, record)
        for i, (stage, own) in enumerate(zip(stages, rows, strict=True))
        if type(stage.action) is Call  # as quick as it gets
    ):
        return None
    return Recalled(
        record, frozenset(names[i] for i in ids), registry, root, directory,
        dict(zip(names, rows, strict=True)), Pipeline(stages, targets, upstream),
    )  # fmt: skip


def _needs_function(
    stage: Stage,
    is_affected: bool,
    own: Sequence[int],
    record: Record,
) -> bool:
    """Return whether planning may ask for a stage's function; see `plan.fresh.is_loose`."""
    if is_affected or stage.is_class_based or stage.tools or stage.depfile:
        return True
    known = [record[noop.SIGNATURES][i] for i in own]
    return any(one is not None and stat.S_ISLNK(one[5]) for one in known)


def _affected(
    moved: Collection[int],
    stages: Sequence[Stage],
    upstream: Sequence[tuple[int, ...]],
    rows: Sequence[tuple[int, ...]],
    paths: Sequence[str],
) -> set[int]:
    """Return the ids of stages that may have something to do. Cost: O(stages and their paths), seldom twice."""
    unsettled, found = set(moved), set[int]()
    while True:
        before = len(found)
        for stage_id, own in enumerate(rows):
            if stage_id not in found and not (
                unsettled.isdisjoint(own) and found.isdisjoint(upstream[stage_id])
            ):
                found.add(stage_id)
                unsettled.update(_made(stages[stage_id], own, paths))
        if len(found) == before:
            return found


def _made(stage: Stage, own: Sequence[int], paths: Sequence[str]) -> list[int]:
    """Return which of a stage's paths are outputs or lie in them."""
    outputs = {output.rstrip("/") for output in stage.outputs}
    below = tuple(output for output in stage.outputs if output[-1:] == "/")
    return [i for i in own if paths[i] in outputs or (below and paths[i].startswith(below))]
