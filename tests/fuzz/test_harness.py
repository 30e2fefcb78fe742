"""The coverage-guided search, as a person starts it: it reaches code, finds a planted fault, saves and replays it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz.table import TARGETS

ROOT = Path(__file__).parents[2]
RUNS = 100
"""Inputs for each target, which with the start take about a quarter of a minute of one core for all of them."""


def fuzz(*arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_search_of_every_target_finds_nothing(tmp_path: Path) -> None:
    done = fuzz("all", "--runs", RUNS, "--seed", "1", "--folder", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^ +\d+/\d+ +(\S+) +([\d,]+) +([\d,]+)", done.stdout, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(TARGETS)
    for name, runs, edges in rows:
        assert int(runs.replace(",", "")) >= RUNS, name
        assert int(edges.replace(",", "")) > 0, name


@pytest.mark.slow
def test_a_planted_fault_is_found_saved_and_replayed(tmp_path: Path) -> None:
    done = fuzz("ranges-planted-in-body", "--runs", "1")
    assert (done.returncode, "is no target" in done.stderr) == (2, True)
    done = fuzz("body", "--runs", "5000", "--seed", "1", "--folder", tmp_path, "--planted", "ranges")
    assert done.returncode == 1, done.stdout + done.stderr
    (saved,) = re.findall(r"python -m tests\.fuzz body --replay (\S+)", done.stdout)
    assert fuzz("body", "--replay", saved).returncode == 0  # without the fault it is refused
    again = fuzz("body", "--planted", "ranges", "--replay", saved)
    assert again.returncode != 0
    assert "Traceback" in again.stderr
