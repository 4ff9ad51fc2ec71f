"""What is asked of stagemake and what it answers; and one who asks: the manager, in this process."""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol

from attrs import field, frozen

import stagemake
from stagemake.manager import StageManager
from stagemake.model.error import PlanDrifted, StagemakeError
from stagemake.model.mode import CacheMode
from stagemake.model.request import BuildRequest

KIT = os.path.join(os.path.dirname(__file__), "site-packages")
"""Holds an installed distribution that functions of random projects use."""

if KIT not in sys.path:
    sys.path.append(KIT)

MOVED = "the plan does not hold any more"


@frozen
class Place:
    """A checkout and what it is built with."""

    root: str
    cache: str
    environ: dict[str, str]
    values: dict[str, str]


@frozen
class Ask:
    """What is asked of one build."""

    targets: tuple[str, ...] = ()
    keep_going: bool = True
    cache: str = "on"
    jobs: int = 2
    force: bool = False
    names: tuple[str, ...] = ()  # of all stages that it is about, where that is known


@frozen
class Built:
    """How a build ended; by stage name."""

    outcomes: dict[str, str] = field(factory=dict)
    keys: dict[str, str | None] = field(factory=dict)
    problems: dict[str, str] = field(factory=dict)
    error: str = ""  # a mistake that kept it from starting
    who: str = ""  # on the command line: who answered, as `forked_kit.Done`

    def names(self, *outcomes: str) -> set[str]:
        """Return the stages that ended so."""
        return {name for name, outcome in self.outcomes.items() if outcome in outcomes}


@frozen
class Foreseen:
    """What a dry run said; both empty for a mistake."""

    verdicts: dict[str, str] = field(factory=dict)  # by stage name
    runs: tuple[int, int] = (0, 0)  # how many stages run: at least, at most
    maybes: dict[str, tuple[str, ...]] = field(factory=dict)  # by stage name: who decides


class Driver(Protocol):
    """Something that builds."""

    def build(self, place: Place, ask: Ask) -> Built:
        """Bring a project up to date."""

    def plan(self, place: Place, ask: Ask) -> Foreseen:
        """Return what a build would do."""

    def hold(self, place: Place, ask: Ask) -> object:
        """Return a plan that can be carried out later."""

    def carry_out(self, place: Place, plan: Any) -> Built:  # Any: what `hold` gave
        """Do what a plan says; `MOVED` is in the error where it does not hold any more."""


def environment(**more: str) -> dict[str, str]:
    """Return the variables that a build is started with; nothing of the test's own surroundings."""
    path = os.path.dirname(os.path.dirname(stagemake.__file__))
    base = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "UNDECLARED": "x"}
    return {
        **base,
        "PYTHONPATH": f"{path}{os.pathsep}{KIT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


@frozen
class InProcess:
    """Builds by the manager's API, with a new manager for each request: nothing stays in memory."""

    def build(self, place: Place, ask: Ask) -> Built:
        """Bring a project up to date."""
        return self._executed(place, _request(ask))

    def _executed(self, place: Place, request: BuildRequest) -> Built:
        try:
            outcome = self._manager(place).execute_pipeline(request)
        except PlanDrifted:
            return Built(error=MOVED)
        except StagemakeError as error:
            return Built(error=str(error))
        return Built(
            {one.name: one.outcome.value for one in outcome.results},
            {one.name: one.key for one in outcome.results},
            {one.name: one.problem for one in outcome.results if one.problem},
        )

    def plan(self, place: Place, ask: Ask) -> Foreseen:
        """Return what a dry run says."""
        try:
            report = self._manager(place).dry_run_pipeline(_request(ask))
        except StagemakeError:
            return Foreseen()
        names = [stage.name for stage in report.plan.pipeline.stages]
        return Foreseen(
            {names[step.stage_id]: step.verdict.value for step in report.plan.steps},
            report.runs,
            {
                names[stage_id]: tuple(names[other] for other in chance.deciders)
                for stage_id, chance in report.chances.items()
            },
        )

    def hold(self, place: Place, ask: Ask) -> object:
        """Return a plan as a value."""
        return self._manager(place).hold_pipeline(_request(ask))[1]

    def carry_out(self, place: Place, plan: Any) -> Built:  # Any: what `hold` gave
        """Do what a plan says."""
        return self._executed(place, BuildRequest(jobs=2, held=plan, targets=plan.targets))

    def _manager(self, place: Place) -> StageManager:
        manager = StageManager(
            place.root, cache_dir=place.cache, config=place.values, environ=place.environ
        )
        manager.load("Stagefile")
        return manager


def _request(ask: Ask) -> BuildRequest:
    return BuildRequest(
        targets=ask.targets,
        jobs=ask.jobs,
        keep_going=ask.keep_going,
        force=ask.force,
        cache=CacheMode(ask.cache),
    )
