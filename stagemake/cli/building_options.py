"""The options that every command that builds has, worded once."""

from __future__ import annotations

import click

from stagemake.model.mode import CacheMode

jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=None, metavar="N",
    help="Run N stages side by side (default: one a processor).",
)  # fmt: skip
keep_going_option = click.option(
    "-k", "--keep-going", is_flag=True, help="Go on with what does not need a failed stage."
)
silent_option = click.option("-s", "--silent", is_flag=True, help="Print failures only.")
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Print reasons, unchanged stages and replayed logs."
)
cache_option = click.option(
    "--cache", type=click.Choice([mode.value for mode in CacheMode]), default="on",
    help="What may be done with the cache.",
)  # fmt: skip
