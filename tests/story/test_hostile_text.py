"""Names, values and logs that would drive a terminal: no command lets them, on stdout or on stderr."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project, Result

NAME = "n\x1b]0;t\x07\n\x9b\x1b[2J"
DRAWN = ["graph --files --format dot", "graph --format mermaid", "graph --format svg"]
COMMANDS = (
    "-k -v", "-n -v", "list -v", "list --tree", "why a", "why --tree u", "why random tree", "history", "history 1",
    "history 1 2", *DRAWN, "doctor", "plugins", "cache stats", "cache stats --cache-dir NAME", "cache verify", "cache gc", "clean -n",
    "trace u", "verify random tree", "-n -W IN", "-n -W NAME", "NAME", "-C NAME", "-f NAME", "-D NAME=1", "--NAME", "why NAME",
    "-n --affected HEAD", "graph --changed-since HEAD", "-n --affected NAME", "-n -o plan-NAME", "--plan plan-NAME",
    "--plan IN", "--plan NAME", "--cache-dir IN", "--events no/NAME", "--timeline no/NAME", "history NAME", "--check u", "clean",
)  # fmt: skip


@pytest.fixture
def hostile(project: Project) -> Project:
    """A built project with such a name wherever one can stand, in a directory with such a name."""
    project.root /= NAME
    project.root.mkdir()
    project.stagefile(f"""\
        N = {NAME!r}
        hostile = dict(inputs=["in" + N], description="d" + N, params={{"p" : N}}, env={{"E": N}})
        command("a", "cat {{inputs}} > {{outputs}}; printf 'log %s' \\"$E\\"", outputs=["out" + N + "/a"], **hostile)
        command("u", "cat {{inputs}} more* > {{outputs}}", inputs=["out" + N + "/a"], outputs=["o2" + N])
        command("fails", "cat {{inputs}} >&2; printf '%s' \\"$E\\"; exit 1", outputs=["o3" + N], **hostile)
        command("random", "date +%N > {{outputs}}; date +%N; printf '%s' \\"$E\\"", outputs=["o4" + N], **hostile)
        command("tree", "mkdir {{outputs}}; date +%N > {{outputs}}/\\"$E\\"", outputs=["d" + N + "/"], **hostile)
        config("c", N)
        """)
    project.write(f"in{NAME}", NAME).write(f"more{NAME}", "2")
    for words in ("init -q", "add -A", "-c user.email=a@b.c -c user.name=n commit -qm x"):
        subprocess.run(["git", *words.split()], cwd=project.root, check=True)
    project.build("-k").exited(1)
    project.write(f"in{NAME}", NAME * 2).build("-k").exited(1)
    return project.write(f"in{NAME}", NAME * 3).write(f"o4{NAME}", "mine")


def drives(result: Result) -> list[str]:
    """Return the lines with a control character in them."""
    lines = (result.stdout + result.stderr).replace("\t", "").split("\n")
    return [
        line for line in lines if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line)
    ]


def test_no_command_prints_what_drives_a_terminal(hostile: Project) -> None:
    for command in COMMANDS:
        words = [
            word.replace("NAME", NAME).replace("IN", f"in{NAME}") for word in command.split(" ")
        ]

        result = hostile.build(*words)

        assert drives(result) == [], command
        assert "Traceback" not in result.stderr, command


def test_who_holds_the_lock_is_told_without_what_it_wrote(hostile: Project) -> None:
    import fcntl

    with (hostile.root / ".stagemake/lock").open("w") as lock:
        lock.write(f"process {NAME}")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)

        for command in (["--no-wait"], ["doctor"]):
            result = hostile.build(*command)
            assert "process n\\x1b]0;t\\x07\\n\\x9b" in result.stdout + result.stderr
            assert drives(result) == []
