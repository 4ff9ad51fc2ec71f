"""How long ago this process was started."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from stagemake.process_age import likely_age_s, process_age_s


def test_it_is_the_time_since_the_start_of_the_process() -> None:
    script = "from stagemake.process_age import process_age_s as age; print(age())"
    began_s = time.monotonic()

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )

    assert 0.005 < float(done.stdout) <= time.monotonic() - began_s + 0.02


def test_it_goes_on() -> None:
    assert process_age_s() > 0
    assert process_age_s() >= time.process_time() - 0.02


@pytest.mark.parametrize(
    ("age_s", "used_s", "likely_s"),
    [
        pytest.param(0.3, 0.1, 0.3, id="as Linux says"),
        pytest.param(60.0, 0.1, 0.1, id="it was something else for long"),
        pytest.param(-5.0, 0.1, 0.1, id="a clock that was set"),
    ],
)
def test_what_does_not_fit_the_processor_time_is_not_believed(
    age_s: float, used_s: float, likely_s: float
) -> None:
    assert likely_age_s(age_s, used_s) == likely_s
