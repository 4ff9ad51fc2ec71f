"""Text on stdout: what the locale may not know all of, and how much of a line a terminal shows."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is 10 ms, which TAB does not wait for
if TYPE_CHECKING:
    from typing import TextIO


def print_utf8(text: str) -> None:
    """Print `text` as UTF-8 whatever the locale says; bytes that were no text go out as they came in."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # a text stream of an embedding program
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    stream.write(text.encode("utf-8", "surrogateescape"))
    stream.flush()


def print_bytes(data: bytes) -> None:
    """Print bytes as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_known(text: str) -> None:
    r"""Print `text` and its colours, with what the encoding of stdout does not know as `\xNN`."""
    import click  # noqa: PLC0415 - gate, 20 ms, not for what TAB asks

    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, color=True)


def stdout_has(characters: str) -> bool:
    """Whether stdout's encoding knows these."""
    try:
        characters.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def terminal_columns(stream: TextIO | None = None) -> int:
    """Return the width of the terminal that a stream (stdout) is; 0 if it is none."""
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns
    except (OSError, ValueError):  # no terminal, or no file at all
        return 0
