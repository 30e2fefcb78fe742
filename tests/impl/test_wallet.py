"""A device's stock of tokens: batches of one size, at times of their own, spent once and in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.impl.issuing import EPOCH_MS, ISSUER, NOW, ORIGIN, issuer_key, signer

from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, Token, read_requests
from communicator_impl.wallet import Purse, Wallet
from communicator_spec.errors import ErrorClass

PURSE = Purse(ISSUER, ORIGIN, Purpose.QUERY)
DAY = 86_400_000
KEY = issuer_key(Purpose.QUERY)
NEXT = issuer_key(Purpose.QUERY, KEY.epoch + 1, "issuer next")
_SIGNED: dict[bytes, bytes] = {}


def wallet(storage: MemoryStorage | None = None, seed: bytes = b"wallet") -> Wallet:
    return Wallet(storage or MemoryStorage(), SeededEntropy(seed))


def sign(body: bytes, name: str = "issuer") -> bytes:
    """Answer as the issuer does; a batch is signed once for all tests."""
    if body not in _SIGNED:
        rows = read_requests(body)
        _SIGNED[body] = b"".join(signer(name).sign_blinded(row.blinded, SeededEntropy(b"s")) for row in rows)
    return _SIGNED[body]


def filled(storage: MemoryStorage | None = None) -> Wallet:
    made = wallet(storage)
    made.open(NOW, PURSE)
    assert made.answered(NOW, PURSE, sign(made.ask(NOW, PURSE, KEY))) == 64
    return made


def refusal(call: object, *args: object) -> ErrorClass:
    assert callable(call)
    with pytest.raises((PeerError, InputError)) as caught:
        call(*args)
    return caught.value.error_class


def test_a_batch_has_one_size() -> None:  # TOK-9
    made = wallet()
    made.open(NOW, PURSE)
    assert len(read_requests(made.ask(NOW, PURSE, KEY))) == 64


def test_the_same_requests_go_out_until_they_are_answered() -> None:
    storage = MemoryStorage()
    made = wallet(storage)
    made.open(NOW, PURSE)
    body = made.ask(NOW, PURSE, KEY)
    assert made.ask(NOW + 1, PURSE, KEY) == body
    again = wallet(storage, b"another start")
    assert again.ask(NOW + 2, PURSE, KEY) == body
    assert again.due(NOW + 2) == (PURSE,)
    assert again.answered(NOW + 2, PURSE, sign(body)) == 64
    assert again.due(NOW + 2) == ()
    assert refusal(again.answered, NOW, PURSE, sign(body)) is ErrorClass.UNKNOWN


def test_an_answer_is_taken_as_a_whole() -> None:  # TOK-7
    made = wallet()
    made.open(NOW, PURSE)
    good = sign(made.ask(NOW, PURSE, KEY))
    bad = good[:-1] + bytes([good[-1] ^ 1])
    assert refusal(made.answered, NOW, PURSE, bad) is ErrorClass.FORGED
    assert refusal(made.answered, NOW, PURSE, good[:-1]) is ErrorClass.MALFORMED
    assert made.left(NOW, PURSE) == 0
    assert made.answered(NOW, PURSE, good) == made.left(NOW, PURSE) == 64


def test_a_refused_batch_is_given_up_and_another_is_planned() -> None:
    made = wallet()
    made.open(NOW, PURSE)
    body = made.ask(NOW, PURSE, KEY)
    made.refused(NOW, PURSE)
    assert made.due(NOW) == ()
    assert made.due(NOW + DAY) == (PURSE,)
    assert made.ask(NOW + DAY, PURSE, KEY) != body


def test_only_a_key_that_issues_for_the_purse_is_used() -> None:
    made = wallet()
    made.open(NOW, PURSE)
    assert refusal(made.ask, NOW, PURSE, issuer_key(Purpose.SUBMIT)) is ErrorClass.REFUSED
    assert refusal(made.ask, NOW, PURSE, NEXT) is ErrorClass.REFUSED
    assert refusal(made.ask, NOW, Purse(ISSUER, "other.example", Purpose.QUERY), KEY) is ErrorClass.UNKNOWN
    assert refusal(made.open, NOW, Purse(ISSUER, "no host", Purpose.QUERY)) is ErrorClass.MALFORMED


def test_a_batch_that_was_not_answered_in_its_epoch_is_made_anew() -> None:
    made = wallet()
    made.open(NOW, PURSE)
    body = made.ask(NOW, PURSE, KEY)
    assert made.ask(NOW + EPOCH_MS, PURSE, NEXT) != body


def test_a_device_asks_when_few_are_left_at_a_time_within_a_day() -> None:  # TOK-10
    made = filled()
    for i in range(48):
        made.spend(NOW, PURSE, b"%d" % i)
    made.wake(NOW)
    assert made.next_wake_ms() is None
    made.spend(NOW, PURSE, b"one more")  # 15 remain
    at_ms = made.next_wake_ms()
    assert at_ms is not None
    assert NOW < at_ms <= NOW + DAY
    assert made.due(at_ms - 1) == ()
    assert made.due(at_ms) == (PURSE,)
    made.spend(NOW + 5, PURSE, b"and one")
    made.wake(NOW + 10)
    assert made.next_wake_ms() == at_ms  # drawn once


def test_the_times_to_ask_spread_over_the_day() -> None:  # TOK-10
    times = []
    for i in range(200):
        made = wallet(seed=b"%d" % i)
        made.open(NOW, PURSE)
        at_ms = made.next_wake_ms()
        assert at_ms is not None
        times.append(at_ms - NOW)
    assert min(times) > 0
    assert max(times) <= DAY
    counts = [sum(q * DAY / 4 < t <= (q + 1) * DAY / 4 for t in times) for q in range(4)]
    assert min(counts) > 25


def test_the_first_batch_may_come_at_once() -> None:
    made = wallet()
    made.open(NOW, PURSE, at_once=True)
    assert made.due(NOW) == (PURSE,)


def test_those_that_end_first_are_spent_first() -> None:  # TOK-12
    made = filled()
    late = NOW + EPOCH_MS
    made.answered(late, PURSE, sign(made.ask(late, PURSE, NEXT), "issuer next"))
    order = [made.spend(late, PURSE, b"%d" % i).key_id for i in range(128)]
    assert order == [KEY.key.identifier()] * 64 + [NEXT.key.identifier()] * 64


def test_tokens_that_ended_are_not_spent() -> None:
    made = filled()
    end = NOW + 2 * EPOCH_MS
    assert made.left(end - 1000, PURSE) == 64
    assert made.left(end, PURSE) == 0
    assert refusal(made.spend, end, PURSE, b"x") is ErrorClass.LIMIT
    made.wake(end)
    assert made.due(end + DAY) == (PURSE,)


def test_a_request_that_is_repeated_shows_the_same_token_even_after_a_crash() -> None:  # TOK-17
    storage = MemoryStorage()
    made = filled(storage)
    first = made.spend(NOW, PURSE, b"request")
    assert made.spend(NOW, PURSE, b"request") == first
    assert wallet(storage).spend(NOW, PURSE, b"request") == first
    made.settled(PURSE, b"request")
    made.settled(PURSE, b"request")
    assert made.spend(NOW, PURSE, b"request") != first


class Died(Exception):
    """The device lost its power."""


def test_a_token_leaves_only_after_it_is_stored_as_given() -> None:  # TOK-17
    class Dying(MemoryStorage):
        dies = False

        def save(self, key: str, value: bytes) -> None:
            if self.dies:
                raise Died
            super().save(key, value)

    storage = Dying()
    made = filled(storage)
    storage.dies = True
    with pytest.raises(Died):
        made.spend(NOW, PURSE, b"request")
    assert wallet(storage).left(NOW, PURSE) == 64


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["spend", "settle", "restart"])), max_size=60))
def test_no_token_goes_to_two_requests(steps: list[tuple[int, str]]) -> None:  # TOK-17
    storage = MemoryStorage()
    made, owner = filled(storage), dict[Token, int]()
    for number, what in steps:
        digest = b"%d" % number
        if what == "restart":
            made = wallet(storage)
        elif what == "settle":
            made.settled(PURSE, digest)
        elif made.left(NOW, PURSE):
            shown = made.spend(NOW, PURSE, digest)
            assert owner.setdefault(shown, number) == number


def test_a_damaged_disk_is_our_own_fault() -> None:
    storage = MemoryStorage()
    filled(storage)
    storage.values = {name: value[:-1] for name, value in storage.values.items()}
    with pytest.raises(OwnError):
        wallet(storage)
