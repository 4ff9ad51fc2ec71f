"""Widths: how many columns a text takes, and where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.report.width import columns_of, cut, folded, room_for_names


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


@given(st.text(st.sampled_from("abc d漢")), st.integers(10, 40))
def test_folded_sentences_fit_and_lose_no_word(text: str, columns: int) -> None:
    lines = folded("note: ", text, columns, indent=2).split("\n")

    assert " ".join(lines).split() == f"note: {text}".split()
    for line in lines:
        assert columns_of(line) <= columns or " " not in line.removeprefix("note: ").strip()
    assert folded("note: ", text, 0) == f"note: {text}"


@pytest.mark.parametrize(("columns", "room"), [(0, 30), (80, 30), (100, 40), (200, 90)])
def test_names_take_half_of_what_a_terminal_has_over_80_columns(columns: int, room: int) -> None:
    assert room_for_names(columns, 30) == room
