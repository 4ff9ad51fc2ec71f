"""The tools that are measured: where they are and how they are called."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

PEER_NAMES = ("make", "ninja", "doit")
SUBJECT = "stagemake"
CACHE_DIRECTORY = "stage-cache"  # in the tree, so that a fresh tree has an empty cache


@frozen
class Tool:
    """One build tool, ready to be called."""

    name: str  # also its writer in graphs.WRITERS
    build: tuple[str, ...]  # argv
    dry: tuple[str, ...]  # argv of its dry run, or of what comes nearest
    version: tuple[str, ...]  # argv
    shapes: tuple[str, ...] = ("wide", "layered", "chain")
    env: Mapping[str, str] = field(factory=dict)  # `{root}` stands for the tree
    leaves_behind: str = ""  # a directory that a build must have filled
    build_json: tuple[str, ...] = ()  # argv of a build that tells as JSON what it did; () has none

    def version_text(self) -> str:
        """Return the first line of what it says about its version, or "unknown"."""
        done = subprocess.run(self.version, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        return lines[0].strip() if lines and not done.returncode else "unknown"

    def environment(self, root: str) -> dict[str, str]:
        """Return this process's environment without what would disturb, and `env` on top."""
        # Without bytecode files a Python tool would compile itself in every run.
        strays = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "NINJA_STATUS", "PYTHONDONTWRITEBYTECODE")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in strays and not name.startswith("STAGEMAKE_")
        }
        return {**inherited, **{k: v.format(root=root) for k, v in self.env.items()}}


def peers_directory() -> str:
    """Return where `install_peers.py` puts peers: STAGEMAKE_BENCH_PEERS, or in the temp directory."""
    default = os.path.join(tempfile.gettempdir(), "stagemake-peers")
    return os.path.abspath(os.environ.get("STAGEMAKE_BENCH_PEERS", default))


def find_program(name: str) -> str | None:
    """Return the installed peer's program, else the one on PATH, else None."""
    own = os.path.join(peers_directory(), "bin", name)
    return own if os.access(own, os.X_OK) else shutil.which(name)


def find_peer(name: str, jobs: int) -> Tool | None:
    """Return the peer if it is on this machine.

    Args:
        name: One of PEER_NAMES.
        jobs: How many stages run at once.
    """
    program = find_program(name)
    if program is None:
        return None
    version = (program, "--version")
    if name == "make":
        return Tool(name, (program, "-s", f"-j{jobs}"), (program, "-n"), version)
    if name == "ninja":
        return Tool(name, (program, "--quiet", f"-j{jobs}"), (program, "-n"), version)
    # doit has no dry run; `list --status` judges every stage and runs none.
    dry = (program, "list", "--all", "--status")
    shapes = ("wide", "layered", "chain", "functions")
    return Tool(name, (program, "run", f"-n{jobs}"), dry, version, shapes)


def stagemake_command(text: str | None) -> tuple[str, ...]:
    """Return the argv to start stagemake with.

    Args:
        text: What the user gave, split as a shell would; None: the console script installed
            beside this interpreter, else the one on PATH.
    """
    if text is not None:
        return tuple(shlex.split(text))
    beside = os.path.join(os.path.dirname(sys.executable), SUBJECT)
    return (beside if os.access(beside, os.X_OK) else shutil.which(SUBJECT) or SUBJECT,)


def make_subject(command: tuple[str, ...], jobs: int) -> Tool:
    """Return stagemake, all caching on, with a cache of its own in each tree."""
    return Tool(
        SUBJECT,
        (*command, f"-j{jobs}", "-s"),
        (*command, "-n"),
        (*command, "--version"),
        ("wide", "layered", "chain", "functions"),
        {"STAGEMAKE_CACHE_DIR": "{root}/" + CACHE_DIRECTORY},
        CACHE_DIRECTORY,
        (*command, f"-j{jobs}", "-s", "--json"),
    )
