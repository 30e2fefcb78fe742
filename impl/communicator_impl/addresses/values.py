"""The values of both address profiles, each with a type of its own, and what binds a seal to its
place.

Theory. Roots, addresses, labels and keys are all short byte strings, and mixing two of them up is
how address schemes break. Here each is a distinct type: a checker refuses an RDA where an SDA is
meant, and bytes from outside become one of them only through a constructor that checks the length.

=========== ============================================================== =====
type        layout                                                         bytes
=========== ============================================================== =====
Root        random                                                            16
Rda         generation(1) ‖ key(32) ‖ sealed[root(16) ‖ index(4) ‖
            hours(4)] ‖ tag(16)                                               73
Rdas        Rda(73) ‖ Ed25519 signature(64)                                  137
Sda         generation(1) ‖ key(32) ‖ sealed[Rdas(137)] ‖ tag(16)            186
EpochKey    KDF(root secret, epoch)                                           32
Label       HMAC(epoch key, lane(2) ‖ index(4))[:16]                          16
=========== ============================================================== =====

Rules:

1. Integers are big-endian. Dates are whole hours since 1970-01-01T00:00Z, so a date is no
   fingerprint (ADDR-4).
2. Every seal's `info` names label, profile, suite, generation and service, and the outer seal of
   two-layer/1 also the ciphertext that it travels with (ADDR-3, ADDR-12).
"""

import hashlib
import struct
from enum import IntEnum
from typing import NewType

import msgspec

from communicator_impl.errors import InputError, PeerError
from communicator_impl.kdf import hkdf_expand
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "EpochKey",
    "Label",
    "Profile",
    "Rda",
    "Rdas",
    "Root",
    "Sda",
    "SealingKey",
    "access_key",
    "ciphertext_digest",
    "epoch_key",
    "hours_of",
    "label",
    "rdas",
    "root",
    "round_up_to_hour",
    "sda",
    "seal_info",
    "seconds_of",
]

_P = PARAMETERS.address

Root = NewType("Root", bytes)
Rda = NewType("Rda", bytes)
Rdas = NewType("Rdas", bytes)
Sda = NewType("Sda", bytes)
Label = NewType("Label", bytes)
EpochKey = NewType("EpochKey", bytes)


class Profile(IntEnum):
    """Address profiles by their number on the wire."""

    TWO_LAYER = _P.two_layer_profile
    LABEL = _P.label_profile


class SealingKey(msgspec.Struct, frozen=True):
    """What a sender needs of a receiving service to seal one message: where, which generation, which key."""

    uri: str
    generation: int
    public: bytes


def _sized(raw: bytes, size: int, what: str) -> bytes:
    if len(raw) != size:
        raise PeerError(ErrorClass.MALFORMED, f"{what} has {len(raw)} bytes instead of {size}")
    return raw


def root(raw: bytes) -> Root:
    """Check that bytes from outside can be a root."""
    return Root(_sized(raw, _P.root_bytes, "root"))


def rdas(raw: bytes) -> Rdas:
    """Check that bytes from outside can be a signed, recipient-diversified address."""
    return Rdas(_sized(raw, _P.rdas_bytes, "RDAS"))


def sda(raw: bytes) -> Sda:
    """Check that bytes from outside can be a sender-diversified address."""
    return Sda(_sized(raw, _P.sda_bytes, "SDA"))


def epoch_key(raw: bytes) -> EpochKey:
    """Check that bytes from outside can be an epoch key."""
    return EpochKey(_sized(raw, _P.epoch_key_bytes, "epoch key"))


def label(raw: bytes) -> Label:
    """Check that bytes from outside can be a label."""
    return Label(_sized(raw, _P.label_bytes, "label"))


def access_key(secret: bytes) -> bytes:
    """Derive the access key of a root from the secret that was drawn for it: HKDF-Expand, 32 bytes."""
    return hkdf_expand(secret, PARAMETERS.service.access_key_label.encode(), PARAMETERS.service.access_key_bytes)


def round_up_to_hour(when_s: int) -> int:
    """Round a date in seconds up to the whole hour that the wire can carry (ADDR-4)."""
    return -(-when_s // _P.date_granularity_s) * _P.date_granularity_s


def hours_of(when_s: int) -> int:
    """Turn a date in whole hours, given in seconds, into hours."""
    hours, rest = divmod(when_s, _P.date_granularity_s)
    if rest or not 0 <= hours <= _P.hours_max:
        raise InputError(ErrorClass.MALFORMED, "a valid-until date is a whole hour")  # ADDR-4
    return hours


def seconds_of(hours: int) -> int:
    """Turn hours into seconds."""
    return hours * _P.date_granularity_s


def ciphertext_digest(ciphertext: bytes) -> bytes:
    """Return what binds an address to the ciphertext beside it: SHA-256, 32 bytes."""
    return hashlib.sha256(ciphertext).digest()


def seal_info(label: str, profile: Profile, generation: int, uri: str, bound: bytes = b"") -> bytes:
    """Build the HPKE `info`: label ‖ 0 ‖ profile(1) ‖ suite(2) ‖ generation(1) ‖ n(2) ‖ URI ‖ bound."""
    place = uri.encode()
    head = struct.pack(">xBHBH", profile, PARAMETERS.suite.number, generation, len(place))
    return label.encode() + head + place + bound
