"""From a pipeline to a plan, a forecast or a finished build: the parts put together for one request."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake import durable
from stagemake.cache.collect import collect, is_due
from stagemake.cache.disk import open_store
from stagemake.cache.reader import ReadOnlyStore
from stagemake.calling import Caller, make_context
from stagemake.conflicts import conflicts_of, missing_inputs
from stagemake.digesting import Digester
from stagemake.execute.environment import base_environment, stage_environment
from stagemake.execute.scheduler import Scheduler
from stagemake.execute.workshop import Workshop
from stagemake.explaining import explain_stage
from stagemake.freshness.signature import FileClock
from stagemake.history import History
from stagemake.hooks import BoundHooks
from stagemake.model.error import MissingInput
from stagemake.model.event import BuildFinished, Notice, PlanReady, WaitingForLock
from stagemake.model.record import references
from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.plan.estimate import report_of
from stagemake.plan.planner import plan_pipeline
from stagemake.plan.world import NoRecords, World
from stagemake.records import StoredRecords
from stagemake.runner.local import LocalRunner
from stagemake.state import is_locked, locked, orphans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.cache.disk import DiskStore
    from stagemake.config import ProjectConfig
    from stagemake.execute.workshop import Interrupt
    from stagemake.explaining import Explanation
    from stagemake.hooks import HookBook
    from stagemake.model.context import StageContext
    from stagemake.model.event import Event
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.report import DryRunReport
    from stagemake.model.request import BuildRequest
    from stagemake.model.stage import Stage
    from stagemake.plan.planner import Planned
    from stagemake.project import Project
    from stagemake.state import StateStore

_SETTLE_S = 3.0  # how long to wait, at most, for a coarse file system clock to move on


@define
class Builder:
    """One request's parts. `plan` and `dry_run` change nothing; `execute` holds the project's lock."""

    root: str
    project: Project
    settings: ProjectConfig
    state: StateStore
    cache_directory: str
    environ: Mapping[str, str]
    request: BuildRequest
    jobs: int
    emit: Callable[[Event], None]
    hooks: HookBook
    interrupt: Interrupt
    wakeup_fd: int | None = None
    _reader: ReadOnlyStore | None = field(default=None)

    def plan(self, pipeline: Pipeline) -> Planned:
        """Return a plan and forget what was looked at for it. Changes nothing."""
        world = self._world(Digester(self.root, dict(self.state.snapshot.memo)))
        try:
            return plan_pipeline(pipeline, world, self._orphans())
        finally:
            self._close_reader()

    def dry_run(self, pipeline: Pipeline) -> DryRunReport:
        """Return a plan with its costs and conflicts. Changes nothing."""
        world = self._world(Digester(self.root, dict(self.state.snapshot.memo)))
        try:
            plan = plan_pipeline(pipeline, world, self._orphans()).plan
            stats = self._read_only().stats()
            free = free_bytes(self.root, self.cache_directory)
            report = report_of(plan, self.jobs, cache_bytes=stats.bytes, free_bytes=free)
            found = conflicts_of(report, world, is_locked=is_locked(self.state))
            return report.with_conflicts(found)
        finally:
            self._close_reader()

    def explain(self, pipeline: Pipeline) -> tuple[Explanation, ...]:
        """Return everything behind the verdict of each target. Changes nothing."""
        world = self._world(Digester(self.root, dict(self.state.snapshot.memo)))
        try:
            return tuple(explain_stage(pipeline, target, world) for target in pipeline.targets)
        finally:
            self._close_reader()

    def _world(self, digester: Digester) -> World:
        records = StoredRecords(self._read_only()) if self.request.cache.reads else NoRecords()
        base = self._base_env()
        return World(
            root=self.root,
            disk=digester,
            snapshot=self.state.snapshot,
            records=records,
            history=History(self.state.history_path),
            identify=self.project.identify,
            search_path=base["PATH"],
            force=self.request.force,
        )

    def _base_env(self) -> dict[str, str]:
        return base_environment(self.environ, inherit=self.settings.inherit_environment)

    def _read_only(self) -> ReadOnlyStore:
        if self._reader is None:
            self._reader = ReadOnlyStore(self.cache_directory)
        return self._reader

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _orphans(self) -> tuple[str, ...]:
        stages = self.project.registry.stages()
        return tuple(
            path
            for path in orphans_of(
                self.state.snapshot,
                (path for stage in stages for path in stage.outputs),
                (path for stage in stages for path in (*stage.inputs, *stage.implicit)),
            )
            if os.path.lexists(f"{self.root}/{path}")
        )

    def execute(self, pipeline: Pipeline) -> BuildOutcome:
        """Carry out what a fresh plan says.

        Raises:
            MissingInput: An input is neither there nor made by a stage, and -k wasn't given.
            ProjectLocked: Another build holds the project and waiting was declined.
        """
        with locked(
            self.state,
            wait=self.request.wait,
            on_wait=lambda holder: self.emit(WaitingForLock(holder)),
        ) as lock_fd:
            self.state.reload()
            clock = FileClock(f"{self.state.directory}/clock", durable.touch)
            digester = Digester(self.root, self.state.snapshot.memo, clock)
            memo_before = len(digester.memo)
            world = self._world(digester)
            try:
                planned = plan_pipeline(pipeline, world, self._orphans())
            finally:
                self._close_reader()
            if planned.plan.is_done:
                return self._nothing_to_do(planned, digester, memo_before)
            self._check_inputs(planned.plan, world)
            return self._carry_out(planned, world, digester, lock_fd)

    def _check_inputs(self, plan: Plan, world: World) -> None:
        if self.request.keep_going:
            return
        missing = missing_inputs(plan, world)
        if missing:
            path, stage, hint = missing[0]
            more = [("also", f"`{other}`, for `{one.name}`") for other, one, _ in missing[1:5]]
            raise MissingInput(
                f"stage `{stage.name}` needs an input nobody makes",
                facts=[("input", f"`{path}`"), ("declared", str(stage.location)), *more],
                hint=hint,
            )

    def _nothing_to_do(
        self, planned: Planned, digester: Digester, memo_before: int
    ) -> BuildOutcome:
        if planned.refreshed or digester.hashed_files or len(digester.memo) != memo_before:
            # Nothing changed but times or spellings: save, so that it costs nothing next time.
            self.state.open()
            for name, trace in planned.refreshed.items():
                self.state.settle(name, trace)
            digester.settle(time.monotonic() + _SETTLE_S)
            self.state.mark_changed()
            self.state.save()
        plan = planned.plan
        results = tuple(
            StageResult(stage.name, Outcome.FRESH, plan.steps[i].reason.code, key=plan.steps[i].key)
            for i, stage in enumerate(plan.pipeline.stages)
        )
        outcome = BuildOutcome(results, 0.0)
        self.emit(BuildFinished(outcome))
        return outcome

    def _carry_out(
        self, planned: Planned, world: World, digester: Digester, lock_fd: int
    ) -> BuildOutcome:
        self.state.open()
        for name, trace in planned.refreshed.items():
            self.state.settle(name, trace)
        plan = planned.plan
        runner = LocalRunner(
            self.root,
            call=Caller(
                self.root, plan.pipeline, tuple(self.project.evaluations), self.state.scratch
            ),
            marker=os.urandom(8).hex(),
            keep_open=(lock_fd,),
            wakeup_fd=self.wakeup_fd,
        )
        store = None
        try:
            runner.prepare()  # fork before there are threads or open databases
            store = self._open_store()
            if store is not None and self.request.cache.reads:
                world.records = StoredRecords(store)
            shop = self._workshop(world, digester, runner, store)
            self.emit(PlanReady(plan, self.jobs))
            scheduler = Scheduler(plan, shop)
            outcome = scheduler.run()
        finally:
            runner.close()
            if store is not None:
                store.flush()
            digester.settle(time.monotonic() + _SETTLE_S)
            self.state.save()
            if os.path.lexists(self.state.scratch):
                durable.remove_any(self.state.scratch)
        History(self.state.history_path).add(scheduler.launcher.past_runs)
        self._close_store(store)
        self.emit(BuildFinished(outcome))
        return outcome

    def _workshop(
        self, world: World, digester: Digester, runner: LocalRunner, store: DiskStore | None
    ) -> Workshop:
        base = self._base_env()

        def context_of(stage: Stage) -> StageContext:
            env = stage_environment(base, self.environ, stage)
            return make_context(stage, self.root, self.state.scratch, env, {})

        stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
        umask = os.umask(0o022)
        os.umask(umask)
        return Workshop(
            root=self.root,
            request=self.request,
            jobs=self.jobs,
            world=world,
            digester=digester,
            state=self.state,
            store=store,
            runner=runner,
            emit=self.emit,
            base_env=base,
            environ=self.environ,
            pools={pool.name: pool.depth for pool in self.project.registry.pools.values()},
            interrupt=self.interrupt,
            hooks=BoundHooks(self.hooks, context_of),
            kept_at=f".stagemake/kept/{stamp}",
            umask=umask,
        )

    def _open_store(self) -> DiskStore | None:
        cache = self.request.cache
        if not cache.reads and not cache.writes:
            return None
        store, problem = open_store(
            self.cache_directory,
            budget_bytes=self.settings.cache_bytes,
            max_age_s=self.settings.cache_age_s,
        )
        if problem:
            self.emit(Notice(f"cache: {problem}"))
        return store

    def _close_store(self, store: DiskStore | None) -> None:
        if store is None:
            return
        if is_due(store):
            done = collect(store, references)
            self.emit(Notice(f"cache: removed {done.freed_bytes} bytes that were used longest ago"))
        for text in store.faults.first.values():
            self.emit(Notice(f"cache: {text}"))
        store.close()


def free_bytes(*paths: str) -> int:
    """Return the free space on the file systems of these paths, the smallest; 0 when unknown."""
    found = []
    for path in paths:
        while not os.path.isdir(path) and os.path.dirname(path) != path:
            path = os.path.dirname(path)  # noqa: PLW2901 - climb to what exists
        try:
            status = os.statvfs(path)
        except OSError:
            continue
        found.append(status.f_bavail * status.f_frsize)
    return min(found, default=0)
