"""Metrics of one run, read from its event log alone, in parts as it grows.

Rules:

1. Messages accepted before the fault strikes are warm-up: they are simulated and judged, but not counted. Under no
   fault the same instant divides them, so that runs can be compared pair by pair.
2. A message to somebody who refuses the sender counts as `refused`, never as delivered or lost.
3. `exposed` are messages to people whose first choice is the provider under study: the same messages under every
   policy.
4. Ends are numbered in the order in which they are paired, as every world does: what is known of each is a column.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from communicator_spec import Command, Kind, Row, peer_of

__all__ = ["LATENCY_MS", "Measured", "Reader", "measure", "measured", "reaches"]

LATENCY_MS: Final = tuple(
    int(s * 1000) for s in (
        0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 64800, 86400,
        100_800, 129_600, 172_800, 259_200, 345_600, 518_400, 691_200, 864_000, 1_209_600,
    )
)  # fmt: skip
"""Where the distribution of latencies is tabulated."""

CUTOVER_H: Final = (1, 2, 4, 8, 12, 18, 24, 30, 36, 48, 72, 96, 144, 192, 288, 384, 576, 768, 1152, 1536)
"""Hours after a person's first changed address set at which the share of informed peers is tabulated."""

_HOUR_MS: Final = 3_600_000
_NEVER: Final = 1 << 62
_kind: Final[Callable[[Row], int]] = itemgetter(1)
_PLACES: Final = 1 << 16  # more than there are providers


@dataclass(slots=True)
class Measured:
    """The figures of one run: one row of `runs`, and rows of the longer tables."""

    row: dict[str, int | float] = field(default_factory=dict)
    latency: list[tuple[int, float]] = field(default_factory=list)
    cutover: list[tuple[int, float, float]] = field(default_factory=list)
    load: list[tuple[int, str, int, int]] = field(default_factory=list)


class Reader:
    """Reads a log in parts, in order, and keeps what the figures need: what is open, and counts.

    `from_ms` ends the warm-up, `end_ms` the run; `exposed` are people.
    """

    def __init__(self, from_ms: int, end_ms: int, exposed: frozenset[int]) -> None:
        self.from_ms, self.end_ms, self._exposed = from_ms, end_ms, exposed
        # columns by end
        self.person = array("q")
        self.held = array("q")  # the version of the peer's set
        self.issued: list[tuple[int, ...]] = []  # services with addresses valid at the end, and since which set
        self._sets: dict[tuple[int, ...], tuple[int, ...]] = {}  # most ends have the same as another
        self.accepted: dict[tuple[int, int], int] = {}  # and not delivered
        self.latencies = array("q")
        self.to_exposed = 0
        self.failed: set[tuple[int, int]] = set()
        self.ended: set[int] = set()
        self.sent: Counter[int] = Counter()
        self.kinds: Counter[int] = Counter()
        self.submitted: Counter[int] = Counter()  # by hour and provider
        self.stored: Counter[int] = Counter()
        self.moved: dict[int, list[Move]] = {}
        self.left: dict[int, int] = {}
        self.dead: set[int] = set()
        table: dict[int, Callable[[Row], None]] = {
            Kind.ACCEPTED: self._accept,
            Kind.DELIVERED: self._deliver,
            Kind.SENT: self._send,
            Kind.STORED: self._store,
            Kind.ISSUED: self._issue,
            Kind.PAIRED: self._pair,
            Kind.UPDATED: self._update,
            Kind.MOVED: self._move,
            Kind.FAILED: self._fail,
            Kind.LEFT: self._leave,
            Kind.ENDED: self._end,
            Kind.DIED: self._die,
        }
        self._table = [table.get(kind) for kind in range(max(Kind) + 1)]

    def read(self, rows: Sequence[Row]) -> None:
        """Read the next rows; those of kinds that no metric needs are only counted."""
        table = self._table
        for row in rows:
            handler = table[row[1]]
            if handler is not None:
                handler(row)
        self.kinds.update(map(_kind, rows))

    def is_exposed(self, end: int) -> bool:
        """Tell whether an end writes to somebody who is exposed."""
        return self.person[peer_of(end)] in self._exposed

    def _accept(self, row: Row) -> None:
        self.accepted[row[2], row[3]] = row[0]

    def _deliver(self, row: Row) -> None:
        writer = row[2] ^ 1
        accepted_ms = self.accepted.pop((writer, row[3]), None)
        if accepted_ms is not None and accepted_ms >= self.from_ms:
            self.latencies.append(row[0] - accepted_ms)
            self.to_exposed += self.is_exposed(writer)

    def _send(self, row: Row) -> None:
        self.sent[row[8]] += 1
        self.submitted[row[0] // _HOUR_MS * _PLACES + row[7]] += 1

    def _store(self, row: Row) -> None:
        self.stored[row[0] // _HOUR_MS * _PLACES + row[4]] += 1

    def _issue(self, row: Row) -> None:
        if row[8] > self.end_ms:
            before = self.issued[row[2]]
            if row[4] not in before[::2]:
                after = (*before, row[4], row[3])
                self.issued[row[2]] = self._sets.setdefault(after, after)

    def _pair(self, row: Row) -> None:
        self.person.append(row[8])
        self.held.append(1)
        self.issued.append(())

    def _update(self, row: Row) -> None:
        self.held[row[2]] = row[8]
        for move in self.moved.get(peer_of(row[2]), ()):
            if move.informed_ms == _NEVER and row[8] >= move.version:
                move.informed_ms = row[0]

    def _move(self, row: Row) -> None:
        self.moved.setdefault(row[2], []).append(Move(row[8], row[4], row[0]))

    def _fail(self, row: Row) -> None:
        self.failed.add((row[2], row[3]))

    def _leave(self, row: Row) -> None:
        self.left[row[8]] = row[0]

    def _end(self, row: Row) -> None:
        self.ended.add(row[2])

    def _die(self, row: Row) -> None:
        if row[4] >= 0:
            self.dead.add(row[4])


@dataclass(slots=True)
class Move:
    """That an end no longer receives at a service: the first set without it, since when, and when the peer had it."""

    version: int
    service: int
    moved_ms: int
    informed_ms: int = _NEVER


def measure(rows: Sequence[Row], from_ms: int, end_ms: int, exposed: frozenset[int], bytes_each: int) -> Measured:
    """Measure one run from its whole log; arguments as for `Reader` and `measured`."""
    log = Reader(from_ms, end_ms, exposed)
    log.read(rows)
    return measured(log, bytes_each)


def measured(log: Reader, bytes_each: int) -> Measured:
    """Return the figures of a run that was read to its end.

    `bytes_each` is the size of one request to a receiving service, the same for every message.
    """
    out = Measured()
    _outcomes(log, out)
    _traffic(log, out, bytes_each)
    _relationships(log, out)
    _cutover(log, out)
    return out


def _outcomes(log: Reader, out: Measured) -> None:
    counts = Counter(delivered=len(log.latencies), exposed=log.to_exposed, exposed_delivered=log.to_exposed)
    for key, accepted_ms in log.accepted.items():
        if accepted_ms < log.from_ms:
            continue
        outcome = _outcome(log, key)
        counts[outcome] += 1
        if outcome != "refused" and log.is_exposed(key[0]):
            counts["exposed"] += 1
            counts["exposed_" + outcome] += 1
    names = ("delivered", "pending", "failed", "refused")
    judged = counts["delivered"] + counts["pending"] + counts["failed"]
    out.row["messages"] = judged
    for name in names:
        out.row[name] = counts[name]
    out.row["exposed"] = counts["exposed"]
    for name in names[:3]:
        out.row[f"{name}_share"] = counts[name] / judged if judged else 0.0
        out.row[f"exposed_{name}_share"] = counts["exposed_" + name] / counts["exposed"] if counts["exposed"] else 0.0
    latencies = sorted(log.latencies)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
        out.row[f"latency_{name}_s"] = latencies[int(share * (len(latencies) - 1))] / 1000 if latencies else 0.0
    out.row["latency_mean_s"] = sum(latencies) / len(latencies) / 1000 if latencies else 0.0
    total = judged or 1
    out.latency = [(ms, bisect_left(latencies, ms) / total) for ms in LATENCY_MS]


def _outcome(log: Reader, key: tuple[int, int]) -> str:
    if key[0] in log.ended or peer_of(key[0]) in log.ended:
        return "refused"
    return "failed" if key in log.failed else "pending"


def _traffic(log: Reader, out: Measured, bytes_each: int) -> None:
    human = log.kinds[Kind.ACCEPTED]
    for command in (Command.MESSAGE, Command.RECEIPT, Command.UPDATE, Command.MOVED):
        out.row[f"sent_{command.name.lower()}"] = log.sent[command]
    out.row["automated_share"] = (log.sent[Command.RECEIPT] + log.sent[Command.UPDATE]) / human if human else 0.0
    out.row["sent_bytes"] = sum(log.sent.values()) * bytes_each
    for kind in (Kind.DUPLICATE, Kind.GAVE_UP, Kind.ISSUED, Kind.INJECTED, Kind.CRASHED):
        out.row[kind.name.lower()] = log.kinds[kind]
    out.row["unresolved"] = log.kinds[Kind.REFUSED]  # by services; `refused` are messages, by people
    for role, counter in (("sending", log.submitted), ("receiving", log.stored)):
        total: Counter[int] = Counter()
        peak: dict[int, int] = {}
        for key, count in counter.items():
            provider = key % _PLACES
            total[provider] += count
            peak[provider] = max(peak.get(provider, 0), count)
        out.load += [(p, role, total[p], peak[p]) for p in sorted(total)]


def _relationships(log: Reader, out: Measured) -> None:
    """Count the relationships in which neither side holds an address of the other that still works."""
    cut = half = 0
    for first in range(0, len(log.person), 2):
        if first in log.ended or first + 1 in log.ended:
            continue
        reach = [reaches(log, end) for end in (first, first + 1)]
        cut += not any(reach)
        half += any(reach) and not all(reach)
    out.row["relationships"] = len(log.person) // 2
    out.row["cut_off"] = cut
    out.row["one_way"] = half
    out.row["cut_off_share"] = 2 * cut / len(log.person) if log.person else 0.0


def reaches(log: Reader, holder: int) -> bool:
    """Tell whether the holder has an unexpired address of the peer at a service that lives."""
    owner = peer_of(holder)
    held = log.held[holder]
    moved = {move.service for move in log.moved.get(owner, ()) if move.version <= held}
    issued = log.issued[owner]
    return any(
        version <= held and service not in log.dead and service not in moved
        for service, version in zip(issued[::2], issued[1::2], strict=True)
    )


def _cutover(log: Reader, out: Measured) -> None:
    """Measure how long peers take to hold the set without the old service, and people to leave it."""
    begun: dict[int, int] = {}
    waits: list[int] = []
    last: dict[int, int] = {}
    for owner, moves in sorted(log.moved.items()):
        person = log.person[owner]
        for move in moves:
            begun[person] = min(begun.get(person, _NEVER), move.moved_ms)
            waits.append(move.informed_ms - move.moved_ms if move.informed_ms < _NEVER else _NEVER)
            last[person] = max(last.get(person, 0), move.informed_ms)
    waits.sort()
    whole = sorted(last[p] - begun[p] if last[p] < _NEVER else _NEVER for p in begun)
    out.row["moves"] = len(waits)
    out.row["movers"] = len(begun)
    out.row["peers_informed_share"] = bisect_left(waits, _NEVER) / len(waits) if waits else 0.0
    out.row["movers_complete_share"] = bisect_left(whole, _NEVER) / len(whole) if whole else 0.0
    stayed = sorted(t - begun[p] for p, t in log.left.items() if p in begun)
    out.row["left"] = len(stayed)
    out.row["left_share"] = len(stayed) / len(begun) if begun else 0.0
    out.row["left_median_d"] = stayed[len(stayed) // 2] / 86_400_000 if stayed else 0.0
    for name, values in (("peer", waits), ("all", whole)):
        for share in (50, 90):
            value = values[int(share / 100 * (len(values) - 1))] if values else _NEVER
            out.row[f"cutover_{name}_p{share}_h"] = value / _HOUR_MS if value < _NEVER else float("inf")
    if waits:
        out.cutover = [
            (h, bisect_left(waits, h * _HOUR_MS) / len(waits), bisect_left(whole, h * _HOUR_MS) / len(whole))
            for h in CUTOVER_H
        ]
