"""Services killed with SIGKILL under load: nothing acknowledged is lost, and restart needs no repair (SVC-8).

Longer campaigns: `python -m tests.services.killing --kills 500 --database sqlite --seed 7`.
"""

import pytest
from tests.services.killing.campaign import run
from tests.services.killing.stage import SCENES

SEED = 20_261_121
FAULTS = [
    ("receiving", "accepts-before-commit"),
    ("receiving", "deletes-before-it-stores"),
    ("sending", "concludes-before-it-posts"),
    ("authorization", "answers-before-commit"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "database", "kills"),
    [(scene, "sqlite", 20) for scene in SCENES]
    + [(scene, "postgresql", 5) for scene in SCENES if scene != "both"],  # that one has nothing new there
)
def test_kills_lose_nothing_that_was_acknowledged(
    scene: str, database: str, kills: int
) -> None:  # SVC-7, SVC-8, RECV-1, SEND-1, TOK-14, DIR-13, AUTH-3
    result = run(scene, database, kills, SEED)
    assert result.violations == []
    assert result.hitting >= kills
    assert sum(result.kills.values()) == len(result.unanswered)
    assert result.acknowledged["answered"] >= kills


@pytest.mark.slow
@pytest.mark.parametrize(("scene", "fault"), FAULTS)
def test_a_service_that_breaks_its_promise_is_found(scene: str, fault: str) -> None:
    assert run(scene, "sqlite", 40, SEED, fault=fault).violations
