"""A value of a wrong type or range gives one clear error, exit status 2, and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

WRONG_VALUES = {  # by name: a Stagefile from its second line on, and all that is printed
    "inputs that are a number": (
        """\
        command("one", "true", inputs=3)
        """,
        """\
        error: inputs is 3, not a list
          declared  Stagefile:2, command('one')
        """,
    ),
    "inputs without an order": (
        """\
        command("one", "true", inputs={"a"})
        """,
        """\
        error: inputs is a set, which has no order of its own
          declared  Stagefile:2, command('one')
        hint: use a list; sorted(…) makes one of a set
        """,
    ),
    "an input of bytes": (
        """\
        command("one", "true", inputs=[b"a"])
        """,
        """\
        error: inputs holds b'a', not a path
          declared  Stagefile:2, command('one')
        hint: inputs are paths and stages
        """,
    ),
    "an input that is None": (
        """\
        command("one", "true", inputs=["a", None])
        """,
        """\
        error: inputs holds None, not a path
          declared  Stagefile:2, command('one')
        hint: inputs are paths and stages
        """,
    ),
    "an input that is a function": (
        """\
        def f(c): ...
        command("one", "true", inputs=[f])
        """,
        """\
        error: inputs holds the function `f`, not a path
          declared  Stagefile:3, command('one')
        hint: inputs are paths and stages
        """,
    ),
    "an output that is a number": (
        """\
        command("one", "true", outputs=[3])
        """,
        """\
        error: outputs holds 3, not a path
          declared  Stagefile:2, command('one')
        """,
    ),
    "an output that is a stage": (
        """\
        command("a", "true", outputs=["x"])
        command("one", "true", outputs=[command("b","true")])
        """,
        """\
        error: outputs holds the stage `b`, not a path
          declared  Stagefile:3, command('one')
        """,
    ),
    "a command that is a number": (
        """\
        command("one", 3)
        """,
        """\
        error: the command is 3, neither a list nor a text
          declared  Stagefile:2, command('one')
        hint: write ["program", "argument"] or "program argument"
        """,
    ),
    "a command without words": (
        """\
        command("one", [])
        """,
        """\
        error: the command is empty
          declared  Stagefile:2, command('one')
        """,
    ),
    "a word of a command that is a number": (
        """\
        command("one", ["echo", 3])
        """,
        """\
        error: the command holds 3
          declared  Stagefile:2, command('one')
        hint: every word of a command is a text or a Path
        """,
    ),
    "a command without a command": (
        """\
        command("one")
        """,
        """\
        error: the Stagefile raised TypeError: command() missing 1 required positional argument: 'argv_or_text'
          at    Stagefile:2
          line  command("one")
        """,
    ),
    "a name that is a number": (
        """\
        command(3, "true")
        """,
        """\
        error: a name is a text, not 3
          declared  Stagefile:2, command(3)
        """,
    ),
    "a name with a space": (
        """\
        command("one two", "true")
        """,
        """\
        error: 'one two' can't be a name
          declared  Stagefile:2, command('one two')
        hint: names are printable, have no spaces and don't start with `-`
        """,
    ),
    "parameters without names": (
        """\
        command("one", "true", params=["a"])
        """,
        """\
        error: params is ['a'], not a mapping of names to values
          declared  Stagefile:2, command('one')
        """,
    ),
    "a variable that is a number": (
        """\
        command("one", "true", env={"A": 1})
        """,
        """\
        error: env maps 'A' to 1; both are texts
          declared  Stagefile:2, command('one')
        """,
    ),
    "a timeout that is a text": (
        """\
        command("one", "true", timeout="5")
        """,
        """\
        error: timeout is '5', not a number from 0 up
          declared  Stagefile:2, command('one')
        """,
    ),
    "a timeout of zero": (
        """\
        command("one", "true", timeout=0)
        """,
        """\
        error: timeout is 0 seconds
          declared  Stagefile:2, command('one')
        hint: leave it out for no limit
        """,
    ),
    "half a retry": (
        """\
        command("one", "true", retries=1.5)
        """,
        """\
        error: retries is 1.5, not a whole number
          declared  Stagefile:2, command('one')
        """,
    ),
    "a size that is none": (
        """\
        command("one", "true", memory="lots")
        """,
        """\
        error: memory is 'lots', not a size
          declared  Stagefile:2, command('one')
        hint: write a size as "2 GiB"
        """,
    ),
    "a flag that is a text": (
        """\
        command("one", "true", cache="yes")
        """,
        """\
        error: cache is 'yes', neither True nor False
          declared  Stagefile:2, command('one')
        """,
    ),
    "a pool that is a number": (
        """\
        command("one", "true", pool=3)
        """,
        """\
        error: pool is 3, not a text
          declared  Stagefile:2, command('one')
        """,
    ),
    "a pool without room": (
        """\
        pool("link", 0)
        """,
        """\
        error: the depth of a pool is a number from 1 up, not 0
          declared  Stagefile:2, pool('link')
        """,
    ),
    "a dependency that is a number": (
        """\
        command("one", "true", after=[3])
        """,
        """\
        error: after holds 3, neither a stage nor the name of one
          declared  Stagefile:2, command('one')
        """,
    ),
    "a version that is a fraction": (
        """\
        command("one", "true", version=1.5)
        """,
        """\
        error: version is 1.5, not a text or a number
          declared  Stagefile:2, command('one')
        """,
    ),
    "an empty path": (
        """\
        command("one", "true", inputs=[""])
        """,
        """\
        error: a path is empty
          declared  Stagefile:2, command('one')
        """,
    ),
    "a number in a pipeline": (
        """\
        command("a", "true", outputs=["x"])
        pipeline("all", [3])
        """,
        """\
        error: a pipeline holds stages and their names, not 3
          declared  Stagefile:3, pipeline('all')
        """,
    ),
    "an absolute pattern": (
        """\
        glob("/etc/*")
        """,
        """\
        error: glob() takes relative patterns, not '/etc/*'
          declared  Stagefile:2
        """,
    ),
    "a pattern that is a number": (
        """\
        glob(3)
        """,
        """\
        error: glob() takes relative patterns, not 3
          declared  Stagefile:2
        """,
    ),
    "a variable name that is a number": (
        """\
        env(3)
        """,
        """\
        error: env() takes the name of a variable, not 3
          declared  Stagefile:2, env()
        """,
    ),
    "a configuration name that is a number": (
        """\
        config(3, 1)
        """,
        """\
        error: config() takes a name, not 3
          declared  Stagefile:2, config()
        """,
    ),
    "a stage without a name": (
        """\
        stage(lambda c: None)
        """,
        """\
        error: a lambda has no name
          declared  Stagefile:2, stage '<lambda>'
        hint: give one: @stage(name="…")
        """,
    ),
    "keywords without their names": (
        """\
        @stage(["a"])
        def f(c): ...
        """,
        """\
        error: @stage decorates ['a'], not a function
          declared  Stagefile:2, @stage
        hint: its keywords need their names: @stage(inputs=[…])
        """,
    ),
    "a function without a parameter": (
        """\
        @stage(outputs=["x"])
        def f(): ...
        """,
        """\
        error: `f` takes no argument, but is called with a StageContext
          declared  Stagefile:2, stage 'f'
        hint: write def f(context)
        """,
    ),
    "a generator": (
        """\
        @stage(outputs=["x"])
        def f(context):
            yield
        """,
        """\
        error: `f` is a generator: calling it would do nothing
          declared  Stagefile:2, stage 'f'
        """,
    ),
    "a NUL character": (
        """\
        command("one", ["a\\0b"])
        """,
        """\
        error: the command holds a NUL: 'a\\x00b'
          declared  Stagefile:2, command('one')
        """,
    ),
    "a NUL in a text": (
        """\
        command("one", "a\\0b")
        """,
        """\
        error: the command holds a NUL: 'a\\x00b'
          declared  Stagefile:2, command('one')
        """,
    ),
    "a NUL in an output": (
        """\
        command("one", "true", outputs=["a\\0b"])
        """,
        """\
        error: a path holds a NUL: 'a\\x00b'
          declared  Stagefile:2, command('one')
        """,
    ),
    "half of a surrogate pair": (
        """\
        command("one", "true", inputs=["a\\ud800b"])
        """,
        """\
        error: a path holds what is no character, as half of a surrogate pair: 'a\\ud800b'
          declared  Stagefile:2, command('one')
        """,
    ),
    "a program with half of a surrogate pair": (
        """\
        command("one", "true", tools=["./a\\ud800b"])
        """,
        """\
        error: a program's name holds what is no character, as half of a surrogate pair: './a\\ud800b'
          declared  Stagefile:2, command('one')
        """,
    ),
}


@pytest.mark.parametrize(("stagefile", "error"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_a_wrong_value_is_one_clear_error_and_writes_nothing(
    project: Project, stagefile: str, error: str
) -> None:
    project.stagefile(stagefile)

    with project.unchanged():
        result = project.build()

    result.printed(error).exited(2)


def test_a_parameter_that_is_no_plain_value_names_the_stage(project: Project) -> None:
    project.stagefile('command("one", "true", outputs=["x"], params={"a": object()})\n')

    result = project.build().exited(2)

    assert "Stagefile:2" in result.stderr
