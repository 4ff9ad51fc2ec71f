"""The end of a build: that there is nothing to do now is noted, and told where it was so from the start."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from stagemake.model.event import BuildFinished
from stagemake.model.plan import Reason
from stagemake.model.result import BuildOutcome, Outcome, StageResult

if TYPE_CHECKING:
    from stagemake.building import Builder
    from stagemake.digesting import Digester
    from stagemake.freshness.signature import FileClock
    from stagemake.model.pipeline import Pipeline
    from stagemake.plan.planner import Planned
    from stagemake.plan.world import World


def remember(  # noqa: PLR0917 - what the record is made from
    builder: Builder,
    pipeline: Pipeline,
    world: World,
    digester: Digester,
    clock: FileClock,
    left: set[str],
) -> None:
    """Note that there is nothing to do now but for stages that are `left`, if whoever started us asked for it."""
    session, recalled = builder.project.session, builder.project.recalled
    recorder = session.recorder if recalled is None else recalled.evidence()
    if recorder is None or recorder.blames or not (pipeline.stages or pipeline.left_out):
        return  # of no stages at all "up to date" would say too much
    from stagemake.noop_record import Finish  # noqa: PLC0415 - gate, 2 ms, the command line only

    builder.project.look_at_modules()
    variables = {**session.env_read, "PATH": builder.environ.get("PATH")}
    finish = Finish(
        builder.state, pipeline, world, digester, clock, recorder, variables,
        registry=None if session.plugins else session.registry, recalled=recalled,
        covers_all=not builder.request.targets, open=left,
    )  # fmt: skip
    with suppress(OSError):  # then the next build looks at everything
        finish.write()


def nothing_to_do(
    builder: Builder, planned: Planned, digester: Digester, memo_before: int
) -> BuildOutcome:
    """End a build in which all is fresh; save what moved without counting.

    Args:
        builder: The request's parts.
        planned: All of it is fresh.
        digester: What was looked at.
        memo_before: How many files it knew the content of at first.
    """
    moved = digester.hashed_files or len(digester.memo) != memo_before
    if planned.refreshed or moved or builder.has_left_over:
        # Nothing changed but times or spellings: save, so that it costs nothing next time.
        builder.state.open()
        for name, trace in planned.refreshed.items():
            builder.state.settle(name, trace)
        if builder.has_left_over:
            builder.state.drop_left_over(builder.declared_paths())
        digester.settle()
        builder.state.mark_changed()
        builder.state.save()
    plan = planned.plan
    builder.forget_finished(plan)
    fresh, unchanged = Outcome.FRESH, Reason.UNCHANGED
    code = unchanged.code
    results = tuple(
        [
            StageResult.of(
                name=stage.name,
                outcome=fresh,
                reason=code if step.reason is unchanged else step.reason.code,
                key=step.key,
            )
            for stage, step in zip(plan.pipeline.stages, plan.steps, strict=True)
        ]
    )
    took_s = time.monotonic() - builder.began_s
    outcome = BuildOutcome(results, took_s, left_out=plan.pipeline.left_out)
    builder.emit(BuildFinished(outcome))
    return outcome
