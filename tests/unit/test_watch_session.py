"""The loop of a watch: what it builds when, and what it gives up."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from watch_kit import (
    Said,
    ScriptedBench,
    ScriptedInterest,
    ScriptedWatcher,
    given_up,
    good,
    unrecorded,
)

from stagemake.model.error import UnknownTarget, UsageError
from stagemake.watch.mailbox import LONGEST_S, QUIET_S, Changed, Debounce, Pressed
from stagemake.watch.session import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.result import BuildOutcome


@define
class Scene:
    """A watch of which only the loop is real."""

    bench: ScriptedBench
    said: Said
    watch: Watch
    watcher: ScriptedWatcher

    def heard(self, *paths: str) -> None:
        self.watcher.tell(Changed(frozenset(paths)))


def scene(*builds: Callable[[Scene], BuildOutcome], counts: str = "a b c") -> Scene:
    """Return a watch whose builds do what is given, one after another; then it quits."""
    watchers: list[ScriptedWatcher] = []

    def make(tell: Callable[[Changed], None]) -> ScriptedWatcher:
        watchers.append(ScriptedWatcher(tell))
        return watchers[-1]

    bench, said = ScriptedBench([], ScriptedInterest(set(counts.split()))), Said()
    made = Scene(bench, said, Watch(bench, said, make), watchers[0])

    def acting(act: Callable[[Scene], BuildOutcome], is_last: bool) -> Callable[[], BuildOutcome]:
        def build() -> BuildOutcome:
            outcome = act(made)
            if is_last:
                made.watch.press("q")
            return outcome

        return build

    bench.builds += [acting(act, act is builds[-1]) for act in builds]
    return made


def test_a_change_that_counts_is_built() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.bench.interest.counts.discard("a")  # during the build it is in the stages' hands
        it.heard("a")
        it.bench.interest.counts.add("a")
        return good()

    it = scene(first, lambda _: good())

    assert it.watch.run() == 0
    assert it.bench.asked == [None, {"a"}]
    assert it.said.all == ["waiting", "changed a"]
    assert it.watcher.is_closed


def test_where_to_watch_is_asked_after_a_build_and_after_a_look_and_not_at_each_step() -> None:
    def first(it: Scene) -> BuildOutcome:
        for _ in range(10):
            it.watch.press("h")
        return good()

    it = scene(first, lambda _: good())
    it.bench.interest.on_looked = lambda: it.watch.press("r")

    it.watch.run()

    assert it.bench.interest.asked_where == 2


def test_a_change_that_does_not_count_builds_nothing() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.heard("z")
        it.watch.press("h")
        return good()

    it = scene(first)

    it.watch.run()

    assert it.bench.asked == [None]


def test_changes_of_one_burst_are_built_once() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.bench.interest.counts.clear()
        for path in "abc":
            it.heard(path)
        it.bench.interest.counts.update("abc")
        return good()

    it = scene(first, lambda _: good())

    it.watch.run()

    assert it.bench.asked == [None, {"a", "b", "c"}]


def test_a_build_is_given_up_for_a_change_of_what_it_goes_by() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.heard("b")
        it.heard("c")  # one is enough
        assert it.bench.stopped_by == [15]
        return given_up()

    it = scene(first, lambda _: good())

    it.watch.run()

    assert it.bench.asked == [None, {"b", "c"}]
    assert it.said.all == ["given up for b", "changed b c"]


def test_a_build_that_was_given_up_is_made_good_also_if_the_change_was_taken_back() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.heard("b")
        it.bench.interest.counts.clear()
        return given_up()

    it = scene(first, lambda _: good())

    it.watch.run()

    assert it.bench.asked == [None, set()]


def test_a_stage_that_was_unsure_of_its_inputs_is_run_once_more_and_not_forever() -> None:
    def never(_: Scene) -> BuildOutcome:
        raise AssertionError("it has been run once more already")

    made = scene(lambda _: unrecorded(), lambda _: unrecorded(), never)
    made.bench.interest.on_looked = lambda: made.watch.press("q")

    assert made.watch.run() == 0

    assert made.bench.asked == [None, set()]
    assert made.said.all == ["changed", "waiting"]


def test_a_mistake_is_told_and_waits_for_its_mend() -> None:
    def broken(it: Scene) -> BuildOutcome:
        it.bench.interest.counts.clear()
        it.heard("a")
        it.bench.interest.counts.add("a")
        raise UsageError("no good")

    it = scene(broken, lambda _: good())

    it.watch.run()

    assert it.said.all == ["mistake no good", "waiting", "changed a"]


def test_a_full_disk_is_told_and_does_not_end_it_but_nobody_reading_does() -> None:
    def full(it: Scene) -> BuildOutcome:
        it.bench.interest.counts.clear()
        it.heard("a")
        it.bench.interest.counts.add("a")
        raise OSError(errno.ENOSPC, "No space left on device", "out/b")

    def unread(_it: Scene) -> BuildOutcome:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    it = scene(full, unread)

    with pytest.raises(BrokenPipeError):
        it.watch.run()

    assert it.said.all == ["mistake no space left on device: `out/b`", "waiting", "changed a"]


def test_a_target_that_is_unknown_from_the_start_ends_it() -> None:
    def slip(_it: Scene) -> BuildOutcome:
        raise UnknownTarget("no stage is called `buidl`")

    it = scene(slip)

    with pytest.raises(UnknownTarget):
        it.watch.run()

    assert it.said.all == []


def test_a_target_that_goes_later_is_awaited() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.bench.interest.counts.clear()
        it.heard("a")
        it.bench.interest.counts.add("a")
        return good()

    def gone(it: Scene) -> BuildOutcome:
        it.watch.press("q")
        raise UnknownTarget("no stage is called `build`")

    it = scene(first, gone)

    it.watch.run()

    assert it.said.all == ["waiting", "changed a", "mistake no stage is called `build`"]


def test_a_signal_ends_the_build_and_the_watch_with_its_own_status() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.watch.ask_to_end(2)
        assert it.bench.stopped_by == [2]
        return given_up()

    it = scene(first)

    assert it.watch.run() == 130
    assert it.said.all == []


def test_what_another_build_makes_is_looked_at_when_it_is_done() -> None:
    def first(it: Scene) -> BuildOutcome:
        it.bench.interest.counts.clear()
        it.heard("a")
        it.bench.interest.counts.add("a")
        it.bench.held_looks = 3
        return good()

    it = scene(first, lambda _: good())

    it.watch.run()

    assert it.bench.held_looks == -1
    assert it.bench.asked == [None, {"a"}]


def test_where_watches_are_refused_everything_is_looked_at_in_their_place() -> None:
    it = scene(lambda _: good(), lambda _: good())
    it.watcher.refuses = True
    it.said.on_notice = lambda: it.watch.mailbox.put(Pressed("r"))

    it.watch.run()

    assert it.bench.asked == [None, None]
    assert "no space left on device" in it.said.all[1]


def test_keys_do_what_the_help_says() -> None:
    def first(it: Scene) -> BuildOutcome:
        for key in "wh\n?x":
            it.watch.press(key)
        it.watch.mailbox.put(Pressed("r"))  # as if it had come just after
        return good()

    it = scene(first, lambda _: good())

    it.watch.run()

    assert it.said.all == ["waiting", "why True", "help", "help", "help", "changed"]
    assert it.bench.asked == [None, None]


@given(st.lists(st.floats(0.0, 0.2), min_size=1, max_size=30))
def test_changes_are_due_when_it_is_quiet_or_has_been_long(pauses: list[float]) -> None:
    now = 100.0
    debounce = Debounce(lambda: now)
    assert debounce.due_in_s() is None

    first = last = None
    for pause in pauses:
        now += pause
        debounce.add(Changed(frozenset({str(pause)})))
        first, last = now if first is None else first, now

    assert first is not None
    assert last is not None
    due = debounce.due_in_s()
    assert due is not None
    assert abs(now + due - max(now, min(last + QUIET_S, first + LONGEST_S))) < 1e-6
    assert debounce.take() == ({str(pause) for pause in pauses}, False)
    assert debounce.due_in_s() is None
