"""From what users write to canonical project paths."""

from __future__ import annotations

import os
from os.path import normpath

from stagemake.model.error import BadPath
from stagemake.model.stage import ProjectPath


def canonical(value: str, root: str, base: str) -> ProjectPath:
    """Return a path in its one spelling: relative to `root`, or absolute when outside it.

    Args:
        value: As written; relative paths are relative to `base`. A trailing slash is dropped.
        root: Absolute, normalised, without a trailing slash.
        base: The Stagefile's directory relative to the root, "" for the root itself.

    Raises:
        BadPath: Empty, or with a NUL in it.
    """
    if not value or "\0" in value:
        raise BadPath("a path is empty" if not value else f"a path holds a NUL: {value!r}")
    if value[0] not in "./" and "/." not in value and "//" not in value and value[-1] != "/":
        # Nothing to normalise, as nearly always: four times as fast.
        return f"{base}/{value}" if base else value  # type: ignore[return-value]  # NewType costs
    if value[0] != "/":
        path = normpath(f"{base}/{value}" if base else value)
        if path[:2] != ".." or (path[2:3] not in {"", "/"}):
            return ProjectPath(path)
        path = normpath(f"{root}/{path}")
    else:
        path = normpath(value)
        if path[:2] == "//":  # POSIX lets two leading slashes mean something else; nobody does
            path = path[1:]
    if path == root:
        return ProjectPath(".")
    if path.startswith(root + "/"):
        return ProjectPath(path[len(root) + 1 :])
    return ProjectPath(path)


def canonical_output(value: str, root: str, base: str) -> ProjectPath:
    """Return an output's canonical path; a trailing slash, which marks a directory, is kept.

    Raises:
        BadPath: As `canonical`, and when the path is absolute, leaves the root or is the root.
    """
    if value and value[0] not in "./" and "/." not in value and "//" not in value and not base:
        return value  # type: ignore[return-value]  # as in canonical
    if value[:1] == "/":
        raise BadPath(
            f"an output has an absolute path: `{value}`",
            hint="outputs are relative to the Stagefile; copy them elsewhere in a stage of its own",
        )
    path = canonical(value, root, base)
    if os.path.isabs(path) or path == ".":
        raise BadPath(
            f"an output lies outside the project: `{value}`"
            if path != "."
            else "an output is the project's root itself",
            hint="outputs must lie below the root",
        )
    if path == ".stagemake" or path.startswith(".stagemake/"):
        raise BadPath(f"an output lies in stagemake's own directory: `{value}`")
    return ProjectPath(f"{path}/") if value[-1] == "/" else path


def tidy(path: str) -> str:
    """Return a path without `.` and doubled slashes. `..` stays: behind a link it leads elsewhere."""
    return path if "/../" in f"{path}/" else os.path.normpath(path)
