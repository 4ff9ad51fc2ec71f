"""The cache is collected, and the collector killed, while builds restore from it: every byte is right all the same."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

STAGES = 12
ROUNDS = 12
SIZE = 50_000  # bytes of an output: in a file of its own, as what is large is


def gc_for_ever(project: Project, is_over: threading.Event, kills: list[int]) -> None:
    """Collect with a limit that a third fits in, one after the other; kill most of them somewhere."""
    chance = random.Random(len(kills))
    environ = {**os.environ, "STAGEMAKE_CACHE_DIR": str(project.cache)}
    argv = [sys.executable, "-m", "stagemake", "cache", "gc", "--max-size", str(STAGES * SIZE // 3)]
    while not is_over.is_set():
        with subprocess.Popen(
            argv, cwd=project.root, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:  # fmt: skip
            try:
                process.wait(chance.uniform(0.05, 0.6) if chance.random() < 0.7 else None)
            except subprocess.TimeoutExpired:
                process.kill()
                kills.append(process.pid)


@pytest.mark.slow
def test_builds_are_right_while_the_cache_is_collected_and_the_collector_killed(
    project: Project,
) -> None:
    project.stagefile(f"""
        for i in range({STAGES}):
            command(f"s{{i}}", f"sh make.sh {{i}} > out/{{i}}", inputs=["word", "make.sh"], outputs=[f"out/{{i}}"])
    """)
    project.write("make.sh", f"yes $1-$(cat word) | head -c {SIZE}\n")
    (project.root / "out").mkdir()
    is_over, restored = threading.Event(), 0
    kills: list[int] = []
    collector = threading.Thread(target=gc_for_ever, args=(project, is_over, kills))
    collector.start()
    try:
        for number in range(ROUNDS):
            word = "ab"[number % 2]
            project.write("word", word)
            for path in (project.root / "out").iterdir():
                path.unlink()

            done = project.build("-j2").exited(0)

            restored += done.stderr.count(" restored ")
            for i in range(STAGES):
                line = f"{i}-{word}\n"
                assert project.read(f"out/{i}") == (line * (SIZE // len(line) + 1))[:SIZE]
    finally:
        is_over.set()
        collector.join()

    assert kills
    assert restored
    project.run("cache", "verify").exited(0)
    project.build("-j2").exited(0)
    assert project.build().stderr == "stagemake: up to date\n"
