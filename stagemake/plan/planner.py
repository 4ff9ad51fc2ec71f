"""From a pipeline to a plan: judge every stage in order. Pure given a World."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.freshness import snapshot as trace_columns
from stagemake.model.plan import Plan, Reason, Step, Verdict
from stagemake.plan.fresh import fresh_key, is_loose
from stagemake.plan.keys_ahead import KeysAhead
from stagemake.plan.sight import PlannedSight
from stagemake.tree import unreadable_path

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.fresh import Sight
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World


def is_foreseeable(stage: Stage, cached: ActionResult, world: World) -> bool:
    """Return whether stages downstream may be judged by what a hit is expected to bring.

    Not where its key has made two things: another build may have put the other one into the cache by then,
    or what is there turns out damaged and the stage runs.
    """
    if world.foresees_hits:
        return True
    return not cached.is_disputed and world.unrepeated(stage) is None


def _is_hit(stage_id: int | None, steps: list[Step]) -> bool:
    return stage_id is not None and stage_id < len(steps) and steps[stage_id].verdict is Verdict.HIT


def _unreadable(stage: Stage, world: World, error: OSError) -> Judgement:
    """Return the judgement of a stage that reads what can't be read."""
    from stagemake.plan.judge import Judgement  # noqa: PLC0415 - gate, 6 ms, only with work to do

    subject = unreadable_path(error, world.root)
    declared = world.declaration(stage)  # what it takes depends on what it is told
    return Judgement(Verdict.MISS, Reason.INPUT_UNREADABLE, subject, declaration=declared)


@define(eq=False, repr=False)
class Planned:
    """A plan and, by stage name, traces that turned out to hold under another spelling."""

    plan: Plan
    refreshed: dict[str, Trace]
    costly: list[tuple[int, Judgement]] = field(factory=list)  # what is not fresh

    def take_lasting(self) -> dict[int, Judgement]:
        """Return, once, the judgements by stage id that need not be made again before their stages start."""
        costly, self.costly = self.costly, []
        if not costly:
            return {}
        from stagemake.plan.again import is_lasting  # noqa: PLC0415 - gate, 1 ms, only with work to do

        stages = self.plan.pipeline.stages
        return {stage_id: made for stage_id, made in costly if is_lasting(stages[stage_id], made)}


def plan_pipeline(
    pipeline: Pipeline,
    world: World,
    orphans: tuple[str, ...] = (),
    on_judged: Callable[[int, Judgement, Sight], None] | None = None,
    *,
    affected: Container[str] | None = None,
) -> Planned:
    """Return what a build of `pipeline` would do. Changes nothing.

    Args:
        pipeline: The stages, in order.
        world: What is on disk, in past traces and in the cache.
        orphans: What the build removes before it starts anything; no stage will see it.
        on_judged: Told of each stage that is not fresh at first sight, with what was seen of everything
            before it; for explaining.
        affected: Names of the stages whose paths moved, or are made by stages that come before them and are
            affected. All others hold as they stand; None: nothing is known.

    Cost: that of `judge_pipeline`; what is not fresh is looked up in the history, 20 µs a stage.
    """
    judged = judge_pipeline(pipeline, world, orphans, on_judged, affected=affected)
    if judged.costly:
        from stagemake.plan.cost import add_estimates  # noqa: PLC0415 - gate, 5 ms, only with work to do

        steps = list(judged.plan.steps)
        add_estimates(steps, judged.costly, pipeline, world)
        judged.plan = Plan(pipeline, tuple(steps), orphans)
    return judged


def judge_pipeline(
    pipeline: Pipeline,
    world: World,
    orphans: tuple[str, ...] = (),
    on_judged: Callable[[int, Judgement, Sight], None] | None = None,
    *,
    affected: Container[str] | None = None,
) -> Planned:
    """Return what `plan_pipeline` does, for the same arguments, without estimates of what anything costs.

    Cost: one stat per path for what is fresh; for the rest also a cache look-up, and a read of every
    input whose content isn't known.
    """
    sight = PlannedSight(world.disk)
    sight.add_removed(orphans)
    steps: list[Step] = []
    fresh, unchanged = Verdict.FRESH, Reason.UNCHANGED
    refreshed: dict[str, Trace] = {}
    costly: list[tuple[int, Judgement]] = []  # what is not fresh
    traces = world.snapshot.traces
    looked_at = pipeline.stages
    if affected is not None:
        looked_at = tuple([stage for stage in pipeline.stages if stage.name in affected])
    if world.identify_all is not None:
        world.identify_all(looked_at)
    world.seen = world.disk.survey(
        [path for stage in looked_at for path in stage.inputs],
        [path for stage in looked_at for path in stage.outputs],
    )
    ahead = KeysAhead(pipeline.stages, traces, world.seen)
    for stage_id, stage in enumerate(pipeline.stages):
        try:
            if (
                affected is None
                or stage.name in affected
                or is_loose(traces[stage.name], world, sight)
            ):
                key = fresh_key(stage, pipeline.upstream[stage_id], world, sight)
            else:
                key = traces[stage.name][trace_columns.KEY]
            if key is not None:
                if stage.provides:
                    sight.add_fresh(traces[stage.name][trace_columns.VALUES][1])
                steps.append(Step.of(stage_id=stage_id, verdict=fresh, reason=unchanged, key=key))
                continue
            from stagemake.plan.judge import judge_stale  # noqa: PLC0415 - gate, 6 ms, only with work to do

            world.keys_ahead = ahead.from_stage(stage_id) or world.keys_ahead
            made = judge_stale(stage, world, sight)
        except OSError as error:  # the stage's own trouble, when its turn comes; others are planned
            made = _unreadable(stage, world, error)
        if made.verdict is Verdict.MAYBE and _is_hit(pipeline.producer_of(made.subject), steps):
            made.reason = Reason.NOT_FORESEEN
        if on_judged is not None and made.reason is not Reason.INPUT_UNREADABLE:
            on_judged(stage_id, made, sight)
        if made.verdict is Verdict.FRESH:
            if stage.provides:
                sight.add_fresh(traces[stage.name][trace_columns.VALUES][1])
            if made.refreshed is not None:
                refreshed[stage.name] = made.refreshed
        else:
            if made.cached is not None and is_foreseeable(stage, made.cached, world):
                sight.add_hit(stage_id, stage, made.cached)
            else:
                sight.add_open(stage_id, stage)
            costly.append((stage_id, made))
        step = Step.of(
            stage_id=stage_id, verdict=made.verdict, reason=made.reason, subject=made.subject,
            key=made.key, cached=made.cached,
        )  # fmt: skip
        steps.append(step)
    return Planned(Plan(pipeline, tuple(steps), orphans), refreshed, costly)
