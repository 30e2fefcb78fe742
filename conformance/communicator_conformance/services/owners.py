"""Owners of roots, as devices of the suite: they register, seal what correspondents would send, fetch and confirm.

Theory. A receiving service knows an owner by an access key and gives away what is stored for its root. Whatever a test
says about acceptance it sees here: what was accepted comes out, once, as it went in.

Rules:

1. An owner of label/1 has one epoch at first; each correspondent of two-layer/1 has addresses of its own.
2. What an owner registered is revoked when the run ends.
"""

import json
from typing import Final, NamedTuple

import msgspec

from communicator_conformance.services.client import Answer
from communicator_conformance.services.interface import items_of
from communicator_conformance.services.outcomes import Failed, Skipped
from communicator_conformance.services.partner import verify_key
from communicator_conformance.services.world import Origin, World, base64url, bearer, settle
from communicator_conformance.verdicts import Fault
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "CBOR",
    "Delivery",
    "Epoch",
    "LabelOwner",
    "Owner",
    "TwoLayerOwner",
    "accept",
    "deliveries",
    "message",
    "packed",
]

CBOR: Final = "application/cbor"
_A: Final = PARAMETERS.address
_DAY_S: Final = 86_400
CIPHERTEXT_BYTES: Final = PARAMETERS.envelope.ciphertext_classes_bytes[0]


class Delivery(msgspec.Struct, frozen=True):
    """One stored message."""

    number: int
    ciphertext: bytes
    index: int
    epoch: int | None


class Epoch(NamedTuple):
    """One grant of label/1."""

    number: int
    key: bytes
    until_s: int
    capacity: int = 1024
    lanes: int = 1

    def json(self) -> bytes:
        """Return its registration."""
        named = {"epoch": self.number, "key": base64url(self.key), "valid_until": self.until_s}
        return packed({**named, "capacity": self.capacity, "lanes": self.lanes})


def packed(value: object) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def deliveries(answer: Answer) -> list[Delivery]:
    """Read what a fetch returned; its form is judged already."""
    answer.must(200)
    rows = items_of("messages", answer.body)
    return [Delivery(row[1], row[2], row[3], row.get(4)) for row in rows]


def accept(origin: Origin, request: bytes) -> Answer:
    """Bring one request, as a sending service does."""
    return origin.client.call("receiving.accept", body=request, media=CBOR)


class Owner:
    """What both profiles share."""

    profile: int

    def __init__(self, world: World, origin: Origin) -> None:
        self.world, self.origin = world, origin
        self.root = world.draw(_A.root_bytes)
        self.key = base64url(world.draw(PARAMETERS.service.access_key_bytes))

    @property
    def authority(self) -> dict[str, str]:
        """The access key as a header."""
        return bearer(self.key)

    @property
    def registration(self) -> dict[str, object]:
        """What a root is registered with."""
        return {"root": base64url(self.root), "profile": self.profile, "access_key": self.key}

    def register(self) -> Answer:
        """Register the root."""
        return self.registered(self.registration)

    def registered(self, registration: dict[str, object]) -> Answer:
        """Ask for a registration with these members, and remember to revoke it."""
        shown = self.origin.authority("receiving", "register")
        answer = self.origin.client.call("receiving.registerRoot", json=packed(registration), headers=shown)
        if answer.status < 400:
            self.world.leave(self.revoke)
        return answer

    def revoke(self) -> Answer:
        """Revoke the root, with all that is stored for it."""
        return self.origin.client.call("receiving.revoke", json=b"{}", headers=self.authority)

    def look(self, wait_s: int | None = None) -> Answer:
        """Fetch, with `wait` if it is given."""
        query = None if wait_s is None else {"wait": wait_s}
        limit_s = self.origin.client.timeout_s + (wait_s or 0)
        return self.origin.client.call("receiving.messages", query=query, headers=self.authority, timeout_s=limit_s)

    def fetch(self, wait_s: int | None = None) -> list[Delivery]:
        """Return what is stored."""
        return deliveries(self.look(wait_s))

    def confirm(self, numbers: list[int]) -> Answer:
        """Confirm deliveries."""
        return self.origin.client.call("receiving.confirm", json=packed({"numbers": numbers}), headers=self.authority)

    def settled(self, ciphertexts: list[bytes]) -> list[Delivery]:
        """Return what is stored once it is this, in any order; else the messages are lost, doubled or changed."""
        wanted = sorted(ciphertexts)
        found = settle(self.fetch, lambda seen: len(seen) >= len(wanted), self.origin.client.timeout_s)
        have = sorted(one.ciphertext for one in found)
        if have == wanted:
            return found
        lost, more = len(set(wanted) - set(have)), len(set(have) - set(wanted))
        if lost and more:
            raise Failed(Fault.MISMATCH, "a message is stored that nobody sent, in the place of one that was accepted")
        if lost:
            raise Failed(Fault.LOST, f"{lost} of {len(wanted)} messages were accepted and never stored")
        if more:
            raise Failed(Fault.ACCEPTED, f"{more} messages are stored that must not be")
        raise Failed(Fault.DOUBLED, f"{len(have)} messages are stored of {len(wanted)} that were accepted")


class LabelOwner(Owner):
    """A root of label/1 with one epoch."""

    profile = _A.label_profile

    def __init__(self, world: World, origin: Origin, capacity: int = 1024) -> None:
        super().__init__(world, origin)
        self.epoch = self.another(1, capacity)

    def another(self, number: int, capacity: int = 1024) -> Epoch:
        """Return an epoch, not registered yet."""
        until_s = -(-(self.origin.now + _DAY_S) // _A.date_granularity_s) * _A.date_granularity_s
        return Epoch(number, self.world.draw(_A.epoch_key_bytes), until_s, capacity)

    def grant(self, epoch: Epoch, *, patient: bool = True) -> Answer:
        """Register an epoch."""
        return self.origin.client.call(
            "receiving.registerEpoch", json=epoch.json(), headers=self.authority, patient=patient
        )

    def ready(self) -> "LabelOwner":
        """Register the root and its epoch."""
        self.register().must(204)
        self.grant(self.epoch).must(204)
        return self

    def request(self, index: int, ciphertext: bytes, epoch: Epoch | None = None, lane: int = 0) -> bytes:
        """Seal a message to one label."""
        partner, now, key = self.origin.partner, self.origin.now, (epoch or self.epoch).key
        label = partner.ask("label.derive", now, key=key, lane=lane, index=index)["label"]
        sealed = partner.ask("envelope.seal", now, address=label, config=self.origin.config, ciphertext=ciphertext)
        return bytes.fromhex(sealed["envelope"])


class TwoLayerOwner(Owner):
    """A root of two-layer/1."""

    profile = _A.two_layer_profile

    def __init__(self, world: World, origin: Origin) -> None:
        super().__init__(world, origin)
        self.seed = world.draw(PARAMETERS.suite.secret_key_bytes)

    @property
    def registration(self) -> dict[str, object]:
        """What a root is registered with, the key that verifies its addresses included."""
        return {**super().registration, "verify_key": base64url(verify_key(self.seed))}

    def ready(self) -> "TwoLayerOwner":
        """Register the root."""
        self.register().must(204)
        return self

    def request(self, index: int, ciphertext: bytes) -> bytes:
        """Seal a message to one address."""
        partner, now, config = self.origin.partner, self.origin.now, self.origin.config
        until_s = -(-(now + _DAY_S) // _A.date_granularity_s) * _A.date_granularity_s
        made = partner.ask(
            "address.issue", now, root=self.root, signing_seed=self.seed, config=config, first=index, count=1,
            valid_until_s=until_s,
        )  # fmt: skip
        sealed = partner.ask("envelope.seal", now, address=made["addresses"][0], config=config, ciphertext=ciphertext)
        return bytes.fromhex(sealed["envelope"])


def message(world: World) -> bytes:
    """Return a ciphertext that no other message has."""
    return world.draw(CIPHERTEXT_BYTES)


def label_owner(world: World, capacity: int = 1024) -> LabelOwner:
    """Return who owns a root of label/1 at the origin under test, with one epoch."""
    if _A.label_profile not in world.origin.part("receiving")["profiles"]:
        raise Skipped("the service does not offer label/1")
    return LabelOwner(world, world.origin, capacity).ready()


def two_layer_owner(world: World) -> TwoLayerOwner:
    """Return who owns a root of two-layer/1 at the origin under test."""
    return TwoLayerOwner(world, world.origin).ready()
