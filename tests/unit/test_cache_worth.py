"""What past builds had of the cache: counted, and put into words."""

from __future__ import annotations

import pytest

from stagemake.model.result import CacheUse
from stagemake.past.build import PastBuild, PastStage
from stagemake.past.cache_use import CacheWorth, StageUse, worth_of
from stagemake.past.ending import Ending
from stagemake.report.cache_text import CacheState, cache_lines


def build(number: int, *stages: PastStage, cache: CacheUse | None = None) -> PastBuild:
    return PastBuild(number, 0.0, (), 1, "0", Ending.DONE, stages=stages, cache=cache)


NEWEST = build(
    3,
    PastStage("slow", "restored", output_bytes=2048),
    PastStage("elsewhere", "restored"),
    PastStage("late", "blocked"),
    cache=CacheUse(2, 0, 2048, 0),
)
SECOND = build(2, PastStage("slow", "failed", wall_s=3.0), PastStage("quick", "ran", wall_s=0.5))
FIRST = build(1, PastStage("slow", "ran", wall_s=5.0, output_bytes=1), cache=CacheUse(0, 1, 0, 1))
WORTH = CacheWorth(
    3, 2, 3, 2048, 1,
    (
        StageUse("slow", 2, 1, 8.0, 4.0, 2048),
        StageUse("quick", 1, 0, 0.5, 0.0, None),
        StageUse("elsewhere", 0, 1, 0.0, None, None),
    ),
)  # fmt: skip


def lines(worth: CacheWorth | None, gc: tuple[int, int] | None, *, shows_all: bool = False) -> str:
    state = CacheState("/c", 3, 2, 2049, 10 << 30, gc, worth)
    return "\n".join(cache_lines(state, shows_all=shows_all))


def test_a_hit_saves_what_a_run_usually_takes_and_stages_that_cost_most_come_first() -> None:
    found = worth_of([NEWEST, SECOND, FIRST], {"slow": 4.0, "quick": 0.5})

    assert found == WORTH
    assert (found.saved_s, found.unknown_hits) == (4.0, 1)


def test_no_builds_are_worth_nothing() -> None:
    assert worth_of([], {}) == CacheWorth()


def test_the_words() -> None:
    assert (
        lines(WORTH, (2, 2048))
        == """\
path     /c
records  3
blobs    2
size     2.0 KiB of 10.0 GiB
gc       would remove 2 records, 2.0 KiB in all

project  3 builds: 3 runs, 2 hits
saved    4.0 s; not known for 1 hit
moved    1 B written, 2.0 KiB read

stage      runs   took  hits  saved   output
slow          2  8.0 s     1  4.0 s  2.0 KiB
quick         1  0.5 s     0
elsewhere     0            1      ?"""
    )


def test_outside_of_a_project_and_where_the_cache_cannot_be_read_less_is_said() -> None:
    assert lines(None, None) == "path     /c\nrecords  3\nblobs    2\nsize     2.0 KiB of 10.0 GiB"


def test_ten_stages_are_shown_or_all() -> None:
    stages = tuple(StageUse(f"s{n}", 1, 0, 1.0) for n in range(12))
    worth = CacheWorth(1, 0, 12, 0, 0, stages)

    assert lines(worth, None).endswith("\nand 2 more stages: stagemake cache stats --all")
    assert "s11" not in lines(worth, None)
    assert lines(worth, None, shows_all=True).count("1.0 s") == 12


@pytest.mark.parametrize(
    ("gc", "said"),
    [
        ((0, 0), "nothing"),
        ((1, 2048), "1 record, 2.0 KiB in all"),
        ((0, 2048), "2.0 KiB that no record needs"),
    ],
)
def test_what_collecting_would_remove(gc: tuple[int, int], said: str) -> None:
    assert f"\ngc       would remove {said}" in lines(None, gc)
