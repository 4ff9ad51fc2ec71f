"""The image: a plain tar archive (USTAR). Not a disk image: unpack it onto a FAT partition to boot from it."""

import io
import tarfile
from pathlib import Path


def packed(tree: Path) -> bytes:
    """Return a tar archive of a directory; times, owners and order say nothing about this machine."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(tree.rglob("*")):
            entry = tarfile.TarInfo(f"EFI/{path.relative_to(tree).as_posix()}")
            entry.mode = 0o755 if path.is_dir() else 0o644
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                entry.size = path.stat().st_size
                with path.open("rb") as content:
                    archive.addfile(entry, content)
    return stream.getvalue()
