"""`longlived.py`: many builds leave memory, descriptors, state and cache as they were; and it sees it when they don't."""

from __future__ import annotations

import os

import longlived
import pytest
from attrs import evolve
from longlived import Limits, Sample, verdict


@pytest.mark.slow
def test_many_builds_in_one_manager_leave_everything_flat(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = longlived.main(["--how", "manager", "--builds", "40", "--every", "8"])

    assert status == 0, capsys.readouterr().out


@pytest.mark.slow
def test_many_command_lines_leave_everything_flat(capsys: pytest.CaptureFixture[str]) -> None:
    status = longlived.main(["--how", "commands", "--builds", "12", "--every", "3"])

    assert status == 0, capsys.readouterr().out


@pytest.mark.slow
def test_a_manager_that_leaks_descriptors_and_memory_is_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    held: list[object] = []

    def leak(_number: int) -> None:
        held.append(open(os.devnull, "rb"))  # noqa: SIM115 - a leak on purpose
        held.append(b"x" * (24 << 20))  # more than what earlier tests have left free

    try:
        status = longlived.main(["--how", "manager", "--builds", "9", "--every", "3"], leak=leak)
    finally:
        for one in held[::2]:
            one.close()  # type: ignore[attr-defined]  # every second one is a file

    said = capsys.readouterr().out
    assert status == 1
    assert "memory_bytes grew from" in said
    assert "descriptors grew from" in said


FLAT = Sample(
    100, memory_bytes=30_000_000, descriptors=6, threads=1, state_files=30, state_bytes=100_000,
    snapshot_bytes=5_000, cache_files=20, cache_bytes=2_000_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "at_last"),
    [
        ("memory_bytes", 32_000_000),
        ("descriptors", 7),
        ("threads", 2),
        ("snapshot_bytes", 300_001),
        ("state_files", 701),
        ("state_bytes", 25 << 20),
        ("cache_bytes", 9_000_000),
    ],
)
def test_each_thing_that_grows_is_named(name: str, at_last: int) -> None:
    samples = [FLAT, FLAT, evolve(FLAT, **{name: at_last})]

    assert verdict([FLAT, FLAT, FLAT], Limits()) == []
    assert [line.split()[0] for line in verdict(samples, Limits())] == [name]


def test_two_samples_prove_nothing() -> None:
    assert verdict([FLAT, FLAT], Limits()) == ["too few samples: at least three are needed"]
