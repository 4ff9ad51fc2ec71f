"""What an evaluation depended on: files, listings, what was absent, variables; or why that can't be told.

An audit hook sees files being opened, directories listed, modules imported and processes started; what it
doesn't see (stat and its kind, variables) goes through stand-ins while a Stagefile runs. Whatever is not
known to be harmless is blamed, and a blamed evaluation is one that has to be repeated each time.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import define

from stagemake.freshness.noop import names_in
from stagemake.freshness.signature import link_signature
from stagemake.stagefile.safe_modules import ESCAPES, SAFE
from stagemake.stagefile.stand_ins import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

    from stagemake.freshness.signature import Signature

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_IMPORTERS = ("<frozen importlib", f"{_PACKAGE}stagefile{os.sep}imports.py")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_UNSTABLE = ("/proc/", "/sys/", "/dev/")  # where equal signatures don't mean equal contents

_HARMLESS = frozenset((
    "array.__new__", "builtins.id", "code.__new__", "compile", "function.__new__", "gc.get_referents",
    "glob.glob", "glob.glob/2", "marshal.dumps", "marshal.load", "marshal.loads", "object.__delattr__",
    "object.__getattr__", "object.__setattr__", "os.fwalk", "os.walk", "pathlib.Path.glob",
    "pathlib.Path.rglob", "pathlib.Path.walk", "sys._getframe", "sys._getframemodulename", "sys.unraisablehook",
    "sys.excepthook",
))  # fmt: skip

Glob = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""Base, pattern, what is excluded, and the paths that were found."""

_active: list[Recorder] = []  # at most one: the process has one audit hook, and it can't be removed
_installed: list[bool] = []


def install() -> None:
    """Have evaluations of this process recorded from now on. For the command line's own process only."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hear)


def is_installed() -> bool:
    """Return whether evaluations are recorded in this process."""
    return bool(_installed)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:  # Any: whatever the event says
    if not _active or event in _HARMLESS:
        return
    recorder = _active[-1]
    with _unheard():
        try:
            recorder.hear(event, arguments)
        except Exception as error:
            # An audit hook that raises stops what it heard of, which is none of our business.
            recorder.blame(f"does something that can't be followed: `{event}`, {error}")


@contextmanager
def _unheard() -> Iterator[None]:
    """Do something that is the recorder's own, not the Stagefile's."""
    heard = list(_active)
    _active.clear()
    try:
        yield
    finally:
        _active.extend(heard)


@define
class GlobNote:
    """What came of a glob; filled in by whoever expanded it."""

    paths: tuple[str, ...] = ()
    visited: tuple[str, ...] = ()  # directories that were listed, relative to the base


class Recorder:
    """Notes what one project's evaluation depends on. Paths are absolute.

    Args:
        root: The project's directory, absolute.
        pure: Distributions' modules that may bring compiled code along (`pure_imports`).
    """

    def __init__(self, root: str, pure: Iterable[str] = ()) -> None:
        self.root = root
        self.files: dict[str, Signature | None] = {}  # as they were before they were read
        self.listings: dict[str, Signature | None] = {}  # any change of what is in there counts
        self.globs: dict[Glob, tuple[str, ...]] = {}  # which directories were listed for it
        self.directories: dict[str, Signature | None] = {}  # as they were before they were listed
        self.searched: dict[
            str, tuple[Signature | None, tuple[str, ...]]
        ] = {}  # and the names in there
        self.looked_up: set[str] = set()  # modules, by each component of their names
        self.observed: dict[tuple[str, str], object] = {}  # (call, path): what it gave
        self.variables: dict[str, str | None] = {}
        self.values: dict[str, object] = {}  # answers of calls without a path
        self.blames: dict[str, str] = {}  # what can't be told, and the line to blame
        self._pure = frozenset(pure)
        self.began_ns = time.time_ns()
        self._loaded = frozenset(sys.modules)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Record what happens in here; may be nested."""
        if _active:
            yield
            return
        with stand_ins(self):
            _active.append(self)
            try:
                yield
            finally:
                _active.pop()

    # -- what is told ----------------------------------------------------------------------------

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:  # Any: as above
        """Take in one audit event."""
        if event == "open":
            self._opened(*arguments)
        elif event in {"os.listdir", "os.scandir"}:
            self._listed(arguments[0])
        elif event == "exec":
            if self.is_own(arguments[0].co_filename):
                self.look_at_code(arguments[0])
        elif event == "import":
            self.note_lookup(str(arguments[0]))
        else:
            self.blame(f"does what Python calls `{event}`")

    def _opened(self, path: object, mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            if path < 3:
                self.blame("reads or writes a standard stream")
            return
        full = self.absolute(path)
        if full == "/dev/null":
            return
        if full.endswith(".pyc"):  # it counts as its source
            folder, name = os.path.split(os.path.dirname(full)), os.path.basename(full)
            if folder[1] == "__pycache__":
                full = f"{folder[0]}/{name.partition('.')[0]}.py"
        if (mode and set(mode) & set("wax+")) or flags & _WRITES:
            self.blame(f"writes `{full}`")
        elif full.startswith(_UNSTABLE):
            self.blame(f"reads `{full}`")
        elif not full.startswith((_LIBRARY, _PACKAGE)):
            self.note_file(full)

    def _listed(self, path: object) -> None:
        if isinstance(path, int):
            self.blame("lists a directory by its descriptor")
            return
        full = self.absolute("." if path is None else path)
        if _caller_is_importing():
            self.note_search((full,))
        else:
            self.listings[os.path.realpath(full)] = self.note_directory(full)

    def note_file(self, full: str) -> None:
        """Note that the content of a file counts, or that it isn't there; links with what they lead to."""
        for _ in range(40):
            if full in self.files:
                return
            self.files[full] = link_signature(full)
            try:
                target = os.readlink(full)
            except OSError:
                return
            full = os.path.normpath(os.path.join(os.path.dirname(full), target))

    def note_directory(self, full: str) -> Signature | None:
        """Return the signature that a directory had before it was first listed."""
        real = os.path.realpath(full)
        if real not in self.directories:
            self.directories[real] = link_signature(real)
        return self.directories[real]

    @contextmanager
    def glob(self, base: str, pattern: str, excluded: tuple[str, ...]) -> Iterator[GlobNote]:
        """Record a glob as a whole: what it finds counts, not all that it looks at."""
        note = GlobNote()
        with _unheard():
            yield note
        full = os.path.join(self.root, base)
        listed = [os.path.realpath(os.path.join(full, each)) for each in note.visited]
        self.globs[base, pattern, excluded, note.paths] = tuple(listed)

    def note_search(self, directories: Iterable[str]) -> None:
        """Note that modules are looked up in these: what an import would find there counts."""
        for directory in directories:
            full = self.absolute(directory or ".")
            if full not in self.searched:
                with _unheard():
                    self.searched[full] = (link_signature(full), names_in(full))

    def note_lookup(self, name: str) -> None:
        """Note that a module is looked up, along `sys.path`, whether or not it is found."""
        self.looked_up.update(name.split("."))
        self.note_search(path for path in sys.path if isinstance(path, str))

    def note_variable(self, name: str, value: str | None) -> None:
        """Note that an environment variable's value counts."""
        self.variables.setdefault(name, value)

    def note_import(self, name: str, importer: str) -> None:
        """Take in an import statement of the project's own code.

        Args:
            name: The module, absolute and dotted; empty for a relative import.
            importer: The file that it stands in.
        """
        if not self.is_own(importer):
            return
        top = name.partition(".")[0]
        self.note_lookup(name)  # it may have been there, and another one be found next time
        if top in sys.stdlib_module_names and top not in SAFE:
            self.blame(f"imports `{top}`")

    def blame(self, what: str) -> None:
        """Note that this evaluation has to be repeated each time, and for which line of the project's."""
        self.blames.setdefault(what, self._place())

    # -- what is asked ---------------------------------------------------------------------------

    def absolute(self, path: object) -> str:
        """Return a path from the outside as an absolute text; a relative one makes the working directory count."""
        text = os.fsdecode(path)  # type: ignore[arg-type]  # a path, or this raises and is blamed
        if text[:1] == "/":
            return os.path.normpath(text)
        here = self.values.setdefault("getcwd", _getcwd())
        return os.path.normpath(f"{here}/{text}")

    def is_own(self, file: str) -> bool:
        """Return whether a file is the project's own code."""
        return file.startswith(self.root + os.sep) and not any(mark in file for mark in _INSTALLED)

    def look_at_modules(self, texts: Iterable[str]) -> None:
        """Note the files of everything that was imported meanwhile, and blame what is compiled.

        Args:
            texts: Files of the project that were compiled, absolute.
        """
        for file in texts:
            self.note_file(file)
            self.note_search((os.path.dirname(file),))
        for name in sorted(set(sys.modules) - self._loaded):
            spec = getattr(sys.modules.get(name), "__spec__", None)
            origin = getattr(spec, "origin", None)
            if not isinstance(origin, str) or not origin.startswith("/"):
                continue
            if origin.startswith((_LIBRARY, _PACKAGE)) and not any(m in origin for m in _INSTALLED):
                continue
            self.note_file(origin)
            if not origin.endswith(".py") and name.partition(".")[0] not in self._pure:
                self.blame(f"imports `{name}`, which is compiled code")

    def look_at_code(self, code: CodeType) -> None:
        """Blame names by which code gets hold of what it never imported."""
        waiting = [code]
        while waiting:
            one = waiting.pop()
            for name in ESCAPES.intersection(one.co_names):
                self.blames.setdefault(f"uses `{name}`", self._shown(code.co_filename, one))
            waiting.extend(each for each in one.co_consts if isinstance(each, type(code)))

    def _shown(self, filename: str, code: CodeType) -> str:
        return f"{filename.removeprefix(self.root + os.sep)}:{code.co_firstlineno}"

    def _place(self) -> str:
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack costs milliseconds
        while frame is not None:
            file = frame.f_code.co_filename
            if self.is_own(file) and not file.startswith(_PACKAGE):
                return f"{file.removeprefix(self.root + os.sep)}:{frame.f_lineno}"
            frame = frame.f_back
        return ""


_getcwd = os.getcwd  # the real one, whatever stands in for it later


def _caller_is_importing() -> bool:
    """Return whether it is the import system that lists a directory just now."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(_IMPORTERS)
