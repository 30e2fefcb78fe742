"""A real load balancer for tests: HAProxy with a configuration of its own, in front of instances of one service."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.patience import eventually
from tests.services.ports import free_port

DOCUMENT = "/.well-known/communicator.json"
HEAD = """
global
    tune.bufsize 32768

defaults
    mode http
    balance roundrobin
    timeout connect 10s
    timeout client 100s
    timeout server 100s
    timeout check 30s
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response
    default-server check inter 200 fastinter 100 fall 2 rise 1
"""
PART = """
frontend {name}
    bind 127.0.0.1:{port}
    default_backend {name}

backend {name}
    option httpchk GET /health/ready
"""


def binary() -> str:
    """Return the program; Debian has it in a folder that is not everybody's."""
    found = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, "these tests need HAProxy: apt-get install haproxy"
    return found


def configuration(fronts: Mapping[int, Sequence[tuple[int, int]]]) -> str:
    """Write a configuration: port of each front → ports of its instances, for people and for the operator."""
    parts = [HEAD]
    for front, instances in sorted(fronts.items()):
        parts.append(PART.format(name=f"service-{front}", port=front))
        parts += [f"    server i{port} 127.0.0.1:{port} check port {health}\n" for port, health in instances]
    return "".join(parts)


@contextmanager
def run(path: Path, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run the program on a configuration."""
    with (path.parent / "balancer.txt").open("ab") as log:
        started = subprocess.Popen(
            (binary(), "-db", "-f", str(path)), stdout=log, stderr=log, env={**os.environ, **(environment or {})}
        )
    try:
        yield
    finally:
        assert started.poll() is None, (path.parent / "balancer.txt").read_text()
        started.kill()
        started.wait()


@contextmanager
def balanced(fronts: Mapping[int, Sequence[tuple[int, int]]]) -> Iterator[None]:
    """Spread the requests to each front over its instances, one after the other, also those of one connection."""
    folder = Path(tempfile.mkdtemp(prefix="communicator-balancer-"))
    path = folder / "haproxy.cfg"
    path.write_text(configuration(fronts))
    try:
        with run(path):
            yield
    finally:
        shutil.rmtree(folder)


def answers(client: httpx.Client) -> None:
    """Wait until an origin has an instance behind it."""
    assert eventually(lambda: _answers(client)), "the balancer finds no instance"


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get(DOCUMENT).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def fronts_for(count: int) -> list[int]:
    """Return so many ports that are free."""
    return sorted(free_port() for _ in range(count))
