"""From a pipeline to a plan, a forecast or a finished build: the parts put together for one request."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from stagemake import checkpoint, durable
from stagemake.cache_reader import CacheReader
from stagemake.capturing import CaptureMemo
from stagemake.digesting import Digester
from stagemake.execute.environment import base_environment
from stagemake.finishing import nothing_to_do, remember
from stagemake.freshness.signature import FileClock
from stagemake.left_over import left_over
from stagemake.model.error import UsageError
from stagemake.model.event import Notice, WaitingForLock
from stagemake.model.hindsight import Opening
from stagemake.model.result import BuildOutcome
from stagemake.plan.planner import plan_pipeline
from stagemake.plan.world import NoRecords, World
from stagemake.project_lock import locked
from stagemake.records import StoredRecords
from stagemake.sweeping import sweep

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from stagemake.dispatch import Subscriptions
    from stagemake.execute.interrupt import Interrupt
    from stagemake.execute.watching import Watching
    from stagemake.hooks import HookBook
    from stagemake.model.event import Event
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.plan_file import PlannedStage
    from stagemake.model.report import DryRunReport
    from stagemake.model.request import BuildRequest
    from stagemake.model.stage import Stage
    from stagemake.plan.declaration import Identity
    from stagemake.plan.planner import Planned
    from stagemake.plan.world import Disk
    from stagemake.plugins.backends import MakeRunner, MakeStore
    from stagemake.project import Project
    from stagemake.settings import ProjectConfig
    from stagemake.starting import Started
    from stagemake.state import StateStore
    from stagemake.what_if import WhatIf


@define(eq=False, repr=False)
class Builder:
    """One request's parts. `plan` changes nothing, as what `asking` does; `execute` holds the project's lock."""

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
    subscriptions: Subscriptions
    loop: asyncio.AbstractEventLoop | None = None  # that awaits this build; async hooks run there
    make_runner: MakeRunner | None = None  # None: local processes
    make_store: MakeStore | None = None  # None: the cache on disk
    is_partial: bool = False  # whether stages of past builds may only be missing by mistake
    watching: Watching | None = None  # while the build runs, where somebody asked for it
    cache: CacheReader = field(init=False)
    has_left_over: bool = False  # whether past builds made what no stage declares now
    affected: frozenset[str] | None = None  # names of the stages to be judged; None: all
    began_s: float = (
        0.0  # when whoever waits began to, by `time.monotonic`; waiting for a lock is left out
    )
    outside_s: float = 0.0  # of that, before the build itself: starting up, running the Stagefile
    what_if: WhatIf | None = None  # made once the Stagefile has run

    def __attrs_post_init__(self) -> None:
        self.cache = CacheReader(
            self.root, self.cache_directory, self.settings, self.emit, self.make_store
        )

    @property
    def opening(self) -> Opening:
        """What passes, or has passed, before this build."""
        if self.request.asked_s is None:
            return Opening.EMBEDDED
        return Opening.EVALUATED if self.project.recalled is None else Opening.RECALLED

    def plan(self, pipeline: Pipeline) -> Planned:
        """Return a plan and forget what was looked at for it. Changes nothing."""
        self.recall()
        disk = self.disk()
        world = self.world(disk)
        try:
            orphans = left_over(self, disk)
            return plan_pipeline(pipeline, world, orphans, affected=self.affected)
        finally:
            self.cache.close()

    def recall(self) -> None:
        """Leave stages out that need not be judged: the entry has compared all that they depend on.

        Raises:
            Overtaken: Another build has come in between.
        """
        recalled = self.project.recalled
        if recalled is not None:
            recalled.join(self.state.snapshot)
            self.affected = recalled.affected

    def disk(self) -> Disk:
        """Return what is on disk, or would be."""
        digester = Digester(self.root, dict(self.state.snapshot.memo))
        if not self.request.assume_changed:
            return digester
        from stagemake.what_if import WhatIf  # noqa: PLC0415 - gate, what-if only

        self.what_if = WhatIf(self.project, self.request.assume_changed)
        return self.what_if.disk(digester)

    def _identity(self, stage: Stage) -> Identity | None:
        found = self.project.identify(stage)
        return found if self.what_if is None else self.what_if.identity(stage, found)

    def holding(self) -> AbstractContextManager[int]:
        """Hold the project's lock, and tell whom it is waited for; errors as `project_lock.locked`.

        Gives the lock's descriptor, negative if the request was to end before it was free.
        """
        return locked(
            self.state,
            wait=self.request.wait,
            on_wait=lambda holder: self.emit(WaitingForLock(holder)),
            is_stopped=lambda: self.interrupt.count > 0,
        )

    @contextmanager
    def looking(self) -> Iterator[tuple[World, Digester]]:
        """Give what there is to see, as long as the cache is open. Changes nothing."""
        digester = Digester(self.root, dict(self.state.snapshot.memo))
        try:
            yield self.world(digester), digester
        finally:
            self.cache.close()

    def world(self, disk: Disk) -> World:
        """Return what judging may ask, of this disk; the cache is opened when it is needed."""
        records = StoredRecords(self.cache.read_only) if self.request.cache.reads else NoRecords()
        base = self.base_env()
        return World(
            root=self.root,
            disk=disk,
            snapshot=self.state.snapshot,
            records=records,
            history_path=self.state.history_path,
            identify=self._identity,
            identify_all=self.project.identities.look_at,
            search_path=base["PATH"],
            checkpoint_path=self.state.checkpoint_path,
            repeats_path=self.state.repeats_path,
            force=self.request.force,
            traced=self.request.traced,
            inherits=self.settings.inherit_environment,
        )

    def base_env(self) -> dict[str, str]:
        """Return what every stage gets before its own declarations."""
        return base_environment(self.environ, inherit=self.settings.inherit_environment)

    def declared_paths(self) -> set[str]:
        """Return everything that some stage writes: outputs and depfiles."""
        stages = self.project.registry.stages()
        paths: set[str] = {path for stage in stages for path in stage.outputs}
        paths.update(stage.depfile for stage in stages if stage.depfile is not None)
        return paths

    def execute(self, pipeline: Pipeline) -> BuildOutcome:
        """Carry out what a fresh plan says.

        Raises:
            MissingInput: An input is neither there nor made by a stage, and -k wasn't given.
            UnreadableInput: One is there and can't be read, likewise.
            ProjectLocked: Another build holds the project and waiting was declined.
        """
        if self.request.assume_changed:
            raise UsageError("a build can't assume what isn't so", hint="plan it: `stagemake -n`")
        entered_s = time.monotonic()
        if self.request.asked_s is not None:
            self.outside_s = entered_s - self.request.asked_s
        if not os.path.isdir(self.state.shared):
            # The first build here: find what must fail before anything is written.
            self._check_inputs_of_first_build(pipeline)
        with self.holding() as lock_fd:
            if lock_fd < 0:
                return BuildOutcome((), 0.0, interrupted_by=self.interrupt.take())
            self.began_s = time.monotonic() - self.outside_s
            self._read_state(pipeline)
            sweep(self.state, self.root, self.declared_paths)
            if isinstance(memo := self.project.session.capture_memo, CaptureMemo):
                with suppress(OSError):  # it only saves time
                    memo.save()
            self.recall()
            clock = FileClock(f"{self.state.directory}/clock", durable.touch)
            digester = Digester(self.root, self.state.snapshot.memo, clock)
            memo_before = len(digester.memo)
            world = self.world(digester)
            forecast = None

            def note_what_is_left(outcome: BuildOutcome) -> None:
                if not self.has_left_over:
                    left = {one.name for one in outcome.results if not one.outcome.is_good}
                    remember(self, pipeline, world, digester, clock, left)

            if self.request.is_watched:
                self.watching = self._open_watching(pipeline)
            with self._early(pipeline, lock_fd) as early:
                try:
                    planned = self.planned(pipeline, world, digester)
                    if self.request.keeps_forecast:
                        planned_s = time.monotonic()
                        forecast = self._forecast(planned.plan, world)
                        # It is asked for besides: not a part of the build.
                        self.began_s += time.monotonic() - planned_s
                finally:
                    self.cache.close()
                if planned.plan.is_done:
                    outcome = nothing_to_do(self, planned, digester, memo_before)
                    note_what_is_left(outcome)
                else:
                    self._check_inputs(planned.plan, world)
                    from stagemake.executing import carry_out  # noqa: PLC0415 - gate, 60 ms, only with work to do
                    from stagemake.starting import start  # noqa: PLC0415 - as above

                    with self.interrupt.armed():
                        started = early or start(self, planned.plan.pipeline, lock_fd)
                        outcome = carry_out(
                            self, planned, world, digester, started, note_what_is_left
                        )
            return outcome if forecast is None else evolve(outcome, forecast=forecast)

    def _read_state(self, pipeline: Pipeline) -> None:
        """Read the state, now that nobody else writes to it; of few stages among many only what is known of them."""
        self.state.reload()
        if self.project.recalled is not None and pipeline.whole:
            self.state.limit_to([stage.name for stage in pipeline.stages])
        self.state.clear_way()
        self._tell_of_foreign_state()

    def _tell_of_foreign_state(self) -> None:
        """Say that another version wrote the state: it is about to be replaced, and the build takes longer."""
        if foreign := self.state.snapshot.foreign:
            known = f"what is known of earlier builds was written {foreign}"
            self.emit(Notice(f"state: {known} and is replaced; files are looked at anew"))

    def _forecast(self, plan: Plan, world: World) -> DryRunReport:
        from stagemake.forecasting import forecast  # noqa: PLC0415 - gate, with work to do or --json

        return forecast(self, plan, world, self.cache.read_only())

    @contextmanager
    def _early(self, pipeline: Pipeline, lock_fd: int) -> Iterator[Started | None]:
        """Give a runner that has forked already, where functions are sure to run; it is closed behind."""
        traces, force = self.state.snapshot.traces, self.request.force
        if self.make_runner is not None or not any(
            stage.is_call and (force or stage.name not in traces) for stage in pipeline.stages
        ):
            yield None
            return
        from stagemake.starting import start_early  # noqa: PLC0415 - gate, 30 ms, only with functions to run

        started = start_early(self, pipeline, lock_fd)
        try:
            yield started
        finally:
            started.close()

    def _open_watching(self, pipeline: Pipeline) -> Watching:
        """Return what watches the stages.

        Raises:
            StagemakeError: The system can't, or other processes than this machine's run them.
        """
        from stagemake.execute.watching import open_watching  # noqa: PLC0415 - gate, 15 ms, observed builds only

        if self.make_runner is not None:
            raise UsageError(
                "only local processes can be watched or kept from files",
                hint="leave out `--runner`, or give `--runner local`",
            )
        return open_watching(self.request, pipeline, self.root, self.state.scratch, self.environ)

    def planned(
        self,
        pipeline: Pipeline,
        world: World,
        disk: Disk,
        seen: list[PlannedStage] | None = None,
    ) -> Planned:
        """Return the plan to carry out; one that is held to has to be the same still.

        Raises:
            PlanDrifted: It isn't.
        """
        held, orphans = self.request.held, left_over(self, disk)
        if held is None and seen is None:
            return plan_pipeline(pipeline, world, orphans, affected=self.affected)
        from stagemake.plan.held import moved_since, plan_held  # noqa: PLC0415 - gate, --plan only
        from stagemake.plan_files import check_moved, check_place  # noqa: PLC0415 - as above

        if held is not None:
            check_place(held, self.root)
        planned, stages = plan_held(pipeline, world, orphans)
        if held is not None:
            check_moved(moved_since(held, stages, orphans))
        if seen is not None:
            seen.extend(stages)
        return planned

    def _check_inputs_of_first_build(self, pipeline: Pipeline) -> None:
        made = pipeline.producer_by_path
        for stage in pipeline.stages:
            for path in (*stage.inputs, *stage.implicit):
                full = path if path[0] == "/" else f"{self.root}/{path}"
                if path not in made and not os.path.lexists(full):
                    self._check_inputs(self.plan(pipeline).plan, self.world(Digester(self.root)))
                    return

    def _check_inputs(self, plan: Plan, world: World) -> None:
        if not self.request.keep_going:
            from stagemake.input_check import check_inputs  # noqa: PLC0415 - gate, only with work to do

            check_inputs(plan, world)

    def forget_finished(self, plan: Plan) -> None:
        """Note that this build has ended well: the next one resumes nothing of it."""
        names = [stage.name for stage in plan.pipeline.stages if stage.resumable]
        if names:
            checkpoint.forget(self.state.checkpoint_path, names)
