"""The small project that faults strike: a stage of each kind, cheap to build; and what a build of it has to give."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Protocol

from oracle.tree import Entry, copy_to, results

if TYPE_CHECKING:
    from faults.machine import Done, Machine

OWN = ("Stagefile", "pyproject.toml", "src")
STATE = ".stagemake"
MINE = "this is mine"
"""Stands in every file that a user put where a stage's output belongs: must never be lost."""

STAGEFILE = """\
from stagemake import command, glob, stage

command("upper", "tr a-z A-Z < {inputs[0]} > {outputs}", inputs=["src/a"], outputs=["out/up"], version="VERSION")
command("join", "cat {inputs} > {outputs[0]} && cp {outputs[0]} {outputs[1]} && chmod +x {outputs[1]}",
        inputs=["out/up", *glob("src/*.txt")], outputs=["out/joined", "out/run"])
command("tree", "mkdir -p {outputs}/in/void && cp {inputs} '{outputs}/in/\\u00fc $x' && ln -s in {outputs}/link",
        inputs=["src/b"], outputs=["out/tree/"])
command("large", "cat {inputs} {inputs} > {outputs}", inputs=["src/page"], outputs=["deep/er/large"])
command("scan", "cat src/b src/h.inc > {outputs} && echo '{outputs}: src/b src/h.inc' > {depfile}",
        inputs=["src/b"], outputs=["out/scanned"], depfile="out/scanned.d")
command("check", "grep -rq . {inputs}", inputs=["out/tree/"])
"""

FUNCTION = """
@stage(inputs=["src/a"], outputs=["out/called"], provides=["word"])
def call(context):
    context.storage.write(context.outputs[0], context.storage.read(context.inputs[0]) * 2)
    context.shared["word"] = "w"

@stage(uses=["word"], inputs=["out/called"], outputs=["out/used"])
def use(context):
    context.storage.copy(context.inputs[0], context.outputs[0])
"""

GONE = 'command("gone", "cp {inputs} {outputs}", inputs=["src/b"], outputs=["out/gone", "out/odd/gone"][:1])\n'

FAILING = 'command("failing", "cp {inputs} {outputs}; grep -q good src/b", inputs=["src/b"], outputs=["out/may"])\n'


STUBBORN = """
command("stubborn", "trap '' TERM HUP INT; (setsid sleep 1000 &); sleep 0.3; cp {inputs} {outputs}",
        inputs=["src/b"], outputs=["out/stubborn"])
"""
"""It ignores what asks it to end, and leaves something that has left its session."""

RACED = """\
from stagemake import command, glob, stage

def raced(text):
    return ("test -e ../race/before && . ../race/before; " + text
            + "; test -e ../race/after && . ../race/after; true")

command("upper", raced("tr a-z A-Z < src/a > out/up"), inputs=["src/a"], outputs=["out/up"])
command("members", raced("cat src/in/* > out/members; ls src/in >> out/members"),
        inputs=["src/in/"], outputs=["out/members"])
command("scan", raced("cat src/h.inc > out/scanned; echo 'out/scanned: src/h.inc' > out/scanned.d"),
        outputs=["out/scanned"], depfile="out/scanned.d")
command("join", "cat {inputs} > {outputs}", inputs=["out/up", "out/members", "out/scanned"], outputs=["out/joined"])
"""
"""Stages of which each lets somebody in before and after it reads."""


def write_raced(root: str) -> None:
    """Write a project whose inputs can be changed while they are read."""
    write(root, "Stagefile", RACED)
    for path in ("src/a", "src/in/1", "src/in/2", "src/h.inc"):
        write(root, path, f"first of {path}\n")


def write_project(
    root: str,
    *,
    function: bool = False,
    gone: bool = False,
    failing: bool = False,
    stubborn: bool = False,
) -> None:
    """Write everything a user would have."""
    os.makedirs(f"{root}/src", exist_ok=True)
    more = ((function, FUNCTION), (gone, GONE), (failing, FAILING), (stubborn, STUBBORN))
    text = STAGEFILE + "".join(text for is_wanted, text in more if is_wanted)
    write(root, "Stagefile", text)
    write(root, "src/a", "one\n")
    write(root, "src/b", "good two\n")
    write(root, "src/h.inc", "header\n")
    write(root, "src/page", "0123456789abcde\n" * 2100)
    write(root, "src/1.txt", "text\n")


def write(root: str, path: str, text: str) -> None:
    """Write a file of the user's; its directory is made."""
    full = f"{root}/{path}"
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as stream:
        stream.write(text)


def outputs_of(root: str) -> dict[str, Entry]:
    """Return everything below a project that is not the user's source or the tool's memory."""
    return results(root, (*OWN, STATE))


class Expected:
    """What clean builds give, by all that the user wrote; each made once, elsewhere and without a cache."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: dict[str, dict[str, Entry]] = {}

    def of(self, root: str) -> dict[str, Entry]:
        """Return the outputs that a clean build of the sources at `root` has."""
        sources = results(root, (STATE, "out", "deep"))
        key = repr(sorted(sources.items()))
        if key not in self._known:
            clean = f"{self._machine.base}/clean"
            shutil.rmtree(clean, ignore_errors=True)
            copy_to(clean, root, OWN)
            done = self._machine.run("build", "--cache", "off", cwd=clean)
            assert done.status == 0, done.err
            self._known[key] = outputs_of(clean)
        return self._known[key]


class MadeOfRaced:
    """What clean builds of `RACED` give, without building."""

    def of(self, root: str) -> dict[str, Entry]:
        """Return the outputs by the sources at `root`."""
        first, second, header, small = (
            _text(f"{root}/src/{name}") for name in ("in/1", "in/2", "h.inc", "a")
        )
        texts = {"up": small.upper(), "members": f"{first}{second}1\n2\n", "scanned": header}
        texts["joined"] = texts["up"] + texts["members"] + texts["scanned"]
        made = {f"out/{name}": ("file", text.encode(), False) for name, text in texts.items()}
        return {"out": ("directory", "", False), **made}


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


class Clean(Protocol):
    """Who knows what clean builds give."""

    def of(self, root: str) -> dict[str, Entry]:
        """Return the outputs by the sources at `root`."""


class Wrong(Exception):
    """Something that has to be true is not."""


def check_said(done: Done, what: str) -> None:
    """Check that a disturbed command line ended in a way it may: killed, done, failed, or refused in a sentence."""
    if done.status not in {0, 1, 2, -9}:
        raise Wrong(f"{what}: status {done.status}\n{done.err}")
    for word in ("Traceback", "BUG:", "Error:", "Exception"):
        if word in done.err:
            raise Wrong(f"{what}: said {word}\n{done.err}")
    if done.status in {1, 2} and not done.out and not {"error:", "FAILED"} & set(done.err.split()):
        raise Wrong(f"{what}: status {done.status} without a reason\n{done.err}")


def check_right(
    machine: Machine,
    expected: Clean,
    what: str,
    *,
    mine: int = 0,
    but: frozenset[str] = frozenset(),
) -> None:
    """Build undisturbed, and check that all is as a clean build gives it, and nothing of the user's lost.

    Args:
        machine: Where.
        expected: What clean builds give.
        what: Said when it isn't so.
        mine: How many files hold `MINE` somewhere.
        but: Paths that may be there besides.
    """
    done = machine.run("build")
    if done.status != 0 or "error" in done.err:
        raise Wrong(f"{what}: the next build failed\n{done.err}")
    found, right = outputs_of(machine.root), expected.of(machine.root)
    found = {path: entry for path, entry in found.items() if path in right or path not in but}
    if found != right:
        wrong = sorted(
            path for path in found.keys() | right.keys() if found.get(path) != right.get(path)
        )
        raise Wrong(f"{what}: the next build is not like a clean one: {wrong}\n{done.err}")
    if (left := count_mine(machine.root)) < mine:
        raise Wrong(f"{what}: {mine - left} files of the user's are lost\n{done.err}")
    if temps := [path for path in walk_all(machine.root) if ".stagemake-tmp-" in path]:
        raise Wrong(f"{what}: unfinished files are left: {temps}")
    again = machine.run("build")
    if (again.status, again.err) != (0, "stagemake: up to date\n"):
        raise Wrong(f"{what}: the build after the next one\n{again.err}")


def walk_all(top: str) -> list[str]:
    """Return every path below a directory."""
    return [f"{parent}/{name}" for parent, dirs, files in os.walk(top) for name in (*dirs, *files)]


def count_mine(top: str) -> int:
    """Return how many files hold `MINE`."""
    count = 0
    for path in walk_all(top):
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as stream:
                count += MINE.encode() in stream.read()
    return count
