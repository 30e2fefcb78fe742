"""What is known in closed form about services, phones and addresses comes out of the world itself.

The world, the services and the relationship managers are the ones of every study; only what is asked of them is so
plain that the answer can be derived. Intervals are at 99.9 %, over parts of the world that share nothing.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import pytest
from scipy import stats
from tests.model.expectations import SURE, close_to, poisson_or_not
from tests.model.small_worlds import ALWAYS, CALM, DAY_MS, HOUR_MS, live, only

from communicator_model.draws import exponential, stream
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_simulations.statistics import exact_proportion
from communicator_spec import Kind

MINUTE_MS: Final = 60_000


# -------------------------------------------------------------------- messages in flight


def test_messages_in_flight_are_m_g_infinity() -> None:
    """Messages come as a Poisson process and travel apart from each other: a Poisson number of them is under way.

    Each takes 20 s and an exponential minute; one comes every 10 s: 8 on average, seen every 400 s. People write on
    whole seconds, and one looks between two: the number is Poisson all the same, for it is made of independent seconds.
    """
    travel_s, looks, every_s = 80.0, 300, 400
    rng = np.random.Generator(np.random.PCG64(5))
    came = np.sort(rng.integers(0, looks * every_s, rng.poisson(looks * every_s * 8 / travel_s))).tolist()
    pairs = rng.integers(0, 40, len(came)).tolist()
    pairs[:40] = range(40)  # the first to write are numbered first
    people, phones = crowd([ALWAYS] * 40)
    weather = msgspec.structs.replace(CALM, delay_min_ms=20_000, delay_mean_ms=60_000, push_ms=0)
    log = live(
        [(t, 2 * pair, 2 * pair + 1) for t, pair in zip(came, pairs, strict=True)],
        weather=weather, people=people, phones=phones, horizon_ms=(looks + 10) * every_s * 1000,
        escalate_after_ms=10 * DAY_MS,
    ).log  # fmt: skip
    left = np.sort([event.t_ms for event in only(log, Kind.ACCEPTED)])
    arrived = np.sort([event.t_ms for event in only(log, Kind.DELIVERED)])
    assert left.size == arrived.size == len(came)
    when = np.arange(2, looks) * every_s * 1000 + 500
    under_way = np.searchsorted(left, when) - np.searchsorted(arrived, when)
    assert poisson_or_not(under_way.tolist(), 8.0) > 0.001


# -------------------------------------------------------------------- renewal


def test_services_are_available_as_long_as_renewal_theory_says() -> None:
    """Up for two hours on average and down for half of one: 2 / 2.5 of the time, whatever the distributions.

    Both are exponential here, so both must look so, too.
    """
    days, up_ms, down_ms = 150, 2 * HOUR_MS, HOUR_MS // 2
    weather = msgspec.structs.replace(CALM, outage_every_ms=up_ms, outage_mean_ms=down_ms)
    log = live([(0, 0, 1)], weather=weather, horizon_ms=days * DAY_MS).log
    services = [(kind, n) for kind in ("service", "via") for n in range(6)]
    shares, ups, downs = list[float](), list[int](), list[int]()
    for column, number in services:
        went = [event.t_ms for event in only(log, Kind.CRASHED, **{column: number})]
        came = [event.t_ms for event in only(log, Kind.RECOVERED, **{column: number})]
        assert len(went) > 1000  # it does go down
        lost = sum(came) - sum(went[: len(came)]) + (days * DAY_MS - went[-1]) * (len(went) - len(came))
        shares.append(1 - lost / (days * DAY_MS))
        downs += [b - a for a, b in zip(went, came, strict=False)]
        ups += [b - a for a, b in zip([0, *came], went, strict=False)]
    assert close_to(0.8, shares, 0.03)
    for lengths, mean_ms in ((ups, up_ms), (downs, down_ms)):
        assert stats.kstest(lengths, stats.expon(scale=mean_ms).cdf).pvalue > 0.001


def on_and_off(seed: int, on_s: float, off_s: float) -> Schedule | None:
    """A phone whose day is cut from a stationary process of exponential times on and off; None if it is never on."""
    draw = stream(seed, "phone")
    online, t_s, day = draw(0, 0) < on_s / (on_s + off_s), 0.0, list[tuple[int, int]]()
    for turn in range(1, 1 << 20):
        end_s = min(86_400.0, t_s + exponential(draw(0, turn), on_s if online else off_s))
        if online and int(end_s) > int(t_s):
            day.append((int(t_s), int(end_s)))
        if end_s == 86_400.0:
            return Schedule.of(day) if day else None
        online, t_s = not online, end_s
    return None


def test_phones_are_on_line_as_long_as_renewal_theory_says_and_are_waited_for_as_long() -> None:
    """On for an hour, off for half of one: on 2/3 of the time; one waits beyond w with chance exp(-w / off) / 3.

    And on average for off / 3, since times off have no memory. Asked of each phone at times of the morning, so that
    the end of its day, where the process is cut, is far.
    """
    on_s, off_s = 3600.0, 1800.0
    phones = [phone for seed in range(400) if (phone := on_and_off(seed, on_s, off_s)) is not None]
    assert len(phones) == 400
    assert close_to(2 / 3, [phone.online_share for phone in phones], 0.1)
    asked = range(0, 12 * HOUR_MS, 10 * MINUTE_MS)
    waits_s = [[(phone.next_online(t) - t) / 1000 for t in asked] for phone in phones]
    assert close_to(off_s / 3, [float(np.mean(row)) for row in waits_s], 0.4)
    for w_s in (0, 900, 3600):
        beyond = math.exp(-w_s / off_s) / 3
        assert close_to(beyond, [float(np.mean([w > w_s for w in row])) for row in waits_s], 0.7)


@pytest.mark.parametrize("day", [[(0, 3600)], [(60, 7200), (40_000, 40_001), (80_000, 86_400)]])
def test_the_mean_wait_for_a_phone_is_half_the_square_of_its_gaps(day: list[tuple[int, int]]) -> None:
    """From a uniform moment of the day: sum of gap^2 / 2 / day; long gaps are hit more often than short ones."""
    phone = Schedule.of(day)
    edges = [edge for interval in day for edge in interval]
    gaps = [b - a for a, b in zip(edges[1::2], [*edges[2::2], 86_400 + edges[0]], strict=True)]
    waits_s = [(phone.next_online(1000 * t + 500) - 1000 * t - 500) / 1000 for t in range(86_400)]
    assert float(np.mean(waits_s)) == pytest.approx(sum(gap**2 for gap in gaps) / 2 / 86_400)


# -------------------------------------------------------------------- address lifetime and time off line

LIFETIME_MS: Final = 6 * HOUR_MS
REFRESH_MS: Final = 2 * HOUR_MS
SILENT, EARLY, LATE = None, 3 * HOUR_MS, 5 * HOUR_MS
"""When the one who stays at home writes: never, before addresses are renewed, and when they are."""


def crowd(travellers: Sequence[Schedule]) -> tuple[list[Person], list[Schedule]]:
    """Pairs of people: 2i has a phone of the list, 2i + 1 is always on line. They use the same services in turn."""
    orders = [((i % 3, i % 3 + 1), (i % 3 + 2, (i + 5) % 6), ((i + 3) % 6,)) for i in range(2 * len(travellers))]
    people = [Person(i, *order, i) for i, order in enumerate(orders)]
    return people, [phone for traveller in travellers for phone in (traveller, ALWAYS)]


def reached(away_ms: Sequence[int], writes_ms: int | None) -> list[bool]:
    """Let travellers be off line from the moment of pairing, with a message to send, and tell whose ever arrives.

    Nobody announces anything, there are no ephemeral addresses, and each of the pairs is alone in the world.
    """
    people, phones = crowd([Schedule.of([(x // 1000, 86_400)]) for x in away_ms])
    pairs = range(len(away_ms))
    messages = [(0, 2 * i, 2 * i + 1) for i in pairs]
    if writes_ms is not None:
        messages += [(writes_ms // 1000, 2 * i + 1, 2 * i) for i in pairs]
    log = live(
        messages, people=people, phones=phones, horizon_ms=DAY_MS, announces=False, ephemeral_lifetime_ms=0,
        ephemeral_refresh_ms=0, long_term_lifetime_ms=LIFETIME_MS, long_term_refresh_ms=REFRESH_MS,
        message_lifetime_ms=5 * DAY_MS, queue_lifetime_ms=5 * DAY_MS,
    ).log  # fmt: skip
    paired = {event.value: event.end for event in only(log, Kind.PAIRED)}
    assert len(paired) == len(people)
    heard = {event.end for event in only(log, Kind.DELIVERED)}
    return [paired[2 * i + 1] in heard for i in pairs]


def last_chance_ms(writes_ms: int | None) -> int:
    """Derive from the lifetime of addresses until when a traveller can come back; see the test below."""
    renewed = writes_ms is not None and LIFETIME_MS - REFRESH_MS <= writes_ms < LIFETIME_MS
    return writes_ms + LIFETIME_MS if renewed and writes_ms is not None else LIFETIME_MS


@pytest.mark.parametrize("writes_ms", [SILENT, EARLY, LATE], ids=["silent", "early", "late"])
@pytest.mark.parametrize("mean_ms", [4 * HOUR_MS, 8 * HOUR_MS])
def test_who_is_off_line_for_an_exponential_time_is_cut_off_as_often_as_derived(
    writes_ms: int | None, mean_ms: int
) -> None:
    """A person is off line for X from the moment of pairing; addresses live for L and are renewed R before their end.

    Let nobody write meanwhile. Both ends hold addresses that end at L, and an address is usable before its end
    (STATE-3). Who comes back at X < L sends with one, and the message carries a new set: nothing is lost. Who comes
    back at X >= L holds nothing, and nobody holds anything of theirs: no message can be sent either way, so nothing
    can ever mend it. The relationship is cut exactly if X >= L.

    Let the one at home write at a < L. If a < L - R, nothing is due yet, and the set that travels along is the old one.
    If a >= L - R, a renewed set travels along, which lives until a + L; it waits at the service, and whoever comes back
    before that fetches it and answers with it. So the last chance is T = a + L in the second case, and L otherwise, and

        P(cut) = P(X >= T)    = exp(-T / m) for an exponential X of mean m    = 1 if X >= T for a constant one.

    Beside the probability, every single pair must end as its X says.
    """
    draw, end_ms = stream(7, "away"), 23 * HOUR_MS
    away_ms = [1000 + min(end_ms, int(exponential(draw(i, 0), mean_ms))) // 1000 * 1000 for i in range(600)]
    last_ms = last_chance_ms(writes_ms)
    found = reached(away_ms, writes_ms)
    clear = [(x, ok) for x, ok in zip(away_ms, found, strict=True) if abs(x - last_ms) > MINUTE_MS]
    assert len(clear) > 590
    assert [ok for _, ok in clear] == [x < last_ms for x, _ in clear]
    cut = exact_proportion(found.count(False), len(found), SURE)
    assert cut.low <= math.exp(-last_ms / mean_ms) <= cut.high


@pytest.mark.parametrize("writes_ms", [SILENT, EARLY, LATE], ids=["silent", "early", "late"])
def test_who_is_off_line_for_a_constant_time_is_cut_off_from_one_moment_on(writes_ms: int | None) -> None:
    last_ms = last_chance_ms(writes_ms)
    assert reached([last_ms - MINUTE_MS] * 6, writes_ms) == [True] * 6
    assert reached([last_ms] * 6, writes_ms) == [False] * 6
    assert reached([last_ms + HOUR_MS] * 6, writes_ms) == [False] * 6
