"""What leaves no record of a no-op, or less in it: whatever is unclear, and what can't be kept in plain values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from finish_kit import STAGES, Scene, laid_out, steps, written

from stagemake.freshness import noop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> str:
    return laid_out(tmp_path)


UNCLEAR: dict[str, dict[str, Any]] = {
    "a line to blame": {"blames": {"what": "line 3"}},
    "something noted late": {"is_late": True},
    "a file that was read and moved": {"files": {"/none": (0,) * 6}},
    "what no record can hold": {"values": {("uname",): object()}},
}


@pytest.mark.parametrize("what", UNCLEAR)
def test_what_is_unclear_leaves_the_record_that_was_there(root: str, what: str) -> None:
    scene = Scene(root, words=UNCLEAR[what])

    told = steps(scene.finish())

    assert "rename noop" not in told
    assert scene.load() is None


def test_a_stage_without_a_result_or_with_another_program_leaves_no_record(root: str) -> None:
    no_result = Scene(root)
    elsewhere = Scene(root, search_path="/nowhere")

    no_result.finish(done={"one"}).write()
    assert no_result.load() is None
    elsewhere.finish().write()

    assert elsewhere.load() is None


@pytest.mark.parametrize("why", ["plugins", "a parameter"])
def test_what_cannot_be_kept_is_said_to_be_nowhere(root: str, why: str) -> None:
    odd = evolve(STAGES[0], params=(("p", object()),))
    scene = Scene(root, stages=(odd, *STAGES[1:])) if why == "a parameter" else Scene(root, registry=None)  # fmt: skip

    told = steps(scene.finish())

    record = scene.load()
    assert record is not None
    assert record[noop.DECLARED] == -1
    assert told == (["rename noop"] if why == "plugins" else ["rename names", "rename noop"])


def test_a_link_in_its_place_is_replaced_and_not_read_through(root: str) -> None:
    scene = Scene(root)
    written(scene)
    path = f"{scene.directory}/noop"
    os.rename(path, f"{root}/real")
    os.symlink(f"{root}/real", path)

    scene.finish().write()

    assert not os.path.islink(path)
    assert scene.load() is not None
