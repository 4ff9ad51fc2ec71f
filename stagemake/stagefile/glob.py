"""Which paths a pattern stands for, always in the same order, and which directories decided that.

`*`, `?` and `[...]` stay within one component, `**` stands for any number of directories. As in a shell a
leading dot is matched by a leading dot only. `**` doesn't follow links to directories, all else does.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from typing import TYPE_CHECKING

from stagemake.model.error import BadPath
from stagemake.tree import is_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAGIC = re.compile(r"[*?\[]")
_Listing = dict[str, tuple[bool, bool]]  # name -> is a directory (links followed), is a link


def expand(
    root: str,
    base: str,
    pattern: str,
    *,
    exclude: Iterable[str] = (),
    more: Iterable[str] = (),
    less: frozenset[str] = frozenset(),
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a pattern matches and the directories whose listing decided it.

    Args:
        root: The project's directory, absolute.
        base: The directory the pattern is relative to, relative to the root; `""` or `.` is the root.
        pattern: Relative, `/` between components. Files match, of any kind but directories; one that
            ends with `/` matches directories.
        exclude: Patterns of the same kind; what one of them matches, or lies in, is left out.
        more: Files that are taken to be there, relative to the root, without links on the way.
        less: Files and directories that are taken not to be there; likewise.

    Returns:
        Paths relative to `base`, without a trailing slash, sorted by code point; and directories
        that were listed, relative to `base`, `.` for itself, sorted. Directories that aren't there count too.

    Raises:
        ValueError: The pattern is empty, absolute, or holds `..` or NUL.
        OSError: A directory can't be listed; the path is in `filename`.

    Cost: one listing for each directory visited.
    """
    components = _components(pattern)
    wants_dirs = pattern.endswith("/")
    dropped = [_compiled(each) for each in exclude]
    top = os.path.normpath(os.path.join(root, base))
    visited: dict[str, _Listing] = {}
    assumed = _assumed(root, more)
    found = set()
    waiting = [("", 0)]
    reached = set(waiting)
    while waiting:
        directory, index = waiting.pop()
        listing = visited.get(directory)
        if listing is None and not _is_pattern(components[index]):
            # What else is in there makes no difference, so it isn't looked at.
            listing = _listing_of_one(f"{top}/{directory}", components[index])
        elif listing is None:
            listing = visited[directory] = _listing(f"{top}/{directory}")
        if assumed or less:
            listing = _as_assumed(root, f"{top}/{directory}", listing, assumed, less)
        for step in _steps(directory, listing, components, index):
            path, is_dir, next_index = step
            if next_index == len(components):
                if is_dir == wants_dirs:
                    found.add(path)
            elif is_dir and (f"{path}/", next_index) not in reached:
                reached.add((f"{path}/", next_index))
                waiting.append((f"{path}/", next_index))
    kept = (path for path in found if not any(drops(path) for drops in dropped))
    return tuple(sorted(kept)), tuple(sorted(each.rstrip("/") or "." for each in visited))


def start_upwards(
    base: str, pattern: str, exclude: Iterable[str]
) -> tuple[str, str, str, tuple[str, ...]]:
    """Return where a pattern begins that may have `../` at its start, as long as it stays below the root.

    Args:
        base: As for `expand`; not reached through links, behind which `..` leads elsewhere.
        pattern: As for `expand`, after any number of `../`.
        exclude: One is for the patterns that begin with as many `../`.

    Returns:
        The directory to look in, relative to the root; what leads there from `base`; the pattern and
        the exclusions there, fit for `expand`.

    Raises:
        BadPath: The pattern leads out of the project, or `expand` would refuse it.
    """
    up, below = _ups(pattern)
    top = base
    if up:
        parts = [part for part in base.split("/") if part not in {"", "."}]
        if len(up) > len(parts) * len("../"):
            raise BadPath(f"a pattern leads out of the project: `{pattern}`")
        top = "/".join(parts[: len(parts) - len(up) // len("../")])
    try:
        _components(below)
    except ValueError:
        raise BadPath(
            f"glob() can't look for `{pattern}`",
            hint="`..` may stand at the beginning of a pattern only" if ".." in pattern else "",
        ) from None
    return top, up, below, tuple(rest for ups, rest in map(_ups, exclude) if ups == up)


def _ups(pattern: str) -> tuple[str, str]:
    """Return how a pattern goes upwards, `../` as often as it does, and the rest of it."""
    up = ""
    rest = pattern
    while True:
        first, slash, following = rest.partition("/")
        if not slash or first not in {".", ".."}:
            return up, rest
        up += "../" if first == ".." else ""
        rest = following.lstrip("/")


def _steps(
    directory: str, listing: _Listing, components: tuple[str, ...], index: int
) -> Iterable[tuple[str, bool, int]]:
    """Yield path, whether it is a directory, and the component to go on with, for one listing."""
    component = components[index]
    is_last = index + 1 == len(components)
    if component == "**":
        # Here it stands for no directory at all: what follows is looked for in this listing.
        if not is_last:
            yield from _steps(directory, listing, components, index + 1)
        for name, (is_dir, is_link) in listing.items():
            if name[0] == ".":
                continue
            if is_last:
                yield directory + name, is_dir, index + 1
            if is_dir and not is_link:
                yield directory + name, True, index
        return
    if not _is_pattern(component):
        if component in listing:
            yield directory + component, listing[component][0], index + 1
        return
    matches = _matcher(component)
    for name, (is_dir, _) in listing.items():
        if matches(name) and (name[0] != "." or component[0] == "."):
            yield directory + name, is_dir, index + 1


def _is_pattern(component: str) -> bool:
    return _MAGIC.search(component) is not None


def _listing_of_one(full: str, name: str) -> _Listing:
    """Return what a listing would say of one name."""
    path = f"{full.rstrip('/')}/{name}"
    if is_ours(name) or not os.path.lexists(path):
        return {}
    return {name: (os.path.isdir(path), os.path.islink(path))}


def _listing(full: str) -> _Listing:
    """Return what is in a directory, nothing of ours; empty when it isn't there."""
    try:
        with os.scandir(full) as children:
            return {
                child.name: (child.is_dir(), child.is_symlink())
                for child in children
                if not is_ours(child.name)
            }
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _assumed(root: str, files: Iterable[str]) -> dict[str, _Listing]:
    """Return what files that are not there would add to listings, by real directory."""
    found: dict[str, _Listing] = {}
    real_root = os.path.realpath(root)
    for file in files:
        path = os.path.join(real_root, file)
        found.setdefault(os.path.dirname(path), {})[os.path.basename(path)] = (False, False)
        while not os.path.isdir(path := os.path.dirname(path)):
            found.setdefault(os.path.dirname(path), {})[os.path.basename(path)] = (True, False)
    return found


def _as_assumed(
    root: str, full: str, listing: _Listing, assumed: dict[str, _Listing], less: frozenset[str]
) -> _Listing:
    """Return a listing with what is taken to be there, and without what is taken not to be."""
    real = os.path.realpath(full)
    found = {**assumed.get(real, {}), **listing}
    if not less:
        return found
    start = len(os.path.realpath(root).rstrip("/")) + 1
    return {name: kind for name, kind in found.items() if f"{real}/{name}"[start:] not in less}


def _components(pattern: str) -> tuple[str, ...]:
    """Return the components of a pattern, repeats of `**` as one."""
    components: list[str] = []
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    if not parts or pattern[0] == "/" or ".." in parts or "\0" in pattern:
        raise ValueError(f"not a pattern below its directory: {pattern!r}")
    for part in parts:
        if part != "**" or components[-1:] != ["**"]:
            components.append(part)
    return tuple(components)


def _matcher(component: str) -> Callable[[str], object]:
    """Return what tells whether a name matches one component, case counting."""
    return re.compile(fnmatch.translate(component)).match


def _compiled(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a path, or a directory it lies in, matches a pattern."""
    components = _components(pattern)
    matchers = tuple(None if part == "**" else _matcher(part) for part in components)
    return functools.partial(_drops, components, matchers)


def _drops(
    components: tuple[str, ...],
    matchers: tuple[Callable[[str], object] | None, ...],
    path: str,
) -> bool:
    """Whether the components match the front of a path; hidden names as in `expand`."""
    names = path.split("/")
    states = {0}
    for name in names:
        following = set()
        for state in states:
            # `**` may also stand for nothing, so the component behind it gets the name as well.
            for at in (state, state + 1) if components[state] == "**" else (state,):
                if at == len(components):
                    continue
                matches = matchers[at]
                hidden = name[0] == "." and components[at][0] != "."
                if hidden or (matches is not None and not matches(name)):
                    continue
                following.add(at if matches is None else at + 1)
                if at + 1 == len(components):
                    return True
        states = following
    return False
