"""Settings of a project: `[tool.stagemake]` in its pyproject.toml, below flags and variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from stagemake.freshness.regular import read_regular
from stagemake.model.error import BadValue, StagemakeError, did_you_mean
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CACHE_BYTES = 10 * 1024**3
DEFAULT_CACHE_AGE_S = 90 * 86_400.0
_MOST_BYTES = 16 << 20  # of a pyproject.toml
_PLACE = ("in", "pyproject.toml, [tool.stagemake]")
_KINDS = {int: "a whole number", str: "a text", dict: "a table"}
_KNOWN = (
    "cache_age_days", "cache_dir", "cache_size", "cache_store", "config", "environment", "jobs",
    "jobserver", "keep_sources", "plugins", "runner",
)  # fmt: skip


@frozen(eq=False, repr=False)
class ProjectConfig(Valued):
    """What a project's table says; defaults where it says nothing."""

    cache_dir: str = ""
    cache_bytes: int = DEFAULT_CACHE_BYTES
    cache_age_s: float = DEFAULT_CACHE_AGE_S  # unused for longer: removed
    inherit_environment: bool = False
    jobs: int = 0
    jobserver: str = (
        "auto"  # how stages are told of one: "fifo", "pipe", as make needs it, or "off"
    )
    keep_sources: bool = True  # copies of small source files, so that `why` can show what changed
    plugins: tuple[str, ...] = ()  # that take part, by name
    runner: str = ""  # by name; empty: local processes
    cache_store: str = ""  # by name; empty: the one on disk
    values: Mapping[str, object] = field(factory=dict)  # for config() in Stagefiles


def read_project_config(root: str) -> ProjectConfig:
    """Return the project's settings; defaults when there is no file or no table.

    Raises:
        StagemakeError: The file can't be read or parsed, or a setting is unknown or has a wrong value.
    """
    path = os.path.join(root, "pyproject.toml")
    try:
        data = read_regular(path, _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return ProjectConfig()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise StagemakeError("`pyproject.toml` can't be read", facts=[("why", why)]) from error
    if b"stagemake" not in data:
        return ProjectConfig()
    import tomllib  # noqa: PLC0415 - gate, 6 ms; most projects have no table

    try:
        tools = tomllib.loads(data.decode("utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StagemakeError(
            "`pyproject.toml` does not parse", facts=[("why", str(error))]
        ) from error
    try:
        return _checked(tools.get("stagemake", {}))
    except (AttributeError, TypeError, ValueError) as error:
        text = str(error) if not isinstance(error, AttributeError) else "it is no table"
        raise BadValue(text, facts=[_PLACE]) from error
    except BadValue as error:
        raise BadValue(error.headline, facts=[_PLACE], hint=error.hint) from error


def _checked(table: Mapping[str, Any]) -> ProjectConfig:  # Any: whatever TOML holds
    for name in table:
        if name not in _KNOWN:
            raise BadValue(
                f"unknown setting `{name}`",
                hint=did_you_mean(name, _KNOWN) or f"known: {', '.join(_KNOWN)}",
            )
    jobs: int = _of(table, "jobs", int, 0)
    if jobs < 0:
        raise ValueError(f"`jobs` is {jobs}, not a number from 0 up")
    return ProjectConfig(
        cache_dir=_of(table, "cache_dir", str, ""),
        cache_bytes=_size(table.get("cache_size", DEFAULT_CACHE_BYTES)),
        cache_age_s=_days(table.get("cache_age_days", DEFAULT_CACHE_AGE_S / 86_400)) * 86_400,
        inherit_environment=_environment(table.get("environment", "clean")),
        jobs=jobs,
        jobserver=_jobserver(table.get("jobserver", "auto")),
        keep_sources=_flag(table, "keep_sources", default=True),
        plugins=_plugins(table.get("plugins", [])),
        runner=_of(table, "runner", str, ""),
        cache_store=_of(table, "cache_store", str, ""),
        values=_of(table, "config", dict, {}),
    )


def _of(table: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:  # Any: as above
    value = table.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"`{name}` is {value!r}, not {_KINDS[kind]}")
    return value


def _flag(table: Mapping[str, Any], name: str, *, default: bool) -> bool:  # Any: as above
    value = table.get(name, default)
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` is {value!r}, not true or false")
    return value


def _plugins(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise TypeError(f"`plugins` is {value!r}, not a list of names")
    return tuple(dict.fromkeys(value))


def _environment(value: object) -> bool:
    if not isinstance(value, str) or value not in {"clean", "inherit"}:
        raise ValueError(f'`environment` is {value!r}; it is "clean" or "inherit"')
    return value == "inherit"


def _jobserver(value: object) -> str:
    if not isinstance(value, str) or value not in {"auto", "fifo", "pipe", "off"}:
        raise ValueError(f'`jobserver` is {value!r}; it is "auto", "fifo", "pipe" or "off"')
    return value


def _days(value: object) -> float:
    from stagemake.stagefile.numbers import number  # noqa: PLC0415 - only with a table

    return number("`cache_age_days`", value, 0)


def _size(value: object) -> int:
    from stagemake.stagefile.numbers import size_in_bytes  # noqa: PLC0415 - only with a table

    return size_in_bytes(value, "`cache_size`")
