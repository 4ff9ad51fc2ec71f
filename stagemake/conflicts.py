"""What a plan would stumble over or surprise its user with, found before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.freshness import snapshot as columns
from stagemake.model.entry import MISSING
from stagemake.model.error import did_you_mean
from stagemake.model.plan import Verdict
from stagemake.model.report import Conflict, ConflictKind
from stagemake.plan.judge import programs_of

if TYPE_CHECKING:
    from stagemake.model.plan import Plan
    from stagemake.model.report import DryRunReport
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World


def conflicts_of(report: DryRunReport, world: World, *, is_locked: bool) -> tuple[Conflict, ...]:
    """Return everything worth a look before building, by kind, then in execution order."""
    plan = report.plan
    found = []
    if is_locked:
        found.append(Conflict(ConflictKind.LOCKED, ".", (), "it would wait for that one"))
    found.extend(
        Conflict(ConflictKind.MISSING_INPUT, path, (stage.name,), hint)
        for path, stage, hint in missing_inputs(plan, world)
    )
    found.extend(_missing_programs(plan, world))
    found.extend(_replaced_files(plan, world))
    found.extend(_case_twins(plan))
    needed = report.new_bytes + report.restore_bytes
    if report.free_bytes and needed > report.free_bytes:
        text = f"{needed} bytes needed, {report.free_bytes} free"
        found.append(Conflict(ConflictKind.DISK_FULL, ".", (), text))
    return tuple(found)


_MOST_HINTS = 5  # a near match among ten thousand outputs takes half a second


def missing_inputs(plan: Plan, world: World) -> list[tuple[str, Stage, str]]:
    """Return inputs that are neither there nor made by a stage: path, who needs it, hint."""
    found: list[tuple[str, Stage, str]] = []
    pipeline = plan.pipeline
    for step in plan.steps:
        if step.verdict is Verdict.FRESH:
            continue
        stage = pipeline.stages[step.stage_id]
        for path in (*stage.inputs, *stage.implicit):
            if world.disk.entry(path) == MISSING and not _is_made(path, plan):
                hint = ""
                if len(found) < _MOST_HINTS:
                    hint = did_you_mean(path, pipeline.producer_by_path)
                found.append((path, stage, hint))
    return found


def _is_made(path: str, plan: Plan) -> bool:
    pipeline = plan.pipeline
    if pipeline.producer_of(path) is not None:
        return True
    prefix = f"{path}/"
    return any(output.startswith(prefix) for output in pipeline.producer_by_path)


def _missing_programs(plan: Plan, world: World) -> list[Conflict]:
    users: dict[str, list[str]] = {}
    for step in plan.steps:
        if step.verdict in {Verdict.FRESH, Verdict.HIT}:
            continue
        stage = plan.pipeline.stages[step.stage_id]
        for name, path, entry in programs_of(stage, world):
            if entry == MISSING and plan.pipeline.producer_of(path or name) is None:
                users.setdefault(name, []).append(stage.name)
    return [
        Conflict(ConflictKind.MISSING_PROGRAM, name, tuple(names), "install it, or name another")
        for name, names in users.items()
    ]


def _replaced_files(plan: Plan, world: World) -> list[Conflict]:
    found = []
    for step in plan.steps:
        if step.verdict not in {Verdict.HIT, Verdict.MISS, Verdict.MAYBE}:
            continue
        stage = plan.pipeline.stages[step.stage_id]
        trace = world.snapshot.traces.get(stage.name)
        known = {}
        if trace is not None:
            known = dict(zip(trace[columns.DECLARATION][4], trace[columns.OUTPUTS], strict=True))
        begun = world.snapshot.interrupted.get(stage.name, ())
        for output in stage.outputs:
            now = world.disk.output_entry(output.rstrip("/"))
            if now == MISSING or output in begun or known.get(output) == now:
                continue
            kind = ConflictKind.HAND_EDITED if output in known else ConflictKind.FOREIGN_FILE
            hint = "it would be kept under .stagemake/kept/"
            found.append(Conflict(kind, output, (stage.name,), hint))
    return found


def _case_twins(plan: Plan) -> list[Conflict]:
    by_folded: dict[str, str] = {}
    found = []
    for path, stage_id in plan.pipeline.producer_by_path.items():
        twin = by_folded.setdefault(path.casefold(), path)
        if twin != path:
            other = plan.pipeline.producer_by_path[twin]
            names = (plan.pipeline.stages[other].name, plan.pipeline.stages[stage_id].name)
            hint = f"`{twin}` and this are one file where case does not count"
            found.append(Conflict(ConflictKind.CASE_COLLISION, path, names, hint))
    return found
