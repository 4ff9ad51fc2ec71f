"""Two strings without a comma between them are found, in every version of Python."""

from __future__ import annotations

import pytest

from stagemake.stagefile.side_by_side import side_by_side


@pytest.mark.parametrize(
    ("code", "pair"),
    [
        ('command("copy" "cp a b", x)', ('`"copy"`', '`"cp a b"`')),
        ('command("copy" f"cp {a} b", x)', ('`"copy"`', '`f"cp {a} b"`')),
        ("command(f'copy.{n:{w}}'  # its name\n  'cp')", ("`f'copy.{n:{w}}'`", "`'cp'`")),
        ('f("a",\n  f"""b{c}\nd""" "e")', ('`f"""b{c} d"""`', '`"e"`')),
        ("command('a', f'b{c}')", None),
        ("""command('a', f'{b("c") + "d"}')""", None),
        ('command(f"a{b"', None),
        ('command("a" "b', None),
    ],
)
def test_two_strings_are_told_as_they_are_written(code: str, pair: tuple[str, str] | None) -> None:
    assert side_by_side(code) == pair
