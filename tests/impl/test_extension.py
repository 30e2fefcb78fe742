"""What may grow later is closed today: numbers that nobody assigned are not sent, and an identity has one suite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.body import Body, Kind, Received, encode_body, kind_of
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import PeerError
from communicator_impl.keys import Identity, make_package
from communicator_spec import Command, ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import validate

NOW_S = 1_767_225_600
DAY_S = 86_400
ASSIGNED = {*range(Command.MOVED + 1), PARAMETERS.extension.command_read, PARAMETERS.extension.command_resync}

CONTENTS = {
    PARAMETERS.extension.command_read: wire.encode([0, []]),
    PARAMETERS.extension.command_resync: wire.encode({0: 3}),
}


def test_devices_know_no_number_that_the_standard_does_not_assign() -> None:  # EXT-10
    assert {int(kind) for kind in Kind} == {int(command) for command in Command}
    assert {int(kind) for kind in Kind} <= ASSIGNED


@given(st.integers(0, 1 << 16).filter(lambda number: number not in {int(kind) for kind in Kind}))
def test_a_number_that_is_not_assigned_becomes_no_body(number: int) -> None:  # EXT-10
    with pytest.raises(PeerError) as refusal:
        kind_of(number)
    assert refusal.value.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("kind", list(Kind))
def test_every_body_that_is_sent_names_an_assigned_number(kind: Kind) -> None:  # EXT-10
    number = 3 if kind is Kind.MESSAGE else None
    data = encode_body(Body(kind, Received(), 0, number, content=CONTENTS.get(kind)))
    value = wire.decode(data, 4096)
    assert isinstance(value, dict)
    assert value[1] in ASSIGNED
    assert validate("body", data) is None


@given(st.lists(st.tuples(st.integers(1, 395), st.booleans()), min_size=2, max_size=5))
def test_all_packages_of_an_identity_have_one_suite(plans: list[tuple[int, bool]]) -> None:  # EXT-6
    entropy = SeededEntropy(b"suites")
    identity = Identity.generate(entropy)
    packages = [make_package(identity, NOW_S, days * DAY_S, entropy, reusable).package for days, reusable in plans]
    values = [wire.decode(package.encode(), 512) for package in packages]
    assert {value[1] for value in values if isinstance(value, dict)} == {PARAMETERS.suite.number}
    assert all(validate("key-package", package.encode()) is None for package in packages)
