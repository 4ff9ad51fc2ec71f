"""`examples/embed`: an application with managers of its own, run as its README says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from example_kit import Example

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(tmp_path, "embed")


def lines(example: Example, *words: str) -> list[str]:
    done = example.shell(f"python3 app.py {' '.join(words)}")
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def test_the_readme_is_what_happens(example: Example) -> None:
    example.follow_readme(least=6)


def test_a_cancelled_build_leaves_no_process_and_a_state_that_the_next_one_goes_on_from(
    example: Example,
) -> None:
    assert lines(example, "cancel", "poems") == [
        "poems: cancelled in count.river",
        "poems: 0 processes left, 1 stage done",
    ]
    assert not example.path("shelves/poems/build/river.json").exists()

    assert lines(example, "build", "poems")[-1] == "poems: 3 stages, 2 ran"
    assert example.read("shelves/poems/build/shelf.txt") == (
        "dawn: 26 words\nriver: 52 words\nall: 78 words\n"
    )


def test_progress_comes_from_the_stages_line_by_line(example: Example) -> None:
    said = [line for line in lines(example, "build", "letters") if " line " in line]

    assert said == [
        f"letters: count.{text} line {number} of 4"
        for text in ("first", "second")
        for number in range(1, 5)
    ]


def test_two_managers_build_side_by_side_and_each_has_a_state_of_its_own(example: Example) -> None:
    both = lines(example, "build", "letters", "poems")

    assert {line for line in both if line.endswith("ran")} == {
        "letters: 3 stages, 3 ran",
        "poems: 3 stages, 3 ran",
    }
    example.edit("shelves/letters/texts/first.txt", "Send oil", "Send much oil")
    again = lines(example, "build", "letters", "poems")
    assert "poems: 3 stages, 0 ran" in again
    assert "letters: 3 stages, 2 ran" in again
    texts = [example.read(f"shelves/letters/texts/{name}.txt") for name in ("first", "second")]
    total = sum(len(text.split()) for text in texts)
    assert example.read("shelves/letters/build/shelf.txt").endswith(f"all: {total} words\n")
