"""The relations of the knowledge table as pairs of worlds, and a verdict for every row of it.

A game takes a run, a scheme, a party of the table and a relation. The party sees the run in the world that is, and in
the world that is apart by the relation (`things`). If a test tells the two apart, the party can link, and the test is
the witness; if none does, it cannot, within the limits that the package states.

1. A party holds *all* places of its roles: all sending services at once, and so on. What holds for them together holds
   for each. The correspondents of the table are the two peers of one person; a party with one of them plays with each.
2. A relation that a row permits is played too, and whether it is learnt is reported; a relation that it forbids must
   not be. `same person` is played on both relationships, as all others are.
3. What a larger party cannot do, no smaller one can. So all places of all rows that must not learn a relation are first
   taken together, all correspondents among them: as a rule they cannot, which is more than the table asks. Otherwise
   the rows are played apart, the largest first.
4. A link is reduced: places are taken away as long as the test remains. What is left is the smallest coalition; a row
   that contains another linked row is left out as long as it adds nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from communicator_spec.formal.unlinkability.deduction import Frame, distinguish, holds
from communicator_spec.formal.unlinkability.terms import Term
from communicator_spec.formal.unlinkability.things import Counting, Scheme, World
from communicator_spec.formal.unlinkability.traces import Trace
from communicator_spec.formal.unlinkability.views import Place, Views, observe
from communicator_spec.views import KNOWLEDGE, Knowledge, Relation, Role

__all__ = ["Link", "Verdict", "judge", "links", "party_text", "tells_roots"]


class Link(NamedTuple):
    """A party tells a relation: the smallest set of places that does, the run, and the test as text."""

    party: tuple[Role, ...]
    relation: Relation
    places: tuple[Place, ...]
    trace: str
    counting: Counting
    recipe: str


class Verdict(NamedTuple):
    """What a party of the table makes of a relation in a scheme: whether it may, and the link if it can."""

    scheme: str
    party: tuple[Role, ...]
    relation: Relation
    permitted: bool
    link: Link | None

    @property
    def is_breach(self) -> bool:
        """Does the party learn what it must not?"""
        return self.link is not None and not self.permitted


def party_text(party: Iterable[Role]) -> str:
    """Return a party as the knowledge table writes it."""
    return " + ".join(party)


def _coalitions(party: Sequence[Role], places: Iterable[Place]) -> Iterator[frozenset[Place]]:
    """Yield the places that a party holds; with fewer correspondents than there are, each choice of them."""
    known = sorted(places)
    peers = [place for place in known if place.role is Role.CORRESPONDENT]
    others = frozenset(place for place in known if place.role in party and place.role is not Role.CORRESPONDENT)
    for chosen in combinations(peers, party.count(Role.CORRESPONDENT)):
        yield others | frozenset(chosen)


def _frame(views: Views, places: Iterable[Place]) -> list[tuple[str, Term]]:
    """Return what several places saw, with the place in each label."""
    return [(f"[{place.text}: {label}]", term) for place in sorted(places) for label, term in views.get(place, [])]


def _told(left: Views, right: Views, places: frozenset[Place]) -> tuple[frozenset[Place], str] | None:
    """Return the smallest places that tell two worlds apart, and how; None if these do not."""
    if distinguish(_frame(left, places), _frame(right, places)) is None:
        return None
    for place in sorted(places, reverse=True):  # 4
        less = places - {place}
        if less and distinguish(_frame(left, less), _frame(right, less)) is not None:
            places = less
    frames: tuple[Frame, Frame] = (_frame(left, places), _frame(right, places))
    witness = distinguish(*frames)
    if witness is None or not holds(witness, frames[witness.world]) or holds(witness, frames[1 - witness.world]):
        raise AssertionError(f"a witness that does not hold: {witness}")
    return places, f"{witness.show(frames[witness.world])}, in world {witness.world + 1} only"


class _Game:
    """One run, in one scheme, with one way to see numbers."""

    def __init__(self, trace: Trace, scheme: Scheme, counting: Counting) -> None:
        self.trace, self.scheme, self.counting = trace, scheme, counting
        self.as_it_is = observe(trace.facts, scheme, World(None, counting), trace.named)

    def play(self, relation: Relation, rows: Sequence[Knowledge]) -> Iterator[Link]:
        """Yield a link for each row that tells the relation and contains no smaller row that does."""
        apart = observe(self.trace.facts, self.scheme, World(relation, self.counting), self.trace.named)
        found: dict[tuple[Role, ...], Link] = {}
        forbidden = {role for row in rows if relation not in row.permitted for role in row.party}
        together = frozenset(place for place in self.as_it_is if place.role in forbidden)
        blind = [together] if _told(self.as_it_is, apart, together) is None else []  # 3
        choices = [(row, places) for row in rows for places in _coalitions(row.party, self.as_it_is)]
        for row, places in sorted(choices, key=lambda choice: -len(choice[1])):
            if row.party in found or any(places <= other for other in blind):  # 3
                continue
            told = _told(self.as_it_is, apart, places)
            if told is None:
                blind.append(places)
            else:
                left, recipe = told
                found[row.party] = Link(
                    row.party, relation, tuple(sorted(left)), self.trace.name, self.counting, recipe
                )
        yield from found.values()


def links(
    trace: Trace, scheme: Scheme, relation: Relation, rows: Sequence[Knowledge], counting: Counting = Counting.OWN
) -> list[Link]:
    """Return the links that the given rows make in one run, for one relation."""
    return list(_Game(trace, scheme, counting).play(relation, rows))


def tells_roots(trace: Trace, scheme: Scheme, counting: Counting = Counting.OWN) -> Link | None:
    """Return how receiving services together tell two roots of one relationship; None if they cannot (KNOW-3)."""
    as_it_is = observe(trace.facts, scheme, World(None, counting), trace.named)
    apart = observe(trace.facts, scheme, World(None, counting, roots=True), trace.named)
    told = _told(as_it_is, apart, frozenset(place for place in as_it_is if place.role is Role.RECEIVING))
    if told is None:
        return None
    return Link((Role.RECEIVING,), Relation.SAME_RELATIONSHIP, tuple(sorted(told[0])), trace.name, counting, told[1])


def judge(
    scheme: Scheme,
    traces: Sequence[Trace],
    permitted: bool = True,
    relations: Sequence[Relation] = tuple(Relation),
) -> list[Verdict]:
    """Play every row of the table and every relation on every run; permitted relations only if asked for.

    The first link that a row makes is its verdict: a row that has one is not played again.
    """
    found: dict[tuple[tuple[Role, ...], Relation], Link] = {}
    for trace in traces:
        for counting in Counting:
            game = _Game(trace, scheme, counting)
            for relation in relations:
                rows = [
                    row
                    for row in KNOWLEDGE
                    if (row.party, relation) not in found and (permitted or relation not in row.permitted)
                ]
                for link in game.play(relation, rows) if rows else ():
                    found[(link.party, relation)] = link
    return [
        Verdict(scheme.name, row.party, relation, relation in row.permitted, found.get((row.party, relation)))
        for row in KNOWLEDGE
        for relation in relations
        if permitted or relation not in row.permitted
    ]
