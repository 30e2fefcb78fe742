"""What is measured of both: T5, T6, T10 and T16, as advantages with 95 % intervals.

A game shows related and unrelated pairs of what somebody saw; the score of a pair is how many windows of bytes the two
have in common that are not published. The advantage is the share of related pairs that score more than zero, minus that
of unrelated ones: 0 is guessing, 1 is certainty.

Intervals of T5, T6 and T16 are Student's over replications that share nothing, that of T10 is a bootstrap over targets.

T5   a receiving service: two roots, of one person?      drafted: a person's roots share bytes (`leaks`)
T6   a correspondent and a receiving service: what the correspondent was granted, and another root, of one person?
T10  whoever sees mailboxes: who gets something soon after the target does (`adversaries.sealed_sender`)?
     drafted: receipts at once, phones always on line. Here the advantage is the sealed-sender attack's own.
T16  an issuer that also verifies: a token that was asked for, and one that was spent, the same?
     drafted: a signed number. standard: blind RSA. Times are not looked at: that is hoarding's part (chapter 9).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_impl.blind_rsa import SigningKey
from communicator_impl.tokens import Token, TokenKey, challenge_digest, finish, request
from communicator_model.draws import subseed
from communicator_model.phones import Phones
from communicator_model.synthetic import synthesise
from communicator_simulations.adversaries import sealed_sender
from communicator_simulations.adversaries.ranking import mean_over_targets
from communicator_simulations.adversaries.traffic import Traffic, arrivals
from communicator_simulations.adversaries.watching import always_on, watched, with_receipts
from communicator_simulations.games import Game, Pair, Scorer, Seen, Thing, own_acquaintances, pairs_of, roots
from communicator_simulations.linkage import IMPLEMENTATIONS, Implementation, observed
from communicator_simulations.runs import Supplies
from communicator_simulations.scenario import load_scenario
from communicator_simulations.statistics import Interval, interval
from communicator_simulations.threats.on_addresses import entropy_of
from communicator_spec.views import Role

__all__ = ["Measured", "t5", "t6", "t10", "t16"]

REPLICATIONS: Final = 3
_WRITTEN: Final = 80
_TOKENS: Final = 6
_DESIGNED, _REUSED = IMPLEMENTATIONS[0], IMPLEMENTATIONS[2]


class Measured(NamedTuple):
    """An attack's advantage on the drafted variant and on the standard."""

    drafted: Interval
    standard: Interval


def _one_person(a: Thing, b: Thing) -> bool:
    return _apart(a, b) and a.subject == b.subject


def _two_people(a: Thing, b: Thing) -> bool:
    return _apart(a, b) and a.subject != b.subject


def _apart(a: Thing, b: Thing) -> bool:
    return a.relationship >> 1 != b.relationship >> 1


def _colluding(test: Callable[[Thing, Thing], bool]) -> Callable[[Thing, Thing], bool]:
    """Let one thing be a correspondent's, and the other a receiving service's."""
    return lambda a, b: {a.seen[0].role, b.seen[0].role} == {Role.CORRESPONDENT, Role.RECEIVING} and test(a, b)


def _of_both(seen: Seen) -> list[Thing]:
    return [thing._replace(matched=()) for thing in (*own_acquaintances(seen), *roots(seen))]


_T5: Final = Game("receiving service", "two roots: one person?", False, ("KNOW-3",), roots, _one_person, _two_people,
                  ("shared bytes",))  # fmt: skip
_T6: Final = Game("correspondent and receiving service", "a grant and another root: one person?", False, ("KNOW-7",),
                  _of_both, _colluding(_one_person), _colluding(_two_people), ("shared bytes",))  # fmt: skip


_observed = lru_cache(2 * REPLICATIONS)(observed)  # T5 and T6 look at the same populations


def _played(game: Game, implementation: Implementation, seed: int, replications: int) -> Interval:
    """Play a game on real bytes, in populations that share nothing."""
    found = []
    for replication in range(replications):
        own_seed = subseed(seed, "threats", replication)
        seen, published = _observed(own_seed, implementation, _WRITTEN)
        pairs = pairs_of(game, seen, np.random.Generator(np.random.PCG64(subseed(own_seed, "pairs"))))
        found.append(_advantage(pairs, Scorer(published)))
    return interval(found)


def _advantage(pairs: Sequence[Pair], scorer: Scorer) -> float:
    called = {related: [scorer.score("shared bytes", pair) > 0 for pair in pairs if pair.related == related]
              for related in (True, False)}  # fmt: skip
    return float(np.mean(called[True]) - np.mean(called[False]))


def t5(seed: int, replications: int = REPLICATIONS) -> Measured:
    """Link roots of one person at a receiving service."""
    return Measured(*(_played(_T5, which, seed, replications) for which in (_REUSED, _DESIGNED)))


def t6(seed: int, replications: int = REPLICATIONS) -> Measured:
    """Link what a correspondent was granted with another root of the same person."""
    return Measured(*(_played(_T6, which, seed, replications) for which in (_REUSED, _DESIGNED)))


# ---------------------------------------------------------------------- T10


_PEOPLE, _MESSAGES, _DAYS, _LEAST = 30, 1500, 6.0, 20


def t10(seed: int) -> Measured:
    """Find who writes to a mailbox by what happens within a minute of each arrival."""
    scenario = load_scenario("migration")
    supplies = Supplies(synthesise(seed, _PEOPLE, _MESSAGES, _DAYS), Phones.synthetic(seed, _PEOPLE))
    at_once = watched(with_receipts(scenario, "two", 0, 0), seed, always_on(supplies), "two").traffic
    as_said = watched(scenario, seed, supplies, "two").traffic
    return Measured(_found_out(at_once, seed), _found_out(as_said, seed))


def _found_out(traffic: Traffic, seed: int) -> Interval:
    """Return the advantage of the attack over all people who got enough; the interval is over them."""
    view, ends = arrivals(traffic, "person"), traffic.accepted[:, 2]
    wrote = np.zeros((_PEOPLE, _PEOPLE), dtype=bool)  # reader, writer
    wrote[traffic.person[ends ^ 1], traffic.person[ends]] = True
    got = np.bincount(traffic.person[ends ^ 1], minlength=_PEOPLE)
    targets = [int(thing) for thing in np.flatnonzero(got[view.person] >= _LEAST)]

    def right(target: int) -> NDArray[np.bool_]:
        return np.asarray(wrote[view.person[target]][view.person])

    judged = sealed_sender.attack(view, targets, view.times_of, right, seed)
    return mean_over_targets(judged, "advantage", seed)


# ---------------------------------------------------------------------- T16


def t16(seed: int) -> Measured:
    """Link a token that was asked for with one that was spent, as an issuer that verifies."""
    entropy = entropy_of(seed, "T16")
    signer = SigningKey.generate(entropy)
    key = TokenKey(signer.public)
    digest = challenge_digest("issuer.example", "p00.example")
    blind, plain = [], []
    for replication in range(REPLICATIONS):
        asked, spent = [], []
        for _ in range(_TOKENS):
            pending = request(key, digest, entropy)
            answer = signer.sign_blinded(pending.blinded, entropy)
            asked.append(pending.request() + answer)
            spent.append(finish(pending, answer).encode())
        blind.append(_matched(asked, spent, key.encode() + digest + key.identifier()))
        plain.append(_matched(*_numbered(seed, replication), b""))
    return Measured(interval(plain), interval(blind))


def _numbered(seed: int, replication: int) -> tuple[list[bytes], list[bytes]]:
    """Return tokens of the drafts: a number that the issuer draws and signs; it sees the same when they are spent."""
    entropy = entropy_of(seed, f"T16 drafted {replication}")
    tokens = [Token(entropy.draw("n", 32), b"", b"", entropy.draw("s", 64)).encode() for _ in range(_TOKENS)]
    return tokens, tokens


def _matched(asked: Sequence[bytes], spent: Sequence[bytes], published: bytes) -> float:
    """Return the advantage of whoever looks for eight bytes in common."""
    known = _windows(published)
    hits = [[bool((_windows(a) & _windows(b)) - known) for b in spent] for a in asked]
    same = [hits[n][n] for n in range(len(asked))]
    others = [hits[n][m] for n in range(len(asked)) for m in range(len(spent)) if n != m]
    return float(np.mean(same) - np.mean(others))


def _windows(text: bytes, size: int = 8) -> set[bytes]:
    return {text[n : n + size] for n in range(len(text) - size + 1)}
