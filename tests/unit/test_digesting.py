from __future__ import annotations

import ctypes
import mmap
import os
import time

import pytest
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.contents import BLOCK_BYTES, block_buffer
from stagemake.digesting import Digester
from stagemake.freshness.signature import FileClock
from stagemake.memo import KeepsChanging
from stagemake.model.entry import MISSING, OutputFile, entry_of_output, link_entry
from stagemake.tree import SpecialFile


class World:
    """A project directory with a clock that moves when told."""

    def __init__(self, root):
        self.root = str(root / "project")
        os.mkdir(self.root)
        self.probe = str(root / "probe")
        self.memo = {}
        self.now_ns = 1 << 62  # later than every file: all is trusted
        self.step_ns = 0

    def touch(self, path):
        durable.touch(path)
        os.utime(path, ns=(self.now_ns, self.now_ns))
        self.now_ns += self.step_ns

    def write(self, path, text="text", mode=0o644):
        full = f"{self.root}/{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)
        os.chmod(full, mode)
        return self

    def link(self, path, target):
        os.symlink(target, f"{self.root}/{path}")
        return self

    def digester(self):
        return Digester(self.root, self.memo, FileClock(self.probe, self.touch))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_files_entry_is_its_bytes_and_its_exec_bit(world):
    world.write("a", "text").write("run", "text", 0o744)
    digest = xxh3_128_hexdigest(b"text")

    entries = world.digester().entries(["a", "run", f"{world.root}/a", "gone", "a/gone"])

    file = f"f:{digest}:4"
    assert entries == [file, f"x:{digest}:4", file, MISSING, MISSING]


@pytest.mark.parametrize(
    "size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, (32 << 20) - 1, (33 << 20) + 5]
)
def test_all_sizes_are_read_whole(world, size):
    data = os.urandom(size)
    with open(f"{world.root}/a", "wb") as file:
        file.write(data)

    assert world.digester().entry("a") == f"f:{xxh3_128_hexdigest(data)}:{size}"


@pytest.mark.parametrize(
    ("size", "blocks"), [(0, 1), ((32 << 20) - 1, 1), (32 << 20, 4), (1 << 40, 4)]
)
def test_blocks_are_read_to_the_beginning_of_a_page_and_large_ones_of_large_files(
    size: int, blocks: int
) -> None:
    buffer = block_buffer(size)

    assert len(buffer) == blocks * BLOCK_BYTES
    assert ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % mmap.PAGESIZE == 0


def test_a_file_whose_size_its_file_system_does_not_know_is_read(world):
    with open("/proc/version", "rb") as file:
        data = file.read()

    assert world.digester().entry("/proc/version") == f"f:{xxh3_128_hexdigest(data)}:{len(data)}"


def test_an_equal_signature_in_the_memo_saves_the_reading(world):
    world.write("a").write("d/b")
    world.digester().entries(["a", "d"])

    second = world.digester()
    entries = second.entries(["a", "d", "a"])

    assert second.hashed_files == 0
    assert entries == Digester(world.root).entries(["a", "d", "a"])


def test_an_edit_is_seen_once_the_path_is_forgotten(world):
    world.write("d/a", "one").link("link", "d/a")
    digester = world.digester()
    paths = ["d/a", "d", "link", "d/"]
    before = digester.entries(paths)

    world.write("d/a", "two")
    unseen = digester.entries(paths)
    digester.forget(["d/a"])

    assert unseen == before
    assert not set(digester.entries(paths)) & set(before)


def test_forgetting_a_directory_forgets_what_lies_in_it(world):
    world.write("d/a", "one")
    digester = world.digester()
    before = digester.entry("d/a")

    world.write("d/a", "two")
    digester.forget(["d/"])

    assert digester.entry("d/a") != before


def test_on_a_coarse_clock_a_file_of_the_same_tick_is_read_again(world):
    world.write("a")
    status = os.stat(f"{world.root}/a")
    world.now_ns = max(status.st_mtime_ns, status.st_ctime_ns)
    digester = world.digester()
    digester.entry("a")

    digester.forget(["a"])
    digester.entry("a")

    assert digester.hashed_files == 2


def brought(world, text="text"):
    """Write a file under another name, as a restore does; return what the digester is told of it."""
    status = os.lstat(world.write("tmp", text).root + "/tmp")
    os.rename(f"{world.root}/tmp", f"{world.root}/a")
    return "a", f"f:{xxh3_128_hexdigest(text.encode())}:{len(text)}", status


def test_what_was_verified_when_it_was_brought_is_not_read_again(world):
    world.step_ns = 1  # a clock that shows every change
    digester = world.digester()
    told = brought(world)

    digester.learn(*told)

    assert digester.output_entry("a") == told[1]
    digester.settle(time.monotonic())
    assert world.digester().entry("a") == told[1]
    assert digester.hashed_files == 0


def test_what_was_written_or_replaced_since_it_was_brought_is_read(world):
    world.step_ns = 1
    digester = world.digester()
    told = brought(world)
    world.write("a", "more")
    digester.learn(*told)

    written = digester.output_entry("a")
    digester.forget(["a"])
    world.write("other", "text")
    os.replace(f"{world.root}/other", f"{world.root}/a")
    digester.learn(*told)
    replaced = digester.output_entry("a")

    assert written == f"f:{xxh3_128_hexdigest(b'more')}:4"
    assert replaced == told[1]
    assert digester.hashed_files == 2


def test_where_a_clock_can_hide_changes_what_was_brought_is_read_when_it_settles(world):
    digester = world.digester()
    told = brought(world)
    digester.learn(*told)
    hidden = os.lstat(f"{world.root}/a")
    with open(f"{world.root}/a", "r+") as file:
        file.write("TEXT")
    os.utime(f"{world.root}/a", ns=(hidden.st_atime_ns, hidden.st_mtime_ns))

    digester.settle(time.monotonic())

    assert world.memo["a"][1] == f"f:{xxh3_128_hexdigest(b'TEXT')}:4"


def test_what_stays_racy_is_not_kept_and_what_settles_is(world):
    world.write("a").write("b")
    world.now_ns = max(
        os.stat(f"{world.root}/b").st_ctime_ns, os.stat(f"{world.root}/a").st_ctime_ns
    )
    digester = world.digester()
    digester.entries(["a", "b"])
    os.unlink(f"{world.root}/b")

    world.step_ns = 1
    digester.settle(time.monotonic() + 60)
    settled = dict(world.memo)
    world.step_ns, world.now_ns = 0, 0
    late = world.digester()
    late.entry(world.write("c").root + "/c")
    late.settle(time.monotonic())

    assert list(settled) == ["a"]
    assert list(world.memo) == ["a"]


def test_a_dry_run_without_a_clock_trusts_what_was_known_and_keeps_nothing(world):
    world.write("a")
    world.digester().entry("a")
    world.write("b")

    digester = Digester(world.root, world.memo)
    digester.entries(["a", "b"])
    digester.settle(time.monotonic())

    assert digester.hashed_files == 1
    assert list(world.memo) == ["a"]


def test_a_links_entry_as_input_follows_and_as_output_does_not(world):
    world.write("a", "one").link("l", "a").link("chain", "l").link("dangling", "gone")
    digester = world.digester()
    inputs = digester.entries(["l", "chain", "dangling"])
    outputs = digester.output_entries(["l", "chain", "dangling", "a"])

    world.write("a", "two").write("gone")
    digester.forget(["a", "gone"])

    assert not set(digester.entries(["l", "chain", "dangling"])) & set(inputs)
    assert digester.output_entries(["l", "chain", "dangling"]) == outputs[:3]
    assert outputs == [link_entry("a"), link_entry("l"), link_entry("gone"), digester_entry("one")]


def digester_entry(text):
    return f"f:{xxh3_128_hexdigest(text.encode())}:{len(text)}"


def test_links_in_circles_end(world):
    world.link("a", "b").link("b", "a").write("d/f").link("d/self", ".")

    entries = world.digester().entries(["a", "d", "d/self"])

    assert [entry[0] for entry in entries] == ["l", "d", "l"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.write("d/new", ""),
        lambda world: os.mkdir(f"{world.root}/d/empty2"),
        lambda world: os.rmdir(f"{world.root}/d/empty"),
        lambda world: os.rename(f"{world.root}/d/a", f"{world.root}/d/b"),
        lambda world: os.chmod(f"{world.root}/d/a", 0o755),
        lambda world: world.write("d/sub/c", "C"),
        lambda world: world.link("d/l2", "a"),
    ],
)
def test_a_directorys_entry_changes_with_all_that_is_in_it(world, change):
    world.write("d/a").write("d/sub/c", "c").link("d/l", "a")
    os.mkdir(f"{world.root}/d/empty")
    before = world.digester().entry("d")

    change(world)

    assert world.digester().entry("d") != before


def test_our_own_files_are_no_part_of_a_directory(world):
    world.write("d/a")
    before = world.digester().entry("d")

    world.write("d/.stagemake/snapshot").write("d/.stagemake-tmp-1-2")

    assert world.digester().entry("d") == before
    assert world.digester().entry(".")[0] == "d"


@pytest.mark.parametrize("path", ["fifo", "d"])
def test_a_fifo_is_an_error_and_does_not_block(world, path):
    os.mkdir(f"{world.root}/d")
    os.mkfifo(f"{world.root}/fifo")
    os.mkfifo(f"{world.root}/d/fifo")

    with pytest.raises(SpecialFile) as caught:
        world.digester().entry(path)

    assert caught.value.filename.endswith("/fifo")


class Restless(FileClock):
    """Writes to the file each time before it is read."""

    def __init__(self, world, times):
        super().__init__(world.probe, world.touch)
        self.world, self.times = world, times

    def taken_at(self, signature):
        if self.times:
            self.times -= 1
            self.world.write("a", f"text {self.times}")
        return super().taken_at(signature)


def test_a_file_that_changes_while_it_is_read_is_read_again(world):
    world.write("a")

    digester = Digester(world.root, {}, Restless(world, 2))

    assert digester.entry("a") == digester_entry("text 0")
    assert digester.hashed_files == 3


def test_a_file_that_never_holds_still_is_an_error_that_names_it(world):
    world.write("a")

    with pytest.raises(KeepsChanging) as caught:
        Digester(world.root, {}, Restless(world, 1000)).entry("a")

    assert caught.value.filename == f"{world.root}/a"


def test_back_and_forth_is_seen_in_the_signatures(world):
    world.write("a", "one").write("d/b", "one").link("l", "d")
    digester = world.digester()
    paths = ["a", "d", "l", "gone"]
    before = digester.signatures(paths)
    again = digester.signatures(paths)

    world.write("d/b", "two").write("d/b", "one")
    after = digester.signatures(paths)

    changed = [old[0] for old, new in zip(before, after, strict=True) if old != new]
    assert before == again
    assert changed == ["d/b", "l/b"]


def test_a_scan_gives_rows_and_hands_on_small_files(world):
    world.write("out/run", "#!", 0o755).write("out/big", "b" * 40_000).link("out/l", "run")
    os.mkdir(f"{world.root}/out/empty")
    small = {}
    digester = world.digester()

    rows = digester.scan_output("out/", declared_dir=True, on_small=small.__setitem__)

    assert [(row.path, row.kind, row.size_bytes, row.target) for row in rows] == [
        ("out", "directory", 0, ""),
        ("out/big", "file", 40_000, ""),
        ("out/empty", "directory", 0, ""),
        ("out/l", "symlink", 0, "run"),
        ("out/run", "executable", 2, ""),
    ]
    assert list(small.values()) == [b"#!"]
    assert entry_of_output(tuple(rows), "out") == digester.output_entry("out")


def test_a_scan_sees_what_was_just_written(world):
    world.write("a", "one").link("l", "gone")
    digester = world.digester()
    digester.entry("a")

    world.write("a", "two")
    rows = digester.scan_output("a", declared_dir=False)

    assert rows == [OutputFile("a", "file", xxh3_128_hexdigest(b"two"), 3)]
    assert digester.scan_output("l", declared_dir=False)[0].target == "gone"


@pytest.mark.parametrize(
    ("path", "declared_dir", "error"),
    [
        ("gone", False, FileNotFoundError),
        ("gone/", True, FileNotFoundError),
        ("a", True, NotADirectoryError),
        ("link", True, NotADirectoryError),
        ("d", False, IsADirectoryError),
        ("fifo", False, SpecialFile),
    ],
)
def test_an_output_that_is_not_what_was_declared_is_an_error(world, path, declared_dir, error):
    world.write("a").write("d/b").link("link", "d")
    os.mkfifo(f"{world.root}/fifo")

    with pytest.raises(error):
        world.digester().scan_output(path, declared_dir=declared_dir)


def test_rows_are_those_of_a_directory_that_is_one(world):
    world.write("d/a").write("d/in/b").link("d/link", "a").write("file").link("to", "d")
    digester = world.digester()
    file = digester.entry("file")

    assert sorted(digester.rows("d")) == [
        ("a", file),
        ("in", "d"),
        ("in/b", file),
        ("link", link_entry("a")),
    ]
    assert digester.rows("file") == digester.rows("to") == digester.rows("gone") == []


def test_a_directory_that_was_seen_has_the_size_of_all_files_in_it(world):
    world.write("d/a", "12345").write("d/in/b", "1").link("d/link", "a").write("file", "1")
    world.write("out/x", "123")
    digester = world.digester()

    digester.scan_output("out/", declared_dir=True)

    assert digester.directory_bytes(digester.entry("d")) == 6
    assert digester.directory_bytes(digester.entry("out")) == 3
    assert digester.directory_bytes(digester.entry("file")) is None
    assert digester.directory_bytes("d:never seen") is None


def test_a_link_ends_at_a_project_path_where_the_root_is_reached_by_a_link(world, tmp_path):
    os.symlink("project", tmp_path / "other")
    world.write("d/a").link("one", "two").link("two", "d/a").link("out", "/etc").link("up", "../x")
    digester = Digester(f"{tmp_path}/other/")

    assert [digester.end_of_link(path) for path in ("one", "out", "d/a", "up")] == [
        "d/a",
        "/etc",
        "d/a",
        f"{tmp_path}/x",
    ]
    assert digester.link_text("one") == "two"
    assert digester.entry("one") == world.digester().entry("one")


def test_a_link_that_cannot_be_followed_for_another_reason_is_an_error(world):
    world.link("long", "x" * 300)

    with pytest.raises(OSError, match="too long"):
        world.digester().entry("long")


def test_what_lies_in_a_directory_is_known_by_its_own_path(world):
    world.write("d/a").write("d/in/b")
    digester = world.digester()

    digester.entry("d/")
    read = digester.hashed_files
    digester.entries(["d/a", "d/in/b"])

    assert (read, digester.hashed_files) == (2, 2)
    assert sorted(world.memo) == ["d/a", "d/in/b"]
    assert [path for path, _ in digester.signatures(["d/", "x"])] == [
        "d/", "d/a", "d/in", "d/in/b", "x",
    ]  # fmt: skip


def test_what_is_looked_at_again_is_told_by_its_signature_unless_it_moved(world):
    world.write("a", "one").write("b", "one").write("d/c").link("link", "a")
    digester = world.digester()
    before = digester.entries(["a", "b", "d", "link"])
    world.write("b", "two two")

    found = digester.look_again(["a", "b", "d", "link"])

    assert [path for path, _ in found] == ["a", "b", "d", "d/c", "link"]
    read = digester.hashed_files
    after = digester.entries(["a", "b", "d", "link"])
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        True, False, True, True,
    ]  # fmt: skip
    assert digester.hashed_files == read + 1
