"""The committed runs of the formal model are repeated by both fidelities, in both profiles, and not by broken cores."""

from collections import Counter
from functools import cache
from typing import Final

import pytest
from tests.simulations.mutants import MUTANTS

from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import model_fidelity
from communicator_spec.formal import Model
from communicator_spec.formal.kept import kept, load_kept
from communicator_spec.formal.lockstep import Divergence
from communicator_spec.formal.repeating import Repeated, nodes_world, repeat

NAMES: Final = sorted(kept())
PROFILES: Final = ("label/1", "two-layer/1")
UNPERFORMABLE: Final = {"drops", "revokes"}


@cache
def by_cores(name: str, profile: str) -> Repeated:
    return repeat(load_kept(name), profile, impl_fidelity(profile, 1))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_both_fidelities_repeat_a_run(name: str, profile: str) -> None:
    cores = by_cores(name, profile)
    assert cores.actions
    assert repeat(load_kept(name), profile, model_fidelity(profile)) == cores


@pytest.mark.parametrize("profile", PROFILES)
def test_together_they_perform_every_action_that_nodes_can(profile: str) -> None:
    actions = Counter(action for name in NAMES for action in by_cores(name, profile).actions)
    wanted = set(Model("walk").actions) - UNPERFORMABLE
    if profile == "two-layer/1":  # batches are smaller than in the long walk, which is cut short by that
        wanted -= {"switches", "givesUp", "recovers"}
    assert wanted - set(actions) == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_runs_to_witnesses_are_repeated_whole(profile: str) -> None:
    # The other two need a renewal at an hour that is not one of the nodes' world.
    cut: set[str] = set()
    for name in NAMES:
        actions = {action for action, _ in load_kept(name).steps}
        if name.startswith("witness-") and actions.isdisjoint(UNPERFORMABLE):
            found = by_cores(name, profile)
            cut |= {name} if len(found.actions) < found.steps else set()
    cut.discard("witness-refuse-wRevokedLate.jsonl")  # a revocation that waits
    assert cut == {"witness-contact-wSettled.jsonl", "witness-overtake-wSettled.jsonl"}


def test_nodes_get_the_nearest_world_that_they_can_have() -> None:
    chosen = nodes_world(load_kept("fault-narrows-its-set.jsonl"), "two-layer/1")
    assert chosen.terms.fault == "none"
    assert chosen.remembersSpent
    assert chosen.terms.longTermCapacity == 4
    assert chosen.terms.longTermRefresh % 4 == 0
    assert nodes_world(load_kept("witness-expire-wRenewed.jsonl"), "label/1").terms.longTermRefresh == 0


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("fault-releases-at-once.jsonl", "releases at once"),
        ("fault-stays-where-it-was.jsonl", "stays where it was"),
        ("fault-forgets-what-it-sent.jsonl", "forgets what it sent"),
        ("fault-forgets-what-it-received.jsonl", "delivers copies"),
        ("fault-adopts-older-sets.jsonl", "adopts anything"),
        ("fault-answers-answers.jsonl", "receipts for everything"),
        ("fault-revokes-nothing.jsonl", "revokes nothing"),
        ("fault-narrows-its-set.jsonl", "never renews"),
        ("witness-standby-wSuspected.jsonl", "trusts silent services"),
        ("witness-expire-wToldAndDelivered.jsonl", "fails in silence"),
    ],
)
def test_a_core_with_the_fault_parts_from_the_run_that_shows_it(name: str, mutant: str) -> None:
    with pytest.raises(Divergence):
        repeat(load_kept(name), "label/1", impl_fidelity("label/1", 1, MUTANTS[mutant].parts))
