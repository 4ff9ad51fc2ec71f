"""Acts on outputs: what a user, or another program, does to files that stages made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from oracle.effect import Effect
from oracle.project import OWN, SOURCES, write
from oracle.tree import entry_at, remove, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_PLAIN = Effect()


def remove_made(history: History, path: str) -> None:
    """Remove an output, unless the user has something in there."""
    if not any(own == path or own.startswith(f"{path}/") for own in history.token_paths()):
        remove(f"{history.root}/{path}")


def _files(history: History, *, in_trees: bool = False) -> list[str]:
    """Return files that stages made, relative to the root."""
    tops = {
        output: spec.kind.is_directory for spec in history.project.specs for output in spec.outputs
    }
    found = []
    for path in sorted(walk(history.root, (*OWN, ".stagemake"))):
        entry = entry_at(f"{history.root}/{path}")
        is_in_tree = any(is_tree and path.startswith(f"{top}/") for top, is_tree in tops.items())
        if entry is not None and entry[0] == "file" and (in_trees or not is_in_tree):
            found.append(path)
    return found


def nothing(history: History) -> Effect:
    """Do nothing."""
    del history
    return Effect(runs_nothing=True)


def remove_output(history: History) -> Effect | None:
    """Remove some outputs, or something inside an output directory."""
    paths = sorted(walk(history.root, (*OWN, ".stagemake")))
    if not paths:
        return None
    for path in history.rnd.sample(paths, min(len(paths), history.rnd.choice([1, 1, 2, 9]))):
        remove_made(history, path)
    return _PLAIN


def touch_outputs(history: History) -> Effect | None:
    """Move the time of everything that stages made, and of all sources, and nothing else."""
    paths = _files(history, in_trees=True)
    if not paths:
        return None
    for path in (*paths, *SOURCES):
        full = f"{history.root}/{path}"
        if os.path.isfile(full):
            os.utime(full)
    return Effect(runs_nothing=True)


def edit_output(history: History) -> Effect | None:
    """Put a text of the user's in place of an output; sometimes its size and time stay."""
    paths = _files(history, in_trees=True)
    if not paths:
        return None
    path = history.rnd.choice(paths)
    full = f"{history.root}/{path}"
    status = os.stat(full)
    token = history.token()
    if history.rnd.random() < 0.5:
        write(history.root, path, token + "\n")
        history.tokens.append(token)
    else:
        with open(full, "rb") as stream:
            data = stream.read()
        with open(full, "wb") as stream:
            stream.write(b"X" + data[1:])
        os.utime(full, ns=(status.st_atime_ns, status.st_mtime_ns))
    return _PLAIN


def change_output_kind(history: History) -> Effect | None:
    """Flip an output's executable bit, or put a directory or a link in its place."""
    paths = _files(history, in_trees=True)
    if not paths:
        return None
    full = f"{history.root}/{history.rnd.choice(paths)}"
    what = history.rnd.choice(["mode", "directory", "link"])
    if what == "mode":
        os.chmod(full, os.stat(full).st_mode ^ 0o111)
        return _PLAIN
    os.unlink(full)
    if what == "directory":
        os.mkdir(full)
        token = history.token()
        with open(f"{full}/mine", "w", encoding="utf-8") as stream:
            stream.write(token)
        history.tokens.append(token)
    else:
        os.symlink("/nowhere", full)
    return _PLAIN


def extra_in_tree(history: History) -> Effect | None:
    """Put a file of the user's into an output directory."""
    tops = [
        spec.outputs[0]
        for spec in history.project.specs
        if spec.kind.is_directory and os.path.isdir(f"{history.root}/{spec.outputs[0]}")
    ]
    if not tops:
        return None
    token = history.token()
    where = history.rnd.choice(["", "/sub", "/na me"])
    write(history.root, f"{history.rnd.choice(tops)}{where}/mine.txt", token)
    history.tokens.append(token)
    return _PLAIN


def foreign_output(history: History) -> Effect | None:
    """Have a file of the user's where a stage is about to put its output."""
    specs = [spec for spec in history.project.movable() if not spec.kind.is_directory]
    if not specs or history.project.dropped:
        return None
    spec = history.rnd.choice(specs)
    new = f"out/{spec.origin}.{len(history.log)}"
    history.let_go(spec)
    history.project.rename_paths({spec.outputs[0]: new})
    token = history.token()
    write(history.root, new, token)
    history.tokens.append(token)
    return _PLAIN


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one
    for one in (
        nothing, remove_output, touch_outputs, edit_output, change_output_kind, extra_in_tree, foreign_output,
    )
}  # fmt: skip
