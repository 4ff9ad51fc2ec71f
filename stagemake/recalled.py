"""What an earlier evaluation declared, where all that it depended on is as it was; and which stages may have work.

The entry of the command line has compared everything with the record of `freshness.noop`. What evaluation read has
not moved, so the Stagefile would declare the same again. Of the stages, those are *affected* that have a
path which moved, or that wait for, or share a path with what an affected one makes. All others are fresh.
"""

from __future__ import annotations

import marshal
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import define, field

import stagemake
from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature
from stagemake.model.entry import executable_entry, file_entry
from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import Call
from stagemake.stagefile import audit, declared
from stagemake.stagefile.registry import StageRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import Signature
    from stagemake.freshness.snapshot import Snapshot
    from stagemake.model.stage import Stage, StageId

StateSignatures = tuple["Signature | None", "Signature | None"]
"""Of snapshot and journal."""

Found = tuple[Any, dict[int, Any], str, str]
"""A record, what has moved since (see `freshness.survey`), the root and the Stagefile's name."""


@define(eq=False, repr=False)
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


@define(eq=False, repr=False)
class Searched:
    """Where modules were looked up; see `stagefile.import_notes`."""

    searched: dict[str, tuple[Signature | None, tuple[str, ...]]]
    looked_up: frozenset[str]


class Graph(NamedTuple):
    """Which stage waits for which, by the record; its column GRAPH."""

    names: tuple[str, ...]
    upstream: tuple[tuple[StageId, ...], ...]
    rows: tuple[tuple[int, ...], ...]  # by stage, the ids of its paths in the record
    targets: tuple[StageId, ...]
    loose: tuple[int, ...]  # ids of stages that may follow others without sharing a path with them


@define(eq=False, repr=False)
class Recalled:
    """The declarations of an earlier evaluation. Made by `recall`."""

    record: Record
    graph: Graph
    affected: frozenset[str]  # names of the stages that have to be judged
    registry: StageRegistry
    _root: str
    _directory: str  # of the Stagefile's state, relative to the root
    built: Pipeline  # what the record is about
    asked: tuple[str, ...] | None  # the targets that `built` is for; None: stages by name
    began_ns: int = 0  # when all was compared with the record; 0: with the process
    left: StateSignatures | None = None  # the state as this process left it; None: as in the record

    def pipeline(self, targets: Sequence[str] = ()) -> Pipeline | None:
        """Return what is built for these targets; None where the record does not cover that."""
        return self.built if self.asked == tuple(targets) else None

    def known_rows(self) -> dict[str, tuple[int, ...]]:
        """Return, by name of a stage, the ids that its paths had in the record."""
        return dict(zip(self.graph.names, self.graph.rows, strict=True))

    def join(self, snapshot: Snapshot) -> None:
        """Have a snapshot that was just read know what files hold: what was touched since; of a part, all it asks for.

        Raises:
            Overtaken: It isn't the one that the record was made with: a build has come in between.
        """
        left = self.left or state_in(self.record, self._directory)
        if state_now(f"{self._root}/{self._directory}") != left:
            raise noop.Overtaken
        record = self.record
        ids: Iterable[int] = record[noop.TOUCHED]
        if snapshot.is_part:  # of files in the project it knows nothing, the record does
            names = {stage.name for stage in self.built.stages}
            rows = zip(self.graph.names, self.graph.rows, strict=True)
            ids = {path_id for name, own in rows if name in names for path_id in own}
        for path_id in ids:
            now, digest = record[noop.SIGNATURES][path_id], noop.digest_of(record, path_id)
            if now is not None and digest != noop.NO_DIGEST:
                make = executable_entry if digest[:1] == b"x" else file_entry
                entry = make(digest[1:].hex(), now[0])
                snapshot.memo[record[noop.PATHS][path_id]] = (now, entry)

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
            began_ns=self.began_ns or audit.beginning()[1],
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


def state_now(directory: str) -> StateSignatures:
    """Return the signatures of snapshot and journal in the directory of a Stagefile's state, absolute."""
    return link_signature(f"{directory}/snapshot"), link_signature(f"{directory}/journal")


def state_in(record: Record, directory: str) -> StateSignatures:
    """Return the same as a record has them; `directory` is relative to the root."""
    paths, signatures = record[noop.PATHS], record[noop.SIGNATURES]
    at = paths.index(f"{directory}/snapshot")  # the journal comes next, see `noop_record`
    return signatures[at], signatures[paths.index(f"{directory}/journal", at)]


def recall(found: Found, *, is_build: bool = False) -> Recalled | None:
    """Return what was declared; None where the Stagefile has to be run, since a function may be needed.

    Args:
        found: What the entry has found.
        is_build: Whether all is built that the record is about: then stages that are known to be fresh can be
            left out, see `Pipeline.whole`.

    Cost: 2 us a stage, those left out nearly none.
    """
    record, moved, root, name = found
    directory = f".stagemake/{name}"
    kept = noop.load_declared(f"{root}/{directory}", record, stagemake.__version__)
    if kept is None:
        return None
    graph = Graph(*marshal.loads(record[noop.GRAPH]))
    stages_by_name = dict(zip(kept[0], kept[1], strict=True))

    def fields_of(stage_id: int) -> dict[str, Any]:
        return declared.fields_of(stages_by_name[graph.names[stage_id]])

    ids = affected_by(moved, lambda stage_id: fields_of(stage_id).get("outputs", ()), graph, record)
    wanted = _wanted(ids, fields_of, graph) if is_build and record[noop.COVERS_ALL] else None
    registry = StageRegistry()
    declared.restore(
        kept, registry, None if wanted is None else {graph.names[stage_id] for stage_id in wanted}
    )
    stage_by_name = {str(stage.name): stage for stage in registry.stages()}
    if wanted is None:
        stages = tuple([stage_by_name[name] for name in graph.names])
        if any(
            _needs_function(stage, i in ids, own, record)
            for i, (stage, own) in enumerate(zip(stages, graph.rows, strict=True))
            if type(stage.action) is Call  # as quick as it gets
        ):
            return None
        pipeline = Pipeline(stages, graph.targets, graph.upstream)
    else:
        pipeline = part_of(wanted, stage_by_name, graph)
    affected = frozenset(graph.names[i] for i in ids)
    asked = () if record[noop.COVERS_ALL] else None
    return Recalled(record, graph, affected, registry, root, directory, pipeline, asked)


def _wanted(
    ids: Collection[int], fields_of: Callable[[int], Mapping[str, Any]], graph: Graph
) -> list[int] | None:
    """Return the ids of stages that a build has to know of, ascending; None: of all.

    Those affected, those that may follow what these make, and all that they wait for.
    """
    looked_at = {*ids, *graph.loose}
    for stage_id in looked_at:
        action, depfile = map(fields_of(stage_id).get, ("action", "depfile"))
        # A function may be needed; and who makes what a depfile will name is to be found among all.
        if action is None or action[0] is None or depfile:
            return None
    return with_all_above(looked_at, graph)


def with_all_above(looked_at: Collection[int], graph: Graph) -> list[int] | None:
    """Return the ids of some stages and of all that they wait for, ascending; None if that is all there are."""
    wanted, waiting = set(looked_at), list(looked_at)
    while waiting:
        for stage_id in graph.upstream[waiting.pop()]:
            if stage_id not in wanted:
                wanted.add(stage_id)
                waiting.append(stage_id)
    return sorted(wanted) if len(wanted) < len(graph.names) else None


def part_of(wanted: Sequence[int], stage_by_name: Mapping[str, Stage], graph: Graph) -> Pipeline:
    """Return the pipeline of some stages, which wait for none of the others."""
    new_id = {stage_id: at for at, stage_id in enumerate(wanted)}
    return Pipeline(
        tuple([stage_by_name[graph.names[i]] for i in wanted]),
        tuple([new_id[i] for i in graph.targets if i in new_id]),  # type: ignore[misc]  # positions are StageIds
        tuple([tuple([new_id[above] for above in graph.upstream[i]]) for i in wanted]),  # type: ignore[misc]  # as above
        whole=graph.names,
    )


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


def affected_by(
    moved: Collection[int],
    outputs_of: Callable[[int], Sequence[str]],
    graph: Graph,
    record: Record,
) -> set[int]:
    """Return the ids of stages that may have something to do. Cost: O(stages and their paths), mostly twice.

    Args:
        moved: Ids of paths.
        outputs_of: Gives the outputs of a stage, as declared.
        graph: All stages.
        record: Whose paths these are, and which stages were left open.
    """
    paths, open_ids = record[noop.PATHS], record[noop.OPEN]
    unsettled, found = set(moved), set(open_ids)
    for stage_id in open_ids:
        unsettled.update(made_by(outputs_of(stage_id), graph.rows[stage_id], paths))
    while True:
        before = len(found)
        for stage_id, (own, above) in enumerate(zip(graph.rows, graph.upstream, strict=True)):
            if unsettled.isdisjoint(own) and (not above or found.isdisjoint(above)):
                continue
            if stage_id not in found:
                found.add(stage_id)
                unsettled.update(made_by(outputs_of(stage_id), own, paths))
        if len(found) == before:
            return found


def made_by(outputs: Sequence[str], own: Sequence[int], paths: Sequence[str]) -> list[int]:
    """Return which of a stage's paths are outputs or lie in them."""
    names = {output.rstrip("/") for output in outputs}
    below = tuple(output for output in outputs if output[-1:] == "/")
    return [i for i in own if paths[i] in names or (below and paths[i].startswith(below))]
