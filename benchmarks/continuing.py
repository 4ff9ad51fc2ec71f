"""Go on with a run that was stopped: what its file has already is not measured again. Asked by `run.py`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attrs import evolve
from campaign import BARE, OWN_NOOP
from results import Results, load
from scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenda import Part
    from campaign import Row

_SAME = ("revision", "cpu", "cores", "python", "file_system")
"""What figures of one table have in common; another machine's or another version's are none of theirs."""


def begun(path: str, new: Results) -> Results:
    """Return what the file at `path` has, without what failed; `new` where there is no such file.

    Raises:
        SystemExit: It was measured on another machine, or is of another version.
    """
    if not os.path.exists(path):
        return new
    old = load(path)
    for name in _SAME:
        if old.machine[name] != new.machine[name]:
            was, now = old.machine[name], new.machine[name]
            raise SystemExit(f"run: {path} was measured with {name} {was}, not {now}: begin anew")
    continued = [old.machine.get("continued"), time.strftime("%Y-%m-%d %H:%M")]
    machine = {**old.machine, "continued": ", ".join(str(one) for one in continued if one)}
    return evolve(
        old,
        machine=machine,
        versions={**old.versions, **new.versions},
        rows=tuple(row for row in old.rows if not row.problem),
        figures=tuple(figure for figure in old.figures if not figure.problem),
    )


def left(
    part: Part, shape: str, size: int, peers: Iterable[str], results: Results
) -> list[Scenario]:
    """Return the scenarios of a part that are still to be measured on one graph, in its order."""
    variant = " ".join(part.options)
    there = {
        (row.scenario, row.peer)
        for row in results.rows
        if (row.shape, row.stages, row.variant) == (shape, size, variant)
    }
    # Of the peers those that can't express the graph have no row; all others get theirs at once.
    measured = {scenario for scenario, peer in there if peer in set(peers)}
    if part.has_companions:
        beside = {Scenario.NOOP: BARE, Scenario.TOUCH: OWN_NOOP}
        measured -= {scenario for scenario, name in beside.items() if (scenario, name) not in there}
    return [scenario for scenario in part.scenarios if scenario not in measured]


def lacking(results: Results, row: Row) -> Results:
    """Return the results without what they have of such a row: it was measured once more."""
    rows = tuple(one for one in results.rows if _place(one) != _place(row))
    return evolve(results, rows=rows)


def _place(row: Row) -> tuple[object, ...]:
    return (row.shape, row.stages, row.scenario, row.peer, row.variant)
