"""`stagemake verify [STAGES]`: rerun what has a result, apart from the project, and compare."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from stagemake.cli.building_options import jobs_option
from stagemake.cli.place import Place, tell_notices
from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known
from stagemake.cli.signals import until_stopped
from stagemake.model.error import UsageError
from stagemake.model.mode import CacheMode, ExecutionMode
from stagemake.model.request import BuildRequest
from stagemake.report.json_form import dumps
from stagemake.report.style import style_for
from stagemake.report.verify_json import verification_object
from stagemake.report.verify_text import progress_line, verification_text

if TYPE_CHECKING:
    from stagemake.model.verification import Checked


@click.command("verify")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option("--sample", type=click.IntRange(min=1), default=None, metavar="N",
              help="Rerun N of them, chosen at random.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=None, metavar="NUMBER",
              help="Choose as a run before did, which printed NUMBER.")  # fmt: skip
@jobs_option
@click.option("--keep", is_flag=True, help="Keep the directories of what differs or failed.")
@click.option("--scratch-dir", default="", metavar="DIR",
              help="Rerun below DIR (default: TMPDIR, else /tmp).")  # fmt: skip
@click.option("-s", "--silent", is_flag=True, help="Print the result only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--no-wait", is_flag=True, help="Exit with 75 when another build holds the project.")
@color_option
@project_options
def command(  # noqa: PLR0917 - click passes keywords
    place: Place,
    stages: tuple[str, ...],
    sample: int | None,
    seed: int | None,
    jobs: int | None,
    keep: bool,
    scratch_dir: str,
    silent: bool,
    as_json: bool,
    no_wait: bool,
    color: str,
) -> int:
    """Rerun STAGES that are up to date or in the cache, and compare what they make, byte by byte.

    Without STAGES: all. They run in a directory of their own; the project and the cache stay as they are.
    Exits with 1 if anything differs or fails, or nothing could be compared.
    """
    if seed is not None and sample is None:
        raise UsageError(
            "`--seed` goes with `--sample`", hint="stagemake verify --sample N --seed NUMBER"
        )
    if scratch_dir and not os.path.isdir(scratch_dir):
        raise UsageError(f"there is no directory `{scratch_dir}`")
    manager = place.manager(ExecutionMode.LIVE, tell_notices, jobs=jobs or 0)
    everything = tuple(str(stage.name) for stage in manager.get_stages() if not stage.service)
    request = BuildRequest(
        targets=stages or everything,
        jobs=jobs or 0,
        cache=CacheMode.READ,
        wait=not no_wait,
        cwd=place.cwd(manager.root),
    )
    style = style_for(color, os.environ, is_terminal=sys.stderr.isatty())

    def tell(checked: Checked, done: int, total: int) -> None:
        if not silent:
            click.echo(progress_line(checked, done, total, style), err=True, color=style.is_on)

    with until_stopped(manager):
        found = manager.verify(
            request,
            sample=sample or 0,
            seed=seed,
            keep=keep,
            scratch_dir=scratch_dir,
            on_checked=tell,
        )
    if as_json:
        click.echo(dumps(verification_object(found)), nl=False)
    else:
        on_stdout = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
        print_known(verification_text(found, on_stdout))
    if found.interrupted_by:
        return 128 + found.interrupted_by
    return int(not found.ok)
