"""What befalls services in the simulated world, one thing at a time."""

from typing import Final

import pytest
from tests.model.small_worlds import ALWAYS, ANN, BOB, DAY_MS, HOUR_MS, PEOPLE, Finished, fault_of, live, only

from communicator_model.faults import FaultKind
from communicator_model.laws import law_of
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_model.services import Failing, Services, Strike, StrikeKind
from communicator_spec import Kind

HOUR_S: Final = 3600
FIRST_HOUR: Final = Schedule.of([(0, HOUR_S), (12 * HOUR_S, 24 * HOUR_S)])
"""Online in the first hour, and from noon on."""


def strike(
    kind: StrikeKind, services: tuple[int, ...], at_h: float, lasts_h: float = 0.0, age_h: float = 0.0
) -> Services:
    at_ms, lasts_ms, age_ms = (round(x * HOUR_MS) for x in (at_h, lasts_h, age_h))
    return Services(strikes=(Strike("it", kind, services, at_ms, lasts_ms, age_ms),))


def receiving(*providers: int) -> tuple[int, ...]:
    return tuple(2 * provider for provider in providers)


def sending(*providers: int) -> tuple[int, ...]:
    return tuple(2 * provider + 1 for provider in providers)


def test_an_outage_strikes_exactly_who_is_named_and_as_long_as_is_said() -> None:
    world, log = live([(0, ANN, BOB)], services=strike(StrikeKind.OUTAGE, (4, 7), 2, 3))
    assert [(e.t_ms, e.service, e.via) for e in only(log, Kind.CRASHED)] == [(2 * HOUR_MS, 2, -1), (2 * HOUR_MS, -1, 3)]
    assert [e.t_ms for e in only(log, Kind.RECOVERED)] == [5 * HOUR_MS] * 2
    assert {e.value for e in only(log, Kind.RECOVERED)} == {-1}
    assert world.fired["it"] == 2


def test_the_people_of_a_provider_that_dies_turn_to_another() -> None:
    messages = [(second, ANN, BOB) for second in range(0, 4 * 86_400, 1800)]
    world, log = live(messages, services=strike(StrikeKind.DEATH, (4, 5, 6, 7), 24), horizon_ms=9 * DAY_MS)
    assert {(e.service, e.via) for e in only(log, Kind.DIED)} == {(2, -1), (-1, 2), (3, -1), (-1, 3)}
    assert {(e.end, e.service) for e in only(log, Kind.MOVED)} == {(1, 2), (1, 3)}  # Bob received there, Ann sent
    last = only(log, Kind.SENT, end=0)[-1]
    assert last.via not in (2, 3)
    assert last.service not in (2, 3)
    assert world.fired["it"] == 4
    assert sorted(e.message for e in only(log, Kind.DELIVERED)) == list(range(len(messages)))


def test_nobody_turns_to_a_provider_that_is_about_to_close() -> None:
    # Ann's next choices are 4 and 5. 4 is announced to close when 0, which she uses, dies.
    closing = fault_of(FaultKind.SUNSET, provider=4, at_ms=0, lasts_ms=8 * DAY_MS)
    services = strike(StrikeKind.DEATH, (0, 1), 12)
    log = live([(0, ANN, BOB)], fault=closing, services=services, horizon_ms=9 * DAY_MS).log
    assert [(e.service, e.position) for e in only(log, Kind.MOVED, end=0)] == [(0, 5)]


def test_a_region_goes_and_comes_back_together() -> None:
    law = law_of("lognormal", 3 * HOUR_MS, 0.5)
    region = Failing("region", receiving(0, 2, 5), True, law, law_of("fixed", HOUR_MS))
    world, log = live([(0, ANN, BOB)], services=Services(failing=(region,)), horizon_ms=20 * DAY_MS)
    went = [(e.t_ms, e.service) for e in only(log, Kind.CRASHED)]
    times = sorted({t_ms for t_ms, _ in went})
    assert went == [(t_ms, service) for t_ms in times for service in (0, 2, 5)]
    assert world.fired["region"] == len(times) > 50
    assert [e.t_ms for e in only(log, Kind.RECOVERED, service=5)] == [t_ms + HOUR_MS for t_ms in times][
        : -1 or None
    ] or (len(only(log, Kind.RECOVERED, service=5)) == len(times))


def test_alone_services_fail_apart() -> None:
    apart = Failing("apart", receiving(0, 2), False, law_of("weibull", DAY_MS, 0.7), law_of("fixed", HOUR_MS))
    log = live([(0, ANN, BOB)], services=Services(failing=(apart,)), horizon_ms=40 * DAY_MS).log
    went = [{e.t_ms for e in only(log, Kind.CRASHED, service=service)} for service in (0, 2)]
    assert min(map(len, went)) > 10
    assert not went[0] & went[1]


# -------------------------------------------------------------------- restored databases


def test_a_restored_store_shows_again_what_was_read_and_nobody_reads_it_twice() -> None:
    # Bob is offline when the backup is made and fetches at noon; both of his services come back as they were at 11.
    services = strike(StrikeKind.RESTORED, receiving(2, 3), 14, 0.5, 3)
    world, log = live([(0, ANN, BOB), (2 * HOUR_S, ANN, BOB)], services=services, phones=(ALWAYS, FIRST_HOUR))
    again = [e for e in only(log, Kind.CONFIRMED, end=1) if e.t_ms > 14 * HOUR_MS]
    assert world.fired["shown-again"] == len(again) == 1
    assert len(only(log, Kind.CONFIRMED, end=1, service=again[0].service, position=again[0].position)) == 2
    assert [e.message for e in only(log, Kind.DELIVERED)] == [0, 1]
    assert only(log, Kind.DUPLICATE) == []


@pytest.mark.parametrize("service", [2, 3])
def test_what_an_old_store_does_not_know_comes_another_way(service: int) -> None:
    # Stored at 2 h, while Bob is offline; at 3 h one service is as it was at 1 h.
    services = strike(StrikeKind.RESTORED, receiving(service), 3, 0.1, 2)
    log = live([(0, ANN, BOB), (2 * HOUR_S, ANN, BOB)], services=services, phones=(ALWAYS, FIRST_HOUR),
               horizon_ms=3 * DAY_MS).log  # fmt: skip
    ways = [e.service for e in only(log, Kind.SENT, end=0, message=1)]
    assert ways == ([2, 3] if service == 2 else [2])
    assert sorted(e.message for e in only(log, Kind.DELIVERED)) == [0, 1]


def test_who_met_after_the_backup_registers_again() -> None:
    # Cem and Bob meet at 1 h; all receiving services come back as they were at half past midnight.
    services = strike(StrikeKind.RESTORED, receiving(*range(6)), 3, 0.1, 2.5)
    people = (*PEOPLE, Person(2, (0, 1), (2, 3), (4, 5), 0))
    messages = [(0, ANN, BOB), (HOUR_S, 2, BOB), (6 * HOUR_S, BOB, 2)]
    world, log = live(messages, services=services, people=people)
    assert world.fired["forgotten"] == 4  # two ends at two services
    assert [e.t_ms > 6 * HOUR_MS for e in only(log, Kind.DELIVERED)] == [False, False, True]
    assert only(log, Kind.DELIVERED)[-1].t_ms < 6 * HOUR_MS + 60_000  # at once: its addresses resolve again
    assert only(log, Kind.REFUSED) == []


def test_a_grant_that_an_old_database_does_not_know_is_replaced_in_time() -> None:
    # Ephemeral grants are renewed after the backup; what is sent to the new ones is lost there, and comes another way.
    messages = [(hour * HOUR_S, *((ANN, BOB) if hour % 2 else (BOB, ANN))) for hour in range(0, 24 * 12, 3)]
    services = strike(StrikeKind.RESTORED, receiving(2), 24 * 6, 0.1, 24 * 4)
    log = live(messages, services=services, horizon_ms=16 * DAY_MS).log
    refused = only(log, Kind.REFUSED, service=2)
    assert refused  # and whoever sent them was answered as always
    assert {(e.end, e.message) for e in only(log, Kind.DELIVERED)} == {
        (end, number) for end, count in ((1, len(messages) // 2), (0, len(messages) // 2)) for number in range(count)
    }
    assert only(log, Kind.STORED, service=2)[-1].t_ms > refused[-1].t_ms


def test_a_restored_queue_forwards_again_and_nothing_is_stored_twice() -> None:
    # Bob's services are out when the backup of Ann's sending services is made: everything is queued there.
    out = Strike("out", StrikeKind.OUTAGE, receiving(2, 3), HOUR_MS, 2 * HOUR_MS, 0)
    old = Strike("old", StrikeKind.RESTORED, sending(2, 3), 10 * HOUR_MS, HOUR_MS // 2, 8 * HOUR_MS)
    messages = [(0, ANN, BOB), *[(HOUR_S + 60 * n, ANN, BOB) for n in range(1, 4)]]
    world, log = live(messages, services=Services(strikes=(out, old)))
    assert {e.t_ms for e in only(log, Kind.RECOVERED) if e.value == 8 * HOUR_MS} == {10 * HOUR_MS + HOUR_MS // 2}
    late = [e for e in only(log, Kind.FORWARDED) if e.t_ms > 10 * HOUR_MS]
    assert len(late) == len(only(log, Kind.REFUSED)) == world.fired["queued-again"] >= 3
    assert len(only(log, Kind.STORED, end=1)) == len(
        {(e.service, e.serial, e.position) for e in only(log, Kind.STORED, end=1)}
    )
    assert sorted(e.message for e in only(log, Kind.DELIVERED)) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", [StrikeKind.RESTORED, StrikeKind.OUTAGE])
def test_nothing_brings_back_the_dead(kind: StrikeKind) -> None:
    dead = Strike("dead", StrikeKind.DEATH, (4, 5), HOUR_MS, 0, 0)
    late = Strike("late", kind, (4, 5), 3 * HOUR_MS, HOUR_MS, HOUR_MS)
    done: Finished = live([(0, ANN, BOB)], services=Services(strikes=(dead, late)))
    assert only(done.log, Kind.RECOVERED) == []
    assert done.world.fired["late"] == 0
