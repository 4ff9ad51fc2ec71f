"""`stagemake build`: bring targets up to date, or say what that would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagemake.cli.building_options import (
    cache_option,
    jobs_option,
    keep_going_option,
    silent_option,
    verbose_option,
)
from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.typed import Typed

if TYPE_CHECKING:
    from stagemake.cli.place import Place


@click.command("build")
@click.argument("targets", nargs=-1)
@jobs_option
@keep_going_option
@click.option("-n", "--dry-run", is_flag=True, help="Report what would happen and change nothing.")
@click.option(
    "-q", "--question", is_flag=True, help="Say nothing; exit with 1 if there is work to do."
)
@click.option("-B", "--always-make", is_flag=True, help="Run every wanted stage.")
@silent_option
@verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("-W", "--assume-changed", multiple=True, metavar="PATH",
              help="With -n: plan as if PATH had other content; may be repeated.")  # fmt: skip
@click.option("--affected", metavar="REV",
              help="Of TARGETS only what is affected by files that differ from REV of git.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="With -n: also write the plan to FILE.")
@click.option("--plan", "plan_file", metavar="FILE",
              help="Do exactly what the plan in FILE says, or exit with 4.")  # fmt: skip
@click.option("--ask", is_flag=True, help="Show the plan and ask before anything is done.")
@click.option("--events", metavar="FILE", help="Write what happens to FILE, as lines of JSON.")
@click.option("--timeline", metavar="FILE",
              help="Write a timeline to FILE, for Perfetto or Chrome.")  # fmt: skip
@cache_option
@click.option("--cache-store", default="", metavar="NAME",
              help="Use the cache NAME, which a plugin brings (default: disk).")  # fmt: skip
@click.option("--runner", default="", metavar="NAME",
              help="Have the runner NAME, which a plugin brings, run actions (default: local).")  # fmt: skip
@click.option("--check", is_flag=True,
              help="Watch what stages read and write; fail those that do not declare it.")  # fmt: skip
@click.option("--sandbox", is_flag=True, help="Keep stages from what they do not declare.")
@click.option("--no-wait", is_flag=True, help="Exit with 75 when another build holds the project.")
@color_option
@project_options
def command(  # noqa: PLR0917 - click passes keywords
    place: Place,
    targets: tuple[str, ...],
    jobs: int | None,
    keep_going: bool,
    dry_run: bool,
    question: bool,
    always_make: bool,
    silent: bool,
    verbose: bool,
    as_json: bool,
    assume_changed: tuple[str, ...],
    affected: str | None,
    output: str | None,
    plan_file: str | None,
    ask: bool,
    events: str | None,
    timeline: str | None,
    cache: str,
    cache_store: str,
    runner: str,
    check: bool,
    sandbox: bool,
    no_wait: bool,
    color: str,
) -> int:
    """Bring TARGETS up to date: stages, pipelines, output paths or patterns like 'compile.*'.

    Without targets: the default pipeline, else every stage.
    """
    from stagemake.cli.build import carry_out  # noqa: PLC0415 - gate, 90 ms, that `--help` does not need

    typed = Typed(
        targets, jobs or 0, keep_going, dry_run, question, always_make, silent, verbose, as_json,
        assume_changed, affected, output, plan_file, ask, events, timeline, cache, cache_store,
        runner, check, sandbox, no_wait, color,
    )  # fmt: skip
    return carry_out(place, typed)
