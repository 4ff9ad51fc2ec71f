from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from stagemake import durable
from stagemake.freshness.signature import (
    UNKNOWN_CLOCK_SLACK_NS,
    FileClock,
    filesystem_clock,
    input_signature,
    is_racy,
    link_signature,
    of_status,
    sees_every_change,
    settle_clock,
    signature,
    youngest_ns,
)


def write(path, text):
    path.write_text(text)
    return str(path)


class HandClock:
    """A file system whose times move by ticks, when told."""

    def __init__(self, now_ns, step_ns=0):
        self.now_ns = now_ns
        self.step_ns = step_ns

    def touch(self, path):
        durable.touch(path)
        os.utime(path, ns=(self.now_ns, self.now_ns))
        self.now_ns += self.step_ns


def test_a_file_has_six_fields_and_a_missing_one_none(tmp_path):
    path = write(tmp_path / "a", "text")

    assert signature(path) == link_signature(path) == input_signature(path)
    assert signature(path) == of_status(os.stat(path))
    assert signature(path)[0] == 4
    assert signature(path + "/b") is None
    assert signature("nul\0") is None


def test_an_edit_with_the_old_time_put_back_is_seen(tmp_path):
    path = write(tmp_path / "a", "one")
    before = signature(path)

    write(tmp_path / "a", "two")
    os.utime(path, ns=(before[1], before[1]))

    assert signature(path)[:2] == before[:2]
    assert signature(path) != before


def test_a_link_as_input_changes_with_its_text_and_with_its_goal(tmp_path):
    goal = write(tmp_path / "goal", "one")
    link = str(tmp_path / "link")
    os.symlink("goal", link)
    first = input_signature(link)

    write(tmp_path / "goal", "three")
    second = input_signature(link)
    os.unlink(link)
    os.symlink("./goal", link)

    assert len({first, second, input_signature(link)}) == 3
    assert signature(link) == signature(goal)


def test_a_goal_that_appears_is_seen_through_the_link(tmp_path):
    link = str(tmp_path / "link")
    os.symlink("goal", link)
    dangling = input_signature(link)

    write(tmp_path / "goal", "")

    assert len(dangling) == 6
    assert len(input_signature(link)) == 12


def test_a_file_is_trusted_only_when_strictly_older_than_the_clock():
    signed = (1, 100, 90, 7, 8, 9)

    assert is_racy(signed, 100)
    assert not is_racy(signed, 101)
    assert is_racy(signed, 101, slack_ns=1)
    assert youngest_ns((*signed, 1, 500, 80, 7, 8, 9)) == 500


def test_clocks_in_ticks_do_not_show_every_change(tmp_path):
    probe = str(tmp_path / "probe")

    assert not sees_every_change(probe, HandClock(5).touch)
    assert sees_every_change(probe, HandClock(5, step_ns=1).touch)


def test_waiting_ends_when_the_clock_has_passed(tmp_path):
    clock = HandClock(10, step_ns=4)

    reading_ns = settle_clock(str(tmp_path / "probe"), 20, time.monotonic() + 60, clock.touch)

    assert reading_ns == 22


def test_a_time_is_passed_only_by_a_later_one(tmp_path):
    clock = HandClock(20, step_ns=1)

    reading_ns = settle_clock(str(tmp_path / "probe"), 20, time.monotonic() + 60, clock.touch)

    assert reading_ns == 21


@pytest.mark.parametrize("field", [1, 2, 7, 8])
def test_the_youngest_time_is_that_of_any_of_the_four(field):
    fields = [10**9, 3, 4, 10**9, 10**9, 10**9, 10**9, 3, 4, 10**9, 10**9, 10**9]
    fields[field] = 50

    assert youngest_ns(tuple(fields)) == 50
    assert field > 2 or youngest_ns(tuple(fields[:6])) == 50


def test_a_time_from_the_future_is_given_up_on(tmp_path):
    reading_ns = settle_clock(str(tmp_path / "probe"), 20, time.monotonic(), HandClock(10).touch)

    assert reading_ns is None


def test_the_clock_is_the_file_systems_own(tmp_path):
    probe = str(tmp_path / "probe")

    reading_ns = filesystem_clock(probe, durable.touch)

    assert reading_ns == os.stat(probe).st_mtime_ns


def test_on_a_coarse_clock_a_file_of_the_same_tick_is_not_trusted_until_it_has_passed(tmp_path):
    ticks = HandClock(1000)
    clock = FileClock(str(tmp_path / "probe"), ticks.touch)
    device = os.stat(tmp_path).st_dev
    signed = (1, 1000, 1000, 7, device, 9)
    at_once = clock.trusts(signed, clock.taken_at(signed))

    ticks.now_ns = 1001

    assert not at_once
    assert clock.wait_past(1000, time.monotonic() + 60)
    assert clock.trusts(signed, clock.taken_at(signed))
    assert not clock.wait_past(2000, time.monotonic())


def test_a_coarse_clock_is_read_again_only_where_a_file_is_as_young_as_the_reading(tmp_path):
    ticks = HandClock(1000)
    clock = FileClock(str(tmp_path / "probe"), ticks.touch)
    ticks.now_ns = 1001
    older, as_young = (1, 999, 999, 7, 8, 9), (1, 999, 1000, 7, 8, 9)

    assert clock.taken_at(older) == 1000
    assert clock.taken_at(as_young) == clock.reading_ns == 1001
    ticks.now_ns = 1005
    assert clock.wait_past(1002, time.monotonic() + 60)
    assert clock.reading_ns == 1005


def test_a_clock_that_shows_every_change_is_read_once(tmp_path):
    clock = FileClock(str(tmp_path / "probe"), HandClock(1000, step_ns=1).touch)
    before_ns = clock.reading_ns

    assert clock.taken_at((1, before_ns, before_ns, 7, 8, 9)) == before_ns


def test_a_goal_on_another_file_system_gets_two_seconds_too(tmp_path):
    clock = FileClock(str(tmp_path / "probe"), HandClock(10**10, step_ns=1).touch)
    own = os.stat(tmp_path).st_dev
    to_own = (1, 5, 5, 7, own, 9, 1, 10**10, 5, 7, own, 9)
    to_other = (*to_own[:10], own + 1, 9)

    assert clock.trusts(to_own, 10**10)
    assert not clock.trusts(to_other, 10**10 + UNKNOWN_CLOCK_SLACK_NS)
    assert clock.trusts(to_other, 10**10 + UNKNOWN_CLOCK_SLACK_NS + 1)


def test_another_file_systems_times_get_two_seconds(tmp_path):
    clock = FileClock(str(tmp_path / "probe"), HandClock(10**10, step_ns=1).touch)
    own, other = os.stat(tmp_path).st_dev, -1
    linked = (1, 5, 5, 7, own, 9, 1, 10**10, 5, 7, other, 9)

    assert clock.trusts((1, 10**10, 5, 7, own, 9), 10**10)
    assert not clock.trusts((1, 10**10, 5, 7, other, 9), 10**10 + 5)
    assert clock.trusts((1, 10**10, 5, 7, other, 9), 10**10 + UNKNOWN_CLOCK_SLACK_NS + 1)
    assert not clock.trusts(linked, 10**10 + 5)


def test_importing_it_loads_nothing_more():
    code = "import sys; b = set(sys.modules); import stagemake.freshness.signature; print(set(sys.modules) - b)"

    run = [sys.executable, "-S", "-c", code]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout

    assert "typing" not in loaded
    assert "{" in loaded


def test_what_is_not_there_has_no_signature_of_any_kind(tmp_path):
    paths = [f"{tmp_path}/gone", f"{tmp_path}/a\0b", "x" * 5000]

    for look in (signature, link_signature, input_signature):
        assert [look(path) for path in paths] == [None] * 3
