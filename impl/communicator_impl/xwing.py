"""X-Wing, and HPKE with it: what suite 2 seals its openings with (draft-connolly-cfrg-xwing-kem, HPKE's KEM 0x647a).

Theory. X-Wing is X25519 and ML-KEM-768 side by side: the secret is a hash of both secrets, so it holds as long as one
of the two does. A private key is a seed of 32 bytes; the two private keys come out of it. HPKE takes the secret as it
is, and everything after it is as with X25519.

::

    public key     ML-KEM-768 encapsulation key(1184) ‖ X25519 public key(32)     1216
    expanded       SHAKE256(seed, 96) = ML-KEM's d(32) ‖ z(32) ‖ X25519 secret key(32)
    sealed         ML-KEM ciphertext(1088) ‖ X25519 key(32) ‖ sealed plaintext ‖ tag(16)
    secret         SHA3-256(ML-KEM secret ‖ X25519 secret ‖ X25519 key ‖ X25519 public key ‖ 5c2e2f2f5e5c)

Rules:

1. A public key whose ML-KEM part is none (a coefficient that is not reduced) is `MALFORMED`; a sealed box that does not
   open is `FORGED`, one that is too short is `MALFORMED`.
2. With real entropy the library seals; with a seed `ml_kem` does, so that vectors are reproducible.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke as library
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from communicator_impl import hpke, ml_kem
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError
from communicator_impl.hpke import KeyPair
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["agreement_pair", "check_public", "encapsulate", "generate", "key_pair", "open_sealed", "seal"]

_H: Final = PARAMETERS.hybrid
_LABEL: Final = bytes.fromhex("5c2e2f2f5e5c")
_SEED: Final = 32
_OVERHEAD: Final = _H.encapsulated_key_bytes + PARAMETERS.suite.tag_bytes
_SUITE: Final = library.Suite(library.KEM.MLKEM768_X25519, library.KDF.HKDF_SHA256, library.AEAD.CHACHA20_POLY1305)


def generate(entropy: Entropy, label: str) -> KeyPair:
    """Draw a new key pair."""
    return key_pair(entropy.draw(label, _H.secret_key_bytes))


def key_pair(seed: bytes) -> KeyPair:
    """Return the key pair of a seed: 32 bytes, and the public key of 1,216."""
    kem, agreeing = _private(seed)
    return KeyPair(seed, kem.public_key().public_bytes_raw() + agreeing.public_key().public_bytes_raw())


def agreement_pair(pair: KeyPair) -> KeyPair:
    """Return the X25519 part of a key pair, which takes part in the agreement and is the ratchet's first key."""
    return KeyPair(_expanded(pair.secret)[2 * _SEED :], pair.public[ml_kem.PUBLIC_BYTES :])


def check_public(raw: bytes) -> None:
    """Check a public key of 1,216 bytes; raises `MALFORMED` (SES-29)."""
    _public(raw)


def seal(recipient: bytes, info: bytes, plaintext: bytes, entropy: Entropy, label: str) -> bytes:
    """Encrypt to a public key of 1,216 bytes; the result is 1,136 bytes longer than the plaintext."""
    both = _public(recipient)
    try:
        if entropy.real:
            return _SUITE.encrypt(plaintext, library.MLKEM768X25519PublicKey(*both), info)
        enc, shared = encapsulate(recipient, entropy.draw(label, 2 * _SEED))
    except ValueError as error:  # SES-21: the agreed secret would be zero
        raise PeerError(ErrorClass.MALFORMED, "public key of small order") from error
    cipher, nonce = hpke.schedule(shared, info, kem_id=_H.kem_id)
    return enc + cipher.encrypt(nonce, plaintext, b"")


def open_sealed(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """Decrypt what `seal` made for the key of this seed and this `info`."""
    if len(sealed) < _OVERHEAD:
        raise PeerError(ErrorClass.MALFORMED, "shorter than a sealed box")
    try:
        return _SUITE.decrypt(sealed, library.MLKEM768X25519PrivateKey(*_private(seed)), info)
    except InvalidTag as error:
        raise PeerError(ErrorClass.FORGED, "sealed box does not open") from error


def encapsulate(public: bytes, randomness: bytes) -> tuple[bytes, bytes]:
    """Return the encapsulated key (1,120) and the secret (32) that 64 bytes of randomness give (EncapsulateDerand)."""
    agreeing = public[ml_kem.PUBLIC_BYTES :]
    ours = X25519PrivateKey.from_private_bytes(randomness[_SEED:])
    first, ciphertext = ml_kem.encapsulate(public[: ml_kem.PUBLIC_BYTES], randomness[:_SEED])
    shown = ours.public_key().public_bytes_raw()
    second = ours.exchange(X25519PublicKey.from_public_bytes(agreeing))
    return ciphertext + shown, hashlib.sha3_256(first + second + shown + agreeing + _LABEL).digest()


def _expanded(seed: bytes) -> bytes:
    return hashlib.shake_256(seed).digest(3 * _SEED)


def _private(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = _expanded(seed)
    kem = MLKEM768PrivateKey.from_seed_bytes(expanded[: 2 * _SEED])
    return kem, X25519PrivateKey.from_private_bytes(expanded[2 * _SEED :])


def _public(raw: bytes) -> tuple[MLKEM768PublicKey, X25519PublicKey]:
    if len(raw) != _H.public_key_bytes:
        raise PeerError(ErrorClass.MALFORMED, "public key length")
    try:
        kem = MLKEM768PublicKey.from_public_bytes(raw[: ml_kem.PUBLIC_BYTES])
    except ValueError as error:
        raise PeerError(ErrorClass.MALFORMED, "no key of ML-KEM-768") from error
    return kem, X25519PublicKey.from_public_bytes(raw[ml_kem.PUBLIC_BYTES :])
