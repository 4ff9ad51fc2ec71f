"""What a stage printed when it last ran, read back from the cache: when nothing had to run now, and for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


@frozen
class Stored:
    """What a stage printed whose result is in the cache."""

    key: str
    created_s: int  # unix seconds
    stdout: bytes
    stderr: bytes


def stored(keys: Sequence[str], reader: ReadOnlyStore | GuardedStore) -> Iterator[Stored]:
    """Yield what is stored under keys, as far as something was printed; contents may be gone: those are left out."""
    from stagemake.model.record import decode_result  # noqa: PLC0415 - gate, with logs to read only

    for key, body in reader.get(keys).items():
        result = decode_result(body)
        if result is None or not result.stdout.size_bytes + result.stderr.size_bytes:
            continue
        texts = [
            reader.read(log.digest, log.size_bytes) if log.size_bytes else b""
            for log in (result.stdout, result.stderr)
        ]
        if None not in texts:
            yield Stored(key, result.created_s, texts[0] or b"", texts[1] or b"")
