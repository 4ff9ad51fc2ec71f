"""Every link of the site leads somewhere. The last function is a stage; the Stagefile declares it."""

from __future__ import annotations

import posixpath
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from stagemake import StageContext


@dataclass
class Document(HTMLParser):
    """What a page links to and what can be linked to in it."""

    links: list[tuple[int, str]] = field(default_factory=list)  # with their lines
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and its anchor."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.append((self.getpos()[0], value))


def problem(documents: dict[str, Document], files: set[str], page: str, link: str) -> str | None:
    """Return what is wrong with a page's link; links to other sites are not followed."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = page
    if parts.path:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path)))
    if target not in files:
        return f"there is no `{target}`"
    if parts.fragment and target in documents:
        anchor = unquote(parts.fragment)
        if anchor not in documents[target].anchors:
            return f"`{target}` has no heading `#{anchor}`"
    return None


def source_place(root: Path, page: str, link: str) -> str | None:
    """Return file and line of a link in the Markdown that a page was made of, if it is there."""
    source = (Path("pages") / page).with_suffix(".md")
    if not (root / source).is_file():
        return None
    path, _, fragment = unquote(link).partition("#")
    written = path.removesuffix(".html") + (".md" if path.endswith(".html") else "")
    written += f"#{fragment}" if fragment else ""
    pattern = re.compile(r"\]\(<?" + re.escape(written) + r"[>)\s]")
    for number, line in enumerate((root / source).read_text("utf-8").splitlines(), start=1):
        if pattern.search(unquote(line)):
            return f"{source}:{number}"
    return None


def links(context: StageContext) -> None:
    """Check that every link of the site leads somewhere."""
    site = context.inputs[0]
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    documents = {}
    for page in sorted(files):
        if page.endswith(".html"):
            documents[page] = Document()
            documents[page].feed((site / page).read_text("utf-8"))
    wrong = set()
    for page, document in documents.items():
        for line, link in document.links:
            if (what := problem(documents, files, page, link)) is not None:
                place = source_place(context.root, page, link)
                wrong.add(f"{place or f'build/site/{page}:{line}'}: {what}")
    if wrong:
        sys.exit("\n".join(sorted(wrong)))
    count = sum(len(document.links) for document in documents.values())
    print(f"{len(documents)} pages, {count} links")
