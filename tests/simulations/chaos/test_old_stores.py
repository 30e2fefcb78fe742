"""Old stores put back under people who go on writing: a service's database, and a person's backup."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.client.two_people import closing, texts
from tests.services.running import Service

from communicator_impl import backup
from communicator_impl.client import Device, KeyFile, Vault
from communicator_impl.entropy import SystemEntropy
from communicator_impl.pace import VARIABLE, Pace
from communicator_simulations.chaos import harm

KEY = KeyFile(bytes(range(32)))
PATIENCE_S = 120.0
Pair = tuple[Device, Device]


@pytest.fixture(scope="module")
def quick() -> Pace:
    return Pace(6000, time.time_ns())


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, quick: Pace) -> Iterator[list[Service]]:
    folder = tmp_path_factory.mktemp("services")
    settings = {VARIABLE: quick.text()}
    with Service(folder, "both", settings=settings) as one, Service(folder, "both", settings=settings) as other:
        yield [one, other]


def opened(path: Path, quick: Pace) -> Device:
    vault = Vault.open(path, KEY) if path.exists() else Vault.create(path, KEY)
    return Device(vault, clock=lambda: quick.of(time.time_ns()) // 1_000_000)


def met(folder: Path, services: Sequence[Service], quick: Pace) -> Pair:
    ann, ben = opened(folder / "ann", quick), opened(folder / "ben", quick)
    uris = [service.uri for service in services]
    for device in (ann, ben):
        device.use(uris, uris)
    _, contact = ann.invite("Ben")
    ben.approach("Ann", contact)
    ben.say(0, "hello")
    settle((ann, ben), lambda: texts(ann, 0, own=False) == ["hello"])
    return ann, ben


def settle(pair: Pair, holds: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not (holds() and not any(device.core.waiting(0) for device in pair)):
        assert time.monotonic() < until, [(device.core.waiting(0), texts(device, 0, own=False)) for device in pair]
        for device in pair:
            device.turn()
        time.sleep(0.01)


def say(device: Device, *said: str) -> None:
    for text in said:
        device.say(0, text)
        device.turn()


@pytest.mark.slow
@pytest.mark.parametrize("copied", ["before anybody came", "while people wrote"])
def test_a_service_goes_on_with_an_old_database_and_no_message_is_lost_or_doubled(
    tmp_path: Path, services: list[Service], quick: Pace, copied: str
) -> None:
    service, copy = services[0], tmp_path / "copy"
    database = Path(service.database.removeprefix("sqlite:///"))
    if copied == "before anybody came":
        harm.copy_sqlite(database, copy)
    ann, ben = met(tmp_path, services, quick)
    with closing(ann, ben):
        say(ann, "one")
        if copied == "while people wrote":
            harm.copy_sqlite(database, copy)
        say(ann, "two")
        settle((ann, ben), lambda: texts(ben, 0, own=False) == ["one", "two"])
        say(ben, "three")
        service.kill()
        harm.put_back_sqlite(copy, database)
        service.start()
        say(ann, "four")
        say(ben, "five")
        settle((ann, ben), lambda: len(texts(ann, 0, own=False)) == 3)
        assert texts(ben, 0, own=False) == ["one", "two", "four"]
        assert texts(ann, 0, own=False) == ["hello", "three", "five"]


@pytest.mark.slow
def test_a_person_goes_on_with_an_old_backup_and_is_told_what_may_be_lost(
    tmp_path: Path, services: list[Service], quick: Pace
) -> None:  # PORT-17, PORT-23, PORT-25
    ann, ben = met(tmp_path, services, quick)
    key = backup.recovery_key(SystemEntropy())
    say(ann, "one")
    settle((ann, ben), lambda: texts(ben, 0, own=False) == ["one"])
    kept = backup.make(backup.snapshot(ann.vault), key, SystemEntropy())
    say(ann, "two")
    say(ben, "three")
    settle((ann, ben), lambda: texts(ann, 0, own=False) == ["hello", "three"])
    ann.close()
    vault = Vault.create(tmp_path / "again", KEY)
    harm.put_back_device(kept, key, vault)
    vault.close()
    again = opened(tmp_path / "again", quick)
    with closing(again, ben):
        again.turn(wakes=False)
        again.restored()
        say(ben, "four")
        settle((again, ben), lambda: again.core.is_synchronised(0))
        say(again, "five")
        settle((again, ben), lambda: texts(ben, 0, own=False)[-1] == "five")
        assert texts(ben, 0, own=False) == ["one", "two", "five"]
        assert texts(again, 0, own=False) == ["hello", "four"]
        assert ben.core.losses(0), "what Ann had confirmed and does not remember"
