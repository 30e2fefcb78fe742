"""The commands of chapter 6 are those of the event log, and the numbers reserved for others do not meet."""

import re
from pathlib import Path

from communicator_spec.events import Command
from communicator_spec.parameters import PARAMETERS

CHAPTER = (Path(__file__).parents[2] / "spec/06-delivery.md").read_text(encoding="utf-8")
ROWS = [
    (int(number), name, automated)
    for number, name, automated in re.findall(r"^\| (\d+) \| ([A-Z_]+) \| [^|]+ \| (yes|no) \|", CHAPTER, re.M)
]
EXTRA = {"READ": PARAMETERS.extension.command_read, "RESYNC": PARAMETERS.extension.command_resync}


def test_commands_have_the_numbers_of_the_table() -> None:  # DELIV-32
    assert {name: number for number, name, _ in ROWS} == {c.name: c.value for c in Command}
    assert {name: number for number, name, _ in ROWS}.items() >= EXTRA.items()


def test_what_people_cause_is_not_automated() -> None:
    automated = {name for _, name, answer in ROWS if answer == "yes"}
    assert automated == {"RECEIPT", "UPDATE", "REQUEST_UPDATE", "READ"}


def test_reserved_numbers_do_not_meet() -> None:
    e = PARAMETERS.extension
    ranges = [
        *((c.value, c.value) for c in Command),
        *(e.commands_group, e.commands_introduction, e.commands_merge),
        *(e.commands_attestation, e.commands_recovery, e.commands_device, e.commands_private),
    ]
    numbers = [n for first, last in ranges for n in range(first, last + 1)]
    assert len(numbers) == len(set(numbers))
    assert max(numbers) <= 255
