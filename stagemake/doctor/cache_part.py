"""The cache, looked at from outside: whose it is, what it holds, whether it can be read."""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING

from stagemake.cache import rows
from stagemake.cache.locate import VARIABLE
from stagemake.cache.reader import ReadOnlyStore
from stagemake.doctor.filesystem import file_system_of, nearest
from stagemake.doctor.finding import Findings, named
from stagemake.doctor.machine import look_at_space
from stagemake.report.amount import plural, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.settings import ProjectConfig

_ELSEWHERE = "or put the cache elsewhere: STAGEMAKE_CACHE_DIR"
_MOST_QUARANTINES = 9


def look_at_cache(
    directory: str,
    settings: ProjectConfig,
    environ: Mapping[str, str],
    *,
    is_given: bool,
    root: str = "",
) -> Findings:
    """Return what there is to say about the cache at `directory`, an absolute path that may not exist.

    Args:
        directory: Where it is.
        settings: Of the project.
        environ: To say where the directory's name came from.
        is_given: Whether the command line named it.
        root: The project's, to tell whether a restore can share blocks with it; empty for none.

    Cost: reads the database's header of every row.
    """
    found = Findings("cache")
    found.ok("path", f"`{directory}` ({_source(settings, environ, is_given=is_given)})")
    if not os.path.lexists(directory):
        _look_at_parent(found, directory)
    elif _look_at_owner(found, directory):
        _look_at_contents(found, directory, settings)
    _look_at_disk(found, directory, root)
    _look_at_quarantines(found, directory)
    return found


def _source(settings: ProjectConfig, environ: Mapping[str, str], *, is_given: bool) -> str:
    if is_given:
        return "from --cache-dir"
    if environ.get(VARIABLE):
        return f"from {VARIABLE}"
    return "from pyproject.toml" if settings.cache_dir else "the default for this user"


def _look_at_parent(found: Findings, directory: str) -> None:
    parent = nearest(os.path.dirname(directory))
    if os.access(parent, os.W_OK | os.X_OK):
        found.ok("absent", "there is none yet: the first build makes it")
    else:
        found.problem(
            "not_writable",
            f"there is none, and it can't be made in `{parent}`",
            f"`chmod u+wx {parent}`, {_ELSEWHERE}",
        )


def _look_at_owner(found: Findings, directory: str) -> bool:
    """Note whose the directory is; False when it can't be used."""
    status = os.lstat(directory)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        hint = f"name what it leads to: STAGEMAKE_CACHE_DIR={os.path.realpath(directory)}"
        found.problem("link", "it is a symbolic link, and is not used", hint)
    elif not stat.S_ISDIR(status.st_mode):
        found.problem(
            "no_directory", "it is no directory, and is not used", f"remove it, {_ELSEWHERE}"
        )
    elif status.st_uid != os.geteuid():
        found.problem(
            "foreign_owner",
            f"it belongs to user {status.st_uid}, not to user {os.geteuid()}, and is not used",
            f"`chown -R {os.geteuid()} {directory}`, {_ELSEWHERE}",
        )
    elif mode & 0o022:
        found.problem(
            "mode",
            f"others can write to it (mode {mode:04o}), so it is not used",
            f"`chmod 700 {directory}`, then `stagemake cache verify`",
        )
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        found.problem(
            "not_writable", f"it can't be written (mode {mode:04o})", f"`chmod 700 {directory}`"
        )
    elif mode & 0o077:
        found.note("mode", f"others can read it (mode {mode:04o})", f"`chmod 700 {directory}`")
        return True
    else:
        found.ok("owner", f"yours alone (mode {mode:04o})")
        return True
    return False


def _look_at_contents(found: Findings, directory: str, settings: ProjectConfig) -> None:
    database = os.path.join(directory, rows.DATABASE_NAME)
    if not os.path.lexists(database):
        found.ok("empty", "nothing is in it yet")
        return
    reader = ReadOnlyStore(directory)
    try:
        stats, size_bytes = reader.stats(), reader.volume_bytes()
        fault = next(iter(reader.faults.first.values()), "")
    finally:
        reader.close()
    fault = fault or _damage(database)
    if fault:
        hint = "`stagemake cache verify` mends it or sets it aside; nothing but time is lost"
        found.problem("damaged", f"its database can't be read: {fault}", hint)
        return
    held = f"{plural(stats.records, 'record')}, {plural(stats.blobs, 'blob')}, {size(size_bytes)} of {size(settings.cache_bytes)}"
    if size_bytes > settings.cache_bytes:
        found.note("over_limit", held, "`stagemake cache gc` shrinks it now; a build does so too")
    else:
        found.ok("contents", held)
    if stats.foreign:
        found.note(
            "foreign_rows",
            f"{plural(stats.foreign, 'row')} that stagemake did not write",
            "`stagemake cache gc` removes them",
        )
    wal = f"{database}-wal"
    if os.path.exists(wal) and os.path.getsize(wal):
        text = f"a write-ahead log of {size(os.path.getsize(wal))} is left"
        if os.path.exists(f"{database}-shm"):
            found.note(
                "wal", f"{text}: a build runs, or one was killed", "the next build takes it in"
            )
        else:
            found.note(
                "wal",
                f"{text}, without its index: one was killed",
                "the next build takes it in; until then what is in it is a miss",
            )


def _damage(database: str) -> str:
    """Return what SQLite's own quick check says is wrong; empty for nothing. Reads, and writes nothing."""
    has_wal = os.path.exists(f"{database}-wal") and os.path.exists(f"{database}-shm")
    options = "mode=ro&readonly_shm=1" if has_wal else "immutable=1"
    try:
        connection = rows.connect(rows.read_only_uri(database, options), timeout_s=1.0, uri=True)
        try:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return "" if answer == "ok" else str(answer).replace("\n", " ")[:100]


def _look_at_disk(found: Findings, directory: str, root: str) -> None:
    place = file_system_of(directory)
    if place.is_network:
        found.problem(
            "network",
            f"it is on a network file system ({place.kind}), where SQLite's locks can't be relied on",
            "put it on a local disk: STAGEMAKE_CACHE_DIR",
        )
    look_at_space(found, "the cache", directory)
    if not root:
        return
    same = os.stat(nearest(directory)).st_dev == os.stat(root).st_dev
    if same and place.may_clone:
        found.ok(
            "reflink",
            f"restoring may share blocks with the cache ({place.kind} can), and then copies nothing",
        )
    else:
        why = (
            f"{place.kind or 'the file system'} can't share blocks"
            if same
            else "it is on another file system than the project"
        )
        found.ok("reflink", f"restoring copies: {why}")


def _look_at_quarantines(found: Findings, directory: str) -> None:
    names = [f"{directory}.corrupt-{number}" for number in range(1, _MOST_QUARANTINES + 1)]
    left = [name for name in names if os.path.lexists(name)]
    if left:
        hint = "look at them if you like, then `stagemake cache clear` removes them too"
        found.note("set_aside", f"damaged caches were set aside: {named(left)}", hint)
