"""What the last good build left, kept in memory: from what has moved to the stages that have to be judged.

As `stagemake.recalled`, with all that does not change from build to build ready, and with the functions that
only an evaluation gives. Sound by the same argument: what is not affected has no path that moved.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

from attrs import define, field

import stagemake
from stagemake.freshness import noop
from stagemake.recalled import (
    Graph,
    Recalled,
    StateSignatures,
    part_of,
    state_in,
    state_now,
    with_all_above,
)
from stagemake.watch.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import Signature
    from stagemake.model.pipeline import Pipeline
    from stagemake.recalled import Evidence
    from stagemake.stagefile.registry import StageRegistry


@define
class Footing:
    """A record that holds, and what builds have done since that left no record: failed and given up ones."""

    root: str
    directory: str  # of the Stagefile's state, relative to the root
    record: Record
    pipeline: Pipeline  # of all that is built
    registry: StageRegistry
    asked: tuple[str, ...]  # the targets that `pipeline` is for
    reach: Reach
    id_by_path: Mapping[str, int]
    _left: StateSignatures
    _unsettled: set[int] = field(
        factory=set
    )  # ids of paths that moved since the record was written

    @classmethod
    def found(  # noqa: PLR0917 - what a build was about
        cls,
        root: str,
        directory: str,
        pipeline: Pipeline,
        registry: StageRegistry,
        asked: tuple[str, ...],
        before: Footing | None,
    ) -> Footing | None:
        """Return what a build of `pipeline` has left; None where it has left no record that holds.

        Args:
            root: The project's directory, absolute.
            directory: Of the Stagefile's state, relative to the root.
            pipeline: What was built.
            registry: What was declared.
            asked: The targets.
            before: An earlier one, much of which may still be right.

        Cost: O(stages and paths), some 30 ms for 10 000; a third of it after a build of a few.
        """
        record = noop.load(f"{root}/{directory}", stagemake.__version__)
        if record is None or state_now(f"{root}/{directory}") != state_in(record, directory):
            return None
        if (
            before is not None
            and before.pipeline is pipeline
            and before.record[noop.GRAPH] == record[noop.GRAPH]
            and before.record[noop.PATHS] == record[noop.PATHS]
        ):
            reach, id_by_path = before.reach, before.id_by_path
        else:
            graph = Graph(*marshal.loads(record[noop.GRAPH]))
            if (graph.names, graph.upstream, graph.targets) != (
                pipeline.names,
                pipeline.upstream,
                pipeline.targets,
            ):
                return None
            reach = Reach(graph)
            id_by_path = {path: path_id for path_id, path in enumerate(record[noop.PATHS])}
        left = state_in(record, directory)
        return cls(root, directory, record, pipeline, registry, asked, reach, id_by_path, left)

    @property
    def graph(self) -> Graph:
        """Which stage waits for which."""
        return self.reach.graph

    @property
    def is_overtaken(self) -> bool:
        """Whether another process has built since."""
        return state_now(f"{self.root}/{self.directory}") != self._left

    def left_by_us(self) -> None:
        """Note that a build of this process has ended without a record: the state is as it left it."""
        self._left = state_now(f"{self.root}/{self.directory}")

    def recalled(self, moved: Collection[str], began_ns: int) -> Recalled | None:
        """Return what a build goes by after these paths moved; None where evaluation depends on one of them.

        Args:
            moved: Paths as in the record. All that moved since the record was written has been passed here.
            began_ns: When they were looked at.
        """
        guards = self.record[noop.GUARDS]
        ids = {self.id_by_path.get(path, -1) for path in moved}
        if any(path_id < guards for path_id in ids):
            return None
        self._unsettled |= ids
        stages = self.pipeline.stages
        affected = self.reach.affected(
            self._unsettled, lambda stage_id: stages[stage_id].outputs, self.record
        )
        return Recalled(
            self.record, self.graph, frozenset([str(stages[i].name) for i in affected]),
            self.registry, self.root, self.directory, self._built(affected), self.asked,
            began_ns, self._left,
        )  # fmt: skip

    def _built(self, affected: set[int]) -> Pipeline:
        """Return what has to be built of all, with what may follow it: see `recalled.recall`."""
        stages = self.pipeline.stages
        looked_at = affected.union(self.graph.loose)
        if any(stages[i].depfile or stages[i].action is None for i in looked_at):
            return self.pipeline
        wanted = with_all_above(looked_at, self.graph)
        if wanted is None:
            return self.pipeline
        return part_of(wanted, {str(stages[i].name): stages[i] for i in wanted}, self.graph)

    def signatures(self) -> tuple[dict[str, Signature | None], dict[str, Signature | None]]:
        """Return what stages read and none makes, and what stages make, with signatures, by path."""
        outputs = {path.rstrip("/") for stage in self.pipeline.stages for path in stage.outputs}
        outputs |= {stage.depfile for stage in self.pipeline.stages if stage.depfile is not None}
        below = tuple(
            path for stage in self.pipeline.stages for path in stage.outputs if path[-1] == "/"
        )
        read: dict[str, Signature | None] = {}
        made: dict[str, Signature | None] = {}
        guards = self.record[noop.GUARDS]
        rows = zip(self.record[noop.PATHS], self.record[noop.SIGNATURES], strict=True)
        for path_id, (path, known) in enumerate(rows):
            if path_id < guards:
                continue
            is_made = path in outputs or (below and path.startswith(below))
            (made if is_made else read)[path] = known
        return read, made

    def entry_of(self, path: str) -> str:
        """Return the entry of a file, without its size, as the record has it; empty where it has none."""
        path_id = self.id_by_path.get(path, -1)
        width = noop.DIGEST_BYTES
        known: bytes = self.record[noop.DIGESTS][path_id * width : (path_id + 1) * width]
        if path_id < 0 or known == noop.NO_DIGEST:
            return ""
        return f"{known[:1].decode()}:{known[1:].hex()}"

    def evidence(self) -> Evidence:
        """Return what the evaluation depended on."""
        recalled = self.recalled((), 1)
        assert recalled is not None, "nothing has moved"
        return recalled.evidence()
