"""A plan together with what it was seen from, and what has moved since one was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.freshness import snapshot as columns
from stagemake.model.plan import Reason, Verdict
from stagemake.model.plan_file import PlannedStage
from stagemake.plan import components as parts
from stagemake.plan.components import UNKNOWN, components_of
from stagemake.plan.planner import plan_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan_file import PlanFile
    from stagemake.model.record import Component
    from stagemake.plan.fresh import Sight
    from stagemake.plan.judge import Judgement
    from stagemake.plan.planner import Planned
    from stagemake.plan.world import World

_REASONS = {
    parts.INPUT: Reason.INPUT_CHANGED,
    parts.DISCOVERED: Reason.INPUT_CHANGED,
    parts.CODE: Reason.CODE_CHANGED,
    parts.ENV: Reason.ENV_CHANGED,
    parts.CONFIG: Reason.CONFIG_CHANGED,
    parts.PARAM: Reason.PARAMS_CHANGED,
    parts.PROGRAM: Reason.PROGRAM_CHANGED,
    parts.VALUE: Reason.VALUE_CHANGED,
    parts.COMMAND: Reason.COMMAND_CHANGED,
    "kind": Reason.COMMAND_CHANGED,
    "outputs": Reason.OUTPUTS_CHANGED,
    "platform": Reason.PLATFORM_CHANGED,
}


@frozen
class Moved:
    """One stage that is not as the plan has it; each text is one line for people."""

    name: str
    texts: tuple[str, ...]
    follows: bool = False  # nothing of its own moved: something upstream did


def plan_held(
    pipeline: Pipeline, world: World, orphans: tuple[str, ...] = ()
) -> tuple[Planned, tuple[PlannedStage, ...]]:
    """Return a plan, and all that it was seen from. Changes nothing.

    Cost: that of planning, and some 50 us for each stage.
    """
    found: dict[int, tuple[Component, ...]] = {}

    def note(stage_id: int, made: Judgement, sight: Sight) -> None:
        if not made.declaration:
            return
        trace = world.snapshot.traces.get(pipeline.stages[stage_id].name)
        paths = [path for path, _ in trace[columns.DISCOVERED]] if trace is not None else []
        if made.cached is not None:
            paths = list(made.cached.discovered)
        discovered = [(path, sight.entry(path)) for path in paths]
        found[stage_id] = components_of(
            made.declaration, made.entries, made.programs, discovered, made.values
        )

    planned = plan_pipeline(pipeline, world, orphans, on_judged=note)
    return planned, tuple(
        PlannedStage(
            stage.name,
            step.verdict.value,
            step.key,
            found.get(step.stage_id)
            or (
                _of_trace(world.snapshot.traces[stage.name])
                if step.verdict is Verdict.FRESH
                else ()
            ),
            tuple((path, world.disk.output_entry(path.rstrip("/"))) for path in stage.outputs),
        )
        for stage, step in zip(pipeline.stages, planned.plan.steps, strict=True)
    )


def _of_trace(trace: columns.Trace) -> tuple[Component, ...]:
    """Return the components of a fresh stage: those of its last result."""
    return components_of(
        trace[columns.DECLARATION],
        trace[columns.ENTRIES],
        trace[columns.PROGRAMS],
        trace[columns.DISCOVERED],
        trace[columns.VALUES][0],
    )


def moved_since(
    held: PlanFile, now: Sequence[PlannedStage], orphans: tuple[str, ...]
) -> tuple[Moved, ...]:
    """Return the stages that a plan no longer fits: those that moved themselves, then those that follow.

    Args:
        held: The plan.
        now: The same, seen now.
        orphans: Outputs that no stage makes now.
    """
    new = {stage.name: stage for stage in now}
    found = [Moved(name, ("stage removed",)) for name in held.by_name if name not in new]
    for stage in now:
        before = held.by_name.get(stage.name)
        if before is None:
            found.append(Moved(stage.name, ("new stage",)))
            continue
        texts = tuple(dict.fromkeys(_moved(before, stage)))
        if texts:
            found.append(Moved(stage.name, texts))
        elif (before.verdict, before.key) != (stage.verdict, stage.key):
            text, follows = _verdict_text(before, stage)
            found.append(Moved(stage.name, (text,), follows))
    gone = sorted({*held.orphans} ^ {*orphans})
    found.extend(Moved(path, ("left over, or not any more",)) for path in gone)
    if not found and [stage.name for stage in held.stages] != [stage.name for stage in now]:
        found.append(Moved("stages", ("their order changed",)))
    return tuple(sorted(found, key=lambda one: one.follows))


def _moved(before: PlannedStage, now: PlannedStage) -> Iterator[str]:
    old = {(kind, name): digest for kind, name, digest in before.components}
    new = {(kind, name): digest for kind, name, digest in now.components}
    yield from _parts_moved(old, new)
    if before.verdict != now.verdict == Verdict.FRESH.value:
        yield f"was {before.verdict}, is up to date now"
        return
    outputs = dict(before.outputs)
    for path, entry in now.outputs:
        was = outputs.get(path, entry)
        if was != entry:
            what = "missing" if entry == "-" else "there now" if was == "-" else "changed"
            yield f"output {what}: {path}"


def _parts_moved(
    old: Mapping[tuple[str, str], str], new: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    for key in dict.fromkeys((*new, *old)):
        was, now = old.get(key), new.get(key)
        if was == now or UNKNOWN in {was, now}:
            continue
        reason = _REASONS.get(key[0], Reason.DECLARATION_CHANGED)
        if key[0] == parts.INPUT and was is None:
            reason = Reason.INPUT_ADDED
        elif key[0] == parts.INPUT and now is None:
            reason = Reason.INPUT_REMOVED
        elif key[0] in {parts.INPUT, parts.DISCOVERED} and now == "-":
            reason = Reason.INPUT_MISSING
        name = key[1] or (key[0] if reason is Reason.DECLARATION_CHANGED else "")
        yield f"{reason.value}: {name}" if name else reason.value


def _verdict_text(before: PlannedStage, now: PlannedStage) -> tuple[str, bool]:
    """Return what became of a verdict although nothing of the stage's own moved."""
    if before.key == now.key and before.key is not None:
        if (before.verdict, now.verdict) == (Verdict.HIT.value, Verdict.MISS.value):
            return "the cache has lost its result", False
        if (before.verdict, now.verdict) == (Verdict.MISS.value, Verdict.HIT.value):
            return "the cache has its result now", False
    if before.verdict == now.verdict:
        return "what it waits for has changed", True
    return f"was {before.verdict}, is {now.verdict} now", True
