"""A second root for each stage that is rerun: what it reads, at the same places, and nothing else.

The roots lie side by side in one directory. A stage runs in its own as its working directory, so that every path it
is given is the same as in the project.
"""

from __future__ import annotations

import os
import stat
from os.path import normpath
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.plan.programs import paths_around
from stagemake.tree import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.model.entry import OutputFile
    from stagemake.model.stage import ProjectPath, Stage
    from stagemake.verify.subject import Subject

_MOST_HOPS = 40


class CannotBring(Exception):
    """Something that a stage reads can't be had as it was; one line for people."""


@frozen
class Source:
    """Where what a stage reads comes from."""

    root: str  # the project's, absolute
    rows: Mapping[
        str, OutputFile
    ]  # outputs of hits, by path: not, or not as they should be, in the project
    read: Callable[[str, int], bytes | None]  # from the cache, by digest and size


def placed(stage: Stage, number: int) -> Stage:
    """Return the stage as it is in the directory `number`: the same action, all paths below there."""

    def below(path: str) -> ProjectPath:
        return path if path[0] == "/" else f"{number}/{path}"  # type: ignore[return-value]  # canonical still

    return evolve(
        stage,
        inputs=tuple(map(below, stage.inputs)),
        implicit=tuple(map(below, stage.implicit)),
        outputs=tuple(map(below, stage.outputs)),
        depfile=None if stage.depfile is None else below(stage.depfile),
        cwd=below(stage.cwd) if stage.cwd else str(number),  # type: ignore[arg-type]  # canonical
        dependencies=(),
        cache=False,
    )


def bring(subject: Subject, source: Source, top: str) -> None:
    """Make `top`, which is not there yet, the root that a stage is rerun in.

    Raises:
        CannotBring: Something can't be had, or is not what the recorded result was made from.
        OSError: It can't be written.
    """
    durable.make_dirs(f"{top}/{subject.stage.cwd}".rstrip("/"), 0o755)
    for path, _ in subject.reads:
        _bring(path, source, top, hops=0)
    disk = Digester(top)
    for path, entry in subject.reads:
        if disk.entry(path) != entry:
            raise CannotBring(f"`{path}`, which it reads, is not as it was")


def _bring(path: str, source: Source, top: str, hops: int) -> None:
    """Bring a file, a directory with all in it, or a link with what it leads to."""
    row = source.rows.get(path)
    full = f"{source.root}/{path}"
    if row is not None:
        _place(row, source, top)
        text = row.target if row.kind == "symlink" else ""
        if row.kind != "directory":
            _follow(path, text, source, top, hops)
            return
    elif os.path.islink(full):
        text = os.readlink(full)
        _link(text, f"{top}/{path}")
        _follow(path, text, source, top, hops)
        return
    elif os.path.isfile(full):
        _copy(full, f"{top}/{path}")
        return
    elif os.path.isdir(full):
        _copy_directory(path, source, top)
    inner = f"{path}/"
    for other, one in source.rows.items():
        if other.startswith(inner):
            _place(one, source, top)


def _follow(path: str, text: str, source: Source, top: str, hops: int) -> None:
    """Bring what a link leads to, if that is in the project and the link says so relatively."""
    if not text or text[0] == "/" or hops > _MOST_HOPS:
        return
    end = normpath(f"{os.path.dirname(path)}/{text}".lstrip("/"))
    if end != "." and not end.startswith("../") and end != "..":
        _bring(end, source, top, hops + 1)


def _copy_directory(path: str, source: Source, top: str) -> None:
    """Copy a directory, less what hits will bring there."""
    durable.make_dirs(f"{top}/{path}")
    full = f"{source.root}/{path}"
    for relative, status in sorted(walk(full)):
        inner = f"{path}/{relative}"
        if any(one in source.rows for one in paths_around(inner)):
            continue
        target = f"{top}/{inner}"
        if stat.S_ISDIR(status.st_mode):
            durable.make_dirs(target)
        elif stat.S_ISLNK(status.st_mode):
            _link(os.readlink(f"{full}/{relative}"), target)
        else:
            _copy(f"{full}/{relative}", target)


def _copy(full: str, target: str) -> None:
    if os.path.lexists(target):  # two of its inputs hold it
        return
    durable.make_dirs(os.path.dirname(target))
    durable.clone_or_copy(full, target)
    if os.stat(full).st_mode & stat.S_IXUSR:
        durable.set_mode(target, 0o755)


def _link(text: str, target: str) -> None:
    if not os.path.lexists(target):
        durable.make_dirs(os.path.dirname(target))
        durable.symlink(text, target)


def _place(row: OutputFile, source: Source, top: str) -> None:
    """Bring one output of a hit from the cache."""
    target = f"{top}/{row.path}"
    if row.kind == "directory":
        durable.make_dirs(target)
    elif row.kind == "symlink":
        _link(row.target, target)
    elif not os.path.lexists(target):
        data = source.read(row.digest, row.size_bytes)
        if data is None:
            raise CannotBring(f"`{row.path}`, which it reads, can't be read from the cache")
        durable.make_dirs(os.path.dirname(target))
        durable.write_new(target, data)
        if row.kind == "executable":
            durable.set_mode(target, 0o755)


def batches(subjects: Sequence[Subject], most: int, most_bytes: int) -> list[list[Subject]]:
    """Return the subjects in runs of at most `most`, and of so many bytes to bring unless it is one alone."""
    found: list[list[Subject]] = []
    total = 0
    for subject in subjects:
        size = sum(_size(entry) for _, entry in subject.reads)
        if not found or len(found[-1]) >= most or total + size > most_bytes:
            found.append([])
            total = 0
        found[-1].append(subject)
        total += size
    return found


def _size(entry: str) -> int:
    return int(entry.rpartition(":")[2]) if entry[0] in "fx" else 0
