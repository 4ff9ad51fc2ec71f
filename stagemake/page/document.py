"""The page's text: its parts put together, with a policy that lets nothing but them run or load."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from html import escape
from typing import Any

_ASSETS = os.path.join(os.path.dirname(__file__), "assets")
_SCRIPTS = ("base.js", "graph.js", "details.js", "timeline.js", "tables.js", "start.js")


def document(content: dict[str, Any]) -> bytes:  # Any: what JSON can hold
    """Return the page as UTF-8: `content` as data, never as markup or program."""
    script = "".join(map(_asset, _SCRIPTS))
    style = _asset("page.css")
    parts = {
        "POLICY": (
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}';"
            " img-src data:; base-uri 'none'; form-action 'none'"
        ),
        "TITLE": escape(_title(content)),
        "STYLE": style,
        "DATA": embedded(content),
        "SCRIPT": script,
    }
    text = _asset("page.html")
    pieces = text.split("@@")  # so that what is put in is not looked through again
    return "".join(parts.get(piece, piece) for piece in pieces).encode("utf-8", "replace")


def embedded(content: dict[str, Any]) -> str:  # Any: as above
    """Return JSON that a script element can hold: ASCII, without a character that could end it."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _title(content: dict[str, Any]) -> str:
    number = content["head"]["number"]
    what = "plan" if content["kind"] == "plan" else f"build {number}"
    return f"{content['title']}: {what}"


def _asset(name: str) -> str:
    with open(os.path.join(_ASSETS, name), encoding="utf-8") as stream:
        return stream.read()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
