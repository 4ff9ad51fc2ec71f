"""Whoever reads what is printed may leave early: the exit status is that of a broken pipe, by every way in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

# The first is answered without the parser once something was built, the second never is.
WAYS = [("-n",), ("-n", "--color", "never"), ("list",)]


@pytest.mark.parametrize("words", WAYS, ids=" ".join)
def test_the_exit_status_is_141_when_nobody_reads(project: Project, words: tuple[str, ...]) -> None:
    project.stagefile(
        """\
        for i in range(3000):
            command(f"a-stage-with-a-long-name-{i}", "true", inputs=["in"])
        """
    ).write("in")
    read_fd, write_fd = os.pipe()
    os.close(read_fd)

    done = subprocess.run(
        [sys.executable, "-m", "stagemake", *words],
        cwd=project.root,
        env={**os.environ, "STAGEMAKE_CACHE_DIR": str(project.cache)},
        stdout=write_fd,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_fd)

    assert (done.returncode, done.stderr) == (141, "")
