"""The words of a Stagefile. Each declares something with the evaluation that is running."""

from __future__ import annotations

import functools
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, TypeVar, cast, overload

from stagemake.model.error import BadPath, BadValue, StagemakeError
from stagemake.model.stage import Call, Command, Stage
from stagemake.stagefile.declare import build_stage, check_depth, check_name
from stagemake.stagefile.glob import expand, start_upwards
from stagemake.stagefile.paths import flaw_of
from stagemake.stagefile.registry import PipelineDefinition, PoolDefinition
from stagemake.stagefile.session import current
from stagemake.stagefile.shown import shown_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from stagemake.model.context import StageContext
    from stagemake.stagefile.keywords import Keywords
    from stagemake.stagefile.session import Session

    StageFunction = Callable[[StageContext], object]

# Flags of code objects; `inspect` has names for them and costs milliseconds.
_TAKES_ANY = 0x04
_IS_GENERATOR = 0x20 | 0x200


def command(name: str, argv_or_text: Sequence[str] | str, /, **keywords: Unpack[Keywords]) -> Stage:
    """Declare a stage that runs a program, and return it.

    Args:
        name: Unique in the project.
        argv_or_text: A list starts without a shell; a text goes through `/bin/sh`. The placeholders
            `{inputs}`, `{outputs}`, `{depfile}`, `{params.NAME}` and `{inputs[0]}` are replaced.
        **keywords: See `Keywords`.

    Raises:
        StagefileError: With the line of the Stagefile.
    """
    session = current()
    location = session.location(1)
    try:
        action = command_action(argv_or_text)
        stage = build_stage(session, name, action, keywords, location)
        for text in action.template:
            if "{" in text:
                from stagemake.stagefile.placeholder import check_template  # noqa: PLC0415 - gate, 3 ms

                check_template(stage)
                break
        session.registry.register(stage)
    except StagemakeError as error:
        raise error.at(f"command({name!r})", location) from None
    return stage


def command_action(argv_or_text: Sequence[str] | str) -> Command:
    """Return what a list or a shell text says to start.

    Raises:
        BadValue: It is neither, or empty.
    """
    if isinstance(argv_or_text, str):
        if not argv_or_text.strip():
            raise BadValue("the command is empty")
        return Command(_sayable((argv_or_text,)), shell=True)
    if not isinstance(argv_or_text, (list, tuple)):
        raise BadValue(
            f"the command is {shown_value(argv_or_text)}, neither a list nor a text",
            hint='write ["program", "argument"] or "program argument"',
        )
    argv = []
    for word in argv_or_text:
        if isinstance(word, Path):
            argv.append(str(word))
        elif isinstance(word, str):
            argv.append(word)
        else:
            raise BadValue(
                f"the command holds {shown_value(word)}",
                hint="every word of a command is a text or a Path"
                if word is not None
                else 'a variable that is not set is None: give a default, env("CC", "cc")',
            )
    if not argv or not argv[0]:
        raise BadValue("the command is empty")
    return Command(_sayable(tuple(argv)))


def _sayable(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if flaw := flaw_of(word):
            raise BadValue(f"the command {flaw}: {shown_value(word)}")
    return words


@overload
def stage(function: StageFunction, /) -> Stage: ...
@overload
def stage(
    function: None = None, /, *, name: str = "", **keywords: Unpack[Keywords]
) -> Callable[[StageFunction], Stage]: ...


def stage(
    function: StageFunction | None = None, /, *, name: str = "", **keywords: Unpack[Keywords]
) -> Stage | Callable[[StageFunction], Stage]:
    """Declare a stage that calls a Python function with a StageContext; plain or `async`.

    The decorated name then stands for the Stage, so that it can be another stage's input.

    Args:
        function: The function, when used as plain `@stage`.
        name: The stage's name; the function's own when left out.
        **keywords: See `Keywords`.

    Raises:
        StagefileError: With the line of the Stagefile.
    """
    session = current()
    location = session.location(1)

    def declare(function: StageFunction) -> Stage:
        own_name = name or getattr(function, "__name__", "")
        try:
            _check_function(function, own_name)
            words = dict(keywords)
            if "description" not in words:
                words["description"] = _first_line(getattr(function, "__doc__", None))
            made = build_stage(session, own_name, Call(function), cast("Keywords", words), location)
            session.registry.register(made)
        except StagemakeError as error:
            raise error.at(f"stage {own_name!r}" if own_name else "@stage", location) from None
        return made

    return declare if function is None else declare(function)


def _check_function(function: object, own_name: str) -> None:
    """Refuse what can't be called with a StageContext, or would then do nothing."""
    if not callable(function):
        raise BadValue(
            f"@stage decorates {shown_value(function)}, not a function",
            hint="its keywords need their names: @stage(inputs=[…])",
        )
    if not own_name or own_name == "<lambda>":
        raise BadValue("a lambda has no name", hint='give one: @stage(name="…")')
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return
    if not code.co_argcount and not code.co_flags & _TAKES_ANY:
        raise BadValue(
            f"`{own_name}` takes no argument, but is called with a StageContext",
            hint=f"write def {own_name}(context)",
        )
    if code.co_flags & _IS_GENERATOR:
        raise BadValue(f"`{own_name}` is a generator: calling it would do nothing")


def _first_line(doc: str | None) -> str:
    return doc.strip().split("\n", 1)[0].strip() if doc and doc.strip() else ""


def glob(pattern: str, *more: str, exclude: Sequence[str] | str = ()) -> list[Path]:
    """Return the files that match, sorted, relative to the Stagefile.

    `*` and `?` stay within a directory, `**` crosses them; hidden files need their dot written. A
    pattern that ends with `/` gives directories. Nothing that matches is an empty list.

    Args:
        pattern: Relative to the Stagefile's directory; of an included one it may begin with `../`.
        *more: Further patterns; a file that matches several is listed once.
        exclude: Patterns to leave out.

    Raises:
        BadPath: A pattern is empty, absolute, or leads out of the project.
    """
    session = current()
    location = session.location(1)
    found: set[str] = set()
    excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    for one in (pattern, *more):
        if not isinstance(one, str) or not one or one.startswith("/"):
            raise BadPath(
                f"glob() takes relative patterns, not {shown_value(one)}",
                facts=[("declared", str(location))],
            )
        try:
            found.update(_expanded(session, one, excluded))
        except StagemakeError as error:
            raise error.at("glob()", location) from None
    return [Path(path) for path in sorted(found)]


def _expanded(session: Session, pattern: str, excluded: tuple[str, ...]) -> list[str]:
    top, up, below, excluded = start_upwards(session.base, pattern, excluded)
    ask = functools.partial(
        expand, session.root, top, below,
        exclude=excluded, more=session.assumed, less=session.concealed,
    )  # fmt: skip
    if session.recorder is None:
        paths, _ = ask()
    else:
        with session.recorder.glob(top, below, excluded) as note:
            note.paths, note.visited = ask()
        paths = note.paths
    session.globs.append((top, below, excluded, paths))
    return [up + path for path in paths]


@overload
def env(name: str, default: str) -> str: ...
@overload
def env(name: str, default: None = None) -> str | None: ...


def env(name: str, default: str | None = None) -> str | None:
    """Return an environment variable as it is now; `default` when it isn't set.

    The value counts wherever it is used: in a command, a path, a parameter.
    """
    session = current()
    if not isinstance(name, str) or not name:
        raise BadValue(f"env() takes the name of a variable, not {shown_value(name)}").at(
            "env()", session.location(1)
        )
    value = session.environ.get(name)
    session.env_read[name] = value
    return default if value is None else value


V = TypeVar("V", str, int, float, bool)


def config(name: str, default: V) -> V:
    """Return a configuration value: `-D NAME=VALUE`, else the project's table, else `default`.

    Text given by `-D` is read as the default's type; booleans are `true` or `false`.

    Raises:
        BadValue: The value can't be read as the default's type.
    """
    session = current()
    if not isinstance(name, str) or not name:
        raise BadValue(f"config() takes a name, not {shown_value(name)}").at(
            "config()", session.location(1)
        )
    session.config_defaults[name] = default
    value = session.config.get(name, default)
    session.config_read[name] = value
    kind = type(default)
    if type(value) is kind:
        return value
    try:
        return cast("V", _converted(value, kind))
    except ValueError:
        raise BadValue(
            f"configuration `{name}` is {value!r}, which is no {kind.__name__}",
            facts=[("default", repr(default)), ("declared", str(session.location(1)))],
        ) from None


def _converted(value: object, kind: type) -> object:
    text = str(value)
    if kind is bool:
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in known:
            raise ValueError(text)
        return known[text.lower()]
    if kind is str and isinstance(value, (list, dict)):
        raise ValueError(text)
    return kind(text)


def pipeline(name: str, stages: Sequence[str | Stage], *, default: bool = False) -> None:
    """Name a selection of stages; the default one is what a build without targets makes.

    It adds no edge: its order is what is preferred and shown.

    Raises:
        StagefileError: With the line of the Stagefile.
    """
    session = current()
    location = session.location(1)
    try:
        check_name(name)
        members, within = [], []
        for member in (stages,) if isinstance(stages, (str, Stage)) else stages:
            if isinstance(member, Stage):
                members.append(str(member.name))
                within.append("")
            elif isinstance(member, str):
                members.append(member)
                within.append(session.prefix)
            else:
                raise BadValue(
                    f"a pipeline holds stages and their names, not {shown_value(member)}"
                )
        # An included Stagefile's default is for those who build it by itself.
        is_default = default and not session.including
        scopes = tuple(within) if session.prefix else ()
        session.registry.define_pipeline(
            PipelineDefinition(session.prefix + name, tuple(members), is_default, location, scopes)
        )
    except StagemakeError as error:
        raise error.at(f"pipeline({name!r})", location) from None


def plugin(name: str) -> None:
    """Have an installed plugin take part: its stages, hooks and reporters join when the Stagefile has run.

    Args:
        name: Of its distribution, as for pip; `stagemake-` in front may be left out.

    Raises:
        StagefileError: With the line of the Stagefile.
    """
    session = current()
    location = session.location(1)
    if not isinstance(name, str) or not name.strip():
        raise BadValue(f"plugin() takes the name of a plugin, not {shown_value(name)}").at(
            "plugin()", location
        )
    session.named_plugins.setdefault(name, location)


def pool(name: str, depth: int) -> str:
    """Limit how many stages with `pool=name` run side by side; return the name.

    Raises:
        StagefileError: With the line of the Stagefile.
    """
    session = current()
    location = session.location(1)
    try:
        check_name(name)
        session.registry.define_pool(PoolDefinition(name, check_depth(depth), location))
    except StagemakeError as error:
        raise error.at(f"pool({name!r})", location) from None
    return name
