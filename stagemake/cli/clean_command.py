"""`stagemake clean`: remove what stagemake made, and never anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagemake.cleaning import clean, find_cleanup
from stagemake.cli.project_options import project_options
from stagemake.model.mode import ExecutionMode
from stagemake.report.amount import plural, printable

if TYPE_CHECKING:
    from stagemake.cli.place import Place


@click.command("clean")
@click.argument("targets", nargs=-1)
@click.option("-n", "--dry-run", is_flag=True, help="List what would be removed.")
@project_options
def command(place: Place, targets: tuple[str, ...], *, dry_run: bool) -> int:
    """Remove outputs as stagemake left them; with TARGETS only those of these stages.

    What was changed since stays, and so does the cache: the next build restores.
    """
    manager = place.manager(ExecutionMode.DRY_RUN if dry_run else ExecutionMode.LIVE)
    names = None
    if targets:
        pipeline = manager.project.pipeline(targets, place.cwd(manager.root))
        names = [pipeline.stages[stage_id].name for stage_id in pipeline.targets]
    stages = manager.get_stages()
    made = {path.rstrip("/") for stage in stages for path in stage.outputs}
    read = {path for stage in stages for path in (*stage.inputs, *stage.implicit)}
    sources = frozenset(read - made)
    if dry_run:
        found = find_cleanup(manager.state, manager.root, names, sources)
    else:
        found = clean(
            manager.state,
            manager.root,
            names,
            sources,
            on_wait=lambda holder: click.echo(
                f"stagemake: waiting for a build of this project ({holder})", err=True
            ),
        )
    for path in found.removed:
        click.echo(f"{'would remove' if dry_run else 'removed'} {printable(path)}")
    for path in found.left:
        click.echo(f"left {printable(path)}: changed since stagemake made it", err=True)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"stagemake: {plural(len(found.removed), 'output')} {verb}", err=True)
    return 0
