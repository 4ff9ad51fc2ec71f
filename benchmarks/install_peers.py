#!/usr/bin/env python3
"""Install the peers: most from PyPI into a virtual environment, turbo from npm, make and Bazel from the system.

The environment goes to STAGEMAKE_BENCH_PEERS, or `stagemake-peers` in the system's temp directory.
Safe to run again. make, Bazel and npm are installed with apt when absent and this runs as root; what can't
be installed is named, and the benchmarks leave it out. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv

FROM_PYPI = (
    "ninja==1.13.*",
    "doit==0.37.*",
    "scons==4.*",
    "go-task-bin==3.*",
    "snakemake==9.*",
    "pytask==0.6.*",
)
FROM_NPM = ("turbo@2",)


def install_program(name: str, package: str = "") -> bool:
    """Make sure that a program of the system is on PATH; return whether it is.

    Args:
        name: Of the program.
        package: That has it, where that is called otherwise.
    """
    if shutil.which(name):
        return True
    if os.geteuid() or not shutil.which("apt-get"):
        return False
    subprocess.run(["apt-get", "update", "-q"], check=False)
    subprocess.run(
        ["apt-get", "install", "-qy", "--no-install-recommends", package or name], check=False
    )
    return shutil.which(name) is not None


def install_from_pypi(directory: str) -> None:
    """Put FROM_PYPI into the virtual environment `directory`, made if absent."""
    python = os.path.join(directory, "bin", "python")
    if not os.path.exists(python):
        venv.create(directory, with_pip=True, symlinks=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *FROM_PYPI], check=True)


def install_from_npm(directory: str) -> bool:
    """Put FROM_NPM into `directory`; return whether that was possible."""
    if not install_program("npm"):
        return False
    os.makedirs(directory, exist_ok=True)
    # The prefix must be a project of its own: npm would walk up and find another one.
    with open(os.path.join(directory, "package.json"), "w", encoding="ascii") as file:
        file.write('{"name": "peers", "private": true}\n')
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-fund", "--no-audit", *FROM_NPM],
        cwd=directory,
        check=False,
    )
    return not done.returncode


def main() -> int:
    """Install everything; exit status 0 when all peers are there."""
    shown = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=shown).parse_args()
    default = os.path.join(tempfile.gettempdir(), "stagemake-peers")
    directory = os.path.abspath(os.environ.get("STAGEMAKE_BENCH_PEERS", default))
    install_from_pypi(directory)
    there = {
        "turbo": install_from_npm(os.path.join(directory, "npm")),
        "make": install_program("make"),
        # Of npm's packages the old one that holds the program is of 2020, the newer ones download it.
        "bazel": install_program("bazel", "bazel-bootstrap"),
    }
    print(f"installed in {directory}")
    for name in (name for name, is_there in there.items() if not is_there):
        print(f"{name} could not be installed; see its own instructions", file=sys.stderr)
    return 0 if all(there.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
