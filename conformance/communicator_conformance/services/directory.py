"""Tests of a directory: names, entries, proofs, contacts and the log (8.4).

Theory. Everything that a directory says about a name can be checked by who reads it: the entry by its signatures, its
place by a proof, the log by its own leaves. So the suite registers an entry for a name of its own, and then reads the
directory as strangers do. A log forgets nothing: each run adds an entry or two to the names that it was given.
"""

import unicodedata
from collections.abc import Callable
from typing import Any, Final

import cbor2

from communicator_conformance.services.cases import Case, Need
from communicator_conformance.services.client import Answer
from communicator_conformance.services.interface import items_of
from communicator_conformance.services.outcomes import Failed, Skipped, expect
from communicator_conformance.services.owners import CBOR
from communicator_conformance.services.partner import agreement_public, identity, sign, verify_key
from communicator_conformance.services.world import World, base64url, bearer, unbase64url
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.transparency import leaf_hash, tree_hash

__all__ = ["DIRECTORY", "Person", "head_key", "head_of", "person"]

_D, _A, _S = PARAMETERS.directory, PARAMETERS.address, PARAMETERS.session
_SEQUENCE: Final = "application/cbor-seq"
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


class Person:
    """Whoever has one of the names that the operator gave."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.key = world, name, world.names[name]
        self.seed, self.secret = world.draw(32), world.draw(32)
        self.sequence = self._next()

    def _next(self) -> int:
        """Return the number of the next entry: another run may have left some."""
        answer = self.world.client.call(
            "directory.lookup", path={"name": self.name}, headers=self.world.origin.authority("directory", "query")
        )
        if answer.status >= 400:
            answer.refused(ErrorClass.UNKNOWN)
            return 0
        return int(cbor2.loads(answer.body)[0][2]) + 1

    def entry(self, sequence: int | None = None, name: str = "", before: bytes | None = None) -> bytes:
        """Return an entry for the name, signed."""
        more = {} if before is None else {"before_seed": before}
        number = self.sequence if sequence is None else sequence
        made = self.world.origin.partner.ask(
            "entry.sign", self.world.now, name=name or self.name, sequence=number,
            identity=identity(self.seed, self.secret), signing_seed=self.seed, **more,
        )  # fmt: skip
        return bytes.fromhex(made["entry"])

    def put(self, entry: bytes, name: str = "", key: str = "") -> Answer:
        """Bring an entry."""
        return self.world.client.call(
            "directory.register",
            path={"name": name or self.name},
            body=entry,
            media=CBOR,
            headers=bearer(key or self.key),
        )

    def register(self) -> bytes:
        """Register a first or next entry; returns the proof."""
        proof = self.put(self.entry()).must(200).body
        self.sequence += 1
        return proof

    def replace(self) -> bytes:
        """Register another identity that the one before signed; returns the proof."""
        before, self.seed = self.seed, self.world.draw(32)
        proof = self.put(self.entry(before=before)).must(200).body
        self.sequence += 1
        return proof

    def check(self, proof: bytes) -> None:
        """Fail unless this proves the last entry that was made here."""
        world = self.world
        found = world.origin.partner.checked(
            "a proof", "proof.check", world.now, proof=proof, uri=world.origin.uri, key=head_key(world), name=self.name
        )
        expect(found["sequence"] == self.sequence - 1, "a proof is of another entry")
        expect(found["identity"] == identity(self.seed, self.secret).hex(), "a proof is of another identity")


def person(world: World, place: int = 0) -> Person:
    """Return who has a name, registered."""
    found = Person(world, sorted(world.names)[place])
    found.check(found.register())
    return found


def head_of(world: World) -> tuple[bytes, dict[int, Any]]:
    """Return the newest head, checked, with its fields."""
    head = world.client.call("directory.head").must(200).body
    world.origin.partner.checked(
        "the head", "head.check", world.now, head=head, uri=world.origin.uri, key=head_key(world)
    )
    return head, cbor2.loads(head)


def head_key(world: World) -> bytes:
    """Return the key that signs heads."""
    return unbase64url(world.origin.part("directory")["key"])


def _lookup(world: World, name: str) -> Answer:
    shown = world.origin.authority("directory", "query")
    return world.client.call("directory.lookup", path={"name": name}, headers=shown)


# -------------------------------------------------------------------- names and entries


def _registers(world: World) -> None:
    found = person(world)
    found.check(_lookup(world, found.name).must(200).body)


def _again(world: World) -> None:
    """The same entry again is answered as before; nothing is added."""
    found = Person(world, min(world.names))
    entry = found.entry()
    found.put(entry).must(200)
    _, before = head_of(world)
    answer = found.put(entry).must(200)
    found.sequence += 1
    found.check(answer.body)
    expect(head_of(world)[1][2] == before[2], "an entry that was brought again is in the log twice", Fault.DOUBLED)


def _replaces(world: World) -> None:
    found = person(world)
    found.check(found.replace())
    found.check(_lookup(world, found.name).must(200).body)


def _sequences(world: World) -> None:
    found = person(world)
    for sequence in (found.sequence + 1, found.sequence + 7):
        found.put(found.entry(sequence)).refused(ErrorClass.REFUSED)
    found.check(_lookup(world, found.name).must(200).body)


def _of_another(world: World) -> None:
    """The account of one name brings no entry of another."""
    found, other = person(world), Person(world, sorted(world.names)[1])
    other.put(other.entry(), key=found.key).refused(ErrorClass.REFUSED, ErrorClass.FORGED)
    found.put(other.entry()).refused(ErrorClass.REFUSED, ErrorClass.MALFORMED)


def _forged(world: World) -> None:
    found = Person(world, min(world.names))
    good = cbor2.loads(found.entry())
    wrong = bytes([good[5][0] ^ 1]) + good[5][1:]
    found.put(cbor2.dumps({**good, 5: wrong}, canonical=True)).refused(ErrorClass.FORGED)
    registered = person(world)
    stranger = found.entry(registered.sequence, before=world.draw(32))
    registered.put(stranger).refused(ErrorClass.FORGED)


def _forms(world: World) -> None:
    found = Person(world, min(world.names))
    good = found.entry()
    for body in (good[:-1], good + b"\0", b"\xff" * 64, cbor2.dumps({**cbor2.loads(good), 9: 0}, canonical=True)):
        found.put(body).refused(ErrorClass.MALFORMED)
    found.put(good + bytes(_D.entry_bytes_max)).refused(ErrorClass.TOO_LARGE)


def _unknown_name(world: World) -> None:
    _lookup(world, "conformance, a name that nobody has").refused(ErrorClass.UNKNOWN)


def _name_forms(world: World) -> None:
    longest = "é" * (_D.name_bytes_max // 2)
    _lookup(world, longest).refused(ErrorClass.UNKNOWN)
    for name in (longest + "e", unicodedata.normalize("NFD", "é")):
        _lookup(world, name).refused(ErrorClass.MALFORMED)


def _nobody_learns(world: World) -> None:
    """Without its key, nothing says whether a name has an account or an entry."""
    found = person(world)
    entry = found.entry()
    nobody = f"{found.name}, and nobody"
    for headers in ({}, bearer(base64url(world.draw(PARAMETERS.service.access_key_bytes))), bearer("!" * 43)):
        for operation, media, body in (
            ("register", CBOR, entry),
            ("lookup", "", b""),
            ("stock", "", b""),
            ("deposit", _SEQUENCE, b"\xa0"),
            ("contact", "", b""),
        ):
            purpose = {"lookup": "query", "contact": "contact"}.get(operation)
            if purpose is not None and not world.origin.issuers("directory", purpose):
                continue  # it is open to everybody
            there, nowhere = (
                world.client.call(
                    f"directory.{operation}", path={"name": name}, body=body, media=media, headers=headers
                )
                for name in (found.name, nobody)
            )
            expect(
                there.seen() == nowhere.seen(),
                f"{operation}: a name that is there is answered otherwise",
                Fault.TOLD_APART,
            )


# -------------------------------------------------------------------- the log


def _head(world: World) -> None:
    _, fields = head_of(world)
    age_s = world.now - fields[4]
    expect(age_s <= _D.head_max_age_s, "the newest head is older than a day")


def _leaves(world: World) -> None:
    """The leaves hash to the head, as often as one looks."""
    _, fields = head_of(world)
    size, hashes = fields[2], list[bytes]()
    while len(hashes) < size:
        query = {"from": len(hashes), "to": min(size, len(hashes) + _D.leaves_max)}
        body = world.client.call("directory.leaves", query=query).must(200).body
        some = [leaf_hash(cbor2.dumps(item, canonical=True)) for item in items_of("leaves", body)]
        expect(bool(some), "leaves that the head counts are not there", Fault.LOST)
        hashes += some
    expect(tree_hash(hashes[:size]) == fields[3], "the leaves do not hash to the head")


def _leaf_limits(world: World) -> None:
    _, fields = head_of(world)
    for query in ({"from": 5, "to": 4}, {"from": -1, "to": 1}, {"from": 0}):
        answer = world.client.call("directory.leaves", query=query)
        answer.refused(ErrorClass.MALFORMED, ErrorClass.UNKNOWN)
    body = world.client.call("directory.leaves", query={"from": 0, "to": fields[2]}).must(200).body
    expect(len(items_of("leaves", body)) <= _D.leaves_max, "more leaves than one request returns")


def _grows(world: World) -> None:
    """An entry joins the log at its end: the head before is the beginning of the one after."""
    found = person(world)
    old, before = head_of(world)
    found.check(found.replace())
    new, after = head_of(world)
    expect(after[2] > before[2], "an entry was answered, and the head does not count it", Fault.LOST)
    query = {"first": before[2], "second": after[2]}
    body = world.client.call("directory.consistency", query=query).must(200).body
    path = [step.hex() for step in cbor2.loads(body)]
    world.origin.partner.checked(
        "a consistency path", "head.join", world.now, old=old, new=new, path=path, uri=world.origin.uri,
        key=head_key(world),
    )  # fmt: skip


# -------------------------------------------------------------------- contacts


def contact(found: Person) -> bytes:
    """Return a contact of a person, for one stranger."""
    world, now = found.world, found.world.now
    package = {
        **{0: 1, 1: 1, 2: verify_key(found.seed), 3: agreement_public(found.secret)},
        **{4: identity(found.seed, found.secret)[64:], 5: agreement_public(world.draw(32))},
        **{6: now // _HOUR_S * _HOUR_S, 7: now // _HOUR_S * _HOUR_S + 7 * _DAY_S, 8: False},
    }
    package[9] = sign(found.seed, _S.package_label, cbor2.dumps(package, canonical=True))
    outer, inner = world.draw(32), world.draw(32)
    keys = [{"number": n, "secret": s.hex(), "public": agreement_public(s).hex()} for n, s in ((1, outer), (2, inner))]
    dated = [{**key, "from_s": now - _HOUR_S, "until_s": now + 30 * _DAY_S} for key in keys]
    ask = world.origin.partner.ask
    uri = "https://conformance.invalid"
    config = ask("service.load", now, uri=uri, outer=dated[:1], inner=dated[1:])["config"]
    until_s = now // _HOUR_S * _HOUR_S + 7 * _DAY_S
    made = ask(
        "address.issue", now, root=world.draw(16), signing_seed=world.draw(32), config=config, first=0, count=1,
        valid_until_s=until_s,
    )  # fmt: skip
    grant = {0: 1, 1: True, 2: until_s, 3: 1, 4: [bytes.fromhex(made["addresses"][0])]}
    generations = [[1, agreement_public(outer), now - _HOUR_S, now + 30 * _DAY_S]]
    entry = {0: uri, 1: _A.two_layer_profile, 2: {0: 1, 1: generations}, 3: [grant]}
    return bytes(cbor2.dumps({0: 1, 1: package, 2: {0: 1, 1: [entry]}}, canonical=True))


def _deposit(found: Person, contacts: list[bytes]) -> Answer:
    return found.world.client.call(
        "directory.deposit",
        path={"name": found.name},
        body=b"".join(contacts),
        media=_SEQUENCE,
        headers=bearer(found.key),
        patient=False,
    )


def _take(world: World, name: str) -> Answer:
    shown = world.origin.authority("directory", "contact")
    return world.client.call("directory.contact", path={"name": name}, headers=shown, patient=False)


def _brokered(world: World) -> None:
    if world.origin.part("directory")["mode"] != "brokered":
        raise Skipped("the directory only attests")


def _contacts(world: World) -> None:
    """A contact is handed out once; then there is none."""
    _brokered(world)
    found = person(world)
    for _ in range(_D.contacts_stored_max):  # what an earlier run left
        if _take(world, found.name).status >= 400:
            break
    made = [contact(found), contact(found)]
    count = _deposit(found, made).must(200).json()["contacts"]
    expect(count == len(made), f"{count} contacts are there of {len(made)}", Fault.LOST)
    got = []
    for _ in made:
        answer = _take(world, found.name)
        if answer.status == 429:
            raise Skipped("the directory hands out no more contacts of this name today")
        got.append(answer.must(200).body)
    expect(len(set(got)) == len(made), "a contact was handed out twice", Fault.DOUBLED)
    expect(set(got) == set(made), "another contact than was deposited")
    _take(world, found.name).refused(ErrorClass.LIMIT)


def _contact_limits(world: World) -> None:
    _brokered(world)
    found = person(world)
    one = contact(found)
    _deposit(found, [one] * (_D.contacts_upload_max + 1)).refused(
        ErrorClass.LIMIT, ErrorClass.TOO_LARGE, ErrorClass.MALFORMED
    )
    _deposit(found, [one[:-1]]).refused(ErrorClass.MALFORMED)
    answer = world.client.call("directory.stock", path={"name": found.name}, headers=bearer(found.key)).must(200)
    if answer.json()["contacts"]:
        raise Failed(Fault.ACCEPTED, "deposit: some contacts of a request that was refused are there")


def _case(name: str, clauses: str, play: Callable[[World], None], needs: Need | None = Need.NAME) -> Case:
    return Case(f"service/directory/{name}", tuple(clauses.split()), play, needs)


DIRECTORY: Final = (
    _case("head", "DIR-12 DIR-16", _head, None),
    _case("leaves/tree", "DIR-12", _leaves, None),
    _case("leaves/limits", "SVC-4", _leaf_limits, None),
    _case("name/unknown", "SVC-4", _unknown_name, None),
    _case("name/form", "DIR-21", _name_forms, None),
    _case("entry/registers", "DIR-13", _registers),
    _case("entry/again", "SVC-7", _again),
    _case("entry/replaces", "DIR-13", _replaces),
    _case("entry/sequence", "DIR-2", _sequences),
    _case("entry/of-another", "DIR-2", _of_another, Need.TWO_NAMES),
    _case("entry/forged", "DIR-1", _forged),
    _case("alike/private", "SVC-20", _nobody_learns),
    _case("entry/form", "DIR-20 ENV-1", _forms),
    _case("log/grows", "DIR-12 DIR-13", _grows),
    _case("contact/once", "DIR-5 DIR-10", _contacts),
    _case("contact/limits", "DIR-8", _contact_limits),
)
