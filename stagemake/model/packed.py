"""Runs of one stage as bytes, as the history keeps them. Pure; a form that is not known holds nothing."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from stagemake.model.fit import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKED = struct.Struct("<qddqqqbdq")
_CHANGED, _MAYBE, _TOLD = 1, 2, 4
_NOT_COMPARED = -1  # then the others say nothing


def pack(runs: Sequence[Run]) -> bytes:
    """Return runs as bytes, in the same order.

    Raises:
        struct.error: A number is out of range.
    """
    return b"".join(
        _PACKED.pack(
            run.started_s, run.duration_s, run.cpu_s, run.output_bytes, run.stored_bytes,
            run.input_bytes, _NOT_COMPARED if run.changed is None else _flags(run),
            run.stretch, run.variant,
        )
        for run in runs
    )  # fmt: skip


def unpack(stage: str, kind: str, packed: object) -> list[Run]:
    """Return the runs that `pack` was given; none where that is not what it made."""
    if not isinstance(packed, bytes) or len(packed) % _PACKED.size:
        return []
    return [
        Run(
            stage, started, wall, cpu, made, None if flags < 0 else bool(flags & _CHANGED), stored,
            read, kind, flags > 0 and bool(flags & _MAYBE), stretch, variant,
            flags > 0 and bool(flags & _TOLD),
        )
        for started, wall, cpu, made, stored, read, flags, stretch, variant
        in _PACKED.iter_unpack(packed)
    ]  # fmt: skip


def _flags(run: Run) -> int:
    return bool(run.changed) * _CHANGED | run.was_maybe * _MAYBE | run.was_told * _TOLD
