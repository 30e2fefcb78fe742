"""Crash points are found in the source, and none is excused that is not there."""

import signal
import subprocess
import sys
from pathlib import Path

from communicator_simulations.chaos.ledger import Ledger
from communicator_simulations.chaos.points import RARE, UNREACHED, scan


def test_every_kind_of_place_is_found() -> None:
    names = {point.name: point.kind for point in scan()}
    assert len(names) == len(scan())
    assert names["client.device:Device.take:1"] == "commit"
    assert names["client.courier:Courier.confirm:1"] == "send"
    assert names["relationship_manager:RelationshipManager._save:1"] == "write"
    assert names["services.sending:submit"] == "answer"
    assert names["services.forwarder:Forwarder._post:1"] == "send"
    assert names["services.database:GroupCommit._write:1"] == "commit"


def test_every_excuse_excuses_something() -> None:
    names = [point.name for point in scan()]
    for prefix in (*UNREACHED, *RARE):
        assert any(name.startswith(prefix) for name in names), prefix


def test_an_order_is_seen_by_all_who_open_the_ledger_and_met_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    mine = Ledger(path, 2, 5)
    mine.order(1, {(3, 1): 2, (4, 0): 0})
    dying = (
        "from pathlib import Path; from communicator_simulations.chaos.ledger import Ledger; "
        f"theirs = Ledger.opened(Path({str(path)!r}), 5); theirs.passed(1, 3, 0); "
        "[theirs.passed(1, 3, 1) for _ in range(9)]"
    )
    done = subprocess.run((sys.executable, "-c", dying), capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert mine.passes(1) == (0, 0, 0, 0, 0, 0, 1, 3, 0, 0)
    assert mine.death(0) is None
    assert mine.death(1) == (3, 1)
    assert mine.death(1) is None
