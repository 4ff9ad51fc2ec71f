"""What an action key is made of, part by part: to find the nearest result, and to see whether a plan still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen
from xxhash import xxh3_128_hexdigest

from stagemake.model.valued import Valued
from stagemake.plan import declaration as columns
from stagemake.plan.declaration import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.record import Component
    from stagemake.plan.declaration import Declaration

UNKNOWN = "?"
"""What stands for the content of something that an upstream stage has yet to make."""

INPUT, DISCOVERED, CODE = "input", "discovered", "code"
ENV, CONFIG, PARAM, PROGRAM, VALUE = "env", "config", "param", "program", "value"
COMMAND = "command"

_WORDS = (
    (columns.KIND, "kind"),
    (columns.OUTPUTS, "outputs"),
    (columns.DEPFILE, "depfile"),
    (columns.USES, "uses"),
    (columns.PROVIDES, "provides"),
    (columns.TOOLS, "tools"),
    (columns.VERSION, "version"),
    (columns.CWD, "cwd"),
    (columns.CONSOLE, "console"),
    (columns.PLATFORM, "platform"),
)


def components_of(
    declaration: Declaration,
    entries: Iterable[str | None],
    programs: Iterable[tuple[str, str, str | None]],
    discovered: Iterable[tuple[str, str | None]],
    values: Iterable[tuple[str, str | None]],
) -> tuple[Component, ...]:
    """Return (kind, name, digest) of all that a key covers; digests are entries where there is a file.

    Values of variables, parameters and the like are digested: what is stored of them tells nothing.
    """
    found: list[Component] = [
        (word, "", _digest(declaration[column])) for column, word in _WORDS if declaration[column]
    ]
    if declaration[columns.KIND] == "call":
        parts = declaration[columns.COMPONENTS]
        found.extend((CODE, label, digest) for label, digest in parts)
        if not parts:
            found.append((CODE, "", _digest(declaration[columns.COMMAND])))
    else:
        found.append((COMMAND, "", _digest(declaration[columns.COMMAND])))
    found.extend((ENV, name, _digest(value)) for name, value in declaration[columns.ENV])
    found.extend((CONFIG, name, _digest(value)) for name, value in declaration[columns.CONFIG])
    found.extend((PARAM, name, _digest(value)) for name, value, _ in declaration[columns.PARAMS])
    paths = (*declaration[columns.INPUTS], *declaration[columns.IMPLICIT])
    found.extend(
        (INPUT, path, entry or UNKNOWN) for path, entry in zip(paths, entries, strict=True)
    )
    found.extend(
        (PROGRAM, name.rpartition("/")[2], entry or UNKNOWN) for name, _, entry in programs
    )
    found.extend((DISCOVERED, path, entry or UNKNOWN) for path, entry in discovered)
    found.extend(
        (VALUE, name, UNKNOWN if value is None else _digest(value)) for name, value in values
    )
    return tuple(found)


def _digest(value: columns.Plain) -> str:
    return xxh3_128_hexdigest(canonical_bytes(value))[:16]


@frozen(eq=False, repr=False)
class Distance(Valued):
    """How two sets of components differ, in the order of the newer one, gone ones last."""

    inputs: tuple[str, ...] = ()  # paths, discovered ones too
    others: tuple[tuple[str, str], ...] = ()  # kind and name
    input_count: int = field(default=0)  # of the newer set

    @property
    def total(self) -> int:
        """How many components differ."""
        return len(self.inputs) + len(self.others)


def distance(now: Iterable[Component], before: Iterable[Component]) -> Distance:
    """Return what differs; what is unknown in either differs from nothing. Cost: O(components)."""
    new = {(_kind(kind), name): digest for kind, name, digest in now}
    old = {(_kind(kind), name): digest for kind, name, digest in before}
    moved = [
        key
        for key in dict.fromkeys((*new, *old))
        if new.get(key) != old.get(key) and UNKNOWN not in {new.get(key), old.get(key)}
    ]
    inputs = tuple(name for kind, name in moved if kind == INPUT)
    others = tuple((kind, name) for kind, name in moved if kind != INPUT)
    return Distance(inputs, others, sum(1 for kind, _ in new if kind == INPUT))


def _kind(kind: str) -> str:
    return INPUT if kind == DISCOVERED else kind
