"""What a random project is: its stages, and the surroundings that they are built in."""

from __future__ import annotations

import enum
import os
import shutil
from typing import Any

from attrs import define, evolve, field, frozen

SOURCES = ("src/a", "src/b", "src/c", "src/d $x 'ü.t")
FOLDER = "data"  # a directory of the user's that functions read as a whole
HEADERS = ("inc/x.h", "inc/y.h", "inc/z $#.h")
LISTING = "inc/main.lst"  # what the depfile stage reads first; it names headers
VARIABLES = ("E", "F")
PART = "part"  # may have a Stagefile that the root's includes
CWDS = ("src", FOLDER, PART, PART)
LOADS = (
    "", "", "pool='slow'", "cpus=2", "memory='1 MiB'", "timeout=60", "retries=1",
    "description='some words'", "pool='slow', timeout=90, cpus=0.5",
)  # fmt: skip
WORD_WAYS = {
    "read": "text_of(ROOT + 'tools/word').strip()",
    "capture": "capture(['cat', ROOT + 'tools/word'], inputs=[UP + 'tools/word'])",
    "always": "capture('cat ' + ROOT + 'tools/word')",
}
"""How a Stagefile finds out the word; `ROOT` is the project's directory, `UP` the way there from the Stagefile's."""
OWN = (
    *("Stagefile", "pyproject.toml", "helper.py", "lib", "one", "two", "part"),
    *("tools", "src", "inc", "glob", FOLDER),
)
"""What a user writes, at the top of a project. Everything else below it is stagemake's."""

MARKS = {
    "const": "CONST",
    "table": "TABLE['key'][1]",
    "closure": "get_closed()",
    "default": "by_default()",
    "decorator": "decorated()",
    "partial": "bound()",
    "words": "words.speak()",
    "inner": "words.inner()",
    "method": "words.Box().method()",
    "twin_one": "one.util.mark()",
    "twin_two": "two.util.mark()",
    "alias": "other_mark()",
    "late": "late()",
}
"""Pieces of code that a function may reach, by name: each gives a text of its own that can change."""

IN_WORDS = frozenset(("words", "inner", "method"))  # these come from the module that moves


class Kind(enum.Enum):
    """What a stage's action does with its inputs."""

    SHELL = "shell text: header and inputs, joined"
    ARGV = "the same by a script of the project, started without a shell"
    CALL = "the same by a Python function"
    FIRST = "first line of its first input: cuts off early"
    TREE = "Python function: a directory with files, a link, a script, an empty directory"
    LINK = "a symbolic link to one of two sources"
    SCAN = "a script that reads what its input names, and what that names, and writes a depfile"
    GLOB = "joins whatever a glob finds"
    PROVIDE = "Python function: hands on a shared value"
    USE = "Python function: writes a shared value"
    CHECK = "no output: passes or fails"
    PINNED = "Python function whose code does not count, but a version"
    MAKER = "Python function: a program that another stage starts"
    RUNNER = "starts what a MAKER made"
    UNPACK = "shell text: a directory of its own making, with names that need care"

    @property
    def is_call(self) -> bool:
        """Whether the action is a Python function."""
        return self in {Kind.CALL, Kind.TREE, Kind.PROVIDE, Kind.USE, Kind.PINNED, Kind.MAKER}

    @property
    def is_directory(self) -> bool:
        """Whether the output is a directory."""
        return self in {Kind.TREE, Kind.UNPACK}


@frozen
class Spec:
    """One stage, as the harness thinks of it."""

    name: str
    kind: Kind
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()  # a directory without its slash
    origin: str = ""  # the first name: stays in commands and functions when the stage is renamed
    tag: str = "t0"  # stands in the command or the function
    param: int = 0
    env: tuple[str, ...] = ()
    passes_env: bool = False
    reads_config: bool = False
    reads_extra: str = ""  # a file declared by this keyword alone: "tools" or "implicit"
    reads_word: bool = False  # a text that the Stagefile finds out
    load: str = ""  # keywords that say how to run, not what comes of it
    fails_on: str = ""  # begin of the first input's first line
    is_executable: bool = False
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    always: bool = False
    is_cached: bool = True
    uses: str = ""
    provides: str = ""
    program: str = ""  # made by a stage
    cwd: str = ""  # a directory of the user's, one level down; `PART` has a Stagefile of its own
    version: str = ""
    marks: tuple[str, ...] = ()
    comment: int = 0

    @property
    def is_shell_text(self) -> bool:
        """Whether the action is shell text that joins its inputs."""
        return self.kind in {Kind.SHELL, Kind.GLOB}


def _codes() -> dict[str, str]:
    return dict.fromkeys(MARKS, "m0")


@define
class ProjectModel:
    """A project and the surroundings it is built in. What sources hold is on disk only."""

    specs: list[Spec]
    environ: dict[str, str] = field(factory=lambda: {"E": "1", "F": "2", "PASSED": "p"})
    values: dict[str, str] = field(factory=dict)  # -D
    table: dict[str, str] = field(factory=dict)  # in pyproject.toml, as TOML
    helper_token: str = "h0"
    helper_comment: int = 0
    tool_token: str = "k0"
    extra_token: str = "x0"
    word: str = "w0"
    word_way: str = "read"  # how the Stagefile finds it out: one of `WORD_WAYS`
    is_parted: bool = True  # whether what runs in `PART` is declared there
    codes: dict[str, str] = field(factory=_codes)  # what each mark gives
    layout: str = "module"  # of lib.words: "module", "package", or "both", where the package wins
    shuffle: int = 0  # order of declarations
    dropped: list[Spec] = field(factory=list)

    @property
    def option(self) -> str:
        """What `config("opt")` and `config("number")` give, joined."""
        text = self.values.get("opt", self.table.get("opt", "'o0'").strip("'"))
        return f"{text}/{self.values.get('number', self.table.get('number', '1'))}"

    def spec(self, name: str) -> Spec:
        """Return a stage by name."""
        return next(spec for spec in self.specs if spec.name == name)

    def change(self, which: str, /, **fields: Any) -> None:  # Any: fields of a Spec
        """Replace some of a stage's fields."""
        at = next(i for i, spec in enumerate(self.specs) if spec.name == which)
        self.specs[at] = evolve(self.specs[at], **fields)

    def rename_stage(self, old: str, new: str) -> None:
        """Give a stage another name, wherever it is named."""
        for spec in list(self.specs):
            self.change(
                spec.name,
                **{
                    word: tuple(new if name == old else name for name in getattr(spec, word))
                    for word in ("after", "before", "optional")
                },
            )
        self.change(old, name=new)

    def rename_paths(self, new_by_old: dict[str, str]) -> None:
        """Give outputs other names, wherever they are named; where two are exchanged, at once."""
        for spec in list(self.specs):
            self.change(
                spec.name,
                inputs=tuple(new_by_old.get(path, path) for path in spec.inputs),
                outputs=tuple(new_by_old.get(path, path) for path in spec.outputs),
                program=new_by_old.get(spec.program, spec.program),
            )

    def producers(self) -> dict[str, Spec]:
        """Return who makes each output."""
        return {output: spec for spec in self.specs for output in spec.outputs}

    def movable(self) -> list[Spec]:
        """Return the stages whose outputs may get other names."""
        return [spec for spec in self.specs if spec.outputs]

    def upstream(self, spec: Spec, *, by_order: bool = True) -> list[Spec]:
        """Return what `spec` waits for directly; without order, only what hands something on."""
        found = self.pulls(evolve(spec, after=spec.after if by_order else ()))
        if by_order:
            found += [other for other in self.specs if other.name in spec.optional]
            found += [other for other in self.specs if spec.name in other.before]
        return found

    def pulls(self, spec: Spec) -> list[Spec]:
        """Return what a build of `spec` takes along directly."""
        by_output = self.producers()
        reads = (*spec.inputs, spec.program)
        found = [by_output[path] for path in reads if path in by_output]
        found += [other for other in self.specs if other.name in spec.after]
        found += [other for other in self.specs if spec.uses and other.provides == spec.uses]
        return found

    def closure(self, names: list[str]) -> set[str]:
        """Return the stages that a build of these takes."""
        return self._reach(names, self.pulls)

    @property
    def loads_lib(self) -> bool:
        """Return whether the Stagefile, and not only a function in it, imports from `lib`."""
        return any(IN_WORDS.intersection(spec.marks) for spec in self.specs)

    def waits_for(self, name: str) -> set[str]:
        """Return a stage and all that have to be done before it, in a build of everything."""
        return self._reach([name], self.upstream)

    def _reach(self, names: list[str], next_of: Any) -> set[str]:  # Any: one of the two above
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo.extend(other.name for other in next_of(self.spec(name)))
        return found


def write_sources(root: str) -> None:
    """Write the first version of everything a user would have."""
    for path in SOURCES:
        write(root, path, f"v0 {path}\nrest 0\n")
    for path in HEADERS:
        write(root, path, f"v0 {path}\n")
    write(root, LISTING, f"use {HEADERS[0]}\n")
    write(root, "glob/1.txt", "v0 one\n")
    write(root, f"{PART}/own", "what makes it a directory\n")
    write(root, f"{FOLDER}/first", "v0 first\n")
    write(root, f"{FOLDER}/deep/er/second", "v0 second\n")


def write(root: str, path: str, text: str) -> None:
    """Write a text file; its directory is made, its mode is kept if it is there."""
    full = os.path.join(root, path)
    if os.path.isdir(full) and not os.path.islink(full):
        shutil.rmtree(full)
    elif os.path.islink(full) and (os.path.isdir(full) or not os.path.exists(full)):
        os.unlink(full)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as stream:
        stream.write(text)
