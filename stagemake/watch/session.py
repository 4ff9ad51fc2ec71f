"""The loop of `stagemake watch`: build, wait for changes that count, give up what they overtake, build again."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.error import StagemakeError, UnknownTarget
from stagemake.model.refused import refused
from stagemake.model.result import Outcome
from stagemake.watch.mailbox import Asked, Changed, Debounce, Ended, Mailbox, Pressed
from stagemake.watch.watcher import Poller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagemake.model.result import BuildOutcome
    from stagemake.watch.mailbox import Message
    from stagemake.watch.port import Bench, Follower, Teller
    from stagemake.watch.watcher import Watcher

_LOOK_AGAIN_S = 0.5  # after the last change: notices may have been lost, so all is looked at once


@define
class Watch:
    """One run of `stagemake watch`. `hear` is called from threads, `ask_to_end` from signal handlers."""

    bench: Bench
    tell: Teller
    make_watcher: Callable[[Callable[[Changed], None]], Watcher]
    followers: tuple[Follower, ...] = ()
    mailbox: Mailbox = field(factory=Mailbox)
    now_s: Callable[[], float] = time.monotonic
    _watcher: Watcher = field(init=False)
    _debounce: Debounce = field(init=False)
    _slices: Iterator[set[str]] | None = None  # of a look at everything
    _look_at_s: float | None = None  # when the next one begins
    _may_watch_others: bool = True  # what counts may be in other directories now
    _is_building: bool = False
    _overtaken_by: str = ""
    _owes: bool = False  # the last build was given up: another one, whatever a look finds
    _unsure: frozenset[str] = frozenset()  # stages of the last build, see `_is_unsure`
    _was_good: bool = False
    _has_begun: bool = False  # the first build is over: its targets were known
    _last: BuildOutcome | None = None
    _signal: int = 0
    _is_over: bool = False

    def __attrs_post_init__(self) -> None:
        self._watcher = self.make_watcher(self.hear)
        self._debounce = Debounce(self.now_s)
        self.bench.on_ready = self._place_watches

    def run(self) -> int:
        """Build and watch until somebody asks to end; return the exit status."""
        try:
            self._build(None)
            while not self._is_over:
                if self._may_watch_others:  # not before what was heard is looked at: somebody waits
                    self._place_watches()
                message = self.mailbox.take(self._patience_s())
                if message is None:
                    self._on_time()
                else:
                    self._take(message)
        finally:
            self._watcher.close()
            for follower in self.followers:
                follower.close()
        return 128 + self._signal if self._signal else 0

    # -- from other threads ----------------------------------------------------------------------

    def hear(self, changed: Changed) -> None:
        """Take in a notice; the build that runs is given up if it is about what that build goes by."""
        self.mailbox.put(changed)
        if not self._is_building or self._overtaken_by:
            return
        interest = self.bench.interest
        if changed.paths is None:
            paths = {path for moved in interest.slices() for path in moved}
            moved = interest.moved_meanwhile({interest.full(path) for path in paths})
        else:
            moved = interest.moved_meanwhile(changed.paths)
        if moved and self._is_building:
            self._overtaken_by = min(moved)
            self.bench.stop(signal.SIGTERM)

    def press(self, key: str) -> None:
        """Take in a key."""
        self._is_over |= key == "q"
        self.mailbox.put(Pressed(key))
        if key in {"q", "r"} and self._is_building:
            self.bench.stop(signal.SIGTERM)

    def ask_to_end(self, number: int) -> None:
        """Take in a signal."""
        self._signal = self._signal or number
        self._is_over = True
        self.mailbox.put(Asked(number))
        self.bench.stop(number)

    # -- the loop --------------------------------------------------------------------------------

    def _patience_s(self) -> float | None:
        """Return how long to wait for a message: until changes are due, or everything is to be looked at."""
        due_s = self._debounce.due_in_s()
        if due_s is not None:
            return due_s
        if self._slices is not None:
            return 0.0
        if self._look_at_s is not None:
            return max(0.0, self._look_at_s - self.now_s())
        return None

    def _take(self, message: Message) -> None:
        if isinstance(message, Changed):
            self._debounce.add(message)
        elif isinstance(message, Pressed):
            self._on_key(message.key)
        elif isinstance(message, Ended):
            for follower in self.followers:
                follower.ended(message)

    def _on_key(self, key: str) -> None:
        if key == "r":
            self._build(None)
        elif key == "w":
            self.tell.why(self._last)
        elif key in {"h", "?", "\r", "\n"}:
            self.tell.help()

    def _on_time(self) -> None:
        if self._debounce.due_in_s() is not None:
            self._look()
        elif self._slices is not None:
            self._look_at_a_slice(self._slices)
        elif self._look_at_s is not None:
            self._look_everywhere()

    def _look(self) -> None:
        """Look at what was heard of; build if it counts."""
        paths, is_everywhere = self._debounce.take()
        self._may_watch_others = True
        if self.bench.is_held_elsewhere:  # what it makes is its own affair, until it is done
            self._debounce.add(Changed(None if is_everywhere else frozenset(paths)))
            return
        others_built = self.bench.catch_up()
        self._owes |= others_built and bool(self.bench.services)  # which may read what was made
        if others_built or is_everywhere:
            self._look_everywhere()
        else:
            self._look_at_s = self.now_s() + _LOOK_AGAIN_S
        moved = self.bench.interest.moved(paths)
        if moved or self._owes:
            self._build(moved)

    def _look_everywhere(self) -> None:
        self._look_at_s = None
        self._slices = self.bench.interest.slices()

    def _look_at_a_slice(self, slices: Iterator[set[str]]) -> None:
        moved = next(slices, None)
        if moved is None:
            self._slices, self._may_watch_others = None, True
        elif moved:
            # As if it had been heard of: what is looked at then is looked at together.
            interest = self.bench.interest
            self._debounce.add(Changed(frozenset(map(interest.full, moved))))

    def _place_watches(self) -> None:
        """Watch where something counts now. What happened there before was not heard: all is looked at."""
        self._may_watch_others = False
        try:
            if self._watcher.watch(self.bench.interest.directories()):
                self._look_everywhere()
        except OSError as error:
            self.tell.notice(
                f"the system does not let these files be watched ({(error.strerror or str(error)).lower()}): "
                "looking at them every second instead"
            )
            self._watcher.close()
            self._watcher = Poller(self.hear)

    # -- building --------------------------------------------------------------------------------

    def _build(self, moved: set[str] | None) -> None:
        if self._last is not None or moved:
            self.tell.changed(sorted(path.rstrip("/") for path in moved or ()))
        self._slices, self._owes, self._overtaken_by = None, False, ""
        self._may_watch_others = True
        self._look_at_s = self.now_s()  # afterwards: there may have been notices that were lost
        outcome = None
        with self._telling_of_mistakes(), self._building():
            outcome = self.bench.build(moved)
        self._has_begun = True
        if outcome is not None:
            self._last = outcome
            if outcome.ok:
                self._follow(outcome)
        self._was_good = outcome is not None and outcome.ok
        if self._overtaken_by:
            self.tell.given_up(self._overtaken_by)
        is_cut_short = self._overtaken_by or (outcome is not None and outcome.interrupted_by)
        if (outcome is not None and self._is_unsure(outcome)) or is_cut_short:
            self._owes = True
            self._debounce.add(Changed(frozenset()))
        if outcome is not None:
            with self._telling_of_mistakes():  # the graph as it is now may have some
                self.bench.look_back(outcome)
        if not (self._owes or self._is_over):
            self.tell.waiting()

    def _is_unsure(self, outcome: BuildOutcome) -> bool:
        """Return whether stages read what was edited meanwhile, where nobody may have listened yet.

        Of a link that was just set, a new directory, a header that was just discovered, notices come from the next
        build on. A stage that is unsure twice in a row changes what it reads itself, or names what is not there.
        """
        before, self._unsure = self._unsure, unrecorded(outcome)
        return not self._unsure <= before

    @contextlib.contextmanager
    def _telling_of_mistakes(self) -> Iterator[None]:
        """Tell of what a change can mend, and go on."""
        try:
            yield
        except StagemakeError as error:
            if isinstance(error, UnknownTarget) and not self._has_begun:
                raise  # a slip on the command line, which no change mends
            self.tell.mistake(error)
        except BrokenPipeError:
            raise  # nobody reads us any more
        except OSError as error:  # a full disk; `.stagemake/` was removed meanwhile
            self.tell.mistake(refused(error))

    def _follow(self, outcome: BuildOutcome) -> None:
        for follower in self.followers:
            follower.follow(outcome, is_first=not self._was_good)

    @contextlib.contextmanager
    def _building(self) -> Iterator[None]:
        self._is_building = True
        try:
            yield
        finally:
            self._is_building = False


def did_something(outcome: BuildOutcome) -> bool:
    """Return whether a build has made or removed anything."""
    return bool(outcome.count(Outcome.RAN) or outcome.count(Outcome.RESTORED) or outcome.removed)


def unrecorded(outcome: BuildOutcome) -> frozenset[str]:
    """Return the names of stages that ran well, and of which nothing was recorded: an input changed while they ran."""
    return frozenset(
        [one.name for one in outcome.results if one.outcome is Outcome.RAN and one.key is None]
    )
