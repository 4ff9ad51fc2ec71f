"""The loop: start what is ready, critical path first; wait; settle; until nothing is left to do."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.execute.ahead import Ahead
from stagemake.execute.launch import Launcher
from stagemake.execute.meter import Meter
from stagemake.execute.outputs import OutputKeeper
from stagemake.execute.slots import PAUSE_S
from stagemake.freshness import snapshot as columns
from stagemake.model.event import StageSettled
from stagemake.model.plan import Verdict
from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.plan.agenda import Agenda, Limits
from stagemake.plan.cost import weights
from stagemake.recorded import recorded_entries
from stagemake.runner.port import WITHDRAWN

if TYPE_CHECKING:
    from stagemake.execute.workshop import Workshop
    from stagemake.model.plan import Plan
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement
    from stagemake.runner.port import Completion, Work


@define(eq=False, repr=False)
class Scheduler:
    """Carries out one plan; used once."""

    plan: Plan
    shop: Workshop
    lasting: dict[int, Judgement] = field(factory=dict)  # the plan's, see `plan.again`
    launcher: Launcher = field(init=False)
    _keeper: OutputKeeper = field(init=False)
    _results: list[StageResult | None] = field(init=False)
    meter: Meter = field(factory=Meter)
    _agenda: Agenda = field(init=False)
    _ahead: Ahead = field(init=False)
    _began_s: float = field(init=False)
    _running: int = 0
    _done: int = 0
    _has_failed: bool = False

    def __attrs_post_init__(self) -> None:
        shop, plan = self.shop, self.plan
        self._keeper = OutputKeeper(shop)
        self._began_s = shop.began_s = shop.now_s()
        self.launcher = Launcher(shop, plan.pipeline, self._keeper, self.lasting)
        self._results = [None] * len(plan.steps)
        self._done = plan.pipeline.left_out
        self.launcher.results = self._results
        fresh = [step.stage_id for step in plan.steps if step.verdict is Verdict.FRESH]
        limits = Limits(shop.jobs, shop.memory_bytes, shop.pools)
        weight = weights(plan)
        self._agenda = Agenda.of(plan.pipeline, limits, weight, fresh)
        hits = [step for step in plan.steps if step.verdict is Verdict.HIT]
        hits.sort(key=lambda step: -weight[step.stage_id])  # as the agenda has them
        if hits:  # else the cache is not opened for it
            self.launcher.restorer.expect(step.cached for step in hits if step.cached is not None)
        self._ahead = Ahead.of(shop, plan.pipeline.stages, self._agenda)

    def run(self) -> BuildOutcome:
        """Carry out the plan and return how it ended. Failed stages are results, not exceptions."""
        removed = self._keeper.remove_orphans(self.plan.orphans)
        self._settle_fresh()
        try:
            self._loop()
        finally:
            self.shop.slots.relax()
            self.launcher.storing.finish()
            self.launcher.restorer.close()
        self._close_open_ends()
        return BuildOutcome(
            results=tuple(result for result in self._results if result is not None),
            wall_s=self.shop.now_s() - self._began_s,
            cache=self.launcher.cache_use(),
            interrupted_by=self.shop.interrupt.signal,
            removed=tuple(removed),
            kept=tuple(self.shop.kept),
            left_out=self.plan.pipeline.left_out,
        )

    def _settle_fresh(self) -> None:
        """Settle what needs nothing, whatever it waits for."""
        for step in self.plan.steps:
            if step.verdict is Verdict.FRESH:
                self._results[step.stage_id] = self.launcher.fresh(step.stage_id, step)
                self._done += 1

    def _loop(self) -> None:
        shop, told = self.shop, 0
        while True:
            self._start_ready()
            self._line_up()
            if not self._running and self._ahead.is_empty:
                return
            if shop.interrupt.count > told:
                typed = shop.interrupt.signal == signal.SIGINT
                # Two may have come since the last look: the second one still means now.
                shop.runner.stop(now=shop.interrupt.count > 1, typed=typed)
                told = shop.interrupt.count
            if self._is_stopping:
                self._ahead.withdraw()
            shop.state.flush()
            shop.slots.relax()  # nothing that is ready has room
            shop.open_store()  # while what was started runs: its result will want it
            # While there is a line the runner does not lack work, and ends come soon enough.
            is_waiting = shop.slots.is_short and self._ahead.is_empty
            completions = shop.runner.wait(PAUSE_S if is_waiting else None)
            shop.interrupt.drain()
            for completion in completions:
                self._take_in(completion)

    def _take_in(self, completion: Completion) -> None:
        """Settle an action that has ended, or have it tried again; what it made room for starts first."""
        shop, stage_id = self.shop, completion.stage_id
        was_waiting = self._ahead.note_end(completion)
        if not was_waiting:
            self._agenda.give_back(stage_id)
            self._running -= 1
        if completion.exit_code == WITHDRAWN:
            if not was_waiting:
                # Before it was lined up an action had failed, and we heard of that later.
                shop.slots.release(stage_id)
            self.launcher.withdraw(stage_id)
            return
        if was_waiting and not completion.started_s:  # the runner's process has died
            self.launcher.withdraw(stage_id)
            self._agenda.put_back(stage_id)  # the next one may have it
            return
        self.meter.note_end(completion)
        stage = self.plan.pipeline.stages[stage_id]
        if not self._is_followed(completion):
            shop.slots.release(stage_id)
            # After one on the console its result is printed before the next one has it.
            if not (completion.exit_code or stage.retries or stage.console):
                self._start_ready()  # keep the machine busy while this one settles
        began_s = shop.now_s()
        result = self.launcher.complete(completion, is_stopping=shop.interrupt.count > 0)
        self.meter.note_settled(result, shop.now_s() - began_s)
        if result is None:  # it is being tried again
            self._note_running(stage_id)
        else:
            self._settle(stage_id, result)

    def _is_followed(self, completion: Completion) -> bool:
        """Whether the runner has started another stage in the place of one that has ended."""
        started = self._ahead.next(completion)
        if started is None:
            return False
        stage_id, started_s = started
        self.launcher.tell_started(self.plan.pipeline.stages[stage_id], started_s)
        self._agenda.take(stage_id)
        self.shop.slots.hand_over(completion.stage_id, stage_id)
        self._running += 1
        return True

    def _note_running(self, stage_id: int) -> None:
        self._agenda.take(stage_id)
        self.shop.slots.occupy(stage_id, self.plan.pipeline.stages[stage_id].cpus)
        self._running += 1

    @property
    def _is_stopping(self) -> bool:
        if self.shop.interrupt.count:
            return True
        return self._has_failed and not self.shop.request.keep_going

    def _start_ready(self) -> None:
        """Start ready stages while there is room; settle at once what needs no run."""
        while not self._is_stopping:
            if not self.shop.slots.reserve():
                return
            stage_id = self._agenda.next()
            if stage_id is None:
                return
            began_s = self.shop.now_s()
            start = self.launcher.start_now
            result = self.launcher.launch(stage_id, self.plan.steps[stage_id], start)
            self.meter.note_launch(stage_id, result, began_s, self.shop.now_s())
            if result is None:
                self._note_running(stage_id)
            else:
                self._settle(stage_id, result)

    def _line_up(self) -> None:
        """Give the runner what it can start by itself, where actions are short."""
        while not self._is_stopping and self._ahead.has_place:
            stage_id = self._agenda.ahead(self.launcher.has_clear_way)
            if stage_id is None:
                return
            began_s = self.shop.now_s()
            step = self.plan.steps[stage_id]
            result = self.launcher.launch(stage_id, step, self._wait_in_line)
            self.meter.note_lined_up(result, began_s, self.shop.now_s())
            if result is not None:
                self._settle(stage_id, result)

    def _wait_in_line(self, stage: Stage, work: Work) -> None:
        del stage  # nothing is told before it begins
        self._ahead.line_up(work, self._running, self.shop.now_s())

    def _settle(self, stage_id: int, result: StageResult) -> None:
        """The one place where a stage's result is set."""
        assert self._results[stage_id] is None, "a stage settles once"
        self._results[stage_id] = result
        self._done += 1
        self.shop.world.let_go(self.plan.pipeline.stages[stage_id])
        self.shop.emit(
            StageSettled(result, self._done, len(self._results) + self.plan.pipeline.left_out)
        )
        if result.outcome.is_good:
            if self.plan.steps[stage_id].verdict is Verdict.HIT and self._is_surprise(
                stage_id, result
            ):
                self._reopen_downstream(stage_id)
            self._agenda.settle(stage_id)
        elif result.outcome is Outcome.FAILED:
            self._has_failed = True
            self._block_downstream(stage_id)

    def _is_surprise(self, stage_id: int, result: StageResult) -> bool:
        """Return whether a hit has left something else than the plan judged what is downstream by.

        Its record was replaced meanwhile, or damaged, and the stage has run and does not make the same again.
        """
        expected = self.plan.steps[stage_id].cached
        if result.outcome is Outcome.RESTORED and self.launcher.restorer.last is expected:
            return False
        trace = self.shop.state.snapshot.traces.get(self.plan.pipeline.stages[stage_id].name)
        if expected is None or trace is None:
            return True
        left = {row.path: row.entry for row in expected.outputs}
        is_left = recorded_entries(trace) == left
        return not (is_left and trace[columns.VALUES][1] == expected.provided)

    def _reopen_downstream(self, stage_id: int) -> None:
        """Have fresh stages that wait for this one judged once more, each in its turn."""
        downstream = self.plan.pipeline.downstream
        todo, reopened = list(downstream[stage_id]), []
        while todo:
            other = todo.pop()
            found = self._results[other]
            if found is not None and found.outcome is Outcome.FRESH:
                self._results[other] = None
                self._done -= 1
                reopened.append(other)
                todo.extend(downstream[other])
        self._agenda.reopen(reopened)

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
