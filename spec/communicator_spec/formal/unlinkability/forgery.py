"""Can somebody who captured a request make another one that a receiving service accepts? (T3, T4, T13)

These are questions of derivation. T3: a party sees requests on their way and wants other bytes to arrive at the same
address. It may cut a captured request apart and put its own ciphertext beside a part, or make a new request around an
address that it can compute; the receiving service accepts what its steps of chapter 2 accept (`Profile.resolves`). A
request that the service accepts, that leads to a captured address, and whose terms can be computed, is a forgery.

T4 is a question to the model, not to terms: a request that is brought twice must be stored once. T13 is both: whoever
holds an address may seal it as often as he likes, so how often it is stored is what bounds him.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from communicator_spec.events import Kind
from communicator_spec.formal.model import world
from communicator_spec.formal.unlinkability.deduction import Recipe, computes
from communicator_spec.formal.unlinkability.facts import Fact, HandedOver
from communicator_spec.formal.unlinkability.terms import Term, constant, pair
from communicator_spec.formal.unlinkability.things import AS_IT_IS, Scheme, Things
from communicator_spec.formal.unlinkability.traces import Player, Trace
from communicator_spec.formal.unlinkability.views import PROFILES, Place, Views, observe
from communicator_spec.formal.values import ordered
from communicator_spec.views import Role

__all__ = ["Forgery", "forge", "stored_copies"]

_BYTES: Final = constant("the attacker's bytes")
_RANDOMNESS: Final = constant("the attacker's randomness")


class Forgery(NamedTuple):
    """A request that nobody made and a service accepts: the run, who computes it, and how."""

    trace: str
    places: tuple[Place, ...]
    recipe: str


def _attackers(views: Views, relationship: int) -> list[Place]:
    """Everybody but the receiving services and the correspondent of the relationship, who hold the address by right."""
    return sorted(
        place
        for place in views
        if place.role is not Role.RECEIVING and place != Place(Role.CORRESPONDENT, relationship)
    )


def _candidates(scheme: Scheme, service: int, captured: Term) -> list[Term]:
    """Return the requests with other bytes that the service takes for the captured address."""
    things, profile = Things(scheme, AS_IT_IS), PROFILES[scheme.profile]
    original = profile.resolves(things, service, captured)
    if original is None:
        raise AssertionError(f"a request that its own service refuses: {captured}")
    address, _ = original
    made = [profile.request(things, service, address, _BYTES, _RANDOMNESS), pair(captured, _BYTES)]
    made += [pair(part, _BYTES) for part in captured.parts if part.head == "hpke"]
    return [request for request in made if profile.resolves(things, service, request) == (address, _BYTES)]


def forge(scheme: Scheme, traces: Sequence[Trace]) -> Forgery | None:
    """Return a forgery, by the smallest set of places that finds one; None if all together find none (T3)."""
    for trace in traces:
        views = observe(trace.facts, scheme, AS_IT_IS, trace.named)
        for relationship in (0, 1):
            goals = [goal for fact in trace.facts for goal in _goals(scheme, views, relationship, fact)]
            places = _attackers(views, relationship)
            if _computed(views, places, goals) is None:
                continue
            for place in list(places):
                less = [other for other in places if other != place]
                places = less if _computed(views, less, goals) is not None else places
            recipe = _computed(views, places, goals)
            return None if recipe is None else Forgery(trace.name, tuple(places), recipe)
    return None


def _goals(scheme: Scheme, views: Views, relationship: int, fact: Fact) -> list[Term]:
    """Return the forgeries that a hand-over invites."""
    if not isinstance(fact, HandedOver) or fact.transmission.relationship != relationship:
        return []
    t, s = fact.transmission, fact.submission
    label = f"hand-over {t.sender}#{t.ordinal} of r{t.relationship}: request"
    captured = next(term for found, term in views[Place(Role.SENDING, s.via)] if found == label)
    return _candidates(scheme, s.service, captured)


def _computed(views: Views, places: Sequence[Place], goals: Sequence[Term]) -> str | None:
    frame = [(f"[{p.text}: {label}]", term) for p in places for label, term in views[p]]
    found: list[Recipe] = [recipe for recipe in computes(frame, goals) if recipe is not None]
    if not found:
        return None
    variables: dict[int, str] = {}
    text = found[0].show(variables)
    return f"{text}, where {'; '.join(f'{x} = {frame[at][0]}' for at, x in variables.items())}"


def stored_copies(takes_twice: bool) -> int:
    """Return how often the model stores a request that is brought twice (T4); `takes_twice`: as in the drafts."""
    fault = {"terms.fault": "takes an address twice"} if takes_twice else {}
    player = Player(world("deliver", {"faults": 1, **fault}))
    player.write(0)
    player.relay(answered=False)
    stored = sum(row.kind == Kind.STORED for row in player.state.rows)
    for via in sorted(player.state.queues):
        for queued in ordered(player.state.queues[via]):
            player.do("forwards", via=via, q=queued, answered=True)
            stored += sum(row.kind == Kind.STORED for row in player.state.rows)
    return stored
