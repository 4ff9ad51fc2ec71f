"""What a function stage asks of the system beside its own doing, counted with strace; counts, not times."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

STAGEFILE = """\
def nothing(context):
    open(context.outputs[0], "w").close()

for number in range(8):
    stage(name=f"s{number}", outputs=[f"out/{number}"])(nothing)
"""
MOST_CALLS = 64  # 44 when this was written, some 120 before forks found all prepared


@pytest.fixture
def strace(project: Project) -> str:
    """Return the program; skip where there is none, or where it may not look."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed; .ci/run installs it")
    command = [found, "-o", project.base / "trial", "true"]
    if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("strace may not trace here")
    return found


def calls_by_process(strace: str, project: Project) -> dict[str, list[str]]:
    """Return the names of the system calls of a build, by process."""
    trace = project.base / "trace"
    script = "from stagemake.door import script; script()"
    done = subprocess.run(
        [strace, "-f", "-o", trace, sys.executable, "-P", "-c", script, "-j1"],
        cwd=project.root,
        env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = defaultdict(list)
    for line in trace.read_text(errors="replace").splitlines():
        pid, words = line.split(None, 1)
        if words[0] not in "<+-":  # the rest of a call, an end, a signal
            found[pid].append(words.partition("(")[0])
    return found


def test_the_process_of_a_function_does_little_beside_the_function(
    strace: str, project: Project
) -> None:
    project.stagefile(STAGEFILE)

    found = calls_by_process(strace, project)

    functions = [calls for calls in found.values() if "setsid" in calls]
    assert len(functions) == 8
    assert statistics.median(map(len, functions)) <= MOST_CALLS
    assert not [calls for calls in functions if "mkdir" in calls or "execve" in calls]
    assert statistics.median(calls.count("rt_sigaction") for calls in functions) <= 12
