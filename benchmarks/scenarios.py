"""What is measured: each scenario's state before the run, and the proof that the run did its work."""

from __future__ import annotations

import enum
import json
import os
from typing import TYPE_CHECKING

from attrs import frozen
from measure import Measurement, RunFailedError

if TYPE_CHECKING:
    from trees import Signature, Tree


class Scenario(enum.Enum):
    """In the order in which they run on one graph."""

    DRY_NEW = "dry run, never built"
    COLD = "cold"
    NOOP = "no-op"
    TOUCH = "touch"
    EDIT = "one edit"
    DRY_BUILT = "dry run, just built"
    RESTORE = "restore"

    @property
    def is_dry(self) -> bool:
        """Whether the tool's dry run is what is measured."""
        return self in (Scenario.DRY_NEW, Scenario.DRY_BUILT)

    @property
    def starts_built(self) -> bool:
        """Whether the tree has just been built when the scenario begins."""
        return self not in (Scenario.DRY_NEW, Scenario.COLD)


@frozen
class Sample:
    """One checked run."""

    cost: Measurement
    written: int  # outputs that were made or written anew


def begin(tree: Tree, scenario: Scenario, prefix: str) -> None:
    """Bring the tree into the state in which the scenario's first run starts; unmeasured.

    Raises:
        RunFailedError: The tool could not build the graph.
    """
    if not scenario.starts_built:
        tree.lay_out()
        return
    if None in tree.signatures():
        tree.lay_out()
        tree.run(tree.tool.build)
    # All trees of the graph get the same leaf, whatever happened to them before.
    tree.edit_leaf(prefix)
    tree.run(tree.tool.build)


def run_once(tree: Tree, scenario: Scenario, prefix: str) -> Sample:
    """Prepare the tree, run the tool once, check what it did.

    Args:
        tree: In the state that `begin` left, or an earlier run of the same scenario.
        scenario: What to measure.
        prefix: For an edit: new at every call, so that no cache can know the content.

    Raises:
        RunFailedError: The run failed, or didn't do its work.
    """
    prepare(tree, scenario, prefix)
    before = tree.signatures()
    if scenario is Scenario.EDIT and None in before:
        raise RunFailedError("outputs missing before the run")
    reached = tree.graph.reached() if scenario is Scenario.EDIT else ()
    old = [tree.read_output(stage.output) for stage in reached]
    cost = tree.run(tree.tool.dry if scenario.is_dry else tree.tool.build)
    after = tree.signatures()
    _check_outputs(scenario, before, after)
    for stage, content in zip(reached, old, strict=True):
        if (tree.read_output(stage.output) == content) is not tree.graph.cuts_off:
            what = "should not change" if tree.graph.cuts_off else "did not reach"
            raise RunFailedError(f"the edit {what} {stage.output}")
    if scenario is Scenario.EDIT:
        _check_first_output(tree, prefix)
    if scenario is Scenario.DRY_NEW and not os.path.getsize(tree.log_path):
        raise RunFailedError("the dry run said nothing")
    if scenario is Scenario.COLD:
        _check_left_behind(tree)
    return Sample(cost, sum(a != b for a, b in zip(after, before, strict=True)))


def check_same(one: Tree, other: Tree) -> None:
    """Compare all outputs of two trees of the same graph byte for byte.

    Raises:
        RunFailedError: An output differs.
    """
    if one.contents() != other.contents():
        raise RunFailedError("outputs differ from the other tool's")


def prove_restored(tree: Tree) -> None:
    """Delete all outputs and let the tool tell how many it restored; unmeasured.

    Outputs that are there again don't show whether they were restored or made anew.

    Raises:
        RunFailedError: The run failed, or not every output was restored.
    """
    if not tree.tool.build_json:
        return
    tree.delete_outputs()
    tree.run(tree.tool.build_json)
    with open(tree.log_path, encoding="utf-8") as file:
        text = file.read()
    try:
        restored = json.loads(text)["outcomes"]["restored"]
    except (ValueError, KeyError):
        raise RunFailedError(f"its JSON tells nothing about restoring: {text[:40]!r}") from None
    if restored != len(tree.graph.stages):
        raise RunFailedError(f"only {restored} stages were restored, the others ran")


def prepare(tree: Tree, scenario: Scenario, prefix: str) -> None:
    """Bring a tree into the state just before one run; `begin` has been called. Arguments as `run_once`."""
    if scenario is Scenario.COLD:
        tree.lay_out()
    elif scenario is Scenario.TOUCH:
        tree.touch_leaf()
    elif scenario is Scenario.EDIT:
        tree.edit_leaf(prefix)
    elif scenario is Scenario.RESTORE:
        tree.delete_outputs()
    if scenario in (Scenario.COLD, Scenario.RESTORE):
        # What the preparation wrote must not wait for the disk on the run's account:
        # a tool that syncs would pay for it, one that doesn't would not.
        os.sync()


def _check_outputs(
    scenario: Scenario, before: list[Signature | None], after: list[Signature | None]
) -> None:
    match scenario:
        case Scenario.DRY_NEW if any(after):
            raise RunFailedError("the dry run made outputs")
        case Scenario.DRY_NEW:
            return
        case Scenario.NOOP | Scenario.DRY_BUILT if before != after:
            raise RunFailedError("something was written")
        case _ if None in after:
            raise RunFailedError(f"{after.count(None)} outputs missing")


def _check_first_output(tree: Tree, prefix: str) -> None:
    text = tree.read(tree.graph.first_leaf())
    expected = {"functions": text.upper(), "layered": None, "cutoff": b"1\n"}.get(
        tree.graph.shape, text
    )
    first = tree.graph.stages[0].output
    if not text.startswith(prefix.encode()) or expected not in (
        None,
        tree.read_output(first),
    ):
        raise RunFailedError(f"{first} does not hold the edited leaf")


def _check_left_behind(tree: Tree) -> None:
    directory = tree.tool.leaves_behind
    if directory and not os.listdir(os.path.join(tree.root, directory)):
        raise RunFailedError(f"nothing in {directory}")
