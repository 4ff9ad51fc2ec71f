from __future__ import annotations

import json
import marshal

import pytest

from stagemake.model.entry import (
    MISSING,
    OutputFile,
    check_manifest,
    content_of,
    decode_manifest,
    directory_entry,
    encode_manifest,
    entries_of,
    entry_of_output,
    followed_link_entry,
    kind_of,
    link_entry,
    row_of,
    stays_inside,
)

HEX = "0123456789abcdef" * 2
TREE = (
    OutputFile("app", "executable", HEX, 9),
    OutputFile("dist", "directory"),
    OutputFile("dist-x", "file", HEX, 0),
    OutputFile("dist/a\udce9", "file", HEX, 3),
    OutputFile("dist/empty", "directory"),
    OutputFile("dist/link", "symlink", target="../app"),
)


def test_a_manifest_survives_marshal_and_json():
    encoded = encode_manifest(TREE)

    assert decode_manifest(marshal.loads(marshal.dumps(encoded))) == TREE
    assert decode_manifest(json.loads(json.dumps(encoded))) == TREE


def test_each_output_has_one_entry():
    entries = entries_of(TREE)

    inside = [("a\udce9", f"f:{HEX}:3"), ("link", link_entry("../app")), ("empty", "d")]
    assert entries == {
        "app": f"x:{HEX}:9",
        "dist": directory_entry(inside),
        "dist-x": f"f:{HEX}:0",
    }
    assert entry_of_output(TREE, "dist/") == entries["dist"]
    assert entry_of_output(TREE, "gone") == MISSING


def test_entries_tell_kind_and_contents():
    assert [kind_of(entry) for entry in ("f:a:1", "x:a:1", "l:a", "d:a", MISSING)] == [
        "file",
        "executable",
        "symlink",
        "directory",
        "",
    ]
    assert content_of("x:ab:12") == ("ab", 12)
    assert content_of("d:ab") is content_of("d") is content_of(MISSING) is None
    assert row_of("p", "f:ab:12") == OutputFile("p", "file", "ab", 12)


def test_different_contents_of_a_directory_never_join_to_one_text():
    assert directory_entry([("a", "f:1:1"), ("b", "d")]) != directory_entry([("a", "f:1:1b")])
    assert directory_entry([("b", "d"), ("a", "d")]) == directory_entry([("a", "d"), ("b", "d")])
    assert followed_link_entry("a", "-") != link_entry("a")


HOSTILE = [
    ["../x", "file", HEX, 1, ""],
    ["/etc/x", "file", HEX, 1, ""],
    ["a/../../x", "file", HEX, 1, ""],
    ["a//x", "file", HEX, 1, ""],
    ["a/", "directory", "", 0, ""],
    ["", "file", HEX, 1, ""],
    [".", "directory", "", 0, ""],
    ["a\0b", "file", HEX, 1, ""],
    ["a" * 4000, "file", HEX, 1, ""],
    [".stagemake/snapshot", "file", HEX, 1, ""],
    ["a", "fifo", "", 0, ""],
    ["a", "file", HEX, -1, ""],
    ["a", "file", HEX, 1 << 63, ""],
    ["a", "file", HEX, True, ""],
    ["a", "file", HEX, 1.0, ""],
    ["a", "file", HEX.upper(), 1, ""],
    ["a", "file", HEX[:-1], 1, ""],
    ["a", "file", "../" + HEX[3:], 1, ""],
    ["a", "file", HEX, 1, "target"],
    ["a", "directory", HEX, 1, ""],
    ["a", "directory", "", 0, "b"],
    ["a", "symlink", "", 0, "/etc"],
    ["a", "symlink", "", 0, "../x"],
    ["d/a", "symlink", "", 0, "../../x"],
    ["d/a", "symlink", "", 0, "b/../../../x/y/z"],
    ["a", "symlink", "", 0, ""],
    ["a", "symlink", "", 0, "b\0"],
    [b"a", "file", HEX, 1, ""],
    ["a", None, HEX, 1, ""],
    ["a", "file", HEX, 1],
    "text",
    None,
]


@pytest.mark.parametrize("row", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_rows_are_refused(row):
    with pytest.raises(ValueError):
        decode_manifest([row])


@pytest.mark.parametrize("data", [None, {}, "rows", 3, [["a", "file", HEX, 1, ""]] * 2])
def test_what_is_no_list_of_different_rows_is_refused(data):
    with pytest.raises(ValueError):
        decode_manifest(data)


@pytest.mark.parametrize("kind", ["file", "symlink"])
def test_nothing_lies_in_what_is_no_directory(kind):
    parent = row_of("a", link_entry("b"), "b") if kind == "symlink" else row_of("a", f"f:{HEX}:1")

    with pytest.raises(ValueError, match="no directory"):
        check_manifest((parent, OutputFile("a/b", "file", HEX, 1)))


def test_rows_out_of_order_are_refused():
    with pytest.raises(ValueError, match="sorted"):
        check_manifest((OutputFile("b", "directory"), OutputFile("a", "directory")))


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("d/a", "../b", True),
        ("d/a", "..", True),
        ("a", "..", False),
        ("d/e/a", "../../../b", False),
        ("a", "x/../..", False),
        ("a", "b" * 5000, False),
    ],
)
def test_links_stay_inside_by_their_text(path, target, inside):
    assert stays_inside(path, target) is inside


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("foreign", [None, b"a", 1.5, True])
def test_each_column_of_a_manifest_has_its_type(column: int, foreign: object) -> None:
    row = ["a", "file", "0" * 32, 1, ""]
    assert decode_manifest([row])

    row[column] = foreign  # type: ignore[call-overload]

    with pytest.raises(ValueError, match="wrong types"):
        decode_manifest([row])


def test_a_manifest_has_no_more_rows_than_anybody_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stagemake.model.entry._MOST_ROWS", 2)
    rows = [(name, "file", "0" * 32, 1, "") for name in "abc"]

    assert len(decode_manifest(rows[:2])) == 2
    with pytest.raises(ValueError, match="at most a million rows"):
        decode_manifest(rows)
