"""A watched action is an action like any other: exit codes, signals, timeouts, output, names; and its own failures."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stagemake.observe import landlock, seccomp, strace

if TYPE_CHECKING:
    from project import Project

NO_SECCOMP = seccomp.problem()
NO_STRACE = strace.problem()
needs_seccomp = pytest.mark.skipif(bool(NO_SECCOMP), reason=NO_SECCOMP or "it is there")
needs_strace = pytest.mark.skipif(bool(NO_STRACE), reason=NO_STRACE or "it is there")
needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")


@needs_seccomp
def test_trace_says_what_to_write_where(project: Project) -> None:
    project.stagefile(
        """\
        command("report", "cat data.csv conf/colours > build/report; ls parts > report.log; test -e .draft",
                inputs=["data.csv"],
                outputs=["build/report"])
        """
    )
    for name in ("data.csv", "conf/colours", "parts/1", ".draft"):
        project.write(name)

    project.build("trace", "-s", "report").exited(1).printed(
        """\
        report: run and watched by seccomp, declared in Stagefile:2
        reads and does not declare
          conf/colours
          parts/ (lists)
        writes and does not declare
          report.log (creates)
        to declare that
          Stagefile:3:27  inputs=["data.csv", "conf/colours", "parts/"]
          Stagefile:4:32  outputs=["build/report", "report.log"]
        only looked up, and there
          .draft
        """
    )


@needs_seccomp
def test_the_edit_that_is_printed_makes_the_stage_clean(project: Project) -> None:
    from stagemake.model.observation import Edit
    from stagemake.observe.edit import applied

    project.stagefile('command("s", "cat a b > o; ls d > l", inputs=["a"], outputs=["o"])\n')
    project.write("a").write("b").write("d/x")
    seen = project.build("trace", "--json", "s").exited(1).json["stages"][0]
    edits = [Edit(**edit) for edit in seen["edits"]]

    project.write("Stagefile", applied(project.read("Stagefile"), edits))

    project.build("--check").ran("s")
    project.build("trace", "s").exited(0)


@needs_seccomp
def test_a_failed_check_says_what_and_what_to_do(project: Project) -> None:
    project.stagefile('command("s", "cat a b > o", inputs=["a"], outputs=["o"], retries=3)\n')
    project.write("a").write("b")

    project.build("--check").failed("s").printed(
        """\
        [1/1] FAILED    s  <time>

        failed: s: it reads `b`, which it does not declare
          to declare that, Stagefile:2:40: inputs=["a", "b"]
          what it left is in `.stagemake/Stagefile/failed/s/o`
          to run it again: stagemake --check s
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    )
    project.build().ran("s")


@needs_seccomp
def test_tracing_defines_no_key(project: Project) -> None:
    project.stagefile('command("s", "cat a b > o", inputs=["a"], outputs=["o"])\n')
    project.write("a").write("b").build("trace", "s").exited(1)

    project.build().fresh("s")
    project.clone().build().restored("s")


@needs_seccomp
def test_a_damaged_program_is_no_script_while_watched_either(project: Project) -> None:
    project.stagefile("command('s', ['./damaged', 'a'], inputs=['a'])\n").write("a")
    project.write("damaged", "\0" * 4096)
    (project.root / "damaged").chmod(0o755)

    result = project.build("--check").failed("s")

    assert "could not start: `./damaged`: exec format error" in result.stderr


@needs_seccomp
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit 3", "exit status 3"),
        ("kill -9 $$", "it was ended by signal 9 (SIGKILL)"),
        ("kill -15 $$", "it was ended by signal 15 (SIGTERM)"),
        ("sleep 30", "it took longer than its timeout of <time>"),
        ("trap '' TERM; sleep 30 & sleep 30", "it took longer than its timeout of <time>"),
    ],
)
def test_a_watched_action_ends_as_it_would_alone(project: Project, text: str, problem: str) -> None:
    limit = ", timeout=0.3" if "sleep" in text else ""
    project.stagefile(f"command('s', {text!r}, inputs=['a'], outputs=['o']{limit})\n").write("a")

    result = project.build("--check").failed("s")

    assert f"failed: s: {problem}\n" in result.stderr


@needs_seccomp
def test_what_a_watched_action_leaves_running_is_ended(project: Project) -> None:
    text = "setsid sh -c 'echo $$ > pid; while :; do cat a >/dev/null; done' & while ! test -s pid; do :; done"
    project.stagefile(
        f"command('s', {text!r}, cwd='out', outputs=['out/pid'], inputs=['a', 'out/a'])\n"
    )
    project.write("a").write("out/a")

    project.build("--check").ran("s")

    alive = subprocess.run(
        ["kill", "-0", project.read("out/pid").strip()], check=False, capture_output=True
    )
    assert alive.returncode != 0


@needs_seccomp
def test_a_signal_ends_a_watched_build_in_order(project: Project) -> None:
    project.stagefile(
        "command('s', 'echo > out/begun; sleep 60', inputs=['a'], outputs=['out/begun'])\n"
    )
    project.write("a")
    process = project.start("--check")
    while not project.has("out/begun"):
        assert process.poll() is None

    process.send_signal(signal.SIGTERM)

    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "[1/1] cut short s\n" in err


@needs_seccomp
def test_functions_give_values_and_failures_while_watched(project: Project) -> None:
    project.stagefile(
        """\
        @stage(inputs=["a"], provides=["n"], outputs=["o"])
        def gives(context):
            context.shared["n"] = 7
            context.outputs[0].write_text("x")

        @stage(uses=["n"], outputs=["p"])
        def takes(context):
            context.outputs[0].write_text(str(context.shared["n"]))
            print("said")

        @stage(outputs=["q"])
        def fails(context):
            raise ValueError("no")
        """
    ).write("a")

    result = project.build("--check", "-k").failed("fails").ran("gives", "takes")

    assert project.read("p") == "7"
    assert "said\n" in result.stderr
    assert "failed: fails: ValueError: no\n" in result.stderr


@needs_seccomp
def test_only_one_can_watch_and_the_second_says_so(project: Project) -> None:
    inner = f"{sys.executable} -m stagemake -C sub --check"
    project.stagefile(f"command('s', {inner!r}, always=True, pass_env=['PYTHONPATH'])\n")
    project.stagefile("command('t', 'cat a', inputs=['a'])\n", "sub/Stagefile").write("sub/a")

    # In a process of its own: that has where stagemake is in its variables.
    result = project.run("trace", "s")

    assert "something watches this process already, and only one can" in result.stderr


@pytest.mark.parametrize(
    ("without", "options", "text"),
    [
        ("seccomp strace", ["--check"], "this system can't watch what commands read and write"),
        ("seccomp strace", ["trace", "s"], "this system can't watch what commands read and write"),
        ("landlock", ["--sandbox"], "this system can't keep stages from files"),
    ],
)
def test_where_the_system_can_not_it_says_what_is_missing(
    project: Project, without: str, options: list[str], text: str
) -> None:
    project.env["STAGEMAKE_WATCH_WITHOUT"] = without
    project.stagefile("command('s', 'cp a b', inputs=['a'], outputs=['b'])\n").write("a")

    result = project.build(*options).exited(2)

    missing = "".join(
        f"  {name:<{max(map(len, without.split()))}}  switched off by STAGEMAKE_WATCH_WITHOUT\n"
        for name in without.split()
    )
    assert (
        result.stderr == f"error: {text}\n{missing}hint: `stagemake doctor` tells what there is\n"
    )
    assert not project.has("b")


def test_functions_are_watched_by_python_where_nothing_else_is_there(project: Project) -> None:
    project.env["STAGEMAKE_WATCH_WITHOUT"] = "seccomp strace"
    project.stagefile(
        """\
        @stage(inputs=["a"], outputs=["o"])
        def reads(context):
            context.outputs[0].write_text(open("b").read())
        """
    ).write("a").write("b")

    result = project.build("--check").failed("reads")

    assert "failed: reads: it reads `b`, which it does not declare\n" in result.stderr


@needs_landlock
def test_a_fence_without_a_watcher_records_nothing(project: Project) -> None:
    project.env["STAGEMAKE_WATCH_WITHOUT"] = "seccomp strace"
    project.stagefile(
        "command('s', 'cat a > o/b; cat c >> o/b || true', inputs=['a'], outputs=['o/b'])\n"
    )
    project.write("a", "a").write("c", "c")

    result = project.build("--sandbox").ran("s")

    assert project.read("o/b") == "a"
    assert "note: not recorded: whether the sandbox kept it from something" in result.stderr
    project.build().ran("s")
    assert project.read("o/b") == "ac"


@needs_landlock
@needs_seccomp
def test_a_sandbox_denies_other_files_beside_an_output_and_writing_outside(
    project: Project,
) -> None:
    project.stagefile(
        """\
        command("one", "echo 1 > o/1", inputs=["a"], outputs=["o/1"])
        command("two", "cat o/1 > o/2; echo > $HOME/x", inputs=["a"], outputs=["o/2"], after=["one"])
        command("three", "cp a report && echo > $TMPDIR/t", inputs=["a"], outputs=["report"])
        """
    ).write("a")

    result = project.build("--sandbox", "-k").failed("two").ran("one", "three")

    assert "cat: o/1: Permission denied" in result.stderr
    assert not (project.base / "home/x").exists()


@pytest.mark.parametrize(
    "name", ["plain", "new\nline", 'quo"te', "back\\slash", "ü", "\udcff", "a, b", "x>y"]
)
@pytest.mark.parametrize("without", [
    pytest.param("", marks=needs_seccomp, id="seccomp"),
    pytest.param("seccomp", marks=needs_strace, id="strace"),
])  # fmt: skip
def test_any_name_is_found(project: Project, name: str, without: str) -> None:
    project.env["STAGEMAKE_WATCH_WITHOUT"] = without
    project.stagefile("command('s', 'cat d/* > o', inputs=['d/known'], outputs=['o'])\n")
    project.write("d/known").write(f"d/{name}")

    seen = project.build("trace", "--json", "s").exited(1).json["stages"][0]

    assert [f"d/{name}"] == [each["path"] for each in seen["reads"]]


def test_a_build_without_these_words_loads_none_of_it(project: Project) -> None:
    script = (
        "import sys; from stagemake.door import main; main(['-s', '-B'] + sys.argv[1:]);"
        "print(*[name for name in sys.modules if '.observe' in name or 'watch' in name])"
    )
    project.stagefile("command('s', 'cp a b', inputs=['a'], outputs=['b'])\n").write("a")

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.root, env=project.process_environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == "\n"
