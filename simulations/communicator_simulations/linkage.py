"""Playing the linkage games on the real cores, as designed and deliberately broken.

Each replication is a new synthetic population in which every pair of people keeps two relationships (two contexts), so
that a correspondent alone has something to link. The same population runs on three implementations: both address
profiles as designed, and one that reuses addresses (`leaks`). Advantages are means over replications with Student's
95 % interval; the first replication only trains thresholds.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from communicator_impl import wire
from communicator_impl.addresses import ServiceConfig
from communicator_model.draws import subseed
from communicator_model.faults import FaultKind
from communicator_model.phones import Phones
from communicator_model.synthetic import synthesise
from communicator_simulations.games import GAMES, Game, Scorer, Seen, advantage, pairs_of, threshold, witness_of
from communicator_simulations.leaks import REUSES_ADDRESSES
from communicator_simulations.real import Parts, impl_fidelity
from communicator_simulations.runs import RunKey, Supplies, simulate
from communicator_simulations.scenario import Scenario, load_scenario
from communicator_simulations.statistics import interval
from communicator_simulations.views import TakenViews
from communicator_simulations.workers import finished
from communicator_spec import Kind
from communicator_spec.parameters import PARAMETERS

__all__ = ["IMPLEMENTATIONS", "Implementation", "observed", "play"]

PEOPLE: Final = 20
MESSAGES: Final = 240
DAYS: Final = 2.0
PROVIDERS: Final = 4  # few, so that many people use the same ones: what is permitted to be known must not decide

_LABEL_SEALED: Final = 2865
_LABEL_FRAME: Final = 10  # up to the generation, which is zero before the first rotation
_TWO_LAYER_FRAME: Final = 9


class Implementation(NamedTuple):
    """What is judged."""

    name: str
    profile: str
    parts: Parts


IMPLEMENTATIONS: Final = (
    Implementation("as designed, label/1", "label/1", Parts()),
    Implementation("as designed, two-layer/1", "two-layer/1", Parts()),
    Implementation("broken: addresses reused", "label/1", REUSES_ADDRESSES),
)

Scores = dict[tuple[str, str, str], tuple[NDArray[np.float64], NDArray[np.bool_], str]]
"""(role, question, distinguisher) → scores, truth, witness."""


def play(
    seed: int, replications: int = 6, workers: int = 2, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[dict[str, object]]:
    """Play every game; return a row for each game, implementation and distinguisher.

    The first replication trains thresholds; `replications` must be at least 3, so that an interval exists.
    """
    if replications < 3:
        raise ValueError("linkage games need at least 3 replications: one trains, two or more test")
    jobs = [(seed, r, i) for i in range(len(IMPLEMENTATIONS)) for r in range(replications)]
    found: dict[tuple[int, int, int], Scores] = {}
    for job, scores in finished(_one, jobs, workers):
        found[job] = scores
        progress(len(found), len(jobs))
    results = [found[job] for job in jobs]
    rows: list[dict[str, object]] = []
    for i, implementation in enumerate(IMPLEMENTATIONS):
        own = results[i * replications : (i + 1) * replications]
        rows += [_row(game, name, implementation, own) for game in GAMES for name in game.scores]
    return rows


def _one(job: tuple[int, int, int]) -> Scores:
    seed, replication, index = job
    implementation = IMPLEMENTATIONS[index]
    own_seed = subseed(seed, "linkage", replication)
    seen, published = observed(own_seed, implementation)
    rng = np.random.Generator(np.random.PCG64(subseed(own_seed, "pairs")))
    scorer, scores = Scorer(published), Scores()
    for game in GAMES:
        pairs = pairs_of(game, seen, rng)
        truth = np.array([pair.related for pair in pairs])
        for name in game.scores:
            values = np.array([scorer.score(name, pair) for pair in pairs])
            found = witness_of(pairs, values, published) if name == "shared bytes" else ""
            scores[game.role, game.question, name] = values, truth, found
    return scores


def observed(seed: int, implementation: Implementation, messages: int = MESSAGES) -> tuple[Seen, list[bytes]]:
    """Run one population on one implementation and return what everybody saw."""
    scenario = _scenario(implementation.profile)
    supplies = Supplies(synthesise(seed, PEOPLE, messages, DAYS), Phones.synthetic(seed, PEOPLE))
    views = TakenViews()
    fidelity = impl_fidelity(implementation.profile, seed, implementation.parts, views)
    done = simulate(scenario, seed, supplies, RunKey("two", FaultKind.NONE, 0), fidelity, contexts=2)
    person = {row[2]: row[8] for row in done.log if row[1] == Kind.PAIRED}
    return Seen(views.seen, views.destinations, person), published(views.configs)


def _scenario(profile: str) -> Scenario:
    scenario = load_scenario("migration")
    study = msgspec.structs.replace(scenario.study, drain_days=1)
    weather = msgspec.structs.replace(scenario.weather, strangers_every_h=0, refusal_share=0)
    people = msgspec.structs.replace(scenario.people, providers=PROVIDERS)
    return msgspec.structs.replace(scenario, profile=profile, study=study, weather=weather, people=people)


def published(configs: Sequence[ServiceConfig]) -> list[bytes]:
    """Return what everybody may know and repeat: the frames of requests, and names, keys and digests of services."""
    known = [
        wire.encode({0: 1, 1: 2, 2: bytes(_LABEL_SEALED)})[:_LABEL_FRAME],
        wire.encode({0: 1, 1: 1, 2: bytes(PARAMETERS.address.sda_bytes), 3: b""})[:_TWO_LAYER_FRAME],
    ]
    for config in configs:
        known += [config.uri.encode(), config.encode(), config.digest()]
        known += [generation.public for generation in (*config.outer, *config.inner)]
    return known


def _row(game: Game, name: str, implementation: Implementation, results: Sequence[Scores]) -> dict[str, object]:
    key = (game.role, game.question, name)
    at = threshold(*results[0][key][:2])
    found = interval([advantage(*scores[key][:2], at) for scores in results[1:] if _playable(scores[key][1])])
    witness = next((scores[key][2] for scores in results if scores[key][2]), "")
    return {
        "role": game.role,
        "question": game.question,
        "permitted": game.permitted,
        "clauses": ", ".join(game.clauses),
        "implementation": implementation.name,
        "distinguisher": name,
        "advantage": found.mean,
        "low": found.low,
        "high": found.high,
        "trials": sum(len(scores[key][1]) for scores in results[1:]),
        "replications": found.n,
        "witness": witness,
    }


def _playable(truth: NDArray[np.bool_]) -> bool:
    """A game needs pairs of both kinds."""
    return bool(truth.any()) and not truth.all()
