"""State behind a checksum: it comes back whole, or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagemake.freshness.sealed import sealed, unsealed

HEADER = b"kind 1\n"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES)
def test_what_is_sealed_comes_back(value: object) -> None:
    assert unsealed(sealed(value, HEADER), HEADER) == value


@given(st.data())
def test_one_changed_byte_makes_it_absent(data: st.DataObject) -> None:
    """Also where marshal still reads it: another digest would be as good a digest."""
    good = sealed(("digest", "0123456789abcdef" * 2, b"\0" * 20), HEADER)
    at = data.draw(st.integers(0, len(good) - 1), label="at")
    other = good[at] ^ data.draw(st.integers(1, 255), label="bits")

    assert unsealed(good[:at] + bytes((other,)) + good[at + 1 :], HEADER) is None


@given(st.integers(0, 60))
def test_what_was_cut_off_is_absent(length: int) -> None:
    good = sealed(("digest", "0123456789abcdef" * 4), HEADER)

    assert unsealed(good[:length], HEADER) is None
    assert unsealed(good, b"kind 2\n") is None
