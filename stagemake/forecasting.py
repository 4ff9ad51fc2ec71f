"""A plan with everything around it: how long, how much, on which disks, and what to look at first."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attrs import evolve

from stagemake.cache.guarded import GuardedStore
from stagemake.cache.keep import foresee
from stagemake.conflicts import conflicts_of
from stagemake.foretelling import circumstances_of
from stagemake.freshness import snapshot as columns
from stagemake.model.plan import Verdict
from stagemake.model.record import references
from stagemake.model.report import Eviction, FileSystem
from stagemake.model.stored import contents_of, record_bytes, stored_bytes
from stagemake.plan.chance import changes_p
from stagemake.plan.estimate import report_of
from stagemake.plan.missing import missing_inputs, with_missing
from stagemake.project_lock import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.building import Builder
    from stagemake.cache.reader import ReadOnlyStore
    from stagemake.model.plan import Plan
    from stagemake.model.report import DryRunReport
    from stagemake.plan.world import World

_STATE_BYTES, _STATE_PER_STAGE_BYTES = 1 << 16, 1500  # snapshot, journal, history


def forecast(
    builder: Builder, plan: Plan, world: World, reader: ReadOnlyStore | GuardedStore
) -> DryRunReport:
    """Return the plan with its times, amounts and disks; without conflicts. Changes nothing."""
    report = report_of(plan, builder.jobs, circumstances_of(builder, world))
    report = evolve(
        report,
        new_bytes=_new_bytes(builder, report, world, reader),
        knows_growth=report.knows_growth or not builder.request.cache.writes,
    )
    systems = _file_systems(builder, report)
    known = [one.free_bytes for one in systems if one.free_bytes is not None]
    return evolve(
        report,
        cache_bytes=0 if isinstance(reader, GuardedStore) else reader.volume_bytes(),
        free_bytes=min(known, default=None),
        file_systems=systems,
        # A plugin's cache is not asked how much it holds, nor what it would let go.
        evicted=Eviction()
        if isinstance(reader, GuardedStore)
        else _evicted(builder, report, reader),
    )


def full_forecast(
    builder: Builder, plan: Plan, world: World, reader: ReadOnlyStore | GuardedStore
) -> DryRunReport:
    """Return all that a dry run says. Changes nothing."""
    missing = missing_inputs(plan, world)
    report = forecast(builder, with_missing(plan, missing), world, reader)
    found = conflicts_of(report, world, missing, held=lock_holder(builder.state))
    return evolve(report, conflicts=found)


def _new_bytes(
    builder: Builder, report: DryRunReport, world: World, reader: ReadOnlyStore | GuardedStore
) -> int:
    """Return by how much the cache would grow.

    A run that changes its outputs adds what such runs added so far; one that does not adds those of its last
    outputs that the cache has lost. A run that repeats the last one changes nothing.
    """
    if not builder.request.cache.writes:
        return 0
    stages, traces = report.plan.pipeline.stages, world.snapshot.traces
    running = [
        step for step in report.plan.steps
        if step.may_run
        and stages[step.stage_id].cache
        and (step.estimate.new_bytes or stages[step.stage_id].name in traces)  # else nothing is known
    ]  # fmt: skip
    last: dict[int, dict[str, int]] = {}
    for step in running:
        trace = traces.get(stages[step.stage_id].name)
        last[step.stage_id] = contents_of(trace) if trace is not None else {}
    lost = reader.missing({digest for contents in last.values() for digest in contents})
    total = 0.0
    for step in running:
        trace = traces.get(stages[step.stage_id].name)
        chance = report.chances.get(step.stage_id)
        runs_p = chance.runs_p if chance is not None else 1.0
        is_repeat = trace is not None and step.key == trace[columns.KEY]
        p = 0.0 if is_repeat else 1.0 if trace is None else changes_p(step)
        kept = record_bytes(max(len(last[step.stage_id]), 1))
        for digest, size_bytes in last[step.stage_id].items():
            if digest in lost:
                lost.discard(digest)  # the next one that makes it finds it there
                kept += stored_bytes(size_bytes)
        total += runs_p * (p * (step.estimate.new_bytes or 0) + (1 - p) * kept)
    return round(total * world.history.pace.growth)


def _evicted(builder: Builder, report: DryRunReport, reader: ReadOnlyStore) -> Eviction:
    """Return what the collector would remove after the build, by its own rule."""
    if not (builder.request.cache.reads or builder.request.cache.writes):
        return Eviction()  # the cache is not opened
    hits = [step.key for step in report.plan.steps if step.verdict is Verdict.HIT and step.key]
    records, size_bytes = foresee(
        reader,
        references,
        budget=builder.settings.cache_bytes,
        max_age_s=builder.settings.cache_age_s,
        now_s=time.time(),
        used_keys=hits if builder.request.cache.writes else (),
        new_bytes=report.new_bytes,
    )
    return Eviction(records, size_bytes)


def _file_systems(builder: Builder, report: DryRunReport) -> tuple[FileSystem, ...]:
    """Return the file systems that a build would write to, and at most how much; none if nothing is to be done."""
    steps = report.plan.steps
    running = [step for step in steps if step.may_run]
    made = sum(step.estimate.output_bytes or 0 for step in running)
    stored = 0
    if builder.request.cache.writes:
        most = sum(step.estimate.new_bytes or 0 for step in running)
        stored = max(report.new_bytes, most)
    if report.plan.is_done:
        return ()
    return group_places(
        (
            ("project", builder.root, made + report.restore_bytes),
            ("state", builder.state.shared, _STATE_BYTES + _STATE_PER_STAGE_BYTES * len(steps)),
            ("cache", builder.cache_directory, stored),
        )
    )


def group_places(places: Iterable[tuple[str, str, int]]) -> tuple[FileSystem, ...]:
    """Return places by file system, in the order given.

    Args:
        places: Name, absolute path, which need not exist yet, and bytes needed.
    """
    found: dict[int | str, FileSystem] = {}
    for name, path, needed in places:
        there = _existing(path)
        free = free_bytes(there)
        try:
            device: int | str = os.stat(there).st_dev
        except OSError:
            device = there  # then it is one of its own
        one = found.get(device) or FileSystem((), path, free, 0)
        found[device] = evolve(
            one, places=(*one.places, name), needed_bytes=one.needed_bytes + needed
        )
    return tuple(found.values())


def free_bytes(path: str) -> int | None:
    """Return what this user may still write where `path` is or will be; None when unknown."""
    try:
        status = os.statvfs(_existing(path))
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _existing(path: str) -> str:
    """Return the directory, of those at and above `path`, that is there."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path
