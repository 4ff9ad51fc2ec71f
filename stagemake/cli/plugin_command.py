"""A plugin's own command: `stagemake NAME ARGUMENTS…`. Asked when a word is none of stagemake's commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from stagemake.freshness.regular import read_regular
from stagemake.model.error import StagemakeError, UnknownTarget, UsageError
from stagemake.model.mode import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.cli.place import Place

    Rerun = Callable[[Sequence[str]], int]


def names_plugins(leading: Sequence[str]) -> bool:
    """Whether a plugin could take part in the project that these options are about.

    Looks for the words in its two files, so that projects without plugins pay two reads.
    """
    declarations, settings = _texts(*_place_in(leading))
    return b"plugin(" in declarations or (b"stagemake" in settings and b"plugins" in settings)


def plugin_commands() -> Mapping[str, str]:
    """Return the commands of all installed plugins, by name, with who brings them. Imports none of them."""
    from stagemake.plugins.discover import all_installed, commands_among  # noqa: PLC0415 - gate, 60 ms, with plugins only

    return commands_among(all_installed())


def command_of(name: str, owner: str, rerun: Rerun) -> click.Command:
    """Return a click command that hands all that follows its name to the plugin.

    Args:
        name: The command's.
        owner: The plugin that brings it.
        rerun: Runs another command line, when the project does not name the plugin: then it is a target.
    """
    from stagemake.cli.project_options import project_options  # noqa: PLC0415 - gate, 60 ms, that `--help` does not need

    @click.command(name, add_help_option=False)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @project_options
    def command(place: Place, arguments: tuple[str, ...]) -> int:
        manager = place.manager(ExecutionMode.LIVE)
        parts = None if manager.extensions is None else manager.extensions.roster.named_parts
        function = None if parts is None else parts.use("commands", name)
        if function is None:
            broken = manager.extensions.roster.fault_of(owner) if manager.extensions else None
            if broken is not None:
                raise broken.error(f"the command `{name}` can't be used")
            place.close()
            return _as_target(place, name, owner, (arguments, rerun))
        status = function(manager, list(arguments))
        if status is not None and not isinstance(status, int):
            raise UsageError(
                f"the command `{name}` of plugin `{owner}` returned {status!r}, neither a status nor None"
            )
        return int(status or 0)

    return command


def _as_target(place: Place, name: str, owner: str, rest: tuple[Sequence[str], Rerun]) -> int:
    arguments, rerun = rest
    leading = ["-C", place.directory]
    leading += ["-f", place.stagefile] if place.stagefile else []
    leading += [word for value in place.values for word in ("-D", value)]
    leading += ["--cache-dir", place.cache_dir] if place.cache_dir else []
    try:
        return rerun(["build", *leading, name, *arguments])
    except UnknownTarget as error:
        text = f"`{owner}` brings a command of that name; the project does not name it"
        error.facts = (*error.facts, ("plugin", text))
        raise


def _place_in(leading: Sequence[str]) -> tuple[str, str]:
    directory, stagefile = ".", ""
    words = iter(leading)
    for word in words:
        for names, is_file in ((("-C", "--directory"), False), (("-f", "--file"), True)):
            value = _value_of(word, names, words)
            if value is not None and is_file:
                stagefile = value
            elif value is not None:
                directory = value
    return directory, stagefile


def _value_of(word: str, names: tuple[str, str], rest: object) -> str | None:
    short, long = names
    if word in names:
        return next(rest, "")  # type: ignore[call-overload, no-any-return]  # an iterator over words
    if word.startswith(f"{long}="):
        return word[len(long) + 1 :]
    return word[2:] if word.startswith(short) else None


def _texts(directory: str, stagefile: str) -> tuple[bytes, bytes]:
    """Return the Stagefile and the project's pyproject.toml; empty where there is none."""
    from stagemake.stagefile.find import find_stagefile  # noqa: PLC0415 - every command needs it

    try:
        path = os.path.join(directory, stagefile) if stagefile else find_stagefile(directory)
    except (StagemakeError, OSError):
        return b"", b""
    return _content(path), _content(os.path.join(os.path.dirname(path), "pyproject.toml"))


def _content(path: str) -> bytes:
    try:
        return read_regular(path)
    except OSError:
        return b""
