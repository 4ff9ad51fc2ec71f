"""YAML, where a library for it can be imported: stagemake itself needs none."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NO_YAML = "no YAML library can be imported here"
INSTALL_YAML = "pip install 'stagemake[yaml]'"


def yaml_loader() -> Callable[[str], Any] | None:  # Any: whatever YAML holds
    """Return what reads a text of YAML; None where neither PyYAML nor ruamel.yaml is installed."""
    for name in ("yaml", "ruamel.yaml"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if name == "yaml":
            loader: Callable[[str], Any] = module.safe_load
            return loader
        safe: Callable[[str], Any] = module.YAML(typ="safe", pure=True).load
        return safe
    return None


def loaded(load: Callable[[str], Any], text: str) -> dict[str, Any]:
    """Return the mapping that a text holds; an empty one for anything else, and for what can't be parsed."""
    try:
        found = load(text)
    except Exception:
        return {}
    return found if isinstance(found, dict) else {}
