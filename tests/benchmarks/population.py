"""How fast the population model is, what it is compared with, and how time and memory grow with people.

Run: python -m tests.benchmarks population

Both versions of the world run the scenario `migration` with every monitor, in turns: the one that studies run, and the
readable one on stock SimPy (`reference`), whose log is the same. *Bare* is the clock alone: as many calls as the world
made, with nothing in them; its share is what no model could go below. Times are CPU time, the best of the rounds.
Memory is what Python holds when a run ends, monitors and metrics included, by `tracemalloc`.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator

from tests.benchmarks._figures import Row, Titled, ratio

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones
from communicator_model.reference import ReferenceWorld
from communicator_model.synthetic import synthesise
from communicator_model.ticks import Ticks
from communicator_model.world import World
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, prepare, run
from communicator_simulations.scenario import load_scenario
from communicator_spec import Row as LogRow
from communicator_spec.invariants import Monitors

__all__ = ["tables"]

SCENARIO = load_scenario("migration")
KEY = RunKey("two", FaultKind.SUNSET, 0)
PHONES = Phones.synthetic(1)
SIZES = (1_000, 3_000, 10_000, 30_000)


def town(people: int) -> Supplies:
    """People who write five messages each in twenty days."""
    return Supplies(synthesise(1, people=people, messages=5 * people, days=20), PHONES)


def judged(version: type[World] | type[ReferenceWorld], supplies: Supplies) -> World | ReferenceWorld:
    """Run one version of the world and hold its log against every monitor."""
    people, terms, conditions = prepare(SCENARIO, 1, supplies, KEY)[:3]
    log: list[LogRow] = []
    world = version(supplies.trace, people, supplies.phones.schedules, SCENARIO.people.providers, terms, conditions,
                    model_fidelity(SCENARIO.profile), log)  # fmt: skip
    world.run()
    monitors = Monitors(terms, tolerate_failed=False, grace_ms=86_400_000)
    monitors.feed_all(log)
    assert monitors.finish(conditions.horizon_ms, log) == []
    return world


def bare(calls: int) -> None:
    """Let the clock run as many calls, a hundred of them waiting at any time."""
    clock = Ticks()
    left = calls

    def ring(now_ms: int, step_ms: int) -> None:
        nonlocal left
        left -= 1
        if left > 0:
            clock.at(now_ms + step_ms, ring, step_ms)

    for number in range(100):
        clock.at(number, ring, 1_000 + 37 * number)
    clock.run()


def seconds(job: Callable[[], object]) -> float:
    """Return the CPU time of a job, without the collector."""
    gc.collect()
    gc.disable()
    begin = time.process_time()
    job()
    taken = time.process_time() - begin
    gc.enable()
    return taken


def versions(supplies: Supplies, rounds: int) -> list[Row]:
    """Measure both versions and the bare clock in turns."""
    world = judged(World, supplies)
    assert isinstance(world, World)
    fast, readable, clock = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        fast.append(seconds(lambda: judged(World, supplies)))
        readable.append(seconds(lambda: judged(ReferenceWorld, supplies)))
        clock.append(seconds(lambda: bare(world.steps)))
    messages = supplies.trace.messages
    return [
        {"what": "as studies run it", "messages/s": messages / min(fast), "of the bare clock": min(clock) / min(fast),
         **ratio(fast, fast).row()},
        {"what": "on stock SimPy", "messages/s": messages / min(readable),
         "of the bare clock": min(clock) / min(readable), **ratio(readable, fast).row()},
    ]  # fmt: skip


def growth(people: int) -> Row:
    """Run, judge and measure towns of one size: once for the time, once for the memory."""
    supplies = town(people)

    def whole(also: Callable[[list[LogRow]], object] = lambda rows: None) -> None:
        run(SCENARIO, 1, supplies, KEY, model_fidelity(SCENARIO.profile), also)

    taken = seconds(whole)
    tracemalloc.start(1)
    held = 0

    def look(rows: list[LogRow]) -> None:
        nonlocal held
        held = tracemalloc.get_traced_memory()[0]

    whole(look)
    tracemalloc.stop()
    pairs = len(supplies.trace.pairs())
    return {"people": people, "relationships": pairs, "messages/s": supplies.trace.messages / taken,
            "bytes/person": held / people, "bytes/relationship": held / pairs}  # fmt: skip


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield both tables: the versions of the world side by side, and how a run grows."""
    yield "one world in two versions", versions(town(60 if is_short else 1_000), 2 if is_short else 7)
    yield "growing with people", [growth(people) for people in ((60,) if is_short else SIZES)]
