"""What may run for some targets, and in which order. Made by the resolver, read by everything after it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.model.stage import Stage, StageId


@frozen(eq=False)
class Pipeline:
    """Stages in execution order; a StageId is the position in it. What isn't given is computed when asked for."""

    stages: tuple[Stage, ...]
    targets: tuple[StageId, ...]  # what was wanted, in the order it was asked for
    upstream: tuple[tuple[StageId, ...], ...]  # ordering edges: ascending ids below the own one
    # Names of all that is built, in order, where some of it is known to be fresh and not in `stages`; none of what is
    # in there waits for, or makes, anything of that. Empty: there is nothing else.
    whole: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all that is built, in execution order."""
        return self.whole or tuple([stage.name for stage in self.stages])

    @property
    def left_out(self) -> int:
        """How many stages are built, too, and are known to be fresh."""
        return len(self.whole) - len(self.stages) if self.whole else 0

    @cached_property
    def downstream(self) -> tuple[tuple[StageId, ...], ...]:
        """The edges of `upstream` the other way round: ascending ids above the own one."""
        rows: list[list[StageId]] = [[] for _ in self.stages]
        for stage_id, ids in enumerate(self.upstream):
            for upstream_id in ids:
                rows[upstream_id].append(stage_id)  # type: ignore[arg-type]  # a position is a StageId
        return tuple(map(tuple, rows))

    @cached_property
    def producer_by_path(self) -> Mapping[str, StageId]:
        """Who makes each output, files and directories; paths without trailing slash."""
        return {
            output.rstrip("/"): stage_id  # type: ignore[misc]  # a position is a StageId
            for stage_id, stage in enumerate(self.stages)
            for output in stage.outputs
        }

    @cached_property
    def directories(self) -> frozenset[str]:
        """The directory outputs, without trailing slash."""
        return frozenset(
            output[:-1] for stage in self.stages for output in stage.outputs if output.endswith("/")
        )

    def producer_of(self, path: str) -> StageId | None:
        """Return who makes `path` or the directory output around it; None for a source file.

        Cost: O(depth of `path`) where there are directory outputs, else O(1), after one pass over the outputs.
        """
        producer = self.producer_by_path.get(path)
        if producer is not None or not self.directories:
            return producer
        folder = path.rpartition("/")[0]
        while folder:
            if folder in self.directories:
                return self.producer_by_path[folder]
            folder = folder.rpartition("/")[0]
        if "." in self.directories and not path.startswith("/"):
            return self.producer_by_path["."]
        return None
