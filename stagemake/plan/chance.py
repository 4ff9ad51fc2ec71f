"""Whether a maybe will run: it does if something that it reads comes out differently, which past runs tell of.

Each run of a stage is taken to change its outputs with the share observed, a little of a prior mixed in. Who a
maybe hangs on are the open stages that make what it reads; stages that it only comes after have no say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.plan import Chance, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Estimate, Plan, Step
    from stagemake.model.stage import Stage

_PRIOR_CHANGES, _PRIOR_RUNS = 0.75, 2.0  # an edit that reaches a stage mostly changes what it makes
_PRIOR_REACHED = 1.0
_OTHER_CAUSE = 0.3  # what a run counts that came of a change of the other sort


def changes_p(step: Step) -> float:
    """Return how likely a run with other inputs makes other outputs than before.

    A maybe that runs has something upstream that did change: its own share then counts runs of that sort more.
    What edits of inputs did says less of what another command or other code does, and the other way round.
    """
    past = step.estimate
    changed, compared = _alike(past, is_told=step.reason.is_told)
    p = (changed + _PRIOR_RUNS * _PRIOR_CHANGES) / (compared + _PRIOR_RUNS)
    if step.verdict is Verdict.MAYBE:
        p = (past.passed_on + _PRIOR_REACHED * p) / (past.reached + _PRIOR_REACHED)
    return p


def _alike(past: Estimate, *, is_told: bool) -> tuple[float, float]:
    """Return how many runs changed their outputs, of how many, those that ran for another cause counting less."""
    told, given = (1.0, _OTHER_CAUSE) if is_told else (_OTHER_CAUSE, 1.0)
    changed = told * past.told_changed + given * (past.changed - past.told_changed)
    return changed, told * past.told + given * (past.compared - past.told)


def chances(plan: Plan) -> Mapping[int, Chance]:
    """Return the chance of each maybe, by stage id. Cost: O(inputs of maybes)."""
    found: dict[int, Chance] = {}
    runs_p: dict[int, float] = {}
    for step in plan.steps:
        if step.verdict is Verdict.MISS:
            runs_p[step.stage_id] = 1.0
        elif step.verdict is Verdict.MAYBE:
            deciders = _deciders(plan, step.stage_id, runs_p)
            stays_p, best, best_p = 1.0, -1, -1.0
            for other in deciders:
                p = runs_p.get(other, 1.0) * changes_p(plan.steps[other])
                stays_p *= 1.0 - p
                if p > best_p:
                    best, best_p = other, p
            if not deciders:
                stays_p = 0.0  # what it reads is about to lose a left-over file: that is a change
            runs_p[step.stage_id] = 1.0 - stays_p
            found[step.stage_id] = Chance(round(1.0 - stays_p, 3), best, deciders)
    return found


def _deciders(plan: Plan, stage_id: int, open_ids: Mapping[int, float]) -> tuple[int, ...]:
    """Return the open stages whose outputs a maybe reads; where none is seen to be, all it waits for."""
    pipeline = plan.pipeline
    stage = pipeline.stages[stage_id]
    paths = [*stage.inputs, *stage.implicit, plan.steps[stage_id].subject]
    found = {pipeline.producer_of(path) for path in paths}
    above = pipeline.upstream[stage_id]
    not_foreseen = _hits_not_foreseen(plan, stage_id)
    found.update(
        other for other in above
        if _shares(stage, pipeline.stages[other]) or _writes_below(pipeline, other, paths)
    )  # fmt: skip
    ids = tuple(sorted(other for other in found if other is not None and other in open_ids))
    above = tuple(other for other in above if other in open_ids)
    return ids or not_foreseen or above or tuple(open_ids)[-1:]


def _hits_not_foreseen(plan: Plan, stage_id: int) -> tuple[int, ...]:
    """Return the hits that a maybe hangs on: what they bring is known of all but those that can't be foreseen."""
    producer = plan.pipeline.producer_of(plan.steps[stage_id].subject)
    is_hit = producer is not None and plan.steps[producer].verdict is Verdict.HIT
    return (producer,) if producer is not None and is_hit else ()


def _shares(stage: Stage, other: Stage) -> bool:
    """Whether one uses a value that the other provides."""
    return not set(stage.uses).isdisjoint(other.provides)


def _writes_below(pipeline: Pipeline, other: int, paths: list[str]) -> bool:
    """Whether a stage writes into one of these directories."""
    return any(
        output.startswith(f"{path}/")
        for output in pipeline.stages[other].outputs
        for path in paths
        if path
    )
