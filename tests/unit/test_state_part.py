"""The state of a few stages among many: read by itself, gone on with in the journal, and the same to who reads all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from fuzz_targets import TRACE

from stagemake.freshness import journal, snapshot
from stagemake.state import StateStore

if TYPE_CHECKING:
    from pathlib import Path

    from stagemake.freshness.snapshot import Snapshot, Trace

SIGNATURE = (1, 2, 3, 4, 5, 6)
NAMES = [f"s{number:03d}" for number in range(200)]


def trace(name: str, key: str = "0") -> Trace:
    declared = (*TRACE[0][:4], (f"out/{name}",), *TRACE[0][5:])
    return (declared, key * 32, *TRACE[2:5], ("f:0:1",), (), *TRACE[7:])


def store(root: Path) -> StateStore:
    return StateStore(str(root), "Stagefile")


def written(root: Path) -> StateStore:
    """Return the state of 200 stages, as a build of all leaves it."""
    state = store(root)
    state.open()
    for name in NAMES:
        state.begin(name, (f"out/{name}",))
        state.settle(name, trace(name))
    state.snapshot.memo["/usr/bin/tool"] = (SIGNATURE, "x:0:1")
    state.snapshot.memo["in/a"] = (SIGNATURE, "f:0:1")
    state.save()
    return state


def part(root: Path, *names: str) -> StateStore:
    state = store(root)
    state.limit_to(names)
    return state


def built(root: Path, name: str, key: str) -> StateStore:
    """Return the state after a build of one stage among many."""
    state = part(root, name)
    state.open()
    state.begin(name, (f"out/{name}",))
    state.snapshot.memo[f"in/{name}"] = (SIGNATURE, f"f:{key}:1")
    state.settle(name, trace(name, key))
    state.save()
    return state


def files(root: Path) -> set[str]:
    return set(os.listdir(root / ".stagemake/Stagefile"))


def snapshot_of(root: Path) -> tuple[int, int, int]:
    status = (root / ".stagemake/Stagefile/snapshot").stat()  # reading it moves its time of access
    return status.st_ino, status.st_mtime_ns, status.st_size


def content(known: Snapshot) -> tuple[object, ...]:
    return known.traces, known.memo, known.interrupted, known.is_of_this_boot


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    written(tmp_path)

    known = part(tmp_path, "s007", "s190").snapshot

    assert known.is_part
    assert known.traces == {name: trace(name) for name in ("s007", "s190")}
    assert known.memo == {"/usr/bin/tool": (SIGNATURE, "x:0:1")}


def test_one_result_is_appended_and_the_snapshot_stays_as_it_is(tmp_path: Path) -> None:
    written(tmp_path)
    before = snapshot_of(tmp_path)

    built(tmp_path, "s003", "1")
    built(tmp_path, "s150", "2")
    built(tmp_path, "s003", "3")

    assert snapshot_of(tmp_path) == before
    assert (tmp_path / ".stagemake/Stagefile/journal").stat().st_size < 3000
    known = store(tmp_path).snapshot
    assert not known.is_part
    expected = {**{name: trace(name) for name in NAMES}, "s003": trace("s003", "3"), "s150": trace("s150", "2")}  # fmt: skip
    assert known.traces == expected
    assert list(known.traces)[-2:] == ["s150", "s003"]  # the latest last
    assert known.memo == {
        "/usr/bin/tool": (SIGNATURE, "x:0:1"), "in/a": (SIGNATURE, "f:0:1"),
        "in/s003": (SIGNATURE, "f:3:1"), "in/s150": (SIGNATURE, "f:2:1"),
    }  # fmt: skip
    assert part(tmp_path, "s003").snapshot.traces["s003"] == trace("s003", "3")


def test_what_was_read_before_the_lock_counts_no_more(tmp_path: Path) -> None:
    written(tmp_path)
    built(tmp_path, "s003", "1")
    state = part(tmp_path, "s003")
    assert state.snapshot.is_part
    other = store(tmp_path)
    other.open()
    other.save()  # the journal is gone

    state.reload()
    assert not state.snapshot.is_part  # for whom it was read is forgotten, too
    state.reload()
    state.limit_to(["s150"])
    state.open()
    state.begin("s150", ("out/s150",))
    state.settle("s150", trace("s150", "2"))
    state.save()

    assert store(tmp_path).snapshot.traces["s150"] == trace("s150", "2")


def test_who_reads_all_writes_all_and_the_journal_is_gone(tmp_path: Path) -> None:
    written(tmp_path)
    built(tmp_path, "s003", "1")
    known = content(store(tmp_path).snapshot)

    state = store(tmp_path)
    state.open()
    state.save()

    assert files(tmp_path) == {"snapshot"}
    assert content(store(tmp_path).snapshot) == known


def test_a_long_journal_has_the_snapshot_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    built(tmp_path, "s003", "1")
    monkeypatch.setattr(journal, "MOST_KEPT_BYTES", 100)

    state = built(tmp_path, "s004", "2")

    assert not state.snapshot.is_part
    assert files(tmp_path) == {"snapshot"}
    assert store(tmp_path).snapshot.traces["s003"] == trace("s003", "1")


def test_a_build_that_was_killed_is_told_of_and_not_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path)
    built(tmp_path, "s003", "1")
    state = part(tmp_path, "s004")
    state.open()
    state.begin("s004", ("out/s004",))
    state.close()  # as if killed: no save

    known = part(tmp_path, "s005").snapshot

    assert not known.is_part
    assert known.interrupted == {"s004": ("out/s004",)}
    assert "s004" not in known.traces
    assert known.traces["s003"] == trace("s003", "1")


@pytest.mark.parametrize("name", ["snapshot", "journal"])
def test_damage_anywhere_gives_nothing_that_was_not_written(tmp_path: Path, name: str) -> None:
    written(tmp_path)
    built(tmp_path, "s003", "1")
    path = tmp_path / ".stagemake/Stagefile" / name
    good = path.read_bytes()
    true = {"s003": [trace("s003"), trace("s003", "1")], "s150": [trace("s150")]}

    for at in range(0, len(good), 1 if name == "journal" else 997):
        path.write_bytes(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
        known = part(tmp_path, "s003", "s150").snapshot
        for stage in known.traces.keys() & true.keys():
            assert known.traces[stage] in true[stage]
        if known.is_part:
            assert known.traces["s003"] == trace("s003", "1")
    path.write_bytes(good[:-1])
    assert not part(tmp_path, "s003").snapshot.is_part


def test_after_a_reboot_results_hold_and_signatures_don_t(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    built(tmp_path, "s003", "1")
    state = part(tmp_path, "s004")
    state.open()
    state.begin("s004", ("out/s004",))
    state.close()  # it ended with the machine
    for module in (journal, snapshot):
        monkeypatch.setattr(module, "boot_id", lambda: "after a reboot")

    known = part(tmp_path, "s003").snapshot

    assert (known.is_part, known.is_of_this_boot, known.memo) == (False, False, {})
    assert known.traces["s003"] == trace("s003", "1")
    assert known.traces["s004"] == trace("s004")


def test_what_is_not_known_or_two_stages_have_made_takes_the_whole_snapshot(tmp_path: Path) -> None:
    written(tmp_path)
    assert not part(tmp_path, "s003", "other").snapshot.is_part
    state = store(tmp_path)
    state.open()
    state.settle("renamed", trace("s007"))
    state.save()

    assert not part(tmp_path, "s003").snapshot.is_part
