"""Runs of the formal model on programs: the reference takes them all, a broken core parts at a named step."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from communicator_conformance import traces
from communicator_conformance.testee import Testee
from communicator_conformance.traces.playing import CLAUSES
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_spec import load_clauses
from communicator_spec.formal import Model

PROGRAM: Final = str(Path(__file__).parent / "broken_roles.py")

PARTS: Final = {
    "releases at once": ("fault-releases-at-once:label", "wakes: rows: "),
    "forgets what it sent": ("fault-forgets-what-it-sent:two-layer", "wakes: outbox of end 0: "),
    "delivers copies": ("fault-forgets-what-it-received:label", "fetches: rows: "),
    "revokes nothing": ("fault-revokes-nothing:label", "forwards: rows: "),
    "trusts silent services": ("witness-standby-wSuspected:label", "hears: suspects of end 0: "),
    "fails in silence": ("witness-expire-wToldAndDelivered:label", "wakes: rows: "),
}
"""At which run, action and field each broken core parts from the model."""


@pytest.fixture(scope="module")
def reference() -> Iterator[Testee]:
    with Testee(["reference"], timeout_s=60.0) as program:
        yield program


def _played(program: Testee, partner: Testee, *chosen: str, seed: int = 0) -> list[Result]:
    return list(traces.play(program, partner, frozenset(chosen), seed))


def test_the_reference_takes_every_run(reference: Testee) -> None:
    with Testee(["reference"], timeout_s=60.0) as other:
        results = _played(other, reference, *traces.tests())
    assert [(r.id, r.detail) for r in results if r.status is not Status.PASSED] == []
    assert tuple(r.id for r in results) == traces.tests()
    assert set().union(*(r.clauses for r in results)) == {c for clauses in CLAUSES.values() for c in clauses}


@pytest.mark.parametrize("name", PARTS)
def test_a_broken_core_parts_at_a_named_step(name: str, reference: Testee) -> None:
    run, where = PARTS[name]
    with Testee([sys.executable, PROGRAM, name], timeout_s=60.0) as broken:
        (result,) = _played(broken, reference, f"trace/{run}")
    assert (result.status, result.fault) == (Status.FAILED, Fault.STATE)
    assert result.detail.startswith("step ")
    assert f", {where}the model says " in result.detail
    assert result.lines, "the last lines are kept"


def test_walks_follow_the_seed(reference: Testee) -> None:
    def said(seed: int) -> tuple[str, ...]:
        with Testee(["reference"], timeout_s=60.0, trace=True) as program:
            (result,) = _played(program, reference, "trace/drawn:label", seed=seed)
        assert result.status is Status.PASSED
        return result.lines

    assert said(3) == said(3)
    assert said(3) != said(4)


def test_a_program_without_the_feature_is_skipped(reference: Testee) -> None:
    adapter = Path(__file__).parents[2] / "conformance/communicator_conformance/templates/python/adapter.py"
    with Testee([sys.executable, str(adapter)], timeout_s=60.0) as program:
        (result,) = _played(program, reference, "trace/walk-walk:label")
    assert (result.status, result.detail) == (Status.SKIPPED, "needs events, formal, live")


def test_actions_and_clauses_are_those_that_there_are() -> None:
    assert set(CLAUSES) <= set(Model("walk").actions)
    assert {c for clauses in CLAUSES.values() for c in clauses} <= {clause.id for clause in load_clauses()}
