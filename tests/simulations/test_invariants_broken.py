"""Each invariant is broken once on purpose, in a whole run, and its monitor names the events that did it."""

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import pytest
from tests.simulations.mutants import MUTANTS
from tests.simulations.worlds import DAY_MS, HARSH, by_cores, judge, town

from communicator_spec import Command, Event, Kind, Monitors, Violation
from communicator_spec.invariants import AUTOMATED
from communicator_spec.terms import standard_terms

Events = tuple[Event, ...]


class Broken(NamedTuple):
    """Who breaks an invariant, which events show it, and how they contradict each other."""

    mutant: str
    kinds: tuple[Kind, ...]
    contradict: Callable[[Events], bool]


def _same_message_twice(events: Events) -> bool:
    first, second = events
    return (first.end, first.message) == (second.end, second.message) and first.t_ms <= second.t_ms


def _out_of_time(events: Events) -> bool:
    (accepted,) = events
    lifetime_ms = HARSH.policy[0].terms(HARSH.profile).message_lifetime_ms
    return accepted.t_ms + lifetime_ms + DAY_MS < town(12, 3).trace.duration_ms + HARSH.study.drain_days * DAY_MS


def _after_its_date(events: Events) -> bool:
    issued, sent = events
    return issued.end == sent.end ^ 1 and _grant(issued) == _grant(sent) and sent.t_ms >= issued.value


def _same_address_twice(events: Events) -> bool:
    first, second = events
    return (first.end, *_grant(first), first.position) == (second.end, *_grant(second), second.position)


def _nobody_caused_it(events: Events) -> bool:
    (sent,) = events
    return sent.value in AUTOMATED and sent.value != Command.MOVED


def _not_newer(events: Events) -> bool:
    older, newer = events
    return older.end == newer.end and newer.value <= older.value


def _still_valid(events: Events) -> bool:
    issued, left = events
    return issued.service == left.service and issued.t_ms < left.t_ms < issued.value


def _at_the_same_service(events: Events) -> bool:
    moved, issued = events
    return (moved.end, moved.service) == (issued.end, issued.service) and moved.t_ms <= issued.t_ms


def _grant(event: Event) -> tuple[int, int]:
    return event.service, event.serial


BROKEN: Final = {
    "exactly-once": Broken("delivers copies", (Kind.DELIVERED, Kind.DELIVERED), _same_message_twice),
    "nothing-lost": Broken("fails in silence", (Kind.ACCEPTED,), _out_of_time),
    "no-expired-address": Broken("ignores dates", (Kind.ISSUED, Kind.SENT), _after_its_date),
    "single-use": Broken("never advances", (Kind.SENT, Kind.SENT), _same_address_twice),
    "only-peers": Broken("forgets what is spent", (Kind.STORED, Kind.STORED), _same_address_twice),
    "human-rate": Broken("counts no credit", (Kind.SENT,), _nobody_caused_it),
    "sets-only-grow": Broken("adopts anything", (Kind.UPDATED, Kind.UPDATED), _not_newer),
    "no-return": Broken("stays where it was", (Kind.MOVED, Kind.ISSUED), _at_the_same_service),
    "safe-departure": Broken("leaves at once", (Kind.ISSUED, Kind.LEFT), _still_valid),
}


@cache
def found_by(name: str) -> tuple[list[tuple[int, ...]], list[Violation]]:
    """Run the mutant that breaks an invariant; return its log, and what that invariant's monitor found."""
    mutant = MUTANTS[BROKEN[name].mutant]
    run = by_cores(HARSH, mutant.policy, mutant.fault, town(12, 3), mutant.parts)
    return [*map(tuple, run.log)], [violation for violation in judge(run) if violation.invariant == name]


def test_every_invariant_is_broken_here() -> None:
    judges = Monitors(standard_terms()).invariants
    assert set(BROKEN) == {judge.name for judge in judges if not judge.of_live_services}


@pytest.mark.parametrize("name", BROKEN)
def test_its_monitor_names_the_events_that_broke_it(name: str) -> None:
    log, violations = found_by(name)
    typical = [v for v in violations if tuple(Kind(e.kind) for e in v.events) == BROKEN[name].kinds]
    assert typical
    for violation in typical:
        assert violation.earlier == ()  # every pattern was turned into an event
        assert violation.t_ms == violation.events[-1].t_ms
        assert all(tuple(event) in log for event in violation.events)
        assert BROKEN[name].contradict(violation.events), violation
