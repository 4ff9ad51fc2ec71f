"""The man page is what the command line is, and roff reads it as it is meant."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stagemake
from stagemake.cli.command_names import COMMANDS

HOME = Path(__file__).parents[2]
PAGE = HOME / "man" / "stagemake.1"


def test_the_page_is_that_of_the_command_line() -> None:
    code = "import man_page; print(man_page.page(), end='')"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": f"{HOME}{os.pathsep}{HOME / 'docs' / 'make'}"},
    )  # fmt: skip

    assert PAGE.read_text("utf-8") == done.stdout, "run: python docs/make/man_page.py"


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_groff_reads_it_without_a_warning_and_shows_every_command() -> None:
    done = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8", "-P-cbou", str(PAGE)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert done.stderr == ""
    heads = set(re.findall(r"^ {3}stagemake (\w+)", done.stdout, re.MULTILINE))
    assert heads == set(COMMANDS)
    assert f"stagemake {stagemake.__version__}" in done.stdout
    assert "--assume-changed PATH" in done.stdout
    assert "130, 143, 129" in done.stdout


def test_the_version_is_read_without_the_packages_metadata() -> None:
    code = (
        "import sys; from stagemake.door import main; main(['--version']);"
        " assert 'importlib.metadata' not in sys.modules"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, f"stagemake {stagemake.__version__}\n"), (
        done.stderr
    )
