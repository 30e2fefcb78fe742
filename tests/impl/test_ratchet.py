"""The ratchet: any order, any loss, nothing changes on failure, nothing repeats."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import ratchet
from communicator_impl.entropy import Entropy, SeededEntropy, SystemEntropy
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.hpke import KeyPair
from communicator_impl.ratchet import RatchetState, SharedSecrets
from communicator_impl.session_state import ratchet_from_bytes, ratchet_to_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

AD = b"associated"
SHARED = SharedSecrets(b"r" * 32, b"i" * 32, b"n" * 32)
LIMITS = PARAMETERS.session


class End:
    """One end with its own state."""

    def __init__(self, state: RatchetState, entropy: Entropy) -> None:
        self.state, self.entropy = state, entropy

    def send(self, text: bytes = b"text") -> bytes:
        self.state, message = ratchet.encrypt(self.state, text, AD, self.entropy)
        return message

    def read(self, message: bytes, associated: bytes = AD) -> bytes:
        self.state, text = ratchet.decrypt(self.state, message, associated, self.entropy)
        return text

    def refuses(self, message: bytes, associated: bytes = AD) -> ErrorClass:
        before = ratchet_to_bytes(self.state)
        with pytest.raises(PeerError) as caught:
            self.read(message, associated)
        assert ratchet_to_bytes(self.state) == before
        return caught.value.error_class


def ends(seed: bytes = b"ratchet") -> tuple[End, End]:
    entropy = SeededEntropy(seed)
    first_key = KeyPair.generate(entropy, "first")
    alex = ratchet.start_initiator(SHARED, first_key.public, entropy)
    blair = ratchet.start_responder(SHARED, first_key)
    return End(alex, entropy.fork("alex")), End(blair, entropy.fork("blair"))


@pytest.fixture
def pair() -> tuple[End, End]:
    return ends()


def test_a_conversation_with_turns(pair: tuple[End, End]) -> None:
    alex, blair = pair
    for turn in range(6):
        sender, reader = (alex, blair) if turn % 2 == 0 else (blair, alex)
        for n in range(3):
            text = f"{turn}.{n}".encode()
            assert reader.read(sender.send(text)) == text


def test_works_with_real_randomness(pair: tuple[End, End]) -> None:
    alex, blair = pair
    alex.entropy = blair.entropy = SystemEntropy()
    assert blair.read(alex.send(b"x")) == b"x"
    assert alex.read(blair.send(b"y")) == b"y"


def test_overhead_is_88_bytes(pair: tuple[End, End]) -> None:
    assert len(pair[0].send(b"12345")) == 5 + 88 == 5 + LIMITS.overhead_bytes


def test_the_responder_sends_only_after_reading(pair: tuple[End, End]) -> None:
    alex, blair = pair
    assert not blair.state.can_send
    with pytest.raises(OwnError):
        blair.send()
    blair.read(alex.send())
    assert blair.state.can_send


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=25), st.randoms(use_true_random=False))
def test_any_order_any_loss_each_message_once(script: list[tuple[bool, int]], rng: random.Random) -> None:
    alex, blair = ends()
    blair.read(alex.send(b"hello"))
    wires: dict[bool, list[tuple[bytes, bytes]]] = {True: [], False: []}
    for number, (from_alex, action) in enumerate(script):
        sender, reader = (alex, blair) if from_alex else (blair, alex)
        if action < 2:
            text = str(number).encode()
            wires[from_alex].append((sender.send(text), text))
        elif wires[from_alex]:
            message, text = wires[from_alex].pop(rng.randrange(len(wires[from_alex])))
            if action == 2:
                assert reader.read(message) == text
                assert reader.refuses(message) in (ErrorClass.REPLAYED, ErrorClass.FORGED)
    for from_alex, reader in ((True, blair), (False, alex)):
        for message, text in wires[from_alex]:
            assert reader.read(message) == text


def test_a_failed_decryption_changes_nothing_and_the_original_still_opens(pair: tuple[End, End]) -> None:
    alex, blair = pair
    blair.read(alex.send())
    alex.read(blair.send())
    alex.send()
    message = alex.send(b"good")
    for at in (0, 11, 12, 20, 71, 72, len(message) - 1):
        assert blair.refuses(message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]) is ErrorClass.FORGED
    assert blair.refuses(message, b"other people") is ErrorClass.FORGED
    assert blair.refuses(message[:87]) is ErrorClass.MALFORMED
    assert blair.read(message) == b"good"


def test_a_replay_is_refused_in_the_chain_and_after_a_turn(pair: tuple[End, End]) -> None:
    alex, blair = pair
    message = alex.send()
    blair.read(message)
    assert blair.refuses(message) is ErrorClass.REPLAYED
    alex.read(blair.send())
    blair.read(alex.send())
    assert blair.refuses(message) is ErrorClass.FORGED


def test_a_copied_state_never_repeats_a_key_or_a_header(pair: tuple[End, End]) -> None:
    alex, _ = pair
    copy = End(alex.state, SystemEntropy())
    alex.entropy = SystemEntropy()
    first, second = alex.send(bytes(64)), copy.send(bytes(64))
    assert first[:16] != second[:16]
    windows = {first[at : at + 4] for at in range(len(first) - 3)}
    assert not any(second[at : at + 4] in windows for at in range(len(second) - 3))


def test_messages_of_one_chain_share_no_bytes(pair: tuple[End, End]) -> None:
    messages = [pair[0].send(bytes(64)) for _ in range(20)]
    pieces = [m[at : at + 5] for m in messages for at in range(len(m) - 4)]
    assert len(set(pieces)) == len(pieces)


def test_one_message_skips_a_thousand_and_no_more(pair: tuple[End, End]) -> None:
    alex, blair = pair
    sent = [alex.send(str(n).encode()) for n in range(LIMITS.skip_max + 2)]
    assert blair.refuses(sent[LIMITS.skip_max + 1]) is ErrorClass.LIMIT
    assert blair.read(sent[LIMITS.skip_max]) == b"1000"
    assert blair.read(sent[0]) == b"0"


def test_stored_keys_stay_within_all_three_limits(pair: tuple[End, End]) -> None:
    alex, blair = pair
    for turn in range(7):
        for _ in range(600):
            alex.send()
        blair.read(alex.send())
        alex.read(blair.send(str(turn).encode()))
    sizes = [len(chain.keys) for chain in blair.state.skipped]
    assert sizes == [200, 600, 600, 600]
    assert sum(sizes) == LIMITS.stored_keys_max
    again = ratchet_from_bytes(ratchet_to_bytes(blair.state))
    assert again == blair.state


def test_at_most_thirty_two_chains_and_a_thousand_keys_each(pair: tuple[End, End]) -> None:
    alex, blair = pair
    for _ in range(LIMITS.receiving_chains_max + 3):
        alex.send()
        blair.read(alex.send())
        alex.read(blair.send())
    assert len(blair.state.skipped) == LIMITS.receiving_chains_max
    for _ in range(2):
        for _ in range(800):
            alex.send()
        blair.read(alex.send())
    assert max(len(chain.keys) for chain in blair.state.skipped) == LIMITS.chain_keys_max


def test_a_key_of_small_order_in_a_header_is_malformed(pair: tuple[End, End]) -> None:
    alex, blair = pair
    blair.read(alex.send())
    state = blair.state
    forged = RatchetState(KeyPair(b"", bytes(32)), None, b"", b"c" * 32, None, state.nhkr, None, b"", b"")
    _, message = ratchet.encrypt(forged, b"", AD, SystemEntropy())
    assert blair.refuses(message) is ErrorClass.MALFORMED


@given(st.lists(st.booleans(), max_size=12))
def test_states_survive_storage_and_go_on(script: list[bool]) -> None:
    alex, blair = ends()
    blair.read(alex.send())
    for from_alex in script:
        sender, reader = (alex, blair) if from_alex else (blair, alex)
        sender.send(b"lost")
        message = sender.send(b"kept")
        for end in (sender, reader):
            data = ratchet_to_bytes(end.state)
            assert ratchet_from_bytes(data) == end.state
            assert ratchet_to_bytes(ratchet_from_bytes(data)) == data
            end.state = ratchet_from_bytes(data)
        assert reader.read(message) == b"kept"


def test_damaged_stored_states_are_our_own_fault(pair: tuple[End, End]) -> None:
    data = ratchet_to_bytes(pair[0].state)
    for damaged in (data[:-1], data + b"\0", b"", b"\x80"):
        with pytest.raises(OwnError):
            ratchet_from_bytes(damaged)


def test_a_turn_heals_a_stolen_state(pair: tuple[End, End]) -> None:
    alex, blair = pair
    blair.read(alex.send())
    thief = End(blair.state, SystemEntropy())
    blair.entropy = alex.entropy = SystemEntropy()
    alex.read(blair.send())
    blair.read(alex.send())
    alex.read(blair.send())
    assert thief.refuses(alex.send()) is ErrorClass.FORGED
