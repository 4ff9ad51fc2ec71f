"""Acts on what the user declares: stages and their words, variables, configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import evolve
from oracle.acts_code import change_one, other_than
from oracle.effect import Effect
from oracle.project import CWDS, LOADS, PART, VARIABLES, WORD_WAYS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_PLAIN = Effect()
_NEEDED = Effect(runs_needed_only=True)
_NOTHING = Effect(runs_nothing=True)


# -- variables and configuration -------------------------------------------------------------------


def variable(history: History) -> Effect:
    """Change an environment variable."""
    name = history.rnd.choice(VARIABLES)
    history.project.environ = {**history.project.environ, name: history.rnd.choice("123")}
    return _NEEDED


def shift_variables(history: History) -> Effect:
    """Move text from one variable to the next: their values joined stay the same."""
    values = history.rnd.choice([{"E": "12", "F": ""}, {"E": "", "F": "12"}, {"E": "1", "F": "2"}])
    history.project.environ = {**history.project.environ, **values}
    return _NEEDED


def passed_variable(history: History) -> Effect:
    """Change a variable whose value does not count."""
    history.counter += 1
    history.project.environ = {**history.project.environ, "PASSED": f"p{history.counter}"}
    return _NOTHING


def pass_variable(history: History) -> Effect | None:
    """Have a variable passed through, or no longer: that it is counts."""
    passes = history.rnd.random() < 0.5
    return change_one(history, lambda spec: spec.passes_env is not passes, passes_env=passes)


def definition(history: History) -> Effect:
    """Change what `-D` says, or leave it out."""
    history.project.values = history.rnd.choice(
        [{}, {"opt": "o0"}, {"opt": "o1"}, {"opt": "o2", "number": "2"}, {"number": "1"}]
    )
    return _NEEDED


def configuration(history: History) -> Effect:
    """Change what the settings file says; without any value the file goes away."""
    history.project.table = history.rnd.choice(
        [{}, {"opt": "'o0'"}, {"opt": "'o3'"}, {"number": "2"}, {"opt": "'o1'", "number": "3"}]
    )
    return _NEEDED


# -- declarations ----------------------------------------------------------------------------------


def parameter(history: History) -> Effect | None:
    """Change a parameter."""
    return change_one(history, lambda _: True, param=history.rnd.randrange(3))


def version(history: History) -> Effect | None:
    """Change a stage's version; first of one whose code does not count, if there is any."""
    value = history.rnd.choice(["", "1", "2"])
    pinned = any(spec.kind is Kind.PINNED for spec in history.project.specs)
    return change_one(history, lambda spec: not pinned or spec.kind is Kind.PINNED, version=value)


def working_directory(history: History) -> Effect | None:
    """Have a command run in another directory: it is given other paths to the same files."""
    cwd = history.rnd.choice(["", *CWDS])
    return change_one(history, lambda spec: spec.kind is Kind.SHELL and spec.cwd != cwd, cwd=cwd)


def included(history: History) -> Effect | None:
    """Move the stages of a directory into a Stagefile of its own, or back."""
    project = history.project
    if not any(spec.cwd == PART for spec in project.specs):
        return None
    project.is_parted = not project.is_parted
    return _NOTHING


def word(history: History) -> Effect | None:
    """Change a text that the Stagefile reads, or that a program tells it."""
    if not any(spec.reads_word for spec in history.project.specs):
        return None
    history.project.word = other_than(history, history.project.word, ["w0", "w1", "w2"])
    return _NEEDED


def word_way(history: History) -> Effect | None:
    """Have the Stagefile find out the same text in another way."""
    if not any(spec.reads_word for spec in history.project.specs):
        return None
    history.project.word_way = other_than(history, history.project.word_way, list(WORD_WAYS))
    return _NOTHING


def load(history: History) -> Effect | None:
    """Change a stage's pool, share of the machine, time limit, retries or description."""
    spec = history.rnd.choice(history.project.specs)
    history.project.change(spec.name, load=other_than(history, spec.load, sorted(set(LOADS))))
    return _NOTHING


def cacheable(history: History) -> Effect | None:
    """Have a stage's result cached, or no longer: neither is a reason to run it."""
    spec = history.rnd.choice(history.project.specs)
    history.project.change(spec.name, is_cached=not spec.is_cached)
    return _NOTHING


def drop_stage(history: History) -> Effect | None:
    """Take a stage that nobody needs out of the Stagefile, or put one back."""
    project, rnd = history.project, history.rnd
    known = {one.name for one in project.specs}
    if project.dropped and rnd.random() < 0.5:
        spec = project.dropped.pop()
        made = project.producers()
        reads = (*spec.inputs, spec.program)
        needs_gone = any(path.startswith("out/") and path not in made for path in reads)
        needs_gone = needs_gone or (spec.kind is Kind.SCAN and not known.issuperset(spec.after))
        if needs_gone or (spec.uses and not any(o.provides == spec.uses for o in project.specs)):
            return None
        after = tuple(name for name in spec.after if name in known)
        project.specs.append(evolve(spec, after=after, before=()))
        return _NEEDED
    needed = {one.name for spec in project.specs for one in project.upstream(spec)}
    loose = [spec for spec in project.specs if spec.name not in needed]
    if len(project.specs) < 2 or not loose:
        return None
    spec = rnd.choice(loose)
    history.let_go(spec)
    project.specs.remove(spec)
    project.dropped.append(spec)
    for other in list(project.specs):
        left = tuple(name for name in other.before if name != spec.name)
        project.change(other.name, before=left)
    return _NEEDED


def rename_stage(history: History) -> Effect | None:
    """Give a stage another name. What a command made comes back under it."""
    if history.project.dropped:
        return None
    spec = history.rnd.choice(history.project.specs)
    names = [f"{spec.origin}.{letter}" for letter in "abc"]
    history.project.rename_stage(spec.name, other_than(history, spec.name, names))
    return _NEEDED


def reorder(history: History) -> Effect:
    """Declare the stages in another order."""
    history.project.shuffle = history.rnd.randrange(5)
    return _NOTHING


def rename_output(history: History) -> Effect | None:
    """Give an output another name: beside the old one, below it, or the old one again."""
    project = history.project
    specs = project.movable()
    spec = history.rnd.choice(specs) if specs else None
    if spec is None or project.dropped:
        return None
    old = spec.outputs[0]
    first = f"out/{spec.origin}"
    names = [
        first,
        f"{first}.r",
        f"{first}/deep",
        f"out/mo re/{spec.origin}.m",
        f"out/ü $'{first[4:]}",
    ]
    new = history.rnd.choice(names)
    if spec.kind is Kind.LINK and os.path.dirname(new) != "out":
        new = f"{first}.r"
    others = project.producers().keys() - {old}
    if new == old or any(
        f"{one}/".startswith(f"{new}/") or new.startswith(f"{one}/") for one in others
    ):
        return None
    history.let_go(spec)
    project.rename_paths({old: new})
    return _NEEDED


def exchange_outputs(history: History) -> Effect | None:
    """Let two stages make each what the other one made, by name."""
    project = history.project
    plain = [
        spec for spec in project.movable()
        if not spec.kind.is_directory and spec.kind is not Kind.LINK
    ]  # fmt: skip
    if len(plain) < 2 or project.dropped:
        return None
    first, second = history.rnd.sample(plain, 2)
    one, other = first.outputs[0], second.outputs[0]
    project.rename_paths({one: other, other: one})
    return _NEEDED


def order(history: History) -> Effect | None:
    """Add or remove an order between two stages that hand nothing on."""
    project = history.project
    at = history.rnd.randrange(len(project.specs))
    spec = project.specs[at]
    word = history.rnd.choice(["after", "optional", "before"])
    if spec.kind is Kind.SCAN:
        return None
    if getattr(spec, word):
        project.change(spec.name, **{word: ()})
    elif at:
        earlier = history.rnd.choice(project.specs[:at])
        if word == "before":
            project.change(earlier.name, before=(*earlier.before, spec.name))
        else:
            project.change(spec.name, **{word: (earlier.name,)})
    return _NOTHING


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one
    for one in (
        variable, shift_variables, passed_variable, pass_variable, definition, configuration, parameter, version, working_directory, included, word, word_way, load, cacheable, drop_stage, rename_stage,
        reorder, rename_output, exchange_outputs, order,
    )
}  # fmt: skip
