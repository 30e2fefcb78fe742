"""Services with lines: as long as theory says, refusals that are answers, and those who wait no longer."""

from typing import Final

import msgspec
import numpy as np
import pytest
from tests.model.expectations import close_to
from tests.model.small_worlds import ANN, BOB, CALM, DAY_MS, HOUR_MS, live, only

from communicator_model.lines import FULL, LimitedWorld, Line
from communicator_model.services import Capacity, Services, Strike, StrikeKind
from communicator_spec import Kind

NO_PATIENCE: Final = 1 << 40


def capacity(services: tuple[int, ...], each_s: float, waiting_max: int = 1000, *, retry_s: int = 600,
             patience_s: int = NO_PATIENCE) -> Capacity:  # fmt: skip
    return Capacity("slow", services, round(each_s * 1e6), waiting_max, 1000 * retry_s, 1000 * patience_s)


def test_waits_are_those_of_m_d_1() -> None:
    """Poisson arrivals at 80 % of what it can do: rho s / (2 (1 - rho)) = 2 s in line on average, for s = 1 s."""
    rng = np.random.Generator(np.random.PCG64(3))
    means = []
    for _ in range(20):
        line = Line(capacity((), 1.0))
        came = np.cumsum(rng.exponential(1250.0, 20_000)).astype(np.int64).tolist()
        means.append(float(np.mean([line.admit(t_ms) - t_ms - 1000 for t_ms in came[2000:]])) / 1000)
    assert close_to(2.0, means, 0.3)


def test_as_many_wait_as_may_and_one_is_served() -> None:
    line = Line(capacity((), 10.0, 2))
    assert [line.admit(5, 2) for _ in range(5)] == [10_005, 20_005, 30_005, FULL, FULL]
    assert line.admit(10_004, 2) == FULL
    assert line.admit(10_005, 2) == 40_005
    line.clear(11_000)
    assert line.admit(11_000, 0) == 21_000
    assert line.admit(11_000, 0) == FULL


def test_who_has_no_line_pays_nothing() -> None:
    with_line = live([(0, ANN, BOB)], services=Services((capacity((4, 6), 5.0),)))
    without = live([(0, ANN, BOB)])
    assert isinstance(with_line.world, LimitedWorld)
    assert type(without.world).__name__ == "World"
    waited = [only(log, Kind.STORED, end=1)[0].t_ms for _, log in (with_line, without)]
    assert waited[0] - waited[1] == 5000  # it is served, and only then is it there


def test_a_refusal_is_an_answer_and_says_when_to_come_again() -> None:
    """Two messages a second before a service that serves one in 100 s, and lets nobody wait."""
    messages = [(n, ANN, BOB) for n in range(2)]
    slow = capacity((4, 6), 100.0, 0, retry_s=7200)
    world, log = live(messages, services=Services((slow,)), receiving_services=1, sending_services=1,
                      horizon_ms=DAY_MS)  # fmt: skip
    assert world.fired["turned-away"] >= 1
    first, second = (e.t_ms for e in only(log, Kind.STORED, end=1)[:2])
    assert 7200_000 <= second - first < 7400_000
    assert {e.message for e in only(log, Kind.DELIVERED)} == {0, 1}


@pytest.mark.parametrize(("patience_s", "impatient"), [(30, True), (NO_PATIENCE, False)])
def test_who_waits_no_longer_asks_again_and_is_served_once(patience_s: int, impatient: bool) -> None:
    messages = [(n, ANN, BOB) for n in range(6)]
    slow = capacity((4, 6), 20.0, patience_s=patience_s)
    world, log = live(messages, services=Services((slow,)))
    assert (world.fired["impatient"] > 0) == impatient
    assert bool(only(log, Kind.REFUSED)) == impatient  # what came again finds its address spent
    assert sorted(e.message for e in only(log, Kind.DELIVERED)) == list(range(6))
    stored = [(e.service, e.serial, e.position) for e in only(log, Kind.STORED, end=1)]
    assert len(set(stored)) == len(stored)


def test_a_crash_ends_the_line_of_both_services() -> None:
    messages = [(n, ANN, BOB) for n in range(4)]
    crash = Strike("crash", StrikeKind.OUTAGE, (4, 5, 6, 7), 30_000, HOUR_MS, 0)
    world, log = live(messages, services=Services((capacity((4, 6), 20.0),), (), (crash,)))
    assert world.fired["cut-short"] >= 1
    assert sorted(e.message for e in only(log, Kind.DELIVERED)) == list(range(4))


def test_a_sending_service_with_a_line_makes_one_attempt_after_another() -> None:
    messages = [(0, ANN, BOB)] * 4
    world, log = live(messages, services=Services((capacity((5, 7), 50.0),)),
                      weather=msgspec.structs.replace(CALM, delay_mean_ms=0))  # fmt: skip
    for via in (2, 3):
        times = [e.t_ms for e in only(log, Kind.FORWARDED, via=via)][:2]
        assert times == [50_050, 100_050]
    assert world.fired["turned-away"] == 0
    assert len(only(log, Kind.DELIVERED)) == 4


def test_patience_makes_a_large_service_stay_down_for_longer_when_it_comes_back() -> None:
    """The same load and the same outage: where nobody waits, work is done for nobody, and the last message is later."""
    messages = [(60 * n, ANN, BOB) for n in range(240)]
    outage = Strike("outage", StrikeKind.OUTAGE, (4, 6), HOUR_MS, 3 * HOUR_MS, 0)
    last: list[int] = []
    for patience_s in (NO_PATIENCE, 60):
        slow = capacity((4, 6), 40.0, patience_s=patience_s)
        world, log = live(messages, services=Services((slow,), (), (outage,)), horizon_ms=3 * DAY_MS)
        assert len(only(log, Kind.DELIVERED)) == 240
        last.append(max(e.t_ms for e in only(log, Kind.DELIVERED)))
        assert (world.fired["impatient"] > 0) == (patience_s == 60)
    assert last[0] < last[1]
