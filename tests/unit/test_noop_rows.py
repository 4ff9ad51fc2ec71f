"""The rows of a no-op's record: of every kind of path, taken over from an earlier record, and refused where unclear."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve
from fuzz_targets import TRACE
from record_kit import record, row

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness import noop
from stagemake.freshness.signature import FileClock, link_signature, signature
from stagemake.model.entry import MISSING, link_entry
from stagemake.model.stage import Command, ProjectPath, Stage, StageName
from stagemake.noop_programs import Unclear
from stagemake.noop_rows import Rows
from stagemake.recalled import Evidence, Searched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stagemake.freshness.snapshot import Trace
    from stagemake.plan.world import World

NO_WORLD = cast("World", None)  # asked for function stages only


@pytest.fixture
def root(tmp_path: Path) -> str:
    at = tmp_path / "project"
    (at / "d/e").mkdir(parents=True)
    for name in ("a", "b", "d/x", "d/e/y", "out"):
        (at / name).write_text(name)
    (at / "d/l").symlink_to("x")
    (at / "one").symlink_to("two")
    (at / "two").symlink_to("d/../a")
    (tmp_path / "outside").write_text("outside")
    (at / "far").symlink_to("../outside")
    return str(at)


def clock_of(root: str, now_ns: int = 1 << 62) -> FileClock:
    """Return a clock on which everything is older than now, or younger where it is said so."""

    def touch(path: str) -> None:
        durable.touch(path)
        os.utime(path, ns=(now_ns, now_ns))

    return FileClock(f"{os.path.dirname(root)}/probe", touch)


def rows_of(root: str, now_ns: int = 1 << 62) -> Rows:
    clock = clock_of(root, now_ns)
    return Rows(root, Digester(root, {}, clock), clock)


def stage(*inputs: str, outputs: tuple[str, ...] = (), implicit: tuple[str, ...] = (), **more: Any) -> Stage:  # fmt: skip
    return Stage(
        StageName("s"), Command(("x",)), inputs=tuple(map(ProjectPath, inputs)),
        implicit=tuple(map(ProjectPath, implicit)), outputs=tuple(map(ProjectPath, outputs)), **more,
    )  # fmt: skip


def trace_of(
    rows: Rows, one: Stage, discovered: tuple[str, ...] = (), programs: tuple[str, ...] = ()
) -> Trace:
    """Return what a build would have noted of a stage just now."""
    entry, output = rows.digester.entry, rows.digester.output_entry
    return (
        TRACE[0], "0" * 32, tuple(entry(path) for path in (*one.inputs, *one.implicit)),
        tuple((path, path, entry(path) if path else "-") for path in programs),
        tuple((path, entry(path)) for path in discovered),
        tuple(output(path.rstrip("/")) for path in one.outputs), (), ((), ()), (0.1, 0.1, 2),
    )  # fmt: skip


def found(rows: Rows, ids: Any) -> list[str]:
    paths = list(rows.ids)
    return [paths[path_id] for path_id in ids]


def check(rows: Rows) -> None:
    """Find that each row says what is at its path now."""
    for path, path_id in rows.ids.items():
        assert (rows.signatures[path_id], rows.digests[path_id]) == row(rows.root, path), path
    assert len(rows.ids) == len(rows.signatures) == len(rows.digests)


def test_a_stage_has_a_row_for_each_of_its_paths_in_their_order(root: str) -> None:
    rows = rows_of(root)
    one = stage("a", "none", outputs=("out", "d/l"), implicit=("b",))

    ids = list(rows.of_stage(one, trace_of(rows, one, ("d/x",), ("d/e/y", "")), NO_WORLD))

    assert found(rows, ids) == ["a", "none", "b", "d/x", "d/e/y", "out", "d/l"]
    assert rows.signatures[1] is None
    check(rows)


def test_a_directory_has_rows_for_all_that_is_in_it(root: str) -> None:
    rows = rows_of(root)
    one = stage("d/", outputs=("d/e/",))

    ids = list(rows.of_stage(one, trace_of(rows, one), NO_WORLD))

    assert set(found(rows, ids)) == {"d", "d/e", "d/e/y", "d/x", "d/l"}
    assert found(rows, ids)[0] == "d"
    assert found(rows, ids)[-2:] == ["d/e", "d/e/y"]
    check(rows)
    assert list(rows.of_stage(one, trace_of(rows, one), NO_WORLD)) == ids


@pytest.mark.parametrize(
    ("path", "chain"),
    [("one", ["one", "two", "d/../a"]), ("two", ["two", "d/../a"]), ("far", ["far", "../outside"])],
)
def test_a_link_has_rows_for_all_that_it_leads_over(root: str, path: str, chain: list[str]) -> None:
    rows = rows_of(root)
    one = stage(path)
    for _ in range(2):
        ids = list(rows.of_stage(one, trace_of(rows, one), NO_WORLD))
        assert found(rows, ids) == chain
    assert [rows.signatures[i] for i in range(len(chain))] == [
        link_signature(os.path.join(root, path)) for path in rows.ids
    ]


@pytest.mark.parametrize("path", ["dangling", "round", "to-d", "long0"])
def test_a_link_that_leads_to_no_file_is_unclear(root: str, path: str) -> None:
    os.symlink("nowhere", f"{root}/dangling")
    os.symlink("round", f"{root}/round")
    os.symlink("d", f"{root}/to-d")
    for number in range(45):
        os.symlink(f"long{number + 1}", f"{root}/long{number}")
    rows = rows_of(root)
    one = stage(path)

    with pytest.raises(Unclear):
        list(rows.of_stage(one, trace_of(rows, one), NO_WORLD))


CHANGES: dict[str, Callable[[str], object]] = {
    "a": lambda root: durable.write_atomic(f"{root}/a", b"other"),
    "d/": lambda root: durable.write_new(f"{root}/d/new", b""),
    "one": lambda root: (os.unlink(f"{root}/one"), os.symlink("b", f"{root}/one")),
}


@pytest.mark.parametrize("path", CHANGES)
def test_what_is_not_what_the_trace_says_is_unclear(root: str, path: str) -> None:
    rows = rows_of(root)
    one = stage(path)
    trace = trace_of(rows, one)
    CHANGES[path](root)
    rows.digester.forget([path])
    rows.digester.entry(path)

    with pytest.raises(Unclear):
        list(rows.of_stage(one, trace, NO_WORLD))


def test_a_stage_without_a_result_and_one_that_always_runs_are_unclear(root: str) -> None:
    rows = rows_of(root)
    one = stage("a")
    good = trace_of(rows, one)

    for which, trace in (
        (one, None), (one, (good[0], "", *good[2:])), (evolve(one, always=True), good),
    ):  # fmt: skip
        with pytest.raises(Unclear):
            list(rows.of_stage(which, trace, NO_WORLD))


def test_what_was_never_read_is_unclear(root: str) -> None:
    rows = rows_of(root)
    one = stage("a")
    trace = trace_of(rows_of(root), one)  # seen by somebody else

    with pytest.raises(Unclear):
        list(rows.of_stage(one, trace, NO_WORLD))


def test_a_directory_that_is_as_young_as_the_clock_is_unclear(root: str) -> None:
    rows = rows_of(root, now_ns=1)
    one = stage("d/")

    with pytest.raises(Unclear):
        list(rows.of_stage(one, trace_of(rows, one), NO_WORLD))


def test_a_path_has_one_row_and_one_signature(root: str) -> None:
    rows = rows_of(root)
    known = link_signature(f"{root}/a")

    assert [rows.add("a", known), rows.add("b", None), rows.add("a", known)] == [0, 1, 0]
    assert rows.digests == [noop.NO_DIGEST] * 2
    assert rows.add("a", known, "x:" + "1f" * 16 + ":5") == 0
    assert rows.digests[0] == b"x" + b"\x1f" * 16
    assert rows.add("a", known, "f:" + "22" * 16 + ":5") == 0
    assert rows.digests[0] == b"x" + b"\x1f" * 16  # the first that says anything
    with pytest.raises(Unclear):
        rows.add("a", None)
    assert rows.relative(f"{root}/a/b") == "a/b"
    assert rows.relative("/usr") == "/usr"


def test_of_a_stage_that_is_not_known_only_the_signatures_are_noted(root: str) -> None:
    rows = rows_of(root)
    open_one = stage("a", "none", "d/", outputs=("out", "far"), implicit=("/",))

    ids = list(rows.of_open(open_one))

    assert found(rows, ids) == ["a", "none", "d", "/", "out", "far"]
    assert rows.signatures == [link_signature(os.path.join(root, path)) for path in rows.ids]
    assert set(rows.digests) == {noop.NO_DIGEST}
    durable.write_atomic(f"{root}/a", b"other")
    assert list(rows.of_open(open_one)) == ids  # looked at once


EARLIER = ("guard", "a", "d/x", "out")


def earlier(root: str) -> noop.Record:
    durable.write_new(f"{root}/guard", b"guard") if not os.path.exists(f"{root}/guard") else None
    return record(root, EARLIER[:1], EARLIER[1:])


def begun(root: str) -> Rows:
    """Return rows that have the guard."""
    rows = rows_of(root)
    rows.add("guard", link_signature(f"{root}/guard"))
    return rows


def changed(rows: Rows, past: noop.Record, known: list[tuple[int, ...]], *, open_names: tuple[str, ...] = (), **more: Any) -> Any:  # fmt: skip
    one = stage("a", outputs=("out",))
    trace = trace_of(rows, one)
    return rows.changed(past, known, more.get("anew", {0: (one, trace)}), NO_WORLD, open_names)


def test_where_paths_are_the_same_only_rows_that_moved_are_told(root: str) -> None:
    past = earlier(root)
    assert changed(begun(root), past, [(1, 3)]) == {}
    durable.write_atomic(f"{root}/a", b"other")
    assert changed(begun(root), past, [(1, 3)]) == {1: row(root, "a")}
    os.utime(f"{root}/out")
    now = {1: row(root, "a"), 3: row(root, "out")}
    assert changed(begun(root), past, [(1, 3)]) == now
    assert changed(begun(root), past, [(1, 3), (2,)]) == now
    assert changed(begun(root), past, [(1, 3), (2, 3)]) is None  # `out` is another's, too
    assert changed(begun(root), past, [(3, 1)]) is None
    assert changed(begun(root), past, [(1,)]) is None
    assert changed(begun(root), past, [(1, 3, 2)]) is None
    assert changed(begun(root), past, [(1, 3)], open_names=("s",)) == {
        1: (link_signature(f"{root}/a"), noop.NO_DIGEST), 3: (link_signature(f"{root}/out"), noop.NO_DIGEST),
    }  # fmt: skip


def test_other_guards_make_it_another_record_and_a_guard_that_moved_a_row(root: str) -> None:
    past = earlier(root)
    rows = begun(root)
    rows.add("another", None)
    assert changed(rows, past, [(1, 3)]) is None
    assert changed(rows_of(root), past, [(1, 3)]) is None
    durable.write_atomic(f"{root}/guard", b"moved")
    assert changed(begun(root), past, [(1, 3)], anew={}) == {
        0: (link_signature(f"{root}/guard"), noop.digest_of(past, 0))
    }


def test_rows_are_taken_over_by_their_own_numbers(root: str) -> None:
    past = earlier(root)
    rows = rows_of(root)
    rows.add("first", None)

    assert rows.taken_over((3, 1, 3), past) == (1, 2, 1)
    assert rows.taken_over((1, 2), past) == (2, 3)
    assert list(rows.ids) == ["first", "out", "a", "d/x"]
    assert rows.digests[1:] == [noop.digest_of(past, i) for i in (3, 1, 2)]
    assert rows.signatures[1:] == [past[noop.SIGNATURES][i] for i in (3, 1, 2)]

    rows.take_over(past, {2: (None, b"z" * 17)})

    assert list(rows.ids) == list(EARLIER)
    assert list(rows.ids.values()) == [0, 1, 2, 3]
    assert rows.signatures == [*past[noop.SIGNATURES][:2], None, past[noop.SIGNATURES][3]]
    assert rows.digests[2] == b"z" * 17
    assert b"".join(rows.digests[:2]) == past[noop.DIGESTS][:34]


def evidence(root: str, **columns: Any) -> Evidence:
    usual: dict[str, Any] = {
        "identity": (), "began_ns": time.time_ns() + 10**12, "files": {}, "listings": {}, "globs": {},
        "directories": {}, "imports": Searched({}, frozenset(["m"])), "observed": {}, "variables": {}, "values": {},
    }  # fmt: skip
    del root
    return Evidence(**{**usual, **columns})


def test_what_evaluation_read_are_the_first_rows(root: str) -> None:
    rows = rows_of(root)
    seen = ("stat", f"{root}/a"), os.stat(f"{root}/a").st_mode

    rows.add_guards(
        evidence(
            root,
            files={f"{root}/a": link_signature(f"{root}/a"), "/none": None},
            listings={f"{root}/d": signature(f"{root}/d")},
            observed=dict([seen]),
            imports=Searched({f"{root}/d": (signature(f"{root}/d"), ("x",))}, frozenset(["m"])),
        )
    )

    assert list(rows.ids) == ["a", "/none"]
    assert rows.signatures == [link_signature(f"{root}/a"), None]
    assert rows.observed == dict([seen])


def other(known: Any) -> Any:
    return (known[0] + 1, *known[1:])


@pytest.mark.parametrize("what", ["files", "listings", "observed", "imports", "archive"])
def test_what_evaluation_would_find_otherwise_by_now_is_unclear(root: str, what: str) -> None:
    now: Any = signature(f"{root}/d")
    columns: dict[str, Any] = {
        "files": {f"{root}/a": other(link_signature(f"{root}/a"))},
        "listings": {f"{root}/d": other(now)},
        "observed": {("stat", f"{root}/a"): None},
        "imports": Searched({f"{root}/d": (other(now), ("m.py",))}, frozenset(["m"])),
        "archive": Searched({f"{root}/a": (other(now), ())}, frozenset(["m"])),
    }
    given = {("imports" if what == "archive" else what): columns[what]}

    with pytest.raises(Unclear):
        rows_of(root).add_guards(evidence(root, **given))


@pytest.mark.parametrize("what", ["files", "listings"])
def test_what_may_have_changed_since_evaluation_began_is_unclear(root: str, what: str) -> None:
    known = {f"{root}/d": signature(f"{root}/d")}
    coarse = rows_of(root, now_ns=1)

    with pytest.raises(Unclear):
        coarse.add_guards(evidence(root, began_ns=0, **{what: known}))
    rows_of(root, now_ns=1).add_guards(evidence(root, began_ns=time.time_ns() + 10**12, **{what: known}))  # fmt: skip


def test_a_place_of_modules_that_moved_and_holds_the_same_is_noted_as_it_is_now(root: str) -> None:
    now: Any = signature(f"{root}/d")
    for known in (other(now), now):
        imports = Searched({f"{root}/d": (known, ("no module", "l"))}, frozenset(["m"]))
        rows_of(root).add_guards(evidence(root, imports=imports))
        expected = ("no module", "l") if known == now else noop.names_in(f"{root}/d")
        assert imports.searched == {f"{root}/d": (now, expected)}
    imports = Searched({f"{root}/d": (other(now), ())}, frozenset(["m"]))
    rows_of(root, now_ns=1).add_guards(evidence(root, began_ns=0, imports=imports))
    assert imports.searched[f"{root}/d"][0] is None  # it may move again unseen


def test_a_glob_that_finds_the_same_goes_on_with_the_directories_of_now(root: str) -> None:
    now: Any = signature(f"{root}/d")
    glob = ("d", "*x", (), ("x",))
    for known in (now, other(now), None):
        past = evidence(root, globs={glob: (f"{root}/d",)}, directories={f"{root}/d": known})
        rows_of(root).add_guards(past)
        assert past.directories == {f"{root}/d": now}
    with pytest.raises(Unclear):
        rows_of(root).add_guards(
            evidence(root, globs={("d", "*x", (), ("z",)): (f"{root}/d",)}, directories={f"{root}/d": other(now)})
        )  # fmt: skip


def test_entries_of_what_is_no_file_have_no_digest(root: str) -> None:
    rows = rows_of(root)

    assert rows.digester.entry("none") == MISSING
    assert rows.digester.output_entry("d/l") == link_entry("x")
    rows.add("d", link_signature(f"{root}/d"))
    assert rows.digests == [noop.NO_DIGEST]
