"""The project: which Stagefile, what it promises, what its stages can't start, what runs always and why."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING

from stagemake.digesting import Digester
from stagemake.doctor.finding import Findings, named, told_shortly
from stagemake.execute.environment import base_environment
from stagemake.model.entry import MISSING
from stagemake.model.error import StagemakeError
from stagemake.plan.missing import CREATE_IT, absent_inputs
from stagemake.plan.programs import programs_of
from stagemake.plan.world import NoRecords, World
from stagemake.recorded import orphans_of
from stagemake.report.amount import duration, plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.manager import StageManager
    from stagemake.model.stage import Stage

_SLOW_S = 1.0
_MOST_INPUTS = 5


def look_at_project(manager: StageManager, stagefile: str, evaluation_s: float) -> Findings:
    """Return what there is to say about a project whose Stagefile has run.

    Args:
        manager: With the Stagefile loaded.
        stagefile: Its name, for people.
        evaluation_s: How long that took.
    """
    found = Findings("project")
    stages = manager.get_stages()
    found.ok("root", f"`{stagefile}` in `{manager.root}`")
    text = f"{plural(len(stages), 'stage')}, read in {duration(evaluation_s)}"
    if evaluation_s > _SLOW_S:
        hint = "every command runs the Stagefile: move work from its top level into stages"
        found.note("slow_evaluation", text, hint)
    else:
        found.ok("stages", text)
    if not stages:
        found.note("no_stages", "the Stagefile declares nothing", "docs/stagefile.md has the words")
    _look_at_settings(found, manager)
    _look_at_promises(found, stages)
    _look_at_code(found, manager, stages)
    world = _world(manager)
    _look_at_programs(found, world, stages)
    _look_at_inputs(found, manager, stages)
    _look_at_repeats(found, world, stages)
    _look_at_case(found, stages)
    _look_at_orphans(found, manager, stages)
    return found


def _look_at_settings(found: Findings, manager: StageManager) -> None:
    settings = manager.settings
    given = []
    if settings.jobs:
        given.append(f"jobs = {settings.jobs}")
    if settings.cache_dir:
        given.append(f'cache_dir = "{settings.cache_dir}"')
    if settings.values:
        given.append(f"config: {', '.join(sorted(settings.values))}")
    if given:
        found.ok("settings", f"from pyproject.toml: {'; '.join(given)}")
    if settings.inherit_environment:
        found.note(
            "inherit",
            'environment = "inherit": every variable reaches every stage, and none of them counts',
            "a changed variable goes unseen; declare what is needed by `env=` and take the setting out",
        )


def _look_at_promises(found: Findings, stages: Iterable[Stage]) -> None:
    """List what authors promise and nobody can check."""
    every = list(stages)
    for name in ("pass_env", "secret_env"):
        users = [stage for stage in every if getattr(stage, name)]
        if users:
            variables = sorted({each for stage in users for each in getattr(stage, name)})
            found.note(
                name,
                f"{named(stage.name for stage in users)}: {name} of {named(variables)}, whose values do not count",
                "their authors promise that these don't change what is made; `env=` makes them count",
            )
    for name, text, hint in (
        (
            "ignore_code",
            "the code does not count (ignore_code)",
            "change `version` when the code changes",
        ),
        ("any_python", "one result for every Python (any_python)", ""),
        ("always", "in every build (always)", ""),
    ):
        users = [stage for stage in every if getattr(stage, name)]
        if users:
            found.note(name, f"{named(stage.name for stage in users)}: {text}", hint)
    uncached = [stage for stage in every if not stage.cache]
    if uncached:
        found.note(
            "no_cache", f"{named(stage.name for stage in uncached)}: never stored (cache=False)"
        )
    bare = [stage for stage in every if stage.runs_always and not stage.always]
    if bare:
        found.note(
            "runs_always",
            f"{named(stage.name for stage in bare)}: neither inputs nor outputs, so in every build",
            "name what it reads in `inputs`, and it is kept as passed until that changes",
        )


def _look_at_code(found: Findings, manager: StageManager, stages: Iterable[Stage]) -> None:
    """List functions whose identity is not exact, with the culprit."""
    for stage in stages:
        if stage.ignore_code or not stage.is_call:
            continue
        identity = manager.project.identify(stage)
        reasons = tuple(getattr(identity, "fallbacks", ()))
        if not reasons:
            continue
        culprit = reasons[0] + (f" and {len(reasons) - 1} more" if len(reasons) > 1 else "")
        if getattr(identity, "always", False):
            hint = "pass it in by `params` or `inputs`, or say `ignore_code=True` and a `version`"
            found.note("unidentified", f"`{stage.name}` runs in every build: {culprit}", hint)
        else:
            found.note("fallback", f"`{stage.name}`: {culprit}")


def _world(manager: StageManager) -> World:
    settings, state = manager.settings, manager.state
    base = base_environment(manager.environ, inherit=settings.inherit_environment)
    return World(
        root=manager.root,
        disk=Digester(manager.root, dict(state.snapshot.memo)),
        snapshot=state.snapshot,
        records=NoRecords(),
        history_path=state.history_path,
        identify=manager.project.identify,
        search_path=base.get("PATH", ""),
        repeats_path=state.repeats_path,
        inherits=settings.inherit_environment,
    )


def _look_at_repeats(found: Findings, world: World, stages: Iterable[Stage]) -> None:
    """List stages that made two things from the same."""
    for stage in stages:
        known = world.unrepeated(stage)
        if known is None:
            continue
        often = f"{known.differed} of {plural(known.compared, 'check')}"
        found.note(
            "not_reproducible",
            f"`{stage.name}` is not reproducible: `{known.output}` differed in {often} ({known.how})",
            f"what reads it can't be foreseen; see where: `stagemake verify {stage.name}`",
        )


def _look_at_programs(found: Findings, world: World, stages: Iterable[Stage]) -> None:
    made = _outputs(stages)
    users: dict[str, list[str]] = {}
    names: set[str] = set()
    for stage in stages:
        for name, path, entry in programs_of(stage, world):
            names.add(name)
            if entry == MISSING and made.isdisjoint({path, normpath(name)}):
                users.setdefault(name, []).append(stage.name)
    for name, who in users.items():
        found.problem(
            "missing_program",
            f"the program `{name}` is not there, for {named(who)}",
            "install it, put its directory on PATH, or name another in the Stagefile",
        )
    if names and not users:
        found.ok("programs", f"{plural(len(names), 'program')} that stages start: all there")


def _look_at_inputs(found: Findings, manager: StageManager, stages: Iterable[Stage]) -> None:
    """List inputs that nobody makes; in a project whose stages can't be put in order, say why."""
    try:
        pipeline = manager.project.pipeline([each.name for each in stages if not each.service])
    except StagemakeError as error:
        found.problem("graph", told_shortly(error), error.hint or "`stagemake list` says more")
        return
    users: dict[str, list[str]] = {}
    hints: dict[str, str] = {}
    for path, stage, hint in absent_inputs(pipeline, manager.root):
        users.setdefault(path, []).append(stage.name)
        hints.setdefault(path, hint or CREATE_IT)
    for path in list(users)[:_MOST_INPUTS]:
        text = f"the input `{path}` is not there, and no stage makes it, for {named(users[path])}"
        found.problem("missing_input", text, hints[path])
    more = len(users) - _MOST_INPUTS
    if more > 0:
        text = f"{plural(more, 'more input')} not there"
        found.problem("missing_input", text, "`stagemake -n -v` names all")
    inputs = {path for stage in pipeline.stages for path in (*stage.inputs, *stage.implicit)}
    if inputs and not users:
        found.ok("inputs", f"{plural(len(inputs), 'input')}: all there, or made by a stage")


def _outputs(stages: Iterable[Stage]) -> set[str]:
    return {path.rstrip("/") for stage in stages for path in stage.outputs}


def _look_at_case(found: Findings, stages: Iterable[Stage]) -> None:
    by_folded: dict[str, str] = {}
    for path in sorted(_outputs(stages)):
        twin = by_folded.setdefault(path.casefold(), path)
        if twin != path:
            hint = "they are one file where case does not count (macOS, Windows shares)"
            found.note("case_twins", f"the outputs `{twin}` and `{path}` differ only in case", hint)


def _look_at_orphans(found: Findings, manager: StageManager, stages: Iterable[Stage]) -> None:
    every = list(stages)
    declared = {path for stage in every for path in stage.outputs}
    declared.update(stage.depfile for stage in every if stage.depfile)
    left = orphans_of(
        manager.state.snapshot,
        declared,
        lambda: {path for stage in every for path in (*stage.inputs, *stage.implicit)},
    )
    if left:
        hint = "the next build removes those that are as stagemake left them"
        found.note("orphans", f"outputs that no stage makes any more: {named(left)}", hint)
