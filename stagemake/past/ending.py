"""How a past build ended: apart from what reads it, as each build notes its own."""

from __future__ import annotations

import enum


class Ending(enum.Enum):
    """How a build ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    KILLED = "killed"  # it left no word of its end
    RUNNING = "running"  # nor could it, so far
