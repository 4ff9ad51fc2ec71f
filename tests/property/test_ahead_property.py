"""The tool's idea of the line and the supervisor's, which hear of each other later, come to the same."""

from __future__ import annotations

from collections import deque

from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.execute.ahead import Ahead
from stagemake.runner.line import Line, LineRules
from stagemake.runner.port import WITHDRAWN, Completion, Work

JOBS = 3
TRIED = 16  # short actions, after which the line is used


@define
class Both:
    """Tool and supervisor with the messages that are under way between them."""

    stops_at_failure: bool
    line: Line = field(factory=Line)
    at_work: list[int] = field(factory=list)  # as the supervisor knows
    requests: deque[tuple[str, int, int, int]] = field(factory=deque)
    replies: deque[Completion] = field(factory=deque)
    ahead: Ahead = field(init=False)
    running: set[int] = field(factory=set)  # as the tool knows
    next_id: int = 0
    is_over: bool = False  # as the tool knows
    has_failed: bool = False  # an action that ends the build; the tool hears of it later
    late: set[int] = field(factory=set)  # what came to the supervisor's line after that

    def __attrs_post_init__(self) -> None:
        self.ahead = Ahead(self, JOBS, self.stops_at_failure)
        for _ in range(TRIED):
            self.ahead.note_end(Completion(-1, 0, started_s=1.0, wall_s=0.001))

    def line_up(self, work: Work, room: int, low: int, *, stops_at_failure: bool) -> None:
        """Be the runner."""
        assert stops_at_failure is self.stops_at_failure
        self.requests.append(("line up", work.stage_id, room, low))

    def withdraw(self) -> None:
        """Be the runner."""
        self.requests.append(("withdraw", 0, 0, 0))

    def fill(self, most: int) -> None:
        """Start what there is room for, and line up `most` more, as the scheduler does."""
        while not self.is_over and len(self.running) < JOBS:
            self.running.add(self.next_id)
            self.requests.append(("start", self.next_id, 0, 0))
            self.next_id += 1
        for _ in range(most):
            if self.is_over or not self.ahead.has_place:
                return
            self.ahead.line_up(Work(self.next_id, {}), len(self.running), now_s=0.0)
            self.next_id += 1

    def hear(self) -> None:
        """Take in one completion, as the scheduler does."""
        completion = self.replies.popleft()
        was_waiting = self.ahead.note_end(completion)
        if completion.exit_code == WITHDRAWN:
            if not was_waiting:  # lined up after a failure that the tool had not heard of
                assert completion.stage_id in self.late, "it was thought to have begun"
                self.running.remove(completion.stage_id)
            return
        assert not was_waiting, "it was thought not to have begun"
        self.running.remove(completion.stage_id)
        follower = self.ahead.next(completion)
        if follower is not None:
            self.running.add(follower[0])
        if completion.exit_code and self.stops_at_failure:
            self.is_over = True

    def serve(self) -> None:
        """Carry out one request, as the supervisor does."""
        kind, stage_id, room, low = self.requests.popleft()
        if kind == "start":
            self.line.note_start()
            self.at_work.append(stage_id)
        elif kind == "line up":
            if self.has_failed:
                self.late.add(stage_id)
            rules = LineRules(room, low, stops_at_failure=self.stops_at_failure)
            self.line.add(Work(stage_id, {}), rules)
        else:
            self.replies += [Completion(left, WITHDRAWN) for left in self.line.empty()]
        self._advance()

    def end(self, which: int, exit_code: int) -> None:
        """Have an action end."""
        stage_id = self.at_work.pop(which % len(self.at_work))
        self.has_failed |= bool(exit_code) and self.stops_at_failure
        completion = Completion(stage_id, exit_code, started_s=1.0, wall_s=0.001)
        self.line.note_end(completion)
        self.replies.append(completion)
        self._advance()

    def _advance(self) -> None:
        while (work := self.line.next(len(self.at_work))) is not None:
            self.at_work.append(work.stage_id)
        assert len(self.at_work) <= JOBS


@example(True, [("f", 1, False), ("s", 0, False), ("s", 0, False), ("e", 0, False), ("e", 0, True)])
@example(
    True,
    [
        ("f", 1, False),
        ("s", 0, False),
        ("e", 0, False),
        ("h", 0, False),
        ("s", 0, False),
        ("e", 0, True),
    ],
)
@given(
    st.booleans(),
    st.lists(st.tuples(st.sampled_from("fhse"), st.integers(0, 5), st.booleans()), max_size=80),
)
def test_tool_and_supervisor_agree_whatever_is_under_way(stops, turns) -> None:
    both = Both(stops)

    for kind, number, fails in turns:
        if kind == "f":
            if both.is_over:
                both.ahead.withdraw()
            both.fill(number)
        elif kind == "h" and both.replies:
            both.hear()
        elif kind == "s" and both.requests:
            both.serve()
        elif kind == "e" and both.at_work:
            both.end(number, int(fails and number == 0))

    both.is_over = True
    both.ahead.withdraw()
    while both.requests or both.replies or both.at_work:
        while both.requests:
            both.serve()
        while both.replies:
            both.hear()
        if both.at_work:
            both.end(0, 0)
    assert not both.running
    assert both.ahead.is_empty
    assert both.line.empty() == []
