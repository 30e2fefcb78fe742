"""Profile two-layer/1: from issuing to spending, and every way to be refused."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import hpke
from communicator_impl.addresses import (
    KeySchedule,
    Profile,
    Rdas,
    Sda,
    ServiceConfig,
    TwoLayerRegistration,
    TwoLayerRoot,
    TwoLayerTable,
    diversify,
    round_up_to_hour,
)
from communicator_impl.addresses.values import ciphertext_digest, seal_info
from communicator_impl.entropy import Entropy, SeededEntropy, SystemEntropy
from communicator_impl.errors import CommunicatorError, InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600
DAY = 86_400
UNTIL = NOW + DAY
URI = "https://rs.example"
TEXT = b"ciphertext"
BOTH = (Profile.TWO_LAYER, Profile.LABEL)


class World:
    """One service with one registered root."""

    def __init__(self) -> None:
        self.entropy: Entropy = SeededEntropy(b"two-layer")
        self.schedule = KeySchedule.generate(URI, BOTH, NOW, self.entropy)
        self.root = TwoLayerRoot.generate(self.entropy)
        self.table = TwoLayerTable()
        self.table.register(self.root.registration())

    @property
    def config(self) -> ServiceConfig:
        return self.schedule.config()

    def issue(self, index: int = 0, until: int = UNTIL, now: int = NOW) -> Rdas:
        return self.root.issue(self.config, range(index, index + 1), until, now, self.entropy)[0]

    def address(self, index: int = 0, until: int = UNTIL) -> Sda:
        return self.diversify(self.issue(index, until))

    def diversify(self, rdas: Rdas, text: bytes = TEXT) -> Sda:
        return diversify(rdas, self.config.sealing_key(NOW), text, self.entropy)

    def refused(self, sda: Sda, text: bytes = TEXT, now: int = NOW) -> ErrorClass:
        with pytest.raises(PeerError) as caught:
            self.table.resolve(sda, text, self.schedule, now)
        return caught.value.error_class


@pytest.fixture
def world() -> World:
    return World()


def test_lengths_are_those_of_the_table(world: World) -> None:
    rdas = world.issue()
    assert len(rdas) == PARAMETERS.address.rdas_bytes == 73 + 64
    assert len(world.diversify(rdas)) == PARAMETERS.address.sda_bytes == 186


@given(st.integers(0, 2**32 - 1))
def test_an_address_resolves_to_its_root_index_and_date(index: int) -> None:
    world = World()
    found = world.table.resolve(world.address(index), TEXT, world.schedule, NOW)
    assert (found.root, found.index, found.valid_until_s) == (world.root.root, index, UNTIL)


def test_an_address_works_with_real_randomness(world: World) -> None:
    world.entropy = SystemEntropy()
    assert world.table.resolve(world.address(7), TEXT, world.schedule, NOW).index == 7


def test_resolving_spends_nothing_and_spending_spends_once(world: World) -> None:
    sda = world.address()
    found = world.table.resolve(sda, TEXT, world.schedule, NOW)
    assert world.table.resolve(sda, TEXT, world.schedule, NOW) == found
    world.table.spend(found)
    assert world.refused(sda) is ErrorClass.REPLAYED
    with pytest.raises(PeerError) as caught:
        world.table.spend(found)
    assert caught.value.error_class is ErrorClass.REPLAYED


def test_sealing_one_rdas_twice_does_not_pass_twice(world: World) -> None:
    rdas = world.issue()
    first, second = world.diversify(rdas), world.diversify(rdas)
    assert first != second
    world.table.spend(world.table.resolve(first, TEXT, world.schedule, NOW))
    assert world.refused(second) is ErrorClass.REPLAYED


def test_two_sealings_share_no_bytes_but_the_generation(world: World) -> None:
    rdas = world.issue()
    first, second = world.diversify(rdas), world.diversify(rdas)
    windows = {first[at : at + 4] for at in range(1, len(first) - 3)}
    assert not any(second[at : at + 4] in windows for at in range(1, len(second) - 3))


def test_an_address_lifted_onto_another_ciphertext_is_forged(world: World) -> None:
    assert world.refused(world.address(), b"junk") is ErrorClass.FORGED


def test_an_address_sealed_for_another_service_is_forged(world: World) -> None:
    secret = world.schedule.outer[0]
    elsewhere = KeySchedule("https://other.example", BOTH, (secret,), world.schedule.inner)
    with pytest.raises(PeerError) as caught:
        world.table.resolve(world.address(), TEXT, elsewhere, NOW)
    assert caught.value.error_class is ErrorClass.FORGED


@pytest.mark.parametrize("length", [0, 185, 187])
def test_another_length_is_malformed(world: World, length: int) -> None:
    assert world.refused(Sda(bytes(length))) is ErrorClass.MALFORMED


def test_every_flipped_byte_is_refused(world: World) -> None:
    sda = world.address()
    for at in range(0, len(sda), 5):
        broken = Sda(sda[:at] + bytes([sda[at] ^ 1]) + sda[at + 1 :])
        expected = ErrorClass.UNKNOWN if at == 0 else ErrorClass.FORGED
        assert world.refused(broken) is expected


def test_the_date_itself_is_already_too_late(world: World) -> None:
    sda = world.address()
    world.table.resolve(sda, TEXT, world.schedule, UNTIL - 1)
    assert world.refused(sda, now=UNTIL) is ErrorClass.EXPIRED


def test_dates_are_whole_hours(world: World) -> None:
    assert round_up_to_hour(NOW + 1) == NOW + 3600
    with pytest.raises(InputError):
        world.issue(until=UNTIL + 1)


def test_a_lifetime_beyond_the_limit_is_refused(world: World) -> None:
    with pytest.raises(InputError):
        world.issue(until=NOW + PARAMETERS.address.lifetime_long_term_s_max + 3600)


def test_an_unregistered_or_revoked_root_is_unknown(world: World) -> None:
    sda = world.address()
    found = world.table.resolve(sda, TEXT, world.schedule, NOW)
    world.table.revoke(world.root.root)
    assert world.refused(sda) is ErrorClass.UNKNOWN
    with pytest.raises(PeerError):
        world.table.spend(found)


def test_a_signature_by_another_relationships_key_is_forged(world: World) -> None:
    other = TwoLayerRoot(world.root.root, TwoLayerRoot.generate(world.entropy).signing_seed)
    rdas = other.issue(world.config, range(1), UNTIL, NOW, world.entropy)[0]
    assert world.refused(world.diversify(rdas)) is ErrorClass.FORGED


def test_a_signature_that_leaves_out_the_label_is_forged(world: World) -> None:
    rda = world.issue()[:73]
    bare = Ed25519PrivateKey.from_private_bytes(world.root.signing_seed).sign(rda)
    assert world.refused(world.diversify(Rdas(rda + bare))) is ErrorClass.FORGED


def test_only_ed25519_verifies_so_no_key_can_be_recovered_from_addresses(world: World) -> None:
    rda = world.issue()[:73]
    curve_key = ec.generate_private_key(ec.SECP256R1())
    signature = curve_key.sign(rda, ec.ECDSA(hashes.SHA256()))
    as_long = (signature + bytes(64))[:64]
    assert world.refused(world.diversify(Rdas(rda + as_long))) is ErrorClass.FORGED
    point = curve_key.public_key().public_numbers().x.to_bytes(32)
    with pytest.raises(CommunicatorError):
        world.table.register(TwoLayerRegistration(world.root.root, b"\x04" + point + point))


def test_signatures_of_one_root_are_linked_only_by_its_registered_key(world: World) -> None:
    other = TwoLayerRoot.generate(world.entropy)
    assert other.registration().verify_key != world.root.registration().verify_key


def test_an_old_generation_works_until_its_end_and_is_unknown_after(world: World) -> None:
    lifetime = PARAMETERS.address.lifetime_long_term_s_max
    old_key = world.config.sealing_key(NOW)
    world.schedule = world.schedule.rotated(NOW + DAY, world.entropy, lifetime)
    new_key = world.config.sealing_key(NOW + DAY)
    assert old_key.generation != new_key.generation
    rdas = world.issue(until=NOW + lifetime)
    for key in (old_key, new_key):
        sda = diversify(rdas, key, TEXT, world.entropy)
        assert world.table.resolve(sda, TEXT, world.schedule, NOW + DAY).index == 0
    late, sda = NOW + lifetime, diversify(rdas, old_key, TEXT, world.entropy)
    assert world.refused(sda, now=late) is ErrorClass.UNKNOWN
    world.schedule = world.schedule.erased(late)
    assert all(g.public.number != old_key.generation for g in world.schedule.outer)
    assert world.refused(sda, now=late) is ErrorClass.UNKNOWN


def test_a_generation_that_has_not_begun_is_unknown(world: World) -> None:
    address = world.address()
    assert world.table.resolve(address, TEXT, world.schedule, NOW - DAY).index == 0  # a clock that is slow
    assert world.refused(world.address(), now=NOW - DAY - 1) is ErrorClass.UNKNOWN


def test_generation_numbers_wrap_around_and_skip_those_in_use() -> None:
    entropy, schedule = SeededEntropy(b"wrap"), KeySchedule(URI, BOTH, (), ())
    schedule = schedule.rotated(NOW, entropy, 1000 * DAY)
    for day in range(1, 258):
        schedule = schedule.erased(NOW + day * DAY).rotated(NOW + day * DAY, entropy, DAY)
    numbers = [g.public.number for g in schedule.outer]
    assert numbers[0] == 0
    assert numbers[1] not in (0, 256)


def test_a_configuration_carries_so_many_generations_and_no_more() -> None:  # ADDR-35
    entropy, schedule, most = SeededEntropy(b"many"), KeySchedule(URI, BOTH, (), ()), PARAMETERS.address.generations_max
    for _ in range(most):
        schedule = schedule.rotated(NOW, entropy, DAY, DAY)
    assert len(schedule.config().outer) == len(schedule.config().inner) == most
    with pytest.raises(InputError) as caught:
        schedule.rotated(NOW, entropy, DAY)
    assert caught.value.error_class is ErrorClass.LIMIT
    assert len(schedule.erased(NOW + DAY).rotated(NOW + DAY, entropy, DAY).config().outer) == 1


def test_an_address_pins_an_inner_generation_that_outlives_it(world: World) -> None:
    world.schedule = world.schedule.rotated(NOW, world.entropy, DAY, DAY)
    assert world.issue(until=NOW + DAY)[0] == 1
    assert world.issue(until=NOW + 2 * DAY)[0] == 0
    with pytest.raises(PeerError) as caught:
        world.issue(until=NOW + 2 * DAY, now=NOW + PARAMETERS.address.lifetime_long_term_s_max)
    assert caught.value.error_class is ErrorClass.EXPIRED


def test_inner_seals_are_bound_to_their_own_label(world: World) -> None:
    key = world.config.inner[0]
    info = seal_info(PARAMETERS.address.outer_label, Profile.TWO_LAYER, key.number, URI, ciphertext_digest(TEXT))
    box = hpke.seal(hpke.public_key(key.public), info, bytes(24), world.entropy, "x")
    rdas = Rdas(bytes([key.number]) + box + bytes(64))
    assert world.refused(world.diversify(rdas)) is ErrorClass.FORGED


def test_spent_indices_survive_a_restart(world: World) -> None:
    blocks = {}
    for index in (0, 5, 255, 256):
        block = world.table.spend(world.table.resolve(world.address(index), TEXT, world.schedule, NOW))
        blocks[block.block] = block
    world.table = TwoLayerTable()
    world.table.register(world.root.registration(), blocks.values())
    for index in (0, 5, 255, 256):
        assert world.refused(world.address(index)) is ErrorClass.REPLAYED
    assert world.table.resolve(world.address(1), TEXT, world.schedule, NOW).index == 1


def test_erasing_spent_indices_lets_no_replay_through(world: World) -> None:
    sda = world.address()
    world.table.spend(world.table.resolve(sda, TEXT, world.schedule, NOW))
    world.table.erase(UNTIL - 1)
    assert world.refused(sda) is ErrorClass.REPLAYED
    world.table.erase(UNTIL)
    assert world.refused(sda, now=UNTIL) is ErrorClass.EXPIRED


def test_a_root_registers_once(world: World) -> None:
    world.table.register(world.root.registration())  # RECV-6: again, with the same values
    with pytest.raises(PeerError) as caught:
        world.table.register(TwoLayerRegistration(world.root.root, bytes(32)))
    assert caught.value.error_class is ErrorClass.REFUSED


def test_schedule_and_configuration_survive_encoding(world: World) -> None:
    world.schedule = world.schedule.rotated(NOW + 5, world.entropy, DAY, DAY)
    again = KeySchedule.from_bytes(world.schedule.to_bytes())
    assert again.config() == world.config
    assert again.to_bytes() == world.schedule.to_bytes()
    assert ServiceConfig.decode(world.config.encode()) == world.config


def test_a_key_of_ones_own_shows_in_the_digest(world: World) -> None:
    tagged = world.schedule.rotated(NOW, world.entropy, DAY).config()
    assert len(tagged.digest()) == 16
    assert tagged.digest() != world.config.digest()
