"""What a project's outputs have to be, computed here and now from its sources: no stagemake involved."""

from __future__ import annotations

import enum
import hashlib
import os
from typing import TYPE_CHECKING

from attrs import define, field
from oracle.project import IN_WORDS, OWN, Kind, ProjectModel, Spec
from oracle.tree import Entry, entry_at

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(enum.Enum):
    """How a stage has to end."""

    GOOD = "good"
    FAILED = "failed"  # its action fails
    MISSING = "missing"  # an input is neither there nor made
    BLOCKED = "blocked"  # something upstream is not good


class CannotRead(Exception):
    """An action meets something that it can't read, and fails."""


@define
class Expectation:
    """The right answer for one state of a project."""

    entries: dict[str, Entry] = field(factory=dict)  # of good stages, by path
    status: dict[str, Status] = field(factory=dict)  # by stage
    basis: dict[str, str] = field(factory=dict)  # by stage: over all that it may depend on
    by_order: set[str] = field(factory=set)  # blocked by order only: fresh ones count as done

    @property
    def is_good(self) -> bool:
        """Whether every stage ends well."""
        return all(status is Status.GOOD for status in self.status.values())

    def names(self, *wanted: Status) -> set[str]:
        """Return the stages that end so."""
        return {name for name, status in self.status.items() if status in wanted}


def expect(project: ProjectModel, root: str) -> Expectation:
    """Return what a build of all of `project` with the sources at `root` has to give."""
    work = _Work(project, root)
    for spec in project.specs:
        work.carry_out(spec)
    return work.found


@define
class _Work:
    project: ProjectModel
    root: str
    found: Expectation = field(factory=Expectation)
    values: dict[str, str] = field(factory=dict)  # first lines, by shared value
    programs: dict[str, str] = field(factory=dict)  # first lines, by path of what prints them

    def carry_out(self, spec: Spec) -> None:
        status = self.found.status
        inputs = self.inputs(spec)
        bad = {
            other.name for other in self.project.upstream(spec)
            if status[other.name] is not Status.GOOD
        }  # fmt: skip
        if bad:
            status[spec.name] = Status.BLOCKED
            data = {other.name for other in self.project.upstream(spec, by_order=False)}
            if bad & data <= self.found.by_order:
                self.found.by_order.add(spec.name)
            return
        made = self.project.producers()
        for path in (*inputs, *filter(None, [spec.program])):
            if path not in made and not os.path.lexists(f"{self.root}/{path}"):
                status[spec.name] = Status.MISSING
                return
        try:
            entries, read = self.run(spec, inputs)
        except CannotRead:
            status[spec.name] = Status.FAILED
            return
        status[spec.name] = Status.GOOD
        self.found.entries.update(entries)
        self.found.basis[spec.name] = self.basis(spec, inputs, read)

    def basis(self, spec: Spec, inputs: tuple[str, ...], read: list[str]) -> str:
        """Return a digest over all that may count for a stage, its name excepted."""
        project = self.project
        is_pinned = spec.kind is Kind.PINNED
        codes = [project.codes[mark] for mark in spec.marks]
        parts = (
            *(spec.kind, spec.outputs, "" if is_pinned else spec.tag, spec.param, spec.fails_on),
            *(spec.is_executable, spec.version, spec.passes_env, spec.cwd, spec.marks, codes),
            *(inputs, read, [(name, project.environ[name]) for name in spec.env]),
            [self.kind_of(path) for path in inputs],
            project.option if spec.reads_config else "",
            project.helper_token if spec.kind.is_call and not is_pinned else "",
            project.tool_token if spec.kind in {Kind.ARGV, Kind.SCAN} else "",
            (project.extra_token, spec.reads_extra) if spec.reads_extra else "",
            project.word if spec.reads_word else "",
            project.layout if IN_WORDS.intersection(spec.marks) else "",
            # What is imported late counts with what it holds, where it is loaded already.
            "late" in spec.marks and project.loads_lib,
            *(self.values.get(spec.uses, ""), spec.program, self.programs.get(spec.program, "")),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def kind_of(self, path: str) -> str:
        """Return what an input is, a link with its text: that counts too."""
        entry = self.at(path)
        return "" if entry is None else f"{entry[0]} {entry[1] if entry[0] == 'link' else ''!s}"

    def inputs(self, spec: Spec) -> tuple[str, ...]:
        if spec.kind is not Kind.GLOB:
            return spec.inputs
        names = (
            sorted(os.listdir(f"{self.root}/glob")) if os.path.isdir(f"{self.root}/glob") else []
        )
        return tuple(f"glob/{name}" for name in names if name.endswith(".txt"))

    # -- reading as the actions do ---------------------------------------------------------------

    def at(self, path: str) -> Entry | None:
        """Return what is at a path: made by a stage, else the user's."""
        made = self.found.entries.get(path)
        if made is None and path.partition("/")[0] in OWN:  # else it is left over, and will go
            made = entry_at(f"{self.root}/{path}")
        return made

    def read(self, path: str) -> tuple[str, bool]:
        """Return a file's text and whether it may be executed; links are followed."""
        entry = self.at(path)
        for _ in range(9):
            if entry is None or entry[0] != "link":
                break
            path = os.path.normpath(os.path.join(os.path.dirname(path), str(entry[1])))
            entry = self.at(path)
        if entry is None or entry[0] != "file":
            raise CannotRead(path)
        content = entry[1]
        assert isinstance(content, bytes), "files hold bytes"
        return content.decode(), entry[2]

    def first_line(self, path: str) -> str:
        return self.read(path)[0].split("\n", 1)[0] + "\n"

    def described(self, path: str, spec: Spec) -> str:
        """Return what joining adds for one input; commands can't join directories."""
        entry = self.at(path)
        if spec.kind.is_call and entry is not None and entry[0] == "directory":
            lines = [f"{path} directory\n"]
            for child in self.inside(path):
                kind, what, _ = self.at(child) or ("", "", False)
                if kind == "link":
                    lines.append(f"{child} -> {what!s}\n")
                else:
                    lines.append(self.described(child, spec))
            return "".join(lines)
        text, is_executable = self.read(path)
        shown = os.path.relpath(path, spec.cwd) if spec.cwd else path
        return f"{shown} " + ("x " if is_executable else "") + text

    def inside(self, path: str) -> list[str]:
        """Return what is right in a directory, made or the user's, sorted."""
        if path in self.found.entries:
            return sorted(one for one in self.found.entries if os.path.dirname(one) == path)
        return sorted(f"{path}/{name}" for name in os.listdir(f"{self.root}/{path}"))

    # -- the actions -----------------------------------------------------------------------------

    def run(self, spec: Spec, inputs: tuple[str, ...]) -> tuple[dict[str, Entry], list[str]]:
        """Return the outputs of a stage, by path, and all that it read."""
        read = [self.described(path, spec) for path in inputs]
        joined = self.header(spec) + "".join(read)
        if spec.kind is Kind.FIRST:
            joined = self.first_line(inputs[0])
        elif spec.kind is Kind.SCAN:
            joined, named = self.scanned(spec)
            read += named
        elif spec.kind is Kind.PROVIDE:
            self.values[spec.provides] = self.first_line(inputs[0])
        elif spec.kind is Kind.USE:
            line = self.values[spec.uses]
            joined += f"{line}{len(line)}\n"
        elif spec.kind is Kind.MAKER:
            line = self.programs[spec.outputs[0]] = self.first_line(inputs[0])
            joined = f'#!/bin/sh\n{{ cat <<\'END\'\n{line}END\ncat "$1"; }} > "$2"\n'
        elif spec.kind is Kind.RUNNER:
            joined = self.programs[spec.program] + self.read(inputs[0])[0]
        if spec.fails_on and self.first_line(inputs[0]).startswith(spec.fails_on):
            raise CannotRead(inputs[0])
        if spec.kind is Kind.CHECK:
            return {}, read
        if spec.kind is Kind.TREE:
            return _spread(spec.outputs[0], joined), read
        if spec.kind is Kind.LINK:
            is_even = any(digit in self.first_line(inputs[0]) for digit in "02468")
            return {spec.outputs[0]: ("link", "../src/a" if is_even else "../src/b", False)}, read
        if spec.kind is Kind.UNPACK:
            return _unpacked(spec.outputs[0], self.first_line(inputs[0]).rstrip("\n")), read
        if spec.reads_extra:
            joined += f"#!/bin/sh\n# {self.project.extra_token}\n"
        is_executable = spec.is_executable and any(digit in joined for digit in "13579")
        is_executable = is_executable or spec.kind is Kind.MAKER
        made: dict[str, Entry] = {spec.outputs[0]: ("file", joined.encode(), is_executable)}
        for output in spec.outputs[1:]:
            made[output] = ("file", (joined + "more\n").encode(), False)
        return made, read

    def header(self, spec: Spec) -> str:
        project = self.project
        if spec.kind is Kind.PINNED:
            return f"{spec.version}{spec.param}\n"
        words = [spec.tag, str(spec.param), project.option if spec.reads_config else "-"]
        words += [project.word] if spec.reads_word else []
        if spec.kind is not Kind.SCAN:
            declared: Mapping[str, str] = {name: project.environ[name] for name in spec.env}
            words += [f"{name}={declared.get(name, '')}" for name in ("E", "F")]
        if spec.kind in {Kind.ARGV, Kind.SCAN}:
            words.append(project.tool_token)
        elif spec.kind.is_call:
            words.append(project.helper_token)
        marks = " ".join(project.codes[mark] for mark in spec.marks)
        return (marks + "\n" if marks else "") + " ".join(words) + "\n"

    def scanned(self, spec: Spec) -> tuple[str, list[str]]:
        texts: list[str] = []

        def scan(path: str) -> None:
            for line in self.read(path)[0].splitlines():
                if line.startswith("use "):
                    texts.append(self.read(line[4:])[0])
                    scan(line[4:])

        scan(spec.inputs[0])
        return self.header(spec) + "".join(texts), texts


def _spread(top: str, text: str) -> dict[str, Entry]:
    weight = sum(text.encode())
    made: dict[str, Entry] = {top: ("directory", "", False), f"{top}/sub": ("directory", "", False)}
    for number in range(weight % 4):
        made[f"{top}/f{number}"] = ("file", f"{number} {text}".encode(), False)
    made[f"{top}/sub/run"] = ("file", b"run\n", weight % 2 == 1)
    if weight % 2 == 0:
        made[f"{top}/void"] = ("directory", "", False)
    if weight % 3 == 0:
        made[f"{top}/link"] = ("link", "sub/run", False)
    return made


def _unpacked(top: str, line: str) -> dict[str, Entry]:
    inner = f"{top}/na me/$x"
    directories = (top, f"{top}/na me", inner, f"{top}/empty")
    made: dict[str, Entry] = dict.fromkeys(directories, ("directory", "", False))
    made[f"{inner}/ü"] = ("file", line.encode(), False)
    if any(digit in line for digit in "13579"):
        made[f"{top}/-link"] = ("link", "na me", False)
    else:
        made[f"{top}/-file"] = ("file", b"", True)
    return made
