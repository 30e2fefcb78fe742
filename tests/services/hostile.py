"""Hundreds of connections that never come to an end, and submissions that are no good: figures of what they cost.

    python -m tests.services.hostile --slow 1000
    python -m tests.services.hostile --junk 100000

A real service on SQLite. While strangers do their worst, an owner is written to and fetches, and the time that this
takes is compared with the time before, in one run. Memory is what the operating system says of all processes of the
service (`VmRSS`), storage the size of the database with its log. `--json` is the default: one object.
"""

import argparse
import json
import os
import random
import resource
import socket
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.services.owning import TwoLayerOwner, body, config_of
from tests.services.running import Service
from tests.services.strangers import Line, Senders, http_request, post

__all__ = [
    "CUT_S",
    "SLOW",
    "STAY",
    "UNREAD",
    "Junk",
    "Slow",
    "memory_bytes",
    "more_files",
    "sent_junk",
    "slowed",
    "storage_bytes",
]

CUT_S: Final = 240.0
DELIVERED_S: Final = 600.0
_DOCUMENT: Final = http_request("GET", "/.well-known/communicator.json")
UNREAD: Final = "never reads"
_DRIBBLE_S: Final = 1.0
_UPGRADE: Final = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
_HEAD: Final = b"POST /v1/accept HTTP/1.1\r\nhost: service\r\ncontent-type: application/cbor\r\n"


# -------------------------------------------------------------------- what it costs


def memory_bytes(pid: int) -> int:
    """Return the memory of a process and of its children."""
    found = int(next(line for line in _status(pid) if line.startswith("VmRSS:")).split()[1]) * 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return found + sum(memory_bytes(int(child)) for child in children)


def storage_bytes(folder: Path) -> int:
    """Return the size of the databases of a folder, with their logs."""
    return sum(path.stat().st_size for path in folder.glob("*.sqlite3*"))


def more_files() -> None:
    """Let this process have as many connections as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


class Honest:
    """Somebody who is written to: how long a message takes until it is accepted, and until it is there."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._numbers = count()
        with service.client() as client:
            self._owner = TwoLayerOwner(config_of(client, service.uri)).register(client)

    def delivered_s(self, times: int) -> float:
        """Write, fetch and confirm so many times over fresh connections; returns the median of the seconds it took."""
        return statistics.median(self._once() for _ in range(times))

    def _once(self) -> float:
        number = next(self._numbers)
        request = self._owner.request(number, body(number))
        begin_s = time.monotonic()
        with self._service.client() as client:
            assert client.post("/v1/accept", content=request, headers={"content-type": "application/cbor"}).is_success
            found = self._owner.fetch(client, wait_s=50)
            while not found and time.monotonic() < begin_s + DELIVERED_S:  # it waits in line behind what came before
                found = self._owner.fetch(client, wait_s=50)
            assert [one.ciphertext for one in found] == [body(number)]
            self._owner.confirm(client, [one.number for one in found])
        return time.monotonic() - begin_s


# -------------------------------------------------------------------- slow


class Slow(NamedTuple):
    """What slow connections cost; for each kind the shortest and the longest time to the cut, and how many are left.

    `served`: how many messages others got while all of them were held.
    """

    connections: int
    delivered_before_s: float
    delivered_during_s: float
    memory_before_bytes: int
    memory_most_bytes: int
    cut_after_s: dict[str, tuple[float, float]]
    left: dict[str, int]
    served: int


class _Held:
    """One connection that is slow in its way; `opens`: its first bytes, `drips`: what it sends each second."""

    def __init__(self, port: int, kind: str, opens: bytes, drips: bytes) -> None:
        self.kind, self._drips = kind, drips
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        if kind == UNREAD:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.begin_s = time.monotonic()
        self.socket.setblocking(False)
        self._write(opens)
        self.cut_s: float | None = None

    def drip(self) -> None:
        """Send a little more, and see whether the connection is still there."""
        if self.cut_s is None and not (self._write(self._drips) and (self.kind == UNREAD or self._is_there())):
            self.cut_s = time.monotonic() - self.begin_s

    def _write(self, data: bytes) -> bool:
        try:
            self.socket.send(data)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def _is_there(self) -> bool:
        try:
            return self.socket.recv(1 << 16) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


def _ways(authority: str) -> dict[str, tuple[bytes, bytes]]:
    """Return for each kind of slow connection its first bytes, and what drips."""
    owns = {"authorization": authority}
    return {
        "says nothing": (b"", b""),
        "head drips": (_HEAD, b"x"),
        "body drips": (_HEAD + b"content-length: 3000\r\n\r\n", b"x"),
        "body stops": (_HEAD + b"content-length: 3000\r\n\r\n" + bytes(1500), b""),
        "chunks drip": (_HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        UNREAD: (_DOCUMENT * 4000, _DOCUMENT),
        "asks and stays": (_DOCUMENT, b""),
        "long poll": (http_request("GET", "/v1/messages?wait=60", owns), b""),
        "socket": (http_request("GET", "/v1/notify", owns | _UPGRADE), b""),
    }


SLOW: Final = tuple(_ways(""))
STAY: Final = ("long poll", "socket")
"""Kinds that may stay: they have shown an access key, and a poll ends by itself."""


def slowed(service: Service, connections: int, stay: Collection[str] = STAY, honest: int = 5) -> Slow:
    """Hold connections of all kinds, and see what becomes of others, until all are cut but the kinds that may stay."""
    victim = Honest(service)
    before_s = victim.delivered_s(honest)
    memory_before = memory_most = memory_bytes(service.pid)
    with service.client() as client:
        keeper = TwoLayerOwner(config_of(client, service.uri)).register(client)
    ways = _ways(keeper.authority["authorization"])
    names = [SLOW[i % len(SLOW)] for i in range(connections)]
    during: list[float] = []
    served, stopped = 0, threading.Event()

    def go_on() -> None:
        while not stopped.is_set():
            during.append(victim.delivered_s(1))
            stopped.wait(0.2)

    held = [_Held(service.port, kind, *ways[kind]) for kind in names]
    thread = threading.Thread(target=go_on)
    thread.start()
    until_s = time.monotonic() + CUT_S
    while time.monotonic() < until_s:
        whole = len(during)
        for one in held:
            one.drip()
        if all(one.cut_s is None for one in held):
            served = whole
        memory_most = max(memory_most, memory_bytes(service.pid))
        if all(one.cut_s is not None for one in held if one.kind not in stay) and len(during) >= honest:
            break
        time.sleep(_DRIBBLE_S)
    stopped.set()
    thread.join()
    for one in held:
        one.socket.close()
    cut = {kind: [one.cut_s for one in held if one.kind == kind and one.cut_s is not None] for kind in SLOW}
    left = Counter(one.kind for one in held if one.cut_s is None)
    return Slow(
        connections,
        before_s,
        statistics.median(during),
        memory_before,
        memory_most,
        {kind: (round(min(times), 1), round(max(times), 1)) for kind, times in cut.items() if times},
        dict(left),
        served,
    )


# -------------------------------------------------------------------- junk


class Junk(NamedTuple):
    """What junk cost; `answers`: how many of each status, and how many different ones there were of it."""

    requests: int
    seconds: float
    answers: dict[int, tuple[int, int]]
    delivered_before_s: float
    delivered_during_s: float
    memory_before_bytes: int
    memory_most_bytes: int
    storage_before_bytes: int
    storage_most_bytes: int
    to_resolve_after: float


def _kinds(senders: Senders, chance: random.Random) -> Iterator[bytes]:
    """Return junk of all kinds without end: a stock of well-formed ones, each sent many times, and fresh noise."""
    formed = [senders.submission(kind) for kind in ("replayed", "forged", "unsigned", "expired", "revoked", "garbage")]
    formed += [senders.submission("spent") for _ in range(20)] + [senders.submission("garbage") for _ in range(40)]
    while True:
        drawn = chance.choice(formed)
        kind = chance.randrange(8)
        if kind < 4:
            yield post(drawn)
        elif kind == 4:
            yield post(drawn[: chance.randrange(len(drawn))])
        elif kind == 5:
            yield post(chance.randbytes(chance.randrange(1, 4096)))
        elif kind == 6:
            yield post(bytes(chance.choice((4097, 5000, 20_000))))
        else:
            yield post(b"".join([b"\x80"] * chance.randrange(1, 3000)))


def sent_junk(service: Service, requests: int, connections: int = 24, honest: int = 5, seed: int = 1) -> Junk:
    """Send junk over connections that stay open, as fast as it is answered."""
    with service.client() as client:
        senders = Senders(client, service, random.Random(seed))
    victim = Honest(service)
    source = _kinds(senders, random.Random(seed))
    stock = [next(source) for _ in range(min(requests, 5000))]
    seen: Counter[bytes] = Counter()
    lock = threading.Lock()
    _bring(service.port, stock[:1000], 2000, connections, seen, lock)  # warm
    seen.clear()
    before_s = victim.delivered_s(honest)
    memory_before, storage_before = memory_bytes(service.pid), storage_bytes(service.folder)
    begin_s = time.monotonic()
    sending = threading.Thread(target=_bring, args=(service.port, stock, requests, connections, seen, lock))
    sending.start()
    during, memory_most, storage_most = [victim.delivered_s(1)], memory_before, storage_before
    while sending.is_alive():
        during.append(victim.delivered_s(1))
        memory_most = max(memory_most, memory_bytes(service.pid))
        storage_most = max(storage_most, storage_bytes(service.folder))
    sending.join()
    took_s = time.monotonic() - begin_s
    victim.delivered_s(1)
    answers: dict[int, tuple[int, int]] = {}
    for answer, times in seen.items():
        total, different = answers.get(int(answer[9:12]), (0, 0))
        answers[int(answer[9:12])] = (total + times, different + 1)
    return Junk(
        requests,
        round(took_s, 1),
        dict(sorted(answers.items())),
        before_s,
        statistics.median(during),
        memory_before,
        memory_most,
        storage_before,
        storage_most,
        service.metrics()["communicator_requests_to_resolve"],
    )


def _bring(
    port: int, stock: list[bytes], requests: int, connections: int, seen: "Counter[bytes]", lock: threading.Lock
) -> None:
    numbers = iter(range(requests))

    def one() -> None:
        mine: Counter[bytes] = Counter()
        line = Line(port)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            try:
                mine[line.ask(stock[number % len(stock)]).data] += 1
            except OSError:  # whoever sends too much may lose the connection, and never the answer
                line.close()
                line = Line(port)
        line.close()
        with lock:
            seen.update(mine)

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -------------------------------------------------------------------- the command


@contextmanager
def running(settings: dict[str, str] | None = None) -> Iterator[Service]:
    """Run a receiving service in a folder of its own."""
    with TemporaryDirectory() as folder, Service(Path(folder), "receiving", settings=settings) as service:
        yield service


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.hostile", description=__doc__.split("\n")[0])
    parser.add_argument("--slow", type=int, default=0, help="connections that never come to an end")
    parser.add_argument("--junk", type=int, default=0, help="submissions that are no good")
    chosen = parser.parse_args()
    more_files()
    with running() as service:
        if chosen.slow:
            print(json.dumps(slowed(service, chosen.slow)._asdict(), indent=1))
        if chosen.junk:
            print(json.dumps(sent_junk(service, chosen.junk)._asdict(), indent=1))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
