"""`stagemake list`: what there is to build."""

from __future__ import annotations

import click

from stagemake.cli.project_options import Place, project_options
from stagemake.report.json_form import dumps
from stagemake.report.listing import listing_object, listing_text


@click.command("list")
@click.argument("targets", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@project_options
def command(place: Place, targets: tuple[str, ...], *, as_json: bool) -> int:
    """Show stages and pipelines; with TARGETS only what these take. In execution order."""
    manager = place.manager()
    pipeline = manager.project.pipeline(
        targets or [stage.name for stage in manager.get_stages()], place.cwd(manager.root)
    )
    pipelines = () if targets else tuple(manager.project.registry.pipelines.values())
    if as_json:
        click.echo(dumps(listing_object(pipeline.stages, pipelines)), nl=False)
    else:
        click.echo(listing_text(pipeline.stages, pipelines), nl=False)
    return 0
