"""Runs of one stage as bytes, as the history keeps them. Pure; a form that is not known holds nothing."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from stagemake.model.fit import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKED = struct.Struct("<qddqqqbdq")


def pack(runs: Sequence[Run]) -> bytes:
    """Return runs as bytes, in the same order.

    Raises:
        struct.error: A number is out of range.
    """
    return b"".join(
        _PACKED.pack(
            run.started_s, run.duration_s, run.cpu_s, run.output_bytes, run.stored_bytes,
            run.input_bytes, -1 if run.changed is None else run.changed + 2 * run.was_maybe,
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
            stage, started, wall, cpu, made, None if changed < 0 else bool(changed & 1), stored,
            read, kind, changed > 1, stretch, variant,
        )
        for started, wall, cpu, made, stored, read, changed, stretch, variant
        in _PACKED.iter_unpack(packed)
    ]  # fmt: skip
