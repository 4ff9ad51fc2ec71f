"""Build, or say what that would take: what `build` does once it is known what was asked for."""

from __future__ import annotations

import functools
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from stagemake.cli.command_names import COMMANDS
from stagemake.cli.place import tell_nothing
from stagemake.cli.reporters import open_reporters, rerun_command
from stagemake.cli.signals import until_stopped
from stagemake.freshness.noop import Overtaken
from stagemake.model.error import PlanDrifted, UnknownTarget, UsageError
from stagemake.model.mode import CacheMode, ExecutionMode
from stagemake.model.request import BuildRequest
from stagemake.model.result import Outcome
from stagemake.report.amount import printable
from stagemake.report.style import style_for
from stagemake.report.terminal import Detail
from stagemake.stagefile import audit

if TYPE_CHECKING:
    from stagemake.cli.place import Place
    from stagemake.cli.typed import Typed
    from stagemake.manager import StageManager
    from stagemake.model.result import BuildOutcome
    from stagemake.model.selection import Selection
    from stagemake.recalled import Found
    from stagemake.report.style import Style


def carry_out(place: Place, typed: Typed, found: Found | None = None) -> int:
    """Do what was asked for and return the exit status; `found` is what the entry knows.

    Raises:
        StagemakeError: A mistake in what was typed, in the Stagefile, or in what it names.
    """
    _refuse_what_does_not_go_together(typed)
    request = _request(typed)
    root = os.path.dirname(place.path())
    request = evolve(
        request,
        cwd=place.cwd(root),
        assume_changed=tuple(place.project_path(path, root) for path in typed.assume_changed),
    )
    if typed.plan_file is not None:
        from stagemake.cli.planned import placed, requested  # noqa: PLC0415 - gate, plan files only

        has_more = typed.question or typed.ask or typed.output is not None
        request = requested(typed.plan_file, request, place, has_more=has_more)
        place = placed(request, place)
    if typed.ask:
        from stagemake.cli.planned import Answer, asked  # noqa: PLC0415 - as above

        shown_s = time.monotonic()
        has_more = typed.dry_run or typed.question or typed.as_json
        answer, request = asked(place, request, typed.color, has_more=has_more)
        request = _later(request, time.monotonic() - shown_s)  # it is not us who thought about it
        if answer is not Answer.YES:
            return int(answer is Answer.NO)
    detail = Detail.SILENT if typed.silent else Detail.VERBOSE if typed.verbose else Detail.NORMAL
    style = style_for(typed.color, os.environ, is_terminal=sys.stderr.isatty())
    asks = _Asks(request, place, style, detail, typed)
    try:
        return _answered(asks, found)
    except Overtaken:  # by another build, since the entry looked
        return _answered(asks, None)
    except UnknownTarget as error:
        from stagemake.cli.near_command import add_command  # noqa: PLC0415 - gate, this error only

        raise add_command(error, typed.targets) from None


def _refuse_what_does_not_go_together(typed: Typed) -> None:
    if typed.output is not None and not typed.dry_run:
        raise UsageError("`-o` goes with `-n`", hint="stagemake -n -o FILE")
    follows = typed.events is not None or typed.timeline is not None
    if (typed.dry_run or typed.question) and follows:
        raise UsageError("`--events` and `--timeline` follow a build, not `-n` or `-q`")
    has_plan = typed.output is not None or typed.plan_file is not None
    if typed.assume_changed and (not typed.dry_run or has_plan):
        raise UsageError(
            "`--assume-changed` goes with `-n`, and without `-o` and `--plan`",
            hint="stagemake -n --assume-changed PATH",
        )
    if typed.affected is not None and (typed.ask or typed.plan_file is not None):
        raise UsageError(
            "`--affected` does not go with `--ask` and `--plan`",
            hint="stagemake -n -o FILE --affected REV",
        )


def _request(typed: Typed) -> BuildRequest:
    return BuildRequest(
        targets=typed.targets,
        jobs=typed.jobs,
        keep_going=typed.keep_going,
        force=typed.always_make,
        cache=CacheMode(typed.cache),
        cache_store=typed.cache_store,
        runner=typed.runner,
        check=typed.check,
        sandbox=typed.sandbox,
        wait=not typed.no_wait,
        keeps_stdout=typed.as_json,
        keeps_forecast=typed.as_json and not typed.dry_run,
        asked_s=_asked_s(),
    )


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


class _Asks(NamedTuple):
    """What is asked for, in the terms of what answers it."""

    request: BuildRequest
    place: Place
    style: Style
    detail: Detail
    typed: Typed


def _answered(asks: _Asks, found: Found | None) -> int:
    """Do what is asked for; `found` is what the entry knows."""
    request = asks.request
    manager = asks.place.manager(
        ExecutionMode.DRY_RUN if asks.typed.dry_run or asks.typed.question else ExecutionMode.LIVE,
        tell_nothing
        if asks.typed.question
        else None
        if asks.typed.dry_run
        else functools.partial(
            open_reporters,
            style=asks.style,
            detail=asks.detail,
            rerun=functools.partial(rerun_command, asks.place, request),
            at_end=asks.place.closers.append,
            stdout_is_busy=asks.typed.events == "-",
        ),
        found=found,
        builds_all=not (asks.typed.dry_run or asks.typed.question or request.targets)
        and not (asks.typed.verbose or asks.typed.as_json),  # these tell of each stage
        jobs=request.jobs,
        assume_changed=request.assume_changed,
        records=asks.typed.affected is not None,
    )
    if asks.typed.ask:  # what the second run read is not all
        manager.project.session.recorder = None
    _warn_of_hidden_stages(manager)
    selection = None
    if asks.typed.affected is not None:
        selection = _selected(manager, request, asks)
        if not selection.stages:
            return 0
        request = evolve(request, targets=selection.names)
    if asks.typed.question:
        return 0 if manager.plan(request).is_done else 1
    if asks.typed.dry_run:
        from stagemake.cli.dry_run import View, show  # noqa: PLC0415 - gate, dry runs only

        is_verbose = asks.detail is Detail.VERBOSE
        view = View(asks.typed.color, asks.typed.as_json, is_verbose, asks.typed.output, selection)
        return show(manager, request, view)
    if asks.typed.events is None and asks.typed.timeline is None:
        return _build(
            manager, request, asks.style, asks.detail, selection, as_json=asks.typed.as_json
        )
    from stagemake.cli.followed import followed  # noqa: PLC0415 - gate, 7 ms with json

    with followed(manager, asks.typed.events, asks.typed.timeline):
        return _build(
            manager, request, asks.style, asks.detail, selection, as_json=asks.typed.as_json
        )


def _selected(manager: StageManager, request: BuildRequest, asks: _Asks) -> Selection:
    """Return what is affected; says so, and prints the JSON of nothing where that is it."""
    from stagemake.cli.affected_stages import print_nothing, selected  # noqa: PLC0415 - gate, with git only

    assert asks.typed.affected is not None, "comes with a revision"
    selection = selected(
        manager,
        asks.typed.affected,
        request,
        verbose=asks.detail is Detail.VERBOSE,
        is_quiet=asks.typed.question or asks.detail is Detail.SILENT,
    )
    if asks.place.values:  # what was noted for git's sake is of this run only
        manager.project.session.recorder = None
    if not selection.stages and asks.typed.as_json:
        print_nothing(manager, request, selection, is_dry_run=asks.typed.dry_run)
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
            from stagemake.report.log_text import shown_log  # noqa: PLC0415 - gate, 1 ms, with `-v`

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
    from contextlib import redirect_stdout  # noqa: PLC0415 - gate, --json only

    from stagemake.report.json_form import dumps, forecast_object, outcome_object  # noqa: PLC0415 - gate, --json only

    # What hooks and reporters of plugins print must not come between.
    with until_stopped(manager), redirect_stdout(sys.stderr):
        outcome = manager.execute_pipeline(request)
    forecast = None if outcome.forecast is None else forecast_object(outcome.forecast)
    sys.stdout.write(dumps(outcome_object(outcome, forecast, selection)))
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
        sys.stderr.write(
            f"stagemake: {names} is also a command; build it by `stagemake build {hidden[0]}`\n"
        )
