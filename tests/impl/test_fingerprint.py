"""The digits that two people compare."""

import hashlib

from communicator_impl.entropy import SeededEntropy
from communicator_impl.fingerprint import fingerprint
from communicator_impl.keys import Identity

ONE, OTHER, THIRD = (Identity.generate(SeededEntropy(name)).public for name in (b"one", b"other", b"third"))


def test_both_ends_read_the_same_twelve_groups() -> None:
    groups = fingerprint(ONE, OTHER)
    assert groups == fingerprint(OTHER, ONE)  # SEC-6
    assert [len(group) for group in groups] == [5] * 12
    assert "".join(groups).isdecimal()


def test_each_group_is_five_bytes_modulo_a_hundred_thousand() -> None:
    low, high = sorted([ONE.to_bytes(), OTHER.to_bytes()])
    digest = hashlib.sha512(low + high).digest()
    expected = [f"{int.from_bytes(digest[5 * i : 5 * i + 5], 'big') % 100_000:05d}" for i in range(12)]
    assert list(fingerprint(ONE, OTHER)) == expected


def test_somebody_in_between_is_seen() -> None:
    assert fingerprint(ONE, THIRD) != fingerprint(THIRD, OTHER)
