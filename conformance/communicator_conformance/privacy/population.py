"""Four people in four relationships, who meet, talk, fall silent and come back: the plot that all games are played on.

Theory. A game compares two pairs of things, of which one belongs together. For an implementation that keeps the
standard the two must look the same, so nothing but the relation may tell them apart: everybody does the same, and what
cannot happen at one instant happens in an order that is drawn. Populations are small, and many: each is one trial. ::

    alex  ──r0──  xenia          r2 and r3 have nobody in common;
    alex  ──r1──  xenia          xenia meets alex twice, and blair;
    alex  ──r2──  yuri           alex has an address in three relationships, blair in one
    blair ──r3──  xenia

| when | what | names of transmissions: of alex and blair, of xenia and yuri |
|---|---|---|
| 0 | they meet | |
| 1 h | alex and blair write | `word 1`, and the receipts `echo 1` |
| 3 h | xenia and yuri write | receipts `echo 2`, `word 2` |
| 6 h | xenia and yuri are away; alex and blair write | `word 3` |
| 26 h later | nobody has confirmed: it is sent again, over another path | `again 3` |
| 36 h | xenia and yuri are back | `echo 3` |

Rules:

1. What people say is random bytes, never the same twice; alex writes at one length and blair at another.
2. Words of one hour are 12 seconds apart at least, in an order that is drawn, and receipts come minutes later. Every
   second population has the order of the one before it, with the two swapped that games compare: what is only the
   suite's chance cancels out.
3. Alex and blair are the program under test; xenia and yuri are the partner, who says what its devices opened.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import cbor2

from communicator_conformance.privacy.views import Views
from communicator_conformance.privacy.watching import Act, WatchedStage
from communicator_conformance.scripts.script import Person
from communicator_conformance.scripts.stage import Device
from communicator_conformance.testee import Testee
from communicator_spec.events import NONE
from communicator_spec.parameters import PARAMETERS

__all__ = ["PLOT", "SUBJECTS", "Luck", "number_of", "observed"]

SUBJECTS: Final = ("alex", "blair")
PLOT: Final = {"r0": ("alex", "xenia"), "r1": ("alex", "xenia"), "r2": ("alex", "yuri"), "r3": ("blair", "xenia")}
_GUESTS: Final = ("xenia", "yuri")

_HOUR: Final = 3600
_FIRST, _SECOND, _THIRD, _AGAIN, _BACK, _END = (hour * _HOUR for hour in (1, 3, 6, 24, 36, 38))
_ACTS: Final = (
    Act(_FIRST, ("word 1", "echo 1"), (1, NONE)),
    Act(_SECOND, ("echo 2", "word 2"), (NONE, 2)),
    Act(_THIRD, ("word 3", "echo 3"), (3, NONE)),
    Act(_AGAIN, ("again 3", "echo 3"), (3, NONE)),
)
_MEETINGS_S: Final = 60
_WORDS_S: Final = 12
_LENGTHS: Final = (80, 700)
_SENTENCE: Final = "text/plain"

Cast = Callable[[str, str], Testee]


class Luck(NamedTuple):
    """What one population draws from: its number, and the seed of all."""

    seed: int
    number: int

    def own(self) -> bytes:
        """Return the seed of this population alone."""
        return hashlib.sha256(f"privacy {self.seed} {self.number}".encode()).digest()

    def order(self, purpose: str, count: int, swap: tuple[int, int]) -> list[int]:
        """Return the numbers below `count` as drawn for two populations, in the second with two of them swapped."""
        text = f"privacy {self.seed} {self.number // 2} {purpose}"
        drawn = sorted(range(count), key=lambda n: hashlib.sha256(f"{text} {n}".encode()).digest())
        swapped = dict(zip(swap, reversed(swap), strict=True))
        return [swapped.get(n, n) for n in drawn] if self.number % 2 else drawn


def observed(profile: str, luck: Luck, cast: Cast) -> Views:
    """Play the plot once and return what everybody saw."""
    seed = luck.own()
    people = {name: Person(("r0", "r1"), ("s0", "s1")) for name in (*SUBJECTS, *_GUESTS)}
    stage = WatchedStage(people, _ACTS, profile, seed, cast)
    stage.raise_curtain()
    stage.views.published += _published(stage)
    for turn, label in enumerate(luck.order("meetings", len(PLOT), (0, 3))):
        stage.plan(turn * _MEETINGS_S, partial(_meet, stage, f"r{label}"))
    lengths = {name: _LENGTHS[place] for name, place in zip(SUBJECTS, luck.order("lengths", 2, (0, 1)), strict=True)}
    for begin_s, side, swap in ((_FIRST, 0, (0, 3)), (_SECOND, 1, (2, 3)), (_THIRD, 0, (2, 3))):
        for turn, label in enumerate(luck.order(f"words {begin_s}", len(PLOT), swap)):
            length = lengths[PLOT[f"r{label}"][0]]
            stage.plan(begin_s + turn * _WORDS_S, partial(_say, stage, seed, f"r{label}", side, length))
    for name in _GUESTS:
        stage.plan(_THIRD - 1, partial(_go_away, stage.devices[name]))
        stage.plan(_BACK, partial(_come_back, stage, stage.devices[name]))
    stage.run(_END)
    return stage.views


def number_of(label: str) -> int:
    """Return the number of a relationship of the plot; its ends are twice that, and one more."""
    return list(PLOT).index(label)


def _meet(stage: WatchedStage, label: str) -> None:
    first, second = (stage.devices[name] for name in PLOT[label])
    number = number_of(label)
    stage.labels[number] = label
    first.ends[number], second.ends[number] = 2 * number, 2 * number + 1
    package = stage.ask(first, "invite", relationship=number, **_setting(first))["package"]
    answer = stage.ask(second, "accept", relationship=number, **_setting(second), package=package)["answer"]
    completed = stage.ask(first, "complete", relationship=number, answer=answer)
    stage.step(first, number, completed)
    stage.step(second, number, stage.ask(second, "conclude", relationship=number, greeting=completed["greeting"]))


def _say(stage: WatchedStage, seed: bytes, label: str, side: int, length: int) -> None:
    number = number_of(label)
    device = stage.devices[PLOT[label][side]]
    words = hashlib.shake_256(f"{label} {side} {stage.now_s} {device.name}".encode() + seed).digest(length)
    content = cbor2.dumps({0: 1, 1: _SENTENCE, 2: words}, canonical=True).hex()
    stage.step(device, number, stage.ask(device, "submit", relationship=number, content=content))


def _go_away(device: Device) -> None:
    device.awake = False


def _come_back(stage: WatchedStage, device: Device) -> None:
    device.awake = True
    stage.catch_up(device)


def _setting(device: Device) -> dict[str, list[str]]:
    uris = [f"https://{name}.example" for name in (*device.receiving, *device.sending)]
    return {"receiving": uris[: len(device.receiving)], "sending": uris[len(device.receiving) :]}


def _published(stage: WatchedStage) -> list[bytes]:
    """Return what everybody may know and repeat: labels, and the names, keys and digests of services."""
    sections = (getattr(PARAMETERS, name) for name in PARAMETERS.__struct_fields__)
    named = [(part, name) for part in sections for name in part.__struct_fields__ if name.endswith("_label")]
    known = [_SENTENCE.encode(), *(getattr(part, name).encode() for part, name in named)]
    for service in stage.receivers.values():
        config = bytes.fromhex(service.config)
        label = PARAMETERS.address.config_label.encode()
        known += [config, hashlib.sha256(label + b"\0" + config).digest()[: PARAMETERS.envelope.digest_bytes]]
    return known + [service.uri.encode() for service in (*stage.receivers.values(), *stage.senders.values())]
