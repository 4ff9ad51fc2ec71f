"""What earlier builds left: traces of stages and the entries of files, loaded in one read, or those of some stages.

Imports the standard library's cheapest modules only: this is on the path of every no-op.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
import zlib

from stagemake.freshness import sealed
from stagemake.freshness.regular import open_regular, read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    Signature = tuple[int, ...]
    Trace = tuple[Any, ...]
    Memo = dict[str, tuple[Signature, str]]

FORMAT = 5
"""Raised whenever the layout of a snapshot or a trace changes; an older one is then absent."""

_MAGIC = b"stagemake snapshot\n"

# A trace is a plain tuple, so that marshal can hold ten thousand of them; these are its columns.
DECLARATION, KEY, ENTRIES, PROGRAMS, DISCOVERED, OUTPUTS, MANIFEST, VALUES, RECORD = range(9)
"""The columns of a trace:

DECLARATION  what the stage declared, see `plan.declaration`
KEY          its strong action key; empty: the result was not recorded, only what lies at the outputs
ENTRIES      entries of `inputs + implicit`, in that order
PROGRAMS     (name, path, entry) of every program it starts
DISCOVERED   (path, entry) of every input its depfile named, sorted
OUTPUTS      entries of its outputs, in declared order
MANIFEST     (path, entry) of everything in its directory outputs, flat; files of their own are in OUTPUTS
VALUES       ((used name, json), ...), ((provided name, json), ...)
RECORD       (duration_s, cpu_s, output_bytes)
"""


def boot_id() -> str:
    """Return what tells this boot of the machine from others; empty where the system doesn't say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as stream:
            return stream.read().decode("ascii").strip()
    except OSError:
        return ""


def _header() -> bytes:
    # marshal is tied to the interpreter: another one's snapshot must not be read at all.
    version = f"{sys.implementation.cache_tag} {sys.hexversion:08x} format {FORMAT}\n"
    return _MAGIC + version.encode()


def load(path: str) -> Snapshot:
    """Return the snapshot at `path`; an empty one when it's absent, foreign or damaged."""
    snapshot = Snapshot()
    header = _header()
    try:
        data = read_regular(path, follows=False)
    except OSError:
        return snapshot
    was_enabled = gc.isenabled()
    gc.disable()  # 88 ms instead of 356 ms at 100 000 stages: nothing in here forms cycles
    try:
        is_whole = _take_in(snapshot, memoryview(data), header)
    finally:
        if was_enabled:
            gc.enable()
    if not is_whole:
        snapshot = Snapshot()
        snapshot.foreign = _foreign(data, header)
    return snapshot


def _take_in(snapshot: Snapshot, data: memoryview, header: bytes) -> bool:
    """Read all of a snapshot; return whether each part of it is whole."""
    index, at = _index(data, header)
    if index is None:
        return False
    for size, checksum, names in zip(index[SIZES], index[CHECKSUMS], index[NAMES], strict=True):
        part, at = sealed.checked(data[at : at + size], checksum), at + size
        if not _is_block(part, len(names)):
            return False
        snapshot.traces.update(zip(names, part, strict=True))
    # After a crash of the machine a file may hold zeros under the size and times we noted.
    snapshot.is_of_this_boot = index[BOOT] == boot_id()
    for size, checksum in index[MEMOS]:
        part, at = sealed.checked(data[at : at + size], checksum), at + size
        if type(part) is not dict:
            return False
        if snapshot.is_of_this_boot:
            snapshot.memo.update(part)
    snapshot.interrupted = index[INTERRUPTED]
    return at == len(data)


def load_part(path: str, required: Collection[str], more: Collection[str] = ()) -> Snapshot | None:
    """Return the traces of some stages, and what is known of files outside of the project; reads not much else.

    Args:
        path: Of the snapshot.
        required: Names of stages.
        more: Of others whose traces are wanted if there are any.

    Returns:
        None where all has to be read: it is damaged, or from before a reboot, or says nothing of one that is
        required, or an output belongs to two stages, of which the later one counts.

    Cost: 0.1 us a stage that is known, and 0.2 ms a stage that is wanted.
    """
    header = _header()
    try:
        fd = open_regular(path, follows=False)
    except OSError:
        return None
    try:
        front, whole = os.pread(fd, len(header) + 8, 0), os.fstat(fd).st_size
        size = min(int.from_bytes(front[len(header) + 4 :], "little"), whole)
        index, at = _index(memoryview(front + os.pread(fd, size, len(front))), header)
        if index is None or index[BOOT] != boot_id() or not index[IS_PLAIN]:
            return None
        if at + sum(index[SIZES]) + sum(size for size, _ in index[MEMOS]) != whole:
            return None
        found, wanted = Snapshot(), {*required, *more}
        for size, checksum, names in zip(index[SIZES], index[CHECKSUMS], index[NAMES], strict=True):
            if not wanted.isdisjoint(names):
                part = sealed.checked(memoryview(os.pread(fd, size, at)), checksum)
                if not _is_block(part, len(names)):
                    return None
                found.traces.update(
                    pair for pair in zip(names, part, strict=True) if pair[0] in wanted
                )
            at += size
        size, checksum = index[MEMOS][0]
        memo = sealed.checked(memoryview(os.pread(fd, size, at)), checksum)
    except OSError:
        return None
    finally:
        os.close(fd)
    if type(memo) is not dict or not found.traces.keys() >= set(required):
        return None
    found.memo, found.interrupted = memo, index[INTERRUPTED]
    found.is_of_this_boot = found.is_part = True
    return found


# The columns of the index, which comes first.
BOOT, INTERRUPTED, IS_PLAIN, NAMES, SIZES, CHECKSUMS, MEMOS = range(7)
"""The columns of the index of a snapshot:

BOOT         what `boot_id` gave
INTERRUPTED  outputs that a stage was writing, by stage
IS_PLAIN     whether no output belongs to two traces
NAMES        of the stages in each block, in the order of their traces
SIZES        of the blocks in bytes; each is a tuple of traces
CHECKSUMS    of the blocks
MEMOS        sizes and checksums of two parts of the memo: what lies outside of the project, what lies in it
"""

_INDEX = (str, dict, bool, tuple, tuple, tuple, tuple)
_BLOCK = 64  # traces: reading one for the sake of a stage takes 0.2 ms, and all are read as fast as one piece


def _index(data: memoryview, header: bytes) -> tuple[Any, int]:  # Any: the columns above, or None
    """Return the index of a snapshot that begins with `data`, None unless it is whole, and where the rest begins."""
    start = len(header) + 8
    if data[: len(header)] != header or len(data) < start:
        return None, 0
    checksum = int.from_bytes(data[start - 8 : start - 4], "little")
    end = start + int.from_bytes(data[start - 4 : start], "little")
    found = sealed.checked(data[start:end], checksum)
    if type(found) is not tuple or tuple(map(type, found)) != _INDEX or not _is_index(found):
        return None, 0
    return found, end


def _is_index(found: Any) -> bool:  # Any: of these columns' types
    try:
        counts = {len(found[NAMES]), len(found[SIZES]), len(found[CHECKSUMS])}
        numbers = [*found[SIZES], *found[CHECKSUMS], *[n for one in found[MEMOS] for n in one]]
        return (
            len(counts) == 1
            and [len(one) for one in found[MEMOS]] == [2, 2]
            and all(type(number) is int and number >= 0 for number in numbers)
            and all(type(names) is tuple and all(type(one) is str for one in names) for names in found[NAMES])
            and all(map(are_inside, found[INTERRUPTED].values()))
        )  # fmt: skip
    except TypeError:
        return False


def _is_block(part: object, count: int) -> bool:
    return type(part) is tuple and len(part) == count and all(map(is_trace, part))


def _foreign(data: bytes, header: bytes) -> str:
    """Return who else wrote this, as the end of a sentence; empty where it is damaged or nobody's."""
    if not data.startswith(_MAGIC) or data.startswith(header):
        return ""
    number = data[len(_MAGIC) :].partition(b"\n")[0].rpartition(b" format ")[2]
    if not number.isdigit() or len(number) > 9:
        return ""
    if int(number) == FORMAT:
        return "by another Python"
    return f"by {'a newer' if int(number) > FORMAT else 'an older'} stagemake"


_COLUMNS = (tuple, str, tuple, tuple, tuple, tuple, tuple, tuple, tuple)  # of a trace


def is_trace(value: object) -> bool:
    """Return whether a value has the columns of a trace, and names no output outside of the root."""
    if type(value) is not tuple or tuple(map(type, value)) != _COLUMNS:
        return False
    try:
        inside = [path for path, _ in value[MANIFEST]] if value[MANIFEST] else ()
        return are_inside(value[DECLARATION][4]) and are_inside(inside)
    except (IndexError, TypeError, ValueError):
        return False


def are_inside(paths: object) -> bool:
    """Return whether these are paths below the root: what lies at them may be removed."""
    return isinstance(paths, (tuple, list)) and all(
        type(path) is str and path[:1] not in {"", "/"} and (".." not in path or "/../" not in f"/{path}/")
        for path in paths
    )  # fmt: skip


class Snapshot:
    """What is known of earlier builds. Mutable; owned by the state store."""

    __slots__ = ("foreign", "interrupted", "is_of_this_boot", "is_part", "memo", "traces")

    def __init__(self) -> None:
        self.memo: Memo = {}  # by path: its signature when it had that entry
        self.traces: dict[str, Trace] = {}  # columns above; by stage, latest last
        self.interrupted: dict[str, tuple[str, ...]] = {}  # by stage: outputs it was writing
        self.foreign = ""  # who wrote what lay there and can't be read, as "by an older stagemake"
        self.is_of_this_boot = False  # else of builds since then nothing need be known
        self.is_part = False  # whether it has the traces of some stages only

    def encoded(self) -> list[bytes]:
        """Return the bytes to write, in parts: joining them would take their memory once more."""
        names, traces = tuple(self.traces), tuple(self.traces.values())
        starts = range(0, len(traces), _BLOCK)
        blocks = [marshal.dumps(traces[start : start + _BLOCK]) for start in starts]
        outside = {path: known for path, known in self.memo.items() if path[:1] == "/"}
        inside = {path: known for path, known in self.memo.items() if path[:1] != "/"}
        memos = [marshal.dumps(outside), marshal.dumps(inside)]
        index = marshal.dumps(
            (
                boot_id(),
                self.interrupted,
                _is_plain(traces),
                tuple([names[start : start + _BLOCK] for start in starts]),
                tuple(map(len, blocks)),
                tuple(map(zlib.crc32, blocks)),
                tuple([(len(one), zlib.crc32(one)) for one in memos]),
            )
        )
        numbers = zlib.crc32(index), len(index)
        front = b"".join([_header(), *(number.to_bytes(4, "little") for number in numbers), index])
        return [front, *blocks, *memos]


def _is_plain(traces: Collection[Trace]) -> bool:
    """Return whether no output belongs to two traces, as it does for a while where a stage gets another name."""
    outputs = [path for trace in traces for path in trace[DECLARATION][4]]
    return len({path.rstrip("/") for path in outputs}) == len(outputs)
