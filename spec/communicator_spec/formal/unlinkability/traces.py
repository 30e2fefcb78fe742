"""Runs of the normative model: stories that reach what must be covered, and random walks.

A run is that of two relationships of one person, who is end 0 of both, interleaved step by step over the same services.
A story plays one script in both; scripts name what happens, the model says whether it can, and with which outcome.

| story | what it adds |
|---|---|
| brief | a first message and its copy over another path, an answer, one more; what weakenings are tried on |
| conversation | messages and receipts both ways, turns of the ratchet |
| retransmission | one message over two sending and two receiving services |
| rotation | grants that are half used are replaced inside messages |
| migration | a receiving service is replaced, announced and left |
| refusal | a relationship ends, its roots are revoked |
| trouble | answers and confirmations get lost, a stranger writes junk, a service dies |
| silence | relationship 0 only begins, and relationship 1 talks; nobody is in a directory |
| one house | both people use the same receiving and sending services |
"""

from collections.abc import Callable, Mapping
from itertools import zip_longest
from random import Random
from typing import Final, NamedTuple

from communicator_spec.formal.generated import State
from communicator_spec.formal.machine import Step
from communicator_spec.formal.model import Model, World, world
from communicator_spec.formal.unlinkability.facts import Fact, Moment, facts, moments
from communicator_spec.formal.values import FormalError, ordered

__all__ = ["STORIES", "Player", "Trace", "stories", "story", "walks"]

_SERVICES: Final = {"receiving": {"0": [2, 3], "1": [4, 5]}, "sending": {"0": [0, 1], "1": [0, 4]}, "spare": [6]}
_BUDGET: Final = {"horizon": 60, "capacity": 16, "messages": {"0": 12, "1": 12}}
_TERMS: Final = {
    "terms.longTermLifetime": 24,
    "terms.longTermRefresh": 12,
    "terms.ephemeralLifetime": 12,
    "terms.ephemeralRefresh": 4,
    "terms.longTermCapacity": 4,
    "terms.ephemeralCapacity": 4,
    "terms.messageLifetime": 24,
    "terms.queueLifetime": 4,
}
_FAULTS: Final = {"faults": 8, "deaths": 1, "moves": 2, "refusals": 1, "strangers": 2}
_WORLD: Final = {**_SERVICES, **_BUDGET, **_TERMS, **_FAULTS}
_HOUSE: Final = {**_WORLD, "receiving": {"0": [2, 3], "1": [2, 3]}, "sending": {"0": [0, 1], "1": [0, 1]}}


class Trace(NamedTuple):
    """A run: its name and its facts, and whether the person stands in a directory as well."""

    name: str
    facts: tuple[Fact, ...]
    named: bool = True


class Player:
    """Plays one relationship."""

    def __init__(self, chosen: World) -> None:
        self.model = Model(chosen)
        self.start = self.state = self.model.init()
        self.steps: list[Step[State]] = []

    def do(self, action: str, **picks: object) -> None:
        """Take an action; `FormalError` if the model does not allow it, or not in one way."""
        found = {step.state: step for step in self.model.candidates(self.state, action, picks)}
        if len(found) != 1:
            raise FormalError(f"{len(found)} ways to {action} with {picks}")
        step = next(iter(found.values()))
        self.steps.append(step)
        self.state = step.state

    def send(self, end: int) -> None:
        """Hand over what is due, if anything is."""
        if self.model.candidates(self.state, "wakes", {"end": end, "dies": False}):
            self.do("wakes", end=end, dies=False)

    def write(self, end: int) -> None:
        """Write a message and hand it over."""
        self.do("submits", end=end)
        self.send(end)

    def relay(self, answered: bool = True) -> None:
        """Sending services bring everything that can be brought."""
        for via in sorted(self.state.queues):
            for queued in ordered(self.state.queues[via]):
                picks = {"via": via, "q": queued, "answered": answered}
                if self.model.candidates(self.state, "forwards", picks):
                    self.do("forwards", **picks)

    def fetch(self, end: int, confirms: bool = True) -> None:
        """A device fetches everywhere."""
        for service in sorted({key[1] for key in self.state.stores}):
            picks: Mapping[str, object] = {"end": end, "service": service, "confirms": confirms}
            if self.model.candidates(self.state, "fetches", picks):
                self.do("fetches", **picks)

    def exchange(self, end: int) -> None:
        """A message goes all the way, and what its reader sends then comes back."""
        self.write(end)
        self.relay()
        self.fetch(1 - end)
        self.send(1 - end)
        self.relay()
        self.fetch(end)

    def wait(self, units: int) -> None:
        """Time passes."""
        for _ in range(units):
            self.do("tick")


def _brief(p: Player) -> None:
    p.write(0)
    p.wait(1)
    p.send(0)
    p.relay()
    p.fetch(1)
    p.write(1)
    p.relay()
    p.fetch(0)
    p.write(0)
    p.relay()
    p.fetch(1)


def _conversation(p: Player) -> None:
    p.write(0)
    p.write(0)
    for end in (0, 1, 1, 0):
        p.exchange(end)
    p.write(0)
    p.write(0)
    p.relay()
    p.fetch(1)


def _retransmission(p: Player) -> None:
    p.write(0)
    p.exchange(0)
    for _ in range(2):
        p.write(0)
        p.write(1)
    p.relay()
    for pause in (1, 2, 4):
        p.wait(pause)
        p.send(0)
        p.send(1)
        p.relay()
    p.fetch(0)
    p.fetch(1)


def _rotation(p: Player) -> None:
    for end in (0, 1, 0, 1, 0):
        p.exchange(end)
        p.wait(2)


def _migration(p: Player) -> None:
    p.exchange(0)
    p.do("moves", end=0, old=2, new=6)
    p.exchange(0)
    p.exchange(1)
    p.wait(5)
    p.send(0)
    p.do("leaves", end=0, service=2)
    p.exchange(1)


def _refusal(p: Player) -> None:
    p.exchange(0)
    p.exchange(1)
    p.do("crashes", service=3, isSending=False)
    p.do("refuses", end=0)
    p.do("recovers", service=3, isSending=False)
    p.do("revokes", end=0, service=3)
    p.write(1)
    p.relay()


def _trouble(p: Player) -> None:
    p.write(0)
    p.relay(answered=False)
    p.relay()
    p.do("writesJunk", end=1, g=p.state.devices[0].held[0])
    p.fetch(1, confirms=False)
    p.fetch(1)
    p.do("dies", service=2, isSending=False)
    p.exchange(1)
    p.exchange(0)


def _silence(p: Player) -> None:
    return


STORIES: Final[Mapping[str, tuple[Callable[[Player], None], Callable[[Player], None], Mapping[str, object]]]] = {
    "brief": (_brief, _brief, _WORLD),
    "conversation": (_conversation, _conversation, _WORLD),
    "retransmission": (_retransmission, _retransmission, _WORLD),
    "rotation": (_rotation, _rotation, _WORLD),
    "migration": (_migration, _migration, _WORLD),
    "refusal": (_refusal, _refusal, _WORLD),
    "trouble": (_trouble, _trouble, _WORLD),
    "silence": (_silence, _conversation, _WORLD),
    "one house": (_conversation, _retransmission, _HOUSE),
}
"""By name: what relationship 0 does, what relationship 1 does, and in which world."""


def _interleaved(first: Player, second: Player) -> tuple[Fact, ...]:
    lists = (moments(0, first.start, first.steps), moments(1, second.start, second.steps))
    merged: list[Moment] = [m for both in zip_longest(*lists) for m in both if m is not None]
    return tuple(facts(merged))


def story(name: str) -> Trace:
    """Play one story; `KeyError` if there is none of this name."""
    first, second, overrides = STORIES[name]
    players = (Player(world("deliver", overrides)), Player(world("deliver", overrides)))
    first(players[0])
    second(players[1])
    return Trace(name, _interleaved(*players), named=name != "silence")


def stories() -> list[Trace]:
    """Play every story. Cost: about a second."""
    return [story(name) for name in STORIES]


_WEIGHTS: Final = {"submits": 6, "wakes": 10, "forwards": 12, "fetches": 12, "tick": 4}


def _walked(chosen: World, length: int, random: Random) -> Player:
    """Take steps at random: first the action, by weight, then one of its ways."""
    player = Player(chosen)
    for _ in range(length):
        ways: dict[str, list[Step[State]]] = {}
        for step in player.model.steps(player.state):
            ways.setdefault(step.action, []).append(step)
        if not ways:
            break
        action = random.choices([*ways], [_WEIGHTS.get(way, 1) for way in ways])[0]
        player.steps.append(random.choice(ways[action]))
        player.state = player.steps[-1].state
    return player


def walks(count: int, length: int, seed: int) -> list[Trace]:
    """Walk at random: `count` runs of two relationships with `length` steps each. Cost: about 50 ms for 60 steps."""
    found: list[Trace] = []
    for k in range(count):
        random = Random(f"{seed}/{k}")
        chosen = world("walk", {"terms.longTermCapacity": 4, "terms.ephemeralCapacity": 4})
        found.append(
            Trace(f"walk {seed}/{k}", _interleaved(_walked(chosen, length, random), _walked(chosen, length, random)))
        )
    return found
