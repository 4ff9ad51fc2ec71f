"""`stagemake -n --assume-changed`: what would an edit of this cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagemake.manager import StageManager
from stagemake.model.error import UsageError
from stagemake.model.request import BuildRequest

if TYPE_CHECKING:
    from project import Project

STAGEFILE = """\
for source in glob("src/*.txt"):
    command(
        f"copy.{source.stem}",
        "cat {inputs} inc/head > {outputs}; echo '{outputs}: inc/head' > {depfile}",
        inputs=[source], outputs=[f"out/{source.stem}"], depfile=f"out/{source.stem}.d",
    )
command("all", "cat {inputs} > {outputs}", inputs=[f"out/{s.stem}" for s in glob("src/*.txt")], outputs=["out/all"])
command("count", "ls {inputs} > {outputs}", inputs=["data/"], outputs=["out/count"])

@stage(inputs=["out/all"], outputs=["out/size"])
def size(context):
    import late
    context.outputs[0].write_text(late.text(context.inputs[0].read_text()))
"""


@pytest.fixture
def built(project: Project) -> Project:
    """A project that is up to date."""
    project.stagefile(STAGEFILE)
    project.write("src/a.txt", "a\n").write("src/b.txt", "b\n").write("inc/head", "head\n")
    project.write("data/1", "1").write("data/2", "2").write("README", "hello")
    project.write("late.py", "def text(of):\n    return str(len(of))\n")
    project.build().exited(0)
    return project


def stages(project: Project, *paths: str) -> dict[str, str]:
    """Return the verdicts of what is not fresh, if these had other content."""
    words = [word for path in paths for word in ("--assume-changed", path)]
    found = project.build("-n", "--json", *words).exited(0).json["stages"]
    return {one["name"]: one["verdict"] for one in found if one["verdict"] != "fresh"}


def test_an_edit_of_an_input_costs_what_reads_it_and_maybe_what_follows(built: Project) -> None:
    with built.unchanged():
        result = built.build("-n", "--assume-changed", "src/a.txt")

    assert result.stdout.partition("time ")[0] == (
        "if `src/a.txt` changed: read by copy.a\n"
        "\n"
        "miss   copy.a  ~<time>  input changed: src/a.txt\n"
        "maybe  all  ~<time>  upstream runs: out/a\n"
        "maybe  size  ~<time>  upstream runs: out/all\n"
        "\n"
        "fresh       2  nothing to do\n"
        "miss        1  run\n"
        "maybe       2  run only if what they wait for changes\n"
        "runs   1 for certain, 3 at most\n"
    )


def test_a_found_header_costs_all_that_found_it(built: Project) -> None:
    assert stages(built, "inc/head") == {
        "copy.a": "miss", "copy.b": "miss", "all": "maybe", "size": "maybe",
    }  # fmt: skip


def test_a_directory_and_what_is_in_it_cost_who_reads_the_directory(built: Project) -> None:
    for path in ("data", "data/", "data/1", "data/new", "data/new/deep"):
        assert stages(built, path) == {"count": "miss"}, path


def test_a_new_file_is_found_by_globs(built: Project) -> None:
    result = built.build("-n", "-W", "src/c.txt")

    assert result.stdout.startswith("if `src/c.txt` was there: read by copy.c\n")
    assert stages(built, "src/c.txt") == {"copy.c": "miss", "all": "miss", "size": "maybe"}
    assert stages(built, "src/c.dat") == {}


def test_a_new_directory_is_found_by_globs(project: Project) -> None:
    project.stagefile(
        'command("all", "cat {inputs} > {outputs}", inputs=glob("a/**/*.t"), outputs=["o"])'
    )
    project.write("a/1.t", "1").build().exited(0)

    assert stages(project, "a/b/c/2.t") == {"all": "miss"}
    assert stages(project, "b/2.t") == {}


def test_code_of_a_function_costs_its_stage(built: Project) -> None:
    result = built.build("-n", "-W", "late.py")

    assert result.stdout.startswith("if `late.py` changed: code of size\n\nmiss   size")
    assert stages(built, "late.py") == {"size": "miss"}


def test_a_hand_edited_output_is_a_conflict_and_comes_back(built: Project) -> None:
    found = built.build("-n", "--json", "-W", "out/all").json

    assert {one["name"]: one["verdict"] for one in found["stages"]}["all"] == "hit"
    assert [one["kind"] for one in found["conflicts"]] == ["hand_edited"]
    assert found["assumed"] == [
        {
            "path": "out/all", "files": 1, "is_new": False, "note": "",
            "stages": [{"name": "all", "how": "output"}, {"name": "size", "how": "input"}],
        }
    ]  # fmt: skip


def test_what_no_stage_reads_costs_nothing_and_says_so(built: Project) -> None:
    built.build("-n", "-W", "README").exited(0).printed("""\
        if `README` changed: none of these stages has to do with it

        stagemake: up to date
        """)
    built.build("-n", "-W", "src/a.tx").exited(0).printed("""\
        if `src/a.tx` was there: none of these stages has to do with it
           did you mean `src/a.txt` or `src/b.txt`?

        stagemake: up to date
        """)


def test_only_the_wanted_stages_are_asked(built: Project) -> None:
    built.build("-n", "count", "-W", "src/a.txt").exited(0).printed("""\
        if `src/a.txt` changed: none of these stages has to do with it

        stagemake: up to date
        """)


def test_paths_are_typed_from_where_one_is_and_may_lead_through_links(built: Project) -> None:
    (built.root / "other").symlink_to("src")
    (built.root / "a.lnk").symlink_to("src/a.txt")

    for cwd, path in (
        ("src", "a.txt"),
        ("", "other/a.txt"),
        ("", "a.lnk"),
        ("data", "../src/a.txt"),
    ):
        words = ("-n", "--json", "--assume-changed", path)
        assert built.build(*words, cwd=cwd).json["totals"]["miss"] == 1, path


def test_an_input_that_is_a_link_changes_with_what_it_leads_to(project: Project) -> None:
    project.stagefile('command("copy", "cat l > o", inputs=["l"], outputs=["o"])')
    project.write("far/away", "1")
    (project.root / "l").symlink_to("far/away")
    project.build().exited(0)

    assert stages(project, "far/away") == {"copy": "miss"}
    assert stages(project, "l") == {"copy": "miss"}


def test_a_program_of_the_project_is_an_input(project: Project) -> None:
    project.stagefile('command("copy", ["./tool", "o"], outputs=["o"])')
    project.write("tool", '#!/bin/sh\necho 1 > "$1"\n')
    (project.root / "tool").chmod(0o755)
    project.build().exited(0)

    result = project.build("-n", "-W", "tool")

    assert result.stdout.startswith(
        "if `tool` changed: started by copy\n\nmiss   copy  ~<time>  input changed: tool\n"
    )


def test_what_never_ran_may_read_it_all_the_same(project: Project) -> None:
    project.stagefile(STAGEFILE).write("src/a.txt").write("data/1").write("inc/head")
    project.write("late.py", "def text(of):\n    return str(len(of))\n")

    result = project.build("-n", "-W", "inc/head")

    assert result.stdout.startswith(
        "if `inc/head` changed: none of these stages has to do with it\n"
        "   copy.a never ran: what is found while running is not known yet\n"
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("Stagefile", "it is the Stagefile"),
        ("sub/Stagefile", "it is an included Stagefile"),
        ("helper.py", "the Stagefile imports it"),
        (".", "it is the Stagefile"),
    ],
)
def test_what_decides_which_stages_there_are_is_not_guessed_at(
    project: Project, path: str, why: str
) -> None:
    project.stagefile('import helper\ninclude("sub")\n').write("helper.py")
    project.write(
        "sub/Stagefile", 'from stagemake import command\ncommand("a", "true", always=True)\n'
    )

    result = project.build("-n", "--assume-changed", path)

    shown = "Stagefile" if path == "." else path
    result.exited(2).printed(f"""\
        error: what an edit of `{shown}` would cost can't be foreseen
          why  {why}: another content could declare other stages
        hint: edit it, and see what `stagemake -n` says then
        """)


def test_what_the_stagefile_reads_or_asks_for_is_not_guessed_at(project: Project) -> None:
    project.stagefile(
        """\
        import os
        names = open("names").read().split()
        if os.path.exists("extra"):
            names.append("x")
        names += os.listdir("more")
        for name in names:
            command(name, "true", inputs=["names"])
        """
    )
    project.write("names", "a b").write("more/m")

    def why(path: str) -> str:
        return project.run("-n", "-W", path).exited(2).stderr.splitlines()[1].strip()

    assert why("names") == "why  the Stagefile reads it: another content could declare other stages"
    assert why("extra").startswith("why  the Stagefile asks whether it is there:")
    assert why("more/new").startswith("why  the Stagefile lists its directory:")
    assert project.run("-n", "-W", "more/m", "-D", "opt=1").exit_code == 2  # nothing reads `opt`
    project.run("-n", "-W", "more/m").exited(0)


def test_settings_are_taken_as_they_are(built: Project) -> None:
    result = built.write("pyproject.toml", "[tool.other]\n").build("-n", "-W", "pyproject.toml")

    result.exited(0)
    assert "taken as an edit outside of [tool.stagemake]" in result.stdout


@pytest.mark.parametrize(
    ("path", "headline"),
    [
        (".stagemake/lock", "`.stagemake/lock` is stagemake's own"),
        ("src/a.txt/x", "`src/a.txt/x` can't be there: it lies below a file"),
        ("/dev/null", "`/dev/null` is no ordinary file"),
    ],
)
def test_what_can_not_be_edited_is_an_error(built: Project, path: str, headline: str) -> None:
    result = built.build("-n", "-W", path).exited(2)

    assert result.stderr.splitlines()[0] == f"error: {headline}"


@pytest.mark.parametrize("words", [(), ("-q",), ("-n", "-o", "plan.json"), ("-n", "--plan", "p")])
def test_it_is_for_dry_runs_only(built: Project, words: tuple[str, ...]) -> None:
    built.build(*words, "-W", "src/a.txt").exited(2).printed("""\
        error: `--assume-changed` goes with `-n`, and without `-o` and `--plan`
        hint: stagemake -n --assume-changed PATH
        """)


def test_programs_ask_by_a_request_and_can_not_build_by_it(built: Project) -> None:
    manager = StageManager(built.root, cache_dir=built.cache, environ=built.environment())
    manager.load()
    request = BuildRequest(assume_changed=("src/a.txt",))

    assert manager.dry_run_pipeline(request).runs == (1, 3)
    assert manager.dry_run_pipeline().runs == (0, 0)
    with pytest.raises(UsageError, match="a build can't assume what isn't so"):
        manager.execute_pipeline(request)
