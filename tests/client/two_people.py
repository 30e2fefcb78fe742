"""Two devices with stores on disk and real services: what most tests of the client begin with."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.services.running import Service

from communicator_impl.client import Device, KeyFile, Vault

KEY = KeyFile(bytes(range(32)))


def device(path: Path, services: Sequence[Service] = (), *, log: bool = False) -> Device:
    """Open a device, a new one if there is none; services serve both ways."""
    is_new = not path.exists()
    found = Device(Vault.create(path, KEY) if is_new else Vault.open(path, KEY), log=log)
    if is_new and services:
        uris = [service.uri for service in services]
        found.use(uris, uris[::-1])
    return found


@contextmanager
def closing(*devices: Device) -> Iterator[None]:
    try:
        yield
    finally:
        for one in devices:
            one.close()


def go_on(devices: Sequence[Device], is_over: Callable[[], bool], within_s: float = 60) -> None:
    """Let devices take turns until something holds."""
    until = time.monotonic() + within_s
    while not is_over():
        assert time.monotonic() < until, "it never came true"
        for one in devices:
            one.turn()
        time.sleep(0.02)


def texts(one: Device, relationship: int, *, own: bool) -> list[str]:
    """Return the texts of one direction, in the order of their numbers."""
    from communicator_impl.content import decode_content

    found = [(n, m) for is_own, n, m in one.history.messages(relationship) if is_own is own]
    return [decode_content(m.content).data.decode() for _, m in sorted(found, key=lambda x: x[0])]
