"""The templates of a dvc.yaml: `${…}`, `foreach` and `matrix`, with the values of params.yaml and of `vars`."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VALUE = re.compile(r"(\\?)\$\{\s*([^{}]*?)\s*\}")  # with a backslash it is meant for the shell
_STEP = re.compile(r"[^.\[\]]+")


class Unresolved(Exception):
    """A value that is not known, or not one that can stand in a text."""


def instances(
    name: str, stage: Any, values: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:  # Any: whatever YAML holds
    """Yield the stages that a stage of dvc.yaml stands for, with their names: itself, or one an item.

    Raises:
        Unresolved: The text says which value is not known.
    """
    if not isinstance(stage, dict) or not {"foreach", "matrix"} & set(stage):
        yield name, filled(stage, values)
    elif "foreach" in stage:
        for key, item in _items(filled(stage["foreach"], values)):
            yield f"{name}@{key}", filled(stage.get("do"), {**values, "item": item, "key": key})
    else:
        axes = filled(stage["matrix"], values)
        if not isinstance(axes, dict) or not all(isinstance(each, list) for each in axes.values()):
            raise Unresolved("matrix")
        body = {word: text for word, text in stage.items() if word != "matrix"}
        for row in itertools.product(*axes.values()):
            key = "-".join(map(_text, row))
            item = dict(zip(axes, row, strict=True))
            yield f"{name}@{key}", filled(body, {**values, "item": item, "key": key})


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a value with `${…}` replaced in all its texts; a text that is nothing else becomes the value itself.

    Raises:
        Unresolved: The text says which value is not known.
    """
    if isinstance(value, dict):
        return {word: filled(each, values) for word, each in value.items()}
    if isinstance(value, list):
        return [filled(each, values) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    whole = _VALUE.fullmatch(value.strip())
    if whole and not whole[1]:
        return _looked_up(whole[2], values)
    return _VALUE.sub(
        lambda found: found[0][1:] if found[1] else _text(_looked_up(found[2], values)), value
    )


def _items(found: Any) -> list[tuple[str, Any]]:
    if isinstance(found, dict):
        return [(str(key), item) for key, item in found.items()]
    if not isinstance(found, list):
        raise Unresolved("foreach")
    plain = not any(isinstance(item, dict | list) for item in found)
    return [(_text(item) if plain else str(at), item) for at, item in enumerate(found)]


def _looked_up(path: str, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for step in _STEP.findall(path):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise Unresolved(f"${{{path}}}")
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Unresolved(str(value))
