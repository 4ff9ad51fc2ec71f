"""With one file edited the Stagefile is not run, and only what depends on that file is looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from forked_kit import Forks
from printed import normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

STAGES = """\
from stagemake import pool, stage
pool("one", 1)
command("copy", "cp a b", inputs=["a"], outputs=["b"], pool="one", description="copies")
command("again", "cp b c", inputs=["b"], outputs=["c"])
command("other", "cp x y", inputs=["x"], outputs=["y"], params={"level": 3, "names": ("p", "q")})
pipeline("main", ["again", "other", "twice"], default=True)
@stage(inputs=["x"], outputs=["z"])
def twice(context):
    open("z", "w").write(open("x").read() * 2)
"""


@pytest.fixture
def forks(project: Project) -> Iterator[Forks]:
    """Return what runs command lines in a built project."""
    project.stagefile(STAGES).write("a", "1").write("x", "1")
    with Forks(project) as made:
        assert made.run("-j2").status == 0
        yield made


def test_an_edited_input_runs_what_depends_on_it_and_no_stagefile(
    project: Project, forks: Forks
) -> None:
    for text in ("2", "3"):
        project.write("a", text)

        done = forks.run("-j1")

        assert (done.status, done.who) == (0, "what was recalled")
        assert project.normal(done.err) == project.normal(
            "[3/4] ran       copy  0 ms\n[4/4] ran       again  0 ms\n"
            "stagemake: done, 4 stages: 2 ran, 2 unchanged in 0.0 s\n"
        )
        assert project.read("c") == text
        assert forks.run().who == "the entry"


def test_a_dry_run_and_a_question_need_no_stagefile_either(project: Project, forks: Forks) -> None:
    project.write("a", "2")

    dry, question = forks.run("-n"), forks.run("-q")

    assert (dry.who, question.who, question.status) == (
        "what was recalled",
        "what was recalled",
        1,
    )
    assert "copy" in dry.out
    assert not project.has(".stagemake/Stagefile/journal")


def test_outputs_that_are_gone_are_restored_without_a_stagefile(
    project: Project, forks: Forks
) -> None:
    project.remove("b", "c")

    done = forks.run()

    assert (done.status, done.who) == (0, "what was recalled")
    assert (project.read("b"), project.read("c")) == ("1", "1")


def test_a_function_that_has_to_run_needs_the_stagefile(project: Project, forks: Forks) -> None:
    project.write("x", "2")

    done = forks.run()

    assert (done.status, done.who) == (0, "an evaluation")
    assert (project.read("y"), project.read("z")) == ("2", "22")


def test_what_the_stagefile_reads_has_it_run(project: Project, forks: Forks) -> None:
    text = (project.root / "Stagefile").read_text()
    project.write("Stagefile", text.replace("cp b c", "cat b b > c")).write("a", "2")

    done = forks.run()

    assert (done.status, done.who) == (0, "an evaluation")
    assert project.read("c") == "22"


def test_targets_take_their_part(project: Project, forks: Forks) -> None:
    project.write("a", "2")
    project.remove("y")

    done = forks.run("copy")

    assert (done.status, done.who) == (0, "what was recalled")
    assert (project.read("b"), project.read("c"), project.has("y")) == ("2", "1", False)
    done = forks.run()
    assert done.status == 0
    assert (project.read("c"), project.read("y")) == ("2", "1")


@pytest.mark.parametrize("data", [b"", b"nonsense", None], ids=("empty", "foreign", "absent"))
def test_what_was_kept_and_is_damaged_has_the_stagefile_run(
    project: Project, forks: Forks, data: bytes | None
) -> None:
    kept = project.root / ".stagemake/Stagefile/declared"
    if data is None:
        kept.unlink()
    else:
        kept.write_bytes(data)
    project.write("a", "2")

    done = forks.run()

    assert (done.status, done.who, project.read("c")) == (0, "an evaluation", "2")
    project.write("a", "3")
    assert (forks.run().who, project.read("c")) == ("what was recalled", "3")


def test_what_can_not_be_kept_is_evaluated(project: Project) -> None:
    project.stagefile(
        """\
        import enum
        class Level(enum.IntEnum):
            LOW = 1
        command("copy", "cp a b", inputs=["a"], outputs=["b"], params={"level": Level.LOW})
        """
    ).write("a", "1")
    with Forks(project) as forks:
        forks.run()
        project.write("a", "2")

        done = forks.run()

        assert (done.status, done.who, project.read("b")) == (0, "an evaluation", "2")


def test_a_build_in_between_has_the_stagefile_run(project: Project, forks: Forks) -> None:
    project.write("a", "2")

    done = forks.run("-s", then="os.utime('.stagemake/Stagefile/snapshot')")

    assert (done.status, done.who, project.read("c")) == (0, "an evaluation", "2")


def test_each_path_that_nothing_happened_to_is_looked_at_once(
    project: Project, forks: Forks
) -> None:
    project.write("a", "2")
    counted = project.base / "counted"

    done = forks.run("-s", counted=str(counted))

    assert (done.status, done.who) == (0, "what was recalled")
    looks = counted.read_text().splitlines()
    assert [looks.count(path) for path in ("x", "y", "z")] == [1, 1, 1]


def test_a_link_to_what_is_made_anew_is_followed(project: Project) -> None:
    project.stagefile(
        """\
        command("make", "cp a d/made", inputs=["a"], outputs=["d/made"])
        command("read", "cp link out", inputs=["link"], outputs=["out"], after=["make"])
        """
    ).write("a", "1").write("d/kept")
    (project.root / "way").symlink_to("d")
    (project.root / "link").symlink_to("way/made")
    with Forks(project) as forks:
        assert forks.run().status == 0
        assert forks.run().who == "the entry"
        project.write("a", "2")

        done = forks.run()

        assert (done.status, done.who, project.read("out")) == (0, "what was recalled", "2")
        assert forks.run().who == "the entry"


def test_after_a_failed_build_only_what_failed_and_what_needs_it_is_looked_at(
    project: Project,
) -> None:
    project.stagefile(
        "from stagemake import command\n"
        "command('bad', 'grep good a > b', inputs=['a'], outputs=['b'])\n"
        "command('next', 'cp b c', inputs=['b'], outputs=['c'])\n"
        "command('other', 'cp x y', inputs=['x'], outputs=['y'])\n"
    ).write("a", "bad\n").write("x", "1")
    with Forks(project) as forks:
        assert forks.run("-k").status == 1
        assert recalled(project) == ["bad", "next", "1", "bad", "next", "other"]

        again = forks.run()

        assert (again.status, again.who) == (1, "what was recalled")
        assert forks.run("-q").status == 1
        # The latter runs the Stagefile, as a build by the same words would: that is in its time, and by it
        # a slow machine may say what more jobs would save.
        evaluated = forks.run("-n", "--color", "never").out
        assert normal(forks.run("-n").out) == normal(evaluated)
        project.write("a", "good\n")
        done = forks.run("-j1")
        assert (done.status, done.who) == (0, "what was recalled")
        assert project.read("c") == "good\n"
        assert forks.run().who == "the entry"


def test_what_failed_is_not_forgotten_when_something_else_is_built(project: Project) -> None:
    project.stagefile(
        "from stagemake import command\n"
        "command('bad', 'false', inputs=['a'], outputs=['b'])\n"
        "command('other', 'cp x y', inputs=['x'], outputs=['y'])\n"
    ).write("a", "1").write("x", "1")
    with Forks(project) as forks:
        assert forks.run("-k").status == 1
        project.write("x", "2")
        assert forks.run("-k").status == 1
        project.touch("x")

        assert forks.run("-k").who == "what was recalled"

        assert project.read("y") == "2"
        assert forks.run("-q").status == forks.run("-q", "--color", "never").status == 1
        assert forks.run("other").status == 0
        assert forks.run("-k").status == 1


RECALL = """\
from stagemake import door
from stagemake.recalled import recall

_, found = door.look([])
pipeline = recall(found, is_build=True).pipeline()
print(*[stage.name for stage in pipeline.stages], pipeline.left_out, *pipeline.names)
"""


def recalled(project: Project) -> list[str]:
    """Return what a build would know of, how many stages it would leave out, and the names of all."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RECALL], cwd=project.root, env=project.process_environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_a_build_leaves_out_what_it_knows_to_be_fresh(project: Project, forks: Forks) -> None:
    project.write("a", "2")

    assert recalled(project) == ["copy", "again", "2", "copy", "again", "other", "twice"]


def test_of_what_is_fresh_a_build_knows_what_it_waits_for_and_what_may_follow(
    project: Project,
) -> None:
    (project.root / "link").symlink_to("far")
    lines = [
        "from stagemake import command",
        *[f"command('{one}', 'cp {one} {one}.out', inputs=['{one}'], outputs=['{one}.out'])" for one in "abc"],
        "command('both', 'cat {inputs} > {outputs}', inputs=['a.out', 'b.out', 'x'], outputs=['o'])",
        "command('linked', 'cp link {outputs}', inputs=['link'], outputs=['l'])",
    ]  # fmt: skip
    project.stagefile("\n".join(lines) + "\n")
    for name in ("a", "b", "c", "x", "far"):
        project.write(name, name)
    with Forks(project) as forks:
        assert forks.run().status == 0
        project.write("x", "2")

        known = recalled(project)
        done = forks.run("-j1")

    assert known == ["a", "b", "both", "linked", "1", "a", "b", "both", "c", "linked"]
    assert project.normal(done.err) == project.normal(
        "[5/5] ran       both  0 ms\nstagemake: done, 5 stages: 1 ran, 4 unchanged in 0.0 s\n"
    )


def test_an_input_that_is_gone_is_told_of_as_ever(project: Project, forks: Forks) -> None:
    project.remove("a")

    short = forks.run()

    assert (short.status, short.who) == (2, "an evaluation")
    assert short.err == forks.run("--color", "never").err
