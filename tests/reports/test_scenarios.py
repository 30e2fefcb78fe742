"""Each scenario of the package runs at a small scale, draws its figures, and says of each conclusion whether it holds.

At this scale the data cannot decide everything. What they decide, they must not decide against the scenario, and the
strongest of its conclusions hold here already. At full scale: `communicator sweep NAME`, `communicator simulate NAME`.
"""

import json
from pathlib import Path
from typing import Final

import pytest
from tests.reports.test_command_line import communicator

SMALL: Final = ["--people", "30", "--days", "12", "--synthetic", "--seed", "7", "--workers", "1", "--json"]
THREE: Final = ["--replications", "3"]
DEATH: Final = [*THREE, "--vary", "people.zipf=3"]

CASES: Final = {
    "provider-death": (["sweep", *DEATH], ["lost", "undelivered"], 2),
    "failover": (["sweep", *THREE, "--vary", "fault.outage_h=72"], ["waiting"], 1),
    "expiry": (
        [
            "sweep",
            *THREE,
            "--people",
            "60",
            "--vary",
            "absence.away_d=32",
            "--vary",
            "absence.share=0.4",
            "--vary",
            "policy.standard.long_term_lifetime_h=384",
        ],
        ["cut-off", "silence"],
        1,
    ),
    "retry-storm": (
        ["sweep", "--replications", "4", "--people", "80", "--vary", "fault.outage_h=48"],
        ["backlog", "arrivals", "fetches"],
        1,
    ),
    "adoption": (
        ["sweep", *THREE, "--people", "60", "--vary", "others.share=0.5"],
        ["all", "both-static", "one-static"],
        1,
    ),
    "old-database": (["sweep", *THREE, "--vary", "services.strikes.old-disk.age_h=24"], ["delay"], 1),
    "device-loss": (["sweep", *THREE, "--vary", "absence.away_d=1,7"], ["waiting", "cut-off"], 0),
    "rotation-cost": (["simulate", *THREE], ["transmissions", "bytes", "registrations"], 3),
}
"""Of each scenario: how it is run here, its figures, and how many conclusions hold here at least."""


@pytest.mark.parametrize("name", CASES)
def test_a_scenario_runs_at_a_small_scale(name: str, tmp_path: Path) -> None:
    (command, *words), figures, least = CASES[name]
    done = communicator(command, name, *SMALL, *words, "--out", str(tmp_path / "out"))
    summary = json.loads(done.stdout)
    outcomes = [row["outcome"] for row in summary["conclusions"]]
    assert not any(row["violations"] for row in summary["invariants"])
    assert "false" not in outcomes, summary["conclusions"]
    assert outcomes.count("holds") >= least, summary["conclusions"]
    assert done.returncode == ("undecided" in outcomes)
    for figure in figures:
        for suffix in ("svg", "png"):
            assert (tmp_path / "out" / "figures" / f"{figure}.{suffix}").stat().st_size > 1000
    page = (tmp_path / "out" / "question.html").read_text("utf-8")
    assert all(row["says"] in page for row in summary["conclusions"])
    assert (tmp_path / "out" / "question.pdf").read_bytes().startswith(b"%PDF")


def test_what_the_data_contradict_is_said_and_changes_the_exit_code(tmp_path: Path) -> None:
    """The same question of a population whose standby is switched off."""
    import communicator_simulations

    right = Path(communicator_simulations.__file__).parent / "scenarios" / "provider-death.toml"
    text = right.read_text("utf-8")
    policy = text.index('name = "two"')
    broken = tmp_path / "no-standby.toml"
    broken.write_text(text[:policy] + text[policy:].replace("[sweep", "receiving_services = 1\n\n[sweep", 1), "utf-8")
    out = tmp_path / "out"
    words = [word for word in SMALL if word != "--json"]
    done = communicator("sweep", str(broken), *words, *DEATH, "--policy", "two", "--out", str(out))
    assert done.returncode == 1, done.stderr
    assert "false: With a standby fewer messages than one in a thousand are lost" in done.stdout
    assert "not asked: When the provider of five in six people dies" in done.stdout
    assert "**FALSE**" not in (out / "question.html").read_text("utf-8")
    assert "<strong>FALSE</strong>" in (out / "question.html").read_text("utf-8")


def test_all_scenarios_are_listed_with_their_questions() -> None:
    done = communicator("simulate", "--list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert all(line.startswith("communicator ") and line.endswith("?") for line in lines)
    assert {line.split()[2] for line in lines} >= {*CASES, "migration"}
