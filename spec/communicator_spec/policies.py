"""The normative policies: which path, when to retry, when to renew an address, when to acknowledge.

Pure functions on small frozen values. The population model and the reference implementation both call them; the
formal model mirrors them. None reads a clock, draws a random number or remembers anything: `now_ms` and every draw
are arguments, and state goes in and comes out.

Rules that hold across this module:

1. An address is *usable* strictly before its valid-until date, and each address once (STATE-3, ADDR-25).
2. A set of addresses is always complete. A newer version replaces an older one whole, never in parts (STATE-1).
3. People cause traffic. `credit` counts what they caused at one end of one relationship, and automated commands
   never exceed it (STATE-12).

All times are integer milliseconds since the start of the run, all lifetimes too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from communicator_spec.events import NONE

__all__ = [
    "HOUR_MS",
    "Grant",
    "Path",
    "Terms",
    "apart_from",
    "backoff_ms",
    "choose_path",
    "covers",
    "escalation_ms",
    "ranges",
    "receipt_delay_ms",
    "release_at",
    "renew",
    "request_at",
    "round_up_to_hour",
    "taken_up",
    "usable",
]

HOUR_MS: Final = 3_600_000


class Grant(NamedTuple):
    """The right to address one end of a relationship through one receiving service.

    It yields `capacity` single-use addresses, by index. `serial` rises with every grant of this end at this service;
    label/1 calls it the epoch, two-layer/1 the batch.
    """

    service: int
    serial: int
    long_term: bool
    valid_until_ms: int
    capacity: int


class Path(msgspec.Struct, frozen=True, gc=False):
    """One way to a peer: through which sending service, to which grant."""

    via: int
    grant: Grant


class Terms(msgspec.Struct, frozen=True):
    """What a relationship manager has been told to do: the parameters of the policies."""

    receiving_services: int
    sending_services: int
    long_term_lifetime_ms: int
    long_term_refresh_ms: int
    ephemeral_lifetime_ms: int  # 0: no ephemeral addresses
    ephemeral_refresh_ms: int
    long_term_capacity: int
    ephemeral_capacity: int
    ranges_max: int
    announces: bool  # may the device tell peers of a move or a renewal without a message to carry it?
    receipt_delay_min_ms: int
    receipt_delay_max_ms: int
    escalate_after_ms: int
    message_lifetime_ms: int
    queue_lifetime_ms: int
    retry_min_ms: int
    retry_max_ms: int
    unreachable_notice_ms: int
    suspect_ms: int
    dead_after_ms: int
    announce_spread_ms: int


def round_up_to_hour(t_ms: int) -> int:
    """Round a date up to the hour, so that a date is not a fingerprint (STATE-5)."""
    return -(-t_ms // HOUR_MS) * HOUR_MS


def usable(grant: Grant, used: int, now_ms: int) -> bool:
    """Tell whether the next address of a grant may be used now (STATE-3)."""
    return now_ms < grant.valid_until_ms and used < grant.capacity


def renew(
    now_ms: int,
    services: Sequence[int],
    reachable: Callable[[int], bool],
    current: tuple[Grant, ...],
    serials: dict[int, int],
    spent: Callable[[Grant], int],
    terms: Terms,
    in_conversation: bool,
) -> tuple[tuple[Grant, ...], list[Grant]]:
    """Return the next complete set of one's own grants, and which of them are new.

    1. Every service that is not being left gets a long-term grant and, in conversation, an ephemeral one (STATE-2).
    2. A grant is renewed when no more than its refresh time remains, or half of its addresses (STATE-6).
    3. At a service that cannot be reached nothing is issued; what is valid there stays in the set, so that a set
       never shrinks to one service because another is down for a while (STATE-4).
    4. Serials only rise (STATE-18). Nothing is issued at a service outside `services`: it is being left (STATE-9).

    Nothing is mutated; `serials` gives the last serial at each service. If no grant is new and none was dropped, the
    returned set equals `current`.
    """
    kept: list[Grant] = []
    fresh: list[Grant] = []
    for service in services:
        serial = serials.get(service, 0)
        can_issue = reachable(service)
        for long_term in (True, False):
            newest = _newest(current, service, long_term)
            lifetime_ms, refresh_ms, capacity = _kind(long_term, terms)
            wanted = lifetime_ms > 0 and (long_term or in_conversation)
            if wanted and can_issue and _worn(newest, refresh_ms, spent, now_ms):  # 2, 3
                serial += 1  # 4
                until_ms = round_up_to_hour(now_ms + lifetime_ms)
                fresh.append(Grant(service, serial, long_term, until_ms, capacity))
                kept.append(fresh[-1])
            elif newest is not None and newest.valid_until_ms > now_ms:
                kept.append(newest)
    return tuple(kept), fresh


def _kind(long_term: bool, terms: Terms) -> tuple[int, int, int]:
    if long_term:
        return terms.long_term_lifetime_ms, terms.long_term_refresh_ms, terms.long_term_capacity
    return terms.ephemeral_lifetime_ms, terms.ephemeral_refresh_ms, terms.ephemeral_capacity


def _newest(grants: tuple[Grant, ...], service: int, long_term: bool) -> Grant | None:
    for grant in grants:
        if grant.service == service and grant.long_term == long_term:
            return grant
    return None


def _worn(grant: Grant | None, refresh_ms: int, spent: Callable[[Grant], int], now_ms: int) -> bool:
    if grant is None:
        return True
    return grant.valid_until_ms - now_ms <= refresh_ms or 2 * spent(grant) >= grant.capacity


def choose_path(
    now_ms: int,
    held: Iterable[tuple[Grant, int]],
    senders: Sequence[int],
    turns: Callable[[int], int],
    attempt: int,
    suspects: dict[int, int],
    carries_set: bool,
) -> Path | None:
    """Choose how the next transmission travels; None if no address is usable or no sending service is there.

    `held` are the peer's grants, each with the number of its addresses that are used; `turns` tells how often a sending
    service was chosen.

    1. Sending services take turns by attempt (DELIV-5).
    2. A receiving service offers its ephemeral grant, else its long-term one (STATE-7).
    3. Services that were just reported unreachable come last (DELIV-6).
    4. A sending service takes a receiving service of another operator while rule 3 leaves it one (DELIV-7, threat T11).
    5. What remains alternates for each sending service on each transmission: one global round, or free choice,
       can starve a path that works (DELIV-8; found by exhaustive search).
    6. The last long-term address at each service is kept for a transmission that carries an own set which the peer has
       not confirmed (`carries_set`): else two people who write past each other use up all stock, and neither can tell
       the other where to write to (STATE-28; found by the fidelity tests).

    The caller counts both up.
    """
    if not senders:
        return None
    via = senders[attempt % len(senders)]  # 1
    offers: dict[int, Grant] = {}
    for grant, used in held:
        service, _, long_term, valid_until_ms, capacity = grant
        kept = long_term and not carries_set  # 6
        if now_ms >= valid_until_ms or used + kept >= capacity:  # STATE-3
            continue
        if service not in offers or (not long_term and offers[service].long_term):  # 2
            offers[service] = grant
    good = [*offers.values()]
    if suspects:
        good = [grant for grant in good if suspects.get(grant.service, 0) <= now_ms] or good  # 3
    if len(good) > 1:
        good = [grant for grant in good if grant.service != via]  # 4
    if len(good) > 1:
        return Path(via, good[turns(via) % len(good)])  # 5
    return Path(via, good[0]) if good else None


def apart_from(senders: Sequence[int], service: int) -> Sequence[int]:
    """Return the sending services whose operator does not run `service`; all of them if none remains (DELIV-18)."""
    return [sender for sender in senders if sender != service] or senders


def taken_up(before: Sequence[int], after: Sequence[int]) -> int:
    """Return the receiving service that a decision adds to those in use, NONE if none: it replaces one by one."""
    return next((service for service in after if service not in before), NONE)


def request_at(held: tuple[Grant, ...], terms: Terms) -> int | None:
    """When to ask the peer for a newer set, because all its long-term grants are about to end (STATE-29).

    None if there is no long-term grant, or if devices announce nothing by themselves.
    """
    dates = [grant.valid_until_ms for grant in held if grant.long_term]
    return max(dates) - terms.long_term_refresh_ms // 4 if dates and terms.announces else None


def escalation_ms(attempts: int, terms: Terms) -> int:
    """How long an unacknowledged message waits before its next transmission (DELIV-9): doubling."""
    return terms.escalate_after_ms << min(attempts - 1, 6)


def backoff_ms(attempts: int, draw: float, terms: Terms) -> int:
    """How long a sending service waits before it tries again: exponential with jitter in [1/2, 1] (DELIV-11)."""
    ceiling = min(terms.retry_min_ms << min(attempts, 20), terms.retry_max_ms)
    return int(ceiling * (0.5 + 0.5 * draw))


def receipt_delay_ms(draw: float, terms: Terms) -> int:
    """How long a receipt is held back, so that it neither times the peer's device nor travels alone (DELIV-14)."""
    spread_ms = terms.receipt_delay_max_ms - terms.receipt_delay_min_ms
    return terms.receipt_delay_min_ms + int(draw * spread_ms)


def ranges(numbers: Iterable[int], most: int) -> tuple[tuple[int, int], ...]:
    """Write numbers as at most `most` closed ranges, ascending: the part of a receipt above its floor (DELIV-12).

    If there are more, the highest stay: gaps below are messages that failed for good, and what lies between them was
    covered when it was new. A receipt never claims too much.
    """
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found[-most:])


def covers(floor: int, above: tuple[tuple[int, int], ...], number: int) -> bool:
    """Tell whether a cumulative receipt covers a message number."""
    return number < floor or any(low <= number <= high for low, high in above)


def release_at(confirmed_ms: int, last_valid_until_ms: int, terms: Terms) -> int:
    """When the last address of one relationship at a service that is being left has ended (STATE-10).

    It has ended when it has expired, or when the peer confirmed a later set (`confirmed_ms`, negative: not yet) and
    everything that was in flight then has been delivered or given up.
    """
    if confirmed_ms < 0:
        return last_valid_until_ms
    return min(last_valid_until_ms, confirmed_ms + terms.queue_lifetime_ms)
