"""Identities, key packages, agreement and the session on top."""

import msgspec
import pytest

from communicator_impl import session as sessions
from communicator_impl import wire
from communicator_impl.agreement import initiate, open_opening, respond, seal_opening
from communicator_impl.entropy import Entropy, SeededEntropy, SystemEntropy
from communicator_impl.errors import CommunicatorError, InputError, OwnError, PeerError
from communicator_impl.keys import Identity, IdentityKey, KeyPackage, PackageSecret, make_package
from communicator_impl.session import Session
from communicator_impl.session_state import session_from_bytes, session_to_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600
DAY = 86_400
CLASS = PARAMETERS.envelope.ciphertext_classes_bytes[0]


class World:
    """A responder with one package, and an initiator who has it."""

    def __init__(self, entropy: Entropy) -> None:
        self.entropy = entropy
        self.alex, self.blair = Identity.generate(entropy), Identity.generate(entropy)
        self.secret = make_package(self.blair, NOW, DAY, entropy)

    @property
    def package(self) -> KeyPackage:
        return self.secret.package

    def start(self) -> Session:
        return sessions.start(self.alex, self.package, NOW, self.entropy)

    def seal(self, session: Session, body: bytes = b"body") -> tuple[Session, bytes]:
        return sessions.seal(session, body, self.entropy)

    def accept(self, ciphertext: bytes, now: int = NOW) -> tuple[Session, bytes, PackageSecret]:
        return sessions.accept(self.blair, [self.secret], ciphertext, now, self.entropy)

    def read(self, session: Session, ciphertext: bytes) -> tuple[Session, bytes]:
        return sessions.open_message(session, ciphertext, self.entropy)


@pytest.fixture(params=[SystemEntropy(), SeededEntropy(b"agreement")], ids=["real", "seeded"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def error_class(caught: pytest.ExceptionInfo[CommunicatorError]) -> ErrorClass:
    return caught.value.error_class


def signed_again(package: KeyPackage, owner: Identity, **changes: object) -> bytes:
    changed = msgspec.structs.replace(package, **changes)
    signature = owner.sign(PARAMETERS.session.package_label, wire.encode(changed._signed_fields()))
    return msgspec.structs.replace(changed, signature=signature).encode()


def test_both_ends_agree(world: World) -> None:
    agreed, opening = initiate(world.alex, world.package, NOW, world.entropy)
    assert respond(world.blair, world.secret, opening) == agreed
    assert len(opening.to_bytes()) == PARAMETERS.session.opening_bytes == 176


def test_an_opening_that_names_another_package_is_forged(world: World) -> None:
    _, opening = initiate(world.alex, world.package, NOW, world.entropy)
    with pytest.raises(PeerError) as caught:
        respond(world.blair, make_package(world.blair, NOW, DAY, world.entropy), opening)
    assert error_class(caught) is ErrorClass.FORGED


def test_an_opening_is_sealed_anew_and_bound_to_its_message(world: World) -> None:
    _, opening = initiate(world.alex, world.package, NOW, world.entropy)
    prekey = world.secret.prekey
    first, second = (seal_opening(opening, prekey.public, b"message", world.entropy) for _ in range(2))
    assert first != second
    assert len(first) == PARAMETERS.session.opening_sealed_bytes == 224
    assert open_opening(prekey, first, b"message") == opening
    with pytest.raises(PeerError) as caught:
        open_opening(prekey, first, b"another")
    assert error_class(caught) is ErrorClass.FORGED


def test_a_package_survives_encoding(world: World) -> None:
    data = world.package.encode()
    assert KeyPackage.decode(data, NOW) == world.package
    assert KeyPackage.decode(data, NOW).encode() == data
    assert world.package.not_before_s % 3600 == world.package.not_after_s % 3600 == 0


def test_every_flipped_byte_of_a_package_is_refused(world: World) -> None:
    data = world.package.encode()
    for at in range(0, len(data), 3):
        with pytest.raises(PeerError):
            KeyPackage.decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], NOW)


def test_a_package_is_refused_outside_its_dates(world: World) -> None:
    data, package = world.package.encode(), world.package
    for now in (package.not_before_s - 1, package.not_after_s):
        with pytest.raises(PeerError) as caught:
            KeyPackage.decode(data, now)
        assert error_class(caught) is ErrorClass.EXPIRED
    KeyPackage.decode(data, package.not_after_s - 1)


def test_an_agreement_key_of_somebody_else_is_forged(world: World) -> None:
    thief = Identity.generate(world.entropy)
    stolen = IdentityKey(thief.public.sign, world.blair.public.agree, world.blair.public.binding)
    with pytest.raises(PeerError) as caught:
        KeyPackage.decode(signed_again(world.package, thief, identity=stolen), NOW)
    assert error_class(caught) is ErrorClass.FORGED


def test_a_package_that_lives_too_long_is_malformed(world: World) -> None:
    end = NOW + PARAMETERS.session.package_lifetime_s_max + DAY
    with pytest.raises(PeerError) as caught:
        KeyPackage.decode(signed_again(world.package, world.blair, not_after_s=end), NOW)
    assert error_class(caught) is ErrorClass.MALFORMED
    with pytest.raises(InputError):
        make_package(world.blair, NOW, PARAMETERS.session.package_lifetime_s_max + DAY, world.entropy)


def test_any_first_message_may_arrive_first_and_none_repeats_bytes(world: World) -> None:
    begun = world.start()
    begun, first = world.seal(begun, b"same")
    begun, second = world.seal(begun, b"same")  # SES-9, SES-23
    windows = {first[at : at + 5] for at in range(len(first) - 4)}
    assert not any(second[at : at + 5] in windows for at in range(len(second) - 4))
    answered, body, used = world.accept(second)
    assert (body, used) == (b"same", world.secret)
    answered, body = world.read(answered, first)
    assert body == b"same"


def test_openings_end_with_the_first_reply_and_the_prekey_with_the_next_message(world: World) -> None:
    begun, first = world.seal(world.start())
    answered, _, _ = world.accept(first)
    answered, reply = world.seal(answered)
    assert begun.awaits_reply
    begun, _ = world.read(begun, reply)
    assert not begun.awaits_reply
    assert begun.opening is None
    assert answered.own_prekey is not None
    begun, ordinary = world.seal(begun)
    answered, _ = world.read(answered, ordinary)
    assert answered.own_prekey is None


def test_all_ciphertexts_have_one_length(world: World) -> None:
    begun = world.start()
    begun, empty = world.seal(begun, b"")
    begun, full = world.seal(begun, bytes(sessions.room(begun)))
    answered, _, _ = world.accept(empty)
    answered, reply = world.seal(answered, bytes(sessions.room(answered)))
    assert {len(empty), len(full), len(reply)} == {CLASS}
    assert (sessions.room(begun), sessions.room(answered)) == (2486, 2710)


def test_a_body_without_room_is_too_large(world: World) -> None:
    begun = world.start()
    with pytest.raises(InputError) as caught:
        world.seal(begun, bytes(sessions.room(begun) + 1))
    assert error_class(caught) is ErrorClass.TOO_LARGE


def test_a_ciphertext_of_another_length_is_malformed(world: World) -> None:
    begun, first = world.seal(world.start())
    for call in (lambda: world.accept(first[:-1]), lambda: world.read(begun, first + b"\0")):
        with pytest.raises(PeerError) as caught:
            call()
        assert error_class(caught) is ErrorClass.MALFORMED


def test_a_stranger_without_the_package_is_forged(world: World) -> None:
    other = make_package(world.blair, NOW, DAY, world.entropy)
    begun = sessions.start(world.alex, other.package, NOW, world.entropy)
    _, first = world.seal(begun)
    with pytest.raises(PeerError) as caught:
        world.accept(first)
    assert error_class(caught) is ErrorClass.FORGED


def test_a_prekey_outlives_its_package_by_the_grace_only(world: World) -> None:
    _, first = world.seal(world.start())
    end = world.package.not_after_s + PARAMETERS.session.package_grace_s
    world.accept(first, end - 1)
    with pytest.raises(PeerError):
        world.accept(first, end)


def test_a_second_opening_of_the_same_package_does_not_enter_a_session(world: World) -> None:
    _, first = world.seal(world.start())
    answered, _, _ = world.accept(first)
    intruder = sessions.start(Identity.generate(world.entropy), world.package, NOW, world.entropy)
    _, other = world.seal(intruder)
    with pytest.raises(PeerError) as caught:
        world.read(answered, other)
    assert error_class(caught) is ErrorClass.FORGED


def test_padding_that_is_not_zero_is_malformed() -> None:
    assert sessions._unpad(b"\x00\x02ab\x00") == b"ab"
    for padded in (b"\x00\x02ab\x01", b"\x00\x04ab\x00"):
        with pytest.raises(PeerError) as caught:
            sessions._unpad(padded)
        assert error_class(caught) is ErrorClass.MALFORMED


def test_two_who_meet_may_both_speak_at_once(world: World) -> None:
    a, b = sessions.pair(NOW, world.entropy, SystemEntropy())
    assert a.peer != b.peer
    a, from_a = world.seal(a, b"a")
    b, from_b = world.seal(b, b"b")
    a, body_a = world.read(a, from_b)
    b, body_b = world.read(b, from_a)
    assert (body_a, body_b) == (b"b", b"a")


def test_sessions_survive_storage_at_every_stage(world: World) -> None:
    begun, first = world.seal(world.start())
    answered, _, _ = world.accept(first)
    a, b = sessions.pair(NOW, world.entropy, SystemEntropy())
    for session in (begun, answered, a, b):
        assert session_from_bytes(session_to_bytes(session)) == session
    with pytest.raises(OwnError):
        session_from_bytes(session_to_bytes(a)[:-1])


def test_sessions_of_two_relationships_have_nothing_in_common() -> None:
    one, two = (sessions.pair(NOW, SystemEntropy(), SystemEntropy())[1] for _ in range(2))
    pieces = [{s.peer.to_bytes()[i : i + 8] for i in range(121)} for s in (one, two)]  # by chance: once in 10^15 times
    assert not pieces[0] & pieces[1]
