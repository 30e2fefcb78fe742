"""Whether a scenario's own cut is long enough: MSER-5 on how long messages take, in the order of their writing.

A scenario counts nothing that was accepted before its fault strikes. Here each policy runs once more, under no fault,
and the rule says how much of the whole run is unlike the rest. That is a report and changes no figure: a cut that is
chosen after looking is chosen by what one hopes to see.

Messages that never arrive have no latency, and are left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

from communicator_model.faults import FaultKind
from communicator_simulations.runs import RunKey, Supplies, run
from communicator_simulations.scenario import Scenario
from communicator_simulations.statistics import mser5
from communicator_spec import Kind, Row
from communicator_spec.nodes import Fidelity

__all__ = ["Settling", "settling"]

_LEAST = 50
_DAY_MS = 86_400_000


class Settling(NamedTuple):
    """What MSER-5 cuts of one run, and what the scenario cuts, in days from its start.

    `detected_d` is None if there are fewer than fifty messages. `settled`: the series has settled within its first
    half. `enough`: it has, and the scenario cuts as much at least. Means are of seconds.
    """

    policy: str
    messages: int
    scenario_d: float
    detected_d: float | None
    settled: bool
    enough: bool
    mean_s: float | None
    mean_of_all_s: float | None


class _Latencies:
    """Collects how long messages take from the log, as it comes."""

    def __init__(self) -> None:
        self._accepted: dict[tuple[int, int], int] = {}
        self.found: list[tuple[int, int, int, int]] = []
        """(accepted at, end, message, latency), ms."""

    def read(self, rows: Sequence[Row]) -> None:
        accepted = self._accepted
        for row in rows:
            if row[1] == Kind.ACCEPTED:
                accepted[row[2], row[3]] = row[0]
            elif row[1] == Kind.DELIVERED:
                writer = row[2] ^ 1
                since_ms = accepted.pop((writer, row[3]), None)
                if since_ms is not None:
                    self.found.append((since_ms, writer, row[3], row[0] - since_ms))


def settling(scenario: Scenario, seed: int, supplies: Supplies, policy: str, fidelity: Fidelity) -> Settling:
    """Run one policy under no fault, in the first replication, and compare its warm-up with the scenario's cut."""
    reader = _Latencies()
    run(scenario, seed, supplies, RunKey(policy, FaultKind.NONE, 0), fidelity, reader.read)
    return judged(scenario, policy, supplies.trace.duration_ms, reader.found)


def judged(scenario: Scenario, policy: str, duration_ms: int, found: Sequence[tuple[int, int, int, int]]) -> Settling:
    """Return the verdict on messages (accepted at, end, message, latency; ms), in whatever order."""
    own_d = scenario.fault.at_share * duration_ms / _DAY_MS
    rows = sorted(found)
    if len(rows) < _LEAST:
        return Settling(policy, len(rows), own_d, None, False, False, None, None)
    warm = mser5([row[3] / 1000 for row in rows])
    detected_d = rows[warm.cut][0] / _DAY_MS if warm.cut else 0.0
    enough = warm.settled and own_d >= detected_d
    return Settling(policy, len(rows), own_d, detected_d, warm.settled, enough, warm.mean, warm.mean_of_all)
