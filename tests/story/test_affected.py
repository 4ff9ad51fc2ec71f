"""`build --affected REV` and `graph --changed-since REV`: what a range of commits touches."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from git_kit import commit_all, git

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
command("tool", ["./tool", "out/tool"], outputs=["out/tool"])
command("lint", "true", inputs=["README"])
command("last", "true", inputs=["README2"], optional=["count"], after=["tool"])

@stage(inputs=["out/all"], outputs=["out/size"])
def size(context):
    import late
    context.outputs[0].write_text(late.text(context.inputs[0].read_text()))
"""


@pytest.fixture
def built(project: Project) -> Project:
    """A project that is committed and up to date."""
    project.stagefile(STAGEFILE).write(".gitignore", "/out/\n*.log\n")
    project.write("src/a.txt", "a\n").write("src/b.txt", "b\n").write("inc/head", "head\n")
    project.write("data/1", "1").write("data/2", "2").write("README", "hello").write("README2")
    project.write("late.py", "def text(of):\n    return str(len(of))\n")
    project.write("tool", '#!/bin/sh\necho 1 > "$1"\n')
    (project.root / "tool").chmod(0o755)
    commit_all(project.root)
    project.build().exited(0)
    return project


def affected(project: Project, revision: str = "HEAD", *words: str, cwd: str = "") -> list[str]:
    """Return the names of the affected stages, sorted."""
    result = project.build("-n", "--json", "--affected", revision, *words, cwd=cwd)
    found = result.exited(0).json["selection"]
    return sorted(one["name"] for one in found["stages"])


def test_nothing_differs(built: Project) -> None:
    for words in ((), ("-n",), ("--affected", "HEAD")):
        built.build("--affected", "HEAD", *words).exited(0).printed(
            "stagemake: nothing differs from HEAD: no stage is affected\n"
        )
    built.build("--affected", "HEAD", "-q").exited(0).printed("")


def test_what_no_stage_reads_affects_none(built: Project) -> None:
    built.write("notes.md", "x")

    built.build("--affected", "HEAD").exited(0).printed(
        "stagemake: none of 8 stages is affected by 1 file that differs from HEAD\n"
    )


def test_an_edit_is_built_with_what_follows(built: Project) -> None:
    built.write("src/a.txt", "other\n").write("README", "not asked for")

    result = built.build("--affected", "HEAD", "size", "-j1", "-v")

    result.ran("copy.a", "all", "size")
    assert result.stderr.startswith(
        "stagemake: 3 of 4 stages are affected by 2 files that differ from HEAD\n"
        "  copy.a reads src/a.txt\n"
        "  all waits for copy.a\n"
        "  size waits for all\n"
    )
    assert built.build("--affected", "HEAD").ran("lint").exit_code == 0


def test_what_the_affected_need_is_built_too(built: Project) -> None:
    shutil.rmtree(built.root / "out")
    shutil.rmtree(built.root / ".stagemake")
    built.write("late.py", "def text(of):\n    return str(len(of) + 1)\n")

    result = built.build("--affected", "HEAD", "size", "--cache", "off")

    result.ran("copy.a", "copy.b", "all", "size")


def test_selection_judges_nothing(built: Project) -> None:
    built.write("src/a.txt", "other\n")
    built.build().exited(0)

    built.build("--affected", "HEAD").printed(
        "stagemake: 3 of 8 stages are affected by 1 file that differs from HEAD\n"
        "stagemake: up to date\n"
    )


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("inc/head", ["all", "copy.a", "copy.b", "size"]),
        ("data/1", ["count"]),
        ("data/new", ["count"]),
        ("data/deep/er", ["count"]),
        ("tool", ["last", "tool"]),
        ("late.py", ["size"]),
        ("some.log", []),
        ("out/all", []),
    ],
)
def test_each_way_of_reading_counts(built: Project, path: str, names: list[str]) -> None:
    built.write(path, "#!/bin/sh\n# edited\n")

    assert affected(built) == names


def test_deletions_count_for_who_read_the_file_by_name_or_directory(built: Project) -> None:
    built.remove("data/1", "inc/head")

    assert affected(built) == ["all", "copy.a", "copy.b", "count", "size"]


def test_a_deleted_file_counts_for_who_would_have_got_it_from_a_glob(built: Project) -> None:
    built.remove("src/b.txt")

    result = built.build("-n", "-v", "--affected", "HEAD")

    assert result.stderr == (
        "stagemake: 2 of 7 stages are affected by 1 file that differs from HEAD\n"
        "  all is declared otherwise, by glob src/*.txt\n"
        "  size waits for all\n"
    )


def test_a_renamed_file_is_a_deleted_and_a_new_one(built: Project) -> None:
    git(built.root, "mv", "src/b.txt", "src/c.txt")
    git(built.root, "mv", "data/1", "data/one")

    assert affected(built) == ["all", "copy.c", "count", "size"]
    assert affected(built, "HEAD", "copy.*") == ["copy.c"]


def test_a_new_file_counts_for_all_that_a_glob_of_it_makes(project: Project) -> None:
    project.stagefile(
        """\
        command("number", "echo {params.n}", params={"n": len(glob("src/*"))}, outputs=["o"])
        command("folders", "echo {params.n} > {outputs}", params={"n": len(glob("src/*/"))}, outputs=["p"])
        """
    )
    project.write("src/1")
    commit_all(project.root)

    assert affected(project.write("src/2")) == ["number"]
    assert affected(project.write("src/sub/3")) == ["folders", "number"]


def test_a_glob_that_can_not_be_tried_again_makes_all_count(project: Project) -> None:
    project.stagefile(
        """\
        command("plain", "true", inputs=["i"])
        for name in glob("names/*"):
            command(name.read_text().strip(), "true", inputs=["i"])
        """
    )
    project.write("names/1", "one").write("names/2", "two").write("i")
    commit_all(project.root)
    project.remove("names/2")

    assert affected(project) == ["one", "plain"]


def test_staged_and_committed_edits_count_alike(built: Project) -> None:
    built.write("README", "one")
    first = commit_all(built.root)
    built.write("data/1", "two")
    git(built.root, "add", "data/1")

    assert affected(built, "HEAD") == ["count"]
    assert affected(built, first[:9]) == ["count"]
    assert affected(built, "HEAD~1") == ["count", "lint"]


def test_the_merge_base_is_what_three_dots_ask_for(built: Project) -> None:
    git(built.root, "checkout", "-q", "-b", "topic")
    built.write("README", "topic")
    commit_all(built.root)
    git(built.root, "checkout", "-q", "main")
    built.write("data/1", "main went on")
    commit_all(built.root)
    git(built.root, "checkout", "-q", "topic")

    assert affected(built, "main") == ["count", "lint"]
    assert affected(built, "main...") == ["lint"]


def test_a_file_that_was_only_touched_does_not_differ(built: Project) -> None:
    built.touch("src/a.txt").touch("README")

    assert affected(built) == []


DECLARING = """\
import helper
from helper import told

include("sub")
command("a", f"echo {helper.WORD} > o", inputs=["i"], outputs=["o"])
command("after", "cat o", inputs=["o"])

@stage(inputs=["i"], outputs=["f"])
def function(context):
    context.outputs[0].write_text(told())

@stage(inputs=["i"], outputs=["g"])
def other(context):
    context.outputs[0].write_text("other")
"""
HELPER = 'WORD = "one"\n\ndef told():\n    return "told"\n'
INCLUDED = 'from stagemake import command\ncommand("b", "true", inputs=["j"])\n'


@pytest.mark.parametrize(
    ("path", "old", "new", "names"),
    [
        ("Stagefile", "import helper", "# a comment\n\nimport helper", []),
        ("Stagefile", "echo", "echo -n", ["a", "after"]),
        ("Stagefile", '"other"', '"others"', ["other"]),
        ("Stagefile", "told())", "told() + 'x')", ["function"]),
        (
            "Stagefile",
            "import helper\n",
            'import helper\ncommand("new", "true", inputs=["i"])\n',
            ["new"],
        ),
        ("helper.py", "told", "told, of course", []),
        ("helper.py", '"told"', '"told otherwise"', ["function"]),
        ("helper.py", "one", "two", ["a", "after"]),
        ("helper.py", HELPER, HELPER + "\nfree = 1  # nobody reaches it\n", []),
        ("sub/Stagefile", '"true"', '"true -"', ["sub.b"]),
    ],
)
def test_what_was_declared_before_is_compared(
    project: Project, path: str, old: str, new: str, names: list[str]
) -> None:
    project.stagefile(DECLARING).write("helper.py", HELPER).write("i")
    project.write("sub/Stagefile", INCLUDED).write("sub/j")
    commit_all(project.root)
    text = project.read(path)
    assert old in text
    project.write(path, text.replace(old, new) if "of course" not in new else f"# {new}\n{text}")

    assert affected(project) == names
    assert project.run("-n", "--affected", "HEAD").exit_code == 0


def test_who_reads_what_a_stage_made_before_is_affected(project: Project) -> None:
    project.stagefile(
        'command("gone", "echo 1 > o", outputs=["o"])\ncommand("reader", "cat o", inputs=["o"])\n'
    )
    commit_all(project.root)
    project.stagefile('command("reader", "cat o", inputs=["o"])\n')

    assert affected(project) == ["reader"]


@pytest.mark.parametrize("path", ["Stagefile", "helper.py", "sub/Stagefile"])
def test_all_count_when_what_was_declared_before_can_not_be_told(
    project: Project, path: str
) -> None:
    project.stagefile('import helper\ninclude("sub")\ncommand("a", "true", inputs=["i"])\n')
    project.write("helper.py").write("i")
    project.write(
        "sub/Stagefile", 'from stagemake import command\ncommand("b", "true", inputs=["j"])\n'
    )
    project.write("sub/j")
    text = project.read(path)
    project.write(path, text + "raise ValueError\n")
    commit_all(project.root)
    project.write(path, text)

    result = project.build("-n", "--affected", "HEAD")

    assert result.stderr == (
        "stagemake: 2 of 2 stages count as affected by 1 file that differs from HEAD:\n"
        f"  the Stagefile is made of `{path}`; the Stagefile of before can't be run\n"
    )


def test_a_new_module_counts_for_who_is_declared_by_it(project: Project) -> None:
    project.stagefile('command("a", "true", inputs=["i"])').write("i")
    commit_all(project.root)
    project.write("helper.py", "WORD = 1")

    project.stagefile('import helper\ncommand("a", "true", inputs=["i"])')
    assert affected(project) == []
    project.stagefile('import helper\ncommand("a", f"true {helper.WORD}", inputs=["i"])')
    assert affected(project) == ["a"]


def test_all_count_when_the_stagefile_is_new(project: Project) -> None:
    project.write("i")
    commit_all(project.root)
    project.stagefile('command("a", "true", inputs=["i"])')

    result = project.build("-n", "--affected", "HEAD")

    assert result.stderr == (
        "stagemake: 1 of 1 stage counts as affected by 1 file that differs from HEAD:\n"
        "  the Stagefile is made of `Stagefile`; `Stagefile` was not there before\n"
    )


def test_all_count_when_settings_differ_and_only_then(built: Project) -> None:
    built.write("pyproject.toml", "[tool.stagemake.config]\na = 1\n[tool.x]\n")
    commit_all(built.root)

    assert affected(built.write("pyproject.toml", "[tool.stagemake.config]\na = 1\n")) == []
    assert len(affected(built.write("pyproject.toml", "[tool.stagemake.config]\na = 2\n"))) == 8


def test_all_count_when_the_stagefile_reads_what_differs_or_asks_programs(project: Project) -> None:
    project.stagefile(
        """\
        import os
        name = open("name").read()
        more = os.listdir("more"), os.path.exists("extra")
        version = capture("cat version", inputs=["version"])
        command("a", f"echo {name} {version}", inputs=["i"])
        """
    )
    project.write("name", "n").write("more/1").write("version", "1").write("i")
    commit_all(project.root)

    def why(path: str) -> str:
        project.write(path, "other")
        found = project.run("-n", "--json", "--affected", "HEAD").exited(0).json["selection"]
        git(project.root, "reset", "-q", "--hard")
        git(project.root, "clean", "-qfd")
        return found["everything"] or ""

    assert why("name") == "the Stagefile reads `name`"
    assert why("more/2") == "the Stagefile lists the directory of `more/2`"
    assert why("extra") == "the Stagefile asks for `extra`"
    assert why("version") == "the Stagefile asks a program about `version`"
    assert why("more/1") == ""
    project.write("Stagefile", project.read("Stagefile").replace(', inputs=["version"]', ""))
    commit_all(project.root)
    assert why("more/1") == "the Stagefile starts programs, and nobody knows what they read"


def test_what_never_ran_may_have_found_anything(built: Project) -> None:
    shutil.rmtree(built.root / ".stagemake")
    shutil.rmtree(built.cache)
    built.write("README", "other")

    result = built.build("-n", "-v", "--affected", "HEAD", "copy.a")

    assert result.stderr == (
        "stagemake: 1 of 1 stage is affected by 1 file that differs from HEAD\n"
        "  copy.a never ran: what it discovers is not known\n"
    )


def test_a_fresh_clone_knows_from_the_cache_what_was_found(built: Project) -> None:
    shutil.rmtree(built.root / ".stagemake")
    built.write("README", "other")

    assert affected(built) == ["lint"]
    assert affected(built.write("inc/head", "x")) == ["all", "copy.a", "copy.b", "lint", "size"]


def test_a_project_may_lie_deep_in_its_repository(built: Project) -> None:
    shutil.rmtree(built.root / ".git")
    (built.base / "elsewhere").write_text("x")
    commit_all(built.base)
    built.write("src/a.txt", "other")
    (built.base / "elsewhere").write_text("y")

    found = built.build("-n", "--json", "--affected", "HEAD", cwd="src").json["selection"]

    assert found["paths"] == ["<base>/elsewhere", "src/a.txt"]
    assert sorted(one["name"] for one in found["stages"]) == ["all", "copy.a", "size"]


def test_inputs_elsewhere_in_the_repository_count(project: Project) -> None:
    shared = project.base / "shared"
    shared.write_text("1")
    project.stagefile(
        f'command("a", "cat {{inputs}} > o", inputs=[{str(shared)!r}], outputs=["o"])'
    )
    commit_all(project.base)
    shared.write_text("2")

    assert affected(project) == ["a"]


def test_links_count_with_what_they_lead_to(project: Project) -> None:
    project.stagefile(
        'command("file", "cat l > o", inputs=["l"], outputs=["o"])\n'
        'command("folder", "cat d/f > p", inputs=["d/f"], outputs=["p"])\n'
    )
    project.write("far/f", "1").write("far/g", "1")
    (project.root / "l").symlink_to("m")
    (project.root / "m").symlink_to("far/g")
    (project.root / "d").symlink_to("far")
    commit_all(project.root)

    assert affected(project.write("far/g", "2")) == ["file"]
    assert affected(project.write("far/f", "2")) == ["file", "folder"]
    git(project.root, "checkout", "-q", ".")
    (project.root / "m").unlink()
    (project.root / "m").symlink_to("far/f")
    assert affected(project) == ["file"]


def test_a_submodule_counts_as_a_whole_and_is_named(project: Project) -> None:
    other = project.base / "library"
    other.mkdir()
    (other / "x.h").write_text("1")
    commit_all(other)
    project.stagefile(
        'command("a", "cat {inputs}", inputs=["lib/x.h"])\ncommand("b", "true", inputs=["Stagefile2"])'
    )
    project.write("Stagefile2")
    commit_all(project.root)
    git(project.root, "submodule", "add", "-q", str(other), "lib")
    start = commit_all(project.root)
    assert affected(project, start) == []

    project.write("lib/x.h", "2")

    result = project.build("-n", "--affected", start)
    assert result.stderr == (
        "stagemake: `lib` is another repository: all in it counts as changed\n"
        f"stagemake: 1 of 2 stages is affected by 1 file that differs from {start}\n"
    )
    assert affected(project, start) == ["a"]


def test_unusual_names_are_names(project: Project) -> None:
    names = ['a "b"\tc.txt', "new\nline.txt", "ü ß.txt", ":(top)x", "-x"]
    project.stagefile(
        "\n".join(f'command("s{at}", "true", inputs=[{name!r}])' for at, name in enumerate(names))
    )
    for name in names:
        project.write(name, "1")
    commit_all(project.root)

    for at, name in enumerate(names):
        project.write(name, "2")
        assert affected(project) == [f"s{at}"], name
        project.write(name, "1")


def test_neither_variables_nor_settings_of_the_user_make_it_wrong(built: Project) -> None:
    elsewhere = built.base / "elsewhere"
    elsewhere.mkdir()
    commit_all(elsewhere)
    home = built.base / "home"
    (home / "order").write_text("*.none\n")
    (home / "ignored").write_text("*\n")
    (home / ".gitconfig").write_text(
        f"""\
[core]
    quotePath = true
    excludesFile = {home}/ignored
    fsmonitor = {home}/no-such-program
    pager = false
[diff]
    external = /bin/false
    noprefix = true
    orderFile = {home}/no-such-file
    ignoreSubmodules = all
    relative = true
    renames = copies
    autoRefreshIndex = false
[color]
    ui = always
[alias]
    diff = status
"""
    )
    built.env = {
        "GIT_DIR": str(elsewhere / ".git"), "GIT_WORK_TREE": str(elsewhere),
        "GIT_INDEX_FILE": str(elsewhere / "index"), "GIT_EXTERNAL_DIFF": "/bin/false",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "diff.external", "GIT_CONFIG_VALUE_0": "false",
        "GIT_CEILING_DIRECTORIES": str(built.root), "GIT_LITERAL_PATHSPECS": "0",
    }  # fmt: skip
    built.touch("README").write("data/1", "other").write("data/new", "new")

    assert affected(built, cwd="src") == ["count"]


def test_git_is_not_changed_by_being_asked(built: Project) -> None:
    built.touch("README")
    before = (built.root / ".git/index").read_bytes()

    affected(built)

    assert (built.root / ".git/index").read_bytes() == before
    assert not (built.root / ".git/index.lock").exists()


def test_an_unknown_revision_is_one_clear_error(built: Project) -> None:
    for revision in ("mian", "-x", "HEAD:src", "", "a b"):
        built.build("--affected", revision).exited(2).printed(
            f"error: git knows no revision `{revision}` here\n"
            "hint: a branch, a tag or a hash; `REV...` for where this branch left REV\n"
        )


def test_no_repository_and_no_git_are_clear_errors(built: Project) -> None:
    shutil.rmtree(built.root / ".git")
    built.build("graph", "--changed-since", "HEAD").exited(2).printed(
        "error: `<root>` is in no git repository\n"
        "hint: what differs is asked of git; name the stages to build\n"
    )

    empty = built.base / "bin"
    empty.mkdir()
    for name in ("cc", "sh", "cat", "ls", "echo", "true"):
        found = shutil.which(name)
        if found:
            (empty / name).symlink_to(os.path.realpath(found))
    built.env = {"PATH": str(empty)}
    built.build("--affected", "HEAD").exited(2).printed(
        "error: git is not on this machine\nhint: install it; or name the stages to build\n"
    )


def test_a_shallow_clone_is_told_from_a_slip(built: Project) -> None:
    built.write("README", "more")
    old = git(built.root, "rev-parse", "HEAD").strip()
    commit_all(built.root)
    clone = built.base / "shallow"
    git(built.base, "clone", "-q", "--depth", "1", f"file://{built.root}", str(clone))

    result = built.build("-C", str(clone), "--affected", old).exited(2)

    assert "hint: this clone is shallow: `git fetch --unshallow`" in result.stderr


@pytest.mark.parametrize("words", [("--ask",), ("--plan", "p")])
def test_options_that_say_themselves_what_is_built_are_refused(
    built: Project, words: tuple[str, ...]
) -> None:
    built.build("--affected", "HEAD", *words).exited(2).printed("""\
        error: `--affected` does not go with `--ask` and `--plan`
        hint: stagemake -n -o FILE --affected REV
        """)


def test_a_plan_of_the_affected_can_be_carried_out(built: Project) -> None:
    built.write("src/a.txt", "other\n").write("README", "other")
    built.build("-n", "-o", "plan.json", "--affected", "HEAD", "size").exited(0)

    built.build("--plan", "plan.json").ran("copy.a", "all", "size")


def test_json_tells_what_was_selected_and_why(built: Project) -> None:
    built.write("src/a.txt", "other\n")
    commit = git(built.root, "rev-parse", "HEAD").strip()

    plan = built.build("-n", "--json", "--affected", "HEAD").json
    outcome = json.loads(built.build("--json", "--affected", "HEAD").stdout)
    nothing = built.build("--json", "--affected", "HEAD", "count").json

    assert plan["selection"] == outcome["selection"] == {
        "revision": "HEAD", "commit": commit, "paths": ["src/a.txt"], "submodules": [],
        "everything": None, "wanted": 8,
        "stages": [
            {"name": "copy.a", "cause": "input", "subject": "src/a.txt"},
            {"name": "all", "cause": "upstream", "subject": "copy.a"},
            {"name": "size", "cause": "upstream", "subject": "all"},
        ],
    }  # fmt: skip
    assert plan["targets"] == ["copy.a", "all", "size"]
    assert nothing["ok"] is True
    assert nothing["stages"] == nothing["selection"]["stages"] == []
    assert built.build("-n", "--json").json["selection"] is None


def test_a_graph_shows_the_affected_alone(built: Project) -> None:
    built.write("src/a.txt", "other\n")

    drawn = built.build("graph", "--changed-since", "HEAD", "--format", "mermaid").exited(0)
    found = built.build("graph", "--changed-since", "HEAD", "--format", "json").json
    part = built.build(
        "graph", "--changed-since", "HEAD", "--format", "json", "copy.*", "count"
    ).json
    none = built.build("graph", "--changed-since", "HEAD", "--format", "json", "count")

    assert drawn.stderr == (
        "stagemake: 3 of 8 stages are affected by 1 file that differs from HEAD\n"
    )
    assert "copy.b" not in drawn.stdout
    assert [one["name"] for one in found["stages"]] == ["copy.a", "all", "size"]
    assert [(one["from"], one["to"]) for one in found["edges"]] == [
        ("copy.a", "all"),
        ("all", "size"),
    ]
    assert [one["name"] for one in part["stages"]] == ["copy.a"]
    assert none.exit_code == 0
    assert none.json["stages"] == []
    assert found["selection"]["revision"] == "HEAD"


def test_a_graph_needs_no_program(built: Project) -> None:
    built.stagefile(STAGEFILE + 'need("no-such-program")\n').write("README", "other")

    built.build("graph", "--changed-since", "HEAD").exited(0)
    built.build("-n", "--affected", "HEAD").exited(2)


def test_values_given_for_this_run_are_not_noted_for_the_next(built: Project) -> None:
    built.stagefile('command("a", f"echo {config(\'x\', \'1\')} > o", inputs=["i"], outputs=["o"])')
    built.write("i")

    built.run("-D", "x=2", "--affected", "HEAD").exited(0)

    assert built.read("o") == "2\n"
    built.run().ran("a")
    assert built.read("o") == "1\n"
