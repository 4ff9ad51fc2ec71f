"""Whether random histories did what they are there for: how often each act, and to what effect.

Chunks of histories run in any order and in several processes. Each leaves its counts in a directory that
all share; the one that finds all the others there looks at the sum.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING

from oracle.acts_asked import BETWEEN
from oracle.driver import InProcess
from oracle.project import MARKS, Kind
from oracle.run import DRIVERS, acts_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Tally = Counter[tuple[str, str]]
Needs = dict[tuple[str, str], int]  # by act and outcome, how often at least

LEAST_DONE = 4  # times that each act was carried out and followed by a build of everything
LEAST_SEEN = 2  # of them that led to what the act is there for

_FRESH = (
    "cacheable", "collect_cache", "comments", "drop_stage", "force", "included", "load", "mistake",
    "module_layout", "move_project", "nothing", "old_state", "order", "other_checkout", "other_code",
    "part", "passed_variable", "reorder", "stop_at_failure", "touch", "touch_outputs", "verify",
    "verify_cache", "word_way",
)  # fmt: skip
_RESTORED = (
    "change_output_kind", "clean", "crash", "damage_state", "edit_output", "extra_in_tree", "lose_state",
    "remove_output", "rename_stage", "restore_all", "revert",
)  # fmt: skip
_NEVER_CUT_OFF = (Kind.GLOB, Kind.CHECK)  # they read sources only
_SELDOM_CUT_OFF = (Kind.SCAN, Kind.LINK, Kind.MAKER, Kind.UNPACK, Kind.PINNED)
_FAILED = ("remove_source", "source_kind")
_ANSWERS = {"an evaluation": 5, "the entry": 5, "what was recalled": 3}


def wanted_outcome(act: str) -> str:
    """Return what has to come of an act some of the time; `ran` unless it is there for something else."""
    for acts, outcome in ((_FRESH, "fresh"), (_RESTORED, "restored"), (_FAILED, "failed")):
        if act in acts:
            return outcome
    return "ran"


def needs_in_process() -> Needs:
    """Return what the histories by the API have to come to."""
    needs: Needs = {}
    for act in acts_for(InProcess()):
        needs[act, "done"] = LEAST_DONE
        needs[act, wanted_outcome(act)] = LEAST_SEEN
    for kind in Kind:
        for outcome in ("ran", "restored", "cut_off", "fresh"):
            if outcome != "cut_off" or kind not in {*_NEVER_CUT_OFF, *_SELDOM_CUT_OFF}:
                needs[f"kind {kind.name}", outcome] = LEAST_SEEN
    needs.update({(f"mark {mark}", "done"): 1 for mark in MARKS})
    needs.update({(f"held {between}", "done"): 1 for between in BETWEEN})
    needs.update(
        {(f"cache {mode}", "done"): LEAST_DONE for mode in ("off", "read", "write", "auto")}
    )
    return needs


def needs_by_command_line() -> Needs:
    """Return what the histories by the command line have to come to."""
    needs: Needs = {(act, "done"): 1 for act in acts_for(DRIVERS["forks"])}
    needs.update({(f"answer by {who}", "done"): count for who, count in _ANSWERS.items()})
    return needs


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


def shortfalls(tally: Tally, needs: Needs) -> list[str]:
    """Return what happened too rarely, a line each; empty when the histories cover everything."""
    return [
        f"{act}: `{outcome}` {tally[act, outcome]} times, not {least}"
        for (act, outcome), least in needs.items()
        if tally[act, outcome] < least
    ]


def cover(tallies: Mapping[int, Tally], needs: Needs) -> tuple[tuple[int, ...], list[str]]:
    """Return seeds that together come to what is needed, few of them; and what none of them do."""
    left, chosen, todo = dict(needs), list[int](), dict(tallies)

    def gain(seed: int) -> int:
        return sum(min(count, left.get(what, 0)) for what, count in todo[seed].items())

    while todo and any(left.values()):
        best = max(todo, key=gain)
        if not gain(best):
            break
        chosen.append(best)
        for what, count in todo.pop(best).items():
            left[what] = max(0, left.get(what, 0) - count)
    return tuple(sorted(chosen)), [f"{act}: `{what}`" for (act, what), n in left.items() if n]
