"""`communicator demo`: every scene happens, a broken promise is found, and nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S, eventually

COMMAND = (sys.executable, "-c", "from communicator_reports.cli import main; main()", "demo")
MARK = "COMMUNICATOR_TEST_MARK"


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, MARK: uuid.uuid4().hex, "TMPDIR": str(tmp_path)}


def left(marked: dict[str, str]) -> list[str]:
    """Return the processes that were begun in an environment."""
    mark, found = f"{MARK}={marked[MARK]}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def played(tmp_path: Path, *options: str) -> tuple[int, dict[str, object]]:
    """Run a demonstration; nothing of it is left."""
    marked = environment(tmp_path)
    done = subprocess.run((*COMMAND, "--json", *options), env=marked, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert eventually(lambda: left(marked), lambda found: not found) == []
    assert not [*tmp_path.glob("communicator-*")]
    outcome: dict[str, object] = json.loads(done.stdout)
    return done.returncode, outcome


@pytest.mark.slow
def test_every_scene_happens_and_the_judges_find_nothing(tmp_path: Path) -> None:
    code, outcome = played(tmp_path)
    assert code == 0, outcome
    assert outcome["holds"] is True
    assert outcome["violations"] == []
    assert outcome["missing"] == {}
    scenes = outcome["scenes"]
    assert isinstance(scenes, list)
    facts = {name: value for scene in scenes for name, value in scene["facts"].items()}
    assert facts["same_fingerprint"] is True
    assert facts["ways"] > 1
    assert facts["rescued"] >= 1
    assert facts["drained"] >= 2
    assert facts["used"] >= 2
    assert facts["left"] == 2
    assert facts["copies"] == 1
    last = scenes[-2]["seen"]
    assert "read" in last["Ben"]
    events = outcome["events"]
    assert isinstance(events, dict)
    assert events["ACCEPTED"] == events["DELIVERED"] == events["ACKNOWLEDGED"] == outcome["messages"]


@pytest.mark.slow
def test_a_service_that_loses_what_it_accepted_is_found(tmp_path: Path) -> None:
    code, outcome = played(tmp_path, "--broken")
    assert code == 1, outcome
    violations = outcome["violations"]
    assert isinstance(violations, list)
    assert violations
    assert {line.partition(":")[0] for line in violations} == {"accounted"}
    assert all("receiving" in line for line in violations)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whoever_stops_it_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    marked = environment(tmp_path)
    command = (*COMMAND, "--keep", str(tmp_path / "kept"))
    with subprocess.Popen(command, env=marked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        assert any("First contact" in line for line in running.stdout)
        assert len(left(marked)) > 10
        running.send_signal(number)
        assert running.wait(PATIENCE_S) == (130 if number is signal.SIGINT else -number)
    assert eventually(lambda: left(marked), lambda found: not found) == []
