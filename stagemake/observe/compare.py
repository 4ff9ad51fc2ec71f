"""Declared against actual: an access log read with a stage's declaration in hand. Pure but for looks at the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.observation import Observation, Undeclared
from stagemake.observe.access import Act
from stagemake.observe.policy import Policy, covers, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.model.stage import Stage
    from stagemake.observe.access import Record

_READS = {Act.READ: "reads", Act.RUN: "runs", Act.LIST: "lists"}
_WRITES = {Act.CREATE, Act.CHANGE, Act.REMOVE, Act.REFUSED}


def compare(
    stage: Stage,
    records: Iterable[Record],
    root: str,
    *,
    more_reads: Iterable[str] = (),
    owner_of: Callable[[str], str] = lambda _path: "",
    means: str = "",
) -> Observation:
    """Return what of `records` the stage does not declare.

    Args:
        stage: The stage.
        records: What it did, in order of first appearance.
        root: Absolute, without links.
        more_reads: What counts as declared beside its inputs: programs, what its depfile names.
        owner_of: Gives the name of the stage that makes a path; empty for none.
        means: How it was watched.
    """
    declared = (*stage.inputs, *stage.implicit)
    reads = (*declared, *more_reads)
    writes = (*stage.outputs, *([stage.depfile] if stage.depfile else []))
    policy = Policy(root, reads, writes, is_call=False)
    sorter = _Sorter(stage, root, policy)
    for letter, path in records:
        sorter.take(Act(letter), path)
    inputs = Policy(root, declared, (), is_call=False).readable
    used = [path for path in declared if _is_used(path, root, sorter.used)]
    changes = tuple(
        Undeclared(act, path, owner_of(path), is_input=covers(inputs, path))
        for path, act in sorter.writes()
    )
    return Observation(
        stage=stage.name,
        location=str(stage.location or ""),
        means=means,
        reads=tuple(
            Undeclared(act, path, owner_of(path)) for path, act in sorted(sorter.reads.items())
        ),
        writes=changes,
        used=tuple(sorted(used)),
        unread=tuple(sorted({*declared} - {*used})),
        looked_up=tuple(sorted(sorter.looked_up - sorter.reads.keys() - sorter.listed)),
        absent=tuple(sorted(sorter.absent - sorter.reads.keys())),
        listed=tuple(sorted(sorter.listed)),
        tools=tuple(sorted(sorter.tools)),
        outside=tuple(sorted(sorter.outside)),
    )


def _is_used(path: str, root: str, used: set[str]) -> bool:
    """Return whether something at or below a declared path was read."""
    places = Policy(root, (path,), (), is_call=False).readable
    return any(covers(places, each) for each in used)


@define
class _Sorter:
    """Puts each access where it belongs."""

    stage: Stage
    root: str
    policy: Policy
    reads: dict[str, str] = field(factory=dict)  # undeclared: path, act
    used: set[str] = field(factory=set)
    looked_up: set[str] = field(factory=set)
    absent: set[str] = field(factory=set)
    listed: set[str] = field(factory=set)
    tools: set[str] = field(factory=set)
    outside: set[str] = field(factory=set)
    _imported: set[str] = field(factory=set)
    _made: dict[str, None] = field(factory=dict)
    _changed: dict[str, None] = field(factory=dict)
    _removed: dict[str, None] = field(factory=dict)
    _refused: set[str] = field(factory=set)

    def take(self, act: Act, path: str) -> None:
        if act is Act.OUTSIDE:
            self.outside.add(path)
        elif act is Act.IMPORTED:
            self._imported.add(os.path.realpath(path).removeprefix(self.root + "/"))
        elif tool := self.policy.tool_of(path):
            self.tools.add(tool)
        elif act in _WRITES:
            self._write(act, path)
        elif not covers(self._made, path):
            self._read(act, path)

    def _read(self, act: Act, path: str) -> None:
        source = source_of(path)
        if source is None:
            return
        if covers(self.policy.readable, source):
            self.used.add(source)
        elif covers(self.policy.writable, source) or source in self._imported:
            return
        elif act is Act.ABSENT:
            if source == path and not self.policy.leads_to_output(path):
                self.absent.add(path)
        elif act is Act.LOOK:
            if source == path:
                self.looked_up.add(path)
        elif act is Act.LIST and self._is_no_news(path):
            self.listed.add(path)
        elif self.stage.runs_always:  # whatever it reads can't make it stale
            self.looked_up.add(source)
        else:
            self.reads.setdefault(f"{source}/" if act is Act.LIST else source, _READS[act])

    def _is_no_news(self, folder: str) -> bool:
        """Whether a listing is left alone: Python lists where it may import from, a shell for each `*`."""
        return folder in {".", self.stage.cwd} or self.policy.leads_to_input(folder)

    def _write(self, act: Act, path: str) -> None:
        if source_of(path) != path or covers(self.policy.writable, path):
            return
        if act is Act.REFUSED:
            self._refused.add(path)
        elif act is Act.CREATE:
            self._made.setdefault(path)
        elif not covers(self._made, path):
            (self._changed if act is Act.CHANGE else self._removed).setdefault(path)

    def writes(self) -> list[tuple[str, str]]:
        """Return path and act of each change that is there to stay, sorted."""
        found = dict.fromkeys(self._refused, "creates")
        for path in self._made:
            if os.path.lexists(f"{self.root}/{path}") and not self.policy.leads_to_output(path):
                is_input = covers(self.policy.readable, path)  # was there, whatever strace knows
                found[path] = "changes" if is_input else "creates"
        made = set(found)
        found = {
            path: act
            for path, act in found.items()
            if not covers(made - {path}, path)  # the directory says it
        }
        for path in self._removed:
            is_there = os.path.lexists(f"{self.root}/{path}")
            found.setdefault(path, "changes" if is_there else "removes")
        for path in self._changed:
            if os.path.lexists(f"{self.root}/{path}"):
                found.setdefault(path, "changes")
        return [
            (f"{path}/" if act == "creates" and _is_folder(f"{self.root}/{path}") else path, act)
            for path, act in sorted(found.items())
        ]


def _is_folder(full: str) -> bool:
    return os.path.isdir(full) and not os.path.islink(full)
