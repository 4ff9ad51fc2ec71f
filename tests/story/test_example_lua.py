"""`examples/lua`: Lua from its C sources. What compilers and depfiles do is compared with `cc -M`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from example_kit import Build, Example, installed, need_programs, once

pytestmark = pytest.mark.slow

# What `stagemake` does after the objects; the checks are told by their names.
AFTER = {"library", "lua", "hello"}

QUICK = "-fomit-frame-pointer"
"""The option here unless a test says another one: without optimisation compilers take a third of the time."""


def compiles(build: Build) -> set[str]:
    return {name for name in build.every if name.startswith("compile.")}


def checks(build: Build) -> set[str]:
    return {name for name in build.every if name.startswith("check.")}


def quick(example: Example) -> Example:
    example.write("pyproject.toml", f'[tool.stagemake.config]\nopt = "{QUICK}"\n')
    return example


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory `lua`, as the README's first command makes it."""

    def make(place: Path) -> None:
        example = Example(place, "lua")
        line, expected = example.sessions()[0]
        assert line == "python3 fetch.py"
        argv = [sys.executable, "fetch.py"]
        assert expected == installed(argv, registry="PyPI", cwd=example.root)

    need_programs("cc", "ar")
    return once(tmp_path_factory, "lua-sources", make) / "lua" / "lua"


@pytest.fixture(scope="module")
def cold(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Build]:
    """The example built with an empty cache, and what that build said. Not to be changed."""
    example = quick(Example(tmp_path_factory.mktemp("lua"), "lua", extra={"lua": sources}))
    return example, example.dry_run_against_run()


@pytest.fixture
def built(cold: tuple[Example, Build], tmp_path: Path) -> Example:
    """A clone of its own, brought up to date from a copy of the cache."""
    example = quick(cold[0].clone(tmp_path))
    example.build()
    return example


def who_includes(example: Example, header: str) -> set[str]:
    """Return the stages of the sources that include a header, asked from the compiler."""
    found = set()
    for source in sorted(example.path("lua").glob("l*.c")):
        argv = [
            "cc",
            "-std=gnu99",
            "-DLUA_COMPAT_5_3",
            "-DLUA_USE_POSIX",
            "-MM",
            f"lua/{source.name}",
        ]
        listed = subprocess.run(argv, cwd=example.root, capture_output=True, text=True, check=True)
        if header in listed.stdout.split() and source.name != "ltests.c":
            found.add(f"compile.{source.stem}")
    return found


def outputs(example: Example) -> dict[str, str | bytes]:
    return example.tree("build")


def test_the_readme_is_what_happens(cold: tuple[Example, Build], tmp_path: Path) -> None:
    # Fetching and the first build are those of the fixtures.
    cold[0].moved(tmp_path).follow_readme(least=15, skip=2)


def test_the_first_build_runs_every_stage(cold: tuple[Example, Build]) -> None:
    example, build = cold

    assert build.ran == build.every == compiles(build) | checks(build) | AFTER
    assert len(compiles(build)) == len(list(example.path("lua").glob("l*.c"))) - 1
    assert len(checks(build)) == 15
    assert not list(example.path("build").rglob("*.d"))  # a depfile is read and removed


def test_the_interpreter_runs_and_says_which_it_is(cold: tuple[Example, Build]) -> None:
    example, _ = cold

    said = subprocess.run(
        [example.path("build/lua"), "-v"], capture_output=True, text=True, check=True
    ).stdout

    assert said.startswith("Lua 5.4.7 ")
    assert example.read("build/hello.txt").startswith("hello from Lua 5.4, 64-bit integers\n")


def test_a_second_build_and_touched_files_do_nothing(built: Example) -> None:
    built.up_to_date()

    built.touch("hello.lua", *(f"lua/{path.name}" for path in built.path("lua").glob("l*.[ch]")))

    built.up_to_date()


def test_its_compilation_database_compiles_each_source_as_the_stages_do(built: Example) -> None:
    built.run("graph", "--format", "compile-commands", "-o", "compile_commands.json")
    entries = json.loads(built.read("compile_commands.json"))
    objects = {path.name: path.read_bytes() for path in built.path("build/objects").glob("*.o")}
    again = [each for each in entries if each["file"] in {"lua/lapi.c", "lua/lua.c"}]

    for entry in again:
        built.remove(entry["output"])
        subprocess.run(entry["arguments"], cwd=entry["directory"], check=True)

    assert len(entries) == len(objects)
    assert len(again) == 2
    for entry in again:
        made = Path(entry["directory"], entry["output"])
        assert made.read_bytes() == objects[made.name]


@pytest.mark.parametrize("header", ["lopcodes.h", "lctype.h", "ljumptab.h"])
def test_a_new_macro_compiles_what_includes_the_header_and_no_more(
    built: Example, header: str
) -> None:
    affected = who_includes(built, f"lua/{header}")
    before = outputs(built)

    built.append(f"lua/{header}", "\n#define FOR_THIS_TEST 1\n")
    build = built.dry_run_against_run()

    assert affected
    assert build.ran == affected
    assert build.cut_off == checks(build) | AFTER
    assert before == outputs(built)


def test_a_header_whose_meaning_changes_rebuilds_what_is_behind_it(built: Example) -> None:
    affected = who_includes(built, "lua/lua.h")
    before = outputs(built)

    built.edit("lua/lua.h", '"Lua " LUA_VERSION_MAJOR', '"Mine " LUA_VERSION_MAJOR')
    build = built.dry_run_against_run()

    assert build.ran == affected | checks(build) | AFTER
    assert built.read("build/hello.txt").startswith("hello from Mine 5.4,")
    differ = {name for name, content in outputs(built).items() if before[name] != content}
    assert {"lua", "liblua.a", "hello.txt", "objects/lbaselib.o"} <= differ
    assert "objects/lopcodes.o" not in differ

    built.edit("lua/lua.h", '"Mine " LUA_VERSION_MAJOR', '"Lua " LUA_VERSION_MAJOR')
    build = built.dry_run_against_run()

    assert build.ran == set()
    assert before == outputs(built)


def test_a_comment_compiles_one_file_and_ends_there(built: Example) -> None:
    before = outputs(built)

    built.append("lua/lstrlib.c", "/* a comment */\n")
    build = built.dry_run_against_run()

    assert build.ran == {"compile.lstrlib"}
    assert build.cut_off == checks(build) | AFTER
    assert before == outputs(built)


def test_an_edited_script_runs_that_script(built: Example) -> None:
    built.edit("hello.lua", '"hello from "', '"greetings from "')

    build = built.dry_run_against_run()

    assert build.ran == {"hello"}
    assert built.read("build/hello.txt").startswith("greetings from Lua 5.4,")


def test_an_edited_test_runs_that_test(built: Example) -> None:
    built.append("lua/testes/bwcoercion.lua", "")
    built.edit("lua/testes/bwcoercion.lua", "local tonumber, ", "local tonumber,\t")

    build = built.dry_run_against_run()

    assert build.ran == {"check.bitwise"}


def test_a_new_source_goes_into_the_library_and_out_again(built: Example) -> None:
    before = outputs(built)

    built.write("lua/lanswer.c", "int lua_answer(void) { return 42; }\n")
    build = built.dry_run_against_run()

    assert build.ran >= {"compile.lanswer", "library", "lua"}
    assert b"lanswer.o" in built.path("build/liblua.a").read_bytes()

    built.remove("lua/lanswer.c")
    build = built.dry_run_against_run()

    assert build.ran == set()
    assert before == outputs(built)  # the object that nobody makes any more is gone


def test_another_clone_restores_everything(cold: tuple[Example, Build], tmp_path: Path) -> None:
    other = quick(cold[0].clone(tmp_path / "elsewhere" / "deeper", same_cache=True))

    build = other.dry_run_against_run()

    assert build.restored == build.every
    assert outputs(cold[0]) == outputs(other)
    (first, second) = (
        subprocess.run(
            [one.path("build/lua"), "hello.lua"], cwd=one.root, capture_output=True, check=True
        )
        for one in (cold[0], other)
    )
    assert first.stdout == second.stdout == other.path("build/hello.txt").read_bytes()
    for name, content in outputs(other).items():
        assert str(cold[0].base).encode() not in content, name


def test_removed_outputs_are_restored_and_checks_stay_passed(built: Example) -> None:
    before = outputs(built)

    assert built.run("clean").returncode == 0
    assert outputs(built) == {}
    build = built.dry_run_against_run()

    assert build.restored == compiles(build) | AFTER
    assert build.fresh == checks(build)
    assert before == outputs(built)


def test_options_switched_back_and_forth_compile_once(built: Example) -> None:
    before = outputs(built)

    first = built.dry_run_against_run("-D", "opt=-O2")
    with_o2 = outputs(built)

    assert first.ran >= compiles(first) | {"library", "lua"}
    assert with_o2["lua"] != before["lua"]
    for option, expected in ((QUICK, before), ("-O2", with_o2), (QUICK, before)):
        again = built.dry_run_against_run("-D", f"opt={option}")
        assert again.ran == set()
        assert again.restored >= compiles(again) | {"library", "lua"}
        assert expected == outputs(built)


def test_another_compiler_by_name_counts(built: Example) -> None:
    compiler = built.path("mycc")
    compiler.write_text('#!/bin/sh\nexec cc "$@"\n')
    compiler.chmod(0o755)
    built.env["CC"] = str(compiler)

    build = built.dry_run_against_run("build/objects/lapi.o")

    assert build.ran == {"compile.lapi"}


def test_a_syntax_error_names_the_stage_and_keeps_the_rest(built: Example) -> None:
    built.append("lua/lmathlib.c", "int f(void) { return }\n")
    built.append("lua/ltablib.c", "/* of a test */\n")

    build = built.dry_run_against_run("-k", status=1)

    assert build.failed == {"compile.lmathlib"}
    assert build.ran == {"compile.ltablib"}
    assert build.names("blocked") == checks(build) | AFTER
    assert "failed: compile.lmathlib: exit status 1" in build.stderr
    assert "lua/lmathlib.c:782:" in build.stderr

    built.edit("lua/lmathlib.c", "return }", "return 1; }")
    build = built.dry_run_against_run()

    assert build.ran >= {"compile.lmathlib", "library", "lua"}
    assert build.restored == set()


def test_an_error_of_a_check_names_the_check(built: Example) -> None:
    built.append("lua/testes/math.lua", "\nassert(1 == 2, 'one is not two')\n")

    build = built.dry_run_against_run(status=1)

    assert build.failed == {"check.math"}
    assert "one is not two" in build.stderr


def test_without_the_sources_it_says_what_to_do(tmp_path: Path) -> None:
    example = Example(tmp_path, "lua")

    done = example.run()

    assert done.returncode == 2
    assert "run `python3 fetch.py` first" in done.stderr
