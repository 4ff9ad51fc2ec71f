"""Results of a run as one JSON file: written whole or not at all, read if they are of the schema."""

from __future__ import annotations

import json
import os
from typing import Any


def write_document(path: str, schema: int, document: dict[str, Any]) -> None:  # Any: JSON
    """Replace the file at `path` in one step."""
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump({"schema": schema, **document}, file, indent=1)
        file.write("\n")
    os.replace(part, path)


def read_document(path: str, schema: int) -> dict[str, Any]:  # Any: JSON
    """Return what `write_document` wrote, without the schema.

    Raises:
        ValueError: The file is of another schema.
    """
    with open(path, encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    if document.pop("schema", None) != schema:
        raise ValueError(f"{path} is not of schema {schema}")
    return document
