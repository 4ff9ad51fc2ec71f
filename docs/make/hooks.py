"""What mkdocs calls for the site: pages from elsewhere in the tree, pages from the program, links between them."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HOME)]  # mkdocs loads this file by itself

import command_page  # noqa: E402 - found by the line above
import python_page  # noqa: E402
import schema_page  # noqa: E402

GENERATED = {
    "reference/commands.md": command_page.page,
    "reference/python.md": python_page.page,
    "reference/json.md": schema_page.page,
}
# Pages that are not below `docs`, by what they are called in the site.
ELSEWHERE = {
    "index.md": "README.md",
    "project/changes.md": "CHANGELOG.md",
    "project/security.md": "SECURITY.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/benchmarks.md": "benchmarks/README.md",
    "examples/index.md": "examples/README.md",
} | {
    f"examples/{readme.parent.name}.md": f"examples/{readme.parent.name}/README.md"
    for readme in sorted((HOME / "examples").glob("*/README.md"))
}
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that don't stand in `docs`."""
    for name, write in GENERATED.items():
        files.append(File.generated(config, name, content=write()))
    for name, source in ELSEWHERE.items():
        files.append(File.generated(config, name, content=(HOME / source).read_text("utf-8")))
    files.append(File.generated(config, "decisions/index.md", content=decisions()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have links lead where the pages are in the site; what is not in it stays as text."""
    del config
    here = page.file.src_uri
    if here in GENERATED or here == "decisions/index.md":
        return markdown

    def moved(link: re.Match[str]) -> str:
        return rewritten(link[0], link[1], link[2], here, files)

    parts = _FENCED.split(markdown)
    parts[::2] = [_LINK.sub(moved, part) for part in parts[::2]]
    return "".join(parts)


def rewritten(whole: str, text: str, goal: str, here: str, files: Files) -> str:
    """Return a link of the page `here` as it has to be in the site."""
    path, mark, anchor = goal.partition("#")
    if not path or ":" in path:
        return whole
    source = ELSEWHERE.get(here, f"docs/{here}")
    in_tree = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if in_tree == "docs/decisions":
        in_tree = "docs/decisions/index.md"
    by_source = {value: name for name, value in ELSEWHERE.items()}
    name = by_source.get(in_tree, in_tree.removeprefix("docs/"))
    if files.get_file_from_path(name) is None:
        return text  # a test, a source file: not in the site
    return f"[{text}]({posixpath.relpath(name, posixpath.dirname(here) or '.')}{mark}{anchor})"


def decisions() -> str:
    """Return the list of decisions, by number."""
    lines = ["# Decisions", "", "What was chosen, against what, and what follows.", ""]
    for path in sorted((HOME / "docs" / "decisions").glob("[0-9]*.md")):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
