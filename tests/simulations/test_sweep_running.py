"""A sweep goes on where it stopped, says which file it cannot use, and ends with the same bytes however it was run."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
import pytest
from tests.simulations.fingerprint import SMALL
from tests.simulations.sweeping import files, layout, swept
from tests.simulations.worlds import changed as rebuilt

from communicator_simulations.results import open_sweep
from communicator_simulations.sweep import Stored
from communicator_simulations.sweeps import running
from communicator_simulations.sweeps.running import Workers, run_sweep, standing
from communicator_simulations.sweeps.store import Store, SweepError, described, packed, unpacked
from communicator_simulations.sweeps.tasks import Job, Layout, compute

ROOT: Final = Path(__file__).parents[2]
TWO: Final = ("weather.loss=0,0.1",)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return layout(tmp_path_factory.mktemp("data"), vary=TWO)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which runs are computed, in this process."""
    seen: list[str] = []

    def counting(job: Job) -> object:
        seen.append(job.id)
        return compute(job)

    monkeypatch.setattr(running, "compute", counting)
    return seen


def stop_after(runs: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == runs:
            raise KeyboardInterrupt

    return progress


def test_serial_and_two_processes_under_another_hash_seed_give_the_same_bytes(tmp_path: Path) -> None:
    wish = layout(tmp_path / "data")
    serial = swept(wish, tmp_path / "serial")
    code = (
        "import sys; from pathlib import Path; from tests.simulations.sweeping import layout, swept\n"
        "if __name__ == '__main__': swept(layout(Path(sys.argv[1])), Path(sys.argv[2]), 2)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data"), str(tmp_path / "two")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "77"}, check=True)
    assert files(tmp_path / "two") == serial
    assert len(wish.wanted) == 18  # policy one does not change with the parameter of policy two
    assert sum(map(len, wish.jobs)) == 24


def test_another_seed_gives_other_runs(tmp_path: Path, small: Layout) -> None:
    other = layout(tmp_path / "data", seed=2, vary=TWO)
    assert not {job.id for job in small.wanted} & {job.id for job in other.wanted}
    one, two = (swept(wish, tmp_path / name) for name, wish in (("one", small), ("two", other)))
    assert one["runs.parquet"] != two["runs.parquet"]


def test_an_interrupted_sweep_goes_on_and_repeats_nothing(tmp_path: Path, small: Layout, counted: list[str]) -> None:
    store, whole = Store(tmp_path / "broken"), swept(small, tmp_path / "whole")
    counted.clear()
    with pytest.raises(KeyboardInterrupt):
        run_sweep(small, store, Workers(1), stop_after(3))
    assert len(counted) == 3
    with pytest.raises(SweepError, match="is not finished; give its command again"):
        open_sweep(store.folder)
    assert swept(small, store.folder) == whole
    assert sorted(counted) == sorted(job.id for job in small.wanted)
    assert swept(small, store.folder) == whole
    assert len(counted) == len(small.wanted)


def test_a_process_that_is_killed_while_it_writes_leaves_a_folder_that_goes_on(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "killed"
    wish = layout(data, vary=TWO)
    code = (
        "import itertools, os, signal, sys; from pathlib import Path; from tests.simulations.sweeping import *\n"
        "calls = itertools.count(1)\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL) if next(calls) == 4 else None\n"
        f"swept(layout(Path(sys.argv[1]), vary={TWO}), Path(sys.argv[2]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(data), str(folder)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    there = {path.name: path.stat().st_ino for path in (folder / "tasks").iterdir()}
    assert sorted(name.endswith(".part") for name in there) == [False, False, True]
    assert swept(wish, folder) == swept(wish, tmp_path / "whole")
    now = {path.name: path.stat().st_ino for path in (folder / "tasks").iterdir()}
    assert len(now) == len(wish.wanted)
    assert {(name, inode) for name, inode in there.items() if name.endswith(".json")} <= now.items()


def test_a_wider_sweep_runs_only_what_is_new(tmp_path: Path, small: Layout, counted: list[str]) -> None:
    swept(small, tmp_path / "out")
    counted.clear()
    three = rebuilt(SMALL, study=msgspec.structs.replace(SMALL.study, replications=3), question="another?")
    wider = layout(tmp_path / "data", vary=("weather.loss=0,0.1,0.2",), scenario=three)
    swept(wider, tmp_path / "out")
    assert len(counted) == 3 * 2 * 3 - len(small.wanted)
    assert files(tmp_path / "out")["runs.parquet"] == swept(wider, tmp_path / "anew")["runs.parquet"]


@pytest.mark.parametrize(
    ("name", "spoil", "complaint"),
    [
        ("cut off", lambda data, other: data[:-20], "is cut off, or is no result"),
        ("empty", lambda data, other: b"", "is cut off, or is no result"),
        ("a bit", lambda data, other: data.replace(b'"delivered":', b'"delivered":1', 1), "its digest does not match"),
        ("bytes", lambda data, other: b"\xff\x00" * 40, "is cut off, or is no result"),
        ("of another run", lambda data, other: other, "holds another run"),
        ("format", lambda data, other: data.replace(b"sweep/1", b"sweep/9", 1), "has the format 'communicator-s.*/9'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_by_its_name(tmp_path: Path, small: Layout, counted: list[str], name: str,
                                                           spoil: Callable[[bytes, bytes], bytes],
                                                           complaint: str) -> None:  # fmt: skip
    store = Store(tmp_path / "out")
    whole = swept(small, store.folder)
    counted.clear()
    path, other = (store.path(job.id) for job in small.wanted[:2])
    path.write_bytes(spoil(path.read_bytes(), other.read_bytes()))
    with pytest.raises(SweepError, match=f"{path} .*{complaint}.*; delete it and give the same command"):
        swept(small, store.folder)
    said = standing(described(store.folder), store)
    assert (said.finished, len(said.refused)) == (len(small.wanted) - 1, 1)
    assert counted == []
    path.unlink()
    assert swept(small, store.folder) == whole
    assert counted == [path.stem]


def test_foreign_files_and_folders_are_refused(tmp_path: Path, small: Layout) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "letters.txt").write_text("dear")
    with pytest.raises(SweepError, match=r"out holds no sweep: there is no sweep\.json"):
        swept(small, folder)
    (folder / "letters.txt").unlink()
    swept(small, folder)
    (folder / "tasks" / "notes.json").write_text("{}")
    with pytest.raises(SweepError, match=r"tasks/notes\.json is no result of a sweep"):
        swept(small, folder)
    (folder / "sweep.json").write_text("{")
    with pytest.raises(SweepError, match=r"sweep\.json is no description of a sweep"):
        open_sweep(folder)


def test_one_sweep_at_a_time_in_a_folder(tmp_path: Path, small: Layout) -> None:
    swept(small, tmp_path)
    with Store(tmp_path).held(), pytest.raises(SweepError, match="another sweep runs in this folder"):
        swept(small, tmp_path)


def test_frames_have_the_parameters_beside_every_figure(tmp_path: Path, small: Layout) -> None:
    swept(small, tmp_path)
    frames = open_sweep(tmp_path)
    for frame in frames:
        assert frame.collect_schema().names()[:2] == ["point", "weather.loss"]
    runs = frames.runs.collect()
    assert runs.height == sum(map(len, small.jobs))
    assert runs["weather.loss"].to_list() == [0.0] * 4 + [0.1] * 4
    own = frames.runs.group_by("weather.loss", "policy", "fault").agg(pl.col("delivered_share").mean()).collect()
    means = frames.means.filter(pl.col("metric") == "delivered_share").collect()
    assert means["n"].to_list() == [2] * 4
    joined = means.join(own, on=["weather.loss", "policy", "fault"])
    assert joined.height == 4
    assert joined["mean"].to_list() == pytest.approx(joined["delivered_share"].to_list())
    assert (means["low"] <= means["mean"]).all()
    assert (means["mean"] <= means["high"]).all()


def test_a_figure_that_was_not_reached_survives_its_file(small: Layout) -> None:
    job = small.wanted[0]
    run = unpacked(compute(job).data, job.id)
    endless: Stored = msgspec.structs.replace(run, row={**run.row, "cutover_peers_p99_h": math.inf})
    data = packed(job.id, endless)
    assert json.loads(data)["run"]["row"]["cutover_peers_p99_h"] is None
    assert unpacked(data, job.id) == endless
    with pytest.raises(ValueError, match="no number"):
        packed(job.id, msgspec.structs.replace(run, row={"x": math.nan}))
