"""`why`: every kind of difference with old and new, the nearest cached result, causes upstream, the last build."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project, Result

COPY = 'command("copy", "cat {{inputs}} > {{outputs}}", inputs=["a"], outputs=["b"]{0})\n'
KEYS = "  its key counts "

pytestmark = pytest.mark.usefixtures("all_texts")


@pytest.fixture
def copy(project: Project) -> Project:
    """Return a built project of one command."""
    return (
        project.stagefile(COPY.format("")).write("a", "one\ntwo\n").build().ran("copy") and project
    )


def normal(text: str) -> str:
    return re.sub(r"(?<=B, )[0-9a-f]{12}\b", "<digest>", text)


def says(result: Result, expected: str) -> None:
    """Compare all but the two last lines, which are the same for all: what counts, and the last result."""
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    *lines, counts, last = result.stdout.splitlines()
    assert counts.startswith(KEYS)
    assert last.startswith("  last result: ")
    assert [line for line in lines if len(line) > 80] == []
    assert textwrap.dedent(expected) == normal("\n".join(lines) + "\n")


# --- kinds of differences --------------------------------------------------------------------------


def test_a_file_with_the_lines_that_changed(copy: Project) -> None:
    copy.write("a", "one\n2\nthree")

    with copy.unchanged():
        says(
            copy.build("why", "copy"),
            """\
            `copy` would run
              because: input changed: a
                  was  8 B, <digest>
                  now  11 B, <digest>
                  @@ -1,2 +1,3 @@
                   one
                  -two
                  +2
                  +three  (no newline at the end)
            """,
        )


def test_an_output_path_works_like_a_name(copy: Project) -> None:
    copy.write("a", "2")

    assert copy.build("why", "b").stdout == copy.build("why", "copy").stdout
    assert copy.write("d/x").build("why", "../b", cwd="d").stdout == copy.build("why", "b").stdout


def test_a_binary_file_is_said_to_be_one(copy: Project) -> None:
    copy.write("a", b"\0\1").build()
    copy.write("a", b"\0\2")

    says(
        copy.build("why", "copy"),
        """\
        `copy` would run
          because: input changed: a
              was  2 B, <digest>
              now  2 B, <digest>
              (binary: no lines to compare)
        """,
    )


def test_an_output_of_another_stage_is_compared_from_the_cache(project: Project) -> None:
    text = """\
        command("make", "echo x{0} | tr x '\\\\000' > a", outputs=["a"])
        command("copy", "cp a b", inputs=["a"], outputs=["b"])
        command("text", "seq {0} > c", outputs=["c"])
        command("more", "cp c d", inputs=["c"], outputs=["d"])
        """
    project.stagefile(text.format(1)).build()
    project.stagefile(text.format(2)).build()

    lines = project.build("why", "copy", "more").stdout

    assert "      (binary: no lines to compare)\n" in lines
    assert "      @@ -1 +1,2 @@\n       1\n      +2\n" in lines


def test_a_large_diff_is_cut_with_a_count(copy: Project) -> None:
    copy.write("a", "".join(f"{i}\n" for i in range(100))).build()
    copy.write("a", "".join(f"{i}!\n" for i in range(100)))

    lines = copy.build("why", "copy").stdout.splitlines()

    assert lines[4:6] == ["      @@ -1,100 +1,100 @@", "      -0"]
    assert lines[44] == "      (161 more lines)"


def test_a_variable_a_parameter_and_a_configuration(project: Project) -> None:
    text = (
        'config("opt", "-O2")\n'
        'command("copy", "cp a b", inputs=["a"], outputs=["b"], env={{"CC": "{0}"}},'
        ' params={{"n": {1}}}, config=["opt"])\n'
    )
    project.stagefile(text.format("gcc", 1)).write("a", "1").build().exited(0)
    project.stagefile(text.format("clang", [1, 2]))

    says(
        project.build("why", "copy", "-D", "opt=-O3"),
        """\
        `copy` would run
          because: environment changed: CC
              was  gcc
              now  clang
          also: configuration changed: opt
              was  -O2
              now  -O3
          also: parameters changed: n
              was  1
              now  [1, 2]
        """,
    )


def test_a_program(project: Project) -> None:
    tool = project.base / "bin/tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 1 > b\n")
    tool.chmod(0o755)
    project.env["PATH"] = f"{tool.parent}:{os.environ['PATH']}"
    project.stagefile('command("run", ["tool"], inputs=["a"], outputs=["b"])\n').write("a")
    project.build().ran("run")
    tool.write_text("#!/bin/sh\necho 2 > b\n")

    says(
        project.build("why", "run"),
        """\
        `run` would run
          because: program changed: tool
              was  executable, 21 B, <digest>
              now  executable, 21 B, <digest>
        """,
    )


def test_words_of_a_command(project: Project) -> None:
    text = 'command("copy", "cat {0} one two three four five six seven eight nine ten {1}; cp a b", inputs=["a"], outputs=["b"])\n'
    project.stagefile(text.format("-n", "<a")).write("a", "1").build("-k")
    project.write("one")
    text = text.replace("cat", "true cat")
    project.stagefile(text.format("-n", "<a")).build().ran("copy")
    project.stagefile(text.format("-A", "<a").replace(" cp", " cp -p"))

    says(
        project.build("why", "copy"),
        """\
        `copy` would run
          because: command changed
              was  true cat [-n] one two three four ... nine ten <a; cp a b
              now  true cat [-A] one two three four ... nine ten <a; cp [-p] a b
        """,
    )


def test_a_function_a_helper_in_a_module_and_a_constant(project: Project) -> None:
    text = """\
        from helpers import clean
        LIMIT = {0}

        @stage(inputs=["a"], outputs=["b"])
        def tidy(context):
            context.outputs[0].write_text(clean(context.inputs[0].read_text()) * LIMIT)
        """
    project.write("helpers.py", "def clean(text):\n    # no comment counts\n    return text\n")
    project.stagefile(text.format(1)).write("a", "1").build().ran("tidy")
    project.write("helpers.py", "def clean(text):\n    # none\n    return text.strip()\n")
    project.stagefile(text.format(2))

    says(
        project.build("why", "tidy"),
        """\
        `tidy` would run
          because: function changed: Stagefile:LIMIT
              @@ -1 +1 @@
              -LIMIT = 1
              +LIMIT = 2
          also: function changed: helpers.py:clean()
              @@ -1,3 +1,3 @@
               def clean(text):
              -    # no comment counts
              -    return text
              +    # none
              +    return text.strip()
        """,
    )


def test_a_function_that_is_used_no_more(project: Project) -> None:
    text = """\
        def helper(text):
            return text

        @stage(inputs=["a"], outputs=["b"])
        def tidy(context):
            context.outputs[0].write_text({0})
        """
    project.stagefile(text.format("helper('x')")).write("a", "1").build().ran("tidy")
    project.stagefile(text.format("'x'"))

    says(
        project.build("why", "tidy"),
        """\
        `tidy` would run
          because: function changed: Stagefile:tidy()
              @@ -1,3 +1,3 @@
               @stage(inputs=["a"], outputs=["b"])
               def tidy(context):
              -    context.outputs[0].write_text(helper('x'))
              +    context.outputs[0].write_text('x')
          also: function changed: Stagefile:helper()
              now  not used
        """,
    )


def test_the_set_of_inputs(project: Project) -> None:
    text = 'command("join", "cat {{inputs}} > all", inputs=glob("*.txt"), outputs=["all"])\n'
    project.stagefile(text.replace("{{", "{").replace("}}", "}")).write("a.txt").write(
        "b.txt"
    ).build()
    project.remove("a.txt").write("c.txt")

    says(
        project.build("why", "join"),
        """\
        `join` would run
          because: input added: c.txt
          also: input removed: a.txt
        """,
    )


def test_a_discovered_input_and_the_order_of_declared_ones(project: Project) -> None:
    text = (
        'command("read", "cat a c h > b; echo b: h > d", inputs={0}, outputs=["b"], depfile="d")\n'
    )
    project.stagefile(text.format('["a", "c"]')).write("a").write("c").write(
        "h", "x\n"
    ).build().ran("read")
    project.stagefile(text.format('["c", "a"]')).write("h", "y\n")

    says(
        project.build("why", "read"),
        """\
        `read` would run
          because: declaration changed: order of inputs
          also: input changed: h
              was  2 B, <digest>
              now  2 B, <digest>
              @@ -1 +1 @@
              -x
              +y
        """,
    )


def test_an_output_edited_by_hand_and_one_removed(project: Project) -> None:
    project.stagefile('command("two", "echo 1 > x; echo 2 > y", outputs=["x", "y"])\n').build()
    project.write("x", "mine\n").remove("y")

    says(
        project.build("why", "two"),
        """\
        `two` would be restored from the cache
          because: output modified by hand: x
              was  2 B, <digest>
              now  5 B, <digest>
              @@ -1 +1 @@
              -1
              +mine
          also: output missing: y
              was  2 B, <digest>
              now  missing
        """,
    )


def test_secrets_are_shown_nowhere(project: Project) -> None:
    project.env["TOKEN"] = "hunter22"
    text = 'token = env("TOKEN")\ncommand("use", f"echo {{token}} {0} > b", inputs=["a"], outputs=["b"], secret_env=["TOKEN"])\n'
    project.stagefile(text.format(1)).write("a", "token: hunter22\n1\n").build().ran("use")
    project.stagefile(text.format(2)).write("a", "token: hunter22\n2\n")

    now = project.build("why", "use")
    machine = project.build("why", "use", "--json")
    verbose = project.build("-v").ran("use")
    after = project.build("why", "use")
    last = project.build("why")

    for result in (now, machine, verbose, after, last, project.build("history", "2", "--json")):
        assert "hunter22" not in result.stdout + result.stderr
    assert "echo *** 1 > b" in now.stdout
    noted = b"".join(
        p.read_bytes() for p in (project.root / ".stagemake/Stagefile/builds").iterdir()
    )
    assert b"hunter22" not in noted


def test_no_source_is_kept_where_the_project_says_so(project: Project) -> None:
    project.write("pyproject.toml", "[tool.stagemake]\nkeep_sources = false\n")
    project.stagefile(COPY.format("").replace("cat", "wc")).write("a", "one\n").build()
    project.write("a", "two\n")

    assert "@@" not in project.build("why", "copy").stdout


def test_what_is_kept_of_sources_is_for_the_owner_only(copy: Project) -> None:
    assert (copy.root / ".stagemake/Stagefile").stat().st_mode & 0o077 == 0


def test_a_name_with_control_characters_drives_no_terminal(project: Project) -> None:
    name = "s\x1b[31m\udcff"
    project.stagefile(f'command("copy", "cat {{inputs}} > b", inputs=[{name!r}], outputs=["b"])\n')
    (project.root / name).write_bytes(b"one\n\x1b[32m\n")
    project.build().ran("copy")
    (project.root / name).write_bytes(b"two\n\x1b[33m\n")

    text = project.run("why", "copy").stdout

    assert "\x1b" not in text
    assert "because: input changed: s\\x1b[31m\\udcff\n" in text
    assert "      -\\x1b[32m\n" in text


# --- after a build ---------------------------------------------------------------------------------


def test_what_is_fresh_says_why_it_ran_last(copy: Project) -> None:
    copy.write("a", "one\n").build().ran("copy")

    with copy.unchanged():
        says(
            copy.build("why", "copy"),
            """\
            `copy` is fresh: nothing it depends on has changed
              it ran just now, in build 2
              because: input changed: a
                  was  8 B, <digest>
                  now  4 B, <digest>
                  @@ -1,2 +1 @@
                   one
                  -two
            """,
        )


def test_why_alone_explains_the_last_build(project: Project) -> None:
    project.build("why").exited(2)
    text = """\
        command("one", "cat s > a", inputs=["s"], outputs=["a"])
        command("two", "cat a > b; {0}", inputs=["a"], outputs=["b"])
        command("three", "cat b > c", inputs=["b"], outputs=["c"])
        """
    project.stagefile(text.format("true")).write("s", "1\n").build().exited(0)
    project.stagefile(text.format("false")).write("s", "2\n").build().exited(1)

    with project.unchanged():
        assert normal(project.build("why").stdout) == textwrap.dedent(
            """\
            build 2, just now: failed

            `one` ran
              because: input changed: s
                  was  2 B, <digest>
                  now  2 B, <digest>
                  @@ -1 +1 @@
                  -1
                  +2

            `two` failed
              with: exit status 1
              ran because: command changed
                  was  cat a > b; true
                  now  cat a > b; false
              also: input changed: a
                  was  2 B, <digest>
                  now  2 B, <digest>
                  @@ -1 +1 @@
                  -1
                  +2

            `three` was blocked
              because: `two` failed

            by now 1 stage would run and 1 stage may run: stagemake -n
            """
        )


def test_the_last_line_counts_what_a_dry_run_does(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "cat s > a", inputs=["s"], outputs=["a"])
        command("two", "cat a > b", inputs=["a"], outputs=["b"])
        command("three", "cat s > c", inputs=["s"], outputs=["c"])
        command("four", "cat none > d", inputs=["none"], outputs=["d"])
        pipeline("some", ["two"], default=True)
        """
    )
    project.write("s", "1\n").build().exited(0)
    project.write("s", "2\n").build().exited(0)
    for content, line in {
        "1": "by now 2 stages would be restored: stagemake -n",
        "3": "by now 1 stage would run and 1 stage may run: stagemake -n",
    }.items():
        project.write("s", content + "\n")

        counted = {step["verdict"] for step in project.build("-n", "--json").json["stages"]}
        last = project.build("why").stdout.splitlines()[-1]

        assert line == last
        assert counted == ({"hit"} if content == "1" else {"miss", "maybe"})


def test_before_the_first_build_there_is_nothing_to_explain(project: Project) -> None:
    project.stagefile(COPY.format("")).build("why").exited(2).printed(
        """\
        error: there is no record of a build here
        hint: name a stage: stagemake why STAGE
        """
    )


def test_a_long_build_is_cut_with_a_count(project: Project) -> None:
    many = "".join(
        f'command("s{i:02}", "touch {{outputs}}", outputs=["o{i:02}"])\n' for i in range(25)
    )
    project.stagefile(many).build()

    assert project.build("why").stdout.endswith(
        "`s02` and 22 more ran\n  because: never built\n\nall names: stagemake why --all\n"
    )
    assert "`s22`, `s23` and `s24` ran" in project.build("why", "--all").stdout.replace("\n", " ")


def test_an_input_that_nobody_makes_is_told_at_its_stage(project: Project) -> None:
    project.stagefile(
        COPY.format("") + 'command("more", "cat {inputs}", inputs=["b", "c", "d"], outputs=["e"])\n'
    ).write("a")

    with project.unchanged():
        project.build("why", "more").printed(
            """\
            `more` can't run
              because: input missing: c
              also: input missing: d
              hint: create it, or declare the stage that makes it
              its key counts 3 declared inputs, the programs /bin/sh, cat
              last result: none here
            """
        )


def test_a_stage_that_failed_and_lacks_an_input_is_told_how_it_failed(project: Project) -> None:
    project.stagefile('command("bad", "cat a; exit 3", inputs=["a"], outputs=["b"])\n')
    project.write("a").build().exited(1)
    project.remove("a")

    says(
        project.build("why", "bad"),
        """\
        `bad` can't run
          because: input missing: a
          hint: create it, or declare the stage that makes it
          it failed just now, in build 1: exit status 3
        """,
    )


def test_an_input_that_is_gone_is_told_once(copy: Project) -> None:
    copy.remove("a")

    says(
        copy.build("why", "copy"),
        """\
        `copy` can't run
          because: input missing: a
              was  8 B, <digest>
              now  missing
          hint: create it, or declare the stage that makes it
        """,
    )


def test_lines_that_changed_for_several_causes_are_shown_once(project: Project) -> None:
    project.stagefile(
        """\
        command("x", "cat h > x", inputs=["h"], outputs=["x"])
        command("y", "cat b h > y", inputs=["b", "h"], outputs=["y"], after=["x"])
        """
    ).write("h", "1\n").write("b", "1\n").build().exited(0)
    project.write("h", "2\n").write("b", "2\n").build("-j1").exited(0)

    project.build("why").printed(
        """\
        build 2, just now: done

        `x` ran
          because: input changed: h
              was  2 B, be573118fb47
              now  2 B, 5c627df800a7
              @@ -1 +1 @@
              -1
              +2

        `y` ran
          because: input changed: b
              was  2 B, be573118fb47
              now  2 B, 5c627df800a7
              @@ -1 +1 @@
              -1
              +2
          also: input changed: h
              as above
        """
    )


def test_what_failed_before_it_began_is_told_once_and_that_it_can_not_run(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "cp i o", inputs=["i"], outputs=["o"])
        command("b", "cp o p", inputs=["o"], outputs=["p"])
        """
    ).write("i", "1").build().exited(0)
    project.remove("i").build("-k").exited(1)

    project.build("why").printed(
        """\
        build 2, just now: failed

        `a` failed
          with: its input `i` is neither there nor made by a stage

        `b` was blocked
          because: `a` failed

        by now 1 stage may run and 1 stage can't run: stagemake -n
        """
    )


def test_a_stage_that_was_cut_off_was_interrupted_and_what_was_not_reached_did_not_run(
    project: Project,
) -> None:
    project.stagefile(
        """\
        command("one", "touch begun; sleep 1000", outputs=["a"])
        command("two", "cp a b", inputs=["a"], outputs=["b"])
        """
    )
    project.interrupt("begun", "-j1").printed(
        """\
        [1/2] cut short one
        stagemake: interrupted, 2 stages: 1 interrupted, 1 not run in <time>
        """
    ).exited(130)

    project.build("why").printed(
        """\
        build 1, just now: interrupted

        `one` was interrupted
          because: never built

        `two` was not run

        by now 2 stages would run: stagemake -n
        """
    )
    heading, row = project.build("history").stdout.splitlines()[:2]
    counts = dict(zip(heading.split()[3:], row.split()[3:], strict=True))
    assert counts == {"ran": "0", "hits": "0", "same": "0", "left": "2", "targets": "(default)"}
    project.build("why", "--tree").printed(
        """\
        one was interrupted
        └── never built
        """
    )
    says(
        project.build("why", "one"),
        """\
        `one` would run
          because: last run left no result
          it was interrupted just now, in build 1
        """,
    )


def test_what_the_cache_has_and_no_record_tells_of_is_not_said_to_be_new(copy: Project) -> None:
    shutil.rmtree(copy.root / ".stagemake")

    assert copy.build("-n").stdout.startswith("hit    copy       8 B  no record here\n")
    says(
        copy.build("why", "copy"),
        """\
        `copy` would be restored from the cache
          because: no record here
        """,
    )


def test_stages_that_ran_for_the_same_cause_are_told_together(project: Project) -> None:
    lines = [
        f'command("s{i}", "cat a > {{outputs}}", inputs=["a"], outputs=["o{i}"])' for i in range(9)
    ]
    project.stagefile("\n".join(lines)).write("a", "1\n").build("-j1")
    project.write("a", "2\n").build("-j1")

    with project.unchanged():
        assert normal(project.build("why").stdout) == textwrap.dedent(
            """\
            build 2, just now: done

            `s0`, `s1`, `s2` and 6 more ran
              because: input changed: a
                  was  2 B, <digest>
                  now  2 B, <digest>
                  @@ -1 +1 @@
                  -1
                  +2

            all names: stagemake why --all
            """
        )
        assert "`s0`, `s1`, `s2`, `s3`, `s4`, `s5`, `s6`, `s7` and `s8` ran" in (
            project.build("why", "--all").stdout
        )


def test_verbose_builds_tell_the_same_beside_each_stage(copy: Project) -> None:
    copy.stagefile(COPY.format("").replace("cat", "cat -u")).write("a", "one\n")

    assert normal(copy.build("-v").stderr) == textwrap.dedent(
        """\
        [1/1] ran       copy  <time>  (command changed)
              was  cat {inputs} > {outputs}
              now  cat -u {inputs} > {outputs}
          also: input changed: a
              was  8 B, <digest>
              now  4 B, <digest>
              @@ -1,2 +1 @@
               one
              -two
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


# --- causes upstream -------------------------------------------------------------------------------

CHAIN = """\
command("one", "cat s > a", inputs=["s"], outputs=["a"])
command("two", "cat a t > b", inputs=["a", "t"], outputs=["b"])
command("side", "cat a > c", inputs=["a"], outputs=["c"])
command("end", "cat b c > d", inputs=["b", "c"], outputs=["d"])
"""


def test_a_tree_follows_causes_to_what_was_edited(project: Project) -> None:
    project.stagefile(CHAIN).write("s", "1").write("t", "1").build()
    project.write("s", "2").write("t", "2")

    with project.unchanged():
        project.build("why", "--tree", "end").printed(
            """\
            end may run
            ├── two may run  (b)
            │   ├── input changed: t
            │   └── one would run  (a)
            │       └── input changed: s
            └── side may run  (c)
                └── one would run (*)  (a)
            """.replace("one would run (*)  (a)", "one would run  (a) (*)")
        )


def test_a_tree_of_the_last_build(project: Project) -> None:
    project.stagefile(CHAIN).write("s", "1").write("t", "1").build()
    project.write("s", "2").build()

    with project.unchanged():
        project.build("why", "--tree").printed(
            """\
            end ran
            ├── two ran  (b)
            │   └── one ran  (a)
            │       └── input changed: s
            └── side ran  (c)
                └── one ran  (a) (*)
            """
        )


def test_a_tree_of_something_fresh(copy: Project) -> None:
    copy.build("why", "--tree", "copy").printed("copy is fresh\n")


def test_a_deep_tree_stays_narrow(project: Project) -> None:
    chain = "".join(
        f'command("s{i}", "cat f{i} > f{i + 1}", inputs=["f{i}"], outputs=["f{i + 1}"])\n'
        for i in range(30)
    )
    project.stagefile(chain).write("f0", "1").build()
    project.write("f0", "2")

    text = project.build("why", "--tree", "s29").stdout

    assert "s17 may run  (f18) (below: stagemake why --tree s17)" in text
    assert len(text.splitlines()) == 13


# --- the nearest cached result ---------------------------------------------------------------------


def test_a_miss_names_the_nearest_cached_result(project: Project) -> None:
    inputs = ", ".join(f'"i{i}"' for i in range(9))
    text = f'command("join", "cat {{inputs}} > all{{extra}}", inputs=[{inputs}], outputs=["all"], env={{"V": "1"}})\n'
    project.stagefile(text.replace("{extra}", ""))
    for i in range(9):
        project.write(f"i{i}", "1")
    project.build().ran("join")
    clone = project.clone()
    clone.write("i3", "2")

    clone.build("why", "join").printed(
        """\
        `join` would run
          because: never built
          nearest in the cache:
              1 of 9 inputs differs from the result of just now: i3
          its key counts 9 declared inputs, the programs /bin/sh, cat, 1 variable
          last result: none here
        """
    )
    clone.stagefile(text.replace("{extra}", "; true").replace('"V": "1"', '"V": "2"'))
    clone.build("why", "join").printed(
        """\
        `join` would run
          because: never built
          nearest in the cache:
              1 of 9 inputs differs from the result of just now: i3
              also the command
              also the variable V
          its key counts 9 declared inputs, the programs /bin/sh, cat, 1 variable
          last result: none here
        """
    )


def test_what_the_nearest_discovered_counts_though_a_failure_has_had_it_forgotten(
    project: Project,
) -> None:
    project.stagefile(
        'command("cc", "echo out: head.h > d && ! grep bad main.c && cat main.c head.h > out",'
        ' inputs=["main.c"], outputs=["out"], depfile="d")\n'
    )
    project.write("main.c", "1").write("head.h", "1")
    project.build().ran("cc")
    project.write("main.c", "bad")
    project.build().failed("cc")

    text = project.build("why", "cc").stdout

    assert "      1 of 2 inputs differs from the result of just now: main.c\n" in text
    project.write("head.h", "2")
    assert "2 of 2 inputs differ from the result" in project.build("why", "cc").stdout


def test_the_nearest_is_told_when_it_is_nearer_than_the_last_result_here(project: Project) -> None:
    text = 'command("join", "cat a b c > d", inputs=["a", "b", "c"], outputs=["d"])\n'
    project.stagefile(text)
    for name in "abc":
        project.write(name, "1")
    project.build().ran("join")
    for name in "abc":
        project.write(name, "2")
    project.build().ran("join")
    for name in "ab":
        project.write(name, "1")

    text = project.build("why", "join").stdout

    assert (
        "  nearest in the cache:\n      1 of 3 inputs differs from the result of just now: c\n"
        in text
    )
    project.write("b", "2")
    assert "nearest" not in project.build("why", "join").stdout  # the last one here is as near


def test_without_a_cache_there_is_no_nearest(copy: Project) -> None:
    copy.build("cache", "clear", "--yes")
    clone = copy.clone()
    clone.write("a", "2")

    assert "nearest" not in clone.build("why", "copy").stdout


# --- JSON ------------------------------------------------------------------------------------------


def test_json_of_a_stage(copy: Project) -> None:
    copy.write("a", "one\n")

    (stage,) = copy.build("why", "copy", "--json").json["stages"]

    old, new = (stage["differences"][0].pop(side) for side in ("old", "new"))
    assert re.fullmatch(r"f:[0-9a-f]{32}:8", old)
    assert re.fullmatch(r"f:[0-9a-f]{32}:4", new)
    assert stage == {
        "name": "copy", "verdict": "miss", "reason": "input_changed", "subject": "a", "key": stage["key"],
        "differences": [
            {"reason": "input_changed", "subject": "a", "diff": ["@@ -1,2 +1 @@", " one", "-two"], "note": ""}
        ],
        "nearest": None, "last": None, "notes": [],
    }  # fmt: skip


def test_json_of_the_last_build(copy: Project) -> None:
    copy.write("a", "one\n").build()

    found = copy.build("why", "--json").json

    assert (found["schema"], found["build"], found["ending"]) == (1, 2, "done")
    told = [(stage["name"], stage["outcome"], stage["problem"]) for stage in found["stages"]]
    assert told == [("copy", "ran", None)]
    copy.build("why", "--json", "--tree").exited(2)


def test_json_says_how_a_stage_failed(project: Project) -> None:
    project.stagefile('command("bad", "exit 3", outputs=["x"])\n').build().exited(1)

    (last,) = project.build("why", "--json").json["stages"]
    (now,) = project.build("why", "bad", "--json").json["stages"]

    assert (last["outcome"], last["problem"]) == ("failed", "exit status 3")
    assert (now["last"]["outcome"], now["last"]["problem"]) == ("failed", "exit status 3")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_history_that_can_not_be_read_gives_no_diff(copy: Project) -> None:
    (copy.root / ".stagemake/Stagefile/history.db").chmod(0)
    copy.write("a", "2")

    assert "@@" not in copy.build("why", "copy").stdout


def test_why_says_how_a_stage_failed_that_has_no_result(project: Project) -> None:
    project.stagefile('command("bad", "exit 3", inputs=["s"], outputs=["o"])').write("s", "1\n")
    project.build().exited(1)

    why = project.build("why", "bad").stdout

    assert why.startswith(
        "`bad` would run\n"
        "  because: last run left no result\n"
        "  it failed just now, in build 1: exit status 3\n"
        "  its key counts"
    )
