"""What a build with nothing to do asks of the system, counted with strace: each path once, and little else.

Counts, not times: they are the same on every machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from noop_kit import MODULES
from strace_kit import NAME, STAGEFILE, STARTS, STATS, Calls, built, find_strace, noop

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project


@pytest.fixture(scope="module")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the program; skip where there is none, or where it may not look."""
    return find_strace(tmp_path_factory)


def stat_counts(calls: Calls) -> Counter[str]:
    """Return how often each name was statted, empty names (open files) left out."""
    found = (NAME.search(words) for name, words in calls if name in STATS)
    return Counter(match[1] for match in found if match is not None and match[1])


@pytest.mark.parametrize("arguments", [(), ("-s",), ("-q",), ("-n",), ("-j4",)], ids=" ".join)
def test_every_input_and_output_is_statted_once_by_its_short_name_and_never_opened(
    strace: str, project: Project, arguments: tuple[str, ...]
) -> None:
    built(project, 6)
    names = {f"{place}/{number:03d}.txt" for place in ("in", "out") for number in range(6)}

    calls = noop(strace, project, *arguments)

    counts = stat_counts(calls)
    assert {name: counts[name] for name in counts if name.endswith(".txt")} == dict.fromkeys(
        names, 1
    )
    assert [
        words for name, words in calls if name.startswith("open") and re.search(r"\d\.txt", words)
    ] == []


def test_a_dry_run_of_what_was_never_built_opens_no_input(strace: str, project: Project) -> None:
    project.stagefile(STAGEFILE)
    for number in range(3):
        project.write(f"in/{number:03d}.txt", "text")

    opened = [
        [words for name, words in noop(strace, project, *arguments)
         if name.startswith("open") and re.search(r"\d\.txt", words)]
        for arguments in (("-n",), ("-n", "--json"))
    ]  # fmt: skip

    assert [len(calls) for calls in opened] == [0, 3]  # JSON has keys


def test_ten_stages_more_are_twenty_calls_more(strace: str, tmp_path: Path) -> None:
    from project import Project

    fewer, more = built(Project(tmp_path / "five"), 5), built(Project(tmp_path / "more"), 15)
    counts = [
        Counter(name for name, _ in noop(strace, one) if name not in {"mmap", "munmap", "brk"})
        for one in (fewer, more)  # where memory comes from is the allocator's matter
    ]

    assert (
        counts[1] - counts[0] == Counter({"newfstatat": 20})
        or sum((counts[1] - counts[0])[name] for name in STATS)
        == (counts[1] - counts[0]).total()
        == 20
    )  # another name for it on other machines
    assert counts[0] - counts[1] == Counter()


def test_nothing_is_started_written_or_looked_up_in_the_cache(
    strace: str, project: Project
) -> None:
    calls = noop(strace, built(project, 3))

    assert [call for call in calls if call[0] in STARTS or call[0].startswith("socket")] == []
    assert [name for name, _ in calls].count("execve") == 1  # the interpreter itself
    opened = [words for name, words in calls if name.startswith("open")]
    assert [words for words in opened if re.search("O_WRONLY|O_RDWR|O_CREAT", words)] == []
    assert [words for _, words in calls if str(project.cache) in words] == []
    assert [words for _, words in calls if "cache.db" in words or "history.db" in words] == []
    written = [words for name, words in calls if name in {"write", "writev", "pwrite64"}]
    assert [NAME.search(words)[1] for words in written] == [r"stagemake: up to date\n"]  # type: ignore[index]  # it is there


def test_the_record_and_what_was_touched_since_are_all_of_the_project_that_is_read(
    strace: str, project: Project
) -> None:
    calls = noop(strace, built(project, 3))

    opened = [NAME.search(words) for name, words in calls if name.startswith("open")]
    below = [each[1] for each in opened if each is not None and str(project.root) in each[1]]
    state = f"{project.root}/.stagemake/Stagefile"
    assert below == [f"{state}/noop", f"{state}/touched"]


def test_a_touched_file_is_read_once_and_not_again_by_the_next_build(
    strace: str, project: Project
) -> None:
    built(project, 3).touch("in/001.txt")

    reads = [
        [words for name, words in noop(strace, project) if name.startswith("open") and "1.txt" in words]
        for _ in range(2)
    ]  # fmt: skip

    assert [len(each) for each in reads] == [1, 0]


def test_the_modules_of_a_build_with_nothing_to_do_are_few_and_known(project: Project) -> None:
    built(project, 3)
    code = (
        "import sys; before = set(sys.modules); from stagemake.door import answer; code = answer([]);"
        "print(code, *sorted(set(sys.modules) - before))"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=project.root, env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    code, *modules = done.stdout.split()
    assert code == "0"
    assert set(modules) - MODULES == set()
