"""Have files that moved the content that they had? Then there is nothing to do, and the record says so from now on.

Asked where all that moved since the record of `freshness.noop` was written are files whose contents count, and
nothing that the evaluation of the Stagefile read: what it may have seen of a file is not its content alone.
"""

from __future__ import annotations

import os
import stat
import time

import stagemake
from stagemake import durable
from stagemake.contents import read_digest
from stagemake.freshness import noop
from stagemake.freshness.lock import take
from stagemake.freshness.signature import FileClock, link_signature, youngest_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import Signature

_SETTLE_S = 0.5  # clocks move on within 10 ms


def only_touched(
    record: Record, moved: Mapping[int, Signature | None], root: str
) -> dict[int, Signature] | None:
    """Return what moved with its signatures, if all of it holds what it held. Changes nothing.

    A file that is written to while it is read does not count as equal.

    Cost: reads everything that moved, after a look at sizes and kinds alone.
    """
    found: dict[int, Signature] = {}
    for path_id, now in moved.items():
        if now is None or not _may_be_equal(record, path_id, now):
            return None
        found[path_id] = now
    for path_id, now in found.items():
        path = record[noop.PATHS][path_id]
        full = path if path[:1] == "/" else f"{root}/{path}"
        try:
            digest, _ = read_digest(full, now[0])
        except OSError:
            return None
        known = noop.digest_of(record, path_id)[1:]
        if bytes.fromhex(digest) != known or link_signature(full) != now:
            return None
    return found


def note_touched(
    record: Record, moved: Mapping[int, Signature | None], directory: str, root: str
) -> bool:
    """Find out as `only_touched`, and have it noted, so that the files need not be read again.

    Args:
        record: From `noop.load`.
        moved: By id of its path, the signature that each has now.
        directory: Of the Stagefile's state.
        root: The project's directory, absolute.

    Returns:
        Whether all holds what it held. Not if a build holds the project.

    Raises:
        OSError: The note can't be written.
    """
    lock_fd = take(f"{os.path.dirname(directory)}/lock")
    if lock_fd < 0:
        return False
    try:
        clock = FileClock(f"{directory}/clock", durable.touch)
        _wait_past(clock, [now for now in moved.values() if now is not None])
        found = only_touched(record, moved, root)
        if found is None:
            return False
        trusted: noop.Noted = {
            path_id: (now, noop.digest_of(record, path_id))
            for path_id, now in found.items()
            if clock.trusts(now, clock.reading_ns)  # read from before they were
        }
        data = noop.encoded_touched(trusted, record, stagemake.__version__)
        durable.write_atomic(f"{directory}/touched", data, mode=0o600)
        return True
    finally:
        os.close(lock_fd)


def _wait_past(clock: FileClock, signatures: Iterable[Signature]) -> None:
    """Wait until the clock is past all of these, where a change in the same tick would not show."""
    racy = [one for one in signatures if not clock.trusts(one, clock.taken_at(one))]
    if racy:
        clock.wait_past(max(map(youngest_ns, racy)), time.monotonic() + _SETTLE_S)


def _may_be_equal(record: Record, path_id: int, now: Signature) -> bool:
    known = record[noop.SIGNATURES][path_id]
    kind = b"x" if now[5] & stat.S_IXUSR else b"f"
    return (
        path_id >= record[noop.GUARDS]
        and known is not None
        and now[0] == known[0]
        and stat.S_ISREG(now[5])
        and noop.digest_of(record, path_id)[:1] == kind
    )
