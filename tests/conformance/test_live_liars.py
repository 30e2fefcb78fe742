"""Liars in live roles: whoever plays a role and lies is found, by what it does, and by nothing vaguer than that."""

import sys
from pathlib import Path

import msgspec
import pytest

from communicator_conformance import Fault, Status, questions
from communicator_conformance.scripts import play, published_scripts
from communicator_conformance.testee import Testee

LIARS = Path(__file__).parent / "liars"
SCRIPT = msgspec.structs.replace(published_scripts()["conversation"], expects=())
FOUND = {
    "forgets": Fault.LOST,
    "doubles": Fault.DOUBLED,
    "changes": Fault.MISMATCH,
    "tells_twice": Fault.INVARIANT,
    "leaves_out": Fault.SCHEMA,
    "numbers_from_seven": Fault.MISMATCH,
    "hands_nothing_over": Fault.LOST,
    "refuses_to_receive": Fault.REJECTED,
    "refuses_to_send": Fault.LOST,
    "refuses_to_store": Fault.LOST,
    "stores_nothing": Fault.LOST,
    "attempts_nothing": Fault.LOST,
    "confirms_nothing": Fault.DOUBLED,
    "hangs_at_receiving": Fault.HUNG,
    "hangs_at_storing": Fault.HUNG,
    "reports_what_there_is_not": Fault.SCHEMA,
    "uses_a_service_of_nobody": Fault.SCHEMA,
    "shows_no_package": Fault.SCHEMA,
    "dies_at_sending": Fault.DIED,
    "dies_at_storing": Fault.DIED,
    "chatters_when_it_sends": Fault.GARBAGE,
    "chatters_when_it_fetches": Fault.GARBAGE,
}


@pytest.mark.parametrize("lie", FOUND)
def test_a_liar_is_found(lie: str) -> None:
    timeout_s = 3.0 if lie.startswith("hangs") else 60.0
    with Testee([sys.executable, str(LIARS / "live.py"), lie], timeout_s) as program:
        result = play("conversation", SCRIPT, "label/1", lambda kind, name: program)
    assert (result.status, result.fault) == (Status.FAILED, FOUND[lie])


def test_who_always_wants_to_be_woken_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_QUESTIONS_MAX", 2_000)
    with Testee([sys.executable, str(LIARS / "live.py"), "never_rests"], 60.0) as program:
        result = play("conversation", SCRIPT, "label/1", lambda kind, name: program)
    assert (result.status, result.fault) == (Status.FAILED, Fault.HUNG)
    assert "does not come to rest" in result.detail


@pytest.mark.parametrize(
    ("liar", "fault"), [("claims_everything", Fault.UNSUPPORTED), ("rejects_everything", Fault.REJECTED)]
)
def test_a_liar_in_everything_gets_no_play(liar: str, fault: Fault) -> None:
    with Testee([sys.executable, str(LIARS / f"{liar}.py")], 60.0) as program:
        result = play("conversation", SCRIPT, "label/1", lambda kind, name: program)
    assert (result.status, result.fault) == (Status.FAILED, fault)


def test_always_accepts_has_no_greeting_for_a_spent_package() -> None:
    with Testee([sys.executable, str(LIARS / "always_accepts.py")], 60.0) as program:
        result = play("spent-package", published_scripts()["spent-package"], "label/1", lambda kind, name: program)
    assert (result.status, result.fault) == (Status.FAILED, Fault.SCHEMA)
