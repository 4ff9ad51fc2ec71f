#!/usr/bin/env python3
"""Install the peers: ninja and doit from PyPI into a virtual environment, make from the system.

The environment goes to STAGEMAKE_BENCH_PEERS, or `stagemake-peers` in the system's temp directory.
Safe to run again. make is installed with apt when it is absent and this runs as root. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv

REQUIREMENTS = ("ninja==1.13.*", "doit==0.37.*")


def install_make() -> bool:
    """Make sure that make is on PATH; return whether it is."""
    if shutil.which("make"):
        return True
    if os.geteuid() or not shutil.which("apt-get"):
        print("make is absent; install it with the system's package manager", file=sys.stderr)
        return False
    subprocess.run(["apt-get", "update", "-q"], check=True)
    subprocess.run(["apt-get", "install", "-qy", "make"], check=True)
    return True


def install_from_pypi(directory: str) -> None:
    """Put REQUIREMENTS into the virtual environment `directory`, made if absent."""
    python = os.path.join(directory, "bin", "python")
    if not os.path.exists(python):
        venv.create(directory, with_pip=True, symlinks=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)


def main() -> int:
    """Install everything; exit status 0 when all peers are there."""
    default = os.path.join(tempfile.gettempdir(), "stagemake-peers")
    directory = os.path.abspath(os.environ.get("STAGEMAKE_BENCH_PEERS", default))
    install_from_pypi(directory)
    print(f"ninja, doit: {directory}")
    return 0 if install_make() else 1


if __name__ == "__main__":
    sys.exit(main())
