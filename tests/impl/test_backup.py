"""A backup comes back with its secret, with no other, and never holds it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.backup import COST_MIN, Passphrase, RecoveryKey, make, recovery_key, restore, snapshot
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, InputError, PeerError
from communicator_impl.storage import MemoryStorage
from communicator_spec.errors import ErrorClass

ENTROPY = SeededEntropy(b"backup")
KEY = recovery_key(ENTROPY)
WORDS = Passphrase("correct horse battery staple")
VALUES = {"particle/0": b"one", "particle/1": bytes(3000), "history/0": b""}


def refusal(backup: bytes, secret: RecoveryKey | Passphrase = KEY) -> ErrorClass:
    with pytest.raises(CommunicatorError) as caught:
        restore(backup, secret)
    return caught.value.error_class


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), st.binary(max_size=99)))
def test_everything_comes_back(values: dict[str, bytes]) -> None:
    assert restore(make(values, KEY, ENTROPY), KEY) == values


def test_a_storage_comes_back_whole() -> None:
    storage = MemoryStorage()
    for key, value in VALUES.items():
        storage.save(key, value)
    assert restore(make(snapshot(storage), KEY, ENTROPY), KEY) == VALUES
    assert list(snapshot(storage, "particle/")) == ["particle/0", "particle/1"]


@settings(max_examples=5)
@given(st.text(st.characters(codec="utf-8"), min_size=8, max_size=20))
def test_a_passphrase_opens_what_it_closed(words: str) -> None:
    backup = make(VALUES, Passphrase(words), ENTROPY, COST_MIN)
    assert restore(backup, Passphrase(words)) == VALUES
    assert refusal(backup, Passphrase(words + "!")) is ErrorClass.FORGED


def test_another_key_opens_nothing() -> None:
    backup = make(VALUES, KEY, ENTROPY)
    assert refusal(backup, RecoveryKey(bytes(32))) is ErrorClass.FORGED
    assert refusal(backup, WORDS) is ErrorClass.FORGED
    assert refusal(make(VALUES, WORDS, ENTROPY, COST_MIN), KEY) is ErrorClass.FORGED


@pytest.mark.parametrize("secret", [KEY, WORDS], ids=["recovery key", "passphrase"])
def test_the_key_is_not_in_it(secret: RecoveryKey | Passphrase) -> None:
    raw = secret if isinstance(secret, bytes) else secret.encode()
    backup = make(VALUES, secret, ENTROPY, COST_MIN)
    assert raw not in backup
    with pytest.raises(InputError) as caught:  # PORT-9
        make({**VALUES, "setting": b"key: " + raw}, secret, ENTROPY, COST_MIN)
    assert caught.value.error_class is ErrorClass.REFUSED


def test_nothing_of_the_values_is_readable_and_no_two_backups_agree() -> None:
    one, other = (make({"particle/0": b"a secret of a session"}, KEY, ENTROPY) for _ in range(2))
    assert b"secret" not in one
    assert b"particle" not in one
    assert one[40:] != other[40:]


def test_the_length_says_little() -> None:
    sizes = {len(make({"x": bytes(n)}, KEY, ENTROPY)) for n in range(0, 4000, 500)}
    assert len(sizes) == 1


@given(st.data())
def test_a_changed_backup_is_refused(data: st.DataObject) -> None:
    backup = make({"x": b"y"}, KEY, SeededEntropy(b"fixed"))
    at, bit = data.draw(st.integers(0, len(backup) - 1)), data.draw(st.integers(0, 7))
    changed = backup[:at] + bytes([backup[at] ^ 1 << bit]) + backup[at + 1 :]
    assert refusal(changed) in (ErrorClass.FORGED, ErrorClass.MALFORMED)
    assert refusal(backup[:at]) is ErrorClass.MALFORMED


@pytest.mark.parametrize("cost", [1, COST_MIN - 1, 21, 40])
def test_a_head_out_of_bounds_costs_nothing(cost: int) -> None:
    good = wire.array(wire.decode(make(VALUES, WORDS, ENTROPY, COST_MIN), 1 << 20), 5)
    assert restore(wire.encode(good), WORDS) == VALUES
    assert refusal(wire.encode([good[0], cost, *good[2:]]), WORDS) is ErrorClass.MALFORMED


@pytest.mark.parametrize("cost", [0, 1, COST_MIN - 1, 21])
def test_a_weak_or_ruinous_cost_is_refused(cost: int) -> None:
    with pytest.raises(InputError):
        make(VALUES, WORDS, ENTROPY, cost)


@pytest.mark.parametrize("secret", [RecoveryKey(b"short"), Passphrase("seven.."), Passphrase("")])
def test_a_weak_secret_is_refused(secret: RecoveryKey | Passphrase) -> None:
    with pytest.raises(InputError):
        make(VALUES, secret, ENTROPY)


@pytest.mark.parametrize("junk", [b"", b"\x00", b"\x80", b"\x85\x02\x00\x40\x40\x40"])
def test_what_is_no_backup_is_malformed(junk: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        restore(junk, KEY)
    assert caught.value.error_class is ErrorClass.MALFORMED
