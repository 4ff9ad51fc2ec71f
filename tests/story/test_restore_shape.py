"""What bringing results back asks of the system, counted with strace: so much for each file, and no process.

Counts, not times: they are the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from strace_kit import STARTS, STATS, built, find_strace, noop

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> list[Counter[str]]:
    """Return the system calls of bringing back 5 and 15 files."""
    strace = find_strace(tmp_path_factory)
    return [restored(strace, tmp_path_factory.mktemp("files"), count) for count in (5, 15)]


def restored(strace: str, place: Path, count: int) -> Counter[str]:
    from project import Project

    project: Project = built(Project(place), count)
    for _ in range(2):  # the first one may compile modules that nothing else has imported
        for number in range(count):
            project.remove(f"out/{number:03d}.txt")
        calls = noop(strace, project, "-s")
    assert (project.root / "out/000.txt").read_text() == "text"
    return Counter("stat" if name in STATS else name for name, _ in calls)


def test_nothing_is_started_where_nothing_runs(counts: list[Counter[str]]) -> None:
    assert {name: counts[1][name] for name in STARTS if counts[1][name]} == {}


def test_each_file_more_is_opened_written_and_renamed_once(counts: list[Counter[str]]) -> None:
    more = counts[1] - counts[0]
    of_files = (
        "openat",
        "rename",
        "renameat",
        "renameat2",
        "unlink",
        "mkdir",
        "fsync",
        "fdatasync",
    )

    assert {name: more[name] for name in of_files if more[name]} == {"openat": 10, "renameat": 10}


def test_each_file_more_is_ten_looks_and_two_writes(counts: list[Counter[str]]) -> None:
    """Looked at: before and in the plan, its input once more; its directory, its place, itself when made and named.

    Written: the file, and one record that says what the last one holds and that this one is begun.
    """
    more = counts[1] - counts[0]

    assert more["stat"] <= 100
    assert more["write"] <= 20
