"""The form of errors: near matches, words in a row, lines that fit a terminal."""

from __future__ import annotations

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.error import BadValue, StagemakeError, did_you_mean, either, near_matches
from stagemake.model.signal_words import signal_text

FACTS = [("at", "Stagefile:4"), ("why", "it is far too long to stand in one line of a terminal")]


def test_a_long_error_is_broken_where_its_text_goes_on() -> None:
    error = BadValue(
        "the Stagefile does not parse: cannot assign to literal here",
        facts=FACTS,
        hint="write something that can be assigned to, or compare instead",
    )

    assert error.text(40) == textwrap.dedent(
        """\
        error: the Stagefile does not parse:
               cannot assign to literal here
          at   Stagefile:4
          why  it is far too long to stand in
               one line of a terminal
        hint: write something that can be
              assigned to, or compare instead"""
    )


def test_a_line_of_a_file_is_never_broken() -> None:
    line = "    " + "word " * 20
    error = StagemakeError("no", facts=[("line", line), ("shown", f"{line}\n ^")])

    assert error.text(40) == str(error)


def test_what_fits_is_as_it_is_elsewhere() -> None:
    error = BadValue("short", facts=FACTS[:1], hint="shorter")

    assert error.text(80) == str(error) == "error: short\n  at  Stagefile:4\nhint: shorter"


@given(st.text(alphabet="ab `", min_size=1, max_size=200), st.integers(min_value=28))
def test_breaking_loses_no_word(headline: str, columns: int) -> None:
    broken = StagemakeError(headline).text(columns)

    assert broken.split() == f"error: {headline}".split()


def test_a_match_that_is_far_behind_the_best_is_not_named() -> None:
    assert near_matches("jbos", ["jobs", "json", "verbose"]) == ("jobs",)
    assert near_matches("lnit", ["lint", "init"]) == ("lint", "init")


def test_several_near_matches_are_one_sentence() -> None:
    assert did_you_mean("ax", ["a1", "a2", "a3"]) == ""
    assert did_you_mean("out.1", ["out.2", "out.3", "out.4"]) == (
        "did you mean `out.4`, `out.3` or `out.2`?"
    )
    assert [either(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a or b", "a, b or c",
    ]  # fmt: skip


def test_signals_have_number_and_name() -> None:
    assert signal_text(9) == "signal 9 (SIGKILL)"
    assert signal_text(99) == "signal 99"
