"""Make the component archives that a real project would download: the same bytes each time.

The binaries are noise from a seeded generator; nothing here boots.
"""

import json
import random
import zipfile
from pathlib import Path

COMPONENTS = [
    ("OpenCore", "1.0.2", "loader", {"OpenCore.efi": 60_000, "BOOTx64.efi": 8_000}),
    ("HfsPlus", "3.1", "driver", {"HfsPlus.efi": 37_000}),
    ("OpenRuntime", "1.0.2", "driver", {"OpenRuntime.efi": 21_000}),
    ("Lilu.kext", "1.6.9", "kext", {"Contents/Info.plist": 900, "Contents/MacOS/Lilu": 90_000}),
    ("WhateverGreen.kext", "1.6.7", "kext", {"Contents/MacOS/WhateverGreen": 70_000}),
    ("OpenShell", "1.0", "tool", {"OpenShell.efi": 30_000}),
]
WHEN = (2024, 1, 1, 0, 0, 0)


def main(place: Path = Path("archives")) -> None:
    """Write one zip file a component."""
    place.mkdir(exist_ok=True)
    noise = random.Random(7)
    for name, version, kind, files in COMPONENTS:
        with zipfile.ZipFile(place / f"{name}-{version}.zip", "w") as archive:
            about = json.dumps({"name": name, "version": version, "kind": kind})
            archive.writestr(zipfile.ZipInfo("component.json", WHEN), about)
            for path, size in files.items():
                archive.writestr(zipfile.ZipInfo(path, WHEN), noise.randbytes(size))
    print(f"{len(COMPONENTS)} archives in {place}")


if __name__ == "__main__":
    main()
