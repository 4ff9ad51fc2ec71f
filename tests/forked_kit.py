"""Command lines by the hundred: each in a fork of a process that has everything loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from project import Project

_SERVER = os.path.join(os.path.dirname(__file__), "forked_server.py")


@frozen
class Done:
    """How a command line ended."""

    status: int
    out: str
    err: str
    who: str  # "the entry", "what was recalled" or "an evaluation"


class Server:
    """Runs command lines, without the start-up of an interpreter each time. To be closed."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
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
    ) -> Done:
        """Run one command line in a directory. For `then` and `counted` see `Forks.run`."""
        asked = {"then": then, "counted": counted, "cwd": cwd, "argv": argv, "env": environ}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        done = json.loads(self._process.stdout.readline())
        return Done(done["status"], done["out"], done["err"], done["who"])


class Forks:
    """Runs command lines in a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._server = Server(project.process_environment())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.close()

    def run(self, *argv: str, then: str = "", counted: str = "") -> Done:
        """Run one command line in the project's root.

        Args:
            argv: What is typed.
            then: Code that runs when the entry has had its look.
            counted: A file for the paths that were looked at, one a line, relative as they are given.
        """
        environ = self._project.process_environment()
        return self._server.run(str(self._project.root), argv, environ, then=then, counted=counted)
