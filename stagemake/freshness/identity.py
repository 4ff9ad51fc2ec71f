"""What tells this tool, this interpreter, its settings and this boot from others. Asked on every no-op."""

from __future__ import annotations

import os
import sys

from stagemake.freshness.signature import signature
from stagemake.freshness.snapshot import boot_id


def tool_identity(package_directory: str) -> tuple[object, ...]:
    """Return what has to be equal for a Stagefile to be run in the same way.

    Asked before anything else is imported: a Stagefile may change `sys.path` and the like for itself.

    Args:
        package_directory: Where stagemake was imported from.
    """
    environ = os.environ
    return (
        package_directory,
        boot_id(),
        sys.executable,
        sys.prefix,
        tuple(sys.flags),
        tuple(sys.warnoptions),
        tuple(sorted((name, str(value)) for name, value in sys._xoptions.items())),  # noqa: SLF001 - has no other name
        tuple(sys.path),
        # How text is read depends on the locale.
        tuple(
            sorted(
                (name, environ[name])
                for name in environ
                if name[:6] == "PYTHON" or name[:3] == "LC_" or name == "LANG"
            )
        ),
        os.getuid(),
        os.geteuid(),
        # A newer build of the same version, as distributions ship them, replaces all files.
        signature(sys.executable),
        signature(os.__file__),
        tuple([(file, signature(file)) for file in _finder_files()]),
    )


def _finder_files() -> list[str]:
    """Return the files of what installed packages have put among the finders: editable installs do."""
    found = []
    for finder in sys.meta_path:
        module = getattr(finder, "__module__", None) or ""
        if module[:7] != "_frozen":
            file = getattr(sys.modules.get(module), "__file__", None)
            if isinstance(file, str):
                found.append(file)
    return found
