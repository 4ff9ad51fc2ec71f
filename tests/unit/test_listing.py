"""Widths: how many columns a text takes, and where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.report.width import columns_of, cut


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("abc", 3), ("é", 1), ("e\u0301", 1), ("漢字", 4), ("\uff21", 2)]
)
def test_wide_characters_take_two_columns_and_accents_none(text: str, columns: int) -> None:
    assert columns_of(text) == columns


@given(st.text(st.sampled_from("ab é漢\u0301")), st.integers(3, 20))
def test_a_cut_text_fits_and_says_that_it_is_cut(text: str, columns: int) -> None:
    found = cut(text, columns)

    assert columns_of(found) <= columns
    if columns_of(text) <= columns:
        assert found == text
    else:
        assert found.endswith("...")
        assert text.startswith(found.removesuffix("..."))
