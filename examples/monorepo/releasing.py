"""What a release holds besides the packages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_checksums(directory: Path) -> None:
    """Write SHA256SUMS for all files in a directory, as `sha256sum -c` reads it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(directory)}\n"
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]
    (directory / "SHA256SUMS").write_text("".join(lines))
