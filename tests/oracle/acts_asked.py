"""Acts that ask for something else than a build: plans that are held to, questions, reruns; and mistakes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oracle.acts_code import reached_code
from oracle.acts_declared import variable
from oracle.acts_outputs import remove_output
from oracle.acts_sources import edit, touch
from oracle.driver import MOVED, Ask
from oracle.effect import Effect
from oracle.expected import expect
from oracle.render import render
from oracle.typed import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_PLAIN = Effect()
_NOTHING = Effect(runs_nothing=True)

BETWEEN: dict[str, Callable[[History], object]] = {
    "nothing": lambda _: None,
    "touch": touch,
    "edit": edit,
    "output": remove_output,
    "variable": variable,
    "code": reached_code,
    "move": lambda history: history.move(),
}
"""What may happen between a plan and the build that is to follow it."""

_MISTAKES = (
    "def (",
    "command('lost', 'true', inputs=['nowhere/at/all'], wrong=1)",
    "command('first', 'true', after=['second'])\ncommand('second', 'true', after=['first'])",
    "command('one', 'true', outputs=['out/twice'])\ncommand('two', 'true', outputs=['out/twice'])",
    "raise RuntimeError('told to')",
)


def held_plan(history: History) -> Effect:
    """Make a plan, let something happen or not, and hold to it: it is done as it says, or not at all."""
    edit(history)
    if history.rnd.random() < 0.3:
        remove_output(history)
    render(history.project, history.root)
    then = expect(history.project, history.root)
    if not then.is_good or history.is_damaged or history.is_collected:
        return _PLAIN  # what fails or is lost has no basis to compare by
    ask = Ask(keep_going=False)
    foreseen = history.planned(ask)
    plan = history.driver.hold(history.place(), ask)
    before = history.rest()
    values = dict(history.project.values)
    between = history.rnd.choice(list(BETWEEN))
    BETWEEN[between](history)
    history.project.values = values  # these are the plan's
    render(history.project, history.root)
    right = expect(history.project, history.root)
    present = history.rest()
    built = history.driver.carry_out(history.place(), plan)
    history.tally[f"held {between}", "done"] += 1
    has_moved = right.basis != then.basis or before != present or between == "move"
    if built.error == MOVED:
        if not has_moved:
            raise history.fail(f"nothing but {between}, and the plan was refused")
        if history.rest() != present:
            raise history.fail("a plan that was refused changed files")
        return _PLAIN
    if built.error or right.basis != then.basis or between == "move":
        raise history.fail(f"after {between} the plan was carried out: {built.error}")
    history.compare_outcomes(right, built)
    history.compare_tree(right, history.root)
    history.compare_plan(foreseen, built, is_good=True)
    return _NOTHING


def question(history: History) -> Effect:
    """Edit or not, and ask whether there is something to do."""
    if history.rnd.random() < 0.5:
        edit(history)
    render(history.project, history.root)
    right = expect(history.project, history.root)
    done = tell(history.place(), "build", "-q")
    history.tally[f"answer by {done.who}", "done"] += 1
    has_work = right.basis != history.last.basis or any(s.always for s in history.project.specs)
    if right.is_good and history.last.is_good and done.status != int(has_work):
        raise history.fail(f"asked whether there is work it said {done.status}: {done.err}")
    return Effect(runs_needed_only=True)


def verify(history: History) -> Effect | None:
    """Have results made again, apart from the project: they are the same, and nothing is touched."""
    if history.is_damaged or not history.last.is_good:
        return None
    before = history.rest()
    seed = str(history.rnd.randrange(1000))
    done = tell(history.place(), "verify", "--json", "--sample", "3", "--seed", seed)
    told = json.loads(done.out)
    wrong = {
        one["name"]: one for one in told["stages"] if one["outcome"] not in {"same", "skipped"}
    }
    if wrong:
        raise history.fail(f"made again, these are not the same: {wrong}")
    if history.rest() != before:
        raise history.fail("`verify` changed files")
    return _NOTHING


def mistake(history: History) -> Effect:
    """Make a mistake in the Stagefile, build, and mend it: nothing is done meanwhile."""
    path = f"{history.root}/Stagefile"
    before = history.rest()
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(f"\n{history.rnd.choice(_MISTAKES)}\n")
    built = history.driver.build(history.place(), Ask())
    if not built.error or history.rest() != before:
        raise history.fail(f"a mistake in the Stagefile led to {built.outcomes}")
    return _NOTHING


def move_project(history: History) -> Effect:
    """Move the whole checkout elsewhere, outputs and state with it."""
    history.move()
    return _NOTHING


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one for one in (held_plan, question, verify, mistake, move_project)
}
