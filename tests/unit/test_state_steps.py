"""What the state writes and when, what is in its way, what it keeps in memory, and what it forgets."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from fuzz_targets import TRACE

from stagemake import durable
from stagemake.freshness import journal
from stagemake.kept_snapshot import KeptSnapshot
from stagemake.model.error import StagemakeError
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stagemake.freshness.snapshot import Trace

SIGNATURE = (1, 2, 3, 4, 5, 6)


def store(root: Path, kept: KeptSnapshot | None = None) -> StateStore:
    return StateStore(str(root), "Stagefile", kept)


def trace_of(*outputs: str) -> Trace:
    declared = (*TRACE[0][:4], outputs, *TRACE[0][5:])
    return (declared, *TRACE[1:5], tuple("f:0:1" for _ in outputs), (), *TRACE[7:])


def settled(root: Path, kept: KeptSnapshot | None = None) -> StateStore:
    """Return the state after a build of two stages."""
    state = store(root, kept)
    state.open()
    state.settle("one", trace_of("a", "b"))
    state.settle("two", trace_of("c"))
    state.save()
    return state


def steps(root: Path, acts: Callable[[], object]) -> list[str]:
    """Return what is changed on the disk meanwhile, paths relative to the state's directory."""
    told: list[str] = []
    base = f"{root}/.stagemake/Stagefile"
    durable.install(lambda step, path: told.append(f"{step} {os.path.relpath(path, base)}"))
    try:
        acts()
    finally:
        durable.install(None)
    return told


def test_everything_has_its_place(tmp_path: Path) -> None:
    state = store(tmp_path)
    shared, own = f"{tmp_path}/.stagemake", f"{tmp_path}/.stagemake/Stagefile"

    assert (state.shared, state.directory, state.kept) == (shared, own, f"{shared}/kept")
    assert (state.scratch, state.failed) == (f"{own}/scratch", f"{own}/failed")
    assert state.failed_logs == f"{own}/failed-logs"
    assert (state.history_path, state.builds) == (f"{own}/history.db", f"{own}/builds")
    assert (state.checkpoint_path, state.repeats_path) == (f"{own}/checkpoint", f"{own}/repeats")


FRESH = ["open journal", "write journal"]
SNAPSHOT = ["open snapshot", "write snapshot", "write snapshot", "write snapshot", "fsync snapshot", "rename snapshot", "fsync ."]  # fmt: skip


def test_the_first_build_makes_its_directories_for_this_user_alone(tmp_path: Path) -> None:
    told = steps(tmp_path, store(tmp_path).open)

    assert told == ["mkdir ..", "mkdir .", "open ../.gitignore", "write ../.gitignore", *FRESH]
    for path in (".stagemake", ".stagemake/Stagefile"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".stagemake/Stagefile/journal").stat().st_mode) == 0o600


def test_a_build_writes_no_more_than_it_has_to(tmp_path: Path) -> None:
    settled(tmp_path)
    state = store(tmp_path)

    assert steps(tmp_path, state.open) == FRESH
    assert steps(tmp_path, lambda: state.begin("one", ("a",))) == ["write journal"]
    assert steps(tmp_path, lambda: state.begin_restoring("two", ("c",))) == ["write journal"]
    assert steps(tmp_path, lambda: state.settle_soon("two", trace_of("c"))) == []
    assert steps(tmp_path, lambda: state.settle("one", trace_of("a"))) == ["write journal"]
    assert steps(tmp_path, state.flush) == []
    assert steps(tmp_path, lambda: state.settle_soon("two", trace_of("c"))) == []
    assert steps(tmp_path, state.flush) == ["write journal"]
    assert [one.split()[0] for one in steps(tmp_path, state.save)] == [
        "open", *["write"] * 4, "fsync", "rename", "fsync", "unlink",
    ]  # fmt: skip
    again = store(tmp_path)
    assert steps(tmp_path, again.open) == FRESH
    assert steps(tmp_path, again.save) == ["unlink journal"]
    assert steps(tmp_path, again.save) == [
        "unlink journal"
    ]  # nothing of it is there, which is fine


@pytest.mark.parametrize("what", ["mark_changed", "forget", "drop_left_over", "nothing"])
def test_the_snapshot_is_saved_where_anything_is_another(tmp_path: Path, what: str) -> None:
    settled(tmp_path)
    before = (tmp_path / ".stagemake/Stagefile/snapshot").stat().st_ino
    state = store(tmp_path)
    state.open()

    if what == "mark_changed":
        state.snapshot.memo["in"] = (SIGNATURE, "f:0:1")
        state.mark_changed()
    elif what == "forget":
        state.forget("one")
    elif what == "drop_left_over":
        state.drop_left_over(["c"])
    state.save()

    known = store(tmp_path).snapshot
    assert ((tmp_path / ".stagemake/Stagefile/snapshot").stat().st_ino == before) == (what == "nothing")  # fmt: skip
    assert set(known.traces) == ({"two"} if what in {"forget", "drop_left_over"} else {"one", "two"})  # fmt: skip
    assert known.memo == ({"in": (SIGNATURE, "f:0:1")} if what == "mark_changed" else {})


def test_what_waited_when_it_was_saved_is_not_written_once_more(tmp_path: Path) -> None:
    state = store(tmp_path)
    state.open()
    state.settle_soon("one", trace_of("a"))
    state.save()
    state.open()

    assert steps(tmp_path, state.flush) == []

    state.close()
    assert list(journal.read(f"{state.directory}/journal")) == []


def test_what_nobody_declares_is_forgotten_and_the_rest_stays(tmp_path: Path) -> None:
    state = settled(tmp_path)
    state.snapshot.interrupted.update({"three": ("c", "gone", "a"), "four": ("gone",)})

    state.drop_left_over(["a", "c", "x"])

    assert set(state.snapshot.traces) == {"two"}  # `b` of `one` isn't declared
    assert state.snapshot.interrupted == {"three": ("c", "a"), "four": ()}


@pytest.mark.parametrize("with_journal", [True, False])
def test_what_a_killed_build_left_is_saved_before_a_new_journal(
    tmp_path: Path, with_journal: bool
) -> None:
    settled(tmp_path)
    killed = store(tmp_path)
    killed.open()
    killed.begin("one", ("a",))
    killed.close()
    if not with_journal:  # it is in the snapshot by then
        again = store(tmp_path)
        again.open()
        again.close()
        os.unlink(f"{again.directory}/journal")

    told = steps(tmp_path, store(tmp_path).open)

    journals = ["unlink journal"] if with_journal else []
    assert [one for one in told if "journal" in one] == [*journals, *FRESH]
    assert told[-len(FRESH + journals) - 1] == "fsync ."
    assert store(tmp_path).snapshot.interrupted == {"one": ("a", "b")}


FILES = (
    "snapshot", "journal", "noop", "declared", "touched", "captures", "history.db", "checkpoint", "repeats",
    "clock", "names",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_what_is_in_the_way_of_a_file_goes_and_files_stay(tmp_path: Path, name: str) -> None:
    state = store(tmp_path)
    state.make_directories()
    path = tmp_path / ".stagemake/Stagefile" / name
    (path / "in").mkdir(parents=True)
    state.clear_way()
    assert not path.exists()
    path.symlink_to("nowhere")
    state.clear_way()
    assert not path.is_symlink()
    path.write_bytes(b"ours")

    assert steps(tmp_path, state.clear_way) == []


@pytest.mark.parametrize("name", ["scratch", "failed", "builds", "kept"])
def test_what_is_in_the_way_of_a_directory_goes_and_directories_stay(
    tmp_path: Path, name: str
) -> None:
    state = store(tmp_path)
    state.make_directories()
    path = tmp_path / ".stagemake" / (name if name == "kept" else f"Stagefile/{name}")
    path.write_bytes(b"")
    state.clear_way()
    assert not path.exists()
    path.symlink_to("nowhere")
    state.clear_way()
    assert not path.is_symlink()
    path.mkdir()

    assert steps(tmp_path, state.clear_way) == []


def test_git_is_told_once_and_what_the_user_says_stays(tmp_path: Path) -> None:
    state = store(tmp_path)
    state.make_directories()
    ignore = tmp_path / ".stagemake/.gitignore"
    ignore.write_text("mine\n")

    assert steps(tmp_path, state.make_directories) == []
    assert ignore.read_text() == "mine\n"


def test_someone_who_tells_git_first_is_no_failure(tmp_path: Path) -> None:
    def faster(step: str, path: str) -> None:
        if step == "open":
            (tmp_path / ".stagemake/.gitignore").write_text(path)

    durable.install(faster)
    try:
        store(tmp_path).make_directories()
    finally:
        durable.install(None)


def test_state_that_others_may_have_written_is_refused_with_the_way_out(tmp_path: Path) -> None:
    state = settled(tmp_path)
    assert state.checked() is state
    (tmp_path / ".stagemake").chmod(0o777)

    with pytest.raises(StagemakeError) as told:
        state.checked()

    assert str(told.value.headline) == "`.stagemake` is not to be trusted"
    assert told.value.facts == (
        ("where", f"`{tmp_path}/.stagemake`"), ("why", "others can write to it (mode 0777)"),
    )  # fmt: skip
    assert told.value.hint is not None
    assert "`stagemake doctor`" in told.value.hint


def test_the_clock_of_a_run_is_that_of_the_file_system(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    state = store(tmp_path)
    state.open()

    began_ns = state.begin("one", ("a",))
    (tmp_path / "a").write_bytes(b"")

    assert began_ns == (tmp_path / ".stagemake/Stagefile/journal").stat().st_mtime_ns
    assert began_ns <= (tmp_path / "a").stat().st_mtime_ns
    state.close()
    state.close()  # once more is fine
    assert len(os.listdir("/dev/fd")) == before


def test_a_snapshot_in_memory_is_given_away_once_while_the_file_is_the_same(tmp_path: Path) -> None:
    kept = KeptSnapshot()
    path = f"{tmp_path}/.stagemake/Stagefile/snapshot"
    written = settled(tmp_path, kept).snapshot

    assert kept.take(path) is written
    assert kept.take(path) is None
    kept.put(path, written)
    os.utime(path)
    assert kept.take(path) is None
    kept.put(f"{path}-gone", written)
    kept.prepare(lambda _: {"a": "f:0:1"})
    assert (kept.take(f"{path}-gone"), kept.take_entries()) == (None, None)
    kept.put(path, written)
    kept.prepare(lambda found: dict.fromkeys(found.traces, "f:0:1"))
    assert kept.take_entries() == {"one": "f:0:1", "two": "f:0:1"}
    assert kept.take_entries() is None
    kept.prepare(lambda _: {"a": "f:0:1"})
    kept.put(path, written)
    assert kept.take_entries() is None


def test_what_is_kept_in_memory_is_read_by_no_file(tmp_path: Path) -> None:
    kept = KeptSnapshot()
    first = settled(tmp_path, kept).snapshot

    again = store(tmp_path, kept)
    again.limit_to(["one"])  # all of it is in memory: nothing to be read
    second = again.snapshot
    other = store(tmp_path, kept).snapshot

    assert second is first
    assert other is not first
    assert other.traces == first.traces
    state = store(tmp_path, kept)
    state.open()
    state.save()  # nothing was written: what is on file is not known to be this
    assert kept.take(f"{state.directory}/snapshot") is None


def test_a_part_notes_what_was_looked_at_since_and_that_it_is_over(tmp_path: Path) -> None:
    state = settled(tmp_path)
    state.mark_changed()
    state.snapshot.memo["/usr/bin/x"] = (SIGNATURE, "f:1:1")
    state.open()
    state.save()

    def built(path: str) -> list[str]:
        part = store(tmp_path)
        part.limit_to(["one"])
        assert part.snapshot.is_part
        told = steps(tmp_path, part.open)
        part.settle_soon("one", trace_of("a", "b"))
        part.snapshot.memo[path] = (SIGNATURE, "f:2:1")
        return told + steps(tmp_path, part.save)

    first, second = built("in/a"), built("in/b")

    assert first == [*FRESH, "write journal", "write journal", "fsync journal", "fsync ."]
    assert second == ["open journal", "write journal", "write journal", "fsync journal"]
    assert [record[:2] for record in journal.read(f"{state.directory}/journal")] == [
        ("settle", "one"), ("look", "in/a"), ("kept", ""), ("settle", "one"), ("look", "in/b"), ("kept", ""),
    ]  # fmt: skip
    looked = store(tmp_path)
    looked.limit_to(["one"])
    assert steps(tmp_path, lambda: (looked.snapshot, looked.save())) == []


def test_a_part_whose_state_somebody_removes_is_done_all_the_same(tmp_path: Path) -> None:
    settled(tmp_path)
    part = store(tmp_path)
    part.limit_to(["one"])
    part.open()
    part.settle("one", trace_of("a", "b"))
    durable.remove_tree(part.shared)

    part.save()

    assert not os.path.exists(part.shared)


def test_what_is_read_again_is_what_is_there_by_then(tmp_path: Path) -> None:
    state = settled(tmp_path)
    reader = store(tmp_path)
    known = reader.snapshot
    state.open()
    state.forget("one")
    state.save()

    assert reader.snapshot is known
    reader.reload()

    assert set(reader.snapshot.traces) == {"two"}
