"""What the tool tells its supervisor once. Apart from what a supervisor is made of, which builds that only restore don't need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.runner.port import PythonCall, ReadyCall, TokenFds


@frozen(eq=False, repr=False)
class Settings(Valued):
    """Carried over by the fork."""

    root: str  # absolute; where actions run
    call: PythonCall | None
    ready: Callable[[int, bytes], ReadyCall] | None  # makes ready what `call` would carry out
    rehearse: Callable[[int, bytes], object] | None  # goes through a call without its effect
    on_told: Callable[[bytes], object] | None  # takes what the tool tells meanwhile
    marker: str
    grace_s: float  # between SIGTERM and SIGKILL
    capture_limit_bytes: int  # per stream
    keep_open: tuple[int, ...]  # held until the supervisor ends, shown to no action
    tool_pid: int
    tool_group: int
    console_stdout_fd: int  # 1 or 2, of the tool
    tokens: TokenFds | None = None  # of a jobserver
