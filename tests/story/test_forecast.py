"""What a dry run says of time and disk, and that builds bear it out."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from terminal_kit import Terminal

from stagemake.cache.collect import collect
from stagemake.cache.disk import open_store
from stagemake.history import History
from stagemake.manager import StageManager
from stagemake.model.packed import unpack
from stagemake.model.record import references

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project

HISTORY = ".stagemake/Stagefile/history.db"


def forecast(project: Project, *arguments: str) -> dict[str, Any]:
    """Return the forecast of a dry run, which changes nothing."""
    with project.unchanged():
        found: dict[str, Any] = project.build("-n", "--json", *arguments).json["forecast"]
    return found


def stages(project: Project, *arguments: str) -> dict[str, dict[str, Any]]:
    """Return the stages of a dry run by name."""
    return {each["name"]: each for each in project.build("-n", "--json", *arguments).json["stages"]}


HALVES = """\
command("first", "head -c 1 a > {outputs}", inputs=["a"], outputs=["half"])
command("second", "cp half {outputs}", inputs=["half"], outputs=["end"])
"""


def test_a_maybe_carries_how_often_its_upstream_changed_so_far(project: Project) -> None:
    project.stagefile(HALVES).write("a", "1")
    project.build().ran("first", "second")
    for text in ("12", "2", "23", "24"):  # the first letter changes once
        project.write("a", text).build()
    project.write("a", "3")

    chance = stages(project)["second"]["chance"]
    text = project.build("-n", "-j2").stdout

    assert chance == {"runs_p": 0.417, "decider": "first", "changed": 1, "runs": 4}
    assert "maybe  second  ~<time>  first changed its output in 1 of its last 4 runs\n" in text
    assert "runs   1 for certain, 2 at most\n" in text


def test_a_repeat_says_nothing_of_whether_outputs_change(project: Project) -> None:
    project.stagefile(HALVES).write("a", "1").build().ran("first", "second")
    for _ in range(3):
        project.build("-B").ran("first", "second")

    assert stages(project, "-B")["first"]["changes_output_p"] is None


def test_a_stage_never_run_is_estimated_from_its_kind_and_marked(project: Project) -> None:
    lines = [
        f'command("s{i}", "cp a {{outputs}}", inputs=["a"], outputs=["o{i}"])' for i in range(3)
    ]
    project.write("a", "1").stagefile("\n".join(lines[:2]) + "\n").build().ran("s0", "s1")
    project.stagefile(
        "\n".join([*lines, 'command("other", "sed p a > x", inputs=["a"], outputs=["x"])\n'])
    )

    with project.unchanged():
        project.build("-n", "-j2").printed(
            """\
            miss   other         ?  never built
            miss   s2  ~<time>* never built

            fresh       2  nothing to do
            miss        2  run
            time   ~<time> with 2 jobs
                   1 stage without a result here: not in these sums
                   * no result here: from others of its kind (cp)
            disk   1 B to write, 0 B to restore; the cache grows by <size>
                   1 stage without a result here: not in these sums
                   enough as far as known: <size> free
            """
        )
    amounts = project.build("-n", "--json").json["forecast"]
    assert (amounts["write_bytes"], amounts["unsized"]) == (1, 1)
    assert amounts["new_bytes"] > 0
    assert [one["enough"] for one in amounts["file_systems"]] == [None]
    estimate = stages(project)["s2"]["estimate"]
    assert (estimate["source"], estimate["kind"], estimate["samples"]) == ("kind", "cp", 0)


FLAGS = """\
flag = config("flag", "quick")
command("compile", f"echo {flag}; cat a > {{outputs}}", inputs=["a"], outputs=["o"])

@stage(inputs=["a"], outputs=["p"], params={"flag": flag})
def render(context):
    context.outputs[0].write_text(context.inputs[0].read_text())
"""


def test_time_under_other_flags_is_that_of_the_runs_under_these(project: Project) -> None:
    project.stagefile(FLAGS)
    for number, flag in enumerate(("slow", "quick", "quick")):
        project.write("a", str(number)).build("-D", f"flag={flag}").ran("compile", "render")
    took_s = {"compile": (4.0, 1.0), "render": (0.5, 1.0)}  # slow and quick
    with closing(sqlite3.connect(project.root / HISTORY)) as connection:
        packed = dict(connection.execute("select stage, packed from runs_3"))
    (project.root / HISTORY).unlink()
    for stage in took_s:
        runs = unpack(stage, "", packed[stage])
        times_s = [took_s[stage][one.variant == runs[0].variant] for one in runs]
        History(str(project.root / HISTORY)).add(
            evolve(run, duration_s=seconds)
            for run, seconds in zip(runs[::-1], times_s[::-1], strict=True)
        )
    project.write("a", "edited")

    said = {
        flag: {name: one["estimate"]["duration_s"]["p50"] for name, one in found.items()}
        for flag in ("slow", "quick", "never used")
        for found in (stages(project, "-D", f"flag={flag}"),)
    }

    assert said["quick"] == {
        "compile": pytest.approx(1, abs=0.1),
        "render": pytest.approx(1, abs=0.1),
    }
    assert said["slow"] == {
        "compile": pytest.approx(4, rel=0.3),
        "render": pytest.approx(0.5, rel=0.2),
    }
    assert said["never used"] == {
        "compile": pytest.approx(1, abs=0.3), "render": pytest.approx(1, abs=0.3),
    }  # fmt: skip


CHAIN = """\
command("fetched", "cat a > {outputs}", inputs=["a"], outputs=["b"])
command("sorted", "sort b > c; head -c 40 b > top", inputs=["b"], outputs=["c", "top"])
command("counted", "head -c 8 c > {outputs}", inputs=["c"], outputs=["d"])
"""


def test_inputs_that_double_are_taken_to_make_twice_as_much_all_the_way(project: Project) -> None:
    def lines(count: int) -> str:
        return "".join(f"{number:09}\n" for number in range(count))

    project.stagefile(CHAIN).write("a", lines(100)).build().ran("fetched", "sorted", "counted")
    project.write("a", lines(200))

    first = forecast(project)  # nothing yet says that some of it stays as it is
    project.build().ran("fetched", "sorted", "counted")
    project.write("a", lines(400))
    second = {name: one["estimate"]["output_bytes"] for name, one in stages(project).items()}

    assert first["write_bytes"] == 2000 + 2040 + 16  # d, which stays, is the 16
    assert second["fetched"] == 4000
    assert second["sorted"] == pytest.approx(4040, rel=0.02)
    assert "KiB to write" in project.build("-n").stdout


def test_directories_count_with_all_that_is_in_them_be_they_there_or_to_be_made(
    project: Project,
) -> None:
    project.stagefile(
        """\
        command("packed", "cat d/a d/in/b > {outputs}", inputs=["d"], outputs=["p"])
        command("split", "mkdir -p s; cp p s/one; cp p s/two", inputs=["p"], outputs=["s/"])
        command("joined", "cat s/one s/two > {outputs}", inputs=["s"], outputs=["j"])
        """
    )
    project.write("d/a", "x" * 100).write("d/in/b", "y" * 100)
    project.build().ran("packed", "split", "joined")
    project.write("d/in/b", "z" * 300)

    said = {name: one["estimate"]["output_bytes"] for name, one in stages(project).items()}

    assert said == {"packed": 400, "split": 600, "joined": 600}  # a byte more for each byte more


def test_outputs_that_stay_as_large_as_they_are_do_not_grow_with_inputs(project: Project) -> None:
    project.stagefile(
        'command("sum", "cksum < a | cut -c1-5 > {outputs}", inputs=["a"], outputs=["s"])\n'
    )
    for count in (100, 200):
        project.write("a", "x" * count).build().ran("sum")
    project.write("a", "x" * 100_000)

    assert forecast(project)["write_bytes"] == 6


def test_what_is_written_under_other_flags_is_told_apart(project: Project) -> None:
    project.stagefile(
        'n = config("n", "10")\n'
        'command("pad", f"head -c {n} /dev/zero > {{outputs}}; cat a >> {{outputs}}", inputs=["a"], outputs=["o"])\n'
    )
    project.write("a", "1").build().ran("pad")
    project.build("-D", "n=500").ran("pad")
    project.build().restored("pad")
    project.write("a", "2")

    assert forecast(project)["write_bytes"] == 11
    assert forecast(project, "-D", "n=500")["write_bytes"] == 501
    assert (
        forecast(project, "-D", "n=11")["write_bytes"] == 11
    )  # like what is there, not like the last run


def test_functions_of_one_name_are_of_one_kind(project: Project) -> None:
    def text(count: int) -> str:
        return f"""\
        for i in range({count}):
            @stage(name=f"s{{i}}", inputs=["a"], outputs=[f"o{{i}}"])
            def tidy(context):
                context.outputs[0].write_text("x")
        """

    project.write("a", "1").stagefile(text(1)).build().ran("s0")
    project.stagefile(text(2))

    assert stages(project)["s1"]["estimate"]["kind"] == "tidy()"


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_lost_or_damaged_history_leaves_what_the_cache_knows(
    project: Project, content: bytes | None
) -> None:
    project.stagefile(HALVES).write("a", "1").build().ran("first", "second")
    if content is None:
        project.remove(HISTORY)
    else:
        project.write(HISTORY, content)
    project.write("a", "2")

    estimate = stages(project)["first"]["estimate"]

    assert (estimate["source"], estimate["samples"]) == ("cache", 1)
    project.build().ran("first", "second")
    assert stages(project, "-B")["first"]["estimate"]["source"] == "history"


def test_a_history_of_another_version_is_not_read(project: Project) -> None:
    project.stagefile(HALVES).write("a", "1").build("--cache=off").ran("first", "second")
    with closing(sqlite3.connect(project.root / HISTORY, isolation_level=None)) as connection:
        connection.execute("alter table fits_2 rename to fits_3")
        connection.execute("alter table builds_2 rename to builds_3")
    connection.close()

    found = forecast(project, "-B")

    assert (found["wall_s"], found["unestimated"]) == (None, 2)


def test_bytes_to_restore_are_exact_and_the_cache_does_not_grow_by_them(project: Project) -> None:
    project.stagefile(
        'command("big", "head -c 100000 /dev/zero > {outputs}", outputs=["big"], inputs=["a"])\n'
    ).write("a", "1").build().ran("big")
    project.remove("big")

    found = forecast(project)

    built = project.build("--json").json
    assert found["restore_bytes"] == built["cache"]["bytes_read"] == 100_000
    assert (found["new_bytes"], found["write_bytes"]) == (0, 0)


def test_outputs_that_repeat_what_is_known_do_not_make_the_cache_grow(project: Project) -> None:
    project.stagefile(
        'command("big", "head -c 100000 /dev/zero > {outputs}", outputs=["big"], inputs=["a"])\n'
    ).write("a", "1")
    for text in "234567":
        project.write("a", text).build().ran("big")
    project.write("a", "8")

    found = forecast(project)
    before = cache_bytes(project)
    project.build().ran("big")

    assert found["write_bytes"] == 100_000
    assert found["new_bytes"] < 30_000  # one run in six brought something new, the first
    assert cache_bytes(project) - before < 10_000


def cache_bytes(project: Project) -> int:
    found: int = project.build("cache", "stats", "--json").json["bytes"]
    return found


def test_what_collecting_would_evict_is_foreseen_by_its_own_rule(project: Project) -> None:
    project.write("pyproject.toml", '[tool.stagemake]\ncache_size = "300KiB"\n')
    project.stagefile(
        'command("big", "head -c 90000 a > {outputs}", outputs=["big"], inputs=["a"])\n'
    )
    for number in range(3):
        project.write("a", f"{number}" * 90_000).build().ran("big")
    project.write("a", "x" * 90_000)

    found = forecast(project)
    said = project.build("-n").stdout
    result = project.build()

    assert found["evicted"]["records"] > 0
    assert f"then {found['evicted']['records']} result" in said
    assert "cache: removed" in result.stderr
    size = 300 * 1024
    assert found["cache_bytes_after"] <= size
    store, _ = open_store(str(project.cache), budget_bytes=size, max_age_s=1e9)
    assert store is not None
    assert collect(store, references).records == 0  # it is as small as it was said to become
    assert abs(collect(store, references).kept_bytes - found["cache_bytes_after"]) < 60_000
    store.close()


def test_without_the_cache_nothing_is_stored_and_nothing_evicted(project: Project) -> None:
    project.stagefile(HALVES).write("a", "1").build().ran("first", "second")
    project.write("a", "2")

    found = forecast(project, "--cache=off")

    assert (found["new_bytes"], found["evicted"]["records"]) == (0, 0)


def test_remaining_time_is_shown_on_a_terminal_and_nowhere_else(project: Project) -> None:
    project.stagefile(
        """\
        for i in range(4):
            command(f"s{i}", f"sleep 0.{i + 1}; echo {i} > {{outputs}}", inputs=["a"], outputs=[f"o{i}"])
        """
    ).write("a", "1")
    piped = project.run("-j1")
    with Terminal.start(project, "-B", "-j1") as terminal:
        assert terminal.end() == 0

    assert "~" not in piped.stderr
    lines = [line for line in terminal.text.splitlines() if line.startswith("[")]
    said = [line.partition("]")[0] for line in lines]
    assert [line[:4] for line in said] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    assert all(re.fullmatch(r" ~(<1|\d+) s *", line[4:]) for line in said[:3]), said
    assert said[3][4:].strip() == ""


def test_a_build_for_programs_tells_what_a_dry_run_would_have_said(project: Project) -> None:
    project.stagefile(HALVES).write("a", "1").build().ran("first", "second")
    project.write("a", "22")
    said = forecast(project, "-j2")

    built = project.build("--json", "-j2").json["forecast"]

    varying = {"free_bytes", "file_systems", "cache_bytes_after"}  # other programs write, too
    assert {name: built[name] for name in built.keys() - varying} == {
        name: said[name] for name in said.keys() - varying
    }


SLOW_TO_EVALUATE = """\
import time
time.sleep(0.4)
command("copy", "cp a {outputs}", inputs=["a"], outputs=["b"])
"""


def test_time_counts_from_the_start_of_the_command(project: Project) -> None:
    def command(*arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = project.finish(project.start(*arguments, "--json")).json
        return found

    project.stagefile(SLOW_TO_EVALUATE).write("a", "1")

    first = command("build")["wall_s"]
    project.write("a", "2")
    foreseen = command("-n")["forecast"]["wall_s"]
    second = command("build")["wall_s"]

    assert first > 0.4
    assert foreseen["p50"] > 0.4
    assert second > 0.4
    assert project.run("history", "--json").json["builds"][0]["wall_s"] == pytest.approx(second)


def test_time_in_another_program_counts_from_when_a_build_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "Stagefile").write_text("from stagemake import command\n" + SLOW_TO_EVALUATE)
    (tmp_path / "a").write_text("1")
    manager = StageManager(tmp_path, cache_dir=tmp_path / "cache")
    began_s = time.monotonic()
    manager.load()
    loaded_s = time.monotonic()

    outcome = manager.execute_pipeline()

    assert loaded_s - began_s > 0.4
    assert outcome.ok
    assert 0 < outcome.wall_s <= time.monotonic() - loaded_s


@pytest.fixture
def few_processors() -> Iterator[int]:
    """Return how many there are: one, where that can be had."""
    if not hasattr(os, "sched_setaffinity"):
        yield os.cpu_count() or 1
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_builds_with_more_jobs_than_processors_are_learned_from_each_time(
    project: Project, few_processors: int
) -> None:
    jobs = 3 * few_processors
    project.stagefile(
        f"""\
        for i in range({jobs}):
            command(f"s{{i}}", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; cat in > {{outputs}}",
                    inputs=["in"], outputs=[f"o{{i}}"])
        """
    )
    for text in ("1", "2", "3"):
        project.write("in", text)
        project.build(f"-j{jobs}").exited(0)
    project.write("in", "4")

    plan = project.build("-n", "--json", f"-j{jobs}").json

    assert {one["estimate"]["samples"] for one in plan["stages"]} == {3}
