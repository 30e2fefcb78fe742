"""Who is to die where: orders to die at crash points, and what became of them.

Theory. An order names a place that processes of the same kind have just passed, and of those the one that was taken
least often so far, and besides every place that nobody has died at yet: what is done once in a run, as a move or an
end, is passed once, and whoever is under an order then dies there. The run leads itself to where it has not been. An
order that is not met for a while is taken back, and counts a little, so that the next one is another place.

Rules:

1. A death counts when the ledger says where it was.
2. Whoever dies on purpose is excused once (`excused`).
"""

import random
import time
from collections import Counter
from typing import Final, NamedTuple

from communicator_simulations.chaos.ledger import Ledger, Place
from communicator_simulations.chaos.plan import OPERATORS
from communicator_simulations.chaos.planted import Bug
from communicator_simulations.chaos.points import PHASES, scan

__all__ = ["Kills"]

_ORDER_S: Final = 3.0
_TRIED: Final = 0.7
_PASSES: Final = (0, 0, 0, 1, 2)
_LATER: Final = (0, 1, 2, 4, 8)
"""Who always died at its first pass would never come to where a bug shows."""


class _Recent:
    """What processes of one kind have passed lately: for one or two spans of time."""

    def __init__(self, passed: list[int]) -> None:
        self._before, self._now, self._since_s = [0] * len(passed), passed, time.monotonic()

    def places(self, passed: list[int]) -> list[Place]:
        """Return where somebody has been since, by the sums up to now."""
        if time.monotonic() - self._since_s > _ORDER_S:
            self._before, self._now, self._since_s = self._now, passed, time.monotonic()
        return [(n // 2, n % 2) for n, count in enumerate(passed) if count > self._before[n]]


class _Order(NamedTuple):
    """A place at which somebody was to die, and since when."""

    place: Place
    since_s: float


class Kills:
    """Orders to die; `counts` are the deaths by place. With a planted bug, what exposes it is preferred."""

    def __init__(self, ledger: Ledger, people: int, seed: int, bug: Bug | None) -> None:
        self.counts: Counter[Place] = Counter()
        self._ledger = ledger
        names = {f"{point.name} {phase}": (n, m) for n, point in enumerate(scan()) for m, phase in enumerate(PHASES)}
        self._exposing = {names[name] for name in bug.kills if name in names} if bug else set[Place]()
        self._first = set() if bug else set(names.values())
        self._chance = random.Random(f"{seed} run")
        first, second = people + OPERATORS, people + 2 * OPERATORS
        self._rows = {"person": range(people), "service": range(people, first), "resolver": range(first, second)}
        self._tries: Counter[Place] = Counter()
        self._ordered: dict[int, _Order] = {}
        self._wanted: list[str] = []
        self._excused: set[int] = set()
        self._recent: dict[str, _Recent] = {}

    def want(self, role: str) -> None:
        """Note that one of a kind is to die."""
        self._wanted.append(role)

    @property
    def is_done(self) -> bool:
        """Whether nobody is to die any more, or, where a bug is to be exposed, somebody has died."""
        return not (self._wanted or self._ordered) or bool(self._exposing and self.counts)

    def tend(self) -> None:
        """See what became of orders, and give those that are wanted."""
        for row in list(self._ordered):
            self.look(row)
        self._wanted = [role for role in self._wanted if not self._ordered_to_die(role)]

    def withdraw(self) -> None:
        """Let nobody die any more."""
        for rows in self._rows.values():
            for row in rows:
                self._ledger.order(row, {})
        self._ordered.clear()
        self._wanted.clear()

    def excuse(self, row: int) -> None:
        """Note that a process was ended on purpose (rule 2)."""
        self._excused.add(row)

    def is_excused(self, row: int) -> bool:
        """Tell whether a process that is dead died on purpose; asked once for each death."""
        self.look(row)
        if row not in self._excused:
            return False
        self._excused.remove(row)
        return True

    def look(self, row: int) -> None:
        """See whether a process died as it was ordered; an order that was not met for a while is taken back."""
        died, ordered = self._ledger.death(row), self._ordered.get(row)
        if died is not None:
            self.counts[died] += 1
            self._ledger.order(row, {})
            self._ordered.pop(row, None)
            if row not in self._rows["resolver"]:  # what resolves is started again by its service
                self.excuse(row)
        elif ordered is not None and time.monotonic() - ordered.since_s > _ORDER_S:
            self._tries[ordered.place] += 1
            self._ledger.order(row, {})
            if not self._give(row):
                self._wanted.append(self._role(row))

    # ---------------------------------------------------------------- orders

    def _role(self, row: int) -> str:
        return next(role for role, rows in self._rows.items() if row in rows)

    def _ordered_to_die(self, role: str) -> bool:
        """Give an order to one of a kind that has none; False if all have one, or nothing happens there."""
        rows = self._chance.sample(self._rows[role], len(self._rows[role]))
        return any(row not in self._ordered and self._give(row) for row in rows)

    def _give(self, row: int) -> bool:
        places = self._places(self._role(row))
        if not places:
            self._ordered.pop(row, None)
            return False
        least = min(map(self._weight, places))
        place = self._chance.choice([place for place in places if self._weight(place) == least])
        self._ledger.order(row, {**self._besides(), place: self._chance.choice(_PASSES)})
        self._ordered[row] = _Order(place, time.monotonic())
        return True

    def _besides(self) -> dict[Place, int]:
        """Return where else whoever comes there dies: where a planted bug shows, or where nobody has died yet."""
        first = dict.fromkeys((place for place in self._first if not self.counts[place]), 0)
        return first | {place: self._chance.choice(_LATER) for place in sorted(self._exposing)}

    def _weight(self, place: Place) -> float:
        return self.counts[place] + _TRIED * self._tries[place]

    def _places(self, role: str) -> list[Place]:
        passed = [sum(column) for column in zip(*map(self._ledger.passes, self._rows[role]), strict=True)]
        found = self._recent.setdefault(role, _Recent([0] * len(passed))).places(passed)
        return [place for place in found if place in self._exposing] or found
