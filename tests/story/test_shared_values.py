"""Values that one stage hands to others: what they may be, when they count, what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

SHOW = """\
@stage(uses=["value"], outputs=["out"])
def show(context):
    context.outputs[0].write_text(ascii(context.shared["value"]))
"""
MAKE = """\
@stage(inputs=["in"], provides=["value"])
def make(context):
    text = context.inputs[0].read_text()
    BODY
"""


def passing(value: str) -> str:
    """Return a Stagefile in which one stage makes a value and another shows it."""
    return MAKE.replace("BODY", f'context.shared["value"] = {value}') + SHOW


KINDS = {
    "text": r"""'it\'s "\n\x00 \udcff \u540d'""",
    "numbers": "[0, -1, 1.5, 1e300, 2 ** 80]",
    "flags": "[True, False, None]",
    "nested": "{'': '', 'a': [{'b': {}}, []]}",
    "long": "'x' * 100000",
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_every_kind_arrive_as_they_are_and_come_back(project: Project, kind: str) -> None:
    project.write("in").stagefile(passing(KINDS[kind]))
    expected = ascii(eval(KINDS[kind]))
    project.build().ran("make", "show")
    assert project.read("out") == expected
    project.build().printed("stagemake: up to date\n")

    other = project.clone()
    other.remove("out").stagefile(passing(KINDS[kind]).replace("ascii", " ascii"))

    other.build().restored("make", "show")
    assert other.read("out") == expected


def test_an_equal_value_cuts_off_and_another_one_is_told(project: Project) -> None:
    project.write("in", "a b").stagefile(passing("sorted(text.split())"))
    project.build().ran("make", "show")

    project.write("in", "b a")
    project.build().ran("make").fresh("show")
    project.write("in", "b c")
    verdicts = {
        step["name"]: step["verdict"] for step in project.build("-n", "--json").json["stages"]
    }
    assert verdicts == {"make": "miss", "show": "maybe"}
    project.build().ran("make", "show")
    assert project.read("out") == "['b', 'c']"


def test_a_command_may_wait_for_a_value_and_counts_by_it(project: Project) -> None:
    project.write("in", "1").stagefile("""\
        @stage(inputs=["in"], provides=["value"])
        def make(context):
            context.shared["value"] = context.inputs[0].read_text().strip()
        command("stamp", "date +%N > {outputs}", outputs=["stamp"], uses=["value"])
        """)
    project.build("stamp").ran("make", "stamp")

    project.write("in", "1\n").build().ran("make").fresh("stamp")
    project.write("in", "2").build().ran("make", "stamp")


def test_a_value_edge_is_drawn_and_listed(project: Project) -> None:
    project.write("in").stagefile(passing("1"))

    edges = project.build("graph", "--format=json").exited(0).json["edges"]
    stages = project.build("list", "--json").exited(0).json["stages"]

    assert [(edge["from"], edge["to"]) for edge in edges] == [("make", "show")]
    assert [(one["provides"], one["uses"]) for one in stages] == [(["value"], []), ([], ["value"])]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", "it did not set the shared value `value`"),
        (
            "context.shared['value'] = {1}",
            "the shared value `value` to what JSON can't hold: {1} (builtins.set)",
        ),
        ("context.shared['value'] = [[b'x']]", "can't hold: b'x' (builtins.bytes)"),
        ("context.shared['value'] = {1: 2}", "can't hold: the key 1 of a mapping"),
        (
            "l = context.shared['value'] = []; l.append({2: l and 1})",
            "can't hold: the key 2 of a mapping",
        ),
        ("l = context.shared['value'] = []; l.append(l)", "it nests too deep, or holds itself"),
        ("context.shared['other'] = 1", 'add provides=["other"] to the stage'),
    ],
)
def test_what_cannot_be_a_value_fails_the_stage_that_sets_it(
    project: Project, body: str, said: str
) -> None:
    project.write("in").stagefile(MAKE.replace("BODY", body) + SHOW)

    result = project.build().failed("make").blocked("show")

    assert said in result.stderr


def test_a_value_has_one_maker(project: Project) -> None:
    project.write("in").stagefile(MAKE + MAKE.replace("make", "other"))

    result = project.build().exited(2)

    assert "error: two stages provide the value `value`" in result.stderr


def test_a_command_can_set_none(project: Project) -> None:
    project.stagefile('command("one", "true", provides=["value"])\n')

    project.build().exited(2).printed(
        """\
        error: a command can't set a shared value
          declared  Stagefile:2, command('one')
        hint: provides= is for functions; have the command write a file, which others read as an input
        """
    )
