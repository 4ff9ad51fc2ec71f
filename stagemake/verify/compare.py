"""Compares what a rerun made with what is recorded: kinds, executable bits, links, bytes, shared values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake.digesting import Digester
from stagemake.model.difference import hide
from stagemake.model.repeat import Divergence
from stagemake.model.verification import Mismatch, MismatchKind
from stagemake.verify.window import content_mismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.model.entry import Manifest, OutputFile
    from stagemake.verify.subject import Subject

MOST_SHOWN = 10
"""How many outputs of a stage are told one by one."""

_MOST_BYTES = 256 << 20  # of a file that is read to see where it differs
_NAMES = {
    "file": "a file",
    "executable": "an executable file",
    "symlink": "a link",
    "directory": "a directory",
}


@frozen
class Comparer:
    """Compares for one stage. Nothing is changed."""

    read_old: Callable[[OutputFile], bytes | None]  # the recorded content; None: not to be had
    top: str  # the directory that it was rerun in
    root: str  # the project's
    secrets: tuple[str, ...]

    def mismatches(
        self, subject: Subject, provided: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[Mismatch, ...], int]:
        """Return the first things that differ, by path, and how many do.

        Raises:
            OSError: An output of the rerun is missing, of the wrong kind or can't be read.
        """
        old = {row.path: row for row in subject.expected}
        new = {row.path: row for row in self._made(subject)}
        differing = [
            path
            for path in sorted(old.keys() | new.keys())
            if path not in old or path not in new or old[path].entry != new[path].entry
        ]
        found = [
            self._mismatch(path, old.get(path), new.get(path)) for path in differing[:MOST_SHOWN]
        ]
        values = list(self._values(dict(subject.provided), dict(provided)))
        return (*found, *values[:MOST_SHOWN]), len(differing) + len(values)

    def _made(self, subject: Subject) -> Manifest:
        disk = Digester(self.top)
        rows: list[OutputFile] = []
        for output in subject.stage.outputs:
            rows += disk.scan_output(output, declared_dir=output.endswith("/"))
        return tuple(rows)

    def _mismatch(self, path: str, old: OutputFile | None, new: OutputFile | None) -> Mismatch:
        if old is None:
            return Mismatch(path, MismatchKind.EXTRA, "only the rerun made it")
        if new is None:
            return Mismatch(path, MismatchKind.MISSING, "the rerun did not make it")
        files = ("file", "executable")
        if old.kind != new.kind and not (old.kind in files and new.kind in files):
            how = f"{_NAMES[old.kind]}, as recorded; {_NAMES[new.kind]}, now"
            return Mismatch(path, MismatchKind.KIND, how)
        if old.kind == "symlink":
            targets = (self._hidden(old.target), self._hidden(new.target))
            return Mismatch(path, MismatchKind.LINK, "it leads elsewhere", None, None, *targets)
        if old.digest == new.digest and old.size_bytes == new.size_bytes:
            return Mismatch(path, MismatchKind.MODE, _mode(new))
        return self._content(path, old, new)

    def _content(self, path: str, old: OutputFile, new: OutputFile) -> Mismatch:
        mode = "" if old.kind == new.kind else f", and {_mode(new)}"
        sizes = f"{old.size_bytes} B recorded, {new.size_bytes} B now"
        unseen = Mismatch(path, MismatchKind.CONTENT, f"{sizes}{mode}")
        if max(old.size_bytes, new.size_bytes) > _MOST_BYTES:
            return unseen
        before = self.read_old(old)
        if before is None:
            return unseen
        with open(f"{self.top}/{path}", "rb") as stream:
            after = stream.read()
        if not mode and self.at_home(after) == before:
            how = "the same but for the path of the directory it was made in"
            return Mismatch(path, MismatchKind.PLACE, how)
        found = content_mismatch(path, before, after, self._hidden)
        return unseen if found is None else evolve(found, how=f"{found.how}{mode}")

    def at_home(self, data: bytes) -> bytes:
        """Return bytes as they would be if the rerun had been in the project."""
        return data.replace(self.top.encode(), self.root.encode("utf-8", "surrogateescape"))

    def _values(self, old: Mapping[str, str], new: Mapping[str, str]) -> list[Mismatch]:
        return [
            Mismatch(
                name, MismatchKind.VALUE, "the shared value differs", None, None,
                self._hidden(old.get(name, "not set")), self._hidden(new.get(name, "not set")),
            )
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]  # fmt: skip

    def _hidden(self, text: str) -> str:
        return hide(text, self.secrets)


def _mode(new: OutputFile) -> str:
    return "it is executable now" if new.kind == "executable" else "it is not executable now"


def as_divergence(mismatches: tuple[Mismatch, ...], count: int) -> Divergence:
    """Return what is remembered of a stage that differs."""
    first = next((one for one in mismatches if one.kind is not MismatchKind.PLACE), mismatches[0])
    is_value = first.kind is MismatchKind.VALUE
    name = f"value {first.path}" if is_value else first.path
    return Divergence(name, first.how, count)
