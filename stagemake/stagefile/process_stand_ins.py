"""Stand-ins for what a process is given: its command line, its streams, its variables."""

from __future__ import annotations

import os
from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.stagefile.recorder import Recorder


class Told(MutableSequence[str]):
    """A list that tells when it is used. No `list`, whose values C code takes without asking."""

    def __init__(self, values: list[str], recorder: Recorder, what: str) -> None:
        self._values = values
        self._recorder = recorder
        self._what = what

    def _told(self) -> list[str]:
        self._recorder.blame(self._what)
        return self._values

    def __getitem__(self, index: Any) -> Any:  # Any: a number or a slice, as in a list
        return self._told()[index]

    def __setitem__(self, index: Any, value: Any) -> None:  # Any: as above
        self._told()[index] = value

    def __delitem__(self, index: Any) -> None:  # Any: as above
        del self._told()[index]

    def __len__(self) -> int:
        return len(self._told())

    def insert(self, index: int, value: str) -> None:
        """Put a value in front of an index."""
        self._told().insert(index, value)

    def copy(self) -> list[str]:
        """Return a list of its own."""
        return self._told().copy()

    def __add__(self, other: list[str]) -> list[str]:
        return self._told() + other

    def __radd__(self, other: list[str]) -> list[str]:
        return other + self._told()

    def __eq__(self, other: object) -> bool:
        return self._told() == (other._values if isinstance(other, Told) else other)

    def __repr__(self) -> str:
        return repr(self._told())

    __hash__ = None  # type: ignore[assignment]  # as a list has none


class Stream:
    """A standard stream that tells when it is used: what a Stagefile prints is wanted each time."""

    def __init__(
        self, stream: Any, recorder: Recorder, name: str
    ) -> None:  # Any: a text stream, or None
        self._stream = stream
        self._recorder = recorder
        self._name = name

    def __getattr__(self, name: str) -> Any:  # Any: as above
        if name not in {"encoding", "errors", "newlines", "flush", "closed", "mode", "name"}:
            self._recorder.blame(f"uses sys.{self._name}")
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        self._recorder.blame(f"uses sys.{self._name}")
        return iter(self._stream)


RECORDER_OF_ENVIRON: list[Recorder] = []  # an instance of os._Environ takes no argument of ours


class Environ(type(os.environ)):  # type: ignore[misc]  # os._Environ, whose instance is shown as this for a while
    """`os.environ` while a Stagefile runs: reading a variable makes it count, changing one is blamed."""

    def __getitem__(self, key: Any) -> Any:  # Any: a text, or bytes of `os.environb`
        recorder = RECORDER_OF_ENVIRON[-1]
        name = os.fsdecode(key)
        try:
            value = super().__getitem__(key)
        except KeyError:
            recorder.note_variable(name, None)
            raise
        recorder.note_variable(name, os.fsdecode(value))
        return value

    def _blame(self, what: str = "reads all environment variables") -> None:
        RECORDER_OF_ENVIRON[-1].blame(what)

    def __iter__(self) -> Iterator[Any]:  # Any: as above
        self._blame()
        return iter(super().__iter__())

    def __len__(self) -> int:
        self._blame()
        return int(super().__len__())

    def __repr__(self) -> str:
        self._blame()
        return str(super().__repr__())

    def copy(self) -> dict[Any, Any]:  # Any: as above
        """Return all of them."""
        return dict(self)

    def __setitem__(self, key: Any, value: Any) -> None:  # Any: as above
        self._blame("changes environment variables")
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:  # Any: as above
        self._blame("changes environment variables")
        super().__delitem__(key)
