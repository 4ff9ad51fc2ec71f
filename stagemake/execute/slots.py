"""Which running stages have which tokens of a jobserver. Without one there is always room: `-j` alone decides."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

if TYPE_CHECKING:
    from stagemake.jobserver.pool import Pool

PAUSE_S = 0.02  # between two looks for a token, while one is wanted


class Purse(Protocol):
    """Keeps what was taken, and sees to it that it comes back whatever happens to this process."""

    def hold_token(self, token: bytes) -> None:
        """Take note of a token that was taken."""

    def return_token(self, token: bytes) -> None:
        """Have it put back."""


@define(eq=False, repr=False)
class DirectPurse:
    """Puts tokens back itself."""

    _pool: Pool

    def hold_token(self, token: bytes) -> None:
        """Do nothing: who took it has it."""
        del token

    def return_token(self, token: bytes) -> None:
        """Put it back."""
        self._pool.put(token)


@define(eq=False, repr=False)
class Slots:
    """One stage needs no token, further ones need one each; more for those of several processors, as there are."""

    _pool: Pool | None = None
    _purse: Purse | None = None
    is_short: bool = False  # whether the last look found no token
    _reserved: bytes | None = None  # for the next stage; empty: it needs none
    _taken: dict[int, list[bytes]] = field(factory=dict)  # by stage id; empty: the one without
    _is_free_one_used: bool = False

    def reserve(self) -> bool:
        """Return whether one more stage may start; what that takes is set aside until `occupy` or `relax`."""
        if self._pool is None or self._reserved is not None:
            return True
        if not self._is_free_one_used:
            self._is_free_one_used, self._reserved = True, b""
        else:
            self._reserved = self._take()
        self.is_short = self._reserved is None
        return not self.is_short

    def occupy(self, stage_id: int, cpus: float) -> None:
        """Have a stage use what was set aside, and more tokens if it wants more and there are some."""
        if self._pool is None:
            return
        if self._reserved is None and not self.reserve():
            self._taken[stage_id] = []  # tried again, and its token has gone to somebody else
            return
        assert self._reserved is not None, "it was just set aside"
        taken, self._reserved = [self._reserved], None
        for _ in range(ceil(cpus) - 1):
            more = self._take()
            if more is None:
                break
            taken.append(more)
        self._taken[stage_id] = taken

    def release(self, stage_id: int) -> None:
        """Give back what a stage had."""
        for token in self._taken.pop(stage_id, ()):
            self._give_back(token)

    def hand_over(self, stage_id: int, other: int) -> None:
        """Have a stage of one processor use what another had: it has begun in its place."""
        if stage_id in self._taken:
            self._taken[other] = self._taken.pop(stage_id)

    def relax(self) -> None:
        """Give back what was set aside: nothing is ready."""
        if self._reserved is not None:
            reserved, self._reserved = self._reserved, None
            self._give_back(reserved)

    def _take(self) -> bytes | None:
        assert self._pool is not None, "asked for with a pool only"
        token = self._pool.take()
        if not token:
            return None
        if self._purse is not None:
            self._purse.hold_token(token)
        return token

    def _give_back(self, token: bytes) -> None:
        if not token:
            self._is_free_one_used = False
        elif self._purse is not None:
            self._purse.return_token(token)
