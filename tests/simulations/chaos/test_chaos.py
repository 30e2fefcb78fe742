"""A small run of chaos over each database, and planted bugs that one finds: real processes, real kills."""

from pathlib import Path

import pytest

from communicator_simulations.chaos.campaign import run
from communicator_simulations.chaos.outcome import Outcome, Wish


def kept(outcome: Outcome) -> None:
    assert not outcome.violations
    assert not outcome.unfired
    assert outcome.at_rest
    messages = outcome.verdict.messages
    assert messages.delivered
    assert messages.accepted == messages.delivered + messages.failed + messages.waiting


@pytest.mark.slow
def test_a_small_run_keeps_every_promise(tmp_path: Path) -> None:
    outcome = run(Wish(people=4, minutes=0.35, seed=7, kills=40), tmp_path)
    kept(outcome)
    assert outcome.killed >= 20


@pytest.mark.slow
def test_a_few_kills_over_postgresql(tmp_path: Path) -> None:
    outcome = run(Wish(people=2, minutes=0.1, seed=8, kills=6, database="postgresql", faults=False), tmp_path)
    kept(outcome)
    assert outcome.passes["services.resolver:Resolver.step:1"]


@pytest.mark.slow
@pytest.mark.parametrize("plant", ["confirms-before-it-stores", "takes-a-submission-again", "accepts-before-commit"])
def test_a_planted_bug_is_found(tmp_path: Path, plant: str) -> None:
    outcome = run(Wish(people=2, minutes=0.1, seed=1, kills=6, plant=plant), tmp_path)
    assert outcome.reached
    assert outcome.found
