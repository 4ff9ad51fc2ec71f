from __future__ import annotations

import errno
import os

import pytest

from stagemake import durable


@pytest.fixture
def at(tmp_path):
    yield str(tmp_path)
    durable.install(None)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data=b"old"):
    durable.make_dirs(os.path.dirname(path))
    durable.write_new(path, data)
    return path


def fail_at(operation, number=errno.EIO):
    def point(name, path):
        if name == operation:
            raise OSError(number, os.strerror(number), path)

    durable.install(point)


def test_made_directories_are_reported_outermost_first(at):
    made = durable.make_dirs(f"{at}/a/b/c")

    assert made == (f"{at}/a", f"{at}/a/b", f"{at}/a/b/c")
    assert durable.make_dirs(f"{at}/a/b/c") == ()


def test_directories_are_made_through_a_link_to_one(at):
    durable.make_dirs(f"{at}/disk")
    durable.symlink("disk", f"{at}/build")

    durable.make_dirs(f"{at}/build/sub")

    assert os.path.isdir(f"{at}/disk/sub")


def test_a_file_in_the_way_of_a_directory_is_named(at):
    put(f"{at}/a")

    with pytest.raises(NotADirectoryError) as caught:
        durable.make_dirs(f"{at}/a/b/c")

    assert caught.value.filename == f"{at}/a"


def test_an_atomic_write_replaces_a_link_and_not_what_it_leads_to(at):
    put(f"{at}/precious", b"precious")
    durable.symlink("precious", f"{at}/link")

    durable.write_atomic(f"{at}/link", b"new", sync=True)

    assert contents(f"{at}/link") == b"new"
    assert contents(f"{at}/precious") == b"precious"


@pytest.mark.parametrize("operation", ["open", "write", "fsync", "rename"])
def test_a_failed_atomic_write_leaves_the_old_file_and_nothing_else(at, operation):
    path = put(f"{at}/file")
    fail_at(operation)

    with pytest.raises(OSError, match="Input/output") as caught:
        durable.write_atomic(path, b"new", sync=True)

    assert caught.value.filename == path
    assert contents(path) == b"old"
    assert os.listdir(at) == ["file"]


def test_nothing_is_created_over_what_exists_not_even_a_dangling_link(at):
    durable.symlink("nowhere", f"{at}/link")

    with pytest.raises(FileExistsError):
        durable.write_new(f"{at}/link", b"x")

    assert not os.path.lexists(f"{at}/nowhere")


def test_appends_add_up_and_can_be_cut_off(at):
    fd = durable.open_append(f"{at}/journal")
    durable.append(fd, b"one")
    durable.append(fd, b"two")
    os.close(fd)

    durable.truncate(f"{at}/journal", 4)

    assert contents(f"{at}/journal") == b"onet"


def test_a_file_that_a_user_names_is_emptied_through_a_link(at):
    put(f"{at}/file")
    durable.symlink("file", f"{at}/link")

    os.close(durable.open_emptied(f"{at}/link"))

    assert contents(f"{at}/file") == b""


def test_a_failed_append_names_the_file(at):
    fd = os.open(put(f"{at}/file"), os.O_RDONLY)

    with pytest.raises(OSError, match="Bad file") as caught:
        durable.append(fd, b"x", "journal")

    os.close(fd)
    assert caught.value.filename == "journal"


def test_removing_a_tree_follows_no_link_and_minds_no_read_only_directory(at):
    put(f"{at}/outside/precious")
    put(f"{at}/tree/deep/file")
    durable.symlink("../outside", f"{at}/tree/link")
    durable.set_mode(f"{at}/tree/deep", 0o555)

    durable.remove_tree(f"{at}/tree")

    assert os.listdir(at) == ["outside"]
    assert contents(f"{at}/outside/precious") == b"old"


def test_a_link_to_a_directory_is_no_tree(at):
    put(f"{at}/outside/precious")
    durable.symlink("outside", f"{at}/link")

    with pytest.raises(NotADirectoryError):
        durable.remove_tree(f"{at}/link")
    durable.remove_any(f"{at}/link")

    assert os.listdir(at) == ["outside"]


def test_a_tree_a_thousand_levels_deep_is_removed(at):
    path = f"{at}/d"
    for _ in range(1000):
        durable.make_dirs(path)
        path += "/d"

    durable.remove_tree(f"{at}/d")

    assert os.listdir(at) == []


def test_a_tree_beyond_the_longest_path_is_removed_with_few_descriptors(at):
    name = "n" * 200
    top = os.open(at, os.O_RDONLY)
    fd = os.dup(top)
    for _ in range(300):  # 60 000 bytes; no path reaches down there
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(os.open("file", os.O_CREAT, dir_fd=inner))
        os.close(fd)
        fd = inner
    os.close(fd)
    most = []
    durable.install(lambda *_: most.append(len(os.listdir("/proc/self/fd"))))

    durable.remove_tree(f"{at}/{name}")

    assert os.listdir(at) == []
    assert max(most) - min(most) <= 100
    os.close(top)


def test_a_directory_that_becomes_a_link_while_its_tree_is_removed_leads_nowhere(at):
    put(f"{at}/outside/sub/precious")
    put(f"{at}/tree/a/sub/file")
    put(f"{at}/tree/first")

    def plant(name, path):
        if name == "unlink" and path.endswith("/first"):
            os.rename(f"{at}/tree/a", f"{at}/moved")
            os.symlink("../outside", f"{at}/tree/a")

    durable.install(plant)
    with pytest.raises(NotADirectoryError) as caught:
        durable.remove_tree(f"{at}/tree")

    assert caught.value.filename == f"{at}/tree/a"
    assert contents(f"{at}/outside/sub/precious") == b"old"
    assert contents(f"{at}/moved/sub/file") == b"old"


def test_removing_nothing_is_fine_only_where_it_says_so(at):
    durable.remove_any(f"{at}/gone")

    with pytest.raises(FileNotFoundError):
        durable.remove(f"{at}/gone")


def cross_device(name, path):
    """Refuse renames between places, as file systems do; those beside a target pass."""
    if name == "rename" and not cross_device.passed.pop(path, False):
        cross_device.passed[path] = True
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)


def test_a_tree_moves_to_another_file_system_with_links_modes_and_times(at):
    cross_device.passed = {}
    put(f"{at}/tree/bin/run", b"#!")
    durable.set_mode(f"{at}/tree/bin/run", 0o750)
    durable.make_dirs(f"{at}/tree/empty")
    durable.symlink("bin/run", f"{at}/tree/link")
    os.utime(f"{at}/tree/bin/run", ns=(1, 2_000_000_000))
    os.utime(f"{at}/tree/bin", ns=(1, 3_000_000_000))
    durable.install(cross_device)

    durable.move_aside(f"{at}/tree", f"{at}/moved")

    assert os.listdir(at) == ["moved"]
    assert contents(f"{at}/moved/link") == b"#!"
    assert os.stat(f"{at}/moved/bin/run").st_mode & 0o777 == 0o750
    assert os.stat(f"{at}/moved/bin/run").st_mtime_ns == 2_000_000_000
    assert os.stat(f"{at}/moved/bin").st_mtime_ns == 3_000_000_000
    assert os.path.isdir(f"{at}/moved/empty")


def test_a_move_that_fails_half_way_keeps_the_original(at):
    cross_device.passed = {}
    put(f"{at}/tree/a")

    def point(name, path):
        cross_device(name, path)
        if name == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    durable.install(point)

    with pytest.raises(OSError, match="No space"):
        durable.move_aside(f"{at}/tree", f"{at}/moved")

    assert os.listdir(at) == ["tree"]
    assert contents(f"{at}/tree/a") == b"old"


def test_nothing_is_moved_over_what_exists(at):
    put(f"{at}/a")
    put(f"{at}/b", b"b")

    with pytest.raises(FileExistsError):
        durable.move_aside(f"{at}/a", f"{at}/b")

    assert contents(f"{at}/b") == b"b"


@pytest.mark.parametrize("size", [0, 1, 4096, 131071, 131072, 3_000_000])
def test_a_copy_has_the_same_bytes_from_a_path_or_a_descriptor(at, size):
    data = os.urandom(size)
    source = put(f"{at}/source", data)
    fd = os.open(source, os.O_RDONLY)

    counts = (durable.clone_or_copy(source, f"{at}/a"), durable.clone_or_copy(fd, f"{at}/b", 0o777))

    os.close(fd)
    assert counts == (size, size)
    assert contents(f"{at}/a") == contents(f"{at}/b") == data
    assert os.stat(f"{at}/b").st_mode & 0o100


def test_a_failed_copy_leaves_nothing(at):
    source = put(f"{at}/source")
    fail_at("write", errno.ENOSPC)

    with pytest.raises(OSError, match="No space") as caught:
        durable.clone_or_copy(source, f"{at}/copy")

    assert caught.value.filename == f"{at}/copy"
    assert os.listdir(at) == ["source"]


def test_touching_creates_and_then_only_moves_the_times(at):
    durable.touch(f"{at}/probe")
    os.utime(f"{at}/probe", ns=(0, 0))

    durable.touch(f"{at}/probe")

    assert os.stat(f"{at}/probe").st_mtime_ns > 0
    assert contents(f"{at}/probe") == b""


@pytest.mark.parametrize(
    "change", [durable.touch, lambda path: durable.write_atomic(path, b"1"), durable.open_append]
)
def test_a_file_whose_directory_is_gone_is_the_one_named(at, change):
    with pytest.raises(FileNotFoundError) as caught:
        change(f"{at}/gone/file")

    assert caught.value.filename == f"{at}/gone/file"


def test_a_link_that_cannot_be_made_is_the_one_named(at):
    put(f"{at}/taken")

    with pytest.raises(FileExistsError) as caught:
        durable.symlink("text", f"{at}/taken")

    assert caught.value.filename == f"{at}/taken"


def test_a_rename_that_fails_names_what_it_was_for(at):
    put(f"{at}/.temporary")
    durable.make_dirs(f"{at}/target/in")

    with pytest.raises(IsADirectoryError) as caught:
        durable.rename(f"{at}/.temporary", f"{at}/target")

    assert caught.value.filename == f"{at}/target"
    assert caught.value.filename2 is None


def test_a_rename_of_nothing_names_what_is_not_there(at):
    with pytest.raises(FileNotFoundError) as caught:
        durable.rename(f"{at}/absent", f"{at}/target")

    assert caught.value.filename == f"{at}/absent"


@pytest.mark.parametrize(
    "number",
    [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM],
)
@pytest.mark.parametrize("before_it_stops", [0, 70_000])
def test_what_the_kernel_cannot_copy_is_copied_by_hand(at, monkeypatch, number, before_it_stops):
    data = os.urandom(200_000)
    source = put(f"{at}/source", data)
    copy_in_kernel, asked = os.copy_file_range, []

    def stops(source_fd, target_fd, count, offset):
        del count
        asked.append(offset)
        if offset >= before_it_stops:
            raise OSError(number, os.strerror(number))
        return copy_in_kernel(source_fd, target_fd, before_it_stops, offset)

    monkeypatch.setattr(os, "copy_file_range", stops)

    copied = durable.clone_or_copy(source, f"{at}/copy")

    assert copied == 200_000
    assert contents(f"{at}/copy") == data
    assert asked in ([], [0], [0, 70_000])  # none where blocks can be shared


def test_a_kernel_that_says_the_end_too_early_is_not_believed(at, monkeypatch):
    data = os.urandom(200_000)
    source = put(f"{at}/source", data)
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)

    copied = durable.clone_or_copy(source, f"{at}/copy")

    assert copied == 200_000
    assert contents(f"{at}/copy") == data


@pytest.mark.parametrize("operation", ["open", "write"])
def test_each_step_of_a_copy_can_fail_and_is_named(at, operation):
    source = put(f"{at}/source")
    fail_at(operation)

    with pytest.raises(OSError, match="Input/output") as caught:
        durable.clone_or_copy(source, f"{at}/copy")

    assert caught.value.filename == f"{at}/copy"
    assert os.listdir(at) == ["source"]


def test_a_move_that_is_refused_copies_nothing(at):
    put(f"{at}/tree/a")
    steps = []

    def point(name, path):
        steps.append(name)
        if name == "rename":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)

    durable.install(point)

    with pytest.raises(PermissionError):
        durable.move_aside(f"{at}/tree", f"{at}/moved")

    assert steps == ["rename"]
    assert os.listdir(at) == ["tree"]


def test_a_pipe_in_a_tree_is_left_out_of_a_move_to_another_disk(at):
    cross_device.passed = {}
    put(f"{at}/tree/a")
    os.mkfifo(f"{at}/tree/pipe")
    durable.install(cross_device)

    durable.move_aside(f"{at}/tree", f"{at}/moved")

    assert os.listdir(f"{at}/moved") == ["a"]
    assert not os.path.exists(f"{at}/tree")


def test_a_copy_is_on_the_disk_before_its_original_goes_and_leaves_nothing_open(at):
    cross_device.passed = {}
    put(f"{at}/tree/a")
    steps = []

    def point(name, path):
        cross_device(name, path)
        steps.append(name)

    durable.install(point)
    before = os.listdir("/proc/self/fd")

    durable.move_aside(f"{at}/tree", f"{at}/moved")

    assert len(before) == len(os.listdir("/proc/self/fd"))
    assert steps.index("write") < steps.index("fsync") < steps.index("rename")
    assert steps.index("rename") < steps.index("unlink")
