"""`stagemake bench` measures a project's stages in a copy of it, and compares with before."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from stagemake.schema_check import first_problem, load_schema

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project, Result

STAGES = """\
command("copy", "cp a b", inputs=["a"], outputs=["b"])
command("join", "cat b c > d", inputs=["b", "c"], outputs=["d"])

@stage(inputs=["d"], outputs=["e"])
def shout(context):
    context.outputs[0].write_text(context.inputs[0].read_text().upper())
"""
SHAPE = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory outside of the project for copies."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture
def small(project: Project) -> Project:
    """Return a project of three stages that was built once."""
    project.stagefile(STAGES).write("a", "1\n").write("c", "2\n")
    return project.build().ran("copy", "join", "shout") and project


def bench(project: Project, work: Path, *words: str) -> Result:
    rounds = () if "-r" in words else ("-r", "1")
    return project.run("bench", "--work", str(work), "-j1", *rounds, *words)


def figures(project: Project, work: Path, *words: str) -> dict[str, Any]:
    result = bench(project, work, "--json", *words)
    assert result.exit_code in {0, 1}, result.stderr
    assert first_problem(result.json, load_schema("bench")) == ""
    return result.json


def test_the_text_fits_80_columns_and_says_where_the_time_goes(small: Project, work: Path) -> None:
    result = bench(small, work, "-r", "2").exited(0)

    assert max(map(len, result.stdout.splitlines())) <= 80
    words = [" ".join(SHAPE.sub("N", line).split()) for line in result.stdout.splitlines()]
    words = [re.sub(r"N m?s\b|<time>", "<time>", word) for word in words]
    assert words == [
        "N stages, N rounds, -jN, in a copy of the project",
        "",
        "wall spread CPU stages/s MB/s in MB/s out",
        "cold <time> +-N % <time> N N N",
        "warm <time> +-N % <time> N N N",
        "no-op <time> +-N % <time> N",
        "",
        "ms a stage own spawn hash store decide other",
        "cold N N N N N N",
        "warm N N N N N",
    ]
    assert result.stderr == "stagemake: round 1 of 2\nstagemake: round 2 of 2\n"


def test_the_project_and_its_cache_stay_as_they_are(small: Project, work: Path) -> None:
    small.write("a", "not built yet")

    with small.unchanged():
        bench(small, work).exited(0)

    assert list(work.iterdir()) == []


def test_cold_runs_everything_warm_restores_everything_and_no_op_does_nothing(
    small: Project, work: Path
) -> None:
    found = figures(small, work, "-r", "2")

    cold, warm, noop = (found["scenarios"][name] for name in ("cold", "warm", "noop"))
    assert (cold["ran"], cold["restored"]) == (3, 0)
    assert (warm["ran"], warm["restored"]) == (0, 3)
    assert (noop["ran"], noop["overhead_s"]) == (None, None)
    assert found["notes"] == []
    assert len(cold["wall_s"]["samples"]) == len(warm["wall_s"]["samples"]) == 2
    assert len(noop["wall_s"]["samples"]) == 6


def test_bytes_are_those_that_stages_read_and_made(small: Project, work: Path) -> None:
    found = figures(small, work)

    assert (found["input_bytes"], found["output_bytes"]) == (2 + (2 + 2) + 4, 2 + 4 + 4)


def test_each_part_of_the_overhead_was_measured_and_all_of_them_fit_into_the_wall_time(
    small: Project, work: Path
) -> None:
    found = figures(small, work)["scenarios"]

    for name in ("cold", "warm"):
        parts = found[name]["overhead_s"]
        assert all(seconds > 0 for seconds in parts.values()), (name, parts)
        # Spawning goes on beside the tool's own work: it is left out of the sum.
        in_turn = 3 * sum(seconds for kind, seconds in parts.items() if kind != "spawn")
        assert in_turn < found[name]["wall_s"]["high"]
    assert found["cold"]["own_s"] > 0
    assert found["warm"]["own_s"] is None


def test_only_what_the_targets_take_is_built(small: Project, work: Path) -> None:
    found = figures(small, work, "join")

    assert (found["stages"], found["targets"], found["scenarios"]["cold"]["ran"]) == (
        2,
        ["join"],
        2,
    )


def test_it_works_from_a_directory_below_and_with_values(small: Project, work: Path) -> None:
    small.stagefile(
        """\
        to = f"x.{config('ext', 'dat')}"
        command("copy", "cp a {outputs}", inputs=["a"], outputs=[to])
        """
    ).write("sub/x", "")

    result = small.run(
        "bench", "--work", str(work), "-r", "1", "-D", "ext=txt", "--json", "../x.txt", cwd="sub"
    )

    assert result.exit_code == 0, result.stderr
    assert result.json["scenarios"]["cold"]["ran"] == 1


def test_what_runs_each_time_and_what_is_not_cached_is_said(project: Project, work: Path) -> None:
    project.stagefile(
        'command("say", "true")\ncommand("copy", "cp a b", inputs=["a"], outputs=["b"], cache=False)\n'
    ).write("a", "1")

    result = bench(project, work).exited(0)

    assert result.stdout.splitlines()[-2:] == [
        "note: warm: 2 of 2 stages ran, as the cache does not have them",
        "note: no-op: there was something to do, as for stages that run each time",
    ]


# -- comparing ---------------------------------------------------------------------------------------


def doctored(path: Path, factor: float) -> None:
    """Make a stored baseline this many times as slow."""
    found = json.loads(path.read_text())
    for scenario in found["scenarios"].values():
        walls = scenario["wall_s"]
        # Alike, so that the load of the machine decides nothing here.
        walls["samples"] = [walls["median"] * factor] * len(walls["samples"])
    path.write_text(json.dumps(found))


@pytest.mark.slow
def test_a_baseline_that_is_not_there_is_written_and_later_compared_with(
    small: Project, work: Path, tmp_path: Path
) -> None:
    path = tmp_path / "base.json"

    first = bench(small, work, "-r", "2", "--baseline", str(path)).exited(0)
    assert first.stderr.splitlines()[-1] == (
        "stagemake: `<base>/base.json` was not there; it holds these figures now"
    )
    doctored(path, 1e30)
    before = path.read_text()
    faster = bench(small, work, "-r", "2", "--baseline", str(path)).exited(0)
    doctored(path, 1e-30)
    slower = bench(small, work, "-r", "2", "--baseline", str(path)).exited(1)
    tolerant = bench(small, work, "-r", "2", "--baseline", str(path), "--tolerance", "1e60").exited(
        0
    )

    for result, text in (
        (faster, r"faster by \d+ % \(noise \d+ %\)"),
        (slower, r"slower by \d+ % \(noise \d+ %\)"),
        (tolerant, r"slower by \d+ % \(noise \d+ %\), within the tolerance of \d+ %"),
    ):
        last = result.stdout.splitlines()[-4:]
        assert last[0] == "beside <base>/base.json, of stagemake 0.1.0"
        for line, name in zip(last[1:], ("cold", "warm", "no-op"), strict=True):
            assert re.fullmatch(f"{name} +{text}", line), line
    assert json.loads(before)["stages"] == 3


def test_the_json_holds_the_verdicts(small: Project, work: Path, tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    bench(small, work, "-r", "2", "-o", str(path)).exited(0)
    doctored(path, 1e-30)

    found = figures(small, work, "-r", "2", "--baseline", str(path))

    assert {each["verdict"] for each in found["baseline"]["verdicts"].values()} == {"slower"}
    assert found["baseline"]["differences"] == []


def test_figures_of_something_else_are_not_compared(
    small: Project, work: Path, tmp_path: Path
) -> None:
    path = tmp_path / "base.json"
    bench(small, work, "-o", str(path), "copy").exited(0)

    bench(small, work, "--baseline", str(path), "join").printed(
        """\
        stagemake: round 1 of 1
        error: the baseline was taken with other targets
          file  <base>/base.json
          then  copy
          now   join
        hint: give the same ones, or take a new baseline: stagemake bench -o FILE
        """
    ).exited(2)


@pytest.mark.parametrize(
    ("text", "why"),
    [("no", "it is no JSON"), ("{}", "$.schema: left out"), ("[]", "$: not of type object")],
)
def test_a_file_that_is_no_baseline_is_refused_before_anything_is_built(
    small: Project, work: Path, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "base.json").write_text(text)

    bench(small, work, "--baseline", str(tmp_path / "base.json")).printed(
        f"""\
        error: `<base>/base.json` can't be used as a baseline
          why  {why}
        hint: stagemake bench -o FILE writes one
        """
    ).exited(2)


# -- mistakes and ends -------------------------------------------------------------------------------


def test_a_stage_that_fails_is_shown_and_the_copy_is_removed(project: Project, work: Path) -> None:
    project.stagefile('command("bad", "echo oh; exit 3", inputs=["a"], outputs=["b"])\n').write("a")

    bench(project, work).printed(
        """\
        stagemake: round 1 of 1
        error: the cold build failed, in a copy of the project
          it said  failed: bad: exit status 3
                   oh
                     what it printed: `.stagemake/Stagefile/failed-logs/bad.log`
                     to run it again: stagemake bad
                   stagemake: failed, 1 stage: 1 failed in <time>
        hint: does it build from a fresh clone? The copy has no outputs, and nothing from outside the root
        """
    ).exited(1)
    assert list(work.iterdir()) == []


def test_an_output_behind_a_link_to_elsewhere_is_refused(
    project: Project, work: Path, tmp_path: Path
) -> None:
    project.stagefile('command("copy", "cp a far/b", inputs=["a"], outputs=["far/b"])\n')
    project.write("a", "1")
    (tmp_path / "elsewhere").mkdir()
    (project.root / "far").symlink_to(tmp_path / "elsewhere")

    bench(project, work).exited(2).printed(
        """\
        error: the output `far/b` of `copy` lies outside of the project
          where  `<base>/elsewhere`
        hint: a build of the copy would write it; measure other targets
        """
    )


def test_a_link_into_the_project_leads_into_the_copy(project: Project, work: Path) -> None:
    project.stagefile(
        'command("note", "echo x >> log; cp log out", inputs=["a"], outputs=["out"])\n'
    )
    project.write("a", "1").write("kept", "mine\n")
    (project.root / "log").symlink_to(project.root / "kept")

    bench(project, work).exited(0)

    assert project.read("kept") == "mine\n"


def test_a_signal_removes_the_copy(project: Project, work: Path) -> None:
    project.stagefile('command("slow", "touch $MARK; sleep 60", inputs=["a"], outputs=["b"], pass_env=["MARK"])\n')  # fmt: skip
    project.write("a", "1")
    mark = project.base / "mark"
    os.mkfifo(mark)
    project.env["MARK"] = str(mark)
    process = project.start("bench", "--work", str(work))
    mark.read_bytes()  # `touch` opens it: the stage runs

    process.send_signal(signal.SIGTERM)
    result = project.finish(process)

    assert result.exit_code == 143
    assert list(work.iterdir()) == []


def test_no_stage_at_all_is_a_mistake(project: Project, work: Path) -> None:
    project.stagefile("")

    bench(project, work).printed("error: there is no stage to measure\n").exited(2)
