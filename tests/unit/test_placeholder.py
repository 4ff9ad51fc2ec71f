"""What stands for a placeholder, and what is left alone."""

from __future__ import annotations

import os
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.model.error import BadPlaceholder
from stagemake.model.stage import Command, ProjectPath, Stage, StageName
from stagemake.stagefile.placeholder import (
    argv_of,
    check_template,
    program_of,
    slips_in,
    with_params,
)

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


FULL = {
    "inputs": (ProjectPath("a"), ProjectPath("b c")),
    "outputs": (ProjectPath("-o"), ProjectPath("d/")),
    "depfile": ProjectPath("e.d"),
    "params": (("n", 1), ("words", "two words")),
}
FILLED = [
    ("{inputs}", ["a", "b c"]),
    ("{inputs[0]}", ["a"]),
    ("{inputs[1]}", ["b c"]),
    ("{inputs[-1]}", ["b c"]),
    ("{inputs[-2]}", ["a"]),
    ("{outputs}", ["./-o", "d"]),
    ("{outputs[0]}", ["./-o"]),
    ("{outputs[-1]}", ["d"]),
    ("{depfile}", ["e.d"]),
    ("{params.n}", ["1"]),
    ("{params.words}", ["two words"]),
]


@pytest.mark.parametrize(("field", "values"), FILLED)
def test_each_placeholder_stands_for_its_values(field: str, values: list[str]) -> None:
    stage = stage_of("x", field, f"<{field}>", "y", **FULL)
    text = stage_of(f"x {field} {{{field}}}", shell=True, **FULL)

    check_template(stage)
    check_template(text)

    alone = values if field in {"{inputs}", "{outputs}"} else [" ".join(values)]
    assert argv_of(stage) == ("x", *alone, f"<{' '.join(values)}>", "y")
    assert argv_of(text) == ("/bin/sh", "-c", f"x {shlex.join(values)} {field}")


@pytest.mark.parametrize("shell", [False, True])
@pytest.mark.parametrize(
    ("field", "said", "hint"),
    [
        ("{inputs[2]}", "the command has `{inputs[2]}`, but the stage has 2 inputs", ""),
        ("{inputs[-3]}", "the command has `{inputs[-3]}`, but the stage has 2 inputs", ""),
        ("{outputs[1]}", "the command has `{outputs[1]}`, but the stage has 1 output", ""),
        ("{depfile}", "the command has `{depfile}`, but the stage declares none", 'add depfile="build/name.d"'),
        ("{params.x}", "the command has `{params.x}`, but the stage has no parameter `x`", 'add params={"x": …}'),
        ("{params.nums}", "the command has `{params.nums}`, but the stage has no parameter `nums`", "did you mean `num`?"),
    ],
)  # fmt: skip
def test_what_can_not_be_filled_in_is_told(
    field: str, said: str, hint: str, *, shell: bool
) -> None:
    known = {
        "inputs": FULL["inputs"],
        "outputs": (ProjectPath("o"),),
        "params": (("num", 1), ("x_y", 2)),
    }

    for act in (check_template, argv_of):
        with pytest.raises(BadPlaceholder) as caught:
            act(stage_of(f"x {field}", shell=shell, **known))
        assert (caught.value.headline, caught.value.hint) == (said, hint)
    check_template(stage_of("x", f"{{{field}}}", **known))


def test_none_of_no_inputs_is_told() -> None:
    with pytest.raises(BadPlaceholder, match="the stage has no inputs"):
        check_template(stage_of("{inputs[0]}"))


FORMS = "there are {inputs}, {outputs}, {depfile}, {params.NAME}"
SLIPS = [
    ("{input}", "did you mean `{inputs}`?"),
    ("{output}", "did you mean `{outputs}`?"),
    ("{deps}", "did you mean `{depfile}`?"),
    ("{in}", "did you mean `{inputs}`?"),
    ("{out}", "did you mean `{outputs}` or `{inputs}`?"),
    ("{outputs.0}", "did you mean `{outputs}`?"),
    ("{inputs.first}", "did you mean `{inputs}`?"),
    ("{param.name}", "did you mean `{params.NAME}`?"),
    ("{params[name]}", FORMS),
]


@pytest.mark.parametrize(("slip", "hint"), SLIPS)
def test_a_slip_in_a_list_is_refused_and_in_a_shell_text_told_when_it_failed(
    slip: str, hint: str
) -> None:
    text = stage_of(f"x {slip} {slip} {{{slip}}} ${slip}", shell=True)

    with pytest.raises(BadPlaceholder) as caught:
        check_template(stage_of("x", f"-{slip}"))
    check_template(text)
    check_template(stage_of("x", f"${slip} {{{slip}}}"))

    assert caught.value.headline == f"`{slip}` is no placeholder"
    assert caught.value.hint == hint
    assert slips_in(text) == [f"`{slip}` is no placeholder: {hint}"]


def test_several_slips_are_told_each_once() -> None:
    text = stage_of("x {input} {output} {input} {inputs}", shell=True)

    assert slips_in(text) == [
        "`{input}` is no placeholder: did you mean `{inputs}`?",
        "`{output}` is no placeholder: did you mean `{outputs}`?",
    ]


@pytest.mark.parametrize(
    ("program", "is_told"),
    [
        ("cat{inputs}", True),
        ("x/cat{outputs[0]}y", True),
        ("python{params.n}", False),
        ("./{inputs[0]}", False),
        ("{inputs}", False),
        ("cat", False),
    ],
)
def test_a_comma_that_is_missing_behind_the_program_is_told(program: str, *, is_told: bool) -> None:
    told = slips_in(stage_of(program, "cat{inputs}", **FULL))

    assert told == [f"`{program}` is one word: is a comma missing in the list?"] * is_told


def test_a_stage_without_a_command_has_no_placeholders() -> None:
    stage = Stage(StageName("s"))

    check_template(stage)

    assert slips_in(stage) == []
    with pytest.raises(TypeError, match="stage s has no command"):
        argv_of(stage)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{inputs}", "a"),
        ("{outputs}", "./-o"),
        ("./{inputs[1]}", "./b c"),
        ("{params.words}", "two words"),
        ("x{inputs}", "xa b c"),
        ("{{inputs}}", "{inputs}"),
        ("cc", "cc"),
    ],
)
def test_a_program_is_named_by_the_first_of_several_paths(name: str, expected: str) -> None:
    assert program_of(stage_of(name, **FULL), name) == expected


def test_a_program_of_no_paths_keeps_its_name() -> None:
    assert program_of(stage_of("{inputs}"), "{inputs}") == "{inputs}"


def test_before_there_is_a_stage_only_parameters_are_filled_in() -> None:
    text = "{params.cc}-{params.n} {params.other} {{params.n}} {inputs} {depfile}"

    filled = with_params(text, [("cc", "gcc"), ("n", 2)])

    assert filled == "gcc-2 {params.other} {{params.n}} {inputs} {depfile}"
