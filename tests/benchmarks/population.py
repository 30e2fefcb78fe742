"""How fast the population model is, what it is compared with, where its time goes, and how a run grows with people.

Run: python -m tests.benchmarks population [--scale PEOPLE]

Both versions of the world run the scenario `migration` with the same monitors, in turns: the one that studies run, and
the readable one on stock SimPy (`reference`), whose log is the same. The first is judged in parts and without Python's
cyclic collector, as in every study; the second event by event and with the collector, as a program comes that nobody
has tuned, and once more without it. *Bare* is the clock alone: as many calls as the world made, with nothing in them;
its share is what no model could go below. Times are CPU time, the best of the rounds. Where the time goes is sampled: a
thousand times a second of CPU time one looks which module runs. Memory is what Python holds when a run ends, monitors
and metrics included, by `tracemalloc`; `--scale` measures whole processes instead (`_scaling`).
"""

import gc
import signal
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

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
SIZES = (1_000, 10_000)


def town(people: int) -> Supplies:
    """People who write five messages each in twenty days."""
    return Supplies(synthesise(1, people=people, messages=5 * people, days=20), PHONES)


def judged(version: type[World] | type[ReferenceWorld], supplies: Supplies) -> World | ReferenceWorld:
    """Run one version of the world and hold its log against every monitor."""
    people, terms, conditions, schedules, trace, *_ = prepare(SCENARIO, 1, supplies, KEY)
    monitors = Monitors(terms, tolerate_failed=False, grace_ms=86_400_000, live=False)
    log: list[LogRow] = []

    def judge() -> None:
        monitors.feed_all(log)
        log.clear()

    world = version(trace, people, schedules, SCENARIO.people.providers, terms, conditions,
                    model_fidelity(SCENARIO.profile), log)  # fmt: skip
    if isinstance(world, World):
        world.run(lambda: judge() if len(log) >= 1 << 15 else None)
        judge()
    else:
        world.run()
        for row in log:
            monitors.feed(row)
    assert monitors.finish(conditions.horizon_ms) == []
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


def seconds(job: Callable[[], object], *, collects: bool = False) -> float:
    """Return the CPU time of a job, without the collector or with it."""
    gc.collect()
    if not collects:
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
    clock = list[float]()
    taken: dict[str, list[float]] = {"as studies run it": [], "on stock SimPy": [], "  without collector": []}
    fast, plain, tuned = taken.values()
    for _ in range(rounds):
        fast.append(seconds(lambda: judged(World, supplies)))
        plain.append(seconds(lambda: judged(ReferenceWorld, supplies), collects=True))
        tuned.append(seconds(lambda: judged(ReferenceWorld, supplies)))
        clock.append(seconds(lambda: bare(world.steps)))
    messages = supplies.trace.messages
    return [
        {"what": what, "messages/s": messages / min(times), "of the bare clock": min(clock) / min(times),
         **ratio(times, fast).row()}
        for what, times in taken.items()
    ]  # fmt: skip


PARTS: Final = {
    "model/communicator_model/ticks": "clock",
    "model/communicator_model/world": "world: network and devices",
    "model/communicator_model/phones": "world: network and devices",
    "model/communicator_model/traces": "world: network and devices",
    "model/communicator_model/relationships": "relationship managers",
    "model/communicator_model/ends": "relationship managers",
    "spec/communicator_spec/policies": "policies",
    "model/communicator_model/receiving": "services",
    "model/communicator_model/sending": "services",
    "model/communicator_model/draws": "draws",
    "spec/communicator_spec/invariants": "monitors",
    "spec/communicator_spec/monitors": "monitors",
    "simulations/communicator_simulations/metrics": "metrics",
}


def costs(supplies: Supplies) -> list[Row]:
    """Sample where a judged and measured run spends its time, by part, microseconds of CPU time for each message."""
    seen: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        name = frame.f_code.co_filename if frame else ""
        seen[next((part for folder, part in PARTS.items() if folder in name), "the rest")] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    taken = seconds(lambda: run(SCENARIO, 1, supplies, KEY, model_fidelity(SCENARIO.profile)))
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
    each_us = 1e6 * taken / supplies.trace.messages
    return [
        {"part": part, "share": f"{count / seen.total():.0%}", "µs/message": count / seen.total() * each_us}
        for part, count in seen.most_common()
    ]


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
    """Yield the versions of the world side by side, where the time goes, and how a run grows."""
    yield "one world in two versions", versions(town(60 if is_short else 4_000), 2 if is_short else 5)
    yield "where the time goes", costs(town(60 if is_short else 10_000))
    yield "growing with people", [growth(people) for people in ((60,) if is_short else SIZES)]
