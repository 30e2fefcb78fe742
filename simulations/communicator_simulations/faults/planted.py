"""The seeded faults of the formal model, planted in the real cores: what a search through fault plans has to find.

Theory. A search that finds nothing proves something only if it finds what is there. The formal model has a list of
seeded faults (`terms.fault` in spec/formal), each of which some check of the model finds. Here each of them is in the
real cores instead: one small method of one part does wrong (`broken_cores`), or one policy that a module uses.

Rules:

1. `PLANTS` has each seeded fault of the model under the model's name; a test compares the two lists.
2. A plant is in the cores alone. The population model, which judges them, stays as it is.
3. Policies are replaced in the module that uses them and put back, whatever happens (`planted`): one plant at a time in
   a process.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from communicator_simulations.faults import broken_cores as broken
from communicator_simulations.real import Parts
from communicator_spec import Grant, Terms, renew

__all__ = ["PLANTS", "Plant", "planted"]


class Plant(NamedTuple):
    """Parts that do wrong, and policies that do: (module of communicator_impl, name) → what stands in its place."""

    parts: Parts = Parts()
    policies: tuple[tuple[str, str, Callable[..., Any]], ...] = ()


@contextmanager
def planted(plant: Plant | None) -> Iterator[None]:
    """Put the policies of a plant in their places for a while; None has none."""
    places = [(importlib.import_module(f"communicator_impl.{module}"), policy, wrong)
              for module, policy, wrong in (plant.policies if plant else ())]  # fmt: skip
    right = [getattr(module, policy) for module, policy, _ in places]
    try:
        for module, policy, wrong in places:
            setattr(module, policy, wrong)
        yield
    finally:
        for (module, policy, _), was in zip(places, right, strict=True):
            setattr(module, policy, was)


# ---------------------------------------------------------------------- policies that do wrong


def narrows(
    now_ms: int, services: Sequence[int], reachable: Callable[[int], bool], current: tuple[Grant, ...],
    serials: dict[int, int], spent: Callable[[Grant], int], terms: Terms, in_conversation: bool,
) -> tuple[tuple[Grant, ...], list[Grant]]:  # fmt: skip
    """Leave out a service that cannot be reached now (STATE-4)."""
    found, fresh = renew(now_ms, services, reachable, current, serials, spent, terms, in_conversation)
    return tuple(grant for grant in found if reachable(grant.service)), fresh


def numbers_alike(
    now_ms: int, services: Sequence[int], reachable: Callable[[int], bool], current: tuple[Grant, ...],
    serials: dict[int, int], spent: Callable[[Grant], int], terms: Terms, in_conversation: bool,
) -> tuple[tuple[Grant, ...], list[Grant]]:  # fmt: skip
    """Give every grant the number 1 (STATE-18)."""
    found, fresh = renew(now_ms, services, reachable, current, serials, spent, terms, in_conversation)
    return (
        tuple(grant._replace(serial=1) if grant in fresh else grant for grant in found),
        [grant._replace(serial=1) for grant in fresh],
    )


def counts_apart(
    now_ms: int, services: Sequence[int], reachable: Callable[[int], bool], current: tuple[Grant, ...],
    serials: dict[int, int], spent: Callable[[Grant], int], terms: Terms, in_conversation: bool,
) -> tuple[tuple[Grant, ...], list[Grant]]:  # fmt: skip
    """Give the second grant of a service the number of the first (STATE-18)."""
    found, fresh = renew(now_ms, services, reachable, current, serials, spent, terms, in_conversation)

    def again(grant: Grant) -> Grant:
        return grant._replace(serial=serials.get(grant.service, 0) + 1) if grant in fresh else grant

    return tuple(map(again, found)), list(map(again, fresh))


# ---------------------------------------------------------------------- the list

PLANTS: Final = {
    "sends to expired addresses": Plant(Parts(peer=broken.IgnoresDates)),
    "stores what has expired": Plant(Parts(receiving=broken.IgnoresExpiry)),
    "uses an address again": Plant(Parts(peer=broken.NeverAdvances)),
    "takes an address twice": Plant(Parts(receiving=broken.ForgetsWhatIsSpent)),
    "numbers grants alike": Plant(policies=(("own_addresses", "renew", numbers_alike),)),
    "reuses a version": Plant(Parts(own=broken.ReusesAVersion)),
    "adopts older sets": Plant(Parts(peer=broken.AdoptsAnything)),
    "narrows its set": Plant(policies=(("own_addresses", "renew", narrows),)),
    "spends the last address": Plant(Parts(outbox=broken.SpendsTheLast)),
    "stays where it was": Plant(Parts(own=broken.StaysWhereItWas)),
    "leaves early": Plant(Parts(manager=broken.LeavesEarly)),
    "releases at once": Plant(Parts(own=broken.ReleasesAtOnce)),
    "forgets what it sent": Plant(Parts(outbox=broken.ForgetsWhatItSent)),
    "forgets what it received": Plant(Parts(inbox=broken.DeliversCopies)),
    "believes strangers": Plant(Parts(inbox=broken.BelievesStrangers)),
    "ignores the human rate": Plant(Parts(outbox=broken.IgnoresTheHumanRate)),
    "answers answers": Plant(Parts(inbox=broken.ReceiptsForEverything)),
    "writes after the end": Plant(Parts(manager=broken.WritesAfterTheEnd, own=broken.KeepsItsKeys)),
    "listens after the end": Plant(
        Parts(own=broken.KeepsItsKeys, inbox=broken.ListensAfterTheEnd, receiving=broken.RevokesNothing)
    ),
    "never sends again": Plant(Parts(outbox=broken.NeverEscalates)),
    "one round for all": Plant(Parts(outbox=broken.TakesOneRound)),
    "chooses freely": Plant(Parts(outbox=broken.ChoosesFreely)),
    "never gives up": Plant(Parts(sending=broken.NeverGivesUp)),
    "pays nothing": Plant(Parts(outbox=broken.CountsNoCredit)),
    "revokes nothing": Plant(Parts(receiving=broken.RevokesNothing)),
    "counts kinds apart": Plant(policies=(("own_addresses", "renew", counts_apart),)),
    "leaves what is stored": Plant(Parts(manager=broken.LeavesWhatIsStored)),
}
"""Each seeded fault of the formal model → what does it in the real cores."""
