"""`communicator demo`: every scene happens, a broken promise is found, and nothing is left of it."""

import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tests.leftovers import environment, left
from tests.patience import PATIENCE_S, eventually

from communicator_reports.demo.recording import SHOWN, block, shape
from communicator_reports.demo.telling import WIDTH, Teller

COMMAND = (sys.executable, "-c", "from communicator_reports.cli import main; main()", "demo")
ROOT = Path(__file__).parents[2]


def played(tmp_path: Path, *options: str) -> tuple[int, str]:
    """Run a demonstration; nothing of it is left."""
    marked = environment(tmp_path)
    done = subprocess.run((*COMMAND, *options), env=marked, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert eventually(lambda: left(marked), lambda found: not found) == []
    assert not [*tmp_path.glob("communicator-*")]
    return done.returncode, done.stdout


def titles(text: str) -> list[str]:
    return [line for line in shape(text) if line.startswith("#  ")]


def test_the_readme_shows_what_the_program_prints() -> None:
    text = io.StringIO()
    teller = Teller(Console(file=text, width=WIDTH))
    for title in SHOWN:
        teller.begin(title, 0.0)
    shown = block((ROOT / "README.md").read_text("utf-8"))
    assert titles(shown) == titles(text.getvalue())
    sources = "".join(
        path.read_text("utf-8") for path in sorted((ROOT / "reports/communicator_reports/demo").glob("*.py"))
    )
    said = [line for line in shape(shown) if not line.startswith(("#  ", "✓", "<!--"))]
    assert said
    for line in said:
        words = max(line.split("#"), key=len).strip()
        assert words in sources, line
    picture = (ROOT / "docs/figures/demo.svg").read_text("utf-8")
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", picture)


@pytest.mark.slow
def test_every_scene_happens_and_the_judges_find_nothing(tmp_path: Path) -> None:
    code, printed = played(tmp_path, "--json")
    outcome = json.loads(printed)
    assert code == 0, outcome
    assert outcome["holds"] is True
    assert outcome["violations"] == []
    assert outcome["missing"] == {}
    scenes = outcome["scenes"]
    facts = {name: value for scene in scenes for name, value in scene["facts"].items()}
    assert facts["same_fingerprint"] is True
    assert facts["taken_back"] >= 1
    assert facts["ways"] > 1
    assert facts["rescued"] >= 1
    assert facts["drained"] >= 2
    assert facts["used"] >= 2
    assert facts["left"] == 2
    assert facts["copies"] == 1
    last = scenes[-2]["seen"]
    assert "read" in last["Ben"]
    events = outcome["events"]
    assert events["ACCEPTED"] == events["DELIVERED"] == events["ACKNOWLEDGED"] == outcome["messages"] + 1


@pytest.mark.slow
def test_a_service_that_loses_what_it_accepted_is_found(tmp_path: Path) -> None:
    code, printed = played(tmp_path, "--broken")
    assert code == 1, printed
    found = [line for line in printed.splitlines() if line.startswith("✗")]
    assert found
    lost = "✗ accounted: taken, and became nothing (receiving "
    assert any(line.startswith(lost) for line in found), printed
    assert all(line.startswith(lost) or "did not read once: " in line for line in found), printed
    assert max(map(len, printed.splitlines())) <= WIDTH


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
