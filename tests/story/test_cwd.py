"""Stages that run in a directory of their own: what they are given, what counts, what goes wrong."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from stagemake import Stage, StageManager
from stagemake.model.stage import Command

if TYPE_CHECKING:
    from project import Project


def executable(project: Project, path: str, text: str) -> None:
    project.write(path, text)
    (project.root / path).chmod(0o755)


def test_a_command_runs_there_and_gets_its_paths_as_seen_from_there(project: Project) -> None:
    project.write("packages/web/a.txt", "a").write("packages/-x", "x").write("in.txt", "i")
    project.write("packages/web/-y", "y").write("../outside", "o")
    outside = project.base / "outside"
    project.stagefile(f"""\
        command("show", ["sh", "-c", 'pwd -P; for each; do echo "$each"; cat "$each"; echo; done', "sh",
                         "{{inputs}}", "{{params.p}}"],
                inputs=["packages/web/a.txt", "in.txt", "packages/-x", "packages/web/-y", {str(outside)!r}],
                params={{"p": "in.txt"}}, cwd="packages/web", always=True)
        """)

    result = project.build("show")

    shown = result.stderr.splitlines()
    assert shown[1:13] == [
        "<root>/packages/web", "a.txt", "a", "../../in.txt", "i", "../-x", "x", "./-y", "y",
        "<base>/outside", "o", "in.txt",
    ]  # fmt: skip


def test_outputs_and_depfiles_lie_where_they_are_declared(project: Project) -> None:
    project.write("src/deep/a.c", '#include "a.h"\n#include "../b.h"\nint x = A + B;\n')
    project.write("src/deep/a.h", "#define A 1\n").write("src/b.h", "#define B 1\n")
    project.stagefile("""\
        command("cc", ["cc", "-MMD", "-MF", "{depfile}", "-c", "{inputs}", "-o", "{outputs}"],
                inputs=["src/deep/a.c"], outputs=["build/a.o"], depfile="build/a.d", cwd="src/deep")
        command("dir", "mkdir {outputs} && echo {outputs} > {outputs}/name", inputs=["src/b.h"],
                outputs=["src/deep/out/"], cwd="src/deep")
        """)
    project.build().ran("cc", "dir")
    assert project.read("src/deep/out/name") == "out\n"
    project.build().printed("stagemake: up to date\n")

    project.write("src/deep/a.h", "#define A 2\n")
    project.build().ran("cc").fresh("dir")
    project.write("src/b.h", "#define B 2\n")
    project.build().ran("cc", "dir")
    project.write("src/b.h", "#define B 1\n").write("src/deep/a.h", "#define A 1\n")
    project.build().restored("cc", "dir")


def test_a_function_finds_itself_there(project: Project) -> None:
    project.write("lib/helper.txt", "h")
    project.stagefile("""\
        import os
        @stage(inputs=["lib/helper.txt"], outputs=["o"], cwd="lib")
        def one(context):
            assert os.getcwd() == str(context.root / "lib")
            context.outputs[0].write_text(open("helper.txt").read() + str(context.inputs[0].is_absolute()))
        @stage(outputs=["p"])
        def two(context):
            context.outputs[0].write_text(str(os.getcwd() == str(context.root)))
        """)

    project.build("-j1").ran("one", "two")

    assert (project.read("o"), project.read("p")) == ("hTrue", "True")


def test_programs_with_a_slash_count_from_there_and_may_be_made(project: Project) -> None:
    executable(project, "pkg/tool", "#!/bin/sh\necho one > $1\n")
    executable(project, "tool", "#!/bin/sh\necho wrong > $1\n")
    executable(project, "pkg/more", "#!/bin/sh\n")
    project.stagefile("""\
        command("argv", ["./tool", "{outputs}"], outputs=["a"], cwd="pkg", tools=["./more"])
        command("text", "./tool {outputs}", outputs=["b"], cwd="pkg")
        command("up", ["../pkg/made", "{outputs}"], outputs=["c"], cwd="sub")
        command("make", "cp tool made", inputs=["pkg/tool"], outputs=["pkg/made"], cwd="pkg")
        """)
    (project.root / "sub").mkdir()
    project.build().ran("argv", "text", "up", "make")
    assert [project.read(name) for name in "abc"] == ["one\n"] * 3
    project.build().printed("stagemake: up to date\n")

    executable(project, "tool", "#!/bin/sh\necho changed > $1\n")
    project.build().printed("stagemake: up to date\n")
    executable(project, "pkg/more", "#!/bin/sh\n:\n")
    project.build().ran("argv")
    executable(project, "pkg/tool", "#!/bin/sh\necho two > $1\n")
    project.build().ran("argv", "text", "up", "make")
    assert [project.read(name) for name in "abc"] == ["two\n"] * 3


def test_relative_places_on_path_count_from_there(project: Project) -> None:
    for place, text in (("bin", "root"), ("pkg/bin", "pkg")):
        executable(project, f"{place}/tool", f"#!/bin/sh\necho {text} > $1\n")
    project.env["PATH"] = f"bin:{os.environ['PATH']}"
    project.stagefile("""\
        command("root", ["tool", "{outputs}"], outputs=["a"])
        command("pkg", ["tool", "{outputs}"], outputs=["b"], cwd="pkg")
        """)
    project.build().ran("root", "pkg")
    assert (project.read("a"), project.read("b")) == ("root\n", "pkg\n")
    project.build().printed("stagemake: up to date\n")

    executable(project, "pkg/bin/tool", "#!/bin/sh\necho new > $1\n")
    project.build().ran("pkg").fresh("root")
    executable(project, "bin/tool", "#!/bin/sh\necho new > $1\n")
    project.build().ran("root").fresh("pkg")


def test_it_counts_and_why_names_it(project: Project) -> None:
    (project.root / "a").mkdir()
    (project.root / "b").mkdir()
    text = 'command("where", "basename $(pwd -P) > {{outputs}}", outputs=["o"], cwd={!r})\n'
    project.stagefile(text.format("a")).build().ran("where")

    project.stagefile(text.format("b"))

    why = project.build("why", "where").stdout
    assert "because: declaration changed: cwd" in why
    assert "was  a\n" in why
    assert "now  b\n" in why
    project.build().ran("where")
    assert project.read("o") == "b\n"
    project.stagefile(text.format("./a/../a/"))
    project.build().restored("where")
    assert project.read("o") == "a\n"


def test_the_root_by_any_name_is_the_default(project: Project) -> None:
    text = 'command("one", "pwd -P > {{outputs}}", inputs=["Stagefile.in"], outputs=["o"]{})\n'
    project.write("Stagefile.in").stagefile(text.format("")).build().ran("one")

    for word in ('"."', '"./"', '"x/.."', "__import__('pathlib').Path('.')", "None"):
        project.stagefile(text.format(f", cwd={word}"))
        project.build().printed("stagemake: up to date\n")


def test_a_moved_checkout_gets_its_results_back(project: Project) -> None:
    project.write("pkg/in", "1")
    project.stagefile(
        'command("a", "cp {inputs} {outputs}", inputs=["pkg/in"], outputs=["o"], cwd="pkg")\n'
    )
    project.build().ran("a")

    project.clone().build().restored("a")


def test_a_missing_directory_fails_its_stage_only_and_leaves_the_old_outputs(
    project: Project,
) -> None:
    (project.root / "d").mkdir()
    project.stagefile("""\
        command("a", "date +%N > {outputs}", outputs=["o"], inputs=["i"], cwd="d")
        command("b", "true")
        """)
    project.write("i", "1").build().ran("a", "b")
    old = project.read("o")
    shutil.rmtree(project.root / "d")
    project.build("a").fresh("a")
    project.write("i", "2")

    result = project.build("-k").failed("a").ran("b")

    assert (
        "failed: a: its working directory `d` is not there; if a stage makes it, name that in after\n"
        in result.stderr
    )
    assert project.read("o") == old
    (project.root / "d").mkdir()
    project.build("a").ran("a")


def test_a_directory_that_a_stage_makes_is_there_with_after(project: Project) -> None:
    project.stagefile("""\
        command("make", "mkdir {outputs} && echo x > {outputs}/f", outputs=["gen/"])
        command("use", "cat f > {outputs}", inputs=["gen/f"], outputs=["o"], cwd="gen", after=["make"])
        """)

    project.build("-j1").ran("make", "use")
    project.clone("other").build().restored("make", "use")


def test_a_directory_that_is_only_above_the_outputs_is_made(project: Project) -> None:
    project.stagefile('command("a", "echo x > f", outputs=["build/x/f"], cwd="build/x")\n')

    project.build().ran("a")

    assert project.read("build/x/f") == "x\n"


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        ("real", "is reached through a link; name `real` itself"),
        ("..", "is reached through a link; name `<base>` itself"),
        ("nowhere", "is reached through a link; name `nowhere` itself"),
    ],
)
def test_a_link_is_refused_where_it_would_lead_paths_astray(
    project: Project, goal: str, text: str
) -> None:
    (project.root / "real").mkdir()
    (project.root / "link").symlink_to(goal)
    project.stagefile('command("a", "true", always=True, cwd="link")\n')

    result = project.build().failed("a")

    assert f"failed: a: its working directory `link` {text}\n" in result.stderr


def test_a_file_is_no_working_directory(project: Project) -> None:
    project.write("f").stagefile('command("a", "true", always=True, cwd="f")\n')

    result = project.build().failed("a")

    assert "failed: a: its working directory `f` is no directory\n" in result.stderr


def test_a_directory_nobody_may_enter_fails_the_stage(project: Project) -> None:
    if os.getuid() == 0:
        pytest.skip("root may enter everything")
    (project.root / "d").mkdir(mode=0)
    project.stagefile("""\
        command("a", "true", always=True, cwd="d")
        command("b", "pwd -P", always=True)
        """)

    result = project.build("-k", "-j1").failed("a").ran("b")

    assert "its working directory `d`: Permission denied" in result.stderr


@pytest.mark.parametrize(
    ("value", "headline", "hint"),
    [
        ('".."', "cwd lies outside the project: `..`",
         "it is the root or a directory below it, relative to the Stagefile"),
        ('"/tmp"', "cwd lies outside the project: `/tmp`",
         "it is the root or a directory below it, relative to the Stagefile"),
        ("3", "cwd is 3, not a path", ""),
        ('["a"]', "cwd is ['a'], not a path", ""),
        ('""', "a path is empty", ""),
        ('".stagemake/x"', "cwd lies in stagemake's own directory: `.stagemake/x`", ""),
        ('"out/sub"', "cwd is `out/sub`, which lies in the stage's own output `out/`",
         "an output is not there when the action starts: make and enter it in the action"),
    ],
)  # fmt: skip
def test_what_is_no_directory_of_the_project_is_a_mistake(
    project: Project, value: str, headline: str, hint: str
) -> None:
    project.stagefile(f'command("a", "true", outputs=["out/"], cwd={value})\n')

    expected = f"error: {headline}\n  declared  Stagefile:2, command('a')\n"
    project.build().exited(2).printed(expected + (f"hint: {hint}\n" if hint else ""))


def test_pwd_is_true_where_it_is_set_at_all(project: Project) -> None:
    (project.root / "d").mkdir()
    project.env["PWD"] = "/nowhere"
    project.stagefile("""\
        command("bare", ["env"], cwd="d", always=True)
        command("given", ["env"], cwd="d", always=True,
                pass_env=["PWD"])
        command("told", ["env"], cwd="d", always=True,
                env={"PWD": "mine"})
        """)
    assert "\nPWD=" not in project.build("bare").stderr
    assert "\nPWD=<root>/d\n" in project.build("given").stderr
    assert "\nPWD=mine\n" in project.build("told").stderr

    project.write("pyproject.toml", '[tool.stagemake]\nenvironment = "inherit"\n')

    assert "\nPWD=<root>/d\n" in project.build("bare").stderr
    assert "\nPWD=mine\n" in project.build("told").stderr


def test_stages_side_by_side_do_not_disturb_each_other(project: Project) -> None:
    for name in "abcdefgh":
        (project.root / name).mkdir()
    project.stagefile("""\
        import os
        for name in "abcdefgh":
            command(f"c.{name}", "sleep 0.01; basename $(pwd -P) > {outputs}", outputs=[f"{name}/c"], cwd=name)
            @stage(name=f"f.{name}", outputs=[f"{name}/f"], cwd=name)
            def call(context):
                context.outputs[0].write_text(os.path.basename(os.getcwd()) + "\\n")
        command("root", "pwd -P > {outputs}", outputs=["root"])
        """)

    project.build("-j8")

    for name in "abcdefgh":
        assert project.read(f"{name}/c") == project.read(f"{name}/f") == f"{name}\n"
    assert project.read("root") == f"{project.root}\n"


def test_a_program_that_embeds_stagemake_may_say_it_too(project: Project) -> None:
    (project.root / "d").mkdir()
    manager = StageManager(project.root, cache_dir=project.cache)
    manager.register_stage(
        Stage(
            "a", Command(("basename $(pwd -P) > {outputs}",), shell=True), outputs=("o",), cwd="d"
        )  # type: ignore[arg-type]  # names and paths
    )

    assert manager.execute_pipeline().ok
    assert project.read("o") == "d\n"


@pytest.mark.parametrize("cwd", [".", "..", "../x", "d/", "./d", "d/../d", "/tmp"])
def test_a_stage_value_with_another_spelling_fails(project: Project, cwd: str) -> None:
    (project.root / "d").mkdir()
    manager = StageManager(project.root, cache_dir=project.cache)
    manager.register_stage(Stage("a", Command(("true",)), cwd=cwd))  # type: ignore[arg-type]  # names and paths

    (result,) = manager.execute_pipeline().results

    assert result.problem == f"its working directory `{cwd}` is no canonical path below the root"


def test_a_dry_run_lists_directories_that_nobody_makes(project: Project) -> None:
    project.stagefile("""\
        command("lost", "true", always=True, cwd="lost")
        command("too", "true", always=True, cwd="lost")
        command("make", "mkdir {outputs}", outputs=["gen/"])
        command("in", "true", always=True, cwd="gen/deep", after=["make"])
        command("above", "touch {outputs}", outputs=["build/x/f"], cwd="build")
        """)

    found = project.build("-n", "--json").json["conflicts"]

    assert found == [
        {
            "kind": "missing_directory",
            "path": "lost",
            "stages": ["lost", "too"],
            "hint": "make it, or name another as cwd",
        }
    ]
    assert "lost" in project.build("-n").stdout
