"""Plugins, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.report.amount import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.plugins.listing import PluginRow


def plugins_text(rows: Sequence[PluginRow]) -> str:
    """Return a block of lines for each plugin: name, version and state, then what there is to know."""
    if not rows:
        return "no plugins are installed\n"
    lines = []
    for row in rows:
        lines.append(f"{row.name} {row.version}".rstrip() + f"  {row.state}")
        facts = [
            ("why", row.error),
            ("at", row.at),
            ("hint", row.hint),
            ("named in", row.named_in),
            ("origin", row.origin),
            *((kind, ", ".join(names)) for kind, names in row.brings.items()),
        ]
        lines.extend(f"  {label:<9}  {printable(value)}" for label, value in facts if value)
    return "\n".join(map(printable, lines)) + "\n"


def plugins_object(rows: Sequence[PluginRow]) -> dict[str, Any]:
    """Return what `plugins --json` prints."""
    return {
        "schema": 1,
        "plugins": [
            {
                "name": row.name,
                "version": row.version or None,
                "state": row.state,
                "origin": row.origin or None,
                "named_in": row.named_in or None,
                "error": row.error or None,
                "at": row.at or None,
                "hint": row.hint or None,
                "brings": {kind: list(names) for kind, names in row.brings.items()},
            }
            for row in rows
        ],
    }
