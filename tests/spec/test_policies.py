"""The normative policies, as properties: what holds for every set, every path, every receipt."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from communicator_spec import (
    HOUR_MS,
    Grant,
    Path,
    Terms,
    backoff_ms,
    choose_path,
    covers,
    escalation_ms,
    ranges,
    receipt_delay_ms,
    release_at,
    renew,
    round_up_to_hour,
    usable,
)
from communicator_spec.terms import standard_terms

TERMS = standard_terms("two-layer/1")
SERVICES = range(5)
NOW_MS = 1000 * HOUR_MS
NUMBERS = st.sets(st.integers(0, 60))
DRAWS = st.floats(0, 1, exclude_max=True)


@st.composite
def grants(draw: st.DrawFn) -> tuple[Grant, ...]:
    """A set with at most one grant of each kind at each service, some of them expired or nearly."""
    names = draw(st.sets(st.tuples(st.sampled_from(SERVICES), st.booleans())))
    found = []
    for service, long_term in sorted(names):
        until_ms = NOW_MS + draw(st.integers(-3, 9000)) * HOUR_MS
        capacity = TERMS.long_term_capacity if long_term else TERMS.ephemeral_capacity
        found.append(Grant(service, draw(st.integers(1, 20)) * 2 + long_term, long_term, until_ms, capacity))
    return tuple(found)


class Renewal:
    """One call of `renew`, with everything that it was given."""

    def __init__(self, draw: st.DrawFn, terms: Terms) -> None:
        self.current = draw(grants())
        self.services = draw(st.lists(st.sampled_from(SERVICES), unique=True, max_size=3))
        self.reachable = draw(st.sets(st.sampled_from(SERVICES)))
        self.spent = {g: draw(st.integers(0, g.capacity)) for g in self.current}
        self.in_conversation = draw(st.booleans())
        self.serials = {s: max((g.serial for g in self.current if g.service == s), default=0) for s in SERVICES}
        before = dict(self.serials)
        self.result, self.fresh = renew(
            NOW_MS, self.services, self.reachable.__contains__, self.current, self.serials,
            self.spent.__getitem__, terms, self.in_conversation,
        )  # fmt: skip
        assert self.serials == before, "renew must not mutate"

    def worn(self, grant: Grant) -> bool:
        refresh_ms = TERMS.long_term_refresh_ms if grant.long_term else TERMS.ephemeral_refresh_ms
        return grant.valid_until_ms - NOW_MS <= refresh_ms or 2 * self.spent[grant] >= grant.capacity


@st.composite
def renewals(draw: st.DrawFn) -> Renewal:
    return Renewal(draw, TERMS)


@given(renewals())
def test_serials_only_rise(renewal: Renewal) -> None:  # STATE-18
    serials = dict(renewal.serials)
    for grant in renewal.fresh:
        assert grant.serial > serials[grant.service]
        serials[grant.service] = grant.serial


@given(renewals())
def test_nothing_is_issued_outside_the_services_in_use_or_out_of_reach(renewal: Renewal) -> None:  # STATE-9, STATE-4
    assert {g.service for g in renewal.fresh} <= set(renewal.services) & renewal.reachable
    assert {g.service for g in renewal.result} <= set(renewal.services)


@given(renewals())
def test_what_is_out_of_reach_keeps_what_is_valid(renewal: Renewal) -> None:  # STATE-4
    out = set(renewal.services) - renewal.reachable
    valid = {g for g in renewal.current if g.service in out and g.valid_until_ms > NOW_MS}
    assert {g for g in renewal.result if g.service in out} == valid


@given(renewals())
def test_no_set_holds_an_expired_grant_or_two_of_a_kind(renewal: Renewal) -> None:
    assert all(g.valid_until_ms > NOW_MS for g in renewal.result)
    kinds = [(g.service, g.long_term) for g in renewal.result]
    assert len(set(kinds)) == len(kinds)


@given(renewals())
def test_in_conversation_every_service_in_reach_offers_both_kinds(renewal: Renewal) -> None:  # STATE-2
    offered = {(g.service, g.long_term) for g in renewal.result}
    for service in set(renewal.services) & renewal.reachable:
        assert (service, True) in offered
        assert (service, False) in offered or not renewal.in_conversation


@given(renewals())
def test_a_grant_is_renewed_exactly_when_it_is_worn(renewal: Renewal) -> None:  # STATE-6, STATE-20
    fresh = {(g.service, g.long_term) for g in renewal.fresh}
    for grant in renewal.current:
        issues = grant.service in set(renewal.services) & renewal.reachable
        wanted = grant.long_term or renewal.in_conversation
        assert ((grant.service, grant.long_term) in fresh) == (issues and wanted and renewal.worn(grant))


@given(renewals())
def test_fresh_dates_are_full_hours_and_late_enough(renewal: Renewal) -> None:  # STATE-5
    for grant in renewal.fresh:
        lifetime_ms = TERMS.long_term_lifetime_ms if grant.long_term else TERMS.ephemeral_lifetime_ms
        assert grant.valid_until_ms % HOUR_MS == 0
        assert 0 <= grant.valid_until_ms - NOW_MS - lifetime_ms < HOUR_MS


def test_without_ephemeral_addresses_none_is_issued() -> None:
    terms = msgspec.structs.replace(TERMS, ephemeral_lifetime_ms=0)
    found, _ = renew(NOW_MS, (1, 2), lambda _: True, (), {}, lambda _: 0, terms, True)
    assert [(g.service, g.long_term) for g in found] == [(1, True), (2, True)]


class Choice:
    """One call of `choose_path`, with everything that it was given."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.held = draw(grants())
        self.used = {(g.service, g.serial): draw(st.integers(0, g.capacity)) for g in self.held}
        self.senders = draw(st.lists(st.sampled_from(SERVICES), unique=True, min_size=1, max_size=3))
        self.attempt = draw(st.integers(0, 9))
        self.suspects = draw(st.dictionaries(st.sampled_from(SERVICES), st.integers(NOW_MS - 2, NOW_MS + 2)))
        self.turns = {s: draw(st.integers(0, 9)) for s in self.senders}
        self.carries_set = draw(st.booleans())
        self.usable = [g for g in self.held if usable(g, self.used[g.service, g.serial] + self.kept(g), NOW_MS)]
        self.path = self.choose(self.turns)

    def kept(self, grant: Grant) -> int:
        return int(grant.long_term and not self.carries_set)  # STATE-28

    def choose(self, turns: dict[int, int]) -> Path | None:
        held = [(grant, self.used[grant[:2]]) for grant in self.held]
        return choose_path(
            NOW_MS, held, self.senders, lambda via: turns.get(via, 0), self.attempt, self.suspects, self.carries_set
        )

    def trusted(self, grant: Grant) -> bool:
        return self.suspects.get(grant.service, 0) <= NOW_MS


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    return Choice(draw)


@given(choices())
def test_a_path_is_found_exactly_when_an_address_is_usable(choice: Choice) -> None:  # STATE-3
    assert (choice.path is None) == (not choice.usable)
    assert choice.path is None or choice.path.grant in choice.usable


@given(choices())
def test_sending_services_take_turns_by_attempt(choice: Choice) -> None:  # DELIV-5
    assert choice.path is None or choice.path.via == choice.senders[choice.attempt % len(choice.senders)]


@given(choices())
def test_an_ephemeral_grant_goes_before_a_long_term_one(choice: Choice) -> None:  # STATE-7
    assume(choice.path is not None)
    assert choice.path is not None
    chosen = choice.path.grant
    assert not (chosen.long_term and any(g.service == chosen.service and not g.long_term for g in choice.usable))


@given(choices())
def test_suspects_are_avoided_if_possible(choice: Choice) -> None:  # DELIV-6
    if choice.path is not None and any(map(choice.trusted, choice.usable)):
        assert choice.trusted(choice.path.grant)


@given(choices())
def test_one_operator_has_both_ends_only_if_nothing_else_is_as_good(choice: Choice) -> None:  # DELIV-7
    if choice.path is not None and choice.path.via == choice.path.grant.service:
        good = [g for g in choice.usable if choice.trusted(g)] or choice.usable
        assert {g.service for g in good} == {choice.path.via}


@given(choices())
def test_what_remains_takes_turns(choice: Choice) -> None:  # DELIV-8
    assume(choice.path is not None)
    assert choice.path is not None
    via = choice.path.via
    paths = [choice.choose({via: turn}) for turn in range(12)]
    services = [path.grant.service for path in paths if path is not None]
    cycle = len(set(services))
    assert len(services) == 12
    assert all(len(set(services[n : n + cycle])) == cycle for n in range(12 - cycle))


def test_without_a_sending_service_there_is_no_path() -> None:
    assert choose_path(0, [(Grant(1, 1, True, HOUR_MS, 9), 0)], [], lambda _: 0, 0, {}, True) is None


@given(NUMBERS, st.integers(1, 12), st.integers(0, 30))
@example({5, 6, 7, 9}, 8, 3)
def test_a_receipt_covers_what_is_held_and_never_more(numbers: set[int], most: int, floor: int) -> None:  # DELIV-12
    above = ranges((n for n in numbers if n >= floor), most)
    covered = {n for n in range(100) if covers(floor, above, n)}
    held = set(range(floor)) | numbers
    assert covered <= held
    assert len(above) <= most
    assert all(a <= b for a, b in above)
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(above))
    if len(above) < most:
        assert covered == held


@given(NUMBERS, st.integers(1, 12))
def test_what_does_not_fit_into_a_receipt_is_the_lowest(numbers: set[int], most: int) -> None:  # DELIV-12
    left = {n for n in numbers if not covers(0, ranges(numbers, most), n)}
    assert all(n > m for n in numbers - left for m in left)


@given(st.integers(-1, 10**9), st.integers(0, 10**12))
def test_a_release_comes_with_expiry_or_a_queue_lifetime_after_the_confirmation(  # STATE-10
    confirmed_ms: int, last_ms: int
) -> None:
    released_ms = release_at(confirmed_ms, last_ms, TERMS)
    assert released_ms <= last_ms
    if released_ms < last_ms:
        assert released_ms == confirmed_ms + TERMS.queue_lifetime_ms
        assert confirmed_ms >= 0


@given(st.integers(0, 200), DRAWS)
def test_pauses_of_a_sending_service_are_bounded_and_never_shrink(attempts: int, draw: float) -> None:  # DELIV-11
    pause_ms = backoff_ms(attempts, draw, TERMS)
    ceiling_ms = min(TERMS.retry_min_ms * 2**attempts, TERMS.retry_max_ms)
    assert ceiling_ms // 2 <= pause_ms <= ceiling_ms
    assert backoff_ms(attempts + 1, draw, TERMS) >= pause_ms


@given(DRAWS)
def test_a_receipt_is_held_back_within_its_bounds(draw: float) -> None:  # DELIV-14
    assert TERMS.receipt_delay_min_ms <= receipt_delay_ms(draw, TERMS) <= TERMS.receipt_delay_max_ms


def test_escalation_doubles_six_times() -> None:  # DELIV-9
    pauses = [escalation_ms(n, TERMS) for n in range(1, 10)]
    assert pauses[0] == TERMS.escalate_after_ms
    assert [b // a for a, b in pairwise(pauses)] == [2] * 6 + [1, 1]


@pytest.mark.parametrize(("t_ms", "hours"), [(0, 0), (1, 1), (HOUR_MS, 1), (HOUR_MS + 1, 2)])
def test_dates_are_rounded_up_to_the_hour(t_ms: int, hours: int) -> None:  # STATE-5
    assert round_up_to_hour(t_ms) == hours * HOUR_MS
