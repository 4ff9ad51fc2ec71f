"""Runs shell commands of `.ci/run` side by side: `python3 at_once.py FILE COMMAND...`. Ends with 1 if one of them fails.

FILE is read by each first: what it defines is not exported, so programs that a command starts don't see it. What the
first command prints is seen as it comes; what another prints, as soon as it has failed, or in order when the first
has ended. Jobs of a shell would do, but ignore SIGINT, and so would all that they start; tests send it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from typing import IO


def main(shared: str, commands: list[str]) -> int:
    """Run them all to their end, whatever becomes of the others."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream
    runs = [Run(shared, command, is_first=at == 0) for at, command in enumerate(commands)]
    for run in runs:
        run.waiter.start()
    for run in runs:
        run.waiter.join()
        run.show()
    failed = [f"{run.command} (exit status {run.status})" for run in runs if run.status]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


class Run:
    """A command that runs, and what it prints until that is shown."""

    def __init__(self, shared: str, command: str, *, is_first: bool) -> None:
        self.command = command
        self.status = 0
        self.waiter = threading.Thread(target=self._wait)
        self._printed: IO[bytes] | None = (
            None if is_first else tempfile.TemporaryFile()  # noqa: SIM115 - until it has been shown
        )
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f'. "$0"; {command}', shared],
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=None if is_first else subprocess.STDOUT,
        )

    def _wait(self) -> None:
        self.status = self._process.wait()
        if self.status:
            self.show()

    def show(self) -> None:
        """Print what has been kept, once."""
        with _showing:
            printed, self._printed = self._printed, None
            if printed is None:
                return
            with printed:
                printed.seek(0)
                shutil.copyfileobj(printed, sys.stdout.buffer)  # whatever the terminal's encoding
            if self.status:
                print(f"failed: {self.command} (exit status {self.status})")
            sys.stdout.flush()


_showing = threading.Lock()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
