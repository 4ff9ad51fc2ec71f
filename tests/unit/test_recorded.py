"""What past builds left at outputs, and which of it no stage makes now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagemake.freshness.snapshot import Snapshot
from stagemake.recorded import orphans_of, recorded_entries, recorded_files, recorded_outputs

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace


def trace(outputs: dict[str, str], inside: dict[str, str] | None = None) -> Trace:
    """Return a trace of a stage with these outputs and this content of its directories."""
    declaration = ("sh", (), (), (), tuple(outputs))
    return declaration, "", (), (), (), tuple(outputs.values()), tuple((inside or {}).items()), (), ()  # fmt: skip


def known(*traces: Trace, **interrupted: tuple[str, ...]) -> Snapshot:
    found = Snapshot()
    found.traces = {f"stage {number}": one for number, one in enumerate(traces)}
    found.interrupted = interrupted
    return found


FILE = trace({"a": "f:1"})
FOLDER = trace({"d/": "d:1", "logX": "f:2"}, {"d/in": "f:3", "d/sub": "d", "d/sub/x": "l:y"})
INSIDE = {"d/in": "f:3", "d/sub": "d", "d/sub/x": "l:y"}


def test_a_directory_counts_by_what_is_in_it() -> None:
    assert recorded_entries(FOLDER) == {"logX": "f:2", **INSIDE}
    assert recorded_files(known(FILE, FOLDER)) == {"a": "f:1", "logX": "f:2", **INSIDE}


def test_outputs_have_no_slash_and_what_is_in_them_is_there_too() -> None:
    assert recorded_outputs(known(FILE, FOLDER)) == {
        "a": "f:1",
        "d": "d:1",
        "logX": "f:2",
        **INSIDE,
    }


def test_of_several_the_last_holds() -> None:
    both = known(FILE, trace({"a": "f:9"}))

    assert recorded_files(both) == recorded_outputs(both) == {"a": "f:9"}


@pytest.mark.parametrize("inside", [{}, {"d/x": "f:1"}])
def test_a_trace_whose_columns_do_not_fit_is_no_trace(inside: dict[str, str]) -> None:
    bad = (*FILE[:5], ("f:1", "f:2"), tuple(inside.items()), (), ())

    for ask in (recorded_files, recorded_outputs):
        with pytest.raises(ValueError, match="zip"):
            ask(known(bad))
    with pytest.raises(ValueError, match="zip"):
        recorded_entries(bad)


@pytest.mark.parametrize(
    ("past", "outputs", "inputs", "expected"),
    [
        (known(FILE), ["a"], [], []),
        (known(FILE), [], [], ["a"]),
        (known(FILE), [], ["a"], []),  # promoted to a source
        (known(FILE), ["a/"], [], []),  # a directory now, and the stage's own
        (known(FILE), ["a/b"], [], ["a"]),  # a file where a directory is to be
        (known(b=("z", "yX/")), [], [], ["yX", "z"]),
        (known(b=("yX/",)), ["yX"], [], []),
        (known(FILE, FOLDER), [], [], ["a", "d", "logX"]),
        (known(FOLDER), ["d", "logX"], [], []),
        # What is in there is listed where something of now is in it too.
        (known(FOLDER), ["logX"], ["d/in"], ["d/sub", "d/sub/x"]),
        (known(FOLDER), ["logX", "d/new"], [], ["d/in", "d/sub", "d/sub/x"]),
        (known(FOLDER), ["logX", "d/sub/x"], [], ["d/in"]),
        (known(FOLDER), ["logX"], ["d/sub/x/deeper"], ["d/in", "d/sub/x"]),
        (known(trace({"a/b": "f:1"})), ["a/"], [], []),  # below an output of now
        (known(trace({"e/": "d:0"}), FOLDER), ["logX"], ["e/x"], ["d"]),
        (known(trace({"dd/": "d:0"}, {"dd/x": "f:1"}), FOLDER), ["d/new", "logX", "dd/"], [], ["d/in", "d/sub", "d/sub/x"]),
    ],
)  # fmt: skip
def test_what_no_stage_makes_now(
    past: Snapshot, outputs: list[str], inputs: list[str], expected: list[str]
) -> None:
    assert orphans_of(past, outputs, lambda: inputs) == expected


def test_inputs_are_not_asked_for_where_nothing_is_left() -> None:
    def never() -> list[str]:
        raise AssertionError("asked")

    assert orphans_of(known(FILE), ["a"], never) == []
