"""Carry out a plan that has work in it: supervisor, cache and scheduler put together and taken down."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from attrs import define, evolve, frozen

from stagemake import durable
from stagemake.assembling import close_cache, hooks_of, open_cache, workshop_of
from stagemake.cache.disk import DiskStore
from stagemake.cache.volume import volume_bytes
from stagemake.execute.scheduler import Scheduler
from stagemake.foretelling import wall_forecast_of
from stagemake.history import History, Run
from stagemake.model.event import BuildFinished, Notice, PlanReady
from stagemake.model.hindsight import Foretold
from stagemake.model.plan import Interval
from stagemake.model.result import Outcome
from stagemake.model.stored import record_bytes, stored_bytes
from stagemake.past.recorder import Recorder
from stagemake.past.shelf import Shelf
from stagemake.plan.crowd import processor_count
from stagemake.plan.kind import input_bytes, kind_of
from stagemake.records import StoredRecords
from stagemake.remembering import remember as keep_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.assembling import Opened
    from stagemake.building import Builder
    from stagemake.digesting import Digester
    from stagemake.execute.workshop import Hooks, Workshop
    from stagemake.model.event import Event
    from stagemake.model.result import BuildOutcome
    from stagemake.plan.planner import Planned
    from stagemake.plan.world import World
    from stagemake.records import Source
    from stagemake.starting import Started


def carry_out(  # noqa: PLR0917 - the parts that planning has made
    builder: Builder,
    planned: Planned,
    world: World,
    digester: Digester,
    started: Started,
    remember: Callable[[BuildOutcome], None],
) -> BuildOutcome:
    """Build what `planned` says and save what came of it, however it ends.

    Args:
        builder: The request's parts.
        planned: What to do.
        world: What the plan was made from.
        digester: What has been looked at.
        started: What runs the actions; closed when this returns.
        remember: Notes for the next start what it need not look at again, if all is well.
    """
    ear, runner = started.ear, started.runner
    _open_state(builder, planned)
    _recover_runs(builder, world)
    simulated_s = wall_forecast_of(builder, planned.plan, world)
    recorder = _recorder(builder, world, simulated_s)

    def emit(event: Event) -> None:
        recorder.handle(event)
        builder.emit(event)

    hooks = hooks_of(builder, ear)
    cache, grown = _LateCache(builder), -1
    try:
        # Forks before there are threads or open databases, if anything is to run.
        started.catch_up(planned.plan, builder.interrupt.read_fd)
        if builder.make_store is not None:
            cache.store()  # what a plugin needs for it is not known here
        if builder.request.cache.reads:
            _look_up_in(lambda: cache.store() or builder.cache.read_only(), world)
        shop = workshop_of(builder, world, digester, runner, cache.store, emit)
        _share_jobs(shop, hooks, started)
        emit(PlanReady(planned.plan, builder.jobs))
        scheduler = Scheduler(planned.plan, shop, planned.take_lasting())
        ear.began_s = shop.began_s
        before_s = time.monotonic() - builder.began_s - builder.outside_s
        outcome = scheduler.run()
        ended_s = time.monotonic()
        _tidy(builder, planned, outcome, digester)
    except BaseException:
        recorder.close()  # what was noted stays, as of a killed build
        raise
    finally:
        try:
            started.close()
            hooks.close()
            _save(builder, digester)
        finally:
            grown = cache.close()
    outcome = evolve(
        outcome,
        forecast_s=recorder.forecast_s,
        drifted=() if shop.guard is None else tuple(shop.guard.refused),
        observations=() if builder.watching is None else tuple(builder.watching.found.values()),
    )
    if builder.settings.keep_sources:
        keep_texts(outcome, planned.plan.pipeline, world)
    remember(outcome)
    _note_costs(builder, planned, scheduler, outcome, _Spent(before_s, ended_s, grown, simulated_s))
    return _told(builder, recorder, outcome, emit)


@define(eq=False, repr=False)
class _LateCache:
    """The cache of one build. It is opened by who asks first: that takes as long as an edit's stage may take to run."""

    builder: Builder
    _is_open: bool = False
    _store: Opened | None = None
    _volume_bytes: int = -1  # when it was opened; -1: not known

    def store(self) -> Opened | None:
        """Return the store, the same one each time; None where the request wants none, or none can be used."""
        if not self._is_open:
            self._is_open, self._store = True, open_cache(self.builder)
            if isinstance(self._store, DiskStore):
                self._volume_bytes = volume_bytes(self._store)
        return self._store

    def close(self) -> int:
        """Let go of it, if it was opened; return by how many bytes it grew, -1 where that is not known."""
        if self._store is None:
            return -1
        now, before = close_cache(self.builder, self._store), self._volume_bytes
        return now - before if min(now, before) >= 0 else -1


def _told(
    builder: Builder, recorder: Recorder, outcome: BuildOutcome, emit: Callable[[Event], None]
) -> BuildOutcome:
    """Say that the build is over, and what the history lacks; return the outcome with its time."""
    outcome = evolve(outcome, wall_s=time.monotonic() - builder.began_s)
    emit(BuildFinished(outcome))
    _tell_of_trouble(recorder, builder)
    return outcome


def _tell_of_trouble(recorder: Recorder, builder: Builder) -> None:
    if recorder.problem:
        text = f"history: {recorder.problem}; this build is not in it, or not all of it"
        builder.emit(Notice(text))


def _save(builder: Builder, digester: Digester) -> None:
    """Save what is known now, and remove what was only of use while stages ran."""
    if builder.affected is None:  # else most was not looked at, because nothing happened there
        digester.prune()
    digester.settle()
    builder.state.save()
    if os.path.lexists(builder.state.scratch):
        durable.remove_any(builder.state.scratch)


def _share_jobs(shop: Workshop, hooks: Hooks, started: Started) -> None:
    """Let stages, and what they start, take part in sharing the machine."""
    shop.hooks, shop.slots = hooks, started.slots
    shop.call_env = started.shared.environment(shop.base_env, for_calls=True)
    shop.base_env = started.shared.environment(shop.base_env, for_calls=False)


def _open_state(builder: Builder, planned: Planned) -> None:
    """Begin to write."""
    state = builder.state
    state.open()
    for name, trace in planned.refreshed.items():
        state.settle(name, trace)


def _look_up_in(source_of: Callable[[], Source], world: World) -> None:
    """Have records looked up in the store that is written to; what the plan did not find is not looked up again.

    That is 0.1 ms for each stage of a cold build.
    """
    before = world.records
    if isinstance(before, StoredRecords):
        world.records = StoredRecords(source_of, before.absent, before.bare)
    else:
        world.records = StoredRecords(source_of)


def _tidy(builder: Builder, planned: Planned, outcome: BuildOutcome, digester: Digester) -> None:
    """Forget what no later build needs, and look at what the next one will ask for."""
    if outcome.ok:
        builder.forget_finished(planned.plan)
    if builder.has_left_over:
        builder.state.drop_left_over(builder.declared_paths() | _stuck(builder, planned))
    if builder.project.is_recorded:
        _look_at_restored(planned, outcome, digester)


@frozen
class _Spent:
    """What a build was foreseen to take, and what it took beside its stages."""

    before_s: float  # from its start, without what was before, to the first stage
    ended_s: float  # when the last stage had settled, by `time.monotonic`
    grown_bytes: int  # by how much the cache grew; -1: not measured
    simulated_s: Interval | None  # None: some stage was not known


def _stuck(builder: Builder, planned: Planned) -> set[str]:
    """Return outputs that no stage makes and that could not be removed, said: the next build tries again."""
    stuck = [path for path in planned.plan.orphans if os.path.lexists(f"{builder.root}/{path}")]
    for path in stuck:
        text = f"`{path}`, which no stage makes any more, could not be removed; the next build tries again"
        builder.emit(Notice(text))
    return {form for path in stuck for form in (path, f"{path}/")}


def _note_costs(
    builder: Builder, planned: Planned, scheduler: Scheduler, outcome: BuildOutcome, spent: _Spent
) -> None:
    """Put into the history what stages cost, and if all went well what the tool itself took."""
    history = History(builder.state.history_path)
    stretch = scheduler.meter.stretches(processor_count())
    stages = planned.plan.pipeline.stages
    by_name = {str(stages[stage_id].name): factor for stage_id, factor in stretch.items()}
    history.add(
        run.stretched(by_name[run.stage]) if run.stage in by_name else run
        for run in scheduler.launcher.past_runs
    )
    if not outcome.ok:
        return
    costs = scheduler.meter.costs(
        planned.plan, outcome.results, started_s=int(time.time()), before_s=spent.before_s,
        after_s=time.monotonic() - spent.ended_s, grown_bytes=spent.grown_bytes,
        counted_bytes=scheduler.launcher.growth.measured, stretch=stretch,
    )  # fmt: skip
    said = spent.simulated_s or Interval(0.0, 0.0)
    wall_s = time.monotonic() - builder.began_s
    foretold = Foretold(builder.opening.value, builder.outside_s, said.p50, said.p90, wall_s)
    history.add((), costs, foretold)


def _look_at_restored(planned: Planned, outcome: BuildOutcome, digester: Digester) -> None:
    """Have what came from the cache looked at now, so that the next build knows it by its signature."""
    stages = planned.plan.pipeline.stages
    restored = {each.name for each in outcome.results if each.outcome is Outcome.RESTORED}
    with contextlib.suppress(OSError):  # gone again: the next build sees to it
        digester.output_entries(
            path.rstrip("/") for stage in stages if stage.name in restored for path in stage.outputs
        )


def _recover_runs(builder: Builder, world: World) -> None:
    """Have the runs that a killed build had finished count for estimates: it could not note them itself."""
    last = Shelf(builder.state.builds).last_killed()
    if last is None:
        return
    declared = {str(stage.name): stage for stage in builder.project.registry.stages()}
    runs = []
    for one in last.stages:
        stage = declared.get(one.name)
        if stage is None or one.outcome != Outcome.RAN.value or one.output_bytes is None:
            continue
        entries = map(
            world.disk.entry, (*stage.inputs, *stage.implicit)
        )  # as far as they are as then
        runs.append(
            Run(
                one.name,
                int(last.started_s),
                one.wall_s or 0.0,
                one.cpu_s or 0.0,
                one.output_bytes,
                changed=None,  # whether its inputs had changed is not known any more
                stored_bytes=record_bytes(1) + stored_bytes(one.output_bytes),
                input_bytes=input_bytes(entries, world.disk.directory_bytes) or 0,
                kind=kind_of(stage, world),
            )
        )
    History(builder.state.history_path).add(runs)


def _recorder(builder: Builder, world: World, simulated_s: Interval | None) -> Recorder:
    """Return what notes this build, and the forecast that it will be held against."""
    forecast_s = None
    if simulated_s is not None:
        forecast_s = world.history.hindsight.corrected(simulated_s)
    return Recorder(Shelf(builder.state.builds), builder.request.targets, forecast_s)
