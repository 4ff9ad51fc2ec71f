"""A long build that is cut short and taken up again does not repeat what had finished."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from stagemake import checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

STAGES = """
@stage(inputs=["rows"], provides=["count"], always=True, resumable=True)
def load(context):
    with open(context.root / "log", "a") as log:
        log.write("load ")
    context.shared["count"] = len(context.inputs[0].read_text())

command("deploy", "echo deploy >> log; cat rows > served", cache=False, always=True, resumable=True,
        inputs=["rows"], outputs=["served"], after=["load"])
command("ping", "echo ping >> log", always=True, after=["load"])
command("slow", "test -e go || { echo > began; exec sleep 1000; }", inputs=["rows"], outputs=[],
        after=["deploy", "ping"])

@stage(uses=["count"], outputs=["sums"], after=["slow"])
def sums(context):
    context.outputs[0].write_text(str(context.shared["count"]))

command("bad", "test -e good", inputs=["rows"], after=["deploy"])
"""


@pytest.fixture
def cut(project: Project) -> Project:
    """A project whose first build was killed while `slow` ran."""
    project.stagefile(STAGES).write("rows", "abc")
    kill_when_begun(project, signal.SIGKILL)
    return project


def kill_when_begun(project: Project, number: signal.Signals) -> None:
    project.interrupt("began", "sums", by=number)
    project.remove("began")


def ran(project: Project) -> list[str]:
    """Return what has run since the last time, by the stages' own account, sorted.

    Which of two that don't wait for each other begins first is up to what they took before.
    """
    words = sorted(project.read("log").split()) if project.has("log") else []
    project.write("log")
    return words


def test_after_a_kill_finished_stages_are_not_repeated_but_those_that_are_not_resumable(
    cut: Project,
) -> None:
    assert ran(cut) == ["deploy", "load", "ping"]
    cut.write("go")

    plan = cut.run("-n", "sums", "--json").json
    why = cut.run("why", "load").stdout
    result = cut.build("sums")

    verdicts = {stage["name"]: (stage["verdict"], stage["reason"]) for stage in plan["stages"]}
    assert why.startswith("`load` is fresh: done before the last build was cut short\n")
    assert verdicts["load"] == verdicts["deploy"] == ("fresh", "resumed")
    assert verdicts["ping"] == ("miss", "always")
    result.ran("ping", "slow", "sums").exited(0)
    assert ran(cut) == ["ping"]
    assert cut.read("sums") == "3"  # the value that `load` had provided


def test_once_a_build_has_ended_well_they_run_in_every_build_again(cut: Project) -> None:
    cut.write("go").build("sums").exited(0)
    ran(cut)

    cut.build("sums").exited(0)

    assert ran(cut) == ["deploy", "load", "ping"]


def test_a_build_that_is_killed_twice_is_taken_up_twice(cut: Project) -> None:
    ran(cut)
    kill_when_begun(cut, signal.SIGKILL)
    assert ran(cut) == ["ping"]

    cut.write("go").build("sums").exited(0)

    assert ran(cut) == ["ping"]


def test_a_build_that_is_stopped_or_has_failed_is_taken_up_as_well(project: Project) -> None:
    project.stagefile(STAGES).write("rows", "abc")
    kill_when_begun(project, signal.SIGTERM)
    assert ran(project) == ["deploy", "load", "ping"]

    project.build("bad").exited(1)
    assert ran(project) == []

    project.write("good").build("bad").exited(0)
    assert ran(project) == []
    project.build("bad").exited(0)
    assert ran(project) == ["deploy", "load"]


def test_what_has_changed_is_done_again(cut: Project) -> None:
    ran(cut)

    cut.write("go").write("rows", "abcd").build("sums").exited(0)

    assert ran(cut) == ["deploy", "load", "ping"]
    assert cut.read("sums") == "4"


def test_an_output_that_is_gone_is_made_again(cut: Project) -> None:
    ran(cut)
    cut.remove("served")

    cut.write("go").build("sums").exited(0)

    assert ran(cut) == ["deploy", "ping"]


def test_force_repeats_everything(cut: Project) -> None:
    ran(cut)

    cut.write("go").build("-B", "sums").exited(0)

    assert ran(cut) == ["deploy", "load", "ping"]


def test_a_build_of_something_else_does_not_end_it(cut: Project) -> None:
    ran(cut)
    cut.stagefile(STAGES + 'command("other", "echo > {outputs}", outputs=["other"])\n')
    cut.build("other").ran("other")

    cut.write("go").build("sums").exited(0)

    assert ran(cut) == ["ping"]


def test_killed_when_all_had_finished_there_is_nothing_to_do_once(project: Project) -> None:
    project.stagefile(
        'command("a", "echo a >> log", always=True, resumable=True)\n'
        'command("hang", "test -e go || { echo > began; exec sleep 1000; }", always=True, after=["a"])\n'
    )
    project.interrupt("began", by=signal.SIGKILL)
    assert ran(project) == ["a"]

    project.build("a").printed("stagemake: up to date\n")
    project.build("a").ran("a")


def test_a_resumable_stage_behind_one_that_runs_may_be_done(project: Project) -> None:
    project.stagefile(
        'command("gen", "wc -c < rows > n", inputs=["rows"], outputs=["n"])\n'
        'command("use", "echo use >> log", inputs=["n"], always=True, resumable=True)\n'
        'command("fails", "test -e good", inputs=["n"], after=["use"])\n'
    ).write("rows", "abc")
    project.build("fails").exited(1)
    assert ran(project) == ["use"]
    project.write("rows", "xyz")  # the same number: cut off

    plan = project.run("-n", "--json").json
    project.write("good").build().exited(0)

    assert [stage["verdict"] for stage in plan["stages"]][:2] == ["miss", "maybe"]
    assert ran(project) == []


def test_what_a_crash_left_half_written_is_left_out(tmp_path: Path) -> None:
    path = str(tmp_path / "checkpoint")
    checkpoint.note(path, "a", "1")
    with open(path, "ab") as stream:
        stream.write(b'["b", "2')

    checkpoint.note(path, "c", "3")

    assert checkpoint.finished(path) == {"a": "1", "c": "3"}
    checkpoint.forget(path, ["a"])
    assert checkpoint.finished(path) == {"c": "3"}
    checkpoint.forget(path, ["a", "c"])
    assert not os.path.exists(path)
    assert checkpoint.finished(path) == {}
