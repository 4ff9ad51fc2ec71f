from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagemake.runner.capture import Excerpt
from stagemake.runner.port import Completion, Work
from stagemake.runner.protocol import Inbox, completion_message, encode, start_message

TEXT = st.text(st.characters(codec=None))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.binary() | TEXT,
    lambda inner: st.tuples(inner, inner) | st.dictionaries(TEXT, inner),
)


@given(st.lists(VALUES), st.integers(1, 50))
def test_messages_arrive_whole_and_in_order_in_pieces_of_any_size(values, piece) -> None:
    stream = b"".join(encode(value) for value in values)
    inbox = Inbox()

    arrived = []
    for start in range(0, len(stream), piece):
        arrived += inbox.feed(stream[start : start + piece])

    assert values == arrived


def test_a_work_and_a_completion_come_out_as_they_went_in() -> None:
    work = Work(7, {"A": "\udcff"}, argv=("x", ""), timeout_s=1.5, console=True, cwd="d")
    completion = Completion(7, -9, b"o", b"e", b"v", 1.0, 2.0, 3.0, 4, True, "note", 5)

    ((_, *fields),) = Inbox().feed(start_message(work))
    ((_, *report),) = Inbox().feed(completion_message(completion))

    assert work == Work(*fields)
    assert completion == Completion(*report)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 20).map(lambda half: 2 * half))
def test_an_excerpt_keeps_both_ends_and_says_what_it_cut(pieces, limit) -> None:
    everything = b"".join(pieces)
    excerpt = Excerpt(limit)
    for piece in pieces:
        excerpt.add(piece)

    kept = excerpt.take()

    cut = len(everything) - limit
    line = b"\n[stagemake: %d bytes of output left out here]\n" % cut
    half = limit // 2
    assert kept == (everything if cut <= 0 else everything[:half] + line + everything[-half:])
    assert excerpt.take() == b""
