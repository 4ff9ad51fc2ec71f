"""`history`: past builds with the scores of their forecasts, one build, the difference of two."""

from __future__ import annotations

import re
import signal
import sqlite3
import textwrap
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stagemake import durable

if TYPE_CHECKING:
    from project import Project, Result

TWO = """\
command("first", "cat src > a", inputs=["src"], outputs=["a"])
command("second", "cat a > b", inputs=["a"], outputs=["b"])
"""
CLOCK = re.compile(r"\b(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\b")


@pytest.fixture
def two(project: Project) -> Project:
    """Return a project of two stages, one after the other, not built."""
    return project.stagefile(TWO).write("src", "1")


def shown(result: Result) -> str:
    """Return what was printed with columns one space apart, without clocks and scores of no import."""
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []
    text = re.sub(r"\b\d+(?:\.\d+)?m?s\b", "<time>", CLOCK.sub("<clock>", result.stdout))
    text = re.sub(
        r"\b\d+%", "<n>%", re.sub(r"<time> <time> (?:yes|no)", "<time> <time> <in>", text)
    )
    text = re.sub(r": (?:inside|longer than that)$", ": <in>", text, flags=re.MULTILINE)
    text = re.sub(r"<time> \(up to <time>\)", "<time>", text)
    text = re.sub(
        r"^reason\+(?:slower|faster)\b", "reason", text, flags=re.MULTILINE
    )  # the machine was
    text = re.sub(r"(?<=\S) +", " ", text)
    return re.sub(r"<time> <time> (?:yes|no)\b", "<time> <time> <in>", text)


def says(result: Result, expected: str) -> None:
    assert textwrap.dedent(expected) == shown(result)


def test_before_the_first_build_and_after_one_with_nothing_to_do(two: Project) -> None:
    with two.unchanged():
        says(two.build("history"), "no builds yet: one that had nothing to do is not listed\n")
    two.build().ran("first", "second")
    two.build().fresh("first", "second")

    with two.unchanged():
        says(
            two.build("history"),
            """\
            run when took ran hits same targets
              1 <clock> <time> 2 0 0 (default)
            """,
        )


def test_builds_are_listed_newest_first_with_scores(two: Project) -> None:
    two.build("second").ran("first", "second")
    two.write("src", "2").build("b", "first").ran("first", "second")
    two.write("src", "1").build().restored("first", "second")
    two.stagefile(TWO.replace("cat a", "false")).build().failed("second")

    *lines, one, other = shown(two.build("history")).splitlines()

    assert [*lines, *sorted([one, other])] == [  # stages come by their error, the largest first
        "run when took p50 p90 in ran hits same bad targets",
        "  4 <clock> <time> <time> <time> 0 0 1 1 (default)",
        "  3 <clock> <time> <time> <time> <in> 0 2 0 (default)",
        "  2 <clock> <time> <time> <time> <in> 2 0 0 b first",
        "  1 <clock> <time> 2 0 0 second",
        "",
        "forecasts against what came (inside: took no longer than p90):",
        "        forecasts inside median error",
        "builds 2 <n>% <n>%",
        "first 1 <n>% <n>%",
        "second 1 <n>% <n>%",
    ]


def test_one_build_tells_what_came_of_each_stage_and_why(two: Project) -> None:
    two.build()
    two.write("src", "2").stagefile(TWO.replace("cat a", "false")).build("-j2")

    says(
        two.build("history", "last"),
        """\
        build 2: (default)
          began <clock>, just now, with 2 jobs
          took <time>
          forecast <time>
          ended failed: 1 ran, 1 failed

        outcome stage took expected why
        ran first <time> <time> input changed: src
        failed second <time> command changed
        """,
    )


def test_two_builds_are_compared(two: Project) -> None:
    two.build()
    two.stagefile(TWO.replace('"first"', '"other"') + 'command("more", "touch c", outputs=["c"])\n')
    two.write("src", "2").build()

    says(
        two.build("history", "1", "2"),
        """\
        build 1: (default): 2 ran in <time>
        build 2: (default): 3 ran in <time>

        what stage build 1 build 2 reason
        added more ran <time>
        added other ran <time>
        removed first ran <time>
        reason second ran <time> ran <time> input changed: a (was: never built)
        """,
    )
    says(
        two.build("history", "2", "2"),
        """\
        build 2: (default): 3 ran in <time>
        build 2: (default): 3 ran in <time>

        no stage differs
        """,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("9",),
            "error: there is no build `9`\nhint: builds 1 to 1 are kept; see `stagemake history`\n",
        ),
        (
            ("x",),
            "error: there is no build `x`: builds have numbers\nhint: how a stage of that name ended last, and why: stagemake why x\n",
        ),
        (
            ("1", "1", "1"),
            "error: `history` takes at most two builds\nhint: stagemake history A B\n",
        ),
    ],
)
def test_a_build_that_is_not_there(two: Project, arguments: tuple[str, ...], message: str) -> None:
    two.build()

    two.build("history", *arguments).exited(2).printed(message)


def test_long_lists_are_cut_with_a_count(two: Project) -> None:
    many = "".join(
        f'command("s{i:02}", "touch {{outputs}}", outputs=["o{i:02}"])\n' for i in range(25)
    )
    two.stagefile(many).build()

    lines = two.build("history", "1").stdout.splitlines()

    assert lines[-1] == "and 5 more stages: stagemake history --all 1"
    assert len(lines) == 6 + 1 + 20 + 1
    assert len(two.build("history", "--all", "1").stdout.splitlines()) == 6 + 1 + 25


def test_names_of_any_kind_drive_no_terminal(project: Project) -> None:
    project.stagefile(
        'command("é", "cat {inputs} > {outputs}", inputs=["s\\udcff\\n"], outputs=["é"])\n'
    )
    (project.root / "s\udcff\n").write_text("1")
    project.build().exited(0)

    text = project.run("history", "1").stdout

    assert "ran      é" in text
    assert "\x1b" not in text
    project.write("Stagefile", project.read("Stagefile").replace("cat", "tac")).build().exited(0)
    (project.root / "s\udcff\n").write_text("2")
    project.build().exited(0)
    assert "input changed: s\\udcff\\n\n" in project.run("history", "3").stdout


def test_the_forecast_is_held_against_what_came_in_one_line(two: Project) -> None:
    two.shows_score = True
    two.stagefile(TWO.replace("cat src", "sleep 0.6; cat src"))
    first = two.build().ran("first", "second")

    second = two.write("src", "2").build().ran("first", "second")

    assert "forecast" not in first.stderr  # never run: no forecast
    assert re.search(
        r"^stagemake: forecast <time>(?: \(up to <time>\))?, took <time>$",
        second.stderr.splitlines()[-1],
    )
    assert "forecast" not in two.write("src", "3").build("-s").stderr


# --- what it survives ------------------------------------------------------------------------------


def test_a_killed_build_leaves_what_had_finished(two: Project) -> None:
    two.build()
    two.stagefile(TWO.replace("cat a", "sleep 600; cat a")).write("src", "2")
    process = two.start("-j2")
    noted = two.root / ".stagemake/Stagefile/builds/2"
    _wait_for(lambda: noted.exists() and b'"first"' in noted.read_bytes())
    says(two.build("history", "2"), _UNDER_WAY.format(ending="running"))

    process.send_signal(signal.SIGKILL)
    two.finish(process)

    says(two.build("history", "2"), _UNDER_WAY.format(ending="killed"))
    two.stagefile(TWO).build().ran("second")
    with closing(
        sqlite3.connect(two.root / ".stagemake/Stagefile/history.db", isolation_level=None)
    ) as connection:
        runs = connection.execute(
            "select stage, samples, kind from fits_2 order by stage"
        ).fetchall()
    connection.close()
    assert runs == [("first", 2, "cat"), ("second", 2, "cat")]  # the killed build's one too
    endings = [build["ending"] for build in two.build("history", "--json").json["builds"]]
    assert endings == ["done", "killed", "done"]


_UNDER_WAY = """\
build 2: (default)
  began <clock>, just now, with 2 jobs
  took ?
  forecast <time>
  ended {ending}: 1 ran

outcome stage took expected why
ran first <time> <time> input changed: src
"""


def _wait_for(claim: object) -> None:
    end_s = time.monotonic() + 120
    while not claim():  # type: ignore[operator]
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_at_any_moment_the_builds_before_stay(two: Project) -> None:
    two.build()
    before = two.build("history", "1", "--json").stdout
    for milliseconds in range(0, 400, 25):
        two.write("src", str(milliseconds))
        process = two.start()
        time.sleep(milliseconds / 1000)  # when, not whether: any moment is right
        process.send_signal(signal.SIGKILL)
        two.finish(process)

        assert before == two.build("history", "1", "--json").stdout
        two.build("history").exited(0)
    two.write("src", "end").build().exited(0)


def test_a_disk_that_takes_no_history_costs_one_notice(two: Project) -> None:
    def fault(operation: str, path: str) -> None:
        if "/builds" in path:
            raise OSError(28, "No space left on device", path)

    durable.install(fault)
    try:
        result = two.build().ran("first", "second")
    finally:
        durable.install(None)

    notice = (
        "stagemake: history: no space left on device; this build is not in it, or not all of it"
    )
    assert result.stderr.splitlines()[-1] == notice
    assert result.stderr.count("history") == 1
    two.build().fresh("first", "second")
    two.write("src", "2").build().ran("first", "second")
    assert [build["run"] for build in two.build("history", "--json").json["builds"]] == [1]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, None])
def test_a_damaged_database_costs_nothing_but_estimates(
    two: Project, content: bytes | None
) -> None:
    two.build()
    database = two.root / ".stagemake/Stagefile/history.db"
    database.unlink()
    if content is None:
        database.mkdir()
    else:
        database.write_bytes(content)

    two.write("src", "2").build().ran("first", "second")

    two.build("history").exited(0)
    two.build("why", "first").exited(0)


def test_a_locked_database_does_not_hold_up_a_build(two: Project) -> None:
    two.build()
    connection = sqlite3.connect(two.root / ".stagemake/Stagefile/history.db", isolation_level=None)
    try:
        connection.execute("begin exclusive")
        began_s = time.monotonic()
        two.write("src", "2").build().ran("first", "second")
        took_s = time.monotonic() - began_s
    finally:
        connection.close()

    assert took_s < 20
    assert [build["run"] for build in two.build("history", "--json").json["builds"]] == [2, 1]


def test_builds_of_a_newer_version_are_named_and_left_alone(two: Project) -> None:
    from stagemake.past.codec import line_of

    two.build()
    newer = line_of({"kind": "build", "format": 2})
    two.write(".stagemake/Stagefile/builds/7", newer)

    two.write("src", "2").build().ran("first", "second")

    text = two.build("history").stdout
    assert "1 build noted by a newer stagemake: left out\n" in text
    assert two.read(".stagemake/Stagefile/builds/7").encode() == newer
    assert [build["run"] for build in two.build("history", "--json").json["builds"]] == [8, 1]
    two.build("history", "7").exited(2).printed("error: build 7 was noted by a newer stagemake\n")


def test_history_needs_no_working_stagefile(two: Project) -> None:
    two.build()
    two.write("Stagefile", "this is no Python")

    two.build("history").exited(0)


# --- JSON ------------------------------------------------------------------------------------------


def test_json_has_everything(two: Project) -> None:
    two.build("second")
    two.write("src", "2").build()

    whole = two.build("history", "--json").json
    one = two.build("history", "2", "--json").json
    both = two.build("history", "1", "2", "--json").json

    assert [build["run"] for build in whole["builds"]] == [2, 1]
    assert whole["builds"][1]["targets"] == ["second"]
    assert whole["score"]["forecasts"] == 1
    assert {score["name"] for score in whole["score"]["stages"]} == {"first", "second"}
    assert [stage["name"] for stage in one["stages"]] == ["first", "second"]
    (difference,) = one["stages"][0]["differences"]
    assert (difference["reason"], difference["subject"]) == ("input_changed", "src")
    changes = [set(stage["changes"]) - {"slower", "faster"} for stage in both["stages"]]
    assert changes == [{"reason"}, {"reason"}]  # and what the machine did besides
