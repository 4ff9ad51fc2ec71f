"""The JSON Schemas of what stagemake prints, and a check of the part of JSON Schema that they use."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
SETTINGS = "pyproject"  # of `[tool.stagemake]`, which is read; the others are of what is printed
NAMES = (
    "plan", "plan-file", "build", "why", "history", "event", "bench", "verify", "trace", "list", "graph",
    "cache-stats", "doctor", "plugins",
)  # fmt: skip


def schema_path(name: str) -> str:
    """Return where the schema of that name is, one of `NAMES` or `SETTINGS`."""
    return os.path.join(os.path.dirname(__file__), "schemas", f"{name}.schema.json")


def load_schema(name: str) -> dict[str, Any]:
    """Return a schema of the package by its name."""
    with open(schema_path(name), encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)
    return found


def first_problem(value: Any, schema: dict[str, Any]) -> str:  # Any: any JSON
    """Return where and why a value does not fit, like `$.stages[3].name: not a string`; empty if it does."""
    return next(_problems(value, schema, schema, "$"), "")


def _problems(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    """Yield what does not fit. Knows what our schemas use: see the branches."""
    reference = schema.get("$ref")
    if reference is not None:
        name = reference.removeprefix("#/$defs/")
        yield from _problems(value, root["$defs"][name], root, at)
        return
    if "anyOf" in schema and all(
        next(_problems(value, one, root, at), "") for one in schema["anyOf"]
    ):
        yield f"{at}: fits none of what it may be"
        return
    kinds = schema.get("type")
    if kinds is not None and not _is_of(value, [kinds] if isinstance(kinds, str) else kinds):
        yield f"{at}: not of type {kinds if isinstance(kinds, str) else ' or '.join(kinds)}"
        return
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{at}: not {json.dumps(schema['const'])}"
    if "enum" in schema and not any(_equal(value, one) for one in schema["enum"]):
        yield f"{at}: not one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: not like {schema['pattern']}"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and value < schema.get("minimum", value):
        yield f"{at}: below {schema['minimum']}"
    if is_number and value > schema.get("maximum", value):
        yield f"{at}: above {schema['maximum']}"
    if isinstance(value, dict):
        yield from _in_object(value, schema, root, at)
    elif isinstance(value, list):
        yield from _in_array(value, schema, root, at)


def _in_object(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}.{name}: left out"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, inner in value.items():
        if name in known:
            yield from _problems(inner, known[name], root, f"{at}.{name}")
        elif others is False:
            yield f"{at}.{name}: not known"
        elif isinstance(others, dict):
            yield from _problems(inner, others, root, f"{at}.{name}")


def _in_array(
    value: list[Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
    items = schema.get("items")
    if items is not None:
        for index, inner in enumerate(value):
            yield from _problems(inner, items, root, f"{at}[{index}]")


def _is_of(value: Any, kinds: list[str]) -> bool:
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return True  # as the standard has it
    return any(isinstance(value, _TYPES[kind]) for kind in kinds)


def _equal(value: Any, other: Any) -> bool:
    """Whether two are the same in JSON, where true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)
