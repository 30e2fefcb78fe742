"""An adversary finds a leak that was planted, and finds nothing where there is nothing.

Found: the interval of its advantage excludes zero. Nothing: over twenty data sets at most four intervals of 95 % do,
which would happen by chance once in four hundred.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from tests.simulations.adversaries.made import DAY_MS, PEOPLE, Flags, Made, advantage, handed, made, view

from communicator_simulations.adversaries import (
    disclosure,
    equality,
    intersection,
    least_squares,
    migration,
    sealed_sender,
)
from communicator_simulations.adversaries.ranking import Judged
from communicator_simulations.adversaries.traffic import Traffic
from communicator_spec import Kind

Attack = Callable[[int, bool], list[Judged]]
"""(seed, whether there is a leak) → verdicts."""

MINUTE_MS: Final = 60_000
EVERYBODY: Final = range(PEOPLE)


def receipts(seed: int, leaks: bool) -> list[Judged]:
    """Immediate receipts; the right one is who writes to the target."""
    data = made(seed, receipt_ms=1000, leaks=leaks)
    return sealed_sender.attack(data.arrived, EVERYBODY, data.arrived.times_of,
                                lambda target: data.partner == target, seed)  # fmt: skip


def never_missing(seed: int, leaks: bool) -> list[Judged]:
    data = made(seed, receipt_ms=1000, leaks=leaks)
    return intersection.seen_together(data.arrived, EVERYBODY, data.arrived.times_of,
                                      lambda target: data.partner == target, MINUTE_MS)  # fmt: skip


def on_rounds(name: str) -> Attack:
    def found(seed: int, leaks: bool) -> list[Judged]:
        data = made(seed, leaks=leaks)
        return by_rounds(name, data)

    return found


def by_rounds(name: str, data: Made, mean_ms: float = 0.0, round_ms: int = MINUTE_MS) -> list[Judged]:
    def truth(target: int) -> Flags:
        return np.asarray(np.arange(PEOPLE) == data.partner[target])

    if name == "least squares":
        return least_squares.attack(data.submitted, data.arrived, EVERYBODY, truth, round_ms, mean_ms)
    kind: disclosure.Kind = "uniform" if name == "uniform" else "background"
    return disclosure.attack(kind, data.submitted, data.arrived, EVERYBODY, truth, round_ms, mean_ms)


def reused_address(seed: int, leaks: bool) -> list[Judged]:
    seen = handed(seed)
    rng = np.random.Generator(np.random.PCG64(seed + 1000))
    address = seen.end if leaks else rng.integers(0, 6, seen.end.size)
    return equality.attack(seen, equality.equal(address), seed)


def constant_length(seed: int, leaks: bool) -> list[Judged]:
    """Every relationship has one length of its own; or all lengths come from one urn."""
    seen = handed(seed)
    rng = np.random.Generator(np.random.PCG64(seed + 1000))
    own = rng.integers(20, 400, int(seen.end.max()) + 1)
    length = own[seen.end] if leaks else rng.integers(20, 400, seen.end.size)
    return equality.attack(seen, equality.close(length), seed)


def one_phone(seed: int, leaks: bool) -> list[Judged]:
    """Two mailboxes are on each phone, which is on line twenty times in two days; or each is on a phone of its own."""
    rng = np.random.Generator(np.random.PCG64(seed))
    on_line = [np.sort(rng.integers(0, 3 * DAY_MS, 30)) for _ in range(PEOPLE)]
    box = np.repeat(np.arange(PEOPLE), 25)
    came = rng.integers(0, 2 * DAY_MS, box.size)
    phone = box // 2 if leaks else box
    gone = np.array([on_line[p][min(np.searchsorted(on_line[p], t), 29)] for p, t in zip(phone, came, strict=True)])
    order = np.argsort(came, kind="stable")
    waits, until = view(came, box), np.maximum(gone, came)[order]
    return intersection.contradicted(waits, until, EVERYBODY, lambda target: np.sort(until[waits.thing == target]),
                                     lambda target: np.arange(PEOPLE) // 2 == target // 2)  # fmt: skip


def moved(seed: int, leaks: bool) -> list[Judged]:
    """Half way everybody moves from service 0 to service 1; peers go on writing, at their rate, by their services.

    Where nothing leaks, what comes to a new root has nothing to do with the old one.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    rows: list[tuple[int, ...]] = []
    via: list[int] = []
    for end in range(0, 2 * PEOPLE, 2):
        for service in (0, 1):
            if service == 0 or not leaks:
                posters, rate = rng.choice(12, 2, replace=False), int(rng.integers(8, 40))
            times = np.sort(rng.integers(0, DAY_MS, rate)) + service * DAY_MS
            rows += [(int(t), Kind.STORED, end, -1, service, 0, 0, -1, -1) for t in times]
            via += rng.choice(posters, rate).tolist()
    stored = np.array(rows, dtype=np.int64)
    order = np.argsort(stored[:, 0], kind="stable")
    none, person = np.zeros((0, 9), dtype=np.int64), np.arange(2 * PEOPLE)
    command = np.zeros(len(stored), dtype=np.int64)
    log = Traffic(none, stored[order], none, none, none, none, none, person, command, np.array(via)[order],
                  none[:, 0], none[:, 0])  # fmt: skip
    return migration.successors(log, 0, DAY_MS)


ATTACKS: Final = {
    "one phone": one_phone,
    "a move": moved,
    "immediate receipt": receipts,
    "never missing": never_missing,
    "uniform": on_rounds("uniform"),
    "background": on_rounds("background"),
    "least squares": on_rounds("least squares"),
    "reused address": reused_address,
    "constant length": constant_length,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_planted_leak_is_found(name: str) -> None:
    found = advantage(ATTACKS[name](1, True))
    assert found.low > 0
    assert found.mean > 0.3


@pytest.mark.parametrize("name", ATTACKS)
def test_where_there_is_nothing_nothing_is_found(name: str) -> None:
    intervals = [advantage(ATTACKS[name](seed, False)) for seed in range(20)]
    assert sum(not x.low <= 0 <= x.high for x in intervals) <= 4


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_seed_gives_the_same_verdicts(name: str) -> None:
    assert ATTACKS[name](3, True) == ATTACKS[name](3, True)


def test_the_sender_of_an_immediate_receipt_is_first_after_a_handful_of_messages() -> None:
    """Martiny et al. (2021) say five to ten."""
    after = sorted(verdict.after for _, verdict in receipts(1, True))
    assert after[len(after) // 2] <= 10


@pytest.mark.parametrize("name", ["background", "least squares"])
def test_a_delay_that_is_known_is_undone_in_part(name: str) -> None:
    """Messages wait 20 minutes on average: who takes that into account finds more than who does not."""
    data = made(4, messages=120)
    rng = np.random.Generator(np.random.PCG64(9))
    late = data.arrived.t_ms + rng.exponential(20 * MINUTE_MS, data.arrived.t_ms.size).astype(np.int64)
    order = np.argsort(late, kind="stable")
    data = data._replace(arrived=data.arrived._replace(t_ms=late[order], thing=data.arrived.thing[order]))
    aware, unaware = (advantage(by_rounds(name, data, mean_ms)) for mean_ms in (20.0 * MINUTE_MS, 0.0))
    assert aware.low > 0
    assert aware.mean > unaware.mean
