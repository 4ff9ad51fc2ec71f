"""Plugins for tests: real installed distributions, cheaply made, in a directory on PYTHONPATH."""

from __future__ import annotations

import textwrap
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from project import Project


def install(
    site: Path,
    name: str,
    modules: Mapping[str, str],
    entry_points: Mapping[str, Mapping[str, str]],
    *,
    version: str = "1.0",
) -> None:
    """Install a distribution into `site`, as pip would: modules, METADATA, entry_points.txt, RECORD.

    Args:
        site: Best named `site-packages`, so that its code counts as installed.
        name: Of the distribution.
        modules: Source by path, like `words/stages.py`.
        entry_points: `object` by name, by kind (`stages`, …).
        version: Another one replaces what is there.
    """
    folder = name.replace("-", "_")
    for old in site.glob(f"{folder}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = site / f"{folder}-{version}.dist-info"
    info.mkdir(parents=True)
    for path, source in modules.items():
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
    groups = [
        f"[stagemake.{kind}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
        for kind, table in entry_points.items()
    ]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("\n".join(groups))
    files = [*modules, *(f"{info.name}/{file}" for file in ("METADATA", "entry_points.txt"))]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def install_from_pyproject(site: Path, pyproject: str, modules: Mapping[str, str]) -> None:
    """Install what a pyproject.toml describes; `modules` are by path below `src/`."""
    project = tomllib.loads(pyproject)["project"]
    tables = {
        group.removeprefix("stagemake."): table for group, table in project["entry-points"].items()
    }
    install(site, project["name"], modules, tables, version=project["version"])


def site_of(project: Project) -> Path:
    """Return a `site-packages` beside a project, which its commands see."""
    site = project.base / "site-packages"
    site.mkdir(exist_ok=True)
    project.env["PYTHONPATH"] = str(site)
    return site


def plugin(
    project: Project, name: str, source: str, *, version: str = "1.0", **kinds: Mapping[str, str]
) -> Project:
    """Install a plugin of one module, `<name>_plugin.py`, for a project.

    Args:
        project: Whose commands see it.
        name: Of the distribution.
        source: Of the module; the package's names are imported on its first line.
        version: Of the distribution.
        kinds: Names in the module by entry point, by kind.
    """
    module = f"{name.replace('-', '_')}_plugin"
    text = "from stagemake import *\n" + textwrap.dedent(source)
    tables = {
        kind: {key: value if ":" in value else f"{module}:{value}" for key, value in table.items()}
        for kind, table in kinds.items()
    }
    install(site_of(project), name, {f"{module}.py": text}, tables, version=version)
    return project
