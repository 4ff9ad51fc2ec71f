"""`stagemake cache`: where it is, what is in it, and keeping it in order."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any

import click
from attrs import define

from stagemake.cache.locate import cache_directory
from stagemake.cli.project_options import color_option
from stagemake.cli.raw_output import terminal_columns
from stagemake.cli.size_type import SizeType
from stagemake.model.error import NoStagefile, StagemakeError, UsageError
from stagemake.model.record import references
from stagemake.report.amount import joined, plural, printable, size
from stagemake.report.json_form import dumps
from stagemake.report.style import style_for
from stagemake.settings import ProjectConfig, read_project_config
from stagemake.stagefile.find import find_stagefile

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.cache.disk import DiskStore


def _settings(start: str) -> tuple[str, ProjectConfig]:
    """Return the project's root, or the directory itself without a project, and its settings."""
    try:
        root = os.path.dirname(find_stagefile(start))
    except NoStagefile:
        root = os.path.abspath(start)
    return root, read_project_config(root)


@define
class CachePlace:
    """Which cache, from -C and --cache-dir."""

    start: str = "."
    given: str | None = None

    @property
    def settings(self) -> ProjectConfig:
        """The settings of the project here."""
        return _settings(self.start)[1]

    @property
    def directory(self) -> str:
        """Where the cache is, absolute; it may not exist."""
        root, settings = _settings(self.start)
        configured = settings.cache_dir
        if configured and not configured.startswith("~"):
            configured = os.path.join(root, configured)
        return cache_directory(self.given, os.environ, configured or None)

    def open(self) -> DiskStore | None:
        """Open the cache; None, said on stderr, when there is none yet.

        Raises:
            StagemakeError: It can't be used.
        """
        directory = self.directory
        if not os.path.isdir(directory):
            click.echo("stagemake: there is no cache yet", err=True)
            return None
        from stagemake.cache.disk import open_store  # noqa: PLC0415 - gate, 40 ms, that `--help` does not need

        settings = self.settings
        store, problem = open_store(
            directory, budget_bytes=settings.cache_bytes, max_age_s=settings.cache_age_s
        )
        if store is None:
            raise StagemakeError(f"the cache can't be used: {problem}")
        if problem:
            click.echo(f"stagemake: cache: {printable(problem)}", err=True)
        return store


def _place_options(function: Callable[..., Any]) -> Callable[..., Any]:  # Any: click's own shape
    """Give a command -C and --cache-dir, its own or those before its name, and pass a CachePlace."""

    @click.option("-C", "--directory", metavar="DIR", help="Work in DIR.")
    @click.option("--cache-dir", metavar="DIR", help="The cache in DIR.")
    @functools.wraps(function)
    def wrapped(directory: str | None, cache_dir: str | None, **rest: Any) -> Any:
        place = click.get_current_context().ensure_object(CachePlace)
        place.start = directory or place.start
        place.given = cache_dir or place.given
        return function(place, **rest)

    return wrapped


@click.group("cache", invoke_without_command=True)
@_place_options
@click.pass_context
def command(context: click.Context, place: CachePlace) -> None:
    """Look at the cache, clean it up, check it."""
    del place  # kept in the context for the command that follows
    if context.invoked_subcommand is None:
        raise UsageError(
            "`stagemake cache` needs a command",
            hint=f"there are {joined(command.list_commands(context))}",
        )


@command.command("path")
@_place_options
def path(place: CachePlace) -> int:
    """Print where the cache is."""
    # Scripts want the bytes, people a line that drives nothing.
    click.echo(printable(place.directory) if sys.stdout.isatty() else place.directory)
    return 0


@command.command("stats", short_help="Say what is in the cache and what it was worth here.")
@_place_options
@click.option("-a", "--all", "shows_all", is_flag=True, help="Cut no list.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
def stats(place: CachePlace, color: str, *, shows_all: bool, as_json: bool) -> int:
    """Say what is in the cache, what `gc` would remove, and what it was worth to this project."""
    from stagemake.cli.cache_state import cache_state  # noqa: PLC0415 - gate, one command only
    from stagemake.report.cache_text import cache_lines, cache_object  # noqa: PLC0415 - as above

    state = cache_state(place.directory, place.settings, place.start)
    if as_json:
        click.echo(dumps(cache_object(state)), nl=False)
    else:
        style = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
        lines = cache_lines(state, shows_all=shows_all, style=style, columns=terminal_columns())
        click.echo("\n".join(lines), color=True)
    return 0


@command.command("gc")
@_place_options
@click.option(
    "--max-size",
    type=SizeType(),
    metavar="SIZE",
    help="Shrink to SIZE, like 2GiB (default: the limit).",
)
@click.option("--max-age", type=click.FloatRange(min=0), metavar="DAYS",
              help="Remove what was unused for DAYS.")  # fmt: skip
def gc(place: CachePlace, max_size: int | None, max_age: float | None) -> int:
    """Remove what was used longest ago, down to the limits."""
    store = place.open()
    if store is None:
        return 0
    try:
        from stagemake.cache.collect import collect  # noqa: PLC0415 - as `open_store`

        done = collect(
            store,
            references,
            budget_bytes=max_size,
            max_age_s=None if max_age is None else max_age * 86_400,
        )
    finally:
        store.close()
    removed = f"{plural(done.records, 'record')} and {plural(done.blobs, 'blob')}"
    click.echo(
        f"removed {removed}, {size(done.freed_bytes)}; {size(done.kept_bytes)} left"
        if done.records or done.blobs
        else f"nothing to remove; {size(done.kept_bytes)} in the cache"
    )
    return 0


@command.command("verify")
@_place_options
def verify_command(place: CachePlace) -> int:
    """Read everything again and remove what is damaged. Exits with 1 if anything was."""
    store = place.open()
    if store is None:
        return 0
    try:
        from stagemake.cache.collect import verify  # noqa: PLC0415 - as `open_store`

        found = verify(store)
    finally:
        store.close()
    click.echo(
        f"{found.entries} records and blobs, {size(found.bytes)} read: {found.damaged} damaged"
        + (" and removed" if found.damaged else "")
    )
    return 1 if found.damaged else 0


@command.command("clear")
@_place_options
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def clear(place: CachePlace, *, yes: bool) -> int:
    """Remove everything from the cache."""
    store = place.open()
    if store is None:
        return 0
    try:
        if not yes and sys.stdin.isatty():
            click.confirm(f"remove everything in {store.directory}?", abort=True)
        from stagemake.cache.collect import clear as clear_store  # noqa: PLC0415 - as `open_store`

        done = clear_store(store)
    finally:
        store.close()
    click.echo(f"removed {size(done.freed_bytes)}")
    return 0
