"""Runs command lines in forks of itself, with faults put in. See `machine`, which talks to it.

One JSON list of runs a line in, all started at once; one list of how they ended out. A run is forked from a
process that has everything loaded, so that a fault costs a tenth of a second and not half of one.
"""

from __future__ import annotations

import builtins
import errno
import gc
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time

from faults.lost import Recording
from forked_server import warm_up

import stagemake

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SQLITE_SAYS = {
    errno.EIO: "disk I/O error",
    errno.ENOSPC: "database or disk is full",
    errno.EACCES: "unable to open database file",
    errno.EROFS: "attempt to write a readonly database",
}
_GROWING = frozenset(("commit", "mkdir", "open", "symlink", "write"))
"""What a full disk refuses; names can still be removed and exchanged."""

DAWDLE_SHARE, LONGEST_DAWDLE_S = 0.15, 0.03

PATIENCE_S = 120.0

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Serve until standard input ends."""
    import ctypes  # noqa: F401 - so that forks have it
    import faulthandler  # noqa: F401 - as above

    import stagemake.cli.build_command
    import stagemake.cli.cache_command
    import stagemake.cli.clean_command
    import stagemake.executing
    import stagemake.fingerprint.function
    import stagemake.fingerprint.shell
    import stagemake.forecasting
    import stagemake.noop_record
    import stagemake.plan.judge
    import stagemake.runner.local
    import stagemake.stagefile.language
    import stagemake.starting  # noqa: F401 - so that forks have it
    from stagemake.cache.disk import open_store

    # SQLite takes no turns: of eight at once on a busy machine one may wait for longer than users are to.
    open_store.__kwdefaults__["timeout_s"] = PATIENCE_S
    leave_others_out()
    for line in sys.stdin:
        found = run_all(json.loads(line))
        for one in found:
            warm_up(one.pop("modules").split())
        print(json.dumps(found), flush=True)


def leave_others_out() -> None:
    """Have this tool only on the search path: who edits another tree of it, as installed, changes what evaluation saw."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(stagemake.__file__)))
    sys.path[:] = [
        path for path in sys.path if path == own or not os.path.isdir(f"{path}/stagemake")
    ]


def run_all(wanted: list[dict]) -> list[dict]:
    """Run command lines side by side, let go at one moment; the first may be sent signals after some times."""
    with tempfile.TemporaryDirectory() as place:
        started = []
        signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)  # until a fork has become the script
        gate, opener = os.pipe()
        for number, asked in enumerate(wanted):
            pid = os.fork()
            if pid == 0:
                os.close(opener)
                os.read(gate, 1)  # ends for all when the server closes its end
                os.close(gate)
                become(f"{place}/{number}", asked)
            started.append(pid)
        for fd in (gate, opener):
            os.close(fd)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
        for after_s, signum in wanted[0]["signals"]:
            time.sleep(after_s)  # not for timing: any moment will do
            os.kill(started[0], signum)
        return [_ended(pid, f"{place}/{number}") for number, pid in enumerate(started)]


def _ended(pid: int, prefix: str) -> dict:
    _, status, usage = os.wait4(pid, 0)
    found: dict = {"status": os.waitstatus_to_exitcode(status), "cpu_s": usage.ru_utime}
    for name in ("out", "err", "points", "modules", "door"):
        try:
            with open(f"{prefix}-{name}", encoding="utf-8", errors="surrogateescape") as stream:
                found[name] = stream.read()
        except FileNotFoundError:
            found[name] = ""
    return found


def become(prefix: str, asked: dict) -> None:
    """Be the installed script, with output into files."""
    from stagemake import door, durable
    from stagemake.stagefile import audit

    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for fd, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{prefix}-{name}", os.O_WRONLY | os.O_CREAT, 0o600), fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if asked["removes"]:
        be_removing(asked["removes"], asked["after_s"])
    if asked["boot"]:
        boot_anew(asked["boot"])
    durable.install(Point(asked, f"{prefix}-points"))
    gc.disable()
    status = 70
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
        found_status, found = door.look(asked["argv"])
        with open(f"{prefix}-door", "w", encoding="utf-8") as stream:
            stream.write("" if found_status is None else "answered")
        if found_status is None:
            audit.install()
            found_status = door.main(asked["argv"], found)
        status = found_status
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:  # as `door.script` has it
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    with open(f"{prefix}-modules", "w", encoding="utf-8") as stream:
        stream.write(
            "\n".join(name for name in list(sys.modules) if name.isidentifier() or "." in name)
        )
    os._exit(status)


def be_removing(path: str, after_s: float) -> None:
    """Be somebody who removes a directory beside the command lines."""
    time.sleep(after_s)  # not for timing: any moment will do
    shutil.rmtree(path, ignore_errors=True)
    os._exit(0)


def boot_anew(boot_id: str) -> None:
    """Have the system say that it was started anew since."""
    real = builtins.open

    def opened(file, *more, **named):
        if file == _BOOT_ID:
            return io.BytesIO(boot_id.encode())
        return real(file, *more, **named)

    builtins.open = opened


class Point:
    """What `durable` calls before each change: counts, and strikes at the one that was asked for."""

    def __init__(self, asked: dict, log_path: str) -> None:
        self.pid = os.getpid()
        self.count = 0
        self.at: int = asked["at"]
        self.kind: str = asked["kind"]
        self.log_fd = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.recording = Recording(asked["watched"]) if asked["watched"] else None
        self.recording_path: str = asked["recording_path"]
        self.dawdles = random.Random(asked["dawdles"]) if asked["dawdles"] else None

    def __call__(self, operation: str, path: str) -> None:
        """Let a change pass, or not."""
        if os.getpid() != self.pid:  # a stage's own process, or the supervisor
            return
        if self.dawdles is not None and self.dawdles.random() < DAWDLE_SHARE:
            time.sleep(self.dawdles.random() * LONGEST_DAWDLE_S)  # lets others in between
        if self.recording is not None:
            self.recording.look(operation, path)
        at, self.count = self.count, self.count + 1
        os.write(self.log_fd, f"{operation} {path}\n".encode("utf-8", "surrogateescape"))
        if self.at < 0 or at < self.at:
            return
        if self.kind == "crash":
            if self.recording is not None:
                self.recording.save(self.recording_path)
            os.kill(self.pid, signal.SIGKILL)
            time.sleep(9)  # until it arrives
        name, _, more = self.kind.partition(" ")
        if at > self.at and more != "on":
            return
        number = getattr(errno, name)
        if number == errno.ENOSPC and operation not in _GROWING:
            return
        if operation == "commit":
            raise sqlite3.OperationalError(_SQLITE_SAYS[number])
        raise OSError(number, os.strerror(number), path)


if __name__ == "__main__":
    main()
