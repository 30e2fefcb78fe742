"""`communicator simulate` with a scenario that has adversaries: tables, conclusions, a page, and what it refuses."""

import json
from pathlib import Path

import polars as pl
import pytest
from tests.reports.test_command_line import communicator

from communicator_reports.figures.pareto import Price, pareto
from communicator_simulations.adversaries.experiment import Arm, Row
from communicator_simulations.adversaries.pareto import points

SMALL = ["simulate", "receipts", "--people", "12", "--days", "4", "--replications", "2", "--synthetic"]


def test_an_experiment_leaves_tables_a_page_and_verdicts(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = communicator(*SMALL, "--out", str(out), "--json")
    assert done.returncode in (0, 1), done.stderr
    summary = json.loads(done.stdout)
    assert summary == json.loads((out / "summary.json").read_text("utf-8"))
    said = {row["outcome"] for row in summary["conclusions"]}
    assert done.returncode == int(bool(said & {"false", "undecided"}))
    assert summary["conclusions"][0]["says"].startswith("Receipts that follow at once")
    assert summary["conclusions"][0]["outcome"] == "holds"
    attacks = pl.read_parquet(out / "attacks.parquet")
    assert {"arm", "question", "replication", "advantage", "top_1", "top_5", "suspects", "entropy"} <= {
        *attacks.columns
    }
    assert attacks["advantage"].is_between(-1, 1).all()
    assert pl.read_parquet(out / "pareto.parquet")["front"].any()
    assert pl.read_parquet(out / "costs.parquet").height == 2 * pl.read_parquet(out / "costs.parquet")["arm"].n_unique()
    page = (out / "question.html").read_text("utf-8")
    assert summary["question"] in page
    assert "at once, phones always on line" in page
    assert (out / "figures" / "receipts.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    "words", [["--policy", "two"], ["--fault", "death"], ["--events"], ["--warm-up"], ["--fidelity", "impl"]]
)
def test_what_says_nothing_to_an_experiment_is_refused_in_a_line(tmp_path: Path, words: list[str]) -> None:
    done = communicator(*SMALL, *words, "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert words[0] in done.stderr
    assert done.stderr.count("\n") <= 2
    assert not (tmp_path / "out").exists()


def test_a_front_is_drawn_with_a_line_for_each_defence() -> None:
    arms = [
        Arm("standard", "the standard", series="the standard"),
        Arm("a", "a", series="x"),
        Arm("b", "b", series="y"),
    ]
    attacks: list[Row] = [
        {"arm": arm.name, "question": "phone", "replication": r, "advantage": 0.1 * n + 0.01 * r}
        for n, arm in enumerate(arms) for r in range(3)
    ]  # fmt: skip
    costs: list[Row] = [
        {"arm": arm.name, "replication": r, "bytes_per_message": 100.0 + n + r}
        for n, arm in enumerate(arms) for r in range(3)
    ]  # fmt: skip
    own = points(arms, attacks, costs, "phone", "bytes_per_message")
    figure = pareto(Price("bytes_per_message", "bytes", 1.0, "what travels"), [("Phone", own)])
    values = figure.panels[0].spec["datasets"] if "datasets" in figure.panels[0].spec else figure.panels[0].spec["data"]
    assert str(values).count("'number': -1") == 2
    assert [chip.label for chip in figure.legend] == ["the standard", "x", "y"]
