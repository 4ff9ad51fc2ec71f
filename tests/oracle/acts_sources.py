"""Acts on what the user owns: sources, variables, declarations, code."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attrs import evolve
from oracle.history import Effect, History
from oracle.project import HEADERS, LISTING, SOURCES, VARIABLES, Kind, Spec, write

if TYPE_CHECKING:
    from collections.abc import Callable

_NEEDED = Effect(runs_needed_only=True)
_NOTHING = Effect(runs_nothing=True)


def text_for(history: History, path: str) -> str:
    """Return one of some forty contents of a source."""
    rnd = history.rnd
    return f"v{rnd.randrange(10)} {path}\nrest {rnd.randrange(4)}\n"


def edit(history: History) -> Effect:
    """Write one or two sources anew."""
    for path in history.rnd.sample(SOURCES, history.rnd.choice([1, 1, 2])):
        write(history.root, path, text_for(history, path))
    return _NEEDED


def edit_rest(history: History) -> Effect:
    """Change what early cut-off does not look at."""
    path = history.rnd.choice(SOURCES)
    write(history.root, path, f"v0 {path}\nrest {history.rnd.randrange(4)}\n")
    return _NEEDED


def revert(history: History) -> Effect:
    """Bring the first version of all sources back."""
    for path in SOURCES:
        write(history.root, path, f"v0 {path}\nrest 0\n")
    return _NEEDED


def swap(history: History) -> Effect | None:
    """Exchange two sources by renaming: sizes and times move along."""
    first, second = (f"{history.root}/{path}" for path in history.rnd.sample(SOURCES, 2))
    if not (os.path.exists(first) and os.path.exists(second)):
        return None
    os.rename(first, first + ".swap")
    os.rename(second, first)
    os.rename(first + ".swap", second)
    return _NEEDED


def edit_with_old_time(history: History) -> Effect:
    """Change a source and give it back its size and time, as `cp -p` or `touch -r` do."""
    path = history.rnd.choice(SOURCES)
    full = f"{history.root}/{path}"
    old = os.stat(full).st_mtime_ns if os.path.exists(full) else time.time_ns()
    write(history.root, path, text_for(history, path))
    os.utime(full, ns=(old, old))
    return _NEEDED


def move_over(history: History) -> Effect:
    """Replace a source by another file of the same size and time."""
    path = history.rnd.choice(SOURCES)
    full = f"{history.root}/{path}"
    old = os.stat(full).st_mtime_ns if os.path.exists(full) else time.time_ns()
    write(history.root, path + ".new", text_for(history, path))
    os.utime(full + ".new", ns=(old, old))
    os.replace(full + ".new", full)
    return _NEEDED


def touch(history: History) -> Effect | None:
    """Move a source's time and nothing else."""
    full = f"{history.root}/{history.rnd.choice(SOURCES)}"
    if not os.path.exists(full):
        return None
    os.utime(full)
    return _NOTHING


def chmod(history: History) -> Effect | None:
    """Make a source executable, or not."""
    full = f"{history.root}/{history.rnd.choice(SOURCES)}"
    if not os.path.exists(full):
        return None
    os.chmod(full, history.rnd.choice([0o755, 0o644]))
    return _NEEDED


def remove_source(history: History) -> Effect | None:
    """Remove a source; the next act may bring it back."""
    full = f"{history.root}/{history.rnd.choice(SOURCES)}"
    if not os.path.exists(full):
        return None
    os.unlink(full)
    return _NEEDED


def glob_files(history: History) -> Effect:
    """Add, change or remove files that a glob finds."""
    name = f"glob/{history.rnd.randrange(4)}.txt"
    full = f"{history.root}/{name}"
    if os.path.exists(full) and history.rnd.random() < 0.5:
        os.unlink(full)
    else:
        write(history.root, name, text_for(history, name))
    return _NEEDED


def headers(history: History) -> Effect | None:
    """Change what a depfile stage reads, or which files it names."""
    if not any(spec.kind is Kind.SCAN for spec in history.project.specs):
        return None
    rnd = history.rnd
    if rnd.random() < 0.5:
        chosen = rnd.choice([(), HEADERS[:1], HEADERS[1:], HEADERS, HEADERS[::-1]])
        write(history.root, LISTING, "".join(f"use {path}\n" for path in chosen))
        return _NEEDED
    path = rnd.choice(HEADERS)
    full = f"{history.root}/{path}"
    if os.path.exists(full) and rnd.random() < 0.3:
        os.unlink(full)
    else:
        write(history.root, path, text_for(history, path))
    return _NEEDED


def variable(history: History) -> Effect:
    """Change an environment variable."""
    name = history.rnd.choice(VARIABLES)
    history.project.environ = {**history.project.environ, name: history.rnd.choice("123")}
    return _NEEDED


def shift_variables(history: History) -> Effect:
    """Move text from one variable to the next: their values joined stay the same."""
    history.project.environ = history.rnd.choice(
        [{"E": "12", "F": ""}, {"E": "", "F": "12"}, {"E": "1", "F": "2"}]
    )
    return _NEEDED


def _change_one(history: History, kinds: Callable[[Spec], bool], **fields: object) -> Effect | None:
    specs = [spec for spec in history.project.specs if kinds(spec)]
    if not specs:
        return None
    history.project.change(history.rnd.choice(specs).name, **fields)
    return _NEEDED


def command_text(history: History) -> Effect | None:
    """Change the command of a stage."""
    tag = history.rnd.choice(["t0", "t1", "t2", "t11"])
    return _change_one(history, lambda spec: not spec.kind.is_call, tag=tag)


def function_code(history: History) -> Effect | None:
    """Change a constant in a stage's function."""
    tag = history.rnd.choice(["t0", "t1", "t2", "t11"])
    return _change_one(history, lambda spec: spec.kind.is_call, tag=tag)


def parameter(history: History) -> Effect | None:
    """Change a parameter."""
    return _change_one(history, lambda _: True, param=history.rnd.randrange(3))


def definition(history: History) -> Effect:
    """Change what `-D` says, or leave it out."""
    history.project.values = history.rnd.choice([{}, {"opt": "o0"}, {"opt": "o1"}, {"opt": "o2"}])
    return _NEEDED


def comments(history: History) -> Effect:
    """Change comments and docstrings, in the Stagefile and in the helper module."""
    history.counter += 1
    project = history.project
    project.change(history.rnd.choice(project.specs).name, comment=history.counter)
    if history.rnd.random() < 0.5:
        project.helper_comment = history.counter
    return _NOTHING


def helper_code(history: History) -> Effect:
    """Change a constant of the helper module that every function reads."""
    history.project.helper_token = history.rnd.choice(["h0", "h1", "h2"])
    return _NEEDED


def tool_code(history: History) -> Effect:
    """Change the scripts that commands start."""
    history.project.tool_token = history.rnd.choice(["k0", "k1", "k2"])
    return _NEEDED


def drop_stage(history: History) -> Effect | None:
    """Take a stage that nobody needs out of the Stagefile, or put one back."""
    project, rnd = history.project, history.rnd
    if project.dropped and rnd.random() < 0.5:
        spec = project.dropped.pop()
        made = project.producers()
        known = {one.name for one in project.specs}
        needs_gone = any(path.startswith("out/") and path not in made for path in spec.inputs)
        if needs_gone or (spec.uses and not any(o.provides == spec.uses for o in project.specs)):
            return None
        spec = evolve(spec, after=tuple(name for name in spec.after if name in known))
        project.specs.append(spec)
        return _NEEDED
    needed = {one.name for spec in project.specs for one in project.upstream(spec)}
    loose = [spec for spec in project.specs if spec.name not in needed]
    if len(project.specs) < 2 or not loose:
        return None
    spec = rnd.choice(loose)
    project.specs.remove(spec)
    project.dropped.append(spec)
    return _NEEDED


def rename_output(history: History) -> Effect | None:
    """Give an output another name: beside the old one, below it, or the old one again."""
    project = history.project
    specs = [spec for spec in project.specs if spec.outputs]
    spec = history.rnd.choice(specs) if specs else None
    if spec is None or project.dropped:
        return None
    old = spec.outputs[0]
    first = f"out/{spec.name}"
    new = history.rnd.choice([first, f"{first}.r", f"{first}/deep", f"out/more/{spec.name}.m"])
    if spec.kind is Kind.LINK and os.path.dirname(new) != "out":
        new = f"{first}.r"
    if new == old:
        return None
    for other in project.specs:
        inputs = tuple(new if path == old else path for path in other.inputs)
        project.change(other.name, inputs=inputs)
    project.change(spec.name, outputs=(new, *spec.outputs[1:]))
    return _NEEDED


def order(history: History) -> Effect | None:
    """Add or remove an order between two stages that hand nothing on."""
    project = history.project
    at = history.rnd.randrange(len(project.specs))
    spec = project.specs[at]
    if spec.after:
        project.change(spec.name, after=())
    elif at:
        earlier = history.rnd.choice(project.specs[:at])
        if spec.name in project.closure([earlier.name]):
            return None
        project.change(spec.name, after=(earlier.name,))
    return _NOTHING


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one
    for one in (
        edit, edit_rest, revert, swap, edit_with_old_time, move_over, touch, chmod, remove_source,
        glob_files, headers, variable, shift_variables, command_text, function_code, parameter,
        definition, comments, helper_code, tool_code, drop_stage, rename_output, order,
    )
}  # fmt: skip
