"""`stagemake verify`: reruns apart from the project, compares byte by byte, and remembers what it found."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import time
from typing import TYPE_CHECKING

import pytest

from stagemake import StageManager
from stagemake.model.verification import Found
from stagemake.past.repeats import Repeats

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project, Result

# An undeclared file decides what comes out: named absolutely, a rerun finds it too.
HIDDEN = """\
import os
hidden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hidden")
command("roll", f"cat s {hidden} > out/a", inputs=["s"], outputs=["out/a"])
"""


@pytest.fixture
def scratch(project: Project) -> Path:
    """Have reruns take place in a directory of the test's own."""
    place = project.base / "scratch"
    place.mkdir()
    project.env["TMPDIR"] = str(place)
    return place


@pytest.fixture
def dice(project: Project, scratch: Path) -> Project:
    del scratch
    project.stagefile(HIDDEN).write("s", "one\ntwo\n").write("hidden", "three\n")
    project.build().ran("roll")
    return project


def outcomes(result: Result) -> dict[str, str]:
    return {one["name"]: one["outcome"] for one in result.json["stages"]}


def memory(project: Project) -> dict[str, bool]:
    known = Repeats(str(project.root / ".stagemake/Stagefile/repeats")).read()
    return {name: one.is_unsteady for name, one in known.items()}


def body(tree: dict[str, tuple[int, int, bytes]]) -> dict[str, tuple[int, int, bytes]]:
    """Return what must not change: all but directories' times, the lock and what was found."""
    own = ("/.stagemake/lock", "/repeats")
    return {
        path: (mode, 0 if stat.S_ISDIR(mode) else time_ns, data)
        for path, (mode, time_ns, data) in tree.items()
        if not path.endswith(own)
    }


# -- what is compared ----------------------------------------------------------------------------


def test_what_makes_the_same_is_said_to(dice: Project, scratch: Path) -> None:
    dice.build("verify").exited(0).printed(
        """\
        stagemake: 1 stage verified: 1 same
        [1/1] same      roll  <time>
        """
    )

    assert memory(dice) == {"roll": False}
    assert list(scratch.iterdir()) == []


def test_the_first_line_that_differs_is_shown(dice: Project) -> None:
    dice.write("hidden", "3\n")

    dice.build("verify", "-s").exited(1).printed(
        """\
        `roll` differs
          `out/a`: line 3, byte 8
            recorded  three
            rerun     3
        stagemake: 1 stage verified: 1 differ
        """
    )
    assert memory(dice) == {"roll": True}


def test_bytes_are_shown_where_it_is_no_text(dice: Project) -> None:
    dice.write("hidden", b"\0\1\2abc").build("-B").ran("roll")
    dice.write("hidden", b"\0\1\3abcd")

    shown = dice.build("verify", "-s").exited(1).stdout
    assert "`out/a`: byte 10 (0xa), 14 B recorded, 15 B now\n" in shown
    assert re.search(r"recorded  6f 0a 00 01 02 61 62 63 +o\.\.\.\.abc\n", shown)
    assert re.search(r"rerun     6f 0a 00 01 03 61 62 63 64 +o\.\.\.\.abcd\n", shown)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("true", None),
        ("chmod +x o/d/f", "mode"),
        ("rm o/l; ln -s elsewhere o/l", "link"),
        ("rm o/l; echo > o/l", "kind"),
        ("rm o/d/f", "missing"),
        ("mkdir o/more", "extra"),
        ("echo >> o/d/f", "content"),
        ("rmdir o/empty", "missing"),
    ],
)
@pytest.mark.parametrize("place", ["project", "cache"])
@pytest.mark.usefixtures("scratch")
def test_kinds_modes_links_and_directories_count(
    project: Project, change: str, kind: str | None, place: str
) -> None:
    project.stagefile(
        """\
        import os
        hidden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hidden")
        text = f"mkdir -p o/d o/empty; echo 1 > o/d/f; ln -s d/f o/l; . {hidden}"
        command("tree", text, inputs=["s"], outputs=["o/"])
        """
    )
    project.write("s").write("hidden", "true")
    project.build().ran("tree")
    if place == "cache":
        project.build("clean").exited(0)
    project.write("hidden", change)

    found = project.build("verify", "--json").exited(0 if kind is None else 1).json

    assert [one["kind"] for one in found["stages"][0]["differences"]] == [kind] * (kind is not None)


@pytest.mark.usefixtures("scratch")
def test_functions_and_shared_values_are_rerun(project: Project) -> None:
    project.stagefile(
        """\
        import os

        @stage(inputs=["s"], outputs=["out/a"], provides=["n"])
        def give(context):
            assert os.getcwd() == str(context.root)
            context.outputs[0].write_text(open("s").read() * 2)
            context.shared["n"] = open(HIDDEN).read()

        @stage(inputs=["out/a"], uses=["n"], outputs=["out/b"])
        async def use(context):
            context.storage.write("out/b", context.storage.read("out/a") + str(context.shared["n"]).encode())

        HIDDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hidden")
        """
    )
    project.write("s", "x").write("hidden", "1")
    project.build().ran("give", "use")
    project.build("verify", "-s").exited(0)

    result = project.write("hidden", "2").build("verify", "-s")

    result.exited(1).printed(
        """\
        `give` differs
          `value n`: the shared value differs
            recorded  "1"
            rerun     "2"
        stagemake: 2 stages verified: 1 same and 1 differ
        """
    )


@pytest.mark.usefixtures("scratch")
def test_what_a_stage_reads_is_there_as_it_was(project: Project) -> None:
    """Directories, links with what they lead to, discovered inputs, own programs, a working directory."""
    project.stagefile(
        """\
        command("tree", "cat d/x d/in/y link > {outputs}", inputs=["d", "link"], outputs=["out/tree"])
        command("tool", "./bin/tool s > {outputs}", inputs=["s"], outputs=["out/tool"])
        command("below", "cat ../s > {outputs}; pwd | sed 's,.*/,,' > g", inputs=["s"],
                outputs=["sub/f", "sub/g"], cwd="sub")
        command("found", "cat s hidden/h > {outputs}; echo 'x: s hidden/h' > {depfile}",
                inputs=["s"], outputs=["out/found"], depfile="out/found.d")
        command("after", ["cat", "{inputs}"], inputs=["out/tree", "out/tool"])
        command("all", "cat out/tree sub/f > {outputs}", inputs=["out", "sub/f"], outputs=["all"], after=["found"])
        """
    )
    project.write("s", "s\n").write("d/x", "x\n").write("d/in/y", "y\n").write("hidden/h", "h\n")
    project.write("bin/tool", "#!/bin/sh\ncat $1; echo tool\n").write("sub/keep")
    (project.root / "bin/tool").chmod(0o755)
    (project.root / "real").symlink_to("s")
    (project.root / "link").symlink_to("real")
    project.build().exited(0)
    every = dict.fromkeys(("tree", "tool", "below", "found", "after", "all"), "same")

    assert outcomes(project.build("verify", "--json").exited(0)) == every
    project.build("clean").exited(0)
    assert outcomes(project.build("verify", "--json").exited(0)) == every


@pytest.mark.usefixtures("scratch")
def test_the_log_is_counted_apart(project: Project) -> None:
    project.stagefile(
        """\
        import os
        hidden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hidden")
        command("talk", f"cat {hidden}; pwd; cat s > a", inputs=["s"], outputs=["a"])
        """
    )
    project.write("s").write("hidden", "1\n")
    project.build().ran("talk")
    project.build("verify", "--json").exited(0)

    same = project.build("verify", "--json").json["stages"][0]
    project.write("hidden", "2\n")
    result = project.build("verify", "-s")

    assert (same["outcome"], same["log_differs"]) == ("same", False)
    result.exited(0).printed(
        """\
        same outputs, but another log: `talk`
        stagemake: 1 stage verified: 1 same
        """
    )


@pytest.mark.usefixtures("scratch")
def test_a_path_of_the_directory_is_told_apart(project: Project) -> None:
    project.stagefile('command("here", "pwd > a; cat s >> a", inputs=["s"], outputs=["a"])')
    project.write("s")
    project.build().ran("here")

    project.build("verify", "-s").exited(1).printed(
        """\
        `here` differs
          `a`: the same but for the path of the directory it was made in
          hint: it names the directory it ran in; results restored elsewhere name this one
        stagemake: 1 stage verified: 1 differ
        """
    )
    assert memory(project) == {}  # in one place it makes the same: plans may count on it


def test_secrets_are_not_shown(project: Project, scratch: Path) -> None:
    del scratch
    project.stagefile(
        """\
        import os
        hidden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hidden")
        command("sign", f"echo $TOKEN > a; cat {hidden} >> a", inputs=["s"], outputs=["a"], secret_env=["TOKEN"])
        """
    )
    project.env["TOKEN"] = "hunter2"
    project.write("s").write("hidden", "hunter2 1")
    project.build().ran("sign")
    project.write("hidden", "hunter2 2")

    shown = project.build("verify").exited(1)

    assert "hunter2" not in shown.stdout + shown.stderr
    assert "    recorded  *** 1\n    rerun     *** 2\n" in shown.stdout


# -- what is not touched -------------------------------------------------------------------------


@pytest.mark.parametrize("is_there", [True, False])
def test_the_project_its_state_and_the_cache_stay_as_they_are(
    dice: Project, is_there: bool
) -> None:
    if not is_there:
        dice.build("clean").exited(0)
    dice.write("hidden", "3\n")
    before = body(dice.tree())

    dice.build("verify").exited(1)

    assert body(dice.tree()) == before
    dice.build().fresh("roll") if is_there else dice.build().restored("roll")
    assert dice.read("out/a") == "one\ntwo\nthree\n"


@pytest.mark.usefixtures("scratch")
def test_an_output_named_by_an_absolute_path_is_not_rerun(project: Project) -> None:
    project.stagefile(
        """\
        import os
        top = os.path.dirname(os.path.abspath(__file__))
        command("far", f"cat s > {top}/a", inputs=["s"], outputs=["a"])

        @stage(inputs=["s"], outputs=["b"])
        def hard(context):
            with open(os.path.join(top, "b"), "w") as stream:
                stream.write("x")
        """
    )
    project.write("s")
    project.build().ran("far", "hard")

    found = {one["name"]: one for one in project.build("verify", "--json").exited(1).json["stages"]}

    assert found["far"]["outcome"] == "skipped"
    assert found["far"]["reason"].startswith("it names `a` by an absolute path")
    assert found["hard"]["outcome"] == "failed"
    assert "it wrote its outputs in the project itself" in found["hard"]["reason"]


# -- what can't be compared ----------------------------------------------------------------------


@pytest.mark.usefixtures("scratch")
def test_each_that_can_not_be_compared_is_told_with_the_reason(project: Project) -> None:
    project.stagefile(
        """\
        command("now", "true", always=True)
        command("new", "cat s > new", inputs=["s"], outputs=["new"])
        command("ask", "cat s > ask", inputs=["s"], outputs=["ask"], console=True)
        command("good", "cat s > good", inputs=["s"], outputs=["good"], cache=False)
        command("late", "cat new > late", inputs=["new"], outputs=["late"])
        """
    )
    project.write("s")
    project.build("now", "ask", "good").exited(0)

    project.build("verify", "-s").exited(0).printed(
        """\
        not compared: `now`: it runs in every build, and promises nothing
        not compared: `new`, `late`: it has no result that is up to date: build it first
        not compared: `ask`: it has the terminal to itself
        stagemake: 1 stage verified: 1 same and 4 not compared
        """
    )


def test_nothing_to_compare_is_no_success(project: Project) -> None:
    project.stagefile('command("a", "cat s > a", inputs=["s"], outputs=["a"])').write("s")

    project.build("verify").exited(1).printed(
        """\
        not compared: `a`: it has no result that is up to date: build it first
        stagemake: 0 stages verified: 1 not compared
        """
    )


@pytest.mark.usefixtures("scratch")
def test_a_rerun_that_fails_says_so_with_its_log(project: Project) -> None:
    project.stagefile(
        """\
        command("sloppy", "cat s other > a", inputs=["s"], outputs=["a"])
        command("slow", "test -e other || sleep 60; cat s > b", inputs=["s"], outputs=["b"], timeout=2)
        command("lazy", "test -e other && cat s > c || true", inputs=["s"], outputs=["c"])
        """
    )
    project.write("s").write("other")
    project.build().ran("sloppy", "slow", "lazy")

    result = project.build("verify", "-s")

    result.exited(1).printed(
        """\
        `sloppy` could not be compared: exit status 1
            cat: other: No such file or directory
          hint: a rerun has what is declared and nothing else; see `docs/verify.md`
        `slow` could not be compared: it took longer than its timeout of <time>
          hint: a rerun has what is declared and nothing else; see `docs/verify.md`
        `lazy` could not be compared: it did not make its output `c`
          hint: a rerun has what is declared and nothing else; see `docs/verify.md`
        stagemake: 3 stages verified: 3 failed
        """
    )
    assert memory(project) == {}  # it says nothing of whether it repeats itself


# -- what is chosen ------------------------------------------------------------------------------


@pytest.mark.usefixtures("scratch")
def test_a_sample_can_be_repeated_by_its_seed(project: Project) -> None:
    project.stagefile(
        """\
        for n in range(12):
            command(f"s{n}", "cat s > {outputs}", inputs=["s"], outputs=[f"o{n}"])
        """
    )
    project.write("s")
    project.build().exited(0)

    first = project.build("verify", "--sample", "3", "-j2")
    once_more = re.search(r"sample of 12; once more: (--sample 3 --seed \d+)\n", first.stdout)
    assert once_more is not None
    second = project.build("verify", *once_more[1].split(), "--json").json
    more = project.build("verify", "--sample", "99", "--json").json

    names = re.findall(r"same +(\w+)", first.stderr)
    assert sorted(names) == sorted(one["name"] for one in second["stages"])
    assert len(names) == 3
    assert (more["totals"]["same"], more["candidates"]) == (12, 12)


def test_targets_are_verified_without_what_they_need(project: Project, scratch: Path) -> None:
    del scratch
    project.stagefile(
        """\
        command("a.one", "cat s > a", inputs=["s"], outputs=["a"])
        command("a.two", "cat a > b", inputs=["a"], outputs=["b"])
        command("three", "cat b > c", inputs=["b"], outputs=["c"])
        """
    )
    project.write("s")
    project.build().exited(0)

    assert list(outcomes(project.build("verify", "--json", "b"))) == ["a.two"]
    assert list(outcomes(project.build("verify", "--json", "a.*"))) == ["a.one", "a.two"]
    project.build("verify", "nothing").exited(2)
    project.build("verify", "--seed", "1").exited(2)
    project.build("verify", "--scratch-dir", "nowhere").exited(2)


# -- how it goes on ------------------------------------------------------------------------------


def test_what_it_finds_is_known_to_plans_doctor_and_history(dice: Project) -> None:
    dice.stagefile(HIDDEN + 'command("use", "cat out/a > b", inputs=["out/a"], outputs=["b"])')
    dice.build().ran("use")
    dice.write("hidden", "3\n").build("verify", "roll").exited(1)
    (dice.root / "out/a").unlink()

    plan = dice.build("-n", "--json").json
    assert [one["verdict"] for one in plan["stages"]] == ["hit", "maybe"]
    assert (
        "`roll` is not reproducible: `out/a` differed in 1 of 1 check"
        in dice.build("doctor", "--json").stdout
    )
    assert "roll   out/a   1 of 1    just now  verify" in dice.build("history").stdout
    assert "note: not reproducible: a run may give another `out/a`" in dice.build().stderr


def test_three_checks_in_a_row_clear_it(dice: Project) -> None:
    dice.write("hidden", "3\n").build("verify").exited(1)
    dice.write("hidden", "three\n")

    known = []
    for _ in range(3):
        dice.build("verify").exited(0)
        known.append(memory(dice)["roll"])

    assert known == [True, True, False]


def test_what_follows_an_unsteady_hit_is_still_verified(dice: Project) -> None:
    dice.stagefile(HIDDEN + 'command("use", "cat out/a > b", inputs=["out/a"], outputs=["b"])')
    dice.build().ran("use")
    dice.write("hidden", "3\n").build("verify", "roll").exited(1)
    dice.build("clean").exited(0)

    found = outcomes(dice.build("verify", "--json").exited(1))

    assert found == {"roll": "differs", "use": "same"}


def test_trees_are_kept_on_request(dice: Project, scratch: Path) -> None:
    dice.write("hidden", "3\n")

    result = dice.build("verify", "--keep", "--json").exited(1).json

    (kept,) = scratch.iterdir()
    assert result["kept"] == f"<base>/scratch/{kept.name}"
    assert (kept / "0/0/out/a").read_text() == "one\ntwo\n3\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(project: Project, scratch: Path, number: int) -> None:
    project.stagefile(
        """\
        command("one", "cat s > a", inputs=["s"], outputs=["a"])
        command("two", "cat s > b; test -e other || { echo > $FLAG; sleep 60; }", inputs=["s"],
                outputs=["b"], pass_env=["FLAG"])
        command("three", "cat s > c", inputs=["s"], outputs=["c"])
        """
    )
    flag = project.base / "flag"
    project.env["FLAG"] = str(flag)
    project.write("s").write("other")
    project.build().exited(0)

    process = project.start("verify", "-j1", "--json")
    deadline = time.monotonic() + 60
    while not flag.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, number)
    result = project.finish(process)

    result.exited(128 + number)
    assert outcomes(result) == {"one": "same", "two": "cancelled", "three": "cancelled"}
    assert list(scratch.iterdir()) == []
    project.build().printed("stagemake: up to date\n")


def test_it_waits_for_a_build_or_says_that_there_is_one(dice: Project) -> None:
    dice.stagefile(
        HIDDEN + 'command("wait", "echo > $FLAG; sleep 60", always=True, pass_env=["FLAG"])'
    )
    flag = dice.base / "flag"
    dice.env["FLAG"] = str(flag)
    process = dice.start("wait")
    deadline = time.monotonic() + 60
    while not flag.exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    result = dice.build("verify", "--no-wait")
    os.kill(process.pid, signal.SIGTERM)
    dice.finish(process)

    result.exited(75)


def test_the_api_gives_the_same(dice: Project) -> None:
    dice.write("hidden", "3\n")
    manager = StageManager(dice.root, cache_dir=dice.cache)
    manager.load("Stagefile")
    told: list[tuple[str, int, int]] = []

    found = manager.verify(["roll"], on_checked=lambda one, *at: told.append((one.name, *at)))

    assert not found.ok
    assert found.checked[0].found is Found.DIFFERS
    assert found.checked[0].mismatches[0].line == 3
    assert told == [("roll", 1, 1)]


def test_the_object_has_every_key(dice: Project) -> None:
    found = dice.write("hidden", "3\n").build("verify", "--json").json

    key = found["stages"][0].pop("key")
    took = found["stages"][0].pop("wall_s")
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert took > 0
    assert json.loads(json.dumps(found)) == {
        "schema": 1,
        "stagemake": found["stagemake"],
        "ok": False,
        "candidates": 1,
        "seed": None,
        "totals": {"same": 0, "differs": 1, "failed": 0, "skipped": 0, "cancelled": 0},
        "stages": [
            {
                "name": "roll",
                "outcome": "differs",
                "reason": None,
                "differences": [
                    {
                        "output": "out/a",
                        "kind": "content",
                        "how": "line 3, byte 8",
                        "offset": 8,
                        "line": 3,
                        "old": "three",
                        "new": "3",
                    }
                ],
                "difference_count": 1,
                "log_differs": False,
            }
        ],
        "kept": None,
    }
