"""`communicator sweep`: says what it would do, stops and goes on, and tells how far it is."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest
from tests.patience import PATIENCE_S, eventually
from tests.reports.test_command_line import COMMAND, ROOT, TINY, communicator

from communicator_reports.pace import Pace, duration

VARY: Final = ["sweep", "migration", "--vary", "weather.loss=0,0.1", *TINY, "--policy", "two", "--fault", "death"]


@pytest.mark.parametrize("command", ["sweep", "sweep run", "sweep status"])
def test_help_has_an_example(command: str) -> None:
    done = communicator(*command.split(), "--help")
    assert done.returncode == 0
    assert "communicator sweep" in done.stdout.partition("Example")[2]


def test_a_sweep_from_its_dry_run_to_its_end(tmp_path: Path) -> None:
    words = [*VARY, "--out", str(tmp_path / "out")]
    dry = communicator(*words, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "point 1: weather.loss=0.1: 1 runs, 0 finished" in dry.stdout
    assert "2 different runs, 0 finished, 2 to do; time: not known before a run is finished" in dry.stdout
    assert not (tmp_path / "out").exists()
    done = communicator(*words)
    assert done.returncode == 0, done.stderr
    assert "all invariants hold" in done.stdout
    assert "2 of 2 runs" in done.stderr
    wider = communicator(*words, "--vary", "weather.loss=0:0.2:5", "--dry-run")
    assert "5 different runs, 2 finished, 3 to do; time: about" in wider.stdout
    status = communicator("sweep", "status", str(tmp_path / "out"), "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["points_finished"] == 2
    again = communicator(*words, "--json")
    assert [point["weather.loss"] for point in json.loads(again.stdout)["points"]] == [0, 0.1]


def test_what_cannot_be_used_is_told_in_a_line(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert communicator(*VARY, "--out", out).returncode == 0
    path = next((tmp_path / "out" / "tasks").glob("*.json"))
    path.write_bytes(path.read_bytes()[:100])
    refused = communicator(*VARY, "--out", out)
    assert refused.returncode == 2
    assert f"{path} is cut off, or is no result; delete it" in refused.stderr
    status = communicator("sweep", "status", out)
    assert status.returncode == 1
    assert status.stdout.startswith("1 of 2 runs, 1 of 2 points")
    assert str(path) in status.stdout
    for words, complaint in (
        (["status", str(tmp_path)], "holds no sweep"),
        (["migration", "--vary", "weather.lost=1"], "there are, for example: weather.loss"),
        (["migration"], "nothing is varied"),
    ):
        done = communicator("sweep", *words)
        assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr


def test_ctrl_c_leaves_a_folder_that_goes_on(tmp_path: Path) -> None:
    words = ["sweep", "migration", "--vary", "weather.loss=0:0.2:40", "--people", "60", "--days", "5", "--synthetic",
             "--replications", "2", "--workers", "2", "--out", str(tmp_path / "out")]  # fmt: skip
    process = subprocess.Popen([*COMMAND, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert eventually(lambda: list(tmp_path.glob("out/tasks/*.json")))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    status = json.loads(communicator("sweep", "status", str(tmp_path / "out"), "--json").stdout)
    assert 0 < status["finished"] < status["total"]
    assert status["refused"] == []
    dry = json.loads(communicator(*words, "--dry-run", "--json").stdout)
    assert (dry["finished"], dry["left"]) == (status["finished"], status["total"] - status["finished"])
    assert dry["estimate_s"] > 0


def test_the_pace_counts_what_was_done_in_this_session_alone() -> None:
    said: list[str] = []
    clock = iter([0.0, 10.0, 60.0, 120.0, 0.0, 3.0])
    pace = Pace(said.append, lambda: next(clock))
    pace(40, 100)
    pace(41, 100)
    pace(50, 100)
    pace(100, 100)
    assert said == [
        "40 of 100 runs",
        "50 of 100 runs, 10 a minute, 5 min left",
        "100 of 100 runs, 30 a minute in 2 min",
    ]
    shown = Pace(said.append, lambda: next(clock))
    assert [shown.line(done, 12) for done in (0, 6)] == ["0 of 12 runs", "6 of 12 runs, 120 a minute, 3 s left"]
    assert [duration(s) for s in (0.25, 90, 7200, 180_000)] == ["0.25 s", "90 s", "2 h", "2.08 d"]
