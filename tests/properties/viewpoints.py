"""Where views are taken: each role's own boundary, nothing left out.

Theory. An observation is bytes that a role has, with tags that only judges read. The tags tell whose bytes they are in
truth: the transmission that carried them, or, where bytes belong to a relationship and to no single message (a root, a
record, a Particle), the end alone. Otherwise two copies of one message that are stored under one root would look
linked by that root, which is permitted, and not by their own bytes, which is not.

| role | what is observed |
|---|---|
| sending service | each hand-over with its destination; its stored entry |
| receiving service | requests; what is inside the seal; the stored record; what owners ask, fetch and confirm |
| correspondent | what is exchanged in person, fetched bodies, opened bodies, the whole stored Particle |
| network | both legs of each hand-over, owners' requests and fetches, from outside |

Rules:

1. Every hand-over, registration and fetch has a connection of its own (KNOW-10, KNOW-11).
2. A hand-over is observed twice by whoever takes it, tagged with the person it comes from and the person it goes to.
3. The network sees of a connection what the town's transport shows of it.
4. What a core wrote is held against the wire schema where another role gets it; what strangers post is not.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import cbor2
from tests.properties.sight import Sight

from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request
from communicator_spec import NONE
from communicator_spec.parameters import PARAMETERS
from communicator_spec.views import Direction, Observation, Role

__all__ = ["Tag", "Transport", "Viewpoints"]

Transport = Callable[[int, bytes], bytes]
"""What the network sees of bytes on a connection."""


class Tag(NamedTuple):
    """What one hand-over is in truth."""

    end: int
    message: int
    transmission: int
    sender: int
    recipient: int


INSIDE: Final = {PARAMETERS.extension.command_read: "received", PARAMETERS.extension.command_resync: "resync"}
"""The rule of the content of a command, where it is not the application's."""

NOBODY = Tag(NONE, NONE, NONE, NONE, NONE)


class Viewpoints:
    """Takes the views of one town; `people` gives the person at each end."""

    def __init__(self, sight: Sight, people: Sequence[int], transport: Transport) -> None:
        self._sight = sight
        self._transport = transport
        self._people = people
        self._connections = 0

    def connect(self) -> int:
        """Return a number that no other connection has."""
        self._connections += 1
        return self._connections

    def _carried(self, t_ms: int, role: Role, place: int, channel: str, data: bytes, tag: Tag, person: int) -> None:
        """Observe bytes of one transmission."""
        seen = Observation(t_ms, role, place, channel, self.connect(), Direction.IN, data)
        end, message, transmission, _, _ = tag
        self._sight.see(seen._replace(end=end, person=person, message=message, transmission=transmission))

    def _kept(self, t_ms: int, role: Role, place: int, channel: str, data: bytes, end: int, person: int) -> None:
        """Observe bytes of one relationship."""
        seen = Observation(t_ms, role, place, channel, self.connect(), Direction.IN, data)
        self._sight.see(seen._replace(end=end, person=person))

    def _passed(self, t_ms: int, channel: str, data: bytes, tag: Tag, person: int) -> None:
        """Let the network observe bytes on a connection of their own."""
        connection = self.connect()
        shown = self._transport(connection, data)
        seen = Observation(t_ms, Role.NETWORK, 0, channel, connection, Direction.IN, shown)
        end, message, transmission, _, _ = tag
        self._sight.see(seen._replace(end=end, person=person, message=message, transmission=transmission))

    # ---------------------------------------------------------------- sending services

    def handed_over(self, t_ms: int, via: int, tag: Tag, request: bytes, stored: bytes) -> None:
        """A sending service took a request, and stored something for it."""
        for person in (tag.sender, tag.recipient):
            self._carried(t_ms, Role.SENDING, via, "submit", request, tag, person)
            self._carried(t_ms, Role.SENDING, via, "store", stored, tag, person)
        self._passed(t_ms, "submit", request, tag, tag.sender)
        self._sight.hold("request", Role.SENDING, "submit", request)

    # ---------------------------------------------------------------- receiving services

    def posted(self, t_ms: int, service: int, tag: Tag, request: bytes) -> None:
        """A receiving service got bytes from anyone."""
        self._passed(t_ms, "post", request, tag, tag.sender)
        self._carried(t_ms, Role.RECEIVING, service, "post", request, tag, tag.recipient)

    def resolved(self, t_ms: int, service: int, tag: Tag, address: bytes, ciphertext: bytes, root: bytes) -> None:
        """A receiving service opened a seal: the address and the ciphertext are one transmission's, the root is not."""
        self._sight.hold("ciphertext", Role.RECEIVING, "ciphertext", ciphertext)
        self._carried(t_ms, Role.RECEIVING, service, "address", address, tag, tag.recipient)
        self._carried(t_ms, Role.RECEIVING, service, "ciphertext", ciphertext, tag, tag.recipient)
        self._kept(t_ms, Role.RECEIVING, service, "root", root, tag.end ^ 1, tag.recipient)

    def recorded(self, t_ms: int, service: int, end: int, record: bytes) -> None:
        """A receiving service keeps this for a root."""
        self._kept(t_ms, Role.RECEIVING, service, "store", record, end, self._people[end])

    def asked(self, t_ms: int, end: int, request: Request) -> None:
        """An owner asked something of a receiving service."""
        person = self._people[end]
        pieces: tuple[bytes, ...]
        if isinstance(request, IssueGrant):
            pieces = (request.grant.root, request.grant.key)
            self._sight.hold("epoch-key", Role.RECEIVING, "owner", request.grant.key)
        elif isinstance(request, RegisterRoot):
            pieces = (request.root, request.verify_key or b"")
            if request.verify_key is not None:
                self._sight.hold("public-key", Role.RECEIVING, "owner", request.verify_key)
        else:
            pieces = (request.root,)
        for piece in pieces:
            self._kept(t_ms, Role.RECEIVING, request.service, "owner", piece, end, person)
        self._passed(t_ms, "owner", b"".join(pieces), NOBODY._replace(end=end), person)

    def fetched(self, t_ms: int, service: int, end: int, root: bytes, bodies: Sequence[tuple[Tag, bytes]]) -> None:
        """A receiving service answered a fetch: the device has the bodies now, too."""
        self._kept(t_ms, Role.RECEIVING, service, "fetch", root, end, self._people[end])
        self._passed(t_ms, "fetch", root, NOBODY._replace(end=end), self._people[end])
        for tag, body in bodies:
            self._sight.hold("ciphertext", Role.CORRESPONDENT, "fetch", body)
            self._carried(t_ms, Role.RECEIVING, service, "fetch", body, tag, tag.recipient)
            self._carried(t_ms, Role.CORRESPONDENT, end, "fetch", body, tag, tag.sender)

    # ---------------------------------------------------------------- correspondents

    def met(self, t_ms: int, end: int, text: bytes) -> None:
        """A device showed this to the one at `end`."""
        self._kept(t_ms, Role.CORRESPONDENT, end, "in person", text, end ^ 1, self._people[end ^ 1])

    def opened(self, t_ms: int, end: int, tag: Tag, plain: bytes) -> None:
        """A device opened a body."""
        self._sight.hold("body", Role.CORRESPONDENT, "opened", plain)
        fields = cbor2.loads(plain)
        if fields[1] in INSIDE:
            self._sight.hold(INSIDE[fields[1]], Role.CORRESPONDENT, "content", fields.get(7, b""))
        self._carried(t_ms, Role.CORRESPONDENT, end, "opened", plain, tag, tag.sender)

    def remembered(self, t_ms: int, end: int, particle: bytes) -> None:
        """A device keeps this of its correspondent."""
        self._kept(t_ms, Role.CORRESPONDENT, end, "store", particle, end, self._people[end ^ 1])
