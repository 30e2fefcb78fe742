"""The games: for each row of the knowledge table, each relation that somebody could try to tell from what the row sees.

Theory. A game shows two pairs of things: one has a relation that the row must not learn, the other none at all. Both
pairs share one thing, and the two others are at the same point of the plot, so an implementation that keeps the
standard makes them alike: whoever points at one is right as often as wrong. What an implementation lets slip, makes one
of them stand out.

Rules:

1. A game between two roles shows one thing of each; what each role tells alone is a game of its own row.
2. A relation that a row forbids and that has no game is in `UNSEEN`, with the reason: nothing of it passes that row.
3. Times do not count where the standard does not hide them (14.3) or the suite sets them: between what enters and what
   leaves a sending service, and for tokens. Lengths of what people say are theirs: a correspondent may know them.
4. Connections from outside have no bytes to compare; of the network's row lengths and times are judged.
"""

from typing import Final, NamedTuple

from communicator_conformance.privacy.views import Spot
from communicator_spec.views import KNOWLEDGE, Knowledge, Relation, Role

__all__ = ["BYTES", "GAMES", "PROFILES", "UNSEEN", "Game", "byte_test", "game_test"]

_S, _R, _C, _N = Role.SENDING, Role.RECEIVING, Role.CORRESPONDENT, Role.NETWORK
_D, _A = Role.DIRECTORY, Role.AUTHORIZATION
_TRANSMISSION, _MESSAGE = Relation.SAME_TRANSMISSION, Relation.SAME_MESSAGE
_RELATIONSHIP, _ENDS, _TOKEN = Relation.SAME_RELATIONSHIP, Relation.BOTH_ENDS, Relation.SAME_TOKEN
_ACCOUNT, _NAME, _PERSON = Relation.SAME_ACCOUNT, Relation.SAME_NAME, Relation.SAME_PERSON

_BYTES: Final = ("shared bytes", "equality")
_TIMELESS: Final = (*_BYTES, "length", "count")
_ALL: Final = (*_TIMELESS, "timing")
_OPENED: Final = (*_BYTES, "timing", "count")
_OUTSIDE: Final = ("length", "timing")


class Game(NamedTuple):
    """One relation that one row must not learn: a related pair, the thing that replaces its second, distinguishers."""

    party: tuple[Role, ...]
    relation: Relation
    first: Spot
    second: Spot
    stranger: Spot
    distinguishers: tuple[str, ...]

    @property
    def pays(self) -> bool:
        """Whether tokens take part."""
        return self.first.when in _OF_TOKENS


_OF_TOKENS: Final = ("asked", "paid")


def _alone(role: Role, relation: Relation, first: str, second: str, stranger: str, by: tuple[str, ...]) -> Game:
    """Return a game of one role, its things written as `where, when`."""
    return _game((role,), relation, (role, first), (role, second), (role, stranger), by)


def _game(
    party: tuple[Role, ...],
    relation: Relation,
    first: tuple[Role, str],
    second: tuple[Role, str],
    stranger: tuple[Role, str],
    by: tuple[str, ...],
) -> Game:
    return Game(party, relation, _spot(first), _spot(second), _spot(stranger), by)


def _spot(thing: tuple[Role, str]) -> Spot:
    where, when = thing[1].split(", ")
    return Spot(thing[0], where, when)


GAMES: Final = (
    _alone(_S, _MESSAGE, "r2.a, word 3", "r2.a, again 3", "r3.a, again 3", _ALL),
    _alone(_S, _RELATIONSHIP, "r2.a, word 1", "r2.a, word 3", "r3.a, word 3", _ALL),
    _alone(_S, _ENDS, "r2.a, echo 2", "r2.x, word 2", "r3.x, word 2", _ALL),
    _alone(_S, _ACCOUNT, "t0, paid", "t1, paid", "u0, paid", _TIMELESS),
    _alone(_S, _PERSON, "r2.a, word 1", "r0.a, word 1", "r3.a, word 1", _ALL),
    _alone(_R, _MESSAGE, "r2.a, word 3", "r2.a, again 3", "r3.a, again 3", _ALL),
    _alone(_R, _ENDS, "r2.a, echo 2", "r2.x, word 2", "r3.x, word 2", _ALL),
    _alone(_R, _ACCOUNT, "t2, paid", "t3, paid", "u1, paid", _TIMELESS),
    _alone(_R, _PERSON, "r2.a, root", "r0.a, root", "r3.a, root", _ALL),
    _alone(_C, _PERSON, "r0.a, all", "r1.a, all", "r3.a, all", _OPENED),
    _game((_C, _C), _PERSON, (_C, "r2.a, all"), (_C, "r0.a, all"), (_C, "r3.a, all"), _OPENED),
    _alone(_N, _TRANSMISSION, "r2.a, word 1 out", "r2.a, word 1 in", "r3.a, word 1 in", ("length",)),
    _alone(_N, _MESSAGE, "r2.a, word 3 in", "r2.a, again 3 in", "r3.a, again 3 in", _OUTSIDE),
    _alone(_N, _RELATIONSHIP, "r2.a, word 1 in", "r2.a, word 3 in", "r3.a, word 3 in", _OUTSIDE),
    _alone(_N, _ENDS, "r2.a, echo 2 in", "r2.x, word 2 in", "r3.x, word 2 in", _OUTSIDE),
    _alone(_N, _PERSON, "r2.a, word 1 in", "r0.a, word 1 in", "r3.a, word 1 in", _OUTSIDE),
    _game((_S, _R), _MESSAGE, (_S, "r2.a, word 3"), (_R, "r2.a, again 3"), (_R, "r3.a, again 3"), _ALL),
    _game((_S, _R), _ACCOUNT, (_R, "t3, paid"), (_S, "t0, paid"), (_S, "u0, paid"), _TIMELESS),
    _game((_S, _R), _PERSON, (_S, "r2.a, word 1"), (_R, "r0.a, root"), (_R, "r3.a, root"), _ALL),
    _game((_C, _R), _PERSON, (_C, "r0.a, all"), (_R, "r2.a, root"), (_R, "r3.a, root"), _OPENED),
    _alone(_D, _ACCOUNT, "t4, paid", "t5, paid", "u2, paid", _TIMELESS),
    _alone(_D, _PERSON, "t4, paid", "t6, paid", "u2, paid", _TIMELESS),
    _game((_D, _R), _ACCOUNT, (_R, "t3, paid"), (_D, "t4, paid"), (_D, "u2, paid"), _TIMELESS),
    _game((_D, _R), _PERSON, (_R, "t3, paid"), (_D, "t6, paid"), (_D, "u2, paid"), _TIMELESS),
    _alone(_A, _PERSON, "t4, asked", "t6, asked", "u2, asked", _TIMELESS),
    _game((_A, _S), _TOKEN, (_S, "t0, paid"), (_A, "t0, asked"), (_A, "u0, asked"), _TIMELESS),
    _game((_A, _S), _PERSON, (_S, "t0, paid"), (_A, "t6, asked"), (_A, "u2, asked"), _TIMELESS),
    _game((_A, _R), _TOKEN, (_R, "t2, paid"), (_A, "t2, asked"), (_A, "u1, asked"), _TIMELESS),
    _game((_A, _R), _PERSON, (_R, "t2, paid"), (_A, "t6, asked"), (_A, "u2, asked"), _TIMELESS),
)
"""Everything that is played, in the order of the table."""

_ONE_TOKEN: Final = "a token comes here once"
_NO_NAMES: Final = "names pass a directory only"
_NO_MESSAGES: Final = "no message passes here"
_NO_TOKENS: Final = "tokens are no business of these"
_ONE_SIDE: Final = "only one of the two sees any of it: it is a game of that row"

UNSEEN: Final[dict[tuple[Role, ...], dict[Relation, str]]] = {
    (_S,): {_TOKEN: _ONE_TOKEN, _NAME: _NO_NAMES},
    (_R,): {_TOKEN: _ONE_TOKEN, _NAME: _NO_NAMES},
    (_C,): {_TOKEN: _NO_TOKENS, _ACCOUNT: _NO_TOKENS},
    (_C, _C): {_TOKEN: _NO_TOKENS, _ACCOUNT: _NO_TOKENS},
    (_N,): dict.fromkeys((_TOKEN, _ACCOUNT, _NAME), "of a token or a name, a connection shows one constant length"),
    (_S, _R): {_TOKEN: "a token is spent at one service", _NAME: _NO_NAMES},
    (_C, _R): {_TOKEN: _ONE_TOKEN, _ACCOUNT: _ONE_SIDE},
    (_D,): {**dict.fromkeys((_TRANSMISSION, _MESSAGE, _RELATIONSHIP, _ENDS), _NO_MESSAGES), _TOKEN: _ONE_TOKEN},
    (_A,): {
        **dict.fromkeys((_TRANSMISSION, _MESSAGE, _RELATIONSHIP, _ENDS), _NO_MESSAGES),
        _TOKEN: "a token is asked for once",
        _NAME: _NO_NAMES,
    },
    (_D, _R): {_MESSAGE: _ONE_SIDE, _ENDS: _ONE_SIDE, _TOKEN: "a token is spent at one service"},
    (_A, _S): {**dict.fromkeys((_MESSAGE, _RELATIONSHIP, _ENDS), _ONE_SIDE), _NAME: _NO_NAMES},
    (_A, _R): {**dict.fromkeys((_MESSAGE, _ENDS), _ONE_SIDE), _NAME: _NO_NAMES},
}
"""By row: forbidden relations without a game, and why nobody of the row could play it."""

_PLAYED: Final = {row.party: {game.relation for game in GAMES if game.party == row.party} for row in KNOWLEDGE}
if any(row.forbidden != _PLAYED[row.party] | UNSEEN[row.party].keys() for row in KNOWLEDGE):
    raise AssertionError("a row of the knowledge table has a relation that is neither played nor unseen")

# ---------------------------------------------------------------- tests

PROFILES: Final = ("label/1", "two-layer/1")

BYTES: Final = tuple(row for row in KNOWLEDGE if row.party != (_N,))
"""Rows whose bytes are compared; what the network sees of a connection is nothing to compare."""


def game_test(game: Game, profile: str) -> str:
    """Return the id of a game's test."""
    return _test(game.party, game.relation.value.replace(" ", "-"), profile)


def byte_test(row: Knowledge, profile: str) -> str:
    """Return the id of the test of a row's bytes."""
    return _test(row.party, "bytes", profile)


def _test(party: tuple[Role, ...], what: str, profile: str) -> str:
    return f"privacy/{'+'.join(role.value.replace(' ', '-') for role in party)}/{what}:{profile.partition('/')[0]}"
