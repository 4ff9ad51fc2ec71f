"""`examples/opencore`: a plugin installed into a fresh environment, and a project that names it."""

from __future__ import annotations

import ast
import os
import plistlib
import tarfile
from typing import TYPE_CHECKING

import pytest
from example_kit import HOME, Build, Example, environment_with, once

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

STAGES = ["opencore.gather", "opencore.edit", "opencore.assemble", "opencore.compile"]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    def make(place: Path) -> None:
        environment_with(place, str(Example(place / "copy", "opencore").path("plugin")))

    return str(once(tmp_path_factory, "venv-opencore", make) / "bin" / "python")


@pytest.fixture(scope="module")
def cold(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Build]:
    """The example built with an empty cache, and what that build said. Not to be changed."""
    example = Example(tmp_path_factory.mktemp("opencore"), "opencore", python)
    example.shell("python3 make_archives.py")
    return example, example.dry_run_against_run()


@pytest.fixture
def built(cold: tuple[Example, Build], tmp_path: Path) -> Example:
    """A clone of its own, brought up to date from a copy of the cache."""
    example = cold[0].clone(tmp_path)
    example.shell("python3 make_archives.py")
    assert example.build().restored == set(STAGES)
    return example


def config_of(example: Example) -> dict[str, dict[str, object]]:
    """Return the property list in the image."""
    with tarfile.open(example.path("dist/opencore.tar")) as image:
        file = image.extractfile("EFI/OC/config.plist")
        assert file is not None
        found: dict[str, dict[str, object]] = plistlib.loads(file.read())
        return found


def test_the_readme_is_what_happens(python: str, tmp_path: Path) -> None:
    Example(tmp_path, "opencore", python).follow_readme(least=12)


def test_a_cold_build_runs_the_four_stages_and_makes_the_tree(cold: tuple[Example, Build]) -> None:
    example, build = cold

    assert build.ran == set(STAGES)
    assert set(example.tree("build/EFI")) == {
        "BOOT/BOOTx64.efi",
        "OC/OpenCore.efi",
        "OC/config.plist",
        "OC/Drivers/HfsPlus.efi",
        "OC/Drivers/OpenRuntime.efi",
        "OC/Kexts/Lilu.kext/Contents/Info.plist",
        "OC/Kexts/Lilu.kext/Contents/MacOS/Lilu",
        "OC/Kexts/WhateverGreen.kext/Contents/MacOS/WhateverGreen",
        "OC/Tools/OpenShell.efi",
    }
    config = config_of(example)
    assert config["Misc"] == {"Timeout": 3, "ShowPicker": True}
    assert config["UEFI"]["Drivers"] == ["HfsPlus.efi", "OpenRuntime.efi"]
    with tarfile.open(example.path("dist/opencore.tar")) as image:
        files = {entry.name.removeprefix("EFI/"): entry for entry in image if entry.isfile()}
        assert {(entry.mtime, entry.uid, entry.mode) for entry in files.values()} == {(0, 0, 0o644)}
        assert {
            name: image.extractfile(entry).read() for name, entry in files.items()
        } == example.tree(  # type: ignore[union-attr]  # they are files
            "build/EFI"
        )


def test_nothing_is_left_to_do_after_a_build(built: Example) -> None:
    built.up_to_date()


def test_the_same_archives_give_the_same_image_elsewhere(
    cold: tuple[Example, Build], python: str, tmp_path: Path
) -> None:
    other = Example(tmp_path, "opencore", python)  # a cache of its own, so that it runs
    other.shell("python3 make_archives.py")

    assert other.build().ran == set(STAGES)

    assert (
        other.path("dist/opencore.tar").read_bytes()
        == cold[0].path("dist/opencore.tar").read_bytes()
    )


def test_an_edited_configuration_runs_what_is_behind_it(built: Example) -> None:
    built.edit("config/edits.toml", "Timeout = 3", "Timeout = 9")

    build = built.dry_run_against_run()

    assert build.ran == set(STAGES[1:])
    assert build.fresh == {"opencore.gather"}
    assert config_of(built)["Misc"]["Timeout"] == 9


def test_a_comment_is_cut_off_behind_the_edit(built: Example) -> None:
    built.append("config/edits.toml", "\n# nothing\n")

    build = built.dry_run_against_run()

    assert build.ran == {"opencore.edit"}
    assert build.cut_off == {"opencore.assemble", "opencore.compile"}


def test_a_removed_component_is_gone_from_the_tree_and_the_list(built: Example) -> None:
    built.remove("archives/HfsPlus-3.1.zip")

    assert built.dry_run_against_run().ran == set(STAGES)

    assert config_of(built)["UEFI"]["Drivers"] == ["OpenRuntime.efi"]
    assert not built.path("build/EFI/OC/Drivers/HfsPlus.efi").exists()


def test_everything_comes_back_from_the_cache_shared_values_too(built: Example) -> None:
    built.remove("build", "dist", ".stagemake")
    built.edit("config/edits.toml", "Timeout = 3", "Timeout = 4")

    build = built.dry_run_against_run()  # what edits uses the list that a hit brings back

    assert build.restored == {"opencore.gather"}
    assert build.ran == set(STAGES[1:])
    assert len(config_of(built)["Kernel"]["Add"]) == 2  # type: ignore[arg-type]  # a list


def test_a_component_of_an_unknown_kind_fails_its_stage(built: Example) -> None:
    built.shell(
        "python3 -c \"import zipfile; zipfile.ZipFile('archives/x.zip', 'w').writestr("
        '\'component.json\', \'{\\"name\\": \\"x\\", \\"kind\\": \\"toy\\"}\')"'
    )

    build = built.build(status=1)

    assert build.failed == {"opencore.gather"}
    assert "x.zip: no component is a 'toy'" in build.stderr


def test_the_summary_is_what_the_dry_run_says_and_changes_nothing(built: Example) -> None:
    built.remove("build", "dist", ".stagemake")
    built.edit("config/edits.toml", "Timeout = 3", "Timeout = 5")
    before = built.tree()

    lines = built.shell("python3 dry_run.py").stdout.splitlines()

    assert built.tree() == before
    assert [line.split(":")[0] for line in lines[:4]] == [
        "hit    opencore.gather",
        "miss   opencore.edit",
        "maybe  opencore.assemble",
        "maybe  opencore.compile",
    ]
    assert lines[4] == "Dry run summary:"
    assert [line.partition(":")[0] for line in lines[5:]] == [
        "Total operations", "Estimated disk usage", "Estimated duration", "Potential conflicts",
    ]  # fmt: skip
    assert built.shell("python3 dry_run.py --build").stdout.endswith(
        "made, 4 stages had work to do\n"
    )
    built.up_to_date()


def test_the_summary_is_short_and_uses_the_public_names_only() -> None:
    import stagemake

    text = (HOME / "examples/opencore/dry_run.py").read_text()
    names = {
        (node.module, alias.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert len(text.splitlines()) <= 40
    assert {name for module, name in names if module == "stagemake"} <= set(stagemake.__all__)
    assert not [module for module, _ in names if (module or "").startswith("stagemake.")]


def test_a_new_version_of_the_plugin_runs_its_stages_again(
    cold: tuple[Example, Build], tmp_path: Path
) -> None:
    source = Example(tmp_path / "source", "opencore")
    source.edit("plugin/pyproject.toml", 'version = "1.0"', 'version = "1.1"')
    python = environment_with(tmp_path / "venv", str(source.path("plugin")))
    other = cold[0].clone(tmp_path)
    other.python = python
    other.shell("python3 make_archives.py")
    assert os.path.isdir(other.cache)

    build = other.dry_run_against_run()

    assert build.ran >= {"opencore.gather", "opencore.edit"}
    assert build.restored == set()
