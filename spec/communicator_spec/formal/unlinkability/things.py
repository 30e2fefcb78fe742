"""Who owns which secret, in the world that is and in the world that could be.

A run of the model is the same in all worlds; what differs is what its observations belong to. In the world that *is*,
everything belongs to what the run says. In the world *apart* by a relation, every observation that the relation could
tie to another one belongs to a thing of its own that looks alike:

| apart by | every … has its own … |
|---|---|
| same transmission | sighting of a transmission: transmission |
| same message | transmission: message |
| same relationship | transmission: relationship |
| both ends | end: relationship |
| same token | spending: token, other than the one that was issued |
| same account | token that is asked for: account |
| same name | sighting of a name: name |
| same person | relationship, and the name at a directory: person, and another account that asked for its tokens |

If the two worlds look the same to somebody, he cannot tell that even one pair is related. A thing is named by a text;
all its secrets are names that begin with it, so that two things share nothing unless a scheme makes them.

Numbers, dates and lengths. A length is not a term. A date is a constant: it is rounded up to the hour (ADDR-4,
STATE-5), and that many things end in one hour is assumed, as are times themselves. A number is judged in two ways, and
must pass both: as `own`, a count that begins somewhere, so that two numbers are related when one can be counted up to
the other; and as `public`, the constant that it is, so that a function of a small number is seen to be equal.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from communicator_spec.formal.unlinkability.terms import Term, constant, name
from communicator_spec.formal.unlinkability.terms import number as counted
from communicator_spec.views import Relation

__all__ = ["AS_IT_IS", "Counting", "Scheme", "Sighting", "Things", "Transmission", "World"]


class Counting(StrEnum):
    """What a number is taken for."""

    OWN = "own"
    PUBLIC = "public"


class Scheme(msgspec.Struct, frozen=True):
    """An address profile, and what was weakened in it, if anything."""

    name: str
    profile: str
    faults: frozenset[str] = frozenset()


class World(NamedTuple):
    """By which relation things are apart (None: the world that is), and what numbers are taken for.

    `roots`: each root has its own relationship; KNOW-3 forbids to tell that two roots are of one.
    """

    apart: Relation | None = None
    counting: Counting = Counting.OWN
    roots: bool = False


AS_IT_IS: Final = World()


class Sighting(StrEnum):
    """Where a transmission is seen."""

    HANDED_OVER = "handed over"
    BROUGHT = "brought"
    FETCHED = "fetched"


class Transmission(NamedTuple):
    """One hand-over of a run: whose it is, what it is a copy of, and where it stands in its session.

    `relationship` numbers relationships, `sender` is an end of it, `ordinal` numbers this end's hand-overs; `first` is
    the ordinal of the first transmission of the same message, `service` where it goes. `turn` counts the turns of this
    end's ratchet, `step` the messages of this turn. Until the peer has answered, `opens` is true.
    """

    relationship: int
    sender: int
    ordinal: int
    first: int
    service: int
    turn: int
    step: int
    opens: bool

    @property
    def recipient(self) -> int:
        """The end that it goes to."""
        return 1 - self.sender


class Things:
    """The names of things in one world. Texts of things go in, texts and terms come out; nothing is random."""

    def __init__(self, scheme: Scheme, world: World) -> None:
        self.scheme, self.world = scheme, world

    def has(self, fault: str) -> bool:
        """Tell whether the scheme is weakened in this way."""
        return fault in self.scheme.faults

    # ------------------------------------------------------------------ whose
    def relationship(self, number: int, recipient: int, service: int = -1) -> str:
        """Return the relationship to which the addresses of an end at a service belong, and what is sent to them."""
        if self.world.roots:
            return f"r{number}.{recipient}@{service}"
        return f"r{number}.{recipient}" if self.world.apart is Relation.BOTH_ENDS else f"r{number}"

    def of(self, t: Transmission, sighting: Sighting = Sighting.HANDED_OVER) -> str:
        """Return the relationship to which a transmission belongs, as it is seen somewhere."""
        whole = self.relationship(t.relationship, t.recipient, t.service)
        own = f"{t.sender}#{t.ordinal}"
        if self.world.apart is Relation.SAME_RELATIONSHIP:
            return f"{whole} as in {own}"
        return f"{whole} as {sighting} in {own}" if self.world.apart is Relation.SAME_TRANSMISSION else whole

    def message(self, t: Transmission) -> int:
        """Return the ordinal that stands for the message of a transmission."""
        return t.ordinal if self.world.apart is Relation.SAME_MESSAGE else t.first

    def person(self, relationship: int, end: int) -> str:
        """Return whose end it is: end 0 of all relationships is one person, every end 1 is somebody else."""
        if end == 1:
            return f"peer {relationship}"
        return f"person {relationship}" if self.world.apart is Relation.SAME_PERSON else "person"

    def named(self) -> str:
        """Return whose name stands at the directory."""
        return "person named" if self.world.apart is Relation.SAME_PERSON else "person"

    def account(self, person: str, what: str) -> str:
        """Return the account that asks for a token; to whom relationships belong changes nothing in what it asks."""
        holder = "person" if person.startswith("person") else person
        return f"account for {what}" if self.world.apart is Relation.SAME_ACCOUNT else f"account of {holder}"

    def spent(self, person: str, what: str) -> str:
        """Return the token that is spent on something: apart by person, one that another account asked for."""
        moved = self.world.apart is Relation.SAME_PERSON and person.startswith("person")
        return f"other token for {what}" if moved or self.world.apart is Relation.SAME_TOKEN else f"token for {what}"

    def directory_name(self, sighting: str) -> str:
        """Return the name that is seen at a directory."""
        return f"name as {sighting}" if self.world.apart is Relation.SAME_NAME else "name"

    # ------------------------------------------------------------------ numbers and dates
    def count(self, what: str, n: int) -> Term:
        """Return the n-th number of a count."""
        if self.world.counting is Counting.PUBLIC or n < 0:
            return constant(str(n))
        return counted(name(f"count of {what}"), n)

    def date(self, person: str, until: int) -> Term:
        """Return a date as others see it: rounded, unless the scheme is weakened."""
        return name(f"moment {until} of {person}") if self.has("exact dates") else constant(f"hour {until}")
