"""Ask the entry of the command line whether there is nothing to do, as the installed script asks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import forked_kit
from forked_server import LEFT

if TYPE_CHECKING:
    from project import Project

MODULES = {
    "stagemake", "stagemake.door", "stagemake.freshness", "stagemake.freshness.identity",
    "stagemake.freshness.lock", "stagemake.freshness.noop", "stagemake.freshness.place",
    "stagemake.freshness.plain_argv", "stagemake.freshness.regular", "stagemake.freshness.sealed",
    "stagemake.freshness.signature", "errno",
    "stagemake.freshness.snapshot", "stagemake.freshness.survey", "__future__", "gc", "zlib", "fcntl",
}  # fmt: skip
"""All that may be imported to find out that there is nothing to do, beyond what the interpreter has."""

_ASK = "import sys; from stagemake import door; print(door.answer(sys.argv[1:]))"


def answer(project: Project, *arguments: str, cwd: str = "", before: str = "") -> int | None:
    """Return what the entry answers by itself; None when it leaves the answer to the command line.

    `before` is code that runs first, one line.
    """
    environ, place = project.process_environment(), os.path.join(project.root, cwd)
    done = None if before else forked_kit.entry_says(place, arguments, environ)
    if done is not None:
        assert not done.err or done.err == "stagemake: up to date\n"
        return None if done.status == LEFT else done.status
    process = subprocess.run(
        [sys.executable, "-P", "-c", f"{before}\n{_ASK}", *arguments],
        cwd=place, env=environ, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    word = process.stdout.splitlines()[-1]
    return None if word == "None" else int(word)


def said(project: Project, *arguments: str) -> str | None:
    """Return what the entry says on stdout when it answers by itself; None when it leaves that to the command line."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _ASK, *arguments],
        cwd=project.root,
        env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return None if done.stdout.endswith("None\n") else done.stdout.removesuffix("0\n")


def build(project: Project, *arguments: str, cwd: str = "") -> subprocess.CompletedProcess[str]:
    """Run the installed script's own function in a process of its own."""
    return _run(project, "from stagemake.door import script; script()", arguments, cwd)


def typed(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the same in a fork of a process that has everything loaded: 70 ms of processor time, not 250."""
    done = forked_kit.run(str(project.root), arguments, project.process_environment())
    if done is None:
        return build(project, *arguments)
    return subprocess.CompletedProcess(arguments, done.status, done.out, done.err)


def imports(code: str) -> bool:
    """Whether a Stagefile imports more than every process has, or asks how that is done: it gets a process of its own."""
    return bool(re.search(r"import(?! os\n| sys\n)|meta_path", code))


def long_way(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line itself in a process of its own, without what the entry could answer."""
    return _run(project, "import sys; from stagemake.door import main; sys.exit(main())", arguments)


def _run(
    project: Project, code: str, arguments: tuple[str, ...], cwd: str = ""
) -> subprocess.CompletedProcess[str]:
    forked_kit.let_it_age()  # what was copied just now; a quick machine starts Python in less
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=project.root / cwd,
        env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
