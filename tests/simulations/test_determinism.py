"""Same seed, same bytes: whatever the number of workers, the hash seed, an interruption, or what else is planned."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.simulations.fingerprint import SMALL, files, main, small_plan, sweep_in
from tests.simulations.worlds import HARSH, by_model, changed, town

from communicator_model.faults import FaultKind
from communicator_simulations.scenario import Policy
from communicator_simulations.sweep import Plan, Stored
from communicator_spec import Command, Kind, Row

ROOT: Final = Path(__file__).parents[2]


class Interrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C."""


class StopsAfter:
    """Reports progress, and interrupts after some runs."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.seen: list[int] = []

    def __call__(self, done: int, total: int) -> None:
        self.seen.append(done)
        if done == self.runs:
            raise Interrupted


def nothing(done: int, total: int) -> None:
    """Progress that nobody watches."""


def finished(folder: Path, wish: Plan) -> dict[tuple[str, str, int], Stored]:
    sweep = sweep_in(folder, wish)
    sweep.run(1, nothing)
    return {(run.policy, run.fault, run.replication): run for run in sweep.results()}


def digest(hash_seed: str, workers: int) -> str:
    """Run the sweep in a fresh interpreter."""
    command = [sys.executable, "-m", "tests.simulations.fingerprint", "1", str(workers)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_same_seed_same_files_for_any_hash_seed_and_number_of_workers() -> None:
    assert main(1, 1) == digest("1", 2) == digest("2", 1)


def test_another_seed_gives_other_files() -> None:
    assert main(1, 1) != main(2, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_sweep_goes_on_and_ends_with_the_same_files(tmp_path: Path, workers: int) -> None:
    wish = small_plan(tmp_path)
    whole, broken = (sweep_in(tmp_path / name, wish) for name in ("whole", "broken"))
    whole.run(1, nothing)
    with pytest.raises(Interrupted):
        broken.run(workers, StopsAfter(3))
    rest = StopsAfter(-1)
    broken.run(workers, rest)
    assert rest.seen[0] >= 3  # another process may have finished more of them by then
    assert workers > 1 or rest.seen[0] == 3 < len(wish.keys)
    assert rest.seen[-1] == len(wish.keys)
    assert files(wish, broken, tmp_path) == files(wish, whole, tmp_path)


def test_a_finished_sweep_runs_nothing_again_and_can_be_cleared(tmp_path: Path) -> None:
    wish = small_plan(tmp_path, policies=["one"], faults=["none"])
    sweep, again = sweep_in(tmp_path, wish), StopsAfter(-1)
    sweep.run(1, nothing)
    sweep.run(1, again)
    assert again.seen == [len(wish.keys)]
    sweep.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["small.txt"]


def test_what_else_is_planned_changes_no_run(tmp_path: Path) -> None:
    few = finished(tmp_path / "few", small_plan(tmp_path, policies=["one"], faults=["sunset"]))
    extra = msgspec.structs.replace(SMALL.policy[1], name="three", receiving_services=3)
    wider = changed(SMALL, policy=(extra, *SMALL.policy))
    many = finished(tmp_path / "many", small_plan(tmp_path, scenario=wider, faults=["none", "sunset", "death"]))
    assert len(many) == 3 * 3 * 2
    assert {key: many[key] for key in few} == few


def test_a_third_replication_changes_no_other(tmp_path: Path) -> None:
    two = finished(tmp_path / "two", small_plan(tmp_path, faults=["death"]))
    longer = changed(SMALL, study=msgspec.structs.replace(SMALL.study, replications=3))
    three = finished(tmp_path / "three", small_plan(tmp_path, scenario=longer, faults=["death"]))
    assert {key: three[key] for key in two} == two
    assert len(three) == len(two) + 2


def _first_trips_ms(log: list[Row]) -> dict[tuple[int, int], int]:
    """Return how long the first transmission of each message was on its way; keyed by sender's end and number."""
    stored = {row[2:3] + row[4:7]: row[0] for row in log if row[1] == Kind.STORED}
    trips: dict[tuple[int, int], int] = {}
    for row in log:
        if row[1] == Kind.SENT and row[8] == Command.MESSAGE:
            arrived = stored.get((row[2] ^ 1, *row[4:7]))
            if arrived is not None:
                trips.setdefault((row[2], row[3]), arrived - row[0])
    return trips


def test_two_policies_share_the_delays_of_each_message() -> None:
    calm = msgspec.structs.replace(HARSH.weather, loss=0.0, outage_every_d=0.0, delay_mean_ms=60_000)
    scenario = changed(HARSH, weather=calm)
    logs = [by_model(scenario, policy, FaultKind.NONE, town(12, 2)).log for policy in ("one", "two")]
    one, two = map(_first_trips_ms, logs)
    common = one.keys() & two.keys()
    assert len(common) > 50
    assert len({one[key] for key in common}) > 40
    assert {key: one[key] for key in common} == {key: two[key] for key in common}


def test_policies_share_when_people_write_and_refuse_and_when_services_are_down() -> None:
    kinds = {Kind.ACCEPTED, Kind.ENDED, Kind.CRASHED, Kind.RECOVERED, Kind.DIED, Kind.INJECTED}
    logs = [by_model(HARSH, policy, FaultKind.DEATH, town(12, 2)).log for policy in ("one", "two")]
    one, two = ([row[:5] for row in log if row[1] in kinds] for log in logs)
    assert sorted(one) == sorted(two)


def test_policies_are_told_apart() -> None:
    names = [policy.name for policy in HARSH.policy if isinstance(policy, Policy)]
    logs = {name: by_model(HARSH, name, FaultKind.NONE, town(12, 2)).log for name in names}
    assert logs["one"] != logs["two"]
