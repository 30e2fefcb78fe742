"""Tests of what a stranger must not learn from answers: by bytes, and by the time that they take (8.2, 3.2).

Theory. A receiving service answers before it knows, or as if it did not know, whether an address is good. So requests
of the right outer form to live, spent, revoked, unknown and meaningless addresses get the same answer to the last byte
but its date. Times cannot be equal, only alike: kinds are asked in one random order, and for each kind against the
first the area under the curve says how often its time is the greater one; one half tells nothing. The area has an
interval (DeLong), and a test fails only where the whole interval is beyond what anybody would call alike.

Rules:

1. Kinds are made before anything is measured, and travel over one connection, one after the other.
2. Areas are shown to people and are no part of a result: they never come out the same twice.
3. Which kinds a result names depends on the verdict alone.
"""

import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import cbor2
import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from communicator_conformance.services.cases import Case
from communicator_conformance.services.outcomes import Failed, expect
from communicator_conformance.services.owners import LabelOwner, TwoLayerOwner, accept, message, packed
from communicator_conformance.services.world import World, base64url, bearer
from communicator_conformance.verdicts import Fault
from communicator_spec.parameters import PARAMETERS

__all__ = ["UNIFORM", "Area", "area"]

_LIMIT: Final = 0.6
_MISS: Final = 1e-4
_SHOWN: Final = 0.05
_E: Final = PARAMETERS.envelope
_A: Final = PARAMETERS.address

Floats = npt.NDArray[np.float64]


class Area(NamedTuple):
    """How often a sample of one kind is greater than one of another, with its standard error."""

    value: float
    error: float

    def interval(self, miss: float) -> tuple[float, float]:
        """Return the interval that misses the true area with a probability of `miss`."""
        reach = float(norm.isf(miss / 2)) * self.error
        return self.value - reach, self.value + reach


def area(of: Floats, against: Floats) -> Area:
    """Compare two samples (DeLong, DeLong, Clarke-Pearson 1988); ties count half."""
    m, n = len(of), len(against)
    together = rankdata(np.concatenate([of, against]))
    greater = (together[:m] - rankdata(of)) / n
    less = 1 - (together[m:] - rankdata(against)) / m
    error = float(np.sqrt(np.var(greater, ddof=1) / m + np.var(less, ddof=1) / n))
    return Area(float(greater.mean()), error)


class _Kinds:
    """Makes requests of each kind, as many as are wanted."""

    def __init__(self, world: World, count: int) -> None:
        self.world = world
        self.owner = LabelOwner(world, world.origin, count + 1).ready()
        self.nobody = LabelOwner(world, world.origin)
        self.gone = LabelOwner(world, world.origin).ready()
        self.gone.revoke().must(204)
        self.other = TwoLayerOwner(world, world.origin).ready()
        self.stranger = TwoLayerOwner(world, world.origin)

    def live(self, index: int) -> bytes:
        return self.owner.request(index, message(self.world))

    def unknown(self, index: int) -> bytes:
        return self.nobody.request(index, message(self.world))

    def revoked(self, index: int) -> bytes:
        return self.gone.request(index, message(self.world))

    def meaningless(self, index: int) -> bytes:
        whole = cbor2.loads(self.unknown(index))
        return bytes(cbor2.dumps({**whole, 2: self.world.draw(len(whole[2]))}, canonical=True))

    def two_layer(self, index: int) -> bytes:
        return self.other.request(index, message(self.world))

    def two_layer_unknown(self, index: int) -> bytes:
        return self.stranger.request(index, message(self.world))

    def two_layer_meaningless(self, index: int) -> bytes:
        whole = {0: 1, 1: _A.two_layer_profile, 2: self.world.draw(_A.sda_bytes), 3: message(self.world)}
        return bytes(cbor2.dumps(whole, canonical=True))

    @property
    def every(self) -> dict[str, Callable[[int], bytes]]:
        return {
            **{"live": self.live, "spent": self.live, "unknown": self.unknown, "revoked": self.revoked},
            **{"meaningless": self.meaningless, "two-layer, live": self.two_layer},
            **{"two-layer, unknown": self.two_layer_unknown, "two-layer, meaningless": self.two_layer_meaningless},
        }


def _bytes(world: World) -> None:
    """Each kind gets the answer of a live address, also when it is asked twice."""
    kinds = _Kinds(world, 1).every
    answers: dict[str, tuple[object, ...]] = {}
    for name, make in kinds.items():
        request = make(0)
        for again in (False, True):
            seen = accept(world.origin, request).must(202).seen()
            answers.setdefault(name, seen)
            _alike(f"{name}, again" if again else name, answers["live"], seen)


def _alike(name: str, wanted: tuple[object, ...], seen: tuple[object, ...]) -> None:
    parts = ("status", "headers", "body")
    told = [part for part, a, b in zip(parts, wanted, seen, strict=True) if a != b]
    if told:
        raise Failed(Fault.TOLD_APART, f"an address that is {name} is answered with another {' and '.join(told)}")


def _times(world: World) -> None:
    """Times of the kinds of label/1, in one random order."""
    kinds = _Kinds(world, world.samples)
    named = ("live", "spent", "unknown", "meaningless")
    made = {name: [kinds.every[name](i) for i in range(world.samples)] for name in named if name != "spent"}
    made["spent"] = [kinds.live(world.samples)] * world.samples
    order = [name for name in named for _ in range(world.samples)]
    random.Random(world.draw(8)).shuffle(order)
    accept(world.origin, made["spent"][0]).must(202)  # it is spent from now on
    taken: dict[str, list[float]] = {name: [] for name in named}
    for name in order:
        request = made[name][len(taken[name])]
        began = time.perf_counter()
        accept(world.origin, request)
        taken[name].append(time.perf_counter() - began)
    _judge_times(world, "accept", taken)


def _judge_times(world: World, what: str, taken: dict[str, list[float]]) -> None:
    first, *others = taken
    told = []
    for name in others:
        found = area(np.array(taken[name]), np.array(taken[first]))
        low, high = found.interval(_SHOWN)
        row = {"what": what, "kind": name, "against": first, "samples": len(taken[name]), "area": round(found.value, 3)}
        world.measured.append({**row, "interval": [round(low, 3), round(high, 3)]})
        surely, at_most = found.interval(_MISS / len(others))
        if max(surely, 1 - at_most) > _LIMIT:
            told.append(name)
    expect(not told, f"told from {first} by the time until the answer: {', '.join(told)}", Fault.TOLD_APART)


def _nobody_learns(world: World) -> None:
    """Without its key, nothing says whether a root or an epoch is there."""
    owner, call = LabelOwner(world, world.origin).ready(), world.client.call
    for headers in ({}, bearer(base64url(world.draw(PARAMETERS.service.access_key_bytes))), bearer("!" * 43)):
        for operation in ("receiving.revoke", "receiving.setLatency"):
            more = {"latency": "pull"} if operation.endswith("Latency") else {}
            there = call(operation, json=packed({**more, "epoch": owner.epoch.number}), headers=headers).seen()
            nowhere = call(operation, json=packed({**more, "epoch": 77}), headers=headers).seen()
            expect(there == nowhere, f"{operation}: an epoch that is there is answered otherwise", Fault.TOLD_APART)
    owner.grant(owner.epoch).must(204)


UNIFORM: Final = (
    Case("service/receiving/alike/bytes", ("ENV-8", "ENV-12"), _bytes),
    Case("service/receiving/alike/time", ("RECV-3",), _times),
    Case("service/receiving/alike/private", ("SVC-20",), _nobody_learns),
)
