"""Bytes that nobody of ours wrote, through every reader: an answer or a clear refusal, soon and in little memory.

`python tests/fuzz.py --minutes 10` runs the same for as long as one likes.
"""

from __future__ import annotations

import pytest
from fuzz_targets import TARGETS, Target
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stagemake.past.codec import line_of

EXAMPLES = 60


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)  # fmt: skip
@given(data=st.data())
def test_no_bytes_do_harm(target: Target, data: st.DataObject) -> None:
    target.check(data.draw(target.inputs))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_was_written_is_read(target: Target) -> None:
    """Else the search would only ever see how the first byte is refused."""
    assert target.check(target.sample) is not None


def test_a_makeflags_with_a_number_of_any_length_is_read() -> None:
    target = next(one for one in TARGETS if one.name == "jobserver")

    found = target.check(b"-j" + b"8" * 5000 + b" --jobserver-auth=3,4")

    assert found == target.check(b"--jobserver-auth=3,4")


def test_a_past_build_that_counts_with_a_number_is_none() -> None:
    target = next(one for one in TARGETS if one.name == "history")
    end = {"kind": "end", "ending": "done", "wall_s": 1.0, "counts": 1.5, "cache": None}

    assert target.check(target.sample + line_of(end)) is None
