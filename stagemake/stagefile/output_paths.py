"""`output_for`: where what is made of a source goes, outside of the source tree."""

from __future__ import annotations

import os
from pathlib import Path

from stagemake.model.error import BadPath, BadValue, StagemakeError
from stagemake.stagefile.paths import canonical
from stagemake.stagefile.session import Session, current
from stagemake.stagefile.shown import shown_value

PathLike = str | os.PathLike[str]


def output_for(
    source: PathLike,
    directory: PathLike,
    *,
    strip: PathLike = "",
    suffix: str | None = None,
    append: str = "",
) -> Path:
    """Return the path in `directory` that corresponds to a source's, relative to the Stagefile.

    Args:
        source: Relative to the Stagefile, as from `glob`.
        directory: Where to put it; directories of the source below `strip` are kept in there.
        strip: The directory of the source that `directory` takes the place of; the Stagefile's own
            when left out.
        suffix: Instead of the source's last one, with its dot; empty drops that, None keeps it.
        append: Put behind it, so that `a.c` and `a.cpp` stay two.

    Raises:
        BadPath: The source is not below `strip`.
        BadValue: An argument has the wrong type.
    """
    session = current()
    try:
        for value in (suffix, append):
            if value is not None and (not isinstance(value, str) or "/" in value):
                raise BadValue(f"a suffix is {shown_value(value)}, not a text without slash")
        if suffix and suffix[0] != ".":
            raise BadValue(f"the suffix {suffix!r} has no dot", hint=f'write suffix=".{suffix}"')
        folder = _text(directory, "directory")
        path = _below(session, _text(source, "source"), _text(strip, "strip"))
    except StagemakeError as error:
        raise error.at("output_for()", session.location(1)) from None
    parents, _, name = path.rpartition("/")
    if suffix is not None:
        dot = name.rfind(".")
        name = (name[:dot] if 0 < dot < len(name) - 1 else name) + suffix
    return Path(folder, parents, name + append)


def _text(value: object, what: str) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise BadValue(f"the {what} is {shown_value(value)}, not a path")
    return text


def _below(session: Session, source: str, strip: str) -> str:
    """Return the source relative to the directory that is stripped."""
    path = canonical(source, session.root, session.base)
    top = canonical(strip or ".", session.root, session.base)
    if path == top:
        raise BadPath(f"`{source}` is the directory itself, not a path in it")
    if top == "." and path[0] != "/":
        return path
    if not path.startswith(f"{top}/"):
        where = f"`{strip}`" if strip else "the Stagefile's directory"
        raise BadPath(
            f"`{source}` is not in {where}",
            hint="strip= names a directory that all sources are in",
        )
    return path[len(top) + 1 :]
