"""Which plugins are installed? Distributions with entry points in stagemake's groups; nothing is imported."""

from __future__ import annotations

import os
from importlib import metadata
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.error import UnknownPlugin, near_matches

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = (
    "stages", "pipelines", "lifecycle", "hooks", "reporters", "runners", "caches", "commands",
)  # fmt: skip
"""What a plugin can bring. The entry points of a kind are in the group `stagemake.<kind>`."""

GROUP_PREFIX = "stagemake."
NAME_PREFIX = "stagemake-"
"""May be left out where a plugin is named: `words` means `stagemake-words` if there is no `words`."""


@frozen
class Installed:
    """A distribution that brings something."""

    name: str  # as its metadata says
    version: str
    place: str  # where it is installed: the directory that holds its metadata
    entries: tuple[tuple[str, metadata.EntryPoint], ...]  # kind and entry point, sorted
    files: tuple[str, ...] = ()  # its metadata, absolute: what is said here depends on them

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of the entry points of one kind, sorted."""
        return tuple(entry.name for found, entry in self.entries if found == kind)


def normalized(name: str) -> str:
    """Return a distribution's name as it is compared: lower case, runs of `-`, `_` and `.` as one `-`."""
    parts = name.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(part for part in parts if part)


def find_installed(name: str) -> Installed | None:
    """Return the plugin of that name, or of `stagemake-` and that name; None if neither brings anything.

    Cost: reads the directories on `sys.path` once, and the metadata of that distribution.
    """
    for candidate in (name, NAME_PREFIX + name):
        try:
            found = _installed(metadata.distribution(candidate))
        except (metadata.PackageNotFoundError, ValueError):
            continue
        if found is not None:
            return found
    return None


def all_installed() -> tuple[Installed, ...]:
    """Return every installed plugin, sorted by name. Cost: reads the metadata of all distributions."""
    by_name: dict[str, Installed] = {}
    for distribution in metadata.distributions():
        found = _installed(distribution)
        if found is not None:  # of two versions the first on the path is what an import finds
            by_name.setdefault(normalized(found.name), found)
    return tuple(by_name[name] for name in sorted(by_name))


def unknown_plugin(name: str, named_in: str) -> UnknownPlugin:
    """Return the error on a name that no installed plugin has."""
    plugins = all_installed()
    known = {each.name: each for each in plugins}
    known |= {each.name.removeprefix(NAME_PREFIX): each for each in plugins}
    near = near_matches(name, known)
    installed = _distribution_version(name)
    facts = [("named in", named_in)]
    if installed:
        facts.append(("installed", f"{name} {installed} brings no entry points for stagemake"))
        hint = "take it out: a package that is only imported need not be named"
    elif near:
        hint = f"did you mean {' or '.join(f'`{each}`' for each in near)}?"
    else:
        hint = f"pip install {name}"
    return UnknownPlugin(f"plugin `{name}` is not installed", facts=facts, hint=hint)


def commands_among(plugins: Iterable[Installed]) -> dict[str, str]:
    """Return which plugin brings a command, by the command's name; the first of several."""
    found: dict[str, str] = {}
    for plugin in plugins:
        for name in plugin.names("commands"):
            found.setdefault(name, plugin.name)
    return found


def _installed(distribution: metadata.Distribution) -> Installed | None:
    entries = sorted(
        (
            (entry.group.removeprefix(GROUP_PREFIX), entry)
            for entry in distribution.entry_points
            if entry.group.startswith(GROUP_PREFIX)
        ),
        key=lambda pair: (pair[0], pair[1].name),
    )
    name = distribution.metadata["Name"]
    if not entries or not name:
        return None
    place = str(distribution.locate_file(""))
    own = getattr(distribution, "_path", None)  # there is no public way to the directory
    files = ("METADATA", "RECORD", "entry_points.txt") if own is not None else ()
    return Installed(
        name,
        distribution.version or "",
        place,
        tuple(entries),
        tuple(os.path.abspath(f"{own}/{file}") for file in files),
    )


def _distribution_version(name: str) -> str:
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return ""
