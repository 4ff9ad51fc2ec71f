"""`stagemake why [STAGE…]`: why it would run, or ran last time; without one: why the last build did what it did."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known, stdout_has, terminal_columns
from stagemake.model.difference import Difference
from stagemake.model.error import UsageError
from stagemake.model.explanation import Cause, LastTime
from stagemake.model.plan import Reason
from stagemake.model.request import BuildRequest
from stagemake.past.build import PastStage
from stagemake.report.json_form import dumps
from stagemake.report.listing_tree import ASCII, UNICODE
from stagemake.report.style import OUTCOME_COLOURS, VERDICT_COLOURS, style_for
from stagemake.report.why_json import last_build_object, why_object
from stagemake.report.why_text import VERDICTS, ended_text, last_build_text, waiting_text, why_text
from stagemake.report.why_tree import CauseTree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.cli.place import Place
    from stagemake.explaining import Explainer
    from stagemake.manager import StageManager
    from stagemake.model.pipeline import Pipeline
    from stagemake.past.build import PastBuild
    from stagemake.report.listing_tree import Twigs
    from stagemake.report.style import Style

_SHOWN = 20  # causes
_SHOWN_NAMES = 4  # of stages that a cause goes for
_SHOWN_LINES = 100


@click.command("why")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option("--tree", is_flag=True, help="Follow causes upstream to what was edited.")
@click.option("-a", "--all", "shows_all", is_flag=True, help="Cut no list.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@project_options
def command(
    place: Place, stages: tuple[str, ...], color: str, *, tree: bool, shows_all: bool, as_json: bool
) -> int:
    """Say why STAGE would run, be restored or is fresh: each input, variable and function.

    STAGE may also be an output's path. Without any: why the last build did what it did.
    """
    if tree and as_json:
        raise UsageError("`--tree` is for people, `--json` for programs: give one of them")
    style = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
    manager = place.manager()
    everything = tuple(stage.name for stage in manager.get_stages() if not stage.service)
    request = BuildRequest(targets=stages or everything, cwd=place.cwd(manager.root))
    pipeline = manager.build_pipeline(request)
    with manager.explainer(request, pipeline) as explainer:
        if stages:
            text = _now(explainer, pipeline, style, tree=tree, shows_all=shows_all, as_json=as_json)
            print_known(text)
            return 0
        print_known(
            _last(explainer, pipeline, style, tree=tree, shows_all=shows_all, as_json=as_json)
        )
        if not (tree or as_json):  # planning may take a while, and reading need not wait for it
            print_known(_waiting(manager, place, explainer))
    return 0


def _waiting(manager: StageManager, place: Place, explainer: Explainer) -> str:
    """Return in one line what `stagemake -n` says at length; empty if there is nothing to do."""
    usual = manager.build_pipeline(BuildRequest(cwd=place.cwd(manager.root)))
    plan, stuck = explainer.outlook(usual)
    stages = usual.stages
    verdicts = [step.verdict for step in plan.steps if stages[step.stage_id].name not in stuck]
    text = waiting_text(verdicts, len(stuck))
    return f"\n{text}\n" if text else ""


def _now(
    explainer: Explainer,
    pipeline: Pipeline,
    style: Style,
    *,
    tree: bool,
    shows_all: bool,
    as_json: bool,
) -> str:
    """Return why the targets would run now."""
    plan = explainer.plan()
    if tree:

        def describe(stage_id: int) -> str:
            verdict = plan.steps[stage_id].verdict
            text = VERDICTS[verdict].partition(":")[0]
            return style.paint(text, VERDICT_COLOURS[verdict.value])

        drawing = CauseTree(
            describe=describe,
            causes_of=lambda stage_id: explainer.causes(plan, stage_id),
            name_of=lambda stage_id: pipeline.stages[stage_id].name,
            twigs=_twigs(),
            most_lines=None if shows_all else _SHOWN_LINES,
        )
        return drawing.text(tuple(dict.fromkeys(pipeline.targets)))
    found = [explainer.explain(plan, stage_id) for stage_id in pipeline.targets]
    if as_json:
        return dumps(why_object(found))
    now_s = time.time()
    return "\n".join(why_text(each, now_s, terminal_columns(), style) for each in found)


def _last(
    explainer: Explainer,
    pipeline: Pipeline,
    style: Style,
    *,
    tree: bool,
    shows_all: bool,
    as_json: bool,
) -> str:
    """Return why the last build did what it did."""
    build = next(explainer.shelf.builds(), None)
    if build is None:
        raise UsageError(
            "there is no record of a build here", hint="name a stage: stagemake why STAGE"
        )
    ids: dict[str, int] = {
        str(stage.name): stage_id for stage_id, stage in enumerate(pipeline.stages)
    }
    if tree:
        return _last_tree(explainer, pipeline, build, ids, style, shows_all=shows_all)
    past = [stage for stage in build.stages if stage.outcome != "cut_off"]

    def last(one: PastStage) -> LastTime:
        if one.name in ids:
            return explainer.last_time(build, one, pipeline.stages[ids[one.name]])
        return LastTime(
            build.number, build.started_s, one.outcome, one.reason, one.subject, problem=one.problem
        )

    if as_json:
        return dumps(last_build_object(build, [(one.name, last(one)) for one in past]))
    alike = _by_cause(past, ids)
    shown = alike if shows_all else alike[:_SHOWN]
    by_name = {one.name: one for one in past}
    groups = [(names, last(by_name[names[0]])) for names in shown]
    left_out = len(past) - sum(map(len, shown))
    most = None if shows_all else _SHOWN_NAMES
    return last_build_text(build, groups, left_out, time.time(), most_names=most, style=style)


def _by_cause(past: Sequence[PastStage], ids: Mapping[str, int]) -> list[list[str]]:
    """Return the names of stages that ended alike for the same cause: causes as they settled, names as in the pipeline."""
    alike: dict[PastStage, list[str]] = {}
    for one in past:
        alike.setdefault(_cause_of(one), []).append(one.name)
    return [sorted(names, key=lambda name: ids.get(name, len(ids))) for names in alike.values()]


def _cause_of(stage: PastStage) -> PastStage:
    """Return what a stage of a build has in common with those that ended alike for the same cause."""
    return PastStage(
        "", stage.outcome, stage.reason, stage.subject, differences=stage.differences,
        diverged=stage.diverged, problem=stage.problem,
    )  # fmt: skip


def _last_tree(
    explainer: Explainer,
    pipeline: Pipeline,
    build: PastBuild,
    ids: dict[str, int],
    style: Style,
    *,
    shows_all: bool,
) -> str:
    """Return a tree for each stage of a build that no other one of it followed from."""
    past = {ids[one.name]: one for one in build.stages if one.name in ids and _has_begun(one)}

    def causes_of(stage_id: int) -> tuple[Cause, ...]:
        one = past.get(stage_id)
        if one is None:
            return ()
        found = one.differences or _reason_alone(one)
        causes = [explainer.cause(each) for each in found]
        return tuple(
            cause if cause.producer in past else Cause(cause.difference) for cause in causes
        )

    def describe(stage_id: int) -> str:
        one = past[stage_id]
        ended = ended_text(one.outcome, one.problem)
        return style.paint(ended, OUTCOME_COLOURS.get(one.outcome, "dim"))

    followed = {cause.producer for stage_id in past for cause in causes_of(stage_id)}
    drawing = CauseTree(
        describe=describe,
        causes_of=causes_of,
        name_of=lambda stage_id: pipeline.stages[stage_id].name,
        twigs=_twigs(),
        most_lines=None if shows_all else _SHOWN_LINES,
    )
    roots = [stage_id for stage_id in sorted(past) if stage_id not in followed]
    return drawing.text(roots) if roots else "nothing ran in the last build\n"


def _has_begun(stage: PastStage) -> bool:
    return stage.word not in {"cut_off", "blocked", "cancelled"}


def _reason_alone(stage: PastStage) -> tuple[Difference, ...]:
    """Return the reason of a stage that had no last result to differ from."""
    reason = next((each for each in Reason if each.code == stage.reason), None)
    return () if reason is None else (Difference(reason, stage.subject),)


def _twigs() -> Twigs:
    return UNICODE if stdout_has(UNICODE.fork + UNICODE.last + UNICODE.beside) else ASCII
