"""Command lines by the hundred: each in a fork of a process that has everything loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
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


class Forks:
    """Runs command lines in a project, without the start-up of an interpreter each time."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._server = subprocess.Popen(
            [sys.executable, "-P", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=project.process_environment(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def run(self, *argv: str, then: str = "", counted: str = "") -> Done:
        """Run one command line in the project's root.

        Args:
            argv: What is typed.
            then: Code that runs when the entry has had its look.
            counted: A file for the paths that were looked at, one a line, relative as they are given.
        """
        asked = {
            "then": then,
            "counted": counted,
            "cwd": str(self._project.root),
            "argv": argv,
            "env": self._project.process_environment(),
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        done = json.loads(self._server.stdout.readline())
        return Done(done["status"], done["out"], done["err"], done["who"])
