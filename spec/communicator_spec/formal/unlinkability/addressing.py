"""Addresses, requests and registrations as terms, for the two profiles of chapter 2 (`drafted` has a third).

A profile says what the receiving service is told of a root and a grant, what the peer is given, and what a sender makes
of it for one ciphertext. The layouts are those of the tables in 2.3 and 2.5; fields of fixed length that are constants
for everybody (versions, profiles, suites) are left out where nothing depends on them. Each place where a weakening acts
names it: `things.has("…")` is false in the scheme as it is designed.
"""

from typing import NamedTuple, Protocol

from communicator_spec.formal.unlinkability.terms import (
    Term,
    constant,
    digest,
    hpke,
    kdf,
    mac,
    name,
    pair,
    pk,
    rsign,
    sign,
    unpack,
)
from communicator_spec.formal.unlinkability.things import Things

__all__ = ["LABEL", "TWO_LAYER", "Granted", "Profile", "inner_key", "outer_key", "uri"]


class Granted(NamedTuple):
    """A grant as a thing: whose, where, which, and what was said of it. `owner` is the text of a relationship."""

    owner: str
    person: str
    end: int
    service: int
    serial: int
    until: int
    capacity: int
    long_term: bool

    @property
    def root(self) -> str:
        """The text of its root."""
        return f"{self.owner} end {self.end} at {self.service}"


class Profile(Protocol):
    """What distinguishes one address scheme from another."""

    def root(self, things: Things, grant: Granted) -> Term:
        """Return the root's name."""

    def verifies(self, things: Things, grant: Granted) -> Term:
        """Return what the receiving service is told about the root, beside its name."""

    def registers(self, things: Things, grant: Granted) -> Term | None:
        """Return what the receiving service is told about a grant; None if it is told nothing."""

    def gives(self, things: Things, grant: Granted) -> Term:
        """Return what the peer is given in an address set."""

    def address(self, things: Things, grant: Granted, position: int) -> Term:
        """Return a single-use address, as the sender holds it."""

    def request(self, things: Things, service: int, address: Term, ciphertext: Term, randomness: Term) -> Term:
        """Return what is handed to the receiving service."""

    def resolves(self, things: Things, service: int, request: Term) -> tuple[Term, Term] | None:
        """Return address and ciphertext of a request that the service accepts, as its steps say; None if it refuses."""


def uri(service: int) -> Term:
    """Return the URI of a service."""
    return constant(f"https://{service}.example")


def outer_key(service: int) -> Term:
    """Return the secret key of a receiving service's outer generation."""
    return name(f"outer key of {service}")


def inner_key(service: int) -> Term:
    """Return the secret key of its inner generation."""
    return name(f"inner key of {service}")


def info(label: str, service: int, *bound: Term) -> Term:
    """Return the info of a seal (ADDR-3)."""
    return pair(constant(label), uri(service), *bound)


def whose(things: Things, grant: Granted, *faults: str) -> str:
    """Return whose a secret of a root is: the root's, or the person's if that is weakened."""
    return f"{grant.person} at {grant.service}" if any(map(things.has, faults)) else grant.root


def root(things: Things, grant: Granted) -> Term:
    """Return the name of a root: one for each relationship at each service (ADDR-5)."""
    return name(f"root of {whose(things, grant, 'one root', 'one address for all')}")


def positioned(things: Things, grant: Granted, position: int) -> Term:
    """Return the number of an address within its grant."""
    return things.count(f"positions of grant {grant.serial} of {grant.root}", position)


def used(things: Things, position: int) -> int:
    """Return the position that is really used."""
    return 0 if things.has("addresses used again") or things.has("one address for all") else position


class _TwoLayer:
    """two-layer/1: the recipient seals and signs each address, the sender seals it again."""

    root = staticmethod(root)

    def signer(self, things: Things, grant: Granted) -> Term:
        """Return the key that signs the addresses of one root (ADDR-8)."""
        return name(f"signer of {whose(things, grant, 'one verification key', 'one address for all')}")

    def verifies(self, things: Things, grant: Granted) -> Term:
        return pk(self.signer(things, grant))

    def registers(self, things: Things, grant: Granted) -> Term | None:
        return None

    def address(self, things: Things, grant: Granted, position: int) -> Term:
        """RDAS = RDA ‖ signature over the RDA (ADDR-7)."""
        at = used(things, position)
        index = positioned(things, grant, at)
        if things.has("one address for all"):
            index = constant("index 0")
        plaintext = pair(root(things, grant), index, things.date(grant.person, grant.until))
        owner = whose(things, grant, "one address for all")
        randomness = name(f"inner seal {grant.serial}.{at} of {owner}")
        if things.has("one address for all"):
            randomness = name(f"inner seal of {owner}")
        rda = hpke(plaintext, pk(inner_key(grant.service)), info("inner", grant.service), randomness)
        signed = rsign if things.has("recoverable signature") else sign
        return pair(rda, signed(pair(constant("address"), rda), self.signer(things, grant)))

    def gives(self, things: Things, grant: Granted) -> Term:
        return pair(*(self.address(things, grant, position) for position in range(grant.capacity)))

    def bound(self, things: Things, service: int, ciphertext: Term) -> Term:
        """Return the info of the outer seal: bound to the ciphertext (ADDR-12)."""
        return info("outer", service) if things.has("address not bound") else info("outer", service, digest(ciphertext))

    def request(self, things: Things, service: int, address: Term, ciphertext: Term, randomness: Term) -> Term:
        if things.has("address in clear"):
            return pair(address, ciphertext)
        return pair(
            hpke(address, pk(outer_key(service)), self.bound(things, service, ciphertext), randomness), ciphertext
        )

    def resolves(self, things: Things, service: int, request: Term) -> tuple[Term, Term] | None:
        """Steps 1 and 2 of 2.3; that root, signature and index are right follows from the address being a real one."""
        sealed, ciphertext = unpack(request, 2) or (request, request)
        if things.has("address in clear"):
            return sealed, ciphertext
        opens = sealed.head == "hpke" and sealed.parts[1] is pk(outer_key(service))
        bound = opens and sealed.parts[2] is self.bound(things, service, ciphertext)
        return (sealed.parts[0], ciphertext) if bound else None


class _Label:
    """label/1: an epoch key for both, a label for each message, one envelope."""

    root = staticmethod(root)

    def verifies(self, things: Things, grant: Granted) -> Term:
        return constant("no verification key")

    def epoch(self, things: Things, grant: Granted) -> Term:
        """Return the number of a grant's epoch: that of the grant among those of its root."""
        return things.count(f"epochs of {grant.root}", grant.serial)

    def key(self, things: Things, grant: Granted) -> Term:
        """k_e = HKDF(root secret, epoch) (ADDR-18)."""
        owner = whose(things, grant, "one root secret", "one address for all")
        epoch = constant("epoch 0") if things.has("one address for all") else self.epoch(things, grant)
        return kdf(name(f"root secret of {owner}"), epoch)

    def registers(self, things: Things, grant: Granted) -> Term | None:
        date = things.date(grant.person, grant.until)
        return pair(self.epoch(things, grant), self.key(things, grant), date, positioned(things, grant, 0))

    def gives(self, things: Things, grant: Granted) -> Term:
        return pair(self.key(things, grant), positioned(things, grant, 0))

    def address(self, things: Things, grant: Granted, position: int) -> Term:
        """The label: HMAC(k_e, lane ‖ index) (ADDR-19); there is one lane."""
        at = positioned(things, grant, used(things, position))
        return mac(self.key(things, grant), constant("index 0") if things.has("one address for all") else at)

    def request(self, things: Things, service: int, address: Term, ciphertext: Term, randomness: Term) -> Term:
        key, bound = pk(outer_key(service)), info("label", service)
        if things.has("address in clear"):
            return pair(address, ciphertext)
        if things.has("address not bound"):
            return pair(hpke(address, key, bound, randomness), ciphertext)
        return hpke(pair(address, ciphertext), key, bound, randomness)  # ADDR-20

    def resolves(self, things: Things, service: int, request: Term) -> tuple[Term, Term] | None:
        """Step 1 of 2.5; that the label is in a window follows from the address being a real one."""
        apart = things.has("address in clear") or things.has("address not bound")
        sealed, ciphertext = (unpack(request, 2) if apart else None) or (request, request)
        if things.has("address in clear"):
            return sealed, ciphertext
        if sealed.head != "hpke" or sealed.parts[1:3] != (pk(outer_key(service)), info("label", service)):
            return None
        if apart:
            return sealed.parts[0], ciphertext
        inside = unpack(sealed.parts[0], 2)
        return None if inside is None else (inside[0], inside[1])


TWO_LAYER: Profile = _TwoLayer()
LABEL: Profile = _Label()
