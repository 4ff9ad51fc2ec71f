"""What earlier builds left: traces of stages and the entries of files, loaded in one read.

Imports the standard library's cheapest modules only: this is on the path of every no-op.
"""

from __future__ import annotations

import gc
import sys

from stagemake.freshness import sealed
from stagemake.freshness.regular import read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Signature = tuple[int, ...]
    Trace = tuple[Any, ...]
    Memo = dict[str, tuple[Signature, str]]

FORMAT = 4
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
        found = sealed.unsealed(data, header)
    finally:
        if was_enabled:
            gc.enable()
    if found is None or not _is_well_formed(found):
        snapshot.foreign = _foreign(data, header)
        return snapshot
    boot, memo, traces, interrupted = found
    # After a crash of the machine a file may hold zeros under the size and times we noted.
    snapshot.is_of_this_boot = boot == boot_id()
    snapshot.memo = memo if snapshot.is_of_this_boot else {}
    snapshot.traces = traces
    snapshot.interrupted = interrupted
    return snapshot


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


def _is_well_formed(found: object) -> bool:
    """Return whether this can be what `Snapshot.encoded` wrote. Costs 6 ms at 10 000 stages."""
    if type(found) is not tuple or tuple(map(type, found)) != (str, dict, dict, dict):
        return False
    return all(map(is_trace, found[2].values())) and all(map(are_inside, found[3].values()))


class Snapshot:
    """What is known of earlier builds. Mutable; owned by the state store."""

    __slots__ = ("foreign", "interrupted", "is_of_this_boot", "memo", "traces")

    def __init__(self) -> None:
        self.memo: Memo = {}  # by path: its signature when it had that entry
        self.traces: dict[str, Trace] = {}  # columns above; by stage, latest last
        self.interrupted: dict[str, tuple[str, ...]] = {}  # by stage: outputs it was writing
        self.foreign = ""  # who wrote what lay there and can't be read, as "by an older stagemake"
        self.is_of_this_boot = False  # else of builds since then nothing need be known

    def encoded(self) -> tuple[bytes, bytes]:
        """Return the bytes to write, in two parts."""
        return sealed.in_parts((boot_id(), self.memo, self.traces, self.interrupted), _header())
