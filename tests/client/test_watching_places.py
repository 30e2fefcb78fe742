"""What a waiting thread brings from a place that was left meanwhile ends nothing."""

import threading
from pathlib import Path

from communicator_impl.client import Device, KeyFile, Vault
from communicator_impl.client.watching import Watch, _Got, _Place


def test_a_place_that_was_left_is_passed_over(tmp_path: Path) -> None:
    device = Device(Vault.create(tmp_path / "store", KeyFile(bytes(32))))
    watch = Watch(device)
    late = _Got(_Place(7, 0, bytes(32)), None, threading.Event())
    watch._got.put(late)
    watch._wait(0)
    assert late.taken.is_set()
    device.close()
