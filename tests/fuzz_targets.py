"""What reads bytes that may come from anywhere, and how to make bytes for it that get past its first check."""

from __future__ import annotations

import contextlib
import io
import json
import marshal
import tempfile
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen
from hypothesis import strategies as st

from stagemake import plan_files
from stagemake.cache.envelope import seal, unseal
from stagemake.cli.main import run
from stagemake.fingerprint.depfile import parse_depfile
from stagemake.freshness import journal, noop, sealed, snapshot
from stagemake.jobserver.auth import parse as parse_makeflags
from stagemake.model.entry import OutputFile, decode_manifest, encode_manifest
from stagemake.model.error import StagemakeError
from stagemake.model.record import (
    NearResult,
    decode_hint,
    decode_near,
    decode_result,
    encode_hint,
    encode_near,
    encode_result,
)
from stagemake.model.repeat import Repeat
from stagemake.model.result import ActionResult
from stagemake.past.codec import BEGIN, NewerFormat, line_of
from stagemake.past.decode import decode
from stagemake.past.repeats import Repeats
from stagemake.report.log_text import shown_log
from stagemake.settings import read_project_config
from stagemake.start.make_reader import read_makefile

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MEMORY_BYTES = 64 << 20  # that a reader may take for what is drawn here, some kilobytes
"""The bound that is checked; `tests/fuzz.py` checks the time as well."""

KEY = "act:" + "0" * 32


@frozen
class Target:
    """One reader."""

    name: str
    read: Callable[[bytes], object]
    sample: bytes  # well formed: mutations of it get deep
    inputs: st.SearchStrategy[bytes]

    def check(self, data: bytes) -> object:
        """Read the bytes; whatever is raised beyond the reader's own refusals is a fault."""
        tracemalloc.start()
        try:
            return self.read(data)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < MOST_MEMORY_BYTES + 64 * len(data), f"{self.name} took {peak} bytes"


@st.composite
def mutated(draw: st.DrawFn, sample: bytes) -> bytes:
    """Draw bytes like a sample's: some replaced, cut out, doubled, put in."""
    data = bytearray(sample)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 12)))
        more = draw(
            st.one_of(
                st.binary(max_size=6), st.just(bytes(data[at:end]) * 2), st.sampled_from(PIECES)
            )
        )
        data[at:end] = more
    return bytes(data)


PIECES = (
    b"", b"\0", b"\xff" * 8, b"-1", b"1e999", b"9" * 40, b"NaN", b"null", b"[" * 300, b'{"a":' * 300, b"../", b"/", b"\n",
    b"\\", b"$(", b"${", b"%", b":", b"\x1b[", b"\xed\xa0\x80", b'"', b"true", b"1" * 5000,
)  # fmt: skip

plain = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.binary(max_size=6),
        st.sampled_from(["../x", "/x", "a", "settle", "begin", "forget", "f:0:1", "-"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=9).map(tuple), st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=12,
)  # fmt: skip
"""Values of the kinds that state is made of, in shapes that it never has."""


def at_file(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Return a reader of bytes from one of files."""

    def from_bytes(data: bytes) -> Any:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "Makefile"
            path.write_bytes(data)
            return read(str(path))

    return from_bytes


def refusing(read: Callable[[bytes], Any], *refusals: type[Exception]) -> Callable[[bytes], Any]:
    """Return a reader whose own refusals are answers."""

    def heard(data: bytes) -> Any:
        try:
            return read(data)
        except refusals as error:
            return str(error) and None

    return heard


TRACE = (
    ("sh", ("x",), ("in",), (), ("out/a", "d/"), "", (), (), (), (), (), (), "", "", "", "linux", ()), "0" * 32, ("f:0:1",), (), (),
    ("f:0:1", "d:0"), (("d", "d"), ("d/a", "f:0:1")), ((), ()), (0.1, 0.1, 2),
)  # fmt: skip


def _snapshot(path: str) -> object:
    found = snapshot.load(path)
    part = snapshot.load_part(path, tuple(found.traces))
    assert part is None or part.traces == found.traces
    for trace in found.traces.values():
        assert snapshot.is_trace(trace)
    for paths in found.interrupted.values():
        assert snapshot.are_inside(paths)
    return found if found.traces else None


def _snapshot_bytes(value: object) -> bytes:
    """Return a snapshot whose checksums fit; of a tuple of other things than boot, memo, traces and interrupted its index is made."""
    blocks: list[bytes] = []
    if isinstance(value, tuple) and len(value) == 4 and isinstance(value[2], dict):
        boot, memo, traces, interrupted = value
        blocks = [marshal.dumps(one) for one in (tuple(traces.values()), {}, memo)]
        sums = [(len(one), zlib.crc32(one)) for one in blocks]
        value = (
            boot, interrupted, True, (tuple(traces),), (sums[0][0],), (sums[0][1],), tuple(sums[1:]),
        )  # fmt: skip
    index = marshal.dumps(value)
    front = (number.to_bytes(4, "little") for number in (zlib.crc32(index), len(index)))
    return b"".join((snapshot._header(), *front, index, *blocks))


def _journal(path: str) -> object:
    return list(journal.read(path)) or None


def _journal_bytes(record: object) -> bytes:
    body = marshal.dumps(record)
    return (
        journal.header()
        + len(body).to_bytes(4, "little")
        + zlib.crc32(body).to_bytes(4, "little")
        + body
    )


def _noop(path: str) -> object:
    directory = Path(path).parent
    Path(path).rename(directory / "noop")
    return noop.load(str(directory), "1")


def _config(path: str) -> object:
    directory = Path(path).parent
    Path(path).rename(directory / "pyproject.toml")
    return read_project_config(str(directory))


def _makefile(path: str) -> object:
    return read_makefile(str(Path(path).parent), "Makefile", {})


MANIFEST = (OutputFile("a", "file", "0" * 32, 3), OutputFile("d", "directory"), OutputFile("d/l", "symlink", target="../a"))  # fmt: skip
RESULT = encode_result(ActionResult(outputs=MANIFEST, discovered=("x.h",), provided=(("v", "1"),)))
BUILD = line_of(
    {
        "kind": BEGIN, "format": 1, "started_s": 1.0, "targets": ["a"], "jobs": 2, "stagemake": "0.1", "forecast_s": None, "roster": "x",
    }
)  # fmt: skip
DEPFILE = b"a.o b\\ c.o: a.c $$x \\\n  b\\#.h c\\:d\n\nb.h:\n"
MAKEFILE = b"A := x $(B:.c=.o)\nifeq ($(A),x)\nall: $(A)\n\tcc -o $@ $^\nelse\nendif\ndefine R\nx\nendef\n%.o: %.c\n\tcc $<\n-include *.d\n"
MAKEFLAGS = b"rR -j8 --jobserver-auth=fifo:/tmp/x --jobserver-fds=3,4 --jobserver-auth=5,6 -- A=-j2"
CONFIG = b"""[tool.stagemake]
jobs = 2
cache_size = "2 GB"
cache_age_days = 3.5
environment = "inherit"
jobserver = "auto"
keep_sources = false
plugins = ["a", "b"]
runner = "r"
[tool.stagemake.config]
x = {y = [1, 2.5, 1979-05-27]}
"""
REPEATS = json.dumps({"format": 1, "stages": [asdict(Repeat("a", "0" * 32))]}).encode()
SNAPSHOT = _snapshot_bytes(("boot", {}, {"a": TRACE}, {"b": ("x",)}))
JOURNAL = _journal_bytes(("settle", "a", TRACE))


def _in_json(data: object) -> bytes:
    return json.dumps(data, default=repr).encode("utf-8", "surrogatepass")


def _plan_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        stagefile, plan = Path(directory, "Stagefile"), Path(directory, "plan.json")
        stagefile.write_text(
            "from stagemake import command\n"
            'command("a", "cat {inputs} > {outputs}", inputs=["in"], outputs=["out"], env={"E": "1"}, params={"p": 1})\n'
        )
        Path(directory, "in").write_text("1")
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            run(["-C", directory, "-n", "-o", str(plan), "--cache-dir", f"{directory}/cache"])
        return plan.read_bytes()


PLAN = _plan_bytes()


@st.composite
def resealed(draw: st.DrawFn) -> bytes:
    """Draw a plan file with values of other kinds somewhere, and a seal that fits."""
    whole = json.loads(PLAN)
    del whole["seal"]
    for _ in range(draw(st.integers(1, 3))):
        at: Any = whole
        while True:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], (dict, list)) or not at[key] or draw(st.booleans()):
                break
            at = at[key]
        at[key] = json.loads(_in_json(draw(plain)))
    return _in_json({**whole, "seal": plan_files._seal(whole)})


def _target(
    name: str,
    read: Callable[[bytes], object],
    sample: bytes,
    *more: st.SearchStrategy[bytes],
) -> Target:
    return Target(name, read, sample, st.one_of(mutated(sample), st.binary(max_size=64), *more))


TARGETS = (
    _target("depfile", refusing(parse_depfile, ValueError), DEPFILE),
    _target(
        "manifest", refusing(lambda data: decode_manifest(json.loads(data)), ValueError, RecursionError),
        _in_json(encode_manifest(MANIFEST)), st.lists(st.lists(plain, max_size=5)).map(_in_json),
    ),
    _target("envelope", lambda data: unseal(KEY, data), seal(KEY, b"body")),
    _target("result", decode_result, RESULT),
    _target("hint", decode_hint, encode_hint([["a.h"]], 1.0, 2)),
    _target("near", decode_near, encode_near(NearResult("0" * 32, 1, (("input", "a", "0"),))) or b""),
    _target("snapshot", at_file(_snapshot), SNAPSHOT, plain.map(_snapshot_bytes), st.tuples(st.text(), *[st.dictionaries(st.text(max_size=2), plain, max_size=3)] * 3).map(_snapshot_bytes)),
    _target("journal", at_file(_journal), JOURNAL, plain.map(_journal_bytes), st.tuples(st.sampled_from(["begin", "settle", "forget"]), st.text(max_size=2), plain).map(_journal_bytes)),
    _target("noop", at_file(_noop), noop.encoded(("x",) * 16, "1"), plain.map(lambda value: sealed.sealed(value, noop._header("1")))),
    _target("history", refusing(lambda data: decode(1, data, is_running=False), NewerFormat), BUILD, st.dictionaries(st.sampled_from(["kind", "format", "targets"]), plain).map(lambda one: BUILD + b"%08x " % zlib.crc32(_in_json(one)) + _in_json(one))),
    _target("repeats", at_file(lambda path: Repeats(path).read() or None), REPEATS, plain.map(_in_json)),
    _target("plan file", refusing(at_file(plan_files.read_plan), StagemakeError), PLAN, resealed()),
    _target("jobserver", lambda data: parse_makeflags(data.decode("utf-8", "surrogateescape")), MAKEFLAGS),
    _target("config", refusing(at_file(_config), StagemakeError), CONFIG),
    _target("Makefile", refusing(at_file(_makefile), StagemakeError), MAKEFILE),
    _target("log", lambda data: shown_log(data, keep_colour=True), b"\x1b[31mred\x1b]0;t\x07\x1b[0m"),
)  # fmt: skip
