"""A service's side of tokens: the order of the checks, spent once, remembered as long as needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.impl.issuing import EPOCH_MS, ISSUER, NOW, ORIGIN, issuer_key, signer, token

from communicator_impl.errors import InputError, PeerError
from communicator_impl.redemption import Redemption, request_digest
from communicator_impl.storage import MemoryStorage, Storage
from communicator_impl.tokens import Purpose, Token, TokenKey, challenge_header
from communicator_spec.errors import ErrorClass

QUERY = Purpose.QUERY
ONE, OTHER = (request_digest("GET", path, b"") for path in ("/v1/names/alex", "/v1/names/blair"))
ENDS = NOW + 2 * EPOCH_MS
GOOD = token("good")


def desk(storage: Storage | None = None) -> Redemption:
    made = Redemption(ORIGIN, {QUERY: (ISSUER,), Purpose.CONTACT: (ISSUER,)}, storage or MemoryStorage())
    made.learn(ISSUER, (issuer_key(QUERY), issuer_key(Purpose.CONTACT, name="contact")))
    return made


def refusal(made: Redemption, shown: bytes, digest: bytes = ONE, now: int = NOW, on: Purpose = QUERY) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        made.check(now, on, shown, digest)
    return caught.value.error_class


def test_a_token_is_taken_once() -> None:
    made = desk()
    made.keep(made.check(NOW, QUERY, GOOD.encode(), ONE))
    assert refusal(made, GOOD.encode(), OTHER) is ErrorClass.REPLAYED


def test_the_same_request_with_the_same_token_is_taken_again() -> None:  # TOK-13
    made = desk()
    first = made.check(NOW, QUERY, GOOD.encode(), ONE)
    made.keep(first)
    again = made.check(NOW + 1, QUERY, GOOD.encode(), ONE)
    assert (first.repeated, again.repeated) == (False, True)
    made.keep(again)
    assert refusal(made, GOOD.encode(), OTHER) is ErrorClass.REPLAYED


def test_a_check_alone_spends_nothing() -> None:  # TOK-18
    made = desk()
    made.check(NOW, QUERY, GOOD.encode(), ONE)
    assert not made.check(NOW, QUERY, GOOD.encode(), OTHER).repeated


def _flipped(made: Token) -> bytes:
    data = made.encode()
    return data[:-1] + bytes([data[-1] ^ 1])


def test_the_checks_come_in_their_order() -> None:  # TOK-13
    made = desk()
    made.keep(made.check(NOW, QUERY, GOOD.encode(), ONE))
    assert refusal(made, GOOD.encode()[:-1], OTHER) is ErrorClass.MALFORMED
    assert refusal(made, b"\x00\x01" + GOOD.encode()[2:], OTHER) is ErrorClass.MALFORMED
    assert refusal(made, token("x", origin="other.example").encode()) is ErrorClass.FORGED
    assert refusal(made, token("x", issuer="other.example").encode()) is ErrorClass.FORGED
    assert refusal(made, token("x", name="unknown").encode()) is ErrorClass.FORGED
    assert refusal(made, token("x", name="contact").encode()) is ErrorClass.FORGED
    assert refusal(made, GOOD.encode(), OTHER, on=Purpose.CONTACT) is ErrorClass.FORGED
    assert refusal(made, _flipped(GOOD), OTHER) is ErrorClass.FORGED
    assert refusal(made, GOOD.encode(), OTHER, now=ENDS) is ErrorClass.FORGED
    assert refusal(made, GOOD.encode(), OTHER, now=ENDS - 1000) is ErrorClass.REPLAYED
    assert made.check(NOW, QUERY, token("x").encode(), OTHER)


def test_a_nonce_is_remembered_until_its_key_ends_and_not_longer() -> None:  # TOK-16
    storage = MemoryStorage()
    made = desk(storage)
    made.keep(made.check(NOW, QUERY, GOOD.encode(), ONE))
    made.erase(ENDS - 1)
    assert refusal(made, GOOD.encode(), OTHER, now=ENDS - 1) is ErrorClass.REPLAYED
    made.erase(ENDS)
    assert not storage.values
    assert refusal(made, GOOD.encode(), OTHER, now=ENDS) is ErrorClass.FORGED


def test_all_instances_share_what_is_spent() -> None:  # TOK-15
    storage = MemoryStorage()
    one, other = desk(storage), desk(storage)
    one.keep(one.check(NOW, QUERY, GOOD.encode(), ONE))
    assert refusal(other, GOOD.encode(), OTHER) is ErrorClass.REPLAYED
    assert refusal(desk(storage), GOOD.encode(), OTHER) is ErrorClass.REPLAYED
    assert other.check(NOW, QUERY, GOOD.encode(), ONE).repeated


def test_only_issuers_that_are_named_are_listened_to() -> None:  # SVC-13
    made = desk()
    with pytest.raises(InputError):
        made.learn("other.example", (issuer_key(QUERY, name="other"),))
    with pytest.raises(InputError):
        Redemption(ORIGIN, {}, MemoryStorage()).learn(ISSUER, ())
    assert made.needed(QUERY)
    assert not made.needed(Purpose.FETCH)
    assert refusal(made, GOOD.encode(), on=Purpose.FETCH) is ErrorClass.FORGED


def test_a_request_without_a_token_is_told_which_one() -> None:  # TOK-6
    made = desk()
    key = TokenKey(signer("issuer").public)
    assert made.demand(NOW, QUERY) == (challenge_header(ISSUER, ORIGIN, key),)
    assert made.demand(NOW + EPOCH_MS, QUERY) == ()
    assert made.demand(NOW, Purpose.FETCH) == ()


def test_requests_are_the_same_by_method_target_and_body() -> None:
    asked = [("GET", "/a", b""), ("PUT", "/a", b""), ("GET", "/a?b", b""), ("GET", "/a", b"b")]
    assert len({request_digest(*row) for row in asked}) == 4


@given(st.binary(max_size=500))
def test_bytes_from_outside_get_a_normative_class(data: bytes) -> None:
    expected = ErrorClass.FORGED if len(data) == 354 and data[:2] == b"\x00\x02" else ErrorClass.MALFORMED
    assert refusal(desk(), data) is expected


@given(st.integers(0, 353), st.integers(1, 255))
def test_a_token_with_one_byte_changed_is_no_token(place: int, flip: int) -> None:
    data = GOOD.encode()
    bad = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    assert refusal(desk(), bad) is (ErrorClass.MALFORMED if place < 2 else ErrorClass.FORGED)


@given(st.binary(min_size=256, max_size=256))
def test_an_authenticator_of_ones_own_choice_is_forged(authenticator: bytes) -> None:
    made = Token(GOOD.nonce, GOOD.challenge_digest, GOOD.key_id, authenticator)
    if made != GOOD:
        assert refusal(desk(), made.encode()) is ErrorClass.FORGED


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=20))
def test_no_token_ever_pays_for_two_requests(asked: list[tuple[int, int, bool]]) -> None:  # TOK-14, TOK-18
    made, paid = desk(), dict[int, int]()
    for number, what, refused_later in asked:
        shown, digest = POOL[number], request_digest("GET", f"/{what}", b"")
        if paid.get(number, what) != what:
            assert refusal(made, shown, digest) is ErrorClass.REPLAYED
            continue
        redeemed = made.check(NOW, QUERY, shown, digest)
        assert redeemed.repeated == (number in paid)
        if not refused_later:
            made.keep(redeemed)
            paid[number] = what


POOL = [token(f"pool {i}").encode() for i in range(4)]
