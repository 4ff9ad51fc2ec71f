"""Inputs that nobody makes and that are not there. Asked before each build that has work to do."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from attrs import evolve

from stagemake.model.entry import MISSING
from stagemake.model.error import did_you_mean
from stagemake.model.plan import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World

CREATE_IT = "create it, or declare the stage that makes it"
"""The hint where nothing is near."""

_MOST_HINTS = 5  # a near match among ten thousand outputs takes half a second

Missing = tuple[str, "Stage", str]
"""A path, a stage that needs it, a hint; that is empty where nothing is near, or others have used hints up."""


def missing_inputs(plan: Plan, world: World, most_hints: int = _MOST_HINTS) -> list[Missing]:
    """Return inputs that are neither there nor made by a stage: path, who needs it, hint."""
    found: list[Missing] = []
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
                if len(found) < most_hints:
                    hint = _meant(path, pipeline, world.root)
                found.append((path, stage, hint))
    return found


def absent_inputs(pipeline: Pipeline, root: str) -> list[Missing]:
    """Return what `missing_inputs` does, of all stages and without a plan: one look at each input."""
    found: list[Missing] = []
    for stage in pipeline.stages:
        for path in (*stage.inputs, *stage.implicit):
            # The disk first: whether something is made below a path takes a look at all outputs.
            if not _is_absent(os.path.join(root, path)) or _is_made(path, pipeline):
                continue
            found.append(
                (path, stage, _meant(path, pipeline, root) if len(found) < _MOST_HINTS else "")
            )
    return found


def _is_absent(full: str) -> bool:
    """Return whether nothing is there, a link that leads nowhere included; what can't be read is there."""
    try:
        os.stat(full)
    except OSError as error:
        return error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
    return False


def with_missing(plan: Plan, missing: Iterable[Missing]) -> Plan:
    """Return the plan with stages that can't run for want of an input saying so, by the first one each."""
    path_by_name: dict[str, str] = {}
    for path, stage, _ in missing:
        path_by_name.setdefault(stage.name, path)
    if not path_by_name:
        return plan
    steps = list(plan.steps)
    for at, step in enumerate(steps):
        wanted = path_by_name.get(plan.pipeline.stages[step.stage_id].name)
        if wanted is not None:
            steps[at] = evolve(step, reason=Reason.INPUT_MISSING, subject=wanted)
    return evolve(plan, steps=tuple(steps))


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


def _meant(path: str, pipeline: Pipeline, root: str) -> str:
    """Return a hint: a comma that was left out, what is made under a name like that, or a stage that is called so."""
    pair = _run_together(path, pipeline, root)
    if pair is not None:
        return f"is a comma missing between `{pair[0]}` and `{pair[1]}`?"
    named = next((stage for stage in pipeline.stages if stage.name == path and stage.outputs), None)
    if named is None:
        return did_you_mean(path, pipeline.producer_by_path)
    return f"`{path}` is a stage: give it without quotes, or the path that it makes, `{named.outputs[0]}`"


def _run_together(path: str, pipeline: Pipeline, root: str) -> tuple[str, str] | None:
    """Return two paths that are there, or made, and make this one where Python reads them as one string."""

    def is_known(part: str) -> bool:
        if not {".", "/"} & set(part):  # a short name ends many a longer one
            return False
        return part in pipeline.producer_by_path or os.path.isfile(os.path.join(root, part))

    for at in range(1, len(path)):
        first, second = path[:at], path[at:]
        if is_known(first) and is_known(second):
            return first, second
    return None


def is_made(path: str, plan: Plan) -> bool:
    """Return whether a stage of the plan makes a path, or something below it."""
    return _is_made(path, plan.pipeline)


def _is_made(path: str, pipeline: Pipeline) -> bool:
    if pipeline.producer_of(path) is not None:
        return True
    prefix = f"{path}/"
    return any(output.startswith(prefix) for output in pipeline.producer_by_path)
