"""The configuration that a stage declares, with look-ups by type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from stagemake.model.error import BadValue, UndeclaredAccess, did_you_mean

T = TypeVar("T")

_BOOLEANS = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip


class ConfigStore(Mapping[str, str]):
    """The configuration values that a stage declares; read-only. As a mapping it holds text.

    The `get_*` methods read the text as a type. They raise `UndeclaredAccess` for a name that the stage
    does not declare, and `BadValue` where the text is something else.
    """

    def __init__(self, stage_name: str, values: Mapping[str, str]) -> None:
        self._stage_name = stage_name
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise UndeclaredAccess(
                f"stage `{self._stage_name}` reads configuration `{name}` without declaring it",
                hint=did_you_mean(name, self._values) or f'add config=["{name}"] to the stage',
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_str(self, name: str) -> str:
        """Return a value as it was given."""
        return self[name]

    def get_int(self, name: str) -> int:
        """Return a whole number."""
        return self._read(name, int, "whole number")

    def get_float(self, name: str) -> float:
        """Return a number."""
        return self._read(name, float, "number")

    def get_bool(self, name: str) -> bool:
        """Return a truth value: `true`, `yes`, `on`, `1` or their contraries, in any case."""
        return self._read(name, lambda text: _BOOLEANS[text.strip().lower()], "truth value")

    def get_list(self, name: str) -> list[str]:
        """Return a list of texts: a list of the project's table, or a text with commas in it."""
        return self._read(name, _list, "list of texts")

    def _read(self, name: str, read: Callable[[str], T], kind: str) -> T:
        text = self[name]
        try:
            return read(text)
        except (ValueError, KeyError):
            raise BadValue(
                f"configuration `{name}` is {text!r}, which is no {kind}",
                facts=[("read by", f"stage `{self._stage_name}`")],
                hint=f"set it by -D {name}=…, or in [tool.stagemake.config]",
            ) from None


def _list(text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return [part for part in (item.strip() for item in text.split(",")) if part]
    items = json.loads(text)
    if not all(isinstance(item, (str, int, float)) for item in items):
        raise ValueError(text)
    return [item if isinstance(item, str) else json.dumps(item) for item in items]
