"""What every role saw, and whether any of it links what the knowledge table says must not be linked.

Theory. `communicator_spec.views` judges a finished view in one sort; a state machine needs the verdict after each step.
So an index of all windows of eight bytes is kept: it names the earlier strings that share a window with a new one, and
only these pairs go to the judge of the standard, `shared_windows`. The index is a sieve that lets every shared window
through, so both give the same answer; a test compares them on whole runs.

Rules:

1. Views are taken whole. What is compared are the byte and text strings in them (`strings_in`): everything else in
   deterministic CBOR is structure, numbers and dates, which the linkage games judge, not this.
2. A coalition is judged by the row of the table that names exactly its roles; all places of a role count as one party,
   which is stricter than the table where it means one service.
3. `Constants` is the one list of what may be shared, each entry with its reason.
4. The first leak ends the search: whoever runs the town stops there.
5. The network is judged by what it sees of connections from outside (`communicator_spec.views.outside`), as chapter 7
   says, and by its own row of the table, which permits nothing.
6. What crosses a boundary has to fit its rule of the wire schema (`hold`); a misfit is a finding like a leak.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from communicator_impl import wire
from communicator_impl.addresses import ServiceConfig
from communicator_impl.errors import PeerError
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import validate
from communicator_spec.views import (
    KNOWLEDGE,
    WINDOW,
    Direction,
    Observation,
    Relation,
    Role,
    must_not_link,
    relation,
    shared_windows,
)

__all__ = ["Constants", "Leak", "Misfit", "Sight", "strings_in"]

_BYTES_MAX: Final = 1 << 24
_LABELS: Final = tuple(
    getattr(section, name).encode()
    for section in (PARAMETERS.address, PARAMETERS.session)
    for name in section.__struct_fields__
    if name.endswith("_label")
)


class Leak(NamedTuple):
    """Bytes that link two observations for a party that must not link them."""

    party: tuple[Role, ...]
    relation: Relation
    first: Observation
    second: Observation
    data: bytes

    @property
    def invariant(self) -> str:
        """The name of what is broken, like those of the monitors."""
        return "unlinkability: " + " + ".join(self.party)


class Misfit(NamedTuple):
    """Bytes on the wire that the wire schema does not know."""

    role: Role
    channel: str
    why: str
    invariant: str = "wire schema"


class Constants:
    """What two observations may share, and why."""

    def __init__(self) -> None:
        self.reasons: dict[bytes, str] = dict.fromkeys(_LABELS, "label of the protocol, in the table of parameters")
        self.reasons[bytes(WINDOW)] = "zeros in front of a small number or behind a short text"

    def publish(self, config: ServiceConfig) -> None:
        """Add what a receiving service's well-known document tells everybody."""
        self.reasons[config.uri.encode()] = "name of a service"
        self.reasons[config.digest()] = "digest of a published configuration"
        for generation in (*config.outer, *config.inner):
            self.reasons[generation.public] = "published key of a service"


def strings_in(data: bytes) -> Iterator[bytes]:
    """Yield the strings of an encoding, those of encodings inside strings too; of anything else, the whole."""
    try:
        value = wire.decode(data, _BYTES_MAX) if data[:1] >= b"\x80" else None
    except PeerError:
        value = None
    if isinstance(value, list | dict):
        yield from _leaves(value)
    else:
        yield data


def _leaves(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, bytes):
        yield from strings_in(value)


def windows_of(string: bytes) -> set[bytes]:
    """Return every window of eight bytes."""
    return {string[at : at + WINDOW] for at in range(len(string) - WINDOW + 1)}


class Sight:
    """All views of one run, judged as they grow."""

    def __init__(self) -> None:
        self.views: list[Observation] = []
        self.leaks: list[Leak] = []
        self.misfits: list[Misfit] = []
        self.constants = Constants()
        self._numbers: dict[bytes, int] = {}
        self._owners: dict[bytes, tuple[int, ...]] = {}
        self._kin: list[set[int]] = []  # strings that share a window with this one, itself included
        self._seen: list[dict[Observation, Observation]] = []  # by string: tags, and one observation that has them

    def see(self, seen: Observation) -> None:
        """Keep an observation, and judge it against all earlier ones."""
        self.views.append(seen)
        for string in strings_in(seen.data):
            if len(string.strip(b"\0")) >= WINDOW and string not in self.constants.reasons:
                self._see_string(self._number(string), seen._replace(data=string))

    def hold(self, rule: str, role: Role, channel: str, data: bytes) -> None:
        """Hold bytes against their rule of the wire schema."""
        why = validate(rule, data)
        if why is not None:
            self.misfits.append(Misfit(role, channel, why))

    def publish(self, config: ServiceConfig) -> None:
        """Know what a receiving service tells everybody."""
        self.hold("service-config", Role.RECEIVING, "published", config.encode())
        self.constants.publish(config)

    def _number(self, string: bytes) -> int:
        """Return the number of a string; a new one is indexed by its windows."""
        known = self._numbers.get(string)
        if known is not None:
            return known
        number = self._numbers[string] = len(self._numbers)
        windows = windows_of(string)
        common = windows & self._owners.keys()
        kin = {owner for window in common for owner in self._owners[window]}
        self._owners.update(dict.fromkeys(windows, (number,)) if not common else self._shared(windows, number))
        for other in kin:
            self._kin[other].add(number)
        self._kin.append(kin | {number})
        self._seen.append({})
        return number

    def _shared(self, windows: set[bytes], number: int) -> dict[bytes, tuple[int, ...]]:
        return {window: (*self._owners.get(window, ()), number) for window in windows}

    def _see_string(self, number: int, seen: Observation) -> None:
        tags = seen._replace(t_ms=0, channel="", direction=Direction.IN, data=b"")
        if tags in self._seen[number]:
            return
        self._seen[number][tags] = seen
        for other in sorted(self._kin[number]):
            for their_tags, theirs in self._seen[other].items():
                self._judge(their_tags, theirs, tags, seen)

    def _judge(self, their_tags: Observation, theirs: Observation, tags: Observation, seen: Observation) -> None:
        row = _ROWS.get(frozenset({theirs.role, seen.role}))
        if self.leaks or row is None or not _TESTS[row.party](their_tags, tags):
            return
        found = shared_windows([theirs, seen], self.constants.reasons, _TESTS[row.party])
        link = relation(theirs, seen)
        if found and link is not None:
            alone = (theirs.role, theirs.place) == (seen.role, seen.place)
            self.leaks.append(Leak((seen.role,) if alone else row.party, link, theirs, seen, found[0].data))

    def judge_from_scratch(self) -> list[Leak]:
        """Judge every string again by the standard's own search: one sort for each row of the table."""
        leaks = []
        strings = [seen for by_tags in self._seen for seen in by_tags.values()]
        for roles, row in _ROWS.items():
            mine = [v for v in strings if v.role in roles]
            for witness in shared_windows(mine, self.constants.reasons, must_not_link(row)):
                first, second = mine[witness.first], mine[witness.second]
                link = relation(first, second)
                if link is not None and {first.role, second.role} == roles:
                    leaks.append(Leak(row.party, link, first, second, witness.data))
        return leaks


_ROWS: Final = {frozenset(row.party): row for row in KNOWLEDGE}
_TESTS: Final = {row.party: must_not_link(row) for row in _ROWS.values()}
