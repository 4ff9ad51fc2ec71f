"""What past builds left where no stage makes it now: nothing may read it, and it goes when it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

READER = """\
command("read", "cat {inc} > {{outputs[0]}} && echo '{{outputs[0]}}: {inc}' > {{depfile}}",
        outputs=["o"], depfile="o.d", after=["make"])
"""


def maker(path: str) -> str:
    return f'command("make", "echo 1 > {{outputs}}", outputs=["{path}"])\n'


def copier(name: str, output: str = "o/x") -> str:
    return f'command("{name}", "cp a {{outputs}}", inputs=["a"], outputs=["{output}"])\n'


def test_a_made_header_that_moves_is_missed_at_once(project: Project) -> None:
    read = READER.format(inc="out/a.h")
    project.stagefile(maker("out/a.h") + read).build().ran("make", "read")

    project.stagefile(maker("out/b.h") + read)

    with project.unchanged():
        project.build("-n", "-j2").printed(
            """\
            miss   make  ~<time>  declared outputs changed
            miss   read  ~<time>  input missing: out/a.h
            remove  out/a.h  (no stage makes it any more)

            miss        2  run
            time   ~<time> with 2 jobs
                   longest chain ~<time>: make > read
            disk   4 B to write, 0 B to restore; the cache grows by <size>
                   enough: <size> free
            """
        )
        project.build("why", "read").printed(
            """\
            `read` would run
              because: input missing: out/a.h
                  was  2 B, be573118fb47
                  now  missing
              its key counts 0 declared inputs, 1 discovered input, the programs /bin/sh, cat
              last result: took <time>, made 2 B, key <key>
            """
        )
    project.build().failed("read").exited(1)  # as in a clean build
    assert not project.has("out/a.h")


def test_a_header_in_a_made_directory_that_goes_is_missed_at_once(project: Project) -> None:
    make = 'command("make", "mkdir inc; echo 1 > inc/a.h", outputs=["inc/"])\n'
    read = READER.format(inc="inc/a.h")
    project.stagefile(make + read).build().ran("make", "read")

    project.stagefile('command("make", "true", outputs=[])\n' + read)

    project.build("-n", "-j2").printed(
        """\
        miss   make  ~<time>  always runs
        miss   read  ~<time>  input missing: inc/a.h
        remove  inc  (no stage makes it any more)

        miss        2  run
        time   ~<time> with 2 jobs
               longest chain ~<time>: make > read
        disk   4 B to write, 0 B to restore; the cache grows by <size>
               enough: <size> free
        """
    )
    project.build().failed("read").exited(1)


def test_a_directory_that_loses_a_left_over_file_counts_without_it(project: Project) -> None:
    more = 'command("more", "echo 1 > {outputs}", outputs=["d/more"])\n'
    read = 'command("read", "ls d > {outputs}", inputs=["d"], outputs=["names"])\n'
    project.write("d/a", "").stagefile(more + read).build().ran("more", "read")

    project.stagefile(read)

    project.build("-n", "-j2").printed(
        """\
        maybe  read  ~<time>  upstream runs: d
        remove  d/more  (no stage makes it any more)

        maybe       1  run only if what they wait for changes
        runs   0 for certain, 1 at most
        time   ~<time> with 2 jobs
        disk   7 B to write, 0 B to restore; the cache grows by <size>
               enough: <size> free
        """
    )
    project.build().ran("read")
    assert project.read("names") == "a\n"
    project.build().ran()


def test_a_link_to_what_is_left_over_is_missed_at_once(project: Project) -> None:
    read = 'command("read", "cat link > {outputs} || true", inputs=["link"], outputs=["o"])\n'
    project.write("b", "").stagefile(maker("a") + read)
    (project.root / "link").symlink_to("a")
    project.build().ran("make", "read")
    project.build()  # the second one did not wait: it runs again unless it began late enough

    project.stagefile(read)

    project.build("-n", "-j2").printed(
        """\
        miss   read  ~<time>  input changed: link
        remove  a  (no stage makes it any more)

        miss        1  run
        time   ~<time> with 2 jobs
        disk   2 B to write, 0 B to restore; the cache grows by <size>
               enough: <size> free
        """
    )
    project.build().ran("read")


def test_a_program_that_is_left_over_is_missed_at_once(project: Project) -> None:
    make = (
        'command("make", "echo echo 1 > {outputs} && chmod +x {outputs}", outputs=["bin/tool"])\n'
    )
    run = """command("run", "tool > {outputs}", outputs=["o"], env={"PATH": "bin:/bin"}, after=["make"])\n"""
    project.stagefile(make + run).build().exited(0)
    project.build().ran()

    project.stagefile(make.replace("bin/tool", "bin/other") + run)

    project.build("-n", "-j2").printed(
        """\
        miss   make  ~<time>  declared outputs changed
        miss   run  ~<time>  program changed: tool
        remove  bin/tool  (no stage makes it any more)

        miss        2  run
        time   ~<time> with 2 jobs
               longest chain ~<time>: make > run
        disk   9 B to write, 0 B to restore; the cache grows by <size>
               enough: <size> free

        look at this first:
          `tool`: a program that a stage starts is not on this machine (run)
              install it, or name another
        """
    )
    project.build().failed("run").exited(1)


def test_the_output_of_a_stage_that_was_renamed_goes_with_it(project: Project) -> None:
    rest = maker("other")
    project.write("a", "1").stagefile(copier("old") + rest).build().ran("old", "make")
    project.stagefile(copier("new") + rest).build().exited(0)
    project.write("a", "2").build().ran("new")

    project.stagefile(rest).build().printed(
        """\
        stagemake: removed `o/x`, which no stage makes any more
        stagemake: up to date
        """
    )

    assert not project.has("o/x")


def test_cleaning_goes_by_the_latest_record_of_a_path(project: Project) -> None:
    project.write("a", "1").stagefile(copier("old")).build().ran("old")
    project.stagefile(copier("new")).write("a", "2").build().ran("new")

    project.build("clean").printed("removed o/x\nstagemake: 1 output removed\n")


def test_what_another_stage_made_at_a_path_since_is_not_put_aside(project: Project) -> None:
    one = copier("one", "x") + copier("two", "y").replace("cp a", "cat a a >")
    two = copier("one", "y") + copier("two", "x").replace("cp a", "cat a a >")
    project.write("a", "1").stagefile(one).build().ran("one", "two")
    project.stagefile(two).write("a", "2").build("one").ran("one")

    project.stagefile(one).write("a", "3").build("two").printed(
        """\
        [1/1] ran       two  <time>
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_an_edit_that_brings_back_an_older_result_is_still_the_users(project: Project) -> None:
    rest = maker("other")
    project.write("a", "1").stagefile(copier("old") + rest).build().ran("old", "make")
    project.stagefile(copier("new") + rest).write("a", "2").build().ran("new")
    project.write("o/x", "1")

    project.stagefile(rest).build().exited(0)

    assert project.read("o/x") == "1"
