"""One end of a relationship at a time: what it sends, when, and what it never sends."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.small_worlds import DAY_MS, HOUR_MS, TERMS, only

from communicator_model.ends import NEVER, Body, Transmission
from communicator_model.receiving import Parcel, ReceivingService
from communicator_model.relationships import RelationshipManagers
from communicator_spec import Command, Kind, Row, Terms
from communicator_spec.nodes import Setting

A, B = 0, 1


class Reachable:
    """Says what a device reaches; a test takes services away."""

    def __init__(self) -> None:
        self.receiving = [True] * 6
        self.sending = [True] * 6


class Pair:
    """Two ends that meet at 0; receipts wait half of the permitted span."""

    def __init__(self, **changes: int | bool) -> None:
        self.terms: Terms = msgspec.structs.replace(TERMS, **changes)
        self.log: list[Row] = []
        self.reach = Reachable()
        self.services = [ReceivingService(p, 256, self.log.append, remembers_spent=False) for p in range(6)]
        self.all = RelationshipManagers(self.terms, self.services, self.reach, lambda *_: 0.5, self.log.append)
        self.all.pair(0, A, (7, 8), (Setting((0, 1), (2, 3)), Setting((2, 3), (4, 5))))

    def write(self, now_ms: int, end: int = A) -> list[Transmission]:
        self.all.submit(now_ms, end, 0)
        return self.all.wake(now_ms, end)

    def carry(self, now_ms: int, transmissions: Sequence[Transmission]) -> None:
        """Bring transmissions to their services at once, and let the device fetch them."""
        for transmission in transmissions:
            self.services[transmission.service].accept(now_ms, transmission.parcel)
            self.all.receive(now_ms, transmission.end ^ 1, transmission.service)

    def kinds(self, kind: Kind, **columns: int) -> int:
        return len(only(self.log, kind, **columns))


def body(transmission: Transmission) -> Body:
    found = transmission.parcel.body
    assert isinstance(found, Body)
    return found


def test_first_sets_span_all_services_even_those_out_of_reach() -> None:
    pair = Pair()
    assert {(e.end, e.service) for e in only(pair.log, Kind.ISSUED)} == {(A, 0), (A, 1), (B, 2), (B, 3)}
    assert pair.kinds(Kind.ISSUED) == 8


def test_submitting_sends_nothing_yet() -> None:
    pair = Pair()
    assert [pair.all.submit(5, A, 0) for _ in range(3)] == [0, 1, 2]
    assert pair.kinds(Kind.SENT) == 0
    assert pair.all.deadline_ms(A) == 5


def test_a_message_escalates_to_the_other_service_after_pauses_that_double() -> None:
    pair = Pair(message_lifetime_ms=60 * DAY_MS)
    ways, now_ms, pauses = [pair.write(0)[0].service], 0, []
    for _ in range(3):
        due_ms = pair.all.deadline_ms(A)
        pauses.append(due_ms - now_ms)
        now_ms = due_ms
        ways += [transmission.service for transmission in pair.all.wake(now_ms, A)]
    assert pauses == [TERMS.escalate_after_ms * factor for factor in (1, 2, 4)]
    assert set(ways) == {2, 3}


def test_a_receipt_waits_and_then_empties_the_outbox() -> None:
    pair = Pair()
    pair.carry(1000, pair.write(0))
    due_ms = pair.all.deadline_ms(B)
    assert TERMS.receipt_delay_min_ms < due_ms - 1000 < TERMS.receipt_delay_max_ms
    assert pair.all.wake(due_ms - 1, B) == []
    (receipt,) = pair.all.wake(due_ms, B)
    assert (body(receipt).command, body(receipt).floor) == (Command.RECEIPT, 1)
    pair.carry(due_ms, [receipt])
    assert pair.kinds(Kind.ACKNOWLEDGED, end=A, message=0) == 1
    assert pair.all.deadline_ms(B) > due_ms + 100 * DAY_MS


def test_an_answer_carries_the_receipt_and_nothing_else_is_sent() -> None:
    pair = Pair()
    pair.carry(1000, pair.write(0))
    (answer,) = pair.write(2000, B)
    assert (body(answer).command, body(answer).floor) == (Command.MESSAGE, 1)
    pair.carry(2001, [answer])
    assert pair.kinds(Kind.ACKNOWLEDGED, end=A) == 1
    assert pair.all.wake(DAY_MS // 2, B) == []


def test_a_receipt_is_not_answered() -> None:
    pair = Pair()
    pair.carry(1000, pair.write(0))
    due_ms = pair.all.deadline_ms(B)
    pair.carry(due_ms, pair.all.wake(due_ms, B))
    assert pair.all.wake(due_ms + 2 * TERMS.receipt_delay_max_ms, A) == []


def test_a_copy_is_dropped_and_numbers_may_come_in_any_order() -> None:
    pair = Pair()
    sent = [transmission for t in range(4) for transmission in pair.write(t)]
    pair.carry(10, sent[::-1])
    assert [e.message for e in only(pair.log, Kind.DELIVERED)] == [3, 2, 1, 0]
    pair.carry(TERMS.escalate_after_ms, pair.all.wake(TERMS.escalate_after_ms, A))
    assert pair.kinds(Kind.DELIVERED) == 4
    assert pair.kinds(Kind.DUPLICATE) == 1


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_a_receipt_tells_exactly_what_arrived(order: list[int], lost: set[int]) -> None:
    pair = Pair()
    sent = [transmission for t in range(6) for transmission in pair.write(t)]
    arrived = [sent[number] for number in order if number not in lost]
    pair.carry(10, arrived)
    (answer,) = pair.write(20, B)
    pair.carry(21, [answer])
    assert {e.message for e in only(pair.log, Kind.ACKNOWLEDGED)} == set(range(6)) - lost


def test_automated_commands_stop_when_people_caused_no_more() -> None:
    pair = Pair(long_term_lifetime_ms=6 * DAY_MS, long_term_refresh_ms=2 * DAY_MS, ephemeral_lifetime_ms=0)
    now_ms, sent = 0, []
    while pair.all.deadline_ms(A) < 60 * DAY_MS:
        now_ms = max(pair.all.deadline_ms(A), now_ms + HOUR_MS)
        sent += pair.all.wake(now_ms, A)
    assert [body(transmission).command for transmission in sent] == [Command.UPDATE]  # pairing was the only cause


def test_a_new_set_travels_with_everything_until_it_is_confirmed() -> None:
    pair = Pair()
    late = 6 * DAY_MS
    first, second = pair.write(late)[0], pair.write(late + 1)[0]
    assert body(first).grants is not None
    assert body(first).grants == body(second).grants
    pair.carry(late + 2, [second])
    pair.carry(late + 3, pair.write(late + 3, B))
    assert body(pair.write(late + 4)[0]).grants is None


def test_an_older_set_that_arrives_late_changes_nothing() -> None:
    pair = Pair()
    old, new = pair.write(6 * DAY_MS)[0], pair.write(11 * DAY_MS)[0]
    assert body(old).version < body(new).version
    pair.carry(11 * DAY_MS + 1, [new, old])
    assert [e.value for e in only(pair.log, Kind.UPDATED)] == [body(new).version]


def test_a_move_issues_elsewhere_and_releases_when_nothing_can_be_under_way() -> None:
    pair = Pair()
    pair.all.move(HOUR_MS, B, 2, Setting((4, 3), (4, 5)), 2 * HOUR_MS, leave=True)
    notices = pair.all.wake(2 * HOUR_MS, B)
    assert {body(notice).command for notice in notices} == {Command.MOVED}
    assert {notice.service for notice in notices} == {0, 1}
    pair.carry(3 * HOUR_MS, notices)
    assert not pair.all.leave(3 * HOUR_MS, 8, 2, [B])
    pair.carry(4 * HOUR_MS, pair.write(4 * HOUR_MS))
    released_ms = 4 * HOUR_MS + TERMS.queue_lifetime_ms
    pair.all.wake(released_ms - 1, B)
    assert pair.kinds(Kind.RELEASED) == 0
    pair.all.wake(released_ms, B)
    assert [(e.end, e.service) for e in only(pair.log, Kind.RELEASED)] == [(B, 2)]
    assert pair.all.leave(released_ms, 8, 2, [B])
    assert 2 not in {e.service for e in only(pair.log, Kind.ISSUED) if e.t_ms > HOUR_MS}


def test_a_message_that_went_to_a_service_that_is_left_is_sent_again_at_once() -> None:
    pair = Pair()
    pair.write(0)
    used = only(pair.log, Kind.SENT)[0].service
    pair.all.move(HOUR_MS, B, used, Setting((4, 5 - used), (4, 5)), HOUR_MS, leave=False)
    pair.carry(HOUR_MS, pair.all.wake(HOUR_MS, B))
    assert pair.all.deadline_ms(A) == HOUR_MS
    assert pair.all.wake(HOUR_MS, A)[0].service != used


def test_a_notice_of_silence_escalates_at_once_if_there_is_another_service() -> None:
    pair = Pair()
    sent = pair.write(0)[0]
    pair.all.unreachable(HOUR_MS, A, sent.service, sent.reference)
    assert pair.all.wake(HOUR_MS, A)[0].service == 5 - sent.service
    pair.all.unreachable(2 * HOUR_MS, A, 5 - sent.service, sent.reference)
    assert pair.all.deadline_ms(A) > 2 * HOUR_MS


def test_without_a_sending_service_a_message_is_tried_again_soon_and_fails_in_the_end() -> None:
    pair = Pair()
    pair.reach.sending[2] = pair.reach.sending[3] = False
    assert pair.write(0) == []
    assert pair.all.deadline_ms(A) == TERMS.retry_max_ms
    assert pair.all.wake(TERMS.message_lifetime_ms, A) == []
    assert pair.kinds(Kind.FAILED, end=A, message=0) == 1


def test_after_the_end_nothing_happens_at_that_end() -> None:
    pair = Pair()
    sent = pair.write(0)
    pair.all.refuse(1, B)
    pair.all.refuse(2, B)
    pair.carry(3, sent)
    assert pair.kinds(Kind.ENDED) == 1
    assert pair.kinds(Kind.REFUSED) == 1
    assert pair.kinds(Kind.DELIVERED) == 0
    assert pair.all.deadline_ms(B) == NEVER
    assert pair.all.wake(DAY_MS, B) == []


@pytest.mark.parametrize("announces", [True, False])
def test_only_who_announces_tells_of_a_move_unasked(announces: bool) -> None:
    pair = Pair(announces=announces)
    pair.all.move(HOUR_MS, B, 2, Setting((4, 3), (4, 5)), 2 * HOUR_MS, leave=False)
    assert bool(pair.all.wake(2 * HOUR_MS, B)) == announces


def drain(pair: Pair, until_ms: int, end: int = A) -> list[tuple[int, int]]:
    """Wake one end whenever something is due, without anything arriving; return when it sent which command."""
    now_ms, sent = 0, []
    while pair.all.deadline_ms(end) < until_ms:
        now_ms = max(now_ms, pair.all.deadline_ms(end))
        sent += [(now_ms, body(transmission).command) for transmission in pair.all.wake(now_ms, end)]
    return sent


def test_who_hears_nothing_asks_for_addresses_once_before_the_last_one_ends() -> None:  # STATE-29
    pair = Pair()
    for t in range(4):
        pair.carry(t + 1, pair.write(t))
    pair.carry(5, pair.write(5, B))
    last_ms = max(e.value for e in only(pair.log, Kind.ISSUED, end=B))
    quiet = [(t, command) for t, command in drain(pair, last_ms) if command > Command.UPDATE]
    assert quiet == [(last_ms - TERMS.long_term_refresh_ms // 4, Command.REQUEST_UPDATE)]


def test_who_is_asked_answers_with_nothing_and_sends_the_set_with_what_comes_next() -> None:  # STATE-30
    pair = Pair()
    pair.carry(1, pair.write(0))
    pair.carry(2, pair.write(1, B))
    asked_ms = min(e.value for e in only(pair.log, Kind.ISSUED, end=B, position=1)) - TERMS.long_term_refresh_ms // 4
    requests = [t for t in pair.all.wake(asked_ms, A) if body(t).command == Command.REQUEST_UPDATE]
    assert len(requests) == 1
    pair.carry(asked_ms, requests)
    assert pair.kinds(Kind.RECEIVED, end=B, value=Command.REQUEST_UPDATE) == 1
    (answer,) = pair.write(asked_ms, B)
    assert body(answer).grants is not None


def test_a_receipt_avoids_the_operator_at_whom_the_message_arrived() -> None:  # DELIV-18
    for senders, expected in (((2, 3, 0), False), ((2,), True)):
        pair = Pair()
        pair.all.change_senders(0, B, senders)
        ways = set()
        for turn in range(6):
            now_ms = turn * HOUR_MS * 2
            sent = pair.write(now_ms)
            pair.carry(now_ms, sent)
            ways |= {t.via for t in pair.all.wake(pair.all.deadline_ms(B), B) if sent[0].service == 2}
        assert ways
        assert (2 in ways) == expected


def test_a_long_term_address_beside_an_ephemeral_one_is_replaced() -> None:  # STATE-22
    for long_term in (True, False):
        pair = Pair()
        issued = only(pair.log, Kind.ISSUED, end=B, service=2, position=int(long_term))
        parcel = Parcel(B, issued[0].serial, 0, body(pair.write(0)[0]))
        pair.services[2].accept(1, parcel)
        pair.all.receive(1, B, 2)
        pair.write(2, B)
        renewed = [e for e in only(pair.log, Kind.ISSUED, end=B, service=2, position=1) if e.t_ms == 2]
        assert len(renewed) == long_term


def test_who_is_told_of_the_end_learns_what_failed_and_falls_silent() -> None:  # DELIV-31, PORT-12
    pair = Pair()
    pair.all.submit(0, A, 0)
    ends = pair.all.refuse(1, B, tell=True)
    assert [(body(end).command, end.service) for end in ends] == [(Command.END, 0), (Command.END, 1)]
    assert pair.all.refuse(2, B, tell=True) == []
    pair.carry(3, ends)
    assert pair.kinds(Kind.RECEIVED, end=A, value=Command.END) == 1
    assert pair.kinds(Kind.FAILED, end=A, message=0) == 1
    assert pair.all.deadline_ms(A) == NEVER
    assert pair.all.wake(DAY_MS, A) == []
    assert pair.write(DAY_MS) == []
    assert pair.kinds(Kind.FAILED, end=A) == 2
