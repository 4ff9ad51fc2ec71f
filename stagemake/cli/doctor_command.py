"""`stagemake doctor`: what there is on this machine, what is off, and how to mend it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

import stagemake
from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known
from stagemake.report.doctor_text import doctor_text
from stagemake.report.json_form import SCHEMA, dumps
from stagemake.report.style import style_for

if TYPE_CHECKING:
    from stagemake.cli.place import Place

_NARROWEST, _USUAL, _WIDEST = 40, 80, 100


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@project_options
def command(place: Place, color: str, *, as_json: bool) -> int:
    """Say what stagemake found on this machine and in this project, what is off and how to mend it.

    Changes nothing. Exits with 1 if there is a problem; notes are no problems.
    """
    from stagemake.doctor.examine import examine, has_problem  # noqa: PLC0415 - gate, 100 ms, that `--help` does not need

    findings = examine(place.manager, place.directory, place.cache_dir, os.environ)
    if as_json:
        print_known(
            dumps(
                {
                    "schema": SCHEMA,
                    "stagemake": stagemake.__version__,
                    "ok": not has_problem(findings),
                    "findings": [
                        {
                            "section": each.section,
                            "code": each.code,
                            "level": each.level.value,
                            "text": each.text,
                            "hint": each.hint or None,
                        }
                        for each in findings
                    ],
                }
            )
        )
    else:
        style = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
        print_known(doctor_text(findings, _columns(), style))
    return 1 if has_problem(findings) else 0


def _columns() -> int:
    """Return how wide to print: the terminal, within reason; 80 columns into a pipe."""
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return _USUAL
    return min(max(columns, _NARROWEST), _WIDEST)
