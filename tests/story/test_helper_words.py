"""`matrix`, `output_for`, `which` and `need` from end to end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project


def program(project: Project, path: str, text: str = "one") -> None:
    """Put a program that prints a text into the project or beside it."""
    project.write(path, f"#!/bin/sh\necho {text}\n")
    (project.root / path).chmod(0o755)


# --- matrix. ---------------------------------------------------------------------------------------

FITS = """\
    for case in matrix(model=["linear", "forest"], features=["calendar", "weather"]):
        command(f"fit.{case}", "echo {params.model} {params.features} > {outputs}",
                outputs=[f"build/{case}.txt"], params=case)
    """


def test_a_case_is_parameters_names_and_files(project: Project) -> None:
    project.stagefile(FITS)

    project.build("-j1").printed(
        """\
        [1/4] ran       fit.forest-calendar  <time>
        [2/4] ran       fit.forest-weather  <time>
        [3/4] ran       fit.linear-calendar  <time>
        [4/4] ran       fit.linear-weather  <time>
        stagemake: done, 4 stages: 4 ran in <time>
        """
    )
    assert project.read("build/forest-weather.txt") == "forest weather\n"
    project.stagefile(FITS.replace('"weather"', '"rain"'))
    project.build().ran("fit.linear-rain", "fit.forest-rain")


def test_a_function_gets_a_case_as_parameters_and_counts_by_it(project: Project) -> None:
    text = """\
        def write(context):
            context.outputs[0].write_text(repr(dict(context.params)))
        for case in matrix(flags={{"debug": ["-g"], "fast": ["{}"]}}, jobs=[1, None], check=[True]):
            stage(name=f"write.{{case}}", outputs=[f"{{case}}.txt"], params={{**case}})(write)
        """
    names = [f"write.{flags}-{jobs}-check" for flags in ("debug", "fast") for jobs in ("1", "none")]
    project.stagefile(text.format("-O2")).build().ran(*names)
    assert project.read("fast-none-check.txt") == "{'check': True, 'flags': ['-O2'], 'jobs': None}"

    project.stagefile(text.format("-O3")).build().ran(*names[2:])


ODD = [
    "two words",
    "a/b",
    "$HOME",
    "new\nline",
    "{inputs}",
    "-rf",
    "..",
    "'\"",
    "*",
    "\udcff",
    "x" * 300,
    "é",
    "名前",
]


def test_values_of_any_kind_make_names_that_work(project: Project) -> None:
    project.stagefile(f"""\
        for case in matrix(value={ODD!r}):
            command(f"show.{{case}}", "printf %s {{params.value}} > {{outputs}}",
                    outputs=[f"{{case}}.txt"], params=case)
        """)

    project.run().exited(0)

    made = [path for path in project.root.iterdir() if path.suffix == ".txt"]
    assert {path.read_bytes() for path in made} == {os.fsencode(value) for value in ODD}
    for arguments in (["why", "show.*"], ["list"], ["-n"], ["graph", "--format=dot"]):
        assert project.run(*arguments).exited(0).stdout
    assert len(project.run("list", "--json").exited(0).json["stages"]) == len(ODD)
    project.run().printed("stagemake: up to date\n")


def test_mistakes_in_a_matrix_name_the_line(project: Project) -> None:
    project.stagefile("""\
        matrix(model=["linear", "forest"],
               exclude={"model": "liner"})
        """)

    project.build().exited(2).printed(
        """\
        error: exclude names 'liner', which the axis `model` does not hold
          declared  Stagefile:2, matrix()
        hint: did you mean `linear`?
        """
    )


# --- output_for. -----------------------------------------------------------------------------------

OBJECTS = """\
    for source in glob("src/**/*.c", "src/**/*.cpp"):
        object = output_for(source, "build/obj", strip="src", {})
        command(f"compile.{{object}}", "cp {{inputs}} {{outputs}}", inputs=[source], outputs=[object])
    """


def test_sources_have_their_outputs_out_of_the_tree(project: Project) -> None:
    project.write("src/a.c", "a").write("src/deep/a.c", "b")
    project.stagefile(OBJECTS.format('suffix=".o"'))

    project.build().ran("compile.build/obj/a.o", "compile.build/obj/deep/a.o")

    assert (project.read("build/obj/a.o"), project.read("build/obj/deep/a.o")) == ("a", "b")


def test_two_sources_for_one_output_are_both_named(project: Project) -> None:
    project.write("src/a.c").write("src/a.cpp")
    project.stagefile("""\
        for source in glob("src/*"):
            command(f"compile.{source.name}", "cp {inputs} {outputs}", inputs=[source],
                    outputs=[output_for(source, "build", strip="src", suffix=".o")])
        """)

    project.build().exited(2).printed(
        """\
        error: two stages own the output `build/a.o`
          `compile.a.c`    Stagefile:3
          `compile.a.cpp`  Stagefile:3
        hint: give each its own path, or make one stage of the two
        """
    )
    project.stagefile(OBJECTS.format('append=".o"'))
    project.build().ran("compile.build/obj/a.c.o", "compile.build/obj/a.cpp.o")


def test_a_source_outside_of_what_is_stripped_names_the_line(project: Project) -> None:
    project.stagefile('output_for("lib/a.c", "build", strip="src")\n')

    project.build().exited(2).printed(
        """\
        error: `lib/a.c` is not in `src`
          declared  Stagefile:2, output_for()
        hint: strip= names a directory that all sources are in
        """
    )


# --- which and need. -------------------------------------------------------------------------------


def test_a_program_is_looked_up_where_stages_find_theirs(project: Project) -> None:
    program(project, "../bin/tool")
    program(project, "local/own")
    project.write("../bin/not-a-program")
    project.env["PATH"] = f"{project.base}/bin:local:{os.environ['PATH']}"
    project.stagefile("""\
        print(which("tool"), which("own"), which("nothing"), which("not-a-program"))
        print(which("nothing", "neither"), which("nothing", "tool"), need("nothing", "tool", "sh"))
        print(which("local/own"), which("./local/../local/own"), which("local"), which("bin/own"))
        """)

    assert (
        project.build("list")
        .exited(0)
        .stdout.startswith("tool own None None\nNone tool tool\nlocal/own local/own None None\n")
    )


def test_a_program_in_the_root_itself_keeps_its_slash(project: Project) -> None:
    program(project, "tool")
    project.stagefile('command("a", [need("./tool")])\n')

    assert "one\n" in project.build().exited(0).stderr


def test_what_is_found_counts_the_same_wherever_it_lies(project: Project) -> None:
    program(project, "../bin/tool")
    project.env["PATH"] = f"{project.base}/bin:{os.environ['PATH']}"
    project.stagefile(
        'command("a", f"{need(\'other-tool\', \'tool\')} > {{outputs}}", outputs=["a"])\n'
    )
    project.build().ran("a")

    (project.base / "bin").rename(project.base / "elsewhere")
    project.env["PATH"] = f"{project.base}/elsewhere:{os.environ['PATH']}"
    project.build().printed("stagemake: up to date\n")

    program(project, "../elsewhere/other-tool", "two")  # which comes first
    project.build().ran("a")
    assert project.read("a") == "two\n"


NEEDS = """\
    npm = need("no-such-npm", hint="install Node.js 20 or newer")
    cc = need("no-such-cc", "no-such-gcc")
    need("tools/generate", hint="git submodule update --init")
    command("install", [npm, "ci"], inputs=["in"], outputs=["node_modules/"])
    """

MISSING = """\
    error: the program `no-such-npm` is not there
      needed    Stagefile:2, need()
      searched  PATH: <path>
      also      the program `no-such-cc` or `no-such-gcc` is not there; install it, or put it on PATH
      also      the program `tools/generate` is not there; git submodule update --init
    hint: install Node.js 20 or newer
    """


@pytest.mark.parametrize(
    "arguments", [[], ["-n"], ["-q"], ["-k"], ["-n", "--json"], ["why", "install"]]
)
def test_a_needed_program_that_is_missing_ends_what_builds_or_judges(
    project: Project, arguments: list[str]
) -> None:
    project.env["PATH"] = "/usr/bin:/bin"
    project.write("in").stagefile(NEEDS)

    with project.unchanged():
        result = project.build(*arguments).exited(2)

    result.printed(MISSING.replace("<path>", "/usr/bin:/bin"))


def test_without_it_stages_are_listed_drawn_completed_and_cleaned(project: Project) -> None:
    project.write("in").stagefile(NEEDS)

    with project.unchanged():
        assert "install" in project.build("list").exited(0).stdout
        assert "install" in project.build("graph", "--format=dot").exited(0).stdout
        project.build("clean", "-n").exited(0)
        words = project.build("completion", "zsh", "--", "build", "ins").exited(0)
    assert words.stdout == "word\tinstall\tmakes node_modules/\n"


def test_a_needed_program_that_the_stagefile_itself_starts_is_told_as_such(
    project: Project,
) -> None:
    project.env["PATH"] = "/usr/bin:/bin"
    project.stagefile("""\
        import subprocess
        version = subprocess.check_output([need("no-such-git", hint="install git"), "describe"])
        """)

    project.build("list").exited(2).printed(
        """\
        error: the program `no-such-git` is not there
          needed    Stagefile:3, need()
          searched  PATH: /usr/bin:/bin
        hint: install git
        """
    )


@pytest.mark.parametrize("word", ["which", "need"])
@pytest.mark.parametrize(
    ("given", "shown"),
    [('["cc", "gcc"]', "['cc', 'gcc']"), ('""', "''"), ("3", "3"), (r'"a\0"', r"'a\x00'")],
)
def test_a_program_is_a_name(project: Project, word: str, given: str, shown: str) -> None:
    project.stagefile(f"{word}({given})\n")

    project.build("list").exited(2).printed(
        f"""\
        error: a program is {shown}, not a name
          declared  Stagefile:2, {word}()
        hint: write one argument for each that would do: need("cc", "gcc")
        """
    )


@pytest.mark.parametrize("way", ["context, case=case", "context"])
def test_a_function_may_hold_its_case_itself(project: Project, way: str) -> None:
    text = f"""\
        from pathlib import Path
        def declare(case):
            @stage(name=f"show.{{case}}", outputs=[f"{{case}}.txt"])
            def show({way}):
                context.outputs[0].write_text(f"{{case.size}} {{case!r}}")
        for case in matrix(size=SIZES, path=[Path("a/b")]):
            declare(case)
        """
    project.stagefile(text.replace("SIZES", "[1, 2]")).build().ran("show.1-a-b", "show.2-a-b")
    assert project.read("2-a-b.txt") == "2 Case(size=2, path=PosixPath('a/b'))"
    project.run().printed("stagemake: up to date\n")  # in a process of its own

    project.stagefile(text.replace("SIZES", "[1, 2, 3]")).build().ran("show.3-a-b")
    project.stagefile(text.replace("SIZES", '{"1": 7, "2": 2}')).build().ran("show.1-a-b")


def test_a_case_that_is_global_counts_by_what_the_function_reads(project: Project) -> None:
    text = """\
        one, two = matrix(size={"small": SMALL, "large": 9}, mode="fast")
        CASES = [one, two]
        @stage(outputs=["attribute"])
        def attribute(context):
            context.outputs[0].write_text(str(one.size))
        @stage(outputs=["item"])
        def item(context):
            context.outputs[0].write_text(str(one["size"]))
        @stage(outputs=["listed"])
        def listed(context):
            context.outputs[0].write_text(str([dict(case) for case in CASES]))
        @stage(outputs=["other"])
        def other(context):
            context.outputs[0].write_text(str(two.size))
        """
    project.stagefile(text.replace("SMALL", "1"))
    project.build().ran("attribute", "item", "listed", "other")
    project.run().printed("stagemake: up to date\n")

    project.stagefile(text.replace("SMALL", "2")).build().ran("attribute", "item", "listed")
    assert (project.read("attribute"), project.read("item")) == ("2", "2")
