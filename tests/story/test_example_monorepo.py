"""`examples/monorepo`: four packages in two languages. Which stages an edit runs, and logs replayed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from example_kit import HOME, Build, Example, need_programs, requirements_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PACKAGES = ("text", "report", "format", "page")
STEPS = ("lint", "type", "test", "build")
CI = {"npm.install"} | {f"{name}.{step}" for name in PACKAGES for step in STEPS}
RELEASE = {"report.words", "page.site", "collect"}
BOTH = ("ci", "release")


def of(package: str, *steps: str) -> set[str]:
    return {f"{package}.{step}" for step in steps or STEPS}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    need_programs("node", "npm")
    return requirements_python("monorepo", tmp_path_factory)


@pytest.fixture(scope="module")
def first(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Build]:
    """The default built with an empty cache, and what that build said. Not to be changed."""
    example = Example(tmp_path_factory.mktemp("first"), "monorepo", python)
    return example, example.dry_run_against_run()


@pytest.fixture(scope="module")
def cold(
    first: tuple[Example, Build], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Example, Build]:
    """The release built after that, and what this build said. Not to be changed."""
    example = first[0].moved(tmp_path_factory.mktemp("monorepo"))
    return example, example.dry_run_against_run(*BOTH)


@pytest.fixture
def built(cold: tuple[Example, Build], tmp_path: Path) -> Example:
    """A clone of its own, brought up to date from a copy of the cache."""
    example = cold[0].clone(tmp_path)
    example.build(*BOTH)
    return example


def test_the_readme_is_what_happens(first: tuple[Example, Build], tmp_path: Path) -> None:
    # The first build is the one of the fixture.
    first[0].moved(tmp_path).follow_readme(least=11, skip=1)


def test_the_first_builds_run_every_stage_once(
    first: tuple[Example, Build], cold: tuple[Example, Build]
) -> None:
    example, build = cold

    assert first[1].ran == first[1].every == CI
    assert build.every == CI | RELEASE
    assert (build.ran, build.fresh) == (RELEASE, CI)
    assert set(example.tree("release")) == {
        "SHA256SUMS",
        "example_report-1.0-py3-none-any.whl",
        "example_text-1.0-py3-none-any.whl",
        "site/index.html",
        "site/main.js",
        "site/words.json",
    }
    words = json.loads(example.read("release/site/words.json"))
    assert words["river"][:2] == [["the", 8], ["past", 3]]


def test_node_runs_what_was_built(cold: tuple[Example, Build]) -> None:
    example = cold[0]
    script = (
        "import('./packages/format/dist/format.js').then(m => console.log(m.asLine([['the', 8]])))"
    )

    assert example.shell(f'node --input-type=module -e "{script}"').stdout == "the (8)\n"


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((HOME / "examples/monorepo/package-lock.json").read_text())

    resolved = [one["resolved"] for one in lock["packages"].values() if "resolved" in one]

    assert sorted(resolved) == ["packages/format", "packages/page"]
    fetched = [one for path, one in lock["packages"].items() if path.startswith("node_modules/")]
    assert all("integrity" in one or one.get("link") for one in fetched)


def test_a_second_build_and_touched_files_do_nothing(built: Example) -> None:
    built.up_to_date(*BOTH)

    built.touch("Stagefile", "building.py", "package-lock.json")
    built.touch(*(f"packages/{name}/Stagefile" for name in PACKAGES))
    built.touch("packages/text/src/text/words.py", "packages/page/src/main.js")

    built.up_to_date(*BOTH)


def test_a_test_that_fails_is_no_pass(built: Example) -> None:
    built.edit("packages/text/src/text/words.py", "[a-z']+", "[a-z]+")
    build = built.dry_run_against_run("text.test", status=1)
    assert build.failed == {"text.test"}  # it's, by its apostrophe

    built.edit("packages/text/tests/test_words.py", '"it\'s", "late"', '"it", "s", "late"')

    build = built.dry_run_against_run("text.test")
    assert build.ran == {"text.test"}


def test_an_edited_module_runs_its_package_and_what_imports_it(built: Example) -> None:
    built.append("packages/text/src/text/words.py", "# The end.\n")

    build = built.dry_run_against_run(*BOTH)

    checks = of("text") | of("report", "type", "test")
    assert build.ran == checks | {"report.words", "collect"}  # the wheel of text is another one
    assert build.cut_off == {"page.site"}


def test_an_edited_test_runs_lint_and_test_of_its_package(built: Example) -> None:
    built.append("packages/report/tests/test_top.py", "# The end.\n")
    build = built.dry_run_against_run(*BOTH)
    assert build.ran == of("report", "lint", "test")

    built.append("packages/page/tests/lines.test.js", "// The end.\n")
    build = built.dry_run_against_run(*BOTH)
    assert build.ran == of("page", "lint", "test")


def test_an_edited_script_runs_what_bundles_it(built: Example) -> None:
    built.edit("packages/format/src/index.js", "${word} (${count})", "${word}: ${count}")

    build = built.dry_run_against_run(*BOTH, "-k", status=1)

    assert build.failed == {"format.test", "page.test"}
    assert build.ran == of("format", "lint", "type", "build") | of("page", "type", "build") | {
        "page.site"
    }
    assert "collect" in build.names("blocked")

    built.edit("packages/format/src/index.js", "${word}: ${count}", "${word} (${count})")
    build = built.dry_run_against_run(*BOTH)
    assert not build.ran  # all of it is known


def test_a_type_error_is_found_by_the_package_that_has_it(built: Example) -> None:
    built.edit("packages/page/src/lines.js", "asLine(words)", "asLine(name)")

    build = built.dry_run_against_run("page.type", status=1)

    assert build.failed == {"page.type"}
    assert re.search(r"^src/lines\.js\(10,\d+\): error TS2345", build.stderr, re.MULTILINE)


def test_an_edited_helper_of_a_function_runs_it(built: Example) -> None:
    built.edit("releasing.py", "{path.relative_to(directory)}", "./{path.relative_to(directory)}")

    build = built.dry_run_against_run(*BOTH)

    assert build.ran == {"collect"}


def test_a_setting_runs_what_reads_it_and_comes_back(built: Example) -> None:
    build = built.dry_run_against_run(*BOTH, "-D", "words=2")
    assert build.ran == RELEASE

    build = built.dry_run_against_run(*BOTH)
    assert build.restored == RELEASE


def test_another_clone_restores_everything_and_replays_the_logs(
    cold: tuple[Example, Build], tmp_path: Path
) -> None:
    other = cold[0].clone(tmp_path / "elsewhere", same_cache=True)

    plan = other.plan(*BOTH)
    done = other.run("-v", *BOTH)

    assert plan.names("hit") == CI | RELEASE
    assert done.returncode == 0
    restored = re.findall(r"^\[ *\d+/20\] restored +(\S+)", done.stderr, re.MULTILINE)
    assert set(restored) == CI | RELEASE
    assert done.stderr.count("2 passed in ") == 2
    assert done.stderr.count("# pass 1") == 2
    assert done.stderr.count("All checks passed!") == 2
    assert done.stderr.count("Success: no issues found") == 2
    assert cold[0].tree("release") == other.tree("release")
    assert cold[0].tree("node_modules") == other.tree("node_modules")
    assert "2 passed in " in other.run("-v", "text.test").stderr


def test_a_missing_npm_is_told(built: Example, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(built.python)
    built.env["PATH"] = str(programs)

    done = built.run("-n")

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "`npm`" in done.stderr
    assert "hint: install Node.js 20 or newer" in done.stderr


def test_a_package_by_itself_says_how_to_reach_the_whole(built: Example) -> None:
    done = built.shell("cd packages/text && stagemake; stagemake -C ../.. 'text.*'")

    assert done.stdout == (
        "error: the Stagefile raised ModuleNotFoundError: No module named 'building'\n"
        "  at    Stagefile:3\n"
        "  line  from building import python_package\n"
        "hint: it lies beside the Stagefile in `../..`: "
        "if that one includes this one, run `stagemake -C ../..`\n"
        "stagemake: up to date\n"
    )
