"""What a plan would stumble over or surprise its user with, found before anything runs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from stagemake.model.entry import MISSING, entries_of
from stagemake.model.plan import Verdict
from stagemake.model.report import Conflict, ConflictKind
from stagemake.model.stage import Command
from stagemake.overlap import outputs_in_inputs
from stagemake.plan.missing import is_made, unreadable_inputs
from stagemake.plan.programs import programs_of
from stagemake.recorded import recorded_outputs
from stagemake.report.amount import duration, joined, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.plan import Plan
    from stagemake.model.report import DryRunReport
    from stagemake.plan.missing import Missing
    from stagemake.plan.world import World

_NOT_BUILT = "nothing is built; with `-k` all but what needs it"


def conflicts_of(
    report: DryRunReport,
    world: World,
    missing: Iterable[Missing],
    *,
    held: tuple[str, float] | None,
) -> tuple[Conflict, ...]:
    """Return everything worth a look before building, by kind, then in execution order.

    Args:
        report: The plan with its costs and file systems.
        world: What it was made from.
        missing: Inputs that are neither there nor made, as `missing_inputs` gives them.
        held: Who holds the project, and since when; None: nobody.
    """
    plan = report.plan
    found = [] if held is None else [_locked(*held)]
    found.extend(_full_disks(report))
    found.extend(
        Conflict(ConflictKind.MISSING_INPUT, path, (stage.name,), hint or _NOT_BUILT)
        for path, stage, hint in missing
    )
    found.extend(
        Conflict(
            ConflictKind.UNREADABLE_INPUT,
            path,
            (stage.name,),
            _NOT_BUILT,
        )
        for path, stage in unreadable_inputs(plan)
    )
    found.extend(_missing_programs(plan, world))
    found.extend(_missing_directories(plan, world))
    found.extend(_replaced_files(plan, world))
    found.extend(_case_twins(plan))
    found.extend(outputs_in_inputs(plan, world))
    names = [plan.pipeline.stages[stage_id].name for stage_id in report.opaque]
    hint = "it is judged like any other, but left out of the sums"
    found.extend(Conflict(ConflictKind.NO_DRY_RUN, "", (name,), hint) for name in names)
    return tuple(found)


def _locked(who: str, since_s: float) -> Conflict:
    at = time.strftime("%H:%M:%S", time.localtime(since_s))
    age = duration(max(time.time() - since_s, 0.0))
    hint = f"{who}, since {at}, for {age}; a build would wait for it"
    return Conflict(ConflictKind.LOCKED, ".", (), hint)


def _full_disks(report: DryRunReport) -> list[Conflict]:
    return [
        Conflict(
            ConflictKind.DISK_FULL,
            one.path,
            (),
            f"{joined(one.places)}: up to {size(one.needed_bytes)} needed,"
            f" {size(one.free_bytes or 0)} free",
        )
        for one in report.file_systems
        if not one.is_enough
    ]


def _missing_programs(plan: Plan, world: World) -> list[Conflict]:
    users: dict[str, list[str]] = {}
    found_all: set[tuple[str, ...]] = set()  # programs and tools that are all there
    for step in plan.steps:
        if step.verdict is Verdict.FRESH or step.verdict is Verdict.HIT:
            continue
        stage = plan.pipeline.stages[step.stage_id]
        action = stage.action
        names: tuple[str, ...] = ()
        if isinstance(action, Command):
            names = world.names_in(action.template[0]) if action.shell else action.template[:1]
        text = (*names, "", *stage.tools)
        is_usual = not (stage.env or stage.cwd)
        if is_usual and text in found_all:
            continue
        programs = programs_of(stage, world)
        for name, path, entry in programs:
            is_there = entry != MISSING and path not in plan.orphans
            if not is_there and plan.pipeline.producer_of(path or name) is None:
                users.setdefault(name, []).append(stage.name)
        if is_usual and all(path[:1] == "/" for _, path, _ in programs):
            found_all.add(text)
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
        if not os.path.isdir(f"{world.root}/{stage.cwd}") and not is_made(stage.cwd, plan):
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
