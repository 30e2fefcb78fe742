"""What a sending service keeps for one submission: what to bring where, until when, and how far it has come.

Theory. One value under one key: the request, the token's nonce and the digest of the submission are stored by the same
write, so a crash leaves either a submission that is taken and paid for, or none (SEND-1).

Rules:

1. An entry is a value; each change gives a new one, which is written before anybody hears of it.
2. A finished entry has no request any more. What recognises a repetition stays until the not-after time.
"""

from enum import StrEnum
from typing import Final, NewType, Self

import msgspec

from communicator_impl import wire
from communicator_impl.addresses.config import service_uri
from communicator_impl.errors import OwnError, PeerError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Entry", "State", "Ticket"]

Ticket = NewType("Ticket", bytes)

_ENTRY_MAX: Final = PARAMETERS.envelope.request_bytes_max + 512
_DIGEST_BYTES: Final = 32


class State(StrEnum):
    """What became of a submission, by its name in JSON."""

    QUEUED = "queued"
    FORWARDED = "forwarded"
    REFUSED = "refused"
    EXPIRED = "expired"


_STATES: Final = list(State)


class Entry(msgspec.Struct, frozen=True):
    """One submission: `due_ms` is the next attempt, `silent_ms` since when the receiving service has not answered."""

    uri: str
    request: bytes
    not_after_ms: int
    due_ms: int
    silent_ms: int
    nonce: bytes
    digest: bytes
    attempts: int = 0
    noticed: bool = False
    state: State = State.QUEUED

    @property
    def name(self) -> bytes:
        """What recognises a repetition: the nonce of the token, or the digest where no token is asked for."""
        return self.nonce or self.digest

    def retried(self, now_ms: int, at_ms: int, *, answered: bool, notice: bool) -> Self:
        """Plan another attempt; an answer ends the silence."""
        silent_ms = now_ms if answered else self.silent_ms
        noticed = (self.noticed and not answered) or notice
        return msgspec.structs.replace(
            self, due_ms=at_ms, silent_ms=silent_ms, attempts=self.attempts + 1, noticed=noticed
        )

    def finished(self, state: State) -> Self:
        """End the work."""
        return msgspec.structs.replace(self, request=b"", state=state)

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        *parts, state = msgspec.structs.astuple(self)
        return wire.encode([*parts, _STATES.index(state)])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        try:
            row = wire.array(wire.decode(data, _ENTRY_MAX), 10, size=10)
            not_after_ms, due_ms, silent_ms = (wire.uint(item) for item in row[2:5])
            return cls(
                service_uri(row[0]),
                wire.octets(row[1]),
                not_after_ms,
                due_ms,
                silent_ms,
                wire.octets(row[5]),
                wire.octets(row[6], _DIGEST_BYTES),
                wire.uint(row[7]),
                wire.boolean(row[8]),
                _STATES[wire.uint(row[9], len(_STATES) - 1)],
            )
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored submission") from error
