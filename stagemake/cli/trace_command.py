"""`stagemake trace STAGE`: run it watched, and hold what it reads and writes against what it declares."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known
from stagemake.cli.reporters import open_reporters, rerun_command
from stagemake.cli.signals import until_stopped
from stagemake.model.error import UsageError
from stagemake.model.mode import ExecutionMode
from stagemake.model.request import BuildRequest
from stagemake.report.json_form import dumps
from stagemake.report.style import style_for
from stagemake.report.terminal import Detail
from stagemake.report.trace_json import trace_object
from stagemake.report.trace_text import trace_text

if TYPE_CHECKING:
    from stagemake.cli.place import Place


@click.command("trace")
@click.argument("stages", nargs=-1, metavar="STAGE...", required=True)
@click.option("-a", "--all", "shows_all", is_flag=True, help="Cut no list.")
@click.option("-s", "--silent", is_flag=True, help="Print failures only, and the result.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@color_option
@project_options
def command(
    place: Place,
    stages: tuple[str, ...],
    *,
    shows_all: bool,
    silent: bool,
    as_json: bool,
    color: str,
) -> int:
    """Run STAGE and watch it: what it reads and writes, against what it declares.

    What it needs is brought up to date first. The result counts like any other: tracing defines no
    key. Exits with 1 when something is undeclared, or the stage fails.
    """
    detail = Detail.SILENT if silent else Detail.NORMAL
    style = style_for(color, os.environ, is_terminal=sys.stderr.isatty())
    rerun = functools.partial(rerun_command, place, BuildRequest())
    manager = place.manager(
        ExecutionMode.LIVE,
        functools.partial(
            open_reporters, style=style, detail=detail, rerun=rerun, at_end=place.closers.append
        ),
    )
    request = BuildRequest(targets=stages, cwd=place.cwd(manager.root), keeps_stdout=True)
    pipeline = manager.build_pipeline(request)
    names = frozenset(str(pipeline.stages[each].name) for each in pipeline.targets)
    if all(pipeline.stages[each].action is None for each in pipeline.targets):
        raise UsageError("there is nothing to watch: what was named runs nothing")
    request = BuildRequest(
        targets=stages, cwd=request.cwd, keeps_stdout=True, keep_going=True, traced=names
    )
    with until_stopped(manager), redirect_stdout(sys.stderr):
        outcome = manager.execute_pipeline(request)
    seen = [each for each in outcome.observations if each.stage in names]
    if as_json:
        print_known(dumps(trace_object(seen, ok=outcome.ok)))
    else:
        print_known("\n".join(trace_text(each, shows_all=shows_all) for each in seen))
    if outcome.interrupted_by:
        return 128 + outcome.interrupted_by
    return 0 if outcome.ok and all(each.is_clean for each in seen) else 1
