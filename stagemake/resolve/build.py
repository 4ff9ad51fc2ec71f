"""Which stages does a build take, and in which order? From edges and wanted stages to a Pipeline."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import StageId
from stagemake.resolve.cycle import Cycle, cycle_error
from stagemake.resolve.order import order
from stagemake.resolve.select import closure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.resolve.edges import EdgeTable


def build_pipeline(
    table: EdgeTable, wanted: Sequence[int], preference: Sequence[int] = ()
) -> Pipeline:
    """Put the wanted stages and all they pull into execution order.

    Args:
        table: Every stage and edge.
        wanted: Ids of the table; `Pipeline.targets` keeps their order.
        preference: Ids of the table to run sooner, where edges allow, in this order.

    Raises:
        DependencyCycle: anywhere in the table, wanted or not, so that a mistake shows at once.

    Cost: O(stages + edges).
    """
    ordered = order(table.upstream)
    if isinstance(ordered, Cycle):
        raise cycle_error(table, ordered)
    upstream = table.upstream
    taken = closure(wanted, table.pulls)
    if len(taken) < len(table.stages):
        upstream = _restricted(upstream, taken)
    if upstream is not table.upstream or preference:
        inside = frozenset(taken)
        roots = [stage_id for stage_id in preference if stage_id in inside]
        ordered = order(upstream, [*roots, *taken])
        assert not isinstance(ordered, Cycle), "a part of a graph without cycles has none"
    rank_of = [0] * len(table.stages)
    for rank, stage_id in enumerate(ordered):
        rank_of[stage_id] = rank
    return Pipeline(
        stages=tuple([table.stages[stage_id] for stage_id in ordered]),
        targets=tuple(StageId(rank_of[stage_id]) for stage_id in dict.fromkeys(wanted)),
        upstream=_reindexed(upstream, ordered, rank_of),
    )


def _restricted(
    upstream: tuple[tuple[int, ...], ...], taken: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Leave out the edges from stages that aren't taken, and all edges to them."""
    is_taken = bytearray(len(upstream))
    for stage_id in taken:
        is_taken[stage_id] = 1
    restricted: list[tuple[int, ...]] = [()] * len(upstream)
    for stage_id in taken:
        ids = upstream[stage_id]
        restricted[stage_id] = tuple(compress(ids, map(is_taken.__getitem__, ids)))
    return tuple(restricted)


def _reindexed(
    upstream: tuple[tuple[int, ...], ...], ordered: Sequence[int], rank_of: Sequence[int]
) -> tuple[tuple[StageId, ...], ...]:
    rank = rank_of.__getitem__
    rows: list[tuple[int, ...]] = []
    for stage_id in ordered:
        ids = upstream[stage_id]
        rows.append(tuple(sorted(map(rank, ids))) if ids else ())
    return tuple(rows)  # type: ignore[arg-type]  # ranks are StageIds; a call each would cost more than the sort
