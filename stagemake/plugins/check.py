"""Is a part of a plugin what its kind should be? Asked before anything of it is used."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from stagemake.model.stage import Stage
from stagemake.plugins.fault import PartFault

if TYPE_CHECKING:
    from collections.abc import Callable

_STORE_METHODS = {
    "get": 1, "put": 2, "touch": 1, "missing": 1, "read": 2, "put_bytes": 2, "put_file": 3,
    "fetch": 4, "flush": 0, "close": 0,
}  # fmt: skip
_RUNNER_METHODS = {"start": 1, "wait": 1, "stop": 0, "close": 0}


def made(value: Any, what: str = "it") -> Any:  # Any: whatever a plugin brings
    """Return an instance: of a class, by calling it without arguments; else the value itself."""
    if not isinstance(value, type):
        return value
    if not accepts(value, 0):
        raise PartFault(f"is a class that can't be called without arguments, as {what} is made")
    return value()


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Whether a callable takes that many positional arguments; one that doesn't say is believed."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def check_stage(value: Any) -> None:
    """Refuse what is no Stage value and has not the members of one.

    Raises:
        PartFault: What is missing or takes other arguments.
    """
    if isinstance(value, Stage):
        return
    if not isinstance(getattr(value, "name", None), str) or not value.name:
        raise PartFault("has no name")
    _check_methods(value, {"dependencies": 0, "execute": 1})


def check_hook(value: Any) -> None:
    """Refuse what has neither `before_stage(name, context)` nor `after_stage(name, context)`."""
    present = [name for name in ("before_stage", "after_stage") if hasattr(value, name)]
    if not present:
        raise PartFault("has neither before_stage nor after_stage")
    _check_methods(value, dict.fromkeys(present, 2))


def check_reporter(value: Any) -> None:
    """Refuse what has no `handle(event)`."""
    _check_methods(value, {"handle": 1})


def check_store(value: Any) -> None:
    """Refuse what lacks a method of `cache.port.Store`."""
    _check_methods(value, _STORE_METHODS)


def check_runner(value: Any) -> None:
    """Refuse what lacks a method of `runner.port.Runner`."""
    _check_methods(value, _RUNNER_METHODS)
    try:
        inspect.signature(value.stop).bind(now=True, typed=False)
    except TypeError:
        raise PartFault("has a method stop that does not take `now` and `typed`") from None


def check_factory(value: Any, what: str) -> None:
    """Refuse what can't be called with one argument, the settings."""
    if not callable(value):
        raise PartFault(f"is no function that makes {what}: {_shown(value)}")
    if not accepts(value, 1):
        raise PartFault(f"can't be called with one argument, the settings, to make {what}")


def check_command(value: Any) -> None:
    """Refuse what can't be called with a manager and arguments."""
    if not callable(value):
        raise PartFault(f"is no function: {_shown(value)}")
    if not accepts(value, 2):
        raise PartFault(
            "can't be called with two arguments, the manager and the command's arguments"
        )


def check_members(value: Any) -> tuple[str, ...]:
    """Return the names of stages that a pipeline is made of."""
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise PartFault(f"is no list of stages: {_shown(value)}")
    names = [member.name if isinstance(member, Stage) else member for member in value]
    if not all(isinstance(name, str) and name for name in names):
        raise PartFault(f"holds what is no name of a stage: {_shown(value)}")
    return tuple(names)


def _check_methods(value: Any, arguments: dict[str, int]) -> None:
    for name, count in arguments.items():
        method = getattr(value, name, None)
        if not callable(method):
            raise PartFault(f"has no method {name}: {_shown(value)}")
        if name != "stop" and not accepts(method, count):
            takes = {0: "no arguments", 1: "one argument", 2: "two arguments"}.get(
                count, f"{count} arguments"
            )
            raise PartFault(f"has a method {name} that can't be called with {takes}")


def _shown(value: object) -> str:
    text = repr(value)
    return f"an instance of {type(value).__qualname__}" if " at 0x" in text else text[:80]
