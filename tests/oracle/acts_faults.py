"""Acts on the cache; and builds that don't reach their end, or whose inputs change under their hands."""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
import sqlite3
import warnings
from typing import TYPE_CHECKING

from oracle.acts_outputs import remove_made, remove_output
from oracle.acts_sources import edit, revert, text_for
from oracle.driver import Ask
from oracle.effect import Effect
from oracle.expected import Status, expect
from oracle.project import SOURCES, Kind, write
from oracle.render import render
from oracle.tree import remove, walk

from stagemake import durable

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_PLAIN = Effect()


class Crash(BaseException):
    """Stands for SIGKILL: whoever sees it writes nothing more."""


def crash(history: History) -> Effect:
    """Let a build die at some change of the disk: while stages run, or while they are restored."""
    history.rnd.choice([edit, revert])(history)
    if history.rnd.random() < 0.5:
        remove_output(history)
    # A build begins with a dozen changes of its own state; then come the outputs.
    left = (
        history.rnd.randrange(12) if history.rnd.random() < 0.2 else 12 + history.rnd.randrange(40)
    )

    def point(operation: str, path: str) -> None:
        nonlocal left
        del operation, path
        left -= 1
        if left < 0:
            raise Crash

    _disturbed(history, point)
    return _PLAIN


def fault(history: History) -> Effect:
    """Let one change of the disk fail as a full or broken one does."""
    edit(history)
    left = history.rnd.randrange(60)
    error = history.rnd.choice([OSError(28, "No space left on device"), OSError(5, "I/O error")])

    def point(operation: str, path: str) -> None:
        nonlocal left
        del operation
        left -= 1
        if left == 0:
            raise type(error)(error.errno, error.strerror, path)

    _disturbed(history, point)
    return _PLAIN


def _disturbed(history: History, point: Callable[[str, str], None]) -> None:
    """Build with faults; whatever comes of it is forgotten."""
    render(history.project, history.root)
    durable.install(point)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the dead close nothing
        try:
            with contextlib.suppress(Crash, OSError):
                history.driver.build(history.place(), Ask())
        finally:
            durable.install(None)
        gc.collect()


def race(history: History) -> Effect | None:
    """Change an input while a stage runs: before it reads, after it has read, or back again."""
    project, rnd = history.project, history.rnd
    able = {Kind.SHELL, Kind.ARGV, Kind.CALL, Kind.TREE}
    right = expect(project, history.root)
    specs = [
        spec for spec in project.specs
        if spec.kind in able and right.status[spec.name] is Status.GOOD
        and any(path in SOURCES for path in spec.inputs) and spec.is_cached
    ]  # fmt: skip
    if not specs:
        return None
    spec = rnd.choice(specs)
    path = next(path for path in spec.inputs if path in SOURCES)
    project.change(spec.name, param=spec.param + 10)  # so that it runs
    moment = rnd.choice(["before", "after", "both"])
    full, saved = shlex.quote(f"{history.root}/{path}"), f"{history.base}/race/saved"
    put = f"printf %s {shlex.quote(text_for(history, path))} > {full}"
    if moment == "both":
        save = f"cp {full} {saved}"
        _plant(history, f"{spec.origin}.before", f"{save}; {put}")
        _plant(history, f"{spec.origin}.after", f"cp {saved} {full}")
    else:
        _plant(history, f"{spec.origin}.{moment}", put)
    render(project, history.root)
    history.driver.build(history.place(), Ask())
    for name in os.listdir(f"{history.base}/race"):
        os.unlink(f"{history.base}/race/{name}")
    if rnd.random() < 0.3:
        write(history.root, path, text_for(history, path))
    return _PLAIN


def _plant(history: History, name: str, script: str) -> None:
    with open(f"{history.base}/race/{name}", "w", encoding="utf-8") as stream:
        stream.write(f"rm {history.base}/race/{name}\n{script}\n")


def damage_cache(history: History) -> Effect | None:
    """Flip bits, cut and drop values in the cache, or break the whole of it; outputs are gone."""
    database = f"{history.cache}/cache.db"
    if not os.path.exists(database):
        return None
    history.stored.clear()
    history.is_damaged = True
    if history.rnd.random() < 0.15:
        with open(database, "r+b") as stream:
            stream.seek(history.rnd.choice([0, 30, 200]))
            stream.write(b"\xff" * 80)
    else:
        _damage_rows(history, database)
    for path in walk(history.cache):
        full = f"{history.cache}/{path}"
        if path.endswith(".val") and history.rnd.random() < 0.5:
            os.truncate(full, history.rnd.choice([0, os.stat(full).st_size // 2]))
    for spec in history.project.specs:
        for output in spec.outputs:
            remove_made(history, output)
    return _PLAIN


def _damage_rows(history: History, database: str) -> None:
    rnd = history.rnd
    connection = sqlite3.connect(database)
    try:
        rows = connection.execute("SELECT rowid, value FROM Cache ORDER BY rowid").fetchall()
        for rowid, value in rows:
            if rnd.random() < 0.6:
                continue
            if isinstance(value, bytes) and value and rnd.random() < 0.8:
                at = rnd.randrange(len(value))
                changed = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
                connection.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (changed, rowid))
            else:
                connection.execute("DELETE FROM Cache WHERE rowid = ?", (rowid,))
        connection.commit()
    finally:
        connection.close()


def lose_cache(history: History) -> Effect:
    """Remove the cache; sometimes all outputs too."""
    remove(history.cache)
    history.stored.clear()
    history.is_damaged = history.is_collected = False
    if history.rnd.random() < 0.5:
        return remove_output(history) or _PLAIN
    return Effect(runs_nothing=True)


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one for one in (race, damage_cache, lose_cache)
}

IN_PROCESS_ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one for one in (crash, fault)
}
