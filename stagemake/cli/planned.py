"""Plan files on the command line: written by `-n -o`, carried out by `--plan`, or asked about by `--ask`."""

from __future__ import annotations

import enum
import os
import sys
from typing import TYPE_CHECKING

import click
from attrs import evolve

from stagemake.model.error import UsageError
from stagemake.model.mode import CacheMode, ExecutionMode
from stagemake.plan_files import read_plan, sealed, write_plan
from stagemake.report.amount import printable
from stagemake.report.json_form import dumps, plan_object
from stagemake.report.plan_text import plan_text
from stagemake.report.style import style_for

if TYPE_CHECKING:
    from stagemake.cli.place import Place
    from stagemake.manager import StageManager
    from stagemake.model.report import DryRunReport
    from stagemake.model.request import BuildRequest


class Answer(enum.Enum):
    """What came of asking."""

    YES = "yes"
    NO = "no"
    NOTHING_TO_DO = "nothing to do"


def written(manager: StageManager, request: BuildRequest, output: str) -> DryRunReport:
    """Write a plan to a file, `-` for stdout, and return what it says.

    Raises:
        UsageError: It can't be written.
    """
    report, held = manager.hold_pipeline(request)
    text = dumps(sealed(plan_object(report, request.targets), held))
    if output == "-":
        click.echo(text, nl=False)
        return report
    try:
        write_plan(output, text)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"the plan `{output}` can't be written", facts=[("why", why)]) from None
    click.echo(f"stagemake: wrote the plan to `{printable(output)}`", err=True)
    return report


def requested(path: str, given: BuildRequest, place: Place, *, has_more: bool) -> BuildRequest:
    """Return the request that the plan in a file is for.

    Raises:
        UsageError: It can't be read, or something was given that it says itself.
    """
    chosen = given.targets or given.force or given.cache_store or given.runner or place.values
    if given.cache is not CacheMode.ON or chosen or has_more:
        raise UsageError(
            "`--plan` takes no targets, and no option that says what is built, or how",
            hint="leave out -B, -D, -o, -q, --ask, --cache, --cache-store and --runner",
        )
    held = read_plan(path)
    return evolve(
        given,
        targets=held.targets,
        force=held.force,
        cache=CacheMode(held.cache),
        cache_store=held.cache_store,
        runner=held.runner,
        cwd=held.cwd,
        held=held,
    )


def placed(request: BuildRequest, place: Place) -> Place:
    """Return where to build what a plan says: its Stagefile, with its values."""
    held = request.held
    assert held is not None, "comes after `requested`"
    values = tuple(f"{name}={value}" for name, value in held.values.items())
    root = os.path.dirname(place.path())
    stagefile = os.path.join(root, held.stagefile)
    if place.stagefile and os.path.realpath(stagefile) != place.path():
        raise UsageError(
            f"the plan is for `{held.stagefile}`", hint="leave out -f: the plan says it"
        )
    return evolve(place, stagefile=stagefile, values=values)


def asked(
    place: Place, request: BuildRequest, color: str, *, has_more: bool
) -> tuple[Answer, BuildRequest]:
    """Show a plan on the terminal and ask; on yes the request is for exactly that.

    The plan has a manager and a session of its own: one that may change nothing.

    Raises:
        UsageError: There is no terminal, or the options don't go together.
    """
    if has_more:
        raise UsageError("`--ask` does not go with -n, -q or --json")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "`--ask` needs a terminal to ask on",
            hint="write a plan by `-n -o plan.json`, carry it out by `--plan plan.json`",
        )
    manager = place.manager(ExecutionMode.DRY_RUN, jobs=request.jobs)
    report, held = manager.hold_pipeline(request)
    place.close()
    style = style_for(color, os.environ, is_terminal=True)
    click.echo(plan_text(report, style), nl=False, err=True, color=style.is_on)
    if report.plan.is_done:
        return Answer.NOTHING_TO_DO, request
    if not click.confirm("\ncarry this out?", err=True):
        click.echo("stagemake: nothing was done", err=True)
        return Answer.NO, request
    return Answer.YES, evolve(request, held=held)
