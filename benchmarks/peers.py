"""The tools that are measured: where they are and how they are called."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUBJECT = "stagemake"
CACHE_DIRECTORY = "stage-cache"  # in the tree, so that a fresh tree has an empty cache
COMMANDS_ONLY = ("wide", "layered", "cutoff", "chain")
ALL_SHAPES = (*COMMANDS_ONLY, "functions")


@frozen
class Tool:
    """One build tool, ready to be called. `{root}` in an argv stands for the tree.

    What it keeps outside of the tree is in `{root}.beside`.
    """

    name: str  # also its writer in writers.WRITERS
    build: tuple[str, ...]  # argv
    dry: tuple[str, ...]  # argv of its dry run, or of what comes nearest
    version: tuple[str, ...]  # argv
    shapes: tuple[str, ...] = COMMANDS_ONLY
    env: Mapping[str, str] = field(factory=dict)  # `{root}` stands for the tree
    leaves_behind: str = ""  # a directory that a build must have filled
    build_json: tuple[str, ...] = ()  # argv of a build that tells as JSON what it did; () has none
    restores: bool = False  # keeps earlier results and brings them back
    outputs_below: str = ""  # the directory that outputs' paths count from; empty: the tree
    stop: tuple[str, ...] = ()  # argv that ends what lives on; () nothing does
    server: str = ""  # pattern of the file with the process id of what lives on
    most_stages: int | None = None  # larger graphs are left out: they take minutes a run

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
        return {**inherited, **{k: v.replace("{root}", root) for k, v in self.env.items()}}


def peers_directory() -> str:
    """Return where `install_peers.py` puts peers: STAGEMAKE_BENCH_PEERS, or in the temp directory."""
    default = os.path.join(tempfile.gettempdir(), "stagemake-peers")
    return os.path.abspath(os.environ.get("STAGEMAKE_BENCH_PEERS", default))


def find_program(name: str) -> str | None:
    """Return the installed peer's program, else the one on PATH, else None."""
    for directory in ("bin", "npm/node_modules/.bin"):
        own = os.path.join(peers_directory(), directory, name)
        if os.access(own, os.X_OK):
            return own
    return shutil.which(name)


def _doit(program: str, jobs: int) -> Tool:
    # It has no dry run; `list --status` judges every stage and runs none.
    dry = (program, "list", "--all", "--status")
    return Tool(
        "doit", (program, "run", f"-n{jobs}"), dry, (program, "--version"), shapes=ALL_SHAPES
    )


def _make(program: str, jobs: int) -> Tool:
    return Tool("make", (program, "-s", f"-j{jobs}"), (program, "-n"), (program, "--version"))


def _ninja(program: str, jobs: int) -> Tool:
    return Tool("ninja", (program, "--quiet", f"-j{jobs}"), (program, "-n"), (program, "--version"))


def _scons(program: str, jobs: int, name: str = "scons") -> Tool:
    return Tool(
        name, (program, "-Q", "-s", f"-j{jobs}"), (program, "-Q", "-n"), (program, "--version"),
        shapes=ALL_SHAPES,
    )  # fmt: skip


def _scons_cache(program: str, jobs: int) -> Tool:
    return evolve(
        _scons(program, jobs, "scons-cache"), leaves_behind=CACHE_DIRECTORY, restores=True
    )


def _snakemake(program: str, jobs: int) -> Tool:
    return Tool(
        "snakemake", (program, "-q", "all", f"-c{jobs}"), (program, "-n"), (program, "--version"),
        env={"XDG_CACHE_HOME": "{root}/.cache"}, most_stages=1000,
    )  # fmt: skip


def _task(program: str, jobs: int) -> Tool:
    return Tool(
        "task", (program, "-s", f"-C{jobs}"), (program, "--dry"), (program, "--version"),
        shapes=("wide", "layered"),
    )  # fmt: skip


def _bazel(program: str, jobs: int) -> Tool:
    start = (program, "--output_user_root={root}.beside/bazel")
    build = (
        *start, "build", "--noshow_progress", f"--jobs={jobs}", "--spawn_strategy=local",
        "--disk_cache={root}.beside/disk", "//:all",
    )  # fmt: skip
    return Tool(
        "bazel", build, (*build, "--nobuild"), (program, "--version"), shapes=("wide", "layered"),
        outputs_below="bazel-bin/", stop=(*start, "shutdown"), restores=True,
        server="{root}.beside/bazel/*/server/server.pid.txt", most_stages=10_000,
    )  # fmt: skip


def _pytask(program: str, jobs: int) -> Tool:
    del jobs  # as it comes: one after the other, in its own process
    return Tool(
        "pytask", (program, "--verbose", "0"), (program, "--dry-run"), (program, "--version"),
        shapes=("functions",),
    )  # fmt: skip


def _turbo_sh(program: str, jobs: int) -> Tool:
    tool = _turbo(program, jobs)
    path = {"PATH": "{root}/shim:" + os.environ.get("PATH", os.defpath)}
    return evolve(tool, name="turbo-sh", env={**tool.env, **path}, most_stages=10_000)


def _turbo(program: str, jobs: int) -> Tool:
    return Tool(
        "turbo",
        (program, "run", "all", "--output-logs=errors-only", f"--concurrency={jobs}"),
        (program, "run", "all", "--dry=json"),
        (program, "--version"),
        env={"TURBO_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"},
        leaves_behind=".turbo",
        restores=True,
        most_stages=100,
    )


_PEERS: Mapping[str, tuple[str, Callable[[str, int], Tool]]] = {
    "make": ("make", _make),
    "ninja": ("ninja", _ninja),
    "doit": ("doit", _doit),
    "scons": ("scons", _scons),
    "scons-cache": ("scons", _scons_cache),
    "task": ("task", _task),
    "turbo": ("turbo", _turbo),
    "turbo-sh": ("turbo", _turbo_sh),
    "bazel": ("bazel", _bazel),
    "pytask": ("pytask", _pytask),
    "snakemake": ("snakemake", _snakemake),
}
PEER_NAMES = tuple(_PEERS)
"""In the order of the tables. scons-cache is SCons with a CacheDir, turbo-sh turbo without npm's start."""


def find_peer(name: str, jobs: int) -> Tool | None:
    """Return the peer if it is on this machine.

    Args:
        name: One of PEER_NAMES.
        jobs: How many stages run at once.
    """
    program_name, make_tool = _PEERS[name]
    program = find_program(program_name)
    return None if program is None else make_tool(program, jobs)


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


def make_subject(command: tuple[str, ...], jobs: int, options: tuple[str, ...] = ()) -> Tool:
    """Return stagemake, with a cache of its own in each tree.

    Args:
        command: How it is started.
        jobs: How many stages run at once.
        options: Of `build`, in addition.
    """
    build = (*command, f"-j{jobs}", "-s", *options)
    return Tool(
        SUBJECT,
        build,
        (*command, "-n"),
        (*command, "--version"),
        ALL_SHAPES,
        {"STAGEMAKE_CACHE_DIR": "{root}/" + CACHE_DIRECTORY},
        CACHE_DIRECTORY,
        (*build, "--json"),
        restores=True,
    )
