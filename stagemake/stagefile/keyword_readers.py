"""From the value of one keyword to the fields of a Stage: types checked, paths made canonical."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagemake.model.error import BadPath, BadValue, did_you_mean
from stagemake.model.stage import DependencyOrder, Stage, StageDependency, StageName
from stagemake.stagefile.numbers import number, size_in_bytes
from stagemake.stagefile.paths import canonical, canonical_output, flaw_of
from stagemake.stagefile.shown import shown_value

if TYPE_CHECKING:
    from stagemake.stagefile.session import Session


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


def _read_tools(_session: Session, value: object, fields: dict[str, Any]) -> None:
    fields["tools"] = _names("tools", value)
    for name in fields["tools"]:
        if flaw := flaw_of(name):
            raise BadValue(f"a program's name {flaw}: {name!r}")


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


def _read_cpus(_session: Session, value: object, fields: dict[str, Any]) -> None:
    fields["cpus"] = number("cpus", value, 0)


def _read_timeout(_session: Session, value: object, fields: dict[str, Any]) -> None:
    seconds = number("timeout", value, 0)
    if seconds == 0:
        raise BadValue("timeout is 0 seconds", hint="leave it out for no limit")
    fields["timeout_s"] = seconds


def _read_retries(_session: Session, value: object, fields: dict[str, Any]) -> None:
    count = number("retries", value, 0)
    if count != int(count):
        raise BadValue(f"retries is {shown_value(value)}, not a whole number")
    fields["retries"] = int(count)


def _read_memory(_session: Session, value: object, fields: dict[str, Any]) -> None:
    fields["memory_bytes"] = size_in_bytes(value, "memory")


READERS: Mapping[str, Callable[[Session, Any, dict[str, Any]], None]] = {
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
    "tools": _read_tools,
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
    "service": _read_flag("service"),
    "version": _read_version,
    "ignore_code": _read_flag("ignore_code"),
    "any_python": _read_flag("any_python"),
    "description": _read_text("description"),
}
