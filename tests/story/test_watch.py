"""`stagemake watch` with real files, real notices and a process of its own."""

from __future__ import annotations

import os
import signal
import termios
from typing import TYPE_CHECKING

import pytest
from terminal_kit import Terminal
from watch_kit import WAITING, Watched, is_alive, until

if TYPE_CHECKING:
    from project import Project

pytest.importorskip("watchfiles")

COPIES = """
    for source in glob("src/*.txt"):
        command(f"copy.{source.stem}", "cat {inputs} > {outputs}",
                inputs=[source], outputs=[f"out/{source.stem}.txt"])
"""


@pytest.fixture
def copies(project: Project) -> Project:
    return project.stagefile(COPIES).write("src/a.txt", "1\n").write("src/b.txt", "1\n")


def test_an_edit_builds_what_it_concerns(copies: Project) -> None:
    with Watched(copies, "-j1") as watch:
        watch.waits()

        copies.write("src/a.txt", "2\n")
        watch.waits(2)

        assert copies.read("out/a.txt") == "2\n"
        assert watch.stop() == 130
        said = watch.text
    assert said == (
        "[1/2] ran       copy.a  <time>\n"
        "[2/2] ran       copy.b  <time>\n"
        "stagemake: done, 2 stages: 2 ran in <time>\n"
        "stagemake: waiting for changes (^C to quit)\n"
        "stagemake: `src/a.txt` changed\n"
        "[2/2] ran       copy.a  <time>\n"
        "stagemake: done, 2 stages: 1 ran, 1 unchanged in <time>\n"
        "stagemake: waiting for changes (^C to quit)\n"
    )


def test_a_new_file_that_a_glob_finds_is_built_also_in_a_new_directory(project: Project) -> None:
    project.stagefile(COPIES.replace("src/*.txt", "src/**/*.txt")).write("src/a.txt", "1\n")
    with Watched(project) as watch:
        watch.waits()

        project.write("src/deep/er/new.txt", "1\n")
        watch.waits(2)

        until(lambda: project.has("out/new.txt"), "the new one's output")
        project.write("src/deep/er/newer.txt", "1\n")
        until(lambda: project.has("out/newer.txt"), "the second one's output")


def test_a_broken_stagefile_is_told_and_its_mend_built(copies: Project) -> None:
    with Watched(copies) as watch:
        watch.waits()

        copies.stagefile(COPIES + "    oh no\n")
        watch.says("error: the Stagefile does not parse: invalid syntax").waits(2)
        copies.write("src/a.txt", "2\n")
        copies.stagefile(COPIES.replace("out/", "made/"))
        watch.waits(3)

        until(lambda: copies.has("made/b.txt"), "the new outputs")
        assert copies.read("made/a.txt") == "2\n"


def test_a_helper_module_is_followed_and_so_is_one_that_was_missing(project: Project) -> None:
    project.stagefile(
        'import names\ncommand(names.NAME, "cat a > {outputs}", inputs=["a"], outputs=["b"])'
    )
    project.write("a", "1")
    with Watched(project) as watch:
        watch.says("No module named 'names'").waits()

        project.write("names.py", 'NAME = "early"\n')
        watch.says("ran       early").waits(2)
        project.write("names.py", 'NAME = "late"\n')

        watch.says("restored  late")


def test_inputs_outside_of_the_project_and_discovered_ones_are_followed(project: Project) -> None:
    far, header = project.base / "far" / "a.txt", project.base / "near" / "b.txt"
    for file in (far, header):
        file.parent.mkdir()
        file.write_text("1\n")
    project.stagefile(
        f"""
        command("both", "cat {{inputs}} {header} > {{outputs}}; echo 'x: {header}' > {{depfile}}",
                inputs=["{far}"], outputs=["both.txt"], depfile="both.d")
        """
    )
    with Watched(project) as watch:
        watch.waits()

        far.write_text("2\n")
        until(
            lambda: project.read("both.txt") == "2\n1\n" if project.has("both.txt") else False,
            "2 1",
        )
        watch.waits(2)
        header.write_text("3\n")
        watch.waits(3)

        assert project.read("both.txt") == "2\n3\n"


WAITS_FOR_GO = "while [ ! -e go ]; do sleep 0.02; done"


@pytest.mark.parametrize(
    ("stagefile", "begins", "edited"),
    [
        (
            f"command('s', 'cat link > o; {WAITS_FOR_GO}', inputs=['link'], outputs=['o'])",
            "link",
            "new/x",
        ),
        (
            f"command('s', 'cat in/*/x > o; {WAITS_FOR_GO}', inputs=['in/'], outputs=['o'])",
            "in/sub",
            "in/sub/x",
        ),
        (
            (
                f"command('s', 'cat $(cat which) > o; echo o: $(cat which) > d; {WAITS_FOR_GO}',"
                " inputs=['which'], outputs=['o'], depfile='d')"
            ),
            "which",
            "new/x",
        ),
    ],
    ids=["a link that was set", "a new directory", "a header that is discovered"],
)
def test_what_a_stage_reads_for_the_first_time_can_be_edited_while_it_runs(
    project: Project, stagefile: str, begins: str, edited: str
) -> None:
    project.stagefile(stagefile).write("old/x", "old").write("new/x", "one").write(
        "in/old/x", "old"
    )
    project.write("which", "old/x").write("go").write("aside/x", "one")
    (project.root / "link").symlink_to("old/x")
    with Watched(project) as watch:
        watch.waits()
        project.remove("go")

        if begins == "which":
            project.write("which", "new/x")
        elif begins == "link":
            (project.root / "set").symlink_to("new/x")
            (project.root / "set").replace(project.root / "link")
        else:
            (project.root / "aside").replace(project.root / "in/sub")
        until(lambda: project.has("o") and "one" in project.read("o"), "the stage has read it")
        project.write(edited, "two").write("go")

        until(lambda: project.has("o") and "two" in project.read("o"), "the edit is built")


def test_a_build_that_is_overtaken_is_stopped_and_leaves_nothing_half_made(
    project: Project,
) -> None:
    project.stagefile(
        """
        command("slow", "was=$(cat {inputs}); echo half > {outputs}; echo $$ > pid; case $was in wait) sleep 100;; esac; "
                "cat {inputs} > {outputs}", inputs=["a"], outputs=["b"])
        """
    )
    project.write("a", "wait")
    with Watched(project) as watch:
        until(lambda: project.has("pid") and project.read("pid").strip(), "its start")
        pid = int(project.read("pid"))

        project.write("a", "go")
        watch.says("given up, because `a` changed meanwhile").waits()

        assert not is_alive(pid)
        assert project.read("b") == "go"
        assert watch.count("] cut short") == 1
    project.build("-n").printed("stagemake: up to date\n")


def test_between_builds_others_can_build_and_that_wakes_nothing(copies: Project) -> None:
    with Watched(copies) as watch:
        watch.waits()

        copies.remove("out/a.txt")
        watch.waits(2)  # restored
        copies.write("src/c.txt", "1\n")
        watch.waits(3)
        copies.run("-B").ran("copy.a", "copy.b", "copy.c")
        copies.write("src/c.txt", "2\n")
        watch.says("`src/c.txt` changed").waits(4)

        assert watch.count(WAITING) == 4
        assert watch.count("done") == 4


def test_a_stage_that_fails_is_run_again_when_its_input_is_mended(project: Project) -> None:
    project.stagefile(
        'command("one", "test -s {inputs} && cp {inputs} {outputs}", inputs=["a"], outputs=["b"])'
    )
    project.write("a", "")
    with Watched(project) as watch:
        watch.says("failed: one: exit status 1").waits()

        project.write("a", "good")
        watch.waits(2)
        project.write("a", "")
        watch.says("failed: one: exit status 1", 2).waits(3)
        project.write("a", "better")
        watch.waits(4)

        assert project.read("b") == "better"


def test_a_build_whose_state_is_removed_is_told_and_the_watch_goes_on(project: Project) -> None:
    project.stagefile(
        """
        command("one", "cat a > b; test -e kept || rm -rf .stagemake", inputs=["a"], outputs=["b"])
        """
    )
    project.write("a", "1")
    with Watched(project) as watch:
        watch.says("error: no such file or directory: `.stagemake/").waits()

        project.write("kept").write("a", "2")
        watch.says("`a` changed").waits(2)

        assert project.read("b") == "2"
    project.build("-n").printed("stagemake: up to date\n")


def test_a_failure_names_a_command_that_runs_it_again_as_it_was_run(project: Project) -> None:
    project.stagefile('command("list", [config("to", "true")], inputs=["a"])', name="Own").write(
        "a"
    )
    options = ("-f", "Own", "-D", "to=false")
    with Watched(project, *options, "list") as watch:
        watch.says("to run it again: stagemake build -f Own -D to=false list").waits()

    project.build("build", *options, "list").exited(1)


def test_a_slip_in_a_target_is_an_error_and_not_waited_for(copies: Project) -> None:
    with Watched(copies, "nowhere") as watch:
        until(lambda: watch.has_ended, "the end")

        assert watch.text == (
            "error: no stage, pipeline or output is called `nowhere`\n"
            "hint: `stagemake list` shows what there is\n"
        )


def test_a_missing_input_is_awaited(project: Project) -> None:
    project.stagefile('command("one", "cp {inputs} {outputs}", inputs=["far/a"], outputs=["b"])')
    with Watched(project) as watch:
        watch.says("error: stage `one` needs an input nobody makes").waits()

        project.write("far/a", "there")

        until(lambda: project.has("b"), "its output")


def test_functions_run_as_their_code_is_now(project: Project) -> None:
    text = """
    @stage(inputs=["a"], outputs=["b"])
    def one(context):
        context.outputs[0].write_text(context.inputs[0].read_text() + "%s")
    """
    project.stagefile(text % "first").write("a", "1 ")
    with Watched(project) as watch:
        watch.waits()
        project.write("a", "2 ")
        watch.waits(2)
        assert project.read("b") == "2 first"

        project.stagefile(text % "second")
        watch.waits(3)

        assert project.read("b") == "2 second"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_it_with_their_status(copies: Project, number: int, status: int) -> None:
    with Watched(copies) as watch:
        watch.waits()

        assert watch.stop(number) == status


def test_without_notices_everything_is_looked_at_every_so_often(copies: Project) -> None:
    with Watched(copies, "--poll", "0.05") as watch:
        watch.waits()

        copies.write("src/a.txt", "2\n")
        watch.waits(2)

        assert copies.read("out/a.txt") == "2\n"


def test_values_of_one_run_are_not_noted_for_others(project: Project) -> None:
    project.stagefile(
        'command("one", f"echo {config(\'word\', \'usual\')} $(cat a) > b", inputs=["a"], outputs=["b"])'
    )
    project.write("a", "1")
    with Watched(project, "-D", "word=other") as watch:
        watch.waits()
        project.write("a", "2")
        watch.waits(2)
        assert project.read("b") == "other 2\n"

    project.run().ran("one")
    assert project.read("b") == "usual 2\n"


def test_what_can_not_be_followed_is_built_by_the_stagefile_run_each_time(project: Project) -> None:
    project.stagefile(
        """
        import time
        command("one", "cp {inputs} {outputs}", inputs=["a"], outputs=["b"])
        command("always", "true", always=True)
        """
    ).write("a", "1")
    with Watched(project) as watch:
        watch.waits()
        project.write("a", "2")
        watch.waits(2)

        assert project.read("b") == "2"
        assert watch.count("ran       always") == 2


def test_targets_and_only_they_are_followed(copies: Project) -> None:
    with Watched(copies, "copy.a") as watch:
        watch.waits()

        copies.write("src/b.txt", "2\n")
        copies.write("src/a.txt", "2\n")
        watch.waits(2)

        assert watch.count("`src/a.txt` changed") == 1
        assert not copies.has("out/b.txt")


def test_without_watchfiles_it_says_how_to_get_it(project: Project) -> None:
    project.stagefile('command("one", "true")').write(
        "away/watchfiles/__init__.py", "raise ImportError('away')"
    )
    project.env["PYTHONPATH"] = str(project.root / "away")

    project.run("watch").exited(2).printed(
        """\
        error: `stagemake watch` needs the package `watchfiles`, which is not installed
          missing  away
        hint: pip install "stagemake[watch]"; or, without it: stagemake watch --poll 1
        """
    )


def test_nothing_of_it_is_left_when_it_ends(copies: Project) -> None:
    with Watched(copies) as watch:
        watch.waits()
        assert os.path.exists(f"/proc/{watch.pid}") or not os.path.isdir("/proc")
        watch.stop()

    assert sorted(os.listdir(copies.root / ".stagemake")) == [".gitignore", "Stagefile", "lock"]


def modes(terminal: Terminal) -> tuple[bool, bool]:
    """Return whether the terminal waits for whole lines, and whether it echoes."""
    local = termios.tcgetattr(terminal.fd)[3]
    return bool(local & termios.ICANON), bool(local & termios.ECHO)


def test_keys_on_a_terminal_and_the_terminal_as_it_was(copies: Project) -> None:
    with Terminal.start(copies, "watch", "-j1") as terminal:
        terminal.expect("waiting for changes (h for help)")
        assert modes(terminal) == (False, False)
        terminal.type("h")
        terminal.expect("  r         build now, whatever has changed\n")
        terminal.type("w")
        terminal.expect("  copy.a  ran       never built\n")
        terminal.type("r")
        terminal.expect("stagemake: building again\nstagemake: up to date\n")
        terminal.type("w")
        terminal.expect("nothing ran: all of 2 stages was up to date\n")
        terminal.type("q")

        assert terminal.end() == 0
        assert modes(terminal) == (True, True)


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x1c", 131)])
def test_the_terminal_is_as_it_was_after_a_signal_that_is_typed(
    copies: Project, key: str, status: int
) -> None:
    with Terminal.start(copies, "watch") as terminal:
        terminal.expect("waiting for changes")
        terminal.type(key)

        assert terminal.end() == status
        assert modes(terminal) == (True, True)


def test_the_terminal_is_as_it_was_while_it_is_suspended(copies: Project) -> None:
    shell = "set -m; $stagemake watch; echo stopped; stty -a | grep -o -- '-\\?icanon'; fg"
    with Terminal.start(copies, shell=shell) as terminal:
        terminal.expect("waiting for changes")
        terminal.type("\x1a")
        terminal.expect("stopped\n")
        terminal.expect("icanon\n")
        assert "-icanon" not in terminal.text
        terminal.expect("watch")  # what fg prints
        until(lambda: modes(terminal) == (False, False), "its keys again")
        terminal.type("q")

        assert terminal.end() == 0
        assert modes(terminal) == (True, True)


def test_a_stage_that_has_the_terminal_has_its_keys_too(project: Project) -> None:
    project.stagefile(
        """
        command("ask", "printf 'name? '; read name; echo hello $name; cp a b", inputs=["a"], outputs=["b"], console=True)
        """
    ).write("a", "1")
    with Terminal.start(project, "watch") as terminal:
        terminal.expect("name? ")
        terminal.type("you\n")
        terminal.expect("hello you\n")
        terminal.expect("waiting for changes")
        assert modes(terminal) == (False, False)
        terminal.type("q")

        assert terminal.end() == 0
        assert modes(terminal) == (True, True)


def test_a_command_follows_each_build_that_made_something(copies: Project) -> None:
    with Watched(copies, "--exec", "cat out/*.txt > seen.tmp; mv seen.tmp seen; exit 3") as watch:
        watch.says("ended with exit status 3").waits()
        assert copies.read("seen") == "1\n1\n"

        copies.touch("src/b.txt")
        watch.says("up to date").waits(2)
        copies.write("src/a.txt", "2\n")
        watch.says("ended with exit status 3", 2).waits(3)

        assert copies.read("seen") == "2\n1\n"


def test_a_command_that_still_runs_is_ended_with_all_that_it_started(copies: Project) -> None:
    command = "trap '' TERM; sleep 100 & echo $! > child; echo $$ > parent.tmp; mv parent.tmp parent; wait; wait; sleep 100"

    def pids() -> list[int]:
        until(lambda: copies.has("parent"), "its start")
        return [int(copies.read("parent")), int(copies.read("child"))]

    with Watched(copies, "--exec", command) as watch:
        watch.waits()
        first = pids()
        copies.remove("parent")

        copies.write("src/a.txt", "2\n")
        second = pids()
        assert [is_alive(pid) for pid in first] == [False, False]
        assert [is_alive(pid) for pid in second] == [True, True]
        watch.stop()

        assert [is_alive(pid) for pid in second] == [False, False]
