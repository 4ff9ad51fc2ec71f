"""What stages printed, for the page: the ends of texts, bounded together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.report.amount import size
from stagemake.report.log_text import shown_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stagemake.logs import Stored

_MOST_BYTES = 4 << 20
_MOST_OF_ONE = 64 << 10
_SLACK_S = 2  # when a result was made is known in whole seconds

Log = dict[str, Any]  # Any: what JSON can hold


def failed_logs(logs: Mapping[str, str]) -> dict[str, Log]:
    """Return what failed stages printed, as a build noted the end of it."""
    return {
        name: {"text": clean(text.encode("utf-8", "replace")), "note": "the end of it"}
        for name, text in logs.items()
    }


def stored_logs(
    key_by_name: Mapping[str, str],
    window: tuple[float, float] | None,
    read: Callable[[list[str]], Iterator[Stored]],
) -> tuple[dict[str, Log], int]:
    """Return what stages printed that did well, and for how many there was no room.

    Args:
        key_by_name: Under which key their results are.
        window: Unix seconds of begin and end of the build; None: it matters not when it was printed.
        read: Gives what the cache has, by keys.
    """
    names_by_key: dict[str, list[str]] = {}
    for name, key in key_by_name.items():
        names_by_key.setdefault(key, []).append(name)
    found: dict[str, Log] = {}
    spent = left = 0
    for stored in read(list(names_by_key)):
        parts = [part for part in (stored.stdout, stored.stderr) if part]
        whole = b"\n".join(part.removesuffix(b"\n") for part in parts)
        if not whole:
            continue
        data = whole[-_MOST_OF_ONE:]
        if spent + len(data) > _MOST_BYTES:
            left += len(names_by_key[stored.key])
            continue
        spent += len(data)
        notes = [f"the last {size(len(data))} of {size(len(whole))}"] if data != whole else []
        if window is not None and stored.created_s > window[1] + _SLACK_S:
            notes.append("by another run that made this result, after this build")
        elif window is not None and stored.created_s < window[0] - _SLACK_S:
            notes.append("when this result was made, before this build")
        log = {"text": clean(data), "note": "; ".join(notes)}
        found.update(dict.fromkeys(names_by_key[stored.key], log))
    return found, left


def clean(data: bytes) -> str:
    """Return text without colours and control characters."""
    return shown_log(data, keep_colour=False)
