"""Acts on files that the user owns: contents, times, kinds, names."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from oracle.effect import Effect
from oracle.project import FOLDER, HEADERS, LISTING, SOURCES, Kind, write
from oracle.tree import remove, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_NEEDED = Effect(runs_needed_only=True)
_NOTHING = Effect(runs_nothing=True)
_PLAIN = Effect()

_YEAR_NS = 365 * 86400 * 10**9


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
    if os.path.isdir(full):
        remove(full)
    os.replace(full + ".new", full)
    return _NEEDED


def touch(history: History) -> Effect | None:
    """Move a source's time and nothing else: to now, into the past or into the future."""
    full = f"{history.root}/{history.rnd.choice(SOURCES)}"
    if not os.path.exists(full):
        return None
    when = time.time_ns() + history.rnd.choice([0, 0, -_YEAR_NS, _YEAR_NS])
    os.utime(full, ns=(when, when))
    return _NOTHING


def clock_back(history: History) -> Effect:
    """Change a source while the clock is a year behind."""
    path = history.rnd.choice(SOURCES)
    write(history.root, path, text_for(history, path))
    then = time.time_ns() - _YEAR_NS
    os.utime(f"{history.root}/{path}", ns=(then, then))
    return _NEEDED


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
    if not os.path.lexists(full):
        return None
    remove(full)
    return _NEEDED


def source_kind(history: History) -> Effect:
    """Put a directory or a link in a source's place: to another source, to nothing, to itself."""
    rnd = history.rnd
    path = rnd.choice(SOURCES)
    full = f"{history.root}/{path}"
    remove(full)
    if rnd.random() < 0.4:
        write(history.root, f"{path}/{rnd.choice('xy')}", text_for(history, path))
    else:
        target = rnd.choice([os.path.basename(other) for other in SOURCES] + ["nothing"])
        os.symlink(target, full)
    return _NEEDED


def directory_members(history: History) -> Effect:
    """Add, change, rename or remove what is in a directory that is an input, some levels down."""
    rnd, top = history.rnd, f"{history.root}/{FOLDER}"
    inside = sorted(walk(top))
    path = rnd.choice(inside) if inside else "first"
    full = f"{top}/{path}"
    place = full if os.path.isdir(full) and not os.path.islink(full) else os.path.dirname(full)
    name = rnd.choice(["first", "second", ".hidden", "na me", "-x", "ü$'"])
    what = rnd.choice(["file", "file", "file", "remove", "empty", "link", "mode", "rename"])
    if what == "remove":
        remove(full)
    elif what == "mode" and os.path.isfile(full) and not os.path.islink(full):
        os.chmod(full, os.stat(full).st_mode ^ 0o111)
    elif what == "rename" and not os.path.lexists(f"{place}/{name}") and path in inside:
        os.rename(full, f"{os.path.dirname(full)}/{name}.{rnd.randrange(3)}")
    elif what in {"empty", "link"}:
        remove(f"{place}/{name}")
        if what == "empty":
            os.mkdir(f"{place}/{name}")
        else:
            os.symlink(rnd.choice(["first", "../nothing"]), f"{place}/{name}")
    else:
        target = f"{place}/{name}" if rnd.random() < 0.5 else f"{top}/first"
        write(history.root, os.path.relpath(target, history.root), text_for(history, name))
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
    """Change what a depfile stage reads, or which files it names: directly, by a header, made ones."""
    if not any(spec.kind is Kind.SCAN for spec in history.project.specs):
        return None
    rnd = history.rnd
    if rnd.random() < 0.5:
        made = [path for spec in history.project.specs if spec.origin == "header"
                for path in spec.outputs]  # fmt: skip
        chosen = rnd.sample([*HEADERS, *made], rnd.choice([0, 1, 1, 2, 2, 3]))
        write(history.root, LISTING, "".join(f"use {path}\n" for path in chosen))
        return _NEEDED
    at = rnd.randrange(len(HEADERS))
    path = HEADERS[at]
    full = f"{history.root}/{path}"
    if os.path.exists(full) and rnd.random() < 0.3:
        os.unlink(full)
    else:
        more = [f"use {other}\n" for other in HEADERS[at + 1 :] if rnd.random() < 0.3]
        write(history.root, path, text_for(history, path) + "".join(more))
    return _NEEDED


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one
    for one in (
        edit, edit_rest, revert, swap, edit_with_old_time, move_over, touch, clock_back, chmod,
        remove_source, source_kind, directory_members, glob_files, headers,
    )
}  # fmt: skip
