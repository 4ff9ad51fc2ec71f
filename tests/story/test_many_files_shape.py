"""One stage with many files, as inputs or in the directory that it makes: what a build does grows as they do.

Counted are calls of functions, Python's and C's, so looks at files and statements of SQL as well: twice the
files may cost twice as much, and no more. What 100 000 files cost stands in docs/reliability.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from project import Project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

COUNTS = (128, 256, 512)  # in steps of 64: as many rows are read at a time
COUNTING = """\
import sys, threading
counts = []
def seen(frame, event, argument):
    if event in ("call", "c_call"):
        counts.append(None)
from stagemake import door
from stagemake.stagefile import audit
import stagemake.building, stagemake.executing, stagemake.cli.build_command
threading.setprofile(seen)
sys.setprofile(seen)
status, found = door.look(sys.argv[1:])
if status is None:
    audit.install()
    status = door.main(sys.argv[1:], found)
sys.setprofile(None)
print("calls", len(counts))
sys.exit(status)
"""
MOST_EACH = {"first": 400, "nothing to do": 3, "restore": 420, "edit": 420}
STAGEFILES = {
    "outputs": 'command("many", "mkdir many && cp in/* many", inputs=["in/"], outputs=["many/"])\n',
    "inputs": (
        'command("count", "ls in | wc -l > {outputs}", inputs=list(glob("in/*")), outputs=["many"])\n'
    ),
}


def calls_of(project: Project, said: str) -> int:
    """Build, and return how many functions the tool called for it; what it imports apart, as far as it can be."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", COUNTING, "build"],
        cwd=project.root, env=project.process_environment(),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    return int(done.stdout.rpartition("calls ")[2])


def acts(project: Project, kind: str, count: int) -> dict[str, int]:
    """Return the calls of a first build, of one with nothing to do, of a restore, and after an edit of one file."""
    project.stagefile(STAGEFILES[kind])
    for number in range(count):
        project.write(f"in/{number:04d}", f"{number}\n")
    found = {"first": calls_of(project, "1 ran"), "nothing to do": calls_of(project, "up to date")}
    many = project.root / "many"
    shutil.rmtree(many) if many.is_dir() else many.unlink()
    found["restore"] = calls_of(project, "1 restored")
    project.write("in/0000", "other\n")
    found["edit"] = calls_of(project, "1 ran")
    if kind == "outputs":
        assert project.read("many/0000") == "other\n"
        assert len(os.listdir(many)) == count
    return found


@pytest.fixture(scope="module", params=sorted(STAGEFILES))
def calls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, int]]:
    """Return the calls of each act, by how many files there are."""
    places: list[Path] = [tmp_path_factory.mktemp("many") for _ in (*COUNTS, 0)]
    acts(Project(places[-1]), request.param, 1)  # what is imported first may be compiled
    return [
        acts(Project(place), request.param, count)
        for place, count in zip(places, COUNTS, strict=False)
    ]


@pytest.mark.parametrize("act", ["first", "nothing to do", "restore", "edit"])
def test_twice_the_files_cost_twice_the_calls(calls: list[dict[str, int]], act: str) -> None:
    few, more, most = (one[act] for one in calls)

    # A step that looks at all files for each costs four times as much; waiting for a stage makes some calls, too.
    assert most - more <= 2.6 * (more - few) + 100


def test_each_file_costs_so_many_calls(calls: list[dict[str, int]]) -> None:
    each = {act: (calls[2][act] - calls[1][act]) / (COUNTS[2] - COUNTS[1]) for act in calls[0]}

    assert {act: round(cost) for act, cost in each.items() if cost > MOST_EACH[act]} == {}
