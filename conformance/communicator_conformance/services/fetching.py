"""Tests of how an owner gets messages: fetching, confirming, waiting, and what may disturb (8.2).

Theory. A fetch shows everything that is not confirmed, oldest first, and takes nothing away. Who waits, on a long poll
or a WebSocket, is told at once, unless the owner chose a latency class that says otherwise.
"""

import threading
from collections.abc import Callable
from typing import Final

from communicator_conformance.services.cases import Case
from communicator_conformance.services.outcomes import Failed, expect
from communicator_conformance.services.owners import (
    Delivery,
    Owner,
    accept,
    label_owner,
    message,
    packed,
    two_layer_owner,
)
from communicator_conformance.services.sockets import Frames
from communicator_conformance.services.world import World, base64url, bearer, settle
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["FETCHING"]

_V: Final = PARAMETERS.service
_WAIT_S: Final = 2
_SOON_S: Final = 5


# -------------------------------------------------------------------- fetching


def _until_there(owner: Owner, text: bytes) -> list[Delivery]:
    """Return what is stored, once a message is there."""
    found = settle(owner.fetch, lambda seen: text in (one.ciphertext for one in seen), owner.origin.client.timeout_s)
    expect(text in [one.ciphertext for one in found], "a message was accepted and never stored", Fault.LOST)
    return found


def _rises(world: World) -> None:
    """Oldest first, each number above all earlier ones, also after those were confirmed."""
    owner, texts = label_owner(world), [message(world) for _ in range(4)]
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
    owner, text = two_layer_owner(world), message(world)
    accept(world.origin, owner.request(0, text)).must(202)
    first = owner.settled([text])
    expect(owner.fetch() == first, "a second fetch returns something else", Fault.STATE)


def _fetch_most(world: World) -> None:
    owner = label_owner(world)
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
    owner = two_layer_owner(world)
    owner.confirm(list(range(1, _V.confirm_numbers_max + 1))).must(204)
    owner.confirm(list(range(1, _V.confirm_numbers_max + 2))).refused(ErrorClass.MALFORMED)
    owner.confirm([]).refused(ErrorClass.MALFORMED)


def _confirm_others(world: World) -> None:
    """Numbers of nothing are ignored; those of another root stay where they are."""
    owner, other, text = two_layer_owner(world), two_layer_owner(world), message(world)
    accept(world.origin, owner.request(0, text)).must(202)
    (found,) = owner.settled([text])
    other.confirm([found.number, found.number + 1_000_000]).must(204)
    owner.settled([text])


def _wait_limits(world: World) -> None:
    owner, text = two_layer_owner(world), message(world)
    accept(world.origin, owner.request(0, text)).must(202)
    owner.settled([text])
    expect(len(owner.fetch(_V.long_poll_s_max)) == 1, "a fetch that may wait returns nothing", Fault.LOST)
    owner.look(_V.long_poll_s_max + 1).refused(ErrorClass.MALFORMED)


def _told_while_waiting(world: World) -> None:
    """A long poll that waits is answered by what comes meanwhile."""
    owner, text = two_layer_owner(world), message(world)
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
    owner, first, second = two_layer_owner(world), message(world), message(world)
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
    owner, text = two_layer_owner(world), message(world)
    world.client.call("receiving.setLatency", json=packed({"latency": "pull"}), headers=owner.authority).must(204)
    accept(world.origin, owner.request(0, text)).must(202)
    owner.settled([text])
    expect(owner.fetch(_WAIT_S) == [], "a long poll is told of a message of class pull", Fault.ACCEPTED)
    owner.settled([text])


def _pull_of_an_epoch(world: World) -> None:
    owner, quiet, loud = label_owner(world), message(world), message(world)
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


def _case(name: str, clauses: str, play: Callable[[World], None]) -> Case:
    return Case(f"service/receiving/{name}", tuple(clauses.split()), play)


FETCHING: Final = (
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
)
