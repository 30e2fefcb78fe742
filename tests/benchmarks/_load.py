"""A generator of load on `POST /v1/accept`, in a process of its own, with as little work as Python can do.

Theory. Closed: each connection sends its next request when the last one is answered, so the rate is what the service
can do. Open: requests are due at a fixed rate, whether or not earlier ones are answered; a latency counts from the time
at which its request was due, so that a service that stalls cannot hide it by being asked less.

    python -m tests.benchmarks._load PORT CONNECTIONS RATE FILE     RATE 0: closed

FILE is a CBOR sequence of requests; the result is one object in JSON.
"""

import io
import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cbor2

__all__ = ["Load", "drive", "main"]

_HEAD = "POST /v1/accept HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cbor\r\nContent-Length: {}\r\n\r\n"
_ANSWER_BYTES = 4096
_PATIENCE_S = 30.0


class Load(NamedTuple):
    """What a load saw: when it began on the clock of all processes, how long it took, and each of its requests."""

    began_s: float
    wall_s: float
    cpu_s: float
    latencies_s: list[float]


def drive(port: int, connections: int, rate: float, bodies: Sequence[bytes]) -> Load:
    """Send each body once; anything but 202 for one of them is an error."""
    requests = [_HEAD.format(len(body)).encode() + body for body in bodies]
    idle = deque(socket.create_connection(("127.0.0.1", port)) for _ in range(connections))
    begun: dict[socket.socket, float] = {}
    latencies: list[float] = []
    sent, cpu_s, start = 0, time.process_time(), time.perf_counter()
    while len(latencies) < len(requests):
        now = time.perf_counter()
        while idle and sent < len(requests) and (due := start + sent / rate if rate else now) <= now:
            connection = idle.popleft()
            connection.sendall(requests[sent])
            begun[connection] = due
            sent += 1
        waits = rate and idle and sent < len(requests)
        left_s = max(0.0, start + sent / rate - time.perf_counter()) if waits else _PATIENCE_S
        ready = select.select(list(begun), (), (), left_s)[0]
        if not ready and not waits:
            raise RuntimeError("no answer")
        for connection in ready:
            _check(connection)
            latencies.append(time.perf_counter() - begun.pop(connection))
            idle.append(connection)
    load = Load(start, time.perf_counter() - start, time.process_time() - cpu_s, latencies)
    for connection in idle:
        connection.close()
    return load


def _check(connection: socket.socket) -> None:
    """Read an answer, which has no body."""
    answer = connection.recv(_ANSWER_BYTES)
    while answer and not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(_ANSWER_BYTES)
    if not answer.startswith(b"HTTP/1.1 202"):
        raise RuntimeError(f"not accepted: {answer[:200]!r}")


def main() -> None:
    """Run one load, as the arguments say."""
    port, connections, rate, file = sys.argv[1:]
    data = Path(file).read_bytes()
    source, bodies = io.BytesIO(data), []
    while source.tell() < len(data):
        begin = source.tell()
        cbor2.load(source)
        bodies.append(data[begin : source.tell()])
    json.dump(drive(int(port), int(connections), float(rate), bodies)._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
