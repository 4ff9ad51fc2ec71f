"""`stagemake history`: past builds, one of them, or the difference of two."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from stagemake.cli.past_run import chosen_build
from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known, terminal_columns
from stagemake.model.error import UsageError
from stagemake.past.compare import compare
from stagemake.past.repeats import Repeats
from stagemake.past.shelf import Shelf
from stagemake.project_lock import is_locked
from stagemake.report.history_json import build_object, builds_object, comparison_object
from stagemake.report.history_text import Page, build_text, builds_text, comparison_text
from stagemake.report.json_form import dumps
from stagemake.report.style import style_for

if TYPE_CHECKING:
    from stagemake.cli.place import Place

_SHOWN = 20


@click.command("history")
@click.argument("runs", nargs=-1, metavar="[RUN [RUN]]")
@click.option("-a", "--all", "shows_all", is_flag=True, help="Cut no list.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@project_options
def command(
    place: Place, runs: tuple[str, ...], color: str, *, shows_all: bool, as_json: bool
) -> int:
    """Show past builds and how good their forecasts were; RUN: one of them; two: what differs.

    RUN is a build's number, or `last`.
    """
    if len(runs) > 2:
        raise UsageError("`history` takes at most two builds", hint="stagemake history A B")
    state = place.state()
    shelf = Shelf(state.builds, lambda: is_locked(state))
    chosen = [chosen_build(shelf, run) for run in runs]
    style = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
    page = Page(None if shows_all else _SHOWN, terminal_columns(), time.time(), style)
    if not chosen:
        builds, newer = tuple(shelf.builds()), shelf.newer_count()
        known = Repeats(state.repeats_path).read()
        repeats = [known[name] for name in sorted(known)]
        text = (
            dumps(builds_object(builds, newer, repeats))
            if as_json
            else builds_text(builds, newer, page, repeats)
        )
    elif len(chosen) == 1:
        text = dumps(build_object(chosen[0])) if as_json else build_text(chosen[0], page)
    else:
        before, after = chosen
        found = compare(before, after, shelf.names(before.roster), shelf.names(after.roster))
        text = (
            dumps(comparison_object(before, after, found))
            if as_json
            else comparison_text(before, after, found, page)
        )
    print_known(text)
    return 0
