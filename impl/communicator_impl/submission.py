"""What a device hands to a sending service, and when it goes out first (chapter 8.3).

Theory. A submission names a receiving service, opaque bytes, a date after which they are useless, and how much delay
the device wants. The delay hides which request of a device became which request at a receiving service; it is drawn for
each submission, so that no two of them keep their distance.

::

    submission   {0: 1, 1: URI, 2: request, 3: not after, 4: mean of the delay}        ≤ 4,248 bytes

Rules:

1. The wire counts in whole seconds, everything else in milliseconds; a date is rounded down, never up.
2. Nothing is checked here that depends on the time or on what a service offers.
"""

import hashlib
import math
from typing import Final, Self

import msgspec

from communicator_impl import wire
from communicator_impl.addresses.config import service_uri
from communicator_impl.errors import PeerError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Submission", "checked_request", "first_attempt_ms"]

_V: Final = PARAMETERS.service
_REQUEST_MAX: Final = PARAMETERS.envelope.request_bytes_max
_FIELDS: Final = frozenset(range(5))
_VERSION: Final = 1
_JUST_BEFORE_MS: Final = PARAMETERS.delivery.retry_s_min * 1000
"""How long before its not-after time a submission goes out whose delay would miss it: time for one attempt."""


class Submission(msgspec.Struct, frozen=True):
    """One request for a receiving service; `delay_mean_s` 0: at once."""

    uri: str
    request: bytes
    not_after_ms: int
    delay_mean_s: int = 0

    def digest(self) -> bytes:
        """Return the SHA-256 by which a repetition is recognised, 32 bytes."""
        parts = [self.uri, self.request, self.not_after_ms, self.delay_mean_s]
        return hashlib.sha256(wire.encode(parts)).digest()

    def encode(self) -> bytes:
        """Return what a device posts."""
        parts = {1: self.uri, 2: self.request, 3: self.not_after_ms // 1000, 4: self.delay_mean_s}
        return wire.encode({0: _VERSION, **parts})

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what a device posted: `TOO_LARGE` or `MALFORMED`."""
        f = wire.fields(wire.decode(data, _V.submission_bytes_max), _FIELDS)
        if wire.uint(f[0]) != _VERSION:
            raise wire.wrong("unknown version of a submission")  # ENV-5
        uri, request = service_uri(f[1]), wire.octets(f[2])
        return cls(uri, checked_request(request), wire.uint(f[3]) * 1000, wire.uint(f[4], _V.delay_mean_s_max))


def checked_request(request: bytes) -> bytes:
    """Check what may be brought to a receiving service: 1 to 4,096 bytes, and nothing else about them (SEND-8)."""
    if not request:
        raise wire.wrong("empty request")
    if len(request) > _REQUEST_MAX:  # ENV-2
        raise PeerError(ErrorClass.TOO_LARGE, "request")
    return request


def first_attempt_ms(now_ms: int, delay_mean_s: int, until_ms: int, draw: float) -> int:
    """Return when a submission goes out first: after an exponential delay, but just before it is given up (SEND-7).

    `draw` in [0, 1) is one of its own for each submission.
    """
    delay_ms = int(-math.log1p(-draw) * delay_mean_s * 1000)
    return max(now_ms, min(now_ms + delay_ms, until_ms - _JUST_BEFORE_MS))
