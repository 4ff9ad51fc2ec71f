"""How a command ends that could not do what it was asked for: what is said, and the exit status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stagemake.cli.raw_output import terminal_columns
from stagemake.cli.signals import Ended
from stagemake.model.error import StagemakeError
from stagemake.model.refused import refused
from stagemake.report.amount import printable
from stagemake.report.error_text import error_text
from stagemake.report.style import style_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def status_of(work: Callable[[], int]) -> int:
    """Do some work and return its exit status; prints errors, whatever kind they are."""
    try:
        return work()
    except StagemakeError as error:
        notes = getattr(error, "__notes__", ())  # what went wrong besides, while the session ended
        return complain(error, [printable(line) for note in notes for line in note.split("\n")])
    except KeyboardInterrupt:
        return 130
    except Ended as error:
        return 128 + error.number
    except BrokenPipeError:
        # Whoever read us has left. Point stdout at nothing, or Python complains at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:  # a full disk, a directory that may not be written
        return complain(refused(error))


def complain(error: StagemakeError, notes: Sequence[str] = ()) -> int:
    """Print an error, its first word in red where that can be seen; return its exit status."""
    style = style_for("auto", os.environ, is_terminal=sys.stderr.isatty())
    text = error_text(error, style, terminal_columns(sys.stderr))
    sys.stderr.write(text + "".join(f"{note}\n" for note in notes))
    return error.exit_code
