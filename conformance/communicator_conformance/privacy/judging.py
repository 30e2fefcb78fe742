"""Judging: populations become trials, trials become verdicts.

How a game is judged:

1. in each population every distinguisher compares the two pairs, and points at one or at none
2. the first populations train: the distinguisher that did best there, in the direction in which it did, is chosen
3. it is judged on all other populations: its advantage, with an exact interval
4. the game is lost if the interval lies above zero; and if bytes link what the game is about, with the witness

Rules:

1. All games of a run, of both profiles, together fail an implementation that keeps the standard in less than one of
   1,000 seeds: the error of each interval is that, divided by their number.
2. A game with fewer trials than would show a leak that is always right has tested nothing, and fails as such; so does
   the test of bytes of which one of the row saw none.
3. Bytes that link (KNOW-9) need no statistics: each row has a test of its own for them, whatever the relation.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from communicator_conformance.privacy import distinguishers as d
from communicator_conformance.privacy.games import BYTES, GAMES, PROFILES, Game, byte_test, game_test
from communicator_conformance.privacy.intervals import Advantage, trials_wanted
from communicator_conformance.privacy.links import Links, links_in
from communicator_conformance.privacy.views import Views
from communicator_conformance.privacy.windows import Telling
from communicator_conformance.verdicts import Fault, Result, Status, Witness
from communicator_spec.views import KNOWLEDGE, WINDOW, Knowledge, Observation, Role

__all__ = ["MISS", "TRAINING", "Book", "clauses_of"]

TRAINING: Final = 4
MISS: Final = 0.001 / (len(PROFILES) * len(GAMES))
"""How often the interval of one game may miss the truth."""

_ZEROS: Final = bytes(WINDOW)
"""What stands in front of small numbers, everywhere."""

_SHARED: Final = "KNOW-9"

_WANTED: Final = trials_wanted(MISS)

Thing = Sequence[Observation]


class _Chosen(NamedTuple):
    """A distinguisher and its direction, with how it did."""

    name: str
    direction: int
    did: Advantage


class Book:
    """What became of all games of one profile, population by population."""

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._trials: dict[Game, list[dict[str, int]]] = {game: [] for game in GAMES}
        self._links: Links = {}
        self._saw: set[Role] = set()
        self._populations = 0

    def enter(self, views: Views, games: Sequence[Game]) -> None:
        """Let all distinguishers look at one more population."""
        published = (_ZEROS, *views.published)
        telling = Telling(published)
        self._populations += 1
        self._saw.update(seen.role for seen in views.seen)
        for link, witness in links_in(views.seen, published, telling).items():
            self._links.setdefault(link, witness)
        for game in games:
            things = [views.things.get(spot, ()) for spot in (game.first, game.second, game.stranger)]
            if all(things):
                scores = {name: _SCORES[name](telling, *things) for name in game.distinguishers}
                self._trials[game].append(scores)

    def judge_game(self, game: Game) -> Result:
        """Return the verdict of one game."""
        test, clauses = game_test(game, self._profile), _clauses(game.party)
        trials = self._trials[game]
        witness = self._links.get((game.party, game.relation))
        chosen = _best(game, trials[:TRAINING], trials[TRAINING:])
        low, high = chosen.did.interval(MISS)
        detail = (
            f"{chosen.name}: advantage {_two(chosen.did.value)} [{_two(low)}, {_two(high)}]"
            f" over {chosen.did.trials} trials"
        )
        if witness is not None or low > 0:
            return Result(test, Status.FAILED, clauses, Fault.LINKED, f"{detail}{_shown(witness)}", witness=witness)
        if chosen.did.trials < _WANTED:
            detail = f"{detail} of {self._populations} populations; {_WANTED} are needed to see anything"
            return Result(test, Status.FAILED, clauses, Fault.UNFIRED, detail)
        return Result(test, Status.PASSED, clauses, detail=detail)

    def judge_bytes(self, row: Knowledge) -> Result:
        """Return whether bytes link anything that a row must not learn."""
        test, clauses = byte_test(row, self._profile), (*row.clauses, _SHARED)
        for (party, relation), witness in sorted(self._links.items(), key=lambda found: found[0]):
            if party == row.party:
                detail = f"{relation}{_shown(witness)}"
                return Result(test, Status.FAILED, clauses, Fault.LINKED, detail, witness=witness)
        blind = [role for role in row.party if role not in self._saw]
        if blind:  # rule 2
            return Result(test, Status.FAILED, clauses, Fault.UNFIRED, f"the {blind[0]} saw nothing")
        return Result(test, Status.PASSED, clauses, detail="no bytes link anything that must not be told")


def clauses_of(profile: str) -> dict[str, tuple[str, ...]]:
    """Return what each test of a profile judges, by id."""
    rows = {byte_test(row, profile): (*row.clauses, _SHARED) for row in BYTES}
    return rows | {game_test(game, profile): _clauses(game.party) for game in GAMES}


def _clauses(party: tuple[Role, ...]) -> tuple[str, ...]:
    return next(row.clauses for row in KNOWLEDGE if row.party == party)


def _best(game: Game, training: Sequence[dict[str, int]], judged: Sequence[dict[str, int]]) -> _Chosen:
    """Return what did best in training, the first of equals, with its answers on the others."""
    sums = {name: sum(trial[name] for trial in training) for name in game.distinguishers}
    name = max(game.distinguishers, key=lambda one: abs(sums[one]))
    direction = -1 if sums[name] < 0 else 1
    answers = [direction * trial[name] for trial in judged]
    return _Chosen(name, direction, Advantage(len(answers), answers.count(1), answers.count(-1)))


def _shown(witness: Witness | None) -> str:
    if witness is None:
        return ""
    begin = 2 * witness.left_offset
    found = witness.left[begin : begin + 2 * min(witness.length, 16)]
    shown = f"{found}{'…' if witness.length > 16 else ''}"
    return f"; {witness.length} bytes {shown} are in {witness.left_name} and in {witness.right_name}"


def _two(value: float) -> str:
    """Return a number with two digits, without a sign for zero."""
    return f"{round(value, 2) + 0.0:.2f}"


# ---------------------------------------------------------------- which of two pairs

Score = Callable[[Telling, Thing, Thing, Thing], int]


def _sign(ours: float, theirs: float) -> int:
    return (ours > theirs) - (ours < theirs)


def _by(look: Callable[[Thing, Thing], float]) -> Score:
    return lambda _, first, second, stranger: _sign(look(first, second), look(first, stranger))


def _by_bytes(telling: Telling, first: Thing, second: Thing, stranger: Thing) -> int:
    texts = [[string for o in thing for string in d.strings_in(o.data)] for thing in (first, second, stranger)]
    return _sign(d.shared_bytes(telling, texts[0], texts[1]), d.shared_bytes(telling, texts[0], texts[2]))


_SCORES: Final[dict[str, Score]] = {
    "shared bytes": _by_bytes,
    "equality": _by(d.equal_strings),
    "length": _by(d.length_gap),
    "timing": _by(d.closest_s),
    "count": _by(d.count_gap),
}
