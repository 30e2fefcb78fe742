"""RSA blind signatures (RFC 9474): a signer signs what it cannot read, and cannot recognise the signature later.

Theory. The holder encodes a message as RSASSA-PSS does and multiplies it with rᵉ for a random r. The signer's answer is
the signature times r; dividing by r gives a plain RSASSA-PSS signature with SHA-384 (RFC 8017 §8.1), which anybody
verifies. For every blinded message and every signature there is one r that joins them, so that what the signer saw fits
all signatures equally well (TOK-20).

The four variants of the RFC differ in two ways: a salt of 48 or 0 bytes, and 32 random bytes before the message or
none. This protocol uses `PSS_DETERMINISTIC`: its messages carry a nonce already.

Rules:

1. The private operation is blinded with a factor of its own (TOK-4), and its result is checked before it leaves: a
   fault in one half of the computation would show a factor of the modulus.
2. Verifying is left to `cryptography`. The encoding is here because no library blinds it.
3. An exponent other than 65,537 and a modulus of another length than its signature are refused where a key is read.
4. Python's integers are not constant-time; rule 1 hides the key, and the time of blinding shows nothing but r.

Cost: signing with 2,048 bits takes a few milliseconds, blinding less than one, verifying 30 µs.
"""

import hashlib
from math import gcd
from typing import Final, NamedTuple, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "PSSZERO_DETERMINISTIC",
    "PSSZERO_RANDOMIZED",
    "PSS_DETERMINISTIC",
    "PSS_RANDOMIZED",
    "Blinded",
    "BlindingKey",
    "SigningKey",
    "Variant",
    "blind",
    "blind_with",
    "finalize",
    "prepare",
]

EXPONENT: Final = PARAMETERS.token.exponent
_BITS: Final = 8 * PARAMETERS.token.authenticator_bytes
_HASH_BYTES: Final = 48
_PREFIX_BYTES: Final = 32
_SMALL_PRIMES: Final = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
_WITNESSES: Final = _SMALL_PRIMES[:12]


class Variant(NamedTuple):
    """A variant of RFC 9474 §5: bytes of salt, and bytes of randomness before the message."""

    salt_bytes: int
    prefix_bytes: int


PSS_RANDOMIZED: Final = Variant(_HASH_BYTES, _PREFIX_BYTES)
PSSZERO_RANDOMIZED: Final = Variant(0, _PREFIX_BYTES)
PSS_DETERMINISTIC: Final = Variant(PARAMETERS.token.salt_bytes, 0)
PSSZERO_DETERMINISTIC: Final = Variant(0, 0)


class BlindingKey(msgspec.Struct, frozen=True):
    """The public key of a signer: its modulus; the exponent is always 65,537."""

    n: int

    @property
    def size(self) -> int:
        """Bytes of a signature."""
        return (self.n.bit_length() + 7) // 8

    def verify(self, message: bytes, signature: bytes, variant: Variant = PSS_DETERMINISTIC) -> None:
        """Check a signature over a prepared message; raises `FORGED`."""
        scheme = padding.PSS(padding.MGF1(hashes.SHA384()), variant.salt_bytes)
        try:
            rsa.RSAPublicNumbers(EXPONENT, self.n).public_key().verify(signature, message, scheme, hashes.SHA384())
        except (InvalidSignature, ValueError) as error:
            raise PeerError(ErrorClass.FORGED, "RSA signature") from error


class SigningKey(msgspec.Struct, frozen=True):
    """A signer's key: two primes."""

    p: int
    q: int

    @property
    def public(self) -> BlindingKey:
        """The key that others see."""
        return BlindingKey(self.p * self.q)

    @classmethod
    def generate(cls, entropy: Entropy, label: str = "blind_rsa.key", bits: int = _BITS) -> Self:
        """Draw a key of `bits` bits; from a seeded source, which is for tests, it takes part of a second."""
        if entropy.real:
            numbers = rsa.generate_private_key(EXPONENT, bits).private_numbers()
            return cls(numbers.p, numbers.q)
        p = _prime(entropy, label, bits // 2)
        q = _prime(entropy, label, bits // 2)
        return cls(p, q)

    def sign_blinded(self, blinded: bytes, entropy: Entropy) -> bytes:
        """Sign what a holder blinded (RFC 9474 §4.3); raises `MALFORMED` for what is no number below the modulus.

        1. blind again with a factor of one's own  2. sign modulo each prime  3. unblind  4. check
        """
        key = self.public
        value = int.from_bytes(blinded)
        if len(blinded) != key.size or not 0 < value < key.n:
            raise PeerError(ErrorClass.MALFORMED, "blinded message")
        factor, inverse = _unit(entropy, "blind_rsa.base", key.n)
        hidden = value * pow(factor, EXPONENT, key.n) % key.n  # 1, TOK-4
        signed = self._power(hidden) * inverse % key.n  # 2, 3
        if pow(signed, EXPONENT, key.n) != value:  # 4
            raise OwnError(ErrorClass.FORGED, "a signature of one's own does not verify")
        return signed.to_bytes(key.size)

    def _power(self, value: int) -> int:
        """Return value^d mod n by the Chinese remainder theorem (RFC 8017 §5.1.2)."""
        p, q = self.p, self.q
        dp, dq = pow(EXPONENT, -1, p - 1), pow(EXPONENT, -1, q - 1)
        mp, mq = pow(value, dp, p), pow(value, dq, q)
        return mq + q * ((mp - mq) * pow(q, -1, p) % p)


class Blinded(NamedTuple):
    """What goes to the signer, and the inverse of the factor, which stays with the holder."""

    message: bytes
    inverse: int


def prepare(message: bytes, entropy: Entropy, variant: Variant = PSS_DETERMINISTIC) -> bytes:
    """Return what is signed for a message (RFC 9474 §4.1): the message, after random bytes in two of the variants."""
    return entropy.draw("blind_rsa.prefix", variant.prefix_bytes) + message


def blind(key: BlindingKey, message: bytes, entropy: Entropy, variant: Variant = PSS_DETERMINISTIC) -> Blinded:
    """Blind a prepared message with a fresh salt and a fresh factor (RFC 9474 §4.2; TOK-8)."""
    salt = entropy.draw("token.salt", variant.salt_bytes)
    factor, _ = _unit(entropy, "token.blind", key.n)
    return blind_with(key, message, salt, factor)


def blind_with(key: BlindingKey, message: bytes, salt: bytes, factor: int) -> Blinded:
    """Blind with a salt and a factor that are given; a factor without an inverse raises `InputError`."""
    if not 0 < factor < key.n or gcd(factor, key.n) != 1:
        raise InputError(ErrorClass.MALFORMED, "blinding factor")
    encoded = _encode(message, salt, key.n.bit_length() - 1)
    blinded = encoded * pow(factor, EXPONENT, key.n) % key.n
    return Blinded(blinded.to_bytes(key.size), pow(factor, -1, key.n))


def finalize(
    key: BlindingKey, message: bytes, answer: bytes, inverse: int, variant: Variant = PSS_DETERMINISTIC
) -> bytes:
    """Return the signature in a signer's answer (RFC 9474 §4.4): `MALFORMED` by its length, `FORGED` if it is none."""
    if len(answer) != key.size:
        raise PeerError(ErrorClass.MALFORMED, "length of a blind signature")
    signature = (int.from_bytes(answer) * inverse % key.n).to_bytes(key.size)
    key.verify(message, signature, variant)
    return signature


def _encode(message: bytes, salt: bytes, bits: int) -> int:
    """Encode as RSASSA-PSS does (RFC 8017 §9.1.1), as a number of at most `bits` bits."""
    size = (bits + 7) // 8
    room = size - len(salt) - _HASH_BYTES - 2
    if room < 0:
        raise InputError(ErrorClass.MALFORMED, "modulus too short for this encoding")
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(message).digest() + salt).digest()
    block = int.from_bytes(bytes(room) + b"\x01" + salt)
    masked = block ^ int.from_bytes(_mask(digest, size - _HASH_BYTES - 1))
    masked &= (1 << bits - 8 * (_HASH_BYTES + 1)) - 1
    return (masked << 8 * _HASH_BYTES | int.from_bytes(digest)) << 8 | 0xBC


def _mask(seed: bytes, size: int) -> bytes:
    """MGF1 with SHA-384 (RFC 8017 §B.2.1)."""
    blocks = (hashlib.sha384(seed + i.to_bytes(4)).digest() for i in range(-(-size // _HASH_BYTES)))
    return b"".join(blocks)[:size]


def _unit(entropy: Entropy, label: str, n: int) -> tuple[int, int]:
    """Draw a number in [1, n) that has an inverse, uniformly, and return both (RFC 9474 §4.2)."""
    size = (n.bit_length() + 7) // 8
    while True:
        value = int.from_bytes(entropy.draw(label, size))
        if 0 < value < n and gcd(value, n) == 1:
            return value, pow(value, -1, n)


def _prime(entropy: Entropy, label: str, bits: int) -> int:
    """Draw a prime with its two highest bits set, so that the product of two has all its bits."""
    while True:
        drawn = int.from_bytes(entropy.draw(label, bits // 8)) | 3 << bits - 2 | 1
        for candidate in range(drawn, drawn + 4096, 2):
            if candidate % EXPONENT != 1 and _is_prime(candidate) and candidate.bit_length() == bits:
                return candidate


def _is_prime(n: int) -> bool:
    """Tell whether a number that nobody chose is prime: Miller-Rabin with the first primes."""
    if any(n % prime == 0 for prime in _SMALL_PRIMES):
        return n in _SMALL_PRIMES
    shift = (n - 1 & 1 - n).bit_length() - 1
    odd = n - 1 >> shift
    return all(_passes(n, witness, odd, shift) for witness in _WITNESSES)


def _passes(n: int, witness: int, odd: int, shift: int) -> bool:
    x = pow(witness, odd, n)
    if x in (1, n - 1):
        return True
    for _ in range(shift - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False
