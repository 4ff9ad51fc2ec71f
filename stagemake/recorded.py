"""What past builds left at outputs, by path. Pure; asked before anything at an output is believed or removed.

Several traces may name one path, like those of a stage before and after it got another name. The latest of
them, which is the last in the snapshot, is the one that holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.freshness import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from stagemake.freshness.snapshot import Snapshot, Trace


def recorded_entries(trace: Trace) -> dict[str, str]:
    """Return the entry of every file, link and directory that a stage left, by path."""
    outputs = zip(trace[snapshot.DECLARATION][4], trace[snapshot.OUTPUTS], strict=True)
    found = {path: entry for path, entry in outputs if not path.endswith("/")}
    found.update(trace[snapshot.MANIFEST])
    return found


def recorded_files(known: Snapshot) -> dict[str, str]:
    """Return the entry of every file, link and directory that past builds left. Cost: O(outputs)."""
    found: dict[str, str] = {}
    for trace in known.traces.values():
        if trace[snapshot.MANIFEST]:  # a directory is among the outputs
            found.update(recorded_entries(trace))
        else:
            outputs = trace[snapshot.DECLARATION][4]
            found.update(zip(outputs, trace[snapshot.OUTPUTS], strict=True))
    return found


def recorded_outputs(known: Snapshot) -> dict[str, str]:
    """Return the entry of every output that past builds made, and of what is inside; paths without slash."""
    found: dict[str, str] = {}
    for trace in known.traces.values():
        found.update(trace[snapshot.MANIFEST])
        rows = zip(trace[snapshot.DECLARATION][4], trace[snapshot.OUTPUTS], strict=True)
        found.update((path.rstrip("/"), entry) for path, entry in rows)
    return found


def orphans_of(
    known: Snapshot, outputs: Collection[str], inputs: Callable[[], Collection[str]]
) -> list[str]:
    """Return outputs of past builds that no stage makes now, sorted, without trailing slash.

    Left out are those that have become an input: who promotes a made file to a source keeps it. Of a
    directory with outputs or inputs of now in it, what was in there is listed one by one.

    Args:
        known: What past builds recorded.
        outputs: As declared now.
        inputs: Gives what is declared now; asked only if something is left over.
    """
    before = {path for trace in known.traces.values() for path in trace[snapshot.DECLARATION][4]}
    before.update(path for paths in known.interrupted.values() for path in paths)
    left = before.difference(outputs)
    if not left:
        return []
    used = set(inputs())
    now = {path.rstrip("/") for path in outputs}
    gone = {path.rstrip("/") for path in left}.difference(now, used)
    parents = {parent for path in now | used for parent in _parents(path)}
    files = {path for path in left if path[-1] != "/"}
    for folder in gone & parents - files:
        inside = (one for trace in known.traces.values() for one in recorded_entries(trace).items())
        found = {path: entry for path, entry in inside if path.startswith(f"{folder}/")}
        files.update(path for path, entry in found.items() if entry != "d")
        gone.update(found)
    gone -= now | used | (parents - files)
    return sorted(path for path in gone if not now.intersection(_parents(path)))


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
