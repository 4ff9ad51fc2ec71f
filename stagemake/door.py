"""The entry of the installed command. Today it opens the command line; a no-op short cut goes here."""

from __future__ import annotations

import gc
import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line with `argv` (default: this process's) and return its exit status."""
    # Reading a Stagefile and planning make objects that all live on: looking for garbage among them
    # costs a fifth of a no-op at 10 000 stages and finds nothing. `build` turns it on again to run.
    gc.disable()
    from stagemake.cli.main import run  # noqa: PLC0415 - gate, 100 ms with all that it needs

    return run(sys.argv[1:] if argv is None else argv)


def script() -> None:
    """Be the whole process: run the command line and leave without tearing the interpreter down.

    Freeing ten thousand stages one by one takes 50 ms that nobody needs. Whatever would notice the
    difference (a tracer, a debugger, coverage) gets an ordinary exit.
    """
    code = main()
    if sys.gettrace() is not None or "coverage" in sys.modules:
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 141
    except OSError as error:  # a full disk behind `> file`: what was printed isn't there
        os.write(2, f"error: can't write the output: {error}\n".encode())
        code = code or 1
    os._exit(code)
