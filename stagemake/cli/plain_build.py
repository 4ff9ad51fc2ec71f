"""The command line of plain builds, without the parser that all others need: 40 ms less to import.

Plain is what `freshness.plain_argv` reads. What is done then is the same, and so is what is said.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.cli.build import carry_out
from stagemake.cli.ending import status_of
from stagemake.cli.place import Place
from stagemake.cli.typed import Typed

if TYPE_CHECKING:
    from stagemake.freshness.plain_argv import Plain
    from stagemake.recalled import Found


def run(plain: Plain, found: Found | None) -> int:
    """Build, or say what that would take, and return the exit status; prints its own errors.

    Args:
        plain: What was typed.
        found: What the entry knows; None: nothing.
    """
    typed = Typed(
        targets=plain[0], dry_run=plain[1], question=plain[2], silent=plain[3], jobs=plain[4],
        keep_going=plain[5], verbose=plain[6], as_json=plain[7],
    )  # fmt: skip

    def work() -> int:
        place = Place(os.getcwd(), "", (), None)
        return place.closed_after(lambda: carry_out(place, typed, found))

    return status_of(work)
