"""One build of a project beside the dry run just before it, as the command line does both."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from attrs import frozen
from calibration import Trial
from measure import RunFailedError, measure
from trees import TICK_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edited import Edit, Project
    from measure import Measurement
    from peers import Tool

HAPPENS = {
    "fresh": {"fresh"},
    "hit": {"restored"},
    "miss": {"ran"},
    "maybe": {"cut_off", "restored", "ran"},
}
"""What may become of a stage, by its verdict."""


@frozen
class Place:
    """One tree of a project, with a cache and a history of its own."""

    tool: Tool
    root: str  # absolute
    limit_s: float  # for any one run

    def run(self, *arguments: str) -> tuple[dict[str, Any], Measurement]:  # Any: JSON's shapes
        """Run `build` and return what it prints as JSON, and what it cost.

        Raises:
            RunFailedError: It failed or ran out of time; its words are in the log beside the tree.
        """
        log = self.root + ".log"
        cost = measure(
            [*self.tool.build_json, *arguments], root=self.root,
            env=self.tool.environment(self.root), log=log, limit_s=self.limit_s,
        )  # fmt: skip
        with open(log, encoding="utf-8") as file:
            text = file.read()
        if cost.exit_code:
            raise RunFailedError(f"exit {cost.exit_code}: {text[-2000:]}")
        return json.loads(text[text.index("{") :]), cost


def series(
    project: Project, edits: Sequence[Edit], places: Sequence[Place], jobs: int
) -> Iterator[Trial]:
    """Yield the cold build and one after each edit, each of them once in every place.

    Args:
        project: What is built; it is laid out anew in every place.
        edits: In order.
        places: Trees that are empty or may be removed: as many repeats. They never differ but in time.
        jobs: As the places' tool has it.
    """
    for place in places:
        shutil.rmtree(place.root, ignore_errors=True)
        os.makedirs(place.root)
        project.lay_out(place.root)
    for number, edit in enumerate((None, *edits), 1):
        for repeat, place in enumerate(places):
            if edit is not None:
                time.sleep(TICK_S)
                edit.change(place.root)
            arguments = edit.arguments if edit is not None else ()
            said, _ = place.run("-n", *arguments)
            done, cost = place.run(*arguments)
            yield trial_of(
                said, done, project=project.name, jobs=jobs, number=number, repeat=repeat,
                edit=edit.name if edit is not None else "cold", process_s=cost.wall_s,
            )  # fmt: skip


def trial_of(
    said: dict[str, Any], done: dict[str, Any], *, project: str, jobs: int, number: int,
    repeat: int, edit: str, process_s: float,
) -> Trial:  # fmt: skip
    """Return one build beside its dry run, both as the command line prints them as JSON."""
    verdicts = {stage["name"]: stage["verdict"] for stage in said["stages"]}
    outcomes = {stage["name"]: stage["outcome"] for stage in done["stages"]}
    wrong = [
        f"{name}: said {verdicts.get(name)}, {outcome}"
        for name, outcome in outcomes.items()
        if outcome not in HAPPENS.get(verdicts.get(name, ""), ())
    ]
    wrong += [f"{name}: said {verdicts[name]}, gone" for name in verdicts.keys() - outcomes.keys()]
    forecast = said["forecast"]
    wall_s = forecast["wall_s"] if not forecast["unestimated"] else None
    has_work = any(outcome != "fresh" for outcome in outcomes.values())
    return Trial(
        project=project,
        jobs=jobs,
        number=number,
        repeat=repeat,
        edit=edit,
        p50_s=wall_s["p50"] if wall_s and has_work else None,
        p90_s=wall_s["p90"] if wall_s and has_work else None,
        took_s=done["wall_s"],
        process_s=process_s,
        said_bytes=None
        if forecast["write_bytes"] is None  # not known, and said to be
        else forecast["write_bytes"] + forecast["restore_bytes"],
        done_bytes=sum(
            stage["output_bytes"] or 0
            for stage in done["stages"]
            if stage["outcome"] in {"ran", "restored"}
        ),
        verdict_errors=tuple(wrong),
        least_runs=forecast["runs"]["least"],
        most_runs=forecast["runs"]["most"],
        runs=sum(outcome == "ran" for outcome in outcomes.values()),
        has_maybes="maybe" in verdicts.values(),
    )
