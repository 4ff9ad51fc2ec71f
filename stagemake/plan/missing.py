"""Inputs that nobody makes and that are not there. Asked before each build that has work to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.entry import MISSING
from stagemake.model.error import did_you_mean
from stagemake.model.plan import Reason, Verdict

if TYPE_CHECKING:
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World

_MOST_HINTS = 5  # a near match among ten thousand outputs takes half a second


def missing_inputs(plan: Plan, world: World) -> list[tuple[str, Stage, str]]:
    """Return inputs that are neither there nor made by a stage: path, who needs it, hint."""
    found: list[tuple[str, Stage, str]] = []
    pipeline = plan.pipeline
    for step in plan.steps:
        if step.verdict is Verdict.FRESH or step.reason is Reason.INPUT_UNREADABLE:
            continue
        stage = pipeline.stages[step.stage_id]
        for path in (*stage.inputs, *stage.implicit):
            if pipeline.producer_of(path) is not None:  # it may be anything until it is made
                continue
            if world.disk.entry(path) == MISSING and not is_made(path, plan):
                hint = ""
                if len(found) < _MOST_HINTS:
                    hint = _meant(path, pipeline)
                found.append((path, stage, hint))
    return found


def unreadable_inputs(plan: Plan) -> list[tuple[str, Stage]]:
    """Return what is there and can't be read: path, who needs it. The path may be below an input."""
    stages = plan.pipeline.stages
    return [
        (step.subject, stages[step.stage_id])
        for step in plan.steps
        if step.reason is Reason.INPUT_UNREADABLE
    ]


def why_not_read(path: str, world: World) -> str:
    """Return in words why something can't be read; empty if it can by now."""
    try:
        world.disk.entry(path)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _meant(path: str, pipeline: Pipeline) -> str:
    """Return a hint: what is made under a name like that, or a stage that is called so."""
    named = next((stage for stage in pipeline.stages if stage.name == path and stage.outputs), None)
    if named is None:
        return did_you_mean(path, pipeline.producer_by_path)
    return f"`{path}` is a stage: give it without quotes, or the path that it makes, `{named.outputs[0]}`"


def is_made(path: str, plan: Plan) -> bool:
    """Return whether a stage of the plan makes a path, or something below it."""
    pipeline = plan.pipeline
    if pipeline.producer_of(path) is not None:
        return True
    prefix = f"{path}/"
    return any(output.startswith(prefix) for output in pipeline.producer_by_path)
