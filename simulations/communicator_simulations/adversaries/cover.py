"""Cover messages: what a device sends to itself, so that not everything that moves means something.

Theory. A message to one of one's own roots looks to services like any other: they cannot know whose root it is. Loopix
calls it a loop (Piotrowska et al. 2017). It costs bytes and delays nothing.

Definition. Each device sends loops as a Poisson process, at a rate a day, from the first to the last hand-over of the
run; one that falls due while its phone is off line is sent when it is back. It goes to a root that the device has, each
with the same chance, through a sending service of its person, and takes as long as messages do: the least delay of the
network and an exponential time. The phone fetches it a second later, or when it is next on line.

Loops are added to the traffic of a finished run: they wake nothing that would not have been awake.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_simulations.adversaries.traffic import COVER, Traffic
from communicator_spec import Kind

__all__ = ["Way", "with_cover"]

Ints = NDArray[np.int64]
_DAY_MS: Final = 86_400_000
_PUSH_MS: Final = 1000
_SERIAL: Final = -7  # no grant of a relationship has it


class Way(NamedTuple):
    """How long a message is on its way, ms: at least, and the mean of what comes on top."""

    least_ms: int
    mean_ms: float


def with_cover(traffic: Traffic, per_day: float, people: list[Person], schedules: tuple[Schedule, ...], way: Way,
               seed: int) -> Traffic:  # fmt: skip
    """Return the traffic with loops added, `per_day` for each device."""
    if per_day <= 0:
        return traffic
    rng = np.random.Generator(np.random.PCG64(subseed(seed, "cover")))
    first, last = int(traffic.sent[0, 0]), int(traffic.sent[-1, 0])
    roots = np.unique(traffic.stored[:, [2, 4]], axis=0)
    owner = traffic.person[roots[:, 0]]
    sent, stored, gone = list[tuple[int, ...]](), list[tuple[int, ...]](), list[tuple[int, ...]]()
    device: list[int] = []
    for person in np.unique(owner).tolist():
        own = roots[owner == person].tolist()
        online = schedules[people[person].phone].next_online
        number = int(rng.poisson(per_day * (last - first) / _DAY_MS))
        times = np.sort(rng.integers(first, last + 1, number)).tolist()
        picks = rng.integers(0, len(own), number).tolist()
        waits = rng.exponential(way.mean_ms, number).tolist()
        for at, pick, wait in zip(times, picks, waits, strict=True):
            t_ms = online(at)
            end, service = own[pick]
            via = people[person].sending[len(sent) % 2]
            name = (service, _SERIAL, len(sent))
            came = t_ms + way.least_ms + int(wait)
            sent.append((t_ms, Kind.SENT, end, -1, *name, via, COVER))
            stored.append((came, Kind.STORED, end, -1, *name, via, -1))
            gone.append((online(came + _PUSH_MS), Kind.CONFIRMED, end, -1, *name, -1, -1))
            device.append(person)
    return _merged(traffic, _rows(sent), _rows(stored), _rows(gone), np.array(device, dtype=np.int64))


def _rows(rows: list[tuple[int, ...]]) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(-1, 9)


def _merged(traffic: Traffic, sent: Ints, stored: Ints, gone: Ints, device: Ints) -> Traffic:
    every_sent, at_sent = _sorted(traffic.sent, sent)
    every_stored, at_stored = _sorted(traffic.stored, stored)
    cover = np.full(len(stored), COVER, dtype=np.int64)
    return traffic._replace(
        sent=every_sent,
        stored=every_stored,
        confirmed=_sorted(traffic.confirmed, gone)[0],
        command=np.concatenate((traffic.command, cover))[at_stored],
        via=np.concatenate((traffic.via, stored[:, 7]))[at_stored],
        device=np.concatenate((traffic.device, device))[at_sent],
        to=np.concatenate((traffic.to, sent[:, 2]))[at_sent],
    )


def _sorted(ours: Ints, more: Ints) -> tuple[Ints, Ints]:
    both = np.concatenate((ours, more))
    order = np.argsort(both[:, 0], kind="stable")
    return both[order], order
