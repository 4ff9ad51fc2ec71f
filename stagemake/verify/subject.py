"""Which stages have a result to compare with, what that is, and what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.freshness import snapshot as columns
from stagemake.model.plan import Verdict
from stagemake.model.result import LogBlob  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.stage import Command
from stagemake.plan.planner import plan_pipeline
from stagemake.stagefile.placeholder import argv_of

if TYPE_CHECKING:
    from stagemake.digesting import Digester
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.entry import Manifest, OutputFile
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.fresh import Sight
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World

Entries = tuple[tuple[str, str], ...]


@frozen
class Subject:
    """A stage that can be rerun, with its recorded result."""

    stage: Stage
    key: str
    weak: str  # its weak key, in hex
    reads: Entries  # path and entry of all that it reads inside the project, discovered inputs too
    values: Entries  # shared values that it uses, as JSON
    expected: Manifest
    provided: Entries
    logs: tuple[LogBlob, LogBlob] | None  # stdout and stderr; None: not kept
    in_cache: bool  # the outputs' contents are in the cache; else they lie in the project


@frozen
class Survey:
    """What there is to rerun, and what can't be."""

    subjects: tuple[Subject, ...]  # in execution order
    skipped: tuple[tuple[str, str], ...]  # names and why, in execution order
    restorable: tuple[OutputFile, ...]  # of all hits: what an input may have to be brought from


def survey(pipeline: Pipeline, world: World, disk: Digester) -> Survey:
    """Return what of the targets of `pipeline` can be rerun and compared. Changes nothing.

    Cost: that of a plan, and a look at the outputs of what is fresh.
    """
    judged: dict[int, tuple[Judgement, Sight]] = {}

    def note(stage_id: int, made: Judgement, sight: Sight) -> None:
        judged[stage_id] = (made, sight)

    plan = plan_pipeline(pipeline, world, (), note).plan
    subjects: list[Subject] = []
    skipped: list[tuple[str, str]] = []
    restorable: list[OutputFile] = []
    wanted = set(pipeline.targets)
    for stage_id, stage in enumerate(pipeline.stages):
        step = plan.steps[stage_id]
        if step.verdict is Verdict.HIT and step.cached is not None:
            restorable.extend(step.cached.outputs)
        if stage_id not in wanted:
            continue
        why = _why_not(stage, world, step.verdict)
        if why:
            skipped.append((str(stage.name), why))
        elif step.verdict is Verdict.HIT and step.cached is not None and step.key is not None:
            made, sight = judged[stage_id]
            found = tuple((path, sight.entry(path) or "-") for path in step.cached.discovered)
            subjects.append(_of_hit(stage, step.key, step.cached, made, found, world))
        else:
            trace = world.snapshot.traces[stage.name]
            subjects.append(_of_trace(stage, trace, world, disk))
    return Survey(tuple(subjects), tuple(skipped), tuple(restorable))


def _why_not(stage: Stage, world: World, verdict: Verdict) -> str:
    """Return why a stage can't be rerun and compared; empty when it can."""
    if stage.action is None:
        return "it has no action"
    if stage.runs_always:
        return "it runs in every build, and promises nothing"
    if stage.console:
        return "it has the terminal to itself"
    if world.is_unidentified(stage):
        return "its code can't be identified, so it promises nothing"
    if verdict is Verdict.MISS or verdict is Verdict.MAYBE:
        return "it has no result that is up to date: build it first"
    if any(path == "." for path in (*stage.inputs, *stage.implicit)):
        return "it reads the whole root"
    if isinstance(stage.action, Command):
        words = (*argv_of(stage), *(value or "" for _, value in stage.env))
        named = next((one for one in stage.outputs if _names(words, f"{world.root}/{one}")), "")
        if named:
            return f"it names `{named}` by an absolute path, and would write it in the project"
    return ""


def _names(words: tuple[str, ...], full: str) -> bool:
    return any(full.rstrip("/") in word for word in words)


def _of_hit(  # noqa: PLR0917 - what a hit consists of
    stage: Stage, key: str, cached: ActionResult, made: Judgement, found: Entries, world: World
) -> Subject:
    reads = (*zip((*stage.inputs, *stage.implicit), made.entries, strict=True), *found)
    return Subject(
        stage,
        key,
        world.weak_hex(stage),
        _inside((*reads, *((path, entry) for _, path, entry in made.programs))),
        tuple((name, value or "null") for name, value in made.values),
        cached.outputs,
        cached.provided,
        (cached.stdout, cached.stderr),
        in_cache=True,
    )


def _of_trace(stage: Stage, trace: Trace, world: World, disk: Digester) -> Subject:
    entries = trace[columns.ENTRIES]
    reads = (
        *zip((*stage.inputs, *stage.implicit), entries, strict=True),
        *trace[columns.DISCOVERED],
    )
    programs = tuple((path, entry) for _, path, entry in trace[columns.PROGRAMS])
    rows: list[OutputFile] = []
    for output in stage.outputs:
        rows += disk.scan_output(output, declared_dir=output.endswith("/"))
    record = world.records.result(trace[columns.KEY]) if stage.cache else None
    return Subject(
        stage,
        trace[columns.KEY],
        world.weak_hex(stage),
        _inside((*reads, *programs)),
        trace[columns.VALUES][0],
        tuple(sorted(rows, key=lambda row: row.path)),
        trace[columns.VALUES][1],
        None if record is None else (record.stdout, record.stderr),
        in_cache=False,
    )


def _inside(reads: tuple[tuple[str, str | None], ...]) -> Entries:
    """Return what lies in the project, each path once."""
    found = {path: entry for path, entry in reads if path and path[0] != "/" and entry}
    return tuple(found.items())
