"""Privacy as a verdict: what each party sees of a program, and whether that tells more than the standard permits.

Theory. Chapter 7 is a table of parties and relations. Small populations play with the program under test
(`population`, `purses`); everything that passes between roles is a view (`watching`, `views`); bytes that link are a
witness (`links`); what lengths, times and numbers tell is measured by games (`games`, `judging`) with exact intervals
(`intervals`).

Rules:

1. Everything drawn follows from the seed of the run and the number of the population.
2. A program that answers nothing, or refuses what it must take, fails all tests at once: there is nothing to see.
3. An answer whose fields are not as the README says cannot be carried on: that, too, is a failure of the program.
"""

from collections.abc import Callable, Iterator
from functools import partial

from communicator_conformance.errors import TesteeError
from communicator_conformance.privacy.games import BYTES, GAMES, PROFILES, Game, byte_test, game_test
from communicator_conformance.privacy.judging import Book, clauses_of
from communicator_conformance.privacy.population import SUBJECTS, Luck, observed
from communicator_conformance.privacy.purses import Purses
from communicator_conformance.privacy.views import Views
from communicator_conformance.questions import UPSET, Flaw, Refused
from communicator_conformance.scripts.casting import LIVE, ROLES, can_play
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_spec.views import Knowledge

__all__ = ["POPULATIONS", "ids_of", "play"]

POPULATIONS = 22
"""How many populations of each profile are played: the least with which a leak that is always seen is proven."""

_TOKEN = "token"
_DEALERS = ("rm", "as")


def ids_of(profile: str = "") -> tuple[str, ...]:
    """Return the ids of all tests, or of those of one profile, in order."""
    return tuple(
        test
        for one in PROFILES
        if profile in ("", one)
        for test in (*(byte_test(row, one) for row in BYTES), *(game_test(game, one) for game in GAMES))
    )


def play(
    program: Testee,
    partner: Testee,
    chosen: frozenset[str],
    seed: int,
    replications: int | None = None,
    lived: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Play the chosen tests: the program is both people whom the games are about, every service, holder and issuer.

    `replications` is how many populations of each profile are played, so many as show a leak that is always seen;
    `lived` is told of each.
    What it does not offer is the partner's, who is also their correspondents.
    """
    purses: list[Purses] = []
    populations = POPULATIONS if replications is None else replications
    for profile in PROFILES:
        wanted = [test for test in ids_of(profile) if test in chosen]
        if wanted:
            yield from _played(_Part(program, partner, profile, purses), wanted, seed, populations, lived)


def _played(
    part: "_Part", wanted: list[str], seed: int, populations: int, lived: Callable[[], None]
) -> Iterator[Result]:
    book = Book(part.profile)
    try:
        games = [game for game in GAMES if part.plays(game)]
        for number in range(populations) if games else ():
            book.enter(part.population(Luck(seed, number)), games)
            lived()
    except (Flaw, TesteeError) as error:
        yield from part.failed(wanted, error.fault, str(error))
        return
    except Refused as error:
        yield from part.failed(wanted, Fault.REJECTED, str(error))
        return
    except UPSET as error:  # rule 3
        yield from part.failed(wanted, Fault.SCHEMA, f"an answer that nobody can carry on: {error!r}")
        return
    verdicts = {game_test(game, part.profile): partial(book.judge_game, game) for game in games}
    verdicts |= {byte_test(row, part.profile): partial(book.judge_bytes, row) for row in BYTES if part.sees(row)}
    for test in wanted:
        yield verdicts[test]() if test in verdicts else Result(test, Status.SKIPPED, detail=part.missing)


class _Part:
    """What of a population one program can play; those for whom it has no part are the partner, or stay at home."""

    def __init__(self, program: Testee, partner: Testee, profile: str, purses: list[Purses]) -> None:
        self.program = program
        self.profile = profile
        self.missing = f"needs {LIVE} and {profile}, or {_TOKEN}"
        self._partner = partner
        self._purses = purses  # at most one, that of both profiles

    @property
    def _lives(self) -> bool:
        return any(can_play(self.program, kind, self.profile) for kind in ROLES)

    @property
    def _pays(self) -> bool:
        return any(self._deals(role) for role in _DEALERS)

    def _deals(self, role: str) -> bool:
        return {_TOKEN, role} <= self.program.hello.offers

    def plays(self, game: Game) -> bool:
        """Tell whether a game is about this program."""
        return self._pays if game.pays else self._lives

    def sees(self, row: Knowledge) -> bool:
        """Tell whether anything of this program comes to a row."""
        return any(self.plays(game) for game in GAMES if game.party == row.party)

    def failed(self, wanted: list[str], fault: Fault, detail: str) -> Iterator[Result]:
        """Yield the failure of all tests, with the lines exchanged last."""
        lines, clauses = tuple(self.program.lines), clauses_of(self.profile)
        return (Result(test, Status.FAILED, clauses[test], fault, detail, lines) for test in wanted)

    def population(self, luck: Luck) -> Views:
        """Let one population live, and return what everybody saw."""
        views = observed(self.profile, luck, self._cast) if self._lives else Views()
        if self._pays:
            if not self._purses:
                self._purses.append(Purses(*(self.program if self._deals(r) else self._partner for r in _DEALERS)))
            views.add(self._purses[0].filled(luck))
        return views

    def _cast(self, kind: str, name: str) -> Testee:
        own = (kind != "person" or name in SUBJECTS) and can_play(self.program, kind, self.profile)
        return self.program if own else self._partner
