"""What each role sees of a run, as terms: the facts of `facts`, written down in one world and one scheme.

| place | sees |
|---|---|
| everybody | published keys of services and issuers |
| sending service | each hand-over: credential of the connection, token and its signature, URI, not-after, request |
| receiving service | its secret keys; registrations; requests; fetches and revocations with the access key; indices |
| correspondents (ends 1) | what its device was given, chain and header keys, its requests; what it fetched |
| network | each connection as ciphertext under keys of its own (KNOW-6); ends, lengths and times are no terms |
| authorization service | its keys; which account asked for which blinded token, and the answers |
| directory service | entry and deposit of a name; queries for it, paid with tokens |

Assumed: a connection shows nothing that lasts (no network address, no client certificate), and each request has one of
its own except where one access key joins them; services publish one configuration to everybody. The prologue through
the directory is that of chapters 8 and 9 and not part of the model: the person of end 0 has deposited an address there,
and a third correspondent asks for it and writes to it once.
"""

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from communicator_spec.formal.generated import Grant, Submission
from communicator_spec.formal.unlinkability.addressing import (
    LABEL,
    TWO_LAYER,
    Granted,
    Profile,
    inner_key,
    outer_key,
    positioned,
    uri,
)
from communicator_spec.formal.unlinkability.ciphertexts import Session, Writer, granted
from communicator_spec.formal.unlinkability.drafted import DRAFTED
from communicator_spec.formal.unlinkability.facts import (
    Brought,
    Fact,
    Fetched,
    HandedOver,
    Holds,
    Intruded,
    Registered,
    Revoked,
)
from communicator_spec.formal.unlinkability.terms import Term, aead, blind, bsign, constant, name, pair, pk
from communicator_spec.formal.unlinkability.things import Scheme, Sighting, Things, Transmission, World
from communicator_spec.views import Role

__all__ = ["PROFILES", "Place", "Views", "observe"]

PROFILES: dict[str, Profile] = {"two-layer/1": TWO_LAYER, "label/1": LABEL, "drafted": DRAFTED}


class Place(NamedTuple):
    """A role at one place: a service by its number; a correspondent by that of its relationship, -1 for who asked."""

    role: Role
    number: int

    @property
    def text(self) -> str:
        """The place for people."""
        return f"{self.role} {self.number}" if self.number >= 0 else f"{self.role} who asked"


Views = dict[Place, list[tuple[str, Term]]]
"""By place, what it saw: a label and a term. Two worlds of one run have the same places and labels."""

NETWORK = Place(Role.NETWORK, 0)
ISSUER = Place(Role.AUTHORIZATION, 0)
DIRECTORY = Place(Role.DIRECTORY, 0)
ASKER = Place(Role.CORRESPONDENT, -1)


def observe(facts: Sequence[Fact], scheme: Scheme, world: World, named: bool = True) -> Views:
    """Return what all places see of a run; `named` if the person stands in a directory."""
    onlooker = _Onlooker(scheme, world)
    onlooker.publish(facts, named)
    for fact in facts:
        onlooker.take(fact)
    return onlooker.views


class _Onlooker:
    def __init__(self, scheme: Scheme, world: World) -> None:
        self.things, self.profile = Things(scheme, world), PROFILES[scheme.profile]
        self.writer = Writer(self.things, self.profile)
        self.views: Views = {}
        self.handed: dict[Transmission, HandedOver] = {}
        self.requests: dict[tuple[Transmission, str], Term] = {}
        self.firsts: dict[tuple[int, int, int], HandedOver] = {}

    # ------------------------------------------------------------------ who sees what
    def see(self, place: Place, what: str, **terms: Term) -> None:
        """Add terms to the view of a place."""
        view = self.views.setdefault(place, [])
        view.extend((f"{what} {field.replace('_', ' ')}", term) for field, term in terms.items())

    def wire(self, what: str, payload: Term) -> None:
        """The network sees a connection from outside (KNOW-6)."""
        shown = (
            payload
            if self.things.has("no TLS")
            else aead(payload, name(f"TLS key of {what}"), constant("0"), constant(""))
        )
        self.see(NETWORK, what, bytes=shown)

    def publish(self, facts: Sequence[Fact], named: bool) -> None:
        """Everybody knows the published keys; a receiving service and an issuer know the secret ones as well."""
        services = sorted({fact.grant.service for fact in facts if isinstance(fact, Registered)})
        via = sorted({fact.submission.via for fact in facts if isinstance(fact, HandedOver)})
        peers = sorted({fact.relationship for fact in facts if isinstance(fact, Holds)})
        places = [Place(Role.RECEIVING, s) for s in services] + [Place(Role.SENDING, s) for s in via]
        places += [Place(Role.CORRESPONDENT, r) for r in peers] + [NETWORK, ISSUER]
        places += [DIRECTORY, ASKER] if named else []
        for place in places:
            for s in services:
                self.see(place, f"receiving service {s}'s", outer_key=pk(outer_key(s)), inner_key=pk(inner_key(s)))
            self.see(place, "issuer's", key=pk(_ISSUER_KEY))
        for s in services:
            self.see(Place(Role.RECEIVING, s), "own", outer_secret=outer_key(s), inner_secret=inner_key(s))
        self.see(ISSUER, "own", secret=_ISSUER_KEY)
        if named:
            self.prologue(services[0])

    # ------------------------------------------------------------------ whose things
    def grant(self, relationship: int, end: int, grant: Grant) -> Granted:
        """Return a grant as a thing of its relationship."""
        owner = self.things.relationship(relationship, end, grant.service)
        return granted(owner, self.things.person(relationship, end), end, grant)

    def whole_root(self, fact: Fetched | Revoked) -> Granted:
        """Return a root without any grant of it."""
        owner = self.things.relationship(fact.relationship, fact.end, fact.service)
        person = self.things.person(fact.relationship, fact.end)
        return Granted(owner, person, fact.end, fact.service, 0, 0, 0, True)

    def ciphertext(self, t: Transmission, sighting: Sighting) -> Term:
        """Return the ciphertext of a transmission, as it is seen somewhere."""
        source = self.handed[t]
        if self.things.has("same bytes again"):
            source = self.firsts[(t.relationship, t.sender, self.things.message(t))]
        made = t._replace(turn=source.transmission.turn, step=source.transmission.step, opens=source.transmission.opens)
        return self.writer.ciphertext(made, self.things.of(t, sighting), source.submission.body)

    def request(self, t: Transmission, sighting: Sighting) -> Term:
        """Return the request of a transmission, as it is seen somewhere."""
        owner = self.things.of(t, sighting)
        if (t, owner) not in self.requests:
            self.requests[(t, owner)] = self._request(t, sighting, owner)
        return self.requests[(t, owner)]

    def _request(self, t: Transmission, sighting: Sighting, owner: str) -> Term:
        fact = self.handed[t]
        person = self.things.person(t.relationship, t.recipient)
        grant = granted(owner, person, t.recipient, fact.grant)
        address = self.profile.address(self.things, grant, fact.submission.address.position)
        randomness = self.randomness(t, owner)
        return self.profile.request(self.things, grant.service, address, self.ciphertext(t, sighting), randomness)

    def randomness(self, t: Transmission, owner: str) -> Term:
        """Return the randomness of an outer seal, drawn for each transmission (ADDR-11)."""
        return name(f"outer seal, transmission {t.ordinal}, end {t.sender} of {owner}")

    # ------------------------------------------------------------------ tokens
    def token(self, person: str, what: str) -> dict[str, Term]:
        """A token is asked for and spent: the issuer sees it blinded (TOK-10), who takes it sees it whole."""
        issued, spent = name(f"token for {what}"), name(self.things.spent(person, what))
        asked = issued if self.things.has("token not blinded") else blind(issued, name(f"blinding factor for {what}"))
        account = name(self.things.account(person, what))
        self.see(
            ISSUER, f"request for a token for {what}:", account=account, asked=asked, signed=bsign(asked, _ISSUER_KEY)
        )
        self.wire(f"request for a token for {what}", pair(account, asked))
        return {"token": spent, "token_signature": bsign(spent, _ISSUER_KEY)}

    # ------------------------------------------------------------------ facts
    def take(self, fact: Fact) -> None:
        """Write one fact down for all who see it."""
        match fact:
            case Holds():
                self.holds(fact)
            case Registered():
                grant = self.grant(fact.relationship, fact.end, fact.grant)
                self.registered(f"r{fact.relationship}.{fact.end}", grant, fact.root)
            case HandedOver():
                self.handed_over(fact)
            case Brought():
                self.brought(fact)
            case Intruded():
                self.intruded(fact)
            case Fetched():
                self.fetched(fact)
            case Revoked():
                self.revoked(fact)
            case _:
                assert_never(fact)

    def holds(self, fact: Holds) -> None:
        """A correspondent begins with the identity and the addresses of its peer."""
        if fact.end == 0:  # the person herself, whose privacy is judged
            return
        place, owner = Place(Role.CORRESPONDENT, fact.relationship), self.things.relationship(fact.relationship, 1)
        session = Session(owner, fact.relationship, 0, 0)
        mine, theirs = session.identity(self.things, 1), pk(session.identity(self.things, 0))
        self.see(place, "own", identity=mine, prekey=session.prekey())
        self.see(place, "peer's", identity=theirs)
        for k, g in enumerate(fact.held):
            entry = self.writer.entry(self.grant(fact.relationship, 0, g))
            self.see(place, f"grant {k} of the peer's first set", entry=entry)

    def registered(self, whose: str, grant: Granted, is_new: bool) -> None:
        """A receiving service is told of a root, over a connection of its own (KNOW-10), and of a grant."""
        place, root = Place(Role.RECEIVING, grant.service), f"root {whose}"
        told = self.profile.registers(self.things, grant)
        if self.scheme_is_drafted:
            return
        if is_new:
            token = self.token(grant.person, f"{root} at {grant.service}")
            known = {"name": self.profile.root(self.things, grant), "key": self.profile.verifies(self.things, grant)}
            self.see(place, f"registration of {root}:", **self.access(grant, root), **token, **known)
            if self.things.has("mailbox known"):
                self.see(
                    place, f"registration of {root}:", mailbox=name(f"mailbox of {grant.person} at {grant.service}")
                )
            self.wire(f"registration of {root} at {grant.service}", pair(*known.values()))
        if told is not None:
            self.see(place, f"grant {grant.serial} of {root}:", told=told)

    @property
    def scheme_is_drafted(self) -> bool:
        """In the scheme as drafted a person registers once, and no relationship has anything of its own to show."""
        return self.profile is DRAFTED

    def access(self, grant: Granted, what: str) -> dict[str, Term]:
        """Return what a device shows for a root: a connection and an access key of its own (KNOW-10, SVC-11)."""
        key = grant.person if self.things.has("one access key") else grant.root
        line = grant.person if self.things.has("one connection") else f"{what} of {grant.root}"
        return {"connection": name(f"connection for {line}"), "access_key": name(f"access key of {key}")}

    def handed_over(self, fact: HandedOver) -> None:
        """A sending service is given a submission."""
        t, s = fact.transmission, fact.submission
        self.handed[t] = fact
        self.firsts.setdefault((t.relationship, t.sender, self.things.message(t)), fact)
        what, place = f"hand-over {t.sender}#{t.ordinal} of r{t.relationship}", Place(Role.SENDING, s.via)
        request, person = self.request(t, Sighting.HANDED_OVER), self.things.person(t.relationship, t.sender)
        line = f"account of {person}" if self.things.has("sending account") else f"{what}, {self.things.of(t)}"
        token = self.token(person, what)
        self.see(
            place, f"{what}:", connection=name(f"connection for {line}"), **token, **self.routed(s), request=request
        )
        if self.things.has("position visible"):
            owned = granted(self.things.of(t), person, t.recipient, fact.grant)
            self.see(place, f"{what}:", position=positioned(self.things, owned, s.address.position))
        if self.things.has("message id visible"):
            self.see(
                place,
                f"{what}:",
                id=name(f"id of message {self.things.message(t)} of end {t.sender}, {self.things.of(t)}"),
            )
        self.wire(what, request)
        if t.sender == 1:
            self.own_device(t, request)

    def routed(self, s: Submission) -> dict[str, Term]:
        """Return what a submission says in clear; not-after is a date that many share."""
        return {"uri": uri(s.service), "not_after": constant(f"hour {s.notAfter}")}

    def keys(self, t: Transmission) -> dict[str, Term]:
        """Return what both ends hold for a turn of their ratchet."""
        owner = self.things.relationship(t.relationship, t.recipient, t.service)
        session = Session(owner, t.relationship, t.sender, t.turn)
        return {"chain_key": session.chain(), "header_key": session.header_key()}

    def own_device(self, t: Transmission, request: Term) -> None:
        """A correspondent's device knows what it sends, and its randomness."""
        place, what = Place(Role.CORRESPONDENT, t.relationship), f"own transmission {t.ordinal}:"
        self.see(place, what, request=request, randomness=self.randomness(t, self.things.of(t)), **self.keys(t))

    def brought(self, fact: Brought) -> None:
        """A receiving service is brought a request; it resolves it with what it knows."""
        t, place = fact.transmission, Place(Role.RECEIVING, fact.service)
        what, request = f"request {t.sender}#{t.ordinal} of r{t.relationship}", self.request(t, Sighting.BROUGHT)
        self.see(place, f"{what}, time {fact.times}:", request=request)
        self.wire(f"{what}, time {fact.times}", request)

    def intruded(self, fact: Intruded) -> None:
        """A stranger writes junk to an address that was passed on; it is nobody's ciphertext."""
        what = f"junk {fact.ordinal} of r{fact.relationship}"
        grant = self.grant(fact.relationship, fact.address.end, fact.grant)
        address = self.profile.address(self.things, grant, fact.address.position)
        request = self.profile.request(self.things, grant.service, address, name(what), name(f"seal of {what}"))
        self.see(Place(Role.RECEIVING, grant.service), f"{what}:", request=request)
        self.wire(what, request)

    def fetched(self, fact: Fetched) -> None:
        """A device asks with the access key of one root and gets what is stored there, with its index (ENV-21)."""
        what = f"fetch {fact.ordinal} of r{fact.relationship}.{fact.end}"
        service, grant = Place(Role.RECEIVING, fact.service), self.whole_root(fact)
        if not self.scheme_is_drafted:
            self.see(service, f"{what}:", **self.access(grant, what))
        self.wire(f"{what} at {fact.service}", name(what))
        for k, (t, address) in enumerate(fact.transmissions):
            index = positioned(self.things, grant._replace(serial=address.serial), address.position)
            self.see(service, f"{what}, item {k}:", index=index)
            if fact.end == 1 and t is not None:
                got = self.ciphertext(t, Sighting.FETCHED)
                self.see(
                    Place(Role.CORRESPONDENT, fact.relationship), f"{what}, item {k}:", ciphertext=got, **self.keys(t)
                )

    def revoked(self, fact: Revoked) -> None:
        """A root is revoked with its access key."""
        what, grant = f"revocation of r{fact.relationship}.{fact.end}", self.whole_root(fact)
        if not self.scheme_is_drafted:
            self.see(Place(Role.RECEIVING, fact.service), f"{what}:", **self.access(grant, what))
        self.wire(f"{what} at {fact.service}", name(what))

    # ------------------------------------------------------------------ the directory
    def prologue(self, service: int) -> None:
        """A name, its deposit at a root that serves nothing else (KNOW-15), a query and a contact (KNOW-13)."""
        named = self.things.named()
        owner = f"deposit of {named}"
        if self.things.has("deposit root used on"):
            owner = self.things.relationship(0, 0) if named == self.things.person(0, 0) else f"relationship of {named}"
        grant = Granted(owner, named, 0, service, 0, 0, 1, True)
        identity, package = pk(name(f"directory identity of {named}")), pk(name(f"deposited prekey of {named}"))
        contact = pair(identity, package, self.writer.entry(grant))
        held = name(f"account of {named} at the directory")
        entry = name(self.things.directory_name("entered"))
        self.see(DIRECTORY, "entry:", account=held, name=entry, identity=identity, contact=contact)
        self.registered("deposit", grant, True)
        for what in ("query", "contact"):
            asked = name(self.things.directory_name(what))
            line = name(f"connection for {what}")
            self.see(DIRECTORY, f"{what}:", connection=line, name=asked, **self.token("asker", what))
            self.wire(what, asked)
        self.see(ASKER, "from the directory:", name=entry, contact=contact)
        address = self.profile.address(self.things, grant, 0)
        request = self.profile.request(
            self.things, service, address, name("first message"), name("seal of first message")
        )
        self.see(Place(Role.RECEIVING, service), "first message:", request=request)


_ISSUER_KEY = name("issuer's key")
