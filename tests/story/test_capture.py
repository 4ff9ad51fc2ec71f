"""`capture`: what programs print, while the Stagefile is read."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project, Tree

# Counts its runs beside the project.
COUNT = "echo x >> ../runs; "


def program(project: Project, path: str, text: str) -> None:
    project.write(path, f"#!/bin/sh\n{text}\n")
    (project.root / path).chmod(0o755)


def runs(project: Project) -> int:
    """Return how often the program has run since it was last asked."""
    file = project.base / "runs"
    count = len(file.read_text()) // 2 if file.exists() else 0
    file.unlink(missing_ok=True)
    return count


def shown(project: Project, expression: str) -> str:
    """Return the repr of what an expression of a Stagefile gives."""
    project.stagefile(f"print(ascii({expression}))\n")
    return project.build("list").exited(0).stdout.split("\n", 1)[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('capture(["echo", "a b", "$HOME"])', "'a b $HOME'"),
        ('capture("echo a; echo b | tr b c")', r"'a\nc'"),
        ("capture(\"printf ' a \\\\r\\\\n\\\\n\\\\n'\")", "' a '"),
        ('capture(["true"])', "''"),
        ('capture(["printf", "{inputs} %s", "{{x}}"])', "'{inputs} {{x}}'"),
        (r"""capture(["printf", r"\303\251\377"])""", r"'\xe9\udcff'"),
        ('capture("echo lost >&2; cat; echo $LC_ALL $TZ")', "'C.UTF-8 UTC'"),
        ('capture("echo $SECRET-$GIVEN", env={"GIVEN": "1"})', "'-1'"),
        ('capture("echo $SECRET", env="SECRET")', "'s'"),
        ('capture("echo ${HOME-unset}", env={"HOME": None})', "'unset'"),
        ('capture(["pwd"], cwd="sub").rpartition("/")[2]', "'sub'"),
        ('capture(["./tool"], cwd="sub")', "'tool'"),
        ('capture(["sub/tool"])', "'tool'"),
        ('capture(["tool"], env={"PATH": "sub:/bin:/usr/bin"})', "'tool'"),
        ("len(capture(\"head -c 1000000 /dev/zero | tr '\\\\0' x\"))", "1000000"),
    ],
)
def test_what_is_printed_is_the_value(project: Project, expression: str, value: str) -> None:
    program(project, "sub/tool", "echo tool")
    project.env["SECRET"] = "s"

    assert shown(project, expression) == value


def test_a_value_that_changes_runs_what_uses_it(project: Project) -> None:
    project.write("version", "1\n").stagefile("""\
        version = capture(["cat", "version"])
        command("stamp", f"echo {version} > {{outputs}}", outputs=["stamp"])
        command("other", "touch {outputs}", outputs=["other"])
        """)
    project.build().ran("stamp", "other")
    project.build().printed("stagemake: up to date\n")

    project.write("version", "2\n")

    project.build().ran("stamp").fresh("other")
    assert project.read("stamp") == "2\n"
    project.write("version", "1\n")
    project.build().restored("stamp")


# --- When it runs. ---------------------------------------------------------------------------------


def test_without_inputs_it_runs_each_time(project: Project) -> None:
    project.stagefile(
        f'command("a", f"echo {{capture({COUNT!r})}} > {{{{outputs}}}}", outputs=["a"])\n'
    )
    project.build().ran("a")
    assert runs(project) == 1

    for arguments in ([], ["-n"], ["list"], ["why", "a"], ["graph"]):
        project.build(*arguments).exited(0)

        assert runs(project) == 1, arguments


REMEMBERED = """\
    value = capture("echo x >> ../runs; tool; cat in dir/*", inputs=["in", glob("dir/*"), "later"], env=["VALUE"])
    command("a", f"echo '{value}' > {{outputs}}", outputs=["a"])
    """


@pytest.fixture
def remembered(project: Project) -> Project:
    """A project that was built, with a capture that has inputs, a program of its own and a variable."""
    project.write("in", "1\n").write("dir/a", "a\n").stagefile(REMEMBERED)
    program(project, "../bin/tool", "echo tool $VALUE")
    project.env["PATH"] = f"{project.base}/bin:{os.environ['PATH']}"
    project.build().ran("a")
    assert runs(project) == 1
    return project


def test_with_inputs_a_build_remembers_it(remembered: Project) -> None:
    for arguments in (["-n"], ["list"], ["why", "a"], ["graph"], ["-q"]):
        with remembered.unchanged():
            remembered.build(*arguments).exited(0)

    remembered.touch("in").build().printed("stagemake: up to date\n")
    assert runs(remembered) == 0


def all_but_runs(project: Project) -> Tree:
    """Return everything but what the captured program itself writes."""
    return {path: found for path, found in project.tree().items() if path not in {"runs", "."}}


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.write("in", "2\n"),
        lambda project: project.write("dir/b", "b\n"),
        lambda project: project.write("dir/a", "c\n"),
        lambda project: project.write("later", "now\n"),
        lambda project: program(project, "../bin/tool", "echo other"),
        lambda project: project.env.update(VALUE="v"),
        lambda project: project.stagefile(REMEMBERED.replace("cat in", "cat  in")),
        lambda project: (project.root / ".stagemake/Stagefile/captures").write_bytes(b"damaged"),
    ],
)
def test_whatever_it_depends_on_runs_it_again(remembered: Project, change: object) -> None:
    assert callable(change)
    change(remembered)

    before = all_but_runs(remembered)
    remembered.build("-n").exited(0)
    remembered.build("list").exited(0)
    assert before == all_but_runs(remembered)
    assert runs(remembered) == 2  # only builds remember
    remembered.build().exited(0)
    remembered.build().printed("stagemake: up to date\n")
    assert runs(remembered) == 1
    expected = remembered.clone("clean")
    expected.env = dict(remembered.env)
    expected.build("--cache=off").exited(0)
    assert expected.read("a") == remembered.read("a")


def test_an_old_answer_is_known_again(remembered: Project) -> None:
    remembered.write("in", "2\n").build().ran("a")
    assert runs(remembered) == 1

    remembered.write("in", "1\n").build().restored("a")

    assert runs(remembered) == 0


def test_no_inputs_at_all_are_inputs_too(project: Project) -> None:
    project.stagefile(
        f'capture("{COUNT}", inputs=[])\ncommand("a", "true", inputs=["Stagefile"])\n'
    )
    project.build().ran("a")
    project.build("list").exited(0)

    assert runs(project) == 1


def test_an_input_that_changes_meanwhile_is_not_remembered(project: Project) -> None:
    project.write("in", "1").stagefile("""\
        capture("echo x >> ../runs; echo 2 >> in", inputs=["in"])
        command("a", "true", inputs=["Stagefile"])
        """)

    project.build().ran("a")
    project.build().exited(0)

    assert runs(project) == 2


# --- Mistakes. -------------------------------------------------------------------------------------

MISTAKES = {
    "a failure": (
        'capture("echo out; seq 20 >&2; exit 3")',
        """\
        error: `echo out; seq 20 >&2; exit 3` failed with exit status 3
          printed   11
                    12
                    13
                    14
                    15
                    16
                    17
                    18
                    19
                    20
          declared  Stagefile:2, capture()
        """,
    ),
    "a silent failure": (
        'capture(["sh", "-c", "exit 1"])',
        """\
        error: `sh -c 'exit 1'` failed with exit status 1
          declared  Stagefile:2, capture()
        """,
    ),
    "a signal": (
        'capture("kill -SEGV $$")',
        """\
        error: `kill -SEGV $$` was ended by signal 11 (SIGSEGV)
          declared  Stagefile:2, capture()
        """,
    ),
    "a program that is not there": (
        'capture(["no-such-config", "--cflags"])',
        """\
        error: the program `no-such-config` is not there
          needed    Stagefile:2, capture()
          searched  PATH: /usr/bin:/bin
        hint: install it, or put it on PATH
        """,
    ),
    "a path that is not there": (
        'capture(["./no-such-config"])',
        """\
        error: the program `./no-such-config` is not there
          needed  Stagefile:2, capture()
        hint: install it, or put it on PATH
        """,
    ),
    "a program that is needed and not there": (
        'capture([need("no-such-config", hint="install it so"), "--cflags"])',
        """\
        error: the program `no-such-config` is not there
          needed    Stagefile:2, need()
          searched  PATH: /usr/bin:/bin
        hint: install it so
        """,
    ),
    "no program": (
        'capture(["./text"])',
        """\
        error: `./text` could not be started: exec format error
          declared  Stagefile:2, capture()
        """,
    ),
    "too long": (
        'capture("echo begun >&2; exec sleep 60", timeout=1.5)',
        """\
        error: `echo begun >&2; exec sleep 60` took longer than <time>
          printed   begun
          declared  Stagefile:2, capture()
        hint: give it more time by timeout=, or make it a stage
        """,
    ),
    "too much": (
        'capture(["cat", "/dev/zero"])',
        """\
        error: `cat /dev/zero` prints more than 16 MiB
          declared  Stagefile:2, capture()
        """,
    ),
    "no directory": (
        'capture(["pwd"], cwd="nowhere")',
        """\
        error: there is no directory `nowhere` to run `pwd` in
          declared  Stagefile:2, capture()
        """,
    ),
    "no command": (
        "capture(3)",
        """\
        error: the command is 3, neither a list nor a text
          declared  Stagefile:2, capture()
        hint: write ["program", "argument"] or "program argument"
        """,
    ),
    "a stage": (
        'capture(["true"], inputs=[command("a", "touch a", outputs=["a"])])',
        """\
        error: inputs holds the stage `a`
          declared  Stagefile:2, capture()
        hint: capture() runs while the Stagefile is read, before any stage; make it a stage
        """,
    ),
    "a timeout that is none": (
        'capture(["true"], timeout=0)',
        """\
        error: timeout is 0 seconds
          declared  Stagefile:2, capture()
        hint: leave it out for no limit
        """,
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_error(project: Project, name: str) -> None:
    text, message = MISTAKES[name]
    project.env["PATH"] = "/usr/bin:/bin"
    project.write("text", "\x7fELF\n").stagefile(f"{text}\n")
    (project.root / "text").chmod(0o755)

    for arguments in (["list"], ["-n"], []):
        with project.unchanged():
            project.build(*arguments).exited(2).printed(message)


def test_what_it_prints_drives_no_terminal(project: Project) -> None:
    project.stagefile(r"""capture(["sh", "-c", "printf '\033[31m\377\r' >&2; exit 1"])""" + "\n")

    assert "\x1b" not in project.build("list").exited(2).stderr


# --- Processes. ------------------------------------------------------------------------------------


def appears(path: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_a_program_that_closes_its_streams_is_waited_for(project: Project) -> None:
    project.stagefile('print(repr(capture("echo 1; exec >&- 2>&-; sleep 0.3; touch done")))\n')

    assert project.build("list").exited(0).stdout.startswith("'1'\n")
    assert project.has("done")


def test_a_daemon_that_keeps_the_streams_open_is_not_waited_for(project: Project) -> None:
    code = "import os, time; print(1, flush=True); os.fork() or (os.setsid(), time.sleep(12))"
    project.stagefile(f"""\
        import sys
        print(repr(capture([sys.executable, "-c", {code!r}], timeout=10)))
        """)

    assert project.build("list").exited(0).stdout.startswith("'1'\n")


def test_a_signal_that_is_ignored_stays_ignored(project: Project) -> None:
    project.stagefile('print(capture("kill -HUP $PPID; echo on"))\n')
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert project.run("list").exited(0).stdout.startswith("on\n")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_it_leaves_in_the_background_is_ended(project: Project) -> None:
    project.stagefile('print(capture("sleep 600 & echo $!"))\n')

    pid = int(project.build("list").exited(0).stdout.split("\n")[0])

    assert is_gone(pid)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1)]
)
@pytest.mark.parametrize("arguments", [["list"], []])
def test_an_interrupt_ends_it_and_the_tool(
    project: Project, number: int, status: int, arguments: list[str]
) -> None:
    project.stagefile("capture(\"trap '' INT; echo $$ > ../pid; sleep 600; echo\")\n")
    process = project.start(*arguments)
    pid = int(appears(project.base / "pid"))

    process.send_signal(number)

    result = project.finish(process)
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (status, "", "")
    assert is_gone(pid)
    assert not project.has(".stagemake")
