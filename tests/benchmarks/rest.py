"""What a client at rest costs: processor time, and bytes an hour at each of its two receiving services.

Run: python -m tests.benchmarks rest        (ten minutes)

`communicator rm watch` runs with its default settings, as a process of its own, for people who know one person and
twenty; nobody writes. Bytes are counted by a relay in front of each service, above TCP, both ways, from a moment when
everything is quiet until twice the longest wait later; processor time is that of the process, from the system. What is
fetched once an hour, the service's document, is added: it need not come in the time that is looked at.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self

from tests.benchmarks._figures import Row, Titled
from tests.benchmarks._relay import Relay
from tests.patience import eventually
from tests.services.running import Service

from communicator_impl.client import Device, KeyFile, Vault
from communicator_impl.client.records import Stage
from communicator_spec.parameters import PARAMETERS

__all__ = ["tables"]

KEY: Final = bytes(range(32))
RELATIONSHIPS: Final = (1, 20)
WAIT_S: Final = PARAMETERS.service.long_poll_s_max
HOUR_S: Final = 3600
COMMAND: Final = "from communicator_reports.cli import main; main()"
TICKS: Final = os.sysconf("SC_CLK_TCK")


class _Place(NamedTuple):
    """An operator behind a relay."""

    service: Service
    relay: Relay

    @classmethod
    def make(cls, folder: Path, stack: ExitStack) -> Self:
        relay = Relay()
        service = stack.enter_context(Service(folder, "both", uri=relay.uri))
        stack.callback(relay.start(service.port).stop)
        return cls(service, relay)


def _device(store: Path, places: list[_Place]) -> Device:
    found = Device(Vault.create(store, KeyFile(KEY)))
    found.use([place.relay.uri for place in places], [place.relay.uri for place in places])
    return found


def _acquainted(folder: Path, count: int, places: list[_Place]) -> Path:
    """Let somebody meet so many people; return the store."""
    ann, other = _device(folder / "ann", places), _device(folder / "others", places)
    for number in range(count):
        other.approach(f"Ann {number}", ann.invite(f"Person {number}")[1])

    def turned() -> bool:
        for device in (other, ann):
            device.turn()
        people = [*ann.history.people().values(), *other.history.people().values()]
        return all(person.stage is Stage.TOGETHER for person in people) and ann.post.is_empty()

    assert eventually(turned, bool)
    other.close()
    ann.close()
    return folder / "ann"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _watching(count: int, seconds: float, quiet_s: float, stack: ExitStack) -> Callable[[], Row]:
    """Begin to watch; what is returned waits until the time is over."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    places = [_Place.make(folder, stack) for _ in range(2)]
    store = _acquainted(folder, count, places)
    (folder / "key").write_bytes(KEY)
    words = ["rm", "watch", "--store", str(store), "--key-file", str(folder / "key")]
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *words])
    stack.callback(process.wait)
    stack.callback(process.kill)
    for place in places:
        place.service.waits(count)
    time.sleep(quiet_s)
    begun_s, cpu_s, bytes_before = time.monotonic(), _cpu_s(process.pid), [place.relay.counted for place in places]

    def row() -> Row:
        time.sleep(max(0.0, begun_s + seconds - time.monotonic()))
        took_s = time.monotonic() - begun_s
        used_s = _cpu_s(process.pid) - cpu_s
        assert process.poll() is None
        passed = [place.relay.counted - before for place, before in zip(places, bytes_before, strict=True)]
        documents = [_document_bytes(place) for place in places]
        an_hour = [n / took_s * HOUR_S + once for n, once in zip(passed, documents, strict=True)]
        head: Row = {"relationships": count, "seconds": took_s, "CPU %": 100 * used_s / took_s, "CPU % asked": "< 1"}
        return {**head, "kB/h, one": an_hour[0] / 1000, "kB/h, other": an_hour[1] / 1000, "kB/h asked": "< 200"}

    return row


def _document_bytes(place: _Place) -> int:
    before = place.relay.counted
    found = _fetch(place.relay.uri)
    assert eventually(lambda: place.relay.counted - before, lambda counted: counted >= found)
    return place.relay.counted - before


def _fetch(uri: str) -> int:
    from communicator_impl.client.courier import Courier

    courier = Courier()
    try:
        return len(courier.document(uri))
    finally:
        courier.close()


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield one table; a row for each number of relationships, all measured at once."""
    seconds, quiet_s = (2.0, 1.0) if is_short else (2.0 * WAIT_S, 30.0)
    with ExitStack() as stack:
        rows = [
            _watching(count, seconds, quiet_s, stack) for count in (RELATIONSHIPS[:1] if is_short else RELATIONSHIPS)
        ]
        yield "a client at rest, at each of two receiving services", [row() for row in rows]
