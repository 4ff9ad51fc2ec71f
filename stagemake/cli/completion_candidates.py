"""What may come next on a command line: commands, options, their values, and targets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from attrs import define, field

from stagemake.cli.command_names import COMMANDS, LEADING
from stagemake.cli.completion_names import Where, config_names, declared
from stagemake.cli.completion_offer import commands, matching, named
from stagemake.cli.main import group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.cli.completion_offer import Answer, Candidate

_TARGETS = ("targets", "stages")  # the arguments that name what to build
_DIRECTORIES = ("directory", "cache_dir", "scratch_dir")
_FILES = ("stagefile", "output", "plan_file", "assume_changed")
NOTHING: Answer = ((), "")


def complete(words: Sequence[str], incomplete: str) -> Answer:
    """Return what may stand in place of `incomplete` behind `words`, the program's name not included.

    Runs the Stagefile when its names are asked for; one that fails gives no candidates. Nothing is written.
    """
    line = _read_line(words)
    if line.pending is not None:
        return _values_of(line, line.pending, incomplete, "")
    if incomplete.startswith("-") and not line.is_literal:
        return _options(line, incomplete)
    return matching(_arguments(line, incomplete), incomplete), ""


@define
class _Line:
    """The finished words, read as click would read them."""

    command: click.Command
    context: click.Context
    may_name_command: bool
    is_literal: bool = False  # behind `--`
    pending: click.Option | None = None  # the option that the next word is a value of
    values: dict[str, list[str]] = field(factory=dict)  # of options, by parameter
    arguments: list[str] = field(factory=list)

    def options(self) -> dict[str, click.Option]:
        return {
            name: param
            for param in self.command.get_params(self.context)
            if isinstance(param, click.Option) and not param.hidden
            for name in (*param.opts, *param.secondary_opts)
        }

    def note(self, option: click.Option, value: str) -> None:
        self.values.setdefault(option.name or "", []).append(value)

    def where(self) -> Where:
        """Return which Stagefile the line is about."""
        directory = self.values.get("directory", ["."])[-1]
        stagefile = self.values.get("stagefile", [""])[-1]
        return Where(
            os.path.abspath(os.path.expanduser(directory)),
            os.path.expanduser(stagefile),
            tuple(self.values.get("values", ())),
        )


def _read_line(words: Sequence[str]) -> _Line:
    context = click.Context(group)
    at = 0
    while at < len(words) and words[at].startswith(LEADING):
        at += 2 if words[at] in LEADING else 1
    is_named = at < len(words) and words[at] in COMMANDS
    command = group.get_command(context, words[at] if is_named else "build")
    assert command is not None, "COMMANDS names commands"
    line = _Line(command, context, may_name_command=at == len(words))
    rest = [*words[:at], *words[at + 1 :]] if is_named else words
    for word in rest:
        _read_word(line, word)
    return line


def _read_word(line: _Line, word: str) -> None:
    if line.pending is not None:
        line.note(line.pending, word)
        line.pending = None
    elif line.is_literal or not word.startswith("-") or word == "-":
        inner = line.command
        found = inner.get_command(line.context, word) if isinstance(inner, click.Group) else None
        if found is None:
            line.arguments.append(word)
        else:
            line.command = found
    elif word == "--":
        line.is_literal = True
    elif word.startswith("--"):
        name, equals, value = word.partition("=")
        _read_option(line, name, value if equals else None)
    else:
        _read_cluster(line, word)


def _read_cluster(line: _Line, word: str) -> None:
    """Read `-kn`, `-j4` or `-kj4`."""
    options = line.options()
    for at in range(1, len(word)):
        option = options.get(f"-{word[at]}")
        if option is None or _takes_value(option):
            _read_option(line, f"-{word[at]}", word[at + 1 :] or None)
            return


def _read_option(line: _Line, name: str, value: str | None) -> None:
    option = line.options().get(name)
    if option is None or not _takes_value(option):
        return
    if value is None:
        line.pending = option
    else:
        line.note(option, value)


def _takes_value(option: click.Option) -> bool:
    return not option.is_flag and not option.count


def _options(line: _Line, incomplete: str) -> Answer:
    options = line.options()
    name, equals, value = incomplete.partition("=")
    if incomplete.startswith("--"):
        if equals:
            option = options.get(name)
            return _values_of(line, option, value, f"{name}=") if option else NOTHING
    elif len(incomplete) > 2:
        option = options.get(incomplete[:2])
        if option is not None and _takes_value(option):
            return _values_of(line, option, incomplete[2:], incomplete[:2])
    found = [(name, option.help or "", False) for name, option in options.items()]
    if line.may_name_command:
        found.append(("--version", "Show the version and exit.", False))
    return matching(found, incomplete), ""


def _values_of(line: _Line, option: click.Option, incomplete: str, prefix: str) -> Answer:
    """Return what a value may be; `prefix` is what stands before it in the same word."""
    if not _takes_value(option):
        return NOTHING
    if isinstance(option.type, click.Choice):
        found = _choices(option.type)
    elif option.name == "values":
        found = config_names(line.where())
    elif option.name in _DIRECTORIES:
        return (), "dir"
    elif option.name in _FILES:
        return (), "file"
    else:
        return NOTHING
    fitting = matching(found, incomplete)
    return [(prefix + text, about, goes_on) for text, about, goes_on in fitting], ""


def _choices(kind: click.Choice[str]) -> list[Candidate]:
    return [(str(choice), "", False) for choice in kind.choices]


def _arguments(line: _Line, incomplete: str) -> list[Candidate]:
    if isinstance(line.command, click.Group):
        inner = line.command
        of_group = [
            (name, inner.get_command(line.context, name))
            for name in inner.list_commands(line.context)
        ]
        return [(name, one.get_short_help_str() if one else "", False) for name, one in of_group]
    argument = _next_argument(line)
    if argument is not None and argument.name in _TARGETS:
        where = line.where()
        return named(
            declared(where), where.directory, incomplete, line.arguments,
            with_commands=line.may_name_command,
        )  # fmt: skip
    found = commands() if line.may_name_command else []
    if argument is not None and isinstance(argument.type, click.Choice):
        found += _choices(argument.type)
    return found


def _next_argument(line: _Line) -> click.Argument | None:
    count = len(line.arguments)
    for param in line.command.get_params(line.context):
        if isinstance(param, click.Argument):
            if param.nargs == -1 or count < param.nargs:
                return param
            count -= param.nargs
    return None
