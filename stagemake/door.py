"""The entry of the installed command. Today it opens the command line; a no-op short cut goes here."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line with `argv` (default: this process's) and return its exit status."""
    from stagemake.cli.main import run  # noqa: PLC0415 - gate, 100 ms with all that it needs

    return run(sys.argv[1:] if argv is None else argv)
