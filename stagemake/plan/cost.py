"""What the stages of a plan cost, by what is known of them: own runs, the cache's record, others of their kind."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from attrs import evolve

from stagemake.model.fit import USUAL_VARIANCE, pooled
from stagemake.model.plan import P90, UNKNOWN, Estimate, Interval, Source, Verdict
from stagemake.plan.chain import priorities
from stagemake.plan.kind import input_bytes, kind_of, variant_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.fit import Fit
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan, Step
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World

_ONE_RUN_SIGMA = 0.25  # of what was measured once, perhaps elsewhere
_GUESS_S = 1.0
_RESTORE_S = 0.002


def add_estimates(
    steps: list[Step], costly: Sequence[tuple[int, Judgement]], pipeline: Pipeline, world: World
) -> None:
    """Put estimates into the steps that are not fresh, in place.

    Cost: one read of the history; some 5 µs a stage.
    """
    stages = pipeline.stages
    names = [stages[stage_id].name for stage_id, _ in costly]
    fits = world.history.fits(names)
    variants = world.history.variants(names) if fits else {}
    several = {stage for stage, _ in variants}
    by_kind: dict[str, Estimate] = {}
    usual = world.history.usual_variance() if fits else USUAL_VARIANCE
    for stage_id, made in costly:
        stage = stages[stage_id]
        own = fits.get(stage.name)
        if own is not None:
            if stage.name in several:
                variant = variants.get((stage.name, variant_of(made.declaration)))
                own = variant.of(own) if variant is not None else own
            estimate = estimate_of(own, made.entries, usual)
        else:
            estimate = _from_elsewhere(stage, made, world, by_kind)
        if estimate is not UNKNOWN:  # which it is already
            step = steps[stage_id]
            steps[stage_id] = step.of(
                stage_id=stage_id, verdict=step.verdict, reason=step.reason, subject=step.subject,
                key=step.key, cached=step.cached, estimate=estimate,
            )  # fmt: skip


def estimate_of(
    fit: Fit, entries: Sequence[str | None] = (), usual_variance: float = USUAL_VARIANCE
) -> Estimate:
    """Return the estimate that follows from a stage's own runs.

    Args:
        fit: What they say.
        entries: Of the inputs now, where they are known: durations may hang on their size.
        usual_variance: Of the logarithms of one stage's runs in this project.
    """
    likely = fit.seconds(input_bytes(entries)) if fit.slope else fit.median_s
    likely *= fit.stretch
    return Estimate.of(
        duration_s=Interval(likely, likely * exp(P90 * fit.sigma_among(usual_variance))),
        output_bytes=fit.output_bytes,
        samples=fit.samples,
        changes_output_p=round(fit.changed / fit.compared, 3) if fit.compared else None,
        changed=fit.changed,
        compared=fit.compared,
        passed_on=fit.passed_on,
        reached=fit.reached,
        told_changed=fit.told_changed,
        told=fit.told,
        new_bytes=fit.stored_bytes,
        cpu_share=fit.cpu_share,
        stretch=fit.stretch,
        source=Source.HISTORY,
    )


def _from_elsewhere(
    stage: Stage, made: Judgement, world: World, by_kind: dict[str, Estimate]
) -> Estimate:
    """Return the estimate of a stage that has no runs of its own here."""
    if made.verdict is Verdict.HIT and made.cached is not None:
        return _once(made.cached.duration_s, made.cached.output_bytes)
    hint = world.records.hint(made.weak) if made.weak is not None and stage.cache else None
    if hint is not None:
        return _once(hint[1], hint[2])
    if stage.action is None:
        return Estimate(Interval(0.0, 0.0), 0, source=Source.KIND)
    kind = kind_of(stage, world)
    if kind not in by_kind:
        others = world.history.fits_of_kind(kind)
        by_kind[kind] = evolve(
            estimate_of(pooled(others)), samples=0, source=Source.KIND, kind=kind
        ) if others else UNKNOWN  # fmt: skip
    return by_kind[kind]


def _once(seconds: float, size_bytes: int) -> Estimate:
    late = seconds * exp(P90 * _ONE_RUN_SIGMA)
    return Estimate(
        Interval(seconds, late), size_bytes, 1, new_bytes=size_bytes, source=Source.CACHE
    )


def weights(plan: Plan) -> list[float]:
    """Return for each stage the seconds from its start to the end of what hangs on it: the scheduler's ranks.

    What has no estimate is taken for a second: only the order among such stages hangs on it.
    """
    seconds = [0.0] * len(plan.steps)
    for step in plan.steps:
        if step.verdict is Verdict.HIT:
            seconds[step.stage_id] = _RESTORE_S
        elif step.verdict is not Verdict.FRESH:
            duration = step.estimate.duration_s
            seconds[step.stage_id] = duration.p50 if duration is not None else _GUESS_S
    return priorities(plan.pipeline.upstream, seconds)


def sources_of(steps: Sequence[Step]) -> Mapping[Source, int]:
    """Return how many stages that may run have their estimate from where."""
    found = dict.fromkeys(Source, 0)
    for step in steps:
        if step.may_run:
            found[step.estimate.source] += 1
    return found
