"""The formal model, the population model and the real cores walk in step; a broken core parts from the model."""

import json
from collections import Counter
from typing import Final

import pytest
from tests.simulations.mutants import MUTANTS

from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.turn import Turn
from communicator_simulations.real import Parts, impl_fidelity
from communicator_simulations.runs import model_fidelity
from communicator_simulations.walking import main
from communicator_spec.formal.lockstep import WEIGHTS, walk_in_step

DEPTH: Final = 150

PARTS: Final = {
    "adopts nothing": ("fetches", "rows"),
    "adopts anything": ("fetches", "rows"),
    "never advances": ("wakes", "used of end 0"),
    "prefers long-term": ("wakes", "rows"),
    "attaches no set": ("fetches", "rows"),
    "claims too much": ("fetches", "rows"),
    "never escalates": ("wakes", "outbox of end 0"),
    "fails in silence": ("wakes", "rows"),
    "forgets what it sent": ("wakes", "outbox of end 0"),
    "counts no credit": ("wakes", "credit of end 1"),
    "trusts silent services": ("hears", "suspects of end 0"),
    "uses one sender": ("wakes", "rows"),
    "takes no turns": ("wakes", "turns of end 0"),
    "uses a number twice": ("submits", "next_number of end 0"),
    "ignores receipts": ("fetches", "rows"),
    "receipts at once": ("fetches", "receipt_due of end 1"),
    "receipts for everything": ("fetches", "receipt_due of end 0"),
    "delivers copies": ("fetches", "rows"),
    "never renews": ("wakes", "rows"),
    "stays where it was": ("moves", "services of end 1"),
    "releases at once": ("wakes", "rows"),
    "revokes nothing": ("forwards", "rows"),
    "keeps what is confirmed": ("fetches", "rows"),
}
"""At which step each mutant of the real cores parts from the model, and in what."""


@pytest.mark.parametrize("profile", ["label/1", "two-layer/1"])
@pytest.mark.parametrize("first", range(0, 60, 15))
def test_the_real_cores_do_what_the_model_says(profile: str, first: int) -> None:
    actions: Counter[str] = Counter()
    for number in range(first, first + 15):
        walked = walk_in_step(profile, lambda n: impl_fidelity(profile, n), DEPTH, number)
        assert walked.divergence is None, f"walk {number}, after {walked.steps} steps: {walked.divergence}"
        actions.update(walked.actions)
    assert actions.total() > 15 * DEPTH * 9 // 10, "walks end early only when everything is over"
    assert len(actions) >= len(WEIGHTS) - 4


@pytest.mark.parametrize("profile", ["label/1", "two-layer/1"])
def test_the_population_model_does_what_the_formal_model_says(profile: str) -> None:
    actions: Counter[str] = Counter()
    for number in range(60):
        walked = walk_in_step(profile, lambda _: model_fidelity(profile), DEPTH, number)
        assert walked.divergence is None, f"walk {number}, after {walked.steps} steps: {walked.divergence}"
        actions.update(walked.actions)
    assert set(actions) == set(WEIGHTS), "every action is walked"


@pytest.mark.parametrize("name", PARTS)
def test_a_broken_core_parts_from_the_model_at_a_named_step(name: str) -> None:
    for number in range(6):
        divergence = walk_in_step(
            "label/1", lambda n: impl_fidelity("label/1", n, MUTANTS[name].parts), DEPTH, number
        ).divergence
        if divergence is not None:
            assert (divergence.action, divergence.what) == PARTS[name]
            return
    raise AssertionError(f"six walks do not show that a core {MUTANTS[name].breaks}")


class MeasuresByTheOtherBatch(OwnAddresses):
    """Renews a grant when half of an ephemeral one would be used: a fault that reference and model once had."""

    def note_spent(self, turn: Turn, service: int, serial: int, position: int) -> None:
        renew_at = turn.particle.renew_at
        super().note_spent(turn, service, serial, position)
        if 2 * (position + 1) < self._terms.ephemeral_capacity:
            turn.particle.renew_at = renew_at


def test_a_batch_that_is_measured_by_another_parts_from_the_model() -> None:
    parts = Parts(own=MeasuresByTheOtherBatch)
    walked = [walk_in_step("two-layer/1", lambda n: impl_fidelity("two-layer/1", n, parts), DEPTH, n) for n in range(4)]
    first = next(walk.divergence for walk in walked if walk.divergence is not None)
    assert first.action == "fetches"
    assert first.what.startswith("renew_at")


def test_walks_depend_on_the_seed_and_on_nothing_else() -> None:
    def actions(seed: int) -> tuple[str, ...]:
        return walk_in_step("label/1", lambda _: model_fidelity("label/1"), 60, 3, seed).actions

    assert actions(1) == actions(1)
    assert actions(1) != actions(2)


def test_the_command_says_how_many_steps_were_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--walks", "2", "--depth", "20", "--json"]) == 0
    tallies = json.loads(capsys.readouterr().out)
    assert [(t["fidelity"], t["profile"]) for t in tallies] == [
        ("model", "label/1"), ("model", "two-layer/1"), ("impl", "label/1"), ("impl", "two-layer/1"),
    ]  # fmt: skip
    assert all(t["steps"] > 30 and t["parted"] is None for t in tallies)
