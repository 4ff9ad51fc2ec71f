"""`stagemake list`: what there is to build."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known, stdout_has, terminal_columns
from stagemake.model.error import UsageError
from stagemake.report.json_form import dumps
from stagemake.report.listing import listing_object, listing_text
from stagemake.report.style import style_for

if TYPE_CHECKING:
    from stagemake.cli.place import Place


@click.command("list")
@click.argument("targets", nargs=-1)
@click.option("--tree", is_flag=True, help="Show below each stage what it waits for.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@project_options
def command(
    place: Place, targets: tuple[str, ...], color: str, *, tree: bool, as_json: bool
) -> int:
    """Show stages and pipelines; with TARGETS only what these take. In execution order."""
    if tree and as_json:
        raise UsageError(
            "`--tree` is for people, `--json` for programs: give one of them",
            hint="`stagemake graph --format json` has the edges",
        )
    style = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
    manager = place.manager()
    pipeline = manager.project.shown(targets, place.cwd(manager.root))
    if tree:
        from stagemake.report.listing_tree import ASCII, UNICODE, final_stages, tree_text  # noqa: PLC0415 - gate, 3 ms, --tree only

        roots = tuple(dict.fromkeys(pipeline.targets)) if targets else final_stages(pipeline)
        twigs = UNICODE if stdout_has(UNICODE.fork + UNICODE.last + UNICODE.beside) else ASCII
        print_known(tree_text(pipeline, roots, twigs, style))
        return 0
    pipelines = () if targets else tuple(manager.project.registry.pipelines.values())
    if as_json:
        click.echo(dumps(listing_object(pipeline.stages, pipelines)), nl=False)
    else:
        columns = terminal_columns()
        print_known(listing_text(pipeline.stages, pipelines, columns, style))
    return 0
