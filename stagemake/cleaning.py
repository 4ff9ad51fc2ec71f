"""Removing what stagemake made, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness import snapshot as columns
from stagemake.project_lock import locked
from stagemake.recorded import recorded_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.state import StateStore


@define
class Cleanup:
    """What cleaning removes (or removed) and what it leaves, and why."""

    removed: list[str]  # outputs as stagemake left them, sorted
    left: list[str]  # outputs changed since: the user's now


def find_cleanup(
    state: StateStore,
    root: str,
    stage_names: Iterable[str] | None,
    sources: frozenset[str] = frozenset(),
) -> Cleanup:
    """Return what cleaning would do. Changes nothing.

    Args:
        state: The project's memory: only what is recorded there is stagemake's.
        root: The project's directory, absolute.
        stage_names: Only outputs of these stages; None for all ever recorded and still there.
        sources: Inputs that no stage makes now: what was made once and is a source by now stays.
    """
    known = state.snapshot
    digester = Digester(root, dict(known.memo))
    wanted = None if stage_names is None else set(stage_names)
    found = Cleanup([], [])
    latest = {
        output.rstrip("/"): name
        for name, trace in known.traces.items()
        for output in trace[columns.DECLARATION][4]
    }
    rows: dict[str, str] = {}
    for name, trace in known.traces.items():
        if wanted is None or name in wanted:
            rows.update(recorded_entries(trace))
    for path, name in latest.items():
        if (wanted is None or name in wanted) and os.path.lexists(f"{root}/{path}"):
            _sort_in(path, digester, rows, sources, found)
    for name, outputs in known.interrupted.items():
        if wanted is None or name in wanted:
            found.removed.extend(
                path for path in (one.rstrip("/") for one in outputs)
                if path not in sources and os.path.lexists(f"{root}/{path}")
            )  # fmt: skip
    found.removed = sorted(set(found.removed))
    found.left.sort()
    return found


def _sort_in(
    path: str, digester: Digester, rows: dict[str, str], sources: frozenset[str], found: Cleanup
) -> None:
    try:
        now = digester.scan_output(path, declared_dir=digester.output_entry(path)[0] == "d")
    except OSError:
        found.left.append(path)
        return
    changed = [row.path for row in now if rows.get(row.path) != row.entry]
    if changed or any(row.path in sources for row in now):
        found.left.extend(changed)
        stay = sources.union(changed)
        found.removed.extend(
            row.path for row in now if row.kind != "directory" and row.path not in stay
        )
    else:
        found.removed.append(path)


def clean(
    state: StateStore,
    root: str,
    stage_names: Iterable[str] | None,
    sources: frozenset[str] = frozenset(),
    *,
    on_wait: Callable[[str], None],
) -> Cleanup:
    """Remove what stagemake made and nobody changed, with directories left empty by that."""
    names = None if stage_names is None else list(stage_names)
    with locked(state, wait=True, on_wait=on_wait):
        state.reload()
        found = find_cleanup(state, root, names, sources)
        for path in found.removed:
            durable.remove_any(f"{root}/{path}")
            parent = os.path.dirname(path)
            while parent:
                try:
                    durable.remove_dir(f"{root}/{parent}")
                except OSError:
                    break
                parent = os.path.dirname(parent)
    return found
