"""Acts on code: commands, functions and all that they reach, helper modules, programs, comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.effect import Effect
from oracle.project import IN_WORDS, Kind, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oracle.history import History

_NEEDED = Effect(runs_needed_only=True)
_NOTHING = Effect(runs_nothing=True)


def change_one(history: History, kinds: Callable[[Spec], bool], **fields: object) -> Effect | None:
    """Change some words of one stage of these kinds; None when there is none."""
    specs = [spec for spec in history.project.specs if kinds(spec)]
    if not specs:
        return None
    history.project.change(history.rnd.choice(specs).name, **fields)
    return _NEEDED


def other_than(history: History, old: str, choices: Sequence[str]) -> str:
    """Return one of the choices, but not the old one."""
    return history.rnd.choice([choice for choice in choices if choice != old])


def command_text(history: History) -> Effect | None:
    """Change the command of a stage."""
    tag = history.rnd.choice(["t0", "t1", "t2", "t11"])
    return change_one(history, lambda spec: not spec.kind.is_call, tag=tag)


def function_code(history: History) -> Effect | None:
    """Change a constant in a stage's function, where code counts and where it does not."""
    tag = history.rnd.choice(["t0", "t1", "t2", "t11"])
    return change_one(history, lambda spec: spec.kind.is_call, tag=tag)


def reached_code(history: History) -> Effect | None:
    """Change what a function reaches: constants, closures, defaults, helpers of helpers, twins."""
    project = history.project
    marks = sorted({mark for spec in project.specs for mark in spec.marks})
    if not marks:
        return None
    for mark in history.rnd.sample(marks, min(len(marks), history.rnd.choice([1, 2]))):
        value = other_than(history, project.codes[mark], ["m0", "m1", "m2"])
        project.codes = {**project.codes, mark: value}
        history.tally[f"mark {mark}", "done"] += 1
    return _NEEDED


def other_code(history: History) -> Effect | None:
    """Change code that stands beside what functions reach, and that none does."""
    project = history.project
    marks = {mark for spec in project.specs for mark in spec.marks}
    unused = sorted(project.codes.keys() - marks)
    if not unused:
        return None
    project.codes = {**project.codes, history.rnd.choice(unused): history.rnd.choice(["m3", "m4"])}
    return _NOTHING


def reach(history: History) -> Effect | None:
    """Have a function use other code than before."""
    rnd = history.rnd
    marks = tuple(rnd.sample(list(history.project.codes), rnd.choice([1, 2, 3])))
    return change_one(
        history, lambda spec: spec.kind.is_call and spec.kind is not Kind.PINNED, marks=marks
    )


def module_layout(history: History) -> Effect | None:
    """Turn a helper module into a package, or put one beside it: the package wins."""
    project = history.project
    if not any(IN_WORDS.intersection(spec.marks) for spec in project.specs):
        return None
    project.layout = other_than(history, project.layout, ["module", "package", "both"])
    return _NEEDED


def helper_code(history: History) -> Effect:
    """Change a constant of the helper module that every function reads."""
    history.project.helper_token = history.rnd.choice(["h0", "h1", "h2"])
    return _NEEDED


def tool_code(history: History) -> Effect:
    """Change the scripts that commands start."""
    history.project.tool_token = history.rnd.choice(["k0", "k1", "k2"])
    return _NEEDED


def extra_tool(history: History) -> Effect | None:
    """Change a program that only `tools=` names."""
    if not any(spec.reads_extra for spec in history.project.specs):
        return None
    history.project.extra_token = history.rnd.choice(["x0", "x1", "x2"])
    return _NEEDED


def comments(history: History) -> Effect:
    """Change comments, docstrings and code out of reach, in the Stagefile and in helper modules."""
    history.counter += 1
    project = history.project
    project.change(history.rnd.choice(project.specs).name, comment=history.counter)
    if history.rnd.random() < 0.5:
        project.helper_comment = history.counter
    return _NOTHING


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one
    for one in (
        command_text,
        function_code,
        reached_code,
        other_code,
        reach,
        module_layout,
        helper_code,
        tool_code,
        extra_tool,
        comments,
    )
}
