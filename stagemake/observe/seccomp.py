"""Watching a process and all it starts by seccomp user notification: no root, no ptrace, no compiler.

The kernel stops each call that names a file and asks the watcher, who reads the path from the caller's
memory and lets the call go on. Sees static programs. An audit, no wall: the kernel reads the path anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import struct
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.observe.system_calls import (
    ALL,
    AT_SYMLINK_NOFOLLOW,
    CALLS,
    CREAT_FLAGS,
    IO_URING_SETUP,
    Call,
    Verb,
    this_machine,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.observe.access import AccessLog, Record

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_NEW_LISTENER = 1 << 3
_WAIT_KILLABLE = 1 << 5  # since Linux 5.19: signals don't make a call come twice
_USER_NOTIF = 0x7FC00000
_ALLOW = 0x7FFF0000
_NO_SUCH_CALL = 0x00050000 | errno.ENOSYS
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE = struct.Struct("QIIiIQ6Q")
_CONTINUE = 1
_AT_FDCWD = 0xFFFFFF9C
_LONGEST_PATH = 4096
_PAGE = 4096


def problem() -> str:
    """Return why processes can't be watched this way here, one line; empty when they can."""
    machine = this_machine()
    if machine is None:
        return "seccomp user notification is known for x86-64 and arm64 only"
    action = ctypes.c_uint32(_USER_NOTIF)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(machine.seccomp, _GET_ACTION_AVAIL, 0, ctypes.byref(action)) != 0:
        return f"seccomp user notification: {os.strerror(ctypes.get_errno()).lower()}"
    return ""


def install(*, looks: bool) -> int:
    """Have this process, and what it starts, watched from now on; return the watcher's descriptor.

    Args:
        looks: Whether questions whether something is there are of interest, too.

    Raises:
        OSError: The system can't, or another watcher is there already (EBUSY).
    """
    machine = this_machine()
    if machine is None:
        raise OSError(errno.ENOSYS, "not known for this kind of processor")
    wanted = ALL if looks else CALLS
    code = _program(
        machine.audit_arch, [machine.numbers[name] for name in wanted if name in machine.numbers]
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    )
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        fd: int = libc.syscall(machine.seccomp, _SET_MODE_FILTER, flags, program)
        if fd >= 0:
            return fd
        if ctypes.get_errno() != errno.EINVAL:
            break
    raise OSError(ctypes.get_errno(), "seccomp user notification")


def _program(audit_arch: int, numbers: list[int]) -> bytes:
    """Return the filter: load, compare, jump, return, 8 bytes each."""

    def step(code: int, if_true: int, if_false: int, value: int) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    load, equal, answer = 0x20, 0x15, 0x06
    steps = [
        step(load, 0, 0, 4),  # the architecture
        step(equal, 1, 0, audit_arch),
        step(answer, 0, 0, _ALLOW),
        step(load, 0, 0, 0),  # the call's number
        step(equal, 0, 1, IO_URING_SETUP),  # through a ring, calls would go unseen
        step(answer, 0, 0, _NO_SUCH_CALL),
    ]
    steps += [step(equal, len(numbers) - at, 0, each) for at, each in enumerate(numbers)]
    steps += [step(answer, 0, 0, _ALLOW), step(answer, 0, 0, _USER_NOTIF)]
    return b"".join(steps)


@define
class Watcher:
    """Answers the kernel, one call after the other. Takes some 0.1 ms each.

    Args:
        fd: What `install` gave, in this process.
        log: Told of every call.
        allows: Asked for each access to the project; where it says no, the caller gets EACCES.
    """

    fd: int
    log: AccessLog
    allows: Callable[[Record], bool] | None = None
    count: int = 0
    _calls: dict[int, Call] = field(factory=dict)
    _names: dict[int, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        machine = this_machine()
        assert machine is not None, "install has succeeded"
        self._calls = {number: ALL[name] for name, number in machine.numbers.items()}
        self._names = {number: name for name, number in machine.numbers.items()}

    def watch(self, pid: int) -> None:
        """Serve until the child `pid` has ended; it stays unreaped. What it leaves running is not waited for."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        pidfd, patience_ms = -1, 50
        with contextlib.suppress(
            OSError
        ):  # forbidden, as in some containers: look from time to time
            pidfd = os.pidfd_open(pid)
            poll.register(pidfd, select.POLLIN)
            patience_ms = 1000
        has_ended = False
        while not has_ended:
            ready = dict(poll.poll(patience_ms))
            # Asked first: what a daemon goes on doing must not keep its stage from ending.
            has_ended = pidfd in ready or (pidfd < 0 and _has_ended(pid))
            if ready.get(self.fd, 0) & select.POLLIN:
                self._serve()
            elif self.fd in ready:  # nobody is watched any more
                poll.unregister(self.fd)
        if pidfd >= 0:
            os.close(pidfd)

    def _serve(self) -> None:
        notice = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(self.fd, _RECEIVE, notice)
        except OSError:  # the caller is gone meanwhile
            return
        call_id, pid, _, number, _, _, *arguments = _NOTICE.unpack(notice)
        self.count += 1
        self.log.last.clear()
        with contextlib.suppress(OSError, ValueError, struct.error):
            self._note(pid, number, arguments)  # else the caller is gone, or talks nonsense
        answer = struct.pack("QqiI", call_id, 0, 0, _CONTINUE)
        if self.allows is not None:
            for record in self.log.last:
                if not self.allows(record):
                    self.log.refused(record)
                    answer = struct.pack("QqiI", call_id, 0, -errno.EACCES, 0)
        try:
            fcntl.ioctl(self.fd, _SEND, answer)
        except OSError:
            return

    def _note(self, pid: int, number: int, arguments: list[int]) -> None:
        call = self._calls[number]
        if call.path >= 0 and not arguments[call.path]:  # utimensat(fd, NULL): by descriptor
            return
        path = _named(pid, call.dirfd, call.path, arguments)
        if not path:
            return
        log = self.log
        match call.verb:
            case Verb.OPEN:
                log.opened(path, self._open_flags(pid, number, call, arguments))
            case Verb.RUN:
                log.ran(path)
            case Verb.LIST:
                log.listed(path)
            case Verb.LOOK:
                flags = arguments[call.flags] if call.flags >= 0 else 0
                log.looked(path, follows=call.follows and not flags & AT_SYMLINK_NOFOLLOW)
            case Verb.REMOVE:
                log.removed(path)
            case Verb.MAKE:
                log.made(path)
            case Verb.CHANGE:
                log.changed(path)
            case Verb.MOVE:
                log.moved(path, _named(pid, call.dirfd2, call.path2, arguments))
            case Verb.LINK:
                if not path.startswith("/proc/"):  # else it names what has no name yet
                    log.opened(path, 0)
                log.made(_named(pid, call.dirfd2, call.path2, arguments))

    def _open_flags(self, pid: int, number: int, call: Call, arguments: list[int]) -> int:
        name = self._names[number]
        if name == "creat":
            return CREAT_FLAGS
        if name == "openat2":  # a structure, whose first member they are
            return int.from_bytes(_memory(pid, arguments[call.flags], 8), "little")
        return arguments[call.flags]


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _named(pid: int, dirfd: int, path: int, arguments: list[int]) -> str:
    """Return the path that a call means, absolute; empty for a call by descriptor alone."""
    given = os.fsdecode(_text(pid, arguments[path])) if path >= 0 else ""
    if not given and path >= 0:
        return ""
    if given[:1] == "/":
        return as_seen_by(pid, given)
    fd = _AT_FDCWD if dirfd < 0 else arguments[dirfd] & 0xFFFFFFFF
    base = os.readlink(f"/proc/{pid}/cwd" if fd == _AT_FDCWD else f"/proc/{pid}/fd/{fd}")
    return f"{base}/{given}" if given else base


def as_seen_by(pid: int, path: str) -> str:
    """Return an absolute path with what stands for the process itself replaced, and links of /proc followed."""
    for own in ("/proc/self/", "/proc/thread-self/", "/dev/fd/"):
        if path.startswith(own):
            middle = "fd/" if own == "/dev/fd/" else ""
            path = f"/proc/{pid}/{middle}{path.removeprefix(own)}"
    if path.startswith("/proc/"):
        return os.path.realpath(path)
    return path


def _text(pid: int, address: int) -> bytes:
    """Return the text that ends with NUL at an address of another process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        found = b""
        while len(found) < _LONGEST_PATH:
            # Not beyond the page: the next one may not be there.
            room = _PAGE - ((address + len(found)) & (_PAGE - 1))
            piece = os.pread(memory.fileno(), room, address + len(found))
            end = piece.find(b"\0")
            if end >= 0 or not piece:
                return found + piece[: max(end, 0)]
            found += piece
    return found


def _memory(pid: int, address: int, size: int) -> bytes:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), size, address)
