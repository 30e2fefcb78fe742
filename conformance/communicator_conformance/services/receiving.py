"""Tests of a receiving service: registration, acceptance, revoking, and limits (8.2).

Theory. Its promises are about what comes out: what was accepted at a live address is stored once, kept until it is
confirmed, and gone afterwards. What must not be stored is seen beside a message that is: when that one is there, the
other had its chance.
"""

from collections.abc import Callable
from typing import Final

import cbor2

from communicator_conformance.services.cases import Case, Need
from communicator_conformance.services.outcomes import Failed, Skipped, expect
from communicator_conformance.services.owners import (
    CBOR,
    Delivery,
    LabelOwner,
    Owner,
    TwoLayerOwner,
    accept,
    label_owner,
    message,
    packed,
    two_layer_owner,
)
from communicator_conformance.services.world import World, base64url, settle
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["RECEIVING"]

_V: Final = PARAMETERS.service
_E: Final = PARAMETERS.envelope


# -------------------------------------------------------------------- registration


def _registers_again(world: World) -> None:
    owner = two_layer_owner(world)
    owner.register().must(204)


def _registers_otherwise(world: World) -> None:
    owner, other = two_layer_owner(world), TwoLayerOwner(world, world.origin)
    owner.registered({**owner.registration, "access_key": other.key}).refused(ErrorClass.REFUSED)


def _epoch_again(world: World) -> None:
    owner = label_owner(world)
    owner.grant(owner.epoch).must(204)


def _epoch_otherwise(world: World) -> None:
    owner = label_owner(world)
    owner.grant(owner.epoch._replace(capacity=512)).refused(ErrorClass.REFUSED)


def _verify_key(world: World) -> None:
    owner, label = TwoLayerOwner(world, world.origin), LabelOwner(world, world.origin)
    without = {name: value for name, value in owner.registration.items() if name != "verify_key"}
    owner.registered(without).refused(ErrorClass.MALFORMED)
    key = {"verify_key": owner.registration["verify_key"]}
    label.registered({**label.registration, **key}).refused(ErrorClass.MALFORMED)


def _registration_values(world: World) -> None:
    owner = TwoLayerOwner(world, world.origin)
    wrong = {"root": base64url(bytes(15)), "profile": 3, "access_key": base64url(bytes(31)), "verify_key": "!" * 43}
    for name, value in wrong.items():
        owner.registered({**owner.registration, name: value}).refused(ErrorClass.MALFORMED)
    for name in ("root", "profile", "access_key"):
        rest = {key: value for key, value in owner.registration.items() if key != name}
        owner.registered(rest).refused(ErrorClass.MALFORMED)
    owner.ready()


def _epochs_of_one_root(world: World) -> None:
    owner = label_owner(world)
    for number in range(2, _V.root_epochs_max + 1):  # one is registered
        owner.grant(owner.another(number), patient=False).must(204)
    beyond = owner.grant(owner.another(_V.root_epochs_max + 1), patient=False)
    if beyond.status >= 400:
        beyond.refused(ErrorClass.LIMIT)


# -------------------------------------------------------------------- JSON


def _json_members(world: World) -> None:
    owner = label_owner(world)
    call = world.client.call
    for body in (
        b'{"latency":"pull","more":1}',
        b'{"latency":"pull","latency":"immediate"}',
        b'{"latency":"pull","epoch":null}',
        b'{"latency":7}',
        b'{"latency":"never"}',
        b"[]",
        b'{"latency":"pull"',
    ):
        call("receiving.setLatency", json=body, headers=owner.authority).refused(ErrorClass.MALFORMED)
    call("receiving.setLatency", json=b'{"latency":"pull"}', headers=owner.authority).must(204)


def _json_size(world: World) -> None:
    owner = label_owner(world)
    call, whole = world.client.call, b'{"latency":"pull"}'
    longest = whole + b" " * (_V.json_bytes_max - len(whole))
    call("receiving.setLatency", json=longest, headers=owner.authority).must(204)
    answer = call("receiving.setLatency", json=longest + b" ", headers=owner.authority)
    answer.refused(ErrorClass.TOO_LARGE)


# -------------------------------------------------------------------- acceptance


def _delivers(make: Callable[[World], LabelOwner | TwoLayerOwner]) -> Callable[[World], None]:
    def play(world: World) -> None:
        owner, text = make(world), message(world)
        accept(world.origin, owner.request(7, text)).must(202)
        (found,) = owner.settled([text])
        expect(found.index == 7, "the delivery does not carry the index of its address")
        epoch = owner.epoch.number if isinstance(owner, LabelOwner) else None
        expect(found.epoch == epoch, "the delivery does not carry the epoch of its label, and only of a label")
        owner.confirm([found.number]).must(204)
        expect(owner.fetch() == [], "what was confirmed is still there", Fault.STATE)

    return play


def _spends(make: Callable[[World], LabelOwner | TwoLayerOwner]) -> Callable[[World], None]:
    """Another message to a spent address, and the same one again, are not stored."""

    def play(world: World) -> None:
        owner, first, second = make(world), message(world), message(world)
        request = owner.request(0, first)
        accept(world.origin, request).must(202)
        (found,) = owner.settled([first])
        owner.confirm([found.number]).must(204)
        accept(world.origin, owner.request(0, message(world))).must(202)
        accept(world.origin, request).must(202)
        accept(world.origin, owner.request(1, second)).must(202)
        owner.settled([second])
        _quiet(owner, [second])

    return play


def _quiet(owner: Owner, ciphertexts: list[bytes]) -> None:
    """Wait as long as a message takes at most, and see that nothing else came."""
    settle(owner.fetch, lambda seen: len(seen) > len(ciphertexts), 0.5)
    owner.settled(ciphertexts)


def _not_stored(world: World) -> None:
    """Labels beyond the capacity, in a lane or of a key that nobody has, resolve to nothing."""
    owner, text = label_owner(world, 8), message(world)
    unknown = owner.another(9)
    for request in (
        owner.request(8, message(world)),
        owner.request(0, message(world), lane=1),
        owner.request(0, message(world), unknown),
    ):
        accept(world.origin, request).must(202)
    accept(world.origin, owner.request(7, text)).must(202)
    owner.settled([text])
    _quiet(owner, [text])


def _forms(world: World) -> None:
    """What is no request is malformed, whatever address it may hold."""
    owner, text = label_owner(world), message(world)
    good = owner.request(0, text)
    fields = cbor2.loads(good)
    wrong = {
        "no CBOR": b"\xff" * 64,
        "nothing": b"",
        "cut": good[:-1],
        "a byte more": good + b"\0",
        "another version": cbor2.dumps({**fields, 0: 2}, canonical=True),
        "an unknown profile": cbor2.dumps({**fields, 1: 9}, canonical=True),
        "an unknown field": cbor2.dumps({**fields, 7: 0}, canonical=True),
        "a field that is missing": cbor2.dumps({0: 1, 1: 2}, canonical=True),
        "not deterministic": b"\xbf" + good[1:] + b"\xff",
    }
    for what, request in wrong.items():
        answer = world.client.call("receiving.accept", body=request, media=CBOR)
        if answer.status < 400:
            raise Failed(Fault.ACCEPTED, f"accept: {answer.status} for {what}, to be refused as malformed")
        answer.refused(ErrorClass.MALFORMED)
    accept(world.origin, good).must(202)
    owner.settled([text])


def _request_size(world: World) -> None:
    longest = cbor2.dumps({0: 1, 1: 2, 2: world.draw(_E.request_bytes_max - 9)}, canonical=True)
    expect(len(longest) == _E.request_bytes_max, "a request of the largest size", Fault.UNMET)
    longer = cbor2.dumps({0: 1, 1: 2, 2: world.draw(_E.request_bytes_max - 8)}, canonical=True)
    world.client.call("receiving.accept", body=longest, media=CBOR).must(202)
    world.client.call("receiving.accept", body=longer, media=CBOR).refused(ErrorClass.TOO_LARGE)


# -------------------------------------------------------------------- revoking


def _revokes_an_epoch(world: World) -> None:
    owner, text = label_owner(world), message(world)
    other = owner.another(2)
    owner.grant(other).must(204)
    for _ in range(2):  # whether or not there is anything to revoke
        world.client.call("receiving.revoke", json=b'{"epoch":1}', headers=owner.authority).must(204)
    accept(world.origin, owner.request(0, message(world))).must(202)
    accept(world.origin, owner.request(0, text, other)).must(202)
    owner.settled([text])
    _quiet(owner, [text])


def _revokes_a_root(world: World) -> None:
    owner = two_layer_owner(world)
    for _ in range(2):
        owner.revoke().must(204)
    owner.look().refused(ErrorClass.FORGED)


# -------------------------------------------------------------------- proxy, and limits that take long


def _proxy_targets(world: World) -> None:
    if not world.origin.part("receiving").get("proxy"):
        raise Skipped("the service offers no proxy")
    for uri in ("https://127.0.0.1/a", "https://[::1]/a", "https://10.0.0.1/a", "https://169.254.169.254/a"):
        shown = world.origin.authority("receiving", "fetch")
        answer = world.client.call("receiving.fetchAttachment", json=packed({"uri": uri}), headers=shown)
        answer.refused(ErrorClass.REFUSED, ErrorClass.UNKNOWN)
    shown = world.origin.authority("receiving", "fetch")
    plain = packed({"uri": "http://example.com/a"})
    answer = world.client.call("receiving.fetchAttachment", json=plain, headers=shown)
    answer.refused(ErrorClass.MALFORMED, ErrorClass.REFUSED)


def _full(world: World) -> None:
    """What resolves to a full root is not stored, and its address stays good."""
    owner = label_owner(world, 2048)
    for index in range(_V.root_messages_max):
        accept(world.origin, owner.request(index, message(world))).must(202)
    text = message(world)
    beyond = owner.request(_V.root_messages_max, text)
    accept(world.origin, beyond).must(202)
    after, mark = two_layer_owner(world), message(world)
    accept(world.origin, after.request(0, mark)).must(202)
    after.settled([mark])  # what came before it has been resolved while the root was full
    seen: list[Delivery] = []
    while len(seen) < _V.root_messages_max and (some := settle(owner.fetch, bool, world.client.timeout_s)):
        seen += some
        owner.confirm([one.number for one in some]).must(204)
    seen += settle(owner.fetch, bool, 1.0)
    expect(len(seen) >= _V.root_messages_max, f"a root holds {len(seen)} messages", Fault.LOST)
    expect(all(one.ciphertext != text for one in seen), "a full root stores one more", Fault.ACCEPTED)
    accept(world.origin, beyond).must(202)
    owner.settled([text])


def _case(name: str, clauses: str, play: Callable[[World], None], needs: Need | None = None) -> Case:
    return Case(f"service/receiving/{name}", tuple(clauses.split()), play, needs)


RECEIVING: Final = (
    _case("register/again", "RECV-6 SVC-7", _registers_again),
    _case("register/otherwise", "RECV-6", _registers_otherwise),
    _case("register/verify-key", "SVC-4", _verify_key),
    _case("register/values", "SVC-4", _registration_values),
    _case("epoch/again", "RECV-6 SVC-7", _epoch_again),
    _case("epoch/otherwise", "RECV-6", _epoch_otherwise),
    _case("epoch/limit", "RECV-7", _epochs_of_one_root),
    _case("json/members", "SVC-3", _json_members),
    _case("json/size", "SVC-3", _json_size),
    _case("accept/label", "RECV-1 ENV-21", _delivers(label_owner)),
    _case("accept/two-layer", "RECV-1 ENV-21", _delivers(two_layer_owner)),
    _case("accept/label-spent", "ADDR-22", _spends(label_owner)),
    _case("accept/two-layer-spent", "ADDR-15 ADDR-17", _spends(two_layer_owner)),
    _case("accept/not-resolved", "ADDR-22", _not_stored),
    _case("accept/form", "ENV-1 ENV-3", _forms),
    _case("accept/size", "ENV-2", _request_size),
    _case("revoke/epoch", "RECV-8 ADDR-24", _revokes_an_epoch),
    _case("revoke/root", "RECV-8 SVC-12", _revokes_a_root),
    _case("proxy/targets", "RECV-15", _proxy_targets),
    _case("full", "RECV-4", _full, Need.LONG),
)
