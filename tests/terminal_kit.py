"""A terminal for story tests: the command line runs in a session of its own on a pseudo-terminal."""

from __future__ import annotations

import codecs
import os
import pty
import select
import signal
import sys
import termios
import time
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from typing import Self

    from project import Project

DEADLINE_S = 180.0


@define
class Terminal:
    """A person at a terminal who has started one program there. Lines end as the terminal ends them."""

    pid: int
    fd: int
    text: str = ""  # everything shown so far, `\r` left out
    raw: bytes = b""  # the same as it came
    _seen: int = 0  # how much of it `expect` has gone past
    _status: int | None = field(default=None)
    _decoder: codecs.IncrementalDecoder = field(factory=codecs.getincrementaldecoder("utf-8"))

    @classmethod
    def start(
        cls,
        project: Project,
        *arguments: str,
        shell: str = "",
        term: str = "dumb",
        columns: int = 80,
        lines: int = 24,
    ) -> Self:
        """Start stagemake with these arguments, or bash on a text in which `$stagemake` starts it."""
        argv = [sys.executable, "-m", "stagemake", *arguments]
        env = {"TERM": term, **project.process_environment()}
        if shell:
            argv = ["/bin/bash", "--norc", "--noprofile", "-c", shell]
            env["stagemake"] = f"{sys.executable} -m stagemake"
        pid, fd = pty.fork()
        if pid == 0:
            try:
                termios.tcsetwinsize(0, (lines, columns))
                os.chdir(project.root)
                os.execve(argv[0], argv, env)
            finally:
                os._exit(127)
        return cls(pid, fd)

    def expect(self, text: str) -> None:
        """Wait until the terminal shows `text`, after what was expected before."""
        end_s = time.monotonic() + DEADLINE_S
        while (found := self.text.find(text, self._seen)) < 0:
            assert self._read(end_s - time.monotonic()), f"not shown: {text!r}\n{self.text}"
        self._seen = found + len(text)

    def type(self, text: str) -> None:
        r"""Type `text`; "\x03" is ^C, "\x1a" is ^Z."""
        os.write(self.fd, text.encode())

    def end(self) -> int:
        """Wait until the program has ended and nobody holds the terminal; return the exit status."""
        end_s = time.monotonic() + DEADLINE_S
        while self._read(end_s - time.monotonic()):
            pass
        while self._status is None and time.monotonic() < end_s:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        assert self._status is not None, f"still running:\n{self.text}"
        return self._status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, left_s: float) -> bool:
        if not select.select([self.fd], [], [], max(left_s, 0))[0]:
            return False
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:  # EIO: everybody on the other side has gone
            return False
        self.raw += data
        self.text += self._decoder.decode(data).replace("\r", "")
        return bool(data)
