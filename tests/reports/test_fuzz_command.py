"""`communicator simulate fuzz`: what it prints can be run again, and its exit code says what came out."""

import json
import shlex
from pathlib import Path
from typing import Final

from tests.reports.test_command_line import communicator

from communicator_simulations.faults.plan import load

PLANT: Final = "takes an address twice"
PLAN: Final = """
seed = 5
faults_min = 2880
calm_min = 10080
providers = 4
pairs = [[0, 1]]
writes = [[60, 0]]

[[people]]
receiving = [0, 1]
sending = [2, 3]

[[people]]
receiving = [2, 3]
sending = [0, 1]

[[faults]]
at_min = 30
what = "duplicate"
whom = "receiving"
which = {service}
for_min = 1440
"""
MEETS, IDLE = 3, 2


def written(folder: Path, service: int) -> str:
    path = folder / "plan.toml"
    path.write_text(PLAN.format(service=service))
    return str(path)


def test_a_plan_is_run_and_each_fault_says_what_it_met(tmp_path: Path) -> None:
    done = communicator("simulate", "fuzz", "--plan", written(tmp_path, MEETS))
    assert done.returncode == 0, done.stdout
    assert "duplicate receiving 3 for 1 d" in done.stdout
    assert "met 1" in done.stdout
    assert "nothing is wrong" in done.stdout


def test_a_fault_that_meets_nothing_is_named_and_the_run_is_not_valid(tmp_path: Path) -> None:
    done = communicator("simulate", "fuzz", "--plan", written(tmp_path, IDLE))
    assert done.returncode == 3
    assert "not valid: fault 0 met nothing: 30 min: duplicate receiving 2" in done.stdout


def test_a_finding_has_its_own_exit_code(tmp_path: Path) -> None:
    done = communicator("simulate", "fuzz", "--plan", written(tmp_path, MEETS), "--plant", PLANT, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["found"]["judge"] == "invariant"
    assert told["found"]["name"] == "only-peers"
    assert told["faults"][0]["met"] >= 1


def test_the_line_that_is_printed_runs_the_smallest_plan_again() -> None:
    done = communicator("simulate", "fuzz", "--plant", "numbers grants alike", "--workers", "1", "--people", "3")
    assert done.returncode == 0, done.stdout
    assert "| numbers grants alike |" in done.stdout
    line = shlex.split(done.stdout.strip().splitlines()[-1])
    assert line[:3] == ["communicator", "simulate", "fuzz"]
    again = communicator(*line[1:])
    assert again.returncode == 1
    assert "epoch is registered already" in again.stdout


def test_an_exploration_says_how_fast_it_was_and_where_it_stopped(tmp_path: Path) -> None:
    small = ("--minutes", "0.01", "--people", "3", "--workers", "1", "--out", str(tmp_path))
    done = communicator("simulate", "fuzz", *small)
    assert done.returncode == 0, done.stdout
    assert "simulated hours a second" in done.stdout
    assert "person-days a second and core" in done.stdout
    assert json.loads((tmp_path / "seed-1-people-3.json").read_text())["done"]


def test_a_plan_is_written_down_to_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(communicator("simulate", "fuzz", "--write", "3").stdout)
    assert load(str(path)).seed == 1_000_003


def test_what_is_wrong_with_the_input_is_one_line() -> None:
    for words in (("--plan", "missing.toml"), ("--plan", "{}"), ("--plant", "nothing")):
        done = communicator("simulate", "fuzz", *words)
        assert done.returncode == 2
        assert done.stdout == ""
