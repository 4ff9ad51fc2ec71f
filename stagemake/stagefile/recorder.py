"""What an evaluation depended on: files, listings, what was absent, variables; or why that can't be told.

An audit hook sees files being opened, directories listed, modules imported and processes started; what it
doesn't see (stat and its kind, variables) goes through stand-ins while a Stagefile runs. Whatever is not
known to be harmless is blamed, and a blamed evaluation is one that has to be repeated each time.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import define

from stagemake.freshness.noop import names_in
from stagemake.freshness.signature import CLOCK_LAG_NS, link_signature, signature, youngest_ns
from stagemake.stagefile import audit, stat_stand_ins
from stagemake.stagefile.audit import ACTIVE, beginning, listen, unheard
from stagemake.stagefile.import_notes import ImportNotes
from stagemake.stagefile.own_code import (
    PACKAGE,
    escapes,
    is_of_stagemake,
    is_own,
    is_standard,
)
from stagemake.stagefile.paths import tidy
from stagemake.stagefile.safe_modules import SAFE
from stagemake.stagefile.stand_ins import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

    from stagemake.freshness.signature import Signature

_IMPORTERS = ("<frozen importlib", f"{PACKAGE}{os.sep}stagefile{os.sep}imports.py")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_UNSTABLE = ("/proc/", "/sys/", "/dev/")  # where equal signatures don't mean equal contents
_ORDINARY = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}
Glob = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""Base, pattern, what is excluded, and the paths that were found."""


@define(eq=False, repr=False)
class GlobNote:
    """What came of a glob; filled in by whoever expanded it."""

    paths: tuple[str, ...] = ()
    visited: tuple[str, ...] = ()  # directories that were listed, relative to the base


class Recorder:
    """Notes what one project's evaluation depends on, once `audit.install` was called. Paths are absolute.

    Args:
        root: The project's directory, absolute.
        pure: Distributions' modules that may bring compiled code along (`pure_imports`).
        began_ns: When the evaluation began, in ns; None: with the process, as where there is one only.
        loaded: Names of modules that are the tool's own; None: what is imported now.
    """

    def __init__(
        self,
        root: str,
        pure: Iterable[str] = (),
        *,
        began_ns: int | None = None,
        loaded: Iterable[str] | None = None,
    ) -> None:
        self.root = root
        self.files: dict[str, Signature | None] = {}  # as they were before they were read
        self.opened: set[str] = set()  # those of `files` that were opened, not only looked for
        self.listings: dict[str, Signature | None] = {}  # any change of what is in there counts
        self.globs: dict[Glob, tuple[str, ...]] = {}  # which directories were listed for it
        self.directories: dict[str, Signature | None] = {}  # as they were before they were listed
        self.imports = ImportNotes(self.absolute)
        self.observed: dict[tuple[str, str], object] = {}  # (call, path): what it gave
        self.variables: dict[str, str | None] = {}
        self.values: dict[tuple[object, ...], object] = {}  # answers of calls without a path
        self.blames: dict[str, str] = {}  # what can't be told, and the line to blame
        self._pure = frozenset(pure)
        self.identity, self._imports_began_ns = beginning()
        self.began_ns = self._imports_began_ns if began_ns is None else began_ns
        self.is_late = False  # whether something was noted after it was read and may have moved
        self._unstable = _unstable_devices()
        self._loaded = frozenset(sys.modules if loaded is None else loaded)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Record what happens in here; may be nested."""
        if ACTIVE:
            yield
            return
        with stand_ins(self):
            listen(self)
            try:
                yield
            finally:
                ACTIVE.pop()

    # -- what is told ----------------------------------------------------------------------------

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:  # Any: as above
        """Take in one audit event."""
        if event == "open":
            self._opened(*arguments)
        elif event in {"os.listdir", "os.scandir"}:
            self._listed(event, arguments[0])
        elif event == "exec":
            if is_own(arguments[0].co_filename):
                self._look_at_code(arguments[0])
        elif event == "import":
            self.imports.note_lookup(str(arguments[0]))
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
        elif not is_of_stagemake(full):
            self.opened.add(full)
            self.note_file(full)

    def _listed(self, event: str, path: object) -> None:
        if isinstance(path, int):
            self.blame("lists a directory by its descriptor")
            return
        full = self.absolute("." if path is None else path)
        caller = _caller()
        if caller.startswith(_IMPORTERS):
            self.imports.note_search((full,))
            return
        self.note_listing(full)
        if event == "os.scandir" and caller != stat_stand_ins.__file__:
            # From Python 3.13 on pathlib has the real one. It asks entries for their kind only.
            if not is_standard(caller) or "/pathlib" not in caller.replace("/glob.py", "/pathlib"):
                self.blame("lists a directory in an unusual way")
            for name in names_in(full):
                if os.path.islink(f"{full}/{name}"):
                    os.path.exists(f"{full}/{name}")  # which has what it leads to noted

    def note_file(self, full: str) -> None:
        """Note that the content of a file counts, or that it isn't there; links with what they lead to."""
        for _ in range(40):
            if full in self.files:
                return
            known = self.files[full] = link_signature(full)
            self._check_place(full, known)
            try:
                target = os.readlink(full)
            except OSError:
                return
            full = tidy(os.path.join(os.path.dirname(full), target))

    def note_directory(self, full: str) -> Signature | None:
        """Return the signature that a directory had before it was first listed."""
        if full not in self.directories:
            known = self.directories[full] = signature(full)
            self._check_place(f"{full}/", known)
        return self.directories[full]

    def note_listing(self, full: str) -> None:
        """Note that whatever comes or goes in a directory counts."""
        self.listings[full] = self.note_directory(full)

    def _check_place(self, full: str, known: Signature | None) -> None:
        is_made_up = full.startswith(_UNSTABLE) and not full.startswith("/dev/shm/")  # noqa: S108 - a disk
        if is_made_up or (known is not None and known[4] in self._unstable):
            self.blame(f"reads `{full}`")
        elif known is not None and stat.S_IFMT(known[5]) not in _ORDINARY:
            self.blame(f"reads `{full}`, which is no ordinary file")

    def check_descriptor(self, fd: object) -> None:
        """Blame the use of an open file unless it was noted when it was opened."""
        try:
            status = _fstat(fd)  # type: ignore[arg-type]  # what isn't a descriptor can't be used either
        except (OSError, TypeError, ValueError, OverflowError):
            return
        place = (status.st_ino, status.st_dev)
        if fd in {0, 1, 2} or all(
            known is None or known[3:5] != place for known in self.files.values()
        ):
            self.blame("uses a descriptor that it has not opened")

    @contextmanager
    def glob(self, base: str, pattern: str, excluded: tuple[str, ...]) -> Iterator[GlobNote]:
        """Record a glob as a whole: what it finds counts, not all that it looks at."""
        note = GlobNote()
        with unheard():
            yield note
        full = os.path.join(self.root, base)
        listed = [tidy(f"{full}/{each}") for each in note.visited]
        self.globs[base, pattern, excluded, note.paths] = tuple(listed)

    def note_variable(self, name: str, value: str | None) -> None:
        """Note that an environment variable's value counts."""
        self.variables.setdefault(name, value)

    def note_import(self, name: str, importer: str) -> None:
        """Take in an import statement of the user's own code.

        Args:
            name: The module, absolute and dotted; empty for a relative import.
            importer: The file that it stands in.
        """
        if not name or not is_own(importer):
            return
        top, _, below = name.partition(".")
        self.imports.note_lookup(name)  # it may have been there, and another one be found next time
        if top in sys.stdlib_module_names and top not in SAFE:
            self.blame(f"imports `{top}`")
        elif top == "stagemake" and below:
            self.blame(f"imports `{name}`, a part of stagemake that is none of a Stagefile's")

    def blame(self, what: str) -> None:
        """Note that this evaluation has to be repeated each time, and for which line of the project's."""
        self.blames.setdefault(what, self._place())

    # -- what is asked ---------------------------------------------------------------------------

    def absolute(self, path: object) -> str:
        """Return a path from the outside as an absolute text; a relative one makes the working directory count."""
        text = os.fsdecode(path)  # type: ignore[arg-type]  # a path, or this raises and is blamed
        if text[:1] == "/":
            return tidy(text)
        here = self.values.setdefault(("getcwd",), _getcwd())
        return tidy(f"{here}/{text}")

    def look_at_modules(self, texts: Iterable[str]) -> None:
        """Note the files of everything that is imported by now, and blame what is compiled.

        Args:
            texts: Files of the user's that were compiled, absolute.
        """
        for file in texts:
            self.note_file(file)
            self._note_late(file)
        for name in sorted(sys.modules):
            origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
            if not isinstance(origin, str) or origin[:1] != "/":
                continue
            if (
                is_standard(origin) and name != "sitecustomize"
            ):  # which the system's administrator writes
                continue
            self._note_late(origin)
            is_compiled = not origin.endswith(".py") and name not in self._loaded
            if is_compiled and name.partition(".")[0] not in self._pure:
                self.blame(f"imports `{name}`, which is compiled code")
        self.is_late |= self.imports.note_shadows(
            [os.path.dirname(file) for file in texts], self.began_ns - CLOCK_LAG_NS
        )

    def _note_late(self, full: str) -> None:
        """Note a file that was read before; changed since, it may not be what was read."""
        if full not in self.files:
            self.note_file(full)
            known = self.files[full]
            # Installed modules are imported once in a process, project modules by each evaluation.
            since_ns = self._imports_began_ns - CLOCK_LAG_NS
            self.is_late |= known is None or youngest_ns(known) >= since_ns or audit.was_set_back()

    def _look_at_code(self, code: CodeType) -> None:
        """Blame names by which code gets hold of what it never imported."""
        for name, line in escapes(code):
            self.blames.setdefault(f"uses `{name}`", f"{self._shown(code.co_filename)}:{line}")

    def _shown(self, filename: str) -> str:
        return filename.removeprefix(self.root + os.sep)

    def _place(self) -> str:
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack costs milliseconds
        while frame is not None:
            file = frame.f_code.co_filename
            if file[:1] == "/" and is_own(file):
                return f"{self._shown(file)}:{frame.f_lineno}"
            frame = frame.f_back
        return ""


_OURS = (__file__, audit.__file__)
_getcwd, _fstat = os.getcwd, os.fstat  # the real ones, whatever stands in for them later


def _caller() -> str:
    """Return the file of whoever did what is heard just now."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
    while frame is not None and frame.f_code.co_filename in _OURS:
        frame = frame.f_back
    return "" if frame is None else frame.f_code.co_filename


def _unstable_devices() -> frozenset[int]:
    """Return the devices of what the kernel makes up when it is read."""
    found = {known[4] for place in _UNSTABLE if (known := signature(place)) is not None}
    return frozenset(found) - {os.stat("/").st_dev}
