"""Where every change of the disk is told before it is made: the one place where faults are put in.

Who changes the disk otherwise than by this package, as SQLite does for the cache and the history, tells it
here too.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _nothing(operation: str, path: str) -> None:
    """Let an operation pass."""


_point: Callable[[str, str], None] = _nothing  # the one agreed module variable: see `install`


def install(point: Callable[[str, str], None] | None) -> None:
    """Have `point(operation, path)` called before each change; None ends it. For tests only.

    What `point` raises is raised in place of the operation.
    """
    global _point  # noqa: PLW0603 - the agreed exception: faults are injected here
    _point = _nothing if point is None else point


def reach(operation: str, path: str) -> None:
    """Tell that a change comes next; whoever calls this makes it when it returns."""
    _point(operation, path)


def os_error(number: int | None, path: str) -> OSError:
    """Return the OSError subclass for a number, with the path in it; without one it is `EIO`."""
    known = number or errno.EIO
    return OSError(known, os.strerror(known), path)


class Naming:
    """Has the path in every OSError of what is done in here: Python leaves it out of some, or names another one."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> None:
        """Raise an error that names the path in place of one that may not."""
        if isinstance(error, OSError):
            raise os_error(error.errno, self.path) from error
