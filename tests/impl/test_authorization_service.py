"""The authorization service: keys by purpose and epoch, all or none, once however often, and never too many."""

import pytest
from tests.impl.issuing import EPOCH_MS, ISSUER, NOW, ORIGIN, RepeatsKeys, issuing_service

from communicator_impl.authorization_service import AuthorizationService
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.issuer_keys import IssuerKey, epoch_of, read_issuer_document
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Pending, Purpose, challenge_digest, finish, request
from communicator_spec.errors import ErrorClass

ACCOUNT, OTHER = b"a" * 32, b"o" * 32
ENTROPY = SeededEntropy(b"holder")


def refusal(service: AuthorizationService, body: bytes, now_ms: int = NOW, key: bytes = ACCOUNT) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        service.issue(now_ms, key, body)
    return caught.value.error_class


def key_of(service: AuthorizationService, purpose: Purpose, now_ms: int = NOW) -> IssuerKey:
    return next(k for k in service.keys(now_ms) if k.purpose is purpose and k.issues(now_ms // 1000))


def asked(service: AuthorizationService, purpose: Purpose, n: int, now_ms: int = NOW) -> list[Pending]:
    key = key_of(service, purpose, now_ms)
    return [request(key.key, challenge_digest(ISSUER, ORIGIN), ENTROPY) for _ in range(n)]


def body_of(pending: list[Pending]) -> bytes:
    return b"".join(p.request() for p in pending)


def opened(storage: MemoryStorage | None = None, per_epoch: int = 200) -> AuthorizationService:
    service = issuing_service(storage, per_epoch=per_epoch)
    service.open_account(ACCOUNT)
    return service


def test_tokens_are_issued_and_verify() -> None:
    service = opened()
    pending = asked(service, Purpose.SUBMIT, 3)
    answer = service.issue(NOW, ACCOUNT, body_of(pending))
    for i, one in enumerate(pending):
        finish(one, answer[256 * i :][:256]).verify(one.key)
    assert service.allowance(NOW, ACCOUNT)[Purpose.SUBMIT] == 197
    assert service.allowance(NOW, ACCOUNT)[Purpose.UPLOAD] == 200


def test_a_repeated_request_gets_the_same_answer_and_counts_once() -> None:  # AUTH-2
    storage = MemoryStorage()
    service = opened(storage)
    body = body_of(asked(service, Purpose.QUERY, 2))
    first = service.issue(NOW, ACCOUNT, body)
    assert service.issue(NOW + 1000, ACCOUNT, body) == first
    assert issuing_service(storage).issue(NOW + 2000, ACCOUNT, body) == first
    assert service.allowance(NOW, ACCOUNT)[Purpose.QUERY] == 198


def test_a_repetition_is_answered_when_nothing_is_left() -> None:  # AUTH-2
    service = opened(per_epoch=2)
    body = body_of(asked(service, Purpose.QUERY, 2))
    assert service.issue(NOW, ACCOUNT, body) == service.issue(NOW, ACCOUNT, body)
    assert refusal(service, body_of(asked(service, Purpose.QUERY, 1))) is ErrorClass.LIMIT


def test_all_or_none() -> None:  # AUTH-1
    service = opened(per_epoch=4)
    good = asked(service, Purpose.SUBMIT, 2)
    broken = good[0].request()[:3] + b"\xff" * 256
    assert refusal(service, good[0].request() + broken) is ErrorClass.MALFORMED
    assert service.allowance(NOW, ACCOUNT)[Purpose.SUBMIT] == 4
    many = body_of(asked(service, Purpose.SUBMIT, 3)) + body_of(asked(service, Purpose.UPLOAD, 5))
    assert refusal(service, many) is ErrorClass.LIMIT
    assert set(service.allowance(NOW, ACCOUNT).values()) == {4}


def test_an_account_has_so_many_tokens_an_epoch() -> None:  # AUTH-3
    service = opened(per_epoch=3)
    service.issue(NOW, ACCOUNT, body_of(asked(service, Purpose.SUBMIT, 3)))
    assert refusal(service, body_of(asked(service, Purpose.SUBMIT, 1))) is ErrorClass.LIMIT
    service.issue(NOW, ACCOUNT, body_of(asked(service, Purpose.UPLOAD, 3)))
    later = NOW + EPOCH_MS
    service.wake(later)
    assert service.allowance(later, ACCOUNT)[Purpose.SUBMIT] == 3
    service.issue(later, ACCOUNT, body_of(asked(service, Purpose.SUBMIT, 3, later)))


def test_only_accounts_get_tokens() -> None:  # SVC-12
    service = opened()
    body = body_of(asked(service, Purpose.SUBMIT, 1))
    assert refusal(service, body, key=OTHER) is ErrorClass.FORGED
    with pytest.raises(PeerError):
        service.allowance(NOW, OTHER)
    service.close_account(ACCOUNT)
    service.close_account(ACCOUNT)
    assert refusal(service, body) is ErrorClass.FORGED
    with pytest.raises(InputError):
        service.open_account(b"short")


def test_opening_an_account_again_gives_no_new_tokens() -> None:
    service = opened(per_epoch=1)
    service.issue(NOW, ACCOUNT, body_of(asked(service, Purpose.SUBMIT, 1)))
    service.open_account(ACCOUNT)
    assert service.allowance(NOW, ACCOUNT)[Purpose.SUBMIT] == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ErrorClass.MALFORMED),
        (b"\x00\x02" + bytes(256), ErrorClass.MALFORMED),
        ((b"\x00\x02" + bytes(257)) * 65, ErrorClass.TOO_LARGE),
    ],
)
def test_bodies_that_are_no_requests(body: bytes, expected: ErrorClass) -> None:
    assert refusal(opened(), body) is expected


def test_a_key_that_does_not_issue_signs_nothing() -> None:
    service = opened()
    now = {k.key.identifier()[-1] for k in service.keys(NOW) if k.issues(NOW // 1000)}
    unknown = next(b for b in range(256) if b not in now)
    assert refusal(service, b"\x00\x02" + bytes([unknown]) + bytes(256)) is ErrorClass.REFUSED
    pending = asked(service, Purpose.SUBMIT, 1)
    later = NOW + EPOCH_MS
    service.wake(later)
    last = [k.key.identifier()[-1] for k in service.keys(later) if k.issues(later // 1000)]
    if pending[0].key.identifier()[-1] not in last:
        assert refusal(service, body_of(pending), later) is ErrorClass.REFUSED


# -------------------------------------------------------------------- keys


def test_each_purpose_and_epoch_has_a_key_of_its_own() -> None:  # TOK-1, TOK-22
    service = opened()
    for later in range(0, 6 * EPOCH_MS, EPOCH_MS):
        service.wake(NOW + later)
        keys = service.keys(NOW + later)
        assert len({(k.purpose, k.epoch) for k in keys}) == len({k.key for k in keys}) == len(keys)
        issuing = [k.key.identifier()[-1] for k in keys if k.issues((NOW + later) // 1000)]
        assert len(set(issuing)) == len(issuing) == len(Purpose)


def test_keys_that_end_in_the_same_byte_are_made_anew() -> None:  # TOK-22
    made = RepeatsKeys()
    doubled = iter([1, 1, 2, 3, 3, 4, 5, 6, *range(7, 40)])
    service = AuthorizationService(
        NOW, {}, MemoryStorage(), SeededEntropy(b"x"), lambda e: RepeatsKeys.__call__(_at(made, next(doubled)), e)
    )
    assert len({k.key for k in service.keys(NOW)}) == 3 * len(Purpose)


def _at(made: RepeatsKeys, number: int) -> RepeatsKeys:
    made.made = number - 1
    return made


def test_every_key_is_shown_an_epoch_before_it_issues() -> None:  # TOK-2
    service = opened()
    first = {k.key for k in service.keys(NOW)}
    shown: dict[object, int] = {}
    for step in range(0, 5 * EPOCH_MS, EPOCH_MS // 7):
        now = NOW + step
        service.wake(now)
        for key in service.keys(now):
            shown.setdefault(key.key, now)
            if key.issues(now // 1000) and key.key not in first:
                assert shown[key.key] + EPOCH_MS <= 1000 * key.begins_s
    assert service.next_wake_ms(NOW) == NOW + EPOCH_MS


def test_a_service_that_slept_does_not_sign_with_keys_that_nobody_saw() -> None:  # TOK-2
    storage = MemoryStorage()
    service = opened(storage)
    late = NOW + 3 * EPOCH_MS
    service = issuing_service(storage, late)
    body = body_of(asked(service, Purpose.SUBMIT, 1, late))
    assert refusal(service, body, late) is ErrorClass.REFUSED
    again = late + 2 * EPOCH_MS
    service.wake(late + EPOCH_MS)
    service.wake(again)
    assert len(service.issue(again, ACCOUNT, body_of(asked(service, Purpose.SUBMIT, 1, again)))) == 256


def test_two_instances_show_the_same_keys() -> None:  # TOK-2
    storage = MemoryStorage()
    one, other = issuing_service(storage), issuing_service(storage)
    assert one.document(NOW) == other.document(NOW)
    later = NOW + EPOCH_MS
    one.wake(later)
    other.wake(later)
    assert one.document(later) == other.document(later)
    assert read_issuer_document(one.document(later)) == one.keys(later)


def test_secrets_are_gone_after_their_epoch_and_keys_after_their_end() -> None:
    storage = MemoryStorage()
    service = opened(storage)
    old = key_of(service, Purpose.SUBMIT)
    secret = service._keys[Purpose.SUBMIT, old.epoch].secret
    assert secret is not None

    def remains() -> bool:
        assert secret is not None
        return any(secret.p.to_bytes(128) in value for value in storage.values.values())

    assert remains()
    service.wake(NOW + EPOCH_MS)
    assert not remains()
    assert old in service.keys(NOW + EPOCH_MS)
    service.wake(NOW + 2 * EPOCH_MS)
    assert old not in service.keys(NOW + 2 * EPOCH_MS)
    assert all(f"/{old.epoch:08d}/" not in place for place in storage.values)


def test_nothing_that_was_signed_is_kept_beyond_the_epoch() -> None:
    storage = MemoryStorage()
    service = opened(storage)
    pending = asked(service, Purpose.SUBMIT, 1)
    answer = service.issue(NOW, ACCOUNT, body_of(pending))
    kept = b"".join(storage.values.values())
    assert answer not in kept
    assert pending[0].blinded not in kept
    assert ACCOUNT not in kept


class Died(Exception):
    """The service lost its power."""


class DyingStorage(MemoryStorage):
    """Dies on demand instead of writing."""

    dies = False

    def save(self, key: str, value: bytes) -> None:
        if self.dies:
            raise Died
        super().save(key, value)


def test_a_count_is_durable_before_the_answer_leaves() -> None:  # SVC-8
    storage = DyingStorage()
    service = opened(storage)
    body = body_of(asked(service, Purpose.SUBMIT, 2))
    storage.dies = True
    with pytest.raises(Died):
        service.issue(NOW, ACCOUNT, body)
    storage.dies = False
    again = issuing_service(storage)
    assert again.allowance(NOW, ACCOUNT)[Purpose.SUBMIT] == 200
    again.issue(NOW, ACCOUNT, body)
    assert again.allowance(NOW, ACCOUNT)[Purpose.SUBMIT] == 198


@pytest.mark.parametrize("place", ["issuer/key/", "issuer/account/"])
def test_a_damaged_disk_is_our_own_fault(place: str) -> None:
    storage = MemoryStorage()
    service = opened(storage)
    for name in [name for name in storage.values if name.startswith(place)]:
        storage.values[name] = storage.values[name][:-1]
    with pytest.raises(OwnError):
        issuing_service(storage).issue(NOW, ACCOUNT, body_of(asked(service, Purpose.SUBMIT, 1)))


def test_epochs_are_weeks_since_1970() -> None:
    assert epoch_of(604_799) == 0
    assert epoch_of(604_800) == 1
