"""Every mistake gives one clear error, exit status 2, and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

MISTAKES = {  # by name: a Stagefile from its second line on, and all that is printed
    "two stages of one name": (
        """\
        command("link", "true", outputs=["x"])
        command("link", "true", outputs=["y"])
        """,
        """\
        error: two stages are named `link`
          first   Stagefile:2
          second  Stagefile:3
        hint: give one of them another name; in a loop, put the loop variable into it
        """,
    ),
    "two functions of one name": (
        """\
        @stage(outputs=["x"])
        def one(c): ...

        @stage(outputs=["y"])
        def one(c): ...
        """,
        """\
        error: two stages are named `one`
          first   Stagefile:2
          second  Stagefile:5
        hint: give one of them another name; in a loop, put the loop variable into it
        """,
    ),
    "two owners of one output": (
        """\
        command("one", "true", outputs=["x"])
        command("two", "true", outputs=["x"])
        """,
        """\
        error: two stages own the output `x`
          `one`  Stagefile:2
          `two`  Stagefile:3
        hint: give each its own path, or make one stage of the two
        """,
    ),
    "an output in place of the Stagefile": (
        """\
        command("one", "true", outputs=["x", "Stagefile"])
        """,
        """\
        error: output `Stagefile` of stage `one` is a Stagefile that this build is made from
          declared  Stagefile:2
        hint: write to another path: a build would move the Stagefile away and put the output in its place
        """,
    ),
    "a depfile in place of the Stagefile": (
        """\
        command("one", "true", outputs=["x"], depfile="Stagefile")
        """,
        """\
        error: depfile `Stagefile` of stage `one` is a Stagefile that this build is made from
          declared  Stagefile:2
        hint: write to another path: a build would move the Stagefile away and put the output in its place
        """,
    ),
    "one output listed twice": (
        """\
        command("one", "true", outputs=["x", "x"])
        """,
        """\
        error: the output `x` is listed twice
          declared  Stagefile:2, command('one')
        """,
    ),
    "an output inside a directory output": (
        """\
        command("one", "true", outputs=["d/"])
        command("two", "true", outputs=["d/x"])
        """,
        """\
        error: output `d/x` of stage `two` lies inside output `d/` of stage `one`
          `one`  Stagefile:2
          `two`  Stagefile:3
        hint: all of `d/` belongs to `one`: write `d/x` elsewhere
        """,
    ),
    "an output inside a file output": (
        """\
        command("one", "true", outputs=["d"])
        command("two", "true", outputs=["d/x"])
        """,
        """\
        error: output `d/x` of stage `two` lies inside output `d` of stage `one`
          `one`  Stagefile:2
          `two`  Stagefile:3
        hint: `d` can't be a file and a directory at once
        """,
    ),
    "an output that is its own input": (
        """\
        command("one", "true", inputs=["x"], outputs=["x"])
        """,
        """\
        error: stage `one` reads what it writes
          input     `x`
          output    `x`
          declared  Stagefile:2
        hint: write to another path
        """,
    ),
    "an input inside its own directory output": (
        """\
        command("one", "true", inputs=["d/x"], outputs=["d/"])
        """,
        """\
        error: stage `one` reads what it writes
          input     `d/x`
          output    `d/`
          declared  Stagefile:2
        hint: write to another path
        """,
    ),
    "an unknown import": (
        "from stagemake import golb\n",
        """\
        error: the Stagefile imports `golb`, which stagemake does not have
          at    Stagefile:2
          line  from stagemake import golb
        hint: did you mean `glob`?
        """,
    ),
    "an unknown dependency": (
        """\
        command("compile", "true", outputs=["x"])
        command("two", "true", outputs=["y"], after=["compil"])
        """,
        """\
        error: stage `two` runs after `compil`, which is no stage
          declared  Stagefile:3
        hint: did you mean `compile`?
        """,
    ),
    "an unknown shared value": (
        """\
        @stage(provides=["rows"])
        def one(c): ...
        @stage(uses=["row"], outputs=["x"])
        def two(c): ...
        """,
        """\
        error: stage `two` uses the value `row`, which no stage provides
          declared  Stagefile:4
        hint: did you mean `rows`?
        """,
    ),
    "an unknown keyword": (
        """\
        command("one", "true", input=["x"])
        """,
        """\
        error: unknown keyword `input`
          declared  Stagefile:2, command('one')
        hint: did you mean `inputs`?
        """,
    ),
    "a service that makes something": (
        """\
        command("one", "true", outputs=["x"], service=True)
        """,
        """\
        error: service=True and outputs= don't go together
          declared  Stagefile:2, command('one')
        hint: a service runs beside builds: it has inputs and an order, and makes nothing that others read
        """,
    ),
    "a function as a service": (
        """\
        @stage(service=True)
        def one(c): ...
        """,
        """\
        error: only a command can be a service
          declared  Stagefile:2, stage 'one'
        hint: start the function in a program: command("NAME", "python serve.py", service=True)
        """,
    ),
    "a stage that waits for a service": (
        """\
        command("one", "true", service=True)
        command("two", "true", after=["one"])
        """,
        """\
        error: `two` waits for the service `one`, which does not end
          service  Stagefile:2
          waiting  Stagefile:3
        hint: have it wait for what the service waits for
        """,
    ),
    "an unknown pool": (
        """\
        pool("linker", 1)
        command("one", "true", pool="linkr")
        """,
        """\
        error: stage `one` names the pool `linkr`, which nobody defined
          declared  Stagefile:3
        hint: did you mean `linker`?
        """,
    ),
    "a pool of two depths": (
        """\
        pool("link", 1)
        pool("link", 2)
        """,
        """\
        error: pool `link` has two depths: 1 and 2
          first   Stagefile:2
          second  Stagefile:3
        """,
    ),
    "a configuration value nobody gave": (
        """\
        config("level", 1)
        command("one", "true", config=["levl"])
        """,
        """\
        error: configuration `levl` has no value
          declared  Stagefile:3, command('one')
        hint: did you mean `level`?
        """,
    ),
    "an absolute output": (
        """\
        command("one", "true", outputs=["/etc/x"])
        """,
        """\
        error: an output has an absolute path: `/etc/x`
          declared  Stagefile:2, command('one')
        hint: outputs are relative to the Stagefile; copy them elsewhere in a stage of its own
        """,
    ),
    "an escaping output": (
        """\
        command("one", "true", outputs=["../x"])
        """,
        """\
        error: an output lies outside the project: `../x`
          declared  Stagefile:2, command('one')
        hint: outputs must lie below the root
        """,
    ),
    "an output that escapes on a detour": (
        """\
        command("one", "true", outputs=["a/../../x"])
        """,
        """\
        error: an output lies outside the project: `a/../../x`
          declared  Stagefile:2, command('one')
        hint: outputs must lie below the root
        """,
    ),
    "the root as an output": (
        """\
        command("one", "true", outputs=["."])
        """,
        """\
        error: an output is the project's root itself
          declared  Stagefile:2, command('one')
        hint: outputs must lie below the root
        """,
    ),
    "an output among the state": (
        """\
        command("one", "true", outputs=[".stagemake/x"])
        """,
        """\
        error: an output lies in stagemake's own directory: `.stagemake/x`
          declared  Stagefile:2, command('one')
        """,
    ),
    "a depfile that is an output": (
        """\
        command("one", "true", inputs=["a"], outputs=["x"], depfile="x")
        """,
        """\
        error: the depfile `x` of stage `one` is an output of the same stage
          `one`  Stagefile:2
        hint: a depfile is read by stagemake alone: give it a path that nothing else names
        """,
    ),
    "a depfile of two stages": (
        """\
        command("one", "true", inputs=["a"], outputs=["x"], depfile="d")
        command("two", "true", inputs=["a"], outputs=["y"], depfile="d")
        """,
        """\
        error: two stages write the depfile `d`
          `one`  Stagefile:2
          `two`  Stagefile:3
        hint: a depfile is read by stagemake alone: give it a path that nothing else names
        """,
    ),
    "an exception": (
        """\
        def rows():
            return 1 / 0

        command("one", f"echo {rows()}", outputs=["x"])
        """,
        """\
        error: the Stagefile raised ZeroDivisionError: division by zero
          at           Stagefile:3
          line         return 1 / 0
          called from  Stagefile:5
        """,
    ),
    "an exception of two lines": (
        """\
        raise ValueError("one\\ntwo")
        """,
        """\
        error: the Stagefile raised ValueError: one
          more  two
          at    Stagefile:2
          line  raise ValueError("one\\ntwo")
        """,
    ),
    "an endless recursion": (
        """\
        def f(): f()
        f()
        """,
        """\
        error: the Stagefile raised RecursionError: maximum recursion depth exceeded
          at           Stagefile:2
          line         def f(): f()
          called from  Stagefile:2
          called from  Stagefile:3
        """,
    ),
    "a call of exit": (
        """\
        import sys
        sys.exit(3)
        """,
        """\
        error: the Stagefile called exit(3)
          at    Stagefile:3
          line  sys.exit(3)
        """,
    ),
    "a call of exit with a message": (
        """\
        import sys
        sys.exit("run fetch.py first")
        """,
        """\
        error: the Stagefile gave up: run fetch.py first
          at    Stagefile:3
          line  sys.exit("run fetch.py first")
        """,
    ),
    "a variable that is not set": (
        """\
        command("x", [env("NO_SUCH_VARIABLE"), "a"])
        """,
        """\
        error: the command holds None
          declared  Stagefile:2, command('x')
        hint: a variable that is not set is None: give a default, env("CC", "cc")
        """,
    ),
    "a syntax error": (
        """\
        command("one",
          "true" outputs=[])
        """,
        """\
        error: the Stagefile does not parse: invalid syntax. Perhaps you forgot a comma?
          at    Stagefile:3
          line  "true" outputs=[])
                ^
        """,
    ),
    "a missing indentation": (
        """\
        if True:
        command("one", "true")
        """,
        """\
        error: the Stagefile does not parse: expected an indented block after 'if' statement on line 2
          at    Stagefile:3
          line  command("one", "true")
                ^
        """,
    ),
    "an unknown module": (
        """\
        import nosuchmodule
        """,
        """\
        error: the Stagefile raised ModuleNotFoundError: No module named 'nosuchmodule'
          at    Stagefile:2
          line  import nosuchmodule
        """,
    ),
    "a misspelled word of the language": (
        """\
        comand("one", "true")
        """,
        """\
        error: the Stagefile raised NameError: name 'comand' is not defined
          at    Stagefile:2
          line  comand("one", "true")
        hint: did you mean `command`?
        """,
    ),
    "a circle of inputs": (
        """\
        command("one", "true", inputs=["z"], outputs=["x"])
        command("two", "true", inputs=["x"], outputs=["y"])
        command("three", "true", inputs=["y"], outputs=["z"])
        """,
        """\
        error: 3 stages wait for each other in a circle
          `one` -> `two`    `two` reads `x`, declared Stagefile:3
          `two` -> `three`  `three` reads `y`, declared Stagefile:4
          `three` -> `one`  `one` reads `z`, declared Stagefile:2
        hint: take one of these edges away
        """,
    ),
    "a circle of orders": (
        """\
        command("one", "true", after=["two"])
        command("two", "true", after=["one"])
        """,
        """\
        error: 2 stages wait for each other in a circle
          `one` -> `two`  `two` runs after `one`, declared Stagefile:3
          `two` -> `one`  `one` runs after `two`, declared Stagefile:2
        hint: take one of these edges away
        """,
    ),
    "a stage after itself": (
        """\
        command("one", "true", after=["one"])
        """,
        """\
        error: stage `one` waits for itself
          `one` -> `one`  `one` runs after `one`, declared Stagefile:2
        hint: take this edge away
        """,
    ),
    "a placeholder out of range": (
        """\
        command("one", "cp {inputs[1]} {outputs}", inputs=["a"], outputs=["x"])
        """,
        """\
        error: the command has `{inputs[1]}`, but the stage has 1 input
          declared  Stagefile:2, command('one')
        """,
    ),
    "a placeholder for an unknown parameter": (
        """\
        command("one", "echo {params.levl} > {outputs}", outputs=["x"], params={"level": 1})
        """,
        """\
        error: the command has `{params.levl}`, but the stage has no parameter `levl`
          declared  Stagefile:2, command('one')
        hint: did you mean `level`?
        """,
    ),
    "a placeholder for no depfile": (
        """\
        command("one", "cc -MF {depfile}", outputs=["x"])
        """,
        """\
        error: the command has `{depfile}`, but the stage declares none
          declared  Stagefile:2, command('one')
        hint: add depfile="build/name.d"
        """,
    ),
    "a misspelled placeholder": (
        """\
        command("one", ["cp", "{input}", "{outputs}"], inputs=["a"], outputs=["x"])
        """,
        """\
        error: `{input}` is no placeholder
          declared  Stagefile:2, command('one')
        hint: did you mean `{inputs}`?
        """,
    ),
    "a pipeline of an unknown stage": (
        """\
        command("a", "true", outputs=["x"])
        pipeline("all", ["b"])
        """,
        """\
        error: pipeline `all` names the stage `b`, which nobody declared
          declared  Stagefile:3
        """,
    ),
    "two pipelines of one name": (
        """\
        command("a", "true", outputs=["x"])
        pipeline("all", ["a"])
        pipeline("all", ["a"])
        """,
        """\
        error: two pipelines are named `all`
          first   Stagefile:3
          second  Stagefile:4
        """,
    ),
    "two default pipelines": (
        """\
        command("a", "true", outputs=["x"])
        pipeline("all", ["a"], default=True)
        pipeline("most", ["a"], default=True)
        """,
        """\
        error: two default pipelines: `all` and `most`
          first   Stagefile:3
          second  Stagefile:4
        """,
    ),
    "a pipeline named like a stage": (
        """\
        command("a", "true", outputs=["x"])
        pipeline("a", ["a"])
        """,
        """\
        error: a pipeline and a stage are both named `a`
          pipeline  Stagefile:3
          stage     Stagefile:2
        """,
    ),
}


@pytest.mark.parametrize(("stagefile", "error"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_error_and_writes_nothing(
    project: Project, stagefile: str, error: str
) -> None:
    project.stagefile(stagefile)

    with project.unchanged():
        result = project.build()

    result.printed(error).exited(2)


@pytest.mark.parametrize("arguments", [("-n",), ("-q",), ("list",), ("why", "one"), ("clean",)])
def test_every_command_says_the_same(project: Project, arguments: tuple[str, ...]) -> None:
    project.stagefile('command("one", "true", input=["a"])\n')

    with project.unchanged():
        result = project.build(*arguments)

    result.printed(
        """\
        error: unknown keyword `input`
          declared  Stagefile:2, command('one')
        hint: did you mean `inputs`?
        """
    ).exited(2)


def test_a_real_process_says_the_same_and_leaves_no_bytecode(project: Project) -> None:
    project.write("helper.py", "def declare():\n    return [][1]\n")
    project.stagefile("import helper\nhelper.declare()\n")

    with project.unchanged():
        result = project.run()

    result.printed(
        """\
        error: the Stagefile raised IndexError: list index out of range
          at           helper.py:2
          line         return [][1]
          called from  Stagefile:3
        """
    ).exited(2)


def test_a_mistake_declared_by_a_helper_names_the_helpers_line(project: Project) -> None:
    project.write(
        "helper.py",
        'from stagemake import command\n\n\ndef declare():\n    command("one", "true", inputs=3)\n',
    )
    project.stagefile("import helper\nhelper.declare()\n")

    with project.unchanged():
        result = project.build()

    result.printed(
        """\
        error: inputs is 3, not a list
          declared  helper.py:5, command('one')
        """
    ).exited(2)


def test_a_syntax_error_in_a_helper_names_the_helper(project: Project) -> None:
    project.write("helper.py", "def f(:\n    pass\n")
    project.stagefile("import helper\n")

    with project.unchanged():
        result = project.build()

    result.printed(
        """\
        error: `helper.py` does not parse: invalid syntax
          at    helper.py:1
          line  def f(:
                      ^
        """
    ).exited(2)


def test_a_stagefile_in_no_known_encoding_is_named(project: Project) -> None:
    project.write("Stagefile", b'x = "\xe9"\n')

    with project.unchanged():
        result = project.build()

    assert result.stderr.startswith("error: the Stagefile does not parse: ")
    assert result.stderr.endswith("\n  at  Stagefile\n")
    assert result.exit_code == 2


@pytest.mark.parametrize("directory", ["", "deep/down"])
def test_no_stagefile_anywhere_says_where_was_searched(project: Project, directory: str) -> None:
    project.write("deep/down/file")

    with project.unchanged():
        result = project.build(cwd=directory)

    result.printed(
        f"""\
        error: there is no Stagefile here or in a directory above
          searched  `<root>{directory and "/" + directory}`
          up to     `/`
        hint: `stagemake init` writes a first one; or name yours: stagemake -f FILE
        """
    ).exited(2)


ONE = 'command("compile", "true", outputs=["build/app"])\nconfig("opt", "-O2")\n'

WRONG_ARGUMENTS = {  # by name: arguments, and all that is printed
    "a Stagefile that is not there": (
        ("-f", "Buildfile"),
        "error: there is no Stagefile `Buildfile`\n",
    ),
    "a directory that is not there": (
        ("-C", "sub"),
        "error: there is no directory `sub`\n",
    ),
    "an unknown stage": (
        ("compil",),
        """\
        error: no stage, pipeline or output is called `compil`
        hint: did you mean `compile`?
        """,
    ),
    "an unknown output": (
        ("build/ap",),
        """\
        error: no stage, pipeline or output is called `build/ap`
        hint: did you mean `build/app`?
        """,
    ),
    "a pattern that matches nothing": (
        ("x.*",),
        """\
        error: no stage, pipeline or output is called `x.*`
        hint: `stagemake list` shows what there is
        """,
    ),
    "a configuration that nothing reads": (
        ("-D", "op=-O3"),
        """\
        error: no Stagefile reads the configuration `op`
        hint: did you mean `opt`?
        """,
    ),
    "a configuration without a value": (
        ("-D", "opt"),
        "error: `-D` takes NAME=VALUE, not `opt`\n",
    ),
    "a configuration without a name": (
        ("-D", "=-O3"),
        "error: `-D` takes NAME=VALUE, not `=-O3`\n",
    ),
    "an unknown option": (
        ("--jbos", "2"),
        """\
        error: there is no option `--jbos`
        hint: did you mean `--jobs`?
        """,
    ),
    "an option unlike any": (
        ("-Z",),
        """\
        error: there is no option `-Z`
        hint: see `stagemake build --help`
        """,
    ),
    "no jobs at all": (
        ("-j", "0"),
        """\
        error: `--jobs` is `0`, not a whole number from 1 up
        hint: see `stagemake build --help`
        """,
    ),
    "an unknown cache mode": (
        ("--cache", "maybe"),
        """\
        error: `--cache` is `maybe`, not off, read, write, on or auto
        hint: see `stagemake build --help`
        """,
    ),
    "a cache mode that is nearly one": (
        ("--cache", "of"),
        """\
        error: `--cache` is `of`, not off, read, write, on or auto
        hint: did you mean `off`?
        """,
    ),
    "an option without its value": (
        ("-n", "-j"),
        """\
        error: `-j` needs a value
        hint: see `stagemake build --help`
        """,
    ),
    "a flag with a value": (
        ("--keep-going=3",),
        """\
        error: `--keep-going` takes no value
        hint: see `stagemake build --help`
        """,
    ),
    "no stage to trace": (
        ("trace",),
        """\
        error: `stagemake trace` needs a STAGE
        hint: see `stagemake trace --help`
        """,
    ),
    "more than a command takes": (
        ("doctor", "a", "b"),
        """\
        error: `stagemake doctor` does not take `a b`
        hint: see `stagemake doctor --help`
        """,
    ),
    "no command of the cache": (
        ("cache",),
        """\
        error: `stagemake cache` needs a command
        hint: there are clear, gc, path, stats and verify
        """,
    ),
    "an unknown command of the cache": (
        ("cache", "stat"),
        """\
        error: `stagemake cache` has no command `stat`
        hint: did you mean `stats`?
        """,
    ),
    "a limit that is no size": (
        ("cache", "gc", "--max-size", "abc"),
        """\
        error: `--max-size` is `abc`, not a size such as 2GiB
        hint: see `stagemake cache gc --help`
        """,
    ),
    "a limit that is no number": (
        ("cache", "gc", "--max-age", "long"),
        """\
        error: `--max-age` is `long`, not a number from 0 up
        hint: see `stagemake cache gc --help`
        """,
    ),
    "a limit below nothing": (
        ("cache", "gc", "--max-age", "-1"),
        """\
        error: `--max-age` is `-1.0`, not a number from 0 up
        hint: see `stagemake cache gc --help`
        """,
    ),
    "nothing to explain": (
        ("why",),
        """\
        error: there is no record of a build here
        hint: name a stage: stagemake why STAGE
        """,
    ),
    "an unknown stage to clean": (
        ("clean", "b"),
        """\
        error: no stage, pipeline or output is called `b`
        hint: `stagemake list` shows what there is
        """,
    ),
}


@pytest.mark.parametrize(("arguments", "error"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_a_wrong_argument_is_one_clear_error_and_writes_nothing(
    project: Project, arguments: tuple[str, ...], error: str
) -> None:
    project.stagefile(ONE)

    with project.unchanged():
        result = project.build(*arguments)

    result.printed(error).exited(2)


def test_a_configuration_of_the_wrong_type_names_the_default(project: Project) -> None:
    project.stagefile('config("level", 1)\n')

    with project.unchanged():
        result = project.build("-D", "level=high")

    result.printed(
        """\
        error: configuration `level` is 'high', which is no int
          default   1
          declared  Stagefile:2
        """
    ).exited(2)


def test_a_missing_input_names_who_needs_it_and_what_is_like_it(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "true", outputs=["app.o"])
        command("two", "true", inputs=["ap.o"], outputs=["x"])
        command("zero", "true", inputs=["far"], outputs=["y"])
        """
    )

    result = project.build()

    result.printed(
        """\
        error: stage `two` needs an input nobody makes
          input     `ap.o`
          declared  Stagefile:3
          also      `far`, for `zero`
        hint: did you mean `app.o`?
        """
    ).exited(2)
    assert not project.has("app.o")


def test_a_stages_name_as_an_input_is_taken_for_a_path_and_the_hint_says_so(
    project: Project,
) -> None:
    project.stagefile(
        """\
        command("one", "echo > {outputs}", outputs=["build/one.txt"])
        command("two", "true", inputs=["one"], outputs=["x"])
        """
    )

    result = project.build()

    result.printed(
        """\
        error: stage `two` needs an input nobody makes
          input     `one`
          declared  Stagefile:3
        hint: `one` is a stage: give it without quotes, or the path that it makes, `build/one.txt`
        """
    ).exited(2)


def test_a_missing_input_writes_nothing(project: Project) -> None:
    project.stagefile('command("two", "true", inputs=["ap.o"], outputs=["x"])\n')

    with project.unchanged():
        project.build().exited(2)


WRONG_SETTINGS = {  # by name: the project's table, and all that is printed
    "an unknown setting": (
        'cache_siz = "1GiB"',
        """\
        error: unknown setting `cache_siz`
          in  pyproject.toml, [tool.stagemake]
        hint: did you mean `cache_size`?
        """,
    ),
    "an environment that is none": (
        'environment = "dirty"',
        """\
        error: `environment` is 'dirty'; it is "clean" or "inherit"
          in  pyproject.toml, [tool.stagemake]
        """,
    ),
    "a size that is none": (
        'cache_size = "big"',
        """\
        error: `cache_size` is 'big', not a size
          in  pyproject.toml, [tool.stagemake]
        hint: write a size as "2 GiB"
        """,
    ),
}


@pytest.mark.parametrize(("setting", "error"), WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_a_wrong_setting_is_one_clear_error_and_writes_nothing(
    project: Project, setting: str, error: str
) -> None:
    project.stagefile(ONE).write("pyproject.toml", f"[tool.stagemake]\n{setting}\n")

    with project.unchanged():
        result = project.build()

    result.printed(error).exited(2)


@pytest.mark.parametrize(
    "table",
    [
        '[tool.stagemake]\njobs = "many"',
        "[tool.stagemake]\njobs = 0.5",
        '[tool.stagemake]\ncache_age_days = "old"',
        "[tool.stagemake]\ncache_age_days = []",
        "[tool.stagemake]\nconfig = 3",
        "[tool.stagemake]\njobs = -2",
        "[tool]\nstagemake = 3",
        "[tool.stagemake\njobs = 1",
    ],
)
def test_every_wrong_setting_names_its_file_and_writes_nothing(
    project: Project, table: str
) -> None:
    project.stagefile(ONE).write("pyproject.toml", f"{table}\n")

    with project.unchanged():
        result = project.build()

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "pyproject.toml" in result.stderr


def test_a_mistake_in_a_function_is_told_in_one_line_with_the_users_own_frames(
    project: Project,
) -> None:
    project.stagefile(
        """\
        @stage(outputs=["o"], config={"level": "high"})
        def look(context):
            context.config.get_int("level")
        """
    )

    project.build().printed(
        """\
        [1/1] FAILED    look  <time>

        failed: look: configuration `level` is 'high', which is no whole number; set it by -D level=…, or in [tool.stagemake.config]
        Traceback (most recent call last):
          File "Stagefile", line 4, in look
            context.config.get_int("level")
        configuration `level` is 'high', which is no whole number; set it by -D level=…, or in [tool.stagemake.config]
          what it printed: `.stagemake/Stagefile/failed-logs/look.log`
          to run it again: stagemake look
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    )


def test_a_mistyped_command_is_told_from_a_mistyped_target(project: Project) -> None:
    project.stagefile('command("link", "touch app", outputs=["build/app"])')

    command = project.build("bulid").exited(2)
    target = project.build("lnik").exited(2)
    elsewhere = project.build("why", "bulid").exited(2)

    hint = "`stagemake list` shows what there is\n"
    head = "error: no stage, pipeline or output is called"
    assert command.stderr == f"{head} `bulid`\nhint: did you mean the command `build`? {hint}"
    assert target.stderr == f"{head} `lnik`\nhint: did you mean `link`?\n"
    assert elsewhere.stderr == f"{head} `bulid`\nhint: {hint}"


def test_silent_builds_begin_with_the_failure(project: Project) -> None:
    project.stagefile('command("bad", "exit 3", always=True)')

    failed = project.build("-s").exited(1)

    assert failed.stderr.startswith("failed: bad: exit status 3\n")


def test_two_paths_without_a_comma_between_them_are_told_apart(project: Project) -> None:
    project.stagefile(
        'command("join", "cat {inputs} > {outputs}", inputs=["a.txt" "b.txt"], outputs=["c"])\n'
    )
    project.write("a.txt").write("b.txt")

    project.build().printed(
        """\
        error: stage `join` needs an input nobody makes
          input     `a.txtb.txt`
          declared  Stagefile:2
        hint: is a comma missing between `a.txt` and `b.txt`?
        """
    ).exited(2)


@pytest.mark.parametrize(
    "call",
    [
        'command("copy" "cp a b", inputs=["a"], outputs=["b"])',
        'command(\n    "copy"  # its name\n    "cp a b",\n    inputs=["a"],\n    outputs=["b"],\n)',
    ],
)
def test_a_name_and_a_command_without_a_comma_between_them(project: Project, call: str) -> None:
    project.stagefile(f"{call}\n")

    project.build().printed(
        f"""\
        error: the Stagefile raised TypeError: command() missing 1 required positional argument: 'argv_or_text'
          at    Stagefile:2
          line  {call.partition(chr(10))[0]}
        hint: Python reads two strings side by side as one: is a comma missing between `"copy"` and `"cp a b"`?
        """
    ).exited(2)


def test_an_argument_that_is_missing_for_another_cause_gets_no_such_hint(project: Project) -> None:
    project.stagefile('command("copy", inputs=["a"], outputs=["b"])\n')

    assert "hint:" not in project.build().exited(2).stderr


def test_a_program_and_its_argument_without_a_comma_between_them(project: Project) -> None:
    project.stagefile(
        'command("copy", ["cp" "{inputs}", "{outputs}"], inputs=["a"], outputs=["b"])\n'
    )
    project.write("a")

    project.build().printed(
        """\
        [1/1] FAILED    copy  <time>

        failed: copy: could not start `cpa`: not found on PATH
          `cp{inputs}` is one word: is a comma missing in the list?
          to run it again: stagemake copy
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    ).exited(1)


def test_a_program_with_a_parameter_in_its_name_is_no_slip(project: Project) -> None:
    project.stagefile(
        'command("bad", ["s{params.rest}", "-c", "exit 3"], params={"rest": "h"}, outputs=["b"])\n'
    )

    failed = project.build().exited(1)

    assert "failed: bad: exit status 3\n  to run it again" in failed.stderr


def test_a_slip_in_a_shell_text_is_told_when_it_has_failed(project: Project) -> None:
    project.stagefile(
        """\
        command("good", "echo '{input}' > {outputs}", outputs=["a"])
        command("bad", "echo > {output}; exit 3 {in}", inputs=["a"], outputs=["b"])
        """
    )

    project.build().printed(
        """\
        [1/2] ran       good  <time>
        [2/2] FAILED    bad  <time>

        failed: bad: exit status 3
          `{output}` is no placeholder: did you mean `{outputs}`?
          `{in}` is no placeholder: did you mean `{inputs}`?
          to run it again: stagemake bad
        stagemake: failed, 2 stages: 1 ran, 1 failed in <time>
        """
    ).exited(1)


NEAR = {  # by what a function stage does: the last line of its traceback
    "amount()": "NameError: name 'amount' is not defined. Did you mean: 'amounts'?",
    "pritn('x')": "NameError: name 'pritn' is not defined. Did you mean: 'print'?",
    "context.outptus": "AttributeError: 'StageContext' object has no attribute 'outptus'. Did you mean: 'outputs'?",
    "qqq()": "NameError: name 'qqq' is not defined",
    "raise KeyError('amount')": "KeyError: 'amount'",
}


def test_a_name_in_a_function_that_is_nowhere_is_told_with_what_is_near(project: Project) -> None:
    stages = "".join(
        f'\n@stage(outputs=["o{at}"])\ndef s{at}(context):\n    {code}\n'
        for at, code in enumerate(NEAR)
    )
    (project.root / "Stagefile").write_text(
        f"from stagemake import stage\ndef amounts(): pass\n{stages}"
    )

    lines = project.build("-k", "-j1").exited(1).stderr.splitlines()

    failed = [line.partition(": ")[2].partition(": ")[2] for line in lines if line[:7] == "failed:"]
    assert list(NEAR.values()) == failed
    for said in NEAR.values():  # in the traceback it is, too
        assert said in lines


def test_a_name_in_a_function_of_the_stagefile_is_told_with_what_is_near(project: Project) -> None:
    project.stagefile(
        """\
        names = ["a"]

        def declare():
            for name in namse:
                command(name, "touch {outputs}", outputs=[name])

        declare()
        """
    )

    project.build().printed(
        """\
        error: the Stagefile raised NameError: name 'namse' is not defined
          at           Stagefile:5
          line         for name in namse:
          called from  Stagefile:8
        hint: did you mean `names`?
        """
    ).exited(2)
