"""`stagemake why STAGE`: why it would run, or ran last time."""

from __future__ import annotations

import click

from stagemake.cli.project_options import Place, project_options
from stagemake.model.error import UsageError
from stagemake.model.request import BuildRequest
from stagemake.report.why_text import why_text


@click.command("why")
@click.argument("stages", nargs=-1, required=True, metavar="STAGE...")
@project_options
def command(place: Place, stages: tuple[str, ...]) -> int:
    """Say why STAGE would run, be restored or is fresh: each input, variable and function."""
    manager = place.manager()
    request = BuildRequest(targets=stages, cwd=place.cwd(manager.root))
    explanations = manager.explain(request)
    if not explanations:
        raise UsageError("nothing to explain")
    click.echo("\n".join(why_text(each) for each in explanations), nl=False)
    return 0
