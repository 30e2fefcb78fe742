"""Properties: the reference has no counterexample, each planted fault has a small one, and that becomes a vector."""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from communicator_conformance import properties, run
from communicator_conformance.properties.trial import Asked, vectors_of
from communicator_conformance.protocol import Answer
from communicator_conformance.runner import play_all
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import Step, load_folder
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_spec import load_clauses
from communicator_spec.errors import ErrorClass

ROOT: Final = Path(__file__).parents[2]
LIST: Final = ROOT / "impl" / "communicator_impl" / "mutants.toml"
HOST: Final = "communicator_conformance.mutants.host"
CLAUSES: Final = {row["name"]: row["clause"] for row in tomllib.loads(LIST.read_text("utf-8"))["mutant"]}

FOUND: Final = {
    "takes_address_twice": ("two-layer", Fault.ACCEPTED),
    "takes_expired_address": ("two-layer", Fault.ACCEPTED),
    "takes_label_twice": ("label", Fault.ACCEPTED),
    "spoils_state_on_failure": ("ratchet-reader", Fault.REJECTED),
    "keeps_one_key_more_of_a_chain": ("ratchet-reader", Fault.ACCEPTED),
    "takes_other_encodings": ("body", Fault.ACCEPTED),
    "keeps_tokens_unverified": ("token", Fault.ACCEPTED),
}
"""Which property finds each mutant, and how it shows."""

STEPS_MAX: Final = 6


@pytest.fixture(scope="module")
def reference() -> Iterator[Testee]:
    with Testee(["reference"], timeout_s=60.0) as program:
        yield program


class _Listening(Testee):
    """A testee of which every question is kept."""

    def __init__(self, command: list[str], timeout_s: float) -> None:
        super().__init__(command, timeout_s)
        self.asked: list[str] = []

    def ask(self, op: str, now: int, entropy: str, args: Mapping[str, object]) -> Answer:
        self.asked.append(f"{op} {now} {args}")
        return super().ask(op, now, entropy, args)


def _sought(program: Testee, partner: Testee, name: str, save: Path | None = None, seed: int = 0) -> Result:
    (result,) = properties.play(program, partner, frozenset({f"property/{name}"}), seed, save=save)
    return result


def test_the_reference_has_no_counterexample(reference: Testee) -> None:
    with Testee(["reference"], timeout_s=60.0) as other:
        results = list(properties.play(other, reference, frozenset(properties.tests()), 1, examples=10))
    assert [(r.id, r.detail) for r in results if r.status is not Status.PASSED] == []
    assert tuple(r.id for r in results) == properties.tests()


@pytest.mark.parametrize("name", FOUND)
def test_a_fault_is_found_shrunk_saved_and_played_again(name: str, reference: Testee, tmp_path: Path) -> None:
    wanted, fault = FOUND[name]
    command = [sys.executable, "-m", HOST, str(LIST), name]
    with Testee(command, timeout_s=60.0) as mutant:
        result = _sought(mutant, reference, wanted, tmp_path)
    assert (result.status, result.fault) == (Status.FAILED, fault)
    assert "saved as found/" in result.detail
    judged = result.detail.rpartition(" ")[2].removesuffix(".json")
    vector = load_folder(tmp_path)[judged]
    assert len(vector.steps) <= STEPS_MAX
    assert CLAUSES[name] in vector.clauses
    again = run(command, vectors=tmp_path, timeout_s=60.0)
    assert [r.id for r in again.failures] == [judged]
    sound = play_all(reference, load_folder(tmp_path))
    assert [r.id for r in sound if r.status is not Status.PASSED] == []


def test_the_same_seed_asks_the_same_and_leaves_nothing_behind(
    reference: Testee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def asked(seed: int) -> list[str]:
        with _Listening(["reference"], timeout_s=60.0) as program:
            assert _sought(program, reference, "label", seed=seed).status is Status.PASSED
        return program.asked

    assert asked(1) == asked(1) != asked(2)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_falls_over_is_not_asked_again_and_again(reference: Testee) -> None:
    liar = Path(__file__).parent / "liars" / "crashes_on_reject.py"
    with Testee([sys.executable, str(liar)], timeout_s=60.0) as program:
        result = _sought(program, reference, "body")
    assert (result.status, result.fault) == (Status.FAILED, Fault.DIED)


@pytest.mark.parametrize("name", ["body", "label", "ratchet", "ratchet-reader", "token", "two-layer"])
def test_a_program_that_fails_at_the_first_step_has_a_counterexample(name: str, reference: Testee) -> None:
    liar = Path(__file__).parent / "liars" / "claims_everything.py"
    with Testee([sys.executable, str(liar)], timeout_s=60.0) as program:
        result = _sought(program, reference, name)
    assert (result.status, result.fault) == (Status.FAILED, Fault.UNSUPPORTED)


def test_a_program_without_the_feature_is_skipped(reference: Testee) -> None:
    adapter = ROOT / "conformance/communicator_conformance/templates/python/adapter.py"
    with Testee([sys.executable, str(adapter)], timeout_s=60.0) as program:
        assert _sought(program, reference, "ratchet").status is Status.SKIPPED


def test_a_step_that_fails_after_a_refusal_is_the_probe_of_that_refusal() -> None:
    first, refused, after = (Step(name, "ratchet.decrypt", {}) for name in ("first", "refused", "after"))
    asked = [Asked(first), Asked(refused, ErrorClass.FORGED), Asked(after)]
    negative, twin = vectors_of("ratchet", 0, ("SES-16",), asked, ())
    assert [step.name for step in negative.steps] == ["first", "refused"]
    assert [step.name for step in negative.probe] == ["after"]
    assert (negative.twin, [step.name for step in twin.steps]) == (twin.id, ["first"])


def test_properties_cite_clauses_that_there_are() -> None:
    known = {clause.id for clause in load_clauses()}
    assert {clause for machine in properties.MACHINES for clause in machine.clauses} <= known
