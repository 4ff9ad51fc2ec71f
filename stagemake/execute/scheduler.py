"""The loop: start what is ready, critical path first; wait; settle; until nothing is left to do."""

from __future__ import annotations

import heapq
import signal
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.execute.launch import Launcher
from stagemake.execute.outputs import OutputKeeper
from stagemake.model.event import StageSettled
from stagemake.model.plan import Verdict
from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.plan.estimate import priorities

if TYPE_CHECKING:
    from stagemake.execute.workshop import Workshop
    from stagemake.model.plan import Plan

_GUESS_S = 1.0  # for stages without history: only their order among each other hangs on it


@define
class Scheduler:
    """Carries out one plan; used once."""

    plan: Plan
    shop: Workshop
    launcher: Launcher = field(init=False)
    _keeper: OutputKeeper = field(init=False)
    _results: list[StageResult | None] = field(init=False)
    _waiting: list[int] = field(init=False)  # upstream stages that have not settled, by stage
    _weight: list[float] = field(init=False)
    _free_cpus: float = field(init=False)
    _free_memory_bytes: int = field(init=False)
    _free_in_pool: dict[str, int] = field(init=False)
    _began_s: float = field(init=False)
    _ready: list[tuple[float, int]] = field(factory=list)
    _running: set[int] = field(factory=set)
    _has_console_stage: bool = False  # whether one of them has the terminal
    _done: int = 0
    _has_failed: bool = False

    def __attrs_post_init__(self) -> None:
        shop, pipeline = self.shop, self.plan.pipeline
        self._keeper = OutputKeeper(shop)
        self._began_s = shop.began_s = shop.now_s()
        self.launcher = Launcher(shop, pipeline, self._keeper, self._began_s)
        self._results = [None] * len(pipeline.stages)
        self.launcher.results = self._results
        self._waiting = [len(above) for above in pipeline.upstream]
        self._free_cpus = float(shop.jobs)
        self._free_memory_bytes = shop.memory_bytes
        self._free_in_pool = dict(shop.pools)
        self._weight = priorities(
            pipeline.upstream, [self._seconds(i) for i in range(len(pipeline.stages))]
        )

    def _seconds(self, stage_id: int) -> float:
        step = self.plan.steps[stage_id]
        if step.verdict is Verdict.FRESH:
            return 0.0
        duration = step.estimate.duration_s
        return duration.p50 if duration is not None else _GUESS_S

    def run(self) -> BuildOutcome:
        """Carry out the plan and return how it ended. Failed stages are results, not exceptions."""
        removed = self._keeper.remove_orphans(self.plan.orphans)
        self._settle_fresh()
        self._loop()
        self._close_open_ends()
        return BuildOutcome(
            results=tuple(result for result in self._results if result is not None),
            wall_s=self.shop.now_s() - self._began_s,
            cache=self.launcher.cache_use(),
            interrupted_by=self.shop.interrupt.signal,
            removed=tuple(removed),
            kept=tuple(self.shop.kept),
        )

    def _settle_fresh(self) -> None:
        """Settle what needs nothing, whatever it waits for, then see what is ready."""
        for step in self.plan.steps:
            if step.verdict is Verdict.FRESH:
                self._results[step.stage_id] = self.launcher.fresh(step.stage_id, step)
                self._done += 1
        self._release([stage_id for stage_id, count in enumerate(self._waiting) if not count])

    def _release(self, free: list[int]) -> None:
        """Have stages started whose upstream is done; past fresh ones, which have nothing to do.

        Order also holds through a fresh stage: what comes after it comes after what it waits for.
        """
        downstream = self.plan.pipeline.downstream
        while free:
            stage_id = free.pop()
            if self._results[stage_id] is None:
                heapq.heappush(self._ready, (-self._weight[stage_id], stage_id))
                continue
            for other in downstream[stage_id]:
                self._waiting[other] -= 1
                if not self._waiting[other]:
                    free.append(other)

    def _loop(self) -> None:
        shop, told = self.shop, 0
        while True:
            self._start_ready()
            if not self._running:
                return
            if shop.interrupt.count > told:
                typed = shop.interrupt.signal == signal.SIGINT
                shop.runner.stop(now=told > 0, typed=typed)
                told = shop.interrupt.count
            completions = shop.runner.wait(None)
            shop.interrupt.drain()
            for completion in completions:
                stage_id = completion.stage_id
                self._occupy(stage_id, -1)
                stage = self.plan.pipeline.stages[stage_id]
                # After one on the console its result is printed before the next one has it.
                if not (completion.exit_code or stage.retries or stage.console):
                    self._start_ready()  # keep the machine busy while this one settles
                result = self.launcher.complete(completion, is_stopping=shop.interrupt.count > 0)
                if result is None:  # it is being tried again
                    self._occupy(stage_id, 1)
                else:
                    self._settle(stage_id, result)

    @property
    def _is_stopping(self) -> bool:
        if self.shop.interrupt.count:
            return True
        return self._has_failed and not self.shop.request.keep_going

    def _start_ready(self) -> None:
        """Start ready stages while there is room; settle at once what needs no run."""
        held = []
        while self._ready and not self._is_stopping and self._free_cpus > 0:
            item = heapq.heappop(self._ready)
            stage_id = item[1]
            if not self._has_room(stage_id):
                held.append(item)
                continue
            result = self.launcher.launch(stage_id, self.plan.steps[stage_id])
            if result is None:
                self._occupy(stage_id, 1)
            else:
                self._settle(stage_id, result)
        for item in held:
            heapq.heappush(self._ready, item)

    def _has_room(self, stage_id: int) -> bool:
        stage = self.plan.pipeline.stages[stage_id]
        if stage.pool and self._free_in_pool[stage.pool] < 1:
            return False
        if stage.console and self._has_console_stage:
            return False
        if not self._running:  # what wants more than there is gets the whole machine
            return True
        has_cpus = min(stage.cpus, self.shop.jobs) <= self._free_cpus
        return has_cpus and stage.memory_bytes <= self._free_memory_bytes

    def _occupy(self, stage_id: int, sign: int) -> None:
        """Take (1) or give back (-1) what a running stage holds."""
        stage = self.plan.pipeline.stages[stage_id]
        self._free_cpus -= sign * min(stage.cpus, self.shop.jobs)
        self._free_memory_bytes -= sign * stage.memory_bytes
        if stage.pool:
            self._free_in_pool[stage.pool] -= sign
        if stage.console:
            self._has_console_stage = sign > 0
        if sign > 0:
            self._running.add(stage_id)
        else:
            self._running.discard(stage_id)

    def _settle(self, stage_id: int, result: StageResult) -> None:
        """The one place where a stage's result is set."""
        assert self._results[stage_id] is None, "a stage settles once"
        self._results[stage_id] = result
        self._done += 1
        self.shop.emit(StageSettled(result, self._done, len(self._results)))
        if result.outcome.is_good:
            self._release([stage_id])
        elif result.outcome is Outcome.FAILED:
            self._has_failed = True
            self._block_downstream(stage_id)

    def _block_downstream(self, stage_id: int) -> None:
        """Settle everything that needs a failed stage; each names the stage that failed."""
        stages = self.plan.pipeline.stages
        todo = list(self.plan.pipeline.downstream[stage_id])
        passed = set()
        while todo:
            other = todo.pop()
            found = self._results[other]
            if found is not None and found.outcome is Outcome.FRESH and other not in passed:
                passed.add(other)  # nothing to do for itself, but it keeps others waiting
                todo.extend(self.plan.pipeline.downstream[other])
            elif found is None:
                self._results[other] = StageResult(
                    stages[other].name,
                    Outcome.BLOCKED,
                    subject=stages[stage_id].name,
                    problem=f"needs `{stages[stage_id].name}`, which failed",
                )
                self._done += 1
                todo.extend(self.plan.pipeline.downstream[other])

    def _close_open_ends(self) -> None:
        for stage_id, result in enumerate(self._results):
            if result is None:
                name = self.plan.pipeline.stages[stage_id].name
                self._results[stage_id] = StageResult(name, Outcome.CANCELLED)
