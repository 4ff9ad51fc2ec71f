"""Acts with the tool itself: other requests than a plain build, other commands, other checkouts."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from oracle.acts_outputs import remove_made
from oracle.acts_sources import edit, revert, text_for
from oracle.driver import Ask
from oracle.effect import Effect
from oracle.expected import Status, expect
from oracle.history import STATE, History
from oracle.project import OWN, SOURCES, write
from oracle.render import render
from oracle.tree import copy_to, results
from oracle.typed import tell

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN = Effect()


def part(history: History) -> Effect | None:
    """Edit, then build some targets only: by name, output, pipeline or pattern."""
    edit(history)
    render(history.project, history.root)
    right = expect(history.project, history.root)
    project, rnd = history.project, history.rnd
    spec = rnd.choice(project.specs)
    what = rnd.choice(["name", "output", "pipeline", "pattern", "two"])
    names = [spec.name]
    targets: tuple[str, ...] = (spec.name,)
    if what == "output" and spec.outputs:
        targets = (spec.outputs[0],)
    elif what == "pipeline":
        names, targets = [one.name for one in project.specs[::2]], ("some",)
    elif what == "pattern":
        names, targets = (
            [one.name for one in project.specs if one.name[0] == spec.name[0]],
            (f"{spec.name[0]}*",),
        )
    elif what == "two":
        other = rnd.choice(project.specs)
        names, targets = [spec.name, other.name], (spec.name, other.name)
    only = project.closure(names)
    built = history.build(Ask(targets=targets))
    history.compare_outcomes(right, built, only)
    history.compare_tree(right, history.root, only)
    return _PLAIN


def force(history: History) -> Effect:
    """Edit or undo an edit, then run all stages whatever is known about them."""
    history.rnd.choice([edit, revert])(history)
    render(history.project, history.root)
    right = expect(history.project, history.root)
    ask = Ask(force=True)
    foreseen = history.planned(ask)
    built = history.build(ask)
    history.compare_outcomes(right, built)
    history.compare_tree(right, history.root)
    history.compare_plan(foreseen, built, is_good=right.is_good)
    idle = built.names("fresh", "restored", "cut_off") - right.by_order
    if idle:
        raise history.fail(f"told to run everything, it did not run {sorted(idle)}")
    return Effect(runs_nothing=True)


def stop_at_failure(history: History) -> Effect | None:
    """Edit, then build without going on after a failure; what has ended counts."""
    sources = [path for path in SOURCES if os.path.isfile(f"{history.root}/{path}")]
    if not any(spec.fails_on for spec in history.project.specs) or not sources:
        return None
    for path in history.rnd.sample(sources, min(2, len(sources))):
        write(history.root, path, f"v{history.rnd.choice('78')} {path}\nrest 0\n")
    render(history.project, history.root)
    right = expect(history.project, history.root)
    built = history.driver.build(history.place(), Ask(keep_going=False))
    done = built.names("fresh", "restored", "cut_off", "ran")
    wrong = done & right.names(Status.FAILED, Status.MISSING)
    if wrong:
        raise history.fail(f"{sorted(wrong)} should fail and did not")
    history.compare_tree(right, history.root, done)
    return _PLAIN


def clean(history: History) -> Effect:
    """Have outputs removed: the user's files stay, and everything comes back from the cache."""
    tell(history.place(), "clean")
    found = results(history.root, (*OWN, STATE))
    for path in history.last.entries:
        entry = found.get(path)
        if entry is not None and entry[0] != "directory" and not history.is_users(path, entry):
            raise history.fail(f"`clean` left {path}")
    history.look_for_tokens()
    return _PLAIN


def collect_cache(history: History) -> Effect | None:
    """Shrink or clear the cache; sometimes outputs are gone too."""
    if not os.path.isdir(history.cache) or history.is_damaged:
        return None
    size = history.rnd.choice(["0", "2 kB", "20 kB"])
    tell(history.place(), "cache", "gc", "--max-size", size)
    history.stored.clear()
    history.is_collected = size != "0"
    if history.rnd.random() < 0.5:
        for spec in history.project.specs:
            for output in spec.outputs:
                remove_made(history, output)
        return _PLAIN
    return Effect(runs_nothing=True)


def verify_cache(history: History) -> Effect | None:
    """Have the cache read through: what is damaged goes, all else stays."""
    if not os.path.isdir(history.cache):
        return None
    tell(history.place(), "cache", "verify")
    history.is_damaged = False
    return _PLAIN


def second_checkout(history: History) -> str:
    """Return the directory of a second checkout, whose sources may be others; it may have been built."""
    other = f"{history.base}/second/checkout"
    if history.rnd.random() < 0.5 and os.path.exists(other):
        shutil.rmtree(other)
    if not os.path.exists(other):
        copy_to(other, history.root, OWN)
        os.makedirs(f"{history.base}/second/race", exist_ok=True)
    if history.rnd.random() < 0.4:
        path = history.rnd.choice(SOURCES)
        write(other, path, text_for(history, path))
    render(history.project, other)
    return other


def other_checkout(history: History) -> Effect:
    """Build a second checkout with the same cache: all that the first one stored is restored."""
    render(history.project, history.root)
    other = second_checkout(history)
    right = expect(history.project, other)
    known = set(history.stored)
    ask = Ask()
    built = history.build(ask, other)
    history.compare_outcomes(right, built)
    history.compare_tree(right, other)
    history.compare_store(right, built, ask, known)
    return Effect(runs_nothing=True)


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one
    for one in (part, force, stop_at_failure, clean, collect_cache, verify_cache, other_checkout)
}
