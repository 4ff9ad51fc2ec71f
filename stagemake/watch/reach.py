"""Which stages an edit reaches, followed from path to stage: for those who ask again and again of one graph."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.freshness import noop
from stagemake.recalled import made_by

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from stagemake.freshness.noop import Record
    from stagemake.recalled import Graph


@define(eq=False, repr=False)
class Reach:
    """A graph, with who has a path and who waits for a stage. Cost of making it: some 10 ms for 10 000 stages."""

    graph: Graph
    _having: dict[int, list[int]] = field(init=False)  # ids of stages, by the id of a path
    _following: dict[int, list[int]] = field(init=False)  # ids of stages, by the id of another one

    def __attrs_post_init__(self) -> None:
        self._having = _inverse(self.graph.rows)
        self._following = _inverse(self.graph.upstream)

    def affected(
        self,
        moved: Collection[int],
        outputs_of: Callable[[int], Sequence[str]],
        record: Record,
    ) -> set[int]:
        """Return what `recalled.affected_by` does. Cost: O(affected stages, their paths and who follows them)."""
        paths, rows = record[noop.PATHS], self.graph.rows
        found: set[int] = set()
        followed = set(moved)  # ids of paths
        todo: list[int] = list(record[noop.OPEN])
        todo += [stage_id for path_id in followed for stage_id in self._having.get(path_id, ())]
        while todo:
            stage_id = todo.pop()
            if stage_id in found:
                continue
            found.add(stage_id)
            todo += self._following.get(stage_id, ())
            made = set(made_by(outputs_of(stage_id), rows[stage_id], paths)) - followed
            followed |= made
            todo += [each for path_id in made for each in self._having.get(path_id, ())]
        return found


def _inverse(rows: Iterable[Iterable[int]]) -> dict[int, list[int]]:
    found = defaultdict(list)
    for row_id, row in enumerate(rows):
        for each in row:
            found[each].append(row_id)
    return dict(found)
