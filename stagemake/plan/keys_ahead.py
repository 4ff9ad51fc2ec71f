"""Which keys will most likely be looked up next, so that the cache is asked for many at a time. For the planner.

A stage whose outputs are gone or not as they were comes back under the key that they had, unless something else has
changed too. A guess costs time when it is wrong, nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from stagemake.freshness import snapshot as columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage

_MOST = 500  # stages looked at in one go; as many keys fit into one query


@define(eq=False, repr=False)
class KeysAhead:
    """Goes along the stages of one plan, each asked about once, in order."""

    stages: tuple[Stage, ...]
    traces: Mapping[str, Trace]
    seen: Mapping[str, str]  # entries that a survey of all outputs found
    _until: int = 0  # stages below have been looked at

    def from_stage(self, stage_id: int) -> tuple[str, ...]:
        """Return the keys of this stage and of those after it whose outputs are not as they were.

        Empty where it was among those of an earlier call, or its own outputs are as they were. Cost: O(500).
        """
        if stage_id < self._until or not self._has_moved(self.stages[stage_id]):
            return ()
        self._until = stage_id + _MOST
        wanted = self.stages[stage_id : self._until]
        return tuple(
            [self.traces[each.name][columns.KEY] for each in wanted if self._has_moved(each)]
        )

    def _has_moved(self, stage: Stage) -> bool:
        """Return whether outputs of a result that may be in the cache are not as they were left."""
        trace = self.traces.get(stage.name)
        if trace is None or not trace[columns.KEY] or not stage.cache:
            return False
        seen = self.seen
        for path, known in zip(stage.outputs, trace[columns.OUTPUTS], strict=False):
            if seen.get(path) != known:
                return True
        return False
