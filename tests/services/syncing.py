"""Whether a success leaves before the disk was told: `python -m tests.services.syncing` prints what the kernel saw.

Theory. A commit of SQLite is durable when the write-ahead log was written and flushed. A kill does not show a missing
flush, since the kernel has the bytes; only its calls do. So `strace` writes down what a service asks of the kernel, in
the order in which it happened, while requests come one after the other over one connection. ::

    recvfrom(socket, the request) ─▶ pwrite64(…-wal) ─▶ fdatasync(…-wal) ─▶ writev(socket, "HTTP/1.1 202 …")

Rules:

1. A call counts from when it returned; an answer from when it was asked for.
2. An answer is good if, since its request was read, the log was written and after that flushed.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.patience import eventually
from tests.services.owning import TwoLayerOwner, accept, body, config_of
from tests.services.running import BARE, Service

CALLS = "recvfrom,read,pwrite64,write,fdatasync,fsync,sendto,sendmsg,writev"
_LINE = re.compile(r"^(\d+)\s+(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)$")


class Seen(NamedTuple):
    """What happened in the order of the kernel: `asked`, `written`, `flushed`, `answered`."""

    events: list[str]

    def answers(self) -> int:
        """Count the successes that left."""
        return self.events.count("answered")

    def early(self) -> int:
        """Count the successes that left before what was written for them was flushed (rule 2)."""
        early, since = 0, list[str]()
        for event in self.events:
            if event == "asked":
                since = []
            elif event == "answered":
                early += since != ["written", "flushed"]
            elif event == ("written", "flushed", "")[len(since)]:
                since.append(event)
        return early


def read(lines: Iterable[str]) -> Seen:
    """Read what strace wrote with `-f -y`; a call that was interrupted in the text counts as rule 1 says."""
    found, begun = list[str](), dict[str, str]()
    for line in lines:
        parts = _LINE.match(line)
        if parts is None:
            continue
        process, name, resumed, rest = parts.groups()
        text = begun.pop(process, "") + rest if resumed else rest
        event = _event(name or resumed, text)
        if "<unfinished ...>" in rest:
            begun[process] = rest
            if event == "answered":
                found.append(event)
        elif event and not (resumed and event == "answered"):
            found.append(event)
    return Seen(found)


def _event(name: str, text: str) -> str:
    if "HTTP/1.1 202 " in text:
        return "answered"
    if '"POST /v1/accept' in text:
        return "asked"
    if "-wal>" in text:
        return {"pwrite64": "written", "write": "written", "fdatasync": "flushed", "fsync": "flushed"}.get(name, "")
    return ""


@contextmanager
def traced(process: int, out: Path) -> Iterator[None]:
    """Have the calls of a process written down; `PermissionError` where nobody may do that, or without strace."""
    if shutil.which("strace") is None:
        raise PermissionError("no strace here: apt-get install strace")
    command = ("strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-p", str(process), "-o", str(out))
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if "attached" not in said:
        tracer.wait()
        tracer.stderr.close()
        raise PermissionError(said.strip())
    time.sleep(0.2)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


def look(folder: Path, count: int, command: tuple[str, ...] = BARE) -> Seen:
    """Bring requests to a service on SQLite, one after the other, and return what the kernel saw."""
    with Service(folder, "receiving", command=command) as service, service.client() as client:
        owner = TwoLayerOwner(config_of(client, service.uri)).register(client)
        requests = [owner.request(index, body(index)) for index in range(count)]
        out = folder / "calls"
        with traced(service.pid, out):
            assert [accept(client, request) for request in requests] == [202] * count
            eventually(lambda: _seen(out).answers() >= count)
        return _seen(out)


def _seen(out: Path) -> Seen:
    return read(out.read_text(errors="replace").splitlines())


def main() -> int:
    """Print the figures; returns 1 if a success left too early."""
    with tempfile.TemporaryDirectory(prefix="communicator-syncing-") as folder:
        seen = look(Path(folder), 200)
    answers, flushed, early = seen.answers(), seen.events.count("flushed"), seen.early()
    print(f"{answers} answers of 202, {flushed} flushes of the write-ahead log, {early} answers too early")
    return int(seen.early() > 0 or seen.answers() != 200)


if __name__ == "__main__":
    sys.exit(main())
