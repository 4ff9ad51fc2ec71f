"""Packages that a Stagefile imports and that are compiled anew each time: nothing that stagemake starts writes bytecode."""

from __future__ import annotations

import os
import shlex
import sys
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

from stagemake.doctor.finding import named
from stagemake.fingerprint.distributions import Origins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.doctor.finding import Findings

_INSTALLED = ("/site-packages/", "/dist-packages/")
_MANY = 50  # modules, from which on compiling takes a tenth of a second


def look_at_bytecode(found: Findings, root: str, names: Iterable[str]) -> None:
    """Note installed packages that were never compiled, as uv leaves them, if they have many modules.

    Args:
        found: Gets the note.
        root: The project's directory, absolute.
        names: Of modules that the Stagefile, or a function of it, imports; dotted.

    Cost: a look for each package; those without bytecode are walked through.
    """
    origins = Origins(root)
    modules: dict[str, int] = {}  # by directory
    for top in sorted({name.partition(".")[0] for name in names}):
        module = origins.find(top)
        if module is None or not any(mark in module.file for mark in _INSTALLED):
            continue
        directory, file = os.path.split(module.file)
        if file == "__init__.py" and not os.path.exists(cache_from_source(module.file)):
            modules[directory] = _modules_in(directory)
    count = sum(modules.values())
    if count < _MANY:
        return
    largest = sorted(modules, key=lambda each: (-modules[each], each))
    found.note(
        "no_bytecode",
        f"{named(map(os.path.basename, largest))}: {count} modules without bytecode, which are compiled each time"
        " that they are imported",
        f"compile them once: {sys.executable} -m compileall -q {shlex.join(largest)} (uv does it with --compile-bytecode)",
    )


def _modules_in(directory: str) -> int:
    return sum(file.endswith(".py") for _, _, files in os.walk(directory) for file in files)
