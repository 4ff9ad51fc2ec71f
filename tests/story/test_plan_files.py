"""Plan files: `-n -o`, then `--plan` does exactly that or names what moved; `--ask`."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugin_kit import plugin
from project import Project
from terminal_kit import Terminal

import stagemake
from stagemake.plan_files import _seal

if TYPE_CHECKING:
    from collections.abc import Callable

THREE = """\
opt = config("opt", "1")
command("one", "cat s | head -1 > a", inputs=["s"], outputs=["a"], env={"V": env("V", "x")})
command("two", "cat a t > b", inputs=["a", "t"], outputs=["b"])
command("three", "cat u {params.n} > c", inputs=["u"], outputs=["c"], params={"n": opt})
"""
WROTE = "stagemake: wrote the plan to `plan.json`\n"


@pytest.fixture
def three(project: Project) -> Project:
    """Return a built project: `two` waits for `one`, `three` for nobody."""
    project.stagefile(THREE.replace("{params.n} ", ""))
    for name in "stu":
        project.write(name, "1\n")
    return project.build().ran("one", "two", "three") and project


def planned(project: Project, *arguments: str) -> dict[str, Any]:
    """Write a plan and return it."""
    result = project.build("-n", "-o", "plan.json", *arguments).exited(0)
    assert result.stderr == WROTE
    found: dict[str, Any] = json.loads(project.read("plan.json"))
    return found


def refused(project: Project, facts: str) -> None:
    """Check that the plan is refused with these facts, and that nothing at all was done."""
    before = {path: row for path, row in project.tree().items() if ".stagemake" not in path}

    project.build("--plan", "plan.json").exited(4).printed(
        "error: the plan does not hold any more\n"
        + textwrap.indent(textwrap.dedent(facts), "  ")
        + "hint: make a new one: stagemake -n -o FILE\n"
    )

    after = {path: row for path, row in project.tree().items() if ".stagemake" not in path}
    assert before == after


# --- what is planned is done -----------------------------------------------------------------------


def test_the_same_stages_run_and_the_same_come_back(three: Project) -> None:
    three.write("s", "2\n").write("u", "3\n").build().ran("one", "two", "three")
    three.write("s", "1\n").write("t", "1\n").write("u", "4\n")
    plan = planned(three)
    assert [(stage["name"], stage["verdict"]) for stage in plan["stages"]] == [
        ("one", "hit"), ("three", "miss"), ("two", "hit")
    ]  # fmt: skip

    three.build("--plan", "plan.json").ran("three").restored("one", "two").exited(0)


def test_of_the_maybes_any_may_run(three: Project) -> None:
    three.write("s", "1\nmore\n")
    planned(three)
    three.build("--plan", "plan.json").ran("one").exited(0)  # `two` was cut off

    three.write("s", "9\n")
    planned(three)
    three.build("--plan", "plan.json").ran("one", "two").exited(0)


def test_a_plan_of_nothing_is_nothing(three: Project) -> None:
    planned(three)

    three.build("--plan", "plan.json").printed("stagemake: up to date\n").exited(0)


def test_the_plan_says_targets_values_and_modes(three: Project) -> None:
    planned(three, "-B", "-D", "opt=2", "--cache", "off", "one", "three")

    three.build("--plan", "plan.json").ran("one", "three").restored().exited(0)


def test_it_is_found_and_carried_out_from_below_the_root(three: Project) -> None:
    three.write("d/x").write("s", "2\n")
    three.build("-n", "-o", "../plan.json", "../b", cwd="d").exited(0)

    three.build("--plan", "../plan.json", cwd="d").ran("one", "two")


def test_a_plan_can_be_checked_without_being_carried_out(three: Project) -> None:
    three.write("u", "2\n")
    planned(three)

    with three.unchanged():
        assert three.build("-n", "--plan", "plan.json").exited(0).stdout.startswith("miss   three")
    three.write("u", "3\n")
    with three.unchanged():
        three.build("-n", "--plan", "plan.json").exited(4)


def test_a_plan_on_stdout_is_the_same(three: Project) -> None:
    plan = planned(three)

    result = three.build("-n", "-o", "-")

    assert result.stderr == ""
    assert result.json["check"]["stages"] == plan["check"]["stages"]


def test_a_dry_run_with_a_plan_file_writes_nothing_else(three: Project) -> None:
    three.write("u", "2\n")
    before = three.tree()

    planned(three)

    after = three.tree()
    assert set(after) - set(before) == {"project/plan.json"}
    assert after["project/plan.json"][0] & 0o077 == 0
    same = set(before) - {"project"}  # whose time has moved
    assert {path: before[path] for path in same} == {path: after[path] for path in same}


def test_values_of_variables_are_not_in_the_file(three: Project) -> None:
    three.env["V"] = "hunter22"

    planned(three)

    assert "hunter22" not in three.read("plan.json")


# --- what moved ------------------------------------------------------------------------------------


def test_an_edited_input_and_what_follows(three: Project) -> None:
    planned(three)
    three.write("s", "2\n")

    refused(
        three,
        """\
        one  input changed: s
        two  was fresh, is maybe now
        """,
    )


def test_an_input_removed(three: Project) -> None:
    planned(three)
    three.remove("t")

    refused(three, "two  input missing: t\n")


def test_an_edited_and_a_removed_output(three: Project) -> None:
    planned(three)
    three.write("a", "mine\n").remove("c")

    refused(
        three,
        """\
        one    output changed: a
        three  output missing: c
        """,
    )


def test_a_plan_that_was_carried_out_already(three: Project) -> None:
    three.write("u", "2\n")
    planned(three)
    three.build("--plan", "plan.json").ran("three")

    refused(three, "three  was miss, is up to date now\n")


def test_a_cache_that_lost_a_result(three: Project) -> None:
    three.remove("c")
    planned(three)
    three.build("cache", "clear", "--yes").exited(0)

    refused(three, "three  the cache has lost its result\n")


def test_a_cache_that_has_a_result_meanwhile(three: Project) -> None:
    three.write("u", "2\n")
    planned(three)
    three.clone().build().exited(0)

    refused(three, "three  the cache has its result now\n")


def test_another_program(three: Project) -> None:
    tool = three.base / "bin/head"
    tool.parent.mkdir()
    planned(three)
    shutil.copy("/bin/cat", tool)
    tool.write_bytes(b"#!/bin/sh\nexec cat\n")
    tool.chmod(0o755)
    three.env["PATH"] = f"{tool.parent}:{os.environ['PATH']}"

    refused(
        three,
        """\
        one  program changed: head
        two  was fresh, is maybe now
        """,
    )


def test_an_edited_stagefile_a_variable_and_a_parameter(three: Project) -> None:
    planned(three)
    three.env["V"] = "y"
    text = (
        THREE.replace("{params.n} ", "")
        .replace("cat a t", "cat t a")
        .replace('"opt", "1"', '"opt", "2"')
    )
    three.stagefile(text + 'command("four", "touch d", outputs=["d"])\n')

    refused(
        three,
        """\
        four   new stage
        one    environment changed: V
        three  parameters changed: n
        two    command changed
        """,
    )


def test_a_function_a_set_of_inputs_and_a_removed_stage(project: Project) -> None:
    text = """\
        command("join", "cat {{inputs}} > all", inputs=glob("*.txt"), outputs=["all"])

        @stage(inputs=["all"], outputs=["end"])
        def end(context):
            context.outputs[0].write_text({0})

        command("gone", "touch g", outputs=["g"])
        """
    text = text.replace("{{", "{").replace("}}", "}")
    project.stagefile(text.replace("{0}", "'1'")).write("a.txt").build().exited(0)
    planned(project)
    project.stagefile(text.replace("{0}", "'2'").replace('command("gone"', "# "))
    project.write("b.txt")

    refused(
        project,
        """\
        gone  stage removed
        join  input added: b.txt
        end   function changed: Stagefile:end()
        g     left over, or not any more
        """,
    )


def test_many_are_cut_with_a_count(project: Project) -> None:
    many = "".join(
        f'command("s{i:02}", "cat i > o{i}", inputs=["i"], outputs=["o{i}"])\n' for i in range(15)
    )
    project.stagefile(many).write("i", "1").build()
    planned(project)
    project.write("i", "2")

    lines = project.build("--plan", "plan.json").exited(4).stderr.splitlines()

    assert len(lines) == 1 + 10 + 1 + 1
    assert lines[1] == "  s00  input changed: i"
    assert lines[11] == "  and  5 more stages"


def test_another_root_and_another_version(three: Project) -> None:
    plan = planned(three)
    other = three.clone()
    other.write("plan.json", three.read("plan.json"))
    other.build("--plan", "plan.json").exited(4).printed(
        f"""\
        error: the plan does not hold any more
          made for  `{three.root}`
          this is   `<root>`
        hint: make a new one: stagemake -n -o FILE
        """
    )

    plan.pop("seal")
    plan["stagemake"] = "0.0.9"
    three.write("plan.json", json.dumps({**plan, "seal": _seal(plan)}))
    refused(three, f"made by  stagemake 0.0.9\nnow      stagemake {stagemake.__version__}\n")


# --- moved while it is carried out -----------------------------------------------------------------


def test_what_a_stage_edits_behind_the_plans_back_is_not_run(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "echo new > side; touch a", inputs=["s"], outputs=["a"])
        command("two", "cat side > b", inputs=["side"], outputs=["b"], after=["one"])
        """
    ).write("s").write("side", "old\n")
    planned(project)

    result = project.build("--plan", "plan.json").exited(4)

    assert result.ran("one")._with("FAILED") == ["two"]
    assert "failed: two: not as planned: `side` has changed since\n" in result.stderr
    assert not project.has("b")


def test_a_damaged_result_is_not_replaced_by_a_run(project: Project) -> None:
    project.stagefile('command("one", "cat s > a", inputs=["s"], outputs=["a"])\n')
    project.write("s", "0123456789" * 10_000).build().ran("one")
    project.remove("a")
    planned(project)
    (blob,) = project.cache.rglob("*.val")
    blob.chmod(0o600)
    blob.write_bytes(b"!" + blob.read_bytes()[1:])

    result = project.build("--plan", "plan.json").exited(4)

    result.ran()
    assert "failed: one: not as planned: its cached result is damaged or gone\n" in result.stderr
    assert not project.has("a")


# --- what is no plan -------------------------------------------------------------------------------


def _newer(plan: dict[str, Any]) -> None:
    plan["check"]["format"] = 2


def _tampered(plan: dict[str, Any]) -> None:
    plan["stages"][0]["verdict"] = "miss"


def _foreign(plan: dict[str, Any]) -> None:
    plan["check"]["stages"][0]["outputs"] = [["a"]]


def _bare(plan: dict[str, Any]) -> None:
    del plan["check"], plan["seal"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _newer,
            f"""\
            error: the plan `plan.json` was made by a newer version
              made by  stagemake {stagemake.__version__}
              this is  stagemake {stagemake.__version__}
            """,
        ),
        (_tampered, "error: the plan `plan.json` was changed after it was made\n"),
        (
            _foreign,
            """\
            error: `plan.json` is no plan of ours
              where  $.check.stages[0].outputs[0]: 1 items
            """,
        ),
        (
            _bare,
            """\
            error: `plan.json` is no plan that can be carried out
              why  it is what `-n --json` prints
            """,
        ),
    ],
)
def test_a_file_that_is_not_as_it_was_written(
    three: Project, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    plan = planned(three)
    change(plan)
    three.write("plan.json", json.dumps(plan))

    with three.unchanged():
        three.build("--plan", "plan.json").exited(2).printed(
            textwrap.dedent(message) + "hint: make one with `stagemake -n -o plan.json`\n"
        )


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "no JSON", '{"check": 1}', '{"check": {}, "stages": 3}', "[" * 100_000],
)
def test_any_other_file_is_one_clear_error(three: Project, content: str) -> None:
    three.write("plan.json", content)

    result = three.build("--plan", "plan.json").exited(2)

    assert result.stderr.startswith("error: `plan.json` is no plan")
    assert result.stderr.endswith("hint: make one with `stagemake -n -o plan.json`\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "x"), "error: `-o` goes with `-n`\nhint: stagemake -n -o FILE\n"),
        (
            ("--plan", "plan.json", "one"),
            (
                "error: `--plan` takes no targets, and no option that says what is built, or how\n"
                "hint: leave out -B, -D, -o, -q, --ask, --cache, --cache-store and --runner\n"
            ),
        ),
        (
            ("--plan", "nope"),
            (
                "error: the plan `nope` can't be read\n  why  no such file or directory\n"
                "hint: make one with `stagemake -n -o plan.json`\n"
            ),
        ),
        (
            ("-n", "-o", "no/such"),
            "error: the plan `no/such` can't be written\n  why  no such file or directory\n",
        ),
        (("--ask", "-n"), "error: `--ask` does not go with -n, -q or --json\n"),
        (
            ("--ask",),
            (
                "error: `--ask` needs a terminal to ask on\n"
                "hint: write a plan by `-n -o plan.json`, carry it out by `--plan plan.json`\n"
            ),
        ),
    ],
)
def test_options_that_do_not_go_together(
    three: Project, arguments: tuple[str, ...], message: str
) -> None:
    planned(three)

    assert three.run(*arguments).exited(2).stderr == message


def test_names_of_any_kind_go_through_a_file(project: Project) -> None:
    name = "s\n\udcff é"
    project.stagefile(f'command("é", "cat {{inputs}} > b", inputs=[{name!r}], outputs=["b"])\n')
    (project.root / name).write_text("1")
    planned(project)

    project.build("--plan", "plan.json").ran("é")
    planned(project)
    (project.root / name).write_text("2")
    refused(project, "é  input changed: s\\n\\udcff é\n")


# --- as a rule -------------------------------------------------------------------------------------

EDITS = ("s", "t", "u", "s more", "a", "b", "c", "remove a", "remove c", "back", "clear")


def edit(project: Project, what: str) -> None:
    """Do one thing that can move something."""
    if what.startswith("remove "):
        path = what.removeprefix("remove ")
        if project.has(path):
            project.remove(path)
    elif what == "back":
        project.write("s", "1\n").write("u", "1\n")
    elif what == "clear":
        project.build("cache", "clear", "--yes")
    elif what == "s more":
        project.write("s", project.read("s") + "tail\n")
    else:
        project.write(what, (project.read(what) if project.has(what) else "").strip() + "+\n")


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=st.lists(st.sampled_from(EDITS), max_size=3), after=st.sampled_from((*EDITS, "")))
def test_a_plan_is_carried_out_exactly_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: str
) -> None:
    project = Project(tmp_path_factory.mktemp("plan"))
    project.stagefile(THREE.replace("{params.n} ", ""))
    for name in "stu":
        project.write(name, "1\n")
    project.build()
    project.write("s", "1\n2\n").build()
    for what in before:
        edit(project, what)
    plan = planned(project)
    by_verdict = {stage["name"]: stage["verdict"] for stage in plan["stages"]}
    if after:
        edit(project, after)
    fresh_plan = project.build("-n", "--json").json

    result = project.build("--plan", "plan.json")

    if result.exit_code == 4:
        assert result._with("ran", "restored") == []
        return
    assert result.exit_code == 0
    assert {stage["name"]: stage["verdict"] for stage in fresh_plan["stages"]} == by_verdict
    ran, restored = set(result._with("ran")), set(result._with("restored"))
    misses = {name for name, verdict in by_verdict.items() if verdict == "miss"}
    hits = {name for name, verdict in by_verdict.items() if verdict == "hit"}
    maybes = {name for name, verdict in by_verdict.items() if verdict == "maybe"}
    assert misses <= ran <= misses | maybes
    assert hits <= restored <= hits | maybes


# --- asking ----------------------------------------------------------------------------------------


SHOWN = """\
miss   three  ~<time>  input changed: u

fresh       2  nothing to do
miss        1  run
"""


def test_asking_shows_the_plan_and_does_it_on_yes(three: Project) -> None:
    three.write("u", "2\n")

    with Terminal.start(three, "--ask") as terminal:
        terminal.expect("carry this out? [y/N]: ")
        assert SHOWN in three.normal(terminal.text)
        terminal.type("y\n")
        assert terminal.end() == 0

    assert "ran       three" in terminal.text


@pytest.mark.parametrize(("typed", "status"), [("n\n", 1), ("\n", 1), ("\x04", 130)])
def test_asking_does_nothing_on_anything_else(three: Project, typed: str, status: int) -> None:
    three.write("u", "2\n")

    with Terminal.start(three, "--ask") as terminal:
        terminal.expect("carry this out? [y/N]: ")
        terminal.type(typed)
        assert terminal.end() == status

    assert three.read("c") == "1\n"


def test_asking_refuses_what_moved_meanwhile(three: Project) -> None:
    three.write("u", "2\n")

    with Terminal.start(three, "--ask") as terminal:
        terminal.expect("carry this out? [y/N]: ")
        three.write("t", "2\n")
        terminal.type("y\n")
        assert terminal.end() == 4

    assert "  two  input changed: t\n" in terminal.text


def test_asking_with_nothing_to_do_asks_nothing(three: Project) -> None:
    with Terminal.start(three, "--ask") as terminal:
        assert terminal.end() == 0

    assert terminal.text == "stagemake: up to date\n"


SESSION = """
class Hello(BaseStage):
    name = "told.hello"
    def dependencies(self): return [StageDependency("core.ready")]
    def execute(self, context):
        with open("told", "a") as stream:
            stream.write(context.mode.value + "\\n")
"""


def test_the_plan_that_is_asked_about_has_a_session_that_may_change_nothing(three: Project) -> None:
    plugin(three, "told", SESSION, lifecycle={"hello": "Hello"})
    three.write("pyproject.toml", "[tool.stagemake]\nplugins = ['told']\n")
    three.write("u", "2\n")

    with Terminal.start(three, "--ask") as terminal:
        terminal.expect("carry this out? [y/N]: ")
        assert three.read("told") == "dry run\n"
        terminal.type("y\n")
        assert terminal.end() == 0

    assert three.read("told") == "dry run\nlive\n"
    assert "ran       three" in terminal.text


def test_what_was_asked_about_leaves_the_next_build_with_nothing_to_do(three: Project) -> None:
    three.write("helper.py", "NAME = 'u'\n").write("u", "2\n")
    three.stagefile(
        "import helper\n"
        + THREE.replace("cat u {params.n}", "cat {inputs}").replace('["u"]', "[helper.NAME]")
    )
    with Terminal.start(three, "--ask") as terminal:
        terminal.expect("carry this out? [y/N]: ")
        terminal.type("y\n")
        assert terminal.end() == 0

    three.build().ran()
    three.write("helper.py", "NAME = 't'\n")

    three.build().ran("three")


def test_a_plan_says_which_cache_it_is_for(three: Project) -> None:
    plan = planned(three, "--cache-store", "disk", "--runner", "local")

    assert (plan["check"]["cache_store"], plan["check"]["runner"]) == ("disk", "local")
    three.build("--plan", "plan.json").exited(0)


def test_a_plan_without_a_plugin_that_brought_stages_is_refused(three: Project) -> None:
    source = """
    class More(BaseStage):
        name = "more.copy"
        inputs = ("u",)
        outputs = ("d",)
        def execute(self, context): context.outputs[0].write_text(context.inputs[0].read_text())
    """
    plugin(three, "more", source, stages={"more": "More"})
    three.write("pyproject.toml", "[tool.stagemake]\nplugins = ['more']\n")
    planned(three)

    three.remove("pyproject.toml")

    refused(three, "more.copy  stage removed\n")
    three.write("pyproject.toml", "[tool.stagemake]\nplugins = ['more']\n")
    three.build("--plan", "plan.json").exited(0)
    assert three.read("d") == "1\n"


def test_an_input_that_a_hook_edits_is_not_taken_for_the_planned_one(three: Project) -> None:
    source = """
    class Edit:
        def before_stage(self, stage_name, context):
            if stage_name == "one":
                with open("t", "w") as stream:
                    stream.write("edited\\n")
    """
    plugin(three, "edit", source, hooks={"edit": "Edit"})
    three.write("pyproject.toml", "[tool.stagemake]\nplugins = ['edit']\n").write("s", "2\n")
    planned(three)

    done = three.build("--plan", "plan.json").exited(4)

    assert "not as planned: `t` has changed since" in done.stderr
