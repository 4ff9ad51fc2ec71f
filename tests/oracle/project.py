"""Random projects: what their stages are, and the Stagefile, helper module and tools that say so."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

if TYPE_CHECKING:
    import random

SOURCES = ("src/a", "src/b", "src/c", "src/d")
HEADERS = ("inc/x.h", "inc/y.h")
LISTING = "inc/main.lst"  # what the depfile stage reads first; it names headers
VARIABLES = ("E", "F")
OWN = ("Stagefile", "helper.py", "tools", "src", "inc", "glob")
"""What a user writes, at the top of a project. Everything else below it is stagemake's."""


class Kind(enum.Enum):
    """What a stage's action does with its inputs."""

    SHELL = "shell text: header and inputs, joined"
    ARGV = "the same by a script of the project, started without a shell"
    CALL = "the same by a Python function"
    FIRST = "first line of its first input: cuts off early"
    TREE = "Python function: a directory with files, a link, a script, an empty directory"
    LINK = "a symbolic link to one of two sources"
    SCAN = "a script that reads what its input names, and writes a depfile"
    GLOB = "joins whatever a glob finds"
    PROVIDE = "Python function: hands on a shared value"
    USE = "Python function: writes a shared value"
    CHECK = "no output: passes or fails"

    @property
    def is_call(self) -> bool:
        """Whether the action is a Python function."""
        return self in {Kind.CALL, Kind.TREE, Kind.PROVIDE, Kind.USE}


@frozen
class Spec:
    """One stage, as the harness thinks of it."""

    name: str
    kind: Kind
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()  # a directory without its slash
    tag: str = "t0"  # stands in the command or the function
    param: int = 0
    env: tuple[str, ...] = ()
    reads_config: bool = False
    fails_on: str = ""  # begin of the first input's first line
    is_executable: bool = False
    after: tuple[str, ...] = ()
    always: bool = False
    uses: str = ""
    provides: str = ""
    comment: int = 0


@define
class ProjectModel:
    """A project and the surroundings it is built in. What sources hold is on disk only."""

    specs: list[Spec]
    environ: dict[str, str] = field(factory=lambda: {"E": "1", "F": "2"})
    values: dict[str, str] = field(factory=dict)  # -D
    helper_token: str = "h0"
    helper_comment: int = 0
    tool_token: str = "k0"
    dropped: list[Spec] = field(factory=list)

    @property
    def option(self) -> str:
        """What `config("opt")` gives."""
        return self.values.get("opt", "o0")

    def spec(self, name: str) -> Spec:
        """Return a stage by name."""
        return next(spec for spec in self.specs if spec.name == name)

    def change(self, name: str, **fields: Any) -> None:  # Any: fields of a Spec
        """Replace some of a stage's fields."""
        at = next(i for i, spec in enumerate(self.specs) if spec.name == name)
        self.specs[at] = evolve(self.specs[at], **fields)

    def producers(self) -> dict[str, Spec]:
        """Return who makes each output."""
        return {output: spec for spec in self.specs for output in spec.outputs}

    def upstream(self, spec: Spec) -> list[Spec]:
        """Return what `spec` waits for directly."""
        by_output = self.producers()
        found = [by_output[path] for path in spec.inputs if path in by_output]
        found += [other for other in self.specs if other.name in spec.after]
        found += [other for other in self.specs if spec.uses and other.provides == spec.uses]
        return found

    def closure(self, names: list[str]) -> set[str]:
        """Return the stages that a build of these takes."""
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo.extend(other.name for other in self.upstream(self.spec(name)))
        return found


def random_project(rnd: random.Random) -> ProjectModel:
    """Return a project of three to eight stages; every kind appears sooner or later."""
    specs: list[Spec] = []
    kinds = rnd.choices(list(Kind), [5, 2, 5, 3, 3, 2, 2, 2, 2, 0, 1], k=rnd.randint(3, 7))
    files = list(SOURCES)  # what shell stages read
    others: list[str] = []  # what only functions can
    for number, kind in enumerate(kinds):
        spec = _random_spec(rnd, f"s{number}", kind, files, others)
        if specs and rnd.random() < 0.15:
            spec = evolve(spec, after=(rnd.choice(specs).name,))
        specs.append(spec)
        if kind is Kind.TREE:
            others.extend(spec.outputs)
        else:
            files.extend(spec.outputs)
        if kind is Kind.PROVIDE:
            user = Spec(f"u{number}", Kind.USE, outputs=(f"out/u{number}",), uses=spec.provides)
            specs.append(user)
            files.extend(user.outputs)
    return ProjectModel(specs, values={"opt": "o1"} if rnd.random() < 0.3 else {})


def _random_spec(
    rnd: random.Random, name: str, kind: Kind, files: list[str], others: list[str]
) -> Spec:
    readable = files + others if kind.is_call else files
    inputs = tuple(rnd.sample(readable, rnd.randint(1, min(3, len(readable)))))
    outputs: tuple[str, ...] = (f"out/{name}",)
    if kind is Kind.SCAN:
        inputs = (LISTING,)
    elif kind in {Kind.GLOB, Kind.USE}:
        inputs = ()
    elif kind in {Kind.FIRST, Kind.LINK, Kind.PROVIDE}:
        inputs = (rnd.choice(files),)
    elif kind is Kind.CHECK:
        inputs, outputs = (rnd.choice(SOURCES),), ()
    elif kind in {Kind.SHELL, Kind.CALL} and rnd.random() < 0.25:
        outputs = (f"out/{name}", f"out/more/{name}")
    may_fail = inputs and inputs[0] in SOURCES and kind is not Kind.ARGV
    return Spec(
        name,
        kind,
        inputs,
        outputs,
        tag=rnd.choice(["t0", "t1"]),
        env=tuple(rnd.sample(VARIABLES, rnd.choice([0, 0, 1, 2]))),
        reads_config=rnd.random() < 0.3,
        fails_on=rnd.choice(["v7", "v8"]) if may_fail and rnd.random() < 0.25 else "",
        is_executable=kind in {Kind.SHELL, Kind.CALL} and rnd.random() < 0.4,
        always=kind is Kind.SHELL and rnd.random() < 0.07,
        provides=f"value.{name}" if kind is Kind.PROVIDE else "",
    )


def write_sources(root: str) -> None:
    """Write the first version of everything a user would have."""
    for path in SOURCES:
        write(root, path, f"v0 {path}\nrest 0\n")
    for path in HEADERS:
        write(root, path, f"v0 {path}\n")
    write(root, LISTING, f"use {HEADERS[0]}\n")
    write(root, "glob/1.txt", "v0 one\n")


def write(root: str, path: str, text: str) -> None:
    """Write a text file; its directory is made, its mode is kept if it is there."""
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as stream:
        stream.write(text)
