"""Options that every command about a project shares, and the manager they describe."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from stagemake.manager import StageManager
from stagemake.model.error import UsageError
from stagemake.stagefile import recorder
from stagemake.stagefile.loader import find_stagefile
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Place:
    """Where to work, from -C, -f, -D and --cache-dir."""

    directory: str  # absolute
    stagefile: str  # as given; empty: the nearest
    values: tuple[str, ...]
    cache_dir: str | None

    def path(self) -> str:
        """Return where the Stagefile is, absolute, without reading it.

        Raises:
            StagemakeError: There is none.
        """
        path = (
            os.path.realpath(os.path.join(self.directory, self.stagefile))
            if self.stagefile
            else os.path.realpath(find_stagefile(self.directory))
        )
        if not os.path.isfile(path):
            raise UsageError(f"there is no Stagefile `{self.stagefile}`")
        return path

    def state(self) -> StateStore:
        """Return the project's memory, without running the Stagefile.

        Raises:
            StagemakeError: There is no Stagefile.
        """
        path = self.path()
        return StateStore(os.path.dirname(path), os.path.basename(path))

    def manager(self, **keywords: Any) -> StageManager:  # Any: passed on to StageManager
        """Return a manager with the project's Stagefile loaded.

        Raises:
            StagemakeError: There is none, or something in it is wrong.
        """
        path = self.path()
        manager = StageManager(
            os.path.dirname(path),
            cache_dir=self.cache_dir,
            config=dict(map(_pair, self.values)),
            **keywords,
        )
        if recorder.is_installed() and not self.values:
            # What comes of -D is of this run only.
            manager.project.session.recorder = recorder.Recorder(manager.root)
        manager.load(os.path.basename(path))
        return manager

    def cwd(self, root: str) -> str:
        """Return the working directory relative to `root`; empty for the root itself."""
        relative = os.path.relpath(os.path.realpath(self.directory), root)
        return "" if relative == "." or relative.startswith("..") else relative


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"-D takes NAME=VALUE, not `{text}`")
    return name, value


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
        place = Place(os.path.abspath(directory), stagefile, values, cache_dir)
        return function(place, **rest)

    return wrapped


color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colour the output.",
)
