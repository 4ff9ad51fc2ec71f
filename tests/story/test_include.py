"""`include`: names, paths, modules and functions of Stagefiles that others read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stagemake import StageManager

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project


def names_of(project: Project, *arguments: str) -> list[str]:
    return [one["name"] for one in project.build("list", "--json", *arguments).json["stages"]]


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ('include("packages/text")', "packages.text.lint"),
        ('include("packages/text/")', "packages.text.lint"),
        ('include("./packages/../packages/text")', "packages.text.lint"),
        ('include("packages/text/Stagefile")', "packages.text.lint"),
        ('include("packages/text/more.py")', "packages.text.more.lint"),
        ('include("packages/text", prefix="text")', "text.lint"),
        ('include("packages/text", prefix="a.b")', "a.b.lint"),
        ('include("packages/text", prefix="")', "lint"),
        ('include(glob("packages/*/")[0])', "packages.text.lint"),
    ],
)
def test_the_prefix_is_the_path_with_dots_unless_given(
    project: Project, call: str, name: str
) -> None:
    for file in ("Stagefile", "more.py"):
        project.stagefile('command("lint", "true", inputs=["a"])', f"packages/text/{file}")

    project.stagefile(call)

    assert names_of(project) == [name]


def test_stagefile_py_is_found_in_a_directory_too(project: Project) -> None:
    project.stagefile('command("x", "true")', "sub/Stagefile.py").stagefile('include("sub")')

    assert names_of(project) == ["sub.x"]


def test_prefixes_and_directories_of_nested_includes_add_up(project: Project) -> None:
    project.stagefile('include("a", prefix="one")')
    project.stagefile('include("b"); include("../c", prefix="c")', "a/Stagefile")
    project.stagefile('command("x", "cp i o", inputs=["i"], outputs=["o"])', "a/b/Stagefile")
    project.stagefile('command("x", "cp i o", inputs=["i"], outputs=["o"])', "c/Stagefile")
    project.write("a/b/i", "inner").write("c/i", "beside")

    project.build().ran("one.b.x", "one.c.x")

    assert project.read("a/b/o") == "inner"
    assert project.read("c/o") == "beside"


def test_names_are_looked_up_in_the_included_file_first_then_outwards(project: Project) -> None:
    project.stagefile(
        """
        command("install", "true")
        command("lint", "true")
        include("a")
        """
    )
    project.stagefile('command("lint", "true"); include("b")', "a/Stagefile")
    project.stagefile(
        """
        command("lint", "true")
        command("own", "true", after=["lint"])
        command("outer", "true", after="install", before=["a.lint"], optional=["nobody"])
        command("full", "true", after=["a.lint", StageDependency("a.b.lint")])
        pipeline("ci", ["own", "install", "a.lint"])
        """.replace("command", "from stagemake import StageDependency; command", 1),
        "a/b/Stagefile",
    )

    project.build("list", "--tree", "a.b.own", "a.b.outer", "a.b.full").printed(
        """\
        a.b.own
        └── a.b.lint
        a.b.outer
        └── install
        a.b.full
        ├── a.b.lint
        └── a.lint
            └── a.b.outer (before) (*)

        (*) shown above with what it waits for
        """
    )
    assert project.build("-n", "--json", "a.b.ci").json["targets"] == ["a.b.ci"]
    assert {one["name"] for one in project.build("-n", "--json", "a.b.ci").json["stages"]} == {
        "a.b.own", "a.b.lint", "install", "a.lint"
    }  # fmt: skip


def test_a_stage_as_a_value_is_that_stage_whatever_names_there_are(project: Project) -> None:
    project.stagefile(
        """
        import shared
        shared.setup = command("x.setup", "true")
        include("a")
        """
    )
    project.write("shared.py")
    project.stagefile(
        """
        import shared
        command("x.setup", "true")
        command("go", "true", after=[shared.setup])
        pipeline("p", [shared.setup])
        """,
        "a/Stagefile",
    )

    project.build("list", "--tree", "a.go").printed("a.go\n└── x.setup\n")
    assert [one["name"] for one in project.build("-n", "--json", "a.p").json["stages"]] == [
        "x.setup"
    ]


def test_names_may_be_used_before_they_are_declared(project: Project) -> None:
    project.stagefile('include("a"); command("late", "true")')
    project.stagefile('command("x", "true", after=["late", "later"]); command("later", "true")', "a/Stagefile")  # fmt: skip

    project.build("a.x").ran("a.later", "a.x", "late")


def test_a_default_pipeline_is_the_default_of_its_own_file_only(project: Project) -> None:
    project.stagefile('include("a"); command("top", "true")')
    project.stagefile(
        'command("x", "true"); command("y", "true"); pipeline("ci", ["x"], default=True)',
        "a/Stagefile",
    )

    project.build().ran("a.x", "a.y", "top")
    project.build("a.ci").ran("a.x")
    project.build(cwd="a").ran("x")


def test_pools_values_and_configuration_are_the_whole_projects(project: Project) -> None:
    project.stagefile(
        """
        pool("net", 1)
        made = include("a")
        stage(name="use", uses=["count"], outputs=["n"])(made.use)
        """
    )
    project.stagefile(
        """
        pool("net", 1)
        level = config("level", 1)

        @stage(provides=["count"], inputs=["i"], pool="net", config=["level"])
        def count(context):
            context.shared["count"] = len(context.inputs[0].read_text()) * int(context.config["level"])

        def use(context):
            context.outputs[0].write_text(str(context.shared["count"]))
        """,
        "a/Stagefile",
    )
    project.write("a/i", "12345")

    project.build().ran("a.count", "use")
    assert project.read("n") == "5"

    project.build("-D", "level=3").ran("a.count", "use")
    assert project.read("n") == "15"


def test_what_include_returns_has_the_files_names_and_its_stages(project: Project) -> None:
    project.stagefile(
        """
        a = include("a", prefix="p")
        command("all", "cat {inputs} > {outputs}", inputs=[a.made, a["other"]], outputs=["all"])
        assert a.LIST == [1, 2]
        """
    )
    project.stagefile(
        """
        LIST = [1, 2]
        made = command("x", "echo x > o", outputs=["o"])
        command("other", "echo y > q", outputs=["q"])
        """,
        "a/Stagefile",
    )

    project.build().ran("p.x", "p.other", "all")

    assert project.read("all") == "x\ny\n"


def test_one_file_may_be_included_under_two_prefixes(project: Project) -> None:
    project.stagefile('include("a", prefix="one"); include("a", prefix="two")')
    project.stagefile('import helper; command("x", f"echo {helper.n()}", inputs=["i"])', "a/Stagefile")  # fmt: skip
    project.write("a/helper.py", "def n():\n    return 1\n").write("a/i")

    project.build().ran("one.x", "two.x")
    assert names_of(project) == ["one.x", "two.x"]


# -- paths -----------------------------------------------------------------------------------------


def test_paths_and_actions_are_relative_to_the_included_file(project: Project) -> None:
    project.stagefile('include("a/b", prefix="x")')
    project.stagefile(
        """
        command(
            "link",
            "./tool {inputs} {depfile} > {outputs} && cat i ../../top >> {outputs}",
            inputs=["i", "../../top"], outputs=["out/o"], depfile="out/o.d", tools=["./more"],
        )
        command("up", "pwd > {outputs}", outputs=["../o"], cwd="..")
        command("root", "cat a/b/i > {outputs}", inputs=["i"], outputs=["r"], cwd="../..")

        @stage(inputs=["i"], outputs=["f"])
        def function(context):
            import os
            context.outputs[0].write_text(os.path.relpath(os.getcwd(), context.root))
        """,
        "a/b/Stagefile",
    )
    project.write("a/b/i", "i").write("top", "t").write("a/b/found", "")
    project.write("a/b/more", "#!/bin/sh\n")
    project.write("a/b/tool", '#!/bin/sh\necho "$@"\necho "out/o: found" > "$3"\n')
    for program in ("tool", "more"):
        (project.root / "a/b" / program).chmod(0o755)

    project.build().ran("x.link", "x.up", "x.root", "x.function")

    assert project.read("a/b/out/o") == "i ../../top out/o.d\nit"
    assert project.read("a/o") == f"{project.root}/a\n"
    assert project.read("a/b/r") == "i"
    assert project.read("a/b/f") == "a/b"

    project.write("a/b/found", "changed").build("x.link").ran("x.link")
    project.write("a/b/tool", '#!/bin/sh\n: > "$3"\n').build("x.link").ran("x.link")
    project.write("a/b/more", "#!/bin/sh\ntrue\n").build("x.link").ran("x.link")


def test_a_glob_is_relative_to_the_included_file_and_may_go_upwards(project: Project) -> None:
    project.stagefile('include("p/a"); print([str(one) for one in glob("p/*/*.c")])')
    project.stagefile(
        """
        print([str(one) for one in glob("*.c")])
        print([str(one) for one in glob("../b/**/*.c", "./../../*.txt")])
        print([str(one) for one in glob("../*/*.c", exclude=["../b/**", "*.c"])])
        print([str(one) for one in glob("../*/")])
        """,
        "p/a/Stagefile",
    )
    for path in ("p/a/1.c", "p/b/2.c", "p/b/x/3.c", "4.txt"):
        project.write(path)

    assert project.build("list").stdout.splitlines()[:5] == [
        "['1.c']",
        "['../../4.txt', '../b/2.c', '../b/x/3.c']",
        "['../a/1.c']",
        "['../a', '../b']",
        "['p/a/1.c', 'p/b/2.c']",
    ]


def test_a_program_that_is_needed_is_relative_too(project: Project) -> None:
    project.stagefile('include("a")')
    project.stagefile('command("x", [need("./tool"), which("b/other")], outputs=["o"])', "a/Stagefile")  # fmt: skip
    project.write("a/tool", '#!/bin/sh\necho "$1" > o\n').write("a/b/other", "#!/bin/sh\n")
    for path in ("a/tool", "a/b/other"):
        (project.root / path).chmod(0o755)

    project.build().ran("a.x")

    assert project.read("a/o") == "b/other\n"


def test_targets_and_directories_are_as_ever(project: Project) -> None:
    project.stagefile('include("sub", prefix="s")')
    project.stagefile('command("x", "echo 1 > o", outputs=["o"])', "sub/Stagefile")

    project.build("-C", "..", "s.*", cwd="sub").ran("s.x")
    project.remove("sub/o").build("sub/o").restored("s.x")
    project.build("list", "s.x").printed("s.x  makes sub/o\n")


# -- modules and functions -------------------------------------------------------------------------

TWO = """
    import helper, common
    @stage(inputs=["i"], outputs=["o"])
    def show(context):
        import helper as late
        import late_only
        context.outputs[0].write_text(
            f"{helper.who()} {late.who()} {late_only.VALUE} {common.who()}"
        )
    """


@pytest.fixture
def two(project: Project) -> Project:
    """Two packages with helpers of the same names, and a root that has one of them as well."""
    project.stagefile(
        """
        import helper
        a, b = include("a"), include("b")
        import common
        @stage(outputs=["o"])
        def show(context):
            import helper as late
            context.outputs[0].write_text(f"{helper.who()} {late.who()} {common.who()} {a.helper.who()}")
        """
    )
    for place in ("a/", "b/"):
        project.stagefile(TWO, f"{place}Stagefile").write(f"{place}i", place)
        project.write(f"{place}late_only.py", f"VALUE = 'late {place}'\n")
    for place in ("", "a/", "b/"):
        project.write(f"{place}helper.py", f"def who():\n    return 'in {place}'\n")
    project.write("common.py", "import helper\n\ndef who():\n    return 'common ' + helper.who()\n")
    return project


def test_helpers_of_one_name_do_not_meet(two: Project) -> None:
    two.build().ran("a.show", "b.show", "show")

    assert two.read("a/o") == "in a/ in a/ late a/ common in "
    assert two.read("b/o") == "in b/ in b/ late b/ common in "
    assert two.read("o") == "in  in  common in  in a/"
    two.build().fresh("a.show", "b.show", "show")


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("a/helper.py", ["a.show", "show"]),
        ("b/helper.py", ["b.show"]),
        ("helper.py", ["a.show", "b.show", "show"]),
        ("b/late_only.py", ["b.show"]),
        ("common.py", ["a.show", "b.show", "show"]),
    ],
)
def test_a_helper_counts_for_the_functions_that_reach_it(
    two: Project, path: str, changed: list[str]
) -> None:
    two.build()

    two.write(path, two.read(path).replace("'in", "'IN").replace("late", "LATE").replace("common ", "COMMON "))  # fmt: skip

    two.build().ran(*changed)
    assert "IN" in two.read("o") or "COMMON" in two.read("o") or changed == ["b.show"]


def test_why_names_the_included_files_code(two: Project) -> None:
    two.build()
    two.write("b/helper.py", "def who():\n    return 'other'\n")

    reasons = two.build("-n", "--json", "b.show").json["stages"]

    assert [(one["reason"], one["subject"]) for one in reasons] == [("code_changed", "b/helper.py")]
    assert "the code b/Stagefile:show(), " in two.build("why", "b.show").stdout


def test_a_shared_function_declares_for_the_file_that_is_being_read(project: Project) -> None:
    project.stagefile("import kit; kit.packages('a', 'b')")
    project.write(
        "kit.py",
        """
from stagemake import command, glob, include, stage

def packages(*names):
    for name in names:
        include(name)

def usual():
    command("join", "cat {inputs} > {outputs}", inputs=glob("*.txt"), outputs=["o"])

    @stage(name="show", inputs=["x.txt"], outputs=["p"])
    def show(context):
        import late
        context.outputs[0].write_text(late.NAME)
""",
    )
    for place in ("a", "b"):
        project.write(f"{place}/Stagefile", "import kit; kit.usual()").write(f"{place}/x.txt")
        project.write(f"{place}/late.py", f"NAME = '{place}'\n")

    project.build().ran("a.join", "a.show", "b.join", "b.show")
    assert (project.read("a/p"), project.read("b/p")) == ("a", "b")

    project.write("b/late.py", "NAME = 'c'\n").build().ran("b.show")
    assert (project.read("a/p"), project.read("b/p")) == ("a", "c")


def test_a_module_of_the_root_is_run_once_for_all(project: Project) -> None:
    project.write("shared.py", "print('read')\nSEEN = []\n")
    project.stagefile('include("a"); include("b"); import shared; print(shared.SEEN)')
    for place in ("a", "b"):
        project.stagefile(f"import shared; shared.SEEN.append('{place}')", f"{place}/Stagefile")

    assert project.build("list").stdout.startswith("read\n['a', 'b']\n")


def test_a_file_of_the_same_directory_shares_its_modules(project: Project) -> None:
    project.write("shared.py", "print('read')\nSEEN = []\n")
    project.stagefile('import shared; include("more.py"); print(shared.SEEN)')
    project.stagefile("import shared; shared.SEEN.append('more')", "more.py")

    assert project.build("list").stdout.startswith("read\n['more']\n")


def test_packages_of_one_name_do_not_meet_either(project: Project) -> None:
    project.stagefile("import pack.part; a = include('a'); print(pack.part.N, a.pack.part.N)")
    project.stagefile("import pack.part; print(pack.part.N)", "a/Stagefile")
    for place, number in (("", 1), ("a/", 2)):
        project.write(f"{place}pack/__init__.py").write(f"{place}pack/part.py", f"N = {number}\n")

    assert project.build("list").stdout.startswith("2\n1 2\n")


def test_a_bare_directory_hides_no_module(project: Project) -> None:
    project.stagefile("include('a'); import attrs; print(attrs.__name__)")
    project.stagefile("import helper, attrs; print(helper.N, attrs.__name__)", "a/Stagefile")
    project.write("helper.py", "N = 1\n").write("a/helper/data.txt").write("a/attrs/data.txt")

    assert project.build("list").stdout.startswith("1 attrs\nattrs\n")


def test_an_embedded_manager_loads_several_that_include(tmp_path: Path) -> None:
    for place, text in {
        "x/Stagefile": 'from stagemake import *\ncommand("one", "true", after=["two"])\ninclude("in")',
        "x/in/Stagefile": 'from stagemake import *\ncommand("i", "pwd > o", outputs=["o"], after=["later"])',
        "y.stagefile": 'from stagemake import *\ncommand("two", "true")\nimport helper\n'
        '@stage(outputs=["f"])\ndef f(context):\n    context.outputs[0].write_text(helper.N)',
        "helper.py": "N = 'root'",
        "x/helper.py": "N = 'x'",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    manager = StageManager(tmp_path, cache_dir=tmp_path / "cache")
    manager.load("x/Stagefile")
    manager.load("y.stagefile")
    from stagemake.model.stage import Command, Stage, StageName

    manager.register_stage(Stage(StageName("later"), Command(("true",))))

    outcome = manager.execute_pipeline()

    assert outcome.ok
    assert [stage.name for stage in manager.get_stages()] == ["one", "in.i", "two", "f", "later"]
    assert (tmp_path / "x/in/o").read_text() == f"{tmp_path}/x/in\n"
    assert (tmp_path / "f").read_text() == "root"


def test_an_include_that_is_taken_away_takes_its_outputs_along(project: Project) -> None:
    project.stagefile('include("a"); command("top", "echo 1 > t", outputs=["t"])')
    project.stagefile('command("x", "echo 1 > o", outputs=["o"])', "a/Stagefile")
    project.build()

    project.stagefile('command("top", "echo 1 > t", outputs=["t"])').build()

    assert not project.has("a/o")
    assert project.has("a/Stagefile")


def test_a_command_that_moves_into_an_included_file_comes_back(project: Project) -> None:
    project.stagefile('command("x", "pwd; cp i o", cwd="a", inputs=["a/i"], outputs=["a/o"])')
    project.write("a/i", "1").build().ran("x")

    project.stagefile('include("a")')
    project.stagefile('command("x", "pwd; cp i o", inputs=["i"], outputs=["o"])', "a/Stagefile")

    project.build().restored("a.x")


# -- what is shown ---------------------------------------------------------------------------------


def test_lists_graphs_and_completion_have_the_full_names(project: Project) -> None:
    project.stagefile('include("p/a", prefix="a")')
    project.stagefile(
        'command("x", "true"); command("y", "true"); pipeline("ci", ["x"])', "p/a/Stagefile"
    )

    listed = project.build("list", "--json").json["stages"]
    graph = project.build("graph", "--group", "--format", "mermaid").stdout

    assert [(one["name"], one["declared"]) for one in listed] == [
        ("a.x", "p/a/Stagefile:2"),
        ("a.y", "p/a/Stagefile:2"),
    ]
    assert (
        graph
        == 'flowchart LR\n  s0["a.x"]\n  s1["a.y"]\n  subgraph g0 ["a"]\n    s0\n    s1\n  end\n'
    )
    offered = project.build("completion", "zsh", "--", "a.").stdout.splitlines()
    assert [line.split("\t")[1] for line in offered] == ["a.ci", "a.x", "a.y"]
    project.build("list").printed(
        """\
        pipelines:
          a.ci: a.x

        stages:
          a.x
          a.y
        """
    )


def test_a_package_by_itself_is_a_project_of_its_own(project: Project) -> None:
    project.stagefile('command("install", "true"); include("a")').write("building.py")
    project.stagefile('command("x", "echo 1 > o", outputs=["o"])', "a/Stagefile")
    project.build().ran("a.x", "install")

    project.build(cwd="a").ran("x")  # its paths are other ones, so nothing is shared
    project.stagefile("import building", "a/Stagefile")

    project.build(cwd="a").exited(2).printed(
        """\
        error: the Stagefile raised ModuleNotFoundError: No module named 'building'
          at    Stagefile:2
          line  import building
        hint: it lies beside the Stagefile in `..`: if that one includes this one, run `stagemake -C ..`
        """
    )


# -- mistakes --------------------------------------------------------------------------------------

MISTAKES = {
    "missing": (
        {"": 'include("sbu")', "sub/": ""},
        """\
        error: there is no Stagefile or directory `sbu` to include
          declared  Stagefile:2, include()
        hint: did you mean `sub`?
        """,
    ),
    "no Stagefile": (
        {"": 'include("sub")', "sub/inner/": ""},
        """\
        error: there is no Stagefile in `sub`
          declared  Stagefile:2, include()
        """,
    ),
    "outside": (
        {"": 'include("../sub")'},
        """\
        error: an included Stagefile lies outside the project: `../sub`
          declared  Stagefile:2, include()
        hint: run stagemake in a directory above both
        """,
    ),
    "own directory": (
        {"": 'include(".stagemake/x")'},
        """\
        error: an included Stagefile lies in stagemake's own directory: `.stagemake/x`
          declared  Stagefile:2, include()
        """,
    ),
    "type": (
        {"": "include(3)"},
        """\
        error: include() takes a path, not 3
          declared  Stagefile:2, include()
        """,
    ),
    "prefix": (
        {"": 'include("sub", prefix="a..b")', "sub/": ""},
        """\
        error: 'a..b' can't be the prefix of names
          declared  Stagefile:2, include()
        hint: a prefix is a name, as prefix="text"; prefix="" leaves names as they are
        """,
    ),
    "no prefix from the path": (
        {"": 'include("sub")', "sub/": 'include("../my pkg")', "my pkg/": ""},
        """\
        error: '...my pkg' can't be the prefix of names
          declared     sub/Stagefile:2, include()
          called from  Stagefile:2
        hint: give one: include("../my pkg", prefix="…")
        """,
    ),
    "circle": (
        {"": 'include("a")', "a/": 'include("b")', "a/b/": 'include("..", prefix="x")'},
        """\
        error: 2 Stagefiles include each other in a circle
          `a/Stagefile` -> `a/b/Stagefile`  a/Stagefile:2
          `a/b/Stagefile` -> `a/Stagefile`  a/b/Stagefile:2
          called from                       Stagefile:2
        hint: take one of these away; names of an outer Stagefile can be used without including it
        """,
    ),
    "itself": (
        {"": 'include(".", prefix="x")'},
        """\
        error: `Stagefile` includes itself
          `Stagefile` -> `Stagefile`  Stagefile:2
        hint: take one of these away; names of an outer Stagefile can be used without including it
        """,
    ),
    "raises": (
        {"": 'include("a")', "a/": 'include("b")', "a/b/": "def f():\n    return 1 / 0\nf()"},
        """\
        error: `a/b/Stagefile` raised ZeroDivisionError: division by zero
          at           a/b/Stagefile:3
          line         return 1 / 0
          called from  a/b/Stagefile:4
          called from  a/Stagefile:2
          called from  Stagefile:2
        """,
    ),
    "exits": (
        {"": 'include("a")', "a/": "raise SystemExit(3)"},
        """\
        error: `a/Stagefile` called exit(3)
          at           a/Stagefile:2
          line         raise SystemExit(3)
          called from  Stagefile:2
        """,
    ),
    "does not parse": (
        {"": 'include("a")', "a/": "x = = 3"},
        """\
        error: `a/Stagefile` does not parse: invalid syntax
          at           a/Stagefile:2
          line         x = = 3
                           ^
          called from  Stagefile:2
        """,
    ),
    "wrong declaration": (
        {"": 'include("a")', "a/": 'command("x", "echo", outputs=["../../o"])'},
        """\
        error: an output lies outside the project: `../../o`
          declared     a/Stagefile:2, command('x')
          called from  Stagefile:2
        hint: outputs must lie below the root
        """,
    ),
    "unknown stage": (
        {"": 'include("a")', "a/": 'command("x", "echo", after=["lnt"]); command("lint", "echo")'},
        """\
        error: stage `a.x` runs after `lnt`, which is no stage
          declared  a/Stagefile:2
        hint: did you mean `lint`?
        """,
    ),
    "unknown member": (
        {"": 'include("a")', "a/": 'pipeline("ci", ["lnt"]); command("lint", "echo")'},
        """\
        error: pipeline `a.ci` names the stage `lnt`, which nobody declared
          declared  a/Stagefile:2
        hint: did you mean `lint`?
        """,
    ),
    "unknown name": (
        {"": 'a = include("a")\na.sit', "a/": "site = 1"},
        """\
        error: `a/Stagefile` has no name `sit`
          used  Stagefile:3
        hint: did you mean `site`?
        """,
    ),
    "a stage is no name": (
        {"": 'a = include("a")\na.lint', "a/": 'command("lint", "echo")'},
        """\
        error: `a/Stagefile` has no name `lint`
          used  Stagefile:3
        hint: a stage is reached by its name as ["lint"]
        """,
    ),
    "unknown item": (
        {"": 'a = include("a")\na["lnt"]', "a/": 'command("lint", "echo")'},
        """\
        error: `a/Stagefile` declares no stage `lnt`
          used  Stagefile:3
        hint: did you mean `lint`?
        """,
    ),
    "twice": (
        {"": 'include("a")\ninclude("a")', "a/": ""},
        """\
        error: `a/Stagefile` is included twice with the same prefix
          first   Stagefile:2
          second  Stagefile:3
        hint: keep what the first include() returned, or give one of them another prefix
        """,
    ),
    "twice with outputs": (
        {"": 'include("a")\ninclude("a", prefix="b")', "a/": 'command("x", "echo", outputs=["o"])'},
        """\
        error: two stages own the output `a/o`
          `a.x`  a/Stagefile:2
          `b.x`  a/Stagefile:2
        hint: give each its own path, or make one stage of the two
        """,
    ),
    "two of one name": (
        {"": 'command("a.x", "echo")\ninclude("a")', "a/": 'command("x", "echo")'},
        """\
        error: two stages are named `a.x`
          first        Stagefile:2
          second       a/Stagefile:2
          called from  Stagefile:3
        hint: give one of them another name; in a loop, put the loop variable into it
        """,
    ),
    "two depths": (
        {"": 'pool("p", 1)\ninclude("a")', "a/": 'pool("p", 2)'},
        """\
        error: pool `p` has two depths: 1 and 2
          first        Stagefile:2
          second       a/Stagefile:2
          called from  Stagefile:3
        """,
    ),
    "glob outside": (
        {"": 'include("a")', "a/": 'glob("../../*")'},
        """\
        error: a pattern leads out of the project: `../../*`
          declared     a/Stagefile:2, glob()
          called from  Stagefile:2
        """,
    ),
    "glob upwards in the middle": (
        {"": 'glob("a/../*")'},
        """\
        error: glob() can't look for `a/../*`
          declared  Stagefile:2, glob()
        hint: `..` may stand at the beginning of a pattern only
        """,
    ),
    "a helper of the root does not see a package's": (
        {"": 'include("a")', "a/": "import common"},
        """\
        error: `a/Stagefile` raised ModuleNotFoundError: No module named 'only_a'
          at           common.py:1
          line         import only_a
          called from  a/Stagefile:2
          called from  Stagefile:2
        """,
    ),
}


@pytest.mark.parametrize(("files", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place_and_the_way_there(
    project: Project, files: dict[str, str], expected: str
) -> None:
    for place, text in files.items():
        project.stagefile(text, f"{place}Stagefile")
    project.write("common.py", "import only_a\n").write("a/only_a.py")

    with project.unchanged():
        project.build().exited(2).printed(expected)


@pytest.mark.parametrize(
    ("output", "how"),
    [
        ("page/Stagefile", "is a Stagefile"),
        ("page", "holds the Stagefile `page/Stagefile`"),
        ("page/", "holds the Stagefile `page/Stagefile`"),
    ],
)
def test_an_output_can_not_take_the_place_of_an_included_file(
    project: Project, output: str, how: str
) -> None:
    project.stagefile("x = 1", "page/Stagefile")
    project.stagefile(f'command("one", "true", outputs=["{output}"])\ninclude("page")')

    result = project.build().exited(2)

    assert result.stderr.startswith(
        f"error: output `{output}` of stage `one` {how} that this build is made from\n"
        "  declared  Stagefile:2\nhint: "
    )
    assert not (project.root / ".stagemake/kept").exists()


def test_nor_that_of_what_an_included_file_leads_to(project: Project) -> None:
    project.stagefile("x = 1", "page/real").stagefile(
        'include("page")\ncommand("one", "true", outputs=["page/real"])'
    )
    (project.root / "page/Stagefile").symlink_to("real")

    result = project.build().exited(2)

    assert "output `page/real` of stage `one` is a Stagefile" in result.stderr


def test_a_directory_behind_a_link_is_refused(project: Project) -> None:
    project.stagefile('include("link")').stagefile("", "sub/Stagefile")
    os.symlink("sub", project.root / "link")

    project.build().exited(2).printed(
        """\
        error: `link` is reached through a symbolic link, behind which `..` leads elsewhere
          leads to  `sub`
          declared  Stagefile:2, include()
        hint: include what it leads to
        """
    )


def test_include_is_a_word_of_stagefiles_only(project: Project) -> None:
    from stagemake import StagemakeError, include

    with pytest.raises(StagemakeError) as raised:
        include("anything")

    assert str(raised.value) == (
        "error: include() works in a Stagefile only\nhint: use StageManager.load"
    )


def test_a_name_that_may_be_absent_can_be_asked_for(project: Project) -> None:
    project.stagefile('a = include("a"); print(getattr(a, "none", 7), hasattr(a, "N"))')
    project.stagefile("N = 1", "a/Stagefile")

    assert project.build("list").stdout.startswith("7 True\n")
