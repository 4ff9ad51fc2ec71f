"""Whether stages really run. Apart from what running stages see, which takes 8 ms to import."""

from __future__ import annotations

import enum


class ExecutionMode(enum.Enum):
    """Whether stages really run."""

    LIVE = "live"
    DRY_RUN = "dry run"
