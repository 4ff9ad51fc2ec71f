from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

import pytest
from runner_kit import DEADLINE_S, ENV, Lifeline, local_runner, run_all, run_one, shell

from stagemake.runner.peak import RSS_UNIT_BYTES
from stagemake.runner.port import STDERR, STDOUT, Work


@pytest.fixture
def runner(tmp_path):
    with local_runner(tmp_path, grace_s=0.05) as runner:
        yield runner


def script(path, text, mode=0o755):
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_two_hundred_commands_side_by_side_each_get_their_own_output(runner) -> None:
    texts = {i: f"echo out {i}; echo err {i} >&2; exit {i % 7}" for i in range(200)}

    done = run_all(runner, (shell(i, text) for i, text in texts.items()), jobs=8)

    assert {i: (b"out %d\n" % i, b"err %d\n" % i, i % 7) for i in texts} == {
        i: (each.stdout, each.stderr, each.exit_code) for i, each in done.items()
    }


def test_the_environment_is_exactly_the_works_and_the_marker(tmp_path) -> None:
    env = {"PATH": "/usr/bin:/bin", "EMPTY": "", "Ü": "\udcff x"}

    with local_runner(tmp_path) as runner:
        done = run_one(runner, Work(3, env, argv=("env", "-0")))

    marker = f"STAGEMAKE_MARKER={runner._settings.marker}-3".encode()
    given = [f"{name}={value}".encode(errors="surrogateescape") for name, value in env.items()]
    assert sorted([marker, *given]) == sorted(done.stdout.split(b"\0")[:-1])


def test_a_command_runs_in_the_root_with_no_input_and_default_signals_and_umask(
    runner, tmp_path
) -> None:
    text = "pwd; wc -c; umask; grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l"

    done = run_one(runner, shell(0, text))

    where, size, mask, *signals, fds = done.stdout.decode().split("\n")[:-1]
    assert (str(tmp_path), "0", "0022") == (where, size.strip(), mask)
    # 32 and 33 are the C library's own and may come so from whoever started the tests.
    assert {int(line.split()[1], 16) & ~(3 << 31) for line in signals} == {0}
    assert fds.strip() == "4"  # 0, 1, 2 and the one that ls lists with


def test_reopening_the_standard_streams_appends(runner) -> None:
    done = run_one(runner, shell(0, "echo a; echo b >/dev/stdout; echo c >/dev/stderr; echo d >&2"))

    assert (done.stdout, done.stderr) == (b"a\nb\n", b"c\nd\n")


def test_binary_output_comes_back_as_it_is(runner, tmp_path) -> None:
    junk = bytes(range(256)) * 300
    (tmp_path / "junk").write_bytes(junk)

    done = run_one(runner, shell(0, "cat junk; cat junk >&2"))

    assert (junk, junk) == (done.stdout, done.stderr)


def test_endless_output_is_capped_at_both_ends(tmp_path) -> None:
    with local_runner(tmp_path, capture_limit_bytes=1000) as runner:
        done = run_one(runner, shell(0, "echo first; yes | head -c 3000000; echo last"))

    assert done.stdout.startswith(b"first\ny\n")
    assert done.stdout.endswith(b"y\nlast\n")
    assert b"\n[stagemake: 2999011 bytes of output left out here]\n" in done.stdout


def test_output_of_many_megabytes_passes(runner) -> None:
    done = run_one(runner, shell(0, "head -c 9000000 /dev/zero"))

    assert done.stdout == bytes(9_000_000)


def test_a_pipe_left_non_blocking_does_not_disturb_the_next_command(runner) -> None:
    spoil = f"{sys.executable} -c 'import os; os.set_blocking(1, False)'"

    run_one(runner, shell(0, spoil))
    done = run_one(runner, shell(1, f"{sys.executable} -c 'import os; print(os.get_blocking(1))'"))

    assert done.stdout == b"True\n"


@pytest.mark.parametrize(
    ("argv", "code", "note"),
    [
        (("nope",), 127, "could not start `nope`: not found on PATH"),
        (("./nope",), 127, "could not start `./nope`: no such file or directory"),
        (("./plain",), 126, "could not start `./plain`: permission denied"),
        (("plain",), 126, "could not start `bin/plain`: it is not executable"),
        (("./lost",), 127, "could not start `./lost`: its interpreter is missing"),
        (("./damaged",), 126, "could not start `./damaged`: exec format error"),
        (
            ("./for-another-machine",),
            126,
            "could not start `./for-another-machine`: exec format error",
        ),
        (("./",), 126, "could not start `./`: permission denied"),
        (("true", "a\0b"), 126, "could not start `true`: embedded null byte"),
        (("true", "x" * 200_000), 126, "could not start `/bin/true`: argument list too long"),
        ((), 127, "could not start: the command is empty"),
    ],
)
def test_what_can_not_start_says_why(runner, tmp_path, argv, code, note) -> None:
    (tmp_path / "bin").mkdir()
    script(tmp_path / "plain", "", 0o644)
    script(tmp_path / "bin" / "plain", "", 0o644)
    script(tmp_path / "lost", "#!/no/such/interpreter\n")
    script(tmp_path / "damaged", "\0" * 4096)
    script(tmp_path / "for-another-machine", "\x7fELF\x01\n\ntrue\n")

    done = run_one(runner, Work(0, {"PATH": "/bin:bin"}, argv=argv))

    assert (code, note, b"") == (done.exit_code, done.note, done.stderr)


def test_a_program_is_looked_up_on_the_works_own_path(runner, tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "tool").mkdir()  # a directory is no program
    (tmp_path / "two").mkdir()
    script(tmp_path / "two" / "tool", '#!/bin/sh\necho "two $1"\n')

    done = run_one(runner, Work(0, {"PATH": "one:two:/bin"}, argv=("tool", "x y")))

    assert done.stdout == b"two x y\n"


def test_a_script_without_an_interpreter_line_is_run_by_sh(runner, tmp_path) -> None:
    script(tmp_path / "bare", 'echo "ran $1"\n')

    done = run_one(runner, Work(0, ENV, argv=("./bare", "x y")))

    assert (done.exit_code, done.stdout) == (0, b"ran x y\n")


def test_costs_are_measured(runner) -> None:
    # What needs less than this process did when it started the supervisor is not told apart from it.
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES + 200_000_000
    burn = f"b = bytearray({size}); sum(range(1_000_000))"

    done = run_one(runner, Work(0, ENV, argv=(sys.executable, "-S", "-c", burn)))

    assert done.cpu_s > 0.01
    assert done.wall_s >= done.cpu_s / 2
    assert done.peak_rss_bytes > size * 0.95
    assert done.started_s > 0


def test_a_timeout_ends_the_action_politely(tmp_path) -> None:
    text = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"

    with local_runner(tmp_path, grace_s=DEADLINE_S) as runner:
        done = run_one(runner, shell(0, text, timeout_s=1.5))  # by then it has set its trap

    assert (done.timed_out, done.exit_code, done.stdout) == (True, 124, b"up\nbye\n")


def test_what_ignores_the_polite_signal_is_killed(runner) -> None:
    # The time is what the shell has for its first words.
    done = run_one(runner, shell(0, "trap '' TERM; while :; do sleep 0.01; done", timeout_s=1.5))

    assert (done.timed_out, done.exit_code) == (True, -signal.SIGKILL)


def test_stop_ends_all_and_their_completions_arrive(tmp_path) -> None:
    line = Lifeline(tmp_path / "line")
    with local_runner(tmp_path, grace_s=1.5) as runner:  # in which the first one dies of TERM
        for i in range(3):
            text = f"exec 9>line; {'trap : TERM;' * i} echo up >&9; while :; do sleep 60; done"
            runner.start(shell(i, text))
        line.expect(3)

        runner.stop(now=False)

        codes = {}
        while len(codes) < 3:
            codes |= {each.stage_id: each.exit_code for each in runner.wait(DEADLINE_S)}
        assert codes == {0: -signal.SIGTERM, 1: -signal.SIGKILL, 2: -signal.SIGKILL}
        line.expect_end()


def test_stop_now_kills(tmp_path) -> None:
    line = Lifeline(tmp_path / "line")
    with local_runner(tmp_path, grace_s=1e6) as runner:
        runner.start(shell(0, "exec 9>line; trap '' TERM; echo up >&9; while :; do sleep 60; done"))
        line.expect(1)
        runner.stop(now=False)

        runner.stop(now=True)

        assert [each.exit_code for each in runner.wait(DEADLINE_S)] == [-signal.SIGKILL]
        assert runner.wait(None) == []


def test_wait_is_over_when_its_time_is(runner, tmp_path) -> None:
    os.mkfifo(tmp_path / "gate")
    runner.start(shell(0, "read line <gate"))

    assert runner.wait(0) == []
    assert runner.wait(0.01) == []

    with open(tmp_path / "gate", "w") as gate:
        gate.write("go\n")
    assert [each.exit_code for each in runner.wait(DEADLINE_S)] == [0]


def test_wait_is_woken_by_the_wakeup_descriptor(tmp_path) -> None:
    wakeup_fd, signal_fd = os.pipe()
    with local_runner(tmp_path, wakeup_fd=wakeup_fd) as runner:
        runner.start(shell(0, "sleep 1000"))

        os.write(signal_fd, b"!")

        assert runner.wait(None) == []


def test_a_dead_supervisor_makes_failures_and_the_next_start_works(tmp_path) -> None:
    line = Lifeline(tmp_path / "line")
    with local_runner(tmp_path) as runner:
        for i in range(2):
            runner.start(shell(i, "exec 9>line; echo up >&9; sleep 1000"))
        line.expect(2)

        os.kill(runner._link._pid, signal.SIGKILL)

        lost = runner.wait(DEADLINE_S)
        note = "the supervisor process died; what ran was ended"
        assert [(0, -9, note), (1, -9, note)] == [(c.stage_id, c.exit_code, c.note) for c in lost]
        line.expect_end()
        assert run_one(runner, shell(5, "echo again")).stdout == b"again\n"


def test_a_console_action_uses_the_tools_own_streams_and_process_group(capfd, tmp_path) -> None:
    with local_runner(tmp_path) as runner:
        text = "echo shown; ps -o pgid= -p $$"

        done = run_one(runner, shell(0, text, console=True))

    assert (done.exit_code, done.stdout) == (0, b"")
    assert ["shown", str(os.getpgrp())] == capfd.readouterr().out.split()


def test_an_action_runs_in_its_working_directory_and_the_next_one_in_the_root(tmp_path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    call = lambda _, payload: os.getcwd().encode()
    with local_runner(tmp_path, call=call) as runner:
        works = [
            shell(0, "pwd -P", cwd="d/e"),
            shell(1, "pwd -P"),
            Work(2, ENV, payload=b"", cwd="d"),
            Work(3, ENV, payload=b""),
        ]

        done = run_all(runner, works, jobs=1)

    assert [f"{tmp_path}/d/e\n", f"{tmp_path}\n"] == [done[i].stdout.decode() for i in (0, 1)]
    assert [f"{tmp_path}/d", f"{tmp_path}"] == [(done[i].value or b"").decode() for i in (2, 3)]


def test_a_working_directory_that_cannot_be_entered_is_a_refusal(tmp_path) -> None:
    (tmp_path / "file").touch()
    with local_runner(tmp_path) as runner:
        done = run_all(
            runner,
            [shell(0, "true", cwd="gone"), shell(1, "true", cwd="file"), shell(2, "pwd -P")],
            jobs=1,
        )

    assert [done[i].exit_code for i in range(3)] == [126, 126, 0]
    assert (
        done[0].note == "could not start: its working directory `gone`: No such file or directory"
    )
    assert done[1].note == "could not start: its working directory `file`: Not a directory"
    assert done[2].stdout.decode() == f"{tmp_path}\n"


def test_programs_are_found_from_the_working_directory(tmp_path) -> None:
    (tmp_path / "d/bin").mkdir(parents=True)
    for path in ("d/own", "d/bin/found"):
        (tmp_path / path).write_text("#!/bin/sh\necho $0\n")
        (tmp_path / path).chmod(0o755)
    env = {**ENV, "PATH": "bin:/usr/bin:/bin"}
    with local_runner(tmp_path) as runner:
        own = run_one(runner, Work(0, env, argv=("./own",), cwd="d"))
        found = run_one(runner, Work(1, env, argv=("found",), cwd="d"))

    assert (own.stdout, found.stdout) == (b"./own\n", b"bin/found\n")


def test_consoles_stdout_can_be_the_tools_stderr(capfd, tmp_path) -> None:
    with local_runner(tmp_path, console_stdout_fd=2) as runner:
        run_one(runner, shell(0, "echo out; echo err >&2", console=True))

    assert capfd.readouterr() == ("", "out\nerr\n")


def test_five_hundred_actions_leave_no_descriptor_and_no_zombie(tmp_path) -> None:
    with local_runner(tmp_path, call=lambda _, payload: payload) as runner:
        run_one(runner, shell(0, ":"))
        supervisor = runner._link._pid
        before = [len(os.listdir(f"/proc/{pid}/fd")) for pid in ("self", supervisor)]

        run_all(
            runner,
            (
                Work(i, ENV, payload=b"x")
                if i % 10 == 0
                else shell(i, "sleep 1000 & echo x" if i % 10 == 1 else "true")
                for i in range(500)
            ),
            jobs=1,
        )

        after = [len(os.listdir(f"/proc/{pid}/fd")) for pid in ("self", supervisor)]
        with open(f"/proc/{supervisor}/task/{supervisor}/children") as children:
            assert children.read() == ""
    assert before == after
    assert not os.path.exists(f"/proc/{supervisor}")


def test_what_the_tool_has_not_flushed_is_not_printed_twice(tmp_path) -> None:
    program = (
        "import sys, os; sys.path[:0] = sys.argv[1:]\n"
        "from runner_kit import *\n"
        "with local_runner('/', lambda i, p: print('called') or b'') as runner:\n"
        "    sys.stdout.write('tool\\n')\n"
        "    runner.prepare(); sys.stdout.write('held\\n')\n"
        "    assert run_one(runner, called(0)).stdout == b'called\\n'\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *sys.path],
        capture_output=True,
        timeout=DEADLINE_S,
        check=True,
    )

    assert done.stdout == b"tool\nheld\n"


def test_a_program_that_streams_is_heard_before_it_ends_and_keeps_nothing(tmp_path) -> None:
    heard: list[tuple[int, bytes]] = []
    ended = []
    with local_runner(tmp_path, on_said=lambda *said: heard.append(said)) as runner:
        os.mkfifo(tmp_path / "gate")
        runner.start(shell(4, "echo one; echo two >&2; cat gate", streams=True))
        while len(heard) < 2:
            ended += runner.wait(
                0.02
            )  # what is said is no end: with a longer one this would take as long
            assert not ended

        (tmp_path / "gate").write_text("three\n")
        while not ended:
            ended += runner.wait(DEADLINE_S)
        plain = run_one(runner, shell(5, "echo four"))

    assert sorted(heard[:2]) == [(4, STDOUT + b"one\n"), (4, STDERR + b"two\n")]
    assert heard[2:] == [(4, STDOUT + b"three\n")]
    assert (ended[0].stdout, ended[0].stderr, ended[0].exit_code) == (b"", b"", 0)
    assert plain.stdout == b"four\n"  # the pipes that served the one are as before for the next
