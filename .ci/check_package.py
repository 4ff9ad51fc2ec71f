"""Compares a sdist and a wheel with this checkout: nothing left out, nothing let in.

`python .ci/check_package.py SDIST WHEEL`; prints what is wrong and exits with 1.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
LEFT_OUT = {"__pycache__", "build", ".stagemake", "node_modules"}
FOR_DEVELOPERS = (".ci", "benchmarks", "docs", "examples", "man", "stagemake", "tests")


def files(*directories: str) -> set[str]:
    """Return the files of directories of the checkout, relative to it."""
    return {
        str(path.relative_to(HOME))
        for directory in directories
        for path in (HOME / directory).rglob("*")
        if path.is_file() and not LEFT_OUT & {*path.relative_to(HOME).parts}
    }


def wheel_faults(path: str) -> list[str]:
    """Return what the wheel lacks of the package, and what else it holds."""
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    (man_page,) = [name for name in names if name.endswith(".data/data/share/man/man1/stagemake.1")]
    found, wanted = names - {man_page}, files("stagemake")
    assert {"stagemake/py.typed", "stagemake/schemas/build.schema.json"} <= wanted
    lacks = [f"the wheel lacks {name}" for name in sorted(wanted - found)]
    return lacks + [f"the wheel holds {name}" for name in sorted(found - wanted)]


def sdist_faults(path: str) -> list[str]:
    """Return what the sdist lacks of what tests, pages and examples need."""
    with tarfile.open(path) as sdist:
        found = {name.partition("/")[2] for name in sdist.getnames()}
    roots = {"Stagefile", "Stagefile.example", "mkdocs.yml", "pyproject.toml", "PKG-INFO"}
    roots |= {page.name for page in HOME.glob("*.md")}
    wanted = roots | {
        name for name in files(*FOR_DEVELOPERS) if not name.startswith("examples/lua/lua/")
    }
    return [f"the sdist lacks {name}" for name in sorted(wanted - found)]


def main() -> None:
    """Check both."""
    faults = [*sdist_faults(sys.argv[1]), *wheel_faults(sys.argv[2])]
    print("\n".join(faults) or "sdist and wheel hold what they should")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
