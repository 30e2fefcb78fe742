"""A small run of chaos over each database, and planted bugs that one finds: real processes, real kills."""

from pathlib import Path

import pytest

from communicator_simulations.chaos.campaign import Outcome, Wish, run


def kept(outcome: Outcome) -> None:
    assert not outcome.violations
    assert not outcome.unfired
    assert outcome.at_rest
    messages = outcome.verdict.messages
    assert messages.delivered
    assert messages.accepted == messages.delivered + messages.failed + messages.waiting


@pytest.mark.slow
def test_a_small_run_keeps_every_promise(tmp_path: Path) -> None:
    outcome = run(Wish(people=4, minutes=0.4, seed=7, kills=30), tmp_path)
    kept(outcome)
    assert sum(outcome.kills.values()) >= 20


@pytest.mark.slow
def test_a_few_kills_over_postgresql(tmp_path: Path) -> None:
    outcome = run(Wish(people=2, minutes=0.15, seed=8, kills=8, database="postgresql", faults=False), tmp_path)
    kept(outcome)
    assert outcome.passes["services.resolver:Resolver.step:1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant", ["confirms-before-it-stores", "forgets-a-parcel-before-it-is-taken", "accepts-before-commit"]
)
def test_a_planted_bug_is_found(tmp_path: Path, plant: str) -> None:
    outcome = run(Wish(people=3, minutes=0.2, seed=1, kills=25, plant=plant, calm_s=20.0), tmp_path)
    assert outcome.reached
    assert outcome.violations
