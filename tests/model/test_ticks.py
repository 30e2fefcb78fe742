"""The environment on ticks runs what stock SimPy runs, in the same order."""

import hashlib
import random
from collections.abc import Callable

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from communicator_model.ticks import Ticks

Trace = list[tuple[int, str]]
DAY_MS = 86_400_000


def workshop(env: simpy.Environment, trace: Trace, seed: int) -> None:
    """Machines that break, are repaired and are interrupted; customers at stores; many equal times."""
    luck = random.Random(seed)
    store, crane = simpy.Store(env, capacity=3), simpy.Resource(env, 2)

    def machine(name: str) -> simpy.events.ProcessGenerator:
        while True:
            try:
                yield env.timeout(luck.choice((0, 1, 60_000, 59_999, 120_000, luck.randrange(DAY_MS))))
                trace.append((int(env.now), f"{name} made"))
                yield store.put(name)
            except simpy.Interrupt as stop:
                trace.append((int(env.now), f"{name} {stop.cause}"))
                with crane.request() as turn:
                    yield turn | env.timeout(5)
                    trace.append((int(env.now), f"{name} mended {turn.triggered}"))

    def taker(name: str) -> simpy.events.ProcessGenerator:
        while True:
            taken = yield store.get()
            trace.append((int(env.now), f"{name} took {taken}"))
            yield env.all_of([env.timeout(luck.randrange(3)), env.timeout(luck.randrange(200_000))])

    def breaker(machines: list[simpy.Process]) -> simpy.events.ProcessGenerator:
        while True:
            yield env.timeout(luck.randrange(1, DAY_MS // 4))
            machines[luck.randrange(len(machines))].interrupt("broke")

    machines = [env.process(machine(f"machine {i}")) for i in range(5)]
    for i in range(4):
        env.process(taker(f"taker {i}"))
    env.process(breaker(machines))


@pytest.mark.parametrize("seed", range(4))
def test_processes_stores_and_interruptions_run_as_in_simpy(seed: int) -> None:
    digests = []
    for env in (simpy.Environment(), Ticks()):
        trace: Trace = []
        workshop(env, trace, seed)
        for until in (DAY_MS // 3, DAY_MS, 20 * DAY_MS):
            env.run(until=until)
            trace.append((int(env.now), "stop"))
        assert len(trace) > 200
        digests.append(hashlib.sha256(repr(trace).encode()).hexdigest())
    assert digests[0] == digests[1]


@given(st.lists(st.tuples(st.integers(0, 200_000), st.lists(st.integers(0, 130_000), max_size=3)), max_size=30))
def test_calls_run_as_timeouts_do(plans: list[tuple[int, list[int]]]) -> None:
    """Each planned call plans others, at the same time, in the same span, or later."""

    def played(at: Callable[[int, int], None], run: Callable[[], object]) -> None:
        for number, (t_ms, _) in enumerate(plans):
            at(t_ms, number)
        run()

    stock, ticks = simpy.Environment(), Ticks()
    left: Trace = []
    right: Trace = []

    def at_stock(t_ms: int, number: int) -> None:
        def fired(_: simpy.Event) -> None:
            left.append((int(stock.now), str(number)))
            if number >= 0:
                for more_ms in plans[number][1]:
                    at_stock(int(stock.now) + more_ms, -number - 1)

        timeout = stock.timeout(t_ms - stock.now)
        assert timeout.callbacks is not None
        timeout.callbacks.append(fired)

    def call(now_ms: int, number: int) -> None:
        right.append((now_ms, str(number)))
        if number >= 0:
            for more_ms in plans[number][1]:
                ticks.at(now_ms + more_ms, call, -number - 1)

    played(at_stock, stock.run)
    played(lambda t_ms, number: ticks.at(t_ms, call, number), ticks.run)
    assert left == right
    assert ticks.calls == len(right)


def test_a_run_that_stopped_goes_on_and_takes_what_is_planned_before_what_was_next() -> None:
    env, seen = Ticks(), list[int]()

    def call(now_ms: int, value: int) -> None:
        seen.append(value)

    env.at(10 * DAY_MS, call, 2)
    env.run(until=DAY_MS)
    assert (env.now, env.peek(), seen) == (DAY_MS, 10 * DAY_MS, [])
    env.at(DAY_MS, call, 0)
    env.at(10 * DAY_MS - 1, call, 1)
    env.run(until=10 * DAY_MS)
    assert seen == [0, 1]
    env.run()
    assert (seen, env.now) == ([0, 1, 2], 10 * DAY_MS)


def test_an_event_ends_a_run_and_a_failure_is_raised() -> None:
    env = Ticks()

    def worker() -> simpy.events.ProcessGenerator:
        yield env.timeout(7)
        return "done"

    def broken() -> simpy.events.ProcessGenerator:
        yield env.timeout(9)
        raise RuntimeError("broken")

    assert env.run(until=env.process(worker())) == "done"
    env.process(broken())
    with pytest.raises(RuntimeError, match="broken"):
        env.run()


def test_delays_that_are_no_ticks_are_refused() -> None:
    env = Ticks()
    with pytest.raises(ValueError, match="whole"):
        env.timeout(0.5)
