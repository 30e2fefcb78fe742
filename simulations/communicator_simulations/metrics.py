"""Metrics of one run, read from its event log alone.

Rules:

1. Messages accepted before the fault strikes are warm-up: they are simulated and judged, but not counted. Under no
   fault the same instant divides them, so that runs can be compared pair by pair.
2. A message to somebody who refuses the sender counts as `refused`, never as delivered or lost.
3. `exposed` are messages to people whose first choice is the provider under study: the same messages under every
   policy.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from communicator_spec import Command, Kind, Row, peer_of

__all__ = ["LATENCY_MS", "Measured", "measure"]

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


@dataclass(slots=True)
class Measured:
    """The figures of one run: one row of `runs`, and rows of the longer tables."""

    row: dict[str, int | float] = field(default_factory=dict)
    latency: list[tuple[int, float]] = field(default_factory=list)
    cutover: list[tuple[int, float, float]] = field(default_factory=list)
    load: list[tuple[int, str, int, int]] = field(default_factory=list)


class _Log:
    """What one pass over the rows collects."""

    def __init__(self) -> None:
        self.person: dict[int, int] = {}
        self.accepted: dict[tuple[int, int], int] = {}
        self.delivered: dict[tuple[int, int], int] = {}
        self.failed: set[tuple[int, int]] = set()
        self.ended: dict[int, int] = {}
        self.sent: Counter[int] = Counter()
        self.kinds: Counter[int] = Counter()
        self.submitted: Counter[tuple[int, int]] = Counter()
        self.stored: Counter[tuple[int, int]] = Counter()
        self.issued: dict[int, list[tuple[int, int, int]]] = {}
        self.moved: dict[int, list[tuple[int, int, int]]] = {}
        self.updated: dict[int, list[tuple[int, int]]] = {}
        self.left: dict[int, int] = {}
        self.dead: set[int] = set()

    def read(self, rows: Sequence[Row]) -> None:
        """Collect; rows of kinds that no metric needs are only counted."""
        table: dict[int, Callable[[Row], None]] = {
            Kind.ACCEPTED: self._accepted,
            Kind.DELIVERED: self._delivered,
            Kind.SENT: self._sent,
            Kind.STORED: self._stored,
            Kind.ISSUED: self._issued,
            Kind.PAIRED: self._paired,
            Kind.UPDATED: self._updated,
            Kind.MOVED: self._moved,
            Kind.FAILED: self._failed,
            Kind.LEFT: self._left,
            Kind.ENDED: self._ended,
            Kind.DIED: self._died,
        }
        for row in rows:
            handler = table.get(row[1])
            if handler is not None:
                handler(row)
        self.kinds.update(row[1] for row in rows)

    def _accepted(self, row: Row) -> None:
        self.accepted[row[2], row[3]] = row[0]

    def _delivered(self, row: Row) -> None:
        self.delivered.setdefault((row[2] ^ 1, row[3]), row[0])

    def _sent(self, row: Row) -> None:
        self.sent[row[8]] += 1
        self.submitted[row[7], row[0] // _HOUR_MS] += 1

    def _stored(self, row: Row) -> None:
        self.stored[row[4], row[0] // _HOUR_MS] += 1

    def _issued(self, row: Row) -> None:
        self.issued.setdefault(row[2], []).append((row[3], row[4], row[8]))

    def _paired(self, row: Row) -> None:
        self.person[row[2]] = row[8]

    def _updated(self, row: Row) -> None:
        self.updated.setdefault(row[2], []).append((row[8], row[0]))

    def _moved(self, row: Row) -> None:
        self.moved.setdefault(row[2], []).append((row[8], row[4], row[0]))

    def _failed(self, row: Row) -> None:
        self.failed.add((row[2], row[3]))

    def _left(self, row: Row) -> None:
        self.left[row[8]] = row[0]

    def _ended(self, row: Row) -> None:
        self.ended[row[2]] = row[0]

    def _died(self, row: Row) -> None:
        if row[4] >= 0:
            self.dead.add(row[4])


def measure(rows: Sequence[Row], from_ms: int, end_ms: int, exposed: frozenset[int], bytes_each: int) -> Measured:
    """Measure one run.

    `from_ms` ends the warm-up, `end_ms` the run; `exposed` are people; `bytes_each` is the size of one request to a
    receiving service, the same for every message.
    """
    log = _Log()
    log.read(rows)
    out = Measured()
    _outcomes(log, from_ms, exposed, out)
    _traffic(log, out, bytes_each)
    _relationships(log, end_ms, out)
    _cutover(log, out)
    return out


def _outcomes(log: _Log, from_ms: int, exposed: frozenset[int], out: Measured) -> None:
    counts: Counter[str] = Counter()
    latencies: list[int] = []
    for key, accepted_ms in log.accepted.items():
        if accepted_ms < from_ms:
            continue
        outcome = _outcome(log, key)
        counts[outcome] += 1
        if outcome == "delivered":
            latencies.append(log.delivered[key] - accepted_ms)
        if outcome != "refused" and log.person[peer_of(key[0])] in exposed:
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
    latencies.sort()
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
        out.row[f"latency_{name}_s"] = latencies[int(share * (len(latencies) - 1))] / 1000 if latencies else 0.0
    out.row["latency_mean_s"] = sum(latencies) / len(latencies) / 1000 if latencies else 0.0
    total = judged or 1
    out.latency = [(ms, bisect_left(latencies, ms) / total) for ms in LATENCY_MS]


def _outcome(log: _Log, key: tuple[int, int]) -> str:
    if key in log.delivered:
        return "delivered"
    if key[0] in log.ended or peer_of(key[0]) in log.ended:
        return "refused"
    return "failed" if key in log.failed else "pending"


def _traffic(log: _Log, out: Measured, bytes_each: int) -> None:
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
        for (provider, _), count in counter.items():
            total[provider] += count
            peak[provider] = max(peak.get(provider, 0), count)
        out.load += [(p, role, total[p], peak[p]) for p in sorted(total)]


def _relationships(log: _Log, end_ms: int, out: Measured) -> None:
    """Count the relationships in which neither side holds an address of the other that still works."""
    cut = half = 0
    for first in range(0, len(log.person), 2):
        if first in log.ended or first + 1 in log.ended:
            continue
        reach = [_reaches(log, end, end_ms) for end in (first, first + 1)]
        cut += not any(reach)
        half += any(reach) and not all(reach)
    out.row["relationships"] = len(log.person) // 2
    out.row["cut_off"] = cut
    out.row["one_way"] = half
    out.row["cut_off_share"] = 2 * cut / len(log.person) if log.person else 0.0


def _reaches(log: _Log, holder: int, end_ms: int) -> bool:
    """Tell whether the holder has an unexpired address of the peer at a service that lives."""
    owner = peer_of(holder)
    held = log.updated[holder][-1][0] if holder in log.updated else 1
    moved = {service for version, service, _ in log.moved.get(owner, ()) if version <= held}
    return any(
        version <= held and until_ms > end_ms and service not in log.dead and service not in moved
        for version, service, until_ms in log.issued.get(owner, ())
    )


def _cutover(log: _Log, out: Measured) -> None:
    """Measure how long peers take to hold the set without the old service, and people to leave it."""
    begun: dict[int, int] = {}
    waits: list[int] = []
    last: dict[int, int] = {}
    for owner, moves in sorted(log.moved.items()):
        person = log.person[owner]
        for version, _, moved_ms in moves:
            begun[person] = min(begun.get(person, _NEVER), moved_ms)
            informed = [t for v, t in log.updated.get(peer_of(owner), ()) if v >= version]
            wait_ms = informed[0] - moved_ms if informed else _NEVER
            waits.append(wait_ms)
            last[person] = max(last.get(person, 0), informed[0] if informed else _NEVER)
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
