"""The invariants of the standard, as monitors over the event log.

The same twelve classes judge traces of the formal model, runs of the population model, the reference implementation in
the simulated world, and somebody else's implementation. Each class states its promise in one sentence and the clauses
that it enforces. All have the same parts in the same order: `name`, `clauses`, `handlers`, the handlers, and `finish`
where something is only known at the end.

Conventions of the log that the monitors rely on:

1. `end ^ 1` is the peer. The owner of the address in a SENT row is the peer of its end; in ISSUED, STORED and
   CONFIRMED rows `end` is the owner.
2. An UPDATED row stands before the row of the command that carried the set (DELIVERED, DUPLICATE or RECEIVED).
3. TAKEN and what follows it are of live services; no simulated world writes them.
4. What a dead service stored is gone, and so is the store of an end that has ENDED: nothing more is said about it.

Cost: about one microsecond a row over all monitors, and memory for what is open, not for what has happened.
"""

from collections.abc import Iterable

from communicator_spec.events import Kind, Row
from communicator_spec.invariants.addresses import (
    NoExpiredAddress,
    NoReturn,
    SafeDeparture,
    SetsOnlyGrow,
    SingleUse,
)
from communicator_spec.invariants.delivery import AUTOMATED, ExactlyOnce, HumanRate, NothingLost, OnlyPeers
from communicator_spec.invariants.issued import Issued
from communicator_spec.invariants.services import Accounted, CountedOnce, KeptUntilConfirmed
from communicator_spec.monitors import Invariant, Violation, recall
from communicator_spec.policies import Terms

__all__ = [
    "AUTOMATED",
    "Accounted",
    "CountedOnce",
    "ExactlyOnce",
    "HumanRate",
    "KeptUntilConfirmed",
    "Monitors",
    "NoExpiredAddress",
    "NoReturn",
    "NothingLost",
    "OnlyPeers",
    "SafeDeparture",
    "SetsOnlyGrow",
    "SingleUse",
]


class Monitors:
    """All invariants over one log.

    `settled`: at its end nothing is under way any more. `live`: it may be of live services; a simulated log has nothing
    that could break what is promised of those alone, so whoever knows that it is one saves the time.
    """

    def __init__(
        self, terms: Terms, *, tolerate_failed: bool = True, grace_ms: int = 0, settled: bool = False, live: bool = True
    ) -> None:
        issued, once = Issued(), ExactlyOnce()
        self.invariants: tuple[Invariant, ...] = (
            once,
            NothingLost(terms.message_lifetime_ms, issued, tolerate_failed=tolerate_failed, grace_ms=grace_ms),
            NoExpiredAddress(issued),
            SingleUse(),
            OnlyPeers(once.accepted),
            HumanRate(),
            SetsOnlyGrow(),
            NoReturn(),
            SafeDeparture(terms.queue_lifetime_ms, issued),
            Accounted(settled=settled),
            KeptUntilConfirmed(settled=settled),
            CountedOnce(),
        )
        tables = [judge.handlers() for judge in self.invariants if live or not judge.of_live_services]
        kinds = range(max(Kind) + 1)
        self._table = [tuple(t[k] for t in tables if k in t) for k in kinds]  # type: ignore[index]  # Kind is an int

    def feed(self, row: Row) -> None:
        """Read one row; the call for a producer that keeps no log."""
        for handler in self._table[row[1]]:
            handler(row)

    def feed_all(self, rows: Iterable[Row]) -> None:
        """Read rows in order: about one microsecond each."""
        table = self._table
        for row in rows:
            for handler in table[row[1]]:
                handler(row)

    def finish(self, t_ms: int, rows: Iterable[Row] = ()) -> list[Violation]:
        """Return every violation in order of time; with `rows`, earlier events are named too."""
        found = [violation for invariant in self.invariants for violation in invariant.finish(t_ms)]
        return sorted(recall(found, rows), key=lambda violation: violation.t_ms)
