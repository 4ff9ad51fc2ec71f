"""`build -n`: the plan of a request, as text or JSON, and written to a file where that is wanted."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen

from stagemake.cli.raw_output import terminal_columns
from stagemake.report.json_form import dumps, plan_object
from stagemake.report.plan_text import plan_text
from stagemake.report.style import style_for

if TYPE_CHECKING:
    from stagemake.manager import StageManager
    from stagemake.model.request import BuildRequest
    from stagemake.model.selection import Selection


@frozen
class View:
    """How a plan is to be shown."""

    color: str
    as_json: bool
    verbose: bool
    output: str | None  # a file to write it to, `-` for stdout
    selection: Selection | None  # by what its stages were selected


def show(manager: StageManager, request: BuildRequest, view: View) -> int:
    """Plan, print, and return the exit status.

    Raises:
        StagemakeError: The plan can't be made, or not be written.
    """
    if view.output is None:
        # People are shown no keys, which JSON has.
        report = manager.dry_run_pipeline(evolve(request, keys=view.as_json))
    else:
        from stagemake.cli.planned import written  # noqa: PLC0415 - gate, plan files only

        report = written(manager, request, view.output)
        if view.output == "-":
            return 0
    style = style_for(view.color, os.environ, is_terminal=sys.stdout.isatty())
    if view.as_json:
        text = dumps(plan_object(report, request.targets, view.selection))
    else:
        text = plan_text(report, style, verbose=view.verbose, columns=terminal_columns())
    click.echo(text, nl=False, color=style.is_on)
    return 0
