"""Lends the tool's terminal to one action, and takes it back as it was from one that ended badly."""

from __future__ import annotations

import contextlib
import os
import termios
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Loan:
    """How the terminal was when a console action began. Only of use in the supervisor.

    The supervisor is in the terminal's background, where changing it takes that SIGTTOU is ignored.
    """

    def __init__(self, fds: Iterable[int], group: int) -> None:
        self._fd = next((fd for fd in fds if os.isatty(fd)), None)
        self._group = group  # the tool's
        self._attributes: list[Any] | None = None  # Any: as tcgetattr gives them
        if self._fd is None:
            return
        with contextlib.suppress(OSError, termios.error):
            if os.tcgetpgrp(self._fd) == group:  # else it's another job's: leave it alone
                self._attributes = termios.tcgetattr(self._fd)

    def is_in_foreground(self) -> bool:
        """Return whether what is typed at the terminal, ^C for one, reaches the tool's group now."""
        if self._fd is None:
            return False
        try:
            return os.tcgetpgrp(self._fd) == self._group
        except OSError:
            return False

    def end(self, *, well: bool) -> None:
        """Give the terminal back to the tool's group; with its old modes unless the action ended `well`.

        An interactive shell that was killed leaves the terminal to a group that is gone, an editor
        leaves it without echo. What another job of the user's has taken meanwhile stays with that.
        """
        if self._fd is None or self._attributes is None:
            return
        with contextlib.suppress(OSError, termios.error):
            foreground = os.tcgetpgrp(self._fd)
            if foreground != self._group:
                if _is_alive(foreground):
                    return
                os.tcsetpgrp(self._fd, self._group)
            if not well:
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._attributes)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
