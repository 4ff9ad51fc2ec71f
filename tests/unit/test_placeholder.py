"""What stands for a placeholder, and what is left alone."""

from __future__ import annotations

import os
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.model.error import BadPlaceholder
from stagemake.model.stage import Command, ProjectPath, Stage, StageName
from stagemake.stagefile.placeholder import argv_of, check_template

NAMES = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name not in {".", ".."})


def stage_of(*template: str, shell: bool = False, **fields: object) -> Stage:
    return Stage(StageName("s"), Command(template, shell=shell), **fields)  # type: ignore[arg-type]


@given(st.lists(NAMES, max_size=5))
@example(["-n", "a b", "it's", "$HOME", "\n"])
def test_shell_text_quotes_so_that_the_shell_reads_the_paths(names: list[str]) -> None:
    stage = stage_of("show {inputs}", shell=True, inputs=tuple(map(ProjectPath, names)))

    _, _, text = argv_of(stage)

    assert shlex.split(text)[1:] == [
        f"./{name}" if name.startswith("-") else name for name in names
    ]


@given(st.lists(NAMES, max_size=5))
def test_an_exact_item_is_one_argument_a_path(names: list[str]) -> None:
    stage = stage_of("show", "{outputs}", outputs=tuple(map(ProjectPath, names)))

    assert len(argv_of(stage)) == 1 + len(names)


@given(st.text(st.characters(exclude_characters="[", exclude_categories=["Cs"])))
@example("awk '{print $1}' ${X} {} {a.b} {{x}}")
def test_a_word_without_a_placeholder_is_left_alone(word: str) -> None:
    words = ("inputs", "outputs", "depfile", "params")
    if any(each in word for each in words):
        return

    assert argv_of(stage_of("echo", word)) == ("echo", word)


def test_doubled_braces_write_a_literal_placeholder() -> None:
    assert argv_of(stage_of("echo", "{{inputs}}", "{{params.x}}")) == (
        "echo",
        "{inputs}",
        "{params.x}",
    )


def test_a_value_that_looks_like_a_placeholder_is_not_read_again() -> None:
    stage = stage_of("echo", "{inputs}", "x{inputs}", inputs=(ProjectPath("{outputs}"),))

    assert argv_of(stage) == ("echo", "{outputs}", "x{outputs}")


@pytest.mark.parametrize(
    "word", ["{inputs[0]}", "{outputs[-2]}", "{depfile}", "{params.x}", "{input}", "{inputs.x}"]
)
def test_what_can_not_be_filled_in_is_refused_when_declared(word: str) -> None:
    with pytest.raises(BadPlaceholder):
        check_template(stage_of("echo", word))


def test_an_empty_list_of_inputs_is_no_argument() -> None:
    assert argv_of(stage_of("echo", "{inputs}", "x")) == ("echo", "x")


PLACES = st.lists(st.sampled_from("ab-"), max_size=4).map("/".join)


@given(PLACES, PLACES.filter(bool))
def test_a_path_as_seen_from_the_working_directory_leads_to_the_same_place(
    path: str, cwd: str
) -> None:
    stage = stage_of("x", "{inputs}", inputs=(ProjectPath(path or "."),), cwd=ProjectPath(cwd))

    (shown,) = argv_of(stage)[1:]

    assert not shown.startswith("-")
    expected = os.path.relpath(f"/{path}", f"/{cwd}")
    assert shown.removeprefix("./") == expected
    assert os.path.normpath(f"/{cwd}/{shown}") == os.path.normpath(f"/{path}")


def test_a_path_outside_the_project_stays_absolute_in_every_working_directory() -> None:
    stage = stage_of("x", "{inputs}", inputs=(ProjectPath("/usr/x"),), cwd=ProjectPath("a/b"))

    assert argv_of(stage) == ("x", "/usr/x")
