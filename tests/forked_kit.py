"""Command lines by the hundred: each in a fork of a process that has everything loaded."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from attrs import frozen

import stagemake
from stagemake.freshness.signature import CLOCK_LAG_NS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from project import Project

_SERVER = os.path.join(os.path.dirname(__file__), "forked_server.py")
_TIMEOUT_S = 300
_LEAVE_NO_RECORD = frozenset(("-n", "-q", "completion"))  # for the next no-op
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(stagemake.__file__)))


@frozen
class Done:
    """How a command line ended."""

    status: int
    out: str
    err: str
    who: str  # "the entry", "what was recalled" or "an evaluation"


class Server:
    """Runs command lines, without the start-up of an interpreter each time. To be closed."""

    def __init__(self, environ: dict[str, str], python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, "-P", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            process_group=0,
        )

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(
        self,
        cwd: str,
        argv: Sequence[str],
        environ: dict[str, str],
        *,
        then: str = "",
        counted: str = "",
        only_entry: bool = False,
    ) -> Done:
        """Run one command line in a directory, or only the entry's part of it. For `then` and `counted` see `Forks.run`.

        Raises:
            TimeoutError: It has not ended after five minutes.
        """
        asked = {"then": then, "counted": counted, "cwd": cwd, "argv": argv, "env": environ, "only_entry": only_entry}  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _TIMEOUT_S)[0]:
            # A late answer would be taken for that of the next command line.
            os.killpg(self._process.pid, signal.SIGKILL)
            _shared.cache_clear()
            raise TimeoutError(f"{argv} has not ended after {_TIMEOUT_S} s")
        done = json.loads(self._process.stdout.readline())
        return Done(done["status"], done["out"], done["err"], done["who"])


def run(
    cwd: str, argv: Sequence[str], environ: dict[str, str], python: str = sys.executable
) -> Done | None:
    """Run a command line in a fork, which spares 180 ms of start-up and imports; None: it has to be a process of its own.

    That is so where the environment has what an interpreter looks at when it starts.

    Args:
        cwd: The directory it is typed in.
        argv: What is typed.
        environ: All variables.
        python: The interpreter; one of another environment has a stagemake of its own.
    """
    if not _is_ordinary(environ, python):
        return None
    let_it_age()
    return _shared(python).run(cwd, argv, environ)


def let_it_age() -> None:
    """Have what was written by now be older than what begins next, as a process of its own would find it.

    That takes longer to begin than a file system's clock may lag behind; a fork does not, and what is a moment
    younger than its beginning is not believed by the next no-op.
    """
    time.sleep(CLOCK_LAG_NS / 1e9)


def entry_says(cwd: str, argv: Sequence[str], environ: dict[str, str]) -> Done | None:
    """Return what the entry alone says, as `run` and `Server.run`."""
    server = _shared() if _is_ordinary(environ) else None
    return server and server.run(cwd, argv, environ, only_entry=True)


def _is_ordinary(environ: dict[str, str], python: str = sys.executable) -> bool:
    odd = {name for name in environ if name.startswith(("PYTHON", "LANG", "LC_"))}
    return (
        odd <= {"PYTHONPATH", "LANG"}
        and environ.get("PYTHONPATH") == _home(python)
        and environ.get("LANG", "C.UTF-8") == "C.UTF-8"
    )


def _home(python: str) -> str | None:
    """Return what an interpreter's PYTHONPATH has to be."""
    return _HOME if python == sys.executable else None


@functools.cache
def _shared(python: str = sys.executable) -> Server:
    """Return the one of an interpreter for all tests of this process. It has run nothing itself."""
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    if (home := _home(python)) is not None:
        environ["PYTHONPATH"] = home
    server = Server(environ, python)
    atexit.register(server.close)
    return server


class Forks:
    """Runs command lines in a project, by the server for all tests where its environment is like any other's."""

    def __init__(self, project: Project) -> None:
        self._project = project
        environ = project.process_environment()
        self._own = None if _is_ordinary(environ) else Server(environ)
        self._server = self._own or _shared()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._own is not None:
            self._own.close()

    def run(self, *argv: str, then: str = "", counted: str = "") -> Done:
        """Run one command line in the project's root.

        Args:
            argv: What is typed.
            then: Code that runs when the entry has had its look.
            counted: A file for the paths that were looked at, one a line, relative as they are given.
        """
        environ = self._project.process_environment()
        if not _LEAVE_NO_RECORD.intersection(argv):
            let_it_age()
        return self._server.run(str(self._project.root), argv, environ, then=then, counted=counted)
