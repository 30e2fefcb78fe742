"""Mutants: the test of the tests. Each is the program with one place of its source changed; the suite has to fail it.

`listing` reads what a package ships, `operators` draws more from its source, `host` starts one, `suite` knows what the
sound program enters in each test, `meeting` lets a mutant meet its tests, and `campaign` counts.
"""

from communicator_conformance.mutants.campaign import Order, Score, campaign, chosen
from communicator_conformance.mutants.listing import MutantList, read_list, shipped
from communicator_conformance.mutants.meeting import Fate
from communicator_conformance.mutants.values import Mutant, MutantError

__all__ = [
    "Fate",
    "Mutant",
    "MutantError",
    "MutantList",
    "Order",
    "Score",
    "campaign",
    "chosen",
    "read_list",
    "shipped",
]
