"""What some scenarios measure beside the figures of every run: who was away, messages that wait, a service's return.

Theory. Each question needs a few numbers that nobody else asks for. A gauge reads the same log as the metrics, and adds
columns to the row of its run. A scenario that names none pays for none.

==========  ==============================================================================================
`away`      relationships between somebody who goes away and somebody who stays (table `absence`)
`mixture`   relationships by how many of their two people are among the others (table `others`)
`struck`    how long messages to exposed people take that are written while the provider is out
`surge`     what comes down on the provider in the day of its return, per minute at the worst
==========  ==============================================================================================

Rules:

1. A message that never arrives counts as one that takes until the end of the run.
2. Under no fault the same people and instants are measured, so that there is something to compare with.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from communicator_model.faults import Fault
from communicator_model.phones import Absence
from communicator_simulations.metrics import Reader, reaches
from communicator_spec import Kind, Row, peer_of

__all__ = ["Away", "Gauge", "Mixture", "Struck", "Surge"]

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_SETTLED_MS: Final = 3 * _DAY_MS
"""How long after a return one looks: what waited has been fetched and answered."""


class Gauge(Protocol):
    """Reads a log in parts, and has columns in the end."""

    def read(self, rows: Sequence[Row]) -> None:
        """Read the next rows."""

    def row(self, log: Reader) -> dict[str, int | float]:
        """Return the columns; `log` is the reader of the whole run."""


class Away:
    """Relationships that began before one of the two went away, and how many are cut off soon after the return.

    Beside them those of people who all stayed, for what is cut off by silence alone.
    """

    def __init__(self, absences: Mapping[int, Absence], absence: Absence) -> None:
        self._absences, self._absence = absences, absence
        self._looks_ms = absence.until_ms + _SETTLED_MS
        self._log = Reader(0, self._looks_ms, frozenset())
        self._paired_ms: dict[int, int] = {}

    def read(self, rows: Sequence[Row]) -> None:
        """Note when relationships begin, and what is held where until one looks."""
        early = [row for row in rows if row[0] <= self._looks_ms]
        self._log.read(early)
        for row in early:
            if row[1] == Kind.PAIRED:
                self._paired_ms[row[2]] = row[0]

    def row(self, log: Reader) -> dict[str, int | float]:
        """Return how many relationships there were, and how many are cut off: neither can reach the other."""
        known, tried, cut = self._log, [0, 0], [0, 0]
        for end in range(0, len(known.person), 2):
            away = (known.person[end] in self._absences) + (known.person[end + 1] in self._absences)
            if away == 2 or {end, end + 1} & known.ended or self._paired_ms[end] >= self._absence.from_ms:
                continue
            tried[away] += 1
            cut[away] += not reaches(known, end) and not reaches(known, end + 1)
        found: dict[str, int | float] = {}
        for name, n, of in (("stayed", cut[0], tried[0]), ("away", cut[1], tried[1])):
            found |= {f"{name}_relationships": of, f"{name}_cut": n, f"{name}_cut_share": n / of if of else 0.0}
        return found


class Struck:
    """How long messages take that are written to exposed people while the provider is out, hours."""

    def __init__(self, fault: Fault, horizon_ms: int) -> None:
        self._from_ms, self._until_ms, self._horizon_ms = fault.at_ms, fault.at_ms + fault.outage_ms, horizon_ms
        self._open: dict[tuple[int, int], int] = {}
        self._found: list[tuple[int, int]] = []

    def read(self, rows: Sequence[Row]) -> None:
        """Note what is written during the outage, and when it arrives."""
        for row in rows:
            kind = row[1]
            if kind == Kind.ACCEPTED and self._from_ms <= row[0] < self._until_ms:
                self._open[row[2], row[3]] = row[0]
            elif kind == Kind.DELIVERED and (key := (peer_of(row[2]), row[3])) in self._open:
                self._found.append((key[0], row[0] - self._open.pop(key)))

    def row(self, log: Reader) -> dict[str, int | float]:
        """Return number, mean and quantiles."""
        lost = [(end, self._horizon_ms - t_ms) for (end, _), t_ms in sorted(self._open.items())]
        waits = sorted(
            ms / _HOUR_MS for end, ms in (*self._found, *lost)
            if log.is_exposed(end) and not {end, peer_of(end)} & log.ended
        )  # fmt: skip
        n = len(waits)
        return {
            "struck": n,
            "struck_mean_h": sum(waits) / n if n else 0.0,
            **{f"struck_p{p}_h": waits[int(p / 100 * (n - 1))] if n else 0.0 for p in (50, 90)},
        }


class Mixture:
    """Relationships by how many of their two people are among the others, and how many are cut off in the end."""

    def __init__(self, others: Collection[int]) -> None:
        self._others = others

    def read(self, rows: Sequence[Row]) -> None:
        """The figures of every run have it all."""

    def row(self, log: Reader) -> dict[str, int | float]:
        """Return the counts: neither can reach the other, or only one."""
        tried, cut, half = [0] * 3, [0] * 3, [0] * 3
        for end in range(0, len(log.person), 2):
            if {end, end + 1} & log.ended:
                continue
            kind = (log.person[end] in self._others) + (log.person[end + 1] in self._others)
            there = reaches(log, end) + reaches(log, end + 1)
            tried[kind] += 1
            cut[kind] += there == 0
            half[kind] += there == 1
        found: dict[str, int | float] = {}
        for name, of, lost, one in zip(("none", "one", "both"), tried, cut, half, strict=True):
            found |= {f"{name}_relationships": of, f"{name}_cut": lost, f"{name}_cut_share": lost / of if of else 0.0}
            found[f"{name}_half_share"] = one / of if of else 0.0
        return found


class Surge:
    """What comes down on the provider in the day after it is back: messages and fetches a minute, at the worst."""

    def __init__(self, fault: Fault) -> None:
        self._provider, self._from_ms = fault.provider, fault.at_ms + fault.outage_ms
        self._minutes: dict[int, Counter[int]] = {Kind.STORED: Counter(), Kind.CONFIRMED: Counter()}

    def read(self, rows: Sequence[Row]) -> None:
        """Count by minutes."""
        for row in rows:
            if row[4] == self._provider and row[1] in self._minutes and 0 <= row[0] - self._from_ms < _DAY_MS:
                self._minutes[row[1]][row[0] // _MINUTE_MS] += 1

    def row(self, log: Reader) -> dict[str, int | float]:
        """Return both peaks and both sums."""
        found: dict[str, int | float] = {}
        for name, kind in (("stored", Kind.STORED), ("fetched", Kind.CONFIRMED)):
            minutes = self._minutes[kind]
            found[f"surge_{name}_peak"] = max(minutes.values(), default=0)
            found[f"surge_{name}"] = total = sum(minutes.values())
            found[f"surge_{name}_peak_share"] = found[f"surge_{name}_peak"] / total if total else 0.0
        return found
