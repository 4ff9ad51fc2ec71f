from __future__ import annotations

import pytest
from fakes import ScriptedRunner

from stagemake.runner.port import Completion, Work


def work(stage_id):
    return Work(stage_id, {}, argv=("true",))


def test_actions_end_as_scripted_and_in_the_order_that_the_test_turns(tmp_path) -> None:
    effects = []
    runner = ScriptedRunner(hand_cranked=True).script(Completion(2, 7, wall_s=3.0), effects.append)
    for stage_id in (1, 2):
        runner.start(work(stage_id))

    runner.finish(2)
    runner.finish(1)

    ended = [(each.stage_id, each.exit_code, each.started_s) for each in runner.wait(None)]
    assert ended == [(2, 7, 0.0), (1, 0, 3.0)]
    assert effects == [work(2)]
    assert (runner.started_ids, runner.most_at_once, runner.running) == ([1, 2], 2, {})


def test_a_wait_turns_the_crank_itself_or_fails_instead_of_hanging() -> None:
    by_itself, by_hand = ScriptedRunner(), ScriptedRunner(hand_cranked=True)
    by_itself.start(work(1))
    by_hand.start(work(1))

    assert [each.stage_id for each in by_itself.wait(None)] == [1]
    assert by_itself.wait(None) == []
    with pytest.raises(AssertionError, match="for ever"):
        by_hand.wait(None)


def test_stop_ends_what_runs() -> None:
    runner = ScriptedRunner()
    runner.start(work(1))

    runner.stop(now=True)

    assert [each.exit_code for each in runner.wait(None)] == [-9]
    assert runner.stops == [True]
