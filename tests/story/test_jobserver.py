"""One machine, shared: by stagemake under `make -j`, and by make, ninja and cargo in stages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from jobserver_kit import (
    cargo,
    count,
    has_fifos,
    job,
    make,
    makefile,
    meeting,
    most_at_once,
    needs_make,
    ninja,
    ninja_file,
)
from watch_kit import until

if TYPE_CHECKING:
    from project import Project

STAGES = """
    for number in range(6):
        command(f"stage.{{number}}", {job!r}, always=True)
"""


@needs_make
def test_makes_in_stages_and_other_stages_share_the_jobs(project: Project) -> None:
    makefile(project, "one.mk", 5)
    makefile(project, "two.mk", 5)
    project.stagefile(
        STAGES.format(job=job(project))
        + """
    command("one", "make -s -f one.mk", always=True)
    command("two", "make -s -f two.mk", always=True)
    """
    )

    result = project.run("-j3").exited(0)

    assert count(project) == 16
    assert most_at_once(project) <= 3
    assert "warning" not in result.stderr


@needs_make
def test_a_make_in_a_stage_uses_what_is_free(project: Project) -> None:
    makefile(project, "one.mk", 6, meeting(project, 3))
    project.stagefile('command("one", "make -s -f one.mk", always=True)')

    project.run("-j3").exited(0)

    assert most_at_once(project) == 3


@pytest.mark.parametrize("style", ["fifo", "pipe"])
def test_ninja_in_a_stage_shares_the_jobs(project: Project, style: str) -> None:
    ninja_file(project, "build.ninja", 6)
    project.write("pyproject.toml", f'[tool.stagemake]\njobserver = "{style}"\n')
    project.stagefile(
        STAGES.format(job=job(project))
        + f'    command("ninja", "{ninja()} --quiet", always=True)\n'
    )

    project.run("-j2").exited(0)

    assert count(project) == 12
    assert most_at_once(project) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("style", ["fifo", "pipe"])
def test_cargo_in_a_stage_shares_the_jobs(project: Project, style: str) -> None:
    project.write("pyproject.toml", f'[tool.stagemake]\njobserver = "{style}"\n')
    project.stagefile(
        STAGES.format(job=job(project))
        + f'    command("cargo", {cargo(project, 5)!r}, always=True)\n'
    )

    project.run("-j2").exited(0)

    assert count(project) == 11
    assert most_at_once(project) <= 2


# As the library does it that cargo and others use: one flag, a FIFO or two descriptors that are there.
CLIENT = """\
import os, re, select, stat, sys
flags = os.environ["MAKEFLAGS"]
(auth,) = re.findall(r"--jobserver-(?:auth|fds)=(\\S+)", flags)
assert flags.index("-j3") < flags.index("--jobserver")
if auth.startswith("fifo:"):
    form, ends = "fifo", [os.open(auth[5:], os.O_RDWR)] * 2
else:
    form, ends = "pipe", list(map(int, auth.split(",")))
assert all(stat.S_ISFIFO(os.fstat(end).st_mode) for end in ends)
tokens = b""  # the tool may have one in hand for a moment, while it looks whether there is more to start
while select.select(ends[:1], [], [], 0 if len(tokens) >= 2 else 60)[0]:
    tokens += os.read(ends[0], 1)
os.write(ends[1], tokens)
print(form, len(tokens))
"""


@pytest.mark.parametrize("style", ["fifo", "pipe"])
def test_what_a_stage_is_told_is_what_clients_read(project: Project, style: str) -> None:
    project.write("pyproject.toml", f'[tool.stagemake]\njobserver = "{style}"\n')
    project.write("client.py", CLIENT).stagefile(
        f'command("client", ["{sys.executable}", "client.py"], always=True)'
    )

    said = project.run("-j3").exited(0).stderr

    assert f"\n{style} 2\n" in said  # the third job is the stage itself


@needs_make
def test_under_make_stages_and_recipes_share_the_jobs(project: Project) -> None:
    project.stagefile(STAGES.format(job=job(project)))
    targets = " ".join(f"job{number}" for number in range(5))
    project.write(
        "Makefile",
        f"all: built {targets}\nbuilt:\n\t+$(PYTHON) -m stagemake\n{targets}:\n\t@{job(project)}\n",
    )

    said = make(project, "-j3")

    assert count(project) == 11
    assert most_at_once(project) <= 3
    assert "jobserver" not in said


@needs_make
def test_a_make_under_stagemake_under_make_shares_the_jobs_of_the_outermost(
    project: Project,
) -> None:
    makefile(project, "inner.mk", 6)
    project.stagefile(
        STAGES.format(job=job(project))
        + '    command("inner", "make -s -f inner.mk", always=True)\n'
    )
    project.write("Makefile", "all:\n\t+$(PYTHON) -m stagemake -j8\n")

    said = make(project, "-j2")

    assert count(project) == 12
    assert most_at_once(project) == 2
    assert "jobserver" not in said


@needs_make
def test_a_recipe_without_plus_gets_one_job_and_is_told(project: Project) -> None:
    project.stagefile(STAGES.format(job=job(project)))
    project.write("Makefile", "all:\n\t$(PYTHON) -m stagemake\n")

    said = make(project, "-j3")

    if has_fifos():  # which are there for everybody
        assert most_at_once(project) <= 3
        assert "jobserver" not in said
    else:
        assert most_at_once(project) == 1
        assert "mark the recipe with `+`" in said


def pool_of(project: Project, tokens: int) -> tuple[str, int]:
    """Return the path of a FIFO with so many tokens, and a descriptor that keeps it."""
    path = str(project.base / "pool")
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(fd, b"abcdefgh"[:tokens])
    return path, fd


def test_tokens_come_back_as_they_were_also_when_a_stage_fails(project: Project) -> None:
    path, fd = pool_of(project, 3)
    project.env["MAKEFLAGS"] = f"w -j4 --jobserver-auth=fifo:{path} -- X=1"
    project.stagefile(
        STAGES.format(job=job(project)) + '    command("bad", "sleep 0.1; false", always=True)\n'
    )

    project.run("-k").failed("bad")

    assert most_at_once(project) in range(1, 5)
    assert sorted(os.read(fd, 100)) == sorted(b"abc")
    os.close(fd)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_tokens_come_back_when_it_is_ended(project: Project, number: int) -> None:
    path, fd = pool_of(project, 3)
    project.env["MAKEFLAGS"] = f"-j4 --jobserver-auth=fifo:{path}"
    project.stagefile(
        """
        for number in range(4):
            command(f"stage.{number}", f"touch started.{number}; sleep 100", always=True)
        """
    )
    process = project.start()
    until(lambda: all(project.has(f"started.{number}") for number in range(4)), "all four")

    process.send_signal(number)
    process.wait(60)

    back = bytearray()

    def all_back() -> bool:
        try:
            back.extend(os.read(fd, 100))
        except BlockingIOError:
            pass
        return len(back) == 3

    until(all_back, "three tokens")
    assert sorted(back) == sorted(b"abc")
    os.close(fd)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_the_variable_is_in_no_key_and_a_stage_may_say_otherwise(project: Project) -> None:
    project.stagefile(
        """
        command("told", "cp a b; echo got:$MAKEFLAGS >&2", inputs=["a"], outputs=["b"])
        command("other", "echo got:$MAKEFLAGS >&2; cp a c", inputs=["a"], outputs=["c"], env={"MAKEFLAGS": "mine"})
        command("none", "echo got:$MAKEFLAGS >&2; cp a d", inputs=["a"], outputs=["d"], env={"MAKEFLAGS": None})
        """
    ).write("a", "1")

    first = project.run("-j2").ran("told", "other", "none")

    assert (
        first.stderr.count("got: -j2 --jobserver-auth=")
        + first.stderr.count("got:-j2 --jobserver-auth=")
        == 1
    )
    assert "got:mine\n" in first.stderr
    assert "got:\n" in first.stderr
    project.run("-j1").printed("stagemake: up to date\n")
    project.run("-j3", "-n").printed("stagemake: up to date\n")
    other = project.clone()
    other.stagefile("".join(project.read("Stagefile").splitlines(keepends=True)[1:]))
    other.run("-j1").restored("told", "other", "none")
    other.run("-j1", "-B").exited(0)
    assert not other.has(".stagemake/Stagefile/jobserver")


def test_off_is_off_and_one_job_needs_none(project: Project) -> None:
    project.stagefile('command("told", "echo got:$MAKEFLAGS >&2", always=True)')

    assert "got:\n" in project.run("-j1").stderr
    project.write("pyproject.toml", '[tool.stagemake]\njobserver = "off"\n')

    assert "got:\n" in project.run("-j4").stderr


def test_functions_and_what_they_start_are_told_by_a_fifo(project: Project) -> None:
    project.write("pyproject.toml", '[tool.stagemake]\njobserver = "fifo"\n')
    project.stagefile(
        """
        @stage(always=True)
        def told(context):
            import os, subprocess
            subprocess.run(["sh", "-c", "echo got:$MAKEFLAGS >&2"], check=True)
        """
    )

    result = project.run("-j2").exited(0)

    assert (
        "got: -j2 --jobserver-auth=fifo:<root>/.stagemake/Stagefile/jobserver\n"
        in result.stderr.replace("got:-j2", "got: -j2")
    )
    assert not project.has(".stagemake/Stagefile/jobserver")


@needs_make
def test_without_end_it_is_the_same(project: Project) -> None:
    """Many short jobs: what is taken is what is given back, or the last ones would run one by one."""
    path, fd = pool_of(project, 2)
    project.env["MAKEFLAGS"] = f"-j3 --jobserver-auth=fifo:{path}"
    project.stagefile('for n in range(60):\n    command(f"stage.{n}", "true", always=True)')

    for _ in range(2):
        subprocess.run(
            [sys.executable, "-m", "stagemake", "-s"],
            cwd=project.root, env=project.process_environment(), check=True,
        )  # fmt: skip

    assert sorted(os.read(fd, 100)) == sorted(b"ab")
    os.close(fd)
