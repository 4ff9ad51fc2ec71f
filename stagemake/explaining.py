"""Everything there is to say about stages' verdicts, from one plan and what was kept of the past; for `why`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from stagemake.freshness import snapshot as columns
from stagemake.model.difference import Difference, hide, secret_values, without_secrets
from stagemake.model.explanation import Cause, Change, Explanation, LastTime, Nearest
from stagemake.model.plan import Reason, Verdict
from stagemake.model.result import INTERRUPTED
from stagemake.plan.components import DISCOVERED, components_of, distance
from stagemake.plan.declaration import COMPONENTS
from stagemake.plan.explain import all_differences
from stagemake.plan.missing import CREATE_IT, missing_inputs, unreadable_inputs, with_missing
from stagemake.plan.planner import judge_pipeline, plan_pipeline
from stagemake.plan.programs import programs_of
from stagemake.report.amount import duration, plural, size

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.line_diff import LineDiff
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan, Step
    from stagemake.model.stage import Stage, StageId
    from stagemake.past.build import PastBuild, PastStage
    from stagemake.past.shelf import Shelf
    from stagemake.plan.fresh import Sight
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World
    from stagemake.remembered import Remembered

_BUILDS_SEARCHED = 50


@define
class Explainer:
    """Explains stages of one pipeline. Plans once; changes nothing."""

    pipeline: Pipeline
    world: World
    shelf: Shelf
    remembered: Remembered
    environ: Mapping[str, str]  # for the secrets that must not be shown
    orphans: tuple[str, ...] = ()  # what a build would remove first
    _judged: dict[int, Judgement] = field(factory=dict)
    _differences: dict[int, tuple[Difference, ...]] = field(factory=dict)
    _open: dict[int, tuple[str, ...]] = field(factory=dict)  # inputs not known before others run
    _missing: dict[str, list[tuple[str, str]]] = field(factory=dict)  # by the stage that needs them

    def plan(self) -> Plan:
        """Return a plan, and remember what led to each verdict. Comes first."""

        def note(stage_id: int, made: Judgement, sight: Sight) -> None:
            stage = self.pipeline.stages[stage_id]
            self._judged[stage_id] = made
            found = all_differences(stage, made, self.world, sight)
            self._differences[stage_id] = without_secrets(found, secret_values(stage, self.environ))
            paths = zip((*stage.inputs, *stage.implicit), made.entries, strict=True)
            trace = self.world.snapshot.traces.get(stage.name)
            more = [path for path, _ in trace[columns.DISCOVERED]] if trace is not None else []
            self._open[stage_id] = (
                *(path for path, entry in paths if entry is None),
                *(path for path in more if _is_open(path, sight)),
            )

        plan = plan_pipeline(self.pipeline, self.world, self.orphans, note).plan
        missing = missing_inputs(plan, self.world)
        for path, stage, hint in missing:
            self._missing.setdefault(stage.name, []).append((path, hint or CREATE_IT))
        return with_missing(plan, missing)

    def outlook(self, pipeline: Pipeline) -> tuple[Plan, set[str]]:
        """Return a plan of any stages, without estimates, and the names of those that can't run, for want of inputs."""
        plan = judge_pipeline(pipeline, self.world, self.orphans).plan
        stuck = missing_inputs(plan, self.world, most_hints=0)
        names = [stage.name for _, stage, _ in stuck]
        return plan, {*names, *(stage.name for _, stage in unreadable_inputs(plan))}

    def explain(self, plan: Plan, stage_id: int) -> Explanation:
        """Return why a stage has its verdict. Cost: reads what is compared; few builds of the past."""
        stage, step = self.pipeline.stages[stage_id], plan.steps[stage_id]
        trace = self.world.snapshot.traces.get(stage.name)
        identity = self.world.identify(stage)
        if step.verdict is Verdict.FRESH:
            made: Explanation = Explanation(stage, step, last_time=self._last_time(stage))
        else:
            found = self._differences.get(stage_id, ())
            changes = tuple(self.changes(stage, found))
            made = Explanation(stage, step, changes, self._nearest(stage_id, step.verdict, found))
            judged = self._judged.get(stage_id)  # the step may say first what it can't run for
            if judged is not None and judged.reason is Reason.INTERRUPTED:
                made = evolve(made, last_time=self._last_time(stage))
        return evolve(
            made,
            fallbacks=(*getattr(identity, "fallbacks", ()), *self._repeats(stage_id, step)),
            counts=_counts(stage, trace, self.world),
            last_run=_last(trace),
            missing=tuple(self._missing.get(stage.name, ())),
        )

    def _repeats(self, stage_id: int, step: Step) -> list[str]:
        """Return what is known of its own repeating, and of those stages that made what changed."""
        stage, notes = self.pipeline.stages[stage_id], []
        known = self.world.unrepeated(stage)
        if known is not None:
            notes.append(f"it is not reproducible: `{known.output}`: {known.how}")
        subjects = {one.subject for one in self._differences.get(stage_id, ())}
        subjects.update((step.subject, *self._open.get(stage_id, ())))
        producers = {self.pipeline.producer_of(path) for path in subjects if path} - {stage_id}
        for producer in sorted(other for other in producers if other is not None):
            above = self.pipeline.stages[producer]
            known = self.world.unrepeated(above)
            if known is not None:
                notes.append(
                    f"`{above.name}`, which it reads from, is not reproducible:"
                    f" `{known.output}`: {known.how}"
                )
        return notes

    def changes(self, stage: Stage, found: Collection[Difference]) -> list[Change]:
        """Return differences with what changed line by line."""
        secrets = secret_values(stage, self.environ)
        if any(one.reason is Reason.CODE_CHANGED for one in found):
            texts = getattr(self.world.identify(stage), "texts", dict)
            self.remembered.codes = texts()
        return [Change(one, _hidden(self.remembered.diff(one), secrets)) for one in found]

    def causes(self, plan: Plan, stage_id: int) -> tuple[Cause, ...]:
        """Return what a stage's verdict follows from: what changed, and what stages upstream may change."""
        step = plan.steps[stage_id]
        if step.verdict is Verdict.FRESH:
            return ()
        found = list(self._differences.get(stage_id, ()))
        known = {(one.reason, one.subject) for one in found}
        if not found and step.verdict is not Verdict.MAYBE:
            found.append(Difference(step.reason, step.subject))
        found.extend(
            Difference(Reason.UPSTREAM_RUNS, path)
            for path in self._open.get(stage_id, ())
            if (Reason.UPSTREAM_RUNS, path) not in known
        )
        return tuple(self.cause(one) for one in found)

    def cause(self, difference: Difference) -> Cause:
        """Return a difference with the stage that makes its subject, where that is an input."""
        producer: StageId | None = None
        if difference.reason in {
            Reason.INPUT_CHANGED,
            Reason.UPSTREAM_RUNS,
            Reason.PROGRAM_CHANGED,
        }:
            producer = self.pipeline.producer_of(difference.subject)
        return Cause(difference, producer)

    def _nearest(
        self, stage_id: int, verdict: Verdict, found: Collection[Difference]
    ) -> Nearest | None:
        """Return the result in the cache that is nearest; None when the last one here is as near."""
        made, stage = self._judged.get(stage_id), self.pipeline.stages[stage_id]
        if verdict is not Verdict.MISS or made is None or not stage.cache:
            return None
        trace = self.world.snapshot.traces.get(stage.name)
        best: tuple[int, float, Nearest] | None = None
        for near in self.world.records.near(stage.name):
            if trace is None:  # as after a failure: what it would discover is what this one did
                paths = [name for kind, name, _ in near.components if kind == DISCOVERED]
            else:
                paths = [path for path, _ in trace[columns.DISCOVERED]]
            discovered = [(path, self.world.disk.entry(path)) for path in paths]
            now = components_of(
                made.declaration, made.entries, made.programs, discovered, made.values
            )
            apart = distance(now, near.components)
            if not apart.total or (trace is not None and near.key == trace[columns.KEY]):
                continue
            shown = Nearest(near.key, near.created_s, apart.inputs, apart.input_count, apart.others)
            if best is None or (apart.total, -near.created_s) < best[:2]:
                best = apart.total, -near.created_s, shown
        if best is None or (found and best[0] >= len(found)):
            return None
        return best[2]

    def _last_time(self, stage: Stage) -> LastTime | None:
        """Return how a stage last ended other than fresh, looking at some dozen builds."""
        for build in islice(self.shelf.builds(), _BUILDS_SEARCHED):
            for past in build.stages:
                if past.name == stage.name and _has_acted(past):
                    return self.last_time(build, past, stage)
        return None

    def last_time(self, build: PastBuild, past: PastStage, stage: Stage) -> LastTime:
        """Return how a stage ended in a past build, with what had changed line by line."""
        changes = tuple(self.changes(stage, past.differences))
        return LastTime(
            build.number, build.started_s, past.outcome, past.reason, past.subject, changes,
            past.diverged, past.problem,
        )  # fmt: skip


def _has_acted(past: PastStage) -> bool:
    """Return whether a stage of a build was begun; one that was only not reached tells nothing."""
    return past.word in {"ran", "restored", "failed", INTERRUPTED}


def _hidden(diff: LineDiff | None, secrets: tuple[str, ...]) -> LineDiff | None:
    if diff is None or not secrets:
        return diff
    return evolve(diff, lines=tuple(hide(line, secrets) for line in diff.lines))


def _counts(stage: Stage, trace: Trace | None, world: World) -> tuple[str, ...]:
    counted = [plural(len(stage.inputs) + len(stage.implicit), "declared input")]
    if trace is not None and trace[columns.DISCOVERED]:
        counted.append(plural(len(trace[columns.DISCOVERED]), "discovered input"))
    programs = programs_of(stage, world)
    if programs:
        word = "the program " if len(programs) == 1 else "the programs "
        counted.append(word + ", ".join(name for name, _, _ in programs))
    components = world.declaration(stage)[COMPONENTS]
    if components:
        labels = [label for label, _ in components]
        more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
        counted.append("the code " + ", ".join(labels[:6]) + more)
    for values, word in ((stage.env, "variable"), (stage.params, "parameter")):
        if values:
            counted.append(plural(len(values), word))
    return tuple(counted)


def _last(trace: Trace | None) -> str:
    if trace is None or not trace[columns.KEY]:
        return "none here"
    seconds, _, count = trace[columns.RECORD][:3]
    return f"took {duration(seconds)}, made {size(count)}, key {trace[columns.KEY]}"


def _is_open(path: str, sight: Sight) -> bool:
    """Return whether a path is not known before something upstream has run."""
    try:
        return sight.entry(path) is None
    except OSError:  # it can't be read; its stage will say so
        return False
