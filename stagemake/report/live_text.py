"""What the live view says: one line about the whole, one for each stage that runs. Laid out by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.text import Text

from stagemake.report.amount import about, printable, whole_seconds

if TYPE_CHECKING:
    from typing import TextIO

    from stagemake.report.progress import Progress, Running

_NARROW = 60  # columns; below, or in fewer lines than the next, all is said in one line
_LOW = 8
_MOST_ROWS = 12
_BAR = 20
_SEEN_FROM_S = 0.25  # what ends sooner takes no line: a hundred of them would only flash by
_WITH_DESCRIPTION = 100  # columns


class Painter:
    """Makes lines of text for one terminal; none is as wide as the screen, so that none is wrapped.

    Args:
        stream: The terminal.
        has_colour: Whether it gets any; which ones it can show is in `TERM` and `COLORTERM`.
    """

    def __init__(self, stream: TextIO, *, has_colour: bool) -> None:
        self._console = Console(
            file=stream,
            force_terminal=True,
            no_color=not has_colour,
            color_system="auto" if has_colour else None,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def lines(self, progress: Progress, left_s: float | None, columns: int, rows: int) -> list[str]:
        """Return the lines to show, with colour sequences. Cost: 0.2 ms each.

        Args:
            progress: Where the build stands.
            left_s: How long it still takes; None: unknown.
            columns: Of the screen.
            rows: Of the screen; a third is used at most.
        """
        now_s = progress.now_s()
        left = _left_text(left_s)
        if columns < _NARROW or rows < _LOW:
            texts = [_single(progress, now_s, left)]
        else:
            most = min(rows // 3, _MOST_ROWS) - 1
            texts = [
                self._head(progress, now_s, left, columns),
                *_stage_lines(progress, now_s, most, columns),
            ]
        return [self._painted(text, columns - 1) for text in texts]

    def _painted(self, text: Text, columns: int) -> str:
        columns = max(columns, 1)
        text.truncate(columns, overflow="ellipsis")
        self._console.width = columns
        with self._console.capture() as capture:
            self._console.print(text, end="", no_wrap=True)
        return capture.get()

    def _head(self, progress: Progress, now_s: float, left: str, columns: int) -> Text:
        total = progress.total
        width = len(str(total))
        line = Text(f"[{progress.done:>{width}}/{total}] ")
        bar = ProgressBar(total=max(total, 1), completed=progress.done, width=_BAR)
        options = self._console.options.update(width=_BAR, max_width=_BAR)
        for segment in self._console.render(bar, options):
            line.append(segment.text, segment.style)
        line.append(" " * (len(f"[{total}/{total}] ") + _BAR - line.cell_len))
        parts = [Text(f"{len(progress.running)} running", "bold")]
        if progress.hits:
            parts.append(Text(f"{progress.hits} hit{'s' * (progress.hits > 1)}", "blue"))
        if progress.failed:
            parts.append(Text(f"{progress.failed} failed", "red"))
        parts.append(Text(whole_seconds(now_s - progress.began_s)))
        if left:
            parts.append(Text(left, "cyan"))
        line.append("  ").append(Text(", ").join(parts))
        if line.cell_len >= columns:  # the bar is what can be done without
            line = Text(f"[{progress.done:>{width}}/{total}]  ").append(Text(", ").join(parts))
        return line


def _single(progress: Progress, now_s: float, left: str) -> Text:
    """Return all in one line, the most telling first."""
    line = Text(f"[{progress.done}/{progress.total}]")
    if left:
        line.append(f" {left},", "cyan")
    first = next(iter(progress.running.values()), None)
    if first is not None:
        more = len(progress.running) - 1
        line.append(f" +{more}" if more else "").append(f" {printable(first.name)}")
        line.append(f" {whole_seconds(now_s - first.began_s)}", "dim")
    return line


def _stage_lines(progress: Progress, now_s: float, most: int, columns: int) -> list[Text]:
    """Return a line for each running stage, oldest first, and one for those beyond `most`."""
    seen = [one for one in progress.running.values() if now_s - one.began_s >= _SEEN_FROM_S]
    shown = seen if len(seen) <= most else seen[: most - 1]
    times = [_time_text(one, now_s) for one in shown]
    widest = max((time.cell_len for time in times), default=0)
    names = [Text(printable(one.name)) for one in shown]
    room = max(columns - widest - 5, 8)
    column = min(max((name.cell_len for name in names), default=0), room)
    lines = []
    for one, name, time in zip(shown, names, times, strict=True):
        name.truncate(column, overflow="ellipsis", pad=True)
        line = Text("  ").append(name).append("  ").append(time)
        if one.description and columns >= _WITH_DESCRIPTION:
            line.append(" " * (widest - time.cell_len + 2)).append(
                printable(one.description), "dim"
            )
        lines.append(line)
    if len(shown) < len(seen):
        lines.append(Text(f"  and {len(seen) - len(shown)} more", "dim"))
    return lines


def _time_text(one: Running, now_s: float) -> Text:
    """Return how long a stage has run, and of what: `3 s of ~5 s`."""
    passed_s = now_s - one.began_s
    text = Text(f"{whole_seconds(passed_s):>4}")
    if one.expected_s is not None:
        is_late = passed_s > max(one.expected_s.p90, 1.0)
        expected = about(one.expected_s.p50)
        tilde = "" if expected.startswith("<") else "~"
        text.append(f" of {tilde}{expected}", "yellow" if is_late else "dim")
    return text


def _left_text(left_s: float | None) -> str:
    if left_s is None:
        return ""
    text = about(left_s)
    return f"{text} left" if text.startswith("<") else f"~{text} left"
