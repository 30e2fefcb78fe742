"""The test of the tests: every mutant of the reference is killed, by a vector of the clause that it breaks."""

import os
import runpy
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from communicator_conformance import Verdict, run

PROGRAM = Path(__file__).parent / "mutants.py"
MUTANTS: Mapping[str, Any] = runpy.run_path(str(PROGRAM))["MUTANTS"]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    def judged(name: str) -> Verdict:
        return run([sys.executable, str(PROGRAM), name], select=MUTANTS[name].area, timeout_s=60.0)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(MUTANTS, pool.map(judged, MUTANTS), strict=True))


def _killed(verdict: Verdict, clause: str) -> bool:
    return any(clause in r.clauses for r in verdict.failures)


def test_every_mutant_is_killed_by_a_vector_of_its_clause(verdicts: dict[str, Verdict]) -> None:
    survivors = [name for name, verdict in verdicts.items() if not _killed(verdict, MUTANTS[name].clause)]
    print(f"mutation score: {len(verdicts) - len(survivors)} of {len(verdicts)}; survivors: {survivors}")
    assert survivors == []


def test_every_mutant_fits_the_source_of_today(verdicts: dict[str, Verdict]) -> None:
    assert {name for name, verdict in verdicts.items() if "no hello" in verdict.testee} == set()


def test_a_mutant_leaves_most_of_the_reference_alone(verdicts: dict[str, Verdict]) -> None:
    assert all(any(r.status == "passed" for r in verdict.results[2:]) for verdict in verdicts.values())
