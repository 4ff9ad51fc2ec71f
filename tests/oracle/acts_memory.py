"""Acts on what stagemake remembers of a project: lost, damaged, or as it was some time ago."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from oracle.effect import Effect
from oracle.expected import Status, expect
from oracle.history import STATE
from oracle.tree import remove, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_PLAIN = Effect()
_DECIDES = ("snapshot", "noop", "touched", "declared", "journal", "captures", "history.db")


def lose_state(history: History) -> Effect:
    """Remove `.stagemake`, with what it kept for the user."""
    remove(f"{history.root}/{STATE}")
    history.forget_tokens()
    _disown(history)
    return _PLAIN


def _disown(history: History) -> None:
    """Note that nobody knows any more whose the outputs of stages are that are not up to date."""
    right = expect(history.project, history.root)
    for spec in history.project.specs:
        if right.status[spec.name] is not Status.GOOD:
            history.shared_tops.update(spec.outputs)


def restore_all(history: History) -> Effect:
    """Remove state and outputs: everything comes back from the cache."""
    remove(f"{history.root}/{STATE}")
    remove(f"{history.root}/out")
    history.forget_tokens()
    return _PLAIN


def damage_state(history: History) -> Effect | None:
    """Flip bits in files of the state, cut, empty or remove them."""
    state, rnd = f"{history.root}/{STATE}/Stagefile", history.rnd
    paths = [f"{state}/{path}" for path in sorted(walk(state))] if os.path.isdir(state) else []
    paths = [path for path in paths if os.path.basename(path) in _DECIDES]
    if not paths:
        return None
    for path in rnd.sample(paths, min(len(paths), rnd.choice([1, 2, 9]))):
        size = os.stat(path).st_size
        what = rnd.choice(["flip", "flip", "cut", "empty", "remove"])
        if what == "remove" or not size:
            remove(path)
        elif what == "flip":
            with open(path, "r+b") as stream:
                at = rnd.randrange(size)
                stream.seek(at)
                byte = stream.read(1)[0]
                stream.seek(at)
                stream.write(bytes([byte ^ (1 << rnd.randrange(8))]))
        else:
            os.truncate(path, 0 if what == "empty" else rnd.randrange(size))
    _disown(history)
    return _PLAIN


def old_state(history: History) -> Effect | None:
    """Put the state aside, to go on with a copy; the next time, put the old one back.

    What was put aside has the inodes and times that it notes of itself. What was kept for the user goes along.
    """
    state, aside = f"{history.root}/{STATE}", f"{history.base}/old-state"
    if not os.path.isdir(state):
        return None
    if not os.path.isdir(aside):
        os.rename(state, aside)
        shutil.copytree(aside, state, symlinks=True)
        return _PLAIN

    def links_that_are_there(place: str, names: list[str]) -> list[str]:
        there = place.replace(state, aside, 1)
        links = [name for name in names if os.path.islink(f"{place}/{name}")]
        return [name for name in links if os.path.lexists(f"{there}/{name}")]

    for name in ("kept", "Stagefile/failed"):
        if os.path.isdir(f"{state}/{name}"):
            shutil.copytree(
                f"{state}/{name}", f"{aside}/{name}", symlinks=True, dirs_exist_ok=True,
                ignore=links_that_are_there,
            )  # fmt: skip
    remove(state)
    os.rename(aside, state)
    _disown(history)
    return _PLAIN


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one for one in (lose_state, restore_all, damage_state, old_state)
}
