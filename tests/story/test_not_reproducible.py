"""One key, two digests: it is said, remembered, and no plan counts on it any more."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stagemake.past.repeats import Repeats

if TYPE_CHECKING:
    from project import Project

# What `roll` makes hangs on a file that it does not declare: so a test decides what comes out.
DICE = """\
command("roll", "cat s hidden > a", inputs=["s"], outputs=["a"])
command("use", "cat a > b", inputs=["a"], outputs=["b"])
"""
SAID = """\
[1/2] ran       roll  <time>
[2/2] ran       use  <time>
stagemake: `roll` is not reproducible: same inputs, another `a`
  3 B, before; 4 B, now
  see where: stagemake verify roll
stagemake: done, 2 stages: 2 ran in <time>
"""


@pytest.fixture
def dice(project: Project) -> Project:
    project.stagefile(DICE).write("s", "s").write("hidden", "1\n")
    project.build().ran("roll", "use")
    return project


def memory(project: Project) -> Repeats:
    return Repeats(str(project.root / ".stagemake/Stagefile/repeats"))


def test_another_result_from_the_same_inputs_is_said_once_at_the_end(dice: Project) -> None:
    dice.write("hidden", "22\n")

    dice.build("-B").printed(SAID)


def test_the_same_result_again_says_nothing(dice: Project) -> None:
    dice.build("-B").printed(
        """\
        [1/2] ran       roll  <time>
        [2/2] ran       use  <time>
        stagemake: done, 2 stages: 2 ran in <time>
        """
    )
    assert memory(dice).read() == {}


def test_other_inputs_may_make_other_outputs(dice: Project) -> None:
    dice.write("s", "t").write("hidden", "22\n")

    assert "not reproducible" not in dice.build().ran("roll", "use").stderr


def test_it_is_compared_with_the_cache_where_the_project_has_forgotten(dice: Project) -> None:
    clone = dice.clone().remove("a", "b")
    clone.write("hidden", "22\n")

    clone.build("-B").printed(SAID)


@pytest.mark.parametrize("cache", ["off", "read", "write", "on"])
def test_it_is_seen_whatever_may_be_done_with_the_cache(dice: Project, cache: str) -> None:
    dice.write("hidden", "22\n").remove("a")

    result = dice.build("-B", "--cache", cache)

    assert "`roll` is not reproducible" in result.stderr


def test_json_of_the_build_names_what_differed(dice: Project) -> None:
    dice.write("hidden", "22\n")

    built = dice.build("-B", "--json").json

    assert [(one["name"], one["diverged"]) for one in built["stages"]] == [
        ("roll", {"output": "a", "how": "3 B, before; 4 B, now"}),
        ("use", None),
    ]


def test_stages_that_run_in_every_build_promise_nothing(project: Project) -> None:
    project.stagefile('command("now", "cat hidden > a", outputs=["a"], always=True)')
    project.write("hidden", "1")
    project.build().ran("now")

    result = project.write("hidden", "2").build()

    assert "not reproducible" not in result.ran("now").stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("chmod +x o/f", "a file, before; an executable file, now"),
        ("rm o/f; ln -s x o/f", "a file, before; a link, now"),
        ("rm o/f; mkdir o/f", "a file, before; a directory, now"),
        ("rm o/f", "only the earlier run made it"),
        ("echo >> o/f", "2 B, before; 3 B, now"),
    ],
)
def test_modes_links_and_kinds_in_directories_count(
    project: Project, change: str, said: str
) -> None:
    project.stagefile(
        'command("tree", "mkdir -p o; echo 1 > o/f; . ./hidden", inputs=["s"], outputs=["o/"])'
    )
    project.write("s").write("hidden", "true")
    project.build().ran("tree")

    result = project.write("hidden", change).build("-B")

    assert f"same inputs, another `o/f`\n  {said}\n" in result.stderr


def test_shared_values_count(project: Project) -> None:
    project.stagefile(
        """\
        @stage(inputs=["s"], provides=["n"])
        def give(context):
            context.shared["n"] = len((context.root / "hidden").read_text())
        """
    )
    project.write("s").write("hidden", "1")
    project.build().ran("give")

    result = project.write("hidden", "22").build("-B")

    assert "same inputs, another `value n`\n  1, before; 2, now\n" in result.stderr


def test_secrets_are_not_shown(project: Project) -> None:
    project.stagefile(
        """\
        @stage(inputs=["s"], provides=["n"], secret_env=["TOKEN"])
        def give(context):
            context.shared["n"] = context.env["TOKEN"] + (context.root / "hidden").read_text()
        """
    )
    project.env["TOKEN"] = "hunter2"
    project.write("s").write("hidden", "1")
    project.build().ran("give")

    result = project.write("hidden", "22").build("-B")

    assert '"***1", before; "***22", now' in result.stderr
    assert b"hunter2" not in (project.root / ".stagemake/Stagefile/repeats").read_bytes()


# -- remembered ----------------------------------------------------------------------------------


def test_it_survives_a_kill_right_after(project: Project) -> None:
    project.stagefile(DICE + 'command("wait", "cat a; sleep 60", inputs=["a"], cache=False)')
    project.write("s", "s").write("hidden", "1\n")
    project.build("use").ran("roll", "use")
    project.write("hidden", "22\n")

    process = project.start("-B", "-j1", "wait")
    deadline = time.monotonic() + 30
    while not memory(project).read() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    project.finish(process)

    assert memory(project).read()["roll"].is_unsteady


def test_a_damaged_or_missing_memory_costs_what_was_in_it_only(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")
    path = dice.root / ".stagemake/Stagefile/repeats"
    for data in (
        b"",
        b"{}",
        b'{"format": 1, "stages": [1, {"stage": 2}]}',
        b"[" * 100_000,
        b"\xff",
    ):
        path.write_bytes(data)

        dice.build("doctor").exited(0)
        dice.write("s", str(len(data)))
        dice.build().ran("roll", "use")
        assert memory(dice).read() == {}
    path.unlink()
    dice.build("-n").exited(0)


def test_another_command_is_another_matter(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")
    assert "not_reproducible" in dice.build("doctor", "--json").stdout

    dice.stagefile(DICE.replace("cat s hidden > a", "cat s > a"))

    assert "not_reproducible" not in dice.build("doctor", "--json").stdout


# -- plans ---------------------------------------------------------------------------------------


def test_a_plan_does_not_foresee_what_a_hit_of_such_a_stage_brings(dice: Project) -> None:
    dice.remove("a")
    before = dice.build("-n", "--json").json
    dice.build().restored("roll")
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")
    dice.remove("a")

    after = dice.build("-n", "--json").json

    assert [one["verdict"] for one in before["stages"]] == ["hit", "fresh"]
    assert [one["verdict"] for one in after["stages"]] == ["hit", "maybe"]
    assert after["stages"][1]["chance"]["decider"] == "roll"
    assert (after["stages"][1]["reason"], after["stages"][1]["subject"]) == ("not_foreseen", "a")
    dice.build().restored("roll")
    dice.build().printed("stagemake: up to date\n")


def test_a_clone_knows_from_the_cache(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")
    clone = dice.clone().remove("a", "b")

    plan = clone.build("-n", "--json").json
    built = clone.build()

    assert [one["verdict"] for one in plan["stages"]] == ["hit", "maybe"]
    built.restored("roll", "use").printed(
        """\
        [1/2] restored  roll
          note: not reproducible: another run from the same inputs gave something else
        [2/2] restored  use
        stagemake: done, 2 stages: 2 restored in <time>
        """
    )


def test_restoring_it_under_another_key_warns_too(dice: Project) -> None:
    dice.write("s", "t").build().ran("roll", "use")
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")

    result = dice.write("s", "s").build()

    assert (
        "  note: not reproducible: a run may give another `a`\n"
        in result.restored("roll", "use").stderr
    )


def damage_contents(project: Project) -> None:
    """Change what value files of the cache hold, and leave their sizes."""
    for path in project.cache.rglob("*.val"):
        path.write_bytes(b"z" * path.stat().st_size)


def test_what_was_fresh_only_by_a_hit_that_turns_out_damaged_is_judged_again(
    project: Project,
) -> None:
    """The plan took for granted what the hit would bring; the stage runs in its place, and makes something else."""
    project.stagefile(
        """\
        command("roll", "cat s hidden > a", inputs=["s"], outputs=["a"])
        command("copy", "cat s > a2", inputs=["s"], outputs=["a2"])
        command("use", "wc -c < a > b", inputs=["a", "a2"], outputs=["b"])
        command("same", "head -c 1 a > c", inputs=["a"], outputs=["c"])
        command("last", "cat b c > d", inputs=["b", "c"], outputs=["d"])
        command("beside", "cat s > e", inputs=["s"], outputs=["e"])
        """
    )
    project.write("s", "s").write("hidden", "1" * 40_000)
    project.build().exited(0)
    project.write("hidden", "2" * 50_000).remove("a", "a2")
    damage_contents(project)
    plan = project.build("-n", "--json").json

    result = project.build("-j1")

    verdicts = {one["name"]: one["verdict"] for one in plan["stages"]}
    fresh = dict.fromkeys(("use", "same", "last", "beside"), "fresh")
    assert verdicts == {"roll": "hit", "copy": "hit", **fresh}
    result.ran("roll", "use", "same", "last").restored("copy")
    assert project.read("d") == "50001\ns"
    assert result.stderr.endswith(
        "stagemake: done, 6 stages: 4 ran, 1 restored, 1 unchanged in <time>\n"
    )
    project.build().printed("stagemake: up to date\n")


def test_a_damaged_hit_that_makes_the_same_runs_nothing_else(project: Project) -> None:
    project.stagefile(DICE).write("s", "s").write("hidden", "1" * 40_000)
    project.build().ran("roll", "use")
    project.remove("a")
    damage_contents(project)

    project.build().ran("roll").fresh("use")


# -- told ----------------------------------------------------------------------------------------


def test_doctor_lists_it(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")

    findings = dice.build("doctor", "--json").exited(0).json["findings"]

    assert [one for one in findings if one["code"] == "not_reproducible"] == [
        {
            "section": "project",
            "code": "not_reproducible",
            "level": "note",
            "text": "`roll` is not reproducible: `a` differed in 1 of 1 check (3 B, before; 4 B, now)",
            "hint": "what reads it can't be foreseen; see where: `stagemake verify roll`",
        }
    ]


def test_why_mentions_it_where_it_explains_a_rebuild(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B", "roll").ran("roll")

    result = dice.build("why", "use", "--json").json["stages"][0]

    assert (result["reason"], result["subject"]) == ("input_changed", "a")
    assert result["notes"] == [
        "`roll`, which it reads from, is not reproducible: `a`: 3 B, before; 4 B, now"
    ]
    assert (
        "note: it is not reproducible: `a`: 3 B, before; 4 B, now"
        in dice.build("why", "roll").stdout
    )


def test_why_of_the_last_build_tells_of_the_stage_that_did_not_repeat(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B", "roll").ran("roll")

    dice.build("why").printed(
        """\
        build 2, just now: done

        `roll` ran
          because: forced
          not reproducible: same inputs, another `a` (3 B, before; 4 B, now)

        by now 1 stage would run: stagemake -n
        """
    )
    (stage,) = dice.build("why", "--json").json["stages"]
    assert stage["diverged"] == {"output": "a", "how": "3 B, before; 4 B, now"}


def test_history_tells_of_the_build_and_of_the_stage(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")

    one = dice.build("history", "last").stdout
    every = dice.build("history").stdout
    data = dice.build("history", "--json").json

    assert one.endswith(
        "not reproducible: `roll`: same inputs, another `a` (3 B, before; 4 B, now)\n"
    )
    assert (
        "\nnot reproducible: they made something else from the same inputs\n"
        "stage  output  differed  last      found by\n"
        "roll   a       1 of 1    just now  build\n"
    ) in every
    assert [(each["name"], each["reproducible"]) for each in data["repeats"]] == [("roll", False)]


def test_the_record_in_the_cache_is_marked(dice: Project) -> None:
    dice.write("hidden", "22\n").build("-B").ran("roll", "use")
    dice.build("-B").ran("roll", "use")  # the same as before: it stays marked

    with closing(sqlite3.connect(Path(dice.cache) / "cache.db")) as connection, connection:
        rows = connection.execute("select value from Cache where key like 'act:%'").fetchall()

    records = [bytes(row[0]) for row in rows if isinstance(row[0], bytes)]
    marked = [one for one in records if b'"disputed":true' in one]
    assert len(marked) == 1
    assert json.dumps("roll").encode() in marked[0]
