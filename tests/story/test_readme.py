"""What the README shows is what happens: its files, its commands, what they print."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen

HOME = Path(__file__).parents[2]
README = (HOME / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIME = r"(?:\d+ m \d\d s|\d+(?:\.\d+)? m?s)\b"
SIZE = r"\d+(?:\.\d+)? (?:[KMGT]i)?B\b"
VARYING = (
    (re.compile(rf"(jobs?); 9 times in 10 under {TIME}"), r"\1"),  # left out where it says the same
    (re.compile(r"\bcompile\.\w+ > link"), "compile.<one> > link"),
    (re.compile(TIME), "<time>"),
    (re.compile(SIZE), "<size>"),
    (re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{32}\b"), "<digest>"),
    (re.compile(r"\d+ jobs"), "<n> jobs"),
    (re.compile(r" +(~?<)"), r"  \1"),
)
SOMETIMES = re.compile(r"stagemake: forecast | +<n> jobs would save ")
STAGE_LINE = re.compile(r"^\[\d+(/\d+\].*)$")


@frozen
class Block:
    """One fenced block."""

    language: str
    text: str


BLOCKS = tuple(Block(*found.groups()) for found in BLOCK.finditer(README))


def only(language: str, start: str) -> Block:
    """Return the one block of a language that begins so."""
    (found,) = [one for one in BLOCKS if one.language == language and one.text.startswith(start)]
    return found


def sessions() -> list[tuple[str, str]]:
    """Return each command of the console blocks with what it prints, in order."""
    text = "".join(block.text for block in BLOCKS if block.language == "console")
    _, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def normalised(text: str) -> list[str]:
    """Return the lines without what differs from run to run; stages end in any order."""
    for pattern, shown in VARYING:
        text = pattern.sub(shown, text)
    lines = text.splitlines()
    ended = sorted(found[1] for line in lines if (found := STAGE_LINE.match(line)))
    # A slow machine makes a build long enough to be scored, or for more jobs to be worth it.
    rest = [line for line in lines if not (STAGE_LINE.match(line) or SOMETIMES.match(line))]
    return [re.sub(r"^/(\d+)\]", r"/\1]", line) for line in ended] + rest


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on this machine")
def test_the_tour_prints_what_the_readme_says(tmp_path: Path) -> None:
    place = tmp_path / "tour"
    place.mkdir()
    program = tmp_path / "bin" / "stagemake"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stagemake "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    env = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(HOME),
        "STAGEMAKE_CACHE_DIR": str(tmp_path / "cache"),
    }
    subprocess.run(["bash", "-ec", only("sh", "mkdir src").text], cwd=place, env=env, check=True)
    (place / "Stagefile").write_text(only("python", "from stagemake import").text)

    printed = [
        subprocess.run(
            ["bash", "-c", f"exec 2>&1; {line}"],
            cwd=place, env=env, capture_output=True, text=True, check=False,
        ).stdout
        for line, _ in sessions()
    ]  # fmt: skip

    expected = [normalised(text) for _, text in sessions()]
    assert len(expected) >= 8
    assert expected == [normalised(text) for text in printed]


def test_the_two_commands_name_what_exists() -> None:
    into_venv = "python3 -m venv .venv && .venv/bin/pip install "
    example = f"{into_venv}. && .venv/bin/stagemake -f Stagefile.example\n"
    tests = f'{into_venv}-e ".[dev]" && .venv/bin/python -m pytest -q -n auto\n'

    installs = [block.text for block in BLOCKS if "venv .venv" in block.text]

    assert installs == [example, tests]
    assert (HOME / "Stagefile.example").is_file()
    settings = (HOME / "pyproject.toml").read_text("utf-8")
    assert 'stagemake = "stagemake.door:' in settings
    assert re.search(r"^dev = \[.*?pytest>=.*?pytest-xdist>=", settings, re.MULTILINE | re.DOTALL)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    ci = (HOME / ".ci" / "run").read_text("utf-8")
    (searched,) = re.findall(r"grep -m1 -E '([^']+)' README\.md", ci)

    found = re.findall(searched + ".*", README, re.MULTILINE)

    assert len(found) == 1
    assert found[0].endswith("pytest -q -n auto")
    assert os.access(HOME / ".ci" / "run", os.X_OK)


def test_it_is_short_and_fits_a_terminal() -> None:
    lines = README.splitlines()
    prose = BLOCK.sub("", README).splitlines()

    assert len(lines) <= 200
    assert not [line for line in prose if len(line) > 90]
    assert not [
        line
        for block in BLOCKS
        if block.language in {"console", ""}
        for line in block.text.splitlines()
        if len(line) > 80
    ]
