"""What has moved since the record of `noop` was written: one stat a path, nothing else."""

from __future__ import annotations

import marshal
import os

from stagemake.freshness import noop
from stagemake.freshness.signature import of_status, signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Record = tuple[Any, ...]
    Signature = tuple[int, ...]
    Expand = Callable[[str, str, tuple[str, ...]], tuple[str, ...]]
    Moved = dict[int, Signature | None]

_WORTH_A_FORK = 10_000  # paths; from there on a second process saves more than it costs

# The real one: while a Stagefile is evaluated another stands in for it.
_lstat = os.lstat


def moved_since(
    record: Record, targets: Sequence[str], root: str, tool: tuple[object, ...], expand: Expand
) -> Moved | None:
    """Return what has moved of all that counts for these targets: by id of its path, its signature now.

    Nothing in there means that nothing is to be done. What evaluation depends on, and the state, has not moved.

    Args:
        record: From `noop.load`.
        targets: As typed. Only names of stages can be answered; without any, what a build makes then.
        root: The project's directory, absolute.
        tool: What `identity.tool_identity` gives now.
        expand: Gives what a glob finds now, from base, pattern and what is excluded.

    Returns:
        None: the Stagefile has to be run, or the record says nothing about these targets.

    Cost: one stat a path.
    """
    if (
        record[noop.TOOL] != tool
        or record[noop.ROOT] != root
        or not all(os.environ.get(name) == value for name, value in record[noop.ENVIRONMENT])
        or not (targets or record[noop.COVERS_ALL])
    ):
        return None
    count = record[noop.GUARDS]
    wanted: Sequence[int] | None = range(count, len(record[noop.PATHS]))
    if targets:
        wanted = _path_ids(record, targets)
    prefix = "" if _is_working_directory(root) else f"{root}/"
    if wanted is None or not _guards_hold(record, expand):
        return None
    paths, signatures = record[noop.PATHS], record[noop.SIGNATURES]
    if _moved(range(count), paths, signatures, prefix) != {}:
        return None
    return _moved_anywhere(wanted, paths, signatures, prefix)


def _guards_hold(record: Record, expand: Expand) -> bool:
    """Return whether evaluation would be told the same, the contents of files left out."""
    for (name, *arguments), answer in record[noop.ANSWERS]:
        if name not in noop.ANSWERED or noop.plain(getattr(os, name)(*arguments)) != answer:
            return False
    for call, path, known in record[noop.OBSERVED]:
        if noop.observe(call, path) != known:
            return False
    for directory, known in record[noop.LISTINGS]:
        if signature(directory) != known:
            return False
    for base, pattern, excluded, paths, directories in record[noop.GLOBS]:
        # Where something came or went, whether the pattern cares takes a look.
        if any(signature(directory) != known for directory, known in directories) and (
            expand(base, pattern, excluded) != paths
        ):
            return False
    looked = record[noop.NAMES]
    for directory, known, names in record[noop.SEARCHED]:
        now = signature(directory)
        if now != known and (
            noop.is_archive(now) or noop.looked_up(noop.names_in(directory), looked) != names
        ):
            return False
    return True


def _moved_anywhere(
    ids: Sequence[int], paths: Sequence[str], signatures: Sequence[Signature | None], prefix: str
) -> Moved | None:
    """Compare all signatures, of many paths half of them in a second process: stat is nearly all there is to do."""
    if len(ids) < _WORTH_A_FORK or (os.cpu_count() or 1) < 2:
        return _moved(ids, paths, signatures, prefix)
    middle = len(ids) // 2
    try:
        reading, writing = os.pipe()
        pid = os.fork()  # 2 ms; there are no threads, and nothing is buffered
    except OSError:  # as many processes, or files, as there may be
        return _moved(ids, paths, signatures, prefix)
    if pid == 0:
        try:
            found = marshal.dumps(_moved(ids[middle:], paths, signatures, prefix))
            while found:
                found = found[os.write(writing, found) :]
        finally:
            os._exit(0)
    os.close(writing)
    here = _moved(ids[:middle], paths, signatures, prefix)
    with open(reading, "rb") as stream:
        found = stream.read()
    os.waitpid(pid, 0)
    try:
        there = marshal.loads(found)
    except (ValueError, EOFError, TypeError):  # it was killed
        return None
    return None if here is None or there is None else {**here, **there}


def _moved(
    ids: Iterable[int], paths: Sequence[str], signatures: Sequence[Signature | None], prefix: str
) -> Moved | None:
    """Return what has moved; None where stat fails for another reason than that nothing is there. The hot loop."""
    lstat = _lstat
    found: Moved = {}
    for path_id in ids:
        path = paths[path_id]
        try:
            status = lstat(path if not prefix or path[0] == "/" else prefix + path)
        except (FileNotFoundError, NotADirectoryError):
            if signatures[path_id] is not None:
                found[path_id] = None
        except (OSError, ValueError):
            return None
        else:
            if signatures[path_id] != (  # `of_status` spelled out
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
                status.st_dev,
                status.st_mode,
            ):
                found[path_id] = of_status(status)
    return found


def _is_working_directory(root: str) -> bool:
    """Whether relative paths mean the same: they save a tenth of each stat."""
    try:
        here, there = os.stat("."), os.stat(root)
    except OSError:
        return False
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


def _path_ids(record: Record, targets: Sequence[str]) -> list[int] | None:
    """Return the ids of all paths that count for some stages, guards left out; None if one isn't a stage's name."""
    names, upstream, paths, *_ = marshal.loads(record[noop.GRAPH])
    id_by_name = {name: stage_id for stage_id, name in enumerate(names)}
    waiting = []
    for target in targets:
        if target not in id_by_name:
            return None
        waiting.append(id_by_name[target])
    taken = set(waiting)
    while waiting:
        for stage_id in upstream[waiting.pop()]:
            if stage_id not in taken:
                taken.add(stage_id)
                waiting.append(stage_id)
    wanted: set[int] = set()
    for stage_id in taken:
        wanted.update(paths[stage_id])
    return sorted(wanted.difference(range(record[noop.GUARDS])))
