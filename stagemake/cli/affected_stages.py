"""`--affected` and `--changed-since` on the command line: what is selected is told, then built or drawn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from stagemake.model.pipeline import Pipeline
from stagemake.model.plan import Plan
from stagemake.model.result import BuildOutcome
from stagemake.plan.estimate import report_of
from stagemake.report.json_form import dumps, outcome_object, plan_object
from stagemake.report.selection_text import selection_lines

if TYPE_CHECKING:
    from stagemake.manager import StageManager
    from stagemake.model.request import BuildRequest
    from stagemake.model.selection import Selection


def selected(
    manager: StageManager, revision: str, request: BuildRequest, *, verbose: bool, is_quiet: bool
) -> Selection:
    """Return what is affected of what is wanted, having said so on stderr.

    Raises:
        StagemakeError: As `StageManager.affected`.
    """
    selection = manager.affected(revision, request)
    if not is_quiet:
        for line in selection_lines(selection, verbose=verbose):
            click.echo(line, err=True)
    return selection


def print_nothing(
    manager: StageManager, request: BuildRequest, selection: Selection, *, is_dry_run: bool
) -> None:
    """Print the JSON of a plan or a build without any stage."""
    if is_dry_run:
        jobs = request.jobs or manager.settings.jobs or os.cpu_count() or 1
        report = report_of(Plan(Pipeline((), (), ()), ()), jobs)
        text = dumps(plan_object(report, (), selection))
    else:
        text = dumps(outcome_object(BuildOutcome((), 0.0), None, selection))
    click.echo(text, nl=False)
