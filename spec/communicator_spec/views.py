"""What a role saw, what it may learn from that, and the test whether bytes tell it more.

Theory. An attacker who sees two sequences of bytes links them most surely when both contain the same random-looking
string. Eight bytes in common do not happen by chance: among 100 MB of independent random bytes a single coincidence
has a probability below one in a thousand. So a shared window of eight bytes is a proof, a *witness*, and needs no
statistics; what only lengths, times and counts give away is measured by the linkage games.

Rules:

1. A view is everything that a place saw, unfiltered, in the order in which it saw it. Nothing is left out where views
   are taken: filtering happens here, in the judge.
2. The tags of an observation are the truth, known to the simulation and to judges, never to the role that is judged.
3. What is allowed is the knowledge table (chapter 7), here as data: for every party each relation is either permitted
   or forbidden. What travels over one connection is linked by the connection, and needs no permission.
4. The network sees connections from outside (`outside`): encrypted, each under keys of its own. Whoever ends the
   encryption in front of a service sees what the service sees, and counts as that service.
5. Constants of the protocol (labels, published keys, addresses of services) are allow-listed by whoever judges, so
   that each exception is visible.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, combinations, pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from communicator_spec.events import NONE

__all__ = [
    "KNOWLEDGE",
    "WINDOW",
    "Direction",
    "Knowledge",
    "Observation",
    "Relation",
    "Role",
    "Witness",
    "knowledge_of",
    "must_not_link",
    "outside",
    "relation",
    "shared_windows",
]

WINDOW: Final = 8
"""How many bytes in common are a proof."""

_CROWD: Final = 48  # a window common to more observations than this is not compared pair by pair

Windows = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]


class Role(StrEnum):
    """Who sees something."""

    SENDING = "sending service"
    RECEIVING = "receiving service"
    CORRESPONDENT = "correspondent"
    NETWORK = "network"
    DIRECTORY = "directory service"
    AUTHORIZATION = "authorization service"


class Direction(StrEnum):
    """Which way bytes went, seen from the place."""

    IN = "in"
    OUT = "out"


class Relation(StrEnum):
    """How two observations are related in truth, closest first."""

    SAME_TRANSMISSION = "same transmission"  # one transmission, seen twice
    SAME_MESSAGE = "same message"  # two transmissions of one message
    SAME_RELATIONSHIP = "same relationship"  # two messages at one person's end of one relationship
    BOTH_ENDS = "both ends"  # one at each end of one relationship: who talks with whom
    SAME_TOKEN = "same token"  # one token: when it is issued, and when it is spent
    SAME_ACCOUNT = "same account"  # one account at an authorization service
    SAME_NAME = "same name"  # one name at a directory: its entry, its contact, who asks for it
    SAME_PERSON = "same person"  # two relationships of one person, or a relationship and a name or an account


class Observation(NamedTuple):
    """Bytes that passed a place. The tags, from `end` on, are for judges only.

    `end` sent what the bytes carry (or acts, if they carry no message), `message` is its number there, `transmission`
    numbers the end's hand-overs to sending services; `person` is whose device or address the bytes came from or went
    to. `token` numbers tokens; `account` is an account at an authorization service and `name` a name at a directory,
    where the bytes belong to one.
    """

    t_ms: int
    role: Role
    place: int
    channel: str
    connection: int
    direction: Direction
    data: bytes
    end: int = NONE
    person: int = NONE
    message: int = NONE
    transmission: int = NONE
    token: int = NONE
    account: int = NONE
    name: int = NONE


class Knowledge(msgspec.Struct, frozen=True):
    """What one party may learn from the bytes that it sees; every other relation it must not."""

    party: tuple[Role, ...]
    permitted: frozenset[Relation]
    clauses: tuple[str, ...]

    @property
    def forbidden(self) -> frozenset[Relation]:
        """What the party must not learn."""
        return frozenset(Relation) - self.permitted


_ONE_PATH: Final = frozenset({Relation.SAME_TRANSMISSION})
_ONE_ROOT: Final = frozenset({Relation.SAME_TRANSMISSION, Relation.SAME_RELATIONSHIP})
_ONE_PAIR: Final = _ONE_ROOT | {Relation.BOTH_ENDS}
_OWN_PAIR: Final = _ONE_PAIR | {Relation.SAME_MESSAGE, Relation.SAME_NAME}
_ONE_NAME: Final = frozenset({Relation.SAME_NAME})
_ONE_ACCOUNT: Final = frozenset({Relation.SAME_ACCOUNT})
_S, _R, _C, _N = Role.SENDING, Role.RECEIVING, Role.CORRESPONDENT, Role.NETWORK
_D, _A = Role.DIRECTORY, Role.AUTHORIZATION

KNOWLEDGE: Final = (
    Knowledge((_S,), _ONE_PATH, ("KNOW-2",)),
    Knowledge((_R,), _ONE_ROOT, ("KNOW-3",)),
    Knowledge((_C,), _OWN_PAIR, ("KNOW-4",)),
    Knowledge((_C, _C), _OWN_PAIR, ("KNOW-5",)),
    Knowledge((_N,), frozenset(), ("KNOW-6",)),
    Knowledge((_S, _R), _ONE_PAIR, ("KNOW-7",)),
    Knowledge((_C, _R), _OWN_PAIR, ("KNOW-8",)),
    Knowledge((_D,), _ONE_NAME, ("KNOW-13",)),
    Knowledge((_A,), _ONE_ACCOUNT, ("KNOW-14",)),
    Knowledge((_D, _R), _ONE_ROOT | _ONE_NAME, ("KNOW-15",)),
    Knowledge((_A, _S), _ONE_PATH | _ONE_ACCOUNT, ("KNOW-14",)),
    Knowledge((_A, _R), _ONE_ROOT | _ONE_ACCOUNT, ("KNOW-14",)),
)
"""The knowledge table of chapter 7."""


def knowledge_of(*party: Role) -> Knowledge:
    """Return the row of the table for a role or coalition; raises KeyError if there is none."""
    for row in KNOWLEDGE:
        if sorted(row.party) == sorted(party):
            return row
    raise KeyError(party)


def relation(a: Observation, b: Observation) -> Relation | None:
    """Return how two observations are related in truth, closest first; None if it is not known or none."""
    if a.token == b.token != NONE:
        return Relation.SAME_TOKEN
    if NONE not in (a.end, b.end) and a.end >> 1 == b.end >> 1:
        if a.end == b.end and a.transmission == b.transmission != NONE:
            return Relation.SAME_TRANSMISSION
        if a.end == b.end and a.message == b.message != NONE:
            return Relation.SAME_MESSAGE
        return Relation.SAME_RELATIONSHIP if a.person == b.person else Relation.BOTH_ENDS
    if a.name == b.name != NONE:
        return Relation.SAME_NAME
    if a.account == b.account != NONE:
        return Relation.SAME_ACCOUNT
    if a.person == b.person != NONE:
        return Relation.SAME_PERSON
    return None


def must_not_link(knowledge: Knowledge) -> Callable[[Observation, Observation], bool]:
    """Return the test whether two observations are related in a way that a party must not learn (KNOW-1)."""
    forbidden = knowledge.forbidden

    def test(a: Observation, b: Observation) -> bool:
        return (a.place, a.connection) != (b.place, b.connection) and relation(a, b) in forbidden

    return test


def outside(connection: int, data: bytes) -> bytes:
    """Return what the network sees of `data` on a connection: bytes that only the keys of that connection explain.

    That is TLS as judges model it (KNOW-6): 32 bytes stand for all; lengths and times are for linkage games.
    """
    return hashlib.shake_256(b"connection %d %d" % (connection, len(data))).digest(min(len(data), 32))


class Witness(NamedTuple):
    """Bytes that two observations have in common, as long as they go.

    `first` and `second` are positions in the view, `first` before `second`; the offsets are in bytes of their data.
    """

    first: int
    second: int
    first_offset: int
    second_offset: int
    data: bytes


def shared_windows(
    views: Sequence[Observation],
    allow: Iterable[bytes] = (),
    secret: Callable[[Observation, Observation], bool] = lambda a, b: True,
) -> list[Witness]:
    """Find what proves a link between observations that `secret` says must not be linked (KNOW-9).

    1. Number every window of eight bytes: eight bytes are one 64-bit integer, so equality is exact.
    2. Drop the windows that touch an allow-listed constant (of at least eight bytes).
    3. Sort, and keep the windows that occur more than once.
    4. Compare the observations that share one, and extend each match in both directions.

    A window in more than 48 places is looked at once in each observation; if that are still more than 48, neighbours
    are compared, and all with the first. Cost: two sorts of all windows, O(n log n), about 5 MB/s on one core; 50 bytes
    of memory for each byte.
    """
    windows, position = _windows([view.data for view in views])  # 1
    constants, _ = _windows(list(allow))
    if constants.size:
        keep = ~_near(position, position[np.isin(windows, constants)])  # 2
        windows, position = windows[keep], position[keep]
    starts = np.cumsum([0, *(len(view.data) for view in views)])
    found: list[Witness] = []
    spans: dict[tuple[int, int, int], list[range]] = {}
    for group in _repeated(windows, position):  # 3
        owners = np.searchsorted(starts, group, side="right") - 1
        if len(group) > _CROWD:
            owners, once = np.unique(owners, return_index=True)
            group = group[once]
        for i, j in _pairs(len(group)):  # 4
            a, b = int(owners[i]), int(owners[j])
            at, other = int(group[i] - starts[a]), int(group[j] - starts[b])
            known = spans.setdefault((a, b, other - at), [])
            if a == b or any(at in span for span in known) or not secret(views[a], views[b]):
                continue
            found.append(_extended(views, a, b, at, other))
            known.append(range(found[-1].first_offset, found[-1].first_offset + len(found[-1].data)))
    return sorted(found)


def _windows(pieces: Sequence[bytes]) -> tuple[Windows, Positions]:
    """Return all windows that lie inside one piece, and where they start in all pieces together."""
    data = np.frombuffer(b"".join(pieces), dtype=np.uint8)
    count = max(len(data) - WINDOW + 1, 0)
    values = np.zeros(count, dtype=np.uint64)
    for k in range(WINDOW):
        values |= data[k : k + count].astype(np.uint64) << np.uint64(8 * k)
    inside = np.ones(count, dtype=bool)
    for end in np.cumsum([len(piece) for piece in pieces]):
        inside[max(int(end) - WINDOW + 1, 0) : int(end)] = False
    return values[inside], np.flatnonzero(inside)


def _near(position: Positions, hits: Positions) -> npt.NDArray[np.bool_]:
    """Tell which windows share a byte with one of `hits`."""
    if not hits.size:
        return np.zeros(len(position), dtype=bool)
    after = np.searchsorted(hits, position)
    right = hits[np.minimum(after, len(hits) - 1)]
    left = hits[np.maximum(after - 1, 0)]
    near: npt.NDArray[np.bool_] = np.minimum(np.abs(right - position), np.abs(left - position)) < WINDOW
    return near


def _repeated(windows: Windows, position: Positions) -> Iterator[Positions]:
    """Yield the places of every window that occurs more than once, earliest group first."""
    values = np.sort(windows)
    twice = values[1:][values[1:] == values[:-1]]
    if not twice.size:
        return
    again = twice[np.minimum(np.searchsorted(twice, windows), len(twice) - 1)] == windows
    windows, position = windows[again], position[again]
    order = np.argsort(windows, kind="stable")
    ordered = windows[order]
    change = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    groups = np.split(position[order], change)
    yield from sorted(groups, key=lambda group: int(group[0]))


def _pairs(count: int) -> Iterable[tuple[int, int]]:
    if count <= _CROWD:
        return combinations(range(count), 2)
    return chain(pairwise(range(count)), ((0, j) for j in range(2, count)))


def _extended(views: Sequence[Observation], a: int, b: int, at: int, other: int) -> Witness:
    one, two = views[a].data, views[b].data
    low = 0
    while low < min(at, other) and one[at - low - 1] == two[other - low - 1]:
        low += 1
    high = WINDOW
    while at + high < len(one) and other + high < len(two) and one[at + high] == two[other + high]:
        high += 1
    return Witness(a, b, at - low, other - low, one[at - low : at + high])
