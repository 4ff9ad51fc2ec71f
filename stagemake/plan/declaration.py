"""What a stage declares, as one plain tuple: compared at once, stored in traces, fed into keys."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from stagemake.model.error import BadValue
from stagemake.model.stage import Call, Command

if TYPE_CHECKING:
    from stagemake.model.stage import Stage

# The columns of a declaration.
(
    KIND,
    COMMAND,
    INPUTS,
    IMPLICIT,
    OUTPUTS,
    DEPFILE,
    ENV,
    CONFIG,
    PARAMS,
    USES,
    PROVIDES,
    TOOLS,
    VERSION,
    CWD,
    CONSOLE,
    PLATFORM,
    COMPONENTS,
) = range(17)
"""The columns of a declaration:

KIND        "argv", "sh", "call" or "none"
COMMAND     the command's template; for a call: (name, source identity)
PARAMS      (name, canonical bytes, text to show) by name
CONSOLE     "True" where the action has the tool's own streams, which may answer; else empty
PLATFORM    what results are bound to: system and machine, for calls also the interpreter
COMPONENTS  for a call: (label, digest) of everything its identity is made of; not in the key itself
"""

Declaration = tuple[Any, ...]  # of the columns above; plain, so that marshal takes it

Plain = str | bytes | None | tuple["Plain", ...]

KEY_FORMAT = b"stagemake action 2\n"
"""Raised whenever the encoding below changes: every key is then another one."""

_MACHINE = f"{sys.platform} {os.uname().machine}"
_INTERPRETER = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"
_EMPTY: tuple[object, ...] = ()


class Identity(Protocol):
    """Identity of a function, as `fingerprint.function` gives it."""

    @property
    def source(self) -> str:
        """Digest over all that the function is made of."""

    @property
    def components(self) -> tuple[tuple[str, str], ...]:
        """Label and digest of each part, sorted."""

    @property
    def always(self) -> bool:
        """Whether a change could go unseen, so that the stage has to run every time."""

    @property
    def files(self) -> tuple[str, ...]:
        """Sources read, as project paths."""

    @property
    def absent(self) -> tuple[str, ...]:
        """Files whose appearance would change the identity, as project paths."""


def declare(stage: Stage, identity: Identity | None, *, inherits: bool = False) -> Declaration:
    """Return what `stage` declares.

    Args:
        stage: The stage.
        identity: Its function's; None for commands.
        inherits: Whether stages get the tool's whole environment: another result than in a clean one.
    """
    action = stage.action
    where = _MACHINE
    components: tuple[object, ...] = _EMPTY
    command: tuple[object, ...] = _EMPTY
    if isinstance(action, Command):
        kind = "sh" if action.shell else "argv"
        command = action.template
    elif isinstance(action, Call):
        kind = "call"
        source = ""
        if identity is not None and not stage.ignore_code:
            source, components = identity.source, identity.components
        command = (stage.name, source)
        if not stage.any_python:
            where = f"{_MACHINE} {_INTERPRETER}"
    else:
        kind = "none"
    env = stage.env
    if inherits or stage.pass_env or stage.secret_env:
        # That they are passed counts, their values don't. No variable has `=` in its name.
        passed = "everything" if inherits else " ".join((*stage.pass_env, *stage.secret_env))
        env = (*env, ("passed through=", passed))
    return (
        kind,
        command,
        stage.inputs,
        stage.implicit,
        stage.outputs,
        stage.depfile or "",
        env,
        stage.config,
        _params(stage) if stage.params else _EMPTY,
        stage.uses,
        stage.provides,
        stage.tools,
        stage.version,
        stage.cwd,
        "True" if stage.console else "",
        where,
        components,
    )


def _params(stage: Stage) -> tuple[tuple[str, bytes, str], ...]:
    from stagemake.fingerprint.encoding import Unencodable, encode  # noqa: PLC0415 - gate, 10 ms, with params only

    try:
        return tuple((name, encode(value), repr(value)[:200]) for name, value in stage.params)
    except Unencodable as error:
        raise BadValue(
            f"a parameter of stage `{stage.name}` is no plain value: {error}",
            facts=[("declared", str(stage.location or "by a program"))],
            hint="parameters are numbers, text, bytes, and lists, mappings and dataclasses of those",
        ) from None


def weak_key(declaration: Declaration) -> bytes:
    """Return the canonical bytes of the declared part, without the content of anything.

    Cost: some 3 us; only asked for when the traces don't answer.
    """
    out = [KEY_FORMAT, b"(%d:" % COMPONENTS]
    _append_all(declaration[:DEPFILE], out)
    out.append(_rest(declaration[DEPFILE:COMPONENTS]))
    return b"".join(out)


@lru_cache(maxsize=256)  # most stages say nothing there, or what many others say
def _rest(columns: tuple[Any, ...]) -> bytes:
    """Return the bytes of the columns from `DEPFILE` on, of parameters without the text to show."""
    at = PARAMS - DEPFILE
    params = tuple((name, value) for name, value, _ in columns[at])
    out: list[bytes] = []
    _append_all((*columns[:at], params, *columns[at + 1 :]), out)
    return b"".join(out)


def canonical_bytes(value: Plain) -> bytes:
    """Return typed, length-prefixed bytes of nested tuples of text, bytes and None.

    Two values have the same bytes only if they are equal. Several times faster than the general
    `fingerprint.encoding`, which takes whatever users write; nesting is as deep as a declaration.
    """
    out: list[bytes] = []
    _append_all((value,), out)
    return b"".join(out)


def _append_all(values: tuple[Plain, ...], out: list[bytes]) -> None:
    for value in values:
        kind = type(value)
        if kind is str:  # first what there is most of, and without a call
            if value.isascii():  # type: ignore[union-attr]  # text, by the line above
                out.append(f"s{len(value)}:{value}".encode())  # type: ignore[arg-type,str-bytes-safe]  # as above
            else:
                out.append(_text(value))  # type: ignore[arg-type]  # as above
        elif kind is tuple:
            out.append(b"(%d:" % len(value))  # type: ignore[arg-type]  # a tuple, by the line above
            if value:
                _append_all(value, out)  # type: ignore[arg-type]  # as above
        elif value is None:
            out.append(b"n")
        elif isinstance(value, str):  # its subclasses: names and paths
            out.append(_text(value))
        elif isinstance(value, bytes):
            out.append(b"b%d:%b" % (len(value), value))
        else:
            raise TypeError(f"no canonical bytes for a {kind.__name__}")


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(data), data)
