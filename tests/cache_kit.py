"""Caches on disk for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.cache.disk import DiskStore, open_store

if TYPE_CHECKING:
    from pathlib import Path


def opened(directory: Path, timeout_s: float | None = None) -> DiskStore:
    """Return the cache in a directory, made if need be; whoever asks closes it."""
    options = {} if timeout_s is None else {"timeout_s": timeout_s}
    store, reason = open_store(str(directory), **options)
    assert store is not None, reason
    return store
