"""Real projects, and the edits that they are built after: of many kinds, so that no kind decides the score."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@frozen
class Edit:
    """What is done to a tree before one build, and what that build is told besides."""

    name: str
    change: Callable[[str], None]  # takes the tree's root
    arguments: tuple[str, ...] = ()


@frozen
class Project:
    """A project to be laid out in an empty directory."""

    name: str
    lay_out: Callable[[str], None]
    edits: tuple[Edit, ...]  # in order; more than these begin anew, under other texts


def nothing(_root: str) -> None:
    """Leave the tree as it is."""


def append(path: str, text: str) -> Callable[[str], None]:
    """Return a change that adds a text to a file's end; an absent file is made."""

    def change(root: str) -> None:
        with open(os.path.join(root, path), "a", encoding="utf-8") as file:
            file.write(text)

    return change


def replace(path: str, old: str, new: str) -> Callable[[str], None]:
    """Return a change that replaces a text, which stands in a file exactly once."""

    def change(root: str) -> None:
        full = os.path.join(root, path)
        with open(full, encoding="utf-8") as file:
            text = file.read()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        with open(full, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    return change


def remove(*paths: str) -> Callable[[str], None]:
    """Return a change that removes files, or directories with all that is in them."""

    def change(root: str) -> None:
        for path in paths:
            full = os.path.join(root, path)
            if os.path.isdir(full):
                shutil.rmtree(full)
            else:
                os.unlink(full)

    return change


def touch(path: str) -> Callable[[str], None]:
    """Return a change that gives a file a new time and leaves its bytes."""
    return lambda root: os.utime(os.path.join(root, path))


# -- Lua: C, a compiler, depfiles. -----------------------------------------------------------------


def lua(work: str) -> Project:
    """Return the example `examples/lua`; its sources are fetched once into `work`.

    Raises:
        subprocess.CalledProcessError: They can't be fetched.
    """
    example, sources = os.path.join(HOME, "examples", "lua"), os.path.join(work, "lua-sources")
    if not os.path.isdir(os.path.join(sources, "lua")):
        shutil.copytree(example, sources, dirs_exist_ok=True)
        subprocess.run([sys.executable, "fetch.py"], cwd=sources, check=True, stdout=sys.stderr)

    def lay_out(root: str) -> None:
        shutil.copytree(sources, root, dirs_exist_ok=True)

    function = "int stagemake_{0}(int n) {{ return n + {0}; }}\n"
    return Project(
        "lua",
        lay_out,
        (
            Edit("leaf code", append("lua/lstrlib.c", function.format(1))),
            Edit("leaf comment", append("lua/lvm.c", "/* a comment */\n")),
            Edit("header, nobody uses what is new", append("lua/lua.h", "#define NEW_1 1\n")),
            Edit("option -O1", nothing, ("-D", "opt=-O1")),
            Edit("option back: all restored", nothing),
            Edit("header that shows", replace("lua/llimits.h", "#define LUAI_MAXCCALLS\t\t200", "#define LUAI_MAXCCALLS\t\t199")),
            Edit("script", append("hello.lua", "print('more')\n")),
            Edit("file added", append("lua/lextra.c", function.format(2))),
            Edit("added file edited", append("lua/lextra.c", function.format(3))),
            Edit("file removed", remove("lua/lextra.c")),
            Edit("output removed", remove("build/objects/lparser.o")),
            Edit("flag for all, no object changes", replace("Stagefile", '"-Wall"', '"-Wall", "-Wextra"')),
            Edit("leaf code again", append("lua/lgc.c", function.format(4))),
            Edit("all outputs removed", remove("build")),
            Edit("test edited", append("lua/testes/sort.lua", "-- a comment\n")),
            Edit("option -O0", nothing, ("-D", "opt=-O0")),
            Edit("code under -O0", append("lua/lstrlib.c", function.format(5)), ("-D", "opt=-O0")),
            Edit("option back after code", nothing),
            Edit("header again", append("lua/lua.h", "#define NEW_2 2\n")),
            Edit("forced", nothing, ("-B",)),
        ),
    )  # fmt: skip


# -- The standard library: functions in Python, wide, joined at the end. ---------------------------


def library(_work: str) -> Project:
    """Return `Stagefile.example` over a copy of the standard library, which can be edited."""
    original = sysconfig.get_path("stdlib")

    def lay_out(root: str) -> None:
        def left_out(folder: str, names: list[str]) -> list[str]:
            return [
                name for name in names
                if (not name.endswith(".py") and not os.path.isdir(os.path.join(folder, name)))
                or name in {"test", "tests", "site-packages", "__pycache__", "idlelib", "lib2to3"}
            ]  # fmt: skip

        shutil.copytree(original, os.path.join(root, "library"), ignore=left_out)
        shutil.copy(os.path.join(HOME, "Stagefile.example"), os.path.join(root, "Stagefile"))
        replace("Stagefile", 'Path(sysconfig.get_path("stdlib"))', 'Path("library")')(root)

    function = "\n\ndef stagemake_{0}(value):\n    return value if value > {0} else -value\n"
    stricter = ("-D", "min_complexity=15")
    return Project(
        "library",
        lay_out,
        (
            Edit("leaf code", append("library/textwrap.py", function.format(1))),
            Edit("leaf comment", append("library/json/decoder.py", "# a comment\n")),
            Edit("helper of all", replace("Stagefile", "    return len(node.values) - 1\n", "    return max(len(node.values) - 1, 0)\n")),
            Edit("helper back: all restored", replace("Stagefile", "max(len(node.values) - 1, 0)", "len(node.values) - 1")),
            Edit("parameter", nothing, stricter),
            Edit("parameter back", nothing),
            Edit("many leaves", _to_many("library", function.format(2))),
            Edit("looks", replace("Stagefile", "return 2.5 + 0.21", "return 2.6 + 0.21")),
            Edit("outputs removed", remove("build/example/measure/ast.json", "build/example/index.html")),
            Edit("file removed", remove("library/sndhdr.py")),
            Edit("comment in the Stagefile", append("Stagefile", "# a comment\n")),
            Edit("package edited", append("library/json/encoder.py", function.format(3))),
            Edit("helper that shows in every stage", replace("Stagefile", '"lines": 0, "code": 0,', '"lines": 0, "more": 0, "code": 0,')),
            Edit("leaf code again", append("library/shlex.py", function.format(4))),
            Edit("file added", append("library/sndhdr.py", function.format(5))),
            Edit("all outputs removed", remove("build")),
            Edit("many leaves again", _to_many("library", "# a comment\n")),
            Edit("parameter again", nothing, stricter),
            Edit("touched", touch("library/typing.py")),
            Edit("forced", nothing, ("-B",)),
        ),
    )  # fmt: skip


def _to_many(folder: str, text: str) -> Callable[[str], None]:
    """Return a change that adds a text to every third module of the folder."""

    def change(root: str) -> None:
        modules = sorted(
            name for name in os.listdir(os.path.join(root, folder)) if name[-3:] == ".py"
        )
        for name in modules[::3]:
            append(f"{folder}/{name}", text)(root)

    return change


PROJECTS: Mapping[str, Callable[[str], Project]] = {"lua": lua, "library": library}
"""Makers by name; each takes a directory that it may keep things in."""
