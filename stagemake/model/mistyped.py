"""What a name that is nowhere was meant to be: what Python says itself from 3.12 on, and 3.11 at its prompt only."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING

from stagemake.model.error import near_matches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

_SAYS_IT_ITSELF = sys.version_info >= (3, 12)


def said_behind(error: BaseException) -> str:
    """Return what Python leaves out behind an error's message: `. Did you mean: 'amounts'?`; else nothing.

    For a variable that is not defined and an attribute that is not there. Empty where the interpreter says it itself.
    """
    if _SAYS_IT_ITSELF:
        return ""
    near = _meant(error)
    return f". Did you mean: '{near}'?" if near else ""


def names_in_reach(error: BaseException) -> tuple[str, ...]:
    """Return the variables that the code which raised could have named, sorted; private ones are left out."""
    frame = _innermost(error.__traceback__)
    if frame is None:
        return ()
    scopes: tuple[Iterable[str], ...] = (
        frame.tb_frame.f_locals, frame.tb_frame.f_globals, vars(builtins),
    )  # fmt: skip
    return tuple(sorted({name for scope in scopes for name in scope if name[:1] != "_"}))


def _meant(error: BaseException) -> str:
    known: Iterable[str] = ()
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        known = names_in_reach(error)
    elif isinstance(error, AttributeError) and error.name:
        known = _attributes(error.obj)
    name = getattr(error, "name", None)
    if not known or not isinstance(name, str):
        return ""
    near = near_matches(name, [each for each in known if name[:1] == "_" or each[:1] != "_"])
    return near[0] if near and near[0] != name else ""


def _attributes(owner: object) -> list[str]:
    try:
        return sorted(name for name in dir(owner) if isinstance(name, str))
    except Exception:  # a foreign __dir__: there is an error to show already
        return []


def _innermost(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace
