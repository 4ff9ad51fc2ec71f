"""Component archives: zip files with a `component.json` that says what they are."""

import json
import zipfile
from pathlib import Path
from typing import Any

FOLDERS = {"loader": "", "driver": "Drivers", "kext": "Kexts", "tool": "Tools"}
"""Where the files of a kind of component go, below `EFI/OC`."""


def read_component(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what an archive says of itself, and its files by name, sorted.

    Raises:
        ValueError: It is of no kind that we know.
    """
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("component.json"))
        if about["kind"] not in FOLDERS:
            raise ValueError(f"{path.name}: no component is a {about['kind']!r}")
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        files = {name: archive.read(name) for name in names if name != "component.json"}
    return {**about, "files": list(files)}, files
