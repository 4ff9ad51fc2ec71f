"""Reads the command line from click, for the man page and for the reference of the site."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click
from attrs import frozen

from stagemake.cli.main import group

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Command:
    """One command as its `--help` tells it."""

    name: str  # with the words before it: "stagemake cache gc"
    usage: str  # what follows the name: "[OPTIONS] [TARGETS]..."
    short: str  # one line
    paragraphs: tuple[str, ...]  # line breaks only where the help keeps its lines
    options: tuple[tuple[str, str], ...]  # how it is written, what it does


def commands() -> Iterator[Command]:
    """Yield every command of the command line, the whole first, each before its subcommands."""
    waiting = [(click.Context(group, info_name="stagemake"), "")]
    while waiting:
        context, short = waiting.pop(0)
        yield _told(context, short)
        if isinstance(context.command, click.Group):
            inner = [
                click.Context(found, info_name=name, parent=context)
                for name in context.command.list_commands(context)
                if (found := context.command.get_command(context, name)) is not None
            ]
            waiting[:0] = [(each, each.command.get_short_help_str(limit=200)) for each in inner]


def _told(context: click.Context, short: str) -> Command:
    command = context.command
    options = [
        record
        for param in command.get_params(context)
        if isinstance(param, click.Option) and (record := param.get_help_record(context))
    ]
    text = inspect.cleandoc(command.help or "")
    return Command(
        name=context.command_path,
        usage=" ".join(command.collect_usage_pieces(context)),
        short=short,
        paragraphs=tuple(map(_paragraph, text.split("\n\n"))),
        options=tuple(options),
    )


def _paragraph(text: str) -> str:
    kept = text.partition("\b\n")[2]  # how click marks lines that stay as they are
    return kept or " ".join(text.split())
