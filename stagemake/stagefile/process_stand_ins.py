"""Stand-ins for what a process is given: its command line, its streams, its variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.stagefile.recorder import Recorder


class Told(list[str]):
    """A list that tells when it is read."""

    def __init__(self, values: list[str], recorder: Recorder, what: str) -> None:
        super().__init__(values)
        self._recorder = recorder
        self._what = what

    def _tell(self) -> None:
        self._recorder.blame(self._what)

    def __getitem__(self, index: Any) -> Any:
        self._tell()
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[str]:
        self._tell()
        return super().__iter__()

    def __len__(self) -> int:
        self._tell()
        return super().__len__()

    def __contains__(self, value: object) -> bool:
        self._tell()
        return super().__contains__(value)

    def __eq__(self, other: object) -> bool:
        self._tell()
        return super().__eq__(other)

    def copy(self) -> list[str]:
        self._tell()
        return super().copy()

    __hash__ = None


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

    def __getitem__(self, key: str) -> str:
        recorder = RECORDER_OF_ENVIRON[-1]
        try:
            value: str = super().__getitem__(key)
        except KeyError:
            recorder.note_variable(key, None)
            raise
        recorder.note_variable(key, value)
        return value

    def __iter__(self) -> Iterator[str]:
        RECORDER_OF_ENVIRON[-1].blame("reads all environment variables")
        return iter(super().__iter__())

    def __len__(self) -> int:
        RECORDER_OF_ENVIRON[-1].blame("reads all environment variables")
        return int(super().__len__())

    def copy(self) -> dict[str, str]:
        return dict(self)

    def __setitem__(self, key: str, value: str) -> None:
        RECORDER_OF_ENVIRON[-1].blame("changes environment variables")
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        RECORDER_OF_ENVIRON[-1].blame("changes environment variables")
        super().__delitem__(key)
