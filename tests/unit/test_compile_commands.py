"""What is read out of commands for a JSON compilation database."""

from __future__ import annotations

import pytest

from stagemake.model.stage import Command, ProjectPath, Stage, StageName
from stagemake.report.compile_commands import Compilation, compilations_of


def compiled(argv: list[str] | str, cwd: str = "") -> tuple[list[Compilation], bool]:
    is_shell = isinstance(argv, str)
    words = ("/bin/sh", "-c", argv) if is_shell else tuple(argv)
    stage = Stage(
        StageName("s"),
        Command(tuple(argv) if not is_shell else (argv,), is_shell),
        cwd=ProjectPath(cwd),
    )
    found, is_read = compilations_of(stage, words, "/p")
    return list(found), is_read


def test_a_list_gives_its_words_as_they_are() -> None:
    argv = ["gcc", "-O2", "-MF", "b/a.d", "-c", "src/a.c", "-o", "b/a.o"]

    assert compiled(argv) == ([Compilation("/p", tuple(argv), "src/a.c", "b/a.o")], True)


def test_each_of_several_sources_has_an_entry_without_the_others() -> None:
    assert compiled(["c++", "a.cc", "b.cpp", "-o", "app", "-lm"], cwd="sub") == (
        [
            Compilation("/p/sub", ("c++", "a.cc", "-o", "app", "-lm"), "a.cc", "app"),
            Compilation("/p/sub", ("c++", "b.cpp", "-o", "app", "-lm"), "b.cpp", "app"),
        ],
        True,
    )


@pytest.mark.parametrize(
    "program",
    [
        "cc",
        "/usr/bin/gcc-13",
        "x86_64-w64-mingw32-g++",
        "clang++-17",
        "mpicxx",
        "tools/mycc",
        "nvcc",
        "em++",
    ],
)
def test_compilers_are_known_by_the_end_of_their_name(program: str) -> None:
    assert [each.arguments[0] for each in compiled([program, "-c", "a.c"])[0]] == [program]


@pytest.mark.parametrize(
    "argv",
    [
        ["cppcheck", "a.c"],
        ["clang-tidy", "a.c"],
        ["gcc-ar", "rcs", "x.a", "a.c"],
        ["cc", "-o", "app", "a.o"],
        ["cc", "-include", "all.c", "a.o"],
        ["bison", "-o", "p.c", "p.y"],
        ["cd"],
        "",
        "echo 'cc -c a.c'",
    ],
)
def test_what_compiles_no_source_gives_nothing(argv: list[str] | str) -> None:
    assert compiled(argv) == ([], True)


@pytest.mark.parametrize(
    ("text", "directory", "arguments"),
    [
        ("cc -c a.c", "/p", ("cc", "-c", "a.c")),
        ("mkdir -p b && LANG=C ccache cc -c 'a.c' 2> log", "/p", ("cc", "-c", "a.c")),
        ("cd sub; cc -c \\\n a.c", "/p/sub", ("cc", "-c", "a.c")),
        ("cc -DX='\"a b\"' -c a.c\ntrue", "/p", ("cc", '-DX="a b"', "-c", "a.c")),
        ("if cc -c a.c; then true; fi", "/p", ("cc", "-c", "a.c")),
    ],
)
def test_a_shell_text_is_split_as_the_shell_would(
    text: str, directory: str, arguments: tuple[str, ...]
) -> None:
    assert compiled(text) == ([Compilation(directory, arguments, "a.c", None)], True)


@pytest.mark.parametrize(
    "text",
    [
        "cc $CFLAGS -c a.c",
        "cc `flags` -c a.c",
        "for f in a b; do cc -c $f.c; done",
        "cc -c *.c",
        "(cd sub && cc -c a.c)",
        "cc -c a.c # it's C",
    ],
)
def test_what_only_a_shell_can_read_is_told(text: str) -> None:
    assert compiled(text) == ([], False)


def test_an_entry_leaves_out_an_output_that_is_not_known() -> None:
    entry = Compilation("/p", ("cc", "-c", "a.c"), "a.c", None)

    assert entry.as_object() == {"directory": "/p", "arguments": ["cc", "-c", "a.c"], "file": "a.c"}
