"""What a name means within a prefix."""

from __future__ import annotations

import pytest

from stagemake.model.naming import did_you_mean_within, find_outward


@pytest.mark.parametrize(
    ("name", "within", "found"),
    [
        ("x", "", "x"),
        ("x", "a.", "a.x"),
        ("x", "a.b.", "a.b.x"),
        ("y", "a.b.", "a.y"),
        ("z", "a.b.", "z"),
        ("b.x", "a.b.", "a.b.x"),
        ("a.b.x", "a.b.", "a.b.x"),
        ("nothing", "a.b.", None),
        ("y", "", None),
        ("z", "other.", "z"),
    ],
)
def test_a_name_is_looked_up_from_inside_outwards(
    name: str, within: str, found: str | None
) -> None:
    known = {"x", "a.x", "a.b.x", "a.y", "z"}

    assert find_outward(name, within, known) == found


def test_near_matches_are_written_as_they_can_be_there() -> None:
    known = ["text.lint", "page.lint", "install"]

    assert did_you_mean_within("lnt", "text.", known) == "did you mean `lint`?"
    assert did_you_mean_within("instal", "text.", known) == "did you mean `install`?"
    assert did_you_mean_within("text.lnt", "", known) == "did you mean `text.lint`?"
