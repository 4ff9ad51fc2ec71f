"""What can be written in a Stagefile, and what then happens."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

# Prints its arguments, one a line, each in brackets.
SHOW = 'for word in "$@"; do echo "[$word]"; done'


# --- Placeholders. ---------------------------------------------------------------------------------


def test_a_list_item_that_is_exactly_inputs_is_one_argument_a_path(project: Project) -> None:
    project.write("a b").write("c")
    project.stagefile(
        f"""\
        command("show", ["sh", "-c", {SHOW!r}, "show", "{{inputs}}", "-o", "{{outputs}}"],
                inputs=["a b", "c"])
        """
    )

    project.build().printed(
        """\
        [1/1] ran       show  <time>
        [a b]
        [c]
        [-o]
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_every_placeholder_is_filled_in(project: Project) -> None:
    project.write("a").write("b")
    project.stagefile(
        """\
        command(
            "show",
            ["echo", "x{inputs}y", "{inputs[0]}", "{inputs[-1]}", "{outputs[0]}", "{depfile}",
             "{params.level}{params.name}"],
            inputs=["a", "b"], outputs=["o", "d/"], depfile="dep", params={"level": 3, "name": "n"},
        )
        """
    )

    assert "\nxa by a b o dep 3n\n" in project.build().stderr


def test_other_braces_stay_as_they_are(project: Project) -> None:
    project.write("a", "one two\n")
    project.stagefile(
        """\
        command("show", "X=3; awk '{print $2}' {inputs}; echo ${X} {{inputs}} '{}' '{x}'",
                inputs=["a"])
        """
    )

    project.build().printed(
        """\
        [1/1] ran       show  <time>
        two
        3 {inputs} {} {x}
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


AWKWARD = ["a b", "it's", 'double"quote', "$HOME", "`id`", "semi;colon", "star*", "-n", "new\nline"]


@pytest.mark.parametrize("name", AWKWARD)
def test_shell_text_quotes_awkward_names(project: Project, name: str) -> None:
    project.write(name, "inside")
    project.stagefile(
        f"""\
        command("copy", "cat {{inputs}} > {{outputs}}", inputs=[{name!r}], outputs=[{name + "2"!r}])
        command("list", ["cp", "--", "{{inputs}}", "{{outputs}}"],
                inputs=[{name!r}], outputs=[{name + "3"!r}])
        """
    )

    project.build().ran("copy", "list")

    assert "inside" == project.read(name + "2") == project.read(name + "3")


# --- Inputs and outputs. ---------------------------------------------------------------------------


def test_inputs_are_paths_globs_stages_and_lists_of_them(project: Project) -> None:
    for name in ("src/b.c", "src/a.c", "one", "two"):
        project.write(name)
    project.stagefile(
        """\
        from pathlib import Path
        made = command("made", "touch {outputs}", outputs=["m1", "m2"])
        command("show", "echo {inputs}", inputs=["./one", Path("two"), glob("src/*.c"), [made, ["one"]]])
        """
    )

    project.build().printed(
        """\
        [1/2] ran       made  <time>
        [2/2] ran       show  <time>
        one two src/a.c src/b.c m1 m2
        stagemake: done, 2 stages: 2 ran in <time>
        """
    )


def test_a_single_input_needs_no_list(project: Project) -> None:
    project.write("one").stagefile('command("show", "echo {inputs}", inputs="one")\n')

    project.build().printed(
        """\
        [1/1] ran       show  <time>
        one
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_an_input_outside_the_root_counts_by_content(project: Project) -> None:
    outside = project.base / "outside"
    outside.write_text("1")
    project.stagefile(
        f'command("copy", "cat {{inputs}} > b", inputs=[{str(outside)!r}, "../outside"], outputs=["b"])\n'
    )
    project.build().ran("copy")
    outside.write_text("2")

    project.build().ran("copy")

    assert project.read("b") == "2"


def test_a_directory_as_input_counts_with_everything_in_it(project: Project) -> None:
    project.write("data/deep/a", "1")
    project.stagefile(
        'command("count", "find data -type f | wc -l > {outputs}", inputs=["data"], outputs=["n"])\n'
    )
    project.build().ran("count")
    project.build().ran()
    project.write("data/deep/b", "1")

    project.build("-v").ran("count").without_changes().printed(
        """\
        [1/1] ran       count  <time>  (input changed: data)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    assert int(project.read("n")) == 2


def test_parents_of_outputs_are_made(project: Project) -> None:
    project.stagefile('command("deep", "echo 1 > {outputs}", outputs=["a/b/c"])\n')

    project.build().ran("deep")

    assert project.read("a/b/c") == "1\n"


def test_a_directory_output_is_an_input_of_who_reads_inside_it(project: Project) -> None:
    project.stagefile(
        """\
        command("fill", "mkdir {outputs}; echo 1 > {outputs}/x; echo 2 > {outputs}/y", outputs=["d/"])
        command("read", "cat {inputs} > {outputs}", inputs=["d/x"], outputs=["o"])
        """
    )

    project.build("-v").printed(
        """\
        [1/2] ran       fill  <time>  (never built)
        [2/2] ran       read  <time>  (never built)
        stagemake: done, 2 stages: 2 ran in <time>
        """
    )


# --- Order. ----------------------------------------------------------------------------------------


def order_of(project: Project, *targets: str) -> list[str]:
    report = project.build("-n", "--json", *targets).json
    return [stage["name"] for stage in report["stages"]]


def test_after_orders_and_pulls_and_before_only_orders(project: Project) -> None:
    project.stagefile(
        """\
        z = command("z", "true")
        command("a", "true", after=[z])
        command("b", "true", after=["a"])
        command("y", "true", before=["z"])
        """
    )

    assert order_of(project) == ["y", "z", "a", "b"]
    assert order_of(project, "b") == ["z", "a", "b"]


def test_optional_orders_without_pulling_and_may_name_nobody(project: Project) -> None:
    project.stagefile(
        """\
        from stagemake import StageDependency
        command("z", "true")
        command("a", "true", optional=["z", "nobody"])
        command("b", "true", after=[StageDependency("nobody", required=False)])
        """
    )

    assert order_of(project) == ["z", "a", "b"]
    assert order_of(project, "a") == ["a"]


def test_an_order_does_not_rebuild(project: Project) -> None:
    project.write("a", "1")
    project.stagefile(
        """\
        command("one", "cp a x", inputs=["a"], outputs=["x"])
        command("two", "echo > y", outputs=["y"], after=["one"])
        """
    )
    project.build().ran("one", "two")
    project.write("a", "2")

    project.build().ran("one").fresh("two")


def test_a_check_without_outputs_can_be_an_input(project: Project) -> None:
    project.write("a", "1")
    project.stagefile(
        """\
        check = command("check", "test -s a", inputs=["a"])
        command("zip", "cp a b", inputs=["a", check], outputs=["b"])
        """
    )

    assert order_of(project, "zip") == ["check", "zip"]


# --- Depfiles, with a real compiler. ---------------------------------------------------------------

C_PROJECT = """\
objects = [
    command(
        f"compile.{source.stem}",
        ["cc", "-MMD", "-MF", "{depfile}", "-c", "{inputs}", "-o", "{outputs}"],
        inputs=[source], outputs=[f"build/{source.stem}.o"], depfile=f"build/{source.stem}.d",
    )
    for source in glob("src/*.c")
]
command("link", "cc -o {outputs} {inputs}", inputs=objects, outputs=["build/app"])
"""

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on this machine")


@pytest.fixture
def c_project(project: Project) -> Project:
    project.write(
        "src/main.c",
        '#include "limit.h"\nint twice(int);\nint main(void) { return twice(LIMIT); }\n',
    )
    project.write("src/twice.c", "int twice(int n) { return 2 * n; }\n")
    project.write("src/limit.h", "#define LIMIT 1\n")
    project.stagefile(C_PROJECT)
    project.build().ran("compile.main", "compile.twice", "link")
    project.build().printed("stagemake: up to date\n")
    return project


@needs_cc
def test_a_touched_header_runs_nothing(c_project: Project) -> None:
    c_project.touch("src/limit.h")

    c_project.build().printed("stagemake: up to date\n")


@needs_cc
def test_an_edited_header_recompiles_who_includes_it(c_project: Project) -> None:
    c_project.write("src/limit.h", "#define LIMIT 2\n")

    c_project.build("-v").without_changes().printed(
        """\
        [2/3] ran       compile.main  <time>  (input changed: src/limit.h)
        [3/3] ran       link  <time>  (input changed: build/main.o)
        stagemake: done, 3 stages: 2 ran, 1 unchanged in <time>
        """
    )


@needs_cc
def test_a_header_put_back_comes_from_the_cache(c_project: Project) -> None:
    c_project.write("src/limit.h", "#define LIMIT 2\n")
    c_project.build().ran("compile.main", "link")
    c_project.write("src/limit.h", "#define LIMIT 1\n")

    c_project.build().restored("compile.main", "link")


@needs_cc
def test_a_comment_in_a_header_is_cut_off_at_the_object(c_project: Project) -> None:
    c_project.write("src/limit.h", "#define LIMIT 1\n/* one */\n")

    c_project.build("-v").without_changes().printed(
        """\
        [2/3] ran       compile.main  <time>  (input changed: src/limit.h)
        [3/3] unchanged link
        stagemake: done, 3 stages: 1 ran, 2 unchanged in <time>
        """
    )


@needs_cc
def test_a_header_deleted_with_its_include_is_no_mistake(c_project: Project) -> None:
    c_project.remove("src/limit.h")
    c_project.write("src/main.c", "int twice(int);\nint main(void) { return twice(1); }\n")

    c_project.build().ran("compile.main").failed()

    c_project.build().printed("stagemake: up to date\n")


@needs_cc
def test_a_header_deleted_alone_is_the_compilers_complaint(c_project: Project) -> None:
    c_project.remove("src/limit.h")

    result = c_project.build()

    result.failed("compile.main").blocked("link")
    assert "limit.h" in result.stderr


@needs_cc
def test_a_second_clone_finds_discovered_inputs_in_the_cache(c_project: Project) -> None:
    clone = c_project.clone()

    clone.build().restored("compile.main", "compile.twice", "link")


@needs_cc
def test_a_generated_header_is_made_first_and_counts(project: Project) -> None:
    project.write("level", "1")
    project.write("main.c", '#include "gen/level.h"\nint main(void) { return LEVEL; }\n')
    project.stagefile(
        """\
        header = command("header", "printf '#define LEVEL ' | cat - {inputs} > {outputs}",
                         inputs=["level"], outputs=["gen/level.h"])
        command("compile", "cc -MMD -MF {depfile} -I. -c {inputs} -o {outputs}",
                inputs=["main.c"], implicit=[header], outputs=["main.o"], depfile="main.d")
        """
    )
    project.build().ran("header", "compile")
    project.build().printed("stagemake: up to date\n")
    project.write("level", "2")

    project.build().ran("header", "compile")


def test_a_depfile_that_was_not_written_fails_the_stage(project: Project) -> None:
    project.write("a")
    project.stagefile('command("copy", "cp a b", inputs=["a"], outputs=["b"], depfile="d")\n')

    project.build().printed(
        """\
        [1/1] FAILED    copy  <time>

        failed: copy: it did not write its depfile `d`
          what it left is in `.stagemake/Stagefile/failed/copy/b`
          to run it again: stagemake copy
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    )


# --- Python. ---------------------------------------------------------------------------------------


def test_loops_and_matrices_are_plain_python(project: Project) -> None:
    project.stagefile(
        """\
        for size in (1, 2):
            for colour in ("red", "blue"):
                command(f"draw.{colour}.{size}", "echo {params.size} {params.colour} > {outputs}",
                        outputs=[f"{colour}{size}"], params={"size": size, "colour": colour})
        """
    )

    project.build("draw.red.*").ran("draw.red.1", "draw.red.2")

    assert project.read("red2") == "2 red\n"


def test_a_helper_beside_the_stagefile_is_imported_without_bytecode(project: Project) -> None:
    project.write("helper.py", "def shout(text):\n    return text.upper()\n")
    project.stagefile(
        """\
        from helper import shout

        @stage(inputs=["a"], outputs=["b"])
        def up(context):
            context.outputs[0].write_text(shout(context.inputs[0].read_text()))
        """
    ).write("a", "hello")

    project.build().ran("up")

    assert project.read("b") == "HELLO"
    assert not project.has("__pycache__")


def test_an_edited_helper_is_seen_at_once_even_with_its_size_and_time(project: Project) -> None:
    project.write("helper.py", "def value():\n    return 1\n")
    project.stagefile(
        """\
        from helper import value

        @stage(outputs=["b"])
        def write(context):
            context.outputs[0].write_text(str(value()))
        """
    )
    project.build().ran("write")
    before = (project.root / "helper.py").stat()
    project.write("helper.py", "def value():\n    return 2\n")
    os.utime(project.root / "helper.py", ns=(before.st_atime_ns, before.st_mtime_ns))

    project.build("-v").without_changes().printed(
        """\
        [1/1] ran       write  <time>  (function changed: helper.py:value())
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    assert project.read("b") == "2"


def test_a_comment_in_a_helper_runs_nothing(project: Project) -> None:
    project.write("helper.py", "def value():\n    return 1\n")
    project.stagefile(
        """\
        from helper import value

        @stage(outputs=["b"])
        def write(context):
            context.outputs[0].write_text(str(value()))
        """
    )
    project.build().ran("write")
    project.write("helper.py", "# One.\ndef value():\n    return 1\n")

    project.build().printed("stagemake: up to date\n")


def test_an_async_function_is_run_to_its_end(project: Project) -> None:
    project.stagefile(
        """\
        import asyncio

        @stage(outputs=["b"])
        async def write(context):
            await asyncio.sleep(0)
            context.outputs[0].write_text("done")
        """
    )

    project.build().ran("write")

    assert project.read("b") == "done"


def test_a_function_sees_what_its_stage_declares_and_nothing_else(project: Project) -> None:
    project.write("a").write("i")
    project.env["LEVEL"] = "7"
    project.env["OTHER"] = "8"
    project.stagefile(
        """\
        config("opt", "-O2")

        @stage(inputs=["a"], implicit=["i"], outputs=["b", "d/"], params={"n": 1}, env=["LEVEL"],
               config=["opt"])
        def write(context):
            import json, os
            context.outputs[1].mkdir()
            seen = {
                "name": context.name, "mode": context.mode.value,
                "inputs": [str(p.relative_to(context.root)) for p in context.inputs],
                "outputs": [str(p.relative_to(context.root)) for p in context.outputs],
                "params": dict(context.params), "config": dict(context.config),
                "level": os.environ.get("LEVEL"), "other": os.environ.get("OTHER"),
                "env": context.env.get("LEVEL"),
                "cwd": os.getcwd() == str(context.root), "scratch": context.scratch.is_dir(),
            }
            context.outputs[0].write_text(json.dumps(seen))
        """
    )

    project.build().ran("write")

    assert json.loads(project.read("b")) == {
        "name": "write", "mode": "live", "inputs": ["a"], "outputs": ["b", "d"],
        "params": {"n": 1}, "config": {"opt": "-O2"}, "level": "7", "other": None, "env": "7",
        "cwd": True, "scratch": True,
    }  # fmt: skip


# --- What counts. ----------------------------------------------------------------------------------


def test_a_keyed_variable_reruns_and_a_passed_one_does_not(project: Project) -> None:
    project.env |= {"KEYED": "1", "PASSED": "1"}
    project.stagefile(
        'command("show", "echo $KEYED $PASSED $HIDDEN > b", outputs=["b"], env=["KEYED"], pass_env=["PASSED"])\n'
    )
    project.build().ran("show")
    project.env |= {"PASSED": "2", "HIDDEN": "2"}
    project.build().ran()
    project.env["KEYED"] = "2"

    project.build("-v").without_changes().printed(
        """\
        [1/1] ran       show  <time>  (environment changed: KEYED)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    assert project.read("b") == "2 2\n"


def test_a_fixed_variable_is_what_the_stagefile_says(project: Project) -> None:
    project.env["KEYED"] = "ignored"
    project.stagefile(
        'command("show", "echo $KEYED > b", outputs=["b"], env={"KEYED": "said", "HOME": None})\n'
    )

    project.build().ran("show")

    assert project.read("b") == "said\n"


def test_a_parameter_reruns_who_has_it(project: Project) -> None:
    text = 'command("show", "echo {{params.n}} > b", outputs=["b"], params={{"n": {0}}})\n'
    project.stagefile(text.format(1)).build().ran("show")

    result = project.stagefile(text.format(2)).build("-v").without_changes()

    result.printed(
        """\
        [1/1] ran       show  <time>  (parameters changed: n)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_a_configuration_value_comes_from_the_flag_the_table_or_the_default(
    project: Project,
) -> None:
    project.stagefile(
        """\
        level = config("level", 1)
        command("show", "echo {params.n} > b", outputs=["b"], params={"n": level + 0})
        """
    )
    project.build().ran("show")
    assert project.read("b") == "1\n"

    project.write("pyproject.toml", "[tool.stagemake.config]\nlevel = 2\n").build().ran("show")
    assert project.read("b") == "2\n"

    project.build("-D", "level=3").ran("show")
    assert project.read("b") == "3\n"

    project.build("-D", "level=2").restored("show")


def test_a_version_and_ignored_code(project: Project) -> None:
    text = """\
        @stage(outputs=["b"], version={0}, ignore_code=True)
        def write(context):
            context.outputs[0].write_text("{1}")
        """
    project.stagefile(text.format(1, "one")).build().ran("write")
    project.stagefile(text.format(1, "two")).build().ran()

    result = project.stagefile(text.format(2, "two")).build("-v").without_changes()

    result.printed(
        """\
        [1/1] ran       write  <time>  (declaration changed: version)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_a_secret_is_passed_and_masked(project: Project) -> None:
    project.env["TOKEN"] = "hunter2hunter2"
    project.stagefile(
        'command("show", "echo token $TOKEN; echo ${#TOKEN} > b", outputs=["b"], secret_env=["TOKEN"])\n'
    )

    result = project.build()

    assert "hunter2" not in result.stderr
    assert project.read("b") == "14\n"


# --- Pipelines, pools, stages without outputs. -----------------------------------------------------


def test_the_default_pipeline_is_what_is_built_without_targets(project: Project) -> None:
    project.stagefile(
        """\
        one = command("one", "echo > x", outputs=["x"])
        command("two", "echo > y", outputs=["y"])
        pipeline("main", [one], default=True)
        pipeline("all", [one, "two"])
        """
    )

    project.build().ran("one")
    project.build("all").ran("two").fresh("one")


def test_a_pipeline_is_started_in_its_order_where_edges_allow(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "true")
        command("b", "true")
        command("c", "true")
        pipeline("odd", ["c", "a", "b"])
        """
    )

    assert order_of(project, "odd") == ["c", "a", "b"]


def test_a_pool_limits_how_many_run_at_once(project: Project) -> None:
    # Each stage fails if it finds another one's mark.
    project.stagefile(
        """\
        pool("one", 1)
        for name in "abc":
            command(name, ["sh", "-c", "mkdir running && echo $$ > {outputs} && rmdir running"],
                    outputs=["o." + name], pool="one")
        """
    )

    project.build("-j4").ran("a", "b", "c")


def test_a_stage_without_outputs_is_cached_as_passed_and_its_log_replayed(project: Project) -> None:
    project.write("a", "1")
    project.stagefile('command("check", "echo checked; grep -q 1 a", inputs=["a"])\n')
    project.build().printed(
        """\
        [1/1] ran       check  <time>
        checked
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    project.build().printed("stagemake: up to date\n")
    project.write("a", "12").build().ran("check")
    project.write("a", "1")

    project.build("-v").without_changes().printed(
        """\
        [1/1] restored  check  (input changed: a)
        checked
        stagemake: done, 1 stage: 1 restored in <time>
        """
    )


def test_a_stage_with_neither_inputs_nor_outputs_runs_always(project: Project) -> None:
    project.stagefile('command("hello", "echo hello")\n')
    project.build().ran("hello")

    project.build("-v").printed(
        """\
        [1/1] ran       hello  <time>  (always runs)
        hello
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_an_always_stage_that_changes_nothing_is_cut_off_downstream(project: Project) -> None:
    project.stagefile(
        """\
        command("stamp", "echo same > {outputs}", outputs=["stamp"], always=True)
        command("use", "cp stamp b", inputs=["stamp"], outputs=["b"])
        """
    )
    project.build().ran("stamp", "use")

    project.build().ran("stamp").fresh("use")


# --- Shared values. --------------------------------------------------------------------------------

VALUES = """\
@stage(inputs=["raw"], outputs=["tidy"], provides=["rows"])
def tidy(context):
    text = context.inputs[0].read_text()
    context.outputs[0].write_text(text.strip())
    context.shared["rows"] = {"count": len(text.split())}

@stage(uses=["rows"], outputs=["tally"])
def tally(context):
    context.outputs[0].write_text(str(context.shared["rows"]["count"]))
"""


def test_a_value_travels_between_stages_and_counts(project: Project) -> None:
    project.stagefile(VALUES).write("raw", "a b")
    project.build().ran("tidy", "tally")
    assert project.read("tally") == "2"
    project.write("raw", "a b ")  # the value stays as it was
    project.build().ran("tidy").fresh("tally")
    project.write("raw", "a b c")

    project.build("-v").without_changes().printed(
        """\
        [1/2] ran       tidy  <time>  (input changed: raw)
        [2/2] ran       tally  <time>  (shared value changed: rows)
        stagemake: done, 2 stages: 2 ran in <time>
        """
    )


def test_a_value_comes_back_from_the_cache(project: Project) -> None:
    project.stagefile(VALUES).write("raw", "a b")
    project.build().ran("tidy", "tally")
    clone = project.clone()
    (clone.root / "tidy").unlink()
    (clone.root / "tally").unlink()
    clone.stagefile(VALUES.replace('["count"]))', '["count"] + 1))'))

    clone.build().restored("tidy").ran("tally")

    assert clone.read("tally") == "3"


def test_an_undeclared_value_is_an_error_that_says_what_to_declare(project: Project) -> None:
    project.stagefile(VALUES.replace('uses=["rows"], ', "")).write("raw", "a b")

    result = project.build("tally").failed("tally")

    assert 'add uses=["rows"] to the stage' in result.stderr


# --- Where Stagefiles are, and what targets are. ---------------------------------------------------


def test_two_stagefiles_in_one_root_leave_each_other_alone(project: Project) -> None:
    project.stagefile('command("one", "echo 1 > x", outputs=["x"])\n')
    project.stagefile('command("two", "echo 2 > y", outputs=["y"])\n', "Other")
    project.build().ran("one")

    project.build("-f", "Other").ran("two")

    project.build().printed("stagemake: up to date\n")
    project.build("-f", "Other").printed("stagemake: up to date\n")
    assert project.has("x")


def test_a_stagefile_py_is_found_from_below(project: Project) -> None:
    project.stagefile('command("one", "pwd > sub/x", outputs=["sub/x"])\n', "Stagefile.py")
    project.write("sub/deep/file")

    project.build(cwd="sub/deep").ran("one")

    assert f"{project.root}\n" == project.read("sub/x")


def test_another_directory_is_worked_in_by_request(project: Project) -> None:
    project.stagefile('command("one", "echo > x", outputs=["x"])\n', "inner/Stagefile")

    project.build("-C", "inner").ran("one")

    assert project.has("inner/x")


def test_a_target_is_a_stage_a_pattern_an_output_or_a_path_in_a_directory(project: Project) -> None:
    project.stagefile(
        """\
        command("a.one", "echo > sub/x", outputs=["sub/x"])
        command("a.two", "mkdir d", outputs=["d/"])
        command("b", "echo > y", outputs=["y"])
        """
    ).write("sub/file")

    assert order_of(project, "a.*") == ["a.one", "a.two"]
    assert order_of(project, "b", "sub/x") == ["b", "a.one"]
    assert order_of(project, "d/inside") == ["a.two"]
    names = project.build("-n", "--json", "x", "../y", cwd="sub").json["stages"]
    assert [stage["name"] for stage in names] == ["a.one", "b"]


def test_a_stage_called_like_a_command_warns_and_is_reached_by_build(project: Project) -> None:
    project.stagefile('command("list", "echo hi")\n')

    project.build("build", "list").printed(
        """\
        stagemake: `list` is also a command; build it by `stagemake build list`
        [1/1] ran       list  <time>
        hi
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_a_glob_sees_new_files_and_forgets_gone_ones(project: Project) -> None:
    project.write("src/a", "1")
    project.stagefile(
        'command("count", "echo {inputs} > {outputs}", inputs=glob("src/*"), outputs=["n"])\n'
    )
    project.build().ran("count")
    project.write("src/b")

    project.build("-v").printed(
        """\
        [1/1] ran       count  <time>  (input added: src/b)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    project.remove("src/a").build().ran("count")
    assert project.read("n") == "src/b\n"


def test_an_output_nobody_makes_any_more_is_removed(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "echo > build/x", outputs=["build/x"])
        command("two", "echo > y", outputs=["y"])
        """
    )
    project.build().ran("one", "two")
    project.stagefile('command("two", "echo > y", outputs=["y"])\n')

    project.build().printed(
        """\
        stagemake: removed `build/x`, which no stage makes any more
        stagemake: up to date
        """
    )
    assert not Path(project.root / "build").exists()
