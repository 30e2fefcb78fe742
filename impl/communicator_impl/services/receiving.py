"""The endpoints of a receiving service (chapter 8.2).

Theory. Acceptance looks at the outer form and at nothing else, makes the bytes durable and answers; a resolver takes
them in another process (`resolving`). So the time until the answer says nothing of the address (RECV-3), and neither
does the answer (ENV-8). Resolving holds up whoever writes next, and for longer if there is more to store; so an answer
leaves a whole number of beats after its request, and what the requests before have caused is over by then. Everything
else is an owner's, who shows an access key.

Rules:

1. An endpoint reads, calls the store in one transaction, and answers; the rules are in `receiving_store`.
2. Whoever waits is told by a bell, and looks at the tables each time.
3. What is not there is not routed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from communicator_impl import pace, wire
from communicator_impl.envelope import Delivery, decode_request
from communicator_impl.errors import PeerError
from communicator_impl.latency import Latency, Notice
from communicator_impl.root_owners import EpochRegistration, RootRegistration, Told
from communicator_impl.services.beats import Beats
from communicator_impl.services.database import GroupCommit
from communicator_impl.services.http import (
    CBOR,
    CBOR_SEQUENCE,
    Frame,
    Octets,
    access_key,
    body_of,
    json_of,
    wait_of,
)
from communicator_impl.services.part import Kit
from communicator_impl.services.receiving_store import Owner, ReceivingStore, access_key_topic
from communicator_impl.services.waiting import heard
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Backlog", "ReceivingEndpoints"]

Value = TypeVar("Value")

_E: Final = PARAMETERS.envelope
_EMPTY: Final = 204
_GOING_AWAY: Final = 1001
_SOCKET_LOOK_S: Final = 60.0
_SHARE_MIN: Final = 0.1
_REST_S_MAX: Final = 0.5
_ALL: Final = (1 << 53) - 1


class _Roots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    root: Octets
    profile: int
    access_key: Octets
    verify_key: Octets | msgspec.UnsetType = msgspec.UNSET


class _Epochs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    epoch: int
    key: Octets
    valid_until: int
    capacity: int
    lanes: int = 1


Epoch = Annotated[int, msgspec.Meta(ge=0, le=PARAMETERS.address.epoch_max)]


class _Revoke(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    epoch: Epoch | msgspec.UnsetType = msgspec.UNSET


class _LatencyOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    latency: Latency
    epoch: Epoch | msgspec.UnsetType = msgspec.UNSET


class _Confirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    numbers: tuple[int, ...]


class ReceivingEndpoints:
    """The endpoints of one receiving service."""

    def __init__(self, kit: Kit, store: ReceivingStore, commit: GroupCommit, backlog: "Backlog") -> None:
        self._kit = kit
        self._store = store
        self._commit = commit
        self._backlog = backlog
        self._beats = Beats()

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return what is served."""
        return [
            Route("/v1/accept", frame.endpoint("accept", self.accept, to_device=False), methods=["POST"]),
            Route("/v1/roots", frame.endpoint("roots", self.register), methods=["POST"]),
            Route("/v1/epochs", frame.endpoint("epochs", self.issue), methods=["POST"]),
            Route("/v1/revoke", frame.endpoint("revoke", self.revoke), methods=["POST"]),
            Route("/v1/latency", frame.endpoint("latency", self.set_latency), methods=["POST"]),
            Route("/v1/messages", frame.endpoint("messages", self.messages), methods=["GET"]),
            WebSocketRoute("/v1/notify", frame.socket("notify", self.notify)),
            Route("/v1/notify", frame.endpoint("notify", self.no_socket), methods=["GET"]),
            Route("/v1/confirm", frame.endpoint("confirm", self.confirm), methods=["POST"]),
        ]

    # ---------------------------------------------------------------- what strangers do

    async def accept(self, request: Request) -> Response:
        """Take bytes from anyone; what they resolve to is nobody's business here (ENV-8, RECV-2)."""
        try:
            body = await body_of(request, CBOR, _E.request_bytes_max)
            decode_request(body)
            self._backlog.check()
        except PeerError as error:  # strangers are told the class, in the same bytes for every cause
            raise PeerError(error.error_class) from error
        async with self._beats.kept():  # RECV-3
            await self._commit.put(self._kit.now_ms, body)  # RECV-1
        return Response(status_code=202)

    # ---------------------------------------------------------------- what owners do

    async def register(self, request: Request) -> Response:
        """Register a root, with a token where one is asked for (RECV-5)."""
        shown = self._kit.till.shown(request, Purpose.REGISTER, self._kit.now_ms)
        found, body = await json_of(request, _Roots)
        digest = self._kit.till.digest(request, body)
        wanted = RootRegistration(found.root, found.profile, found.access_key, _of(found.verify_key))
        now_ms = self._kit.now_ms

        def work(connection: Connection) -> None:
            self._kit.till.pay(connection, now_ms, Purpose.REGISTER, shown, digest)  # TOK-14
            self._store.register(connection, now_ms, wanted)

        await self._kit.work.run(self._kit.database.transact, work)
        return Response(status_code=_EMPTY)

    async def issue(self, request: Request) -> Response:
        """Register an epoch of label/1."""
        key = access_key(request)
        found, _ = await json_of(request, _Epochs)
        wanted = EpochRegistration(found.epoch, found.key, found.valid_until, found.capacity, found.lanes)
        now_ms = self._kit.now_ms
        return await self._change(key, lambda connection: self._store.issue(connection, now_ms, key, wanted))

    async def revoke(self, request: Request) -> Response:
        """Forget a root or an epoch; an unknown key has nothing to forget (SVC-12)."""
        found, _ = await json_of(request, _Revoke)
        try:
            key = access_key(request)
        except PeerError as error:
            raise PeerError(ErrorClass.MALFORMED, "access key") from error
        try:
            return await self._change(key, lambda connection: self._store.revoke(connection, key, _of(found.epoch)))
        except PeerError:
            return Response(status_code=_EMPTY)

    async def set_latency(self, request: Request) -> Response:
        """Choose a latency class."""
        key = access_key(request)
        found, _ = await json_of(request, _LatencyOf)
        now_ms, topic = self._kit.now_ms, access_key_topic(key)

        def work(connection: Connection) -> None:
            self._store.set_latency(connection, now_ms, key, found.latency, _of(found.epoch))
            self._kit.database.tell(connection, topic)  # whoever waits may wait at another instance

        answer = await self._change(key, work)
        self._kit.bells.ring((topic,))
        return answer

    async def confirm(self, request: Request) -> Response:
        """Delete what the device has durably."""
        key = access_key(request)
        found, _ = await json_of(request, _Confirm)
        now_ms = self._kit.now_ms
        return await self._change(key, lambda connection: self._store.confirm(connection, now_ms, key, found.numbers))

    async def messages(self, request: Request) -> Response:
        """Return what is stored; with `wait`, as soon as a class allows to tell of something (RECV-12, RECV-13)."""
        key, wait_s = access_key(request), wait_of(request)
        if wait_s is None:
            return _sequence(await self._kit.work.run(self._fetch, key))
        until = time.monotonic() + wait_s
        with self._kit.bells.hung(access_key_topic(key)) as bell:
            while True:
                found, next_ms = await self._kit.work.run(self._tell, key, -1)
                left_s = until - time.monotonic()
                if found or left_s <= 0 or self._kit.bells.closing:
                    return _sequence(found)
                await heard(bell, left_s if next_ms is None else min(left_s, self._until(next_ms)))

    async def notify(self, socket: WebSocket) -> None:
        """Send each stored message as one frame, first those that were there; the device sends nothing (RECV-12)."""
        key = access_key(socket)
        with self._kit.bells.hung(access_key_topic(key)) as bell:
            await self._kit.work.run(self._tell, key, _ALL)  # an unknown key is refused before the socket opens
            await socket.accept()
            gone = asyncio.create_task(_until_closed(socket))
            try:
                await self._send(socket, key, bell, gone)
            finally:
                gone.cancel()

    async def no_socket(self, request: Request) -> Response:
        """Refuse a request for messages as they come that opens no WebSocket."""
        access_key(request)
        raise wire.wrong("a WebSocket is opened here")

    async def _send(self, socket: WebSocket, key: bytes, bell: asyncio.Event, gone: "asyncio.Task[None]") -> None:
        after = -1
        while not gone.done() and not self._kit.bells.closing:
            found, next_ms = await self._kit.work.run(self._tell, key, after)
            for delivery in found:
                await socket.send_bytes(delivery.encode())
                after = delivery.number
            if not found:
                wait_s = _SOCKET_LOOK_S if next_ms is None else self._until(next_ms)
                rung = asyncio.create_task(heard(bell, min(wait_s, _SOCKET_LOOK_S)))
                await asyncio.wait({rung, gone}, return_when=asyncio.FIRST_COMPLETED)
                rung.cancel()
        if not gone.done():
            await socket.close(_GOING_AWAY)

    def _until(self, at_ms: int) -> float:
        return pace.real_s((at_ms - self._kit.now_ms) / 1000)

    # ---------------------------------------------------------------- work in threads

    async def _change(self, key: bytes, work: Callable[[Connection], None]) -> Response:
        """Change what belongs to a key; who has none is refused without a turn to write (SEC-8)."""

        def change() -> None:
            with self._kit.database.reading() as connection:
                self._store.owner(connection, key)
            self._kit.database.transact(work)

        await self._kit.work.run(change)
        return Response(status_code=_EMPTY)

    def _fetch(self, key: bytes) -> tuple[Delivery, ...]:
        now_ms = self._kit.now_ms

        def work(connection: Connection) -> tuple[Owner, tuple[Delivery, ...]]:
            owner = self._store.owner(connection, key)
            return owner, self._store.messages(connection, now_ms, key)

        owner, found = self._kit.database.look(work)
        if self._store.is_new_day(owner, now_ms):
            self._kit.database.transact(lambda c: self._store.note(c, now_ms, key, owner.notice))
        return found

    def _tell(self, key: bytes, after: int) -> tuple[tuple[Delivery, ...], int | None]:
        """Look what may be told now; what that changes is stored before it is told."""
        now_ms = self._kit.now_ms

        def work(connection: Connection) -> tuple[Owner, Told, Notice]:
            owner = self._store.owner(connection, key)
            return owner, *self._store.tell(connection, now_ms, key, after)

        owner, told, notice = self._kit.database.look(work)
        if notice != owner.notice or self._store.is_new_day(owner, now_ms):
            self._kit.database.transact(lambda c: self._store.note(c, now_ms, key, notice))
        return told.deliveries, told.next_ms


class Backlog:
    """How much is accepted and not yet resolved; beyond what there is room for, nothing more is taken (SEC-8).

    Both cost time of one process. Where more comes in than can be resolved, there will be a backlog in any case, and
    strangers go first: resolving gets a tenth of the time, and the more the less room is left. Otherwise it gets all.
    `waiting` is counted in the tables now and then, since other instances accept and resolve too.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._came = 0
        self._since_s = clock()
        self.waiting = 0

    def check(self) -> None:
        """Refuse with `LIMIT` when there is no room: for a cause that is the same for every address (ENV-12)."""
        if self.waiting >= self._most:
            raise PeerError(ErrorClass.LIMIT, "no room")

    def came(self, count: int) -> None:
        """Count what was accepted."""
        self._came += count
        self.waiting += count

    def resolved(self, count: int, took_s: float) -> float:
        """Count what was resolved, in how many seconds; returns how many to rest."""
        came, since_s = self._came, self._since_s
        self._came, self._since_s = 0, self._clock()
        self.waiting = max(0, self.waiting - count)
        if came * took_s <= count * (self._since_s - since_s):
            return 0.0
        share = max(_SHARE_MIN, self.waiting / self._most)
        return min(_REST_S_MAX, took_s * max(0.0, 1 / share - 1))


def _of(member: Value | msgspec.UnsetType) -> Value | None:
    """Return a member that may be absent; `null` is no way to say that it is."""
    return None if isinstance(member, msgspec.UnsetType) else member


async def _until_closed(socket: WebSocket) -> None:
    """Wait until the device is gone; what it sends means nothing."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _sequence(deliveries: tuple[Delivery, ...]) -> Response:
    return Response(b"".join(delivery.encode() for delivery in deliveries), media_type=CBOR_SEQUENCE)
