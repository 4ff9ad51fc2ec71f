"""Splitting a line that is being typed, and quoting what is to be put into it, as sh does."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.cli.completion_line import LastWord, escaped, split_line


@pytest.mark.parametrize(
    ("line", "words", "last"),
    [
        ("", (), ("", "", "")),
        ("a", (), ("a", "a", "")),
        ("a ", ("a",), ("", "", "")),
        ("  a\t b", ("a",), ("b", "b", "")),
        ("a b\\ c", ("a",), ("b\\ c", "b c", "")),
        ("a 'b c' d", ("a", "b c"), ("d", "d", "")),
        ("a '' ", ("a", ""), ("", "", "")),
        ("a 'b c", ("a",), ("'b c", "b c", "'")),
        ("a x'b'\"c", ("a",), ("x'b'\"c", "xbc", '"')),
        ('a "b\\"c\\d', ("a",), ('"b\\"c\\d', 'b"c\\d', '"')),
        ("a '\\", ("a",), ("'\\", "\\", "'")),
        ("a b\\", ("a",), ("b\\", "b", "")),
        ("a '", ("a",), ("'", "", "'")),
    ],
)
def test_a_line_is_split_as_sh_splits_it(line: str, words: tuple[str, ...], last: LastWord) -> None:
    assert split_line(line) == (words, last)


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=8)


@given(st.lists(TEXT, min_size=1), TEXT)
def test_quoted_words_come_out_as_they_went_in(words: list[str], last: str) -> None:
    line = f"{shlex.join(words)} {escaped(last, '')}"

    found = split_line(line)

    assert found[0] == tuple(words)
    assert found[1][1] == last


@given(TEXT, TEXT, st.sampled_from("'\""))
def test_what_is_put_behind_an_open_quote_is_the_word(start: str, rest: str, quote: str) -> None:
    opened = quote + escaped(start, quote)

    assert split_line(opened)[1][1] == start
    assert split_line(f"{opened}{escaped(rest, quote)}{quote} ")[0] == (start + rest,)


def test_sh_reads_what_was_escaped_as_it_was_meant() -> None:
    words = [f"a{chr(code)}b" for code in range(32, 127)] + [
        "a b\\",
        "$(x)",
        "a=*?[x]",
        "#x",
        "é漢",
    ]
    line = " ".join(
        [escaped(word, "") for word in words]
        + [f"'{escaped(word, chr(39))}'" for word in words]
        + [f'"{escaped(word, chr(34))}"' for word in words]
    )

    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {line}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert said.stdout.splitlines() == words * 3
    assert split_line(f"{line} ")[0] == tuple(words * 3)


@pytest.mark.parametrize("text", ["~/a b", "a~b", "~"])
def test_a_tilde_at_the_beginning_of_a_path_stays_meant(text: str) -> None:
    assert escaped(text, "").startswith("~/") == text.startswith("~/")
