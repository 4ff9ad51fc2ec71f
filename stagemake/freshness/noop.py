"""What has to be as it was for a build to have nothing to do, in one record.

Written after a build, compared before anything else is imported. It holds the signature of every path that
judging looked at, and all that the evaluation of the Stagefile depended on. Equal throughout means that the
long way would find every stage fresh, unless some are named that failed or were not reached. Anything else
means nothing: the long way decides.
"""

from __future__ import annotations

import marshal
import os
import sys

from stagemake.freshness import sealed
from stagemake.freshness.regular import read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Signature = tuple[int, ...]
    Noted = dict[int, tuple[Signature | None, bytes]]

FORMAT = 6

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
    OPEN,
    GRAPH,
    DIGESTS,
    DECLARED,
    CHECKSUM,
    TOUCHED,
) = range(19)
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
OPEN         ids, in GRAPH, of stages that failed or were not reached, and may have work whatever their paths say
GRAPH        marshal of (names, upstream, paths, targets, loose): by stage, ids of those it waits for and of PATHS;
             then the ids of the stages that were wanted, and of those that another one may be in the way of
             without sharing a path with them, see `plan.fresh.may_follow`
DIGESTS      by path `DIGEST_BYTES`: `f` or `x` as in entries, and the digest; zeros where it isn't a file's
DECLARED     checksum of what the Stagefile declared, which lies beside it; -1 where that can't be kept
CHECKSUM     of the bytes that it was read from; this and what follows is not written
TOUCHED      (signature, digest) of rows that were noted later, by id; they are in SIGNATURES and DIGESTS
"""

DIGEST_BYTES = 17
NO_DIGEST = bytes(DIGEST_BYTES)


class Overtaken(Exception):
    """The state is not the one that a record was made with: a build has come in between."""


Record = tuple["Any", ...]  # of the columns above; plain, so that marshal takes it

# The real ones: while a Stagefile is evaluated others stand in for them.
_stat, _lstat, _readlink, _access = os.stat, os.lstat, os.readlink, os.access


def _header(version: str) -> bytes:
    text = f"{sys.implementation.cache_tag} {sys.hexversion:08x} {version} format {FORMAT}\n"
    return _MAGIC + text.encode()


def encoded(record: Record, version: str) -> bytes:
    """Return the bytes to write; `version` is the tool's."""
    return sealed.sealed(record, _header(version))


def load(directory: str, version: str) -> Record | None:
    """Return the record of a Stagefile's state; None when it's absent, foreign or damaged."""
    header = _header(version)
    found = _read(f"{directory}/noop", header)
    if found is None:
        return None
    record, checksum = found
    noted = _read(f"{directory}/touched", header)
    if noted is None or noted[0][0] != checksum:
        return (*record, checksum, {})
    touched: Noted = noted[0][1]
    signatures, digests = with_noted(record, touched)
    return (
        *record[:SIGNATURES], signatures, *record[SIGNATURES + 1 : DIGESTS], digests,
        *record[DIGESTS + 1 :], checksum, touched,
    )  # fmt: skip


def with_noted(record: Record, noted: Noted) -> tuple[list[Signature | None], bytes]:
    """Return the columns SIGNATURES and DIGESTS with rows that were noted later."""
    signatures, digests = list(record[SIGNATURES]), bytearray(record[DIGESTS])
    for path_id, (now, digest) in noted.items():
        signatures[path_id] = now
        digests[path_id * DIGEST_BYTES : (path_id + 1) * DIGEST_BYTES] = digest
    return signatures, bytes(digests)


def digest_of(record: Record, path_id: int) -> bytes:
    """Return a row's digest as the column has it."""
    found: bytes = record[DIGESTS][path_id * DIGEST_BYTES : (path_id + 1) * DIGEST_BYTES]
    return found


def encoded_touched(touched: Noted, record: Record, version: str) -> bytes:
    """Return what to write beside a record where rows moved that don't make it another one.

    Args:
        touched: By id, rows to be believed from now on, besides those noted before.
        record: From `load`.
        version: The tool's.
    """
    return encoded((record[CHECKSUM], {**record[TOUCHED], **touched}), version)


def load_declared(directory: str, record: Record, version: str) -> Record | None:
    """Return what the Stagefile declared that a record is about; None where it isn't kept."""
    found = _read(f"{directory}/declared", _header(version))
    return None if found is None or found[1] != record[DECLARED] else found[0]


def encoded_names(
    evaluated: Record, guards: Iterable[tuple[str, Signature | None]], named: Any, version: str
) -> bytes:
    """Return what to write for those who only want to know what the Stagefile declared: a record of guards alone.

    Args:
        evaluated: Columns from the first one to NAMES, of what evaluation depended on and of nothing else.
        guards: Paths that evaluation read, and their signatures.
        named: What to keep, of plain values (Any: whatever marshal takes); the column GRAPH.
        version: The tool's.
    """
    pairs = tuple(guards)
    paths, signatures = tuple([path for path, _ in pairs]), tuple([known for _, known in pairs])
    record = (*evaluated, paths, signatures, len(paths), True, (), marshal.dumps(named), b"", -1)
    return encoded(record, version)


def load_names(directory: str, version: str) -> Record | None:
    """Return the record that was written of names; None when it's absent, foreign or damaged."""
    found = _read(f"{directory}/names", _header(version))
    return None if found is None else found[0]


def checksum_of(data: bytes, version: str) -> int:
    """Return the checksum in what `encoded` gave."""
    return sealed.checksum_of(data, _header(version))


def _read(path: str, header: bytes) -> tuple[Record, int] | None:
    """Return what `encoded` gave and its checksum; None unless it is whole and of this tool."""
    try:
        data = read_regular(path, follows=False)
    except OSError:
        return None
    record = sealed.unsealed(data, header)
    return (record, sealed.checksum_of(data, header)) if isinstance(record, tuple) else None


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


def is_archive(known: Signature | None) -> bool:
    """Return whether a place where modules are looked up is a file: a zip, whose names aren't listed."""
    return known is not None and known[5] & 0o170000 != 0o040000


def names_in(directory: str) -> tuple[str, ...]:
    """Return the names in a directory, in no order; none when it can't be listed."""
    try:
        return tuple(os.listdir(directory))
    except OSError:
        return ()
