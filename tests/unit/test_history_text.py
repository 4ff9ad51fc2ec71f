"""Past builds as text, to the column: in a pipe whole, on a terminal of 80 columns cut."""

from __future__ import annotations

import os
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from stagemake.model.plan import Interval
from stagemake.past.build import PastBuild, PastStage
from stagemake.past.compare import compare
from stagemake.past.ending import Ending
from stagemake.report.amount import ago
from stagemake.report.history_text import Page, build_text, builds_text, comparison_text

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW_S = 1_795_600_000.0  # 2026-11-25 09:46:40 UTC
LONG = "packages.very.long.name.of.some.stage.that.goes.on"
STAGES = (
    PastStage("compile.main", "ran", "input_changed", "src/main.c", wall_s=62.0, expected_s=Interval(58.0, 70.0)),
    PastStage(LONG, "restored", "never_built", wall_s=0.012),
    PastStage("link", "failed", "command_changed", wall_s=1.25, expected_s=Interval(1.0, 1.2)),
    PastStage("check", "blocked", subject="link"),
)  # fmt: skip
BUILDS = (
    PastBuild(104, NOW_S - 60, ("app", LONG), 8, "0.1.0", Ending.FAILED, Interval(60.0, 75.0), 64.1,
              {"ran": 1, "restored": 1, "failed": 1, "blocked": 1, "cancelled": 3, "fresh": 196}, STAGES),
    PastBuild(103, NOW_S - 86_400, (), 8, "0.1.0", Ending.DONE, Interval(60.0, 75.0), 64.1,
              {"ran": 12, "cut_off": 3}, (STAGES[0],)),
    PastBuild(9, NOW_S - 400 * 86_400, ("app",), 1, "0.1.0", Ending.KILLED, None, None, {"ran": 2}),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def test_the_list_fits_80_columns() -> None:
    text = builds_text(BUILDS, 0, Page(20, 80, NOW_S))

    assert text.splitlines()[:4] == [
        "run  when           took    p50    p90   in  ran  hits  same  bad  left  targets",
        "104  09:45:40      1m04s  1m00s  1m15s         1     1   196    2     3  app ...",
        "103  11-24 09:46   1m04s  1m00s  1m15s  yes   12     0     3             (def...",
        "  9  2025-10-21   killed                       2     0     0             app",
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_the_list_in_a_pipe_is_whole() -> None:
    assert builds_text(BUILDS, 2, Page(2, 0, NOW_S)) == textwrap.dedent(
        f"""\
        run  when          took    p50    p90   in  ran  hits  same  bad  left  targets
        104  09:45:40     1m04s  1m00s  1m15s         1     1   196    2     3  app {LONG}
        103  11-24 09:46  1m04s  1m00s  1m15s  yes   12     0     3             (default)
        and 1 more build: stagemake history --all
        2 builds noted by a newer stagemake: left out

        forecasts against what came (inside: took no longer than p90):
                      forecasts  inside  median error
        builds                1    100%            6%
        compile.main          2    100%            6%
        """
    )


def test_one_build() -> None:
    assert build_text(BUILDS[0], Page(20, 80, NOW_S)) == textwrap.dedent(
        """\
        build 104: app packages.very.long.name.of.some.stage.that.goes.on
          began     2026-11-25 09:45:40, 1 minute ago, with 8 jobs
          took      1 m 04 s
          forecast  1 m 00 s (up to 1 m 15 s)
          ended     failed: 1 ran, 1 restored, 1 failed, 1 blocked, 3 not run, 196 unchanged

        outcome   stage                               took  expected  why
        ran       compile.main                    1 m 02 s    58.0 s  input changed: ...
        restored  packages.very...e.that.goes.on     12 ms            never built
        failed    link                               1.2 s     1.0 s  command changed
        blocked   check                                               needs link
        """
    )


def test_two_builds() -> None:
    before, after = BUILDS[1], BUILDS[0]

    found = compare(before, after, None, None)

    assert comparison_text(before, after, found, Page(20, 80, NOW_S)) == textwrap.dedent(
        """\
        build 103: (default): 12 ran in 1 m 04 s
        build 104: app packag...hat.goes.on: 1 ran, 1 restored, 1 failed, 1 blocked, 3 not run in 1 m 04 s

        what     stage                 build 103  build 104
        outcome  check                 fresh      blocked
        outcome  link                  fresh      failed 1.2 s
        outcome  packages...t.goes.on  fresh      restored 12 ms
        """
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (200_000, "2 days ago"),
    ],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert text == ago(seconds)
