"""Identities of the corpus, and keeping them: `python tests/keep_identities.py`, once the format has changed."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from attrs import asdict, filters
from identity_corpus import FILES
from identity_kit import load

from stagemake.fingerprint.component import FORMAT
from stagemake.fingerprint.function import FileSources, FunctionIdentifier, FunctionIdentity

if TYPE_CHECKING:
    from types import ModuleType

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "identities.json")
_NO_FUNCTIONS = {"partly", "pairs", "bound", "called", "decorated"}  # but can be called


def corpus(root: Path) -> ModuleType:
    """Write the corpus below a directory that is not there yet, and load it."""
    root.mkdir()
    return load(root, dict(FILES))


def names(module: ModuleType) -> list[str]:
    """Return what of the corpus has an identity, in order."""
    return [
        name
        for name, value in vars(module).items()
        if name in _NO_FUNCTIONS
        or (isinstance(value, FunctionType) and value.__module__ == "Stagefile")
    ]


def identifier_of(root: Path) -> FunctionIdentifier:
    """Return what identifies functions of the corpus."""
    return FunctionIdentifier(str(root), FileSources())


def told(identifier: FunctionIdentifier, module: ModuleType, name: str) -> list[object]:
    """Return what is kept of the identity of one, or of several in a list."""
    value = getattr(module, name)
    found = [identifier.identify(one) for one in (value if isinstance(value, list) else [value])]
    kept = filters.exclude(FunctionIdentity.__attrs_attrs__.texts)  # type: ignore[attr-defined]  # attrs'
    return json.loads(json.dumps([asdict(one, filter=kept) for one in found]))  # type: ignore[no-any-return]  # as kept


def main() -> int:
    """Keep identities as they are now."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project-a"
        module = corpus(root)
        found = {name: told(identifier_of(root), module, name) for name in names(module)}
    with open(KEPT, "w", encoding="utf-8") as stream:
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in found.items())
        stream.write(f'{{"format": {json.dumps(FORMAT)}, "identities": {{\n{lines}\n}}}}\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
