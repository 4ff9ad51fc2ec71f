"""What execution asks of whatever runs actions. One real backend here, one scripted fake in the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


PythonCall = Callable[[int, bytes, Callable[[bytes], None]], bytes]
"""Carries out the payload of a stage id; what it says meanwhile goes through the third, message by message."""


ReadyCall = Callable[[Callable[[bytes], None]], bytes]
"""A `PythonCall` that has its stage id and payload, and all that can be made of them beforehand."""


WITHDRAWN = -256
"""The exit code of what was lined up, and was not started after all; no signal has this number."""


REHEARSALS = 16
"""How often code runs until Python 3.11 has filled the caches inside of it: it looks at it after 8 times, and then some."""


Direct = tuple[tuple[str, ...], str]
"""What a shell's text comes down to: a program's argv, and the new file that it prints to, empty for none."""


STDOUT, STDERR = b"1", b"2"
"""What is in front of each piece of output that is said as it comes."""


@frozen(eq=False, repr=False)
class RunnerSettings(Valued):
    """What a runner is made with. The values are those of `runner.local.LocalRunner`."""

    root: str  # absolute; actions run in it
    jobs: int  # how many will run side by side at most
    call: PythonCall  # carries out payloads; for a process of its own each
    marker: str  # part of every action's environment, unlike that of any other build now running
    on_said: Callable[[int, bytes], object] | None = None  # takes what a call says, during `wait`
    keep_open: tuple[int, ...] = ()  # descriptors to hold until all actions are gone
    wakeup_fd: int | None = None  # `wait` returns early when it is readable
    console_stdout_fd: int = 1  # what console actions get as their stdout
    tokens: TokenFds | None = None  # of a jobserver


@frozen
class TokenFds:
    """The descriptors of a jobserver."""

    put_fd: int  # where tokens are put back
    passed: tuple[
        tuple[int, int], ...
    ] = ()  # to programs: descriptors here, and their numbers there


@frozen(slots=False)  # made twice as fast; one for every stage
class Work:
    """One action to carry out, now. Exactly one of `argv` and `payload` is set."""

    stage_id: int
    env: Mapping[str, str]  # the whole environment, nothing is inherited
    argv: tuple[str, ...] | None = (
        None  # a program; argv[0] is an absolute path or found on env's PATH
    )
    payload: bytes | None = (
        None  # for a Python call: handed to the runner's `call` with the stage id
    )
    timeout_s: float | None = None
    console: bool = False  # inherit stdin, stdout and stderr; nothing is captured
    cwd: str = ""  # where it runs, relative to the root; that is where argv[0] counts from, too
    watch: bytes | None = None  # a `Watch` to be carried out; local processes only
    streams: bool = (
        False  # a program's output is said as it comes, see `STDOUT`, and not kept; local only
    )
    direct: Direct | None = None  # does what `argv` does, without the shell that it is; local only
    makes: tuple[
        str, ...
    ] = ()  # what it writes, from the root; nothing is there when it leaves a line


@frozen(slots=False)  # made twice as fast; one for every stage
class Completion:
    """How one action ended."""

    stage_id: int
    exit_code: (
        int  # 0 is success; -N: ended by signal N; 126, 127: could not start; 124: see timed_out
    )
    stdout: bytes = b""
    stderr: bytes = b""
    value: bytes | None = None  # what a Python call returned; None after sys.exit(0), too
    started_s: float = 0.0  # time.monotonic()
    wall_s: float = 0.0
    cpu_s: float = 0.0  # user and system, of the action and the children it waited for
    peak_rss_bytes: int = 0  # 0 when unknown, as for small programs
    timed_out: bool = False  # never with exit_code 0
    note: str = ""  # why it could not start, or what else the runner had to do; one line
    survivors: int = 0  # processes that outlived the action and were ended


class Runner(Protocol):
    """Carries out actions side by side; does not limit how many.

    If it has a method `prepare`, that is called first, while the process has no threads and no open database.
    If it has those of `LinesUp`, short actions are given to it ahead of their time.
    """

    def start(self, work: Work) -> None:
        """Begin; returns at once. Trouble arrives as a `Completion`."""

    def wait(self, timeout_s: float | None) -> Sequence[Completion]:
        """Return what has ended since, at least one unless the time is over, nothing runs or a signal came."""

    def stop(self, *, now: bool, typed: bool = False) -> None:
        """End whatever runs: politely first, or `now`. Their completions still arrive.

        Args:
            now: Ask no more.
            typed: Somebody typed ^C: what runs on the console has had its signal from the terminal.
        """

    def close(self) -> None:
        """End everything and free the resources. Nothing that was started survives."""


@runtime_checkable
class LinesUp(Protocol):
    """Of a runner that starts the next action by itself when one has ended; first come, first served."""

    def line_up(self, work: Work, room: int, low: int, *, stops_at_failure: bool) -> None:
        """Have an action start as soon as fewer than `room` run.

        Args:
            work: The action.
            room: How many run now: so many may, and one more for each `start` from now on.
            low: While more than this wait, ends may be told some milliseconds later and together.
            stops_at_failure: Nothing that waits starts after one that failed, until `withdraw`.
        """

    def withdraw(self) -> None:
        """Start nothing any more that waits; each such action's completion has the exit code `WITHDRAWN`."""
