"""State and caches of other versions: what they left is used or replaced, said once, and never believed wrongly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import formats_kit
import pytest

from stagemake.freshness import noop, snapshot

if TYPE_CHECKING:
    from project import Project, Result

STATE = ".stagemake/Stagefile"
SAID = "was written by {who} and is replaced; files are looked at anew"
OUTPUTS = {"out": "one\n", "tree/part": "part\n", "counted": "one\none\n"}


def write_sources(project: Project) -> None:
    """Write what `fixtures/formats` was built from."""
    (project.root / "Stagefile").write_text("""\
from stagemake import command, stage

command("copy", "cp a out", inputs=["a"], outputs=["out"])
command("tree", "mkdir -p tree && cp src/part tree/part", inputs=["src/"], outputs=["tree/"])

@stage(inputs=["out"], outputs=["counted"])
def count(context):
    with open("out") as source, open("counted", "w") as made:
        made.write(source.read() * 2)
""")
    project.write("a", "one\n").write("src/part", "part\n")


def check_built(project: Project) -> None:
    assert {path: project.read(path) for path in OUTPUTS} == OUTPUTS


@pytest.fixture(params=formats_kit.NAMES)
def older(request: pytest.FixtureRequest, project: Project) -> Project:
    """Return a project with outputs, state and cache as an earlier revision left them."""
    write_sources(project)
    for path, text in OUTPUTS.items():
        project.write(path, text)
    formats_kit.lay_state(request.param, project.root)
    formats_kit.lay_cache(request.param, project.cache)
    return project


def notices(result: Result) -> list[str]:
    return re.findall(r"^stagemake: (?:state|cache|history): (.*)$", result.stderr, re.MULTILINE)


def writer_of(data: bytes) -> str:
    """Return who wrote a snapshot, as a build says it; empty for who reads it here."""
    number = int(data[:80].partition(b" format ")[2].partition(b"\n")[0])
    if number != snapshot.FORMAT:
        return "an older stagemake"
    return "" if data.startswith(snapshot._header()) else "another Python"


def test_a_build_over_older_state_is_right_and_says_so_once(older: Project) -> None:
    older.write("a", "two\n")
    who = writer_of((older.root / STATE / "snapshot").read_bytes())

    first, second = older.build().exited(0), older.build().exited(0)

    assert {path: older.read(path) for path in OUTPUTS} == {
        "out": "two\n", "tree/part": "part\n", "counted": "two\ntwo\n",
    }  # fmt: skip
    assert [SAID.format(who=who) in text for text in notices(first)] == [True] * bool(who)
    assert second.stderr == "stagemake: up to date\n"


def test_past_builds_of_older_versions_are_listed(older: Project) -> None:
    count = len(list((older.root / STATE).glob("builds/[0-9]*")))
    older.write("a", "two\n").build().exited(0)

    listed = older.run("history", "--json").exited(0).json["builds"]

    assert len(listed) == count + 1


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        (f"format {snapshot.FORMAT}", f"format {snapshot.FORMAT + 1}", "a newer stagemake"),
        (f"format {snapshot.FORMAT}", f"format {snapshot.FORMAT - 1}", "an older stagemake"),
        ("cpython-3", "cpython-4", "another Python"),
    ],
)
def test_state_of_another_version_is_replaced_said_once_and_costs_time_only(
    project: Project, old: str, new: str, who: str
) -> None:
    write_sources(project)
    project.build().ran("copy", "count", "tree")
    path = project.root / STATE / "snapshot"
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))
    project.write("out", "by hand\n")

    first = project.build()
    second = project.build()

    assert [SAID.format(who=who) in text for text in notices(first)] == [True]
    check_built(project)
    assert second.stderr == "stagemake: up to date\n"
    assert [path.read_text() for path in project.root.glob(".stagemake/kept/*/out")] == [
        "by hand\n"
    ]


def test_a_dry_run_leaves_state_of_a_newer_version_as_it_is(project: Project) -> None:
    write_sources(project)
    project.build()
    path = project.root / STATE / "snapshot"
    today = path.read_bytes()
    newer = today.replace(b"format %d" % snapshot.FORMAT, b"format %d" % (snapshot.FORMAT + 1), 1)
    assert newer != today
    path.write_bytes(newer)

    project.run("-n").exited(0)

    assert path.read_bytes() == newer


def test_a_damaged_snapshot_is_nobodys(project: Project) -> None:
    write_sources(project)
    project.build()
    path = project.root / STATE / "snapshot"
    path.write_bytes(path.read_bytes()[:-3])

    assert snapshot.load(str(path)).foreign == ""
    assert notices(project.build()) == []


def test_the_formats_of_today_are_kept_as_well() -> None:
    """Who changes one makes a directory of the formats before that: this one is there already."""
    state = formats_kit.FORMATS / formats_kit.NAMES[-1] / "state" / "Stagefile"

    kept = [(state / name).read_bytes()[:80] for name in ("snapshot", "noop")]

    assert b" format %d\n" % snapshot.FORMAT in kept[0]
    assert b" format %d\n" % noop.FORMAT in kept[1]
