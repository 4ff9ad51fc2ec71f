"""`which` and `need`: is a program there, for the stages?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.model.error import BadValue, MissingProgram, StagemakeError
from stagemake.program import resolve_program
from stagemake.stagefile.paths import canonical
from stagemake.stagefile.session import current
from stagemake.stagefile.shown import shown_value

if TYPE_CHECKING:
    from stagemake.stagefile.session import Session


def which(program: str | os.PathLike[str], *others: str | os.PathLike[str]) -> str | None:
    """Return the first of these programs that is there, None if none is.

    It is looked up where stages look for theirs. What is returned is the name and not the place, which
    would make results of another machine's other ones; with a slash in it, relative to the Stagefile.

    Raises:
        BadValue: A name is no text, or empty.
    """
    session = current()
    try:
        return _found(session, (program, *others))
    except StagemakeError as error:
        raise error.at("which()", session.location(1)) from None


def need(program: str | os.PathLike[str], *others: str | os.PathLike[str], hint: str = "") -> str:
    """Return the first of these programs that is there, as `which` does.

    If none is, builds and dry runs end with an error; stages can still be listed and drawn.

    Args:
        program: A name, or a path relative to the Stagefile.
        *others: What would do as well, in order of preference.
        hint: What to do where none is there: what to install.

    Raises:
        BadValue: A name is no text, or empty.
    """
    session = current()
    location = session.location(1)
    names = (program, *others)
    try:
        found = _found(session, names)
    except StagemakeError as error:
        raise error.at("need()", location) from None
    if found is not None:
        return found
    shown = tuple(os.fspath(name) for name in names)
    facts = [("needed", f"{location}, need()")]
    if not all("/" in name for name in shown):
        facts.append(("searched", f"PATH: {session.search_path}"))
    hint = hint or "install it, or put it on PATH"
    session.missing_programs.append(MissingProgram(shown, facts=facts, hint=hint))
    return _spelled(session, names[0])


def _found(session: Session, names: tuple[str | os.PathLike[str], ...]) -> str | None:
    for name in names:
        spelled = _spelled(session, name)
        sought = _from_root(session, spelled) if "/" in spelled else spelled
        if sought not in session.programs_sought:
            session.programs_sought[sought] = resolve_program(
                sought, session.search_path, session.root
            )
        if session.programs_sought[sought] is not None:
            return spelled
    return None


def _spelled(session: Session, name: object) -> str:
    """Return a program as the first word of a command names it."""
    text = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(text, str) or not text or "\0" in text:
        raise BadValue(
            f"a program is {shown_value(name)}, not a name",
            hint='write one argument for each that would do: need("cc", "gcc")',
        )
    if "/" not in text and not isinstance(name, os.PathLike):
        return text
    path = _from_root(session, text)
    if session.base and path[0] != "/":  # where the commands of an included Stagefile run
        path = os.path.relpath(path, session.base)
    return path if "/" in path else f"./{path}"


def _from_root(session: Session, text: str) -> str:
    """Return a path with a slash in it, relative to the root or absolute."""
    path = canonical(text, session.root, session.base)
    return path if "/" in path else f"./{path}"
