"""Durable acceptance over HTTP beside Postfix taking mail into its queue, on one machine in one run.

Run: python -m tests.benchmarks accept        (Debian: apt-get install --no-install-recommends postfix postgresql)

Each round asks all contenders, one after the other, to take the same number of messages of the same size over the same
number of connections; each answers when the message is synced to the disk. A round begins when everything of the last
one is delivered or resolved, so nobody works at another one's time. Ratios are those of the rounds.

=============== ==================================================================================================
Postfix         `smtp-source`, a connection for each message, as it does by itself; local delivery to `discard`
Postfix, kept   `smtp-source -d`: many messages over each connection, which is the best that Postfix can do
SQLite          this receiving service as it is set by itself, but for the rate of one network address
PostgreSQL      the same with a server of its own, as the tests start it; `synchronous_commit` and `fsync` are on
=============== ==================================================================================================

Requests are real: half of each address profile, to roots that are registered, and each resolves; *resolved/s* counts
until the last one is stored for its owner, and the run fails if one is not.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.benchmarks import _postfix
from tests.benchmarks._figures import Row, Titled, quantile, ratio
from tests.benchmarks._load import Load
from tests.services.owning import LabelOwner, TwoLayerOwner, body, config_of
from tests.services.postgres import postgres
from tests.services.running import Service

__all__ = ["tables"]

ROUNDS = 6
CONNECTIONS = (8, 32, 128)
MESSAGES = 6000
OF_ONE_ROOT = 200
SIZE_BYTES = 2874
SHARE = 0.8
STEADY_S = 5.0
RESOLVED_S = 180.0
REFERENCES = ("Postfix", "Postfix, kept")


class Round(NamedTuple):
    """One load on one contender: messages a second, latencies if they are known, and what the generator used."""

    rate: float
    generator: float
    latencies_s: list[float]
    resolved: float


class Contender(Protocol):
    """Who takes messages."""

    def take(self, messages: int, connections: int, rate: float = 0.0) -> Round:
        """Take so many messages, and wait until nothing is left to do; `rate` 0: as fast as it can."""
        ...


class Mail:
    """Postfix; smtp-source tells no latencies."""

    def __init__(self, server: _postfix.Postfix, *, keeps: bool) -> None:
        self._server = server
        self._keeps = keeps

    def take(self, messages: int, connections: int, rate: float = 0.0) -> Round:
        begin = time.perf_counter()
        sent = _postfix.send(self._server, messages, connections, SIZE_BYTES, keeps=self._keeps)
        _postfix.wait_until_empty(self._server)
        until_empty = messages / (time.perf_counter() - begin)
        return Round(messages / sent.wall_s, sent.cpu_s / sent.wall_s, [], until_empty)


class Receiving:
    """A receiving service, with new roots for each round."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._file = folder / f"requests-{service.port}"

    def take(self, messages: int, connections: int, rate: float = 0.0) -> Round:
        self._file.write_bytes(b"".join(self._requests(messages)))
        stored = self._stored()
        load = self._load(connections, rate)
        self._wait_until(stored + messages)
        resolved_s = time.perf_counter() - load.began_s
        return Round(messages / load.wall_s, load.cpu_s / load.wall_s, load.latencies_s, messages / resolved_s)

    def _load(self, connections: int, rate: float) -> Load:
        command = (sys.executable, "-m", "tests.benchmarks._load", self._service.port, connections, rate, self._file)
        done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
        return Load(**json.loads(done.stdout))

    def _requests(self, messages: int) -> list[bytes]:
        """Make requests to as many new roots as they need, in turns."""
        with self._service.client() as client:
            config = config_of(client, self._service.uri)
            kinds = (LabelOwner, TwoLayerOwner) * -(-messages // (2 * OF_ONE_ROOT))
            owners = [kind(config).register(client) for kind in kinds]
        every = ([owner.request(i, body(i)) for owner in owners] for i in range(-(-messages // len(owners))))
        return list(chain.from_iterable(every))[:messages]

    def _stored(self) -> int:
        return int(self._service.metrics().get("communicator_messages_stored_total", 0))

    def _wait_until(self, stored: int) -> None:
        until = time.monotonic() + RESOLVED_S
        while (now := self._stored()) < stored:
            if time.monotonic() > until:
                raise RuntimeError(f"{stored - now} messages are not resolved")
            time.sleep(0.02)


@contextmanager
def contenders(is_short: bool) -> Iterator[dict[str, Contender]]:
    """Run all contenders that this machine has; a short run has SQLite alone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="communicator-accept-")))
        found: dict[str, Contender] = {}
        if not is_short and _postfix.is_installed():
            server = stack.enter_context(_postfix.postfix())
            found |= {name: Mail(server, keeps=name != REFERENCES[0]) for name in REFERENCES}
        elif not is_short:
            print(_postfix.NEEDED, file=sys.stderr)
        found["SQLite"] = Receiving(stack.enter_context(Service(folder, "receiving")), folder)
        if not is_short:
            url = stack.enter_context(postgres())
            service = Service(folder, "receiving", database=url)
            found["PostgreSQL"] = Receiving(stack.enter_context(service), folder)
        yield found


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield rates and ratios at each number of connections and at the best of each contender, then latencies."""
    rounds, messages = (2, 40) if is_short else (ROUNDS, MESSAGES)
    numbers = CONNECTIONS[: 1 if is_short else None]
    with contenders(is_short) as found:
        seen: dict[int, dict[str, list[Round]]] = {n: {name: [] for name in found} for n in numbers}
        for _ in range(rounds):
            for connections in numbers:
                for name, contender in found.items():
                    seen[connections][name].append(contender.take(messages, connections))
        for connections in numbers:
            yield f"messages accepted, at {connections} connections", [_rate(*of) for of in seen[connections].items()]
            yield from _compared(seen[connections], f"at {connections} connections")
        yield from _compared({name: _best([seen[n][name] for n in numbers]) for name in found}, "the best of each")
        for connections in numbers:
            rows = list(_steady(found, seen[connections], connections, is_short))
            yield f"at {SHARE:.0%} of that rate, at {connections} connections", rows


def _best(of_numbers: list[list[Round]]) -> list[Round]:
    """Return of each round the one with the number of connections that suits a contender best."""
    return [max(rounds, key=lambda of: of.rate) for rounds in zip(*of_numbers, strict=True)]


def _steady(
    found: dict[str, Contender], seen: dict[str, list[Round]], connections: int, is_short: bool
) -> Iterator[Row]:
    for name, contender in found.items():
        if name not in REFERENCES:
            rate = SHARE * statistics.median(of.rate for of in seen[name])
            messages = 40 if is_short else int(rate * STEADY_S)
            yield _latency(name, [contender.take(messages, connections, rate)])


def _rate(name: str, rounds: list[Round]) -> Row:
    generator, resolved = (statistics.median(column) for column in list(zip(*rounds, strict=True))[1::2])
    used: Row = {"resolved/s": resolved, "generator, cores": generator}
    return _latency(name, rounds) | used


def _latency(name: str, rounds: list[Round]) -> Row:
    """Return the rate with its latencies; of Postfix only their mean is known, by Little's law."""
    row: Row = {"contender": name, "messages/s": statistics.median(of.rate for of in rounds)}
    taken = sorted(chain.from_iterable(of.latencies_s for of in rounds))
    names = {"p50 ms": 0.5, "p99 ms": 0.99, "max ms": 1.0}
    return row | {name: quantile(taken, share) * 1000 if taken else "" for name, share in names.items()}


def _compared(seen: dict[str, list[Round]], at: str) -> Iterator[Titled]:
    """Yield what each backend reaches of each way to use Postfix, round by round; nothing without Postfix."""
    rates = {name: [of.rate for of in rounds] for name, rounds in seen.items()}
    pairs = [(name, of) for name in rates if name not in REFERENCES for of in REFERENCES if of in rates]
    if pairs:
        ratios: list[Row] = [
            {"contender": name, "over": of, **ratio(rates[name], rates[of]).row(), "asked": 3.0} for name, of in pairs
        ]
        yield f"rates as multiples, {at}", ratios
