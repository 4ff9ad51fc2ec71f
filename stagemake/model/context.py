"""What a running Python action may see."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path  # noqa: TC003 - part of the public type
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from stagemake.model.error import StagemakeError, did_you_mean
from stagemake.model.stage import Stage  # noqa: TC001 - part of the public type


class ExecutionMode(enum.Enum):
    """Whether stages really run."""

    LIVE = "live"
    DRY_RUN = "dry run"


class UndeclaredAccess(StagemakeError):
    """An action asked for a value that its stage doesn't declare."""


class UnfitValue(StagemakeError):
    """An action sets a shared value that can't be one."""


def _no_json(value: Any) -> str | None:  # Any: whatever users write
    """Return what in a value JSON can't hold, or would change; None when there is nothing."""
    waiting = [value]
    seen: set[int] = set()  # a list may hold itself
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        if isinstance(one, (list, tuple, dict)):
            seen.add(id(one))
        if isinstance(one, (list, tuple)):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
            for key in one:
                if not isinstance(key, str):
                    return f"the key {key!r} of a mapping"[:80]
        elif one is not None and not isinstance(one, (str, int, float)):
            return f"{one!r} ({type(one).__module__}.{type(one).__qualname__})"[:80]
    return None


class ConfigStore(Mapping[str, str]):
    """The configuration values that a stage declares; read-only."""

    def __init__(self, stage_name: str, values: Mapping[str, str]) -> None:
        self._stage_name = stage_name
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise UndeclaredAccess(
                f"stage `{self._stage_name}` reads configuration `{name}` without declaring it",
                hint=f'add config=["{name}"] to the stage',
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class SharedData(MutableMapping[str, Any]):
    """Values that stages hand to each other: readable when in `uses`, writable when in `provides`.

    Values are what JSON can hold: text, numbers, booleans, None, lists and mappings by text.
    """

    def __init__(self, stage: Stage, used: Mapping[str, Any]) -> None:
        self._stage = stage
        self._used = dict(used)
        self.provided: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self.provided:
            return self.provided[name]
        if name in self._used:
            return self._used[name]
        raise UndeclaredAccess(
            f"stage `{self._stage.name}` reads the shared value `{name}` without declaring it",
            hint=did_you_mean(name, self._used) or f'add uses=["{name}"] to the stage',
        )

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self._stage.provides:
            raise UndeclaredAccess(
                f"stage `{self._stage.name}` sets the shared value `{name}` without declaring it",
                hint=f'add provides=["{name}"] to the stage',
            )
        self._check(name, value)
        self.provided[name] = value

    def _check(self, name: str, value: Any) -> None:  # Any: whatever users write
        wrong = _no_json(value)
        if wrong is not None:
            raise UnfitValue(
                f"stage `{self._stage.name}` sets the shared value `{name}` to what JSON can't hold: {wrong}",
                hint="it holds text, numbers, booleans, None, lists, and mappings by text; "
                "write other things to a file",
            )

    def checked(self) -> dict[str, Any]:
        """Return what was provided, checked again: a list may have been added to since.

        Raises:
            UnfitValue: JSON can't hold a value.
        """
        for name, value in self.provided.items():
            self._check(name, value)
        return self.provided

    def __delitem__(self, name: str) -> None:
        del self.provided[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._used, **self.provided})

    def __len__(self) -> int:
        return len({**self._used, **self.provided})


@frozen
class StageContext:
    """What a Python action sees; one per stage and build. Paths are absolute."""

    stage: Stage
    mode: ExecutionMode
    root: Path
    scratch: Path  # private to this run of the stage, removed afterwards
    inputs: tuple[Path, ...]  # in declared order; `implicit` ones are not listed
    outputs: tuple[Path, ...]  # in declared order; parents exist
    env: Mapping[str, str]  # the whole environment of the stage
    params: Mapping[str, Any] = field(factory=lambda: MappingProxyType({}))
    config: ConfigStore = field(factory=lambda: ConfigStore("", {}))
    shared: SharedData | None = None

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.name
