"""Keywords and kinds of stages from end to end that no other story walks through."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project


def links(project: Project) -> dict[str, str]:
    """Return the text of every link outside of stagemake's own directory, by path."""
    return {
        path.removeprefix("project/"): os.readlink(project.base / path)  # a Path drops a last slash
        for path in project.tree()
        if path.startswith("project/") and (project.base / path).is_symlink()
    }


def executable(project: Project, path: str, text: str) -> None:
    project.write(path, text)
    (project.root / path).chmod(0o755)


LINKS = {
    "file": "../in",
    "directory": "../sub",
    "dangling": "no/where",
    "itself": "itself",
    "odd": "two words\n",
    "slash": "../sub/",
}


def test_outputs_that_are_links_come_back_as_they_were(project: Project) -> None:
    project.write("in", "1").write("sub/f", "f")
    project.stagefile(f"""\
        import os
        for name, target in {LINKS!r}.items():
            @stage(name=name, outputs=[f"out/{{name}}"], params={{"target": target}}, inputs=["in"])
            def link(context):
                os.symlink(context.params["target"], context.outputs[0])
        @stage(outputs=["tree/"], params={LINKS!r}, inputs=["in"])
        def tree(context):
            for place in (context.outputs[0], context.outputs[0] / "deep"):
                place.mkdir()
                for name, target in context.params.items():
                    os.symlink(target, place / name)
        """)
    names = [*LINKS, "tree"]
    project.build().ran(*names)
    made = links(project)
    assert {path: text for path, text in made.items() if path.startswith("out/")} == {
        f"out/{name}": target for name, target in LINKS.items()
    }
    assert len(made) == 3 * len(LINKS)
    project.build().printed("stagemake: up to date\n")

    project.remove(*made)
    project.build().restored(*names)
    assert links(project) == made
    other = project.clone()
    other.build().restored(*names)
    assert links(other) == made

    project.remove("out/file").write("out/file", "mine")
    (project.root / "tree/deep/directory").unlink()
    (project.root / "tree/deep/directory").symlink_to("../in")
    result = project.build().restored("file", "tree")
    assert "stagemake: `out/file` was yours; kept as " in result.stderr
    assert {path: text for path, text in links(project).items() if ".stagemake" not in path} == made


def test_a_link_output_is_one_by_its_text_and_who_reads_it_by_its_goal(project: Project) -> None:
    project.write("sub/f", "1")
    project.stagefile("""\
        command("link", "ln -s ../sub/f {outputs}", outputs=["out/l"])
        command("read", "cat {inputs} > {outputs}", inputs=["out/l"], outputs=["r"])
        """)
    project.build().ran("link", "read")

    project.write("sub/f", "2")

    project.build().ran("read").fresh("link")
    assert project.read("r") == "2"


@pytest.mark.parametrize("target", ["/nowhere", "../../outside"])
def test_a_link_out_of_the_project_is_kept_and_not_cached(project: Project, target: str) -> None:
    project.stagefile(f'command("a", "ln -s {target} {{outputs}}", outputs=["out/l"])\n')

    result = project.build().ran("a")

    assert "  note: not cached: " in result.stderr
    project.build().printed("stagemake: up to date\n")
    project.remove("out/l")
    project.build().ran("a")


def test_a_link_where_a_directory_is_declared_fails_the_stage(project: Project) -> None:
    project.stagefile('command("a", "mkdir d; ln -s d {outputs}", outputs=["out/"])\n')

    result = project.build().failed("a")

    assert "failed: a: its output `out/` is declared as a directory and isn't one" in result.stderr


def test_a_check_that_passed_is_kept_and_shows_its_log_with_v(project: Project) -> None:
    project.write("in", "1")
    project.stagefile(
        'command("check", "echo looked; echo closely >&2; grep -q 1 {inputs}", inputs=["in"])\n'
    )
    project.build().ran("check")
    project.build().printed("stagemake: up to date\n")
    project.build("-v").printed("""\
        stagemake: up to date
        passed before: check
        looked
        closely
        """)

    project.write("in", "2")
    project.build().failed("check")
    project.build().failed("check")
    project.write("in", "1")
    project.build().restored("check")
    result = project.clone().build("-v").restored("check")
    assert "looked\nclosely\n" in result.stderr


def test_a_stage_with_neither_inputs_nor_outputs_and_one_with_always_run_each_time(
    project: Project,
) -> None:
    project.write("in")
    project.stagefile("""\
        command("neither", "true")
        command("told", "cat {inputs} > {outputs}", inputs=["in"], outputs=["out"], always=True)
        command("after", "cat {inputs} > {outputs}", inputs=["out"], outputs=["end"])
        """)
    project.build().ran("neither", "told", "after")

    project.build().ran("neither", "told").fresh("after")
    assert project.build("-q").exit_code == 1
    verdicts = {
        step["name"]: step["verdict"] for step in project.build("-n", "--json").json["stages"]
    }
    assert verdicts["neither"] == verdicts["told"] == "miss"


def test_tools_count_by_content_wherever_they_are(project: Project) -> None:
    executable(project, "own/tool", "#!/bin/sh\necho one\n")
    executable(project, "../bin/found", "#!/bin/sh\necho a\n")
    project.env["PATH"] = f"{project.base}/bin:{os.environ['PATH']}"
    project.stagefile("""\
        command("text", 'X=./own/tool; $X > {outputs}; eval found >> {outputs}', outputs=["out"],
                tools=["./own/tool", "found"])
        @stage(outputs=["call"], tools=["found"])
        def call(context):
            import subprocess
            context.outputs[0].write_bytes(subprocess.check_output("found"))
        """)
    project.build().ran("text", "call")
    project.build().printed("stagemake: up to date\n")

    executable(project, "own/tool", "#!/bin/sh\necho two\n")
    project.build().ran("text").fresh("call")
    executable(project, "../bin/found", "#!/bin/sh\necho b\n")
    assert "program changed: found" in project.build("why", "call").stdout
    project.build().ran("text", "call")
    assert (project.read("out"), project.read("call")) == ("two\nb\n", "b\n")


@pytest.mark.parametrize(
    "declared",
    [
        'command("a", "date +%N > {outputs}", outputs=["a"], version=VERSION)',
        '@stage(outputs=["a"], version=VERSION)\ndef a(context):\n    context.outputs[0].write_text("")',
    ],
)
def test_another_version_runs_the_stage_again_and_the_old_one_comes_back(
    project: Project, declared: str
) -> None:
    project.stagefile(declared.replace("VERSION", "1")).build().ran("a")
    old = project.read("a")

    project.stagefile(declared.replace("VERSION", '"2"'))
    assert "declaration changed: version" in project.build("why", "a").stdout
    project.build().ran("a")
    project.stagefile(declared.replace("VERSION", '"1"'))
    project.build().restored("a")
    assert project.read("a") == old


def test_ignored_code_may_change_and_its_version_counts(project: Project) -> None:
    text = """\
        @stage(outputs=["a"], ignore_code=True, version={})
        def a(context):
            context.outputs[0].write_text("{}")
        """
    project.stagefile(text.format(1, "one")).build().ran("a")

    project.stagefile(text.format(1, "two")).build().printed("stagemake: up to date\n")
    assert project.read("a") == "one"
    project.stagefile(text.format(2, "two")).build().ran("a")
    assert project.read("a") == "two"


def test_parameters_of_every_kind_reach_commands_as_text_and_count(project: Project) -> None:
    text = """\
        command("a", "printf '%s|' {{params.n}} {{params.text}} {{params.flag}} > {{outputs}}",
                outputs=["a"], params={{"n": {}, "text": "it's $HOME", "flag": True, "unused": [1, {{"x": 2}}]}})
        """
    project.stagefile(text.format(1.5)).build().ran("a")
    assert project.read("a") == "1.5|it's $HOME|True|"

    project.stagefile(text.format(2))
    assert "parameters changed: n" in project.build("why", "a").stdout
    project.build().ran("a")
    assert project.read("a") == "2|it's $HOME|True|"


def test_a_result_for_any_python_is_keyed_without_the_interpreter(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.stagefile("""\
        @stage(outputs=["bound"])
        def bound(context):
            context.outputs[0].write_text("")
        @stage(outputs=["free"], any_python=True)
        def free(context):
            context.outputs[0].write_text("")
        """)
    project.build().ran("bound", "free")

    monkeypatch.setattr("stagemake.plan.declaration._INTERPRETER", "cpython 9.9")

    assert "platform changed" in project.build("why", "bound").stdout
    project.build().ran("bound").fresh("free")


def test_a_path_of_the_stages_own_is_where_its_programs_are_looked_up(project: Project) -> None:
    for place, text in (("one", "1"), ("two", "2"), ("pkg/two", "3")):
        executable(project, f"{place}/tool", f"#!/bin/sh\necho {text}\n")
    project.env["PATH"] = f"{project.root}/one:{os.environ['PATH']}"
    path = f"two:{os.environ['PATH']}"
    project.stagefile(f"""\
        command("base", "tool > {{outputs}}", outputs=["a"])
        command("own", "tool > {{outputs}}", outputs=["b"], env={{"PATH": {path!r}}})
        command("there", "tool > {{outputs}}", outputs=["c"], env={{"PATH": {path!r}}}, cwd="pkg")
        command("none", "command -v tool || echo 0 > {{outputs}}", outputs=["d"], env={{"PATH": None}})
        """)
    project.build().ran("base", "own", "there", "none")
    assert [project.read(name) for name in "abcd"] == ["1\n", "2\n", "3\n", "0\n"]
    project.build().printed("stagemake: up to date\n")

    for place, stage in (("one", "base"), ("two", "own"), ("pkg/two", "there")):
        executable(project, f"{place}/tool", "#!/bin/sh\necho new\n")
        project.build().ran(stage)
    assert [project.read(name) for name in "abcd"] == ["new\n", "new\n", "new\n", "0\n"]
