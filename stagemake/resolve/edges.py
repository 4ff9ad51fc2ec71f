"""Which stage waits for which, and why? Edges from paths, from shared values and from declared order."""

from __future__ import annotations

import enum
from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake import core_stages
from stagemake.model.error import (
    DuplicateOutput,
    OutputIsInput,
    UnknownDependency,
    did_you_mean,
)
from stagemake.model.naming import did_you_mean_within
from stagemake.model.stage import DependencyOrder
from stagemake.resolve.depfiles import check_depfiles
from stagemake.resolve.outputs import declarations, declared, index_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.stage import SourceLocation, Stage, StageDependency
    from stagemake.resolve.outputs import OutputIndex

Edges = tuple[tuple[int, ...], ...]
"""Per stage the ids it waits for, ascending, each once."""


class EdgeKind(enum.Enum):
    """What made an edge."""

    READS = "reads"
    """The downstream stage reads a path that the upstream one writes."""

    VALUE = "value"
    """The downstream stage uses a shared value that the upstream one provides."""

    AFTER = "after"
    """The downstream stage was declared to run after the upstream one."""

    BEFORE = "before"
    """The upstream stage was declared to run before the downstream one."""


@frozen
class EdgeReason:
    """Why one stage waits for another."""

    kind: EdgeKind
    subject: str  # the input's path, the value's name, or the stage that the declaration names
    location: SourceLocation | None  # of the stage that made the declaration


@frozen
class EdgeTable:
    """All registered stages and the edges between them; ids are ranks by name.

    The graph may have cycles and edges from a stage to itself; `order` finds them.
    """

    stages: tuple[Stage, ...]  # sorted by name
    upstream: Edges  # everything that orders
    pulls: Edges  # the part of `upstream` that a wanted stage brings into the build
    id_by_name: Mapping[str, int] = field(eq=False, repr=False)

    def explain(self, upstream_id: int, downstream_id: int) -> EdgeReason:
        """Return why `downstream_id` waits for `upstream_id`; the strongest reason where it has several.

        Cost: O(inputs and dependencies of the one + outputs and dependencies of the other).
        """
        upstream, downstream = self.stages[upstream_id], self.stages[downstream_id]
        outputs = index_outputs((upstream,))
        for path in (*downstream.inputs, *downstream.implicit):
            if outputs.owners(path):
                return EdgeReason(EdgeKind.READS, path, downstream.location)
        for value in downstream.uses:
            if value in upstream.provides:
                return EdgeReason(EdgeKind.VALUE, value, downstream.location)
        if _declares(downstream, upstream.name, DependencyOrder.BEFORE):
            return EdgeReason(EdgeKind.AFTER, upstream.name, downstream.location)
        if _declares(upstream, downstream.name, DependencyOrder.AFTER):
            return EdgeReason(EdgeKind.BEFORE, downstream.name, upstream.location)
        raise AssertionError(f"BUG: no edge from `{upstream.name}` to `{downstream.name}`")


def infer_edges(stages: Sequence[Stage]) -> EdgeTable:
    """Find every edge between `stages`, whatever order they come in.

    Paths, values and required `after` pull; `before` and what is optional only order.

    Raises:
        DuplicateOutput, NestedOutput, OutputIsInput, BadPath: the outputs or depfiles clash.
        UnknownDependency: a required stage isn't registered, or nobody provides a value.

    Cost: O(stages + paths + edges), and a sort by name.
    """
    ranked = tuple(sorted(stages, key=attrgetter("name")))
    id_by_name: dict[str, int] = {stage.name: rank for rank, stage in enumerate(ranked)}
    assert len(id_by_name) == len(ranked), "the registry refuses two stages of one name"
    index = index_outputs(ranked)
    check_depfiles(ranked, index)
    reads = _read_edges(ranked, index)
    pulled: dict[int, list[int]] = defaultdict(list)
    ordered: dict[int, list[int]] = defaultdict(list)
    _add_values(ranked, pulled)
    _add_dependencies(ranked, id_by_name, pulled, ordered)
    pulls = _merged(reads, pulled)
    return EdgeTable(ranked, _merged(pulls, ordered), pulls, id_by_name)


def _read_edges(stages: Sequence[Stage], index: OutputIndex) -> Edges:
    owner_by_path = index.owner_by_path.get
    folders = index.folders
    has_directories = bool(index.directories)
    edges: list[tuple[int, ...]] = []
    for stage_id, stage in enumerate(stages):
        found: list[int] = []
        for path in (*stage.inputs, *stage.implicit) if stage.implicit else stage.inputs:
            owner = owner_by_path(path)
            if owner is not None:
                found.append(owner)
            elif has_directories or path in folders:
                found.extend(index.owners(path))
        if stage_id in found:
            raise _output_is_input(stage)
        edges.append(tuple(found) if len(found) < 2 else tuple(sorted(set(found))))
    return tuple(edges)


def _add_values(stages: Sequence[Stage], pulled: dict[int, list[int]]) -> None:
    provider_by_value: dict[str, int] = {}
    for stage_id, stage in [(rank, each) for rank, each in enumerate(stages) if each.provides]:
        for value in stage.provides:
            first = provider_by_value.setdefault(value, stage_id)
            if first != stage_id:
                raise DuplicateOutput(
                    f"two stages provide the value `{value}`",
                    facts=declarations(stages[first], stage),
                    hint="give each value its own name",
                )
    for stage_id, stage in [(rank, each) for rank, each in enumerate(stages) if each.uses]:
        for value in stage.uses:
            if value not in provider_by_value:
                raise UnknownDependency(
                    f"stage `{stage.name}` uses the value `{value}`, which no stage provides",
                    facts=[("declared", declared(stage))],
                    hint=did_you_mean(value, sorted(provider_by_value))
                    or f'the stage that makes it says `provides=["{value}"]`',
                )
            pulled[stage_id].append(provider_by_value[value])


def _add_dependencies(
    stages: Sequence[Stage],
    id_by_name: Mapping[str, int],
    pulled: dict[int, list[int]],
    ordered: dict[int, list[int]],
) -> None:
    for stage_id, stage in [(rank, each) for rank, each in enumerate(stages) if each.dependencies]:
        for dependency in stage.dependencies:
            named = id_by_name.get(dependency.stage)
            if named is None:
                if dependency.stage in core_stages.IN_ORDER:
                    _check_core_order(stage, dependency)
                elif dependency.required:
                    raise _unknown_dependency(stage, dependency, id_by_name)
            elif dependency.order is DependencyOrder.AFTER:
                ordered[named].append(stage_id)
            elif dependency.required:
                pulled[stage_id].append(named)
            else:
                ordered[stage_id].append(named)


def _merged(edges: Edges, more: Mapping[int, list[int]]) -> Edges:
    if not more:
        return edges
    merged = list(edges)
    for stage_id, ids in more.items():
        merged[stage_id] = tuple(sorted({*merged[stage_id], *ids}))
    return tuple(merged)


def _declares(stage: Stage, name: str, order: DependencyOrder) -> bool:
    return any(each.stage == name and each.order is order for each in stage.dependencies)


def _check_core_order(stage: Stage, dependency: StageDependency) -> None:
    """Refuse a core stage on the wrong side; on the right one it runs anyway, so there is no edge to add."""
    is_last = dependency.stage == core_stages.SHUTDOWN
    if is_last is (dependency.order is DependencyOrder.AFTER):
        return
    word, instead = ("after", "before") if is_last else ("before", "after")
    raise UnknownDependency(
        f"stage `{stage.name}` runs {word} `{dependency.stage}`, but the stages of a project run {instead} it",
        facts=[("declared", declared(stage))],
        hint="a stage of the session itself is registered with register_lifecycle_stage, "
        "or by a plugin's entry point in `stagemake.lifecycle`",
    )


def _unknown_dependency(
    stage: Stage, dependency: StageDependency, known: Mapping[str, int]
) -> UnknownDependency:
    # The Stagefile's words: `after=[x]` is the order Before, seen from x.
    word = "after" if dependency.order is DependencyOrder.BEFORE else "before"
    return UnknownDependency(
        f"stage `{stage.name}` runs {word} `{dependency.stage}`, which is no stage",
        facts=[("declared", declared(stage))],
        hint=did_you_mean_within(
            dependency.stage, dependency.within, dict.fromkeys((*known, *core_stages.IN_ORDER))
        )
        or "a stage that may be absent is named with `required=False`",
    )


def _output_is_input(stage: Stage) -> OutputIsInput:
    own = index_outputs((stage,))
    read = next(path for path in (*stage.inputs, *stage.implicit) if own.owners(path))
    written = own.first_meeting(read)
    hint = "write to another path"
    if read in own.folders:
        hint += ", or read the files of the directory by name"
    return OutputIsInput(
        f"stage `{stage.name}` reads what it writes",
        facts=[("input", f"`{read}`"), ("output", f"`{written}`"), ("declared", declared(stage))],
        hint=hint,
    )
