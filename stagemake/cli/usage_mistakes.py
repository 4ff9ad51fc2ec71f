"""What click finds wrong with a command line, in the words and the form of all other errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from stagemake.cli.size_type import SizeType
from stagemake.model.error import UsageError, did_you_mean, either

if TYPE_CHECKING:
    from collections.abc import Sequence

# What click's message of a bad value begins with: 'gif' is not one of…, 0 is not in the range…
_BAD_VALUE = re.compile(r"(?P<quote>['\"]?)(?P<value>.*?)(?P=quote) is not ")


def usage_mistake(error: click.UsageError, command: str) -> UsageError:
    """Return click's error as ours: one line, what to do below.

    Args:
        error: What click raised.
        command: The command that was typed, as `stagemake build`: click does not always tell.
    """
    if error.ctx is not None:
        command = error.ctx.command_path
    see = f"see `{command} --help`"
    if isinstance(error, click.NoSuchOption):
        names = [name for param in _params(error) for name in param.opts]
        hint = did_you_mean(error.option_name, names) or see
        return UsageError(f"there is no option `{error.option_name}`", hint=hint)
    if isinstance(error, click.BadOptionUsage):
        return UsageError(f"`{error.option_name}` {_what_it_needs(error)}", hint=see)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return UsageError(f"`{command}` needs a {_metavar(error.param)}", hint=see)
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_value(error, error.param, see)
    unknown = re.match(r"No such command ['\"](.*?)['\"]", error.message)
    if unknown is not None and error.ctx is not None and isinstance(error.ctx.command, click.Group):
        word = unknown[1]
        known = error.ctx.command.list_commands(error.ctx)
        hint = did_you_mean(word, known) or f"there are {', '.join(known)}"
        return UsageError(f"`{command}` has no command `{word}`", hint=hint)
    surplus = re.match(r"Got unexpected extra arguments? \((.*)\)", error.message)
    if surplus is not None:
        return UsageError(f"`{command}` does not take `{surplus[1]}`", hint=see)
    message = error.format_message()
    return UsageError(f"{message[:1].lower()}{message[1:].rstrip('.')}", hint=see)


def _params(error: click.UsageError) -> Sequence[click.Parameter]:
    return error.ctx.command.params if error.ctx is not None else ()


def _what_it_needs(error: click.BadOptionUsage) -> str:
    return "takes no value" if "does not take" in error.message else "needs a value"


def _shown(param: click.Parameter) -> str:
    if param.param_type_name == "argument":
        return f"the {param.name}"
    return f"`{max(param.opts, key=len)}`"


def _metavar(param: click.Parameter) -> str:
    return (param.metavar or param.name or "").rstrip(".").strip("[]")


def _bad_value(error: click.BadParameter, param: click.Parameter, see: str) -> UsageError:
    found = _BAD_VALUE.match(error.message)
    value = found["value"] if found is not None else ""
    kinds = _kinds(param.type)
    if found is None or not kinds:
        message = error.message
        return UsageError(
            f"{_shown(param)}: {message[:1].lower()}{message[1:].rstrip('.')}", hint=see
        )
    hint = ""
    if isinstance(param.type, click.Choice):
        hint = did_you_mean(value, list(map(str, param.type.choices)))
    return UsageError(f"{_shown(param)} is `{value}`, not {kinds}", hint=hint or see)


def _kinds(kind: object) -> str:
    """Return what would do; empty for a type that our options don't have."""
    if isinstance(kind, click.Choice):
        return either(list(map(str, kind.choices)))
    if isinstance(kind, SizeType):
        return "a size such as 2GiB"
    least = getattr(kind, "min", None)
    at_least = f" from {least:g} up" if least is not None else ""
    if isinstance(kind, click.types.IntParamType):
        return f"a whole number{at_least}"
    if isinstance(kind, click.types.FloatParamType):
        return f"a number{at_least}"
    return ""
