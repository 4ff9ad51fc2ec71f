"""Values that compare, hash and print by what they inherit, beside the same ones as attrs makes them."""

from __future__ import annotations

from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.valued import Valued


@frozen
class Made:
    """As attrs makes it."""

    one: int
    two: tuple[str, ...] = ()
    left_out: int = field(default=0, eq=False, repr=False)


@frozen(eq=False, repr=False)
class Inherited(Valued):
    """The same."""

    one: int
    two: tuple[str, ...] = ()
    left_out: int = field(default=0, eq=False, repr=False)


@frozen(eq=False, repr=False)
class Other(Valued):
    """Another one with such fields."""

    one: int
    two: tuple[str, ...] = ()
    left_out: int = 0


FIELDS = st.tuples(
    st.integers(0, 2),
    st.lists(st.sampled_from(["a", "b"]), max_size=1).map(tuple),
    st.integers(0, 1),
)


@given(FIELDS, FIELDS)
def test_they_compare_and_hash_as_attrs_has_them(
    a: tuple[int, tuple[str, ...], int], b: tuple[int, tuple[str, ...], int]
) -> None:
    is_same = Made(*a) == Made(*b)

    assert (Inherited(*a) == Inherited(*b)) == is_same
    assert (len({Inherited(*a), Inherited(*b)}) == 1) == is_same


@given(FIELDS)
def test_they_print_as_attrs_has_them(a: tuple[int, tuple[str, ...], int]) -> None:
    assert repr(Inherited(*a)) == repr(Made(*a)).replace("Made", "Inherited")


def test_one_of_another_class_is_another_value() -> None:
    assert Inherited(1) != Other(1)
    assert Inherited(1) != (1, ())
    assert evolve(Inherited(1), one=2) == Inherited(2)
