"""Views of one population: what each role saw, with the truth beside it.

Theory. Whoever carries all bytes knows for each of them where it belongs. So an observation is taken where bytes enter
or leave a role, and tagged with the end, the person, the message, the token that they are of in truth. The tags are
what games draw their pairs by; a distinguisher never sees them.

Rules:

1. Views are taken whole, in the order of events, each on a connection of its own: what travels over one connection is
   linked by it, and a relationship manager uses separate ones (KNOW-10, KNOW-11).
2. The network sees a connection from outside: its length, its time, and bytes that depend on the connection alone.
3. What belongs to two people (a message on its way) is seen twice, once as each one's: KNOW-2 forbids to tell from whom
   and to whom.
4. A thing is what games compare: all observations of one role at one place of the plot (`Spot`).
"""

import hashlib
from typing import NamedTuple

from communicator_spec.events import NONE
from communicator_spec.views import Direction, Observation, Role

__all__ = ["Spot", "Tag", "Views"]


class Tag(NamedTuple):
    """What bytes are of, in truth."""

    end: int = NONE
    person: int = NONE
    message: int = NONE
    transmission: int = NONE
    token: int = NONE
    account: int = NONE
    name: int = NONE


class Spot(NamedTuple):
    """Who sees, at which end of which relationship (`r2.a`), at which point of the plot (`word 1`)."""

    role: Role
    where: str
    when: str


class Views:
    """All observations of one population."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.things: dict[Spot, list[Observation]] = {}
        self.published: list[bytes] = []
        self._connections = 0

    def connect(self) -> int:
        """Return a number that no other connection has."""
        self._connections += 1
        return self._connections

    def see(
        self,
        spot: Spot,
        t_s: int,
        channel: str,
        data: bytes,
        tag: Tag,
        *,
        place: int = 0,
        also: int = NONE,
        connection: int | None = None,
    ) -> None:
        """Keep what a role saw; `also` is a second person whom it concerns."""
        number = self.connect() if connection is None else connection
        seen = Observation(1000 * t_s, spot.role, place, channel, number, Direction.IN, data, **tag._asdict())
        self.seen.append(seen)
        if also != NONE:
            self.seen.append(seen._replace(person=also))
        self.things.setdefault(spot, []).append(seen)

    def add(self, other: "Views") -> None:
        """Keep what was seen elsewhere, too, on connections of its own."""
        first, self._connections = self._connections, self._connections + other._connections
        self.seen += [seen._replace(connection=first + seen.connection) for seen in other.seen]
        for spot, thing in other.things.items():
            self.things[spot] = [seen._replace(connection=first + seen.connection) for seen in thing]
        self.published += other.published

    def pass_network(self, where: str, when: str, t_s: int, channel: str, data: bytes, tag: Tag) -> None:
        """Let the network see a connection from outside."""
        number = self.connect()
        shown = hashlib.shake_256(b"connection %d" % number).digest(len(data))
        self.see(Spot(Role.NETWORK, where, when), t_s, channel, shown, tag, connection=number)
