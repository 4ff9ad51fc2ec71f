from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from stagemake.fingerprint.depfile import parse_depfile


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a.o: a.c b.h\n", ("a.c", "b.h")),
        (b"a.o: a.c \\\n  b.h \\\n\tc.h\n", ("a.c", "b.h", "c.h")),
        (b"a.o: a.c b.h\r\n", ("a.c", "b.h")),
        (b"a.o: a.c \\\r\n b.h\r\n", ("a.c", "b.h")),
        (b"a.o a.d : a.c\n", ("a.c",)),
        (b"a.o:a.c b.h", ("a.c", "b.h")),
        (b"a.o: a.c b.h\nb.h:\nb\\ c.h:\n", ("a.c", "b.h")),
        (b"a.o: a.c b.h\nb.o: b.c b.h a.c\n", ("a.c", "b.h", "b.c")),
        (b"a.o: two\\ words.h\n", ("two words.h",)),
        (b"a.o: back\\\\\\ slash.h\n", ("back\\ slash.h",)),
        (b"a.o: end\\\\ b.h\n", ("end\\", "b.h")),
        (b"a.o: a\\#b.h a$$b.h a\\:b.h a:b.h\n", ("a#b.h", "a$b.h", "a:b.h", "a:b.h")),
        (b"a.o: c\\d.h $x\n", ("c\\d.h", "$x")),
        (b"# a comment\na.o: a.c # another\n", ("a.c",)),
        (b"a.o: caf\xe9.h \xc3\xbc.h\xc2\xa0\n", ("caf\udce9.h", "ü.h\xa0")),
        (b"a.o:\n", ()),
        (b"end\\:\n", ()),
        (b"\n\n  \\\n\n", ()),
        (b"", ()),
    ],
)
def test_what_compilers_write_is_read(text: bytes, expected: tuple[str, ...]) -> None:
    assert tuple(dict.fromkeys(expected)) == parse_depfile(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"no colon here\n", 1),
        (b"a.o: a.c\n\n: b.c\n", 3),
        (b"a.o: a.c \\\n b.c\nrubbish\n", 2),
        (b"a.o: a$$.c \\\n b.c\nrubbish\n", 2),
    ],
)
def test_what_is_no_rule_is_an_error_with_its_line(text: bytes, line: int) -> None:
    with pytest.raises(ValueError, match=f"line {line}:"):
        parse_depfile(text)


# --- by rules: each way to the same names -----------------------------------------------------------

RULES: list[tuple[str, tuple[str, ...]]] = [
    # Where the targets end.
    ("a: b", ("b",)),
    ("a : b", ("b",)),
    ("a b : c d", ("c", "d")),
    ("a: b: c", ("b:", "c")),
    ("a:b c", ("b", "c")),
    ("a:b:c", ("b:c",)),
    ("a\\: b: c", ("c",)),
    ("a\\: b", ("b",)),
    ("a\\:x: b", ("b",)),
    ("a\\:b c", ("b", "c")),
    ("c\\:/a.o: c\\:/b.h", ("c:/b.h",)),
    ("a: b\\:c\\:d", ("b:c:d",)),
    ("a: : b", (":", "b")),
    # What is quoted.
    ("a: b\\ c", ("b c",)),
    ("a: b\\\tc", ("b\tc",)),
    ("a: b\\\\ c", ("b\\", "c")),
    ("a: b\\\\\\ c", ("b\\ c",)),
    ("a: b\\\\\\\\ c", ("b\\\\", "c")),
    ("a: b\\#c", ("b#c",)),
    ("a: b\\\\#c", ("b\\#c",)),
    ("a: b\\\\\\#c", ("b\\\\#c",)),
    ("a: b#c", ("b",)),
    ("a: #c", ()),
    ("a: b$$c", ("b$c",)),
    ("a: $$", ("$",)),
    ("a: b$c", ("b$c",)),
    ("a: b\\c", ("b\\c",)),
    ("a: b\\$$c", ("b\\$c",)),
    # What stands between words.
    ("a: b   c\t\td", ("b", "c", "d")),
    ("  a: b  ", ("b",)),
    ("a: b\\\nc", ("b", "c")),
    ("a: b \\\n \\\n c", ("b", "c")),
    ("a\\\n: b", ("b",)),
    ("a: b c b a", ("b", "c", "a")),
]


def known(text: str) -> tuple[str, ...] | str:
    try:
        return parse_depfile(text.encode())
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(("text", "expected"), RULES)
@pytest.mark.parametrize("beside", ["", "z: $$\n", "y: x\n"])
def test_each_rule_holds_alone_and_beside_rules_of_either_kind(
    text: str, expected: tuple[str, ...], beside: str
) -> None:
    more = {"": (), "z: $$\n": ("$",), "y: x\n": ("x",)}[beside]

    assert known(f"{text}\n{beside}") == tuple(dict.fromkeys((*expected, *more)))
    assert known(f"{beside}{text}") == tuple(dict.fromkeys((*more, *expected)))


@pytest.mark.parametrize("text", ["a", "a b", ":", ": b", ":b", ":b c", "a :b", "$$ b", "\\# b"])
@pytest.mark.parametrize("beside", ["", "z: $$\n", "y: x\n", "z: a$$ \\\n b\n", "y: x \\\n z\n", "\n", "# comment\n"])  # fmt: skip
def test_a_line_without_target_and_colon_is_told_by_its_number(text: str, beside: str) -> None:
    said = known(f"{beside}{text}\nlast: one\n")

    assert isinstance(said, str)
    assert said.startswith(f"depfile line {2 if beside else 1}: no target and colon in `")


AWKWARD = [
    "plain.h",
    "two words.h",
    "tab\tbed.h",
    "a$b.h",
    "$(x).h",
    "a#b.h",
    "#.h",
    "a\\b.h",
    "a\\ b.h",
    "a\\\\ b.h",
    "a\\#b.h",
    "a:b.h",
    "ü €.h",
    "p%q*[x]~.h",
    "'quoted'.h",
    "-MF.h",
    os.fsdecode(b"caf\xe9.h"),
]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc isn't here")
@pytest.mark.parametrize("flags", [["-MMD"], ["-MMD", "-MP"], ["-MD", "-MP"]])
def test_awkward_names_come_back_from_a_real_compiler(tmp_path, flags):
    lines = []
    for name in AWKWARD:
        (tmp_path / name).write_bytes(b"")
        lines.append(b'#include "' + os.fsencode(name) + b'"\n')
    (tmp_path / "main.c").write_bytes(b"".join(lines))
    argv = ["gcc", *flags, "-MF", "out.d", "-c", "main.c", "-o", "o $ut.o"]

    subprocess.run(argv, cwd=tmp_path, check=True)
    found = parse_depfile((tmp_path / "out.d").read_bytes())

    assert found[0] == "main.c"
    assert [name for name in found[1:] if name[0] != "/"] == AWKWARD
    assert all(os.path.exists(tmp_path / name) for name in found)
