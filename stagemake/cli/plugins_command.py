"""`stagemake plugins`: which are installed, which take part, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagemake.cli.place import Place, tell_nothing
from stagemake.cli.project_options import project_options
from stagemake.model.error import NoStagefile, StagemakeError
from stagemake.model.mode import ExecutionMode
from stagemake.plugins.listing import list_plugins
from stagemake.report.json_form import dumps
from stagemake.report.plugins_text import plugins_object, plugins_text

if TYPE_CHECKING:
    from stagemake.manager import StageManager


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@project_options
def command(place: Place, *, as_json: bool) -> int:
    """Show installed plugins, with state, version and what they bring. Imports those that take part."""
    manager, problem = _manager(place)
    rows = list_plugins(
        None if manager is None or manager.extensions is None else manager.extensions.roster
    )
    if as_json:
        click.echo(dumps(plugins_object(rows)), nl=False)
    else:
        click.echo(plugins_text(rows), nl=False)
    if problem is not None:
        raise problem
    return 0


def _manager(place: Place) -> tuple[StageManager | None, StagemakeError | None]:
    """Return a manager whose session has begun as far as it can, and what stopped it."""
    try:
        manager = place.manager(ExecutionMode.DRY_RUN, tell_nothing, tolerates_unknown_plugins=True)
    except NoStagefile:
        return None, None  # outside of any project: what is installed can be shown all the same
    except StagemakeError as error:
        return (place.opened[-1] if place.opened else None), error
    return manager, None
