"""What `cache stats` tells, gathered: the cache's rows, the rule of collecting, the project's past builds. Only reads."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING

from stagemake.cache.keep import foresee_collecting
from stagemake.cache.reader import ReadOnlyStore
from stagemake.history import History
from stagemake.model.error import NoStagefile
from stagemake.model.record import references
from stagemake.past.cache_use import CacheWorth, worth_of
from stagemake.past.shelf import Shelf
from stagemake.report.cache_text import CacheState
from stagemake.stagefile.find import find_stagefile
from stagemake.state import StateStore

if TYPE_CHECKING:
    from stagemake.settings import ProjectConfig


def cache_state(directory: str, settings: ProjectConfig, start: str) -> CacheState:
    """Return the state of the cache in `directory`, and its worth to the project that `start` is in, if any.

    Cost: reads all records.
    """
    reader = ReadOnlyStore(directory)
    try:
        found, size_bytes = reader.stats(), reader.volume_bytes()
        gc = foresee_collecting(
            reader,
            references,
            budget=settings.cache_bytes,
            max_age_s=settings.cache_age_s,
            now_s=time.time(),
        )
    except sqlite3.Error:
        gc = None
    finally:
        reader.close()
    return CacheState(
        directory, found.records, found.blobs, size_bytes, settings.cache_bytes, gc, _worth(start)
    )


def _worth(start: str) -> CacheWorth | None:
    try:
        path = find_stagefile(start)
    except NoStagefile:
        return None
    state = StateStore(os.path.dirname(path), os.path.basename(path)).checked()
    builds = tuple(Shelf(state.builds).builds())
    names = {stage.name for build in builds for stage in build.stages}
    fits = History(state.history_path).fits(sorted(names))
    return worth_of(builds, {name: fit.median_s for name, fit in fits.items()})
