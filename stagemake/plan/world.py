"""What judging may ask: what is on disk, what past builds left, what the cache holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from attrs import define, field
from xxhash import xxh3_128_hexdigest

from stagemake.checkpoint import finished
from stagemake.model.stage import Command
from stagemake.plan.declaration import declare, weak_key
from stagemake.program import resolve_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stagemake.freshness.snapshot import Snapshot
    from stagemake.history import History
    from stagemake.model.record import NearResult
    from stagemake.model.repeat import Repeat
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.declaration import Declaration, Identity


Programs = tuple[tuple[str, str, str | None], ...]
"""(name, path, entry) of programs, in order of appearance; None: not known before something has run."""


Search = tuple[str, str]
"""Of programs: the PATH that a stage gets, and the directory that relative places on it count from."""


class Disk(Protocol):
    """What is at a path, as entries (see `model.entry`). Answers are remembered until forgotten."""

    def entry(self, path: str) -> str:
        """Return the entry of an input; links are followed."""

    def output_entry(self, path: str) -> str:
        """Return the entry of an output; a link is its text, what can't be read is `UNREADABLE`."""

    def end_of_link(self, path: str) -> str:
        """Return the project path of what a link leads to in the end."""

    def link_text(self, path: str) -> str:
        """Return the text of a link that is there."""

    def rows(self, path: str) -> list[tuple[str, str]]:
        """Return relative path and entry of all that is in a directory, links by their text, unsorted.

        Empty where no directory is.
        """

    def directory_bytes(self, entry: str) -> int | None:
        """Return how much the files in a directory of this entry hold together; None if none was seen. Looks at nothing."""

    def survey(self, inputs: Iterable[str], outputs: Iterable[str]) -> Mapping[str, str]:
        """Look at all of these in one go; return the entries seen so far, by path."""

    def forget(self, paths: Iterable[str]) -> None:
        """Look again when asked for these, or for anything below them."""


class Records(Protocol):
    """The cache's records as judging sees them: no content, no fault, no change."""

    def result(self, key: str, ahead: tuple[str, ...] = ()) -> ActionResult | None:
        """Return the stored result with all its contents there; None for a miss.

        Args:
            key: An action key.
            ahead: Keys that will most likely be asked for next; looked up in the same go.
        """

    def is_absent(self, key: str) -> bool:
        """Return whether a look-up has found no record under a key; asks nobody."""

    def hint(self, weak: str) -> tuple[tuple[tuple[str, ...], ...], float, int] | None:
        """Return lists of discovered inputs, seconds and bytes known for a declaration."""

    def near(self, stage_name: str) -> list[NearResult]:
        """Return what past results of a stage were made from; at most `NEAR_SLOTS`, in no order."""


class NoRecords:
    """The records of a build that may not read the cache."""

    def result(self, key: str, ahead: tuple[str, ...] = ()) -> None:
        """Return None: nothing is known."""

    def is_absent(self, key: str) -> bool:
        """Return False: nothing was looked up."""
        del key
        return False

    def hint(self, weak: str) -> None:
        """Return None: nothing is known."""

    def near(self, stage_name: str) -> list[NearResult]:
        """Return an empty list: nothing is known."""
        del stage_name
        return []


@define(eq=False, repr=False)
class World:
    """Everything a plan is made from. One per request; nothing in it is changed by planning."""

    root: str
    disk: Disk
    snapshot: Snapshot
    records: Records
    history_path: str
    identify: Callable[[Stage], Identity | None]
    search_path: str  # of programs: the PATH that stages get unless they say otherwise
    identify_all: Callable[[Iterable[Stage]], None] | None = None  # in one go, ahead of `identify`
    checkpoint_path: str = ""  # what an unfinished build has done; empty: nowhere
    force: bool = False
    repeats_path: str = ""  # which stages don't make the same from the same; empty: nowhere
    foresees_hits: bool = (
        False  # also of stages that don't make the same from the same: only to look
    )
    traced: frozenset[str] = frozenset()  # stages that are forced, by name
    inherits: bool = False  # stages get the tool's whole environment
    seen: Mapping[str, str] = field(factory=dict)  # entries that a survey found, links left out
    keys_ahead: tuple[str, ...] = ()  # likely to be looked up next; taken by the next look-up
    _history: History | None = None
    _finished: dict[str, str] | None = None
    _repeats: dict[str, Repeat] | None = None
    _programs: dict[tuple[str, Search], tuple[str, str]] = field(factory=dict)
    _good_programs: set[Programs] = field(factory=set)  # of stages with the usual search
    _has_relative_places: dict[str, bool] = field(factory=dict)  # by search path
    _names_in_text: dict[str, tuple[str, ...]] = field(factory=dict)
    _shared_names: dict[tuple[str, ...], tuple[str, ...]] = field(factory=dict)
    _found_outside: dict[tuple[tuple[str, ...], Search], Programs] = field(factory=dict)
    _shared_programs: dict[Programs, Programs] = field(factory=dict)
    _declarations: dict[str, Declaration] = field(factory=dict)
    _weak: tuple[str, bytes, str] = ("", b"", "")  # name, bytes, digest of the last stage asked for
    _always: set[str] = field(factory=set)

    @property
    def history(self) -> History:
        """What stages cost in the past; read when first asked for."""
        if self._history is None:
            from stagemake.history import History  # noqa: PLC0415 - gate, 10 ms, only with work to do

            self._history = History(self.history_path)
        return self._history

    def finished_key(self, stage_name: str) -> str:
        """Return the action key under which a stage finished in a build that did not; empty for none."""
        if self._finished is None:
            self._finished = finished(self.checkpoint_path) if self.checkpoint_path else {}
        return self._finished.get(stage_name, "")

    def unrepeated(self, stage: Stage) -> Repeat | None:
        """Return what is known of a stage that, declared as it is, made two things from the same; else None."""
        if self._repeats is None:
            self._repeats = _unsteady(self.repeats_path)
        found = self._repeats.get(stage.name)
        return found if found is not None and found.weak == self.weak_hex(stage) else None

    def declaration(self, stage: Stage) -> Declaration:
        """Return what the stage declares; made once."""
        found = self._declarations.get(stage.name)
        if found is None:
            identity = self.identify(stage) if stage.is_call and not stage.ignore_code else None
            if identity is not None and identity.always:
                self._always.add(stage.name)
            found = self._declarations[stage.name] = declare(
                stage, identity, inherits=self.inherits
            )
        return found

    def declaration_now(self, stage: Stage) -> Declaration:
        """Return what the stage declares, made anew for commands: only those in need are worth keeping."""
        if stage.is_call:
            return self.declaration(stage)
        return declare(stage, None, inherits=self.inherits)

    def weak_bytes(self, stage: Stage) -> bytes:
        """Return the canonical bytes of what the stage declares.

        Made again when they are asked for again: to keep them all takes 45 MiB at 100 000 stages.
        """
        return self._weak_of(stage)[1]

    def weak_hex(self, stage: Stage) -> str:
        """Return the weak key: under it the cache notes which inputs were discovered."""
        return self._weak_of(stage)[2]

    def _weak_of(self, stage: Stage) -> tuple[str, bytes, str]:
        if self._weak[0] != stage.name:
            made = weak_key(self.declaration(stage))
            self._weak = stage.name, made, xxh3_128_hexdigest(b"weak" + made)
        return self._weak

    def let_go(self, stage: Stage) -> None:
        """Forget what is of use until a stage has settled. It is made again when it is asked for."""
        if isinstance(stage.action, Command) and stage.action.shell:
            self._names_in_text.pop(stage.action.template[0], None)

    def look_up(self, key: str) -> ActionResult | None:
        """Return the cache's result under an action key; None for a miss."""
        ahead, self.keys_ahead = self.keys_ahead, ()
        return self.records.result(key, ahead)

    def is_unidentified(self, stage: Stage) -> bool:
        """Return whether the stage's function can't be told apart from a changed one."""
        if not stage.is_call:
            return False
        self.declaration(stage)
        return stage.name in self._always

    def search_of(self, stage: Stage) -> Search:
        """Return where the programs are looked up that a stage names without a slash."""
        path = self.search_path
        for name, value in stage.env:
            if name == "PATH":
                path = os.defpath if value is None else value
        if not stage.cwd:
            return path, ""
        is_relative = self._has_relative_places.get(path)
        if is_relative is None:
            is_relative = any(one[:1] != "/" for one in path.split(":"))
            self._has_relative_places[path] = is_relative
        return path, stage.cwd if is_relative else ""

    def program(self, name: str, search: Search) -> tuple[str, str, str]:
        """Return (name, path, entry) of a program; path empty and entry `-` when there is none.

        Args:
            name: As in a command; with a slash in it, relative to the root.
            search: What `search_of` gives for the stage.
        """
        found = self._programs.get((name, search))
        if found is None:
            path = resolve_program(name, search[0], self.root, cwd=search[1]) or ""
            found = (path, self.disk.entry(path) if path else "-")
            if path[:1] == "/":  # programs inside the project may be made while we build
                self._programs[name, search] = found
        return (name, *found)

    def names_in(self, text: str) -> tuple[str, ...]:
        """Return the programs that a shell text starts, the shell first; read once."""
        found = self._names_in_text.get(text)
        if found is None:
            from stagemake.fingerprint.shell import programs_of_shell  # noqa: PLC0415 - gate, 3 ms

            names = ("/bin/sh", *programs_of_shell(text))
            found = self._names_in_text[text] = self._shared_names.setdefault(names, names)
        return found

    def programs_outside(self, names: tuple[str, ...], search: Search) -> Programs:
        """Return (name, path, entry) of these programs, each once, where all lie outside the project; else nothing.

        What is in the project may be made while we build.
        """
        known = self._found_outside.get((names, search))
        if known is None:
            found = tuple([self.program(name, search) for name in dict.fromkeys(names)])
            known = self.shared(found) if all(path[:1] == "/" for _, path, _ in found) else ()
            if known:
                self._found_outside[names, search] = known
        return known

    def shared(self, programs: Programs) -> Programs:
        """Return the one tuple of its kind: ten thousand traces then hold it once."""
        return self._shared_programs.setdefault(programs, programs)

    def own_programs(self, programs: Programs) -> Programs:
        """Return those that lie in the project or were not found: upstream stages may make them."""
        if programs in self._good_programs:
            return ()
        return tuple(program for program in programs if program[1][:1] != "/")

    def programs_hold(self, programs: Programs, stage: Stage) -> bool:
        """Return whether these programs of a stage are what they were."""
        is_usual = not (stage.env or stage.cwd)
        if is_usual and programs in self._good_programs:
            return True
        search = self.search_of(stage)
        if all(self.program(name, search) == (name, path, entry) for name, path, entry in programs):
            if is_usual and all(path[:1] == "/" for _, path, _ in programs):
                self._good_programs.add(programs)
            return True
        return False


def _unsteady(path: str) -> dict[str, Repeat]:
    """Return which stages were seen to make two things from the same, by name; seldom is there such a file."""
    if not path or not os.path.lexists(path):
        return {}
    from stagemake.past.repeats import Repeats  # noqa: PLC0415 - gate, 2 ms, where there is one

    return {name: one for name, one in Repeats(path).read().items() if one.is_unsteady}
