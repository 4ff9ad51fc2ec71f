"""What a plan would stumble over or surprise its user with, found before anything runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.model.entry import MISSING, entries_of
from stagemake.model.error import did_you_mean
from stagemake.model.plan import Verdict
from stagemake.model.report import Conflict, ConflictKind
from stagemake.plan.judge import programs_of
from stagemake.recorded import recorded_outputs

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
    found.extend(_missing_directories(plan, world))
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
            is_there = entry != MISSING and path not in plan.orphans
            if not is_there and plan.pipeline.producer_of(path or name) is None:
                users.setdefault(name, []).append(stage.name)
    return [
        Conflict(ConflictKind.MISSING_PROGRAM, name, tuple(names), "install it, or name another")
        for name, names in users.items()
    ]


def _missing_directories(plan: Plan, world: World) -> list[Conflict]:
    users: dict[str, list[str]] = {}
    for step in plan.steps:
        stage = plan.pipeline.stages[step.stage_id]
        if not stage.cwd or step.verdict in {Verdict.FRESH, Verdict.HIT}:
            continue
        if not os.path.isdir(f"{world.root}/{stage.cwd}") and not _is_made(stage.cwd, plan):
            users.setdefault(stage.cwd, []).append(stage.name)
    return [
        Conflict(
            ConflictKind.MISSING_DIRECTORY, path, tuple(names), "make it, or name another as cwd"
        )
        for path, names in users.items()
    ]


def _replaced_files(plan: Plan, world: World) -> list[Conflict]:
    """Return files at outputs that aren't stagemake's, or not any more, and would be put aside."""
    found = []
    ours: dict[str, str] | None = None
    begun = {path for paths in world.snapshot.interrupted.values() for path in paths}
    for step in plan.steps:
        if step.verdict is Verdict.FRESH:
            continue
        stage = plan.pipeline.stages[step.stage_id]
        wanted = entries_of(step.cached.outputs) if step.cached is not None else {}
        for output in stage.outputs:
            path = output.rstrip("/")
            now = world.disk.output_entry(path)
            if now == MISSING or output in begun or now == wanted.get(path):
                continue
            ours = ours if ours is not None else recorded_outputs(world.snapshot)
            if ours.get(path) == now:
                continue
            kind = ConflictKind.HAND_EDITED if path in ours else ConflictKind.FOREIGN_FILE
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
