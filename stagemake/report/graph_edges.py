"""Which stage waits for which, and through what? Every reason of every edge, read off a pipeline."""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import DependencyOrder, StageId

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

_ROOT = "."


class EdgeKind(enum.Enum):
    """What makes an edge; the strongest one first where there are several."""

    PATH = "path"
    """The downstream stage reads a path that the upstream one writes."""

    VALUE = "value"
    """The downstream stage uses a shared value that the upstream one provides."""

    AFTER = "after"
    """The downstream stage was declared to run after the upstream one."""

    BEFORE = "before"
    """The upstream stage was declared to run before the downstream one."""


@frozen
class Edge:
    """One stage waits for another; both are positions in the pipeline, `upstream` the lower one."""

    upstream: int
    downstream: int
    kind: EdgeKind
    paths: tuple[str, ...] = ()  # inputs of the downstream stage that the upstream one writes
    values: tuple[str, ...] = ()  # shared values passed
    required: bool = True  # False: orders the two, and brings neither into a build


def edges_of(pipeline: Pipeline) -> tuple[Edge, ...]:
    """Return the edges of `pipeline.upstream` with their reasons, by downstream, then upstream stage.

    What stages find out while they run (depfiles) makes no edge.

    Cost: O(stages + paths + edges), and a sort of the outputs if an input is a directory.
    """
    reasons: dict[tuple[int, int], _Reasons] = defaultdict(_Reasons)
    producers = Producers(pipeline)
    provider_by_value = {
        value: stage_id
        for stage_id, stage in enumerate(pipeline.stages)
        for value in stage.provides
    }
    for stage_id, stage in enumerate(pipeline.stages):
        for path in dict.fromkeys((*stage.inputs, *stage.implicit)):
            for owner in producers.owners(path):
                reasons[owner, stage_id].paths.append(path)
        for value in stage.uses:
            reasons[provider_by_value[value], stage_id].values.append(value)
    _add_declared(pipeline, reasons)
    return tuple(
        reasons[pair].edge(*pair) for pair in sorted(reasons, key=lambda pair: (pair[1], pair[0]))
    )


@define
class _Reasons:
    """What was found for one pair of stages."""

    paths: list[str] = field(factory=list)
    values: list[str] = field(factory=list)
    after: bool = False
    required: bool = False  # by `after`

    def edge(self, upstream: int, downstream: int) -> Edge:
        if self.paths:
            kind = EdgeKind.PATH
        elif self.values:
            kind = EdgeKind.VALUE
        else:
            kind = EdgeKind.AFTER if self.after else EdgeKind.BEFORE
        required = bool(self.paths or self.values) or self.required
        return Edge(upstream, downstream, kind, tuple(self.paths), tuple(self.values), required)


def _add_declared(pipeline: Pipeline, reasons: dict[tuple[int, int], _Reasons]) -> None:
    id_by_name: Mapping[str, int] = {stage.name: i for i, stage in enumerate(pipeline.stages)}
    for stage_id, stage in enumerate(pipeline.stages):
        for dependency in stage.dependencies:
            named = id_by_name.get(dependency.stage)
            if named is None:  # not wanted, or optional and not there
                continue
            if dependency.order is DependencyOrder.AFTER:
                reasons[stage_id, named]
                continue
            found = reasons[named, stage_id]
            found.after = True
            found.required = found.required or dependency.required


@frozen(eq=False)
class Producers:
    """The outputs of a pipeline by path, without trailing slash; no path lies inside another one."""

    pipeline: Pipeline

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.pipeline.producer_by_path)

    @cached_property
    def _owners_by_path(self) -> dict[str, tuple[int, ...]]:
        return {}

    def owners(self, path: str) -> tuple[int, ...]:
        """Return the stages that make what `outputs_meeting` finds, each once."""
        known = self._owners_by_path.get(path)
        if known is None:
            owner = self.pipeline.producer_by_path.__getitem__
            known = tuple(dict.fromkeys(map(owner, self.outputs_meeting(path))))
            self._owners_by_path[path] = known
        return known

    def outputs_meeting(self, path: str) -> Sequence[str]:
        """Return the outputs at `path`, around it or inside it, sorted; empty for a source.

        Cost: O(depth of `path` + outputs found + log outputs).
        """
        if path in self.pipeline.producer_by_path:
            return (path,)
        if self.pipeline.producer_of(path) is not None:
            return (self._directory_around(path),)
        return self._below(path)

    def is_folder(self, path: str) -> bool:
        """Whether outputs lie inside `path`, itself no output."""
        return path not in self.pipeline.producer_by_path and bool(self._below(path))

    def _below(self, path: str) -> Sequence[str]:
        if path == _ROOT:
            return [output for output in self._sorted if output != _ROOT]
        # "0" is the character after "/": everything between the two starts with `path/`.
        outputs = self._sorted
        return outputs[bisect_left(outputs, f"{path}/") : bisect_left(outputs, f"{path}0")]

    def _directory_around(self, path: str) -> str:
        folder = path.rpartition("/")[0]
        while folder and folder not in self.pipeline.directories:
            folder = folder.rpartition("/")[0]
        return folder or _ROOT


def part_of(
    pipeline: Pipeline, edges: Sequence[Edge], names: Container[str]
) -> tuple[Pipeline, tuple[Edge, ...]]:
    """Return the stages of these names alone, and the edges among them. Cost: O(stages + edges)."""
    kept = [i for i, stage in enumerate(pipeline.stages) if stage.name in names]
    position = {stage_id: at for at, stage_id in enumerate(kept)}
    inner = tuple(
        evolve(edge, upstream=position[edge.upstream], downstream=position[edge.downstream])
        for edge in edges
        if edge.upstream in position and edge.downstream in position
    )
    upstream = tuple(
        tuple(StageId(position[above]) for above in pipeline.upstream[i] if above in position)
        for i in kept
    )
    stages = tuple(pipeline.stages[i] for i in kept)
    targets = tuple(StageId(position[i]) for i in pipeline.targets if i in position)
    return Pipeline(stages, targets, upstream), inner


def reduced(edges: Sequence[Edge], stage_count: int) -> tuple[Edge, ...]:
    """Leave out each edge that a longer way along the others implies; what waits for what is unchanged.

    A required edge counts as implied only by required ones.

    Cost: O(edges) operations on numbers of `stage_count` bits.
    """
    rows: list[list[Edge]] = [[] for _ in range(stage_count)]
    for edge in edges:
        rows[edge.downstream].append(edge)
    before = [0] * stage_count  # a bit for each stage that is upstream, directly or not
    required_before = [0] * stage_count  # along required edges only
    kept: list[Edge] = []
    for stage_id, row in enumerate(rows):
        implied = required_implied = own = required_own = 0
        for edge in row:
            implied |= before[edge.upstream]
            own |= 1 << edge.upstream
            if edge.required:
                required_implied |= required_before[edge.upstream]
                required_own |= 1 << edge.upstream
        before[stage_id] = implied | own
        required_before[stage_id] = required_implied | required_own
        kept.extend(
            edge
            for edge in row
            if not (required_implied if edge.required else implied) >> edge.upstream & 1
        )
    return tuple(kept)
