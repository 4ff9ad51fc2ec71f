"""What captured programs printed, remembered by all that it depends on. Read always, written by builds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import xxhash

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness.regular import read_regular
from stagemake.freshness.sealed import sealed, unsealed
from stagemake.plan.declaration import canonical_bytes
from stagemake.program import resolve_program

if TYPE_CHECKING:
    from stagemake.stagefile.session import Question
    from stagemake.state import StateStore

_HEADER = b"stagemake captures 1\n"
_MOST = 200  # answers that are kept; other configurations of the project have theirs among them


class CaptureMemo:
    """The answers of one Stagefile's captures, by key. Lives for one evaluation and the build after it.

    Contents are read each time, of inputs and programs: no signature could be believed before the
    project's clock is known, and asking for that writes.
    """

    def __init__(self, state: StateStore, root: str) -> None:
        self._state = state
        self._root = root
        self._path = f"{state.directory}/captures"
        self._known: dict[str, bytes] | None = None
        self._is_changed = False

    def key(self, question: Question, program: str) -> str:
        """Return what the answer to a question goes by; empty when an input can't be read."""
        digester = Digester(self._root)
        programs = [program]
        if question.is_shell:
            from stagemake.fingerprint.shell import programs_of_shell  # noqa: PLC0415 - gate, 3 ms

            path = dict(question.env).get("PATH", os.defpath)
            found = (
                resolve_program(name, path, self._root, cwd=question.cwd)
                for name in programs_of_shell(question.argv[2])
            )
            programs += [each or "" for each in found]
        try:
            entries = [digester.entry(each) if each else "-" for each in programs]
            entries += digester.entries(question.inputs or ())
        except OSError:
            return ""
        parts = (question.argv, question.cwd, question.env, question.inputs or (), tuple(entries))
        return str(xxhash.xxh3_128_hexdigest(canonical_bytes(parts)))

    def recall(self, key: str) -> bytes | None:
        """Return the answer under a key; None when it is not known."""
        if self._known is None:
            self._known = _load(self._path)
        return self._known.get(key) if key else None

    def remember(self, key: str, answer: bytes) -> None:
        """Keep an answer, for `save` to write."""
        if self._known is not None and key:
            self._known[key] = answer
            self._is_changed = True

    def save(self) -> None:
        """Write what was learnt, the latest answers of it. Needs the project's lock."""
        if self._is_changed and self._known is not None:
            # Another build may have come in between.
            known = {**_load(self._path), **self._known}
            self._state.make_directories()
            data = sealed(dict(list(known.items())[-_MOST:]), _HEADER)
            durable.write_atomic(self._path, data, mode=0o600)
            self._is_changed = False


def _load(path: str) -> dict[str, bytes]:
    try:
        data = read_regular(path, follows=False)
    except OSError:
        return {}
    found = unsealed(data, _HEADER)
    if not isinstance(found, dict):
        return {}
    return {key: text for key, text in found.items() if type(key) is str and type(text) is bytes}
