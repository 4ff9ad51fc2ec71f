from __future__ import annotations

import errno
import os

import pytest
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness.signature import signature
from stagemake.materialize import Restored, preserve, restore, sweep_temps
from stagemake.model.entry import OutputFile, entry_of_output
from stagemake.staged import Contents


class World:
    """A project directory and contents to restore into it."""

    def __init__(self, root, reads=True):
        self.reads = reads  # small contents, in place of having them fetched
        self.outside = str(root / "outside")
        self.root = str(root / "project")
        os.mkdir(self.root)
        os.mkdir(self.outside)
        self.blobs = {}
        self.fetched = []

    def file(self, path, text="new", kind="file"):
        digest = xxh3_128_hexdigest(text.encode())
        self.blobs[digest] = text.encode()
        return OutputFile(path, kind, digest, len(text))

    def fetch(self, digest, size_bytes, target, mode):
        if digest not in self.blobs:
            return False
        durable.write_new(target, self.blobs[digest], mode)
        self.fetched.append(digest)
        return True

    def put(self, path, text="old"):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)

    def read(self, digest, limit_bytes):
        data = self.blobs.get(digest)
        if data is not None:
            self.fetched.append(digest)
        return data

    def restore(self, rows, outputs, contents=None, **more):
        holding = durable.Holding(self.root)
        try:
            known = contents or Contents(self.fetch, self.read if self.reads else None)
            return restore(tuple(rows), outputs, known, holding=holding, **more)
        finally:
            holding.close()

    def tree(self, top=None):
        """Return what is there: path -> text, link text or None for a directory."""
        top = top or self.root
        found = {}
        for directory, directories, files in os.walk(top):
            for name in directories + files:
                full = os.path.join(directory, name)
                path = os.path.relpath(full, top)
                if os.path.islink(full):
                    found[path] = "-> " + os.readlink(full)
                elif os.path.isdir(full):
                    found[path] = None
                else:
                    with open(full) as file:
                        found[path] = file.read()
        return found


@pytest.fixture(params=["read", "fetched"])
def world(tmp_path, request):
    yield World(tmp_path, reads=request.param == "read")
    durable.install(None)


def dist(world):
    return [
        OutputFile("dist", "directory"),
        world.file("dist/a"),
        OutputFile("dist/empty", "directory"),
        OutputFile("dist/link", "symlink", target="../b"),
        world.file("dist/run", "#!", "executable"),
    ]


NEW_DIST = {
    "dist": None,
    "dist/a": "new",
    "dist/empty": None,
    "dist/link": "-> ../b",
    "dist/run": "#!",
}


def test_everything_comes_back_exactly(world):
    rows = [*dist(world), world.file("obj/deep/b", "B"), OutputFile("s", "symlink", target="x")]

    ended = world.restore(rows, ["dist/", "obj/deep/b", "s"])

    assert ended is Restored.DONE
    assert world.tree() == {
        **NEW_DIST,
        "obj": None,
        "obj/deep": None,
        "obj/deep/b": "B",
        "s": "-> x",
    }
    assert os.access(f"{world.root}/dist/run", os.X_OK)
    assert not os.stat(f"{world.root}/dist/a").st_mode & 0o111


def test_stale_files_in_a_directory_output_go_away(world):
    world.put("dist/stale/file")
    world.put("dist/a")

    world.restore(dist(world), ["dist/"])

    assert world.tree() == NEW_DIST


@pytest.mark.parametrize("lost", ["dist/run", "z"])
def test_one_missing_content_leaves_everything_as_it_was(world, lost):
    world.put("dist/stale")
    world.put("a")
    before = world.tree()
    rows = [world.file("a", "A"), *dist(world), world.file("sub/z", "Z")]
    del world.blobs[next(row.digest for row in rows if row.path.endswith(lost))]

    ended = world.restore(rows, ["a", "dist/", "sub/z"])

    assert ended is Restored.INCOMPLETE
    assert world.tree() == before


def test_contents_of_the_wrong_size_are_missing_contents(world):
    row = world.file("a")
    world.blobs[row.digest] = b"short?"

    assert world.restore([row], ["a"]) is Restored.INCOMPLETE
    assert world.tree() == {}


def test_a_fetch_that_lies_is_not_believed(world):
    rows = (world.file("a"),)

    ended = world.restore(rows, ["a"], Contents(lambda *_: True))

    assert ended is Restored.INCOMPLETE


def test_planted_links_are_replaced_and_not_followed(world):
    with open(f"{world.outside}/v", "w") as file:
        file.write("precious")
    os.symlink(f"{world.outside}/v", f"{world.root}/a")
    os.symlink(world.outside, f"{world.root}/dist")

    world.restore([world.file("a"), *dist(world)], ["a", "dist/"])

    assert world.tree() == {"a": "new", **NEW_DIST}
    assert world.tree(world.outside) == {"v": "precious"}


def test_a_link_above_an_output_is_the_users_layout(world):
    os.symlink(world.outside, f"{world.root}/build")

    ended = world.restore([world.file("build/app")], ["build/app"])

    assert ended is Restored.DONE
    assert os.path.islink(f"{world.root}/build")
    assert world.tree(world.outside) == {"app": "new"}


@pytest.mark.parametrize(
    ("rows", "outputs"),
    [
        ([OutputFile("src", "directory")], ["dist/"]),
        (
            [OutputFile("dist", "directory"), OutputFile("dist/l", "symlink", target="../..")],
            ["dist/"],
        ),
        (
            [OutputFile("dist", "directory"), OutputFile("dist/no/l", "symlink", target="x")],
            ["dist/"],
        ),
        ([OutputFile("dist", "directory")], ["dist"]),
        ([OutputFile("dist", "symlink", target="src")], ["dist/"]),
        ([], ["dist/"]),
        ([OutputFile("../x", "symlink", target="y")], ["../x"]),
    ],
)
def test_a_manifest_that_is_not_for_these_outputs_is_refused(world, rows, outputs):
    assert world.restore(rows, outputs) is Restored.REFUSED
    assert world.tree() == {}


def test_an_output_that_is_right_already_is_left_untouched(world):
    rows = [world.file("a"), *dist(world)]
    outputs = ["a", "dist/"]
    world.restore(rows, outputs)
    before = signature(f"{world.root}/a"), signature(f"{world.root}/dist/a")
    world.put("b", "a neighbour")
    world.fetched.clear()

    ended = world.restore(rows, outputs, entry_at=Digester(world.root).output_entry)

    assert ended is Restored.DONE
    assert world.fetched == []
    assert before == (signature(f"{world.root}/a"), signature(f"{world.root}/dist/a"))


def test_what_was_there_is_offered_before_anything_is_replaced(world):
    world.put("a", "mine")
    world.put("dist/a", "mine too")
    offered = []

    def displace(path):
        offered.append((path, world.tree()["a"] if path == "a" else world.tree()["dist/a"]))
        preserve(world.root, path, ".stagemake/kept/now")

    rows = [world.file("a"), *dist(world), world.file("new")]
    world.restore(rows, ["a", "dist/", "new"], displace=displace)

    assert offered == [("a", "mine"), ("dist", "mine too")]
    assert world.tree(f"{world.root}/.stagemake/kept/now") == {
        "a": "mine",
        "dist": None,
        "dist/a": "mine too",
    }


@pytest.mark.parametrize(
    ("there", "rows", "outputs"),
    [
        ("x/file", [("x", "file")], ["x"]),
        ("x", [("x", "directory")], ["x/"]),
        ("x/file", [("x", "symlink")], ["x"]),
    ],
)
def test_a_thing_of_another_kind_gives_way(world, there, rows, outputs):
    world.put(there)
    kind = rows[0][1]
    row = (
        world.file("x")
        if kind == "file"
        else OutputFile("x", kind, target="y" * (kind == "symlink"))
    )

    world.restore([row], outputs)

    expected = {"file": "new", "directory": None, "symlink": "-> y"}[kind]
    assert world.tree() == {"x": expected}


def test_a_file_where_a_directory_is_needed_is_an_error_that_names_it(world):
    world.put("sub")

    with pytest.raises(NotADirectoryError) as caught:
        world.restore([world.file("sub/a")], ["sub/a"])

    assert caught.value.filename == f"{world.root}/sub"
    assert world.tree() == {"sub": "old"}


def operations_of(world, rows, outputs):
    seen = []
    durable.install(lambda name, path: seen.append(name))
    world.restore(rows, outputs)
    durable.install(None)
    return len(seen)


@pytest.mark.parametrize("reads", [False, True])
def test_whichever_operation_fails_nothing_unfinished_stays(tmp_path, reads):
    rows_of = lambda world: [world.file("a", "A"), *dist(world), world.file("s/z", "Z")]
    outputs = ["a", "dist/", "s/z"]
    (tmp_path / "count").mkdir()
    counted = World(tmp_path / "count", reads=reads)
    counted.put("dist/stale")
    count = operations_of(counted, rows_of(counted), outputs)
    named = []
    for number in range(count):
        place = tmp_path / str(number)
        place.mkdir()
        world = World(place, reads=reads)
        world.put("dist/stale")
        left = [number]

        def point(name, path, left=left):
            left[0] -= 1
            if left[0] == -1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

        durable.install(point)
        try:
            ended = world.restore(rows_of(world), outputs)
        except OSError as error:
            named.append(error.filename)
        else:
            assert ended is Restored.DONE
        finally:
            durable.install(None)
        sweep_temps([world.root])

        tree = world.tree()
        assert not [path for path in tree if ".stagemake-tmp" in path]
        assert {path: tree[path] for path in tree if path.startswith("dist")} in (
            NEW_DIST,
            {"dist": None, "dist/stale": "old"},
        )
        assert world.restore(rows_of(world), outputs) is Restored.DONE
        assert world.tree() == counted.tree()
    assert all(named)
    # Removing what was replaced may fail without harm; each of four small files is opened and written once more.
    assert len(named) >= count - 2 - (8 if reads else 0)


def test_a_sweep_takes_only_what_is_ours(world):
    world.put(".stagemake-tmp-1-a/deep/file")
    world.put(".stagemake-tmp-1-b")
    world.put("keep")

    count = sweep_temps([world.root, f"{world.root}/gone"])

    assert count == 2
    assert world.tree() == {"keep": "old"}


def test_nothing_kept_is_ever_overwritten(world):
    places = []
    for text in ("one", "two", "three"):
        world.put("d/a", text)
        places.append(preserve(world.root, "d/a", "kept/now"))
    world.put("kept/now/x", "a file")
    world.put("x/y", "below")

    places.append(preserve(world.root, "x/y", "kept/now"))

    assert places == ["kept/now/d/a", "kept/now.1/d/a", "kept/now.2/d/a", "kept/now.1/x/y"]
    assert [world.tree()[place] for place in places] == ["one", "two", "three", "below"]


def test_what_cannot_be_kept_stays_where_it_is(world):
    world.put("a", "mine")
    world.put("kept", "in the way")

    with pytest.raises(FileExistsError):
        preserve(world.root, "a", "kept/now")
    with pytest.raises(FileNotFoundError):
        preserve(world.root, "gone", "other")

    assert world.tree()["a"] == "mine"


def test_the_exec_bit_comes_back_under_a_strict_umask(world):
    row = world.file("run", "#!", "executable")

    before = os.umask(0o177)
    try:
        world.restore([row], ["run"])
    finally:
        os.umask(before)

    assert os.stat(f"{world.root}/run").st_mode & 0o100
    assert entry_of_output((row,), "run") == Digester(world.root).output_entry("run")


def plant(world, path):
    """Move a directory of the project away and put a link that leads outside in its place."""
    os.rename(f"{world.root}/{path}", f"{world.root}/{path}.moved")
    os.symlink(world.outside, f"{world.root}/{path}")


@pytest.mark.parametrize("rows", ["file", "tree", "link"])
@pytest.mark.parametrize("moment", ["mkdir", "fetch", "symlink", "displace", "rename", "unlink"])
def test_a_directory_that_becomes_a_link_meanwhile_leads_nothing_outside(world, rows, moment):
    world.put("out/deep/dist/old/file")
    world.put("out/deep/a", "mine")
    for directory in ("", "/dist", "/dist/old", "/old"):
        os.makedirs(world.outside + directory, exist_ok=True)
        for name in ("a", "file"):
            with open(f"{world.outside}{directory}/{name}", "w") as file:
                file.write("precious")
    before = world.tree(world.outside)
    planted = []

    def plant_once(*_):
        if not planted:
            planted.append(1)
            plant(world, "out/deep")

    made = {
        "file": ([world.file("out/deep/a")], "out/deep/a"),
        "link": ([OutputFile("out/deep/a", "symlink", target="b")], "out/deep/a"),
        "tree": (
            [OutputFile(f"out/deep/{row.path}", row.kind, row.digest, row.size_bytes, row.target) for row in dist(world)],
            "out/deep/dist/",
        ),
    }  # fmt: skip

    def fetch(*more):
        if moment == "fetch":
            plant_once()
        return world.fetch(*more)

    def read(*more):
        if moment == "fetch":
            plant_once()
        return world.read(*more)

    durable.install(lambda name, path: plant_once() if name == moment else None)
    ended = world.restore(
        made[rows][0],
        [made[rows][1]],
        Contents(fetch, read if world.reads else None),
        displace=plant_once if moment == "displace" else None,
    )
    durable.install(None)

    assert ended is Restored.DONE
    assert world.tree(world.outside) == before
    moved = world.tree(f"{world.root}/out/deep.moved" if planted else f"{world.root}/out/deep")
    if rows == "tree":
        assert {path: moved[path] for path in moved if path.startswith("dist")} == NEW_DIST
    else:
        assert moved["a"] == ("new" if rows == "file" else "-> b")
    assert not [path for path in moved if ".stagemake-tmp" in path]


def test_a_directory_inside_an_output_that_becomes_a_link_meanwhile_leads_nothing_outside(world):
    names = [f"{number:03}" for number in range(100)]  # more than are held open at once
    rows = [OutputFile("dist", "directory")]
    for name in names:
        rows += [OutputFile(f"dist/{name}", "directory")]
    rows += [world.file(f"dist/{name}/a", name) for name in names]
    rows.sort(key=lambda row: row.path)
    planted = []

    def plant_once():
        if not planted:
            (temp,) = [name for name in os.listdir(world.root) if name.startswith(".stagemake-tmp")]
            os.rename(f"{world.root}/{temp}/000", f"{world.root}/{temp}/moved")
            os.symlink(world.outside, f"{world.root}/{temp}/000")
            planted.append(temp)

    def fetch(*more):
        plant_once()
        return world.fetch(*more)

    def read(*more):
        plant_once()
        return world.read(*more)

    world.restore(rows, ["dist/"], Contents(fetch, read if world.reads else None))

    assert world.tree(world.outside) == {}
    assert world.tree()["dist/moved/a"] == "000"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_another_user_above_an_output_is_not_followed(world):
    os.symlink(world.outside, f"{world.root}/build")
    os.lchown(f"{world.root}/build", 4711, 4711)

    with pytest.raises(PermissionError) as caught:
        world.restore([world.file("build/app")], ["build/app"])

    assert caught.value.filename == f"{world.root}/build"
    assert world.tree(world.outside) == {}


def test_a_hard_link_in_place_of_an_output_is_cut_and_not_written_through(world):
    with open(f"{world.outside}/v", "w") as file:
        file.write("precious")
    os.link(f"{world.outside}/v", f"{world.root}/a")

    world.restore([world.file("a")], ["a"])

    assert world.tree() == {"a": "new"}
    assert world.tree(world.outside) == {"v": "precious"}


def test_without_proc_everything_comes_back_too(world, monkeypatch):
    real = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: "/proc/" not in path and real(path))

    world.restore([*dist(world), world.file("obj/deep/b", "B")], ["dist/", "obj/deep/b"])

    assert world.tree() == {**NEW_DIST, "obj": None, "obj/deep": None, "obj/deep/b": "B"}


def test_no_descriptor_is_left_open_however_it_ends(world):
    os.symlink("nowhere", f"{world.root}/dangling")
    world.put("file")
    before = set(os.listdir("/proc/self/fd"))

    world.restore([*dist(world), world.file("a/b/c", "C")], ["dist/", "a/b/c"])
    for path in ("file/x", "dangling/x"):
        with pytest.raises(NotADirectoryError):
            world.restore([world.file(path)], [path])
    world.blobs.clear()
    world.restore([OutputFile("z", "file", "0" * 32, 1)], ["z"])

    assert set(os.listdir("/proc/self/fd")) == before


def test_a_content_of_another_size_is_not_believed(world):
    row = world.file("a")
    longer = OutputFile("a", "file", row.digest, row.size_bytes + 1)

    assert world.restore([longer], ["a"]) is Restored.INCOMPLETE
    assert world.tree() == {}


@pytest.mark.parametrize("umask", [0, 0o077])
def test_what_is_read_gets_the_mode_of_the_build_whatever_the_users_umask(world, umask):
    world.reads = True
    rows = [world.file("a"), world.file("run", "#!", "executable")]

    before = os.umask(umask)
    try:
        world.restore(rows, ["a", "run"])
    finally:
        os.umask(before)

    modes = [os.stat(f"{world.root}/{name}").st_mode & 0o777 for name in ("a", "run")]
    assert modes == [0o644, 0o755]


def test_a_directory_that_is_held_is_left_when_its_path_leads_elsewhere(world):
    holding = durable.Holding(world.root)
    contents = Contents(world.fetch, world.read)
    restore((world.file("out/a"),), ["out/a"], contents, holding=holding)
    os.rename(f"{world.root}/out", f"{world.root}/moved")
    restore((world.file("out/b"),), ["out/b"], contents, holding=holding)
    os.symlink("moved", f"{world.root}/link")
    os.rename(f"{world.root}/out", f"{world.root}/gone")
    os.rename(f"{world.root}/link", f"{world.root}/out")
    restore((world.file("out/c"),), ["out/c"], contents, holding=holding)
    holding.close()

    assert world.tree() == {
        "moved": None, "moved/a": "new", "moved/c": "new", "gone": None, "gone/b": "new",
        "out": "-> moved",
    }  # fmt: skip


def test_few_directories_are_held_while_nothing_is_restored(world):
    holding = durable.Holding(world.root)
    rows = [world.file(f"{number:03}/a") for number in range(100)]
    before = len(os.listdir("/proc/self/fd"))

    for row in rows:
        restore((row,), [row.path], Contents(world.fetch, world.read), holding=holding)
        assert len(os.listdir("/proc/self/fd")) - before < 70
    holding.close()

    assert len(os.listdir("/proc/self/fd")) == before
    assert len(world.tree()) == 200


@pytest.mark.parametrize("operation", ["open", "write"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_cannot_be_written_is_fetched_once_more(tmp_path, operation, times):
    world, left = World(tmp_path), [times]

    def point(name, path):
        if name == operation and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    durable.install(point)
    try:
        ended = world.restore([world.file("a")], ["a"])
    except OSError as error:
        ended = error.errno
    finally:
        durable.install(None)

    assert ended == (Restored.DONE if times == 1 else errno.EIO)
    assert world.tree() == ({"a": "new"} if times == 1 else {})


def test_a_directory_is_kept_with_or_without_its_slash(world):
    for name in ("one/", "two"):
        os.makedirs(f"{world.root}/{name}")

    kept = [preserve(world.root, path, ".stagemake/kept/now") for path in ("one/", "two/")]

    assert kept == [".stagemake/kept/now/one", ".stagemake/kept/now/two"]
    assert sorted(os.listdir(f"{world.root}/.stagemake/kept/now")) == ["one", "two"]
