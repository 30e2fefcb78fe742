"""A relay in front of each service that loses, delays, repeats, reorders, cuts and spoils what goes through it.

Theory. Whoever talks to a service, a device or another service, knows its URI and nothing else. So the URI is an
address of the relay, the service listens elsewhere, and every connection of the run goes through here. What can go
wrong on the way is of two kinds, and each is done where it happens on the internet::

    client ──TLS 1.3──▶ wire ──the same bytes──▶ exchange ──HTTP──▶ service
                         │                          │
                     bits flip               proxies and lost packets: whole requests and answers are dropped, held
                                             back, repeated and overtaken, or end in the middle

Why bits flip below TLS alone: outside of TLS nothing in the standard protects a request. `{"numbers": [1]}` is one bit
away from `{"numbers": [3]}`, which confirms, and so deletes, a message that no device has. The standard does not let a
service answer outside TLS 1.3 (SVC-2), so the bits that a network can change are those of TLS records. There a change
is found, and becomes a connection that breaks: that is what is to be survived.

Rules:

1. A fault is counted when it has acted on something: what was asked for and met no request did not happen.
2. What is repeated is a whole request, byte by byte. The first answer is given back, the second one thrown away.
3. An address stays the relay's as long as it lives, wherever the service listens after its next start (`aim`).
4. If nobody listens there, connections break: a service that was killed looks as it would without a relay.
"""

import asyncio
import random
import ssl
import threading
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from communicator_simulations.chaos import framing, wires
from communicator_simulations.chaos.certificate import Certificate
from communicator_simulations.chaos.framing import Stream, Whole

__all__ = ["Fault", "Relay", "Trouble"]

_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 256


class Fault(StrEnum):
    """What happens to a request or its answer."""

    RESET = "reset"  # the request is lost, and the connection breaks
    SILENCE = "silence"  # the request is lost, and nobody says anything
    LOST_ANSWER = "lost-answer"  # the request arrives; the connection breaks before the answer
    DELAY = "delay"  # the request arrives later
    DUPLICATE = "duplicate"  # the request arrives twice, at the same time
    REORDER = "reorder"  # the request arrives after one that was made later
    CUT_REQUEST = "cut-request"  # half of the request arrives
    CUT_ANSWER = "cut-answer"  # half of the answer arrives
    THROTTLE = "throttle"  # request and answer arrive in small pieces
    CORRUPT = "corrupt"  # a bit of a TLS record flips


class Trouble(msgspec.Struct, frozen=True):
    """A fault that meets a share of the requests whose path begins with `path`, and takes `amount_s`.

    That is for how long a request is held back, or silence lasts at most, or all pieces take together.
    """

    fault: Fault
    share: float = 1.0
    path: str = "/"
    amount_s: float = 0.5


class _Waiting(NamedTuple):
    """A request that is held back until a later one to the same path went through."""

    number: int
    path: str
    overtaken: asyncio.Event


class _Place:
    """One address of the relay."""

    def __init__(self, destination: int) -> None:
        self.destination = destination
        self.troubles: tuple[Trouble, ...] = ()
        self._arrived = 0
        self.waiting: list[_Waiting] = []

    def arrive(self) -> int:
        """Return the number of a request."""
        self._arrived += 1
        return self._arrived

    def pass_on(self, number: int, path: str) -> None:
        """Note that a request went through."""
        for one in self.waiting:
            if number > one.number and path.startswith(one.path):
                one.overtaken.set()

    async def overtaken(self, number: int, path: str, within_s: float) -> bool:
        """Wait until a later request went through; False if none did."""
        one = _Waiting(number, path, asyncio.Event())
        self.waiting.append(one)
        try:
            async with asyncio.timeout(within_s):
                await one.overtaken.wait()
        except TimeoutError:
            return False
        finally:
            self.waiting.remove(one)
        return True

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the service."""
        return await asyncio.open_connection(_HOST, self.destination)


class Relay:
    """All addresses of a run, served by a thread of its own; with a certificate they speak TLS 1.3.

    `fired` counts faults by what they did. Draws depend on the seed and on which request comes when.
    """

    def __init__(self, seed: int, certificate: Certificate | None = None) -> None:
        self.fired: Counter[Fault] = Counter()
        self._chance = random.Random(seed)
        self._tls = certificate.server() if certificate else None
        if self._tls is not None:
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self._places: dict[int, _Place] = {}
        self._servers: list[asyncio.Server] = []
        self._twins: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()

    # ---------------------------------------------------------------- commands, from any thread

    def open(self, destination: int = 0) -> int:
        """Listen at a new address; returns its port. `destination` is the port of a service, if it is known by now."""
        return asyncio.run_coroutine_threadsafe(self._open(destination), self._loop).result()

    def uri(self, port: int) -> str:
        """Return the origin that people know an address by."""
        return f"{'https' if self._tls else 'http'}://{_HOST}:{port}"

    def aim(self, port: int, destination: int) -> None:
        """Lead an address to where its service listens now."""
        self._places[port].destination = destination

    def trouble(self, port: int, *troubles: Trouble) -> None:
        """Let these happen at an address from now on, and nothing else; the first that meets a request acts on it."""
        if self._tls is None and any(trouble.fault is Fault.CORRUPT for trouble in troubles):
            raise ValueError("without TLS nothing protects what is changed on the way")
        self._places[port].troubles = troubles

    def calm(self) -> None:
        """Let nothing happen any more."""
        for place in self._places.values():
            place.troubles = ()

    def held(self, port: int) -> int:
        """Return how many requests are held back at an address until others overtake them."""
        return len(self._places[port].waiting)

    def close(self) -> None:
        """End all connections, and the thread."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------- addresses

    async def _open(self, destination: int) -> int:
        place = _Place(destination)
        exchange = wires.served(lambda *streams: self._exchanges(place, *streams))
        if self._tls is None:
            port = await self._listen(exchange)
        else:
            inner = await self._listen(exchange, self._tls)
            port = await self._listen(wires.served(lambda *streams: self._wire(place, inner, *streams)))
        self._places[port] = place
        return port

    async def _listen(self, handle: wires.Handler, tls: ssl.SSLContext | None = None) -> int:
        self._servers.append(await asyncio.start_server(handle, _HOST, 0, ssl=tls, backlog=_BACKLOG))
        port: int = self._servers[-1].sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        await wires.cancelled(asyncio.all_tasks() - {asyncio.current_task()})
        await asyncio.sleep(0)  # what was broken off is closed in the next round

    # ---------------------------------------------------------------- the wire

    async def _wire(
        self, place: _Place, inner: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry bytes both ways, and flip bits."""
        there, back = await asyncio.open_connection(_HOST, inner)

        def spoilt(data: bytes) -> bytes:
            return self._spoilt(place, data)

        try:
            await wires.both_ways(wires.pumped(reader, back, spoilt), wires.pumped(there, writer, spoilt))
            back.close()
        finally:
            if not back.is_closing():
                wires.broken_off(back)

    def _spoilt(self, place: _Place, data: bytes) -> bytes:
        for trouble in place.troubles:
            if trouble.fault is Fault.CORRUPT and self._chance.random() < trouble.share:
                self.fired[Fault.CORRUPT] += 1
                bit = self._chance.randrange(8 * len(data))
                spoilt = bytearray(data)
                spoilt[bit // 8] ^= 1 << bit % 8
                return bytes(spoilt)
        return data

    # ---------------------------------------------------------------- requests and answers

    async def _exchanges(self, place: _Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry the requests of one connection, one after the other, until one breaks it."""
        client = Stream(reader)
        while (asked := await framing.request(client)) is not None:
            got, pause_s = await self._exchange(place, asked, client, writer)
            await wires.written(writer, got.data, pause_s)

    def _drawn(self, place: _Place, path: str) -> Trouble | None:
        """Return what happens to a request, if anything does."""
        for trouble in place.troubles:
            meets = trouble.fault is not Fault.CORRUPT and path.startswith(trouble.path)
            if meets and self._chance.random() < trouble.share:
                return trouble
        return None

    async def _exchange(
        self, place: _Place, asked: Whole, client: Stream, writer: asyncio.StreamWriter
    ) -> tuple[Whole, float]:
        """Carry one request; returns the answer, and the pause between its pieces. `ConnectionError`: it breaks."""
        number, trouble = place.arrive(), self._drawn(place, asked.path)
        fault, pause_s = trouble.fault if trouble else None, 0.0
        if trouble is not None:
            await self._before(place, trouble, number, asked, client)
            pause_s = trouble.amount_s / wires.PIECES if fault is Fault.THROTTLE else 0.0
        if fault is Fault.DUPLICATE:
            self._keep(asyncio.create_task(self._again(place, asked)))
        got = await self._asked(place, asked, client, writer, pause_s)
        place.pass_on(number, asked.path)
        if fault is Fault.LOST_ANSWER:
            raise self._broken(fault)
        if fault is Fault.CUT_ANSWER:
            await wires.written(writer, got.data[: len(got.data) // 2])
            raise self._broken(fault)
        if fault is Fault.THROTTLE:
            self.fired[fault] += 1
        return got, pause_s

    async def _before(self, place: _Place, trouble: Trouble, number: int, asked: Whole, client: Stream) -> None:
        """Do what happens to a request on its way there."""
        fault, amount_s = trouble.fault, trouble.amount_s
        if fault is Fault.RESET:
            raise self._broken(fault)
        if fault is Fault.SILENCE:
            self.fired[fault] += 1
            await wires.unless_gone(client, asyncio.sleep(amount_s))
            raise ConnectionError(fault)
        if fault is Fault.CUT_REQUEST:
            _, back = await place.connected()
            await wires.written(back, asked.data[: -1 - len(asked.body) // 2])
            wires.broken_off(back)
            raise self._broken(fault)
        if fault is Fault.DELAY:
            self.fired[fault] += 1
            await asyncio.sleep(amount_s)
        if fault is Fault.REORDER and await place.overtaken(number, trouble.path, amount_s):
            self.fired[fault] += 1

    def _broken(self, fault: Fault) -> ConnectionError:
        self.fired[fault] += 1
        return ConnectionError(fault)

    async def _asked(
        self, place: _Place, asked: Whole, client: Stream, writer: asyncio.StreamWriter, pause_s: float
    ) -> Whole:
        """Bring a request and return its answer, unless whoever asked goes away."""
        there, back = await place.connected()
        try:
            await wires.written(back, asked.data, pause_s)
            stream = Stream(there)
            got = await wires.unless_gone(client, framing.answer(stream))
            if got.switches:
                writer.write(got.data + stream.take(len(stream.held)))
                back.write(client.take(len(client.held)))
                await wires.both_ways(wires.pumped(client.reader, back), wires.pumped(there, writer))
                raise ConnectionError("the end of what was no HTTP")
            return got
        finally:
            back.close()

    async def _again(self, place: _Place, asked: Whole) -> None:
        """Bring a request a second time, and throw the answer away."""
        with suppress(OSError):
            there, back = await place.connected()
            try:
                await wires.written(back, asked.data)
                await framing.answer(Stream(there))
                self.fired[Fault.DUPLICATE] += 1
            finally:
                back.close()

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._twins.add(task)
        task.add_done_callback(self._twins.discard)
