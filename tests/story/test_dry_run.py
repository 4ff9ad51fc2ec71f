"""A dry run says what a build would do, and changes no byte anywhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import stagemake

if TYPE_CHECKING:
    from project import Project

CHAIN = """\
command("one", "tr a-z A-Z < a > b", inputs=["a"], outputs=["b"], description="shout")
command("two", "cp b c", inputs=["b"], outputs=["c"])
command("three", "cp z y", inputs=["z"], outputs=["y"])
"""


@pytest.fixture
def chain(project: Project) -> Project:
    """Return a project of three stages, two of them in a row, with its inputs; not built."""
    return project.stagefile(CHAIN).write("a", "1").write("z", "2")


def test_a_first_dry_run_counts_what_it_can_not_estimate(chain: Project) -> None:
    with chain.unchanged():
        chain.build("-n", "-j2").printed(
            """\
            miss   one           ?  never built
            miss   three         ?  never built
            miss   two           ?  never built

            miss        3  run
            time   unknown: none of these has run here
            disk   an unknown amount to write, 0 B to restore
                   <size> free
            """
        ).exited(0)


def test_an_unknown_amount_is_null_and_no_amount_is_none(chain: Project) -> None:
    never = chain.build("-n", "--json").json["forecast"]
    uncached = chain.build("-n", "--json", "--cache", "off").json["forecast"]
    chain.stagefile('command("check", "test -e a", inputs=["a"])\n')

    check = chain.build("-n", "--json").json["forecast"]

    assert (never["write_bytes"], never["unsized"]) == (None, 3)
    assert never["new_bytes"] is never["cache_bytes_after"] is None
    assert [one["enough"] for one in never["file_systems"]] == [None]
    assert (uncached["write_bytes"], uncached["new_bytes"]) == (None, 0)
    assert (check["write_bytes"], check["unsized"], check["new_bytes"]) == (0, 0, None)
    chain.build("-n").exited(0)
    assert "0 B to write, 0 B to restore" in chain.build("-n").stdout


def test_a_dry_run_of_a_built_project_is_one_line(chain: Project) -> None:
    chain.build().ran("one", "two", "three")

    with chain.unchanged():
        chain.build("-n").printed("stagemake: up to date\n").exited(0)
        chain.build("-n", "-v").printed(
            """\
            fresh  one              unchanged
            fresh  three            unchanged
            fresh  two              unchanged

            fresh       3  nothing to do
            """
        )


def test_every_verdict_has_its_reason(chain: Project) -> None:
    chain.build().ran("one", "two", "three")
    chain.write("a", "2").remove("y")

    with chain.unchanged():
        chain.build("-n", "-j2").printed(
            """\
            miss   one  ~<time>  input changed: a
            hit    three       1 B  output missing: y
            maybe  two  ~<time>  upstream runs: b

            hit         1  restored from the cache
            miss        1  run
            maybe       1  run only if what they wait for changes
            runs   1 for certain, 2 at most
            time   ~<time> with 2 jobs
                   longest chain ~<time>: one > two
            disk   2 B to write, 1 B to restore; the cache grows by <size>
                   enough: <size> free
            """
        )
    chain.build().ran("one", "two").restored("three")


def test_a_real_process_changes_nothing_either(chain: Project) -> None:
    chain.write("helper.py", "x = 1\n")
    chain.stagefile("import helper\n" + CHAIN).build().ran("one", "two", "three")
    chain.write("a", "2")

    with chain.unchanged():
        chain.run("-n").exited(0)
        chain.run("-n", "--json").exited(0)
        chain.run("-q").printed("").exited(1)


def test_a_dry_run_that_can_not_write_works(chain: Project) -> None:
    chain.build().ran("one", "two", "three")
    chain.write("a", "2")
    before = chain.build("-n", "-j2")
    for path in sorted(chain.base.rglob("*"), reverse=True):
        path.chmod(path.stat().st_mode & ~0o222)

    after = chain.build("-n", "-j2")

    for path in (chain.base, *chain.base.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    assert before == after


def test_the_question_is_answered_by_the_status(chain: Project) -> None:
    with chain.unchanged():
        chain.build("-q").printed("").exited(1)
    chain.build().exited(0)

    with chain.unchanged():
        chain.build("-q").printed("").exited(0)
        chain.build("-q", "-B").printed("").exited(1)


def test_a_plan_for_a_target_holds_only_what_it_takes(chain: Project) -> None:
    chain.build("-n", "-j2", "y").printed(
        """\
        miss   three         ?  never built

        miss        1  run
        time   unknown: none of these has run here
        disk   an unknown amount to write, 0 B to restore
               <size> free
        """
    )


# --- Conflicts. ------------------------------------------------------------------------------------


def test_what_to_look_at_first_is_said(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "cp a b", inputs=["a"], outputs=["b"])
        command("two", ["no-such-program"], outputs=["c"])
        command("three", "cp a B", inputs=["a"], outputs=["B"])
        command("four", "cp far d", inputs=["far"], outputs=["d"])
        """
    )
    project.write("a", "1").write("b", "mine")

    with project.unchanged():
        project.build("-n", "-j2").printed(
            """\
            miss   four          ?  input missing: far
            miss   one           ?  never built
            miss   three         ?  never built
            miss   two           ?  never built

            miss        4  run
            time   unknown: none of these has run here
            disk   an unknown amount to write, 0 B to restore
                   <size> free

            look at this first:
              `far`: an input is neither there nor made by a stage (four)
                  nothing is built; with `-k` all but what needs it
              `no-such-program`: a program that a stage starts is not on this machine (two)
                  install it, or name another
              `b`: a file that stagemake did not make would be replaced (one)
                  it would be kept under .stagemake/kept/
              `B`: outputs differ only in case (one, three)
                  `b` and this are one file where case does not count
            """
        )


def test_a_hand_edited_output_is_foreseen(chain: Project) -> None:
    chain.build().ran("one", "two", "three")
    chain.write("c", "edited")

    stdout = chain.build("-n").stdout

    assert "hit    two       1 B  output modified by hand: c\n" in stdout
    assert (
        "  `c`: an output was changed by hand and would be replaced (two)\n"
        "      it would be kept under .stagemake/kept/\n"
    ) in stdout


# --- JSON. -----------------------------------------------------------------------------------------

NUMBERS = {"new_bytes", "wall_s", "work_s", "p50", "p90", "cpu_s", "critical_path_s", "free_bytes"}


def normal(value: Any, name: str = "") -> Any:
    """Return JSON with measured numbers and keys replaced by words."""
    if isinstance(value, dict):
        return {key: normal(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if name in NUMBERS and isinstance(value, int | float):
        return "<number>"
    if name == "key" and isinstance(value, str) and len(value) == 32:
        return "<key>"
    return value


INTERVAL = {"p50": "<number>", "p90": "<number>"}
ONE_RUN = {
    "duration_s": INTERVAL, "output_bytes": 1, "samples": 1, "source": "history", "kind": None,
}  # fmt: skip


def test_a_plan_as_json_has_every_documented_key(chain: Project) -> None:
    chain.build().ran("one", "two", "three")
    chain.write("a", "2").remove("y")

    with chain.unchanged():
        result = chain.build("-n", "--json", "-j2", "two", "y")

    assert normal(result.json) == {
        "schema": 1,
        "stagemake": stagemake.__version__,
        "root": ".",
        "jobs": 2,
        "targets": ["two", "y"],
        "stages": [
            {
                "name": "one",
                "verdict": "miss",
                "reason": "input_changed",
                "subject": "a",
                "key": "<key>",
                "description": "shout",
                "estimate": ONE_RUN,
                "changes_output_p": None,
                "chance": None,
            },
            {
                "name": "two",
                "verdict": "maybe",
                "reason": "upstream_runs",
                "subject": "b",
                "key": None,
                "description": "",
                "estimate": ONE_RUN,
                "changes_output_p": None,
                "chance": {"runs_p": 0.75, "decider": "one", "changed": 0, "runs": 0},
            },
            {
                "name": "three",
                "verdict": "hit",
                "reason": "output_missing",
                "subject": "y",
                "key": "<key>",
                "description": "",
                "estimate": ONE_RUN,
                "changes_output_p": None,
                "chance": None,
            },
        ],
        "totals": {"fresh": 0, "hit": 1, "miss": 1, "maybe": 1},
        "forecast": {
            "wall_s": INTERVAL,
            "work_s": "<number>",
            "critical_path": ["one", "two"],
            "critical_path_s": "<number>",
            "new_bytes": "<number>",
            "restore_bytes": 1,
            "cache_bytes_after": result.json["forecast"]["cache_bytes_after"],
            "free_bytes": "<number>",
            "unestimated": 0,
            "estimated_by_kind": 0,
            "runs": {"least": 1, "most": 2},
            "write_bytes": 2,
            "write_p90_bytes": 2,
            "unsized": 0,
            "evicted": {"records": 0, "bytes": 0},
            "other_jobs": normal(result.json["forecast"]["other_jobs"]),  # as far as more help
            "file_systems": [
                {
                    "places": ["project", "state", "cache"],
                    "free_bytes": "<number>",
                    "needed_bytes": result.json["forecast"]["file_systems"][0]["needed_bytes"],
                    "enough": True,
                }
            ],
        },
        "conflicts": [],
        "orphans": [],
        "assumed": [],
        "selection": None,
    }
    assert {each["jobs"] for each in result.json["forecast"]["other_jobs"]} >= {1, 2}
    assert result.stderr == ""


def test_unknown_numbers_are_null_and_no_key_is_left_out(chain: Project) -> None:
    result = chain.build("-n", "--json", "one")

    assert normal(result.json["stages"]) == [
        {
            "name": "one",
            "verdict": "miss",
            "reason": "never_built",
            "subject": "",
            "key": "<key>",
            "description": "shout",
            "estimate": {
                "duration_s": None,
                "output_bytes": None,
                "samples": 0,
                "source": "none",
                "kind": None,
            },
            "changes_output_p": None,
            "chance": None,
        }
    ]
    assert result.json["forecast"]["unestimated"] == 1


def test_conflicts_as_json_have_codes(chain: Project) -> None:
    chain.write("b", "mine")

    result = chain.build("-n", "--json", "one")

    assert result.json["conflicts"] == [
        {
            "kind": "foreign_file",
            "path": "b",
            "stages": ["one"],
            "hint": "it would be kept under .stagemake/kept/",
        }
    ]


def test_a_build_as_json_says_how_every_stage_ended_and_what_was_foreseen(chain: Project) -> None:
    chain.build().ran("one", "two", "three")
    chain.write("a", "2").remove("y")
    forecast = chain.build("-n", "--json", "-j2").json["forecast"]

    result = chain.build("--json", "-j2")

    assert normal(result.json) == {
        "schema": 1,
        "ok": True,
        "wall_s": "<number>",
        "outcomes": {
            "fresh": 0, "restored": 1, "cut_off": 0, "ran": 2, "failed": 0, "blocked": 0,
            "cancelled": 0,
        },
        "stages": [
            {
                "name": "one", "outcome": "ran", "reason": "input_changed", "subject": "a",
                "key": "<key>", "wall_s": "<number>", "cpu_s": "<number>", "exit_code": 0,
                "output_bytes": 1, "diverged": None, "log": None,
            },
            {
                "name": "three", "outcome": "restored", "reason": "output_missing", "subject": "y",
                "key": "<key>", "wall_s": "<number>", "cpu_s": None, "exit_code": None,
                "output_bytes": 1, "diverged": None, "log": None,
            },
            {
                "name": "two", "outcome": "ran", "reason": "input_changed", "subject": "b",
                "key": "<key>", "wall_s": "<number>", "cpu_s": "<number>", "exit_code": 0,
                "output_bytes": 1, "diverged": None, "log": None,
            },
        ],
        "forecast": normal(forecast),
        "cache": {"hits": 1, "misses": 2, "bytes_read": 1, "bytes_written": 2},
        "selection": None,
    }  # fmt: skip


def test_a_failed_build_as_json_is_not_ok_and_tells_people_on_stderr(project: Project) -> None:
    project.stagefile(
        """\
        command("bad", "exit 3", outputs=["x"])
        command("next", "cp x y", inputs=["x"], outputs=["y"])
        """
    )

    result = project.build("--json")

    assert result.exit_code == 1
    assert result.json["ok"] is False
    assert [(one["name"], one["outcome"], one["exit_code"]) for one in result.json["stages"]] == [
        ("bad", "failed", 3),
        ("next", "blocked", None),
    ]
    assert "failed: bad: exit status 3\n" in result.stderr


def test_undecodable_names_survive_json(project: Project) -> None:
    name = os.fsdecode(b"\xff")
    project.stagefile('command("copy", "cp {inputs} b", inputs=glob("src/*"), outputs=["b"])\n')
    project.write("src/x")
    (project.root / "src" / name).touch()
    (project.root / "src/x").unlink()

    result = project.build("--json").failed()

    assert json.loads(result.stdout)["ok"] is True
    result = project.build("list", "--json")
    assert result.json["stages"][0]["inputs"] == [f"src/{name}"]


def test_what_is_not_looked_at_is_null_and_the_cache_is_as_large_as_its_stats_say(
    chain: Project,
) -> None:
    chain.build().exited(0)

    for arguments in (("-n", "--json"), ("--json",)):
        said = chain.build(*arguments).json["forecast"]

        assert said["free_bytes"] is None
        assert said["cache_bytes_after"] == chain.build("cache", "stats", "--json").json["bytes"]
