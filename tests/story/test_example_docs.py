"""`examples/docs`: pages in Markdown. Which page is rendered when, and that links are checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from example_kit import Build, Example, requirements_python
from printed import says

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ENDING = {"site", "links"}  # what runs behind every change


def stages(build: Build, group: str) -> set[str]:
    return {name for name in build.every if name.startswith(f"{group}.")}


def html_of(example: Example) -> set[str]:
    return {name for name in example.tree("build/site") if name.endswith(".html")}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return requirements_python("docs", tmp_path_factory, "jinja2", "markdown_it")


@pytest.fixture(scope="module")
def cold(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Build]:
    """The example built with an empty cache, and what that build said. Not to be changed."""
    example = Example(tmp_path_factory.mktemp("docs"), "docs", python)
    return example, example.dry_run_against_run()


@pytest.fixture
def built(cold: tuple[Example, Build], tmp_path: Path) -> Example:
    """A clone of its own, brought up to date from a copy of the cache."""
    example = cold[0].clone(tmp_path)
    example.build()
    return example


def test_the_readme_is_what_happens(cold: tuple[Example, Build], tmp_path: Path) -> None:
    example, first = cold
    line, printed = example.sessions()[0]
    assert line == "stagemake"
    assert says(printed, first.stderr)

    example.moved(tmp_path).follow_readme(least=17, skip=1)


def test_the_first_build_runs_every_stage(cold: tuple[Example, Build]) -> None:
    example, build = cold

    pages = {
        path.relative_to(example.path("pages")) for path in example.path("pages").rglob("*.md")
    }

    assert build.ran == build.every
    assert len(stages(build, "page")) == len(stages(build, "title")) == len(pages) == 7
    assert html_of(example) == {str(path.with_suffix(".html")) for path in pages} | {
        "contents.html"
    }
    assert set(example.tree("build/site")) - html_of(example) == {
        "style.css",
        "search.js",
        "pictures/heat.svg",
        "pictures/steps.svg",
    }


def test_a_page_has_its_text_its_picture_and_links_to_the_others(
    cold: tuple[Example, Build],
) -> None:
    page = cold[0].read("build/site/basics/oven.html")

    assert "<title>The oven \N{EN DASH} The Bread Book</title>" in page
    assert '<h2 id="when-it-is-done">When it is done</h2>' in page
    assert '<img src="../pictures/heat.svg" alt="The temperature' in page
    assert 'href="../recipes/rye.html">rye</a>' in page
    assert (
        'href="../recipes/Br%C3%B6tchen%20%26%20K%C3%BCmmel.html">Brötchen with caraway</a>' in page
    )
    assert (
        re.findall(r'<a href="([^"]+)" aria-current="page">', page) == ["../basics/oven.html"] * 2
    )
    assert '<a rel="prev" href="../basics/starter.html">← A starter</a>' in page
    assert '<a rel="next" href="../recipes/country-loaf.html">Country loaf →</a>' in page


def test_a_second_build_and_touched_files_do_nothing(built: Example) -> None:
    built.up_to_date()

    built.touch("templates/page.html.jinja", "rendering.py", "Stagefile")
    built.touch(*(f"pages/{path}" for path in built.tree("pages")))

    built.up_to_date()


@pytest.mark.parametrize(
    ("path", "label"),
    [("basics/oven", "basics.oven"), ("recipes/Brötchen & Kümmel", "recipes.brötchen-kümmel")],
)
def test_an_edited_text_renders_that_page(built: Example, path: str, label: str) -> None:
    built.append(f"pages/{path}.md", "\nOne more sentence, with sesame.\n")

    build = built.dry_run_against_run()

    assert build.ran == {f"title.{label}", f"page.{label}", "search"} | ENDING
    assert build.cut_off == {"navigation", "contents"} | stages(build, "page") - build.ran
    assert "with sesame" in built.read(f"build/site/{path}.html")
    assert "sesame" in built.read("build/site/search.js")


def test_an_edited_title_renders_every_page(built: Example) -> None:
    built.edit("pages/basics/oven.md", "title: The oven", "title: Ovens")

    build = built.dry_run_against_run()

    assert build.ran == (
        {"title.basics.oven", "navigation", "contents", "search"} | stages(build, "page") | ENDING
    )
    for page in html_of(built):
        assert ">Ovens</a>" in built.read(f"build/site/{page}")


def test_an_edited_order_sorts_the_navigation(built: Example) -> None:
    built.edit("pages/basics/oven.md", "order: 30", "order: 5")

    build = built.dry_run_against_run()

    assert stages(build, "page") <= build.ran
    contents = built.read("build/site/contents.html")
    assert contents.index(">The oven<") < contents.index(">Flour and water<")


def test_an_added_page_is_in_the_site_and_a_removed_one_is_not(built: Example) -> None:
    before = built.tree("build")

    built.write("pages/recipes/sweet/Plum & cake.md", "---\ntitle: Plum cake\n---\nPlums.\n")
    build = built.dry_run_against_run()

    assert {"title.recipes.sweet.plum-cake", "page.recipes.sweet.plum-cake"} <= build.ran
    assert "recipes/sweet/Plum & cake.html" in html_of(built)
    assert "Recipes, sweet" in built.read("build/site/index.html")

    built.remove("pages/recipes/sweet")
    build = built.dry_run_against_run()

    assert build.ran == set()
    assert before == built.tree("build")


def test_an_added_picture_is_copied(built: Example) -> None:
    built.write("pages/pictures/more.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>\n')

    build = built.dry_run_against_run()

    assert build.ran == ENDING
    assert "pictures/more.svg" in built.tree("build/site")


@pytest.mark.parametrize(
    ("old", "new", "groups", "more"),
    [
        # What all pages go through, and nothing reads titles by it.
        (', "strikethrough"]', "]", {"page"}, {"contents"}),
        # What only the search data are made with.
        (r"\w{3,}", r"\w{4,}", set(), {"search"}),
        # What reads a page: titles too.
        ('values.get("order", 100)', 'values.get("order", 99)', {"page", "title"}, {"search"}),
    ],
)
def test_an_edited_function_runs_what_reaches_it(
    built: Example, old: str, new: str, groups: set[str], more: set[str]
) -> None:
    built.edit("rendering.py", old, new)

    build = built.dry_run_against_run()

    expected = more.union(*(stages(build, group) for group in groups))
    assert expected <= build.ran <= expected | ENDING
    assert not build.restored


def test_comments_and_other_functions_run_nothing(built: Example) -> None:
    built.edit(
        "rendering.py", "# --- Rendering.", "# Others.\n\n\ndef unused():\n    return 1\n\n\n#"
    )
    built.append("checking.py", "# the end\n")

    built.up_to_date()


def test_an_edited_template_renders_every_page(built: Example) -> None:
    built.edit("templates/page.html.jinja", "On this page</p>", "Here</p>")

    build = built.dry_run_against_run()

    assert build.ran == {"contents"} | stages(build, "page") | ENDING
    assert "<p>Here</p>" in built.read("build/site/basics/oven.html")


def test_a_colour_renders_no_page_and_comes_back_from_the_cache(built: Example) -> None:
    before = built.tree("build")

    build = built.dry_run_against_run("-D", "accent=navy")
    assert build.ran == {"style"} | ENDING
    assert built.read("build/site/style.css").startswith(":root { --accent: navy; }\n")

    build = built.dry_run_against_run()
    assert build.restored == {"style"} | ENDING
    assert before == built.tree("build")


def test_the_name_of_the_site_renders_every_page(built: Example) -> None:
    build = built.dry_run_against_run("-D", "name=Brot & Butter")

    assert build.ran == {"contents"} | stages(build, "page") | ENDING
    assert "\N{EN DASH} Brot &amp; Butter</title>" in built.read("build/site/index.html")


def test_another_clone_restores_everything(cold: tuple[Example, Build], tmp_path: Path) -> None:
    other = cold[0].clone(tmp_path / "elsewhere", same_cache=True)

    build = other.dry_run_against_run()

    assert build.restored == build.every
    assert cold[0].tree("build") == other.tree("build")


def test_removed_outputs_are_restored(built: Example) -> None:
    before = built.tree("build")

    assert built.run("clean").returncode == 0
    assert built.tree("build") == {}
    build = built.dry_run_against_run()

    assert build.ran == set()
    assert build.restored >= stages(build, "page") | {"site"}
    assert before == built.tree("build")


def test_broken_links_are_told_with_file_and_line(built: Example) -> None:
    line = len(built.read("pages/basics/flour.md").splitlines()) + 2
    built.append("pages/basics/flour.md", "\n[a](oven.md#nowhere) [b](<../recipes/Kü mmel.md>)\n")
    built.append(
        "pages/basics/flour.md", "[c](#what-the-numbers-mean) [d](https://example.org/x)\n"
    )
    built.append("pages/basics/flour.md", "![e](../pictures/none.png) [f](#here)\n")

    build = built.dry_run_against_run(status=1)

    assert build.failed == {"links"}
    told = re.findall(r"^pages/.*", build.stderr, re.MULTILINE)
    assert told == [
        f"pages/basics/flour.md:{line}: `basics/oven.html` has no heading `#nowhere`",
        f"pages/basics/flour.md:{line}: there is no `recipes/Kü mmel.html`",
        f"pages/basics/flour.md:{line + 2}: `basics/flour.html` has no heading `#here`",
        f"pages/basics/flour.md:{line + 2}: there is no `pictures/none.png`",
    ]
    assert built.build(status=1).failed == {"links"}  # still


def test_a_removed_page_breaks_the_links_to_it(built: Example) -> None:
    built.remove("pages/basics/starter.md")

    build = built.dry_run_against_run(status=1)

    assert build.failed == {"links"}
    assert re.search(
        r"^pages/index\.md:\d+: there is no `basics/starter\.html`$", build.stderr, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Text.\n", "1: a page begins with a line `---`, and its title after it"),
        ("", "1: a page begins with a line `---`, and its title after it"),
        ("---\ntitel: A\n---\n", "2: neither `title: …` nor `order: …`"),
        ("---\norder: ten\n---\n", "2: the order is a number, not `ten`"),
        ("---\norder: 1\n---\n", "1: the page has no title"),
        ("---\ntitle: A\n", "2: the front matter ends with a second line `---`"),
    ],
)
def test_a_mistake_in_a_page_is_told_with_file_and_line(
    built: Example, text: str, told: str
) -> None:
    built.write("pages/new.md", text)

    build = built.dry_run_against_run("page.new", status=1)

    assert build.failed == {"title.new"}
    assert f"pages/new.md:{told}\n" in build.stderr
    assert "Traceback" not in build.stderr
