"""The result files of one small sweep as a digest: `python -m tests.simulations.fingerprint SEED WORKERS`."""

import hashlib
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from communicator_model.synthetic import synthesise
from communicator_simulations import results
from communicator_simulations.runs import model_fidelity
from communicator_simulations.scenario import Scenario, load_scenario
from communicator_simulations.sweep import Plan, Sweep, plan

__all__ = ["SMALL", "files", "main", "small_plan", "sweep_in"]

_HARSH: Final = load_scenario(str(Path(__file__).with_name("harsh.toml")))
SMALL: Final = msgspec.structs.replace(
    _HARSH,
    people=msgspec.structs.replace(_HARSH.people, count=12, days=2.0),
    study=msgspec.structs.replace(_HARSH.study, replications=2),
)
"""Two replications of a dozen people."""


def small_plan(folder: Path, seed: int = 1, scenario: Scenario = SMALL, policies: Sequence[str] = (),
               faults: Sequence[str] = ("sunset", "death")) -> Plan:  # fmt: skip
    """Plan a small sweep on a trace that is written into `folder`, and on synthetic phones."""
    path = folder / "small.txt"
    if not path.exists():
        trace = synthesise(1, people=40, messages=400, days=4)
        columns = (trace.sender.tolist(), trace.receiver.tolist(), (trace.t_ms // 1000).tolist())
        path.write_text("".join("{} {} {}\n".format(*row) for row in zip(*columns, strict=True)), "utf-8")
    wish = plan(scenario, seed, None, None, synthetic=True, policies=policies, faults=faults)
    return wish._replace(sources=wish.sources._replace(trace=path))


def sweep_in(folder: Path, wish: Plan) -> Sweep:
    """Return a sweep on the model that keeps its runs in `folder`."""
    return Sweep(wish, folder, model_fidelity(wish.scenario.profile), "model", "test")


def files(wish: Plan, sweep: Sweep, folder: Path) -> dict[str, bytes]:
    """Return the result files of a finished sweep by name."""
    stored = sweep.results()
    found: dict[str, bytes] = {}
    for name, table in results.tables(stored).items():
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        found[f"{name}.parquet"] = buffer.getvalue()
    path = folder / "summary.json"
    results.write_json(path, results.summary(wish, stored))
    return {**found, path.name: path.read_bytes()}


def main(seed: int, workers: int) -> str:
    """Run the sweep and return the digest over its files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wish = small_plan(folder, seed)
        sweep = sweep_in(folder, wish)
        sweep.run(workers, lambda done, total: None)
        found = files(wish, sweep, folder)
    return hashlib.sha256(b"".join(file.encode() + data for file, data in found.items())).hexdigest()


if __name__ == "__main__":
    print(main(int(sys.argv[1]), int(sys.argv[2])))
