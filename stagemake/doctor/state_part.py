"""The project's own memory, `.stagemake/`: can it be written, what lies in it, who holds it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake.doctor.filesystem import file_system_of, folds_case
from stagemake.doctor.finding import Findings, named
from stagemake.doctor.machine import look_at_space
from stagemake.project_lock import holder_of, is_locked
from stagemake.report.amount import plural, size
from stagemake.state import DIRECTORY

if TYPE_CHECKING:
    from stagemake.state import StateStore

_MUCH_KEPT_BYTES = 100 << 20
_CLOCKS = {
    "change": "each change of a file moves its times: what was built is trusted at once",
    "tick": "times move in ticks of milliseconds: files changed in the last tick are read again",
    "coarse": "times move in steps of up to 2 s: files changed just before a build are read again",
}


def look_at_state(state: StateStore, root: str) -> Findings:
    """Return what there is to say about `.stagemake/` and the file system that the project lies on."""
    found = Findings("state")
    if not os.path.lexists(state.shared):
        if os.access(root, os.W_OK | os.X_OK):
            found.ok("absent", f"`{DIRECTORY}/` is not there yet: the first build makes it")
        else:
            found.problem("not_writable", f"`{root}` can't be written", f"`chmod u+wx {root}`")
    else:
        _look_at_directory(found, state)
    _look_at_file_system(found, root)
    return found


def _look_at_directory(found: Findings, state: StateStore) -> None:
    path = state.shared
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        found.problem("link", f"`{DIRECTORY}` is a symbolic link", f"remove it: `rm {path}`")
        return
    if not stat.S_ISDIR(status.st_mode):
        found.problem("no_directory", f"`{DIRECTORY}` is no directory", f"remove it: `rm {path}`")
        return
    if status.st_uid != os.geteuid():
        found.problem(
            "foreign_owner",
            f"`{DIRECTORY}/` belongs to user {status.st_uid}, not to user {os.geteuid()}",
            f"`chown -R {os.geteuid()} {path}`; losing it loses time only: `rm -r {path}` (see `kept/` first)",
        )
    mode = stat.S_IMODE(status.st_mode)
    blocked = [
        each
        for each in (path, state.directory)
        if os.path.exists(each) and os.stat(each).st_mode & 0o700 != 0o700
    ]
    if blocked:
        found.problem(
            "not_writable",
            f"{named(blocked)} can't be written",
            f"`chmod u+rwx {' '.join(blocked)}`",
        )
    elif mode & 0o022:
        found.problem(
            "mode", f"others can write to `{DIRECTORY}/` (mode {mode:04o})", f"`chmod 700 {path}`"
        )
    elif status.st_uid == os.geteuid():
        found.ok("directory", f"`{DIRECTORY}/` is yours and can be written")
    if is_locked(state):
        hint = "`stagemake` waits for it; `--no-wait` does not"
        found.note("locked", f"a build is running: {holder_of(state)}", hint)
    _look_at_memory(found, state)
    _look_at_kept(found, state)


def _look_at_memory(found: Findings, state: StateStore) -> None:
    """Note whether what earlier builds left can be read."""
    snapshot_path = f"{state.directory}/snapshot"
    if not os.path.exists(snapshot_path):
        return
    known = state.snapshot
    if not known.traces and not known.interrupted and os.path.getsize(snapshot_path):
        found.note(
            "snapshot",
            "what earlier builds noted can't be read, or is another Python's or version's",
            "the next build judges by the cache instead",
        )
        return
    found.ok("snapshot", f"results of {plural(len(known.traces), 'stage')} are noted")
    if known.interrupted and not is_locked(state):
        hint = "they run again at the next build"
        found.note(
            "interrupted", f"ended before they were done: {named(sorted(known.interrupted))}", hint
        )


def _look_at_kept(found: Findings, state: StateStore) -> None:
    count = total = 0
    for folder, _, names in os.walk(state.kept):
        for name in names:
            count += 1
            total += os.lstat(os.path.join(folder, name)).st_size
    if count:
        text = f"`{DIRECTORY}/kept/` holds {plural(count, 'file')} of yours, {size(total)}, that builds put aside"
        hint = (
            "look through them and remove them yourself: nothing else does"
            if total > _MUCH_KEPT_BYTES
            else ""
        )
        found.note("kept", text, hint)


def _look_at_file_system(found: Findings, root: str) -> None:
    place = file_system_of(root)
    if place.is_read_only:
        found.problem(
            "read_only",
            f"the project is on a read-only file system ({place.kind})",
            "work on a copy elsewhere",
        )
    if place.is_network:
        found.note(
            "network",
            f"the project is on a network file system ({place.kind}): locks and times may not hold between machines",
            "build on one machine at a time, or on a local disk",
        )
    if place.clock:
        found.ok("clock", _CLOCKS[place.clock])
    if folds_case(root):
        found.note(
            "case",
            "names that differ only in case are one file here",
            "keep outputs apart by more than case",
        )
    look_at_space(found, "outputs", root)
