"""The JSON Schemas in the package: what is printed fits, what is not as documented is refused."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from git_kit import commit_all
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_kit import plugin

from stagemake.schema_check import NAMES, first_problem, load_schema, schema_path

if TYPE_CHECKING:
    from project import Project

jsonschema = pytest.importorskip("jsonschema", reason="an extra: stagemake[dev]")

HOME = Path(__file__).parents[2]

Printed = dict[str, list[Any]]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """Return what a small project prints in many states, by schema."""
    from project import Project

    project = Project(tmp_path_factory.mktemp("schemas"))
    project.stagefile(
        """\
        command("one", "cat s > a", inputs=["s"], outputs=["a"])
        command("two", "cat a t > b", inputs=["a", "t"], outputs=["b"])

        @stage(inputs=["b"], outputs=["c"])
        def three(context):
            context.outputs[0].write_text("x")

        command("bad", "test ! -s t", inputs=["t", "a"])

        @stage(inputs=["a"], outputs=["told"])
        def tells(context):
            context.events.emit("half", {"of": [1, None]})
            context.outputs[0].write_text("x")
        """
    )
    found: Printed = {name: [] for name in NAMES}
    for s, t in (("1", ""), ("2", ""), ("1", ""), ("3", "x"), ("\udcff", "")):
        project.write("s", s.encode("utf-8", "surrogateescape")).write("t", t)
        found["plan"].append(project.build("-n", "--json").json)
        found["why"].append(project.build("why", "--json", "one", "two", "three", "bad").json)
        project.build("-n", "-o", "plan.json").exited(0)
        found["plan-file"].append(json.loads(project.read("plan.json")))
        found["build"].append(
            json.loads(project.build("--json", "-k", "--events", "events").stdout)
        )
        found["event"] += map(json.loads, project.read("events").splitlines())
        found["why"].append(project.build("why", "--json").json)
        found["why"].append(project.build("why", "--json", "one").json)
    found["history"] += [
        project.build("history", "--json").json,
        *(project.build("history", str(run), "--json").json for run in (1, 4)),
        project.build("history", "1", "4", "--json").json,
    ]
    found["bench"].append(project.run("bench", "--json", "-r", "1", "one", "two").json)
    project.run("bench", "--json", "-r", "1", "-o", "base.json", "one").exited(0)
    found["bench"].append(
        project.run("bench", "--json", "-r", "1", "--baseline", "base.json", "one").json
    )
    found["verify"] += [
        project.build("verify", "--json").json,
        project.build("verify", "--json", "--sample", "2").json,
    ]
    project.write("t", "x")  # `bad` fails
    found["trace"] += [
        project.run("trace", "--json", "-s", *stages).json
        for stages in (["one", "two"], ["three"], ["bad"])
    ]
    found["trace"].append(
        sly(tmp_path_factory.mktemp("sly")).run("trace", "--json", "-s", "sly").json
    )
    clone = project.clone()
    clone.write("s", "4")
    found["why"].append(clone.build("why", "--json", "one").json)
    assert found["why"][-1]["stages"][0]["nearest"] is not None
    ask_for_lists(found, project, tmp_path_factory.mktemp("lists"))
    return found


def ask_for_lists(found: Printed, project: Project, base: Path) -> None:
    """Add what the commands print that only tell what is there."""
    from project import Project

    empty = Project(base)
    found["cache-stats"] += [
        one.run("cache", "stats", "--json", "--cache-dir", str(project.cache)).json
        for one in (project, empty)
    ]
    found["doctor"] += [one.run("doctor", "--json").json for one in (project, empty)]
    empty.stagefile(
        """\
        command("a", "echo > a", outputs=["a"], description="make it")
        command("b", "cp a b", inputs=["a"], outputs=["b"], depfile="b.d", pool="heavy")
        command("c", "true", inputs=["z"], after=["b"])
        command("d", "true", inputs=["z"], before=["c"])

        @stage(outputs=["e"], provides=["size"])
        def e(context): ...

        @stage(inputs=["z"], uses=["size"])
        def f(context): ...

        pool("heavy", 1)
        pipeline("all", ["a", "b"], default=True)
        """
    ).write("z")
    found["list"] += [empty.run("list", "--json", *names).json for names in ((), ("b", "f"))]
    commit_all(empty.root)
    empty.write("z", "1")
    graph = ("graph", "--format", "json")
    found["graph"] += [
        empty.run(*graph, *more).json for more in ((), ("f",), ("--changed-since", "HEAD"))
    ]
    kinds = {edge["kind"] for edge in found["graph"][0]["edges"]}
    assert kinds == {"path", "value", "after", "before"}
    plugin(empty, "loud", "x = 1", stages={"x": "X"})
    plugin(empty, "lame", "x =", stages={"x": "X"})
    empty.write("pyproject.toml", "[tool.stagemake]\nplugins = ['lame', 'lost']\n")
    found["plugins"].append(empty.run("plugins", "--json").json)
    states = {each["state"] for each in found["plugins"][0]["plugins"]}
    assert states == {"inactive", "broken", "missing"}


def sly(base: Path) -> Project:
    """Return a project whose stage reads, lists, changes and makes what it does not declare."""
    from project import Project

    text = "command('sly', 'cat s u d/x > a; ls d > made; echo >> u; cp s d/y; rm d/x', inputs=['s'], outputs=['a'])"
    project = Project(base).stagefile(text)
    return project.write("s").write("u").write("d/x")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_fits_by_both_checks(printed: Printed, name: str) -> None:
    schema = load_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    for one in printed[name]:
        jsonschema.validate(one, schema, jsonschema.Draft202012Validator)
        assert first_problem(one, schema) == ""


def damaged(value: Any, draw: Any) -> Any:
    """Return a copy with one thing in it changed: a key left out, a value of another type, an odd number."""
    made = copy.deepcopy(value)
    at = made
    while True:
        if isinstance(at, dict) and at:
            key: Any = draw(st.sampled_from(sorted(at)))
        elif isinstance(at, list) and at:
            key = draw(st.integers(0, len(at) - 1))
        else:
            return made
        inner = at[key]
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            at = inner
            continue
        if isinstance(at, dict) and draw(st.booleans()):
            del at[key]
        else:
            at[key] = draw(st.sampled_from([None, True, -1, 1.5, "zz", [], {}, "0" * 32, ["a"]]))
        return made


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_both_checks_refuse_the_same(printed: Printed, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    one = damaged(data.draw(st.sampled_from(printed[name])), data.draw)
    schema = load_schema(name)

    is_valid = jsonschema.Draft202012Validator(schema).is_valid(one)

    assert (first_problem(one, schema) == "") is is_valid, first_problem(one, schema)


@pytest.mark.parametrize("name", NAMES)
def test_each_key_is_required(printed: Printed, name: str) -> None:
    schema = load_schema(name)
    for key in printed[name][0]:
        left_out = {other: value for other, value in printed[name][0].items() if other != key}
        if key == "orphans" or name in {"why", "history", "event"}:
            continue

        assert first_problem(left_out, schema) == f"$.{key}: left out"


def test_the_keys_are_those_of_the_fixed_surface(printed: Printed) -> None:
    """The objects that were fixed before the first release: keys may join, none may go."""
    plan, build = printed["plan"][1], printed["build"][1]

    assert {
        "schema", "stagemake", "root", "jobs", "targets", "stages", "totals", "forecast", "conflicts",
    } <= set(plan)  # fmt: skip
    for stage in plan["stages"]:
        assert {
            "name", "verdict", "reason", "subject", "key", "description", "estimate", "changes_output_p",
        } <= set(stage)  # fmt: skip
        assert {"duration_s", "output_bytes", "samples"} <= set(stage["estimate"])
    assert set(plan["totals"]) == {"fresh", "hit", "miss", "maybe"}
    forecast = {
        "wall_s", "work_s", "critical_path", "critical_path_s", "new_bytes", "restore_bytes",
        "cache_bytes_after", "free_bytes", "unestimated",
    }  # fmt: skip
    assert forecast <= set(plan["forecast"])
    assert {"schema", "ok", "wall_s", "outcomes", "stages", "forecast", "cache"} <= set(build)
    assert set(build["outcomes"]) == {
        "fresh", "restored", "cut_off", "ran", "failed", "blocked", "cancelled",
    }  # fmt: skip
    for stage in build["stages"]:
        assert {
            "name", "outcome", "reason", "subject", "key", "wall_s", "cpu_s", "exit_code", "output_bytes",
        } <= set(stage)  # fmt: skip
    assert forecast <= set(build["forecast"])
    assert set(build["cache"]) == {"hits", "misses", "bytes_read", "bytes_written"}


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_named_in_the_docs_and_lies_in_the_package(name: str) -> None:
    assert Path(schema_path(name)).is_file()
    assert f"`{name}.schema.json`" in (HOME / "docs/command-line.md").read_text("utf-8")


def test_the_traces_hold_what_the_schema_tells(printed: Printed) -> None:
    """An example of each list, so that what its items look like is tested and not only said."""
    stages = [stage for one in printed["trace"] for stage in one["stages"]]
    acts = {access["act"] for stage in stages for access in (*stage["reads"], *stage["writes"])}

    assert {"reads", "lists", "changes", "creates", "removes"} <= acts
    assert any(stage["edits"] for stage in stages)
    assert {one["ok"] for one in printed["trace"]} == {True, False}
    assert {one["clean"] for one in printed["trace"]} == {True, False}


def test_the_documented_examples_fit() -> None:
    page = (HOME / "docs/command-line.md").read_text("utf-8")
    blocks = [
        json.loads(block)
        for block in re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ]

    fits = [
        [name for name in NAMES if not first_problem(block, load_schema(name))] for block in blocks
    ]

    assert [found for found in fits if found] == [
        ["plan"], ["build"], ["why"], ["history"], ["verify"], ["list", "graph"],
    ]  # fmt: skip
