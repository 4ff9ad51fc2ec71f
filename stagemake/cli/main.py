"""The click group: `stagemake [OPTIONS] [TARGETS…]` is `stagemake build …`, everything else by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

import stagemake
from stagemake.cli.command_names import COMMANDS, LEADING
from stagemake.cli.ending import complain, status_of
from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_PLUGIN = "stagemake.command_of_plugin"


def _first_word(args: Sequence[str]) -> int:
    """Return the position of what stands behind the options that may stand first."""
    at = 0
    while at < len(args) and args[at].startswith(LEADING):
        takes_next = args[at] in LEADING  # else it is -fFILE or --file=FILE
        at += 2 if takes_next else 1
    return at


def _command_first(args: list[str]) -> list[str]:
    """Move a command's name in front of the options that stand before it."""
    at = _first_word(args)
    if 0 < at < len(args) and args[at] in COMMANDS:
        return [args[at], *args[:at], *args[at + 1 :]]
    return args


def _plugin_command(args: Sequence[str]) -> click.Command | None:
    """Return the command of a plugin that the first word names, if a plugin may take part at all."""
    at = _first_word(args)
    if at >= len(args) or args[at].startswith("-") or args[at] in COMMANDS:
        return None
    from stagemake.cli import plugin_command  # noqa: PLC0415 - gate, 1 ms, where there is such a word

    if not plugin_command.names_plugins(args[:at]):
        return None
    owner = plugin_command.plugin_commands().get(args[at])
    return None if owner is None else plugin_command.command_of(args[at], owner, _rerun)


def _rerun(args: Sequence[str]) -> int:
    return int(group.main(list(args), prog_name="stagemake", standalone_mode=False) or 0)


class _NobodyReads(Exception):
    """A broken pipe on its way through click, which would end with 1 for it."""


class DefaultGroup(click.Group):
    """Commands are imported when named; whatever names none is for `build`."""

    def invoke(self, ctx: click.Context) -> Any:  # Any: as click declares it
        """Run a command; a broken pipe is left to whoever knows the exit status for it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _NobodyReads from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order people want to read them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        of_plugin: click.Command | None = ctx.meta.get(_OF_PLUGIN)
        if of_plugin is not None and of_plugin.name == cmd_name:
            return of_plugin
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"stagemake.cli.{cmd_name}_command")
        found: click.Command = module.command
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `build` in front unless a command, --help or --version comes first."""
        of_plugin = _plugin_command(args)
        if of_plugin is not None:
            ctx.meta[_OF_PLUGIN] = of_plugin
            at = _first_word(args)  # what follows the name is the plugin's, options too
            return super().parse_args(ctx, [args[at], *args[:at], "--", *args[at + 1 :]])
        args = _command_first(args)
        if not args or (args[0] not in COMMANDS and args[0] not in {"--help", "--version", "-h"}):
            args = ["build", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        from stagemake.cli import plugin_command  # noqa: PLC0415 - gate, 1 ms, help only

        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        found = plugin_command.plugin_commands() if plugin_command.names_plugins(()) else {}
        if found:
            with formatter.section("Commands of installed plugins, where the project names these"):
                formatter.write_dl([(name, f"of `{found[name]}`") for name in sorted(found)])


@click.group(
    cls=DefaultGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Options of `build` can be given without naming it: stagemake -n app. "
    "`stagemake COMMAND --help` tells more.",
    subcommand_metavar="[COMMAND] [OPTIONS] [TARGETS]...",
)
@click.version_option(stagemake.__version__, prog_name="stagemake", message="%(prog)s %(version)s")
def group() -> None:
    """Build what changed, restore what was built before, and say beforehand what that takes."""


def run(argv: Sequence[str]) -> int:
    """Run the command line and return its exit status; prints its own errors."""
    return status_of(lambda: _run(argv))


def _run(argv: Sequence[str]) -> int:
    """Run the command line; errors that are not about how it was typed are raised."""
    try:
        result: Any = group.main(list(argv), prog_name="stagemake", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except _NobodyReads as error:
        raise BrokenPipeError from error
    except click.Abort:
        return 130
    except click.UsageError as error:
        from stagemake.cli.usage_mistakes import usage_mistake  # noqa: PLC0415 - gate, this error only

        return complain(usage_mistake(error, f"stagemake {_command_of(argv)}"))
    except click.ClickException as error:
        return complain(UsageError(error.format_message()))
    return int(result or 0)


def _command_of(argv: Sequence[str]) -> str:
    at = _first_word(argv)
    return argv[at] if at < len(argv) and argv[at] in COMMANDS else "build"
