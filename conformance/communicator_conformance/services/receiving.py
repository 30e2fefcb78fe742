"""Tests of a receiving service: registration, acceptance, fetching, waiting, latency, revoking, and limits (8.2).

Theory. Its promises are about what comes out: what was accepted at a live address is stored once, told to whoever waits
as its latency class says, kept until it is confirmed, and gone afterwards. What must not be stored is seen beside a
message that is: when that one is there, the other had its chance.
"""

import threading
from collections.abc import Callable
from typing import Final

import cbor2

from communicator_conformance.services.cases import Case, Failed, Need, Skipped, expect
from communicator_conformance.services.owners import (
    CBOR,
    Delivery,
    LabelOwner,
    Owner,
    TwoLayerOwner,
    accept,
    message,
    packed,
)
from communicator_conformance.services.sockets import Frames
from communicator_conformance.services.world import World, base64url, bearer, settle
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["RECEIVING"]

_V: Final = PARAMETERS.service
_E: Final = PARAMETERS.envelope
_WAIT_S: Final = 2
_SOON_S: Final = 5


def _label(world: World, capacity: int = 1024) -> LabelOwner:
    if PARAMETERS.address.label_profile not in world.origin.part("receiving")["profiles"]:
        raise Skipped("the service does not offer label/1")
    return LabelOwner(world, world.origin, capacity).ready()


def _two_layer(world: World) -> TwoLayerOwner:
    return TwoLayerOwner(world, world.origin).ready()


# -------------------------------------------------------------------- registration


def _registers_again(world: World) -> None:
    owner = _two_layer(world)
    owner.register().must(204)


def _registers_otherwise(world: World) -> None:
    owner, other = _two_layer(world), TwoLayerOwner(world, world.origin)
    owner.registered({**owner.registration, "access_key": other.key}).refused(ErrorClass.REFUSED)


def _epoch_again(world: World) -> None:
    owner = _label(world)
    owner.grant(owner.epoch).must(204)


def _epoch_otherwise(world: World) -> None:
    owner = _label(world)
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
    owner = _label(world)
    for number in range(2, _V.root_epochs_max + 1):  # one is registered
        owner.grant(owner.another(number), patient=False).must(204)
    beyond = owner.grant(owner.another(_V.root_epochs_max + 1), patient=False)
    if beyond.status >= 400:
        beyond.refused(ErrorClass.LIMIT)


# -------------------------------------------------------------------- JSON


def _json_members(world: World) -> None:
    owner = _label(world)
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
    owner = _label(world)
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
    owner, text = _label(world, 8), message(world)
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
    owner, text = _label(world), message(world)
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


# -------------------------------------------------------------------- fetching


def _until_there(owner: Owner, text: bytes) -> list[Delivery]:
    """Return what is stored, once a message is there."""
    found = settle(owner.fetch, lambda seen: text in (one.ciphertext for one in seen), owner.origin.client.timeout_s)
    expect(text in [one.ciphertext for one in found], "a message was accepted and never stored", Fault.LOST)
    return found


def _rises(world: World) -> None:
    """Oldest first, each number above all earlier ones, also after those were confirmed."""
    owner, texts = _label(world), [message(world) for _ in range(4)]
    highest = -1
    for index, text in enumerate(texts):
        accept(world.origin, owner.request(index, text)).must(202)
        found = _until_there(owner, text)
        numbers = [one.number for one in found]
        expect(numbers == sorted(set(numbers)), "the oldest does not come first")
        expect(numbers[-1] > highest, "a number is not higher than those of all earlier deliveries")
        highest = numbers[-1]
        if index == 1:
            owner.confirm(numbers).must(204)


def _fetch_keeps(world: World) -> None:
    owner, text = _two_layer(world), message(world)
    accept(world.origin, owner.request(0, text)).must(202)
    first = owner.settled([text])
    expect(owner.fetch() == first, "a second fetch returns something else", Fault.STATE)


def _fetch_most(world: World) -> None:
    owner = _label(world)
    texts = [message(world) for _ in range(_V.fetch_messages_max + 2)]
    for index, text in enumerate(texts):
        accept(world.origin, owner.request(index, text)).must(202)
    found: list[Delivery] = []
    while len(found) < len(texts):
        rest = len(texts) - len(found)
        wanted = min(rest, _V.fetch_messages_max)
        some = settle(owner.fetch, lambda seen, wanted=wanted: len(seen) >= wanted, world.client.timeout_s)  # type: ignore[misc]
        expect(bool(some), f"{rest} of {len(texts)} messages were accepted and never stored", Fault.LOST)
        expect(len(some) <= _V.fetch_messages_max, f"a fetch returns {len(some)} deliveries", Fault.ACCEPTED)
        found += some
        owner.confirm([one.number for one in some]).must(204)
    expect(sorted(one.ciphertext for one in found) == sorted(texts), "another message than was accepted")


def _confirm_most(world: World) -> None:
    owner = _two_layer(world)
    owner.confirm(list(range(1, _V.confirm_numbers_max + 1))).must(204)
    owner.confirm(list(range(1, _V.confirm_numbers_max + 2))).refused(ErrorClass.MALFORMED)
    owner.confirm([]).refused(ErrorClass.MALFORMED)


def _confirm_others(world: World) -> None:
    """Numbers of nothing are ignored; those of another root stay where they are."""
    owner, other, text = _two_layer(world), _two_layer(world), message(world)
    accept(world.origin, owner.request(0, text)).must(202)
    (found,) = owner.settled([text])
    other.confirm([found.number, found.number + 1_000_000]).must(204)
    owner.settled([text])


def _wait_limits(world: World) -> None:
    owner, text = _two_layer(world), message(world)
    accept(world.origin, owner.request(0, text)).must(202)
    owner.settled([text])
    expect(len(owner.fetch(_V.long_poll_s_max)) == 1, "a fetch that may wait returns nothing", Fault.LOST)
    owner.look(_V.long_poll_s_max + 1).refused(ErrorClass.MALFORMED)


def _told_while_waiting(world: World) -> None:
    """A long poll that waits is answered by what comes meanwhile."""
    owner, text = _two_layer(world), message(world)
    seen: list[list[Delivery] | Failed] = []

    def wait() -> None:
        try:
            seen.append(owner.fetch(2 * _SOON_S))
        except Failed as failed:
            seen.append(failed)

    request = owner.request(0, text)
    waiter = threading.Thread(target=wait)
    waiter.start()
    waiter.join(0.3)  # until it waits
    accept(world.origin, request).must(202)
    waiter.join(_SOON_S)
    in_time = not waiter.is_alive()
    waiter.join()
    if isinstance(seen[0], Failed):
        raise seen[0]
    expect(in_time and len(seen[0]) == 1, "who waits is not told of a message that is stored", Fault.LOST)


def _socket(world: World) -> None:
    """On a WebSocket come first those that are there, then those that arrive."""
    owner, first, second = _two_layer(world), message(world), message(world)
    accept(world.origin, owner.request(0, first)).must(202)
    owner.settled([first])
    with Frames(world.origin.uri, owner.authority, _SOON_S) as frames:
        if frames.status != 101:
            raise Failed(Fault.REJECTED, f"notify: {frames.status}, to become a WebSocket")
        expect(frames.read()[2] == first, "the first frame is not the message that was there")
        accept(world.origin, owner.request(1, second)).must(202)
        expect(frames.read()[2] == second, "the next frame is not the message that arrived")
    owner.settled([first, second])


def _socket_key(world: World) -> None:
    with Frames(world.origin.uri, bearer(base64url(world.draw(_V.access_key_bytes))), _SOON_S) as frames:
        if frames.status != 401:
            raise Failed(Fault.ACCEPTED, f"notify: {frames.status} with a key that nobody has, to be 401")


def _pull(world: World) -> None:
    """Who waits is not told of a message of class `pull`; who asks gets it."""
    owner, text = _two_layer(world), message(world)
    world.client.call("receiving.setLatency", json=packed({"latency": "pull"}), headers=owner.authority).must(204)
    accept(world.origin, owner.request(0, text)).must(202)
    owner.settled([text])
    expect(owner.fetch(_WAIT_S) == [], "a long poll is told of a message of class pull", Fault.ACCEPTED)
    owner.settled([text])


def _pull_of_an_epoch(world: World) -> None:
    owner, quiet, loud = _label(world), message(world), message(world)
    other = owner.another(2)
    owner.grant(other).must(204)
    chosen = packed({"latency": "pull", "epoch": 1})
    world.client.call("receiving.setLatency", json=chosen, headers=owner.authority).must(204)
    accept(world.origin, owner.request(0, quiet)).must(202)
    owner.settled([quiet])
    expect(owner.fetch(_WAIT_S) == [], "a long poll is told of a message of class pull", Fault.ACCEPTED)
    accept(world.origin, owner.request(0, loud, other)).must(202)
    told = [one.ciphertext for one in owner.fetch(_SOON_S)]
    expect(loud in told, "who waits is not told of a message of an epoch of class immediate", Fault.LOST)


# -------------------------------------------------------------------- revoking


def _revokes_an_epoch(world: World) -> None:
    owner, text = _label(world), message(world)
    other = owner.another(2)
    owner.grant(other).must(204)
    for _ in range(2):  # whether or not there is anything to revoke
        world.client.call("receiving.revoke", json=b'{"epoch":1}', headers=owner.authority).must(204)
    accept(world.origin, owner.request(0, message(world))).must(202)
    accept(world.origin, owner.request(0, text, other)).must(202)
    owner.settled([text])
    _quiet(owner, [text])


def _revokes_a_root(world: World) -> None:
    owner = _two_layer(world)
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
    owner = _label(world, 2048)
    for index in range(_V.root_messages_max):
        accept(world.origin, owner.request(index, message(world))).must(202)
    text = message(world)
    beyond = owner.request(_V.root_messages_max, text)
    accept(world.origin, beyond).must(202)
    after, mark = _two_layer(world), message(world)
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
    _case("accept/label", "RECV-1 ENV-21", _delivers(_label)),
    _case("accept/two-layer", "RECV-1 ENV-21", _delivers(_two_layer)),
    _case("accept/label-spent", "ADDR-22", _spends(_label)),
    _case("accept/two-layer-spent", "ADDR-15 ADDR-17", _spends(_two_layer)),
    _case("accept/not-resolved", "ADDR-22", _not_stored),
    _case("accept/form", "ENV-1 ENV-3", _forms),
    _case("accept/size", "ENV-2", _request_size),
    _case("fetch/order", "RECV-10", _rises),
    _case("fetch/keeps", "RECV-11", _fetch_keeps),
    _case("fetch/most", "SVC-4", _fetch_most),
    _case("fetch/wait", "SVC-4", _wait_limits),
    _case("confirm/most", "SVC-4", _confirm_most),
    _case("confirm/others", "DELIV-26", _confirm_others),
    _case("told/long-poll", "RECV-12", _told_while_waiting),
    _case("told/websocket", "RECV-12", _socket),
    _case("told/websocket-key", "SVC-12", _socket_key),
    _case("latency/pull", "RECV-13", _pull),
    _case("latency/epoch", "RECV-13", _pull_of_an_epoch),
    _case("revoke/epoch", "RECV-8 ADDR-24", _revokes_an_epoch),
    _case("revoke/root", "RECV-8 SVC-12", _revokes_a_root),
    _case("proxy/targets", "RECV-15", _proxy_targets),
    _case("full", "RECV-4", _full, Need.LONG),
)
