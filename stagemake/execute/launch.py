"""One stage from ready to settled: judge it anew, restore it or run it, and see what came of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from stagemake import checkpoint, durable
from stagemake.execute.ending import failure_of, notes_of, problem_of, result_of
from stagemake.execute.failed_log import FailedLogs
from stagemake.execute.growth import Growth, past_run
from stagemake.execute.outputs import obstacle_to, written_by
from stagemake.execute.repeating import note_divergence
from stagemake.execute.restoring import Restorer
from stagemake.execute.settle import HookProblem, StageProblem, settle
from stagemake.execute.storing import Run, Storing
from stagemake.execute.work import work_of
from stagemake.execute.working_directory import problem_with_cwd
from stagemake.freshness import snapshot as columns
from stagemake.hooks import Facts
from stagemake.model.difference import secret_values, without_secrets
from stagemake.model.event import Notice, StageStarted
from stagemake.model.plan import Reason, Verdict
from stagemake.model.result import INTERRUPTED, CacheUse, Outcome, StageResult
from stagemake.plan.again import judge_again
from stagemake.plan.explain import all_differences
from stagemake.plan.programs import own_paths, programs_of
from stagemake.plan.sight import DiskSight
from stagemake.runner.port import Completion
from stagemake.tree import unreadable_path, why_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.execute.outputs import OutputKeeper
    from stagemake.execute.workshop import Workshop
    from stagemake.history import Run as PastRun
    from stagemake.model.difference import Difference
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Step
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement
    from stagemake.runner.port import Work

    Start = Callable[[Stage, Work], None]


@define(eq=False, repr=False)
class Launcher:
    """Takes stages through their run. Knows nothing of order or of how many run side by side."""

    shop: Workshop
    pipeline: Pipeline
    keeper: OutputKeeper
    lasting: dict[int, Judgement] = field(factory=dict)  # judgements of the plan, see `plan.again`
    past_runs: list[PastRun] = field(factory=list)
    values: dict[str, str] = field(factory=dict)  # shared values so far, as JSON
    results: Sequence[StageResult | None] = ()  # by stage id, as far as settled; the scheduler's
    _runs: dict[int, Run] = field(factory=dict)
    storing: Storing = field(init=False)
    restorer: Restorer = field(init=False)
    _failed_logs: FailedLogs = field(init=False)
    growth: Growth = field(factory=Growth)
    _misses: int = 0
    _bytes_written: int = 0

    def __attrs_post_init__(self) -> None:
        self.storing = Storing(self.shop)
        self.restorer = Restorer(self.shop, self.keeper, self.values)
        self._failed_logs = FailedLogs(self.shop.root, self.shop.state.failed_logs)

    def cache_use(self) -> CacheUse:
        """Return what was restored and stored so far."""
        return CacheUse(
            self.restorer.hits, self._misses, self.restorer.bytes_read, self._bytes_written
        )

    def fresh(self, stage_id: int, step: Step) -> StageResult:
        """Return the result of a stage that needs nothing."""
        stage = self.pipeline.stages[stage_id]
        if stage.provides:
            self.values.update(self.shop.state.snapshot.traces[stage.name][columns.VALUES][1])
        return StageResult(stage.name, Outcome.FRESH, step.reason.code, key=step.key)

    def launch(self, stage_id: int, step: Step, start: Start) -> StageResult | None:
        """Bring a ready stage on its way; None: `start` was given its action, `complete` will be called."""
        stage, shop = self.pipeline.stages[stage_id], self.shop
        watched = (*stage.inputs, *stage.implicit)
        # Someone may have edited them since the plan was made.
        planned = self.lasting.pop(stage_id, None)
        try:
            if planned is None:  # else it needs nothing that could have moved but its inputs
                shop.digester.forget(self._read_last_time(stage))
                shop.digester.forget(own_paths(programs_of(stage, shop.world)))
            before = shop.digester.look_again(watched)
            made = judge_again(
                planned,
                stage,
                self.pipeline.upstream[stage_id],
                shop.world,
                DiskSight(shop.digester, self.values),
            )
        except OSError as error:
            return self._failed(
                stage,
                Reason.INPUT_UNREADABLE,
                why_unreadable(error, shop.root),
                unreadable_path(error, shop.root),
            )
        missing = (
            [path for path, entry in zip(watched, made.entries, strict=True) if entry == "-"]
            if made.entries
            else []
        )
        if missing:
            return self._missing(stage, missing)
        guard = shop.guard
        problem = guard.problem(stage.name, step, made) if guard is not None else ""
        if problem:
            return self._failed(stage, step.reason, problem, step.subject)
        if made.verdict is Verdict.FRESH:
            return self._cut_off(stage, made)
        made.differences = self._differences(stage, made)
        is_held = guard is not None and step.verdict is not Verdict.MAYBE
        if made.cached is not None and not (is_held and step.verdict is Verdict.MISS):
            restored = self.restorer.bring_back(stage, made, made.cached)
            if restored is None and guard is not None and is_held:
                return self._failed(stage, step.reason, guard.lost(stage.name), step.subject)
            if restored is not None:
                return restored
        # What the plan said is what people read, unless it could only say "wait and see".
        if step.verdict is Verdict.MISS:
            made.reason, made.subject = step.reason, step.subject
        self._misses += 1
        old = shop.state.snapshot.traces.get(stage.name)
        was_maybe = step.verdict is Verdict.MAYBE
        return self._start(Run(stage_id, stage, made, before, 0, old, was_maybe), start)

    def _differences(self, stage: Stage, made: Judgement) -> tuple[Difference, ...]:
        """Return what differs from the last result, before anything of that is forgotten."""
        shop = self.shop
        found = all_differences(stage, made, shop.world, DiskSight(shop.digester, self.values))
        return without_secrets(found, secret_values(stage, shop.environ))

    def _read_last_time(self, stage: Stage) -> list[str]:
        trace = self.shop.state.snapshot.traces.get(stage.name) if stage.depfile else None
        return [] if trace is None else [path for path, _ in trace[columns.DISCOVERED]]

    def _missing(self, stage: Stage, missing: Sequence[str]) -> StageResult:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return self._failed(
            stage,
            Reason.INPUT_MISSING,
            f"its input `{missing[0]}`{more} is neither there nor made by a stage",
            missing[0],
        )

    def _failed(self, stage: Stage, reason: Reason, problem: str, subject: str = "") -> StageResult:
        return failure_of(stage, reason, problem, self.shop, subject=subject)

    def _cut_off(self, stage: Stage, made: Judgement) -> StageResult:
        if made.refreshed is not None:
            self.shop.state.settle(stage.name, made.refreshed)
        if stage.provides:
            trace = self.shop.state.snapshot.traces[stage.name]
            self.values.update(trace[columns.VALUES][1])
        return StageResult(
            stage.name, Outcome.CUT_OFF, made.reason.code, key=made.key,
            started_s=self.shop.now_s() - self.shop.began_s,
        )  # fmt: skip

    def _start(self, run: Run, start: Start) -> StageResult | None:
        """Clear the way and have the action started."""
        stage, shop = run.stage, self.shop
        written = written_by(stage)
        problem = problem_with_cwd(stage, shop.root, written)
        if not problem and run.attempt == 0:  # before anything is cleared away
            if shop.watching is not None:
                problem = shop.watching.objection(stage)
            problem = problem or shop.hooks.before(stage, self._facts())
        if problem:
            return self._failed(stage, run.judgement.reason, problem)
        try:
            # The intent, first: from here on nothing at the outputs is believed.
            run.begun_ns = shop.state.begin(stage.name, written)
            self._failed_logs.drop(stage.name)
            self.keeper.clear(written)
            self.keeper.note_begun(written)
            for path in written:
                parent = os.path.dirname(f"{shop.root}/{path.rstrip('/')}")
                if not os.path.isdir(parent):
                    durable.make_dirs(parent)
        except OSError as error:
            why = obstacle_to(stage, shop.root, error)
            return self._failed(stage, run.judgement.reason, f"its outputs can't be made: {why}")
        self._runs[run.stage_id] = run
        if stage.action is None:
            return self.complete(_nothing_to_run(run.stage_id), is_stopping=False)
        work = work_of(run, shop, self.values)
        start(stage, work if shop.watching is None else shop.watching.watched(work, run))
        return None

    def start_now(self, stage: Stage, work: Work) -> None:
        """Have an action begin: there is room for it."""
        self.tell_started(stage, self.shop.now_s())
        self.shop.runner.start(work)

    def tell_started(self, stage: Stage, now_s: float) -> None:
        """Tell that an action has begun."""
        at_s = now_s - self.shop.began_s
        self.shop.emit(StageStarted(stage.name, stage.description, at_s, stage.console))

    def withdraw(self, stage_id: int) -> None:
        """Take back a run that was lined up and never began: its way was cleared, and nothing holds of it."""
        run = self._runs.pop(stage_id)
        self.shop.state.forget(run.stage.name)
        self._misses -= 1

    def has_clear_way(self, stage_id: int) -> bool:
        """Whether nothing is at a stage's outputs: only then is nothing lost if it is lined up and never begins."""
        root, stage = self.shop.root, self.pipeline.stages[stage_id]
        return not any(os.path.lexists(f"{root}/{path.rstrip('/')}") for path in written_by(stage))

    def complete(self, completion: Completion, *, is_stopping: bool) -> StageResult | None:
        """Settle an action that has ended; None: it was started again."""
        run = self._runs.pop(completion.stage_id)
        stage, shop = run.stage, self.shop
        shop.digester.forget(stage.outputs)
        problem = problem_of(completion, stage, shop.environ)
        settled = None
        if not problem:
            try:
                settled = settle(
                    run, completion, self.pipeline, shop,
                    lambda size, provided: self._approve(run, completion, size, provided),
                )  # fmt: skip
            except StageProblem as error:
                problem = str(error)
                if not error.may_go_away:
                    run.attempt = stage.retries
            except OSError as error:
                problem = f"what it read or made can't be read: {error}"
        if problem or settled is None:
            return self._after_failure(run, completion, problem, is_stopping=is_stopping)
        notes = list(settled.notes)
        if completion.survivors:
            notes.append(f"{completion.survivors} process(es) that it left behind were ended")
        if settled.divergence is not None:
            note_divergence(run, settled.divergence, shop)
        shop.state.settle(stage.name, settled.trace)
        if settled.is_for_cache:
            self.storing.add(run, settled)
        if stage.resumable and settled.key is not None:
            checkpoint.note(shop.state.checkpoint_path, stage.name, settled.key)
        self.keeper.note(settled.result.outputs)
        self.keeper.adopt(stage)
        self.values.update(settled.result.provided)
        old = run.judgement.old_outputs
        changed = old is None or old != settled.trace[columns.OUTPUTS]
        self._bytes_written += settled.result.output_bytes
        if shop.watching is None:  # else it took longer than it does
            self.past_runs.append(past_run(run, completion, settled, shop, self.growth))
        more: dict[str, Any] = {"notes": tuple(notes)} if notes else {}  # Any: fields of a result
        if settled.divergence is not None:
            more["divergence"] = settled.divergence
        size = settled.result.output_bytes
        return result_of(
            run, completion, Outcome.RAN, shop, key=settled.key, changed=changed, output_bytes=size,
            **more,
        )  # fmt: skip

    def _facts(self, provided: Mapping[str, str] | None = None) -> Facts:
        return Facts(self.results, {**self.values, **provided} if provided else self.values)

    def _approve(
        self, run: Run, completion: Completion, size: int, provided: Mapping[str, str]
    ) -> None:
        """Call the post hooks of an action that did well, before anything of it is recorded."""
        if run.has_told_hooks:
            return
        run.has_told_hooks = True
        result = result_of(
            run, completion, Outcome.RAN, self.shop, key=run.judgement.key, output_bytes=size
        )
        problem = self.shop.hooks.after(run.stage, self._facts(provided), result)
        if problem:
            raise HookProblem(problem)

    def _after_failure(
        self, run: Run, completion: Completion, problem: str, *, is_stopping: bool
    ) -> StageResult | None:
        stage, shop = run.stage, self.shop
        try:
            if is_stopping:
                self.keeper.clear(written_by(stage))
                moved = []
            else:
                moved = self.keeper.put_away_failed(stage)
            shop.state.forget(stage.name)
        except OSError as error:  # it stays noted as interrupted: never fresh
            moved, problem = [], f"{problem}; its outputs can't be moved away: {error}"
        if not is_stopping and run.attempt < stage.retries:
            run.attempt += 1
            shop.emit(
                Notice(f"`{stage.name}` failed ({problem}); retry {run.attempt} of {stage.retries}")
            )
            return self._start(run, self.start_now)
        outcome = Outcome.CANCELLED if is_stopping else Outcome.FAILED
        result = result_of(
            run, completion, outcome, shop, problem=INTERRUPTED if is_stopping else problem
        )
        seen = () if shop.watching is None else shop.watching.after_failure(run)
        notes = [] if is_stopping else [*seen, *notes_of(stage, moved)]
        if not run.has_told_hooks:
            run.has_told_hooks = True
            more = shop.hooks.after(stage, self._facts(), result)
            notes += [more] if more else []
        log = "" if is_stopping else self._failed_logs.keep(result)
        return evolve(result, notes=tuple(notes), log=log)


def _nothing_to_run(stage_id: int) -> Completion:
    return Completion(stage_id, 0)
