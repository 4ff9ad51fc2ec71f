"""Whether random histories did what they are there for: how often each act, and to what effect.

Chunks of histories run in any order and in several processes. Each leaves its counts in a directory that
all share; the one that finds all the others there looks at the sum.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING

from oracle.driver import InProcess
from oracle.project import MARKS, Kind
from oracle.run import acts_for

if TYPE_CHECKING:
    from pathlib import Path

Tally = Counter[tuple[str, str]]

LEAST_DONE = 8  # times that each act was carried out and followed by a build of everything
LEAST_SEEN = 3  # of them that led to what the act is there for

_FRESH = (
    "cacheable", "collect_cache", "comments", "drop_stage", "force", "module_layout", "nothing", "order",
    "other_checkout", "other_code", "part", "passed_variable", "reorder", "stop_at_failure",
    "touch", "verify_cache",
)  # fmt: skip
_RESTORED = (
    "change_output_kind", "clean", "crash", "edit_output", "lose_state", "remove_output",
    "rename_stage", "restore_all", "revert",
)  # fmt: skip
_NEVER_CUT_OFF = (Kind.GLOB, Kind.CHECK)  # they read sources only
_SELDOM_CUT_OFF = (Kind.SCAN, Kind.LINK, Kind.MAKER, Kind.UNPACK, Kind.PINNED)
_FAILED = ("remove_source", "source_kind")


def wanted_outcome(act: str) -> str:
    """Return what has to come of an act some of the time; `ran` unless it is there for something else."""
    for acts, outcome in ((_FRESH, "fresh"), (_RESTORED, "restored"), (_FAILED, "failed")):
        if act in acts:
            return outcome
    return "ran"


def save(directory: Path, chunk: int, tally: Tally) -> None:
    """Leave the counts of one chunk, in one step."""
    directory.mkdir(exist_ok=True)
    temp = directory / f"{chunk}.tmp"
    temp.write_text(json.dumps([[act, outcome, count] for (act, outcome), count in tally.items()]))
    os.replace(temp, directory / f"{chunk}.json")


def total(directory: Path, chunks: int) -> Tally | None:
    """Return the sum of all chunks; None while some are missing."""
    files = sorted(directory.glob("*.json"))
    if len(files) < chunks:
        return None
    found: Tally = Counter()
    for file in files:
        for act, outcome, count in json.loads(file.read_text()):
            found[act, outcome] += count
    return found


def shortfalls(tally: Tally) -> list[str]:
    """Return what happened too rarely, a line each; empty when the histories cover everything."""
    lines = []
    for act in acts_for(InProcess()):
        outcome = wanted_outcome(act)
        if tally[act, "done"] < LEAST_DONE:
            lines.append(f"{act} was done {tally[act, 'done']} times")
        if tally[act, outcome] < LEAST_SEEN:
            lines.append(f"{act} led to `{outcome}` {tally[act, outcome]} times")
    for kind in Kind:
        least = dict.fromkeys(("ran", "restored", "cut_off", "fresh"), LEAST_SEEN)
        if kind in _NEVER_CUT_OFF or kind in _SELDOM_CUT_OFF:
            del least["cut_off"]
        for outcome, count in least.items():
            found = tally[f"kind {kind.name}", outcome]
            if found < count:
                lines.append(f"{kind.name} stages were `{outcome}` {found} times")
    if not any(tally[f"kind {kind.name}", "cut_off"] for kind in _SELDOM_CUT_OFF):
        lines.append("none of the rarer kinds was ever cut off")
    lines += [f"mark {mark} changed too rarely" for mark in MARKS
              if tally[f"mark {mark}", "done"] < LEAST_SEEN]  # fmt: skip
    return lines
