"""The kit of the examples' tests notices what it is there to notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from example_kit import Example, committed

if TYPE_CHECKING:
    from pathlib import Path

README = """# Made up

```sh
exit 1
```

```console
# a remark
$ printf '[1/2] ran  b  3 ms\\n[2/2] ran  a  1.2 s\\nx\\ny\\nend, 3.1 KiB\\n'
{printed}```
"""
GOOD = "[1/2] ran  a  4 ms\n[2/2] ran  b  17 ms\nx\ny\nend, 12 B\n"


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """Any example; its README is replaced."""
    return Example(tmp_path, "docs")


@pytest.mark.parametrize(
    "printed",
    [
        GOOD,
        "...\nend, 1 B\n",
        "[1/2] ran  b  1 ms\n...\n",
        "...\nx\n...\n",
    ],
)
def test_a_readme_that_holds_is_followed(example: Example, printed: str) -> None:
    example.write("README.md", README.replace("{printed}", printed))

    example.follow_readme(least=1)


@pytest.mark.parametrize(
    "printed",
    [
        "",
        GOOD + "more\n",
        GOOD.replace("ran  a", "restored  a"),
        GOOD.replace("/2]", "/3]"),
        GOOD.replace("x\n", ""),
        GOOD.replace("x\ny", "y\nx"),
        "[1/2] ran  a  4 ms\nx\ny\nend, 12 B\n",
        "[1/2] ran  c  4 ms\n...\n",
        "...\ny\n",
        "...\nz\n...\n",
    ],
)
def test_a_readme_that_does_not_hold_fails(example: Example, printed: str) -> None:
    example.write("README.md", README.replace("{printed}", printed))

    with pytest.raises(pytest.fail.Exception, match="the README says"):
        example.follow_readme(least=1)


def test_a_readme_without_sessions_or_with_long_lines_fails(example: Example) -> None:
    example.write("README.md", "# Nothing\n")
    with pytest.raises(AssertionError, match="only 0 commands"):
        example.follow_readme()

    example.write("README.md", "x" * 81)
    with pytest.raises(AssertionError, match="longer than 80"):
        example.follow_readme()


def test_a_dry_run_that_is_wrong_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = Example(tmp_path, "docs")
    example.write(
        "Stagefile",
        'from stagemake import command\ncommand("a", "cp {inputs} {outputs}", inputs=["i"], outputs=["o"])\n',
    )
    example.write("i", "1")
    assert example.dry_run_against_run().ran == {"a"}
    example.up_to_date()
    stale = example.plan()

    example.write("i", "2")
    with pytest.raises(AssertionError, match="not fresh"):
        example.up_to_date()
    example.write("i", "3")
    monkeypatch.setattr(Example, "plan", lambda *_: stale)

    with pytest.raises(AssertionError, match="said fresh, ran"):
        example.dry_run_against_run()


def test_only_what_git_would_commit_is_copied(example: Example) -> None:
    files = committed("docs")

    assert {"README.md", "Stagefile", "pages/recipes/Brötchen & Kümmel.md"} <= set(files)
    assert not [path for path in files if path.startswith(("build/", ".stagemake/"))]
    assert set(example.tree()) == set(files)


def test_a_clone_takes_files_and_cache_but_no_edits(example: Example, tmp_path: Path) -> None:
    example.write("README.md", "edited")
    example.cache.mkdir()
    (example.cache / "entry").write_text("1")

    apart, sharing = example.clone(tmp_path / "1"), example.clone(tmp_path / "2", same_cache=True)

    assert apart.read("README.md") == sharing.read("README.md") != "edited"
    assert (apart.cache / "entry").read_text() == "1"
    assert apart.cache != example.cache == sharing.cache
