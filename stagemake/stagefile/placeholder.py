"""The placeholders of commands: checked when declared, filled in when a stage needs its argv."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

from stagemake.model.error import BadPlaceholder, did_you_mean
from stagemake.model.stage import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.stage import Stage

# Exactly these are placeholders; every other brace is the user's own text (awk, ${X}, JSON).
_FIELD = r"(?:inputs|outputs)(?:\[-?\d+\])?|depfile|params\.[A-Za-z_][A-Za-z0-9_]*"
_TOKEN = re.compile(r"\{\{(" + _FIELD + r")\}\}|\{(" + _FIELD + r")\}")
# A program's name with paths right behind it; `python{params.version}` is meant so.
_GLUED = r"\w\{(?!params\.)(?:" + _FIELD + r")\}"
_FORMS = ("{inputs}", "{outputs}", "{depfile}", "{params.NAME}")
# What looks like a slip: a placeholder's word spelled almost right.
_SLIP = (
    r"(?<![{$])\{(input|output|deps|in|out|inputs\.[^{}]*|outputs\.[^{}]*|param\.[^{}]*"
    r"|params\[[^{}]*)\}(?!\})"
)


def check_template(stage: Stage) -> None:
    """Check that every placeholder of a command can be filled in.

    Raises:
        BadPlaceholder: An index is out of range, a parameter or the depfile isn't declared, or a
            word in braces is a likely slip.
    """
    action = stage.action
    if not isinstance(action, Command):
        return
    for text in action.template:
        if "{" not in text:
            continue
        for match in _TOKEN.finditer(text):
            if match[2]:
                _values(stage, match[2])
        slip = re.search(_SLIP, text)
        if slip and not action.shell:
            raise BadPlaceholder(f"`{slip[0]}` is no placeholder", hint=_meant(slip))


def slips_in(stage: Stage) -> list[str]:
    """Return what may be wrong with the command of a stage that has failed, one line each.

    Not said before: a program may be called so, and what is in braces is the shell's, unless it is a placeholder.
    """
    action = stage.action
    if not isinstance(action, Command):
        return []
    if not action.shell:
        program = action.template[0]
        glued = re.search(_GLUED, program)
        return [f"`{program}` is one word: is a comma missing in the list?"] if glued else []
    found = {slip[0]: slip for slip in re.finditer(_SLIP, action.template[0])}
    return [f"`{text}` is no placeholder: {_meant(slip)}" for text, slip in found.items()]


def _meant(slip: re.Match[str]) -> str:
    if slip[1] == "deps":
        return "did you mean `{depfile}`?"
    near = did_you_mean(slip[0], _FORMS)
    return near or f"there are {', '.join(_FORMS)}"


def argv_of(stage: Stage) -> tuple[str, ...]:
    """Return the argv of a command stage with its placeholders filled in.

    A list item that is exactly `{inputs}` or `{outputs}` becomes one argument a path; inside a
    longer item, paths are joined by spaces. In a shell text every value is quoted. Paths of the
    project are relative to the stage's working directory.
    """
    action = stage.action
    if not isinstance(action, Command):
        raise TypeError(f"stage {stage.name} has no command")
    if action.shell:
        return ("/bin/sh", "-c", _filled(stage, action.template[0], in_shell=True))
    argv: list[str] = []
    for item in action.template:
        if item in {"{inputs}", "{outputs}"}:
            argv.extend(_values(stage, item[1:-1]))
        elif "{" in item:
            argv.append(_filled(stage, item, in_shell=False))
        else:
            argv.append(item)
    return tuple(argv)


def program_of(stage: Stage, name: str) -> str:
    """Return a program's name, as a stage's command has it, with its placeholders filled in: the first of several paths."""
    if name in {"{inputs}", "{outputs}"}:
        return next(iter(_values(stage, name[1:-1])), name)
    return _filled(stage, name, in_shell=False)


def with_params(text: str, params: Sequence[tuple[str, object]]) -> str:
    """Return a program's name with its parameters filled in and all else as it is: before there is a stage."""
    values = {f"params.{name}": str(value) for name, value in params}
    return _TOKEN.sub(lambda match: values.get(match[2] or "", match[0]), text)


def _filled(stage: Stage, text: str, *, in_shell: bool) -> str:
    if "{" not in text:
        return text

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return f"{{{match[1]}}}"
        values = _values(stage, match[2])
        return " ".join(quote(value) for value in values) if in_shell else " ".join(values)

    return _TOKEN.sub(fill, text)


def _values(stage: Stage, field: str) -> Sequence[str]:
    if field == "depfile":
        if stage.depfile is None:
            raise BadPlaceholder(
                "the command has `{depfile}`, but the stage declares none",
                hint='add depfile="build/name.d"',
            )
        return (_argument(stage.depfile, stage.cwd),)
    if field.startswith("params."):
        name = field[len("params.") :]
        params = dict(stage.params)
        if name not in params:
            raise BadPlaceholder(
                f"the command has `{{{field}}}`, but the stage has no parameter `{name}`",
                hint=did_you_mean(name, params) or f'add params={{"{name}": …}}',
            )
        return (str(params[name]),)
    word, _, index = field.partition("[")
    paths = stage.inputs if word == "inputs" else stage.outputs
    if not index:
        return [_argument(path, stage.cwd) for path in paths]
    number = int(index[:-1])
    if not -len(paths) <= number < len(paths):
        raise BadPlaceholder(
            f"the command has `{{{field}}}`, but the stage has "
            f"{len(paths) or 'no'} {word if len(paths) != 1 else word[:-1]}",
        )
    return (_argument(paths[number], stage.cwd),)


def _argument(path: str, cwd: str) -> str:
    trimmed = path.removesuffix("/")
    if cwd and trimmed[0] != "/":
        trimmed = _relative(trimmed, cwd)
    # A file named `-x` would be read as an option by most programs.
    return f"./{trimmed}" if trimmed.startswith("-") else trimmed


def _relative(path: str, cwd: str) -> str:
    """Return a project path as seen from a directory below the root, neither of them through `..`."""
    own = [] if path == "." else path.split("/")
    start = cwd.split("/")
    shared = 0
    for mine, other in zip(own, start, strict=False):
        if mine != other:
            break
        shared += 1
    return "/".join([".."] * (len(start) - shared) + own[shared:]) or "."
