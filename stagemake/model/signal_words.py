"""What signals are called in messages."""

from __future__ import annotations

import signal


def signal_text(number: int) -> str:
    """Return `signal 9 (SIGKILL)`; `signal 40` for one without a name."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
