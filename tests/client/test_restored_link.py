"""Who took up a link and goes on with the next device before the other person has answered (chapter 12.6)."""

import json
import time
from pathlib import Path

import pytest
from tests.client.test_commands import conversation, rm
from tests.client.two_people import KEY, closing, device, go_on, texts
from tests.patience import PATIENCE_S
from tests.services.running import Service

from communicator_impl import backup
from communicator_impl.client import Device, Vault
from communicator_impl.entropy import SystemEntropy


def next_device(old: Device, path: Path) -> Device:
    """Go on with another device, from a backup of one that is not used any more."""
    key = backup.recovery_key(SystemEntropy())
    saved = backup.make(backup.snapshot(old.vault), key, SystemEntropy())
    old.close()
    vault = Vault.create(path, KEY)
    with vault.together():
        for name, value in backup.restore(saved, key).items():
            vault.save(name, value)
    found = Device(vault)
    found.restored()
    return found


@pytest.mark.slow
def test_a_link_is_taken_up_and_the_device_lost_before_anything_was_sent(tmp_path: Path) -> None:  # PORT-30, PORT-32
    with Service(tmp_path, "both") as service:
        ann, ben = device(tmp_path / "ann", [service]), device(tmp_path / "ben", [service])
        _, contact = ann.invite("Ben")
        ben.approach("Ann", contact)
        ben.say(0, "hello")
        again = next_device(ben, tmp_path / "again")
        with closing(ann, again):
            assert not again.core.is_synchronised(0)
            go_on((again, ann), lambda: again.core.is_synchronised(0))
            again.say(0, "from the next device")
            ann.say(0, "welcome")
            go_on((again, ann), lambda: len(texts(ann, 0, own=False)) == 2 and bool(texts(again, 0, own=False)))
            assert texts(ann, 0, own=False) == ["hello", "from the next device"]
            assert texts(again, 0, own=False) == ["welcome"]
            assert ann.fingerprint(0) == again.fingerprint(0)


@pytest.mark.slow
def test_two_people_at_two_terminals_one_of_whom_changes_it_early(tmp_path: Path) -> None:  # PORT-31
    ann, ben, again = tmp_path / "ann", tmp_path / "ben", tmp_path / "again"
    with Service(tmp_path, "both") as service:
        for store in (ann, ben):
            rm(store, "init", "--service", service.uri)
        rm(ben, "accept", rm(ann, "invite", "Ben").strip(), "--name", "Ann")
        rm(ben, "say", "Ann", "hello")  # it is at Ann's service; she is away
        rm(ben, "backup", str(tmp_path / "ben.backup"))
        rm(again, "restore", str(tmp_path / "ben.backup"))
        until = time.monotonic() + 4 * PATIENCE_S
        while not json.loads(rm(again, "people", "--json"))[0]["synchronised"]:
            assert time.monotonic() < until
            rm(ann, "say", "Ben", "are you there?")  # a receipt alone would be held back
            rm(again, "sync")
        rm(again, "say", "Ann", "from the next device")
        while len(conversation(ann, "Ben")) < 2:
            assert time.monotonic() < until
        assert conversation(ann, "Ben") == ["hello", "from the next device"]
