"""From the keywords of a Stagefile to a Stage: types checked, paths made canonical."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagemake.model.error import BadKeyword, BadPath, BadValue, did_you_mean
from stagemake.model.stage import (
    Action,
    Call,
    Command,
    DependencyOrder,
    SourceLocation,
    Stage,
    StageDependency,
    StageName,
)
from stagemake.stagefile.paths import canonical, canonical_output

if TYPE_CHECKING:
    from stagemake.stagefile.keywords import Keywords
    from stagemake.stagefile.session import Session

_LATER = {"service": "8"}


def check_name(name: object) -> str:
    """Return a stage's, pipeline's or pool's name.

    Raises:
        BadValue: It's no text, empty, starts with `-`, or has spaces or control characters.
    """
    if not isinstance(name, str):
        raise BadValue(f"a name is a text, not {name!r}")
    if not name or name[0] == "-" or not name.isprintable() or " " in name:
        raise BadValue(
            f"{name!r} can't be a name",
            hint="names are printable, have no spaces and don't start with `-`",
        )
    return name


def check_depth(depth: object) -> int:
    """Return a pool's depth.

    Raises:
        BadValue: It's no number from 1 up.
    """
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        raise BadValue(f"the depth of a pool is a number from 1 up, not {depth!r}")
    return depth


def build_stage(
    session: Session,
    name: object,
    action: Action | None,
    keywords: Keywords,
    location: SourceLocation | None,
) -> Stage:
    """Return the stage that some keywords describe.

    Raises:
        StagefileError: A keyword is unknown, or a value has the wrong type or is out of range.
    """
    fields: dict[str, Any] = {}  # Any: attrs checks nothing; each reader below gives one type
    for word, value in keywords.items():
        reader = _READERS.get(word)
        if reader is None:
            raise _unknown_keyword(word)
        if value is not None:
            reader(session, value, fields)
    # What a Stagefile says is relative to it, wherever it is included from.
    if session.base and "cwd" not in fields and session.base.partition("/")[0] != "..":
        fields["cwd"] = session.base
    if "console" in fields:
        _check_console(fields)
    if "cwd" in fields:
        _check_cwd(fields)
    if type(action) is Command and fields.get("provides"):
        raise BadValue(
            "a command can't set a shared value",
            hint="provides= is for functions; have the command write a file, which others read as an input",
        )
    if type(action) is Command and "/" in action.template[0]:
        _add_own_program(session, action, fields)
    if session.home is not None and type(action) is Call:
        action = Call(action.function, session.home)
    full_name = session.prefix + check_name(name)
    return Stage.of(name=full_name, action=action, location=location, **fields)


def read_keyword(
    session: Session, word: str, value: object
) -> Any:  # Any: each keyword has its type
    """Return one keyword's value as `build_stage` would have it; `timeout` in seconds.

    Raises:
        StagefileError: The value has the wrong type or is out of range.
    """
    fields: dict[str, Any] = {}  # Any: as above
    _READERS[word](session, value, fields)
    (found,) = fields.values()
    return found


def _check_console(fields: dict[str, Any]) -> None:
    """Refuse secrets on the terminal: what an action prints there can't be masked."""
    if fields["console"] and fields.get("secret_env"):
        raise BadValue(
            "console=True and secret_env don't go together: what is printed on the console can't be masked",
            hint="use pass_env, if what the action prints may show the values",
        )


def _check_cwd(fields: dict[str, Any]) -> None:
    """Refuse a working directory that is removed before the action starts."""
    cwd = fields["cwd"]
    for output in fields.get("outputs", ()):
        if f"{cwd}/".startswith(f"{output.rstrip('/')}/"):
            raise BadValue(
                f"cwd is `{cwd}`, which lies in the stage's own output `{output}`",
                hint="an output is not there when the action starts: make and enter it in the action",
            )


def _add_own_program(session: Session, action: Command, fields: dict[str, Any]) -> None:
    """Make a program of the project's own an input: it may be made by a stage.

    Of a shell text that is the first word, when it is a plain relative path.
    """
    word = action.template[0]
    if action.shell:
        word = word.split(None, 1)[0]
        if "/" not in word:
            return
        if not word.replace("/", "").replace("_", "").replace("-", "").replace(".", "").isalnum():
            return
    if "/" not in word or word[0] in "/{~":
        return
    path = canonical(word, session.root, fields.get("cwd", ""))  # where the command runs
    if path not in fields.get("inputs", ()) and path not in fields.get("implicit", ()):
        fields["implicit"] = (*fields.get("implicit", ()), path)


def _unknown_keyword(word: str) -> BadKeyword:
    if word in _LATER:
        return BadKeyword(
            f"`{word}` is planned, but this version of stagemake does not have it yet",
        )
    return BadKeyword(f"unknown keyword `{word}`", hint=did_you_mean(word, _READERS))


def shown_value(value: object) -> str:
    """Return a value as an error shows it: short, and the same in every run."""
    if isinstance(value, Stage):
        return f"the stage `{value.name}`"
    if callable(value) and hasattr(value, "__qualname__"):
        return f"the function `{value.__qualname__}`"
    text = repr(value)
    if " at 0x" in text:  # no address: it tells nothing and differs every time
        return f"an instance of `{type(value).__qualname__}`"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _flat(value: object, what: str) -> Sequence[Any]:
    """Return the items of a keyword's value; one level of lists inside is dissolved."""
    kind = type(value)
    if kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]  # a list or a tuple, by the lines above
            if type(item) is list or type(item) is tuple:
                break
        else:
            return value  # type: ignore[return-value]  # as above
    if isinstance(value, (str, os.PathLike, Stage, StageDependency)):
        return [value]
    if isinstance(value, (set, frozenset, dict)):
        raise BadValue(
            f"{what} is a {type(value).__name__}, which has no order of its own",
            hint="use a list; sorted(…) makes one of a set",
        )
    if isinstance(value, (bytes, bytearray)) or not isinstance(value, Iterable):
        raise BadValue(f"{what} is {shown_value(value)}, not a list")
    items: list[Any] = list(value)
    while any(type(item) in {list, tuple} for item in items):
        items = [
            inner for item in items for inner in (item if type(item) in {list, tuple} else (item,))
        ]
    return items


def _read_inputs(word: str) -> Callable[[Session, object, dict[str, Any]], None]:
    def read(session: Session, value: object, fields: dict[str, Any]) -> None:
        root, base = session.root, session.base
        paths: list[str] = []
        for item in _flat(value, word):
            if isinstance(item, str):
                paths.append(canonical(item, root, base))
            elif type(item) is Stage:
                _read_stage_input(item, paths, fields)
            elif isinstance(item, os.PathLike):
                paths.append(canonical(_text(item, word), root, base))
            else:
                raise BadValue(
                    f"{word} holds {shown_value(item)}, not a path",
                    hint="inputs are paths and stages",
                )
        fields[word] = tuple(dict.fromkeys(paths)) if len(paths) > 1 else tuple(paths)

    return read


def _read_stage_input(item: Stage, paths: list[str], fields: dict[str, Any]) -> None:
    if item.outputs:
        paths.extend(path[:-1] if path[-1] == "/" else path for path in item.outputs)
    else:  # a check without outputs: nothing to read, but it must have passed
        fields["dependencies"] = (
            *fields.get("dependencies", ()),
            StageDependency(item.name),
        )


def _text(item: os.PathLike[str], word: str) -> str:
    text = os.fspath(item)
    if not isinstance(text, str):
        raise BadPath(f"{word} holds a path of bytes: {item!r}", hint="use os.fsdecode")
    return text


def _read_outputs(session: Session, value: object, fields: dict[str, Any]) -> None:
    paths: list[str] = []
    for item in _flat(value, "outputs"):
        if not isinstance(item, str) and isinstance(item, os.PathLike):
            item = _text(item, "outputs")  # noqa: PLW2901 - the same path, as text
        if not isinstance(item, str):
            raise BadValue(f"outputs holds {shown_value(item)}, not a path")
        paths.append(canonical_output(item, session.root, session.base))
    if len(paths) > 1 and len(set(paths)) != len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise BadValue(f"the output `{twice}` is listed twice")
    fields["outputs"] = tuple(paths)


def _read_depfile(session: Session, value: object, fields: dict[str, Any]) -> None:
    if not isinstance(value, (str, os.PathLike)):
        raise BadValue(f"depfile is {shown_value(value)}, not a path")
    text = value if isinstance(value, str) else _text(value, "depfile")
    fields["depfile"] = canonical_output(text, session.root, session.base)


def _read_cwd(session: Session, value: object, fields: dict[str, Any]) -> None:
    if not isinstance(value, (str, os.PathLike)):
        raise BadValue(f"cwd is {shown_value(value)}, not a path")
    text = value if isinstance(value, str) else _text(value, "cwd")
    path = canonical(text, session.root, session.base)
    if os.path.isabs(path):
        raise BadPath(
            f"cwd lies outside the project: `{text}`",
            hint="it is the root or a directory below it, relative to the Stagefile",
        )
    if path == ".stagemake" or path.startswith(".stagemake/"):
        raise BadPath(f"cwd lies in stagemake's own directory: `{text}`")
    fields["cwd"] = "" if path == "." else path


def _read_env(session: Session, value: object, fields: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for name, given in value.items():
            if not isinstance(name, str) or not (given is None or isinstance(given, str)):
                raise BadValue(f"env maps {name!r} to {given!r}; both are texts")
        fields["env"] = tuple(sorted(value.items()))
        return
    names = _names("env", value)
    for name in names:
        session.env_read[name] = session.environ.get(name)
    fields["env"] = tuple((name, session.environ.get(name)) for name in sorted(set(names)))


def _names(word: str, value: object) -> tuple[str, ...]:
    names = _flat(value, word)
    for name in names:
        if not isinstance(name, str) or not name:
            raise BadValue(f"{word} holds {shown_value(name)}, not a name")
    return tuple(dict.fromkeys(names))


def _read_names(word: str) -> Callable[[Session, object, dict[str, Any]], None]:
    def read(_session: Session, value: object, fields: dict[str, Any]) -> None:
        fields[word] = _names(word, value)

    return read


def _read_config(session: Session, value: object, fields: dict[str, Any]) -> None:
    pairs = []
    if isinstance(value, Mapping):  # names with defaults
        for name in _names("config", list(value)):
            session.config_defaults.setdefault(name, value[name])
        value = list(value)
    for name in sorted(_names("config", value)):
        if name not in session.config and name not in session.config_defaults:
            raise BadValue(
                f"configuration `{name}` has no value",
                hint=did_you_mean(name, [*session.config, *session.config_defaults])
                or f'read it before: config("{name}", "default"); or give a default: config={{"{name}": …}}',
            )
        given = session.config.get(name, session.config_defaults.get(name))
        session.config_read[name] = given
        # What `context.config` reads as a list has to be written like one.
        pairs.append((name, json.dumps(given) if isinstance(given, (list, dict)) else str(given)))
    fields["config"] = tuple(pairs)


def _read_params(_session: Session, value: object, fields: dict[str, Any]) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise BadValue(f"params is {shown_value(value)}, not a mapping of names to values")
    fields["params"] = tuple(sorted(value.items()))


def _read_order(
    word: str, order: DependencyOrder, *, required: bool
) -> Callable[[Session, object, dict[str, Any]], None]:
    def read(session: Session, value: object, fields: dict[str, Any]) -> None:
        found = list(fields.get("dependencies", ()))
        within = session.prefix
        for item in _flat(value, word):
            if isinstance(item, StageDependency):
                given = StageDependency(item.stage, order, item.required and required, within)
            elif isinstance(item, Stage):
                given = StageDependency(item.name, order, required)
            elif isinstance(item, str) and item:
                given = StageDependency(StageName(item), order, required, within)
            else:
                raise BadValue(
                    f"{word} holds {shown_value(item)}, neither a stage nor the name of one"
                )
            found.append(given)
        fields["dependencies"] = tuple(dict.fromkeys(found))

    return read


def _read_flag(word: str) -> Callable[[Session, object, dict[str, Any]], None]:
    def read(_session: Session, value: object, fields: dict[str, Any]) -> None:
        if not isinstance(value, bool):
            raise BadValue(f"{word} is {shown_value(value)}, neither True nor False")
        fields[word] = value

    return read


def _read_text(word: str) -> Callable[[Session, object, dict[str, Any]], None]:
    def read(_session: Session, value: object, fields: dict[str, Any]) -> None:
        if not isinstance(value, str):
            raise BadValue(f"{word} is {shown_value(value)}, not a text")
        fields[word] = value

    return read


def _read_version(_session: Session, value: object, fields: dict[str, Any]) -> None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadValue(f"version is {shown_value(value)}, not a text or a number")
    fields["version"] = str(value)


_LARGEST = 1e15  # of any number written down; above it nothing makes sense, and floats end


def _number(word: str, value: object, least: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not least <= value <= _LARGEST
    ):
        raise BadValue(f"{word} is {shown_value(value)}, not a number from {least:g} up")
    return float(value)


def _read_cpus(_session: Session, value: object, fields: dict[str, Any]) -> None:
    fields["cpus"] = _number("cpus", value, 0)


def _read_timeout(_session: Session, value: object, fields: dict[str, Any]) -> None:
    seconds = _number("timeout", value, 0)
    if seconds == 0:
        raise BadValue("timeout is 0 seconds", hint="leave it out for no limit")
    fields["timeout_s"] = seconds


def _read_retries(_session: Session, value: object, fields: dict[str, Any]) -> None:
    number = _number("retries", value, 0)
    if number != int(number):
        raise BadValue(f"retries is {shown_value(value)}, not a whole number")
    fields["retries"] = int(number)


_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def size_in_bytes(value: object, word: str) -> int:
    """Return a size written as a number of bytes or a text such as `2 GiB` or `512M`.

    Raises:
        BadValue: It's neither.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        unit = text[len(digits) :].strip()
        factor = _UNITS.get(unit[:1]) if unit[1:] in {"", "b", "ib"} else None
        try:
            if factor is not None and 0 <= (number := float(digits)) <= _LARGEST:
                return int(number * factor)
        except ValueError:
            pass
        raise BadValue(
            f"{word} is {shown_value(value)}, not a size", hint='write a size as "2 GiB"'
        )
    return int(_number(word, value, 0))


def _read_memory(_session: Session, value: object, fields: dict[str, Any]) -> None:
    fields["memory_bytes"] = size_in_bytes(value, "memory")


_READERS: Mapping[str, Callable[[Session, Any, dict[str, Any]], None]] = {
    "inputs": _read_inputs("inputs"),
    "implicit": _read_inputs("implicit"),
    "outputs": _read_outputs,
    "depfile": _read_depfile,
    "cwd": _read_cwd,
    "env": _read_env,
    "pass_env": _read_names("pass_env"),
    "secret_env": _read_names("secret_env"),
    "config": _read_config,
    "params": _read_params,
    "uses": _read_names("uses"),
    "provides": _read_names("provides"),
    "tools": _read_names("tools"),
    "after": _read_order("after", DependencyOrder.BEFORE, required=True),
    "before": _read_order("before", DependencyOrder.AFTER, required=True),
    "optional": _read_order("optional", DependencyOrder.BEFORE, required=False),
    "pool": _read_text("pool"),
    "cpus": _read_cpus,
    "memory": _read_memory,
    "timeout": _read_timeout,
    "retries": _read_retries,
    "cache": _read_flag("cache"),
    "always": _read_flag("always"),
    "console": _read_flag("console"),
    "resumable": _read_flag("resumable"),
    "version": _read_version,
    "ignore_code": _read_flag("ignore_code"),
    "any_python": _read_flag("any_python"),
    "description": _read_text("description"),
}


def stage_words() -> tuple[str, ...]:
    """Return all keywords of a stage."""
    return tuple(_READERS)
