"""Load and judge of a receiving service: owners who register, are written to, fetch, confirm and revoke.

What is judged, at every step: each request that was acknowledged is fetched, once, with one number for ever; again
until it was confirmed, and never after; a second request to an address never arrives; a root that was registered is
there, one that was revoked is not; a token that paid pays for the same request again, and for no other.
"""

import io
import json

import cbor2
from tests.services.issuer import Issuer
from tests.services.killing.world import Answer, Link, Loader, World
from tests.services.owning import CBOR, LabelOwner, TwoLayerOwner, body

from communicator_impl.addresses import ServiceConfig
from communicator_impl.envelope import Delivery
from communicator_impl.tokens import Purpose

JSON = {"content-type": "application/json"}
PAGE = 64


class Ledger:
    """What one owner was told of one root."""

    def __init__(self) -> None:
        self.sent: set[bytes] = set()
        self.numbers: dict[int, bytes] = {}
        self.confirmed: set[int] = set()

    @property
    def open(self) -> int:
        """How many messages must be there."""
        return len(self.sent) - len(self.confirmed)


class Owning(Loader):
    """One owner after the other: a root, some messages, and its end."""

    messages_of_a_root = 60
    patience_s = 120.0

    def __init__(self, world: World, name: str, link: Link, config: ServiceConfig, issuer: Issuer, origin: str) -> None:
        super().__init__(world, name, link)
        self._config, self._issuer, self._origin = config, issuer, origin
        self._base = int.from_bytes(name.encode()) % (1 << 30) << 32
        self._next = 0
        self._gone: list[LabelOwner | TwoLayerOwner] = []
        self._begin()

    def step(self) -> None:
        """Send a few, look, and confirm some."""
        if not self._registered:
            self._register()
        for _ in range(self.chance.randint(1, 6)):
            self._send()
        self._fetch()
        self._confirm(self.chance.random())
        if len(self.ledger.sent) >= self.messages_of_a_root:
            self._settle()
            self._revoke()

    def finish(self) -> None:
        """Everything that was acknowledged is there; what was revoked is not."""
        if self._registered:
            self._settle()
        for owner in self._gone[-20:]:
            self.expect(self._read(owner).status == 401, "a revoked root answers")

    # ---------------------------------------------------------------- a root

    def _begin(self) -> None:
        kind = self.chance.choice((LabelOwner, TwoLayerOwner))
        self.owner: LabelOwner | TwoLayerOwner = kind(self._config)
        self.ledger, self._registered, self._index = Ledger(), False, 0

    def _register(self) -> None:
        paid = self._issuer.header(Purpose.REGISTER, self._origin) | JSON
        wanted = json.dumps(self.owner.registration()).encode()
        first = self.link.ask("POST", "/v1/roots", wanted, paid)
        self.expect(first.status == 204, f"registration is answered {first.status}")
        self.expect(self.link.ask("POST", "/v1/roots", wanted, paid) == first, "the same again has another answer")
        other = json.dumps(LabelOwner(self._config).registration()).encode()
        again = self.link.ask("POST", "/v1/roots", other, paid)
        self.expect(again.status == 409, f"a token pays for another root: {again.status}")
        if isinstance(self.owner, LabelOwner):
            epoch = json.dumps(self.owner.epoch()).encode()
            status = self.link.ask("POST", "/v1/epochs", epoch, self.owner.authority | JSON).status
            self.expect(status == 204, f"a registered root takes no epoch: {status}")
        self._registered = True
        self.world.count("registered")

    def _revoke(self) -> None:
        status = self.link.ask("POST", "/v1/revoke", b"{}", self.owner.authority | JSON).status
        self.expect(status == 204, f"revocation is answered {status}")
        self.expect(self._read(self.owner).status == 401, "a revoked root answers")
        self._gone.append(self.owner)
        self.world.count("revoked")
        self._begin()

    # ---------------------------------------------------------------- messages

    def _send(self) -> None:
        self._next += 1
        text = body(self._base + self._next)
        request = self.owner.request(self._index, text)
        self._accept(request)
        self.ledger.sent.add(text)
        self.world.count("accepted")
        if self.link.doors == 1 and self.chance.random() < 0.1:
            self._next += 1
            self._accept(self.owner.request(self._index, body(self._base + self._next)))  # of a spent address
            self._accept(request)
        self._index += 1

    def _accept(self, request: bytes) -> None:
        status = self.link.ask("POST", "/v1/accept", request, CBOR).status
        self.expect(status == 202, f"acceptance is answered {status}")

    def _read(self, owner: LabelOwner | TwoLayerOwner) -> Answer:
        return self.link.ask("GET", "/v1/messages", None, owner.authority)

    def _fetch(self) -> int:
        """Fetch, and hold what comes against the ledger; returns how many messages were there."""
        answer = self._read(self.owner)
        if answer.status != 200:
            self.expect(False, f"a registered root is answered {answer.status}")
            return 0
        found = {one.number: one.ciphertext for one in _deliveries(answer.body)}
        ledger = self.ledger
        for number, text in found.items():
            self.expect(number not in ledger.confirmed, f"message {number} comes after it was confirmed")
            self.expect(text in ledger.sent, f"message {number} was never acknowledged for this address")
            self.expect(ledger.numbers.setdefault(number, text) == text, f"message {number} has changed")
        self.expect(len(set(ledger.numbers.values())) == len(ledger.numbers), "a message is stored twice")
        if len(found) < PAGE:
            for number in ledger.numbers.keys() - found.keys() - ledger.confirmed:
                self.expect(False, f"message {number} is gone and was not confirmed")
        self.world.count("fetched", len(found))
        return len(found)

    def _confirm(self, part: float) -> None:
        waiting = sorted(self.ledger.numbers.keys() - self.ledger.confirmed)
        chosen = [number for number in waiting if self.chance.random() < part]
        if not chosen:
            return
        wanted = json.dumps({"numbers": chosen}).encode()
        status = self.link.ask("POST", "/v1/confirm", wanted, self.owner.authority | JSON).status
        self.expect(status == 204, f"confirmation is answered {status}")
        self.ledger.confirmed |= set(chosen)
        self.world.count("confirmed", len(chosen))

    def _arrived(self) -> bool:
        return self.eventually(lambda: self._fetch() >= min(self.ledger.open, PAGE), self.patience_s)

    def _settle(self) -> None:
        """Wait until everything that was acknowledged came, and confirm it."""
        came = self._arrived()
        while came and self.ledger.open:
            self._confirm(1.0)
            came = self._arrived()
        missing = self.ledger.sent - set(self.ledger.numbers.values())
        self.expect(not missing, f"{len(missing)} of {len(self.ledger.sent)} acknowledged messages never came")
        self._fetch()


def _deliveries(data: bytes) -> list[Delivery]:
    source, found = io.BytesIO(data), []
    while source.tell() < len(data):
        found.append(Delivery.decode(cbor2.dumps(cbor2.load(source), canonical=True)))
    return found
