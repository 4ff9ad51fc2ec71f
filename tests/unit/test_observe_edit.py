"""Edits of a Stagefile: where they go, and that the text they make says what it should."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.observation import Observation, Undeclared
from stagemake.model.stage import Call, Command, ProjectPath, SourceLocation, Stage, StageName
from stagemake.observe.edit import applied, with_edits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def edited(
    root: Path,
    text: str,
    reads: Sequence[str],
    writes: Sequence[str] = (),
    *,
    line: int = 1,
    template: str = "x",
) -> str:
    """Return a Stagefile's text with the edits that declare `reads` and `writes`."""
    (root / "Stagefile").write_text(text)
    stage = Stage(
        name=StageName("s"),
        action=Command((template,), shell=True),
        location=SourceLocation("Stagefile", line),
    )
    seen = Observation(
        "s",
        f"Stagefile:{line}",
        "seccomp",
        reads=tuple(Undeclared("reads", path) for path in reads),
        writes=tuple(Undeclared("creates", path) for path in writes),
    )
    return applied(text, with_edits(seen, stage, str(root)).edits)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('command("s", "x")', 'command("s", "x", inputs=["n"])'),
        ('command("s", "x", inputs=["a"])', 'command("s", "x", inputs=["a", "n"])'),
        ('command("s", "x", inputs=[])', 'command("s", "x", inputs=["n"])'),
        ('command("s", "x", inputs=("a",))', 'command("s", "x", inputs=("a", "n",))'),
        ('command("s", "x", inputs=["a",],)', 'command("s", "x", inputs=["a", "n",],)'),
        ('command("s", "x", inputs=a + b)', 'command("s", "x", inputs=[*(a + b), "n"])'),
        ('command("s", ("x"))', 'command("s", ("x"), inputs=["n"])'),
        ('command("s", "ü", cwd=("ü"), )', 'command("s", "ü", cwd=("ü"), inputs=["n"], )'),
        (
            'command(\n    "s",\n    "x",  # a, b)\n)',
            'command(\n    "s",\n    "x", inputs=["n"],  # a, b)\n)',
        ),
        (
            'command("s", "x", inputs=[\n    "a",  # one, two\n    "b"  # ]\n])',
            'command("s", "x", inputs=[\n    "a",  # one, two\n    "b"  # ]\n, "n"])',
        ),
        ('x = [command("s", "x") for _ in y]', 'x = [command("s", "x", inputs=["n"]) for _ in y]'),
    ],
)
def test_new_inputs_go_where_the_keyword_is_or_could_be(
    tmp_path: Path, before: str, after: str
) -> None:
    assert after == edited(tmp_path, before, ["n"])
    ast.parse(after)


def test_inputs_that_the_command_would_see_become_implicit(tmp_path: Path) -> None:
    before = 'command("s", "cat {inputs}", inputs=["a"])'

    after = edited(tmp_path, before, ["n"], template="cat {inputs}")

    assert after == 'command("s", "cat {inputs}", inputs=["a"], implicit=["n"])'


def test_reads_and_writes_are_declared_at_once(tmp_path: Path) -> None:
    before = 'command("s", "x", inputs=["a"])'

    after = edited(tmp_path, before, ["n", "m"], ["o", "p/"])

    assert after == 'command("s", "x", inputs=["a", "n", "m"], outputs=["o", "p/"])'


def test_a_decorated_function_is_edited_at_its_decorator(tmp_path: Path) -> None:
    text = '@stage(\n    inputs=["a"],\n    outputs=["o"],\n)\ndef s(context):\n    command("other", "x")\n'
    (tmp_path / "Stagefile").write_text(text)
    stage = Stage(name=StageName("s"), action=Call(print), location=SourceLocation("Stagefile", 1))
    seen = Observation("s", "Stagefile:1", "seccomp", reads=(Undeclared("reads", "n"),))

    after = applied(text, with_edits(seen, stage, str(tmp_path)).edits)

    assert after == text.replace('["o"],', '["o"], implicit=["n"],')


def test_paths_of_an_included_stagefile_count_from_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/Stagefile").write_text('command("s", "x")\n')
    stage = Stage(
        name=StageName("sub.s"),
        action=Command(("x",), shell=True),
        location=SourceLocation("sub/Stagefile", 1),
    )
    reads = (Undeclared("reads", "sub/n"), Undeclared("lists", "top/"))

    seen = with_edits(Observation("sub.s", "", "seccomp", reads=reads), stage, str(tmp_path))

    assert [edit.text for edit in seen.edits] == [', inputs=["n", "../top/"]']


@pytest.mark.parametrize(
    ("write", "advice"),
    [
        (
            Undeclared("changes", "a", is_input=True),
            "it changes `a`, an input of its own: let it write a copy",
        ),
        (
            Undeclared("changes", "o", owner="t"),
            "it changes `o`, which `t` makes: only one stage can make a file",
        ),
        (
            Undeclared("removes", "x"),
            "it removes `x`, which no stage can declare: let it leave that alone",
        ),
    ],
)
def test_where_no_edit_helps_there_is_advice(
    tmp_path: Path, write: Undeclared, advice: str
) -> None:
    stage = Stage(
        name=StageName("s"),
        action=Command(("x",)),
        inputs=(ProjectPath("a"),),
        location=SourceLocation("Stagefile", 1),
    )

    seen = with_edits(Observation("s", "", "seccomp", writes=(write,)), stage, str(tmp_path))

    assert (seen.edits, seen.advice) == ((), (advice,))


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
VALUES = st.sampled_from(["['a']", "['a',]", "[]", "('a',)", "a", "[*b, 'c']", "[ # ,\n'a' # ,\n]"])


@given(NAMES, VALUES, st.booleans(), st.booleans())
def test_whatever_a_declaration_looks_like_only_the_new_name_joins_it(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: str, comma: bool, given_inputs: bool
) -> None:
    root = tmp_path_factory.mktemp("edit")
    keyword = f", inputs={value}" if given_inputs else ""
    text = f"command('s', 'x'{keyword}{',' if comma else ''})"

    after = ast.parse(edited(root, text, [name]).replace("*(", "*(")).body[0]

    before = ast.parse(text).body[0]
    assert isinstance(after, ast.Expr)
    assert isinstance(before, ast.Expr)
    assert isinstance(after.value, ast.Call)
    (inputs,) = [each.value for each in after.value.keywords if each.arg == "inputs"]
    assert isinstance(inputs, ast.List | ast.Tuple)
    assert ast.literal_eval(inputs.elts[-1]) == name
    assert len(after.value.keywords) == 1
