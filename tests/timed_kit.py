"""Real builds by the real scheduler on a clock that no time passes on: for tests of what forecasts say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field
from fakes import TimedRunner

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.execute.scheduler import Scheduler
from stagemake.execute.workshop import Workshop
from stagemake.freshness.signature import FileClock
from stagemake.history import History
from stagemake.manager import StageManager
from stagemake.model.hindsight import Foretold, Opening
from stagemake.model.plan import Interval
from stagemake.model.request import BuildRequest
from stagemake.plan.estimate import Circumstances, report_of, wall_forecast
from stagemake.plan.planner import plan_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stagemake.model.report import DryRunReport
    from stagemake.model.result import BuildOutcome
    from stagemake.runner.port import Work

MEMORY_BYTES = 8 << 30


@define
class TimedProject:
    """A project whose actions take as long as the test says; every build begins with a forecast."""

    root: Path
    text: str
    manager: StageManager = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "Stagefile").write_text("from stagemake import command, pool\n" + self.text)

    def build(
        self, jobs: int, seconds: Callable[[str], float], *, force: bool = True,
        content: Callable[[str], str] = lambda name: name,
        computes: Callable[[str], bool] = lambda _name: True, processors: int = 64,
    ) -> tuple[DryRunReport, BuildOutcome]:  # fmt: skip
        """Return what was foreseen and what came of it.

        Args:
            jobs: So many side by side.
            seconds: How long a stage takes.
            force: Run every stage.
            content: What a stage writes to its outputs.
            computes: Whether it computes, or only waits.
            processors: How many there are.
        """
        manager = StageManager(self.root, cache_dir=self.root / "cache", environ={"PATH": "/bin"})
        manager.load("Stagefile")
        builder = manager._builder(BuildRequest(jobs=jobs, force=force))
        pipeline = manager.build_pipeline()
        state = builder.state
        state.make_directories()
        digester = Digester(
            str(self.root),
            state.snapshot.memo,
            FileClock(f"{state.directory}/clock", durable.touch),
        )
        world = builder.world(digester)
        planned = plan_pipeline(pipeline, world)
        builder.cache.close()
        pools = {pool.name: pool.depth for pool in manager.project.registry.pools.values()}
        history = History(state.history_path)
        around = Circumstances(
            pools, MEMORY_BYTES, history.pace, history.tail(), processors,
            hindsight=history.hindsight,
        )  # fmt: skip
        foreseen = report_of(planned.plan, jobs, around)
        said = wall_forecast(planned.plan, jobs, around) or Interval(0.0, 0.0)
        names = [stage.name for stage in pipeline.stages]

        def write(work: Work) -> None:
            for output in pipeline.stages[work.stage_id].outputs:
                (self.root / output).write_text(content(names[work.stage_id]))

        runner = TimedRunner(
            lambda stage_id: seconds(names[stage_id]), lambda stage_id: computes(names[stage_id]),
            processors, write,
        )  # fmt: skip
        state.open()
        shop = Workshop(
            root=str(self.root), request=builder.request, jobs=jobs, world=world,
            digester=digester, state=state, runner=runner, emit=lambda _event: None,
            base_env={}, environ={}, pools=pools, now_s=runner.now_s, memory_bytes=MEMORY_BYTES,
        )  # fmt: skip
        scheduler = Scheduler(planned.plan, shop)
        outcome = scheduler.run()
        digester.settle()
        state.save()
        stretch = scheduler.meter.stretches(processors)
        costs = scheduler.meter.costs(
            planned.plan, outcome.results, started_s=1, before_s=0.0, after_s=0.0, stretch=stretch
        )
        by_name = {names[stage_id]: factor for stage_id, factor in stretch.items()}
        history.add(
            [
                evolve(run, stretch=by_name.get(run.stage, 1.0))
                for run in scheduler.launcher.past_runs
            ],
            costs,
            Foretold(Opening.EMBEDDED, 0.0, said.p50, said.p90, outcome.wall_s),
        )
        return foreseen, outcome
