"""`build --events` and `--timeline`: a build is followed by programs, and looked at afterwards."""

from __future__ import annotations

import json
import os
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import Project

from stagemake.report.timeline import lanes_of

if TYPE_CHECKING:
    from pathlib import Path

DIAMOND = """\
command("top", "echo 1 > top", outputs=["top"], inputs=["source"])
command("left", "cat top > left", inputs=["top"], outputs=["left"])
command("right", "cat top > right", inputs=["top"], outputs=["right"])

@stage(inputs=["left", "right"], outputs=["bottom"])
def bottom(context):
    context.events.emit("half", {"of": 2})
    context.outputs[0].write_text("x")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).write("source", "1").stagefile(DIAMOND)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_stage_that_says_something_does_not_silence_what_is_printed(project: Project) -> None:
    project.build("-j1").printed(
        """\
        [1/4] ran       top  <time>
        [2/4] ran       left  <time>
        [3/4] ran       right  <time>
        [4/4] ran       bottom  <time>
        stagemake: done, 4 stages: 4 ran in <time>
        """
    )


def test_every_event_is_a_line_in_the_order_things_happen(project: Project) -> None:
    project.build("-j1", "--events", "log").ran("top", "left", "right", "bottom")

    told = lines(project.read("log"))
    kinds = [(one["event"], one.get("stage")) for one in told]
    assert (kinds[0][0], kinds[-1][0]) == ("plan", "finished")
    for name in ("top", "left", "right", "bottom"):
        of_it = [kind for kind, stage in kinds if stage == name]
        more = ["stage_event"] if name == "bottom" else []
        assert of_it == ["stage_started", *more, "stage_finished"]
    assert kinds.index(("stage_finished", "top")) < kinds.index(("stage_started", "left"))
    assert told[0]["totals"] == {"fresh": 0, "hit": 0, "miss": 4, "maybe": 0}
    (said,) = (one for one in told if one["event"] == "stage_event")
    assert (said["name"], said["payload"]) == ("half", {"of": 2})
    assert [one["done"] for one in told if one["event"] == "stage_finished"] == [1, 2, 3, 4]
    assert told[-1]["ok"] is True


def test_a_build_with_nothing_to_do_has_one_line(project: Project) -> None:
    project.build("--events", "log").exited(0)

    project.build("--events", "log").printed("stagemake: up to date\n")

    (only,) = lines(project.read("log"))
    assert (only["event"], only["outcomes"]["fresh"]) == ("finished", 4)


def test_events_go_to_stdout_and_a_named_pipe_too(project: Project) -> None:
    printed = project.build("--events", "-").stdout
    assert lines(printed)[-1]["event"] == "finished"

    os.mkfifo(project.root / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(project.read("pipe")))
    reader.start()
    project.write("source", "2").build("--events", "pipe").exited(0)
    reader.join(30)

    assert lines(heard[0])[0]["event"] == "plan"


def test_a_reader_that_goes_away_costs_the_events_and_not_the_build(project: Project) -> None:
    os.mkfifo(project.root / "pipe")

    def read_nothing() -> None:
        with open(project.root / "pipe", "rb"):
            pass

    reader = threading.Thread(target=read_nothing)
    reader.start()
    project.stagefile("import time; time.sleep(0)\n" + DIAMOND)
    built = project.build("-j1", "--events", "pipe")
    reader.join(30)

    built.ran("top", "left", "right", "bottom").exited(0)


@pytest.mark.parametrize("flag", ["--events", "--timeline"])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_done(
    project: Project, flag: str
) -> None:
    project.build(flag, "nowhere/log").exited(2).printed(
        """\
        error: `nowhere/log` can't be written
          why  no such file or directory
        """
    )

    assert not project.has("top")


@pytest.mark.parametrize("flag", ["-n", "-q"])
def test_what_does_not_build_has_no_events(project: Project, flag: str) -> None:
    project.build(flag, "--events", "log").exited(2).printed(
        "error: `--events` and `--timeline` follow a build, not `-n` or `-q`\n"
    )

    assert not project.has("log")


def slices(trace: dict[str, Any], phase: str) -> list[dict[str, Any]]:
    return [one for one in trace["traceEvents"] if one["ph"] == phase]


def test_a_timeline_shows_what_ran_where_and_what_it_had_waited_for(project: Project) -> None:
    project.build("-j2", "--timeline", "out.json").exited(0)

    trace = json.loads(project.read("out.json"))
    ran = {one["name"]: one for one in slices(trace, "X")}
    assert set(ran) == {"top", "left", "right", "bottom"}
    for one in ran.values():
        assert one["ts"] >= 0
        assert one["dur"] > 0
        assert one["args"]["outcome"] == one["cat"] == "ran"
    assert ran["bottom"]["ts"] >= max(
        ran[name]["ts"] + ran[name]["dur"] for name in ("left", "right")
    )
    starts, ends = slices(trace, "s"), slices(trace, "f")
    assert sorted(one["id"] for one in starts) == sorted(one["id"] for one in ends)
    assert len(starts) == 3  # each but the first had waited for one last
    assert slices(trace, "C")[-1]["args"] == {"stages": 0}
    assert {one["args"]["name"] for one in slices(trace, "M")} >= {"stagemake", "lane 1"}


def test_failures_restores_and_odd_names_are_on_a_timeline(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "echo 1 > one", outputs=["one"])
        command("bad", "false", outputs=["two"], inputs=["in \\udcff"])
        command("blocked", "cat two > three", inputs=["two"], outputs=["three"])
        """
    )
    (project.root / "in \udcff").write_text("1")
    project.build("one").exited(0)
    (project.root / "in \udcff").write_text("2")
    project.remove("one").build("-k", "--timeline", "-").exited(1)
    restored = project.remove("one").build("-k", "--timeline", "out.json").exited(1)

    assert restored.exit_code == 1
    ran = {one["name"]: one["cat"] for one in slices(json.loads(project.read("out.json")), "X")}
    assert ran == {"one": "restored", "bad": "failed"}


def test_a_build_with_nothing_to_do_has_an_empty_timeline(project: Project) -> None:
    project.build().exited(0)

    project.build("--timeline", "out.json").exited(0)

    assert slices(json.loads(project.read("out.json")), "X") == []


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20))).map(
    lambda found: sorted((begin, begin + length) for begin, length in found)
)


@given(spans=SPANS)
def test_no_two_stages_share_a_lane_at_a_time_and_no_lane_is_wasted(
    spans: list[tuple[float, float]],
) -> None:
    lanes = lanes_of(spans)

    for lane in set(lanes):
        mine = [span for span, other in zip(spans, lanes, strict=True) if other == lane]
        assert all(before[1] <= after[0] for before, after in pairwise(mine))
    most = max(
        (sum(begin <= at < max(end, begin + 1) for begin, end in spans) for at in range(75)),
        default=0,
    )
    assert max(lanes, default=0) <= max(most, 1) if spans else not lanes
