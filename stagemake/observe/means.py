"""What this system offers to watch stages and to keep them from files; asked by builds and by `doctor`."""

from __future__ import annotations

import sys

from attrs import frozen

from stagemake.observe import landlock, seccomp, strace
from stagemake.observe.watch import Means


@frozen
class Offered:
    """Why something is missing, one line each; empty where it is there."""

    seccomp: str
    strace: str
    landlock: str

    @property
    def for_commands(self) -> Means:
        """How commands are watched; NONE where they can't be."""
        if not self.seccomp:
            return Means.SECCOMP
        return Means.NONE if self.strace else Means.STRACE

    @property
    def for_calls(self) -> Means:
        """How functions are watched."""
        return Means.AUDIT if self.seccomp else Means.SECCOMP

    @property
    def missing(self) -> tuple[tuple[str, str], ...]:
        """What is missing, by its name."""
        every = (("seccomp", self.seccomp), ("strace", self.strace), ("landlock", self.landlock))
        return tuple((name, why) for name, why in every if why)


def offered(*, without: tuple[str, ...] = ()) -> Offered:
    """Return what this system offers. Forks once, and starts strace if it comes to that.

    Args:
        without: Names of what is not to be used, though it may be there.
    """
    if not sys.platform.startswith("linux"):
        return Offered(*["Linux has it, this system has not"] * 3)
    refused = "switched off by STAGEMAKE_WATCH_WITHOUT"
    no_seccomp = refused if "seccomp" in without else seccomp.problem()
    no_strace = ""
    if no_seccomp:
        no_strace = refused if "strace" in without else strace.problem()
    no_landlock = "" if landlock.version() else "the kernel has no Landlock, or it is switched off"
    return Offered(no_seccomp, no_strace, refused if "landlock" in without else no_landlock)
