"""The log of a run on disk: complete or not there, readable by others, and judged again to the same verdict."""

from pathlib import Path
from typing import Final

import polars as pl
import pytest
from tests.simulations.worlds import HARSH, SEED, by_model, judge, town

from communicator_model.faults import FaultKind
from communicator_reports.commands.judge import verdict
from communicator_simulations import runs
from communicator_simulations.logs import EventLog, LogError, basis, judged, parts
from communicator_simulations.runs import RunKey, model_fidelity, record
from communicator_spec import Event, Kind, Row
from communicator_spec.places import PlaceError

KEY: Final = RunKey("two", FaultKind.DEATH, 0)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runs, "_PART", 500)
    path = tmp_path / "run.parquet"
    record(path, HARSH, SEED, town(16, 3), KEY, model_fidelity(HARSH.profile))
    return path


def test_a_log_holds_the_rows_of_the_run_and_polars_reads_it(kept: Path) -> None:
    expected = by_model(HARSH, KEY.policy, KEY.fault, town(16, 3)).log
    groups = list(parts(kept))
    assert len(groups) > 2
    assert [row for rows in groups for row in rows] == expected
    table = pl.read_parquet(kept)
    assert table.columns == list(Event._fields)
    assert table.filter(pl.col("kind") == int(Kind.DELIVERED)).height > 0
    assert [path.name for path in kept.parent.iterdir()] == ["run.parquet"]


def test_a_log_is_judged_again_to_the_same_verdict(kept: Path) -> None:
    run = by_model(HARSH, KEY.policy, KEY.fault, town(16, 3))
    assert judged(kept) == (len(run.log), judge(run))
    found = verdict([kept], settled=False, profile="two-layer/1")
    assert sum(found.counts.values()) == len(run.log)


def test_a_log_that_was_changed_is_found_out(kept: Path) -> None:
    rows = [row for part in parts(kept) for row in part]
    twice = next(row for row in rows if row[1] == Kind.DELIVERED)
    broken = kept.with_name("broken.parquet")
    with EventLog(broken, basis(kept)) as log:
        log.write([*rows, (rows[-1][0], *twice[1:])])
    (found,) = [violation for violation in judged(broken).violations if violation.invariant == "exactly-once"]
    assert found.events[0] == Event(*twice)


def interrupted(path: Path, kept: Path, row: Row) -> None:
    with EventLog(path, basis(kept)) as log:
        log.write([row])
        assert path.with_name(path.name + ".part").exists()
        raise KeyboardInterrupt


def test_a_run_that_fails_leaves_no_log(kept: Path) -> None:
    path = kept.with_name("other.parquet")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, kept, next(parts(kept))[0])
    assert [found.name for found in kept.parent.iterdir()] == ["run.parquet"]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    other, text = tmp_path / "other.parquet", tmp_path / "text.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(other)
    text.write_text("no parquet at all", "utf-8")
    for path in (other, text):
        with pytest.raises(LogError, match="not the event log of a run"):
            basis(path)
        with pytest.raises(PlaceError):
            verdict([path], settled=False, profile="two-layer/1")
