"""The directory: entries in order, one log under signed heads, each contact for one stranger."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.impl.issuing import NOW
from tests.impl.naming import (
    DAY,
    NOW_S,
    SEED,
    URI,
    access_key,
    ask,
    contact,
    directory,
    entry,
    identity,
    peopled,
    query,
    refusal,
    register,
)

from communicator_impl.directory import (
    Entry,
    Head,
    Proof,
    make_entry,
    read_path,
)
from communicator_impl.directory_service import DirectoryService, Mode
from communicator_impl.errors import CommunicatorError, OwnError, PeerError
from communicator_impl.storage import MemoryStorage
from communicator_spec import transparency
from communicator_spec.errors import ErrorClass

KEY = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
EXAMPLES = ("entry", "leaf", "head", "proof")


def put(service: DirectoryService, made: Entry, key: bytes | None = None) -> bytes:
    return service.register(NOW, key or access_key(made.name), made.name, made.encode())


# -------------------------------------------------------------------- entries


def test_a_registered_name_is_proved_to_whoever_asks() -> None:  # DIR-13, DIR-14
    service = peopled(directory(), "alex", "blair", "casey")
    for name in ("alex", "blair", "casey"):
        proof = Proof.decode(service.lookup(NOW, name, None))
        proof.check(NOW_S, URI, KEY, name)
        assert proof.entry == entry(name)
        assert proof.head.encode() == service.head()
    assert refusal(service.lookup, NOW, "dana", None) is ErrorClass.UNKNOWN


def test_the_answer_to_registering_is_the_proof() -> None:  # DIR-13
    service = directory()
    Proof.decode(register(service, entry("alex"))).check(NOW_S, URI, KEY, "alex")


def test_the_same_entry_again_is_no_second_leaf() -> None:  # SVC-7
    service = peopled(directory(), "alex")
    before = service.head()
    assert put(service, entry("alex")) == service.lookup(NOW, "alex", None)
    assert service.head() == before
    assert len(service.leaves(0, 10)) == 1


def test_an_identity_is_replaced_by_the_next_sequence() -> None:  # DIR-2
    service = peopled(directory(), "alex")
    assert refusal(put, service, entry("alex", 2, "alex anew")) is ErrorClass.REFUSED
    assert refusal(put, service, entry("alex", 0, "alex anew")) is ErrorClass.REFUSED
    put(service, entry("alex", 1, "alex anew", "alex"))
    put(service, entry("alex", 2, "alex lost his key"))
    assert refusal(put, service, entry("alex", 1, "alex anew", "alex")) is ErrorClass.REFUSED
    assert len(service.leaves(0, 10)) == 3


def test_field_6_is_checked_against_the_entry_that_is_there() -> None:  # DIR-1
    service = peopled(directory(), "alex")
    assert refusal(put, service, entry("alex", 1, "alex anew", "blair")) is ErrorClass.FORGED
    fresh = directory()
    fresh.open_account("alex", access_key("alex"))
    assert refusal(put, fresh, entry("alex", 0, "alex", "alex")) is ErrorClass.FORGED


def test_a_name_belongs_to_its_account() -> None:  # DIR-2, SVC-12
    service = peopled(directory(), "alex", "blair")
    assert refusal(put, service, entry("alex", 1), access_key("blair")) is ErrorClass.REFUSED
    assert refusal(put, service, entry("alex", 1), access_key("nobody")) is ErrorClass.FORGED
    assert refusal(put, service, entry("nobody"), access_key("nobody")) is ErrorClass.FORGED  # SVC-20
    of_blair = entry("blair", 1).encode()
    assert refusal(service.register, NOW, access_key("alex"), "alex", of_blair) is ErrorClass.REFUSED


def test_accounts() -> None:
    service = directory()
    service.open_account("alex", access_key("one"))
    service.open_account("alex", access_key("one"))
    assert refusal(service.open_account, "blair", access_key("one")) is ErrorClass.REFUSED
    assert refusal(service.open_account, "alex", b"short") is ErrorClass.MALFORMED
    service.open_account("alex", access_key("other"))
    assert refusal(service.stock, NOW, access_key("one"), "alex") is ErrorClass.FORGED
    assert service.stock(NOW, access_key("other"), "alex") == 0


def test_an_access_key_is_not_stored() -> None:
    storage = MemoryStorage()
    peopled(directory(storage), "alex")
    assert not any(
        access_key("alex") in value or access_key("alex").hex() in key for key, value in storage.values.items()
    )


# -------------------------------------------------------------------- the log


def test_leaves_and_paths_are_those_of_the_standard() -> None:  # DIR-12
    names = [f"n{i}" for i in range(9)]
    service = peopled(directory(), *names)
    leaves = [transparency.leaf_hash(data) for data in service.leaves(0, 100)]
    head = Head.decode(service.head())
    head.check(URI, KEY)
    assert head.tree == transparency.tree_hash(leaves)
    for first in range(1, 10):
        path = read_path(service.consistency(first, 9))
        old = transparency.tree_hash(leaves[:first])
        assert transparency.verify_consistency(first, 9, path, old, head.tree)
    assert service.leaves(3, 5) == service.leaves(0, 100)[3:5]
    assert service.leaves(9, 20) == ()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0, 1, ErrorClass.MALFORMED),
        (2, 1, ErrorClass.MALFORMED),
        (-1, 1, ErrorClass.MALFORMED),
        (1, 4, ErrorClass.UNKNOWN),
    ],
)
def test_sizes_that_make_no_sense(first: int, second: int, expected: ErrorClass) -> None:
    service = peopled(directory(), "alex", "blair", "casey")
    assert refusal(service.consistency, first, second) is expected
    assert service.consistency(1, 3)


def test_ranges_that_make_no_sense() -> None:
    service = peopled(directory(), "alex")
    assert refusal(service.leaves, 1, 0) is ErrorClass.MALFORMED
    assert refusal(service.leaves, -1, 0) is ErrorClass.MALFORMED


def test_a_head_is_signed_every_day_whether_or_not_anything_changed() -> None:  # DIR-16
    service = peopled(directory(), "alex")
    for step in range(1, 80):
        now = NOW + step * DAY // 16
        service.wake(now)
        head = Head.decode(service.head())
        assert now // 1000 - head.date_s < 86_400
        head.check_date(now // 1000)
    assert service.next_wake_ms() > NOW + 4 * DAY


def test_a_head_is_too_old_after_two_days() -> None:  # DIR-18
    head = Head.decode(directory().head())
    head.check_date(NOW_S + 2 * 86_400)
    assert refusal(head.check_date, NOW_S + 2 * 86_400 + 1) is ErrorClass.EXPIRED


class Died(Exception):
    """The service lost its power."""


class DyingStorage(MemoryStorage):
    """Dies at a chosen write."""

    left = -1

    def save(self, key: str, value: bytes) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1
        super().save(key, value)


@pytest.mark.parametrize("writes", [0, 1])
def test_an_entry_that_was_written_is_under_a_head_before_anybody_sees_it(writes: int) -> None:  # DIR-13
    storage = DyingStorage()
    service = peopled(directory(storage), "alex")
    service.open_account("blair", access_key("blair"))
    storage.left = writes
    with pytest.raises(Died):
        put(service, entry("blair"))
    storage.left = -1
    again = directory(storage, now_ms=NOW + 1000)
    head = Head.decode(again.head())
    assert head.size == 1 + writes == len(again.leaves(0, 9))
    if writes:
        Proof.decode(again.lookup(NOW, "blair", None)).check(NOW_S, URI, KEY, "blair")
    put(again, entry("blair"))
    assert len(again.leaves(0, 9)) == 2


def test_a_restart_changes_nothing() -> None:
    storage = MemoryStorage()
    service = peopled(directory(storage, paid=True), "alex", "blair")
    service.deposit(NOW, access_key("alex"), "alex", contact("alex", 1).encode() + contact("alex", 2).encode())
    given_out = service.contact(NOW, "alex", ask(1))
    again = directory(storage, paid=True, now_ms=NOW + 1000)
    assert again.head() == service.head()
    assert again.lookup(NOW, "alex", query(1)) == service.lookup(NOW, "alex", query(1))
    assert again.stock(NOW, access_key("alex"), "alex") == 1
    assert again.contact(NOW, "alex", ask(1)) == given_out


@pytest.mark.parametrize("place", ["directory/log/", "directory/head", "directory/contact/"])
def test_a_damaged_disk_is_our_own_fault(place: str) -> None:
    storage = MemoryStorage()
    service = peopled(directory(storage), "alex")
    service.deposit(NOW, access_key("alex"), "alex", contact("alex", 1).encode())
    for key in [key for key in storage.values if key.startswith(place)]:
        storage.values[key] = storage.values[key][:-1]
    with pytest.raises(OwnError):
        directory(storage)


# -------------------------------------------------------------------- contacts


def stocked(n: int, **rules: object) -> DirectoryService:
    service = peopled(directory(**rules), "alex")  # type: ignore[arg-type]
    if n:
        body = b"".join(contact("alex", i).encode() for i in range(n))
        assert service.deposit(NOW, access_key("alex"), "alex", body) == n
    return service


def test_a_contact_is_handed_out_once() -> None:  # DIR-5
    service = stocked(3)
    seen = [service.contact(NOW, "alex", None) for _ in range(3)]
    assert seen == [contact("alex", i).encode() for i in range(3)]
    assert refusal(service.contact, NOW, "alex", None) is ErrorClass.LIMIT
    assert service.deposit(NOW, access_key("alex"), "alex", seen[0]) == 0
    assert refusal(service.contact, NOW, "alex", None) is ErrorClass.LIMIT


def test_the_same_token_gets_the_same_contact() -> None:  # DIR-5, SVC-7
    service = stocked(2, paid=True)
    first = service.contact(NOW, "alex", ask(1))
    assert service.contact(NOW, "alex", ask(1)) == first
    assert service.contact(NOW, "alex", ask(2)) != first
    assert service.contact(NOW, "alex", ask(1)) == first
    assert refusal(service.contact, NOW, "blair", ask(1)) is ErrorClass.REPLAYED


@pytest.mark.parametrize("writes", [0, 1])
def test_a_contact_is_handed_out_once_although_the_power_goes(writes: int) -> None:  # DIR-5, TOK-14
    storage = DyingStorage()
    service = peopled(directory(storage, paid=True), "alex")
    service.deposit(NOW, access_key("alex"), "alex", contact("alex", 1).encode() + contact("alex", 2).encode())
    storage.left = writes
    with pytest.raises(Died):
        service.contact(NOW, "alex", ask(1))
    storage.left = -1
    again = directory(storage, paid=True)
    one, other = again.contact(NOW, "alex", ask(1)), again.contact(NOW, "alex", ask(2))
    assert {one, other} == {contact("alex", 1).encode(), contact("alex", 2).encode()}


def test_why_there_is_no_contact_nobody_learns() -> None:  # DIR-9, DIR-10
    answers = {
        "stock empty": refusal(stocked(0).contact, NOW, "alex", None),
        "no such name": refusal(stocked(1).contact, NOW, "blair", None),
        "rules": refusal(stocked(0, mode=Mode.ATTESTING).contact, NOW, "alex", None),
    }
    limited = stocked(3, per_day=2)
    limited.contact(NOW, "alex", None)
    limited.contact(NOW, "alex", None)
    answers["day's number"] = refusal(limited.contact, NOW, "alex", None)
    assert set(answers.values()) == {ErrorClass.LIMIT}
    assert limited.contact(NOW + DAY, "alex", None)


def test_the_days_number_survives_cleaning_and_restart() -> None:  # DIR-9
    storage = MemoryStorage()
    service = peopled(directory(storage, per_day=1), "alex")
    short = [contact("alex", i, 1, NOW_S - 86_400 + 7200).encode() for i in range(2)]
    service.deposit(NOW, access_key("alex"), "alex", b"".join(short))
    service.contact(NOW, "alex", None)
    late = NOW + 3 * 3_600_000
    service.wake(late)
    service.deposit(late, access_key("alex"), "alex", contact("alex", 9).encode())
    assert refusal(service.contact, late, "alex", None) is ErrorClass.LIMIT
    assert refusal(directory(storage, per_day=1).contact, late, "alex", None) is ErrorClass.LIMIT
    assert service.contact(late + DAY, "alex", None) == contact("alex", 9).encode()


def test_a_refusal_costs_no_token_but_a_query_that_finds_nothing_does() -> None:  # TOK-18
    service = stocked(0, paid=True)
    assert refusal(service.contact, NOW, "alex", ask(1)) is ErrorClass.LIMIT
    service.deposit(NOW, access_key("alex"), "alex", contact("alex", 1).encode())
    assert service.contact(NOW, "alex", ask(1)) == contact("alex", 1).encode()
    assert refusal(service.lookup, NOW, "blair", query(1)) is ErrorClass.UNKNOWN
    assert refusal(service.lookup, NOW, "alex", query(1)) is ErrorClass.REPLAYED
    assert refusal(service.lookup, NOW, "blair", query(1)) is ErrorClass.UNKNOWN
    assert service.lookup(NOW, "alex", query(2))


def test_without_a_token_nothing_is_answered() -> None:  # TOK-6
    service = stocked(1, paid=True)
    assert refusal(service.lookup, NOW, "alex", None) is ErrorClass.FORGED
    assert refusal(service.contact, NOW, "alex", None) is ErrorClass.FORGED
    assert refusal(service.contact, NOW, "alex", query(1)) is ErrorClass.FORGED
    assert refusal(service.lookup, NOW, "alex", b"") is ErrorClass.MALFORMED


def test_a_directory_holds_1024_contacts_and_takes_64_at_once() -> None:  # DIR-8
    service = stocked(0)
    made = [contact("alex", i).encode() for i in range(64)]
    deposit = service.deposit
    key = access_key("alex")
    assert refusal(deposit, NOW, key, "alex", b"".join([*made, contact("alex", 64).encode()])) is ErrorClass.LIMIT
    assert deposit(NOW, key, "alex", b"".join(made)) == 64
    assert deposit(NOW, key, "alex", b"".join(made)) == 64  # SVC-7
    for number, data in enumerate(made * 15):
        stored = service._contacts["alex"][number % 64]
        service._put("alex", 64 + number, msgspec.structs.replace(stored, contact=data + b"%d" % number))
    assert service.stock(NOW, key, "alex") == 1024
    assert refusal(deposit, NOW, key, "alex", contact("alex", 99).encode()) is ErrorClass.LIMIT
    service.contact(NOW, "alex", None)
    assert deposit(NOW, key, "alex", contact("alex", 99).encode()) == 1024


def test_contacts_are_taken_all_or_none_and_only_good_ones() -> None:  # DIR-6
    service, good = stocked(0), contact("alex", 1).encode()
    expired = contact("alex", 2, 1, NOW_S - 3 * 86_400).encode()
    tampered = good.replace(contact("alex", 1).package.signature, bytes(64))
    bad = {
        contact("blair", 1).encode(): ErrorClass.FORGED,
        tampered: ErrorClass.FORGED,
        expired: ErrorClass.EXPIRED,
        b"\xa0": ErrorClass.MALFORMED,
        good[:-1]: ErrorClass.MALFORMED,
        bytes(64 * 2900): ErrorClass.TOO_LARGE,
    }
    for data, expected in bad.items():
        assert refusal(service.deposit, NOW, access_key("alex"), "alex", good + data) is expected
    assert service.stock(NOW, access_key("alex"), "alex") == 0
    assert service.deposit(NOW, access_key("alex"), "alex", good) == 1


def test_contacts_need_an_entry_and_a_brokered_directory() -> None:
    service = directory()
    service.open_account("alex", access_key("alex"))
    assert refusal(service.deposit, NOW, access_key("alex"), "alex", b"") is ErrorClass.REFUSED
    attesting = stocked(0, mode=Mode.ATTESTING)
    assert refusal(attesting.deposit, NOW, access_key("alex"), "alex", b"") is ErrorClass.REFUSED
    assert refusal(attesting.deposit, NOW, access_key("x"), "alex", b"") is ErrorClass.FORGED


def test_contacts_of_a_replaced_identity_and_ended_ones_are_not_handed_out() -> None:  # DIR-6
    service = stocked(2)
    assert service.stock(NOW + 9 * DAY, access_key("alex"), "alex") == 0
    put(service, entry("alex", 1, "alex anew", "alex"))
    assert service.stock(NOW, access_key("alex"), "alex") == 0
    assert refusal(service.contact, NOW, "alex", None) is ErrorClass.LIMIT
    service.wake(NOW)
    assert not service._contacts["alex"]


def test_what_nobody_can_ask_for_again_is_forgotten() -> None:
    storage = MemoryStorage()
    service = peopled(directory(storage, paid=True), "alex")
    service.deposit(NOW, access_key("alex"), "alex", contact("alex", 1).encode())
    service.contact(NOW, "alex", ask(1))
    service.wake(NOW + 13 * DAY)
    assert any(key.startswith("directory/contact/") for key in storage.values)
    service.wake(NOW + 14 * DAY)
    assert not any(key.startswith(("directory/contact/", "spent/")) for key in storage.values)


@given(st.binary(max_size=3000))
def test_a_directory_refuses_rubbish_and_lives(data: bytes) -> None:
    service = SHARED
    for call in (
        lambda: service.register(NOW, access_key("alex"), "alex", data),
        lambda: service.deposit(NOW, access_key("alex"), "alex", data or b"\x00"),
        lambda: service.lookup(NOW, data.decode("latin-1"), data),
        lambda: service.contact(NOW, "alex", data),
    ):
        with pytest.raises(CommunicatorError):
            call()
    assert len(service.leaves(0, 9)) == 1


SHARED = stocked(0, paid=True)


def test_an_entry_for_a_name_that_is_none_cannot_be_made() -> None:
    with pytest.raises(PeerError):
        make_entry("", 0, identity("x"), NOW_S)
