"""The commands beside `build`: list, why, cache, clean; help and version."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

import stagemake

if TYPE_CHECKING:
    from project import Project

TWO = """\
command("compile", "tr a-z A-Z < src > obj/o", inputs=["src"], outputs=["obj/o"])

@stage(inputs=["obj/o"], outputs=["app", "map"], params={"level": 1})
def link(context):
    '''Join everything.

    With care.
    '''
    context.outputs[0].write_text(context.inputs[0].read_text())
    context.outputs[1].write_text("map")

pipeline("release", [link, "compile"], default=True)
"""


@pytest.fixture
def two(project: Project) -> Project:
    """Return a project with two stages and a pipeline, not built."""
    return project.stagefile(TWO).write("src", "1")


# --- list. -----------------------------------------------------------------------------------------


def test_list_shows_pipelines_stages_and_descriptions(two: Project) -> None:
    with two.unchanged():
        two.build("list").printed(
            """\
            pipelines:
              release (default): link compile

            stages:
              compile  makes obj/o
              link     Join everything.
            """
        )


def test_list_of_a_target_shows_what_it_takes(two: Project) -> None:
    two.build("list", "obj/o").printed("compile  makes obj/o\n")


def test_list_as_json_tells_paths_and_lines(two: Project) -> None:
    assert two.build("list", "--json").json == {
        "schema": 1,
        "stages": [
            {
                "name": "compile",
                "kind": "command",
                "description": "",
                "inputs": ["src"],
                "implicit": [],
                "outputs": ["obj/o"],
                "depfile": None,
                "uses": [],
                "provides": [],
                "pool": None,
                "declared": "Stagefile:2",
            },
            {
                "name": "link",
                "kind": "function",
                "description": "Join everything.",
                "inputs": ["obj/o"],
                "implicit": [],
                "outputs": ["app", "map"],
                "depfile": None,
                "uses": [],
                "provides": [],
                "pool": None,
                "declared": "Stagefile:4",
            },
        ],
        "pipelines": [{"name": "release", "stages": ["link", "compile"], "default": True}],
    }


def test_a_build_of_nothing_says_so_each_time(project: Project) -> None:
    project.stagefile("")

    project.build().exited(0).printed("stagemake: no stages to build\n")
    project.build().exited(0).printed("stagemake: no stages to build\n")
    project.build("-n").exited(0).printed("stagemake: no stages to build\n")


def test_list_of_nothing(project: Project) -> None:
    project.stagefile("").build("list").printed("no stages\n")


# --- why. ------------------------------------------------------------------------------------------


def test_why_before_the_first_build(two: Project) -> None:
    with two.unchanged():
        two.build("why", "link").printed(
            """\
            `link` would run
              because: never built
              its key counts 1 declared input, the code Stagefile:link(), 1 parameter
              last result: none here
            """
        )


def test_why_of_something_fresh(two: Project) -> None:
    two.build().ran("compile", "link")

    with two.unchanged():
        two.build("why", "link").printed(
            """\
            `link` is fresh: nothing it depends on has changed
              it ran just now, in build 1
              because: never built
              its key counts 1 declared input, the code Stagefile:link(), 1 parameter
              last result: took <time>, made 4 B, key <key>
            """
        )


@pytest.mark.usefixtures("all_texts")
def test_why_tells_every_difference_once_with_old_and_new(two: Project) -> None:
    two.build().ran("compile", "link")
    two.stagefile(TWO.replace('"level": 1', '"level": 2').replace('"map")', '"plan")'))
    two.remove("app")

    two.build("why", "link").printed(
        """\
        `link` would run
          because: function changed: Stagefile:link()
              @@ -1,3 +1,3 @@
              -@stage(inputs=["obj/o"], outputs=["app", "map"], params={"level": 1})
              +@stage(inputs=["obj/o"], outputs=["app", "map"], params={"level": 2})
               def link(context):
                   '''Join everything.
              @@ -6,3 +6,3 @@
                   '''
                   context.outputs[0].write_text(context.inputs[0].read_text())
              -    context.outputs[1].write_text("map")
              +    context.outputs[1].write_text("plan")
          also: parameters changed: level
              was  1
              now  2
          also: output missing: app
              was  1 B, df3ce784d856
              now  missing
          its key counts 1 declared input, the code Stagefile:link(), 1 parameter
          last result: took <time>, made 4 B, key <key>
        """
    )


def test_why_names_the_parts_of_a_function_that_fall_back(project: Project) -> None:
    project.write("helpers.py", "x = 1\n").stagefile(
        """\
        import helpers

        @stage(outputs=["o"])
        def make(context):
            value = getattr(helpers, "x".lower()) + eval("1")
            context.output.write_text(str(value + len(globals())))
        """
    )

    stdout = project.build("why", "make").stdout

    notes = [line for line in stdout.split("\n") if line.startswith("  note: ")]
    assert notes == [
        "  note: `Stagefile:make()` calls globals(): all that `Stagefile` holds counts",
        "  note: `Stagefile:make()` uses `eval`, which can reach any code: runs always",
        "  note: module `helpers.py` is used as a value: all of its source and all that it holds count",
    ]


def test_why_marks_what_changed_in_a_command(project: Project) -> None:
    text = 'command("copy", "cp --preserve=mode,timestamps {{inputs}} {{outputs}} {0}", inputs=["a"], outputs=["b"])\n'
    project.stagefile(text.format("")).write("a", "1").build().ran("copy")
    project.stagefile(text.format("&& true"))

    stdout = project.build("why", "b").stdout

    assert "  because: command changed\n" in stdout
    assert "      was  cp --preserve=mode,timestamps {inputs} {outputs}" in stdout
    assert "      now  cp --preserve=mode,timestamps {inputs} {outputs} [&& true]\n" in stdout


@pytest.mark.usefixtures("all_texts")
def test_why_of_what_waits_for_something_upstream(two: Project) -> None:
    two.build().ran("compile", "link")
    two.write("src", "2")

    two.build("why", "compile", "link").printed(
        """\
        `compile` would run
          because: input changed: src
              was  1 B, df3ce784d856
              now  1 B, cb358fcee0df
              @@ -1 +1 @@
              -1  (no newline at the end)
              +2  (no newline at the end)
          its key counts 1 declared input, the programs /bin/sh, tr
          last result: took <time>, made 1 B, key <key>

        `link` may run: that depends on what comes out upstream
          because: upstream runs: obj/o
          its key counts 1 declared input, the code Stagefile:link(), 1 parameter
          last result: took <time>, made 4 B, key <key>
        """
    )


# --- cache. ----------------------------------------------------------------------------------------


def test_cache_path_is_where_the_variable_the_setting_or_the_flag_say(two: Project) -> None:
    two.build("cache", "path").printed("<cache>\n")
    two.build("cache", "path", "--cache-dir", "/elsewhere").printed("/elsewhere\n")
    two.cache = two.base / "unset"
    two.env["STAGEMAKE_CACHE_DIR"] = ""
    two.write("pyproject.toml", '[tool.stagemake]\ncache_dir = "near"\n')

    two.build("cache", "path").printed("<root>/near\n")


def test_cache_commands_before_there_is_a_cache(two: Project) -> None:
    with two.unchanged():
        two.build("cache", "stats").printed(
            """\
            path     <cache>
            records  0
            blobs    0
            size     0 B of 10.0 GiB
            gc       would remove nothing
            """
        )
        for command in (("gc",), ("verify",), ("clear", "--yes")):
            two.build("cache", *command).printed("stagemake: there is no cache yet\n").exited(0)


def test_cache_stats_count_what_is_in_it(two: Project) -> None:
    two.build().ran("compile", "link")

    with two.unchanged():
        result = two.build("cache", "stats", "--json")

    assert result.json == {
        "schema": 1,
        "path": "<cache>",
        "records": 6,
        "blobs": 2,
        "bytes": result.json["bytes"],
        "limit_bytes": 10 * 1024**3,
        "gc": {"records": 0, "bytes": 0},
        "project": result.json["project"],
    }


def test_cache_stats_tell_what_it_was_worth_and_what_gc_would_do(two: Project) -> None:
    two.build().ran("compile", "link")
    two.remove("app", "obj/o").build().restored("compile", "link")
    two.remove("app").build().restored("link")

    with two.unchanged():
        project = two.build("cache", "stats", "--json").json["project"]
        text = two.build("cache", "stats").stdout

    assert (project["builds"], project["runs"], project["hits"]) == (3, 2, 3)
    assert project["unknown_hits"] == 0
    stages = {each["name"]: each for each in project["stages"]}
    assert {name: (each["runs"], each["hits"]) for name, each in stages.items()} == {
        "compile": (1, 1),
        "link": (1, 2),
    }
    assert all(each["saved_s"] > 0 and each["spent_s"] > 0 for each in stages.values())
    assert project["saved_s"] == sum(each["saved_s"] for each in stages.values())
    assert (
        "gc       would remove nothing\n\nproject  3 builds: 2 runs, 3 hits\nsaved    <time>\nmoved  "
        in text
    )


def test_cache_stats_foresee_what_gc_removes(two: Project) -> None:
    two.build().ran("compile", "link")
    two.write("pyproject.toml", "[tool.stagemake]\ncache_age_days = 0\n")

    foreseen = two.build("cache", "stats", "--json").json["gc"]
    done = two.build("cache", "gc").stdout

    assert foreseen["records"] == 6
    assert done.startswith("removed 6 records and 2 blobs, ")


def test_cache_verify_finds_and_removes_damage(two: Project) -> None:
    two.write("src", "0123456789" * 10_000).build().ran("compile", "link")
    assert two.build("cache", "verify").exited(0).stdout.endswith(" read: 0 damaged\n")
    blobs = [
        path for path in two.cache.rglob("*") if path.is_file() and "cache.db" not in path.name
    ]
    blobs[0].chmod(0o600)
    blobs[0].write_bytes(b"!" + blobs[0].read_bytes()[1:])

    assert two.build("cache", "verify").exited(1).stdout.endswith(" read: 1 damaged and removed\n")

    assert two.build("cache", "verify").exited(0).stdout.endswith(" read: 0 damaged\n")


def test_cache_gc_shrinks_it(two: Project) -> None:
    two.build().ran("compile", "link")

    result = two.build("cache", "gc", "--max-size", "0")

    assert result.exit_code == 0
    assert result.stdout.endswith("; 0 B left\n")
    two.remove("app").build().ran("link")


def test_cache_clear_empties_it(two: Project) -> None:
    two.build().ran("compile", "link")

    two.build("cache", "clear", "--yes").exited(0)

    assert two.build("cache", "stats", "--json").json["records"] == 0
    two.build().printed("stagemake: up to date\n")


# --- clean. ----------------------------------------------------------------------------------------


def test_clean_removes_what_stagemake_made_and_empty_directories(two: Project) -> None:
    two.build().ran("compile", "link")
    with two.unchanged():
        two.build("clean", "-n").printed(
            """\
            would remove app
            would remove map
            would remove obj/o
            stagemake: 3 outputs would be removed
            """
        )

    two.build("clean").printed(
        """\
        removed app
        removed map
        removed obj/o
        stagemake: 3 outputs removed
        """
    )

    assert not two.has("obj")
    assert two.read("src") == "1"
    two.build().restored("compile", "link")


def test_clean_leaves_what_was_changed_and_what_is_foreign(two: Project) -> None:
    two.build().ran("compile", "link")
    two.write("app", "edited").write("obj/mine", "mine")

    two.build("clean").printed(
        """\
        removed map
        removed obj/o
        left app: changed since stagemake made it
        stagemake: 2 outputs removed
        """
    )

    assert two.read("app") == "edited"
    assert two.read("obj/mine") == "mine"


def test_clean_of_a_target_removes_only_its_outputs(two: Project) -> None:
    two.build().ran("compile", "link")

    two.build("clean", "link").printed(
        """\
        removed app
        removed map
        stagemake: 2 outputs removed
        """
    )

    two.build().restored("link").fresh("compile")


def test_clean_before_any_build_removes_nothing(two: Project) -> None:
    two.write("app", "mine")

    two.build("clean").printed("stagemake: 0 outputs removed\n")

    assert two.read("app") == "mine"


def test_clean_removes_whole_directory_outputs(project: Project) -> None:
    project.stagefile('command("fill", "mkdir -p d/e; echo 1 > d/e/x", outputs=["d/"])\n')
    project.build().ran("fill")

    project.build("clean").exited(0)

    assert not project.has("d")


# --- Help and version. -----------------------------------------------------------------------------


def test_version(project: Project) -> None:
    project.build("--version").printed(f"stagemake {stagemake.__version__}\n").exited(0)


def test_python_m_stagemake_is_the_command(two: Project) -> None:
    two.run().ran("compile", "link")
    two.run("build").printed("stagemake: up to date\n")
    two.run("--version").printed(f"stagemake {stagemake.__version__}\n")


def test_help_of_all_commands_at_once(project: Project) -> None:
    project.build("--help").printed(
        """\
        Usage: stagemake [OPTIONS] [COMMAND] [OPTIONS] [TARGETS]...

          Build what changed, restore what was built before, and say beforehand what
          that takes.

        Options:
          --version   Show the version and exit.
          -h, --help  Show this message and exit.

        Commands:
          build       bring targets up to date (what `stagemake` does by itself)
          watch       build again whenever something changes
          list        show stages, pipelines and descriptions
          why         say why a stage would run, or ran last time
          trace       say what a stage reads and writes that it does not declare
          history     show past builds, how good their forecasts were, what differs
                      between two
          report      write a build, or a plan, as one HTML page
          graph       show which stage waits for which: dot, mermaid, JSON, SVG, PNG
          cache       look at the cache, clean it up, check it
          verify      rerun stages and compare: which ones do not make the same again
          clean       remove what stagemake made, and nothing else
          bench       measure how fast stages are built here, and compare with before
          init        write a first Stagefile for this directory
          doctor      say what is off on this machine, and how to mend it
          plugins     show installed plugins: version, state and what they bring
          completion  print what lets a shell complete stage names

          Options of `build` can be given without naming it: stagemake -n app.
          `stagemake COMMAND --help` tells more.
        """
    )


COMMANDS = [
    ("--help",),
    ("build", "--help"),
    ("list", "--help"),
    ("why", "--help"),
    ("history", "--help"),
    ("graph", "--help"),
    ("clean", "--help"),
    ("completion", "--help"),
    ("cache", "--help"),
    *(("cache", name, "--help") for name in ("path", "stats", "gc", "verify", "clear")),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_help_fits_80_columns_and_needs_no_project(
    project: Project, arguments: tuple[str, ...]
) -> None:
    result = project.build(*arguments)

    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.startswith("Usage: stagemake ")
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_every_option_of_every_command_has_a_help_text(project: Project) -> None:
    for arguments in COMMANDS:
        text = project.build(*arguments).stdout
        options = text.partition("Options:\n")[2].partition("\n\n")[0]

        for line in options.splitlines():
            is_entry = line.startswith("  -")
            assert not is_entry or "  " in line.strip() or len(line) > 20, line


# --- Colours and streams. --------------------------------------------------------------------------


def test_colour_on_request_and_never_else(two: Project) -> None:
    assert "\x1b[" not in two.build().stderr
    shutil.rmtree(two.root / ".stagemake")

    assert "\x1b[34mrestored \x1b[0m compile" in two.build("--color", "always").stderr
    assert "\x1b[32mmiss \x1b[0m" in two.build("-n", "-B", "--color", "always").stdout
    assert "\x1b[" not in two.build("-n", "-B", "--color", "never").stdout


SGR = re.compile(r"\x1b\[[0-9]+m")
PAINTED = {
    ("list",): "\x1b[2mmakes obj/o\x1b[0m",
    ("list", "--tree"): "lint \x1b[2m(before)\x1b[0m",
    ("why",): "\x1b[32mran\x1b[0m",
    ("why", "compile", "link"): "\x1b[32m+2  (no newline at the end)\x1b[0m",
    ("why", "--tree"): "compile \x1b[32mran\x1b[0m",
    ("why", "--tree", "link"): "link \x1b[33mmay run\x1b[0m",
}


def test_colour_adds_nothing_to_what_lists_and_reasons_say(two: Project) -> None:
    two.stagefile(TWO + 'command("lint", "true", inputs=["src"], before=["link"])\n')
    two.build().ran("compile", "link")
    two.write("src", "2")

    for argv, painted in PAINTED.items():
        plain = two.build(*argv, "--color", "never").exited(0).stdout
        coloured = two.build(*argv, "--color", "always").exited(0).stdout

        assert "\x1b" not in plain, argv
        assert painted in coloured, argv
        assert SGR.sub("", coloured) == plain, argv


def test_variables_that_decide_on_colour(two: Project) -> None:
    two.env["FORCE_COLOR"] = "1"
    assert "\x1b[" in two.build("-n").stdout
    assert "\x1b[31merror:\x1b[0m" in two.build("nothing").stderr
    two.env["NO_COLOR"] = "1"
    assert "\x1b[" not in two.build("-n").stdout


def test_a_plan_is_a_result_and_progress_is_not(two: Project) -> None:
    assert two.build("-n").stderr == ""
    assert two.build().stdout == ""
