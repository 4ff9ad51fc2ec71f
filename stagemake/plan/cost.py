"""What the stages of a plan cost, by what is known of them: own runs, the cache's record, others of their kind."""

from __future__ import annotations

from math import exp
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from stagemake.freshness import snapshot as columns
from stagemake.model.fit import USUAL_VARIANCE, pooled
from stagemake.model.plan import P90, UNKNOWN, Estimate, Interval, Source, Verdict
from stagemake.model.size import slope_of_kind, written_by_kind
from stagemake.plan.amounts import Amounts
from stagemake.plan.chain import priorities
from stagemake.plan.kind import kind_of, variant_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from stagemake.model.fit import Fit
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan, Step
    from stagemake.model.size import Written
    from stagemake.model.stage import Stage
    from stagemake.model.variant import Variant
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World

_ONE_RUN_SIGMA = 0.25  # of what was measured once, perhaps elsewhere
_GUESS_S = 1.0
_RESTORE_S = 0.002
_AGE = attrgetter("age")


def add_estimates(
    steps: list[Step], costly: Sequence[tuple[int, Judgement]], pipeline: Pipeline, world: World
) -> None:
    """Put estimates into the steps that are not fresh, in place.

    Args:
        steps: Of the whole plan, by stage id.
        costly: Stage ids and judgements of those that are not fresh, ascending.
        pipeline: The stages.
        world: What is known of the past.

    Cost: some reads of the history; some 10 µs a stage.
    """
    stages = pipeline.stages
    past = _Past.of([stages[stage_id].name for stage_id, _ in costly], world)
    amounts = Amounts(world.snapshot.traces, world.disk.directory_bytes)
    for stage_id, made in costly:
        stage = stages[stage_id]
        read_bytes = amounts.read_by(stage, made.entries)
        own = past.fits.get(stage.name)
        if own is not None:
            estimate = past.estimate(stage, own, made, read_bytes)
        else:
            estimate = _from_elsewhere(stage, made, past, read_bytes)
        cached = made.cached
        amounts.put_down(stage, cached.output_bytes if cached else estimate.output_bytes)
        if estimate is not UNKNOWN:  # which it is already
            step = steps[stage_id]
            steps[stage_id] = step.of(
                stage_id=stage_id, verdict=step.verdict, reason=step.reason, subject=step.subject,
                key=step.key, cached=step.cached, estimate=estimate,
            )  # fmt: skip


@define(eq=False, repr=False)
class _Past:
    """What the history knows of the stages of one plan, and of others of their kinds as far as asked for."""

    world: World
    fits: Mapping[str, Fit]
    _variants: Mapping[tuple[str, int], Variant]
    _written: Mapping[str, Sequence[Written]]
    _several: AbstractSet[str]  # stages that ran under several variants
    _usual_variance: float
    _pooled: dict[str, Fit | None] = field(factory=dict)  # by kind
    _amounts: dict[str, list[tuple[int, int]]] | None = None  # by kind
    _slopes: dict[str, float | None] = field(factory=dict)  # by kind

    @classmethod
    def of(cls, names: Sequence[str], world: World) -> _Past:
        """Read what there is of these stages."""
        history = world.history
        fits = history.fits(names)
        variants = history.variants(names) if fits else {}
        return cls(
            world,
            fits,
            variants,
            history.written(names) if fits else {},
            {stage for stage, _ in variants},
            history.usual_variance() if fits else USUAL_VARIANCE,
        )

    def estimate(self, stage: Stage, own: Fit, made: Judgement, read_bytes: int | None) -> Estimate:
        """Return what a stage's own runs say, where so much is read."""
        number, written = 0, self._written.get(stage.name, ())
        if stage.name in self._several or len(written) > 1:
            number = variant_of(made.declaration)
            variant = self._variants.get((stage.name, number))
            own = variant.of(own) if variant is not None else own
        if not written:
            return estimate_of(own, read_bytes, self._usual_variance)
        last = written[0] if len(written) == 1 else self._like(stage, written, number)
        made_bytes = last.made_bytes
        if read_bytes and read_bytes != last.read_bytes:
            made_bytes = last.at(read_bytes, self._slope_of(own.kind))
        return estimate_of(own, read_bytes, self._usual_variance, made_bytes)

    def _like(self, stage: Stage, written: Sequence[Written], number: int) -> Written:
        """Return what is known of this variant; else of that under which the outputs were made, or of the last run's."""
        by_variant = {one.variant: one for one in written}
        trace = self.world.snapshot.traces.get(stage.name)
        if number not in by_variant and trace is not None:
            number = variant_of(trace[columns.DECLARATION])
        return by_variant.get(number) or min(written, key=_AGE)

    def _slope_of(self, kind: str) -> float | None:
        """Return by which power stages of a kind write more that read more."""
        if kind not in self._slopes:
            self._slopes[kind] = slope_of_kind(self.amounts_of(kind))
        return self._slopes[kind]

    def amounts_of(self, kind: str) -> Sequence[tuple[int, int]]:
        """Return what stages of a kind read and wrote. One read of the history for all kinds in the plan."""
        if self._amounts is None:
            kinds = {fit.kind for fit in self.fits.values()}
            self._amounts = self.world.history.amounts_of_kinds(sorted(kinds))
        if kind not in self._amounts:
            self._amounts[kind] = self.world.history.amounts_of_kinds([kind]).get(kind, [])
        return self._amounts[kind]

    def of_kind(self, kind: str, read_bytes: int | None) -> Estimate:
        """Return what stages of a kind say of another one that reads so much."""
        if kind not in self._pooled:
            others = self.world.history.fits_of_kind(kind)
            self._pooled[kind] = pooled(others) if others else None
        fit = self._pooled[kind]
        if fit is None:
            return UNKNOWN
        amounts = self.amounts_of(kind)
        made_bytes = written_by_kind(amounts, read_bytes) if amounts else None
        found = estimate_of(fit, read_bytes, made_bytes=made_bytes)
        return evolve(found, samples=0, source=Source.KIND, kind=kind)


def estimate_of(
    fit: Fit,
    read_bytes: int | None = None,
    usual_variance: float = USUAL_VARIANCE,
    made_bytes: int | None = None,
) -> Estimate:
    """Return the estimate that follows from runs.

    Args:
        fit: What they say.
        read_bytes: Of the inputs now, where it is known: durations may hang on it.
        usual_variance: Of the logarithms of one stage's runs in this project.
        made_bytes: To be written; None: as in the last run.
    """
    likely = fit.seconds(read_bytes) if fit.slope else fit.median_s
    likely *= fit.stretch
    new_bytes = fit.stored_bytes
    if made_bytes is None:
        made_bytes = fit.output_bytes
    elif made_bytes != fit.output_bytes and fit.output_bytes:
        new_bytes = round(new_bytes * made_bytes / fit.output_bytes)
    return Estimate.of(
        duration_s=Interval(likely, likely * exp(P90 * fit.sigma_among(usual_variance))),
        output_bytes=made_bytes,
        samples=fit.samples,
        changes_output_p=round(fit.changed / fit.compared, 3) if fit.compared else None,
        changed=fit.changed,
        compared=fit.compared,
        passed_on=fit.passed_on,
        reached=fit.reached,
        told_changed=fit.told_changed,
        told=fit.told,
        new_bytes=new_bytes,
        cpu_share=fit.cpu_share,
        stretch=fit.stretch,
        source=Source.HISTORY,
    )


def _from_elsewhere(stage: Stage, made: Judgement, past: _Past, read_bytes: int | None) -> Estimate:
    """Return the estimate of a stage that has no runs of its own here."""
    if made.verdict is Verdict.HIT and made.cached is not None:
        return _once(made.cached.duration_s, made.cached.output_bytes)
    world = past.world
    hint = world.records.hint(made.weak) if made.weak is not None and stage.cache else None
    if hint is not None:
        return _once(hint[1], hint[2])
    if stage.action is None:
        return Estimate(Interval(0.0, 0.0), 0, source=Source.KIND)
    return past.of_kind(kind_of(stage, world), read_bytes)


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
