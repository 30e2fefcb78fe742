"""What to do about a fault: one sentence for each, for whoever meets it first in an adapter.

Rules:

1. A hint says what to look at next. It is never compared, and no verdict depends on it.
2. Tests of services say in their detail what to do: a service has no adapter.
"""

import re
from collections.abc import Iterable
from typing import Final

from communicator_conformance.verdicts import Fault, Result

__all__ = ["HINTS", "hints"]

_OF_SERVICES: Final = re.compile("service/.*/")
HINTS: Final = {
    Fault.DIED: "start it by hand and look at the end of its stderr; a bug should end it, a wrong input should not",
    Fault.HUNG: "flush stdout after each line, and answer each line with one line; --timeout gives it more time",
    Fault.GARBAGE: "answer one JSON object a line: the id, and one of ok, error, unsupported; logs go to stderr",
    Fault.UNSUPPORTED: "add the operation, or take what offers it out of the hello",
    Fault.ACCEPTED: "it took what must be refused: check the input before using it",
    Fault.REJECTED: "it refused a faultless input; its detail should say why",
    Fault.WRONG_CLASS: "map your error to the class of the standard that the vector names",
    Fault.MISMATCH: "the result differs: the examples of the standard have the values in between",
    Fault.SCHEMA: "what it gave does not have the form of its place; `communicator conform schema OPERATION` prints it",
    Fault.DISHONEST: "answer an operation that you do not know with unsupported",
}


def hints(results: Iterable[Result]) -> dict[str, str]:
    """Return what to do about the faults among these results, by fault, in the order of the table."""
    found = {result.fault for result in results if not _OF_SERVICES.match(result.id)}  # rule 2
    return {fault.value: hint for fault, hint in HINTS.items() if fault in found}
