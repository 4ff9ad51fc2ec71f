"""Whose code a file is, and which names in a code object can't be followed. Asked by the recorder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.stagefile.safe_modules import BY_CHANCE, ESCAPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_PACKAGE = PACKAGE + os.sep
_LIBRARIES = tuple({
    os.path.dirname(os.__file__) + os.sep,
    os.path.dirname(os.path.realpath(os.__file__)) + os.sep,
})  # fmt: skip
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_WATCHED = ESCAPES | BY_CHANCE
_GLOBALS = BY_CHANCE | {
    name for name in ESCAPES if name[:2] == "__"
}  # there without being imported
_REACHES = {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "IMPORT_NAME"}


def is_standard(file: str) -> bool:
    """Return whether a file belongs to the standard library."""
    return file.startswith(_LIBRARIES) and not any(mark in file for mark in _INSTALLED)


def is_of_stagemake(file: str) -> bool:
    """Return whether a file is our own."""
    return file.startswith(_PACKAGE)


def is_own(file: str) -> bool:
    """Return whether a file is the user's own code, in the project or elsewhere; what `exec` runs is."""
    if file[:1] != "/":
        return file == "<string>"
    return not (
        file.startswith((_PACKAGE, *_LIBRARIES)) or any(mark in file for mark in _INSTALLED)
    )


def escapes(code: CodeType) -> Iterator[tuple[str, int]]:
    """Yield name and line of each use of a name that can't be followed, in a module's code and all within."""
    waiting = [code]
    stored: set[str] | None = None
    alone = (
        _GLOBALS if code.co_filename[:1] == "/" else _GLOBALS - BY_CHANCE
    )  # dataclasses make `hash((…))`
    while waiting:
        one = waiting.pop()
        waiting.extend(each for each in one.co_consts if isinstance(each, type(code)))
        if _WATCHED.isdisjoint(one.co_names):
            continue
        import dis  # noqa: PLC0415 - gate, 4 ms, where such a name stands

        if (
            stored is None
        ):  # a variable of the module that is called like a built-in function is none
            stored = {
                str(each.argval)
                for each in dis.get_instructions(code)
                if each.opname.startswith("STORE_")
            }
        for each in dis.get_instructions(one):
            name, how = str(each.argval), each.opname
            if (name in ESCAPES and how in _REACHES) or (
                name in alone - stored and how in {"LOAD_NAME", "LOAD_GLOBAL"}
            ):
                line = each.positions.lineno if each.positions is not None else None
                yield name, line or one.co_firstlineno
