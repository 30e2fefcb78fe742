"""Tests around a restart: what a success confirmed is there afterwards (8.1, SVC-8).

Theory. The operator's command ends the service as hard as the operator likes, and starts it again; the suite knows
nothing of how. Before, each test does something and keeps what was confirmed; messages keep coming in while the command
runs, and each that was answered counts. Afterwards everything that was confirmed is looked for.

Rules:

1. They are begun in the order of the table from its end, so that what was accepted last is the most recent.
2. Only an answer counts: what was not answered may have been carried out or not (SVC-6).
3. Nothing that was confirmed may be undone either: what was spent, revoked or deleted stays so.
"""

from collections.abc import Callable
from threading import Event
from typing import Final

import cbor2

from communicator_conformance.services.authorization import allowance, ask, requests
from communicator_conformance.services.cases import Durable, Need
from communicator_conformance.services.client import Client
from communicator_conformance.services.directory import Person, head_key, head_of
from communicator_conformance.services.outcomes import Failed, Skipped, expect
from communicator_conformance.services.owners import CBOR, LabelOwner, TwoLayerOwner, accept, message, packed
from communicator_conformance.services.sending import arrives, delivered_to, submission, submit, upload
from communicator_conformance.services.world import World, settle, shown
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DURABLE"]

_MESSAGES: Final = 16
_QUIET_S: Final = 1.0
_ANSWER_S: Final = 2.0
_ARRIVES_S: Final = 10.0
Look = Callable[[], None]


def _messages(world: World) -> Look:
    """What was accepted last, the moment before."""
    owner = TwoLayerOwner(world, world.origin).ready()
    texts = [message(world) for _ in range(2 * _MESSAGES)]
    made = [owner.request(index, text) for index, text in enumerate(texts)]
    confirmed, unanswered = texts[:_MESSAGES], set[bytes]()

    def meanwhile(over: Event) -> None:
        client = Client(world.origin.uri, _ANSWER_S)
        for request, text in zip(made[_MESSAGES:], texts[_MESSAGES:], strict=True):
            if over.is_set():
                break
            try:
                client.call("receiving.accept", body=request, media=CBOR).must(202)
                confirmed.append(text)
            except Failed:  # rule 2
                unanswered.add(text)
                client.renew()
        client.close()

    def look() -> None:
        settle(owner.fetch, lambda seen: len(seen) >= len(confirmed), _ARRIVES_S)
        there = [one.ciphertext for one in owner.fetch()]
        owner.settled(confirmed + [text for text in there if text in unanswered])

    world.meanwhile = meanwhile
    for request in made[:_MESSAGES]:
        accept(world.origin, request).must(202)
    return look


def _confirmed(world: World) -> Look:
    """What was confirmed is gone, and its address stays spent."""
    owner, text = LabelOwner(world, world.origin).ready(), message(world)
    request = owner.request(0, text)
    accept(world.origin, request).must(202)
    (found,) = owner.settled([text])
    owner.confirm([found.number]).must(204)

    def look() -> None:
        accept(world.origin, request).must(202)
        seen = settle(owner.fetch, bool, _QUIET_S)
        expect(not seen, "a message that was confirmed is there again", Fault.ACCEPTED)

    return look


def _registered(world: World) -> Look:
    """A root, its epoch, and the class that its owner chose."""
    owner, text = LabelOwner(world, world.origin).ready(), message(world)
    pull = packed({"latency": "pull"})
    world.client.call("receiving.setLatency", json=pull, headers=owner.authority).must(204)

    def look() -> None:
        if owner.look().status == 401:
            raise Failed(Fault.LOST, "a root that was registered is not known any more")
        accept(world.origin, owner.request(0, text)).must(202)
        owner.settled([text])
        expect(owner.fetch(1) == [], "the latency class that was chosen is forgotten", Fault.STATE)

    return look


def _revoked(world: World) -> Look:
    owner = TwoLayerOwner(world, world.origin).ready()
    owner.revoke().must(204)

    def look() -> None:
        owner.look().refused(ErrorClass.FORGED)

    return look


def _submitted(world: World) -> Look:
    """What was taken is brought, and its token stays spent."""
    owner, text = delivered_to(world), message(world)
    paid = bool(world.origin.issuers("sending", "submit"))
    headers = shown(world.origin.token("sending", "submit")) if paid else {}
    body = submission(world, owner.request(0, text))
    ticket = submit(world, body, headers).must(202).json()["ticket"]

    def look() -> None:
        if world.receiver is not world.origin:
            world.receiver.client.renew()
        arrives(world, owner, [text], ticket)
        if paid:
            again = submit(world, body, headers).must(202).json()["ticket"]
            expect(again == ticket, "the same token with the same submission gets another ticket")
            other = submission(world, world.draw(64), not_after_s=world.now + 5)
            submit(world, other, headers).refused(ErrorClass.REPLAYED)

    return look


def _uploaded(world: World) -> Look:
    data = world.draw(PARAMETERS.attachment.chunk_bytes)
    name = upload(world, data).must(201).json()["uri"].rpartition("/")[2]

    def look() -> None:
        answer = world.client.call("sending.download", path={"id": name})
        expect(answer.status == 200, "an upload is not there any more", Fault.LOST)
        expect(answer.body == data, "an upload has other bytes")

    return look


def _entry(world: World) -> Look:
    """An entry is proved as before, and the log goes on where it was."""
    found = Person(world, min(world.names))
    found.check(found.register())
    old, before = head_of(world)

    def look() -> None:
        new, after = head_of(world)
        expect(after[2] >= before[2], "the log is shorter than before", Fault.LOST)
        authority = world.origin.authority("directory", "query")
        answer = world.client.call("directory.lookup", path={"name": found.name}, headers=authority)
        expect(answer.status == 200, "a name that was registered is not known any more", Fault.LOST)
        found.check(answer.body)
        body = b"\x80"
        if after[2] > before[2]:
            query = {"first": before[2], "second": after[2]}
            body = world.client.call("directory.consistency", query=query).must(200).body
        path = [step.hex() for step in cbor2.loads(body)]
        key = head_key(world)
        world.origin.partner.checked(
            "the head", "head.join", world.now, old=old, new=new, path=path, uri=world.origin.uri, key=key
        )

    return look


def _issued(world: World) -> Look:
    """What was issued stays counted, and a repetition gets the same."""
    left = allowance(world)
    purpose = max(sorted(left), key=lambda one: left[one], default="")
    if not purpose or left[purpose] < 2:
        raise Skipped("the account has too few tokens left in this epoch")
    body = requests(world, purpose, 2)
    signatures = ask(world, body).must(200).body
    counted = allowance(world)[purpose]

    def look() -> None:
        expect(allowance(world)[purpose] == counted, "tokens that were issued are not counted any more", Fault.LOST)
        expect(ask(world, body).must(200).body == signatures, "a request that is repeated gets other signatures")
        expect(allowance(world)[purpose] == counted, "a request that is repeated counts again", Fault.DOUBLED)

    return look


def _case(name: str, clauses: str, before: Callable[[World], Look], needs: Need | None = None) -> Durable:
    return Durable(f"service/{name}", tuple(clauses.split()), before, needs)


DURABLE: Final = (
    _case("receiving/durable/messages", "RECV-1 DELIV-26", _messages),
    _case("receiving/durable/registered", "SVC-8", _registered),
    _case("receiving/durable/revoked", "SVC-8", _revoked),
    _case("receiving/durable/confirmed", "SVC-8 ADDR-17", _confirmed),
    _case("sending/durable/upload", "ATT-7", _uploaded),
    _case("sending/durable/submission", "SEND-1 TOK-16", _submitted),
    _case("directory/durable/entry", "SVC-8 DIR-12", _entry, Need.NAME),
    _case("authorization/durable/issued", "AUTH-2 SVC-8", _issued, Need.ACCOUNT),
)
