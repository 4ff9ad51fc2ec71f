"""What a run cost, as the history keeps it; also by how much the cache grows with its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.freshness import snapshot as columns
from stagemake.history import Run as PastRun
from stagemake.model.stored import contents_of, record_bytes, stored_bytes
from stagemake.plan.kind import input_bytes, kind_of, variant_of

if TYPE_CHECKING:
    from stagemake.execute.settle import Settled
    from stagemake.execute.storing import Run
    from stagemake.execute.workshop import Workshop
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.result import ActionResult
    from stagemake.runner.port import Completion


@define(eq=False, repr=False)
class Growth:
    """Counts each content once a build. An estimate: asking the cache costs more than it is worth."""

    total: int = 0  # of all results so far
    skipped: int = 0  # what was taken to be in the cache, since the stage had made it before
    _seen: set[str] = field(factory=set)

    def of(self, result: ActionResult, before: Trace | None) -> int:
        """Return the bytes that storing a result adds to the cache.

        Args:
            result: What was made.
            before: The stage's trace before it ran: what it had made then is in the cache already.
        """
        seen = self._seen
        known = contents_of(before) if before is not None else {}
        grown = record_bytes(len(result.outputs))
        for digest, size_bytes in result.blobs:
            if digest in seen:
                continue
            seen.add(digest)
            if digest in known:
                self.skipped += stored_bytes(size_bytes)
            else:
                grown += stored_bytes(size_bytes)
        self.total += grown
        return grown

    def of_record(self, result: ActionResult) -> int:
        """Return the bytes that storing the record of a result adds, without its contents."""
        grown = record_bytes(len(result.outputs))
        self.total += grown
        return grown

    @property
    def measured(self) -> int:
        """`total`, if what was skipped is too little to matter; 0 if the count may be far off.

        What was skipped may have been removed from the cache meanwhile.
        """
        return self.total if 5 * self.skipped < self.total else 0


def past_run(
    run: Run, completion: Completion, settled: Settled, shop: Workshop, growth: Growth
) -> PastRun:
    """Return what a run that went well cost.

    A run that repeats the last one says nothing of whether other inputs give other outputs.
    """
    stage, made = run.stage, run.judgement
    is_repeat = made.old_outputs is None or not made.old_key or made.old_key == settled.key
    return PastRun(
        stage.name,
        int(shop.wall_clock_s()),
        completion.wall_s,
        completion.cpu_s,
        settled.result.output_bytes,
        None if is_repeat else made.old_outputs != settled.trace[columns.OUTPUTS],
        _grown(run, settled, growth),
        input_bytes(made.entries, shop.world.disk.directory_bytes) or 0,
        kind_of(stage, shop.world),
        run.was_maybe,
        variant=variant_of(made.declaration),
        was_told=made.reason.is_told,
    )


def _grown(run: Run, settled: Settled, growth: Growth) -> int:
    if not run.stage.cache:
        return 0
    if settled.keeps_contents:
        return growth.of(settled.result, run.old)
    return growth.of_record(settled.result)
