"""Numbers for people: durations, sizes, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.plan import Interval

__all__ = [
    "about",
    "ago",
    "duration",
    "interval",
    "joined",
    "plural",
    "printable",
    "size",
    "whole_seconds",
]


def duration(seconds: float) -> str:
    """Return seconds as people say them: `12 ms`, `1.4 s`, `2 m 05 s`, `1 h 02 m`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m"


def whole_seconds(seconds: float) -> str:
    """Return how long something has lasted, as a clock that ticks: `0 s`, `59 s`, `2 m 05 s`, `1 h 02 m`."""
    passed = int(seconds)
    return f"{passed} s" if passed < 60 else duration(passed)


def about(seconds: float) -> str:
    """Return seconds as roughly as one can know what is to come: `<1 s`, `8 s`, `1 m 10 s`, `12 m`, `1 h 05 m`."""
    if seconds < 1:
        return "<1 s"
    if seconds < 20:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return duration(max(round(seconds / 5) * 5, 20)).replace(".0 s", " s")
    minutes = round(seconds / 60)
    return f"{minutes} m" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} m"


def interval(seconds: Interval) -> str:
    """Return a forecast: `1.4 s`, or `1.4 s (up to 2.0 s)` where the two differ."""
    if duration(seconds.p50) == duration(seconds.p90):
        return duration(seconds.p50)
    return f"{duration(seconds.p50)} (up to {duration(seconds.p90)})"


def ago(seconds: float) -> str:
    """Return how long something is past: `just now`, `5 minutes ago`, `2 days ago`."""
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            return f"{plural(int(seconds // length), unit)} ago"
    return "just now"


def size(count: float) -> str:
    """Return bytes with a binary unit: `512 B`, `1.5 KiB`, `2.0 GiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Return `1 stage`, `2 stages`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def joined(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
