"""How a test of a service ends that does not come to its end: it fails, or it is skipped.

Rules:

1. A detail holds no time, no key and no drawn byte: two runs against one service give the same words.
2. `Failed` and `Skipped` never leave this package.
"""

from communicator_conformance.verdicts import Fault

__all__ = ["Failed", "Skipped", "expect"]


class Failed(Exception):
    """The service did what it must not, or not what it must."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault, self.detail = fault, detail


class Skipped(Exception):
    """The service does not offer what a test needs, or nobody gave it."""


def expect(holds: bool, detail: str, fault: Fault = Fault.MISMATCH) -> None:
    """Fail with this detail unless something holds."""
    if not holds:
        raise Failed(fault, detail)
