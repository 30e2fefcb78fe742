"""Each weakness of the drafts: the attack works on what was drafted, not on the standard, and it could work there."""

import re
from pathlib import Path
from typing import Final

import pytest
from tests.reports.test_command_line import communicator

from communicator_impl.addresses import KeySchedule
from communicator_simulations.threats import measured, on_addresses
from communicator_simulations.threats.recovery import candidates
from communicator_simulations.threats.table import CLOSED, LATER, MEASURED, NAMES, row_of

SEED: Final = 3
CHAPTER: Final = Path(__file__).parents[2] / "spec" / "14-security.md"


@pytest.mark.parametrize("threat", CLOSED)
def test_what_is_closed_succeeds_on_the_draft_and_fails_on_the_standard(threat: str) -> None:
    drafted, standard = (attack(SEED) for attack in CLOSED[threat])
    assert drafted.succeeded >= 0.9 * drafted.of > 0, drafted.how
    assert standard.succeeded == 0 < standard.of, standard.how
    assert row_of(threat, SEED).as_said


def test_a_key_for_each_sender_is_noticed() -> None:
    assert "noticed by 5/5" in CLOSED["T8"][1](SEED).how


@pytest.mark.parametrize("threat", ["T5", "T6"])
def test_what_links_relationships_is_measured_on_both(threat: str) -> None:
    drafted, standard = (measured.t5 if threat == "T5" else measured.t6)(SEED, 2)
    assert drafted.low > 0
    assert standard.low <= 0 <= standard.high


def test_receipts_are_measured_on_both() -> None:
    drafted, standard = measured.t10(SEED)
    assert drafted.low > max(0.0, standard.high)
    assert drafted.n >= 10


def test_tokens_are_measured_on_both() -> None:
    drafted, standard = measured.t16(SEED)
    assert drafted.low > 0
    assert standard.low <= 0 <= standard.high


def test_every_threat_of_the_chapter_has_a_row_of_its_status() -> None:
    said = dict(re.findall(r"^\| (T\d+) \|.*\| (\w+) \|$", CHAPTER.read_text(), re.MULTILINE))
    assert said.keys() == NAMES.keys()
    assert {threat for threat, status in said.items() if status == "closed"} == set(CLOSED)
    assert {threat for threat, status in said.items() if status == "measured"} == set(MEASURED)
    assert {threat for threat, status in said.items() if status in ("later", "none")} == set(LATER)


# ---------------------------------------------------------------------- attacks that fail could have worked


def test_the_standards_requests_are_stored_when_nobody_touches_them() -> None:
    real = on_addresses._Real(SEED, "control")
    for request in real.requests(0):
        real.core.accept(0, request)
    assert len(real.stored()) == 2


def test_keys_that_are_stolen_in_time_open_what_was_recorded() -> None:
    real = on_addresses._Real(SEED, "control")
    stolen = KeySchedule.from_bytes(real.disk.load("schedule") or b"")
    assert all(on_addresses._opens(stolen, on_addresses._fields(request)) for request in real.requests(0))


def test_a_recovered_key_is_the_signers() -> None:
    service, person, entropy = on_addresses._drafted(SEED, "control")
    address = person.address(service, 1, entropy)
    numbers = person.verify_key.public_numbers()
    assert (numbers.x, numbers.y) in candidates(address[:-64], address[-64:])
    assert candidates(address[:-64], bytes(64)) == frozenset()


# ---------------------------------------------------------------------- the command


def test_the_command_prints_the_table_and_says_whether_it_is_as_said() -> None:
    done = communicator("simulate", "threats", "--only", "T3", "--only", "T14")
    assert done.returncode == 0
    assert "an address lifted onto other bytes" in done.stdout
    assert "the chapter on devices" in done.stdout
    assert communicator("simulate", "threats", "--only", "T19").returncode == 2
