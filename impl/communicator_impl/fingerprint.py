"""What two people read to each other to know that nobody stands between them (SEC-6).

Theory. Whoever stands between two ends has to show each of them an identity of his own, so both ends' digests over
both identities differ. Sixty decimal digits can be read aloud, and carry more than anybody can search.

Rules:

1. Both ends compute the same digits: the lower identity, as a byte string, comes first.
2. Each group is five bytes, big-endian, modulo 100,000, with leading zeros.
"""

import hashlib
from typing import Final

from communicator_impl.keys import IdentityKey
from communicator_spec.parameters import PARAMETERS

__all__ = ["fingerprint"]

_GROUP_BYTES: Final = 5
_MODULUS: Final = 100_000


def fingerprint(one: IdentityKey, other: IdentityKey) -> tuple[str, ...]:
    """Return 12 groups of 5 digits, the same in either order of the arguments."""
    low, high = sorted((one.to_bytes(), other.to_bytes()))
    digest = hashlib.sha512(low + high).digest()[: PARAMETERS.sizes.fingerprint_bytes]  # SEC-6
    groups = (digest[i : i + _GROUP_BYTES] for i in range(0, len(digest), _GROUP_BYTES))
    return tuple(f"{int.from_bytes(group) % _MODULUS:05}" for group in groups)
