"""The same sources, identified by every Python at hand, must give the same identities."""

from __future__ import annotations

import functools
import glob
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import attr
import pytest
from identity_corpus import FILES

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SCRIPT = """
import hashlib, json, sys, types
sys.dont_write_bytecode = True
project, package, site = sys.argv[1:]
# Only what the identity needs, and no compiled package: any digest will do for comparing.
digest = lambda data: hashlib.blake2b(data, digest_size=16)
sys.modules["xxhash"] = types.SimpleNamespace(xxh3_128=digest)
sys.path[:0] = [project, package]
sys.path.append(site)
from stagemake.fingerprint.function import FunctionIdentifier
module = types.ModuleType("Stagefile")
module.__file__ = project + "/Stagefile"
with open(module.__file__, encoding="utf-8") as file:
    exec(compile(file.read(), module.__file__, "exec"), vars(module))
identifier = FunctionIdentifier(project)
found = {}
for name, value in vars(module).items():
    functions = value if name == "pairs" else [value]
    for index, function in enumerate(functions):
        if callable(function) and getattr(function, "__module__", "") == "Stagefile" or name in (
            "partly", "pairs", "bound", "called", "decorated"
        ):
            identity = identifier.identify(function)
            found[f"{name} {index}"] = [identity.source, identity.components, identity.fallbacks, identity.always]
json.dump(found, sys.stdout)
"""


@functools.cache
def interpreter(version: str) -> str | None:
    """Return an interpreter of that minor version: this one, from PATH, or pyenv's newest."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    by_pyenv = sorted(glob.glob(f"{home}/versions/{version}.*/bin/python{version}"))
    candidates = [shutil.which(f"python{version}"), *reversed(by_pyenv)]
    for candidate in candidates:
        # pyenv's shims exist for versions that aren't selected: only one that answers counts.
        if (
            candidate
            and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode
            == 0
        ):
            return candidate
    return None


def identities(version: str, project: str) -> dict[str, list[object]]:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is neither on PATH nor in pyenv")
    site = os.path.dirname(os.path.dirname(attr.__file__))
    command = [python, "-I", "-c", SCRIPT, project, ROOT, site]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_source_identities_are_equal_across_versions(tmp_path: Path, version: str) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    oldest = identities(VERSIONS[0], str(tmp_path))

    newer = identities(version, str(tmp_path))

    assert len(oldest) >= 30
    assert oldest == newer


def test_every_function_of_the_corpus_has_an_identity_of_its_own(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    found = identities(f"{sys.version_info[0]}.{sys.version_info[1]}", str(tmp_path))

    assert len({source for source, *_ in found.values()}) == len(found)
    always = [name for name, (_, _, _, always) in found.items() if always]
    assert always == ["refused 0", "broken 0", "evaluated 0"]  # what they hold can't be told
