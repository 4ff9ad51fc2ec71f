"""`soak.py` runs every class, replays a trial by its number, and says what the figures rule out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import soak
from faults.classes import why_not_confined
from faults.project import Wrong

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = os.path.abspath(soak.__file__)


@pytest.mark.slow
def test_a_trial_of_every_class_is_run_and_counted(tmp_path: Path) -> None:
    figures = tmp_path / "figures"

    done = subprocess.run(
        [sys.executable, SCRIPT, "--trials", "1", "--seed", "40", "--minutes", "9", "--json", str(figures)],
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    wanted = set(soak.classes(soak.Machine(""))) - ({"full-disk"} if why_not_confined() else set())
    assert {one["class"]: one["trials"] for one in found} == dict.fromkeys(wanted, 1)
    assert all(one["failures"] == [] for one in found)
    for name in wanted:
        assert f"\n{name} " in done.stdout


def test_a_failure_is_told_with_its_number_and_how_to_have_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Bad:
        name = "bad"

        def trial(self, number: int) -> None:
            if number % 2:
                raise Wrong("something is wrong")

    monkeypatch.setattr(soak, "classes", lambda machine: {"bad": Bad})

    status = soak.main(["--classes", "bad", "--seed", "6", "--trials", "3"])

    assert status == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1:] == [
        "WRONG bad 7: something is wrong",
        "again: python tests/soak.py --classes bad --seed 7 --trials 1",
        "",
        "class           trials failures   95 % bound   numbers",
        "bad                  3        1   <  86.465%   6..8",
    ]


def test_a_class_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--classes", "bed"]) == 2

    assert "no such class: bed; there are histories, races, kill" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failures", "trials", "bound"),
    [
        (0, 0, 1.0),
        (0, 1, 0.95),
        (0, 150, 0.01977),
        (0, 20_000, 0.00015),
        (1, 100, 0.0466),
        (3, 3, 1.0),
    ],
)
def test_the_bound_is_what_is_ruled_out_with_95_percent_confidence(
    failures: int, trials: int, bound: float
) -> None:
    assert soak.upper_bound(failures, trials) == pytest.approx(bound, rel=2e-3)


def test_each_class_gets_the_same_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(soak.time, "monotonic", lambda: clock[0])
    cost = {"slow": 8.0, "fast": 2.0}
    spent = dict.fromkeys(cost, 0.0)

    for name in soak.turns(list(cost), 80.0, 10**6):
        clock[0] += cost[name]
        spent[name] += cost[name]

    assert spent == {"slow": 40.0, "fast": 40.0}
