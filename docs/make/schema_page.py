"""Writes the site's reference of JSON: the schemas of the package as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).resolve().parents[2] / "stagemake" / "schemas"


def page() -> str:
    """Return the page as Markdown, one section a schema, by name."""
    lines = [
        "# JSON forms",
        "",
        "What commands print with `--json`, and files they write. `…[]` is each item of a list, `….*` each value of an object.",
        "The schemas are files of the package: `stagemake/schemas/NAME.schema.json`.",
        "",
    ]
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        schema = json.loads(path.read_text("utf-8"))
        name = path.name.removesuffix(".schema.json")
        lines += [f"## {name}", "", f"{schema['title']}.", ""]
        lines += ["| member | type |", "|---|---|"]
        rows = dict.fromkeys(_rows(schema, schema, "", ()))
        lines += [f"| `{member}` | {_cell(_told(kind, text))} |" for member, kind, text in rows]
        lines.append("")
    return "\n".join(lines) + "\n"


def _rows(
    node: dict[str, Any], schema: dict[str, Any], member: str, above: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """Yield the members below a node; a definition within itself is told once."""
    reference = node.get("$ref", "")
    if reference in above:
        return
    if reference:
        target: Any = schema
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        above = (*above, reference)
    if member:
        yield member, _kind(node), node.get("description", "")
    for name, inner in node.get("properties", {}).items():
        yield from _rows(inner, schema, f"{member}.{name}" if member else name, above)
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(node.get(key), dict):
            yield from _rows(node[key], schema, f"{member}{mark}", above)
    for key in ("oneOf", "anyOf", "allOf"):
        for inner in node.get(key, ()):
            yield from (row for row in _rows(inner, schema, member, above) if row[0] != member)


def _kind(node: dict[str, Any]) -> str:
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(each)}`" for each in node["enum"])
    kinds = node.get("type", [])
    inner = [_kind(each) for key in ("oneOf", "anyOf") for each in node.get(key, ())]
    return " or ".join(
        [kinds] if isinstance(kinds, str) else [*kinds, *dict.fromkeys(filter(None, inner))]
    )


def _told(kind: str, text: str) -> str:
    return f"{kind}: {text}" if text else kind


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
