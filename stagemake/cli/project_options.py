"""Options that every command about a project shares."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import click

from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def project_options(function: Callable[..., Any]) -> Callable[..., Any]:  # Any: click's own shape
    """Give a command -C, -f, -D and --cache-dir, and pass it a Place."""

    @click.option("-C", "--directory", default=".", metavar="DIR", help="Work in DIR.")
    @click.option("-f", "--file", "stagefile", default="", metavar="FILE", help="Read FILE.")
    @click.option(
        "-D",
        "--define",
        "values",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a configuration value.",
    )
    @click.option("--cache-dir", metavar="DIR", help="Cache results in DIR.")
    @functools.wraps(function)
    def wrapped(
        directory: str, stagefile: str, values: tuple[str, ...], cache_dir: str | None, **rest: Any
    ) -> Any:
        if not os.path.isdir(directory):
            raise UsageError(f"there is no directory `{directory}`")
        from stagemake.cli.place import Place  # noqa: PLC0415 - gate, 15 ms with attrs, that `--help` does not need

        place = Place(os.path.abspath(directory), stagefile, values, cache_dir)
        return place.closed_after(lambda: function(place, **rest))

    return wrapped


color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colour the output.",
)
