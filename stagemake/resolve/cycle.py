"""Which stages wait for each other in a circle, and why? Asked only when there is no order."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import frozen

from stagemake.model.error import DependencyCycle
from stagemake.resolve.edges import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.resolve.edges import EdgeReason, EdgeTable


@frozen
class Cycle:
    """A simple circle of stages. Each waits for the one before it, the first for the last."""

    stage_ids: tuple[int, ...]  # begins with the smallest id of its component

    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield upstream and downstream id of every edge, beginning at the first stage."""
        yield from zip(self.stage_ids, (*self.stage_ids[1:], self.stage_ids[0]), strict=True)


def find_cycle(upstream: Sequence[Sequence[int]]) -> Cycle:
    """Return a shortest cycle through the smallest id that lies on any; of several always the same one.

    Args:
        upstream: Edges with at least one cycle; `upstream[i]` are the ids that `i` waits for.

    Cost: O(stages + edges).
    """
    component = _first_cyclic_component(upstream)
    start = min(component)
    # Breadth first from `start` towards what it waits for, until that waits for `start` in turn.
    waited_for_by = {start: start}
    frontier = [start]
    while frontier:
        reached: list[int] = []
        for stage_id in frontier:
            needed = upstream[stage_id]
            if start in needed:
                return Cycle(_way_back(waited_for_by, start, stage_id))
            for other in needed:
                if other in component and other not in waited_for_by:
                    waited_for_by[other] = stage_id
                    reached.append(other)
        frontier = reached
    raise AssertionError("BUG: a cyclic component without a cycle through its smallest id")


def cycle_error(table: EdgeTable, cycle: Cycle) -> DependencyCycle:
    """Return the error that names every edge of `cycle`, why it exists and where it was declared."""
    names = [stage.name for stage in table.stages]
    if len(cycle.stage_ids) == 1:
        headline = f"stage `{names[cycle.stage_ids[0]]}` waits for itself"
        hint = "take this edge away"
    else:
        headline = f"{len(cycle.stage_ids)} stages wait for each other in a circle"
        hint = "take one of these edges away"
    facts = [
        (
            f"`{names[first]}` -> `{names[second]}`",
            _reason_text(table.explain(first, second), names[first], names[second]),
        )
        for first, second in cycle.edges()
    ]
    return DependencyCycle(headline, facts=facts, hint=hint)


def _way_back(waited_for_by: dict[int, int], start: int, last: int) -> tuple[int, ...]:
    # `last` waits for `start`, the next one for `last`, and so on: that is the order of a Cycle.
    way = [start]
    while last != start:
        way.append(last)
        last = waited_for_by[last]
    return tuple(way)


def _reason_text(reason: EdgeReason, upstream: str, downstream: str) -> str:
    match reason.kind:
        case EdgeKind.READS:
            text = f"`{downstream}` reads `{reason.subject}`"
        case EdgeKind.VALUE:
            text = f"`{downstream}` uses the value `{reason.subject}`"
        case EdgeKind.AFTER:
            text = f"`{downstream}` runs after `{upstream}`"
        case EdgeKind.BEFORE:
            text = f"`{upstream}` runs before `{downstream}`"
        case unknown:
            assert_never(unknown)
    return f"{text}, declared {reason.location}" if reason.location else text


def _first_cyclic_component(upstream: Sequence[Sequence[int]]) -> set[int]:
    """Return the component with the smallest id of all that lie on a cycle."""
    best: list[int] = []
    for component in _components(upstream):
        first = component[0]
        is_cyclic = len(component) > 1 or first in upstream[first]
        if is_cyclic and (not best or min(component) < min(best)):
            best = component
    return set(best)


def _components(upstream: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield the strongly connected components, each once, in no particular order of ids.

    R. Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1 (2), 1972;
    with the call stack in two lists.
    """
    finished = len(upstream) + 1  # above every number: a finished component can't lower anything
    low = [0] * len(upstream)  # 0: unseen; else the lowest number known to be reachable
    number_of = [0] * len(upstream)
    count = 0
    unassigned: list[int] = []
    for root in range(len(upstream)):
        if low[root]:
            continue
        path: list[int] = []
        waiting: list[Iterator[int]] = []
        entered: int | None = root
        while entered is not None or path:
            if entered is not None:
                count += 1
                low[entered] = number_of[entered] = count
                unassigned.append(entered)
                path.append(entered)
                waiting.append(iter(upstream[entered]))
                entered = None
            current = path[-1]
            for other in waiting[-1]:
                if not low[other]:
                    entered = other
                    break
                low[current] = min(low[current], low[other])
            else:
                waiting.pop()
                path.pop()
                if path:
                    low[path[-1]] = min(low[path[-1]], low[current])
                if low[current] == number_of[current]:
                    component = _popped_through(current, unassigned)
                    for member in component:
                        low[member] = finished
                    yield component


def _popped_through(last: int, stack: list[int]) -> list[int]:
    popped = [stack.pop()]
    while popped[-1] != last:
        popped.append(stack.pop())
    return popped
