"""What a stage printed when it last ran, read back from the cache. Asked when nothing had to run now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.cache.guarded import GuardedStore
    from stagemake.cache.reader import ReadOnlyStore
    from stagemake.model.result import StageResult


def logged(
    result: StageResult, open_reader: Callable[[], ReadOnlyStore | GuardedStore]
) -> tuple[bytes, bytes]:
    """Return stdout and stderr of a result: its own, else those that were stored; empty when not kept."""
    if result.stdout or result.stderr or result.key is None:
        return result.stdout, result.stderr
    from stagemake.records import StoredRecords  # noqa: PLC0415 - gate, with logs to read only

    reader = open_reader()
    try:
        cached = StoredRecords(lambda: reader).result(result.key)
        if cached is None:
            return b"", b""
        texts = [
            (reader.read(log.digest, log.size_bytes) or b"") if log.size_bytes else b""
            for log in (cached.stdout, cached.stderr)
        ]
        return texts[0], texts[1]
    finally:
        reader.close()
