from __future__ import annotations

import os

import pytest

from stagemake.model.error import BadPath
from stagemake.stagefile.glob import expand, start_upwards


@pytest.fixture
def root(tmp_path):
    files = [
        "a.c",
        "b.c",
        "B.h",
        ".hidden.c",
        "src/a.c",
        "src/deep/er/x.c",
        "src/.git/y.c",
        ".stagemake/z.c",
        "src/deep/.stagemake-tmp-1-2/t.c",
        "odd[1].c",
    ]
    for path in files:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "src" / "loop").symlink_to("..")
    (tmp_path / "file_link.c").symlink_to("a.c")
    (tmp_path / "dangling.c").symlink_to("nowhere")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.c", "a.c b.c dangling.c file_link.c odd[1].c"),
        ("./?.c", "a.c b.c"),
        ("[!a].c", "b.c"),
        ("odd[[]1].c", "odd[1].c"),
        (".*.c", ".hidden.c"),
        ("*", "B.h a.c b.c dangling.c file_link.c odd[1].c"),
        ("*/", "src"),
        ("**/*.c", "a.c b.c dangling.c file_link.c odd[1].c src/a.c src/deep/er/x.c"),
        ("**/**/x.c", "src/deep/er/x.c"),
        ("src/**", "src/a.c src/deep/er/x.c"),
        ("src/**/", "src/deep src/deep/er src/loop"),
        ("src/loop/*.h", "src/loop/B.h"),
        ("**/.git/*", "src/.git/y.c"),
        ("gone/*.c", ""),
        ("a.c/*", ""),
        (".stagemake/*", ""),
        ("src/deep/*/t.c", ""),
    ],
)
def test_patterns_match_as_in_a_shell(root, pattern, expected):
    found, _ = expand(root, "", pattern)

    assert list(found) == expected.split()


def test_paths_are_relative_to_the_base(root):
    assert expand(root, "src", "**/*.c")[0] == ("a.c", "deep/er/x.c")
    assert expand(root, ".", "src/*.c")[0] == ("src/a.c",)


def test_exclusions_drop_files_and_whole_directories(root):
    everything, _ = expand(root, "", "**/*.c")

    kept, _ = expand(root, "", "**/*.c", exclude=["src/deep", "[bd]*.c", "**/odd*"])

    assert kept == ("a.c", "file_link.c", "src/a.c")
    assert expand(root, "", "**/*.c", exclude=["x", "**/*.h"])[0] == everything
    assert expand(root, "", "**/*.c", exclude=["**"])[0] == ()


def test_the_directories_that_were_listed_are_named_missing_ones_too(root):
    assert expand(root, "", "*.c")[1] == (".",)
    assert expand(root, "", "src/*/er/*.c")[1] == ("src", "src/deep/er")
    assert expand(root, "gone", "*.c") == ((), (".",))


@pytest.mark.parametrize("pattern", ["", "/", "/abs/*", "../*", "a/../b", "nul\0", "./"])
def test_what_is_no_pattern_below_its_directory_is_refused(root, pattern):
    with pytest.raises(ValueError, match="not a pattern"):
        expand(root, "", pattern)


def test_undecodable_names_come_back_as_they_are(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.c", "w"):
        pass

    assert expand(str(tmp_path), "", "*.c")[0] == ("caf\udce9.c",)


def test_a_pattern_upwards_begins_in_a_directory_above() -> None:
    assert start_upwards("p/a", "../*/*.c", ["../b/**", "*.c"]) == ("p", "../", "*/*.c", ("b/**",))
    assert start_upwards("p/a", "*.c", ["x/**"]) == ("p/a", "", "*.c", ("x/**",))
    assert start_upwards("p/a", ".././../*.c", []) == ("", "../../", "*.c", ())


@pytest.mark.parametrize("pattern", ["../../../*", "../../../../x", "a/../b", "../", "..", "./"])
def test_a_pattern_out_of_the_root_or_without_a_name_is_refused(pattern: str) -> None:
    with pytest.raises(BadPath):
        start_upwards("p/a", pattern, [])
