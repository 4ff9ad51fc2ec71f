"""All plugins there are, installed or named, with their state. For `stagemake plugins`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.plugins.discover import KINDS, all_installed, normalized
from stagemake.plugins.fault import described, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.plugins.parts import Brought
    from stagemake.plugins.roster import Roster


@frozen
class PluginRow:
    """One plugin, for people and programs."""

    name: str
    version: str
    state: str  # active, inactive, broken or missing
    origin: str  # the directory it is installed in; empty for missing ones
    named_in: str = ""  # who names it; empty: nobody
    error: str = ""  # one line; of broken and missing ones
    at: str = ""  # file and line where it raised
    hint: str = ""
    brings: Mapping[str, tuple[str, ...]] = field(factory=dict)  # names by kind; kinds it has only


def list_plugins(roster: Roster | None) -> tuple[PluginRow, ...]:
    """Return every installed plugin and every one that is named, sorted by name.

    Of those that take part, what else is only imported when chosen is imported too, to tell whether it is
    broken. Nothing is imported of the others.
    """
    rows: dict[str, PluginRow] = {}
    for installed in all_installed():
        brings = {kind: installed.names(kind) for kind in KINDS if installed.names(kind)}
        rows[normalized(installed.name)] = PluginRow(
            installed.name, installed.version, "inactive", installed.place, brings=brings
        )
    if roster is not None:
        for brought in roster.plugins:
            known = rows.get(normalized(brought.name))
            rows[normalized(brought.name)] = _row_of(brought, roster, known)
        for name, error in roster.unknown.items():
            named_in = next((value for label, value in error.facts if label == "named in"), "")
            rows[normalized(name)] = PluginRow(
                name, "", "missing", "", named_in, error.headline, hint=error.hint
            )
    return tuple(rows[key] for key in sorted(rows))


def _row_of(brought: Brought, roster: Roster, known: PluginRow | None) -> PluginRow:
    brings = {kind: tuple(part.name for part in brought.of(kind)) for kind in KINDS}
    if brought.stage_names:
        brings["stages"] = tuple(brought.stage_names)
    if brought.lifecycle_names:
        brings["lifecycle"] = tuple(brought.lifecycle_names)
    fault = brought.fault
    error, at = ("", "") if fault is None else (fault.problem, fault.place)
    if not error:
        error, at = _what_is_wrong_when_chosen(brought, roster)
    found = {kind: names for kind, names in brings.items() if names}
    return PluginRow(
        brought.name,
        brought.version,
        "broken" if error else "active",
        brought.origin,
        brought.named_in,
        error,
        at,
        brings=found or (known.brings if known is not None else {}),
    )


def _what_is_wrong_when_chosen(brought: Brought, roster: Roster) -> tuple[str, str]:
    for kind in ("runners", "caches", "commands"):
        for part in brought.of(kind):
            try:
                roster.named_parts.use(kind, part.name)
            except Exception as error:
                facts = dict(getattr(error, "facts", ()))
                text = f"{getattr(error, 'headline', described(error))}: {facts.get('why', '')}"
                return text.rstrip(": "), facts.get("at", place_of(error))
    return "", ""
