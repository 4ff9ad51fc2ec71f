"""The text of `stagemake graph --format compile-commands`; what it leaves out goes to stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagemake.model.stage import Command
from stagemake.report.amount import printable
from stagemake.report.compile_commands import compilations_of
from stagemake.report.json_form import dumps
from stagemake.stagefile.placeholder import argv_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.manager import StageManager


def database_text(manager: StageManager, targets: Sequence[str], cwd: str) -> str:
    """Return the JSON of all that the targets compile, in execution order; without targets of all stages."""
    names = targets or [stage.name for stage in manager.get_stages()]
    entries: list[dict[str, object]] = []
    for stage in manager.project.pipeline(names, cwd).stages:
        if not isinstance(stage.action, Command):
            continue
        found, is_read = compilations_of(stage, argv_of(stage), manager.root)
        entries += [each.as_object() for each in found]
        if not is_read:
            place = f" ({stage.location})" if stage.location else ""
            click.echo(
                f"stagemake: `{printable(stage.name)}` left out: only a shell can read its command"
                f"{printable(place)}",
                err=True,
            )
    if not entries:
        click.echo("stagemake: no stage runs a C or C++ compiler that could be read", err=True)
    return dumps(entries)
