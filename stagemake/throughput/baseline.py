"""Figures of `bench` as JSON, printed and stored; and what was stored, to be compared with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

import stagemake
from stagemake.model.error import UsageError
from stagemake.report.json_form import SCHEMA
from stagemake.schema_check import first_problem, load_schema
from stagemake.throughput.figures import OVERHEADS, Scenario
from stagemake.throughput.spread import Spread, Verdict, compare, spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.throughput.figures import Bench, Figures

# Of the machine: where these differ, figures are of different things.
_TELLING = ("cpu", "cores", "system", "python")


@frozen
class Baseline:
    """Stored figures, as far as they are compared with."""

    file: str
    version: str
    walls: Mapping[Scenario, Spread]
    stages: int
    jobs: int
    targets: tuple[str, ...]
    machine: Mapping[str, str | int]

    def check(self, bench: Bench) -> None:
        """Check that it is of the same request.

        Raises:
            UsageError: It is of other targets or of another number of jobs.
        """
        for name, then, now in (
            ("targets", " ".join(self.targets), " ".join(bench.targets)),
            ("jobs", str(self.jobs), str(bench.jobs)),
        ):
            if then != now:
                raise UsageError(
                    f"the baseline was taken with other {name}",
                    facts=[("file", self.file), ("then", then or "none"), ("now", now or "none")],
                    hint="give the same ones, or take a new baseline: stagemake bench -o FILE",
                )

    def differences(self, bench: Bench) -> tuple[str, ...]:
        """Return what differs otherwise and should be known, one line each."""
        found = [
            f"{name} was {self.machine.get(name)}, is {bench.machine.get(name)}"
            for name in _TELLING
            if self.machine.get(name) != bench.machine.get(name)
        ]
        if self.stages != bench.stages:
            found.append(
                f"there were {self.stages} stages, there are {bench.stages}:"
                " compared by the time of one"
            )
        return tuple(found)

    def verdicts(self, bench: Bench) -> dict[Scenario, Verdict]:
        """Return what can be said of each scenario, by the wall time of a stage."""
        return {
            each.scenario: compare(
                _by_stage(self.walls[each.scenario], self.stages),
                _by_stage(each.wall_s, each.stages),
            )
            for each in bench.figures
        }


def _by_stage(walls: Spread, stages: int) -> Spread:
    return spread(wall / max(stages, 1) for wall in walls.samples)


def bench_object(
    bench: Bench, baseline: Baseline | None, verdicts: Mapping[Scenario, Verdict]
) -> dict[str, Any]:  # Any: JSON
    """Return what `bench --json` prints and `-o` writes."""
    return {
        "schema": SCHEMA,
        "stagemake": stagemake.__version__,
        "root": ".",
        "jobs": bench.jobs,
        "targets": list(bench.targets),
        "stages": bench.stages,
        "repeat": bench.rounds,
        "machine": dict(bench.machine),
        "input_bytes": bench.input_bytes,
        "output_bytes": bench.output_bytes,
        "scenarios": {each.scenario.code: _scenario(each, bench) for each in bench.figures},
        "notes": list(bench.notes),
        "baseline": None
        if baseline is None
        else {
            "file": baseline.file,
            "differences": list(baseline.differences(bench)),
            "verdicts": {
                scenario.code: {
                    "change": round(verdict.change, 4),
                    "noise": None if verdict.noise is None else round(verdict.noise, 4),
                    "verdict": verdict.word.value,
                }
                for scenario, verdict in verdicts.items()
            },
        },
    }


def _scenario(figures: Figures, bench: Bench) -> dict[str, Any]:  # Any: JSON
    is_noop = figures.scenario is Scenario.NOOP
    overheads = {kind: figures.overhead_s(kind) for kind in OVERHEADS}
    return {
        "wall_s": _spread(figures.wall_s),
        "cpu_s": _spread(figures.cpu_s),
        "stages_per_s": round(figures.stages_per_s, 3),
        "read_bytes_per_s": _rounded(figures.per_second(None if is_noop else bench.input_bytes)),
        "written_bytes_per_s": _rounded(
            figures.per_second(None if is_noop else bench.output_bytes)
        ),
        "ran": None if is_noop else figures.samples[-1].ran,
        "restored": None if is_noop else figures.samples[-1].restored,
        "own_s": _rounded(figures.own_s, 7),
        "overhead_s": None
        if None in overheads.values()
        else {kind: _rounded(value, 7) for kind, value in overheads.items()},
    }


def _spread(found: Spread) -> dict[str, Any]:  # Any: JSON
    return {
        "median": round(found.median, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
        "samples": [round(each, 6) for each in found.samples],
    }


def _rounded(value: float | None, digits: int = 0) -> float | None:
    return None if value is None else round(value, digits)


def read_baseline(path: str) -> Baseline | None:
    """Return what is stored at a path; None if nothing is there.

    Raises:
        UsageError: It can't be read, or holds something else.
    """
    try:
        with open(path, "rb") as file:
            document: Any = json.loads(file.read())  # Any: checked next
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise _not_a_baseline(path, why or str(error)) from error
    problem = first_problem(document, load_schema("bench"))
    if problem:
        raise _not_a_baseline(path, problem)
    walls = {
        each: spread(document["scenarios"][each.code]["wall_s"]["samples"]) for each in Scenario
    }
    if min(min(one.samples) for one in walls.values()) <= 0:
        raise _not_a_baseline(path, "a build that took no time")
    return Baseline(
        path, document["stagemake"], walls, document["stages"], document["jobs"],
        tuple(document["targets"]), document["machine"],
    )  # fmt: skip


def _not_a_baseline(path: str, why: str) -> UsageError:
    return UsageError(
        f"`{path}` can't be used as a baseline",
        facts=[("why", why)],
        hint="stagemake bench -o FILE writes one",
    )
