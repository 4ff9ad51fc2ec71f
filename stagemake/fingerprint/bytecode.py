"""What a code object says when its source is gone: bytes that hold on one Python version only."""

from __future__ import annotations

import sys
from types import CodeType

from stagemake.fingerprint.encoding import encode, fields


def _codes(code: CodeType) -> list[CodeType]:
    codes = [code]
    for each in codes:  # grows while it is walked
        codes.extend(const for const in each.co_consts if isinstance(const, CodeType))
    return codes


def names_of(code: CodeType) -> set[str]:
    """Return all global and attribute names in a code object and those nested in it."""
    return {name for each in _codes(code) for name in each.co_names}


def bytes_of(code: CodeType) -> bytes:
    """Return bytecode, constants and names, nested code included, and the Python version."""
    parts: list[bytes | str] = [sys.implementation.cache_tag or "", sys.version]
    for each in _codes(code):
        constants = [const for const in each.co_consts if not isinstance(const, CodeType)]
        shape = (each.co_flags, each.co_argcount, each.co_posonlyargcount, each.co_kwonlyargcount)
        named = (each.co_names, each.co_varnames, each.co_freevars, each.co_cellvars)
        parts += [each.co_code, encode((shape, named, constants))]
    return fields("bytecode", *parts)
