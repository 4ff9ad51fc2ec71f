"""Two ways to have stagemake build a project: in this process, and as a user would type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Protocol

from attrs import field, frozen

import stagemake
from stagemake.manager import StageManager
from stagemake.model.error import StagemakeError
from stagemake.model.request import BuildRequest, CacheMode

KIT = os.path.join(os.path.dirname(__file__), "site-packages")
"""Holds an installed distribution that functions of random projects use."""

if KIT not in sys.path:
    sys.path.append(KIT)


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


@frozen
class Built:
    """How a build ended; by stage name."""

    outcomes: dict[str, str] = field(factory=dict)
    keys: dict[str, str | None] = field(factory=dict)
    problems: dict[str, str] = field(factory=dict)
    error: str = ""  # a mistake that kept it from starting

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


class InProcess:
    """Builds by the manager's API, with a new manager for each request: nothing stays in memory."""

    def build(self, place: Place, ask: Ask) -> Built:
        """Bring a project up to date."""
        try:
            outcome = self._manager(place).execute_pipeline(_request(ask))
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


class CommandLine:
    """Builds by `python -m stagemake`."""

    def build(self, place: Place, ask: Ask) -> Built:
        """Bring a project up to date."""
        done = subprocess.run(
            [*command_line(place, ask), "--json"],
            env=place.environ, cwd=place.root, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        if done.returncode == 2:
            return Built(error=done.stderr)
        assert done.returncode in {0, 1}, done.stderr
        return built_from(done.stdout)

    def plan(self, place: Place, ask: Ask) -> Foreseen:
        """Return what a dry run says."""
        done = subprocess.run(
            [*command_line(place, ask), "-n", "--json"],
            env=place.environ, cwd=place.root, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        if done.returncode == 2:
            return Foreseen()
        assert done.returncode == 0, done.stderr
        plan = json.loads(done.stdout)
        runs = plan["forecast"]["runs"]
        return Foreseen(
            {one["name"]: one["verdict"] for one in plan["stages"]},
            (runs["least"], runs["most"]),
            {
                one["name"]: (one["chance"]["decider"],)
                for one in plan["stages"]
                if one["chance"] is not None
            },
        )


def command_line(place: Place, ask: Ask) -> list[str]:
    """Return what a user would type."""
    argv = [sys.executable, "-m", "stagemake", "build", *ask.targets, "-j", str(ask.jobs)]
    argv += ["--cache", ask.cache, "--cache-dir", place.cache]
    for name, value in place.values.items():
        argv += ["-D", f"{name}={value}"]
    argv += ["-B"] if ask.force else []
    return [*argv, "-k"] if ask.keep_going else argv


def run_command(place: Place, *words: str) -> str:
    """Run one of the tool's other commands as a user would; return what it said on stderr.

    It has to succeed, or (status 1) to have found what it looks for.
    """
    argv = [sys.executable, "-m", "stagemake", *words]
    more = ["--cache-dir", place.cache]
    if words[0] != "cache":
        for name, value in place.values.items():
            more += ["-D", f"{name}={value}"]
    done = subprocess.run(
        [*argv, *more], env=place.environ, cwd=place.root, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}, f"{words}: {done.stderr}"
    assert "error:" not in done.stderr, f"{words}: {done.stderr}"
    return done.stderr


def built_from(text: str) -> Built:
    """Return what `build --json` printed."""
    stages: list[dict[str, Any]] = json.loads(text)["stages"]  # Any: JSON
    return Built(
        {one["name"]: one["outcome"] for one in stages},
        {one["name"]: one["key"] for one in stages},
    )
