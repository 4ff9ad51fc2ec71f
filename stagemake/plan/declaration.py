"""What a stage declares, as one plain tuple: compared at once, stored in traces, fed into keys."""

from __future__ import annotations

import os
import sys
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

    Cost: some 20 us; only asked for when the traces don't answer.
    """
    params = tuple((name, value) for name, value, _ in declaration[PARAMS])
    return KEY_FORMAT + canonical_bytes(
        (*declaration[:PARAMS], params, *declaration[PARAMS + 1 : COMPONENTS])
    )


def canonical_bytes(value: Plain) -> bytes:
    """Return typed, length-prefixed bytes of nested tuples of text, bytes and None.

    Two values have the same bytes only if they are equal. Several times faster than the general
    `fingerprint.encoding`, which takes whatever users write; nesting is as deep as a declaration.
    """
    out: list[bytes] = []
    _append(value, out)
    return b"".join(out)


def _append(value: Plain, out: list[bytes]) -> None:
    kind = type(value)
    if kind is tuple:
        out.append(b"(%d:" % len(value))  # type: ignore[arg-type]  # a tuple, by the line above
        for item in value:  # type: ignore[union-attr]  # as above
            if type(item) is str:  # without a call: nearly all there is
                data = item.encode("utf-8", "surrogatepass")
                out.append(b"s%d:%b" % (len(data), data))
            else:
                _append(item, out)  # type: ignore[arg-type]  # as above
    elif value is None:
        out.append(b"n")
    elif isinstance(value, str):  # also its subclasses: names and paths
        data = value.encode("utf-8", "surrogatepass")
        out.append(b"s%d:%b" % (len(data), data))
    elif isinstance(value, bytes):
        out.append(b"b%d:%b" % (len(value), value))
    else:
        raise TypeError(f"no canonical bytes for a {kind.__name__}")
