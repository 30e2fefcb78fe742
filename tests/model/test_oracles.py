"""What is known in closed form comes out of the same clock: queues, and the entropy of a mix.

A simulation that is wrong by a factor still prints figures. So the environment on ticks runs systems whose answers are
theorems. An interval over independent replications must hold the answer and be narrow: at 99.9 %, so that a seed that
passes says something and a change of seed seldom fails.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
import simpy
from tests.model.expectations import close_to, poisson_or_not

from communicator_model.draws import exponential, stream
from communicator_model.ticks import Ticks

SECOND: Final = 1_000_000  # here a tick is a microsecond: whole ticks are then no part of any error


# -------------------------------------------------------------------- M/M/1

ARRIVAL_S, SERVICE_S = 10.0, 7.0


class Customers:
    """Who comes when, and wants how much, in ticks: of exponential times."""

    def __init__(self, seed: int, number: int) -> None:
        gap, work = stream(seed, "gap"), stream(seed, "work")
        self.gaps = [int(exponential(gap(0, i), ARRIVAL_S * SECOND)) for i in range(number)]
        self.works = [int(exponential(work(0, i), SERVICE_S * SECOND)) for i in range(number)]


def waits_of_processes(customers: Customers) -> list[int]:
    """The queue as one writes it in SimPy: a process for each customer, and a resource."""
    env, waits = Ticks(), [0] * len(customers.gaps)
    counter = simpy.Resource(env, 1)

    def customer(i: int) -> simpy.events.ProcessGenerator:
        came = env.now
        with counter.request() as turn:
            yield turn
            waits[i] = env.now - came
            yield env.timeout(customers.works[i])

    def door() -> simpy.events.ProcessGenerator:
        for i, gap in enumerate(customers.gaps):
            yield env.timeout(gap)
            env.process(customer(i))

    env.process(door())
    env.run()
    return waits


def waits_of_calls(customers: Customers) -> list[int]:
    """The same queue as the worlds are written: plain calls, and a list of who waits."""
    env, waits = Ticks(), [0] * len(customers.gaps)
    queue: list[tuple[int, int]] = []

    def come(now: int, i: int) -> None:
        queue.append((i, now))
        if len(queue) == 1:
            serve(now, 0)
        if i + 1 < len(waits):
            env.at(now + customers.gaps[i + 1], come, i + 1)

    def serve(now: int, _: int) -> None:
        i, came = queue[0]
        waits[i] = now - came
        env.at(now + customers.works[i], leave, i)

    def leave(now: int, _: int) -> None:
        queue.pop(0)
        if queue:
            serve(now, 0)

    env.at(customers.gaps[0], come, 0)
    env.run()
    return waits


def lindley(customers: Customers) -> list[int]:
    """Lindley (1952): the next one waits for what is left of the former one's wait and work."""
    waits = [0]
    for gap, work in zip(customers.gaps[1:], customers.works, strict=False):
        waits.append(max(0, waits[-1] + work - gap))
    return waits


@pytest.mark.parametrize("waits", [waits_of_processes, waits_of_calls])
@pytest.mark.parametrize("seed", range(3))
def test_every_single_wait_follows_lindleys_recursion(waits: Callable[[Customers], list[int]], seed: int) -> None:
    customers = Customers(seed, 1500)
    assert waits(customers) == lindley(customers)


def test_m_m_1_waits_as_long_as_the_theory_says_and_as_often() -> None:
    """With load r = 0.7: nobody before one with chance 1 - r; longer than t: r exp(-(1 - r) t / service)."""
    load, warm_up = SERVICE_S / ARRIVAL_S, 500
    runs = [np.array(waits_of_calls(Customers(seed, 6000))[warm_up:]) / SECOND for seed in range(40)]
    assert close_to(load / (1 - load) * SERVICE_S, [float(run.mean()) for run in runs], 0.25)
    for t_s in (0.0, 5.0, 20.0, 60.0):
        beyond = load * math.exp(-(1 - load) * t_s / SERVICE_S)
        assert close_to(beyond, [float((run > t_s).mean()) for run in runs], 0.5)


# -------------------------------------------------------------------- M/G/infinity

Duration = Callable[[float], float]
"""Turns a uniform draw into seconds."""


def occupancy(seed: int, duration: Duration, every_s: float, number: int) -> list[int]:
    """Return how many customers are there when one looks `number` times, 200 s apart, one coming each second."""
    env, there, seen = Ticks(), [0], list[int]()
    gap, work = stream(seed, "gap"), stream(seed, "work")
    end = int((number + 5) * every_s * SECOND)

    def come(now: int, i: int) -> None:
        there[0] += 1
        env.at(now + int(duration(work(0, i)) * SECOND), leave, i)
        env.at(now + int(exponential(gap(0, i), SECOND)), come, i + 1)

    def leave(now: int, _: int) -> None:
        there[0] -= 1

    def look(now: int, _: int) -> None:
        seen.append(there[0])
        env.at(now + int(every_s * SECOND), look, 0)

    env.at(0, come, 0)
    env.at(int(5 * every_s * SECOND), look, 0)
    env.run_until(end)
    return seen


@pytest.mark.parametrize(
    "duration",
    [lambda u: 8.0, lambda u: 16 * u, lambda u: exponential(u, 8.0), lambda u: 2 if u < 0.8 else 32.0],
    ids=["constant", "uniform", "exponential", "two sizes"],
)
def test_m_g_infinity_holds_a_poisson_number_whatever_the_durations(duration: Duration) -> None:
    """Mean 8 is all that counts (Takács 1962): the number that is there does not know the distribution."""
    seen = occupancy(4, duration, 40, 500)
    assert len(seen) == 500
    assert poisson_or_not(seen, 8.0) > 0.001


def test_the_test_of_poisson_numbers_can_fail() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    assert poisson_or_not(rng.poisson(8, 500).tolist(), 8.0) > 0.001
    assert poisson_or_not(rng.poisson(9, 500).tolist(), 8.0) < 0.001
    assert poisson_or_not((2 * rng.poisson(4, 500)).tolist(), 8.0) < 0.001


# -------------------------------------------------------------------- Loopix


def entropy_of_mix(seed: int, rate: float, mu: float, messages: int = 30_000) -> float:
    """Return the mean entropy, in bits, of the origin of a message that leaves a mix of exponential delays.

    Who looks on sees times only. Delays have no memory, so whoever leaves is any of the n that are there with equal
    chance, and the entropy h of those that are there follows from what comes (Serjantov and Danezis 2003): one more ::

        h' = H(1 / n) + (n - 1) / n * h

    `rate` and `mu` are per second. The first eight mean delays are warm-up; then so many messages come.
    """
    env, there = Ticks(), [0]
    gap, delay = stream(seed, "gap"), stream(seed, "delay")
    h, out = [0.0], list[float]()
    warm = int(8 / mu * SECOND)

    def come(now: int, i: int) -> None:
        n = there[0] = there[0] + 1
        rest = (n - 1) / n
        h[0] = rest * h[0] - rest * math.log2(rest) + math.log2(n) / n if n > 1 else 0.0
        env.at(now + int(exponential(delay(0, i), SECOND / mu)), leave, i)
        env.at(now + int(exponential(gap(0, i), SECOND / rate)), come, i + 1)

    def leave(now: int, _: int) -> None:
        if now >= warm:
            out.append(h[0])
        there[0] -= 1

    env.at(0, come, 0)
    env.run_until(warm + int(messages / rate * SECOND))
    return sum(out) / len(out)


@pytest.mark.parametrize("rate", [100, 300, 500])
@pytest.mark.parametrize("mu", [20.0, 2.0, 0.2])
def test_a_mix_hides_as_much_as_loopix_says(rate: int, mu: float) -> None:
    """Figure 4 of Piotrowska et al., "The Loopix anonymity system" (2017): log2(e rate / mu), within 0.05 bits."""
    found = entropy_of_mix(1, rate, mu)
    assert found == pytest.approx(math.log2(math.e * rate / mu), abs=0.05)


def test_a_mix_hides_more_the_longer_it_delays() -> None:
    found = [entropy_of_mix(1, 100, mu, 3000) for mu in (50.0, 10.0, 2.0)]
    assert all(b > a + 1 for a, b in pairwise(found))
