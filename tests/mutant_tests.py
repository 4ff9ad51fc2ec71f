"""Which tests a mutant is tried with, and in which order. `mutation.py` asks, and says which have noticed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mutants import Mutant
    from warm_tests import Scouted


@frozen
class Choice:
    """Which tests a mutant is tried with: those that run its lines, the quickest and the keenest first."""

    scouted: dict[str, Scouted]
    budget_s: float
    kills: dict[str, int] = field(factory=dict)

    def tests(self, module: str, mutant: Mutant) -> tuple[list[str], float]:
        """Return their names, and what they take."""
        touching = [name for name, one in self.scouted.items() if module in one.lines]
        chosen = [
            name for name in touching if not mutant.lines.isdisjoint(self.scouted[name].lines[module])
        ]  # fmt: skip
        found: list[str] = []
        took_s = 0.0
        for name in self._in_turn(chosen if mutant.lines else touching):
            if took_s + self.scouted[name].took_s > self.budget_s and found:
                break
            found.append(name)
            took_s += self.scouted[name].took_s
        return found, took_s

    def keen(self, name: str) -> None:
        """Note that a test has noticed a mutant."""
        for one in (name, _kin(name)):
            self.kills[one] = self.kills.get(one, 0) + 1

    def _in_turn(self, names: Sequence[str]) -> list[str]:
        """Return names by price; each further case of one test costs more: two hundred alike must not hide others."""
        price_by_name = {name: self._price(name) for name in names}
        met: dict[str, int] = {}
        for name in sorted(names, key=price_by_name.__getitem__):
            met[_kin(name)] = before = met.get(_kin(name), -1) + 1
            price_by_name[name] *= 1 + before / 4
        return sorted(names, key=price_by_name.__getitem__)

    def _price(self, name: str) -> float:
        took_s = self.scouted[name].took_s + 0.002
        return (
            took_s
            / (1 + self.kills.get(name, 0)) ** 1.5
            / (1 + self.kills.get(_kin(name), 0)) ** 0.5
        )


def _kin(name: str) -> str:
    """Return the name of a test without its case."""
    return name.partition("[")[0]
