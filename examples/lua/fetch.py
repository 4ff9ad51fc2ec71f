"""Put the C sources of Lua 5.4 into `lua/`: run `python3 fetch.py` once, before the first build.

They are in the source archive of a Python package, lupa, which pip downloads and compares with the
digest in `lupa.txt`. Nothing is installed. Remove `lua/` to fetch it again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
FOLDER = PurePosixPath("third-party/lua54")  # in the archive, below its top directory


def download(place: Path) -> Path:
    """Return the archive, which pip has checked."""
    argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-qq"]
    argv += ["--no-deps", "--no-binary", "lupa", "--require-hashes", "-r", str(HERE / "lupa.txt")]
    # pip asks lupa for its metadata, which would compile five Luas but for this variable.
    environment = {**os.environ, "LUPA_NO_BUNDLE": "true"}
    subprocess.run([*argv, "--dest", str(place)], env=environment, check=True)
    (archive,) = place.glob("lupa-*.tar.gz")
    return archive


def unpack(archive: Path, target: Path) -> int:
    """Write the files of the folder below `target`, and return how many there are."""
    count = 0
    with tarfile.open(archive) as members:
        for member in members:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not member.isfile() or not path.is_relative_to(FOLDER) or ".." in path.parts:
                continue
            file = target / path.relative_to(FOLDER)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(members.extractfile(member).read())
            count += 1
    return count


def main() -> int:
    """Fetch the sources, unless they are there; return the exit status."""
    target = HERE / "lua"
    if target.exists():
        print("lua/ is there already; remove it to fetch it again")
        return 0
    # Beside the target, so that it appears whole, by a rename.
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".fetch-") as place:
        try:
            archive = download(Path(place))
        except subprocess.CalledProcessError as error:
            print(f"pip could not download lupa (status {error.returncode})", file=sys.stderr)
            return 1
        count = unpack(archive, Path(place, "lua"))
        Path(place, "lua").rename(target)
    print(f"lua/: {count} files of Lua 5.4.7")
    return 0


if __name__ == "__main__":
    sys.exit(main())
