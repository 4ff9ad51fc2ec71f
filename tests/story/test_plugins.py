"""Plugins as their users meet them: named or not, broken or not, and what they bring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import noop_kit
import pytest
from plugin_kit import install, plugin, site_of
from project import importable

from stagemake import BaseStage, Plugin, StageContext, StagemakeError, StageManager, command

if TYPE_CHECKING:
    from project import Project

WORDS = '''
class Count(BaseStage):
    """Count the words."""

    name = "words.count"
    inputs = ("text.txt",)
    outputs = ("build/count.txt",)

    def execute(self, context):
        words = context.inputs[0].read_text().split()
        context.outputs[0].write_text(str(len(words)))
'''


@pytest.fixture
def words(project: Project) -> Project:
    """Return a project with a text, and a plugin installed that counts its words."""
    plugin(project, "stagemake-words", WORDS, stages={"count": "Count"})
    return project.stagefile("").write("text.txt", "one two three\n")


def named(project: Project, *names: str, more: str = "") -> Project:
    """Have the project's settings name these plugins."""
    return project.write("pyproject.toml", f"[tool.stagemake]\nplugins = {list(names)}\n{more}")


# --- Taking part. ----------------------------------------------------------------------------------


def test_a_plugin_that_nobody_names_is_not_even_imported(project: Project) -> None:
    plugin(project, "loud", "raise SystemExit('imported')", stages={"x": "X"})
    project.stagefile('command("a", "true > a", outputs=["a"])')

    project.build().ran("a")
    project.build("plugins").printed(
        """\
        loud 1.0  inactive
          origin     <base>/site-packages
          stages     x
        """
    )


def test_the_settings_name_a_plugin(words: Project) -> None:
    named(words, "stagemake-words")

    words.build().ran("words.count")

    assert words.read("build/count.txt") == "3"
    words.build().printed("stagemake: up to date\n")


def test_the_stagefile_names_a_plugin_by_its_short_name(words: Project) -> None:
    words.stagefile('plugin("words")\npipeline("all", ["words.count"], default=True)')

    words.build().ran("words.count")


def test_the_stagefile_can_use_what_a_plugin_makes(words: Project) -> None:
    words.stagefile(
        """
        plugin("words")
        command("double", "cat {inputs} {inputs} > {outputs}", inputs=["build/count.txt"],
                outputs=["build/double"], after=["words.count"])
        """
    )

    words.build("double").ran("words.count", "double")

    assert words.read("build/double") == "33"


def test_a_function_of_a_plugin_declares_with_the_words_of_the_language(project: Project) -> None:
    source = """
    def declare():
        tool = config("tool", "cat")
        pool("slow", 1)
        for path in glob("src/*.txt"):
            command(f"up.{path.stem}", [tool, "{inputs}"], inputs=[path], pool="slow")
        pipeline("ups", ["up.a"])
    """
    plugin(project, "ups", source, stages={"declare": "declare"})
    project.stagefile('plugin("ups")').write("src/a.txt").write("src/b.txt")

    project.build("list", "-D", "tool=tac").printed(
        """\
        pipelines:
          ups: up.a

        stages:
          up.a  checks src/a.txt
          up.b  checks src/b.txt
        """
    )


def test_pipelines_are_lists_of_names(words: Project) -> None:
    plugin(
        words,
        "stagemake-words",
        WORDS + "\nALL = ['words.count']",
        stages={"count": "Count"},
        pipelines={"all-words": "ALL"},
    )
    words.stagefile('plugin("words")')

    words.build("all-words").ran("words.count")


def test_a_new_version_of_a_plugin_runs_its_stages_and_no_others(words: Project) -> None:
    named(words, "words").stagefile(
        'command("a", "cp text.txt a", inputs=["text.txt"], outputs=["a"])'
    )
    words.build().ran("words.count", "a")

    plugin(words, "stagemake-words", WORDS, stages={"count": "Count"}, version="1.1")

    words.build().ran("words.count")
    assert "stagemake-words 1.1" in words.build("why", "words.count").stdout


def test_code_of_a_plugin_that_is_not_in_site_packages_counts_itself(words: Project) -> None:
    source = words.base / "checkout"  # as in an editable install
    words.env["PYTHONPATH"] = str(source)
    modules = {"words_plugin.py": f"from stagemake import *\n{WORDS}"}
    entry_points = {"stages": {"count": "words_plugin:Count"}}
    install(source, "words", modules, entry_points)
    named(words, "words").build().ran("words.count")

    modules["words_plugin.py"] = f"# a comment\n{modules['words_plugin.py']}"
    install(source, "words", modules, entry_points, version="1.1")
    words.build().ran()
    modules["words_plugin.py"] = modules["words_plugin.py"].replace("len(words)", "len(words) + 1")
    install(source, "words", modules, entry_points, version="1.1")

    words.build().ran("words.count")
    assert words.read("build/count.txt") == "4"


def test_stages_of_plugins_are_completed(words: Project) -> None:
    named(words, "words")

    found = words.build("completion", "zsh", "--", "words.")

    assert [line.split("\t")[1] for line in found.stdout.splitlines()] == ["words.count"]


def test_versions_of_what_takes_part_are_part_of_what_an_evaluation_depends_on(
    words: Project,
) -> None:
    named(words, "words")

    with (
        importable([str(site_of(words))]),
        StageManager(words.root, cache_dir=words.cache) as manager,
    ):
        manager.load("Stagefile")
        manager.get_stages()

        assert manager.project.session.plugins == {"stagemake-words": "1.0"}


UP = """
def declare():
    command("up.case", "tr a-z A-Z < {inputs} > {outputs}", inputs=["text.txt"], outputs=["up.txt"])
"""


def test_a_build_with_nothing_to_do_has_no_session_until_a_plugin_changes(words: Project) -> None:
    named(plugin(words, "up", UP, stages={"up": "declare"}), "up")
    assert noop_kit.build(words).returncode == 0

    assert noop_kit.answer(words) == 0

    for version, tool, text in (
        ("1.1", "tr a-z B-ZA", "POF UXP UISFF\n"),
        ("1.1", "cat", "one two three\n"),
    ):
        source = UP.replace("tr a-z A-Z", tool)
        plugin(words, "up", source, stages={"up": "declare"}, version=version)
        assert noop_kit.answer(words) is None
        assert noop_kit.build(words).returncode == 0
        assert words.read("up.txt") == text
        assert noop_kit.answer(words) == 0


@pytest.mark.parametrize("what", ["lifecycle", "broken"])
def test_a_session_that_does_something_is_held_each_time(words: Project, what: str) -> None:
    source = f"""{UP}
class Each(BaseStage):
    name = "up.each"
    def execute(self, context):
        pass
"""
    kinds = {
        "stages": {"up": "declare"},
        "lifecycle": {"each": "Each" if what == "lifecycle" else "No"},
    }
    named(plugin(words, "up", source, **kinds), "up")
    words.stagefile('command("a", "cp text.txt a", inputs=["text.txt"], outputs=["a"])')
    assert noop_kit.build(words).returncode == 0

    assert noop_kit.answer(words) is None


def test_what_a_plugin_reads_while_it_declares_counts(words: Project) -> None:
    source = """
    def declare():
        with open("tool.txt") as stream:
            tool = stream.read()
        command("up.case", f"{tool} < {{inputs}} > {{outputs}}", inputs=["text.txt"], outputs=["up.txt"])
    """
    named(plugin(words, "up", source, stages={"up": "declare"}), "up").write("tool.txt", "cat")
    words.run().ran("up.case")
    words.run()

    words.write("tool.txt", "tac").run().ran("up.case")


# --- What is wrong with one. -----------------------------------------------------------------------


def test_a_plugin_that_is_not_installed_is_an_error_with_the_way_out(words: Project) -> None:
    with named(words, "gone-plugin").unchanged():
        words.build().exited(2).printed(
            """\
            error: plugin `gone-plugin` is not installed
              named in  pyproject.toml, [tool.stagemake]
            hint: pip install gone-plugin
            """
        )
    named(words).stagefile('plugin("wrods")').build("list").exited(2).printed(
        """\
        error: plugin `wrods` is not installed
          named in  Stagefile:2
        hint: did you mean `words`?
        """
    )


def test_a_package_without_entry_points_is_no_plugin(words: Project) -> None:
    install(site_of(words), "plain", {"plain.py": ""}, {})

    named(words, "plain").build().exited(2).printed(
        """\
        error: plugin `plain` is not installed
          named in   pyproject.toml, [tool.stagemake]
          installed  plain 1.0 brings no entry points for stagemake
        hint: take it out: a package that is only imported need not be named
        """
    )


BROKEN = {
    "import": ("import nowhere", "X", "stages",
               "its entry in `stages`, `x`, can't be imported: ModuleNotFoundError: No module named 'nowhere'"),
    "name": ("", "X", "stages",
             "its entry in `stages`, `x`, can't be imported: AttributeError: module 'bad_plugin' has no attribute 'X'"),
    "syntax": ("def", "X", "stages",
               "its entry in `stages`, `x`, can't be imported: SyntaxError: invalid syntax (bad_plugin.py, line 2)"),
    "init": ("class X(BaseStage):\n    def __init__(self): raise ValueError('no licence')", "X", "stages",
             "its entry in `stages`, `x`, failed: ValueError: no licence"),
    "arguments": ("class X(BaseStage):\n    def __init__(self, more): pass", "X", "stages",
                  "its entry in `stages`, `x`, is a class that can't be called without arguments, as a stage is made"),
    "execute": ("class X(BaseStage):\n    name = 'x'\n    def execute(self): pass", "X", "stages",
                "its entry in `stages`, `x`, has a method execute that can't be called with one argument"),
    "no name": ("class X(BaseStage): pass", "X", "stages", "its entry in `stages`, `x`, has no name"),
    "no stage": ("X = 3", "X", "stages", "its entry in `stages`, `x`, has no name"),
    "path": ("class X(BaseStage):\n    name = 'x'\n    outputs = ('/etc/x',)", "X", "stages",
             "its entry in `stages`, `x`, failed: an output has an absolute path: `/etc/x`"),
    "declare": ("def X(more): pass", "X", "stages",
                "its entry in `stages`, `x`, is a function that can't be called without arguments to declare stages"),
    "exit": ("def X(): raise SystemExit(7)", "X", "stages",
             "its entry in `stages`, `x`, failed: it called exit(7)"),
    "hook": ("class X: pass", "X", "hooks",
             "its entry in `hooks`, `x`, has neither before_stage nor after_stage"),
    "hook arguments": ("class X:\n    def before_stage(self): pass", "X", "hooks",
                       "its entry in `hooks`, `x`, has a method before_stage that can't be called with two arguments"),
    "reporter": ("class X:\n    handle = 3", "X", "reporters",
                 "its entry in `reporters`, `x`, has no method handle: an instance of X"),
    "pipeline": ("X = 'words.count'", "X", "pipelines",
                 "its entry in `pipelines`, `x`, is no list of stages: 'words.count'"),
    "lifecycle": ("class X:\n    name = 'x.y'\n    def dependencies(self): return ()", "X", "lifecycle",
                  "its entry in `lifecycle`, `x`, has no method execute: an instance of X"),
    "lifecycle name": ("class X(BaseStage):\n    name = 'core.mine'\n    def execute(self, context): pass", "X",
                       "lifecycle",
                       "`core.mine` can't be a stage of the session: `core.` is kept for stagemake's own"),
    "lifecycle files": (("class X(BaseStage):\n    name = 'x.y'\n    outputs = ('a',)\n"
                        "    def execute(self, context): pass"), "X", "lifecycle",
                        "stage `x.y` of the session declares outputs; it has none: it runs in every session"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_with_its_error_and_left_out_whole(
    project: Project, case: str
) -> None:
    source, target, kind, problem = BROKEN[case]
    good = "\nclass Good(BaseStage):\n    name = 'good'\n    def execute(self, context): pass\n"
    site = site_of(project)
    modules = {
        "bad_plugin.py": f"from stagemake import *\n{source}\n",
        "fine.py": f"from stagemake import *\n{good}",
    }
    install(site, "bad", modules, {"stages": {"good": "fine:Good"}} | {
        kind: {"x": f"bad_plugin:{target}"} | ({"good": "fine:Good"} if kind == "stages" else {})
    })  # fmt: skip
    named(project, "bad").stagefile('command("a", "true > a", outputs=["a"])')

    result = project.build("list")

    assert result.stdout == "a  makes a\n"
    assert result.stderr == f"stagemake: plugin `bad` is broken and left out: {problem}\n"
    assert result.exit_code == 0
    shown = project.build("plugins", "--json").json["plugins"]
    assert [(row["name"], row["state"], row["error"]) for row in shown] == [
        ("bad", "broken", problem)
    ]


def test_what_raised_is_shown_with_its_place(project: Project) -> None:
    plugin(project, "bad", "def X(): raise ValueError('no')", stages={"x": "X"})
    named(project, "bad").stagefile("")

    assert project.build("plugins").stdout.splitlines()[:4] == [
        "bad 1.0  broken",
        "  why        its entry in `stages`, `x`, failed: ValueError: no",
        "  at         bad_plugin.py:2",
        "  named in   pyproject.toml, [tool.stagemake]",
    ]


def test_a_build_that_needs_a_broken_plugin_says_so(project: Project) -> None:
    plugin(project, "bad", "import nowhere", stages={"x": "X"})
    named(project, "bad").stagefile('command("a", "cp b a", inputs=["b"], outputs=["a"])')
    note = (
        "stagemake: plugin `bad` is broken and left out: its entry in `stages`, `x`, can't be imported: "
        "ModuleNotFoundError: No module named 'nowhere'\n"
    )
    fact = note.removeprefix("stagemake: plugin ").rstrip()

    project.build().exited(2).printed(
        f"""\
        {note.rstrip()}
        error: stage `a` needs an input nobody makes
          input     `b`
          declared  Stagefile:2
          plugin    {fact}
        hint: create it, or declare the stage that makes it
        """
    )
    project.build("x.y").exited(2).printed(
        f"""\
        {note.rstrip()}
        error: no stage, pipeline or output is called `x.y`
          plugin  {fact}
        hint: `stagemake list` shows what there is
        """
    )
    project.stagefile('pipeline("all", ["x.y"])').build().exited(2).printed(
        f"""\
        error: pipeline `all` names the stage `x.y`, which nobody declared
          declared  Stagefile:2
          plugin    {fact}
        """
    )


def test_what_a_broken_plugin_made_is_no_orphan(words: Project) -> None:
    named(words, "words").stagefile(
        'command("a", "cp text.txt a", inputs=["text.txt"], outputs=["a"])'
    )
    words.build().ran("words.count", "a")

    plugin(words, "stagemake-words", "import nowhere", stages={"count": "Count"})
    words.write("text.txt", "new").build().ran("a")
    assert words.has("build/count.txt")

    plugin(words, "stagemake-words", WORDS, stages={"count": "Count"})
    words.write("text.txt", "one two three\n").build().restored(
        "a"
    )  # the other one is as it was left
    assert words.read("build/count.txt") == "3"


def test_what_a_plugin_made_that_is_named_no_more_is_removed(words: Project) -> None:
    named(words, "words").build().ran("words.count")

    named(words).build()

    assert not words.has("build/count.txt")


def test_two_plugins_with_one_id_are_one_error_that_names_both(project: Project) -> None:
    stage = "class S(BaseStage):\n    name = 'same'\n    def execute(self, context): pass"
    plugin(project, "alpha", stage, stages={"s": "S"})
    plugin(project, "beta", "\n" + stage, stages={"s": "S"})
    named(project, "alpha", "beta").stagefile("")

    project.build("list").exited(2).printed(
        """\
        error: two stages are named `same`
          first   plugin `alpha`, alpha_plugin.py:4
          second  plugin `beta`, beta_plugin.py:5
        hint: give one of them another name; in a loop, put the loop variable into it
        """
    )


@pytest.mark.parametrize(
    ("kind", "word"), [("commands", "command"), ("runners", "runner"), ("caches", "cache")]
)
def test_two_plugins_with_one_chosen_name_are_one_error_too(
    project: Project, kind: str, word: str
) -> None:
    for name in ("alpha", "beta"):
        plugin(project, name, "", **{kind: {"same": "X"}})
    named(project, "alpha", "beta").stagefile("")

    project.build("list").exited(2).printed(
        f"""\
        error: two plugins bring the {word} `same`
          first   plugin `alpha` 1.0, named in pyproject.toml, [tool.stagemake]
          second  plugin `beta` 1.0, named in pyproject.toml, [tool.stagemake]
        hint: name only one of them
        """
    )


def test_two_pipelines_of_one_name_name_both_plugins(project: Project) -> None:
    for name in ("alpha", "beta"):
        plugin(project, name, "P = []", pipelines={"all": "P"})
    named(project, "alpha", "beta").stagefile("")

    project.build("list").exited(2).printed(
        """\
        error: two pipelines are named `all`
          first   plugin `alpha`
          second  plugin `beta`
        """
    )


def test_a_stage_of_the_stagefile_named_like_a_plugins_is_told_with_both_places(
    words: Project,
) -> None:
    named(words, "words").stagefile('command("words.count", "true")')

    words.build("list").exited(2).printed(
        """\
        error: two stages are named `words.count`
          first   plugin `stagemake-words`, stagemake_words_plugin.py:10
          second  Stagefile:2
        hint: give one of them another name; in a loop, put the loop variable into it
        """
    )


def test_a_missing_dependency_names_the_plugin_whose_it_is(project: Project) -> None:
    source = """
    class S(BaseStage):
        name = "alpha.last"
        def dependencies(self):
            return [StageDependency("beta.first")]
        def execute(self, context):
            pass
    """
    plugin(project, "alpha", source, stages={"s": "S"})
    named(project, "alpha").stagefile("")

    project.build().exited(2).printed(
        """\
        error: stage `alpha.last` runs after `beta.first`, which is no stage
          declared  plugin `alpha`, alpha_plugin.py:7
        hint: a stage that may be absent is named with `required=False`
        """
    )


def test_a_cycle_through_plugins_is_told_with_their_names(project: Project) -> None:
    for name, other in (("alpha", "beta"), ("beta", "alpha")):
        source = f"""
        class S(BaseStage):
            name = "{name}.s"
            def dependencies(self):
                return [StageDependency("{other}.s")]
            def execute(self, context):
                pass
        """
        plugin(project, name, source, stages={"s": "S"})
    named(project, "alpha", "beta").stagefile("")

    project.build().exited(2).printed(
        """\
        error: 2 stages wait for each other in a circle
          `alpha.s` -> `beta.s`  `beta.s` runs after `alpha.s`, declared plugin `beta`, beta_plugin.py:7
          `beta.s` -> `alpha.s`  `alpha.s` runs after `beta.s`, declared plugin `alpha`, alpha_plugin.py:7
        hint: take one of these edges away
        """
    )


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("plugins = 'words'", "`plugins` is 'words', not a list of names"),
        ("plugins = [3]", "`plugins` is [3], not a list of names"),
    ],
)
def test_a_setting_of_the_wrong_type_is_told(words: Project, table: str, problem: str) -> None:
    words.write("pyproject.toml", f"[tool.stagemake]\n{table}\n").build().exited(2).printed(
        f"""\
        error: {problem}
          in  pyproject.toml, [tool.stagemake]
        """
    )


def test_plugin_takes_one_name(words: Project) -> None:
    words.stagefile("plugin(3)").build().exited(2).printed(
        """\
        error: plugin() takes the name of a plugin, not 3
          declared  Stagefile:2, plugin()
        """
    )


# --- plugins. --------------------------------------------------------------------------------------


def test_plugins_works_outside_of_a_project(words: Project) -> None:
    (words.root / "Stagefile").unlink()

    words.build("plugins").printed(
        """\
        stagemake-words 1.0  inactive
          origin     <base>/site-packages
          stages     count
        """
    )


def test_plugins_without_any_says_so(project: Project) -> None:
    project.env["PYTHONPATH"] = ""

    found = project.stagefile("").build("plugins")

    assert found.exit_code == 0


def test_plugins_shows_what_is_named_and_missing(words: Project) -> None:
    named(words, "words", "gone-plugin")

    words.build("plugins").printed(
        """\
        gone-plugin  missing
          why        plugin `gone-plugin` is not installed
          hint       pip install gone-plugin
          named in   pyproject.toml, [tool.stagemake]
        stagemake-words 1.0  active
          named in   pyproject.toml, [tool.stagemake]
          origin     <base>/site-packages
          stages     words.count
        """
    )


def test_plugins_as_json_has_all_keys(words: Project) -> None:
    named(words, "words")

    assert words.build("plugins", "--json").json == {
        "schema": 1,
        "plugins": [
            {
                "name": "stagemake-words",
                "version": "1.0",
                "state": "active",
                "origin": "<base>/site-packages",
                "named_in": "pyproject.toml, [tool.stagemake]",
                "error": None,
                "at": None,
                "hint": None,
                "brings": {"stages": ["words.count"]},
            }
        ],
    }


def test_plugins_tells_what_would_break_when_chosen(project: Project) -> None:
    plugin(project, "bad", "def run(manager): pass", commands={"go": "run"})
    named(project, "bad").stagefile('command("a", "true > a", outputs=["a"])')

    row = project.build("plugins", "--json").json["plugins"][0]

    assert (row["state"], row["error"]) == (
        "broken",
        (
            "the command `go` can't be used: can't be called with two arguments, the manager and the command's "
            "arguments"
        ),
    )
    project.build().ran("a")


# --- Commands. -------------------------------------------------------------------------------------

TOP = """
import argparse

def top(manager, arguments):
    parser = argparse.ArgumentParser("stagemake top")
    parser.add_argument("-n", type=int, default=1)
    options = parser.parse_args(arguments)
    for stage in manager.get_stages()[: options.n]:
        print(stage.name)
    return 3
"""


def test_a_command_of_a_plugin_gets_all_that_follows_its_name(words: Project) -> None:
    plugin(words, "top-kit", TOP, commands={"top": "top"})
    named(words, "top-kit").stagefile('command("a", "true"); command("b", "true")')

    words.build("top").exited(3).printed("a\n")
    words.run("-C", str(words.root), "top", "-n", "2").exited(3).printed("a\nb\n")
    assert "usage: stagemake top [-h] [-n N]" in words.run("top", "--help").stdout


def test_a_stage_named_like_a_command_of_a_plugin_is_reached_by_build(words: Project) -> None:
    plugin(words, "top-kit", TOP, commands={"top": "top"})
    named(words, "top-kit").stagefile('command("top", "true > top", outputs=["top"])')

    words.build("top").exited(3).printed("top\n")
    found = words.build("build", "top").ran("top").stderr
    assert "stagemake: `top` is also a command; build it by `stagemake build top`\n" in found


def test_a_command_of_a_plugin_that_is_not_named_is_a_target_like_any_word(words: Project) -> None:
    plugin(words, "top-kit", TOP, commands={"top": "top"})
    named(words, "words").stagefile('command("top", "true > top", outputs=["top"])')

    words.build("top").ran("top")
    words.stagefile("").build("top").exited(2).printed(
        """\
        error: no stage, pipeline or output is called `top`
          plugin  `top-kit` brings a command of that name; the project does not name it
        hint: `stagemake list` shows what there is
        """
    )


def test_a_command_named_like_one_of_stagemakes_breaks_its_plugin(project: Project) -> None:
    plugin(project, "bad", TOP, commands={"clean": "top"})
    named(project, "bad").stagefile("")

    assert project.build("list").stderr == (
        "stagemake: plugin `bad` is broken and left out: it brings the command `clean`, which stagemake has "
        "itself\n"
    )


def test_a_broken_command_fails_only_when_it_is_called(project: Project) -> None:
    plugin(project, "bad", "import nowhere", commands={"go": "run"})
    named(project, "bad").stagefile('command("a", "true > a", outputs=["a"])')

    project.build().ran("a")
    project.build("go").exited(2).printed(
        """\
        error: the command `go` can't be used
          why     ModuleNotFoundError: No module named 'nowhere'
          at      bad_plugin.py:2
          plugin  bad 1.0
        hint: `stagemake plugins` shows all of them
        """
    )


def test_help_lists_commands_of_plugins_without_importing_them(project: Project) -> None:
    plugin(project, "bad", "import nowhere", commands={"go": "run"})
    named(project, "bad").stagefile("")

    text = project.build("--help").exited(0).stdout

    assert "Commands of installed plugins, where the project names these:\n  go  of `bad`\n" in text


# --- Reporters and hooks. --------------------------------------------------------------------------


def test_a_reporter_gets_events_and_is_closed(project: Project) -> None:
    source = """
    class Lines:
        def __init__(self):
            self.stream = open("events.log", "w")
        def handle(self, event):
            self.stream.write(type(event).__name__ + "\\n")
        def close(self):
            self.stream.write("closed\\n")
            self.stream.close()
    """
    plugin(project, "lines", source, reporters={"lines": "Lines"})
    named(project, "lines").stagefile('command("a", "true > a", outputs=["a"])')

    project.build().ran("a")

    assert project.read("events.log").split() == [
        "PlanReady", "StageStarted", "StageSettled", "BuildFinished", "closed",
    ]  # fmt: skip


@pytest.mark.parametrize("raised", ["ValueError('full')", "BrokenPipeError()", "SystemExit(3)"])
def test_a_reporter_can_not_fail_a_build(project: Project, raised: str) -> None:
    source = f"class Bad:\n    def handle(self, event): raise {raised}\n"
    plugin(project, "bad", source, reporters={"x": "Bad"})
    named(project, "bad").stagefile('command("a", "true > a", outputs=["a"])')

    found = project.build().exited(0).ran("a")

    kind = raised.partition("(")[0]
    lines = [line for line in found.stderr.splitlines() if "reporter" in line]
    assert len(lines) == 1
    assert lines[0].startswith(
        f"stagemake: a reporter of plugin `bad` failed and is told nothing more: {kind}"
    )


def test_hooks_of_plugins_run_round_stages_in_the_order_they_are_named(project: Project) -> None:
    for name in ("alpha", "beta"):
        source = f"""
        def note(text):
            with open("hooks.log", "a") as stream:
                stream.write("{name} " + text + "\\n")

        class Note:
            def before_stage(self, stage_name, context):
                note("before " + stage_name)
            def after_stage(self, stage_name, context):
                note("after " + stage_name)
        """
        plugin(project, name, source, hooks={"note": "Note"})
    named(project, "beta", "alpha").stagefile('command("a", "true > a", outputs=["a"])')

    project.build().ran("a")

    assert project.read("hooks.log").splitlines() == [
        "beta before a", "alpha before a", "beta after a", "alpha after a",
    ]  # fmt: skip


def test_what_plugins_print_does_not_come_between_the_json(project: Project) -> None:
    source = """
    class Say(BaseStage):
        name = "say.it"
        def execute(self, context): print("lifecycle")
    class Hook:
        def before_stage(self, name, context): print("hook")
    class Reporter:
        def handle(self, event): print("reporter")
    """
    plugin(project, "say", source, lifecycle={"say": "Say"}, hooks={"h": "Hook"}, reporters={"r": "Reporter"})  # fmt: skip
    named(project, "say").stagefile('command("a", "true > a", outputs=["a"])')

    result = project.build("build", "--json")

    assert result.json["ok"] is True
    assert {"lifecycle", "hook", "reporter"} <= set(result.stderr.split())
    assert json.loads(project.build("list", "--json").stdout)["schema"] == 1


# --- Runners and caches. ---------------------------------------------------------------------------

RUNNER = """
from stagemake.runner.local import local_runner

def note(text):
    with open("runner.log", "a") as stream:
        stream.write(text)

class Noting:
    def __init__(self, settings):
        self.inner = local_runner(settings)
        self.prepare = self.inner.prepare
    def start(self, work):
        note(f"start {work.stage_id}\\n")
        self.inner.start(work)
    def wait(self, timeout_s):
        return self.inner.wait(timeout_s)
    def stop(self, *, now, typed=False):
        self.inner.stop(now=now, typed=typed)
    def close(self):
        note("close\\n")
        self.inner.close()
"""


def test_a_runner_is_chosen_by_a_setting_or_an_option(project: Project) -> None:
    plugin(project, "noting", RUNNER, runners={"noting": "Noting"})
    named(project, "noting").stagefile(
        """
        command("a", "true > a", outputs=["a"])
        @stage(inputs=["a"], outputs=["b"])
        def b(context):
            context.outputs[0].write_text("b")
        """
    )

    project.build("a").ran("a")
    assert not project.has("runner.log")
    project.build("-B", "--runner", "noting").ran("a", "b")
    assert project.read("runner.log") == "start 0\nstart 1\nclose\n"
    named(project, "noting", more='runner = "noting"\n').remove("runner.log")
    project.build("-B", "--runner", "local").ran("a", "b")
    assert not project.has("runner.log")
    project.build("-B").ran("a", "b")
    assert project.has("runner.log")


def test_a_runner_or_a_cache_that_nobody_brings_is_an_error(project: Project) -> None:
    plugin(project, "noting", RUNNER, runners={"noting": "Noting"})
    named(project, "noting").stagefile("")

    project.build("--runner", "notting").exited(2).printed(
        """\
        error: there is no runner `notting`
          known  `local`, `noting`
        hint: did you mean `noting`?
        """
    )
    project.write("pyproject.toml", '[tool.stagemake]\ncache_store = "far"\n').build().exited(
        2
    ).printed(
        """\
        error: there is no cache `far`
          known  `disk`
        hint: a plugin that brings it is named in `[tool.stagemake] plugins`
        """
    )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def make(settings): raise OSError('no cluster')", "OSError: no cluster"),
        ("def make(settings): return 3", "it has no method start: 3"),
        (
            "def make(): return 3",
            "can't be called with one argument, the settings, to make a runner",
        ),
    ],
)
def test_a_runner_that_can_not_be_made_ends_the_build(
    project: Project, source: str, why: str
) -> None:
    plugin(project, "bad", source, runners={"far": "make"})
    named(project, "bad").stagefile('command("a", "true > a", outputs=["a"])')

    found = project.build("--runner", "far").exited(2).stderr

    assert found.startswith("error: ")
    assert f"  why     {why}\n" in found or f"  why  {why}\n" in found
    project.build().ran("a")


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("start", "runner `far` of plugin `bad`: start raised OSError: lost"),
        ("wait", "runner `far` of plugin `bad`: wait raised OSError: lost"),
        ("rubbish", ("runner `far` of plugin `bad`: wait raised TypeError: it returned 3, which nothing that runs "
                    "has to do with")),
    ],
)  # fmt: skip
def test_what_a_runner_raises_is_a_failed_stage(
    project: Project, method: str, problem: str
) -> None:
    source = f"""
    class Far:
        def __init__(self, settings): pass
        def start(self, work):
            if "{method}" == "start": raise OSError("lost")
        def wait(self, timeout_s):
            if "{method}" == "rubbish": return [3]
            raise OSError("lost")
        def stop(self, *, now, typed=False): pass
        def close(self): raise OSError("gone")
    """
    plugin(project, "bad", source, runners={"far": "Far"})
    named(project, "bad").stagefile('command("a", "true > a", outputs=["a"])')

    found = project.build("--runner", "far").failed("a")

    assert problem in found.stderr


CACHE = """
import os, pathlib

class Files:
    def __init__(self, settings):
        self.top = pathlib.Path(settings.root) / "far"
        if not settings.reads_only:
            self.top.mkdir(exist_ok=True)
    def path(self, name):
        return self.top / name
    def get(self, keys):
        return {key: self.path("r" + key).read_bytes() for key in keys if self.path("r" + key).exists()}
    def put(self, key, record):
        self.path("r" + key).write_bytes(record)
    def touch(self, keys):
        pass
    def missing(self, digests):
        return {digest for digest in digests if not self.path(digest).exists()}
    def read(self, digest, limit_bytes):
        return self.path(digest).read_bytes() if self.path(digest).exists() else None
    def put_bytes(self, digest, data):
        self.path(digest).write_bytes(data)
        return True
    def put_file(self, digest, path, size):
        return self.put_bytes(digest, pathlib.Path(path).read_bytes())
    def fetch(self, digest, size, target_path, mode):
        pathlib.Path(target_path).write_bytes(self.path(digest).read_bytes())
        os.chmod(target_path, mode)
        return True
    def flush(self):
        pass
    def close(self):
        pass
"""

MAKES = 'command("a", "cat text.txt text.txt > a; echo made", inputs=["text.txt"], outputs=["a"])'


def test_a_cache_is_chosen_by_a_setting_and_used_for_plans_and_builds(project: Project) -> None:
    plugin(project, "far", CACHE, caches={"far": "Files"})
    named(project, "far", more='cache_store = "far"\n').stagefile(MAKES).write("text.txt", "1")
    project.build().ran("a")
    project.remove("a")

    assert project.build("-n", "--json").json["totals"]["hit"] == 1
    project.build().restored("a")

    assert project.read("a") == "11"
    assert not project.cache.exists()
    assert len(list((project.root / "far").iterdir())) >= 3


@pytest.mark.parametrize("damage", ["swapped", "cut", "other"])
def test_a_wrong_answer_of_a_cache_is_a_miss(project: Project, damage: str) -> None:
    plugin(project, "far", CACHE, caches={"far": "Files"})
    named(project, "far", more='cache_store = "far"\n').stagefile(MAKES).write("text.txt", "1")
    project.build().ran("a")
    project.write("text.txt", "2").build().ran("a")
    files = sorted((project.root / "far").iterdir())
    if damage == "swapped":  # every record under another key
        records = [file for file in files if file.name.startswith("r")]
        texts = [file.read_bytes() for file in records]
        for file, text in zip(records, texts[1:] + texts[:1], strict=True):
            file.write_bytes(text)
    else:
        for file in files:
            if not file.name.startswith("r"):
                file.write_bytes(b"" if damage == "cut" else b"x" * file.stat().st_size)
    project.remove("a").write("text.txt", "1")

    project.build().ran("a")

    assert project.read("a") == "11"


def test_a_failing_cache_is_a_slow_cache(project: Project) -> None:
    source = CACHE.replace(
        "def get(self, keys):", "def get(self, keys):\n        raise OSError('unplugged')"
    )
    plugin(project, "far", source, caches={"far": "Files"})
    named(project, "far", more='cache_store = "far"\n').stagefile(MAKES).write("text.txt", "1")

    first = project.build().exited(0).ran("a")
    project.remove("a")

    assert "stagemake: cache: cache `far` of plugin `far`: OSError: unplugged" in first.stderr
    project.build().exited(0).ran("a")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def make(settings): raise OSError('no network')", "OSError: no network"),
        ("def make(settings): return 3", "it has no method get: 3"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_cache_that_can_not_be_opened_is_told_and_done_without(
    project: Project, source: str, why: str
) -> None:
    plugin(project, "far", source, caches={"far": "make"})
    named(project, "far", more='cache_store = "far"\n').stagefile(MAKES).write("text.txt", "1")

    found = project.build().exited(0).ran("a")

    assert f"stagemake: cache: cache `far` of plugin `far` can't be used: {why}\n" in found.stderr
    project.build("-n").exited(0)


# --- Plugins of programs. --------------------------------------------------------------------------


def test_a_program_can_name_installed_plugins(words: Project) -> None:
    with (
        importable([str(site_of(words))]),
        StageManager(words.root, cache_dir=words.cache, plugins=["words"]) as manager,
    ):
        assert [stage.name for stage in manager.get_stages()] == ["words.count"]
        assert manager.execute_pipeline(["words.count"]).ok

    with (
        pytest.raises(StagemakeError, match="plugin `gone` is not installed"),
        StageManager(words.root, plugins=["gone"]) as manager,
    ):
        manager.plan()


def test_a_plugin_of_a_program_is_a_value_or_any_object_with_stages(words: Project) -> None:
    class Count(BaseStage):
        name = "mine.count"
        inputs = ("text.txt",)
        outputs = ("n",)

        def execute(self, context: StageContext) -> None:
            context.outputs[0].write_text("3")

    class Mine:
        name = "mine"

        def stages(self) -> list[BaseStage]:
            return [Count()]

    value = Plugin("yours", stages=[command("yours.copy", "cp n m", inputs=["n"], outputs=["m"])])

    with StageManager(words.root, cache_dir=words.cache, plugins=[Mine(), value]) as manager:
        assert manager.execute_pipeline(["yours.copy"]).ok
        assert manager.unregister_plugin("mine") == ("mine.count",)
        assert [stage.name for stage in manager.get_stages()] == ["yours.copy"]


def test_what_is_no_plugin_is_refused(words: Project) -> None:
    with pytest.raises(StagemakeError, match="int is no plugin: 3"):
        StageManager(words.root, plugins=[3])
    with pytest.raises(StagemakeError, match="two plugins are named `A`"):
        StageManager(words.root, plugins=[Plugin("a"), Plugin("A")])
    with pytest.raises(StagemakeError, match="no plugin `b` takes part"):
        StageManager(words.root, plugins=[Plugin("a")]).unregister_plugin("b")
