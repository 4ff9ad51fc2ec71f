"""May a dry run leave keys out? Only where none can match anything, and nobody is shown them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.cache.reader import ReadOnlyStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.cache.guarded import GuardedStore
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.request import BuildRequest
    from stagemake.state import StateStore


def decides_nothing(
    pipeline: Pipeline,
    request: BuildRequest,
    state: StateStore,
    read_only: Callable[[], ReadOnlyStore | GuardedStore],
) -> bool:
    """Return whether the content of files decides nothing about a plan: there is no past, and no record.

    Not where stages say themselves what they would do: they are handed what was seen. `read_only` opens the cache.
    """
    if request.held is not None or request.assume_changed:
        return False
    known = state.snapshot
    if known.traces or known.interrupted or os.path.lexists(state.history_path):
        return False
    if any(stage.is_class_based for stage in pipeline.stages):
        return False
    if not request.cache.reads:
        return True
    reader = read_only()
    return isinstance(reader, ReadOnlyStore) and reader.is_empty
