"""Runs command lines with faults in them: the near side of `server`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from attrs import define, field, frozen

import stagemake

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME = os.path.dirname(os.path.dirname(os.path.abspath(stagemake.__file__)))
ORDINARY = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))


@frozen
class Fault:
    """What strikes a command line, and when."""

    kind: str = ""
    """`crash`, or the name of an error number; with ` on` behind it, it stays from then on."""
    at: int = -1  # the how manieth change of the disk, from 0; negative: none
    signals: tuple[tuple[float, int], ...] = ()  # seconds after the one before, and its number
    recorded_at: str = ""  # a file for what a power cut may leave of it; with `crash`


NOTHING = Fault()


def killed_after(seconds: float) -> Fault:
    """Return a SIGKILL after a time."""
    return Fault(signals=((seconds, signal.SIGKILL),))


@frozen
class Done:
    """How a command line ended."""

    status: int  # negative: by that signal
    out: str
    err: str
    points: list[str]  # "operation path" of every change of the disk that was begun
    cpu_s: float
    at_door: bool = False  # whether the entry has answered by itself


@frozen
class Wanted:
    """One of several command lines that are let go at one moment."""

    argv: tuple[str, ...]
    cwd: str
    dawdles: int = 0  # a seed of pauses before changes of the disk; 0: none
    removes: str = ""  # a directory: no command line, but somebody who removes it
    after_s: float = 0.0  # when


@define
class Machine:
    """A place with a project and a cache, and a process that forks command lines."""

    base: str
    environ: dict[str, str] = field(factory=dict)
    boot: str = ""  # what tells this boot from others; empty: as it is
    wrapped: tuple[str, ...] = ()  # a command in front of the server
    _server: subprocess.Popen[str] | None = None

    @property
    def root(self) -> str:
        """The project's directory."""
        return f"{self.base}/p"

    @property
    def cache(self) -> str:
        """The cache's directory."""
        return f"{self.base}/cache"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server; the next run starts another."""
        server, self._server = self._server, None
        if server is not None:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.close()
            server.wait()
            server.stdout.close()

    def variables(self) -> dict[str, str]:
        """Return what every command line sees."""
        return {
            "PATH": ORDINARY,
            "HOME": f"{self.base}/home",
            "LANG": "C.UTF-8",
            "PYTHONPATH": HOME,
            "STAGEMAKE_CACHE_DIR": self.cache,
            **self.environ,
        }

    def run(self, *argv: str, fault: Fault = NOTHING, cwd: str = "") -> Done:
        """Run one command line to its end."""
        return self.run_all([(argv, cwd or self.root)], fault)[0]

    def run_all(
        self, wanted: list[tuple[tuple[str, ...], str]], fault: Fault = NOTHING
    ) -> list[Done]:
        """Run command lines, each with its directory, side by side; the fault is the first one's."""
        return self.run_beside([Wanted(argv, cwd) for argv, cwd in wanted], fault)

    def run_beside(self, wanted: list[Wanted], fault: Fault = NOTHING) -> list[Done]:
        """Do all that is wanted, let go at one moment; the fault is the first one's."""
        if self._server is None:
            self._server = subprocess.Popen(
                [*self.wrapped, sys.executable, "-P", "-m", "faults.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**self.variables(), "PYTHONPATH": f"{HOME}{os.pathsep}{TESTS}"},
                cwd=self.base,
            )
        asked = [
            self._asked(one, fault if number == 0 else NOTHING) for number, one in enumerate(wanted)
        ]
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        return [
            Done(
                one["status"],
                one["out"],
                one["err"],
                one["points"].splitlines(),
                one["cpu_s"],
                bool(one["door"]),
            )
            for one in json.loads(self._server.stdout.readline())
        ]

    def _asked(self, wanted: Wanted, fault: Fault) -> dict[str, object]:
        return {
            "argv": wanted.argv,
            "cwd": wanted.cwd,
            "dawdles": wanted.dawdles,
            "removes": wanted.removes,
            "after_s": wanted.after_s,
            "env": self.variables(),
            "kind": fault.kind,
            "at": fault.at,
            "signals": fault.signals,
            "watched": [self.root, self.cache] if fault.recorded_at else [],
            "recording_path": fault.recorded_at,
            "boot": self.boot,
        }
