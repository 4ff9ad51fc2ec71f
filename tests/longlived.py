"""Builds a project many times over and watches what grows: memory, descriptors, state, history, cache.

    python tests/longlived.py                                     # 1 000 builds in one manager, 1 000 command lines
    python tests/longlived.py --how manager --builds 5000 --every 500
    python tests/longlived.py --how commands --builds 200 --memory-growth 0.02

Between two builds a file appears and another goes, one is edited and one stage fails or not, so no two builds are the same.
Not collected by pytest: `story/test_longlived.py` runs it with smaller counts.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

from attrs import define, fields, frozen

import stagemake
from stagemake import StageManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HOME = os.path.dirname(os.path.dirname(os.path.abspath(stagemake.__file__)))
STAGEFILE = """\
import os
from stagemake import command, glob, stage

command("numbered", "mkdir -p numbered; cp src/* numbered", inputs=["src/"], outputs=["numbered/"])

@stage(inputs=["edited"], outputs=["counted"])
def count(context):
    with open("edited") as source, open("counted", "w") as made:
        made.write(str(len(source.read())))
    print("counted")

command("moody", "echo mood; test -e good && echo > mood", inputs=["mood-of-day"], outputs=["mood"])
"""
GLOBBED = """
for path in glob("src/*.txt"):
    name = os.path.basename(path)[:-4]
    command(f"copy-{name}", f"mkdir -p out; cat {path} > out/{name}", inputs=[path], outputs=[f"out/{name}"])
"""
BUDGET_BYTES = 2_000_000
_WINDOW = 6  # files at a time
_MIB = 1 << 20


@frozen
class Sample:
    """What is there after so many builds; counts, and bytes."""

    builds: int
    memory_bytes: int  # of the manager's process; of a command line its greatest
    descriptors: int
    threads: int
    state_files: int
    state_bytes: int
    snapshot_bytes: int
    cache_files: int
    cache_bytes: int


@frozen
class Limits:
    """What a run of many builds may come to."""

    memory_growth: float = 0.05  # from the first sample that counts to the last
    state_bytes: int = 24 * _MIB  # texts for `why` alone may take 16 MiB
    state_files: int = 700  # 300 past builds with their names, failed logs, what is kept
    snapshot_bytes: int = 300_000  # 1 000 files that are gone may be in it
    cache_bytes: int = BUDGET_BYTES * 2 + 4 * _MIB  # entries, and a database that shrinks by pages


@define
class Place:
    """A project that no build finds as the last one left it."""

    base: str
    leak: Callable[[int], None] = lambda _number: None  # for the test that this script can fail

    @property
    def root(self) -> str:
        """Where the Stagefile is."""
        return f"{self.base}/project"

    @property
    def cache(self) -> str:
        """The cache's directory."""
        return f"{self.base}/cache"

    def prepare(self, more: str) -> None:
        """Write the Stagefile, with `more` in it, and the settings."""
        os.makedirs(f"{self.root}/src")
        self._write("Stagefile", STAGEFILE + more)
        self._write("pyproject.toml", f"[tool.stagemake]\ncache_size = {BUDGET_BYTES}\n")

    def edit(self, number: int) -> None:
        """Make another project of it, for the build of that number."""
        self._write(f"src/file-{number}.txt", f"{number}\n" * 9_000)
        old = f"{self.root}/src/file-{number - _WINDOW}.txt"
        if os.path.exists(old):
            os.remove(old)
        self._write("edited", f"{number}\n" * 300)
        self._write("mood-of-day", str(number))
        if number % 3:
            self._write("good", "")
        elif os.path.exists(f"{self.root}/good"):
            os.remove(f"{self.root}/good")
        self.leak(number)

    def _write(self, path: str, text: str) -> None:
        with open(f"{self.root}/{path}", "w", encoding="utf-8") as stream:
            stream.write(text)

    def sample(self, builds: int, memory_bytes: int) -> Sample:
        """Look at everything that may grow."""
        state_files, state_bytes = _size_below(f"{self.root}/.stagemake")
        cache_files, cache_bytes = _size_below(self.cache)
        return Sample(
            builds, memory_bytes, len(os.listdir("/proc/self/fd")), threading.active_count(),
            state_files, state_bytes, os.stat(f"{self.root}/.stagemake/Stagefile/snapshot").st_size,
            cache_files, cache_bytes,
        )  # fmt: skip


def _size_below(directory: str) -> tuple[int, int]:
    sizes = [
        os.lstat(f"{where}/{name}").st_size
        for where, _, names in os.walk(directory)
        for name in names
    ]
    return len(sizes), sum(sizes)


def in_one_manager(place: Place, builds: int, every: int) -> Iterator[Sample]:
    """Build in one manager of this process; give a sample after each `every` builds."""
    place.prepare("")  # a manager has the stages that it has: no globs
    place.edit(0)
    manager = StageManager(place.root, cache_dir=place.cache, jobs=2)
    manager.load()
    for number in range(1, builds + 1):
        place.edit(number)
        outcome = manager.execute_pipeline()
        assert outcome.ok == bool(number % 3), outcome
        if number % every == 0:
            gc.collect()
            yield place.sample(number, _resident_bytes())


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def by_command_line(place: Place, builds: int, every: int) -> Iterator[Sample]:
    """Build by one command line after the other; give a sample after each `every` of them."""
    place.prepare(GLOBBED)
    environ = {**os.environ, "PYTHONPATH": HOME, "STAGEMAKE_CACHE_DIR": place.cache}
    argv = [sys.executable, "-m", "stagemake", "build", "-j2", "-k", "-s"]
    for number in range(1, builds + 1):
        place.edit(number)
        with subprocess.Popen(
            argv, cwd=place.root, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == (0 if number % 3 else 1), process.returncode
        if number % every == 0:
            yield place.sample(number, usage.ru_maxrss * 1024)


def verdict(samples: Sequence[Sample], limits: Limits) -> list[str]:
    """Return what has grown that must not; nothing is good. The first third of the samples is warming up."""
    if len(samples) < 3:
        return ["too few samples: at least three are needed"]
    first, last = samples[len(samples) // 3], samples[-1]
    found = []
    growths = {"memory_bytes": limits.memory_growth, "descriptors": 0.0, "threads": 0.0}
    for name, growth in growths.items():
        before, after = getattr(first, name), getattr(last, name)
        if after > before * (1 + growth):
            found.append(f"{name} grew from {before} to {after}, more than {growth:.0%}")
    for name in ("state_bytes", "state_files", "snapshot_bytes", "cache_bytes"):
        most, limit = max(getattr(one, name) for one in samples), getattr(limits, name)
        if most > limit:
            found.append(f"{name} came to {most}, more than {limit}")
    return found


_HOW = {"manager": in_one_manager, "commands": by_command_line}


def main(argv: Sequence[str] | None = None, leak: Callable[[int], None] | None = None) -> int:
    """Run what is asked for; return 0 when nothing has grown."""
    defaults = Limits()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--how", choices=[*_HOW, "both"], default="both")
    parser.add_argument("--builds", type=int, default=1000)
    parser.add_argument("--every", type=int, default=100, help="builds between two samples")
    for one in fields(Limits):
        kind = float if "growth" in one.name else int
        flag = f"--{one.name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=getattr(defaults, one.name))
    asked = parser.parse_args(argv)
    limits = Limits(**{one.name: getattr(asked, one.name) for one in fields(Limits)})
    columns = [one.name for one in fields(Sample)]
    is_bad = False
    for how in _HOW if asked.how == "both" else (asked.how,):
        print(f"{how}: {asked.builds} builds", "  ".join(columns), sep="\n", flush=True)
        samples = []
        with tempfile.TemporaryDirectory() as base:
            place = Place(base) if leak is None else Place(base, leak)
            for sample in _HOW[how](place, asked.builds, asked.every):
                samples.append(sample)
                print("  ".join(f"{getattr(sample, name):>{len(name)}}" for name in columns), flush=True)  # fmt: skip
        found = verdict(samples, limits)
        is_bad = is_bad or bool(found)
        print(*(found or ["nothing grew beyond its limit"]), sep="\n")
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
