"""What has to be as it was for a build to have nothing to do, in one record.

Written after a build that left nothing to do, compared before anything else is imported. It holds the signature of every path that judging looked at, and all that the evaluation of the Stagefile
depended on. Equal throughout means that the long way would find every stage fresh. Anything else means
nothing: the long way decides.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib

from stagemake.freshness.signature import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Signature = tuple[int, ...]
    Expand = Callable[[str, str, tuple[str, ...]], tuple[str, ...]]

FORMAT = 2

_WORTH_A_FORK = 10_000  # paths; from there on a second process saves more than it costs

ANSWERED = ("cpu_count", "getcwd", "getcwdb", "sched_getaffinity", "sysconf", "uname")
"""Calls of os whose answers are compared."""

_MAGIC = b"stagemake noop\n"

# The columns of a record. Paths are relative to the root, or absolute.
(
    TOOL,
    ROOT,
    ENVIRONMENT,
    ANSWERS,
    OBSERVED,
    LISTINGS,
    GLOBS,
    SEARCHED,
    NAMES,
    PATHS,
    SIGNATURES,
    GUARDS,
    COVERS_ALL,
    GRAPH,
) = range(14)
"""The columns of a record:

TOOL         what `identity.tool_identity` gave
ROOT         of the project: evaluation may have used where it lies, without asking
ENVIRONMENT  ((variable, value or None), ...): what evaluation read, and PATH
ANSWERS      (((call of os, argument, ...), answer), ...): what evaluation asked without naming a path
OBSERVED     ((call, path, what `observe` gave), ...)
LISTINGS     ((directory, signature), ...): whose whole content counts; here and below links are followed
GLOBS        ((base, pattern, excluded, paths, ((directory, signature), ...)), ...): of the word `glob`
SEARCHED     ((directory, signature, (file name, ...)), ...): where imports were looked up
NAMES        what imports looked up there: a file counts if its name up to the first dot is one
PATHS        of everything whose content counts, first what counts for every target
SIGNATURES   of PATHS, links not followed; None where nothing was
GUARDS       how many of PATHS count for every target
COVERS_ALL   whether it was made for a build without targets
GRAPH        marshal of (names, upstream, paths): by stage, ids of those it waits for and of PATHS
"""

Record = tuple["Any", ...]  # of the columns above; plain, so that marshal takes it

# The real ones: while a Stagefile is evaluated others stand in for them.
_stat, _lstat, _readlink, _access = os.stat, os.lstat, os.readlink, os.access


def _header(version: str) -> bytes:
    text = f"{sys.implementation.cache_tag} {sys.hexversion:08x} {version} format {FORMAT}\n"
    return _MAGIC + text.encode()


def encoded(record: Record, version: str) -> bytes:
    """Return the bytes to write; `version` is the tool's."""
    body = marshal.dumps(record)
    return _header(version) + zlib.crc32(body).to_bytes(4, "little") + body


def load(path: str, version: str) -> Record | None:
    """Return the record at `path`; None when it's absent, foreign or damaged."""
    header = _header(version)
    try:
        with open(path, "rb", buffering=0) as stream:
            data = stream.read()
    except OSError:
        return None
    start = len(header) + 4
    body = memoryview(data)[start:]
    if not data.startswith(header) or zlib.crc32(body) != int.from_bytes(
        data[start - 4 : start], "little"
    ):
        return None
    try:
        record: Record = marshal.loads(body)
    except (ValueError, EOFError, TypeError):
        return None
    return record


def looked_up(names: Iterable[str], looked: frozenset[str]) -> tuple[str, ...]:
    """Return the file names, sorted, that decide where imports of the modules `looked` lead."""
    return tuple(sorted(name for name in names if name.partition(".")[0] in looked))


def observe(call: str, path: str) -> object:
    """Return what a call says of a path in a form that can be kept and compared; None for an error.

    Args:
        call: `stat` or `lstat`, whose mode is given; `readlink`; or a mode for `access`, as digits.
        path: Absolute.
    """
    try:
        if call == "stat":
            return _stat(path).st_mode
        if call == "lstat":
            return _lstat(path).st_mode
        if call == "readlink":
            return _readlink(path)
        return _access(path, int(call))
    except (OSError, ValueError):
        return None


def plain(answer: object) -> object:
    """Return what a call of `os` answered in a form that can be kept and compared."""
    if isinstance(answer, set):
        return tuple(sorted(answer))
    return tuple(answer) if isinstance(answer, tuple) else answer


def holds(
    record: Record, targets: Sequence[str], root: str, tool: tuple[object, ...], expand: Expand
) -> bool:
    """Return whether nothing that counts for these targets has changed.

    Args:
        record: From `load`.
        targets: As typed. Only names of stages can be answered; without any, what a build makes then.
        root: The project's directory, absolute.
        tool: What `identity.tool_identity` gives now.
        expand: Gives what a glob finds now, from base, pattern and what is excluded.

    Cost: one stat a path.
    """
    if (
        record[TOOL] != tool
        or record[ROOT] != root
        or not _environment_holds(record[ENVIRONMENT], os.environ)
    ):
        return False
    paths, signatures = record[PATHS], record[SIGNATURES]
    if targets:
        ids = _path_ids(record, targets)
        if ids is None:
            return False
        paths = [paths[i] for i in ids]
        signatures = [signatures[i] for i in ids]
    elif not record[COVERS_ALL]:
        return False
    prefix = "" if _is_working_directory(root) else f"{root}/"
    return _guards_hold(record, expand) and _all_hold(paths, signatures, prefix)


def _guards_hold(record: Record, expand: Expand) -> bool:
    """Return whether evaluation would be told the same, the contents of files left out."""
    for (name, *arguments), answer in record[ANSWERS]:
        if name not in ANSWERED or plain(getattr(os, name)(*arguments)) != answer:
            return False
    for call, path, known in record[OBSERVED]:
        if observe(call, path) != known:
            return False
    for directory, known in record[LISTINGS]:
        if signature(directory) != known:
            return False
    for base, pattern, excluded, paths, directories in record[GLOBS]:
        # Where something came or went, whether the pattern cares takes a look.
        if any(signature(directory) != known for directory, known in directories) and (
            expand(base, pattern, excluded) != paths
        ):
            return False
    looked = record[NAMES]
    for directory, known, names in record[SEARCHED]:
        now = signature(directory)
        if now != known and (is_archive(now) or looked_up(names_in(directory), looked) != names):
            return False
    return True


def _all_hold(paths: Sequence[str], signatures: Sequence[Signature | None], prefix: str) -> bool:
    """Compare all signatures, of many paths half of them in a second process: stat is nearly all there is to do."""
    if len(paths) < _WORTH_A_FORK or (os.cpu_count() or 1) < 2:
        return _paths_hold(paths, signatures, prefix)
    middle = len(paths) // 2
    try:
        pid = os.fork()  # 2 ms; there are no threads, and nothing is buffered
    except OSError:  # as many processes as there may be
        return _paths_hold(paths, signatures, prefix)
    if pid == 0:
        code = 1
        try:
            code = 0 if _paths_hold(paths[middle:], signatures[middle:], prefix) else 1
        finally:
            os._exit(code)
    holds_here = _paths_hold(paths[:middle], signatures[:middle], prefix)
    return os.waitpid(pid, 0)[1] == 0 and holds_here


def _paths_hold(paths: Sequence[str], signatures: Sequence[Signature | None], prefix: str) -> bool:
    """Compare one stat with one signature. The hot loop: `link_signature` spelled out."""
    lstat = _lstat
    for path, known in zip(paths, signatures, strict=True):
        try:
            status = lstat(path if not prefix or path[0] == "/" else prefix + path)
        except (FileNotFoundError, NotADirectoryError):
            if known is not None:
                return False
        except (OSError, ValueError):
            return False
        else:
            if known != (
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
                status.st_dev,
                status.st_mode,
            ):
                return False
    return True


def _environment_holds(known: Iterable[tuple[str, str | None]], environ: Mapping[str, str]) -> bool:
    return all(environ.get(name) == value for name, value in known)


def is_archive(known: Signature | None) -> bool:
    """Return whether a place where modules are looked up is a file: a zip, whose names aren't listed."""
    return known is not None and known[5] & 0o170000 != 0o040000


def names_in(directory: str) -> tuple[str, ...]:
    """Return the names in a directory, in no order; none when it can't be listed."""
    try:
        return tuple(os.listdir(directory))
    except OSError:
        return ()


def _is_working_directory(root: str) -> bool:
    """Whether relative paths mean the same: they save a tenth of each stat."""
    try:
        here, there = os.stat("."), os.stat(root)
    except OSError:
        return False
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


def _path_ids(record: Record, targets: Sequence[str]) -> list[int] | None:
    """Return the ids of all paths that count for some stages; None if one isn't a stage's name."""
    names, upstream, paths = marshal.loads(record[GRAPH])
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
    wanted = set(range(record[GUARDS]))
    for stage_id in taken:
        wanted.update(paths[stage_id])
    return sorted(wanted)
