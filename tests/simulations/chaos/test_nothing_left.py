"""Whoever stops a run of chaos, in whatever way, leaves none of its processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.leftovers import environment, left
from tests.patience import PATIENCE_S, eventually

from communicator_simulations.chaos.plan import OPERATORS

COMMAND = (sys.executable, "-c", "from communicator_reports.cli import main; main()", "chaos", "--people", "2")


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """Return a folder that PostgreSQL can use, which runs as somebody else."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "database", "code"),
    [(signal.SIGINT, "sqlite", 130), (signal.SIGKILL, "postgresql", -signal.SIGKILL)],
)
def test_nothing_is_left(tmp_path: Path, everybodys: Path, number: signal.Signals, database: str, code: int) -> None:
    marked, kept = environment(everybodys), tmp_path / "kept"
    command = (*COMMAND, "--database", database, "--keep", str(kept))
    with subprocess.Popen(command, env=marked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        eventually(lambda: len([*kept.glob("run/person-*/status.json")]), lambda found: found == 2)
        assert len(left(marked)) > 2 + 2 * OPERATORS
        running.send_signal(number)
        assert running.wait(PATIENCE_S) == code
    assert eventually(lambda: left(marked), lambda found: not found) == []
