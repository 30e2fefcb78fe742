"""What crosses a boundary in a run of the normative model: the facts that views are made of.

A run is a list of steps of one relationship, or of several that are interleaved. Every fact is read off a step: from
the state before it, the action and its picks, and the state after it. Nothing here knows of cryptography, and nothing
is invented beside the model except the order of the ratchet, which the model leaves out: an end begins a new turn when
it sends after something arrived, and end 0, which began the session, repeats its opening until something arrived.

| action | fact |
|---|---|
| `init` | both ends hold a set of the other (`Holds`); services know the grants (`Registered`) |
| `wakes` | what is new in a queue was handed over (`HandedOver`); new grants are registered |
| `forwards` | the receiving service was brought a request (`Brought`) |
| `writesJunk` | so it was by somebody else (`Intruded`) |
| `fetches` | a device asked with its access key and got what was stored (`Fetched`) |
| `leaves`, `refuses`, `revokes` | a root was revoked (`Revoked`) |
| all others | nothing that a service or a correspondent did not know |
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from communicator_spec.formal.generated import Address, Grant, Item, State, Submission
from communicator_spec.formal.machine import Step
from communicator_spec.formal.unlinkability.things import Transmission
from communicator_spec.formal.values import ordered

__all__ = ["Brought", "Fact", "Fetched", "HandedOver", "Holds", "Intruded", "Moment", "Registered", "Revoked", "facts"]

MESSAGE: Final = 0


class Moment(NamedTuple):
    """A step of one of several relationships, and the state before it; None for both at the beginning."""

    relationship: int
    before: State | None
    action: str
    picks: tuple[tuple[str, object], ...]
    after: State


class Holds(NamedTuple):
    """An end holds addresses of the other from the beginning."""

    relationship: int
    end: int
    held: tuple[Grant, ...]


class Registered(NamedTuple):
    """A receiving service was told of a grant of an end; `root` if the root was new to it."""

    relationship: int
    end: int
    grant: Grant
    root: bool


class HandedOver(NamedTuple):
    """A sending service was given something. `grant` is the grant of the address, as its sender holds it."""

    transmission: Transmission
    submission: Submission
    grant: Grant


class Brought(NamedTuple):
    """A receiving service was brought it, perhaps again."""

    transmission: Transmission
    service: int
    times: int


class Intruded(NamedTuple):
    """A receiving service was brought something by a stranger who had got hold of an address."""

    relationship: int
    address: Address
    grant: Grant
    ordinal: int


class Fetched(NamedTuple):
    """A device fetched from a service; what a stranger wrote is None."""

    relationship: int
    end: int
    service: int
    ordinal: int
    transmissions: tuple[tuple[Transmission | None, Address], ...]


class Revoked(NamedTuple):
    """A root was revoked."""

    relationship: int
    end: int
    service: int


Fact: TypeAlias = Holds | Registered | HandedOver | Brought | Intruded | Fetched | Revoked


class _Session:
    """What the model leaves out of one end: how far its ratchet is."""

    def __init__(self, begins: bool) -> None:
        self.ordinal, self.turn, self.step = 0, 0, 0
        self.opens, self.heard = begins, False
        self.first: dict[int, int] = {}  # message number -> ordinal of its first transmission

    def next(self, relationship: int, sender: int, submission: Submission) -> Transmission:
        """Return the next transmission of this end."""
        if self.heard:
            self.turn, self.step, self.heard = self.turn + 1, 0, False
        is_message = submission.body.command == MESSAGE
        first = self.first.setdefault(submission.number, self.ordinal) if is_message else self.ordinal
        made = Transmission(
            relationship, sender, self.ordinal, first, submission.service, self.turn, self.step, self.opens
        )
        self.ordinal, self.step = self.ordinal + 1, self.step + 1
        return made

    def hears(self) -> None:
        """Something of the peer arrived."""
        self.heard, self.opens = True, False


class _Reader:
    """Reads the steps of one relationship."""

    def __init__(self, relationship: int) -> None:
        self.relationship = relationship
        self.sessions = (_Session(begins=True), _Session(begins=False))
        self.sent: dict[Address, tuple[Transmission, Submission]] = {}
        self.brought: dict[Address, int] = {}
        self.roots: set[tuple[int, int]] = set()
        self.count = 0

    def read(self, moment: Moment) -> list[Fact]:
        """Return the facts of a step."""
        picks = dict(moment.picks)
        found: list[Fact] = []
        if moment.before is None:
            devices = enumerate(moment.after.devices[end] for end in (0, 1))
            found += [Holds(self.relationship, end, device.held) for end, device in devices]
        found += self._registered(moment)
        found += self._handed_over(moment)
        if moment.action == "forwards":
            found += self._brought(picks["q"].submission.address)  # type: ignore[attr-defined]
        elif moment.action == "writesJunk":
            found += self._intruded(moment, picks)
        elif moment.action == "fetches":
            found += self._fetched(moment, picks["end"], picks["service"])  # type: ignore[arg-type]
        elif moment.action in ("leaves", "refuses", "revokes"):
            found += self._revoked(moment)
        return found

    def _registered(self, moment: Moment) -> list[Fact]:
        before = frozenset() if moment.before is None else moment.before.registered
        found: list[Fact] = []
        for known in ordered(moment.after.registered - before):
            root = (known.end, known.grant.service)
            found.append(Registered(self.relationship, known.end, known.grant, root not in self.roots))
            self.roots.add(root)
        return found

    def _handed_over(self, moment: Moment) -> list[Fact]:
        if moment.before is None or moment.action != "wakes":
            return []
        found: list[Fact] = []
        for row in moment.after.rows:  # in the order in which they were sent
            for queued in ordered(
                moment.after.queues.get(row.via, frozenset()) - moment.before.queues.get(row.via, frozenset())
            ):
                s = queued.submission
                if (s.service, s.address.serial, s.address.position) != (row.service, row.serial, row.position):
                    continue
                sender = 1 - s.address.end
                made = self.sessions[sender].next(self.relationship, sender, s)
                self.sent[s.address] = (made, s)
                found.append(HandedOver(made, s, _grant(moment.before.devices[sender].held, s.address)))
        return found

    def _brought(self, address: Address) -> list[Fact]:
        self.brought[address] = self.brought.get(address, 0) + 1
        return [Brought(self.sent[address][0], address.service, self.brought[address])]

    def _intruded(self, moment: Moment, picks: dict[str, object]) -> list[Fact]:
        end = picks["end"]
        assert moment.before is not None
        assert isinstance(end, int)
        device = moment.before.devices[1 - end]
        grant: Grant = picks["g"]  # type: ignore[assignment]
        position = device.used.get((grant.service, grant.serial), 0)
        self.count += 1
        return [Intruded(self.relationship, Address(end, grant.service, grant.serial, position), grant, self.count)]

    def _fetched(self, moment: Moment, end: int, service: int) -> list[Fact]:
        assert moment.before is not None
        items: Sequence[Item] = moment.before.stores[(end, service)]
        got: list[tuple[Transmission | None, Address]] = []
        for item in items:
            sent = self.sent.get(item.address)
            genuine = sent is not None and sent[1].body == item.body
            got.append((sent[0] if sent is not None and genuine else None, item.address))
            if genuine:
                self.sessions[end].hears()
        self.count += 1
        return [Fetched(self.relationship, end, service, self.count, tuple(got))]

    def _revoked(self, moment: Moment) -> list[Fact]:
        assert moment.before is not None
        gone = {(known.end, known.grant.service) for known in moment.before.registered - moment.after.registered}
        self.roots -= gone
        return [Revoked(self.relationship, end, service) for end, service in sorted(gone)]


def _grant(held: Sequence[Grant], address: Address) -> Grant:
    return next(g for g in held if (g.service, g.serial) == (address.service, address.serial))


def facts(moments: Sequence[Moment]) -> list[Fact]:
    """Return the facts of a run, in its order."""
    readers: dict[int, _Reader] = {}
    found: list[Fact] = []
    for moment in moments:
        reader = readers.setdefault(moment.relationship, _Reader(moment.relationship))
        found += reader.read(moment)
    return found


def moments(relationship: int, start: State, steps: Sequence[Step[State]]) -> list[Moment]:
    """Return the steps of one relationship with the states between them."""
    found = [Moment(relationship, None, "init", (), start)]
    for step in steps:
        found.append(Moment(relationship, found[-1].after, step.action, step.picks, step.state))
    return found
