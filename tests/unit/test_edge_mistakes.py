"""Every mistake that the resolver finds in declarations, in its whole text."""

from __future__ import annotations

from textwrap import dedent

import pytest

from stagemake.model.error import (
    BadPath,
    DuplicateOutput,
    NestedOutput,
    OutputIsInput,
    StagefileError,
    UnknownDependency,
)
from stagemake.model.stage import DependencyOrder, SourceLocation, Stage, StageDependency
from stagemake.resolve.edges import infer_edges

AFTER = DependencyOrder.BEFORE  # the Stagefile's `after=[x]` is the order Before, seen from x
BEFORE = DependencyOrder.AFTER


def stage(name: str, line: int = 1, **fields: object) -> Stage:
    """Make a stage that was declared in the given line."""
    return Stage(name, location=SourceLocation("Stagefile", line), **fields)


DEPFILE_HINT = "hint: a depfile is read by stagemake alone: give it a path that nothing else names"

MISTAKES = {
    "two owners": (
        DuplicateOutput,
        [stage("b", 2, outputs=("x",)), stage("a", 1, outputs=("x",))],
        """
        error: two stages own the output `x`
          `a`  Stagefile:1
          `b`  Stagefile:2
        hint: give each its own path, or make one stage of the two
        """,
    ),
    "two owners, once a file and once a directory": (
        DuplicateOutput,
        [stage("a", 1, outputs=("x/",)), stage("b", 2, outputs=("x",))],
        """
        error: two stages own the output `x`
          `a`  Stagefile:1
          `b`  Stagefile:2
        hint: give each its own path, or make one stage of the two
        """,
    ),
    "one output twice": (
        DuplicateOutput,
        [stage("a", 1, outputs=("x", "x/"))],
        """
        error: stage `a` declares the output `x` twice
          declared  Stagefile:1
        hint: name it once
        """,
    ),
    "inside the directory of another stage": (
        NestedOutput,
        [stage("a", 1, outputs=("d/",)), stage("b", 2, outputs=("d/e/f",))],
        """
        error: output `d/e/f` of stage `b` lies inside output `d/` of stage `a`
          `a`  Stagefile:1
          `b`  Stagefile:2
        hint: all of `d/` belongs to `a`: write `d/e/f` elsewhere
        """,
    ),
    "a directory inside a directory": (
        NestedOutput,
        [stage("a", 1, outputs=("d/e/",)), stage("b", 2, outputs=("d/",))],
        """
        error: output `d/e/` of stage `a` lies inside output `d/` of stage `b`
          `b`  Stagefile:2
          `a`  Stagefile:1
        hint: all of `d/` belongs to `b`: write `d/e/` elsewhere
        """,
    ),
    "inside its own directory": (
        NestedOutput,
        [stage("a", 1, outputs=("d/x", "d/"))],
        """
        error: output `d/x` of stage `a` lies inside output `d/` of the same stage
          `a`  Stagefile:1
        hint: `d/` already holds it: leave `d/x` out
        """,
    ),
    "inside a file": (
        NestedOutput,
        [stage("a", 1, outputs=("d",)), stage("b", 2, outputs=("d/x",))],
        """
        error: output `d/x` of stage `b` lies inside output `d` of stage `a`
          `a`  Stagefile:1
          `b`  Stagefile:2
        hint: `d` can't be a file and a directory at once
        """,
    ),
    "output is input": (
        OutputIsInput,
        [stage("format", 7, inputs=("a.py", "b.py"), outputs=("b.py",))],
        """
        error: stage `format` reads what it writes
          input     `b.py`
          output    `b.py`
          declared  Stagefile:7
        hint: write to another path
        """,
    ),
    "output in input directory": (
        OutputIsInput,
        [stage("index", 7, inputs=("build",), outputs=("log", "build/index/"))],
        """
        error: stage `index` reads what it writes
          input     `build`
          output    `build/index/`
          declared  Stagefile:7
        hint: write to another path, or read the files of the directory by name
        """,
    ),
    "input in output directory": (
        OutputIsInput,
        [stage("site", 7, implicit=("site/style.css",), outputs=("site/",))],
        """
        error: stage `site` reads what it writes
          input     `site/style.css`
          output    `site/`
          declared  Stagefile:7
        hint: write to another path
        """,
    ),
    "root as input": (
        OutputIsInput,
        [stage("pack", 7, inputs=(".",), outputs=("pack.zip",))],
        """
        error: stage `pack` reads what it writes
          input     `.`
          output    `pack.zip`
          declared  Stagefile:7
        hint: write to another path, or read the files of the directory by name
        """,
    ),
    "depfile is own output": (
        DuplicateOutput,
        [stage("cc", 3, depfile="x.d", outputs=("x.o", "x.d"))],
        f"""
        error: the depfile `x.d` of stage `cc` is an output of the same stage
          `cc`  Stagefile:3
        {DEPFILE_HINT}
        """,
    ),
    "depfile is another's output": (
        DuplicateOutput,
        [stage("cc", 3, depfile="x.d"), stage("gen", 4, outputs=("x.d",))],
        f"""
        error: the depfile `x.d` of stage `cc` is an output of stage `gen`
          `cc`   Stagefile:3
          `gen`  Stagefile:4
        {DEPFILE_HINT}
        """,
    ),
    "depfile in another's directory": (
        NestedOutput,
        [stage("cc", 3, depfile="obj/x.d"), stage("gen", 4, outputs=("obj/",))],
        f"""
        error: the depfile `obj/x.d` of stage `cc` lies inside output `obj/` of stage `gen`
          `cc`   Stagefile:3
          `gen`  Stagefile:4
        {DEPFILE_HINT}
        """,
    ),
    "one depfile for two": (
        DuplicateOutput,
        [stage("b", 2, depfile="x.d"), stage("a", 1, depfile="x.d")],
        f"""
        error: two stages write the depfile `x.d`
          `a`  Stagefile:1
          `b`  Stagefile:2
        {DEPFILE_HINT}
        """,
    ),
    "depfile is own input": (
        OutputIsInput,
        [stage("cc", 3, depfile="x.d", implicit=("x.d",))],
        f"""
        error: stage `cc` names `x.d` as input and as depfile
          declared  Stagefile:3
        {DEPFILE_HINT}
        """,
    ),
    "depfile is another's input": (
        BadPath,
        [stage("cc", 3, depfile="x.d"), stage("count", 4, inputs=("x.c", "x.d"))],
        f"""
        error: stage `count` reads the depfile `x.d` of stage `cc`
          `count`  Stagefile:4
          `cc`     Stagefile:3
        {DEPFILE_HINT}
        """,
    ),
    "depfile in own input directory": (
        OutputIsInput,
        [stage("cc", 3, depfile="src/deep/x.d", inputs=("src",))],
        """
        error: stage `cc` reads what it writes
          input     `src`
          depfile   `src/deep/x.d`
          declared  Stagefile:3
        hint: write to another path, or read the files of the directory by name
        """,
    ),
    "two providers": (
        DuplicateOutput,
        [stage("b", 2, provides=("rows",)), stage("a", 1, provides=("rows",))],
        """
        error: two stages provide the value `rows`
          `a`  Stagefile:1
          `b`  Stagefile:2
        hint: give each value its own name
        """,
    ),
    "misspelt value": (
        UnknownDependency,
        [stage("count", 2, uses=("row",)), stage("tidy", 1, provides=("rows",))],
        """
        error: stage `count` uses the value `row`, which no stage provides
          declared  Stagefile:2
        hint: did you mean `rows`?
        """,
    ),
    "value nobody provides": (
        UnknownDependency,
        [stage("count", 2, uses=("rows",))],
        """
        error: stage `count` uses the value `rows`, which no stage provides
          declared  Stagefile:2
        hint: the stage that makes it says `provides=["rows"]`
        """,
    ),
    "misspelt after": (
        UnknownDependency,
        [stage("link", 2, dependencies=(StageDependency("complie", AFTER),)), stage("compile")],
        """
        error: stage `link` runs after `complie`, which is no stage
          declared  Stagefile:2
        hint: did you mean `compile`?
        """,
    ),
    "unknown before": (
        UnknownDependency,
        [stage("link", 2, dependencies=(StageDependency("ship", BEFORE),))],
        """
        error: stage `link` runs before `ship`, which is no stage
          declared  Stagefile:2
        hint: a stage that may be absent is named with `required=False`
        """,
    ),
    "no Stagefile": (
        UnknownDependency,
        [Stage("link", dependencies=(StageDependency("ship", AFTER),))],
        """
        error: stage `link` runs after `ship`, which is no stage
          declared  registered without a Stagefile
        hint: a stage that may be absent is named with `required=False`
        """,
    ),
}


@pytest.mark.parametrize(("kind", "stages", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_in_full(
    kind: type[StagefileError], stages: list[Stage], text: str
) -> None:
    with pytest.raises(StagefileError) as caught:
        infer_edges(stages)

    assert dedent(text).strip() == str(caught.value)
    assert kind is type(caught.value)


@pytest.mark.parametrize(("kind", "stages", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_the_same_for_any_registration_order(
    kind: type[StagefileError], stages: list[Stage], text: str
) -> None:
    with pytest.raises(kind) as caught:
        infer_edges(stages[::-1])

    assert dedent(text).strip() == str(caught.value)


def test_two_stages_of_one_name_never_get_here() -> None:
    with pytest.raises(AssertionError, match="the registry refuses two stages of one name"):
        infer_edges((stage("a"), stage("a")))
