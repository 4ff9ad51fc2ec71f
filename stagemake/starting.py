"""What runs a build's actions and what hears them, put together; early where functions run for the first time."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.dispatch import decoded_event
from stagemake.execute.slots import DirectPurse, Slots
from stagemake.jobs_shared import JobsShared, share_jobs
from stagemake.model.difference import secret_values
from stagemake.model.plan import Verdict
from stagemake.runner.local import LocalRunner, local_runner
from stagemake.runner.port import RunnerSettings
from stagemake.stagefile.imports import undisturbed_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.building import Builder
    from stagemake.calling import Caller
    from stagemake.model.event import Event
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.runner.guarded import GuardedRunner
    from stagemake.stagefile.loader import Evaluation


@define(eq=False, repr=False)
class Ear:
    """Hears what running stages say, and passes it on as events."""

    pipeline: Pipeline
    emit: Callable[[Event], None]
    environ: Mapping[str, str]  # for the secrets that must not be passed on
    began_s: float = 0.0

    def hear(self, stage_id: int, data: bytes) -> None:
        """Pass on what a stage has said."""
        stage = self.pipeline.stages[stage_id]
        secrets = secret_values(stage, self.environ) if stage.secret_env else ()
        self.emit(decoded_event(stage.name, data, self.began_s, secrets))


@define(eq=False, repr=False)
class Started:
    """The runner of one build, whose functions run in forks of what this process is at `fork`."""

    runner: LocalRunner | GuardedRunner
    ear: Ear
    caller: Caller | None  # None: there is no function
    shared: JobsShared
    _texts_there: list[set[str]] | None = field(default=None)  # files, by evaluation; None: no fork

    def close(self) -> None:
        """End what runs, and then the jobserver; may be called twice."""
        self.runner.close()
        self.shared.close()

    @property
    def slots(self) -> Slots:
        """What stages take of the jobserver."""
        pool = self.shared.pool
        if pool is None:
            return Slots()
        is_local = isinstance(self.runner, LocalRunner)
        return Slots(pool, self.runner if is_local else DirectPurse(pool))  # type: ignore[arg-type]  # it is local

    def fork(self) -> None:
        """Have the runner's own process made, while this one has no threads and no open database."""
        self._texts_there = [set(one.texts) for one in self._evaluations()]
        with undisturbed_imports():  # by other managers of this process
            self.runner.prepare()

    def catch_up(self, plan: Plan, wakeup_fd: int) -> None:
        """Make the process, or tell it of sources that were read since it was made: it may import them later.

        The functions were identified by these texts, whatever the files hold by then.

        Args:
            plan: What is to be done.
            wakeup_fd: What waiting ends early by.
        """
        if self._texts_there is None:
            if not self._is_idle(plan):
                self.fork()
            return
        assert isinstance(self.runner, LocalRunner), "no other forks early"
        self.runner.wake_by(wakeup_fd)
        known = zip(self._evaluations(), self._texts_there, strict=True)
        late = [{file: one.texts[file] for file in one.texts.keys() - had} for one, had in known]
        if any(late):
            self.runner.tell(json.dumps(late).encode("ascii"))

    def _is_idle(self, plan: Plan) -> bool:
        """Return whether no action is going to run. One that does so all the same, because a result is damaged, starts the process.

        That is then forked late, which is nothing to commands; functions would take more memory.
        """
        is_local = isinstance(self.runner, LocalRunner)
        needless = (Verdict.FRESH, Verdict.HIT)
        return (
            is_local and self.caller is None and all(one.verdict in needless for one in plan.steps)
        )

    def _evaluations(self) -> Sequence[Evaluation]:
        return () if self.caller is None else self.caller.evaluations


def start(builder: Builder, pipeline: Pipeline, lock_fd: int) -> Started:
    """Return the runner for a build of `pipeline`; nothing runs yet.

    Args:
        builder: The request's parts.
        pipeline: What is to be built.
        lock_fd: Of the project's lock, which the runner keeps open until all actions are gone.
    """
    ear = Ear(pipeline, builder.emit, builder.environ)
    caller = _caller(builder, pipeline)
    shared = share_jobs(builder)
    settings = RunnerSettings(
        root=builder.root,
        jobs=builder.jobs,
        call=_absent if caller is None else caller,
        marker=os.urandom(8).hex(),
        on_said=ear.hear,
        keep_open=(lock_fd,),
        wakeup_fd=builder.interrupt.read_fd if builder.interrupt.read_fd >= 0 else None,
        console_stdout_fd=2 if builder.request.keeps_stdout else 1,
        tokens=shared.fds,
    )
    if builder.make_runner is not None:
        return Started(builder.make_runner(settings), ear, caller, shared)
    if caller is None:
        return Started(local_runner(settings), ear, None, shared)
    runner = local_runner(
        settings, ready=caller.ready, rehearse=caller.rehearse, on_told=caller.take_texts
    )
    return Started(runner, ear, caller, shared)


def _absent(*_given: object) -> bytes:
    raise AssertionError("BUG: a function was to be called in a pipeline that has none")


def _caller(builder: Builder, pipeline: Pipeline) -> Caller | None:
    """Return what calls functions; None where the pipeline has none."""
    if builder.make_runner is None and not any(stage.is_call for stage in pipeline.stages):
        return None
    from stagemake.calling import Caller  # noqa: PLC0415 - gate, 10 ms, functions only

    evaluations = tuple(builder.project.evaluations)
    return Caller(builder.root, pipeline, evaluations, builder.state.scratch)


def start_early(builder: Builder, pipeline: Pipeline, lock_fd: int) -> Started:
    """Return the runner with its process made before there is a plan, for it is forked for each function.

    A fork takes as long as its process is large. What planning, cache and history take need not be copied
    thousands of times: with 1 000 functions that is half of all memory.
    """
    started = start(builder, pipeline, lock_fd)
    started.fork()
    return started
