"""Deliberate liars, started like any testee: the suite fails each of them for what it does, and goes on."""

import sys
from pathlib import Path

import pytest
from tests.patience import eventually

import communicator_conformance
from communicator_conformance import Fault, Status, Verdict, run, runner, testee
from communicator_conformance.errors import Died
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import published

LIARS = Path(__file__).parent / "liars"
VECTORS = Path(communicator_conformance.__file__).parent / "vectors"
DERIVING = ("label/derive", "label/derive-lane-beyond", "label/derive-index-beyond", "label/round-trip")


def _run(name: str, select: str = "label/*", timeout_s: float = 60.0) -> Verdict:
    return run([sys.executable, str(LIARS / f"{name}.py")], select=select, timeout_s=timeout_s)


def _faults(verdict: Verdict) -> dict[str, Fault | None]:
    return {r.id: r.fault for r in verdict.failures}


def test_always_accepts_fails_every_negative_and_passes_every_positive() -> None:
    verdict = run([sys.executable, str(LIARS / "always_accepts.py")], vectors=VECTORS, timeout_s=60.0)
    negatives = {name for name, vector in published().items() if vector.negative}
    assert _faults(verdict) == dict.fromkeys(negatives, Fault.ACCEPTED)


def test_rejects_everything_gets_no_credit_for_refusing_forgeries() -> None:
    faults = _faults(_run("rejects_everything"))
    assert faults["label/tampered"] is Fault.VACUOUS or faults["label/tampered"] is Fault.NOT_LIVE
    assert faults["label/derive"] is Fault.REJECTED


WIDENED = ("address/diversify", "address/round-trip", "envelope/round-trip", "label/round-trip", "session/conversation")


@pytest.mark.parametrize("name", WIDENED)
def test_adds_a_field_is_found_by_the_schema(name: str) -> None:
    assert _faults(_run("adds_a_field", name)) == {name: Fault.SCHEMA}


def test_adds_a_field_is_found_by_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "unfit_result", lambda op, result: None)
    assert [_faults(_run("adds_a_field", name)) for name in WIDENED] == [{}] * len(WIDENED)


def test_claims_everything_is_not_excused() -> None:
    verdict = _run("claims_everything")
    assert {r.fault for r in verdict.failures} == {Fault.UNSUPPORTED}
    assert verdict.count(Status.SKIPPED) == 0
    assert not verdict.ok


def test_knows_any_name_is_dishonest() -> None:
    assert _faults(_run("knows_any_name")) == {"protocol/honesty": Fault.DISHONEST}


def test_hangs_fails_where_it_hangs_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testee, "_SHORTER", 1)  # a tenth would be little for the others
    verdict = _run("hangs", timeout_s=4.0)
    assert _faults(verdict) == dict.fromkeys(DERIVING, Fault.HUNG)
    assert verdict.count(Status.PASSED) > 20


def test_crashes_on_reject_fails_every_negative_with_the_end_of_its_log() -> None:
    verdict = _run("crashes_on_reject", "hpke/*")
    negatives = {name for name, v in published().items() if v.negative and name.startswith("hpke/")}
    assert _faults(verdict) == dict.fromkeys(negatives, Fault.DIED)
    assert all("exit code 3" in r.detail and "falling over" in r.log[-1] for r in verdict.failures)


def test_prints_garbage_fails_where_it_does() -> None:
    verdict = _run("prints_garbage")
    assert _faults(verdict) == dict.fromkeys(DERIVING, Fault.GARBAGE)


@pytest.mark.parametrize("command", [[sys.executable, str(LIARS / "says_nothing.py")], ["/no/such/program"]])
def test_a_program_that_says_no_hello_fails_the_run(command: list[str]) -> None:
    verdict = run(command)
    assert _faults(verdict) == {"protocol/hello": Fault.DIED}
    assert not verdict.ok


def test_an_end_between_two_questions_is_an_end() -> None:
    with Testee([sys.executable, str(LIARS / "leaves_after_hello.py")]) as leaver:
        assert leaver.hello.name == "leaver"
        process = leaver._program
        assert process is not None
        assert eventually(lambda: process._popen.poll() is not None)
        with pytest.raises(Died, match="exit code 0"):
            leaver.ask("label.derive", 0, "", {})
