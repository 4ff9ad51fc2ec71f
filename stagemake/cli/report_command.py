"""`stagemake report`: one HTML page of a past build or of a plan."""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING

import click

from stagemake.cli.past_run import chosen_build
from stagemake.cli.project_options import project_options
from stagemake.cli.raw_output import print_bytes
from stagemake.cli.replaced_file import replace_file
from stagemake.freshness import snapshot as columns
from stagemake.model.error import StagemakeError, UsageError
from stagemake.model.plan import Reason, Verdict
from stagemake.model.request import BuildRequest
from stagemake.page.content import Graph, content
from stagemake.page.document import document
from stagemake.page.printed import failed_logs, stored_logs
from stagemake.page.story import Story, story_of_build, story_of_plan
from stagemake.past.shelf import Shelf
from stagemake.plan_files import read_plan_object
from stagemake.project_lock import is_locked
from stagemake.report.amount import plural, printable
from stagemake.report.graph_edges import edges_of, part_of
from stagemake.report.json_form import plan_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.cli.place import Place
    from stagemake.manager import StageManager
    from stagemake.model.difference import Difference
    from stagemake.page.printed import Log

_BUILDS = 50  # looked at for trends
_DEFAULT = "report.html"


@click.command("report")
@click.argument("builds_or_targets", nargs=-1, metavar="[BUILD | TARGETS...]")
@click.option("-o", "--output", metavar="FILE",
              help="Write FILE, or stdout for - (default: .stagemake/report.html).")  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Report what building TARGETS would do.")
@click.option("--plan", "plan_file", metavar="FILE", help="Report the plan in FILE.")
@project_options
def command(
    place: Place,
    builds_or_targets: tuple[str, ...],
    output: str | None,
    dry_run: bool,
    plan_file: str | None,
) -> int:
    """Write one HTML page of the last build, of BUILD (a number), or of a plan. It needs no network.

    The page has the graph, the timeline, what each stage did and why, and the forecast against what came of it.
    """
    if dry_run and plan_file is not None:
        raise UsageError("`-n` makes a plan, `--plan` reads one: it is one or the other")
    if plan_file is not None and builds_or_targets:
        raise UsageError("`--plan` takes no builds and no targets: the plan says them")
    if not dry_run and len(builds_or_targets) > 1:
        raise UsageError(
            "`report` takes one build", hint="a plan for targets: stagemake report -n TARGETS"
        )
    state = place.state()
    shelf = Shelf(state.builds, lambda: is_locked(state))
    manager: StageManager | None = None
    graph: Graph | None
    if dry_run:
        manager = place.manager()
        story, graph = _dry_run(manager, place, builds_or_targets)
    elif plan_file is not None:
        whole = read_plan_object(os.path.join(place.directory, plan_file))
        manager = place.manager()
        story = story_of_plan(whole, {})
        graph = _graph(manager, story.rows)
    else:
        if not builds_or_targets and not shelf.numbers():
            raise UsageError(
                "there is no build to report yet",
                hint="build something, or report a plan: stagemake report -n",
            )
        run = builds_or_targets[0] if builds_or_targets else "last"
        build = chosen_build(shelf, run)
        story = story_of_build(build, shelf.names(build.roster))
        manager, graph = _as_it_is_now(place, story)
    _give(_page(place, manager, story, graph), place, manager, output)
    return 0


def plan_page(place: Place, manager: StageManager, targets: tuple[str, ...]) -> bytes:
    """Return the page of what building targets would do. Errors as `StageManager.plan`."""
    return _page(place, manager, *_dry_run(manager, place, targets))


def _page(place: Place, manager: StageManager | None, story: Story, graph: Graph | None) -> bytes:
    state = place.state()
    shelf = Shelf(state.builds, lambda: is_locked(state))
    made = content(
        story,
        graph,
        {} if manager is None else _logs(manager, story),
        list(islice(shelf.builds(), _BUILDS)),
        title=os.path.basename(os.path.dirname(place.path())) or "/",
        made_s=time.time(),
    )
    return document(made)


def _dry_run(manager: StageManager, place: Place, targets: tuple[str, ...]) -> tuple[Story, Graph]:
    request = BuildRequest(targets=targets, cwd=place.cwd(manager.root))
    report = manager.dry_run_pipeline(request)
    pipeline = report.plan.pipeline
    causes: dict[str, list[Difference]] = {}
    with manager.explainer(request, pipeline) as explainer:
        plan = explainer.plan()
        for stage_id, stage in enumerate(pipeline.stages):
            is_open = plan.steps[stage_id].verdict is Verdict.MAYBE
            causes[stage.name] = [
                cause.difference
                for cause in explainer.causes(plan, stage_id)
                if is_open or cause.difference.reason is not Reason.UPSTREAM_RUNS
            ]
    story = story_of_plan(plan_object(report, targets), causes)
    return story, Graph(pipeline, edges_of(pipeline))


def _as_it_is_now(place: Place, story: Story) -> tuple[StageManager | None, Graph | None]:
    """Return the project as the Stagefile has it now; nothing if it can't be read: the past can be told without."""
    try:
        manager = place.manager()
        return manager, _graph(manager, story.rows)
    except StagemakeError as error:
        headline = str(error).partition("\n")[0]
        click.echo(f"stagemake: the page has no graph: {headline}", err=True)
        return None, None


def _graph(manager: StageManager, names: Iterable[str]) -> Graph | None:
    there = {stage.name for stage in manager.get_stages()}
    known = [name for name in names if name in there]
    if not known:
        return None
    pipeline = manager.project.pipeline(known)
    return Graph(*part_of(pipeline, edges_of(pipeline), frozenset(known)))


def _logs(manager: StageManager, story: Story) -> dict[str, Log]:
    """Return what stages printed: of this build, else what the results printed that are in place."""
    keys = {name: row["key"] for name, row in story.rows.items() if row["key"]}
    traces = manager.state.snapshot.traces
    for name, row in story.rows.items():
        is_last = story.kind == "plan" and row["outcome"] != "hit"
        if name in traces and (is_last or (not row["key"] and row["outcome"] == "fresh")):
            keys[name] = traces[name][columns.KEY]
    failed = failed_logs(story.logs)
    wanted = {name: key for name, key in keys.items() if key and name not in failed}
    window = None
    if story.kind == "build":
        begin = story.head["started"]
        window = (begin, begin + (story.head["wall_s"] or 0.0))
    found, left = stored_logs(wanted, window, manager.stored_logs)
    if left:
        story.notes.append(f"There was no room for what {plural(left, 'stage')} printed.")
    return {**found, **failed}


def _give(data: bytes, place: Place, manager: StageManager | None, output: str | None) -> None:
    if output == "-":
        print_bytes(data)
        return
    state = place.state()
    if output is None:
        state.make_directories()
    typed = f"{state.shared}/{_DEFAULT}" if output is None else output
    replace_file(os.path.join(place.directory, typed), data, manager, typed)
    click.echo(printable(typed))
