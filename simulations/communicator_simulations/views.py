"""Taking views: what each role saw in a run of the real cores, byte for byte, unfiltered.

Every observation is taken at the role's own boundary: what a sending service was handed, what a receiving service was
asked, posted and resolved, what a correspondent's device decrypted. Nothing is left out here; judges filter.

What crosses the boundary has to fit its rule of the wire schema. An implementation that writes anything else ends the
run with a `MisfitError`: bytes that the standard does not know would make every statement about them worthless.
"""

from collections.abc import Sequence

from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request
from communicator_simulations.real import Travel, Views
from communicator_spec.schema import validate
from communicator_spec.views import Direction, Observation, Role

__all__ = ["MisfitError", "TakenViews"]


class MisfitError(Exception):
    """An implementation wrote bytes that do not fit the wire schema."""


def _fits(data: bytes, *rules: str) -> bytes:
    """Return the bytes; raise `MisfitError` if they fit none of the rules."""
    found = [validate(rule, data) for rule in rules]
    if None not in found:
        raise MisfitError("; ".join(str(why) for why in found))
    return data


class TakenViews(Views):
    """Observations in the order in which they were made. `end` is the sender's where bytes carry a message, otherwise
    the end that acts."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.destinations: list[int] = []
        self._connections = 0

    def _see(self, t_ms: int, role: Role, place: int, channel: str, data: bytes, end: int, *, message: int = -1,
             transmission: int = -1, service: int = -1, direction: Direction = Direction.IN) -> None:  # fmt: skip
        self._connections += 1
        self.seen.append(
            Observation(t_ms, role, place, channel, self._connections, direction, data, end, -1, message, transmission)
        )
        self.destinations.append(service)

    def submitted(self, now_ms: int, travel: Travel) -> None:
        """A sending service got an envelope, its destination and its date."""
        self._see(
            now_ms, Role.SENDING, travel.via, "submit", _fits(travel.parcel, "request"), travel.end,
            message=travel.reference, transmission=travel.draw_index, service=travel.service,
        )  # fmt: skip

    def requested(self, now_ms: int, end: int, request: Request) -> None:
        """A receiving service was asked by an owner to register, issue or revoke."""
        match request:
            case RegisterRoot(service, root, verify_key, _):
                signed = _fits(verify_key, "public-key") if verify_key else b""
                self._see(now_ms, Role.RECEIVING, service, "register", root + signed, end)
            case IssueGrant(service, grant, _):
                self._see(now_ms, Role.RECEIVING, service, "issue", grant.root + _fits(grant.key, "epoch-key"), end)
            case _:
                self._see(now_ms, Role.RECEIVING, request.service, "revoke", request.root, end)

    def posted(self, now_ms: int, service: int, request: bytes) -> None:
        """A receiving service got a request; whose it is shows only if it resolves (`stored`)."""
        self._posted = request

    def stored(self, now_ms: int, service: int, end: int, state: bytes) -> None:
        """A receiving service resolved what was posted last to a root."""
        self._see(now_ms, Role.RECEIVING, service, "post", _fits(self._posted, "request") + state, end)

    def fetched(self, now_ms: int, service: int, end: int, root: bytes, bodies: Sequence[bytes]) -> None:
        """A receiving service answered a fetch."""
        self._see(now_ms, Role.RECEIVING, service, "fetch", root, end)
        for body in bodies:
            data = _fits(body, "ciphertext")
            self._see(now_ms, Role.RECEIVING, service, "fetch", data, end, direction=Direction.OUT)

    def opened(self, now_ms: int, end: int, plain: bytes) -> None:
        """A correspondent's device decrypted a body of its peer, or got its first address set."""
        self._see(now_ms, Role.CORRESPONDENT, end, "body", _fits(plain, "body", "address-set"), end ^ 1)
