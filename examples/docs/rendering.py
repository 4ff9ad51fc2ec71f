"""Pages in Markdown become HTML. The functions at the end are stages; the Stagefile declares them."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from stagemake import StageContext

FRONT_MATTER = ("title", "order")


@dataclass(frozen=True)
class Page:
    """A page's front matter and its text."""

    title: str
    order: int
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading below the page's title."""

    level: int
    anchor: str
    text: str


# --- Reading. -------------------------------------------------------------------------------------


def mistake(file: Path, line: int, what: str) -> NoReturn:
    """End the stage with a sentence about a line; a traceback would say nothing about the page."""
    sys.exit(f"{os.path.relpath(file)}:{line}: {what}")


def read_page(file: Path) -> Page:
    """Read a page; a mistake in its front matter is told with file and line."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        mistake(file, 1, "a page begins with a line `---`, and its title after it")
    values: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            break
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or key not in FRONT_MATTER:
            mistake(file, number, "neither `title: …` nor `order: …`")
        if key == "order" and not value.isdecimal():
            mistake(file, number, f"the order is a number, not `{value}`")
        values[key] = value
    else:
        mistake(file, len(lines), "the front matter ends with a second line `---`")
    if not values.get("title"):
        mistake(file, 1, "the page has no title")
    return Page(values["title"], int(values.get("order", 100)), "".join(lines[number:]))


def slug(text: str) -> str:
    """Return a heading's anchor: its words in lower case, joined by hyphens."""
    return "-".join(re.findall(r"\w+", text.lower()))


# --- Rendering. -----------------------------------------------------------------------------------


def html_link(href: str) -> str:
    """Return a link to a page as a link to what is made of it; others as they are."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc or not parts.path.endswith(".md"):
        return href
    return urlunsplit(parts._replace(path=parts.path.removesuffix(".md") + ".html"))


def body_html(text: str) -> tuple[str, list[Heading]]:
    """Return a text's HTML, and its headings in order; equal ones are numbered."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    headings: list[Heading] = []
    seen: Counter[str] = Counter()
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            words = "".join(part.content for part in inline.children or ())
            anchor = slug(words)
            seen[anchor] += 1
            if seen[anchor] > 1:
                anchor = f"{anchor}-{seen[anchor]}"
            headings.append(Heading(int(token.tag[1:]), anchor, words))
            token.attrSet("id", anchor)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", html_link(str(child.attrGet("href"))))
    return parser.renderer.render(tokens, parser.options, {}), headings


def full_html(context: StageContext, title: str, body: str, headings: list[Heading]) -> str:
    """Return a whole page: the template with the body and the navigation, the last two inputs."""
    template, navigation = context.inputs[-2:]
    here = context.outputs[0].relative_to(context.root / "build/pages")
    top = "../" * (len(here.parts) - 1)
    shown = json.loads(navigation.read_text("utf-8"))
    sections = [
        {
            "title": section["title"],
            "pages": [
                {
                    **page,
                    "href": top + url(page["path"]),
                    "current": here.with_suffix(".md") == Path(page["path"]),
                }
                for page in section["pages"]
            ],
        }
        for section in shown
    ]
    pages = [page for section in sections for page in section["pages"]]
    place = next((at for at, page in enumerate(pages) if page["current"]), None)
    environment = Environment(
        loader=FileSystemLoader(template.parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template.name).render(
        site=context.params["site"],
        title=title,
        body=body,
        headings=[heading for heading in headings if heading.level <= 3],
        sections=sections,
        before=pages[place - 1] if place else None,
        after=pages[place + 1] if place is not None and place + 1 < len(pages) else None,
        top=top,
    )


def url(path: str) -> str:
    """Return the address of a page's HTML, relative to the top of the site."""
    return quote(str(PurePosixPath(path).with_suffix(".html")))


# --- Stages. --------------------------------------------------------------------------------------


def read_title(context: StageContext) -> None:
    """Say a page's title and place."""
    page = read_page(context.inputs[0])
    path = context.params["path"]
    context.shared[context.name] = {"path": path, "title": page.title, "order": page.order}


def navigation(context: StageContext) -> None:
    """Bring all titles into sections."""
    titles = [context.shared[name] for name in context.stage.uses]
    titles.sort(key=lambda page: (page["order"], page["title"], page["path"]))
    by_folder: dict[str, list[dict[str, object]]] = {}
    for page in titles:
        by_folder.setdefault(str(PurePosixPath(page["path"]).parent), []).append(page)
    sections = [
        {"title": "" if folder == "." else folder.replace("/", ", ").capitalize(), "pages": pages}
        for folder, pages in sorted(by_folder.items())
    ]
    text = json.dumps(sections, ensure_ascii=False, indent=1)
    context.outputs[0].write_text(text, "utf-8")


def page(context: StageContext) -> None:
    """Render a page."""
    source = read_page(context.inputs[0])
    body, headings = body_html(source.text)
    context.outputs[0].write_text(full_html(context, source.title, body, headings), "utf-8")


def contents(context: StageContext) -> None:
    """Render the list of all pages."""
    lines = []
    for section in json.loads(context.inputs[-1].read_text("utf-8")):
        if section["title"]:
            lines.append(f"\n## {section['title']}\n")
        lines += [f"- [{page['title']}](<{page['path']}>)" for page in section["pages"]]
    body, headings = body_html("\n".join(lines))
    context.outputs[0].write_text(full_html(context, "All pages", body, headings), "utf-8")


def search(context: StageContext) -> None:
    """Write what the search box looks through."""
    pages = context.root / "pages"
    found = []
    for file in context.inputs:
        source = read_page(file)
        words = sorted(set(re.findall(r"\w{3,}", source.text.lower())))
        found.append([url(str(file.relative_to(pages))), source.title, " ".join(words)])
    text = json.dumps(found, ensure_ascii=False, indent=0)
    context.outputs[0].write_text(f"window.searchable = {text};\n", "utf-8")


def style(context: StageContext) -> None:
    """Put the colour into the style sheet."""
    text = context.inputs[0].read_text("utf-8")
    accent = context.params["accent"]
    context.outputs[0].write_text(f":root {{ --accent: {accent}; }}\n{text}", "utf-8")


def site(context: StageContext) -> None:
    """Put everything together."""
    for file in context.inputs:
        parts = file.relative_to(context.root).parts
        below = parts[parts.index("pages") + 1 :]  # of pages/ or build/pages/
        target = context.outputs[0].joinpath(*below)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
