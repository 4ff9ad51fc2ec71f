"""The single operations of a build that was planned: files made, changed, moved and removed; actions run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from stagemake.model.entry import MISSING
from stagemake.model.operation import OperationKind, PlannedOperation
from stagemake.model.plan import Verdict
from stagemake.model.report import ConflictKind
from stagemake.model.stage import Call, Command
from stagemake.stagefile.placeholder import argv_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.plan import Plan, Step
    from stagemake.model.report import Conflict, DryRunReport
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World

_REPLACED = {ConflictKind.FOREIGN_FILE, ConflictKind.HAND_EDITED}


@define
class Foreseen:
    """What stages said, by stage id, and what is to be looked at."""

    operations: dict[int, tuple[PlannedOperation, ...]] = field(factory=dict)
    conflicts: list[Conflict] = field(factory=list)
    failed: list[int] = field(factory=list)  # stages that could not say

    def added_to(self, report: DryRunReport, world: World) -> DryRunReport:
        """Return a report that tells operations, with what stages said and what became of asking."""
        conflicts = (*report.conflicts, *self.conflicts)
        steps = report.plan.steps
        told = {
            stage_id: [one.size_bytes for one in operations if one.size_bytes is not None]
            for stage_id, operations in self.operations.items()
            if steps[stage_id].estimate.output_bytes is None
        }
        stages = report.plan.pipeline.stages
        sized = sum(1 for stage_id, sizes in told.items() if sizes and stages[stage_id].outputs)
        failed = sum(
            1 for stage_id in self.failed
            if steps[stage_id].estimate.output_bytes is None and stages[stage_id].outputs
        )  # fmt: skip
        return evolve(
            report,
            conflicts=conflicts,
            opaque=tuple(sorted({*report.opaque, *self.failed})),
            told_bytes=sum(map(sum, told.values())),
            unsized=max(report.unsized - sized - failed, 0),
            knows_writes=report.knows_writes or sized > 0,
            foresee=lambda: operations_of(report.plan, world, conflicts, self),
        )


def operations_of(
    plan: Plan,
    world: World,
    conflicts: Sequence[Conflict],
    told: Foreseen,
) -> tuple[PlannedOperation, ...]:
    """Return what a build would do, one by one, in execution order; orphans go first.

    Stages that are fresh do nothing. Those that don't support a dry run are left out.

    Args:
        plan: What is to be done.
        world: What it was judged by.
        conflicts: Of the plan: files of the user's that would be put aside.
        told: What stages said themselves, in place of what the plan says.
    """
    replaced = {one.path.rstrip("/") for one in conflicts if one.kind in _REPLACED}
    found = [PlannedOperation(OperationKind.DELETE, path) for path in plan.orphans]
    for step in plan.steps:
        stage = plan.pipeline.stages[step.stage_id]
        if step.verdict is Verdict.FRESH or not stage.supports_dry_run:
            continue
        if step.stage_id in told.failed:
            continue
        own = told.operations.get(step.stage_id)
        found.extend(own or _of_step(stage, step, world, replaced))
    return tuple(found)


def _of_step(
    stage: Stage, step: Step, world: World, replaced: set[str]
) -> Iterator[PlannedOperation]:
    sizes: dict[str, int] = {}
    if step.cached is not None:
        for row in step.cached.outputs:
            for output in stage.outputs:
                if row.path == output.rstrip("/") or row.path.startswith(output):
                    sizes[output] = sizes.get(output, 0) + row.size_bytes
    for output in stage.outputs:
        path = output.rstrip("/")
        if path in replaced:
            yield PlannedOperation(OperationKind.MOVE, output, stage.name, ".stagemake/kept/")
        is_there = world.disk.output_entry(path) != MISSING and path not in replaced
        kind = OperationKind.MODIFY if is_there else OperationKind.CREATE
        yield PlannedOperation(kind, output, stage.name, size_bytes=sizes.get(output))
    if stage.action is not None and step.verdict is not Verdict.HIT:
        yield PlannedOperation(OperationKind.RUN, stage=stage.name, detail=_shown(stage))


def _shown(stage: Stage) -> str:
    """Return an action in one line."""
    action = stage.action
    if isinstance(action, Command):
        argv = argv_of(stage)
        return argv[-1].strip().partition("\n")[0] if action.shell else shlex.join(argv)
    assert isinstance(action, Call), "an action is a command or a call"
    return f"{getattr(action.function, '__qualname__', stage.name)}()"
