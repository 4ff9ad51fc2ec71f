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
        BadPath: Empty, or with something in it that no path can hold.
    """
    if not value or "\0" in value or not value.isascii():
        _check(value)
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
        if "\0" in value or not value.isascii():
            _check(value)
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


def flaw_of(text: str) -> str:
    """Return what the system could not be told of a path or a command, as the end of a sentence; empty for nothing."""
    if "\0" in text:
        return "holds a NUL"
    if not text.isascii():
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            return "holds what is no character, as half of a surrogate pair"
    return ""


def _check(value: str) -> None:
    """Raise BadPath where no path can be called like that."""
    if not value:
        raise BadPath("a path is empty")
    if flaw := flaw_of(value):
        raise BadPath(f"a path {flaw}: {value!r}")


def tidy(path: str) -> str:
    """Return a path without `.` and doubled slashes. `..` stays: behind a link it leads elsewhere."""
    return path if "/../" in f"{path}/" else os.path.normpath(path)
