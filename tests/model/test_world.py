"""What the world does to messages: devices sleep, services go down and die, people fall out, strangers try."""

from collections import Counter

import msgspec
import numpy as np
import pytest
from tests.model.small_worlds import ALWAYS, ANN, BOB, CALM, DAY_MS, HOUR_MS, PEOPLE, fault_of, live, only

from communicator_model.faults import FaultKind, Weather
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_simulations.statistics import interval, proportion
from communicator_spec import Command, Event, Kind, Row

ONE = [(0, ANN, BOB)]
EVENINGS = Schedule.of([(18 * 3600, 22 * 3600)])
EVENING_MS = 18 * HOUR_MS


def weather(**changes: float) -> Weather:
    return msgspec.structs.replace(CALM, **changes)


def first(log: list[Row], kind: Kind, **columns: int) -> Event:
    return only(log, kind, **columns)[0]


def test_a_message_travels_through_both_services_and_is_confirmed() -> None:
    log = live(ONE).log
    story = [kind for row in log if row[0] < HOUR_MS // 12 and (kind := row[1]) not in (Kind.PAIRED, Kind.ISSUED)]
    assert story == [Kind.ACCEPTED, Kind.SENT, Kind.STORED, Kind.FORWARDED, Kind.DELIVERED, Kind.CONFIRMED]
    assert first(log, Kind.DELIVERED).t_ms == first(log, Kind.STORED).t_ms + CALM.push_ms
    assert only(log, Kind.SENT, value=Command.RECEIPT)
    assert only(log, Kind.ACKNOWLEDGED, message=0)


def test_a_sleeping_receiver_finds_it_in_the_evening() -> None:
    log = live(ONE, phones=(ALWAYS, EVENINGS)).log
    assert first(log, Kind.STORED).t_ms < 10_000
    assert first(log, Kind.DELIVERED).t_ms == EVENING_MS


def test_a_sleeping_sender_sends_in_the_evening() -> None:
    log = live(ONE, phones=(EVENINGS, ALWAYS)).log
    assert first(log, Kind.ACCEPTED).t_ms == 0
    assert first(log, Kind.SENT).t_ms == EVENING_MS


def test_devices_that_wake_together_do_not_fetch_together() -> None:
    spread = weather(fetch_spread_ms=HOUR_MS)
    assert first(live(ONE, weather=spread, phones=(ALWAYS, EVENINGS)).log, Kind.DELIVERED).t_ms > EVENING_MS


def test_what_is_under_way_to_a_service_that_is_out_arrives_when_it_is_back() -> None:
    out = fault_of(FaultKind.OUTAGE, at_ms=10, lasts_ms=2 * HOUR_MS)
    log = live(ONE, fault=out, receiving_services=1).log
    back = first(log, Kind.RECOVERED, service=2).t_ms
    assert back == 10 + 2 * HOUR_MS
    assert back <= first(log, Kind.STORED, service=2).t_ms


def test_what_is_stored_at_a_service_that_is_out_is_fetched_when_it_is_back() -> None:
    out = fault_of(FaultKind.OUTAGE, at_ms=HOUR_MS, lasts_ms=22 * HOUR_MS)
    log = live(ONE, fault=out, phones=(ALWAYS, Schedule.of([(18 * 3600, 86_400)])), receiving_services=1).log
    assert first(log, Kind.STORED, service=2).t_ms < HOUR_MS
    assert first(log, Kind.DELIVERED).t_ms == first(log, Kind.RECOVERED, service=2).t_ms == 23 * HOUR_MS


def test_a_sending_service_that_is_out_resumes_what_it_has() -> None:
    out = fault_of(FaultKind.OUTAGE, at_ms=10, lasts_ms=2 * HOUR_MS)
    log = live(ONE, fault=out, receiving_services=2, sending_services=1, people=(PEOPLE[0], PEOPLE[1])).log
    assert first(log, Kind.SENT).via == 2
    assert first(log, Kind.FORWARDED, via=2).t_ms == first(log, Kind.RECOVERED, via=2).t_ms


def test_a_service_that_dies_takes_what_it_stored_along_and_the_message_goes_another_way() -> None:
    death = fault_of(FaultKind.DEATH, provider=3, at_ms=HOUR_MS)
    log = live(ONE, fault=death, phones=(ALWAYS, EVENINGS), horizon_ms=10 * DAY_MS).log
    lost, again = only(log, Kind.STORED, end=1)[:2]
    assert (lost.service, again.service) == (3, 2)
    assert lost.t_ms < HOUR_MS < again.t_ms
    assert first(log, Kind.DELIVERED).service == 2
    assert only(log, Kind.CONFIRMED, end=1, service=3) == []


def test_without_a_second_service_a_message_waits_for_the_move() -> None:
    death = fault_of(FaultKind.DEATH, at_ms=HOUR_MS)
    log = live(ONE, fault=death, phones=(ALWAYS, EVENINGS), horizon_ms=20 * DAY_MS, receiving_services=1).log
    assert first(log, Kind.MOVED).t_ms < first(log, Kind.DELIVERED, service=3).t_ms


def test_two_people_whose_only_services_die_together_are_cut_off() -> None:
    together = (PEOPLE[0], Person(BOB, (0, 3), (4, 5), (1, 2), 1))
    death = fault_of(FaultKind.DEATH, provider=0, at_ms=HOUR_MS)
    log = live(
        ONE, fault=death, phones=(ALWAYS, EVENINGS), people=together, horizon_ms=20 * DAY_MS, receiving_services=1
    ).log
    assert only(log, Kind.DELIVERED) == []
    assert first(log, Kind.FAILED, end=0, message=0).t_ms == 14 * DAY_MS


def test_a_sunset_is_announced_and_everybody_has_left_before_the_end() -> None:
    sunset = fault_of(FaultKind.SUNSET, at_ms=HOUR_MS, lasts_ms=10 * DAY_MS)
    log = live(ONE, fault=sunset, horizon_ms=12 * DAY_MS).log
    times = [first(log, kind).t_ms for kind in (Kind.MOVED, Kind.RELEASED, Kind.LEFT, Kind.DIED)]
    assert times == sorted(times)
    assert {(e.end, e.service) for e in only(log, Kind.MOVED)} == {(1, 2)}
    assert all(event.service != 2 for event in only(log, Kind.ISSUED) if event.t_ms > times[0])
    assert only(log, Kind.SENT, value=Command.MOVED)


def test_with_four_providers_a_lost_sending_service_is_replaced_by_one_that_also_receives() -> None:
    tight = (Person(ANN, (1, 2), (0, 3), (0, 3), 0), Person(BOB, (0, 1), (2, 3), (2, 3), 1))
    death = fault_of(FaultKind.DEATH, provider=0, at_ms=HOUR_MS)
    messages = [*ONE, (5 * 86_400, ANN, BOB), (5 * 86_400 + 9, ANN, BOB)]
    log = live(messages, fault=death, people=tight, providers=4, horizon_ms=9 * DAY_MS).log
    used = {e.via for e in only(log, Kind.SENT, end=0) if e.t_ms >= 5 * DAY_MS}
    assert used == {1, 3}


def test_a_refused_peer_reaches_nobody() -> None:
    leaves = weather(refusal_share=1.0, refusal_mean_ms=HOUR_MS)
    log = live([*ONE, (86_000, ANN, BOB), (86_000, BOB, ANN)], weather=leaves, horizon_ms=3 * DAY_MS).log
    ended = first(log, Kind.ENDED)
    late = [e for e in only(log, Kind.STORED, end=ended.end) if e.t_ms > ended.t_ms]
    assert late == []
    assert only(log, Kind.REFUSED)
    assert all(e.end != ended.end for e in only(log, Kind.SENT) if e.t_ms > ended.t_ms)


def test_strangers_are_refused_whether_they_make_things_up_or_repeat_them() -> None:
    tries = weather(stranger_every_ms=HOUR_MS // 4)
    log = live([*ONE, *((60 * n, ANN, BOB) for n in range(1, 9))], weather=tries, horizon_ms=5 * DAY_MS).log
    injected = only(log, Kind.INJECTED)
    assert {event.value for event in injected} == {0, 1}
    assert len(only(log, Kind.REFUSED)) == len(injected)


def test_short_outages_come_and_go_at_every_service() -> None:
    log = live(ONE, weather=weather(outage_every_ms=DAY_MS, outage_mean_ms=HOUR_MS), horizon_ms=30 * DAY_MS).log
    down, up = only(log, Kind.CRASHED), only(log, Kind.RECOVERED)
    assert {(e.service, e.via) for e in down} == {(p, -1) for p in range(6)} | {(-1, p) for p in range(6)}
    assert 0 <= len(down) - len(up) <= 12
    for service in range(6):
        states = [row[1] for row in log if row[1] in (Kind.CRASHED, Kind.RECOVERED) and row[4] == service]
        assert states == [Kind.CRASHED, Kind.RECOVERED] * (len(states) // 2) + [Kind.CRASHED] * (len(states) % 2)


def test_lost_posts_are_repeated_and_a_lost_answer_makes_a_replay() -> None:
    many = [(600 * n, ANN, BOB) for n in range(200)]
    worlds = [live(many, weather=weather(loss=0.2), horizon_ms=10 * DAY_MS, seed=seed) for seed in range(6)]
    log = [row for world in worlds for row in world.log]
    fired = sum((Counter(world.world.fired) for world in worlds), Counter())
    refused = len(only(log, Kind.REFUSED))
    lost = proportion(fired["lost"], len(only(log, Kind.STORED)) + refused + fired["lost"])
    assert lost.low <= 0.2 <= lost.high
    assert 0 < refused <= fired["confirm-lost"]
    assert len(only(log, Kind.DELIVERED, end=1)) == 6 * 200


def _steps(horizon_ms: int) -> int:
    """Count what the clock runs for one message and its receipt, with nothing after them."""
    return live(ONE, horizon_ms=horizon_ms, announces=False).world.steps


def test_an_idle_relationship_schedules_nothing() -> None:
    assert _steps(30 * DAY_MS) == _steps(3000 * DAY_MS) < 40


def test_an_idle_relationship_renews_its_long_term_addresses_about_once_a_year() -> None:
    log = live(ONE, horizon_ms=3 * 365 * DAY_MS).log
    idle = [e for e in only(log, Kind.ISSUED) if e.t_ms > 30 * DAY_MS]
    assert {e.position for e in idle} == {1}
    assert len(idle) <= 2 * 2 * 4
    assert {e.value for e in only(log, Kind.SENT) if e.t_ms > 30 * DAY_MS} == {Command.UPDATE}


@pytest.mark.parametrize(("mean_ms", "push_ms"), [(300, 1000), (20_000, 0)])
def test_mean_latency_is_what_arithmetic_says(mean_ms: int, push_ms: int) -> None:
    # Always online, nothing lost: latency = minimum + Exp(mean) + push; whole milliseconds round down, half of one each
    calm = weather(delay_mean_ms=mean_ms, push_ms=push_ms)
    log = live([(200 * n, n % 2, 1 - n % 2) for n in range(1500)], weather=calm, horizon_ms=5 * DAY_MS).log
    begun = {(e.end, e.message): e.t_ms for e in only(log, Kind.ACCEPTED)}
    taken = [e.t_ms - begun[e.end ^ 1, e.message] for e in only(log, Kind.DELIVERED)]
    assert len(taken) == 1500
    found = interval([float(t) for t in taken])
    assert found.low <= calm.delay_min_ms + mean_ms - 0.5 + push_ms <= found.high
    median = float(np.median(taken)) - calm.delay_min_ms - push_ms
    assert median == pytest.approx(mean_ms * np.log(2), rel=0.1)
