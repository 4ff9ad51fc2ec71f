"""What a hostile review found: each of these once built the wrong thing, lost something or told an untruth."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from stagemake import durable

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from project import Project, Result

# A stage that begins, says so, and then waits until it may go on.
BEGIN_AND_WAIT = (
    "echo half > {outputs}; echo > ready; test -e go || sleep 1000; echo full > {outputs}"
)


def wait_for(path: Path) -> None:
    """Return once a file is there; the test fails when it never comes."""
    deadline_s = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline_s, f"{path} never came"
        time.sleep(0.005)  # polls for an event; no time is assumed


def start_and_signal(project: Project, number: int) -> Result:
    """Start a build, send it a signal once its stage is at work, and wait for its end."""
    build = project.start("-j1")
    wait_for(project.root / "ready")
    os.kill(build.pid, number)
    return project.finish(build)


def forget_all(project: Project, *outputs: str) -> None:
    """Remove stagemake's memory and the outputs; the cache stays."""
    shutil.rmtree(project.root / ".stagemake")
    for path in outputs:
        full = project.root / path
        shutil.rmtree(full) if full.is_dir() else full.unlink()


def foreseen_and_done(project: Project) -> tuple[dict[str, str], dict[str, str]]:
    """Return the verdicts of a dry run and the outcomes of the build after it, by stage."""
    plan = project.build("-n", "--json").json["stages"]
    done = project.build("--json").json["stages"]
    return (
        {stage["name"]: stage["verdict"] for stage in plan},
        {stage["name"]: stage["outcome"] for stage in done},
    )


# --- What is edited between the plan and the start of a stage. -------------------------------------
# An `always` stage stands for the user, who edits something while earlier stages run.


def test_a_header_edited_during_the_build_is_not_recorded_as_it_was(project: Project) -> None:
    project.stagefile(
        """\
        command("user", "test ! -e edit || cp edit d.h", always=True)
        command("cc", "echo m: d.h > m.d; cat main d.h > m", inputs=["main"], outputs=["m"],
                depfile="m.d", after=["user"])
        """
    )
    project.write("main", "1").write("d.h", "A").build("-j1")
    project.write("main", "2").write("edit", "B").build("-j1")
    assert project.read("m") == "2B"

    project.remove("edit").write("d.h", "A").build("-j1")

    assert project.read("m") == "2A"


def test_a_program_edited_during_the_build_is_not_recorded_as_it_was(project: Project) -> None:
    project.stagefile(
        """\
        command("user", "test ! -e edit || cat edit > gen.sh", always=True)
        command("m", "cat main > m; ./gen.sh >> m", inputs=["main"], outputs=["m"], after=["user"])
        """
    )
    project.write("main", "1").write("gen.sh", "#!/bin/sh\necho A\n")
    (project.root / "gen.sh").chmod(0o755)
    project.build("-j1")
    project.write("main", "2").write("edit", "#!/bin/sh\necho B\n").build("-j1")
    assert project.read("m") == "2B\n"

    project.remove("edit").write("gen.sh", "#!/bin/sh\necho A\n").build("-j1")

    assert project.read("m") == "2A\n"


def test_a_module_edited_before_its_late_import_counts_as_it_was_identified(
    project: Project,
) -> None:
    project.stagefile(
        """\
        command("user", "test ! -e edit || cp edit helper.py", always=True)
        @stage(inputs=["main"], outputs=["m"], after=["user"])
        def m(context):
            import helper
            context.outputs[0].write_text(context.inputs[0].read_text() + helper.X)
        """
    )
    project.write("main", "1").write("helper.py", "X = 'A'\n").build("-j1")
    project.write("main", "2").write("edit", "X = 'B'\n").build("-j1")
    assert project.read("m") == "2A"
    project.build("-j1")
    assert project.read("m") == "2B"

    project.remove("edit").write("helper.py", "X = 'A'\n").build("-j1")

    assert project.read("m") == "2A"


def test_a_module_edited_during_the_first_build_counts_as_it_was_identified(
    project: Project,
) -> None:
    project.stagefile(
        """\
        command("user", "cp edit pkg/helper.py; cp edit pkg/__init__.py", always=True)
        @stage(outputs=["m"], after=["user"])
        def m(context):
            from pkg import helper
            import pkg
            context.outputs[0].write_text(pkg.X + helper.X)
        """
    )
    project.write("pkg/helper.py", "X = 'A'\n").write("pkg/__init__.py", "X = 'A'\n")

    project.write("edit", "X = 'B'\n").build("-j1").ran("user", "m")

    assert project.read("m") == "AA"
    project.build("-j1").ran("user", "m")
    assert project.read("m") == "BB"


# --- Order, and what is only known once something upstream has run. --------------------------------

GROUPED = """\
command("gen", "test ! -e broken && cp src gen.h", inputs=["src"], outputs=["gen.h"])
command("headers", "echo > {outputs}", outputs=["stamp"], after=["gen"])
command("cc", "echo m: gen.h > m.d; cat main gen.h > m", inputs=["main"], outputs=["m"],
        depfile="m.d", after=["headers"])
"""


@pytest.mark.parametrize("main", ["1", "2"])
def test_order_holds_through_a_fresh_stage(project: Project, main: str) -> None:
    project.stagefile(GROUPED).write("src", "A").write("main", "1").build("-j2").exited(0)

    project.write("src", "B").write("main", main).build("-j2").ran("gen", "cc").fresh("headers")

    assert project.read("m") == main + "B"


def test_a_failure_also_blocks_what_waits_behind_a_fresh_stage(project: Project) -> None:
    project.stagefile(GROUPED).write("src", "A").write("main", "1").build()

    project.write("src", "B").write("main", "2").write("broken")

    project.build("-k").failed("gen").blocked("cc")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("true && ./bin/tool > {outputs}", ""),
        ("$PWD/bin/tool > {outputs}", ', tools=["./bin/tool"]'),
    ],
)
def test_a_program_that_an_earlier_stage_makes_anew_counts_anew(
    project: Project, text: str, words: str
) -> None:
    project.stagefile(
        f"""\
        command("tool", "cp tool.src {{outputs}}; chmod +x {{outputs}}", inputs=["tool.src"],
                outputs=["bin/tool"])
        command("use", {text!r}, outputs=["o"], after=["tool"]{words})
        """
    )
    project.write("tool.src", "#!/bin/sh\necho A\n").build()

    project.write("tool.src", "#!/bin/sh\necho B\n").build().ran("tool", "use")

    assert project.read("o") == "B\n"


def test_a_program_that_comes_back_is_foreseen(project: Project) -> None:
    project.stagefile(
        """\
        command("tool", "cp tool.src {outputs}; chmod +x {outputs}", inputs=["tool.src"],
                outputs=["bin/tool"])
        command("use", ["./bin/tool", "{outputs}"], outputs=["o"])
        """
    )
    project.write("tool.src", "#!/bin/sh\necho A > $1\n").build()
    forget_all(project, "bin", "o")

    verdicts, outcomes = foreseen_and_done(project)

    assert verdicts == {"tool": "hit", "use": "hit"}
    assert outcomes == {"tool": "restored", "use": "restored"}


def test_a_program_that_its_own_stage_makes_is_no_input(project: Project) -> None:
    project.stagefile(
        """\
        command("t", "cp a prog; chmod +x prog; ./prog > out", inputs=["a"], outputs=["prog", "out"])
        """
    )
    project.write("a", "#!/bin/sh\necho hi\n").build().ran("t")

    project.build().fresh("t")

    forget_all(project, "prog", "out")
    project.build().restored("t")
    project.build().fresh("t")


def test_a_link_to_what_is_made_anew_is_not_believed(project: Project) -> None:
    project.stagefile(
        """\
        command("real", "cp {inputs} {outputs}", inputs=["src"], outputs=["build/real"])
        command("link", "ln -s real {outputs}", outputs=["build/link"], after=["real"])
        command("use", "cat {inputs} > {outputs}", inputs=["build/link"], outputs=["o"])
        """
    )
    project.write("src", "1").build()

    project.write("src", "2").build().ran("real", "use").fresh("link")

    assert project.read("o") == "2"


def test_a_path_through_a_link_in_a_directory_that_comes_back_is_no_miss(project: Project) -> None:
    project.stagefile(
        """\
        command("d", "mkdir -p o/real; echo 1 > o/real/f; ln -s real o/link", outputs=["o/"])
        command("u", "cat {inputs} > {outputs}", inputs=["o/link/f"], outputs=["u"])
        """
    )
    project.build()
    forget_all(project, "o", "u")

    verdicts, outcomes = foreseen_and_done(project)

    assert verdicts == {"d": "hit", "u": "maybe"}
    assert outcomes == {"d": "restored", "u": "restored"}


# --- Files that stagemake made once and that are the user's by now. --------------------------------

WITH_EMPTY = 'command("empty", ": > {outputs}", outputs=["pkg/__init__.py"])\n'
OTHER = 'command("other", "echo > {outputs}", outputs=["other"])\n'


@pytest.mark.parametrize("is_removed_by_hand", [False, True])
def test_a_users_file_equal_to_a_removed_stages_output_stays(
    project: Project, is_removed_by_hand: bool
) -> None:
    project.stagefile(WITH_EMPTY + OTHER).build()
    if is_removed_by_hand:
        project.remove("pkg/__init__.py")
    project.stagefile(OTHER).build()
    assert not project.has("pkg/__init__.py")

    project.write("pkg/__init__.py", "").build().printed("stagemake: up to date\n")

    assert project.has("pkg/__init__.py")


def test_an_edited_output_of_a_removed_stage_is_no_work_for_ever(project: Project) -> None:
    project.stagefile(WITH_EMPTY + OTHER).build()

    project.write("pkg/__init__.py", "mine").stagefile(OTHER).build()

    project.build("-q").exited(0)
    assert project.read("pkg/__init__.py") == "mine"


TABLE = 'command("gen", "mkdir -p g; echo 1 > g/t.h; echo 2 > g/u.h", outputs=["g/"])\n'
USE = 'command("use", "cat {inputs} > {outputs}", inputs=["g/t.h"], outputs=["use"])\n'


@pytest.mark.parametrize("is_built_between", [False, True])
def test_cleaning_leaves_what_has_become_a_source(project: Project, is_built_between: bool) -> None:
    project.stagefile(TABLE + USE).build()
    project.stagefile(USE)
    if is_built_between:
        project.build()

    project.build("clean")

    assert project.has("g/t.h")
    assert not project.has("use")


def test_only_what_has_become_a_source_stays_of_a_removed_directory(project: Project) -> None:
    project.stagefile(TABLE + USE).build()

    project.stagefile(USE).build().exited(0).ran()

    assert project.has("g/t.h")
    assert not project.has("g/u.h")


def test_an_output_that_moved_into_its_old_directory_leaves_nothing_beside_it(
    project: Project,
) -> None:
    project.stagefile(TABLE).build()

    project.stagefile('command("gen", "echo 1 > {outputs}", outputs=["g/t.h"])\n').build()

    assert project.has("g/t.h")
    assert not project.has("g/u.h")
    assert not project.has(".stagemake/kept")


def test_an_edit_of_an_output_that_was_not_recorded_is_kept(project: Project) -> None:
    project.stagefile('command("a", "cat in > o; echo more >> in", inputs=["in"], outputs=["o"])\n')
    project.write("in", "1").build()
    project.build()
    assert not project.has(".stagemake/kept"), "what nobody edited is no user's file"

    project.write("o", "mine").build().ran("a")

    kept = [path.read_text() for path in (project.root / ".stagemake/kept").rglob("o")]
    assert kept == ["mine"]


@pytest.mark.parametrize("stays", [False, True])
def test_what_is_written_to_an_output_after_a_crash_is_not_lost(
    project: Project, stays: bool
) -> None:
    project.stagefile(f'command("a", "{BEGIN_AND_WAIT}", outputs=["config.h"])\n')
    start_and_signal(project, signal.SIGKILL)

    project.write("config.h", "mine").write("go").stagefile(
        project.read("Stagefile").partition("\n")[2] if stays else OTHER
    )
    project.build().exited(0)

    left = [path.read_text() for path in (project.root / ".stagemake").rglob("config.h")]
    assert left == ["mine"]


def test_what_cannot_be_read_in_a_left_over_directory_stops_no_build(project: Project) -> None:
    project.stagefile(TABLE).build()
    os.mkfifo(project.root / "g/pipe")

    project.stagefile(OTHER).build().ran("other")

    assert project.has("g/pipe")


# --- Stages that end in odd ways. ------------------------------------------------------------------


def test_an_interrupted_stage_that_says_all_is_well_is_not_believed(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "trap 'exit 0' TERM; echo half > o; echo > ready; sleep 1000 & wait",
                outputs=["o"])
        """
    )

    start_and_signal(project, signal.SIGINT).exited(130)

    assert not project.has("o")
    project.build("-q").exited(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_depfile_that_was_left_half_made_is_no_users_file(
    project: Project, number: signal.Signals
) -> None:
    project.stagefile(
        f'command("a", "echo o: > o.d; {BEGIN_AND_WAIT}", outputs=["o"], depfile="o.d")\n'
    )
    start_and_signal(project, number)

    project.write("go").build().ran("a")

    assert not project.has(".stagemake/kept")
    assert not project.has("o.d")


def test_a_depfile_may_name_the_null_device(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "echo o: /dev/null h > o.d; cat h > o", outputs=["o"], depfile="o.d")
        """
    )
    project.write("h", "1").build().ran("a")
    project.build().fresh("a")

    project.write("h", "2").build().ran("a")


def test_an_input_directory_that_got_a_pipe_fails_its_stage_only(project: Project) -> None:
    project.stagefile(
        'command("a", "mkfifo in/pipe; echo > o", inputs=["in"], outputs=["o"])\n' + OTHER
    )
    project.write("in/x")

    project.build("-k", "-j1").failed("a").ran("other")


def test_a_restore_that_finds_a_file_in_its_way_fails_its_stage_only(project: Project) -> None:
    project.stagefile('command("a", "echo 1 > {outputs}", outputs=["build/a"])\n' + OTHER).build()
    forget_all(project, "build", "other")
    project.write("build", "mine")

    project.build("-k").failed("a").restored("other")

    assert project.read("build") == "mine"


@pytest.mark.parametrize("code", [0, 1])
def test_a_second_attempt_keeps_to_the_depth_of_its_pool(project: Project, code: int) -> None:
    alone = "mkdir busy || exit 3; sleep 0.2; rmdir busy"  # long enough to be met by the other
    project.stagefile(
        f"""\
        pool("one", 1)
        command("a", "{alone}; test -e again || {{ echo > again; exit {code}; }}; echo > a",
                outputs=["a"], retries=1, pool="one")
        command("b", "{alone}; echo > b", outputs=["b"], pool="one")
        """
    )

    project.build("-j2").ran("a", "b")


@pytest.mark.parametrize("name", ["..", ".", "x" * 300, "a/b"])
def test_any_name_is_good_for_a_stage_that_fails(project: Project, name: str) -> None:
    project.stagefile(f'command("{name}", "echo half > o; exit 1", outputs=["o"])\n' + OTHER)

    project.build("-k").failed(name)

    assert not project.has("o")
    left = list((project.root / ".stagemake/Stagefile/failed").glob("*/o"))
    assert [path.read_text() for path in left] == ["half\n"]
    project.build("-k").fresh("other")


def test_one_interrupt_ends_a_build_that_waits_for_another(project: Project) -> None:
    project.stagefile(f'command("a", "{BEGIN_AND_WAIT}", outputs=["o"])\n')
    first = project.start()
    wait_for(project.root / "ready")
    second = project.start()
    _read_until(second, "waiting")

    os.kill(second.pid, signal.SIGINT)
    ended = project.finish(second)

    project.write("go")
    os.kill(first.pid, signal.SIGINT)
    project.finish(first)
    ended.exited(130)


def _read_until(build: subprocess.Popen[str], word: str) -> None:
    assert build.stderr is not None, "it is a pipe"
    for line in build.stderr:
        if word in line:
            return
    raise AssertionError(f"it never said {word!r}")


# --- Killed at any point. --------------------------------------------------------------------------


def test_killed_before_any_change_to_the_disk_the_next_build_is_right(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "cat {inputs} > {outputs}", inputs=["i"], outputs=["b/a"])
        command("d", "mkdir -p d/s; cat b/a > d/s/f; ln -s f d/s/l", inputs=["b/a"], outputs=["d/"])
        command("e", "echo e: h > e.d; cat d/s/f h > e", inputs=["d/s/f"], outputs=["e"],
                depfile="e.d")
        """
    )
    project.write("h", "h").write("i", "0").build()
    at, was_killed = 0, True
    while was_killed:
        project.write("i", str(at))
        was_killed = _build_until(project, at)

        project.build().exited(0)

        assert (project.read("b/a"), project.read("d/s/l"), project.read("e")) == (
            str(at), str(at), f"{at}h",
        ), at  # fmt: skip
        assert not project.has(".stagemake/kept"), at
        at += 2
    assert at > 20


def _build_until(project: Project, count: int) -> bool:
    """Build in a fork that dies at its change number `count`; return whether it came so far."""
    killed = 77
    pid = os.fork()
    if pid == 0:
        left = [count]

        def die(operation: str, path: str) -> None:
            del operation, path
            left[0] -= 1
            if left[0] < 0:
                os._exit(killed)

        durable.install(die)
        try:
            project.build("-j1")
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == killed


# --- What an action sees of the environment. -------------------------------------------------------


def test_passing_a_variable_on_makes_another_result_and_its_value_does_not(
    project: Project,
) -> None:
    project.env["FOO"] = "1"
    project.stagefile('command("a", "echo $FOO > {outputs}", outputs=["o"])').build()
    passing = 'command("a", "echo $FOO > {outputs}", outputs=["o"], pass_env=["FOO"])'

    project.stagefile(passing).build().ran("a")

    assert project.read("o") == "1\n"
    project.env["FOO"] = "2"
    project.build().fresh("a")


def test_a_result_from_an_inherited_environment_is_no_hit_in_a_clean_one(project: Project) -> None:
    project.env["FOO"] = "1"
    project.stagefile('command("a", "echo $FOO > {outputs}", outputs=["o"])')
    project.write("pyproject.toml", '[tool.stagemake]\nenvironment = "inherit"\n').build()
    assert project.read("o") == "1\n"

    project.remove("pyproject.toml").build().ran("a")

    assert project.read("o") == "\n"
