"""How the tool and its supervisor talk: length-prefixed marshal over pipes, between a process and its own fork.

Both ends are one interpreter, so the format may change freely and is never stored.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagemake.runner.port import Completion, Work


HEADER_BYTES = 8
CHUNK_BYTES = 1 << 16  # what a pipe holds: more is never there in one read

START = 0  # (START, *work)
STOP = 1  # (STOP, now, typed)
TELL = 2  # (TELL, data): for `Settings.on_told`
HOLD = 3  # (HOLD, token): of a jobserver; the tool has taken it
BACK = 4  # (BACK, token): to be put back
LINE_UP = 5  # (LINE_UP, rules, *work): to start when one of those before it has ended
WITHDRAW = 6  # (WITHDRAW,): nothing that waits in line is to start any more

COMPLETED = 0  # (COMPLETED, *completion)
SAID = 1  # (SAID, stage_id, data): a Python call, or a program that streams, has said something


def encode(message: Any) -> bytes:  # Any: marshal knows what it can write
    """Return `message`, made of what marshal knows, with its length in front."""
    body = marshal.dumps(message)
    return len(body).to_bytes(HEADER_BYTES, "little") + body


class Inbox:
    """Puts messages together from whatever pieces a pipe hands out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:  # Any: each message is what its sender encoded
        """Add received bytes; return the messages they complete, in order."""
        buffer = self._buffer
        buffer += data
        messages = []
        start = 0
        while len(buffer) - start >= HEADER_BYTES:
            body = start + HEADER_BYTES
            end = body + int.from_bytes(buffer[start:body], "little")
            if len(buffer) < end:
                break
            messages.append(marshal.loads(buffer[body:end]))  # from our own fork
            start = end
        del buffer[:start]
        return messages


def start_message(work: Work) -> bytes:
    """Return the request to begin `work`."""
    return encode((START, *_fields_of(work)))


def line_up_message(work: Work, room: int, low: int, *, stops_at_failure: bool) -> bytes:
    """Return the request to begin `work` when it is its turn; see `line.LineRules`."""
    return encode((LINE_UP, (room, low, stops_at_failure), *_fields_of(work)))


def withdraw_message() -> bytes:
    """Return the request to forget what waits in line."""
    return encode((WITHDRAW,))


def _fields_of(work: Work) -> tuple[Any, ...]:  # Any: as for `encode`
    return (
        work.stage_id,
        dict(work.env),
        work.argv,
        work.payload,
        work.timeout_s,
        work.console,
        work.cwd,
        work.watch,
        work.streams,
        work.direct,
        work.makes,
    )


def stop_message(*, now: bool, typed: bool) -> bytes:
    """Return the request to end whatever runs."""
    return encode((STOP, now, typed))


def tell_message(data: bytes) -> bytes:
    """Return what passes `data` on."""
    return encode((TELL, data))


def hold_message(token: bytes) -> bytes:
    """Return the note that a token was taken."""
    return encode((HOLD, token))


def back_message(token: bytes) -> bytes:
    """Return the request to put a token back."""
    return encode((BACK, token))


def completion_message(completion: Completion) -> bytes:
    """Return the report that one action ended."""
    return encode(
        (
            COMPLETED,
            completion.stage_id,
            completion.exit_code,
            completion.stdout,
            completion.stderr,
            completion.value,
            completion.started_s,
            completion.wall_s,
            completion.cpu_s,
            completion.peak_rss_bytes,
            completion.timed_out,
            completion.note,
            completion.survivors,
        )
    )


def said_message(stage_id: int, data: bytes) -> bytes:
    """Return the report of what a running call has said."""
    return encode((SAID, stage_id, data))
