"""In which way something is done: whether stages really run, what may be done with the cache. Imported for options."""

from __future__ import annotations

import enum


class ExecutionMode(enum.Enum):
    """Whether stages really run."""

    LIVE = "live"
    DRY_RUN = "dry run"


class CacheMode(enum.Enum):
    """What a build may do with the cache. `ON` stores everything, `AUTO` leaves out contents not worth it."""

    OFF = "off"
    READ = "read"
    WRITE = "write"
    ON = "on"
    AUTO = "auto"

    @property
    def reads(self) -> bool:
        """Whether results may be restored."""
        return self in {CacheMode.READ, CacheMode.ON, CacheMode.AUTO}

    @property
    def writes(self) -> bool:
        """Whether results may be stored."""
        return self in {CacheMode.WRITE, CacheMode.ON, CacheMode.AUTO}

    @property
    def keeps_all(self) -> bool:
        """Whether contents are stored that take longer to bring back than to make anew."""
        return self is not CacheMode.AUTO
