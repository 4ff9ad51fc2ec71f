"""Whatever a build notes and wherever it is killed: the next one knows what was on file, in order, and nothing else."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake.kept_snapshot import KeptSnapshot
from stagemake.state import StateStore

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Snapshot, Trace

NAMES = st.sampled_from(["a", "b", "c"])
OUTPUTS = st.lists(st.sampled_from(["x", "y", "z", "d/"]), max_size=3).map(tuple)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["begin", "begin_restoring", "settle", "settle_soon"]), NAMES, OUTPUTS),
        st.tuples(st.just("forget"), NAMES, st.just(())),
        st.tuples(st.sampled_from(["flush", "kill", "save", "save part", "mark"]), st.just(""), st.just(())),
    ),
    max_size=14,
)  # fmt: skip


def trace_of(outputs: tuple[str, ...], number: int) -> Trace:
    """Return the trace of a run, told from others by its number."""
    declaration = ("command", (), (), (), outputs, (), (), (), "", b"")
    return (
        declaration, f"{number:032}", (), (), (), tuple("f:0:1" for _ in outputs), (), ((), ()), (0.1, 0.1, 2),
    )  # fmt: skip


@define
class Known:
    """What is to be known after a kill, as the words of `StateStore` say it."""

    traces: dict[str, Trace] = field(factory=dict)  # the latest last
    lies_about: dict[str, list[str]] = field(factory=dict)  # outputs of what is not done
    _waiting: list[tuple[str, Trace]] = field(factory=list)  # that a kill loses

    def begin(self, name: str, outputs: tuple[str, ...]) -> None:
        self.flush()
        left = [*self.lies_about.get(name, []), *outputs]
        left += self.traces.pop(name)[0][4] if name in self.traces else ()
        self.lies_about[name] = sorted(set(left), key=left.index)

    def settle(self, name: str, trace: Trace) -> None:
        self.flush()
        self._put(name, trace)

    def settle_soon(self, name: str, trace: Trace) -> None:
        self._waiting.append((name, trace))

    def forget(self, name: str) -> None:
        self.flush()
        self.traces.pop(name, None)
        self.lies_about[name] = []

    def flush(self) -> None:
        for name, trace in self._waiting:
            self._put(name, trace)
        self._waiting.clear()

    def kill(self) -> None:
        self._waiting.clear()

    def _put(self, name: str, trace: Trace) -> None:
        self.traces.pop(name, None)
        self.traces[name] = trace
        self.lies_about.pop(name, None)


def content(found: Snapshot) -> tuple[list[tuple[str, Trace]], dict[str, list[str]]]:
    return list(found.traces.items()), {name: list(paths) for name, paths in found.interrupted.items()}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, keeps=st.booleans())
def test_the_next_build_knows_what_was_on_file(
    steps: list[tuple[str, str, tuple[str, ...]]], keeps: bool
) -> None:
    with tempfile.TemporaryDirectory() as root:
        kept, known = KeptSnapshot() if keeps else None, Known()

        def begun() -> StateStore:
            state = StateStore(root, "Stagefile", kept)
            assert content(state.snapshot) == (list(known.traces.items()), known.lies_about)
            state.open()
            return state

        state = begun()
        for number, (step, name, outputs) in enumerate(steps):
            if step in {"begin", "begin_restoring"}:
                getattr(state, step)(name, outputs)
                known.begin(name, outputs)
            elif step in {"settle", "settle_soon"}:
                trace = trace_of(outputs, number)
                getattr(state, step)(name, trace)
                getattr(known, step)(name, trace)
            elif step == "forget":
                state.forget(name)
                known.forget(name)
            elif step == "flush":
                state.flush()
                known.flush()
            elif step == "mark":
                state.mark_changed()
            elif step == "kill":
                state.close()
                known.kill()
                state = begun()
            else:
                known.flush()  # what waits is in the snapshot
                state.save()
                if step == "save part" and not known.lies_about and known.traces:
                    _by_itself(root, known, number)
                state = begun()
        state.close()


def _by_itself(root: str, known: Known, number: int) -> None:
    """Build one stage as if it were one among many, and find that the others stayed as they were."""
    name = next(iter(known.traces))
    state = StateStore(root, "Stagefile")
    state.limit_to([name])
    assert state.snapshot.traces[name] == known.traces[name]
    state.open()
    for step in ("begin", "settle"):
        given = known.traces[name][0][4] if step == "begin" else trace_of(("own",), 1000 + number)
        getattr(state, step)(name, given)
        getattr(known, step)(name, given)
    state.save()
