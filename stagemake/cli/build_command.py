"""`stagemake build`: bring targets up to date, or say what that would take."""

from __future__ import annotations

import functools
import os
import sys
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen

from stagemake.cli.building_options import (
    cache_option,
    jobs_option,
    keep_going_option,
    silent_option,
    verbose_option,
)
from stagemake.cli.command_names import COMMANDS
from stagemake.cli.project_options import Place, color_option, project_options, tell_nothing
from stagemake.cli.reporters import open_reporters, rerun_command
from stagemake.cli.signals import until_stopped
from stagemake.freshness.noop import Overtaken
from stagemake.model.error import PlanDrifted, UsageError
from stagemake.model.mode import ExecutionMode
from stagemake.model.request import BuildRequest, CacheMode
from stagemake.model.result import Outcome
from stagemake.report.amount import printable
from stagemake.report.log_text import shown_log
from stagemake.report.style import style_for
from stagemake.report.terminal import Detail
from stagemake.stagefile import audit

if TYPE_CHECKING:
    from stagemake.manager import StageManager
    from stagemake.model.result import BuildOutcome
    from stagemake.model.selection import Selection
    from stagemake.recalled import Found
    from stagemake.report.style import Style


@click.command("build")
@click.argument("targets", nargs=-1)
@jobs_option
@keep_going_option
@click.option("-n", "--dry-run", is_flag=True, help="Report what would happen and change nothing.")
@click.option(
    "-q", "--question", is_flag=True, help="Say nothing; exit with 1 if there is work to do."
)
@click.option("-B", "--always-make", is_flag=True, help="Run every wanted stage.")
@silent_option
@verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-W", "--assume-changed", multiple=True, metavar="PATH",
              help="With -n: plan as if PATH had other content; may be repeated.")  # fmt: skip
@click.option("--affected", metavar="REV",
              help="Of TARGETS only what is affected by files that differ from REV of git.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="With -n: also write the plan to FILE.")
@click.option("--plan", "plan_file", metavar="FILE",
              help="Do exactly what the plan in FILE says, or exit with 4.")  # fmt: skip
@click.option("--ask", is_flag=True, help="Show the plan and ask before anything is done.")
@click.option("--events", metavar="FILE", help="Write what happens to FILE, as lines of JSON.")
@click.option("--timeline", metavar="FILE",
              help="Write a timeline to FILE, for Perfetto or Chrome.")  # fmt: skip
@cache_option
@click.option("--cache-store", default="", metavar="NAME",
              help="Use the cache NAME, which a plugin brings (default: disk).")  # fmt: skip
@click.option("--runner", default="", metavar="NAME",
              help="Have the runner NAME, which a plugin brings, run actions (default: local).")  # fmt: skip
@click.option("--check", is_flag=True,
              help="Watch what stages read and write; fail those that do not declare it.")  # fmt: skip
@click.option("--sandbox", is_flag=True, help="Keep stages from what they do not declare.")
@click.option("--no-wait", is_flag=True, help="Exit with 75 when another build holds the project.")
@color_option
@project_options
def command(  # noqa: PLR0917 - click passes keywords
    place: Place,
    targets: tuple[str, ...],
    jobs: int | None,
    keep_going: bool,
    dry_run: bool,
    question: bool,
    always_make: bool,
    silent: bool,
    verbose: bool,
    as_json: bool,
    assume_changed: tuple[str, ...],
    affected: str | None,
    output: str | None,
    plan_file: str | None,
    ask: bool,
    events: str | None,
    timeline: str | None,
    cache: str,
    cache_store: str,
    runner: str,
    check: bool,
    sandbox: bool,
    no_wait: bool,
    color: str,
) -> int:
    """Bring TARGETS up to date: stages, pipelines, output paths or patterns like 'compile.*'.

    Without targets: the default pipeline, else every stage.
    """
    if output is not None and not dry_run:
        raise UsageError("`-o` goes with `-n`", hint="stagemake -n -o FILE")
    if (dry_run or question) and (events is not None or timeline is not None):
        raise UsageError("`--events` and `--timeline` follow a build, not `-n` or `-q`")
    if assume_changed and (not dry_run or output is not None or plan_file is not None):
        raise UsageError(
            "`--assume-changed` goes with `-n`, and without `-o` and `--plan`",
            hint="stagemake -n --assume-changed PATH",
        )
    request = BuildRequest(
        targets=targets,
        jobs=jobs or 0,
        keep_going=keep_going,
        force=always_make,
        cache=CacheMode(cache),
        cache_store=cache_store,
        runner=runner,
        check=check,
        sandbox=sandbox,
        wait=not no_wait,
        keeps_stdout=as_json,
        keeps_forecast=as_json and not dry_run,
        asked_s=_asked_s(),
    )
    if affected is not None and (ask or plan_file is not None):
        raise UsageError(
            "`--affected` does not go with `--ask` and `--plan`",
            hint="stagemake -n -o FILE --affected REV",
        )
    root = os.path.dirname(place.path())
    request = evolve(
        request,
        cwd=place.cwd(root),
        assume_changed=tuple(place.project_path(path, root) for path in assume_changed),
    )
    if plan_file is not None:
        from stagemake.cli.planned import placed, requested  # noqa: PLC0415 - gate, plan files only

        has_more = question or ask or output is not None
        request = requested(plan_file, request, place, has_more=has_more)
        place = placed(request, place)
    if ask:
        from stagemake.cli.planned import Answer, asked  # noqa: PLC0415 - as above

        shown_s = time.monotonic()
        answer, request = asked(place, request, color, has_more=dry_run or question or as_json)
        request = _later(request, time.monotonic() - shown_s)  # it is not us who thought about it
        if answer is not Answer.YES:
            return int(answer is Answer.NO)
    asks = _Asks(
        request, place, style_for(color, os.environ, is_terminal=sys.stderr.isatty()),
        Detail.SILENT if silent else Detail.VERBOSE if verbose else Detail.NORMAL,
        color, output, events, timeline,
        affected, dry_run=dry_run, question=question, as_json=as_json, is_second=ask,
    )  # fmt: skip
    found = click.get_current_context().find_object(tuple)
    try:
        return _answered(asks, found)
    except Overtaken:  # by another build, since the entry looked
        return _answered(asks, None)


def _asked_s() -> float | None:
    """Return when the command was started, by `time.monotonic`; None in another program's process."""
    if not audit.is_installed():
        return None
    from stagemake.process_age import process_age_s  # noqa: PLC0415 - gate, 1 ms, with work to do

    return time.monotonic() - process_age_s()


def _later(request: BuildRequest, seconds: float) -> BuildRequest:
    """Return a request that was asked for so much later."""
    if request.asked_s is None:
        return request
    return evolve(request, asked_s=request.asked_s + seconds)


@frozen
class _Asks:
    """What is asked for, apart from what to build."""

    request: BuildRequest
    place: Place
    style: Style
    detail: Detail
    color: str
    output: str | None  # a file for the plan
    events: str | None  # as above, for what happens
    timeline: str | None  # as above, for when it did
    affected: str | None  # a revision: only what it touches
    dry_run: bool
    question: bool
    as_json: bool
    is_second: bool  # the Stagefile was run before, to ask whether to go on


def _answered(asks: _Asks, found: Found | None) -> int:
    """Do what is asked for; `found` is what the entry knows."""
    request = asks.request
    manager = asks.place.manager(
        ExecutionMode.DRY_RUN if asks.dry_run or asks.question else ExecutionMode.LIVE,
        tell_nothing
        if asks.question
        else None
        if asks.dry_run
        else functools.partial(
            open_reporters,
            style=asks.style,
            detail=asks.detail,
            rerun=functools.partial(rerun_command, asks.place, request),
            stdout_is_busy=asks.events == "-",
        ),
        found=found,
        builds_all=not (asks.dry_run or asks.question or request.targets),
        jobs=request.jobs,
        assume_changed=request.assume_changed,
        records=asks.affected is not None,
    )
    if asks.is_second:  # what the second run read is not all
        manager.project.session.recorder = None
    _warn_of_hidden_stages(manager)
    selection = None
    if asks.affected is not None:
        selection = _selected(manager, request, asks)
        if not selection.stages:
            return 0
        request = evolve(request, targets=selection.names)
    if asks.question:
        return 0 if manager.plan(request).is_done else 1
    if asks.dry_run:
        from stagemake.cli.dry_run import View, show  # noqa: PLC0415 - gate, dry runs only

        is_verbose = asks.detail is Detail.VERBOSE
        view = View(asks.color, asks.as_json, is_verbose, asks.output, selection)
        return show(manager, request, view)
    if asks.events is None and asks.timeline is None:
        return _build(manager, request, asks.style, asks.detail, selection, as_json=asks.as_json)
    from stagemake.cli.followed import followed  # noqa: PLC0415 - gate, 7 ms with json

    with followed(manager, asks.events, asks.timeline):
        return _build(manager, request, asks.style, asks.detail, selection, as_json=asks.as_json)


def _selected(manager: StageManager, request: BuildRequest, asks: _Asks) -> Selection:
    """Return what is affected; says so, and prints the JSON of nothing where that is it."""
    from stagemake.cli.affected_stages import print_nothing, selected  # noqa: PLC0415 - gate, with git only

    assert asks.affected is not None, "comes with a revision"
    selection = selected(
        manager,
        asks.affected,
        request,
        verbose=asks.detail is Detail.VERBOSE,
        is_quiet=asks.question or asks.detail is Detail.SILENT,
    )
    if asks.place.values:  # what was noted for git's sake is of this run only
        manager.project.session.recorder = None
    if not selection.stages and asks.as_json:
        print_nothing(manager, request, selection, is_dry_run=asks.dry_run)
    return selection


def _build(
    manager: StageManager,
    request: BuildRequest,
    style: Style,
    detail: Detail,
    selection: Selection | None,
    *,
    as_json: bool,
) -> int:
    if as_json:
        outcome = _build_for_programs(manager, request, selection)
    else:
        with until_stopped(manager):
            outcome = manager.execute_pipeline(request)
    if detail is Detail.VERBOSE:
        _replay_passes(manager, outcome, style)
        _tell_of_evaluation(manager)
    if outcome.interrupted_by:
        return 128 + outcome.interrupted_by
    if outcome.drifted:
        return PlanDrifted.exit_code
    return 0 if outcome.ok else 1


def _replay_passes(manager: StageManager, outcome: BuildOutcome, style: Style) -> None:
    """Print what checks printed that had passed before: their log is all there is to see of them."""
    for result in outcome.results:
        if result.outcome not in {Outcome.FRESH, Outcome.CUT_OFF}:
            continue
        if not manager.get_stage(result.name).outputs:
            text = b"".join(manager.log_of(result))
            sys.stderr.write(f"passed before: {printable(result.name)}\n")
            sys.stderr.write(shown_log(text, keep_colour=style.is_on))


def _tell_of_evaluation(manager: StageManager) -> None:
    """Print why the Stagefile has to be run each time, if it has."""
    recorder = manager.project.session.recorder
    for what, place in () if recorder is None else recorder.blames.items():
        at = f" ({printable(place)})" if place else ""
        sys.stderr.write(f"the Stagefile is run each time, because it {printable(what)}{at}\n")


def _build_for_programs(
    manager: StageManager, request: BuildRequest, selection: Selection | None
) -> BuildOutcome:
    """Build, and print the outcome beside what the plan had said as one JSON object."""
    from stagemake.report.json_form import dumps, forecast_object, outcome_object  # noqa: PLC0415 - gate, --json only

    # What hooks and reporters of plugins print must not come between.
    with until_stopped(manager), redirect_stdout(sys.stderr):
        outcome = manager.execute_pipeline(request)
    forecast = None if outcome.forecast is None else forecast_object(outcome.forecast)
    click.echo(dumps(outcome_object(outcome, forecast, selection)), nl=False)
    return outcome


def _warn_of_hidden_stages(manager: StageManager) -> None:
    commands = {*COMMANDS}
    if manager.extensions is not None:
        commands.update(manager.extensions.roster.named_parts.names("commands"))
    hidden = [stage.name for stage in manager.get_stages() if stage.name in commands]
    if hidden:
        if manager.project.session.recorder is not None:
            manager.project.session.recorder.blame("names a stage like a command")
        names = ", ".join(f"`{name}`" for name in hidden)
        click.echo(
            f"stagemake: {names} is also a command; build it by `build {hidden[0]}`", err=True
        )
