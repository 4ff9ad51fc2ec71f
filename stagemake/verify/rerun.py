"""Reruns a batch of stages side by side, by the scheduler and the runner of every build, without a cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake import durable
from stagemake.calling import Caller
from stagemake.digesting import Digester
from stagemake.execute.scheduler import Scheduler
from stagemake.execute.workshop import Workshop
from stagemake.freshness import snapshot as columns
from stagemake.freshness.signature import FileClock
from stagemake.model.event import StageSettled
from stagemake.model.mode import CacheMode
from stagemake.model.pipeline import Pipeline
from stagemake.model.plan import Plan, Reason, Step, Verdict
from stagemake.model.request import BuildRequest
from stagemake.plan.world import NoRecords, World
from stagemake.runner.local import local_runner
from stagemake.runner.port import RunnerSettings
from stagemake.stagefile.imports import undisturbed_imports
from stagemake.state import StateStore
from stagemake.verify.scratch import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagemake.building import Builder
    from stagemake.model.event import Event
    from stagemake.model.result import StageResult
    from stagemake.runner.guarded import GuardedRunner
    from stagemake.runner.local import LocalRunner
    from stagemake.verify.subject import Subject


@define
class Batch:
    """Stages to rerun, each in the directory of its number below `base`; used once."""

    builder: Builder
    subjects: Sequence[Subject]
    base: str  # absolute
    lock_fd: int
    on_settled: Callable[[int, StageResult, tuple[tuple[str, str], ...]], None]
    """Told of each rerun: its number, how it ended, the shared values that it provided."""
    _state: StateStore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._state = StateStore(self.base, "verify")

    def run(self) -> int:
        """Rerun everything; return the signal that interrupted it, 0 for none."""
        stages = tuple(placed(one.stage, number) for number, one in enumerate(self.subjects))
        pipeline = Pipeline(stages, (), tuple(() for _ in stages))
        steps = tuple(Step(number, Verdict.MISS, Reason.FORCED) for number in range(len(stages)))
        runner = self._runner()
        self._state.open()
        try:
            with undisturbed_imports():
                runner.prepare()
            shop = self._workshop(runner)
            scheduler = Scheduler(Plan(pipeline, steps), shop)
            given = {name: value for one in self.subjects for name, value in one.values}
            scheduler.launcher.values = _Given(given)
            return scheduler.run().interrupted_by
        finally:
            runner.close()
            self._state.close()

    def _runner(self) -> LocalRunner | GuardedRunner:
        builder = self.builder
        settings = RunnerSettings(
            root=self.base,
            jobs=builder.jobs,
            call=self._call,
            marker=os.urandom(8).hex(),
            on_said=_unheard,
            keep_open=(self.lock_fd,),
            wakeup_fd=builder.interrupt.read_fd,
        )
        return (
            local_runner(settings) if builder.make_runner is None else builder.make_runner(settings)
        )

    def _call(self, number: int, payload: bytes, say: Callable[[bytes], None]) -> bytes:
        """Call a stage's function with its own directory as the root. In a process of its own."""
        stages = tuple(one.stage for one in self.subjects)
        pipeline = Pipeline(stages, (), tuple(() for _ in stages))
        evaluations = tuple(self.builder.project.evaluations)
        call = Caller(f"{self.base}/{number}", pipeline, evaluations, f"{self.base}/scratch")
        return call(number, payload, say)

    def _workshop(self, runner: LocalRunner | GuardedRunner) -> Workshop:
        builder, base = self.builder, self.builder.base_env()
        clock = FileClock(f"{self._state.directory}/clock", durable.touch)
        digester = Digester(self.base, None, clock)
        world = World(
            root=self.base,
            disk=digester,
            snapshot=self._state.snapshot,
            records=NoRecords(),
            history_path=self._state.history_path,
            identify=builder.project.identify,
            search_path=base["PATH"],
            force=True,
            inherits=builder.settings.inherit_environment,
        )
        return Workshop(
            root=self.base,
            request=BuildRequest(jobs=builder.jobs, keep_going=True, cache=CacheMode.OFF),
            jobs=builder.jobs,
            world=world,
            digester=digester,
            state=self._state,
            runner=runner,
            emit=self._hear,
            base_env=base,
            environ=builder.environ,
            pools={pool.name: pool.depth for pool in builder.project.registry.pools.values()},
            interrupt=builder.interrupt,
        )

    def _hear(self, event: Event) -> None:
        if not isinstance(event, StageSettled):
            return
        name = event.result.name
        number = next(at for at, one in enumerate(self.subjects) if one.stage.name == name)
        trace = self._state.snapshot.traces.get(name)
        provided = trace[columns.VALUES][1] if trace is not None else ()
        self.on_settled(number, event.result, provided)


class _Given(dict[str, str]):
    """The shared values of recorded results. What a rerun provides is compared, and not passed on."""

    def update(self, *_given: object, **_named: str) -> None:
        """Leave everything as it is."""


def _unheard(_stage_id: int, _data: bytes) -> None:
    """Drop what functions emit: the build that was recorded has told it."""
