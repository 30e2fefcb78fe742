"""Tests of a sending service: submissions, tickets, delays, and uploads of ciphertext (8.3, 10.2).

Theory. What a sending service took it brings, or says that it could not. So what is submitted goes to roots of the
suite's own, at the origin under test or at the one that was named as a partner, and is looked for there: it comes once,
and as it was.
"""

from collections.abc import Callable
from typing import Final

import cbor2

from communicator_conformance.services.cases import Case, Need
from communicator_conformance.services.client import Answer
from communicator_conformance.services.outcomes import Failed, Skipped, expect
from communicator_conformance.services.owners import CBOR, TwoLayerOwner, message
from communicator_conformance.services.world import World, base64url, bearer, settle, shown, unbase64url
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["OCTETS", "SENDING", "arrives", "delivered_to", "submission", "submit", "upload"]

OCTETS: Final = "application/octet-stream"
_V, _F, _E = PARAMETERS.service, PARAMETERS.attachment, PARAMETERS.envelope
_HOUR_S: Final = 3600
_MINUTE_S: Final = 60
_ARRIVES_S: Final = 30.0
_UNREACHED: Final = "the receiver is not public, and the operator of the sending service has not named it (SEND-11)"


def submission(world: World, request: bytes, *, uri: str = "", not_after_s: int = 0, delay_s: int = 0) -> bytes:
    """Return a submission for the receiver, good for an hour if nothing else is said."""
    until_s = not_after_s or world.now + _HOUR_S
    return bytes(cbor2.dumps({0: 1, 1: uri or world.receiver.uri, 2: request, 3: until_s, 4: delay_s}, canonical=True))


def submit(world: World, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    """Submit, with a token if the service takes one."""
    authority = world.origin.authority("sending", "submit") if headers is None else headers
    return world.client.call("sending.submit", body=body, media=CBOR, headers=authority)


def _ticket(answer: Answer) -> str:
    ticket: str = answer.must(202).json()["ticket"]
    return ticket


def _state(world: World, ticket: str, wait_s: int | None = None) -> dict[str, object]:
    query = None if wait_s is None else {"wait": wait_s}
    limit_s = world.client.timeout_s + (wait_s or 0)
    answer = world.client.call("sending.submission", path={"ticket": ticket}, query=query, timeout_s=limit_s)
    return answer.must(200).json()


def _becomes(world: World, ticket: str, state: str, *, there: bool = True) -> None:
    """Wait for a state; `there`: it takes the receiver to come about."""
    found = settle(lambda: _state(world, ticket), lambda seen: seen["state"] != "queued", _ARRIVES_S)
    if there:
        _reached(world, ticket)
    expect(found["state"] == state, f"a submission is {found['state']}, to be {state}", Fault.STATE)
    expect(found["unreachable"] is False, "unreachable is true of a submission that is not queued", Fault.STATE)


def delivered_to(world: World) -> TwoLayerOwner:
    """Return somebody who receives at the receiver."""
    if not isinstance(world.receiver.document.get("receiving"), dict):
        raise Skipped("needs --partner URL: an origin that runs a receiving service")
    if not world.reached:
        raise Skipped(_UNREACHED)
    return TwoLayerOwner(world, world.receiver).ready()


def _reached(world: World, ticket: str) -> None:
    """Skip the test when a receiver that is not public is not reached: nobody has to connect there (SEND-11)."""
    if _state(world, ticket)["state"] == "queued" and world.receiver.uri.startswith("http://"):
        world.reached = False
        raise Skipped(_UNREACHED)


def arrives(world: World, owner: TwoLayerOwner, texts: list[bytes], ticket: str) -> None:
    """Fail unless the messages come; `ticket` is that of the last."""
    try:
        owner.settled(texts)
    except Failed as failed:
        if failed.fault is Fault.LOST:
            _reached(world, ticket)
        raise


# -------------------------------------------------------------------- submissions


def _brings(world: World) -> None:
    owner, text = delivered_to(world), message(world)
    ticket = _ticket(submit(world, submission(world, owner.request(0, text))))
    expect(len(unbase64url(ticket)) == _V.ticket_bytes, "a ticket has another length")
    arrives(world, owner, [text], ticket)
    _becomes(world, ticket, "forwarded")


def _brings_two(world: World) -> None:
    """Two submissions have two tickets, and both arrive."""
    owner, texts = delivered_to(world), [message(world), message(world)]
    tickets = [
        _ticket(submit(world, submission(world, owner.request(index, text)))) for index, text in enumerate(texts)
    ]
    expect(tickets[0] != tickets[1], "two submissions have one ticket")
    arrives(world, owner, texts, tickets[-1])


def _waits(world: World) -> None:
    """A question that waits ends when the state changes."""
    owner = delivered_to(world)
    ticket = _ticket(submit(world, submission(world, owner.request(0, message(world)))))
    found = _state(world, ticket, 20)
    _reached(world, ticket)
    expect(found["state"] == "forwarded", f"after waiting, a submission is {found['state']}", Fault.STATE)
    query = {"wait": _V.long_poll_s_max + 1}
    world.client.call("sending.submission", path={"ticket": ticket}, query=query).refused(ErrorClass.MALFORMED)


def _refused_there(world: World) -> None:
    """What the receiving service refuses ends the attempts."""
    delivered_to(world)
    body = submission(world, b"\xff" * 64)
    _becomes(world, _ticket(submit(world, body)), "refused")


def _never_arrives(world: World) -> None:
    """What nobody takes expires at its time; until then it is queued."""
    body = submission(world, world.draw(64), uri="https://conformance.invalid", not_after_s=world.now + 3)
    ticket = _ticket(submit(world, body))
    expect(_state(world, ticket)["state"] in ("queued", "expired"), "a submission has another state", Fault.STATE)
    _becomes(world, ticket, "expired", there=False)


def _unknown_ticket(world: World) -> None:
    found = _state(world, base64url(world.draw(_V.ticket_bytes)))
    expect(found == {"state": "expired", "unreachable": False}, "a ticket that never was has not expired", Fault.STATE)
    for text in ("A" * 21, "A" * 23, "!" * 22):
        answer = world.client.call("sending.submission", path={"ticket": text})
        answer.refused(ErrorClass.MALFORMED)


def _too_late(world: World) -> None:
    body = submission(world, world.draw(64), not_after_s=world.now - _MINUTE_S)
    submit(world, body).refused(ErrorClass.EXPIRED)


def _far_away(world: World) -> None:
    """A not-after beyond the lifetime of the queue counts as that."""
    owner, text = delivered_to(world), message(world)
    until_s = world.now + 100 * PARAMETERS.delivery.queue_lifetime_s
    ticket = _ticket(submit(world, submission(world, owner.request(0, text), not_after_s=until_s)))
    arrives(world, owner, [text], ticket)


def _delays(world: World) -> None:
    offered = world.origin.part("sending")["delay_mean_s"]
    expect(0 in offered, "the delay 0 is not offered")
    delay_s = next(n for n in range(1, _V.delay_mean_s_max + 1) if n not in offered)
    submit(world, submission(world, world.draw(64), delay_s=delay_s)).refused(ErrorClass.REFUSED)


def _forms(world: World) -> None:
    good = {0: 1, 1: world.receiver.uri, 2: world.draw(64), 3: world.now + _HOUR_S, 4: 0}
    wrong = {
        "another version": {**good, 0: 2},
        "an unknown field": {**good, 9: 0},
        "no not-after": {name: value for name, value in good.items() if name != 3},
        "a URI with a path": {**good, 1: "https://receiving.example/"},
        "a URI in capitals": {**good, 1: "https://RECEIVING.example"},
        "an empty request": {**good, 2: b""},
        "a text for a request": {**good, 2: "text"},
        "a negative delay": {**good, 4: -1},
    }
    bodies = {name: cbor2.dumps(value, canonical=True) for name, value in wrong.items()}
    for name, body in {
        **bodies,
        "no CBOR": b"\xff" * 32,
        "a byte more": cbor2.dumps(good, canonical=True) + b"\0",
    }.items():
        answer = submit(world, body)
        if answer.status < 400:
            raise Failed(Fault.ACCEPTED, f"submit: {answer.status} for {name}, to be refused as malformed")
        answer.refused(ErrorClass.MALFORMED)


def _sizes(world: World) -> None:
    """A request of the largest size is taken, for whoever is to receive it; a longer one is not."""
    until_s = world.now + 3
    longest = submission(
        world, world.draw(_E.request_bytes_max), uri="https://conformance.invalid", not_after_s=until_s
    )
    _ticket(submit(world, longest))
    longer = submission(world, world.draw(_E.request_bytes_max + 1), uri="https://conformance.invalid")
    submit(world, longer).refused(ErrorClass.TOO_LARGE, ErrorClass.MALFORMED)
    submit(world, longest + bytes(_V.submission_bytes_max)).refused(ErrorClass.TOO_LARGE)


def _availability(world: World) -> None:
    found = world.client.call("sending.state").must(200).json()
    expect(found["submit"] == "open", f"submit is {found['submit']}, and the tests before were taken", Fault.STATE)


# -------------------------------------------------------------------- uploads


def upload(world: World, data: bytes, lifetime_s: int = _F.lifetime_s_min) -> Answer:
    """Store a ciphertext, with as many tokens as the document asks for; it is deleted when the run ends."""
    count = len(data) // _F.chunk_bytes
    headers = _paid(world, int(world.origin.part("sending")["upload"].get(str(count), 1)))
    answer = world.client.call(
        "sending.upload", body=data, media=OCTETS, query={"lifetime": lifetime_s}, headers=headers
    )
    if answer.status == 201:
        found = answer.json()
        world.leave(lambda: _delete(world, _id(found), found["delete_key"]))
    return answer


def _paid(world: World, tokens: int) -> dict[str, str]:
    first = world.origin.authority("sending", "upload")
    if not first or tokens == 1:
        return first
    more = [shown(world.origin.token("sending", "upload"))["authorization"] for _ in range(tokens - 1)]
    return {**first, "communicator-tokens": ", ".join(text.partition('"')[2].rstrip('"') for text in more)}


def _id(found: dict[str, str]) -> str:
    return found["uri"].rpartition("/")[2]


def _delete(world: World, name: str, key: str) -> Answer:
    return world.client.call("sending.deleteUpload", path={"id": name}, headers=bearer(key))


def _download(world: World, name: str) -> Answer:
    return world.client.call("sending.download", path={"id": name})


def _stores(world: World) -> None:
    data = world.draw(_F.chunk_bytes)
    found = upload(world, data).must(201).json()
    expect(found["uri"].startswith(f"{world.origin.uri}/v1/attachments/"), "an upload is at another origin")
    expect(_download(world, _id(found)).must(200).body == data, "other bytes come back than were stored")
    off_s = abs(found["valid_until"] - world.now - _F.lifetime_s_min)
    expect(off_s <= _HOUR_S, "an upload is not stored for as long as was asked")


def _deletes(world: World) -> None:
    """Only its key deletes an upload; then it is as if it never was."""
    found = upload(world, world.draw(_F.chunk_bytes)).must(201).json()
    other = base64url(world.draw(_V.access_key_bytes))
    _delete(world, _id(found), other).must(204)
    expect(_download(world, _id(found)).status == 200, "a key that nobody has deletes an upload", Fault.ACCEPTED)
    _delete(world, _id(found), found["delete_key"]).must(204)
    gone = _download(world, _id(found)).refused(ErrorClass.UNKNOWN)
    never = _download(world, base64url(world.draw(len(unbase64url(_id(found)))))).refused(ErrorClass.UNKNOWN)
    expect(gone.seen() == never.seen(), "an upload that was deleted is told from one that never was", Fault.TOLD_APART)


def _names(world: World) -> None:
    """Two uploads have two names, also of the same bytes, with enough in them that nobody can guess."""
    first, second = world.draw(_F.chunk_bytes), world.draw(_F.chunk_bytes)
    if world.origin.issuers("sending", "upload"):  # without a token the same bytes are the same request
        second = first
    found = [upload(world, data).must(201).json() for data in (first, second)]
    names = [_id(one) for one in found]
    expect(names[0] != names[1], "two uploads have one name")
    expect(found[0]["delete_key"] != found[1]["delete_key"], "two uploads have one key")
    shortest = min(len(unbase64url(name)) for name in names)
    expect(shortest >= PARAMETERS.sizes.id_random_bytes_min, "a name is too short to be hard to guess")


def _chunks(world: World) -> None:
    chunk = _F.chunk_bytes
    for size in (0, 1, chunk - 1, chunk + 1, 3 * chunk):
        answer = upload(world, bytes(size))
        if answer.status < 400:
            raise Failed(Fault.ACCEPTED, f"upload: {answer.status} for {size} bytes, to be refused as malformed")
        answer.refused(ErrorClass.MALFORMED)
    upload(world, world.draw(chunk) * 2).must(201)


def _lifetimes(world: World) -> None:
    data = world.draw(_F.chunk_bytes)
    for lifetime_s in (_F.lifetime_s_min - 1, _F.lifetime_s_max + 1, -1):
        upload(world, data, lifetime_s).refused(ErrorClass.MALFORMED)
    upload(world, data, _F.lifetime_s_max).must(201)


def _case(name: str, clauses: str, play: Callable[[World], None], needs: Need | None = None) -> Case:
    return Case(f"service/sending/{name}", tuple(clauses.split()), play, needs)


SENDING: Final = (
    _case("submit/brings", "SEND-9 SEND-10", _brings),
    _case("submit/two", "SEND-3", _brings_two),
    _case("submit/form", "ENV-3 SVC-1", _forms),
    _case("submit/size", "SEND-8", _sizes),
    _case("submit/too-late", "SEND-5", _too_late),
    _case("submit/far-away", "SEND-4", _far_away),
    _case("submit/delay", "SEND-6", _delays),
    _case("ticket/waits", "SVC-4", _waits),
    _case("ticket/refused", "SEND-10", _refused_there),
    _case("ticket/expires", "DELIV-24", _never_arrives),
    _case("ticket/unknown", "SEND-13", _unknown_ticket),
    _case("state", "SEND-15", _availability),
    _case("upload/stores", "ATT-7", _stores),
    _case("upload/deletes", "ATT-8 SVC-12", _deletes),
    _case("upload/names", "ATT-6", _names),
    _case("upload/chunks", "ATT-5", _chunks),
    _case("upload/lifetime", "ATT-7", _lifetimes),
)
