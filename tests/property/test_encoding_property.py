from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.fingerprint.encoding import encode, fields

if TYPE_CHECKING:
    import random

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.timedeltas()
    | st.fractions()
    | st.decimals()
    | st.uuids()
)
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
    ),
    max_leaves=12,
)


def typed(value: object) -> object:
    """Return a form that is equal exactly for values that count as equal; the slow oracle."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return kind, sorted((repr(typed(key)), repr(typed(item))) for key, item in value.items())
    if isinstance(value, (set, frozenset)):
        return kind, sorted(repr(typed(item)) for item in value)
    if isinstance(value, (list, tuple)):
        return kind, [typed(item) for item in value]
    if isinstance(value, complex):
        return kind, repr(value.real), repr(value.imag)
    return kind, repr(value)


def shuffled(value: object, seed: random.Random) -> object:
    """Return an equal value, built in another order."""
    if isinstance(value, dict):
        pairs = [(key, shuffled(item, seed)) for key, item in value.items()]
        seed.shuffle(pairs)
        return dict(pairs)
    if isinstance(value, (set, frozenset)):
        items = list(value)
        seed.shuffle(items)
        return type(value)(items)
    if isinstance(value, (list, tuple)):
        return type(value)(shuffled(item, seed) for item in value)
    return value


@given(VALUES, VALUES)
@example(1, True)
@example(0.0, -0.0)
@example(["a", "b"], ["ab"])
@example([[], []], [[[]]])
@example((), [])
def test_two_values_share_bytes_exactly_when_they_are_equal_with_their_types(
    one: object, two: object
) -> None:
    assert (typed(one) == typed(two)) == (encode(one) == encode(two))


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_in_which_a_value_was_built_never_counts(
    value: object, seed: random.Random
) -> None:
    rebuilt = shuffled(value, seed)

    assert encode(value) == encode(rebuilt)


PARTS = st.lists(st.text(max_size=4) | st.binary(max_size=4), max_size=4)


@given(PARTS, PARTS)
@example(["a", "b"], ["ab"])
@example([b"a"], ["a"])
def test_lists_of_fields_share_bytes_exactly_when_equal(
    one: list[bytes | str], two: list[bytes | str]
) -> None:
    assert (one == two) == (fields(*one) == fields(*two))
