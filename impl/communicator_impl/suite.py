"""Suites: which key agreement a package asks for, and with it the relationship that begins with it (13.2)."""

from enum import IntEnum

from communicator_spec.parameters import PARAMETERS

__all__ = ["Suite"]


class Suite(IntEnum):
    """A suite by its number; a higher number never gives way to a lower one (EXT-4)."""

    CLASSICAL = PARAMETERS.suite.number
    HYBRID = PARAMETERS.extension.suite_hybrid
