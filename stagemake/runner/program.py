"""Starts a program as the shell would, without a shell: finds it, spawns it, says why it could not."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Mapping

Passed = tuple[tuple[int, int], ...]
"""Descriptors here, and their numbers in the program."""

_Action = tuple[int, int, int] | tuple[int, int, str, int, int]
_LOOKED_AT_BYTES = 256  # of a script's first line
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL

SCRIPT_SHELL = "/bin/sh"
"""What a script without #! is handed to."""

NOT_FOUND = 127
NOT_STARTED = 126

# Python ignores two of these, the supervisor some more; ignoring would be inherited.
RESET_SIGNALS = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


@frozen(eq=False, repr=False)
class Refusal(Valued):
    """Why a program could not be started."""

    exit_code: int  # 127: not found, 126: found and not startable; as shells have it
    note: str  # one line


def spawn(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    *,
    stdio: tuple[int, int, int],
    join_group: int | None = None,
    passed: Passed = (),
    target: str = "",
    script_shell: str = SCRIPT_SHELL,
) -> int | Refusal:
    """Start a program; return its pid, or why there is none.

    Args:
        argv: The program, absolute, relative to the working directory or on env's PATH, and its arguments.
        env: All of its environment.
        stdio: Descriptors for 0, 1 and 2, each above 2.
        join_group: A process group of this session, for the terminal; None for a new session.
        passed: Further descriptors, and their numbers in the program.
        target: A file that is made for what it prints; empty: `stdio` has it. What is there is not touched.
        script_shell: Has a script without #! to carry out; empty: none is started.
    """
    if not argv:
        return Refusal(NOT_FOUND, "could not start: the command is empty")
    path = find(argv[0], env.get("PATH", os.defpath))
    if isinstance(path, Refusal):
        return path
    actions = _redirections(stdio, passed, target)
    try:
        try:
            return _spawn(path, argv, env, actions, join_group)
        except OSError as error:
            if not script_shell or not is_script(path, error):
                raise
            return _spawn(script_shell, ("sh", path, *argv[1:]), env, actions, join_group)
    except OSError as error:
        return _refusal(path, error)
    except ValueError as error:  # a NUL byte, or `=` in a variable's name
        return Refusal(NOT_STARTED, f"could not start `{argv[0]}`: {error}")


def find(name: str, search_path: str) -> str | Refusal:
    """Return the file that a command's first word means."""
    if "/" in name:
        return name
    candidates = [f"{directory or '.'}/{name}" for directory in search_path.split(":")]
    for candidate in candidates:
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    # Only now: nearly every search passes by directories that have nothing of this name.
    for candidate in candidates:
        if os.path.isfile(candidate):
            return Refusal(NOT_STARTED, f"could not start `{candidate}`: it is not executable")
    return Refusal(NOT_FOUND, f"could not start `{name}`: not found on PATH")


def is_script(path: str, error: OSError) -> bool:
    """Return whether what could not be started is a script without #!: shells, and so execvp, hand that to sh.

    A program for another machine, or a damaged one, would do as a script whatever its bytes say, and may do well.
    Shells tell it by its first line.
    """
    if error.errno != errno.ENOEXEC:
        return False
    with open(path, "rb") as file:
        start = file.read(_LOOKED_AT_BYTES)
    return not start.startswith(b"\x7fELF") and b"\0" not in start.partition(b"\n")[0]


def _redirections(stdio: tuple[int, int, int], passed: Passed, target: str) -> list[_Action]:
    actions: list[_Action] = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio)]
    actions += [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in passed]
    if target:
        # Only where nothing is: opening a FIFO that somebody has put there would hold us, too.
        actions.append((os.POSIX_SPAWN_OPEN, 1, target, _NEW_FILE, 0o666))
    return actions


def _spawn(
    path: str,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    actions: list[_Action],
    join_group: int | None,
) -> int:
    if join_group is not None:
        return os.posix_spawn(
            path,
            argv,
            env,
            file_actions=actions,
            setpgroup=join_group,
            setsigmask=(),
            setsigdef=RESET_SIGNALS,
        )
    try:
        return os.posix_spawn(
            path,
            argv,
            env,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=RESET_SIGNALS,
        )
    except NotImplementedError:  # pragma: no cover - macOS before 10.15: a group of its own
        return _spawn(path, argv, env, actions, 0)


def _refusal(path: str, error: OSError) -> Refusal:
    reason = os.strerror(error.errno or 0).lower()
    if error.errno == errno.ENOENT:
        if not os.path.exists(path):
            return Refusal(NOT_FOUND, f"could not start `{path}`: {reason}")
        return Refusal(NOT_FOUND, f"could not start `{path}`: its interpreter is missing")
    return Refusal(NOT_STARTED, f"could not start `{path}`: {reason}")
