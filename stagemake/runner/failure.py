"""Shows what went wrong in a function stage, without the frames that stand before the user's code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stagemake.model.error import StagemakeError

if TYPE_CHECKING:
    from types import TracebackType

FAILED = 1
INTERRUPTED = 130

OWN_DIRECTORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def print_failure(error: BaseException, root: str = "") -> int:
    """Print `error` to stderr as Python would, trimmed; return the exit code that it stands for.

    Args:
        error: What was raised.
        root: Of the project, absolute: places in it are shown relative to it.
    """
    try:
        import traceback  # noqa: PLC0415 - gate, 6 ms, only paid by what fails

        trim(error)
        sys.stderr.flush()
        if isinstance(error, StagemakeError):  # one line of it, with its hint, tells what to do
            frames = traceback.extract_tb(error.__traceback__)
            own = [one for one in frames if not one.filename.startswith(OWN_DIRECTORY)]
            # Without columns: newer Pythons mark them by a line of carets, which tells nothing here.
            plain = [(one.filename, one.lineno or 0, one.name, one.line) for one in own or frames]
            place = "".join(traceback.StackSummary.from_list(plain).format())
            shown = f"Traceback (most recent call last):\n{place}{in_one_line(error)}\n"
        else:
            from stagemake.model.mistyped import said_behind  # noqa: PLC0415 - gate, as above

            whole = "".join(traceback.format_exception(error)).removesuffix("\n")
            shown = f"{whole}{said_behind(error)}\n"
        sys.stderr.write(shown.replace(f'File "{root}/', 'File "') if root else shown)
    except Exception:
        # The function may have closed or replaced sys.stderr, or the error can't be shown.
        os.write(2, f"{type(error).__name__} (could not be shown in full)\n".encode())
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def in_one_line(error: StagemakeError) -> str:
    """Return a mistake with its hint, for where there is one line."""
    text = f"{error.headline}; {error.hint}" if error.hint else error.headline
    return text.replace("\n", " ")


def trim(error: BaseException) -> None:
    """Let the tracebacks of `error` and of what led to it begin at the user's code.

    One that never leaves stagemake stays whole: then the mistake is ours.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        start = each.__traceback__
        while start is not None and _is_ours(start):
            start = start.tb_next
        if start is not None:
            each.__traceback__ = start
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _is_ours(frame: TracebackType) -> bool:
    code = frame.tb_frame.f_code
    module = frame.tb_frame.f_globals.get("__name__", "")
    return (
        code.co_filename.startswith((OWN_DIRECTORY, "<frozen "))
        or module in {"runpy", "contextlib"}
        or module.partition(".")[0] == "asyncio"
    )
