"""Runs functions of `.ci/run` side by side: `python3 at_once.py NAME...`. Ends with 1 if one of them fails.

What the first one prints is seen as it comes, what the others print when they have ended. Jobs of a shell would do,
but ignore SIGINT, and so would all that they start; tests send it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from typing import IO


def main(names: list[str]) -> int:
    """Run them all to their end, whatever becomes of the others."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream
    began: list[tuple[str, IO[bytes] | None, subprocess.Popen[bytes]]] = []
    for name in names:
        printed = tempfile.TemporaryFile() if began else None  # noqa: SIM115 - until that process has ended
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", name],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT if printed else None,
        )
        began.append((name, printed, process))
    failed = []
    for name, printed, process in began:
        if process.wait():
            failed.append(f"{name} (exit status {process.returncode})")
        if printed:
            with printed:
                printed.seek(0)
                shutil.copyfileobj(
                    printed, sys.stdout.buffer
                )  # as it is, whatever the terminal's encoding
            sys.stdout.flush()
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
