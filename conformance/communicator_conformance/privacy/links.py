"""Links: bytes that two observations share although the knowledge table forbids that they tell.

Theory. All strings of a population are numbered once. Two observations are linked if they hold one string, or strings
with a telling window in common; both are found by one sort of all windows. What a link says is the relation of the two
in truth, and whether the table permits it depends on who saw them: a party is one role, or two.

Rules:

1. What is compared are the strings inside encodings (`strings_in`): the rest is numbers.
2. A pair is judged by the row that names exactly the roles of the two; two correspondents are a row of their own.
3. What passed over one connection is linked by the connection (7.1).
4. Of several links of one row and one relation the first is kept.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from communicator_conformance.privacy.distinguishers import strings_in
from communicator_conformance.privacy.windows import Telling, Windows
from communicator_conformance.verdicts import Witness
from communicator_spec.views import KNOWLEDGE, Knowledge, Observation, Relation, Role, relation, shared_windows

__all__ = ["Links", "links_in", "row_of", "witness_of"]

Links = dict[tuple[tuple[Role, ...], Relation], Witness]
"""By row and forbidden relation: a witness."""

_ROWS: Final = {tuple(sorted(row.party)): row for row in KNOWLEDGE}
_JUDGED: Final = frozenset({Role.SENDING, Role.RECEIVING, Role.CORRESPONDENT, Role.DIRECTORY, Role.AUTHORIZATION})
_CROWD: Final = 40
_SHOWN, _AROUND = 512, 32


def row_of(a: Observation, b: Observation) -> Knowledge | None:
    """Return the row of the table by which a pair is judged; None if nobody of the table sees both."""
    if a.role is b.role and (a.role is not Role.CORRESPONDENT or a.place == b.place):
        return _ROWS[(a.role,)]
    return _ROWS.get(tuple(sorted((a.role, b.role))))


def links_in(seen: Sequence[Observation], published: Sequence[bytes], telling: Telling) -> Links:
    """Return what links observations of a population against the table."""
    owners: dict[bytes, list[Observation]] = {}
    for observation in seen:
        if observation.role in _JUDGED:
            for string in set(strings_in(observation.data)):
                owners.setdefault(string, []).append(observation)
    found: Links = {}
    for one, other in _kin(list(owners), telling):
        for a, b in _pairs(owners[one], owners[other], one == other):
            row, link = row_of(a, b), relation(a, b)
            if row is None or link is None or link in row.permitted or (row.party, link) in found:
                continue
            witness = witness_of(a, b, (one, other), published)
            if a.connection != b.connection and witness is not None:
                found[row.party, link] = witness
    return found


def _kin(strings: list[bytes], telling: Telling) -> Iterator[tuple[bytes, bytes]]:
    """Yield each string that tells something with itself, and all pairs that share a telling window."""
    windows = [telling.of(string) for string in strings]
    yield from ((string, string) for string, own in zip(strings, windows, strict=True) if own.size)
    everything = np.concatenate([np.empty(0, np.uint64), *windows])
    owner = np.repeat(np.arange(len(strings)), [len(own) for own in windows])
    order = np.argsort(everything, kind="stable")
    pairs = set(_sharers(everything[order], owner[order]))
    yield from ((strings[first], strings[second]) for first, second in sorted(pairs))


def _sharers(windows: Windows, owner: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of owners of one window; windows are sorted, and each is once at each owner."""
    again = windows[1:] == windows[:-1]
    shared = np.append(again, False) | np.append(False, again)
    windows, owner = windows[shared], owner[shared]
    edges = np.flatnonzero(windows[1:] != windows[:-1]) + 1
    for group in {tuple(group.tolist()) for group in np.split(owner, edges)}:
        yield from combinations(sorted(group)[:_CROWD], 2)


def _pairs(ours: list[Observation], theirs: list[Observation], same: bool) -> Iterator[tuple[Observation, Observation]]:
    if same:
        return combinations(ours[:_CROWD], 2)
    return ((a, b) for a in ours[:_CROWD] for b in theirs[:_CROWD])


def witness_of(
    a: Observation, b: Observation, strings: tuple[bytes, bytes], published: Sequence[bytes]
) -> Witness | None:
    """Show the first bytes that two observations share in a string of each; long ones are cut around them."""
    inside = [seen._replace(data=string) for seen, string in zip((a, b), strings, strict=True)]
    found = shared_windows(inside, published)
    if not found:
        return None
    length, first, second = len(found[0].data), found[0].first_offset, found[0].second_offset
    left, left_offset = _cut(a.data, a.data.index(strings[0]) + first, length)
    right, right_offset = _cut(b.data, b.data.index(strings[1]) + second, length)
    return Witness(_name(a), _name(b), left.hex(), right.hex(), left_offset, right_offset, min(length, _SHOWN))


def _name(seen: Observation) -> str:
    return f"{seen.channel} ({seen.role}, {seen.t_ms // 1000} s)"


def _cut(data: bytes, offset: int, length: int) -> tuple[bytes, int]:
    """Return bytes around a place, and where it is in them."""
    begin = max(0, offset - _AROUND)
    return data[begin : offset + min(length, _SHOWN) + _AROUND], offset - begin
