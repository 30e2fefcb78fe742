"""What a simulated message costs: the model against a bare SimPy loop, and the real cores against the model.

Run: python -m tests.benchmarks simulate

Ratios in one run; absolute figures depend on the machine and stand beside them for orientation. The bare loop runs as
many timeouts as the model's world does, and nothing else: it is what SimPy itself takes.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import simpy
from tests.benchmarks._figures import Row, Titled

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones
from communicator_model.synthetic import synthesise
from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, simulate
from communicator_simulations.scenario import load_scenario

__all__ = ["tables"]

SCENARIO = load_scenario("migration")
KEY = RunKey("two", FaultKind.SUNSET, 0)
LARGE = Supplies(synthesise(1, people=400, messages=6000, days=20), Phones.synthetic(1))
SMALL = Supplies(synthesise(1, people=60, messages=600, days=3), LARGE.phones)
ROUNDS = 5


def seconds(job: Callable[[], object]) -> float:
    """Time one job once."""
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def bare(timeouts: int) -> None:
    """Run a process that sleeps so many times."""
    environment = simpy.Environment()

    def sleeper() -> simpy.events.ProcessGenerator:
        for _ in range(timeouts):
            yield environment.timeout(1)

    environment.process(sleeper())
    environment.run()


def by_model(supplies: Supplies) -> int:
    """Simulate on the model; return how many rows the log has."""
    return len(simulate(SCENARIO, 1, supplies, KEY, model_fidelity(SCENARIO.profile)).log)


def by_cores(supplies: Supplies) -> int:
    """Simulate on the real cores; return how many rows the log has."""
    return len(simulate(SCENARIO, 1, supplies, KEY, impl_fidelity(SCENARIO.profile, 1)).log)


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield one table: a row for the model and one for the real cores."""
    if is_short:
        yield "small", [_row("model", SMALL, seconds(lambda: by_model(SMALL)), 1.0, "itself")]
        return
    rows = by_model(LARGE)
    rounds = [(seconds(lambda: by_model(LARGE)), seconds(lambda: bare(rows))) for _ in range(ROUNDS)]
    model, loop = (statistics.median(column) for column in zip(*rounds, strict=True))
    small = statistics.median(seconds(lambda: by_model(SMALL)) for _ in range(ROUNDS))
    cores = statistics.median(seconds(lambda: by_cores(SMALL)) for _ in range(2))
    first = _row(
        "model", LARGE, model, model / loop, f"SimPy with {rows / LARGE.trace.messages:.1f} timeouts a message"
    )
    yield "time of a simulated message", [first, _row("real cores", SMALL, cores, cores / small, "the model")]


def _row(what: str, supplies: Supplies, seconds: float, times: float, of: str) -> Row:
    return {"what": what, "messages/s": supplies.trace.messages / seconds, "times": times, "of": of}
