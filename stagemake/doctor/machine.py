"""This installation and what the system lets stagemake do."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import stagemake
from stagemake.doctor.filesystem import file_system_of, nearest
from stagemake.doctor.finding import Findings, named
from stagemake.forecasting import free_bytes
from stagemake.observe import landlock
from stagemake.observe.means import offered
from stagemake.observe.watch import Means
from stagemake.report.amount import size

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIBRARIES = ("attrs", "click", "diskcache", "platformdirs", "xxhash")
_LITTLE_SPACE_BYTES = 1 << 30


def look_at_versions(environ: Mapping[str, str]) -> Findings:
    """Return what is installed: stagemake, Python, libraries, and stagemakes beside this one."""
    found = Findings("versions")
    home = os.path.dirname(os.path.abspath(stagemake.__file__))
    found.ok("stagemake", f"stagemake {stagemake.__version__} in `{home}`")
    name = platform.python_implementation()
    text = f"{name} {platform.python_version()} at `{sys.executable}`"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        found.ok("python", text)
    else:
        found.note("python", text, "stagemake is tested with Python 3.11, 3.12 and 3.13")
    found.ok("libraries", ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES))
    _look_at_programs(found, environ)
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed as a package)"


def _look_at_programs(found: Findings, environ: Mapping[str, str]) -> None:
    """Compare what PATH offers as `stagemake` with what runs."""
    programs: dict[str, str] = {}
    for folder in environ.get("PATH", "").split(":"):
        path = os.path.join(folder or ".", "stagemake")
        if os.access(path, os.X_OK) and os.path.isfile(path):
            programs.setdefault(os.path.realpath(path), path)
    paths = list(programs.values())
    if len(paths) > 1:
        found.problem(
            "several_installations",
            f"PATH has {len(paths)} programs called stagemake: {named(paths)}",
            f"the first one is run by `stagemake`; uninstall the others, or name one: {sys.executable} -m stagemake",
        )
    elif paths and os.path.dirname(os.path.realpath(paths[0])) != os.path.dirname(
        os.path.realpath(sys.argv[0])
    ):
        own = os.path.dirname(sys.executable)
        if os.path.dirname(paths[0]) != own:
            found.note(
                "other_on_path",
                f"`stagemake` on PATH is `{paths[0]}`, of another Python than this one",
                f"put `{own}` in front of PATH, or activate its environment",
            )


def look_at_system() -> Findings:
    """Return what the supervisor of a build can do here."""
    found = Findings("system")
    release = f"{platform.system()} {platform.release()}, {os.cpu_count() or 1} processors"
    if sys.platform not in {"linux", "darwin"}:
        found.problem("platform", release, "stagemake runs on Linux and macOS; use WSL on Windows")
        return found
    found.ok("platform", release)
    if sys.platform == "darwin":
        found.note("supervisor", "what leaves its process group outlives its stage on macOS")
        return found
    if _can_adopt():
        found.ok("supervisor", "whatever a stage starts is found and ended with it (subreaper)")
    else:
        found.note(
            "supervisor",
            "orphans can't be adopted here: a process that detaches itself may outlive its stage",
            "run outside of what forbids prctl(PR_SET_CHILD_SUBREAPER), or don't detach",
        )
    pidfd = "available" if _has_pidfd() else "not available"
    found.ok("abilities", f"pidfd {pidfd}; it is not needed")
    _look_at_watching(found)
    return found


def _look_at_watching(found: Findings) -> None:
    """Tell what `trace`, `--check` and `--sandbox` can rely on."""
    there = offered()
    means = there.for_commands
    if means is Means.SECCOMP:
        found.ok("watching", "seccomp user notification, for `trace` and `--check`")
    elif means is Means.STRACE:
        found.note(
            "watching",
            f"`trace` and `--check` use strace for commands, and see less of functions: {there.seccomp}",
            "run outside of what forbids seccomp user notification (Linux 5.5 or later)",
        )
    else:
        found.note(
            "watching",
            f"`trace` and `--check` can't watch commands: {there.seccomp}; {there.strace}",
            "install strace, or run outside of what forbids seccomp user notification",
        )
    if there.landlock:
        found.note(
            "sandbox",
            f"`--sandbox` does not work: {there.landlock}",
            "run on Linux 5.13 or later with Landlock among its security modules",
        )
    else:
        found.ok("sandbox", f"Landlock version {landlock.version()}, for `--sandbox`")


def _can_adopt() -> bool:
    """Whether the kernel knows subreapers; asks, and sets nothing."""
    value = ctypes.c_int(0)
    get_child_subreaper = 37
    zero = ctypes.c_ulong(0)
    libc = ctypes.CDLL(None)
    return bool(libc.prctl(get_child_subreaper, ctypes.byref(value), zero, zero, zero) == 0)


def _has_pidfd() -> bool:
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def look_at_space(found: Findings, what: str, path: str) -> None:
    """Note how much room there is where `path` is or will be."""
    place = nearest(path)
    free = free_bytes(place) or 0
    kind = file_system_of(place).kind
    text = f"{size(free)} free for {what}" + (f" ({kind})" if kind else "")
    if free < _LITTLE_SPACE_BYTES:
        found.problem(
            "little_space", text, "make room, or put the cache elsewhere: STAGEMAKE_CACHE_DIR"
        )
    else:
        found.ok("space", text)
