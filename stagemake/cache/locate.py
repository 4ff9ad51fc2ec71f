"""Where the cache of this user is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "STAGEMAKE_CACHE_DIR"


def cache_directory(explicit: str | None, environ: Mapping[str, str], config: str | None) -> str:
    """Return the absolute path of the cache directory; creates nothing.

    Args:
        explicit: From the command line or the API; wins.
        environ: Its STAGEMAKE_CACHE_DIR, unless empty, comes next.
        config: From the project's configuration, relative paths made absolute by the caller; comes third.

    A leading `~/` means the home directory; nothing else is expanded.
    """
    for given in (explicit, environ.get(VARIABLE), config):
        if given:
            return os.path.abspath(_at_home(given, environ))
    import platformdirs  # noqa: PLC0415 - gate: only where nobody named a directory

    return os.path.abspath(platformdirs.user_cache_dir("stagemake", appauthor=False))


def _at_home(path: str, environ: Mapping[str, str]) -> str:
    if path != "~" and not path.startswith("~/"):
        return path
    return (environ.get("HOME") or os.path.expanduser("~")) + path[1:]
