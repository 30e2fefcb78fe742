"""Suite 2: X-Wing as others describe it, what both ends derive, and every way down to suite 1 that must be closed."""

import json
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import session, wire, xwing
from communicator_impl.agreement import Opening, open_opening, seal_opening
from communicator_impl.entropy import Entropy, SeededEntropy, SystemEntropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.introduction import Introduction, Suites
from communicator_impl.keys import Identity, KeyPackage, PackageSecret, make_package
from communicator_impl.session import Session
from communicator_impl.session_state import session_from_bytes, session_to_bytes
from communicator_impl.suite import Suite
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import validate

NOW, DAY = 1_767_225_600, 86_400
H = PARAMETERS.hybrid
DRAFT = json.loads((Path(__file__).parent / "data" / "xwing.json").read_text())["vectors"]


class World(NamedTuple):
    alex: Identity
    blair: Identity
    secret: PackageSecret
    entropy: Entropy


def world(suite: Suite = Suite.HYBRID, seed: bytes = b"hybrid", *, real: bool = False) -> World:
    entropy: Entropy = SystemEntropy() if real else SeededEntropy(seed)
    alex, blair = Identity.generate(entropy), Identity.generate(entropy)
    return World(alex, blair, make_package(blair, NOW, DAY, entropy, suite=suite), entropy)


def met(w: World) -> tuple[Session, Session]:
    begun, first = session.seal(session.start(w.alex, w.secret.package, NOW, w.entropy), b"hello", w.entropy)
    answered, body, _ = session.accept(w.blair, [w.secret], first, NOW, w.entropy)
    assert body == b"hello"
    return begun, answered


def refused(*args: object, **more: object) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        session.accept_restart(*args, **more)  # type: ignore[arg-type]
    return caught.value.error_class


@pytest.mark.parametrize("row", DRAFT)
def test_keys_and_encapsulation_are_those_of_the_draft(row: dict[str, str]) -> None:
    pair = xwing.key_pair(bytes.fromhex(row["seed"]))
    assert pair.public.hex() == row["pk"]
    enc, shared = xwing.encapsulate(pair.public, bytes.fromhex(row["eseed"]))
    assert (enc.hex(), shared.hex()) == (row["ct"], row["ss"])


@pytest.mark.parametrize("real", [True, False])
def test_the_library_opens_what_either_seals(real: bool) -> None:  # the library when randomness is real
    w = world(real=real)
    pair = xwing.generate(w.entropy, "x")
    one, other = (xwing.seal(pair.public, b"info", b"text", w.entropy, "seal") for _ in range(2))
    assert one != other
    assert xwing.open_sealed(pair.secret, b"info", one) == xwing.open_sealed(pair.secret, b"info", other) == b"text"
    assert len(one) == H.encapsulated_key_bytes + len(b"text") + PARAMETERS.suite.tag_bytes


@pytest.mark.parametrize("real", [True, False])
def test_two_ends_meet_talk_and_keep_one_restart_key(real: bool) -> None:  # SES-30
    w = world(real=real)
    begun, answered = met(w)
    answered, reply = session.seal(answered, b"yes", w.entropy)
    begun, body = session.open_message(begun, reply, w.entropy)
    assert body == b"yes"
    assert begun.restart_key == answered.restart_key
    assert len(begun.restart_key) == H.restart_key_bytes
    assert begun.suite is answered.suite is Suite.HYBRID


@given(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8))
def test_the_secret_of_an_opening_is_drawn_for_each_session_and_erased(one: bytes, other: bytes) -> None:  # SES-31
    w = world()
    openings = [session.start(w.alex, w.secret.package, NOW, SeededEntropy(seed)).opening for seed in (one, other)]
    assert None not in openings
    assert (openings[0] == openings[1]) == (one == other)
    begun, answered = met(w)
    assert begun.opening is not None
    secret = begun.opening.secret
    answered, reply = session.seal(answered, b"yes", w.entropy)
    begun, _ = session.open_message(begun, reply, w.entropy)
    begun, bare = session.seal(begun, b"again", w.entropy)
    assert secret in session_to_bytes(answered)
    answered, _ = session.open_message(answered, bare, w.entropy)
    for end in (begun, answered):
        assert secret not in session_to_bytes(end)
        assert w.secret.prekey.secret not in session_to_bytes(end)


@given(st.lists(st.sampled_from(["a", "b", "restore"]), max_size=6), st.sampled_from(list(Suite)))
def test_a_relationship_keeps_its_suite_through_messages_storage_and_restarts(steps: list[str], suite: Suite) -> None:
    """EXT-4, PORT-29."""
    w = world(suite)
    a, b = met(w)
    key, now = a.restart_key, NOW
    for step in steps:
        if step == "restore":
            now += 1
            a = session.restart(w.alex, w.blair.public, now, w.entropy, a.restart_key)
            a, first = session.seal(a, b"RESYNC", w.entropy)
            b, _ = session.accept_restart(w.blair, w.alex.public, first, now, now - 1, w.entropy, b.restart_key)
        elif step == "a":
            a, text = session.seal(a, b"from a", w.entropy)
            b, _ = session.open_message(b, text, w.entropy)
        else:
            b, text = session.seal(b, b"from b", w.entropy)
            a, _ = session.open_message(a, text, w.entropy)
        a, b = (session_from_bytes(session_to_bytes(end)) for end in (a, b))
        assert a.suite is b.suite is suite
        assert a.restart_key == b.restart_key == key


# -------------------------------------------------------------------- no way down


def test_a_package_that_was_swapped_for_one_of_suite_1_is_refused() -> None:
    package = world().secret.package
    part = msgspec.structs.replace(package, suite=Suite.CLASSICAL, prekey=package.agreement_key())
    with pytest.raises(PeerError) as caught:
        KeyPackage.decode(part.encode(), NOW)
    assert caught.value.error_class is ErrorClass.FORGED


def test_an_opening_of_suite_1_starts_nothing_with_a_package_of_suite_2() -> None:  # SES-32
    w = world()
    package = w.secret.package
    part = msgspec.structs.replace(package, suite=Suite.CLASSICAL, prekey=package.agreement_key())
    draft = msgspec.structs.replace(part, signature=_signature(w.blair, part))
    begun = session.start(w.alex, draft, NOW, w.entropy)
    assert begun.opening is not None
    named = msgspec.structs.replace(begun.opening, package_id=package.identifier())
    _, first = session.seal(msgspec.structs.replace(begun, opening=named), b"hello", w.entropy)
    with pytest.raises(PeerError) as caught:
        session.accept(w.blair, [w.secret], first, NOW, w.entropy)
    assert caught.value.error_class is ErrorClass.FORGED


def _signature(owner: Identity, package: KeyPackage) -> bytes:
    fields = wire.decode(package.encode(), 4096)
    assert isinstance(fields, dict)
    return owner.sign(
        PARAMETERS.session.package_label, wire.encode({name: value for name, value in fields.items() if name != 9})
    )


@pytest.mark.parametrize("key", [b"", bytes(32)])
def test_a_restart_without_the_restart_key_is_forged(key: bytes) -> None:  # PORT-28
    w = world()
    a, b = met(w)
    for sealed, agreed in ((key, key), (a.restart_key, key), (key, a.restart_key)):
        begun = session.restart(w.alex, w.blair.public, NOW, w.entropy, agreed)
        _, first = session.seal(msgspec.structs.replace(begun, restart_key=sealed), b"RESYNC", w.entropy)
        assert refused(w.blair, w.alex.public, first, NOW, 0, w.entropy, b.restart_key) is ErrorClass.FORGED


def test_a_restart_of_suite_2_opens_nothing_in_a_relationship_of_suite_1() -> None:
    w = world(Suite.CLASSICAL)
    met(w)
    begun = session.restart(w.alex, w.blair.public, NOW, w.entropy, bytes(32))
    _, first = session.seal(begun, b"RESYNC", w.entropy)
    assert refused(w.blair, w.alex.public, first, NOW, 0, w.entropy) is ErrorClass.FORGED


def test_the_opening_of_a_restart_opens_for_nobody_without_the_restart_key() -> None:
    w = world()
    opening = Opening(bytes(8) + NOW.to_bytes(8), w.alex.public, bytes(range(32)))
    sealed = seal_opening(opening, w.blair.public.agree, b"message", w.entropy, b"k" * 32)
    assert open_opening(w.blair.agreement, sealed, b"message", b"k" * 32) == opening
    with pytest.raises(PeerError):
        open_opening(w.blair.agreement, sealed, b"message")


def test_a_person_who_requires_suite_2_refuses_one_of_suite_1() -> None:  # EXT-11
    asked = [Introduction(0, None, None, SystemEntropy(), suites) for suites in (Suites(), Suites(least=Suite.HYBRID))]  # type: ignore[arg-type]
    packages = {suite: world(suite).secret.package for suite in Suite}
    for package in packages.values():
        assert asked[0]._allowed(package) == package
    assert asked[1]._allowed(packages[Suite.HYBRID]) == packages[Suite.HYBRID]
    with pytest.raises(InputError) as caught:
        asked[1]._allowed(packages[Suite.CLASSICAL])
    assert caught.value.error_class is ErrorClass.REFUSED


def test_a_package_fits_its_rule_and_no_other() -> None:
    data = world().secret.package.encode()
    assert len(data) == 1443
    assert validate("hybrid-package", data) is None
    assert validate("key-package", data) is not None


def test_sums_of_suite_2() -> None:
    p, s, z = PARAMETERS.session, PARAMETERS.suite, PARAMETERS.sizes
    assert H.opening_bytes == p.opening_bytes + H.opening_secret_bytes
    assert H.opening_sealed_bytes == H.encapsulated_key_bytes + H.opening_bytes + s.tag_bytes
    assert H.first_room_bytes == z.room_bytes - H.opening_sealed_bytes
    assert H.first_set_bytes <= H.first_room_bytes
