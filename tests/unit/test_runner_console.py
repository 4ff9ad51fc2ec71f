"""What the supervisor does about the terminal that it lends; with a real one in story/test_console.py."""

from __future__ import annotations

import os

from stagemake.runner.console import Loan


def test_without_a_terminal_there_is_nothing_to_lend_and_nothing_typed_reaches_anybody() -> None:
    fds = os.pipe()
    loan = Loan(fds, os.getpgrp())

    assert not loan.is_in_foreground()
    loan.end(well=False)

    for fd in fds:
        os.close(fd)


def test_a_terminal_in_other_hands_is_left_alone() -> None:
    ours, theirs = os.openpty()  # nobody's controlling terminal
    loan = Loan((theirs,), os.getpgrp())

    assert not loan.is_in_foreground()
    loan.end(well=False)

    os.close(ours)
    os.close(theirs)
