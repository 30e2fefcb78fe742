"""The table of threats: every weakness of the drafts, attacked on both variants; what belongs to later chapters, named.

Rules:

1. A *closed* weakness: the attack succeeds in at least 9 of 10 trials on what was drafted, and never on the standard.
2. A *measured* one: the intervals of its advantage on the two do not touch, and the drafted one excludes zero. What is
   left of it on the standard is what the interval says.
3. What is *later* has no attack here, and says where it belongs.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from communicator_simulations.statistics import Interval
from communicator_simulations.threats import measured, on_addresses, on_clients
from communicator_simulations.threats.measured import Measured
from communicator_simulations.threats.on_addresses import Shown

__all__ = ["CLOSED", "LATER", "MEASURED", "NAMES", "Row", "played", "row_of"]

_SUCCEEDS: Final = 0.9

NAMES: Final = {
    "T1": "an address signature links relationships",
    "T2": "an address whose layout is ambiguous",
    "T3": "an address lifted onto other bytes",
    "T4": "a captured request sent again",
    "T5": "a receiving service links roots of one person",
    "T6": "a correspondent and a receiving service collude",
    "T7": "addresses pin old keys",
    "T8": "a key for each sender",
    "T9": "addresses are enumerated by the answers",
    "T10": "receipts that follow at once",
    "T11": "one operator at both ends of a path",
    "T12": "forced errors pin a sender to the long-term address",
    "T13": "an address is passed on",
    "T14": "two devices share ratchet state",
    "T15": "one attestation taken for another",
    "T16": "tokens linked by their issuer",
    "T17": "paging sets",
    "T18": "placeholder keys known to the introducer",
}

CLOSED: Final[dict[str, tuple[Callable[[int], Shown], Callable[[int], Shown]]]] = {
    "T1": (on_addresses.t1_drafted, on_addresses.t1_standard),
    "T2": (on_addresses.t2_drafted, on_addresses.t2_standard),
    "T3": (on_addresses.t3_drafted, on_addresses.t3_standard),
    "T4": (on_addresses.t4_drafted, on_addresses.t4_standard),
    "T7": (on_addresses.t7_drafted, on_addresses.t7_standard),
    "T8": (on_clients.t8_drafted, on_clients.t8_standard),
    "T9": (on_addresses.t9_drafted, on_addresses.t9_standard),
    "T11": (on_clients.t11_drafted, on_clients.t11_standard),
    "T12": (on_clients.t12_drafted, on_clients.t12_standard),
    "T13": (on_addresses.t13_drafted, on_addresses.t13_standard),
}

MEASURED: Final[dict[str, Callable[[int], Measured]]] = {
    "T5": measured.t5,
    "T6": measured.t6,
    "T10": measured.t10,
    "T16": measured.t16,
}

LATER: Final = {
    "T14": "the chapter on devices",
    "T15": "the chapter on attestations",
    "T17": "optional; nothing is claimed",
    "T18": "the chapter on introductions",
}


class Row(NamedTuple):
    """One line: what the attack came to on each variant, and whether that is as chapter 14 says (None: later)."""

    threat: str
    name: str
    status: str
    drafted: str
    standard: str
    as_said: bool | None
    figures: dict[str, float]


def played(seed: int) -> Iterator[Row]:
    """Play all of them, in order; some seconds."""
    for threat in NAMES:
        yield row_of(threat, seed)


def row_of(threat: str, seed: int) -> Row:
    """Play one of them."""
    name = NAMES[threat]
    if threat in LATER:
        return Row(threat, name, "later", "", LATER[threat], None, {})
    if threat in CLOSED:
        broken, kept = (attack(seed) for attack in CLOSED[threat])
        as_said = broken.succeeded >= _SUCCEEDS * broken.of and kept.succeeded == 0 < kept.of  # 1
        figures = {"drafted": broken.succeeded / broken.of, "standard": kept.succeeded / kept.of}
        return Row(threat, name, "closed", broken.how, kept.how, as_said, figures)
    drafted, standard = MEASURED[threat](seed)
    as_said = drafted.low > max(0.0, standard.high)  # 2
    return Row(threat, name, "measured", _shown(drafted), _shown(standard), as_said,
               {**_figures("drafted", drafted), **_figures("standard", standard)})  # fmt: skip


def _shown(found: Interval) -> str:
    return f"advantage {found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _figures(variant: str, found: Interval) -> dict[str, float]:
    return {variant: found.mean, f"{variant}_low": found.low, f"{variant}_high": found.high}
