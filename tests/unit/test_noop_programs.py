"""What was looked at to find programs: it tells of every place in front, and holds only while the same is found."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from fuzz_targets import TRACE
from judge_kit import MemoryDisk, MemoryRecords

from stagemake import durable
from stagemake.freshness import noop
from stagemake.freshness.snapshot import Snapshot
from stagemake.model.stage import Command, Stage, StageName
from stagemake.noop_programs import Unclear, searches
from stagemake.plan.world import World
from stagemake.program import resolve_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEARCH_PATH = "first:second"


def _program(at: str, mode: int = 0o755) -> None:
    with open(at, "wb"):
        os.chmod(at, mode)


KINDS: dict[str, Callable[[str], object]] = {
    "nothing": lambda at: None,
    "a program": _program,
    "a file": lambda at: _program(at, 0o644),
    "a directory": os.mkdir,
    "a link to a program": lambda at: os.symlink("../real", at),
    "a link to nothing": lambda at: os.symlink("gone", at),
}


@pytest.fixture
def root(tmp_path: Path) -> str:
    at = tmp_path / "project"
    at.mkdir()
    _program(f"{at}/real")
    return str(at)


def lay(root: str, kinds: tuple[str, ...], name: str = "tool") -> None:
    """Have these at the places where a program is looked for, and nothing else."""
    for place, kind in zip(SEARCH_PATH.split(":"), kinds, strict=True):
        os.makedirs(f"{root}/{place}", exist_ok=True)
        durable.remove_any(f"{root}/{place}/{name}")
        KINDS[kind](f"{root}/{place}/{name}")


def world(root: str, programs: dict[str, tuple[tuple[str, str], ...]], path: str = SEARCH_PATH) -> World:  # fmt: skip
    """Return a world in which these stages have found these programs, each with its path."""
    traces = {
        stage: (*TRACE[:3], tuple((name, at, "x:1:1") for name, at in found), *TRACE[4:])
        for stage, found in programs.items()
    }
    snapshot = Snapshot()
    snapshot.traces.update(traces)
    return World(
        root=root, disk=MemoryDisk({}), snapshot=snapshot, records=MemoryRecords(),
        history_path="/nowhere/history", identify=lambda _: None, search_path=path,
    )  # fmt: skip


def stage(name: str = "s", **words: Any) -> Stage:
    return Stage(StageName(name), Command(("x",)), **words)


def seen_of(root: str, name: str, found: str, path: str = SEARCH_PATH, **words: Any) -> dict[tuple[str, str], object]:  # fmt: skip
    return searches([stage(**words)], world(root, {"s": ((name, found),)}, path))


LAYOUTS = tuple(product(KINDS, repeat=2))


@pytest.mark.parametrize("kinds", LAYOUTS, ids=" and ".join)
def test_what_was_looked_at_holds_only_while_the_same_program_is_found(
    root: str, kinds: tuple[str, str]
) -> None:
    lay(root, kinds)
    found = resolve_program("tool", SEARCH_PATH, root) or ""

    seen = seen_of(root, "tool", found)

    assert all(noop.observe(call, at) == answer for (call, at), answer in seen.items())
    for later in [(one, kinds[1]) for one in KINDS] + [(kinds[0], one) for one in KINDS]:
        lay(root, later)
        holds = all(noop.observe(call, at) == answer for (call, at), answer in seen.items())
        assert not holds or (resolve_program("tool", SEARCH_PATH, root) or "") == found
    for other in {"first/tool", "second/tool", "", "/bin/sh"} - {found}:
        lay(root, kinds)
        with pytest.raises(Unclear):
            seen_of(root, "tool", other)


def test_each_place_up_to_the_one_that_has_it_is_looked_at_and_none_behind(root: str) -> None:
    lay(root, ("a program", "a program"))
    first, second = f"{root}/first/tool", f"{root}/second/tool"
    mode = os.stat(first).st_mode

    assert seen_of(root, "tool", "first/tool") == {("stat", first): mode, ("1", first): True}
    lay(root, ("a file", "a program"))
    assert seen_of(root, "tool", "second/tool") == {
        ("stat", first): 0o100644, ("1", first): False, ("stat", second): mode, ("1", second): True,
    }  # fmt: skip
    assert seen_of(root, "none", "") == {
        (call, f"{root}/{place}/none"): answer
        for place in ("first", "second")
        for call, answer in (("stat", None), ("1", False))
    }


@pytest.mark.parametrize(
    ("name", "path", "found"),
    [
        ("first/tool", "/nowhere", "first/tool"),  # with a slash: of the root, wherever it runs
        ("./first/../first/tool", "/nowhere", "first/tool"),
        ("/bin/sh", "/nowhere", "/bin/sh"),
        ("sh", "/bin", "/bin/sh"),
        ("tool", ":/nowhere", "second/tool"),  # an empty place is where it runs
        ("tool", "../first", "first/tool"),
    ],
)
def test_names_are_looked_up_from_where_a_stage_runs_and_paths_from_the_root(
    root: str, name: str, path: str, found: str
) -> None:
    lay(root, ("a program", "a program"))

    seen = seen_of(root, name, found, path, cwd="second")

    assert resolve_program(name, path, root, cwd="second") == found
    full = os.path.join(root, found)
    assert seen["stat", full] == os.stat(full).st_mode
    assert seen["1", full] is True


def test_each_stage_has_its_own_way_and_each_program_counts(root: str) -> None:
    lay(root, ("a program", "a program"))
    os.symlink("tool", f"{root}/second/other")
    both = (("tool", "first/tool"), ("other", "second/other"))
    found = world(root, {"a": both, "b": both, "c": (("tool", "second/tool"),), "d": ()})
    own = stage("c", env=(("PATH", "second"),))

    seen = searches([stage("a"), stage("b"), own, stage("d")], found)

    assert {at for _, at in seen} == {
        f"{root}/{one}" for one in ("first/tool", "first/other", "second/other", "second/tool")
    }
    assert searches([], found) == searches([stage("d")], found) == {}
    for broken in (
        {"a": both, "b": (*both, ("tool", ""))}, {"a": both, "b": (("tool", ""), *both)},
        {"a": both, "b": (("tool", "second/tool"),)}, {"a": both},
    ):  # fmt: skip
        with pytest.raises(Unclear):
            searches([stage("a"), stage("b")], world(root, broken))
    with pytest.raises(Unclear):
        searches([stage("a"), own], world(root, {"a": both, "c": both}))


def test_a_place_is_looked_at_once_for_all_stages(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(root, ("a program", "nothing"))
    os.symlink("tool", f"{root}/first/other")
    asked: list[str] = []
    real = os.stat
    monkeypatch.setattr(noop, "_stat", lambda path: [asked.append(path), real(path)][1])
    tool, other = ("tool", "first/tool"), ("other", "first/other")

    searches(
        [stage("a"), stage("b"), stage("c")],
        world(root, {"a": (tool,), "b": (tool, other), "c": (tool,)}),
    )

    assert asked == [f"{root}/first/tool", f"{root}/first/other"]
