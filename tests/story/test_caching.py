"""What comes back from the cache, what never goes into it, and what happens to the user's own files."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

COPY = 'command("copy", "cp a b", inputs=["a"], outputs=["b"])\n'


@pytest.fixture
def copied(project: Project) -> Project:
    """Return a project with one stage, built."""
    project.stagefile(COPY).write("a", "1").build().ran("copy")
    return project


# --- What comes back. ------------------------------------------------------------------------------


def test_touching_an_input_runs_nothing(copied: Project) -> None:
    copied.touch("a")

    copied.build().ran().printed("stagemake: up to date\n")


def test_a_deleted_output_comes_back(copied: Project) -> None:
    copied.remove("b")

    copied.build("-v").restored("copy").printed(
        """\
        [1/1] restored  copy  (output missing: b)
              was  1 B, df3ce784d856
              now  missing
        stagemake: done, 1 stage: 1 restored in <time>
        """
    )
    assert copied.read("b") == "1"


def test_an_input_put_back_brings_the_old_output_back(copied: Project) -> None:
    copied.write("a", "2").build().ran("copy")
    copied.write("a", "1")

    copied.build().restored("copy")

    assert copied.read("b") == "1"


def test_a_second_clone_restores_what_the_first_one_built(copied: Project) -> None:
    clone = copied.clone()
    clone.remove("b")

    clone.build().restored("copy")

    assert clone.read("b") == "1"


def test_without_its_state_a_project_restores(copied: Project) -> None:
    shutil.rmtree(copied.root / ".stagemake")

    copied.build().restored("copy")
    copied.build().printed("stagemake: up to date\n")


TREE = """\
command(
    "tree",
    '''mkdir -p {outputs}/full {outputs}/empty; cp a {outputs}/full/plain
    printf '#!/bin/sh\\\\n' > {outputs}/run; chmod 755 {outputs}/run
    ln -s full/plain {outputs}/link; ln -s nowhere {outputs}/broken; : > {outputs}/nothing''',
    inputs=["a"], outputs=["d/"],
)
"""


def shape(top: Path) -> dict[str, str]:
    """Return kind and content of everything below a directory."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = f"link {path.readlink()}"
        elif path.is_dir():
            found[name] = "directory"
        else:
            executable = "x " if path.stat().st_mode & stat.S_IXUSR else ""
            found[name] = f"file {executable}{path.read_text()!r}"
    return found


BUILT = {
    "broken": "link nowhere",
    "empty": "directory",
    "full": "directory",
    "full/plain": "file '1'",
    "link": "link full/plain",
    "nothing": "file ''",
    "run": "file x '#!/bin/sh\\n'",
}


def test_a_directory_comes_back_exactly(project: Project) -> None:
    project.stagefile(TREE).write("a", "1").build().ran("tree")
    assert shape(project.root / "d") == BUILT
    shutil.rmtree(project.root / "d")

    project.build().restored("tree")

    assert shape(project.root / "d") == BUILT
    project.build().printed("stagemake: up to date\n")


def test_a_file_gone_from_a_directory_brings_the_directory_back(project: Project) -> None:
    project.stagefile(TREE).write("a", "1").build().ran("tree")
    project.remove("d/full/plain")

    project.build().restored("tree")

    assert shape(project.root / "d") == BUILT


def test_files_of_an_older_run_leave_a_directory_output(project: Project) -> None:
    project.stagefile(
        'command("fill", "mkdir -p d; touch d/$(cat a)", inputs=["a"], outputs=["d/"])\n'
    )
    project.write("a", "old").build().ran("fill")
    project.write("a", "new").build().ran("fill")
    assert shape(project.root / "d") == {"new": "file ''"}

    project.write("a", "old").build().restored("fill")

    assert shape(project.root / "d") == {"old": "file ''"}


def test_a_restored_output_is_no_link_into_the_cache(copied: Project) -> None:
    copied.remove("b").build().restored("copy")
    copied.write("b", "spoiled")

    copied.remove("b").build().restored("copy")

    assert copied.read("b") == "1"


@pytest.mark.usefixtures("all_texts")
def test_an_early_cut_off_stops_a_whole_chain(project: Project) -> None:
    project.write("a", "1 \n")
    project.stagefile(
        """\
        command("trim", "tr -d ' ' < a > b", inputs=["a"], outputs=["b"])
        command("one", "cp b c", inputs=["b"], outputs=["c"])
        command("two", "cp c d", inputs=["c"], outputs=["d"])
        """
    )
    project.build().ran("trim", "one", "two")
    project.write("a", "1  \n")

    project.build("-v").printed(
        """\
        [1/3] ran       trim  <time>  (input changed: a)
              was  3 B, 266ddb82a61c
              now  4 B, 8a5bb1f1ed9c
              @@ -1 +1 @@
              -1·
              +1··
        [2/3] unchanged one
        [3/3] unchanged two
        stagemake: done, 3 stages: 1 ran, 2 unchanged in <time>
        """
    )


# --- What never goes in. ---------------------------------------------------------------------------


def test_a_failure_is_never_cached(project: Project) -> None:
    project.stagefile('command("flaky", "test -e ok && cp a b", inputs=["a"], outputs=["b"])\n')
    project.write("a", "1")
    project.build().failed("flaky")
    project.build().failed("flaky")
    project.write("ok")

    project.build().ran("flaky").failed()


def test_a_stage_that_says_so_is_not_cached(project: Project) -> None:
    project.stagefile('command("copy", "cp a b", inputs=["a"], outputs=["b"], cache=False)\n')
    project.write("a", "1").build().ran("copy")
    project.build().printed("stagemake: up to date\n")
    project.remove("b")

    project.build().ran("copy")


def test_a_stage_that_edits_its_own_input_is_not_recorded_and_the_user_is_told(
    project: Project,
) -> None:
    project.stagefile('command("eat", "cp a b; echo 2 > a", inputs=["a"], outputs=["b"])\n').write(
        "a", "1"
    )

    project.build().printed(
        """\
        [1/1] ran       eat  <time>
          note: not recorded: input `a` changed while the stage ran
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    project.build().ran("eat")


def test_an_input_edited_there_and_back_while_its_stage_ran_is_noticed(project: Project) -> None:
    project.stagefile(
        """\
        command("slow", "cat ready > {outputs}; cat a >> {outputs}", inputs=["a"], outputs=["b"])
        """
    ).write("a", "1")
    os.mkfifo(project.root / "ready")
    build = project.start()

    with (project.root / "ready").open("w") as ready:  # opens once the stage reads
        project.write("a", "2").write("a", "1")
        ready.write("go ")

    project.finish(build).printed(
        """\
        [1/1] ran       slow  <time>
          note: not recorded: input `a` changed while the stage ran
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


# --- The user's own files. -------------------------------------------------------------------------


def test_a_users_file_at_an_output_is_kept(project: Project) -> None:
    project.stagefile(COPY).write("a", "1").write("b", "mine")

    project.build().printed(
        """\
        [1/1] ran       copy  <time>
        stagemake: `b` was yours; kept as `.stagemake/kept/<when>/b`
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    kept = list((project.root / ".stagemake/kept").rglob("b"))
    assert [file.read_text() for file in kept] == ["mine"]
    assert project.read("b") == "1"


def test_a_users_equal_file_is_adopted(project: Project) -> None:
    project.stagefile(COPY).write("a", "1").write("b", "1")

    project.build().printed(
        """\
        [1/1] ran       copy  <time>
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    assert not list((project.root / ".stagemake").rglob("b"))


def test_a_hand_edited_output_is_kept_and_made_anew(copied: Project) -> None:
    copied.write("b", "edited")

    copied.build("-v").printed(
        """\
        [1/1] restored  copy  (output modified by hand: b)
              was  1 B, df3ce784d856
              now  6 B, 673a4c832964
        stagemake: `b` was yours; kept as `.stagemake/kept/<when>/b`
        stagemake: done, 1 stage: 1 restored in <time>
        """
    )
    assert copied.read("b") == "1"


def test_a_users_file_in_a_directory_output_is_kept(project: Project) -> None:
    project.stagefile(TREE).write("a", "1").build().ran("tree")
    project.write("d/mine", "mine")

    project.build().restored("tree")

    assert shape(project.root / "d") == BUILT
    kept = list((project.root / ".stagemake/kept").rglob("mine"))
    assert [file.read_text() for file in kept] == ["mine"]


# --- Faults, and how the cache is used. ------------------------------------------------------------


def blobs(project: Project) -> list[Path]:
    """Return the files of the cache that hold outputs' contents."""
    return [
        path for path in project.cache.rglob("*") if path.is_file() and "cache.db" not in path.name
    ]


def test_a_truncated_cache_is_a_miss(project: Project) -> None:
    text = "0123456789" * 10_000
    project.stagefile(COPY).write("a", text).build().ran("copy")
    files = blobs(project)
    for file in files:
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[:-1])
    project.remove("b")

    result = project.build()

    assert files
    result.ran("copy").exited(0)
    assert project.read("b") == text


def test_a_changed_bit_in_the_cache_is_a_miss_and_said(project: Project) -> None:
    text = "0123456789" * 10_000
    project.stagefile(COPY).write("a", text).build().ran("copy")
    files = blobs(project)
    for file in files:
        file.chmod(0o600)
        file.write_bytes(b"!" + file.read_bytes()[1:])
    project.remove("b")

    result = project.build()

    assert files
    result.ran("copy").exited(0)
    assert "the cached result of `copy` is gone or damaged; running it instead\n" in result.stderr
    assert project.read("b") == text


def test_a_database_of_rubbish_is_a_miss(copied: Project) -> None:
    for file in copied.cache.glob("cache.db*"):
        file.write_bytes(b"rubbish" * 1000)
    copied.remove("b")

    copied.build().ran("copy").exited(0)

    copied.remove("b").build().restored("copy")


def test_a_cache_that_can_not_be_made_is_one_notice(project: Project) -> None:
    project.cache.write_text("a file in the way")
    project.stagefile(
        """\
        for name in "bcd":
            command(name, "cp a {outputs}", inputs=["a"], outputs=[name])
        """
    ).write("a", "1")

    result = project.build("-j1")

    result.ran("b", "c", "d").exited(0)
    assert result.stderr.count("stagemake: cache: ") == 1
    project.build().printed("stagemake: up to date\n")


def test_off_neither_reads_nor_writes_the_cache(project: Project) -> None:
    project.stagefile(COPY).write("a", "1")
    project.build("--cache", "off").ran("copy")
    assert not project.cache.exists()
    project.remove("b").build().ran("copy")
    project.remove("b")

    project.build("--cache", "off").ran("copy")


def test_read_restores_and_stores_nothing(copied: Project) -> None:
    copied.write("a", "2").build("--cache", "read").ran("copy")
    copied.remove("b").build("--cache", "read").ran("copy")
    copied.write("a", "1")

    copied.build("--cache", "read").restored("copy")


def test_write_stores_and_restores_nothing(copied: Project) -> None:
    copied.remove("b").build("--cache", "write").ran("copy")
    copied.write("a", "2").build("--cache", "write").ran("copy")
    copied.remove("b")

    copied.build().restored("copy")


def test_always_make_runs_what_is_fresh_and_restores_nothing(copied: Project) -> None:
    copied.build("-B", "-v").printed(
        """\
        [1/1] ran       copy  <time>  (forced)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_what_is_made_sooner_than_brought_back_is_not_kept_by_cache_auto(project: Project) -> None:
    # So large that a second would go into bringing it back: a busy machine truncates in less.
    project.stagefile(
        """
        command("slow", "sleep 0.2 && cp in slow", inputs=["in"], outputs=["slow"])
        command("large", "truncate -s 400M large", outputs=["large"], inputs=["in"])
        """
    ).write("in", "1")

    built = project.build("--cache", "auto").ran("slow", "large")

    text = "cache: without the outputs of `large`: made anew sooner than brought back"
    assert [line for line in built.stderr.splitlines() if "cache" in line] == [f"stagemake: {text}"]
    project.remove("slow", "large").build("--cache", "auto").ran("large").restored("slow")
    project.build("--cache", "auto").ran()


def test_cache_on_keeps_everything_and_cache_auto_restores_it(project: Project) -> None:
    project.stagefile(
        'command("large", "truncate -s 200M large", outputs=["large"], inputs=["in"])'
    )
    project.write("in", "1").build("--cache", "on").ran("large")

    project.remove("large").build("--cache", "auto").restored("large")


def test_what_a_depfile_names_and_was_never_there_counts_as_missing(project: Project) -> None:
    project.write("inc/x.h").write("src/a", "a").stagefile("""
        command(
            "compile",
            "cat src/a inc/old.h > {outputs} 2> /dev/null; echo 'o: inc/old.h' > {depfile}",
            inputs=["src/a"], outputs=["build/o"], depfile="build/d",
        )
    """)

    project.build().exited(0)
    second = project.build()
    project.write("inc/old.h", "+")
    third = project.build()
    made = project.read("build/o")
    project.remove("inc/old.h")
    fourth = project.build()

    assert second.stderr == "stagemake: up to date\n"
    assert "ran       compile" in third.stderr
    assert made == "a+"
    assert "restored  compile" in fourth.stderr
    assert project.read("build/o") == "a"


def test_what_a_depfile_names_and_a_stage_itself_may_have_removed_is_told(project: Project) -> None:
    project.stagefile("""
        command(
            "compile",
            "touch build/temp; rm build/temp; echo 'o: build/temp' > {depfile}; touch {outputs}",
            outputs=["build/o"], depfile="build/d",
        )
    """)

    told = project.build().exited(0).stderr

    assert (
        "note: not recorded: its depfile names `build/temp`, which is not there, and may have been while"
        " the stage ran; have it leave `build/temp` out\n"
    ) in told
