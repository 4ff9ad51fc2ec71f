"""What stages cost in the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagemake.history import SAMPLES, History, Run, estimate_of
from stagemake.model.plan import UNKNOWN, Interval

if TYPE_CHECKING:
    from pathlib import Path


def run(stage: str = "s", seconds: float = 1.0, size: int = 10, *, changed: bool = True) -> Run:
    return Run(stage, 1, seconds, seconds, size, changed)


def test_without_history_nothing_is_known_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    assert History(str(path)).estimate("s") == UNKNOWN
    assert not path.exists()


def test_runs_come_back_as_an_estimate(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))

    history.add([run(seconds=1), run(seconds=3, size=30, changed=False), run("t", 9)])

    found = History(str(tmp_path / "history.db")).estimate("s")
    assert found.duration_s == Interval(2.0, 2.8)
    assert (found.output_bytes, found.samples, found.changes_output_p) == (30, 2, 0.5)
    assert history.estimate("t").samples == 1


def test_only_the_last_runs_are_kept(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))
    for _ in range(3):
        history.add([run(seconds=100)] * 10)

    history.add([run(seconds=2)] * SAMPLES)

    assert history.estimate("s").duration_s == Interval(2.0, 2.0)
    assert history.estimate("s").samples == SAMPLES


@pytest.mark.parametrize("content", [b"", b"rubbish", b"SQLite format 3\0" + b"\xff" * 4096])
def test_damage_loses_estimates_and_no_more(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    history = History(str(path))

    assert history.estimate("s") == UNKNOWN
    history.add([run()])


def test_awkward_directories_are_no_trouble(tmp_path: Path) -> None:
    directory = tmp_path / "a?b#c%20d"
    directory.mkdir()
    History(str(directory / "history.db")).add([run()])

    assert History(str(directory / "history.db")).estimate("s").samples == 1


def test_an_estimate_lies_between_what_was_measured() -> None:
    found = estimate_of([(seconds, 1, 0) for seconds in (5.0, 1.0, 3.0)])

    assert found.duration_s == Interval(3.0, pytest.approx(4.6))  # type: ignore[arg-type]  # compares
