"""Undeclared reads and writes: found by `trace`, failed by `--check`, denied by `--sandbox`; by each means there is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from undeclared_kit import HONEST, OFFENDERS, write_project

from stagemake.observe import landlock, seccomp, strace

if TYPE_CHECKING:
    from project import Project

pytestmark = pytest.mark.slow

NO_SECCOMP = seccomp.problem()
NO_STRACE = strace.problem()
NO_LANDLOCK = "" if landlock.version() else "this kernel has no Landlock"
NO_GCC = "" if shutil.which("gcc") else "gcc is not installed"

needs_seccomp = pytest.mark.skipif(bool(NO_SECCOMP), reason=NO_SECCOMP or "it is there")
needs_strace = pytest.mark.skipif(bool(NO_STRACE), reason=NO_STRACE or "it is there")
needs_landlock = pytest.mark.skipif(bool(NO_LANDLOCK), reason=NO_LANDLOCK or "it is there")
needs_gcc = pytest.mark.skipif(bool(NO_GCC), reason=NO_GCC or "it is there")

MEANS = [
    pytest.param("", marks=needs_seccomp, id="seccomp"),
    pytest.param("seccomp", marks=needs_strace, id="strace"),
]


@pytest.fixture(params=MEANS)
def watched(request: pytest.FixtureRequest, project: Project) -> Project:
    """Return a project whose commands are watched by each means in turn."""
    project.env["STAGEMAKE_WATCH_WITHOUT"] = request.param
    return project


def undeclared(stage: dict[str, Any]) -> set[str]:  # Any: JSON
    """Return the paths of an observation's findings."""
    return {each["path"] for each in (*stage["reads"], *stage["writes"])}


@needs_gcc
def test_19_of_20_offenders_are_found_and_the_20th_is_listed_apart(watched: Project) -> None:
    write_project(watched, "".join(each.text for each in OFFENDERS))
    functions = {"opens", "starts"} if watched.env["STAGEMAKE_WATCH_WITHOUT"] else set()

    result = watched.build("trace", "--json", *(each.name for each in OFFENDERS))

    seen = {stage["stage"]: stage for stage in result.exited(1).json["stages"]}
    found = {each.name for each in OFFENDERS if each.path in undeclared(seen[each.name])}
    looked_up = {each.name for each in OFFENDERS if each.path in seen[each.name]["looked_up"]}
    missed = {each.name for each in OFFENDERS} - found - looked_up
    assert len(OFFENDERS) == 20
    assert looked_up == {"looks"}
    # Without seccomp a function is watched by Python itself: not what it starts.
    assert missed == functions - {"opens"}
    assert {name: undeclared(seen[name]) for name in found} == {
        each.name: {each.path} for each in OFFENDERS if each.name in found
    }


@needs_gcc
def test_a_checked_build_fails_offenders_and_caches_nothing_of_them(watched: Project) -> None:
    write_project(watched, "".join(each.text for each in OFFENDERS))
    unseen = {"starts"} if watched.env["STAGEMAKE_WATCH_WITHOUT"] else set()
    caught = [each.name for each in OFFENDERS if each.name not in {"looks", *unseen}]

    watched.build("--check", "-k").failed(*caught).ran("looks", *unseen)

    watched.build("-n", "-k", "--check").exited(0)
    again = watched.build("-n", "--json").json
    assert {each["name"] for each in again["stages"] if each["verdict"] == "miss"} == set(caught)


@needs_gcc
def test_ten_honest_stages_raise_no_alarm(watched: Project) -> None:
    write_project(watched, "".join(HONEST.values()))
    assert len(HONEST) == 10

    watched.build("--check", "-k").failed().ran(*HONEST)

    watched.build("--check").printed("stagemake: up to date\n")
    traced = watched.build("trace", "--json", *HONEST).exited(0).json
    assert {stage["stage"]: undeclared(stage) for stage in traced["stages"]} == {
        name: set() for name in HONEST
    }
    assert {stage["stage"]: stage["unread"] for stage in traced["stages"]} == {
        name: [] for name in HONEST
    }


@needs_landlock
@needs_gcc
def test_ten_honest_stages_work_in_a_sandbox(watched: Project) -> None:
    write_project(watched, "".join(HONEST.values()))

    watched.build("--sandbox", "-k").failed().ran(*HONEST)


@needs_landlock
@needs_gcc
def test_a_sandbox_denies_offenders(watched: Project) -> None:
    write_project(watched, "".join(each.text for each in OFFENDERS))
    before = watched.read("p/edits")

    result = watched.build("--sandbox", "-k")

    result.failed(*(each.name for each in OFFENDERS if each.name != "looks")).ran("looks")
    assert before == watched.read("p/edits")
    assert not watched.has("w.log")
