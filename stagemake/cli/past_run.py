"""Which past build a user means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.error import UsageError
from stagemake.past.codec import NewerFormat

if TYPE_CHECKING:
    from stagemake.past.build import PastBuild
    from stagemake.past.shelf import Shelf


def chosen_build(shelf: Shelf, run: str) -> PastBuild:
    """Return the build that a user means.

    Raises:
        UsageError: There is no such build.
    """
    numbers = shelf.numbers()
    if run == "last" and numbers:
        run = str(numbers[-1])
    if run.isascii() and run.isdecimal() and int(run) in numbers:
        try:
            build = shelf.read(int(run))
        except NewerFormat:
            raise UsageError(f"build {int(run)} was noted by a newer stagemake") from None
        if build is None:
            raise UsageError(f"what was noted of build {int(run)} can't be read")
        return build
    if not run.isdecimal() and run != "last":
        raise UsageError(
            f"there is no build `{run}`: builds have numbers",
            hint=f"how a stage of that name ended last, and why: stagemake why {run}",
        )
    kept = f"builds {numbers[0]} to {numbers[-1]} are kept" if numbers else "no build is kept"
    raise UsageError(f"there is no build `{run}`", hint=f"{kept}; see `stagemake history`")
