"""What evaluation depended on, as rows of a no-op's record: each thing still as it was, or refused; and traces that don't fit."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from finish_kit import trace_of
from judge_kit import MemoryDisk, MemoryRecords

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness import noop
from stagemake.freshness.signature import FileClock, signature
from stagemake.freshness.snapshot import Snapshot
from stagemake.model.stage import Call, ProjectPath, Stage, StageName
from stagemake.noop_programs import Unclear
from stagemake.noop_rows import Rows
from stagemake.plan.world import World
from stagemake.recalled import Evidence, Searched

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO, LATE = 1, 1 << 62


@pytest.fixture
def root(tmp_path: Path) -> str:
    at = tmp_path / "project"
    (at / "d").mkdir(parents=True)
    (at / "e").mkdir()
    for name in ("a", "b", "d/x", "d/y", "e/m.py", "archive"):
        (at / name).write_text(name)
    return str(at)


def rows_of(root: str, now_ns: int = LATE) -> Rows:
    """Return rows by a clock that shows this time, without what the kernel tells of each change."""

    def touch(path: str) -> None:
        durable.touch(path)
        os.utime(path, ns=(now_ns, now_ns))

    clock = FileClock(f"{os.path.dirname(root)}/probe", touch)
    return Rows(root, Digester(root, {}, clock), clock)


def evidence(*, began_ns: int | None = None, **columns: Any) -> Evidence:
    usual: dict[str, Any] = {
        "identity": (), "began_ns": time.time_ns() + 10**12 if began_ns is None else began_ns,
        "files": {}, "listings": {}, "globs": {}, "directories": {}, "observed": {}, "variables": {}, "values": {},
        "imports": Searched({}, frozenset(["m"])),
    }  # fmt: skip
    return Evidence(**{**usual, **columns})


def other(known: Any) -> Any:
    return (known[0] + 1, *known[1:])


def globbed(root: str, paths: tuple[str, ...], *, exclude: tuple[str, ...] = (), **known: Any) -> Evidence:  # fmt: skip
    """Return evidence of a glob in `d` and `e` that found these paths, with signatures of the directories."""
    found = {f"{root}/{name}": known.get(name, signature(f"{root}/{name}")) for name in ("d", "e")}
    return evidence(globs={("d", "*", exclude, paths): tuple(found)}, directories=found)


def test_what_was_not_there_and_is_not_there_is_as_it_was(root: str) -> None:
    none = f"{root}/none"
    given = evidence(
        began_ns=0, files={none: None}, listings={none: None}, observed={("stat", none): None},
        imports=Searched({none: (None, ())}, frozenset(["m"])),
    )  # fmt: skip
    rows = rows_of(root, LONG_AGO)

    rows.add_guards(given)

    assert (rows.ids, rows.signatures) == ({"none": 0}, [None])
    assert rows.observed == {("stat", none): None}
    assert given.imports.searched == {none: (None, ())}


def test_an_archive_of_modules_that_has_not_moved_is_as_it_was(root: str) -> None:
    archive = f"{root}/archive"
    searched = {archive: (signature(archive), ())}

    rows_of(root).add_guards(evidence(imports=Searched(dict(searched), frozenset(["m"]))))

    with pytest.raises(Unclear):  # it may have changed unseen
        rows_of(root, LONG_AGO).add_guards(
            evidence(began_ns=0, imports=Searched(dict(searched), frozenset(["m"])))
        )


@pytest.mark.parametrize("what", ["another now", "another then", "none then"])
def test_modules_that_would_be_found_elsewhere_are_unclear(root: str, what: str) -> None:
    place = f"{root}/e"
    names = {"another now": ("m.so",), "another then": ("m.py", "m.so"), "none then": ()}[what]
    known = other(signature(place))

    with pytest.raises(Unclear):
        rows_of(root).add_guards(
            evidence(imports=Searched({place: (known, names)}, frozenset(["m"])))
        )
    rows_of(root).add_guards(evidence(imports=Searched({place: (known, names)}, frozenset(["n"]))))


def test_every_place_is_compared_not_the_first_alone(root: str) -> None:
    d, e = f"{root}/d", f"{root}/e"
    good = {d: (signature(d), ("x", "y"))}
    moved = {e: (other(signature(e)), ("m.py",))}
    both = evidence(imports=Searched({**good, **moved}, frozenset(["m"])))

    rows_of(root).add_guards(both)

    assert both.imports.searched == {**good, e: (signature(e), ("m.py",))}
    for columns in (
        {"files": {"/none": None, f"{root}/a": None}},
        {"listings": {d: signature(d), e: other(signature(e))}},
        {"observed": {("stat", "/none"): None, ("readlink", "/none"): "text"}},
    ):
        with pytest.raises(Unclear):
            rows_of(root).add_guards(evidence(**columns))


@pytest.mark.parametrize("moved", ["d", "e"])
def test_of_a_glob_each_directory_counts_and_what_is_left_out(root: str, moved: str) -> None:
    now = {f"{root}/{name}": signature(f"{root}/{name}") for name in ("d", "e")}
    known = {moved: other(now[f"{root}/{moved}"])}

    for paths, exclude in ((("x", "y"), ()), (("y",), ("x",))):
        given = globbed(root, paths, exclude=exclude, **known)
        rows_of(root).add_guards(given)
        assert given.directories == now
        with pytest.raises(Unclear):
            rows_of(root).add_guards(globbed(root, ("x",), exclude=exclude, **known))
    untouched = globbed(root, ("not what it finds",))
    rows_of(root).add_guards(untouched)
    assert untouched.directories == now


def test_what_a_glob_listed_and_may_change_unseen_is_expanded_each_time(root: str) -> None:
    given = globbed(root, ("x", "y"))
    given.began_ns = 0
    rows = rows_of(root, LONG_AGO)

    rows.add_guards(given)

    assert given.directories == {f"{root}/d": None, f"{root}/e": None}


def test_two_globs_are_each_looked_at(root: str) -> None:
    given = globbed(root, ("x", "y"), e=None)
    given.globs["e", "*", (), ("none",)] = (f"{root}/e",)

    with pytest.raises(Unclear):
        rows_of(root).add_guards(given)
    good = globbed(root, ("x", "y"))
    good.globs["e", "*", (), ("m.py",)] = (f"{root}/e",)
    good.directories[f"{root}/e"] = None
    rows_of(root).add_guards(good)
    assert good.directories == {f"{root}/{name}": signature(f"{root}/{name}") for name in ("d", "e")}  # fmt: skip


def world_of(root: str, *, always: bool = False) -> World:
    """Return a world in which functions are known, or can't be told from others."""
    identity = SimpleNamespace(source="1", components=(), always=always)
    return World(
        root=root, disk=MemoryDisk({}), snapshot=Snapshot(), records=MemoryRecords(),
        history_path="/nowhere/history", identify=lambda _: identity, search_path="/bin",
    )  # fmt: skip


def _stage(*inputs: str, **words: Any) -> Stage:
    return Stage(StageName("s"), inputs=tuple(map(ProjectPath, inputs)), **words)


@pytest.mark.parametrize("which", ["inputs", "outputs"])
def test_a_trace_that_does_not_fit_its_stage_gives_no_rows(root: str, which: str) -> None:
    rows, world = rows_of(root), world_of(root)
    one = _stage("a", outputs=(ProjectPath("b"),))
    trace = trace_of(one, rows.digester)
    at = 2 if which == "inputs" else 5

    for entries in ((), trace[at] * 2):
        with pytest.raises(ValueError, match="zip"):
            list(rows.of_stage(one, (*trace[:at], entries, *trace[at + 1 :]), world))


def test_a_function_that_cannot_be_told_from_another_gives_no_rows(root: str) -> None:
    rows, one = rows_of(root), _stage("a", action=Call(print))
    trace = trace_of(one, rows.digester)

    assert next(iter(rows.of_stage(one, trace, world_of(root)))) == rows.ids["a"]
    with pytest.raises(Unclear):
        list(rows.of_stage(one, trace, world_of(root, always=True)))


def test_a_directory_is_looked_at_anew_whatever_was_known_of_it(root: str) -> None:
    rows, world = rows_of(root), world_of(root)
    one = _stage("d/")
    trace = trace_of(one, rows.digester)
    durable.write_new(f"{root}/d/new", b"")  # nobody has told the digester

    with pytest.raises(Unclear):
        list(rows.of_stage(one, trace, world))


def test_the_root_itself_is_a_directory_like_any_other(root: str) -> None:
    rows = rows_of(root)

    ids = list(rows.of_open(_stage("/", "d/")))

    assert list(rows.ids) == ["/", "d"]
    assert [rows.signatures[i] for i in ids] == [signature("/"), signature(f"{root}/d")]
    assert set(rows.digests) == {noop.NO_DIGEST}
