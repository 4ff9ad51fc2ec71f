"""Builds of many short stages, which the supervisor starts one after the other by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

STAGES = 160  # more than begin before what the fiftieth did is heard of
ODD = 50

MANY = f"""\
for n in range({STAGES}):
    odd = {{odd!r}} if n == {ODD} else "true"
    command(f"s{{{{n:03}}}}", f"echo {{{{n}}}} > out/{{{{n}}}}; {{{{odd}}}}", outputs=[f"out/{{{{n}}}}"])
"""
INTERRUPTS = "kill -INT $(sed -n s/^PPid:.//p /proc/$PPID/status); sleep 60"

TAKE = """\
for place in a b c; do mkdir busy/$place 2>/dev/null && break; done
[ $place = c ] && touch third
echo > out/$1
rmdir busy/$place
"""


def outputs(project: Project) -> set[str]:
    """Return the outputs that are there."""
    return {path.name for path in (project.root / "out").iterdir()}


def everything() -> set[str]:
    """Return the outputs that there should be."""
    return {str(number) for number in range(STAGES)}


@pytest.mark.parametrize(
    ("odd", "status"), [("exit 3", 1), (f"rm out/{ODD}", 1), (INTERRUPTS, 130)]
)
def test_what_never_began_is_left_and_the_next_build_does_it(
    project: Project, odd: str, status: int
) -> None:
    project.stagefile(MANY.format(odd=odd))

    first = project.build("-j2", "--json").exited(status).json
    began = {one["name"] for one in first["stages"] if one["outcome"] == "ran"}
    there = outputs(project)
    project.stagefile(MANY.format(odd="true"))
    second = project.build("-j2", "--json").exited(0).json

    assert {f"s{int(name):03}" for name in there} == began
    assert sum(first["outcomes"].values()) == STAGES
    assert STAGES - len(began) > 1
    assert STAGES - len(began) == second["outcomes"]["ran"]
    assert everything() == outputs(project)


def test_old_outputs_of_stages_that_a_failure_kept_from_running_stay(project: Project) -> None:
    project.stagefile(
        """\
        for n in range(30):
            command(f"a{n}", f"echo {n} > a/{n}", outputs=[f"a/{n}"])
        command("b", "exit 1", after=[f"a{n}" for n in range(30)], outputs=["b"])
        for n in range(60):
            command(f"c{n}", f"echo {n} > c/{n}", outputs=[f"c/{n}"])
        """
    )
    for n in range(60):
        project.write(f"c/{n}", "mine")

    built = project.build("-j1").exited(1)

    left = sum("not run" in line for line in built.stderr.splitlines())
    assert left == 1
    assert {path.name for path in (project.root / "c").iterdir()} == {str(n) for n in range(60)}


def test_with_keep_going_all_others_are_made(project: Project) -> None:
    project.stagefile(MANY.format(odd="exit 3"))

    found = project.build("-j2", "-k", "--json").exited(1).json

    assert {name: count for name, count in found["outcomes"].items() if count} == {
        "ran": STAGES - 1,
        "failed": 1,
    }
    assert everything() - {str(ODD)} == outputs(project)


def test_what_others_left_at_an_output_while_its_stage_waited_is_no_part_of_it(
    project: Project,
) -> None:
    project.stagefile(f"""\
        for n in range({STAGES}):
            command(f"s{{n:03}}", f"echo {{n}} >> out/{{n}}; echo other >> out/{{n + 1}}", outputs=[f"out/{{n}}"])
        """)

    project.build("-j1").exited(0)

    assert [project.read(f"out/{n}") for n in range(STAGES)] == [f"{n}\n" for n in range(STAGES)]


def test_never_more_run_side_by_side_than_there_are_jobs(project: Project) -> None:
    project.write("take.sh", TAKE)
    project.stagefile(f"""\
        for n in range({STAGES}):
            command(f"s{{n:03}}", f"sh take.sh {{n}}", implicit=["take.sh"], outputs=[f"out/{{n}}"])
        """)
    (project.root / "busy").mkdir()

    project.build("-j2").exited(0)

    assert not (project.root / "third").exists()
    assert everything() == outputs(project)
    project.build("-j2").printed("stagemake: up to date\n")


def test_what_a_stage_says_comes_after_its_start_and_no_time_runs_backwards_for_it(
    project: Project,
) -> None:
    project.stagefile(f"""\
        def declare(number):
            @stage(name=f"f{{number}}", outputs=[f"out/{{number}}"])
            def made(context):
                context.events.emit("word", {{}})
                context.storage.write(context.outputs[0], "")

        for number in range({STAGES}):
            declare(number)
        """)

    project.build("-j2", "--events", "heard").exited(0)

    heard = [json.loads(line) for line in project.read("heard").splitlines()]
    first: dict[str, str] = {}
    for one in heard:
        if one["event"] in {"stage_started", "stage_event"}:
            first.setdefault(one["stage"], one["event"])
    assert len(first) == STAGES
    assert set(first.values()) == {"stage_started"}
    assert all(one.get("at_s", 0) >= 0 for one in heard)
