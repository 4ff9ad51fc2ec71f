"""What a target means, and the whole text for one that means nothing."""

from __future__ import annotations

from textwrap import dedent

import pytest

from stagemake.model.error import UnknownDependency, UnknownTarget
from stagemake.model.stage import Stage
from stagemake.resolve.select import closure, select

STAGES = (
    Stage("app.link", outputs=("build/app",)),
    Stage("app.site", outputs=("dist/", "notes")),
    Stage("compile.a", outputs=("build/a.o",)),
    Stage("compile.b", outputs=("build/b.o",)),
    Stage("lint[1]"),
    Stage("notes"),
)
PIPELINES = {"release": ("compile.b", "app.link"), "checks": ("notes",), "build/app": ("notes",)}


def names(*targets: str, cwd: str = "") -> list[str]:
    """Return the names of the selected stages."""
    ids = select(targets, stages=STAGES, pipelines=PIPELINES, cwd_prefix=cwd)
    return [STAGES[stage_id].name for stage_id in ids]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([], []),
        (["app.link"], ["app.link"]),
        (["compile.b", "compile.a", "compile.b"], ["compile.b", "compile.a"]),
        (["release"], ["compile.b", "app.link"]),
        (["app.link", "release"], ["app.link", "compile.b"]),
        (["compile.*"], ["compile.a", "compile.b"]),
        (["compile.[!a]"], ["compile.b"]),
        (["*.a", "build/b.o"], ["compile.a", "compile.b"]),
        (["build/a.o"], ["compile.a"]),
        (["./build//a.o"], ["compile.a"]),
        (["dist"], ["app.site"]),
        (["dist/"], ["app.site"]),
        (["dist/deep/page.html"], ["app.site"]),
    ],
)
def test_targets_select_stages(targets: list[str], expected: list[str]) -> None:
    assert expected == names(*targets)


def test_a_name_goes_before_a_pipeline_an_output_and_a_pattern() -> None:
    assert names("notes") == ["notes"]
    assert names("./notes") == ["app.site"]
    assert names("lint[1]") == ["lint[1]"]


def test_a_pipeline_goes_before_an_output() -> None:
    assert names("build/app") == ["notes"]
    assert names("./build/app") == ["app.link"]


def test_a_path_is_relative_to_the_working_directory() -> None:
    assert names("a.o", cwd="build") == ["compile.a"]
    assert names("../dist", cwd="build") == ["app.site"]
    assert names(".", cwd="dist/deep") == ["app.site"]
    assert names("../../build/a.o", cwd="src/deep") == ["compile.a"]


def test_names_mean_the_same_in_every_working_directory() -> None:
    assert names("checks", "compile.*", cwd="build") == ["notes", "compile.a", "compile.b"]


@pytest.mark.parametrize(
    ("target", "cwd", "text"),
    [
        (
            "app.lnik",
            "",
            """
            error: no stage, pipeline or output is called `app.lnik`
            hint: did you mean `app.link`?
            """,
        ),
        (
            "a.o",
            "",
            """
            error: no stage, pipeline or output is called `a.o`
            hint: did you mean `build/a.o`?
            """,
        ),
        (
            "b",
            "",
            """
            error: no stage, pipeline or output is called `b`
            hint: did you mean `compile.b`?
            """,
        ),
        (
            "relaese",
            "",
            """
            error: no stage, pipeline or output is called `relaese`
            hint: did you mean `release`?
            """,
        ),
        (
            "biuld/a.o",
            "",
            """
            error: no stage, pipeline or output is called `biuld/a.o`
            hint: did you mean `build/a.o` or `build/b.o`?
            """,
        ),
        (
            "../biuld/b.o",
            "src",
            """
            error: no stage, pipeline or output is called `../biuld/b.o`
              as a path  `biuld/b.o`
            hint: did you mean `../build/b.o` or `../build/a.o`?
            """,
        ),
        (
            "complie.*",
            "",
            """
            error: no stage, pipeline or output is called `complie.*`
            hint: did you mean `compile.b` or `compile.a`?
            """,
        ),
        (
            "zzz",
            "",
            """
            error: no stage, pipeline or output is called `zzz`
            hint: `stagemake list` shows what there is
            """,
        ),
        (
            "build",
            "",
            """
            error: no stage, pipeline or output is called `build`
            hint: did you mean `build/b.o`, `build/app` or `build/a.o`?
            """,
        ),
        (
            ".",
            "build",
            """
            error: no stage, pipeline or output is called `.`
              as a path  `build`
            hint: `stagemake list` shows what there is
            """,
        ),
        (
            "",
            "",
            """
            error: no stage, pipeline or output is called ``
            hint: `stagemake list` shows what there is
            """,
        ),
    ],
)
def test_an_unknown_target_is_told_in_full(target: str, cwd: str, text: str) -> None:
    with pytest.raises(UnknownTarget) as caught:
        names("notes", target, cwd=cwd)

    assert dedent(text).strip() == str(caught.value)


def test_an_input_as_a_target_is_told_whose_it_is() -> None:
    stages = [Stage(name=f"s{at}", implicit=("src/a.h",)) for at in range(5)]

    with pytest.raises(UnknownTarget) as caught:
        select(["a.h"], stages=stages, pipelines={}, cwd_prefix="src")

    assert caught.value.hint == "it is an input, of `s0`, `s1`, `s2` and 2 more"


def test_a_pipeline_with_an_unknown_stage_is_told_in_full() -> None:
    with pytest.raises(UnknownDependency) as caught:
        select(["p"], stages=STAGES, pipelines={"p": ("app.lnik",)}, cwd_prefix="")

    assert str(caught.value) == (
        "error: pipeline `p` names `app.lnik`, which is no stage\nhint: did you mean `app.link`?"
    )


def test_a_closure_goes_all_the_way_up_and_survives_a_cycle() -> None:
    pulls = ((1,), (2,), (0,), (), (3,), (4, 0))

    assert closure([1], pulls) == (0, 1, 2)
    assert closure([4], pulls) == (3, 4)
    assert closure([5], pulls) == (0, 1, 2, 3, 4, 5)
    assert closure([], pulls) == ()
