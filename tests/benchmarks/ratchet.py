"""What a message costs in our ratchet, beside ratchets that others wrote and the barest one there can be.

Run: .uv/bin/uv sync --locked --group peers && .venv/bin/python -m tests.benchmarks ratchet

Each contender encrypts and decrypts each message, both ends in this process, and takes part in every round, one right
after the other. *Ping-pong* is a turn of the ratchet with every message, *one way* is none. Ours encrypts headers and
makes a new state for each message, so that a message that does not open has changed nothing; none of the others does
either. The floor is the plain ratchet of Signal (revision 4, §3), changed in place, from the same primitives, and
without what a real one needs: no key of a skipped message is kept.

vodozemac (Rust, the ratchet of Matrix) is what the others are compared with; where it is not installed, the floor is.
"""

import gc
import secrets
import statistics
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from tests.benchmarks._figures import Row, Titled, median_ratio

from communicator_impl import ratchet
from communicator_impl.entropy import SystemEntropy
from communicator_impl.hpke import KeyPair
from communicator_impl.kdf import hkdf, prf_pair

__all__ = ["tables"]

ROUNDS: Final = 31
MODES: Final = {"ping-pong": (True, 200), "one way": (False, 1000)}
ASKED: Final = {"ping-pong": 0.9, "one way": 1.1}
TEXT: Final = bytes(256)
ASSOCIATED: Final = bytes(64)
OURS, PEER, FLOOR = "ours", "vodozemac", "floor"
MISSING: Final = "vodozemac is not installed (uv sync --locked --group peers), so the floor is 1"
Send = Callable[[int], int]
"""Send a message from end 0 or 1 to the other one; returns how many bytes more than the text that was."""


def ours() -> Send:
    """Our ratchet: two states, replaced with each message."""
    entropy = SystemEntropy()
    shared, own = ratchet.SharedSecrets(bytes(32), b"i" * 32, b"r" * 32), KeyPair.generate(entropy, "own")
    ends = [ratchet.start_initiator(shared, own.public, entropy), ratchet.start_responder(shared, own)]

    def send(sender: int) -> int:
        ends[sender], message = ratchet.encrypt(ends[sender], TEXT, ASSOCIATED, entropy)
        ends[1 - sender], _ = ratchet.decrypt(ends[1 - sender], message, ASSOCIATED, entropy)
        return len(message) - len(TEXT)

    return send


class _Plain:
    """One end of the plain ratchet, changed in place."""

    header = struct.Struct(">32sII")

    def __init__(self, root: bytes, own: X25519PrivateKey) -> None:
        self.root, self.own, self.shown = root, own, own.public_key().public_bytes_raw()
        self.peer, self.sending, self.receiving = b"", b"", b""
        self.sent = self.received = self.before = 0

    def answer(self, peer: bytes) -> None:
        """Turn the sending half."""
        key = X25519PublicKey.from_public_bytes(peer)
        self.own, self.peer = X25519PrivateKey.generate(), peer
        self.shown = self.own.public_key().public_bytes_raw()
        self.root, self.sending = self._mixed(self.own.exchange(key))
        self.before, self.sent, self.received = self.sent, 0, 0

    def encrypt(self, text: bytes) -> bytes:
        self.sending, key = prf_pair(self.sending, b"\x02", b"\x01")
        header = self.header.pack(self.shown, self.before, self.sent)
        self.sent += 1
        return header + ChaCha20Poly1305(key).encrypt(bytes(12), text, ASSOCIATED + header)

    def decrypt(self, message: bytes) -> bytes:
        header = message[: self.header.size]
        if header[:32] != self.peer:
            peer = X25519PublicKey.from_public_bytes(header[:32])
            self.root, self.receiving = self._mixed(self.own.exchange(peer))
            self.answer(header[:32])
        self.receiving, key = prf_pair(self.receiving, b"\x02", b"\x01")
        self.received += 1
        return ChaCha20Poly1305(key).decrypt(bytes(12), message[self.header.size :], ASSOCIATED + header)

    def _mixed(self, agreed: bytes) -> tuple[bytes, bytes]:
        out = hkdf(self.root, agreed, b"root", 64)
        return out[:32], out[32:]


def floor() -> Send:
    """The plain ratchet."""
    root, first = secrets.token_bytes(32), X25519PrivateKey.generate()
    ends = [_Plain(root, X25519PrivateKey.generate()), _Plain(root, first)]
    ends[0].answer(ends[1].shown)

    def send(sender: int) -> int:
        message = ends[sender].encrypt(TEXT)
        ends[1 - sender].decrypt(message)
        return len(message) - len(TEXT)

    return send


def vodozemac(library: Any) -> Send:  # noqa: ANN401 - has no types
    """Olm in Rust."""
    ann, ben = library.Account(), library.Account()
    ben.generate_one_time_keys(1)
    begun = ann.create_outbound_session(ben.curve25519_key, next(iter(ben.one_time_keys.values())))
    other, _ = ben.create_inbound_session(ann.curve25519_key, begun.encrypt(b"hi").to_pre_key())
    ends = [begun, other]

    def send(sender: int) -> int:
        message = ends[sender].encrypt(TEXT)
        ends[1 - sender].decrypt(message)
        return len(message.to_parts()[1]) - len(TEXT)

    return send


def olm(library: Any) -> Send:  # noqa: ANN401 - has no types
    """Olm in C, behind CFFI; its messages are text."""
    ann, ben, text = library.Account(), library.Account(), TEXT.decode()
    ben.generate_one_time_keys(1)
    key = next(iter(ben.one_time_keys["curve25519"].values()))
    begun = library.OutboundSession(ann, ben.identity_keys["curve25519"], key)
    first = begun.encrypt("hi")
    other = library.InboundSession(ben, first)
    other.decrypt(first)
    ends = [begun, other]

    def send(sender: int) -> int:
        message = ends[sender].encrypt(text)
        ends[1 - sender].decrypt(message)
        return len(message.ciphertext) - len(TEXT)

    return send


def doubleratchet(library: Any) -> Send:  # noqa: ANN401 - has no types
    """The ratchet of OMEMO in Python, with the primitives that it recommends."""
    parts = "doubleratchet.recommended"
    diffie_hellman = import_module(f"{parts}.diffie_hellman_ratchet_curve25519").DiffieHellmanRatchet
    sha256 = import_module(f"{parts}.crypto_provider").HashFunction.SHA_256

    def made(module: str, name: str, info: bytes) -> Any:  # noqa: ANN401 - has no types
        base = getattr(import_module(f"{parts}.{module}"), name)
        members = {"_get_hash_function": lambda: sha256, "_get_info": lambda: info}
        return type(name, (base,), {key: staticmethod(value) for key, value in members.items()})

    class Ratchet(library.DoubleRatchet):  # type: ignore[misc]
        @staticmethod
        def _build_associated_data(associated: bytes, header: Any) -> bytes:  # noqa: ANN401 - has no types
            lengths = header.previous_sending_chain_length, header.sending_chain_length
            return bytes(associated + struct.pack(">32sII", header.ratchet_pub, *lengths))

    chosen: dict[str, Any] = {
        "diffie_hellman_ratchet_class": diffie_hellman,
        "root_chain_kdf": made("kdf_hkdf", "KDF", b"root"),
        "message_chain_kdf": made("kdf_separate_hmacs", "KDF", b""),
        "message_chain_constant": b"\x01\x02",
        "dos_protection_threshold": 1000,
        "max_num_skipped_message_keys": 1000,
        "aead": made("aead_aes_hmac", "AEAD", b"message"),
    }
    shared, own = secrets.token_bytes(32), X25519PrivateKey.generate()
    known = {"shared_secret": shared, "associated_data": ASSOCIATED, **chosen}
    shown = own.public_key().public_bytes_raw()
    begun, first = _ran(Ratchet.encrypt_initial_message(recipient_ratchet_pub=shown, message=b"hi", **known))
    raw = own.private_bytes_raw()
    other, _ = _ran(Ratchet.decrypt_initial_message(own_ratchet_priv=raw, message=first, **known))
    ends = [begun, other]

    def send(sender: int) -> int:
        message = _ran(ends[sender].encrypt_message(TEXT, ASSOCIATED))
        _ran(ends[1 - sender].decrypt_message(message, ASSOCIATED))
        return 40 + len(message.ciphertext) - len(TEXT)

    return send


def _ran(coroutine: Any) -> Any:  # noqa: ANN401 - has no types
    """Run what never waits, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as over:
        return over.value
    raise RuntimeError("it waits")


def contenders() -> dict[str, Callable[[], Send]]:
    """Return everybody who is there."""
    found: dict[str, Callable[[], Send]] = {OURS: ours, FLOOR: floor}
    for name, make in {PEER: vodozemac, "olm": olm, "doubleratchet": doubleratchet}.items():
        try:
            library = import_module(name)
        except ImportError:
            continue
        found[name] = partial(make, library)
    return found


def rate(make: Callable[[], Send], *, turns: bool, count: int) -> tuple[float, int]:
    """Return messages a second of one round, and the bytes that one has more than its text."""
    send = make()
    send(0), send(1)
    gc.collect()
    gc.disable()
    try:
        begun = time.perf_counter()
        for number in range(count):
            more = send(number & 1 if turns else 0)
        return count / (time.perf_counter() - begun), more
    finally:
        gc.enable()


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield a table for each way to talk."""
    there = contenders()
    base = PEER if PEER in there else FLOOR
    for mode, (turns, count) in MODES.items():
        rates: dict[str, list[float]] = {name: [] for name in there}
        more = dict.fromkeys(there, 0)
        for number in range(3 if is_short else ROUNDS + 1):
            for name in _order(list(there), number):
                found, more[name] = rate(there[name], turns=turns, count=10 if is_short else count)
                if number:  # the first round warms up
                    rates[name].append(found)
        title = f"{mode}, {len(TEXT)} bytes" + ("" if base == PEER else f"; {MISSING}")
        yield title, [_row(name, rates[name], rates[base], base, mode, more[name]) for name in there]


def _order(names: list[str], number: int) -> Sequence[str]:
    return names if number % 2 else names[::-1]


def _row(name: str, rates: list[float], base: list[float], base_name: str, mode: str, more: int) -> Row:
    asked: str | float = ASKED[mode] if (name, base_name) == (OURS, PEER) else ""
    found = median_ratio(rates, base)
    head: Row = {"contender": name, "messages/s": statistics.median(rates), "µs, best": 1e6 / max(rates)}
    return {**head, f"× {base_name}": found.mean, "low": found.low, "high": found.high, "asked": asked, "+ bytes": more}
