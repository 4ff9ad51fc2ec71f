"""How much a stage will write, by what it read and wrote so far."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stagemake.model.fit import Run
from stagemake.model.size import Written, slope_of_kind, written_by, written_by_kind

SIZES = st.integers(1, 1 << 40)
AMOUNTS = st.lists(
    st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40)), min_size=1, max_size=20
)
WRITTEN = st.builds(
    Written,
    variant=st.just(0),
    age=st.just(0),
    read_bytes=st.integers(0, 1 << 40),
    made_bytes=st.integers(0, 1 << 40),
    slope=st.none() | st.floats(0, 1.5),
    apart=st.floats(0, 5),
)
OF_KIND = st.none() | st.floats(0, 1.5)


def runs(*amounts: tuple[int, int], variant: int = 0) -> list[Run]:
    """Return runs by what they read and wrote, newest first."""
    return [
        Run("s", 1, 1.0, 1.0, made, None, 0, read, "cc", variant=variant) for read, made in amounts
    ]


def last(*amounts: tuple[int, int]) -> Written:
    """Return what runs of one variant say."""
    (found,) = written_by(runs(*amounts))
    return found


@given(WRITTEN, OF_KIND)
def test_with_inputs_as_large_as_before_as_much_is_written(
    one: Written, of_kind: float | None
) -> None:
    assert one.at(one.read_bytes, of_kind) == one.made_bytes
    assert one.at(None, of_kind) == one.made_bytes


@given(WRITTEN, SIZES, SIZES, OF_KIND)
def test_more_inputs_never_make_less(
    one: Written, read: int, more: int, of_kind: float | None
) -> None:
    low, high = sorted((read, more))

    assert 0 <= one.at(low, of_kind) <= one.at(high, of_kind)


@given(st.lists(SIZES, min_size=2, max_size=20), SIZES)
def test_what_was_always_written_is_written_again(sizes: list[int], read: int) -> None:
    assume(max(sizes) >= 2 * min(sizes))  # alike ones tell nothing

    found = last(*[(size, 65) for size in sizes])

    assert found.slope == 0.0
    assert found.at(read) == 65


@given(st.lists(SIZES, min_size=2, max_size=20), st.floats(0.1, 10), SIZES)
def test_what_went_with_the_size_of_inputs_goes_with_it(
    sizes: list[int], ratio: float, read: int
) -> None:
    sizes = [size + 1000 for size in sizes]
    found = last(*[(size, round(size * ratio)) for size in sizes])

    assert found.at(read + 1000) == pytest.approx((read + 1000) * ratio, rel=0.02) or (
        found.slope is None  # all alike
    )


def test_two_runs_of_different_sizes_will_do_and_alike_ones_tell_nothing() -> None:
    assert last((2000, 400), (1000, 200)).slope == pytest.approx(1.0)
    assert last((2000, 200), (1000, 200)).slope == 0.0
    assert last((1010, 210), (1000, 200)).slope is None
    assert last((1000, 210)).slope is None


def test_at_first_a_byte_more_of_inputs_makes_a_byte_more_at_most() -> None:
    assert last((1000, 500)).at(2000) == 1000  # half of what it reads
    assert last((1000, 1000)).at(2000) == 2000
    assert last((10, 100_000)).at(20) == pytest.approx(100_010, abs=5)  # settings, not data
    assert last((0, 100)).at(1 << 30) == 100  # what it read was not noted


def test_others_of_its_kind_tell_what_a_stage_has_not_shown_itself() -> None:
    summed = [(1000 * number, 80) for number in range(1, 8)]

    assert slope_of_kind(summed) == 0.0
    assert slope_of_kind([(read, read // 3) for read, _ in summed]) == pytest.approx(1.0, abs=0.01)
    assert slope_of_kind(summed[:4]) is None
    assert slope_of_kind([(1000, made) for made in range(9)]) is None
    assert last((1000, 80)).at(2000, of_kind=0.0) == 80


def test_the_wider_runs_were_apart_the_more_they_say_against_their_kind() -> None:
    little, much = last((1200, 100), (1000, 100)), last((8000, 100), (1000, 100))

    assert little.at(2400, of_kind=1.0) > 170
    assert much.at(16_000, of_kind=1.0) < 120


def test_amounts_under_other_flags_are_told_apart() -> None:
    past = [*runs((1000, 900), variant=1), *runs((1000, 300), (500, 150), variant=2)]

    found = {one.variant: one for one in written_by(past)}

    assert [(one.age, one.made_bytes) for one in found.values()] == [(0, 900), (1, 300)]
    assert found[1].slope is None
    assert found[2].slope == pytest.approx(1.0)


@given(AMOUNTS, SIZES, SIZES)
def test_a_stage_of_a_kind_never_writes_less_for_more_inputs(
    amounts: list[tuple[int, int]], read: int, more: int
) -> None:
    low, high = sorted((read, more))

    assert 0 <= written_by_kind(amounts, low) <= written_by_kind(amounts, high)


def test_a_stage_never_run_writes_as_large_ones_and_small_ones_of_its_kind_do() -> None:
    packed = [(1000 * number, 400 * number) for number in range(1, 8)]

    assert written_by_kind(packed, 10_000) == pytest.approx(4000, rel=0.01)
    assert written_by_kind(packed, None) == 1600
    assert written_by_kind([(read, 65) for read, _ in packed], 10_000) == 65
    assert written_by_kind([(1000, 1000)], 3000) == 3000
    assert written_by_kind([(0, 7)], 3000) == 7
