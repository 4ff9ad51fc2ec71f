"""Where modules were looked up while a Stagefile ran: another one could be found there next time."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stagemake.freshness.noop import names_in
from stagemake.freshness.signature import signature, youngest_ns
from stagemake.stagefile.audit import unheard
from stagemake.stagefile.own_code import is_of_stagemake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.freshness.signature import Signature


class ImportNotes:
    """Directories that were searched, and the names that were looked for in them.

    Args:
        absolute: Makes a path absolute.
    """

    def __init__(self, absolute: Callable[[str], str]) -> None:
        self._absolute = absolute
        # By directory: its signature before it was searched, and the names in there.
        self.searched: dict[str, tuple[Signature | None, tuple[str, ...]]] = {}
        # Modules, by each component of their names; Python itself looks for these two when it starts.
        self.looked_up = {"sitecustomize", "usercustomize"}

    def note_search(self, directories: Iterable[str]) -> None:
        """Note that modules are looked up in these: what an import would find there counts."""
        for directory in directories:
            full = self._absolute(directory or ".")
            if full not in self.searched and not is_of_stagemake(f"{full}/"):
                with unheard():
                    self.searched[full] = (signature(full), names_in(full))

    def note_lookup(self, name: str) -> None:
        """Note that a module is looked up, along `sys.path`, whether or not it is found."""
        self.looked_up.update(name.split("."))
        self.note_search(path for path in sys.path if isinstance(path, str))

    def note_members(self, module: object, names: Iterable[str]) -> None:
        """Take in what an import statement wants of a module: a package may have it as a module."""
        places = getattr(module, "__path__", None)
        if places is not None:
            self.looked_up.update(name for name in names if isinstance(name, str))
            self.note_search(place for place in places if isinstance(place, str))

    def note_shadows(self, directories: Iterable[str], before_ns: int) -> bool:
        """Note directories that would come before a module of their name if they had an `__init__.py`.

        Args:
            directories: Where the user's modules lie.
            before_ns: When evaluation began.

        Returns:
            Whether one of those has changed since, and may have been another one then.
        """
        self.looked_up.add("__init__")
        late = [each for each in directories if each not in self.searched]
        for directory, (_, names) in self.searched.items():
            found = [f"{directory}/{name}" for name in names if name in self.looked_up]
            late += [each for each in found if each not in self.searched and os.path.isdir(each)]
        self.note_search(late)
        known = [self.searched[each][0] for each in late if each in self.searched]
        return any(one is not None and youngest_ns(one) >= before_ns for one in known)
