"""Everything there is to say about one stage's verdict; for `why`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.freshness import snapshot as columns
from stagemake.model.plan import Verdict
from stagemake.plan.declaration import COMPONENTS
from stagemake.plan.explain import differences
from stagemake.plan.judge import judge, programs_of
from stagemake.plan.planner import plan_pipeline
from stagemake.plan.sight import PlannedSight
from stagemake.report.amount import duration, plural, size

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.difference import Difference
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Step
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World


@frozen
class Explanation:
    """One stage's verdict with everything that led to it."""

    stage: Stage
    step: Step
    differences: tuple[Difference, ...]  # from its last result here; empty without one
    fallbacks: tuple[str, ...]  # parts of its function that could not be resolved exactly
    counts: tuple[str, ...]  # what its key is made of, in words
    last_run: str


def explain_stage(
    pipeline: Pipeline, stage_id: int, world: World, orphans: tuple[str, ...] = ()
) -> Explanation:
    """Return why the stage has its verdict, `orphans` being removed first. Changes nothing."""
    step = plan_pipeline(pipeline, world, orphans).plan.steps[stage_id]
    stage = pipeline.stages[stage_id]
    trace = world.snapshot.traces.get(stage.name)
    found: tuple[Difference, ...] = ()
    if trace is not None and step.verdict is not Verdict.FRESH:
        sight = PlannedSight(world.disk)
        sight.add_removed(orphans)
        made = judge(stage, (), world, sight)
        if made.declaration:
            found = tuple(differences(stage, trace, made, world, sight))
    identity = world.identify(stage)
    fallbacks = tuple(getattr(identity, "fallbacks", ()))
    return Explanation(stage, step, found, fallbacks, _counts(stage, trace, world), _last(trace))


def _counts(stage: Stage, trace: Trace | None, world: World) -> tuple[str, ...]:
    counted = [plural(len(stage.inputs) + len(stage.implicit), "declared input")]
    if trace is not None and trace[columns.DISCOVERED]:
        counted.append(plural(len(trace[columns.DISCOVERED]), "discovered input"))
    programs = programs_of(stage, world)
    if programs:
        counted.append("the program " + ", ".join(name for name, _, _ in programs))
    components = world.declaration(stage)[COMPONENTS]
    if components:
        labels = [label for label, _ in components]
        more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
        counted.append("the code " + ", ".join(labels[:6]) + more)
    for values, word in ((stage.env, "variable"), (stage.params, "parameter")):
        if values:
            counted.append(plural(len(values), word))
    return tuple(counted)


def _last(trace: Trace | None) -> str:
    if trace is None or not trace[columns.KEY]:
        return "none here"
    seconds, _, count = trace[columns.RECORD][:3]
    return f"took {duration(seconds)}, made {size(count)}, key {trace[columns.KEY]}"
